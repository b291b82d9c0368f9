//! What the portal does not take of tickets that are still tried. Bounded: what is forgotten is found out again.

use std::collections::BTreeMap;

use crate::ticket::{Key, Omission, Source, Why};

/// Tickets of which something is remembered.
const TICKETS_MAX: usize = 512;

/// See the file's head.
#[derive(Default)]
pub struct Refused(BTreeMap<Key, Vec<Omission>>);

impl Refused {
    /// Why it does not take this file of a ticket, where it was heard of.
    pub(super) fn why(&self, key: &Key, source: &Source) -> Option<Why> {
        let of_it = self.0.get(key)?.iter().find(|o| o.file == source.file)?;
        Some(of_it.why.clone())
    }

    /// It does not take these of a ticket.
    pub(super) fn learn(&mut self, key: Key, files: &[Omission]) {
        let tickets = &mut self.0;
        match files {
            [] => drop(tickets.remove(&key)),
            files => {
                if tickets.len() >= TICKETS_MAX {
                    tickets.clear();
                }
                tickets.insert(key, files.to_vec());
            }
        }
    }

    /// A ticket is tried no more: what was not taken of it.
    pub fn forget(&mut self, key: &Key) -> Vec<Omission> {
        self.0.remove(key).unwrap_or_default()
    }

    /// The portal may take more by now.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes red where a portal that refuses something of everything fills the memory.
    #[test]
    fn what_is_remembered_of_tickets_is_bounded() {
        let mut refused = Refused::default();
        let files = [Omission {
            file: 0,
            why: Why::PortalType,
        }];
        for number in 0..2000_u16 {
            let [high, low] = number.to_be_bytes();
            let mut key = [0; 32];
            (key[0], key[1]) = (high, low);
            refused.learn(Key(key), &files);
            assert!(refused.0.len() <= TICKETS_MAX);
            assert_eq!(refused.0.get(&Key(key)).map(Vec::len), Some(1));
        }
    }
}
