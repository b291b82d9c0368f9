//! Sets of UIDs: short on the wire, bounded when read. Pure.

use async_imap::imap_proto::ResponseCode;

use crate::passage::{Uid, UidValidity};

/// What a command's set may hold in octets; RFC 2683 §3.2.1.5 has servers take 8,000 a line.
const SET_MAX: usize = 7000;

/// `uids`, sorted, as sets (RFC 3501 §9, sequence-set) of at most `most` UIDs each.
pub(super) fn sets(uids: &[Uid], most: usize) -> Vec<(String, Vec<Uid>)> {
    let mut sorted: Vec<Uid> = uids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut sets = Vec::new();
    let mut text = String::new();
    let mut members: Vec<Uid> = Vec::new();
    let mut rest = sorted.into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        members.push(first);
        while members.len() < most {
            match rest.next_if(|next| next.0 == last.0.wrapping_add(1)) {
                Some(next) => {
                    members.push(next);
                    last = next;
                }
                None => break,
            }
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&first.to_string());
        if last != first {
            text.push(':');
            text.push_str(&last.to_string());
        }
        if members.len() >= most || text.len() >= SET_MAX {
            sets.push((std::mem::take(&mut text), std::mem::take(&mut members)));
        }
    }
    if !members.is_empty() {
        sets.push((text, members));
    }
    sets
}

/// Where messages went (RFC 4315 §3, COPYUID).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) uid_validity: Option<UidValidity>,
    pub(super) pairs: Vec<(Uid, Uid)>,
}

/// Reads a COPYUID of at most `most` messages; `None` for any other code, and for one whose two
/// sets don't agree or are larger than what was sent: then where is looked up by other means.
pub(super) fn copied(code: &ResponseCode<'_>, most: usize) -> Option<Copied> {
    let ResponseCode::CopyUid(validity, from, to) = code else {
        return None;
    };
    let from = expand(from, most)?;
    let to = expand(to, most)?;
    if from.len() != to.len() {
        return None;
    }
    Some(Copied {
        uid_validity: Some(UidValidity(*validity)),
        pairs: from.into_iter().zip(to).collect(),
    })
}

fn expand(
    members: &[async_imap::imap_proto::rfc4315::UidSetMember],
    most: usize,
) -> Option<Vec<Uid>> {
    use async_imap::imap_proto::rfc4315::UidSetMember;
    let mut uids = Vec::new();
    for member in members {
        let range = match member {
            UidSetMember::Uid(n) => *n..=*n,
            UidSetMember::UidRange(range) => range.clone(),
        };
        let room = most.saturating_sub(uids.len());
        let length = u64::from(*range.end()).saturating_sub(u64::from(*range.start())) + 1;
        if length > room as u64 {
            return None;
        }
        uids.extend(range.map(Uid));
    }
    Some(uids)
}

#[cfg(test)]
mod tests;
