//! Size and SHA-256 of octets as they pass. Keeps none of them.

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// How many octets there were, and their SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest {
    /// Octets counted.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

impl Digest {
    /// The digest of octets that are all at hand.
    pub fn of(octets: &[u8]) -> Digest {
        let mut digester = Digester::default();
        digester.update(octets);
        digester.finish()
    }
}

/// Counts and hashes a stream.
#[derive(Clone, Debug, Default)]
pub struct Digester {
    size: u64,
    sha256: sha2::Sha256,
}

impl Digester {
    /// Take the next octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.size = self.size.saturating_add(octets.len() as u64);
        self.sha256.update(octets);
    }

    /// The digest of all that was taken.
    pub fn finish(self) -> Digest {
        Digest {
            size: self.size,
            sha256: self.sha256.finalize().into(),
        }
    }
}
