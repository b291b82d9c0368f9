//! The delivery key: what makes one message one ticket.
//!
//!   of a message   SHA-256( domain | length u64 | identity | raw octets )
//!   of facts       SHA-256( domain | for each of six: length u64 | value )
//!   once more      SHA-256( domain | key | generation u32 )
//!
//! Numbers are big-endian. Nothing in it dies with the box: a new box makes the same keys. The
//! second kind is for servers that make the raw message anew at each read. These values are
//! frozen: a change would double every message that lies in a mailbox, and `tests` hold them.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

const OF_MESSAGE: &[u8] = b"postern key 1 message\0";
const OF_FACTS: &[u8] = b"postern key 1 facts\0";
const AGAIN: &[u8] = b"postern key 1 again\0";

/// A delivery key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// The key of a message whose raw octets differ at each read: from what its server says of
    /// it. `received_ms` is milliseconds since 1970, the others are the server's own words.
    pub fn of_facts(
        identity: &str,
        message_id: &str,
        received_ms: i64,
        from: &str,
        subject: &str,
        date: &str,
    ) -> Key {
        let mut hash = Sha256::new();
        hash.update(OF_FACTS);
        part(&mut hash, identity_form(identity).as_bytes());
        part(&mut hash, message_id.as_bytes());
        part(&mut hash, &received_ms.to_be_bytes());
        part(&mut hash, from.as_bytes());
        part(&mut hash, subject.as_bytes());
        part(&mut hash, date.as_bytes());
        Key(hash.finalize().into())
    }

    /// The key under which the operator has the same message converted once more.
    pub fn again(self, generation: u32) -> Key {
        let mut hash = Sha256::new();
        hash.update(AGAIN);
        hash.update(self.0);
        hash.update(generation.to_be_bytes());
        Key(hash.finalize().into())
    }

    /// The first twelve digits: enough for people and logs.
    pub fn short(&self) -> String {
        let mut digits = self.to_string();
        digits.truncate(12);
        digits
    }
}

/// Makes a key while the message passes by.
#[derive(Clone, Debug)]
pub struct KeyHasher(Sha256);

impl KeyHasher {
    /// Begin a message of the mailbox with this identity.
    pub fn new(identity: &str) -> KeyHasher {
        let mut hash = Sha256::new();
        hash.update(OF_MESSAGE);
        part(&mut hash, identity_form(identity).as_bytes());
        KeyHasher(hash)
    }

    /// The message's next octets, in slices of any size.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The message is over.
    pub fn finish(self) -> Key {
        Key(self.0.finalize().into())
    }
}

fn identity_form(identity: &str) -> String {
    identity.trim().to_lowercase()
}

/// With its length in front, so that no value can run into the next.
fn part(hash: &mut Sha256, value: &[u8]) {
    hash.update((value.len() as u64).to_be_bytes());
    hash.update(value);
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.short())
    }
}

/// A key is 64 hexadecimal digits, and this wasn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits")]
pub struct NoKey;

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Key, NoKey> {
        let octets = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes());
        let key = octets.ok().and_then(|octets| octets.try_into().ok());
        key.map(Key).ok_or(NoKey)
    }
}

impl Serialize for Key {
    /// Digits where people read, 32 octets where only programs do.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(D::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Key)
        }
    }
}

#[cfg(test)]
mod tests;
