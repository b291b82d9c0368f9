//! Secrets at rest: XChaCha20-Poly1305 under a key that the caller keeps elsewhere.
//!
//!   sealed  | version 1 | nonce [u8; 24] | ciphertext, tag [u8; 16] |
//!
//! The label (which setting, of which mailbox) is authenticated with it: a sealed secret that was
//! copied to another setting does not open. Draws no randomness: the nonce is the caller's, and must
//! be random each time.

use std::fmt;

use base64::prelude::{Engine, BASE64_STANDARD};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac as _};
use serde::{de, Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Fault;
use crate::world::Secret;

/// Octets of a nonce.
pub const NONCE_LENGTH: usize = 24;

const VERSION: u8 = 1;

/// The key of the box's secrets; wiped when dropped.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// Takes 32 octets as they are.
    pub fn new(octets: [u8; 32]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Another key that follows from this one, for that purpose alone: neither leads to the other.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// A secret that only this box's key opens. In JSON it is base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Eight hex digits that change with each sealing: tells "set" from "set anew", and nothing
    /// about the secret.
    pub fn fingerprint(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(&self.0)[..4])
    }

    /// As base64: what stands in files.
    pub(super) fn text(&self) -> String {
        BASE64_STANDARD.encode(&self.0)
    }

    /// Reads what `text` gave.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        BASE64_STANDARD.decode(text).ok().map(Self)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.fingerprint())
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::of_text(&text).ok_or_else(|| de::Error::custom("a sealed secret is not base64"))
    }
}

/// Seals `secret` for `label`. `nonce` must be random and never used twice with `key`.
pub fn seal(key: &SealKey, nonce: [u8; NONCE_LENGTH], label: &str, secret: &Secret) -> Sealed {
    let cipher = XChaCha20Poly1305::new((&*key.0).into());
    let payload = Payload {
        msg: secret.reveal().as_bytes(),
        aad: label.as_bytes(),
    };
    let shut = cipher
        .encrypt((&nonce).into(), payload)
        .expect("the cipher refuses only messages over 256 GiB, and a secret is a line");
    let mut octets = Vec::with_capacity(1 + NONCE_LENGTH + shut.len());
    octets.push(VERSION);
    octets.extend_from_slice(&nonce);
    octets.extend_from_slice(&shut);
    Sealed(octets)
}

/// Opens what was sealed for `label`.
pub fn open(key: &SealKey, label: &str, sealed: &Sealed) -> Result<Secret, Fault> {
    let shut = || Fault::Shut(label.to_owned());
    let (version, rest) = sealed.0.split_first().ok_or_else(shut)?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or_else(shut)?;
    if *version != VERSION {
        return Err(shut());
    }
    let payload = Payload {
        msg: ciphertext,
        aad: label.as_bytes(),
    };
    let plain = XChaCha20Poly1305::new((&*key.0).into())
        .decrypt(nonce.into(), payload)
        .map_err(|_| shut())?;
    String::from_utf8(plain)
        .map(Secret::new)
        .map_err(|_| shut())
}

#[cfg(test)]
mod tests;
