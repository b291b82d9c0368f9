//! What the account may do with a folder, where the server tells (RFC 4314).
//!
//! Asked before something is begun that could not be brought to its end: what may be copied and not
//! removed would be copied again by each attempt. A Cyrus denies with words alone, so that its answer
//! comes too late and says too little. Of servers with the older rights (RFC 2086) nothing is asked:
//! there one letter stands for several things.

use async_imap::imap_proto::rfc4314::AclRight;
use async_imap::imap_proto::Response;

use super::folders::quote;
use super::Imap;
use crate::mailbox::{Fault, Refusal};

/// To remove messages: mark them as deleted, and expunge.
pub(super) const REMOVE: &str = "te";
/// To move them: a Cyrus 3.6 does it without the right to mark them.
pub(super) const MOVE_AWAY: &str = "e";
/// To put messages into a folder.
pub(super) const INSERT: &str = "i";

impl Imap {
    /// Refused where the account lacks one of these rights on the folder; a server that doesn't tell
    /// leaves it to the attempt.
    pub(super) async fn may(
        &mut self,
        doing: &str,
        folder: &str,
        rights: &str,
    ) -> Result<(), Fault> {
        if !self.abilities.rights {
            return Ok(());
        }
        let mut has = None;
        let command = format!("MYRIGHTS {}", quote(folder));
        let asked = self.ask(doing, &command, |answer| {
            if let Response::MyRights(mine) = answer {
                has = Some(mine.rights.clone());
            }
        });
        let (Ok(()), Some(has)) = (asked.await?, has) else {
            return Ok(());
        };
        let lacking: String = rights
            .chars()
            .filter(|right| !has.contains(&AclRight::from(*right)))
            .collect();
        if lacking.is_empty() {
            return Ok(());
        }
        Err(Fault::Refused {
            doing: doing.to_owned(),
            why: Refusal::Rights {
                folder: folder.to_owned(),
                lacking,
            },
        })
    }
}
