//! Reply tokens: what a portal puts into its mail, so that an answer finds its ticket.
//!
//!   pt-  32 characters of base32 (RFC 4648 §6, in any case): 10 octets of the ticket's delivery key,
//!        and the first 10 octets of HMAC-SHA256 (RFC 2104) over "postern reply 1\0" and those
//!
//! It may stand anywhere where an answer brings it back: in a Message-ID, in the part behind the plus of an
//! address, in the subject. Whoever does not know the key can't make one: a guessed number writes
//! into nobody's ticket.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

use super::key::Key;

const DOMAIN: &[u8] = b"postern reply 1\0";
const MARK: &str = "pt-";
/// Characters behind the mark.
const DIGITS: usize = 32;
/// Octets of the delivery key in a token, and of the hash.
const HALF: usize = 10;

/// Makes tokens, and tells its own from others; its octets are wiped when it is dropped.
#[derive(Clone)]
pub struct TokenKey {
    octets: Zeroizing<[u8; 32]>,
    /// What has taken the key in, and what every token has: half of a token's work.
    begun: Hmac<Sha256>,
}

impl PartialEq for TokenKey {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl TokenKey {
    /// Takes 32 octets as they are.
    pub fn new(octets: [u8; 32]) -> Self {
        let mut begun =
            Hmac::<Sha256>::new_from_slice(&octets).expect("HMAC takes keys of any length");
        begun.update(DOMAIN);
        Self {
            octets: Zeroizing::new(octets),
            begun,
        }
    }

    /// As a word, for whoever keeps it.
    pub fn text(&self) -> String {
        BASE32_NOPAD.encode(&*self.octets).to_ascii_lowercase()
    }

    /// Reads what `text` gave.
    pub fn of_text(word: &str) -> Option<Self> {
        let octets = BASE32_NOPAD.decode(word.to_ascii_uppercase().as_bytes());
        octets.ok()?.try_into().ok().map(Self::new)
    }

    /// The hash that a token of `key` ends with.
    pub fn seal(&self, key: &Key) -> Seal {
        let mut seal = [0; HALF];
        seal.copy_from_slice(&self.mac(begin(key)).finalize().into_bytes()[..HALF]);
        Seal(seal)
    }

    /// Whether this key made the token.
    pub fn made(&self, token: &Token) -> bool {
        self.mac(token.key)
            .verify_truncated_left(&token.seal.0)
            .is_ok()
    }

    fn mac(&self, key: [u8; HALF]) -> Hmac<Sha256> {
        let mut mac = self.begun.clone();
        mac.update(&key);
        mac
    }
}

/// The second half of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Seal(pub [u8; HALF]);

/// A token as it was found, ours or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// How the delivery key of its ticket begins.
    pub key: [u8; HALF],
    /// What makes it ours.
    pub seal: Seal,
}

fn begin(key: &Key) -> [u8; HALF] {
    let mut begin = [0; HALF];
    begin.copy_from_slice(&key.0[..HALF]);
    begin
}

impl Token {
    /// The token of a ticket.
    pub fn new(key: &Key, seal: Seal) -> Self {
        let key = begin(key);
        Self { key, seal }
    }

    /// Every token that stands in `text`, in order.
    pub fn find(text: &str) -> impl Iterator<Item = Token> + '_ {
        let is_part = |octet: &u8| octet.is_ascii_alphanumeric();
        let octets = text.as_bytes();
        let marks = octets.windows(MARK.len()).enumerate();
        marks
            .filter(move |(at, mark)| {
                let begins = at.checked_sub(1).and_then(|before| octets.get(before));
                mark.eq_ignore_ascii_case(MARK.as_bytes()) && !begins.is_some_and(is_part)
            })
            .filter_map(move |(at, _)| {
                let from = at + MARK.len();
                let ends = octets.get(from + DIGITS);
                let digits = text.get(from..from + DIGITS)?;
                // What goes on is something else.
                (!ends.is_some_and(is_part)).then(|| read(digits)).flatten()
            })
    }
}

fn read(digits: &str) -> Option<Token> {
    let octets = BASE32_NOPAD
        .decode(digits.to_ascii_uppercase().as_bytes())
        .ok()?;
    let (key, seal) = octets.split_at_checked(HALF)?;
    Some(Token {
        key: key.try_into().ok()?,
        seal: Seal(seal.try_into().ok()?),
    })
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = BASE32_NOPAD.encode(&[self.key, self.seal.0].concat());
        write!(f, "{MARK}{}", digits.to_ascii_lowercase())
    }
}

/// No token, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reply token is \"pt-\" and 32 letters and digits")]
pub struct NoToken;

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Token, NoToken> {
        let digits = text.strip_prefix(MARK).filter(|d| d.len() == DIGITS);
        digits.and_then(read).ok_or(NoToken)
    }
}

#[cfg(test)]
mod tests;
