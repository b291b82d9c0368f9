//! What a portal promises in its ping, in words: what follows where it promises less than all.
//!
//! For Test Connection. What is done about it is `attempt`'s.

use crate::portal::Ping;

/// The least that the contract allows as a portal's limits.
const TICKET_LEAST: u64 = 16 << 20;
const ATTACHMENT_LEAST: u64 = 64 << 20;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// What it is about.
    pub what: &'static str,
    /// A plain sentence.
    pub said: String,
    /// How to mend it, where it falls short.
    pub mend: Option<&'static str>,
}

/// All that is worth saying.
pub fn promises(ping: &Ping) -> Vec<Promise> {
    let mut promises = Vec::new();
    if ping.keeps_keys.is_none() {
        promises.push(Promise {
            what: "portal keys",
            said: match ping.finds_keys {
                true => "the portal keeps no idempotency keys: two appliances on one mailbox would double tickets there, and so would a portal that makes a ticket later than twice `portal.timeout_ms` after it kept silent for that time; a ticket whose answer was lost waits so long before it is looked up.".to_owned(),
                false => "the portal keeps no idempotency keys: two appliances on one mailbox would double tickets there.".to_owned(),
            },
            mend: Some(match ping.finds_keys {
                true => "use one appliance for a mailbox; where the portal may take longer, raise `portal.timeout_ms`.",
                false => "use one appliance for a mailbox.",
            }),
        });
    }
    if !ping.finds_keys {
        let when = match ping.keeps_keys {
            None => "a ticket whose answer was lost can't be settled".to_owned(),
            Some(kept) => format!(
                "a ticket whose answer was lost can't be settled once {} days have passed or the portal was restored",
                kept.as_secs() / 86_400
            ),
        };
        promises.push(Promise {
            what: "portal look-up",
            said: format!("the portal finds no ticket by its key: {when}; it is set aside, and you decide."),
            mend: Some("have finding by key (`find_by_key`) added to the portal; until then look at `postern queue list`."),
        });
    }
    promises.extend(limits(ping));
    promises
}

fn limits(ping: &Ping) -> Option<Promise> {
    let limits = [
        ("tickets", ping.ticket_bytes, TICKET_LEAST),
        ("attachments", ping.attachment_bytes, ATTACHMENT_LEAST),
    ];
    let told: Vec<String> = limits
        .iter()
        .filter_map(|(what, most, _)| most.map(|most| format!("{what} up to {}", size(most))))
        .collect();
    let low = limits
        .iter()
        .any(|(_, most, least)| most.is_some_and(|most| most < *least));
    (!told.is_empty()).then(|| Promise {
        what: "portal limits",
        said: format!(
            "the portal takes {}; what is larger is set aside here with a sentence.",
            told.join(" and ")
        ),
        mend: low.then_some("that is less than mail brings: have it raised to 16 MiB for tickets and 64 MiB for attachments at least."),
    })
}

fn size(octets: u64) -> String {
    match octets >> 20 {
        0 => format!("{} KiB", octets >> 10),
        mib => format!("{mib} MiB"),
    }
}

#[cfg(test)]
mod tests;
