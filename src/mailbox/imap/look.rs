//! Sizes, received times and flags (RFC 3501 §6.4.5).

use std::collections::BTreeMap;

use async_imap::imap_proto::{AttributeValue, Response};

use super::commands::is_seen;
use super::{date, set, verdict, Imap};
use crate::mailbox::{Fault, Item};
use crate::passage::Uid;

/// Messages asked for with one command.
const MANY: usize = 1000;
const DOING: &str = "asking for sizes and received times";

#[derive(Default)]
struct Found {
    size: Option<u64>,
    received_at: Option<crate::world::Wall>,
    seen: Option<bool>,
}

impl Imap {
    pub(in crate::mailbox) async fn look(&mut self, uids: &[Uid]) -> Result<Vec<Item>, Fault> {
        let mut found: BTreeMap<Uid, Found> = BTreeMap::new();
        let asked = set::sets(uids, MANY);
        let commands: Vec<String> = asked
            .iter()
            .map(|(set, _)| format!("UID FETCH {set} (UID RFC822.SIZE INTERNALDATE FLAGS)"))
            .collect();
        self.state.flags_asked = true;
        let dones = self
            .ask_all(DOING, &commands, |answer| {
                let Response::Fetch(_, values) = answer else {
                    return;
                };
                let Some(uid) = uid_of(values) else {
                    return;
                };
                let entry = found.entry(uid).or_default();
                for value in values {
                    match value {
                        AttributeValue::Rfc822Size(n) => entry.size = Some(u64::from(*n)),
                        AttributeValue::InternalDate(at) => {
                            entry.received_at = date::parse(at);
                            // Size and date come together; a size over 4 GiB is not parsed.
                            entry.size.get_or_insert(u64::MAX);
                        }
                        AttributeValue::Flags(flags) => entry.seen = Some(is_seen(flags)),
                        _ => {}
                    }
                }
            })
            .await?;
        self.state.flags_asked = false;
        for done in dones {
            done.map_err(|denial| verdict::command(DOING, denial))?;
        }
        let now = self.wire.clock().wall();
        let wanted: std::collections::BTreeSet<Uid> = uids.iter().copied().collect();
        Ok(found
            .into_iter()
            .filter(|(uid, _)| wanted.contains(uid))
            .filter_map(|(uid, found)| {
                Some(Item {
                    uid,
                    size: found.size?,
                    received_at: found.received_at.unwrap_or(now),
                    seen: found.seen.unwrap_or(false),
                })
            })
            .collect())
    }

    /// Which of `uids` are still in the folder.
    pub(super) async fn present(&mut self, doing: &str, uids: &[Uid]) -> Result<Vec<Uid>, Fault> {
        let commands: Vec<String> = set::sets(uids, MANY)
            .iter()
            .map(|(set, _)| format!("UID FETCH {set} (UID FLAGS)"))
            .collect();
        let mut present = Vec::new();
        self.state.flags_asked = true;
        let dones = self
            .ask_all(doing, &commands, |answer| {
                if let Response::Fetch(_, values) = answer {
                    present.extend(uid_of(values));
                }
            })
            .await?;
        self.state.flags_asked = false;
        for done in dones {
            done.map_err(|denial| verdict::command(doing, denial))?;
        }
        let wanted: std::collections::BTreeSet<Uid> = uids.iter().copied().collect();
        present.retain(|uid| wanted.contains(uid));
        present.sort_unstable();
        present.dedup();
        Ok(present)
    }
}

/// The UID among the values of a FETCH answer.
pub(super) fn uid_of(values: &[AttributeValue<'_>]) -> Option<Uid> {
    values.iter().find_map(|value| match value {
        AttributeValue::Uid(n) => Some(Uid(*n)),
        _ => None,
    })
}

/// Offset, where it is named, and octets of `BODY[]` among the values of a FETCH answer.
pub(super) fn slice_of<'a>(values: &'a [AttributeValue<'_>]) -> Option<(Option<u32>, &'a [u8])> {
    values.iter().find_map(|value| match value {
        // NIL stands for nothing to show, as past the end.
        AttributeValue::BodySection {
            section: None,
            index,
            data,
        } => Some((*index, data.as_deref().unwrap_or(&[]))),
        _ => None,
    })
}
