//! A mail that the portal sends about a ticket, as RFC 5322 has it: what a customer's mail program would
//! answer. Nothing is sent anywhere: a test puts it, or an answer to it, where it wants it.
//!
//! By default it has every sign by which an answer finds its ticket; each can be left out.

use crate::contract::{Message, Person};
use base64::prelude::{Engine, BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{json, Value};

/// Where a token can stand.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// `help+TOKEN@desk.example`.
    ReplyTo,
    /// `<TOKEN.notice-1@portal.example>`.
    MessageId,
    /// `<TOKEN@portal.example>`, as an entry of References.
    References,
    /// `[TOKEN]`.
    Subject,
}

/// What the mail should be like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    /// Who sends it; the ticket's mailbox when absent.
    pub desk: Option<String>,
    /// Who gets it; the requester when absent.
    pub to: Option<String>,
    /// Its subject without any tag; the ticket's when absent.
    pub subject: Option<String>,
    /// What it says.
    pub text: String,
    /// Where the token stands; nowhere of none.
    pub token: Vec<Place>,
    /// The tag in front of the subject, around `{ticket}`; none of an empty one.
    pub tag: String,
    /// Whether In-Reply-To and References name the ticket's last message.
    pub references: bool,
    /// Whether the portal remembers the Message-ID, and finds the ticket by it.
    pub own_id: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Wish {
            desk: None,
            to: None,
            subject: None,
            text: "We are looking at it.\n".to_owned(),
            token: vec![Place::ReplyTo],
            tag: "[Desk #{ticket}]".to_owned(),
            references: true,
            own_id: true,
        }
    }
}

/// The mail.
pub struct Notice {
    /// Without brackets.
    pub message_id: String,
    /// The desk.
    pub from: String,
    /// The customer.
    pub to: String,
    /// To whom an answer goes.
    pub reply_to: String,
    /// As it is written, before it is encoded.
    pub subject: String,
    /// Of it: In-Reply-To and References, without brackets.
    pub references: Vec<String>,
    /// The whole.
    pub eml: String,
}

impl Notice {
    /// The mail with this number about a ticket, which began with `first` and whose last message is `last`.
    pub fn new(wish: &Wish, ticket: &str, number: u64, first: &Message, last: &Message) -> Self {
        let token = |place: Place| {
            first
                .token
                .as_deref()
                .filter(|_| wish.token.contains(&place))
        };
        let desk = plain(wish.desk.as_deref().unwrap_or(&first.mailbox));
        let requester = first.reply_to.first().or(first.from.as_ref());
        let requester = requester.map(|p: &Person| p.address.clone());
        let to = plain(wish.to.as_deref().unwrap_or(&requester.unwrap_or_default()));
        let mut message_id = format!("notice-{number}.{ticket}@portal.example");
        if let Some(token) = token(Place::MessageId) {
            message_id = format!("{token}.{message_id}");
        }
        let mut references = Vec::new();
        if wish.references {
            references.extend(
                last.references
                    .iter()
                    .chain(&last.message_id)
                    .map(|id| plain(id)),
            );
        }
        let answered = references.last().cloned();
        if let Some(token) = token(Place::References) {
            references.insert(0, format!("{token}@portal.example"));
        }
        let reply_to = match (token(Place::ReplyTo), desk.rsplit_once('@')) {
            (Some(token), Some((local, domain))) => format!("{local}+{token}@{domain}"),
            _ => desk.clone(),
        };
        let mut subject = plain(wish.subject.as_deref().unwrap_or(&first.subject));
        if let Some(token) = token(Place::Subject) {
            subject = format!("[{token}] {subject}");
        }
        if !wish.tag.is_empty() {
            subject = format!("{} {subject}", plain(&wish.tag).replace("{ticket}", ticket));
        }
        let mut eml = format!(
            "Date: {}\r\nFrom: Service desk <{desk}>\r\nTo: <{to}>\r\nReply-To: <{reply_to}>\r\nSubject: {}\r\n\
             Message-ID: <{message_id}>\r\n",
            jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000"),
            encoded(&subject),
        );
        if let Some(id) = answered {
            eml.push_str(&format!("In-Reply-To: <{id}>\r\n"));
        }
        if !references.is_empty() {
            let ids: Vec<String> = references.iter().map(|id| format!("<{id}>")).collect();
            eml.push_str(&format!("References: {}\r\n", ids.join("\r\n ")));
        }
        eml.push_str("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
        eml.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n");
        eml.push_str(&wish.text.replace("\r\n", "\n").replace('\n', "\r\n"));
        Notice {
            message_id,
            from: desk,
            to,
            reply_to,
            subject,
            references,
            eml,
        }
    }

    /// For a test.
    pub fn document(&self) -> Value {
        json!({
            "eml": self.eml, "message_id": self.message_id, "from": self.from, "to": self.to,
            "reply_to": self.reply_to, "subject": self.subject, "references": self.references,
        })
    }
}

/// What came over the line can't begin a field of its own.
fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace(['<', '>'], "")
}

/// A subject as it goes into its field (RFC 2047 §2), in words of a legal length.
fn encoded(subject: &str) -> String {
    if subject.is_ascii() && subject.len() < 900 {
        return subject.to_owned();
    }
    let mut words = vec![String::new()];
    for c in subject.chars() {
        if words.last().is_some_and(|w| w.len() + c.len_utf8() > 45) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let words = words
        .iter()
        .map(|w| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(w)));
    words.collect::<Vec<_>>().join("\r\n ")
}
