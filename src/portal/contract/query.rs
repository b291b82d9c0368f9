//! What is asked of a conversation, as a query that every server on the way takes.

use crate::http::origin::encode;
use crate::portal::Signs;

/// Octets of the whole query. IIS takes 2048 unless it is told otherwise; most others cut the whole line at
/// some 8 KiB. Eight Message-IDs have some 700, and may have more than either.
const QUERY_BYTES: usize = 2000;
/// Characters of a Message-ID that is asked for, by the contract.
const ID_LENGTH: usize = 500;

/// The signs as a query, the likeliest first; what does not fit in is left out.
pub fn of_signs(signs: &Signs) -> String {
    let named = [
        ("token", &signs.tokens),
        ("message_id", &signs.message_ids),
        ("ticket", &signs.tickets),
    ];
    let mut query = String::new();
    for (name, values) in named {
        for value in values {
            if value.chars().count() > ID_LENGTH {
                continue;
            }
            let pair = format!("{name}={}", encode(value));
            if query.len() + 1 + pair.len() <= QUERY_BYTES {
                if !query.is_empty() {
                    query.push('&');
                }
                query.push_str(&pair);
            }
        }
    }
    query
}
