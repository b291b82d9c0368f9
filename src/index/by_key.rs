//! A hash table by delivery key.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::ticket::Key;

/// Something of each of some messages, in no order.
pub(super) type ByKey<V> = HashMap<Key, V, BuildHasherDefault<Digest>>;

/// Keys are digests: any eight octets of one are as good as a hash.
#[derive(Default)]
pub(super) struct Digest(u64);

impl Hasher for Digest {
    fn write(&mut self, octets: &[u8]) {
        if let Some(first) = octets.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    // A key says its length first, which is the same for all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
