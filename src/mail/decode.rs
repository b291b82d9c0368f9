//! Content-Transfer-Encodings, as a stream: octets in, octets out, whatever the slices.
//!
//! The decoder defines what an attachment is: its size and digest are measured through it, and
//! later it is sent through it. So it never fails, and what it makes of damaged input is fixed:
//! base64 skips what is no base64, padding ends a group and the next group may follow (RFC 4648
//! §3.3 leaves that open; some mailers join padded blocks); quoted-printable keeps a wrong escape
//! as it stands (RFC 2045 §6.7). Character sets are not its business.

use base64_simd::{Out, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};

use super::Oddity;

/// How a body is encoded for transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// 7bit, 8bit, binary, and whatever we don't know: the octets are the content.
    #[default]
    Identity,
    /// RFC 2045 §6.8.
    Base64,
    /// RFC 2045 §6.7.
    QuotedPrintable,
}

impl Encoding {
    /// The encoding that a Content-Transfer-Encoding names, without comments, and what is odd
    /// about it.
    pub(crate) fn named(name: &str) -> (Encoding, Option<Oddity>) {
        let is = |word: &str| name.eq_ignore_ascii_case(word);
        if is("base64") {
            (Encoding::Base64, None)
        } else if is("quoted-printable") {
            (Encoding::QuotedPrintable, None)
        } else if is("7bit") || is("8bit") || is("binary") || name.is_empty() {
            (Encoding::Identity, None)
        } else if is("uuencode") || is("x-uuencode") || is("x-uue") || is("uue") {
            (Encoding::Identity, Some(Oddity::Uuencoded))
        } else {
            (Encoding::Identity, Some(Oddity::UnknownEncoding))
        }
    }
}

/// White space at the end of a quoted-printable line is held back until the line's end is seen;
/// a longer run than this is content.
const HELD_MAX: usize = 1024;

/// Decodes one body.
#[derive(Clone, Debug)]
pub struct Decoder {
    encoding: Encoding,
    /// base64: the sextets of the unfinished group, and how many.
    group: u32,
    sextets: u8,
    /// quoted-printable: octets whose meaning depends on what follows.
    held: Vec<u8>,
    damaged: bool,
}

impl Decoder {
    /// A decoder for one body.
    pub fn new(encoding: Encoding) -> Decoder {
        Decoder {
            encoding,
            group: 0,
            sextets: 0,
            held: Vec::new(),
            damaged: false,
        }
    }

    /// Decode the next octets; what they become is appended to `out`.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => out.extend_from_slice(octets),
            Encoding::Base64 => self.base64(octets, out),
            Encoding::QuotedPrintable => self.quoted(octets, out),
        }
    }

    /// The body is over; what was held back is appended to `out`.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => {}
            Encoding::Base64 => self.close_group(out),
            Encoding::QuotedPrintable => self.quoted_end(out),
        }
    }

    /// Whether anything was met that the encoding doesn't allow.
    pub fn damaged(&self) -> bool {
        self.damaged
    }

    fn base64(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        // Room for all of it at once: four octets become three, and a group may be under way.
        out.resize(start + octets.len() / 4 * 3 + 6, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let mut written = 0;
        let mut rest = octets;
        loop {
            if self.sextets == 0 {
                (rest, written) = groups(rest, room, written);
            }
            let Some((&octet, tail)) = rest.split_first() else {
                break;
            };
            rest = tail;
            let value = sextet(octet);
            if value & NO_SEXTET == 0 {
                self.group = self.group << 6 | u32::from(value);
                self.sextets += 1;
                if self.sextets == 4 {
                    let [_, x, y, z] = self.group.to_be_bytes();
                    put(room, &mut written, &[x, y, z]);
                    self.group = 0;
                    self.sextets = 0;
                }
            } else if octet == b'=' {
                let (bytes, count) = self.rest_of_group();
                put(room, &mut written, bytes.get(..count).unwrap_or_default());
            } else if !octet.is_ascii_whitespace() {
                self.damaged = true;
            }
        }
        out.truncate(start + written);
    }

    /// What an unfinished group of base64 amounts to; the group is empty afterwards.
    fn rest_of_group(&mut self) -> ([u8; 2], usize) {
        let (group, sextets) = (self.group, self.sextets);
        self.group = 0;
        self.sextets = 0;
        match sextets {
            2 => ([(group >> 4) as u8, 0], 1),
            3 => ([(group >> 10) as u8, (group >> 2) as u8], 2),
            1 => {
                self.damaged = true;
                ([0, 0], 0)
            }
            _ => ([0, 0], 0),
        }
    }

    fn close_group(&mut self, out: &mut Vec<u8>) {
        let (bytes, count) = self.rest_of_group();
        out.extend_from_slice(bytes.get(..count).unwrap_or_default());
    }

    fn quoted(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while let Some((&octet, tail)) = rest.split_first() {
            if !self.held.is_empty() {
                self.quoted_step(octet, out);
                rest = tail;
                continue;
            }
            let plain = rest
                .iter()
                .position(|&b| is_special(b))
                .unwrap_or(rest.len());
            let (run, after) = rest.split_at(plain);
            out.extend_from_slice(run);
            rest = after;
            match *after {
                // White space between words is by far the commonest: no need to hold it.
                [blank @ (b' ' | b'\t'), next, ..] if !is_special(next) && next != b'\n' => {
                    out.push(blank);
                    rest = after.get(1..).unwrap_or_default();
                }
                [special, ..] => {
                    self.held.push(special);
                    rest = after.get(1..).unwrap_or_default();
                }
                [] => {}
            }
        }
    }

    /// One octet while something is held back.
    fn quoted_step(&mut self, octet: u8, out: &mut Vec<u8>) {
        let escape = self.held.first() == Some(&b'=');
        let last = self.held.last().copied().unwrap_or_default();
        match (escape, last, octet) {
            // A line ends. White space before it was added on the way (RFC 2045 §6.7 rule 3);
            // after `=` the line goes on (rule 5).
            (true, b'=' | b' ' | b'\t' | b'\r', b'\n') => self.held.clear(),
            (false, b'\r', b'\n') => {
                self.held.clear();
                out.extend_from_slice(b"\r\n");
            }
            (false, _, b'\n') => {
                self.held.clear();
                out.push(b'\n');
            }
            (_, b' ' | b'\t', b' ' | b'\t' | b'\r') | (true, b'=', b' ' | b'\t' | b'\r') => {
                self.held.push(octet);
                if self.held.len() >= HELD_MAX {
                    self.release(out);
                }
            }
            (true, b'=', _) if hex(octet).is_some() => self.held.push(octet),
            (true, high, low) => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => {
                    self.held.clear();
                    out.push(high << 4 | low);
                }
                _ => {
                    self.release(out);
                    self.quoted(&[octet], out);
                }
            },
            (false, _, _) => {
                self.release(out);
                self.quoted(&[octet], out);
            }
        }
    }

    /// What was held back is content after all.
    fn release(&mut self, out: &mut Vec<u8>) {
        if self.held.first() == Some(&b'=') {
            self.damaged = true;
        }
        out.extend_from_slice(&self.held);
        self.held.clear();
    }

    fn quoted_end(&mut self, out: &mut Vec<u8>) {
        match self.held.as_slice() {
            // The end of the body ends the line: a soft break, or white space added on the way.
            [b'='] => {}
            [b'=', _, ..] => {
                self.release(out);
            }
            held => {
                if held.last() == Some(&b'\r') {
                    out.push(b'\r');
                }
            }
        }
        self.held.clear();
    }
}

/// What is decoded at once of a line of base64: RFC 2045 §6.8 allows 76 octets, and no sender's mistake may
/// have all that follows looked through again and again.
const AT_ONCE: usize = 1024;

/// Decodes whole groups, line by line, up to the first octet that is neither one of theirs nor the end of a
/// line; what is left of the input, and how much of the room is taken.
fn groups<'o>(mut rest: &'o [u8], room: &mut [u8], mut written: usize) -> (&'o [u8], usize) {
    loop {
        let is_odd = |o: &u8| sextet(*o) & NO_SEXTET != 0 && !matches!(o, b'\r' | b'\n');
        if rest.first().is_none_or(is_odd) {
            return (rest, written);
        }
        let some = rest.get(..AT_ONCE).unwrap_or(rest);
        let end = memchr::memchr(b'\n', some);
        let line = some.get(..end.unwrap_or(some.len())).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut whole = line.get(..line.len() / 4 * 4).unwrap_or_default();
        let mut decode = |groups: &[u8]| {
            // The room was made for everything that the input can become; see `base64`.
            let free = room.get_mut(written..written + groups.len() / 4 * 3)?;
            let decoded = STANDARD_NO_PAD.decode(groups, Out::from_slice(free));
            decoded.ok().map(|octets| octets.len())
        };
        let decoded = decode(whole).or_else(|| {
            let end = whole.iter().position(|&o| sextet(o) & NO_SEXTET != 0);
            whole = whole.get(..end.unwrap_or(0) / 4 * 4).unwrap_or_default();
            decode(whole)
        });
        let Some(decoded) = decoded else {
            return (rest, written);
        };
        written += decoded;
        rest = match end {
            Some(end) if whole.len() == line.len() => rest.get(end + 1..),
            _ => rest.get(whole.len()..),
        }
        .unwrap_or_default();
        // Nothing more is left, or what the caller looks at octet by octet.
        let stands = whole.is_empty() && end.is_none();
        if rest.is_empty() || stands || whole.len() < line.len() {
            return (rest, written);
        }
    }
}

fn put(room: &mut [u8], written: &mut usize, octets: &[u8]) {
    // The room was made for everything that the input can become; see `base64`.
    if let Some(free) = room.get_mut(*written..*written + octets.len()) {
        free.copy_from_slice(octets);
        *written += octets.len();
    }
}

/// Octets of quoted-printable that aren't simply themselves.
fn is_special(octet: u8) -> bool {
    matches!(octet, b'=' | b' ' | b'\t' | b'\r')
}

fn hex(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    }
}

/// The bit that marks an octet outside base64's alphabet.
const NO_SEXTET: u8 = 0x80;

const fn sextets() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NO_SEXTET; 256];
    let mut value = 0;
    while value < 64 {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table
}

static SEXTETS: [u8; 256] = sextets();

#[inline(always)]
fn sextet(octet: u8) -> u8 {
    SEXTETS[octet as usize]
}

#[cfg(test)]
mod tests;
