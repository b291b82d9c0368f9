//! What is asked of a conversation: the signs in a query, read and bounded as the document says.

use crate::contract::is_token;
use crate::problem::Problem;

/// The most values of each kind.
const TOKENS: usize = 8;
const MESSAGE_IDS: usize = 8;
const TICKETS: usize = 8;
/// Characters of a Message-ID that is looked for.
const LONGEST: usize = 500;

/// By what a ticket is looked for, in the order in which it counts.
#[derive(Default)]
pub struct Signs {
    /// Reply tokens.
    pub tokens: Vec<String>,
    /// Message-IDs without brackets.
    pub message_ids: Vec<String>,
    /// Ids of tickets, in any case.
    pub tickets: Vec<String>,
}

impl Signs {
    /// Reads a query; what else is in it is ignored.
    pub fn read(query: &[(String, String)]) -> Result<Self, Problem> {
        let invalid = |words: &str| Problem::new("invalid", 400, words);
        let mut signs = Signs::default();
        for (name, value) in query {
            let length = value.chars().count();
            match name.as_str() {
                "token" if !is_token(value) => return Err(invalid("token: not a reply token")),
                "token" => signs.tokens.push(value.clone()),
                "message_id" if !(1..=LONGEST).contains(&length) => {
                    return Err(invalid("message_id: 1 to 500 characters"));
                }
                "message_id" => signs.message_ids.push(value.clone()),
                "ticket" if !(1..=128).contains(&length) => {
                    return Err(invalid("ticket: 1 to 128 characters"));
                }
                "ticket" => signs.tickets.push(value.clone()),
                _ => {}
            }
        }
        for (name, count, most) in [
            ("token", signs.tokens.len(), TOKENS),
            ("message_id", signs.message_ids.len(), MESSAGE_IDS),
            ("ticket", signs.tickets.len(), TICKETS),
        ] {
            if count > most {
                return Err(invalid(&format!("{name}: at most {most}")));
            }
        }
        if signs.tokens.is_empty() && signs.message_ids.is_empty() && signs.tickets.is_empty() {
            return Err(invalid("a token, a message_id or a ticket is needed"));
        }
        Ok(signs)
    }
}
