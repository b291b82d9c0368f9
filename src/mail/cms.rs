//! Signed content (RFC 5652, S/MIME: RFC 8551 §3.5.2), out of its envelope, as a stream. Pure.
//!
//!   SEQUENCE { signedData, [0] { SEQUENCE { version, SET digests, SEQUENCE { data, [0] { OCTET STRING } } .. } } }
//!
//! Only what leads to the content is read, in BER as in DER: the content may come in pieces, and lengths may
//! be left open. What is behind it (certificates, signatures) is passed over: nothing is verified here. The
//! same octets give the same content for ever: attachments within are sent through this reader again.

/// What a CMS object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its type isn't read yet, or it is none of these.
    Other,
    /// Signed data, whose content anybody can read.
    Signed,
    /// Enveloped data: for who has the key.
    Encrypted,
}

/// Octets of a type's name that we know: none has more.
const TYPE_MAX: u64 = 16;

/// The names of types (RFC 5652 §4, §5.1, §6.1; RFC 5083 §2.1).
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const SIGNED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const ENVELOPED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
const AUTH_ENVELOPED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const TYPE: u8 = 0x06;
const PIECES: u8 = 0x24;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT: u8 = 0xa0;

/// What is expected on the way to the content.
const WAY: [u8; 9] = [
    SEQUENCE, TYPE, EXPLICIT, SEQUENCE, INTEGER, SET, SEQUENCE, TYPE, EXPLICIT,
];

/// Reads one object.
#[derive(Clone, Debug)]
pub(crate) struct Cms {
    pub(crate) kind: Kind,
    /// How many of `WAY` were met.
    met: usize,
    /// A tag and its length, as far as they are read.
    header: Vec<u8>,
    /// Octets of the value under way, and what they are.
    left: u64,
    value: Value,
    /// The type under way.
    named: Vec<u8>,
    /// In a content that comes in pieces: the octets that are left of it; none where it ends by a mark.
    pieces: Option<Option<u64>>,
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Skipped,
    Named,
    Content,
}

impl Cms {
    pub(crate) fn new() -> Cms {
        Cms {
            kind: Kind::Other,
            met: 0,
            header: Vec::new(),
            left: 0,
            value: Value::Skipped,
            named: Vec::new(),
            pieces: None,
            over: false,
        }
    }

    /// Take the next octets; what is content among them is handed on.
    pub(crate) fn feed(&mut self, octets: &[u8], mut content: impl FnMut(&[u8])) {
        let mut rest = octets;
        while !rest.is_empty() && !self.over {
            if self.left > 0 {
                let some =
                    usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                let (value, behind) = rest.split_at(some);
                match self.value {
                    Value::Skipped => {}
                    Value::Named => self.named.extend_from_slice(value),
                    Value::Content => content(value),
                }
                self.took(some as u64);
                self.left -= some as u64;
                rest = behind;
                if self.left == 0 {
                    self.ended();
                }
                continue;
            }
            let Some((&octet, behind)) = rest.split_first() else {
                return;
            };
            self.took(1);
            self.header.push(octet);
            rest = behind;
            if let Some((tag, length)) = self.read_header() {
                self.header.clear();
                self.begins(tag, length);
                // An empty value is over at once.
                if self.left == 0 && !self.over {
                    self.ended();
                }
            }
        }
    }

    /// Octets of a content in pieces are gone.
    fn took(&mut self, octets: u64) {
        if let Some(Some(left)) = &mut self.pieces {
            *left = left.saturating_sub(octets);
        }
    }

    /// A tag and its length, once they are whole; no length where it is left open.
    fn read_header(&mut self) -> Option<(u8, Option<u64>)> {
        let (&tag, length) = self.header.split_first()?;
        let (&first, more) = length.split_first()?;
        // A tag of several octets stands nowhere on our way, and no length has more than eight.
        if tag & 0x1f == 0x1f || first > 0x88 {
            self.over = true;
            return None;
        }
        match first {
            0x80 => Some((tag, None)),
            0..0x80 => Some((tag, Some(u64::from(first)))),
            _ if more.len() < usize::from(first & 0x7f) => None,
            _ => Some((
                tag,
                Some(
                    more.iter()
                        .fold(0, |sum, octet| sum << 8 | u64::from(*octet)),
                ),
            )),
        }
    }

    fn begins(&mut self, tag: u8, length: Option<u64>) {
        if self.pieces.is_some() {
            return self.piece(tag, length);
        }
        let Some(expected) = WAY.get(self.met) else {
            return match (tag, length) {
                (OCTETS, Some(length)) => {
                    self.left = length;
                    self.value = Value::Content;
                    // Then there is no more of it.
                    self.pieces = Some(Some(length));
                    self.over = length == 0;
                }
                (PIECES, length) => {
                    self.pieces = Some(length);
                    self.over = length == Some(0);
                }
                _ => self.over = true,
            };
        };
        if tag != *expected {
            self.over = true;
            return;
        }
        self.met += 1;
        let length = match (tag, length) {
            (SEQUENCE | EXPLICIT, _) => return,
            (TYPE, Some(length)) if length > 0 && length <= TYPE_MAX => length,
            (INTEGER | SET, Some(length)) => length,
            _ => {
                self.over = true;
                return;
            }
        };
        self.left = length;
        self.value = if tag == TYPE {
            Value::Named
        } else {
            Value::Skipped
        };
    }

    /// Within a content in pieces.
    fn piece(&mut self, tag: u8, length: Option<u64>) {
        match (tag, length) {
            (OCTETS, Some(length)) => {
                self.left = length;
                self.value = Value::Content;
            }
            // The mark of the end, or what we don't follow: pieces of pieces.
            _ => self.over = true,
        }
    }

    /// A value is over, or nothing but a header was read.
    fn ended(&mut self) {
        if self.pieces == Some(Some(0)) {
            self.over = true;
        }
        if self.named.is_empty() {
            return;
        }
        let named = std::mem::take(&mut self.named);
        match (self.met, named.as_slice()) {
            (2, SIGNED) => self.kind = Kind::Signed,
            (2, ENVELOPED | AUTH_ENVELOPED) => {
                self.kind = Kind::Encrypted;
                self.over = true;
            }
            (2, _) => self.over = true,
            (_, DATA) => {}
            (_, _) => self.over = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(octets: &[u8], slice: usize) -> (Kind, Vec<u8>) {
        let mut cms = Cms::new();
        let mut content = Vec::new();
        for slice in octets.chunks(slice.max(1)) {
            cms.feed(slice, |octets| content.extend_from_slice(octets));
        }
        (cms.kind, content)
    }

    /// A value with its length told, or left open.
    fn value(tag: u8, octets: &[u8], open: bool) -> Vec<u8> {
        let mut out = vec![tag];
        match (open, octets.len()) {
            (true, _) => {
                out.push(0x80);
                out.extend_from_slice(octets);
                out.extend([0, 0]);
                return out;
            }
            (false, length @ 0..128) => out.push(length as u8),
            (false, length) => out.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        out.extend_from_slice(octets);
        out
    }

    fn signed(content: &[u8], pieces: Option<usize>, open: bool, name: &[u8]) -> Vec<u8> {
        let octets = match pieces {
            None => value(OCTETS, content, false),
            Some(size) => {
                let pieces: Vec<u8> = content
                    .chunks(size)
                    .flat_map(|piece| value(OCTETS, piece, false))
                    .collect();
                value(PIECES, &pieces, open)
            }
        };
        let mut inner = value(TYPE, DATA, false);
        inner.extend(value(EXPLICIT, &octets, open));
        let mut data = value(INTEGER, &[1], false);
        data.extend(value(SET, &[9; 30], false));
        data.extend(value(SEQUENCE, &inner, open));
        // Certificates and the like.
        data.extend(value(0xa0, &[4, 2, 7, 7], false));
        let mut whole = value(TYPE, name, false);
        whole.extend(value(EXPLICIT, &value(SEQUENCE, &data, open), open));
        value(SEQUENCE, &whole, open)
    }

    #[test]
    fn what_is_encrypted_has_no_content_and_is_told() {
        assert_eq!(
            read(&signed(b"x", None, false, ENVELOPED), 9),
            (Kind::Encrypted, vec![])
        );
        assert_eq!(
            read(&signed(b"x", None, false, AUTH_ENVELOPED), 1),
            (Kind::Encrypted, vec![])
        );
        assert_eq!(
            read(&signed(b"x", None, false, DATA), 1),
            (Kind::Other, vec![])
        );
        assert_eq!(read(b"not at all", 1), (Kind::Other, vec![]));
    }

    proptest! {
        /// Whatever form it has, and whatever the slices, the content is what was signed.
        #[test]
        fn the_content_is_what_was_signed(
            content in prop::collection::vec(any::<u8>(), 0..600),
            pieces in prop::option::of(1usize..300),
            open in any::<bool>(),
            slice in 1usize..700,
        ) {
            let octets = signed(&content, pieces, open, SIGNED);
            prop_assert_eq!(read(&octets, slice), (Kind::Signed, content));
        }

        #[test]
        fn any_octets_are_read_the_same_in_any_slices(
            mut octets in prop::collection::vec(any::<u8>(), 0..40),
            at in 0usize..90,
            slice in 1usize..9,
        ) {
            let mut whole = signed(b"content of it", Some(5), true, SIGNED);
            let at = at.min(whole.len());
            let end = (at + octets.len()).min(whole.len());
            whole.splice(at..end, octets.drain(..));
            prop_assert_eq!(read(&whole, slice), read(&whole, whole.len()));
        }
    }
}
