//! Which part of a list is asked for, and of which reasons.
//!
//! Part of `wire`, whose rules hold here.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::{Kind, Refusal};
use crate::ticket::Reason;

/// Which page of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Page {
    /// Where the page before ended.
    pub after: Option<String>,
    /// How many to show: one at least; the service gives fewer where that is too many.
    pub limit: Option<u32>,
    /// Only those of this mailbox.
    pub mailbox: Option<String>,
    /// Only those with one of these reasons.
    pub reason: Codes,
    /// Instead of what is held: what was archived without a ticket: ignored, dismissed, closed (held).
    pub aside: bool,
    /// Instead: each message of the group that the one with this key is of (held).
    pub group: Option<String>,
    /// Only what an address, a name, a domain or an id leads to (directory).
    pub find: Option<String>,
}

/// Codes of reasons: none, one as a string, or several as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes(pub Vec<String>);

impl Serialize for Codes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // One alone as it was said before there could be several.
        match self.0.as_slice() {
            [] => serializer.serialize_none(),
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Codes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Said {
            One(String),
            Several(Vec<String>),
        }
        Ok(Self(match Option::<Said>::deserialize(deserializer)? {
            None => Vec::new(),
            Some(Said::One(one)) => vec![one],
            Some(Said::Several(several)) => several,
        }))
    }
}

impl Codes {
    /// The reasons that they stand for; a code that is none is refused, with those that there are.
    pub(super) fn reasons(&self) -> Result<Vec<Reason>, Refusal> {
        let reasons = self.0.iter().map(|code| {
            code.parse().map_err(|_| {
                let codes: Vec<&str> = Reason::ALL.iter().map(|r| r.code()).collect();
                let said = format!("{code} is no reason: they are {}", codes.join(", "));
                Refusal::new(Kind::Usage, said)
            })
        });
        reasons.collect()
    }
}

#[cfg(test)]
mod tests;
