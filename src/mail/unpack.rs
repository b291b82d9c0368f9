//! An attachment's octets out of a message's, as a stream: decoded, and taken out of what they are packed in.
//!
//!   the message's octets -> transfer decoder -> [ the content of what was signed -> range -> decoder ]
//!                                            -> [ range ]
//!
//! Size and digest of what is within are measured by the same steps when the message is understood; so what is
//! sent is what was told. Flat: what is passed over is not kept.

use super::cms::Cms;
use super::decode::{Decoder, Encoding};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where an attachment lies within a part that has it packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inside {
    /// So many octets of what the part is decoded.
    Decoded(Range<u64>),
    /// Of the content that is signed in it (RFC 8551 §3.5.2), which is a message of its own.
    Signed {
        /// Its encoded octets there.
        range: Range<u64>,
        /// How they are encoded there.
        encoding: Encoding,
    },
}

/// Makes one attachment's octets.
#[derive(Debug)]
pub struct Unpack {
    outer: Decoder,
    within: Option<Within>,
}

#[derive(Debug)]
struct Within {
    cms: Option<Cms>,
    /// What the outer decoder made of the last octets.
    decoded: Vec<u8>,
    /// Octets of the content that went by.
    at: u64,
    range: Range<u64>,
    decoder: Decoder,
}

impl Unpack {
    /// For a part with that encoding, or what lies inside it.
    pub fn new(encoding: Encoding, inside: Option<&Inside>) -> Unpack {
        let within = inside.map(|inside| {
            let (cms, range, encoding) = match inside {
                Inside::Decoded(range) => (None, range, Encoding::Identity),
                Inside::Signed { range, encoding } => (Some(Cms::new()), range, *encoding),
            };
            Within {
                cms,
                decoded: Vec::new(),
                at: 0,
                range: range.clone(),
                decoder: Decoder::new(encoding),
            }
        });
        Unpack {
            outer: Decoder::new(encoding),
            within,
        }
    }

    /// Take the next octets of the part; what they become is appended to `out`.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match &mut self.within {
            None => self.outer.feed(octets, out),
            Some(within) => {
                within.decoded.clear();
                self.outer.feed(octets, &mut within.decoded);
                within.pass(out);
            }
        }
    }

    /// The part is over; what was held back is appended to `out`.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match &mut self.within {
            None => self.outer.finish(out),
            Some(within) => {
                within.decoded.clear();
                self.outer.finish(&mut within.decoded);
                within.pass(out);
                within.decoder.finish(out);
            }
        }
    }
}

impl Within {
    fn pass(&mut self, out: &mut Vec<u8>) {
        let (at, range, decoder) = (&mut self.at, &self.range, &mut self.decoder);
        let mut take = |octets: &[u8]| {
            let clip = |place: u64| {
                usize::try_from(place.saturating_sub(*at))
                    .unwrap_or(usize::MAX)
                    .min(octets.len())
            };
            let (from, to) = (clip(range.start), clip(range.end));
            decoder.feed(octets.get(from..to).unwrap_or_default(), out);
            *at += octets.len() as u64;
        };
        match &mut self.cms {
            Some(cms) => cms.feed(&self.decoded, take),
            None => take(&self.decoded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_taken_out_of_what_was_decoded_whatever_the_slices() {
        let base64 = b"MDEyMzQ1\r\nNjc4OQ==";
        for slice in 1..base64.len() {
            let mut unpack = Unpack::new(Encoding::Base64, Some(&Inside::Decoded(3..8)));
            let mut out = Vec::new();
            base64
                .chunks(slice)
                .for_each(|slice| unpack.feed(slice, &mut out));
            unpack.finish(&mut out);
            assert_eq!(out, b"34567", "{slice}");
        }
    }
}
