//! Encoded words (RFC 2047), found wherever senders put them, and text of fields in general.
//!
//! Words that follow each other in the same character set are decoded together: many mailers cut
//! in the middle of a character. Malformed words stay as they stand.

use super::charset;
use super::decode::{Decoder, Encoding};
use super::message::{Oddities, Oddity};
use memchr::{memchr, memmem};
use std::borrow::Cow;

/// Octets of one encoded word that we read; RFC 2047 §2 allows 75.
const WORD_MAX: usize = 4096;

/// One encoded word as it stands in a field.
struct Word<'a> {
    charset: &'a str,
    octets: Vec<u8>,
    /// Octets of the field that it takes.
    length: usize,
}

/// The text of an unstructured field, white space at its ends removed.
pub(crate) fn text(value: &[u8], odd: &mut Oddities) -> String {
    if is_plain(value) {
        return String::from_utf8_lossy(value).trim().to_owned();
    }
    let mut out = String::with_capacity(value.len());
    each(value, odd, |piece, _| match piece {
        Piece::Plain(text) => out.push_str(&text),
        Piece::Decoded(text) => out.push_str(&text),
    });
    // Some encode what is encoded already.
    let whole = out.trim();
    if value.len() != out.len() && whole.starts_with("=?") && whole.ends_with("?=") {
        let mut again = String::new();
        each(whole.as_bytes(), odd, |piece, _| match piece {
            Piece::Plain(text) => again.push_str(&text),
            Piece::Decoded(text) => again.push_str(&text),
        });
        return again.trim().to_owned();
    }
    whole.to_owned()
}

/// Whether nothing in a field can be an encoded word, or in another character set: so are most.
fn is_plain(value: &[u8]) -> bool {
    value.is_ascii() && memchr(b'=', value).is_none()
}

/// The same field with its encoded words in UTF-8, each escaped octet by octet, so that decoded
/// commas and quotes can't be taken for the field's own.
pub(crate) fn in_utf8(value: &[u8], odd: &mut Oddities) -> Vec<u8> {
    if is_plain(value) {
        return value.to_vec();
    }
    let mut out = Vec::with_capacity(value.len());
    each(value, odd, |piece, quoted| match piece {
        // A lone `=?` would make the parser look for the end of a word in all that follows.
        Piece::Plain(text) => out.extend_from_slice(text.replace("=?", "= ?").as_bytes()),
        Piece::Decoded(text) if quoted => {
            // Inside quotes no word is due by the grammar, but it is what senders do.
            for octet in text.bytes().filter(|b| !b.is_ascii_control()) {
                if matches!(octet, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(octet);
            }
        }
        Piece::Decoded(text) => {
            // The parser takes a word only at the start of a token.
            if out.last().is_some_and(|b| !b.is_ascii_whitespace()) {
                out.push(b' ');
            }
            out.extend_from_slice(b"=?utf-8?Q?");
            for octet in text.bytes() {
                if octet.is_ascii_alphanumeric() {
                    out.push(octet);
                } else {
                    out.push(b'=');
                    out.extend([octet >> 4, octet & 15].map(|four| match four {
                        0..=9 => b'0' + four,
                        _ => b'A' + four - 10,
                    }));
                }
            }
            out.extend_from_slice(b"?= ");
        }
    });
    out
}

enum Piece<'a> {
    Plain(Cow<'a, str>),
    Decoded(String),
}

/// Walk over a field: plain text and decoded words in turn, and whether a quoted string is open.
fn each(value: &[u8], odd: &mut Oddities, mut take: impl FnMut(Piece<'_>, bool)) {
    let value: Cow<'_, [u8]> = match std::str::from_utf8(value) {
        Ok(_) => value.into(),
        Err(_) => {
            odd.note(Oddity::RawFieldOctets);
            charset::undeclared(value).into_bytes().into()
        }
    };
    let mut rest: &[u8] = &value;
    let mut plain_from: &[u8] = rest;
    let mut quoted = false;
    while let Some(at) = memmem::find(rest, b"=?") {
        let (before, here) = rest.split_at(at);
        let Some(first) = word(here) else {
            rest = here.get(2..).unwrap_or_default();
            continue;
        };
        let plain = plain_from
            .get(..plain_from.len() - here.len())
            .unwrap_or(before);
        quoted ^= plain.iter().filter(|&&b| b == b'"').count() % 2 == 1;
        if !plain.is_empty() {
            take(Piece::Plain(String::from_utf8_lossy(plain)), quoted);
        }
        rest = here.get(first.length..).unwrap_or_default();
        let (mut current, mut octets) = (first.charset, first.octets);
        let mut decoded = String::new();
        // White space between two encoded words is not part of the text (RFC 2047 §6.2).
        loop {
            let next = rest.trim_ascii_start();
            let Some(following) = word(next) else { break };
            rest = next.get(following.length..).unwrap_or_default();
            if following.charset.eq_ignore_ascii_case(current) {
                leave_one_shift(current, &mut octets, &following.octets);
                octets.extend_from_slice(&following.octets);
            } else {
                decoded.push_str(&charset::decode(Some(current), &octets, odd));
                current = following.charset;
                octets = following.octets;
            }
        }
        decoded.push_str(&charset::decode(Some(current), &octets, odd));
        take(Piece::Decoded(decoded), quoted);
        plain_from = rest;
    }
    if !plain_from.is_empty() {
        take(Piece::Plain(String::from_utf8_lossy(plain_from)), quoted);
    }
}

/// ISO-2022 text returns to ASCII at the end of each word (RFC 2047 §3, RFC 1468), and the next
/// word leaves it again: joined, that is a shift without a character, which decoders take for an
/// attempt to hide something, and mark.
fn leave_one_shift(charset: &str, octets: &mut Vec<u8>, following: &[u8]) {
    let prefix = charset.get(..8).unwrap_or_default();
    if prefix.eq_ignore_ascii_case("iso-2022")
        && octets.ends_with(b"\x1b(B")
        && following.starts_with(b"\x1b")
    {
        octets.truncate(octets.len() - 3);
    }
}

/// The encoded word at the start of `value`, if there is a whole one.
fn word(value: &[u8]) -> Option<Word<'_>> {
    let value = value.get(..WORD_MAX).unwrap_or(value);
    let rest = value.strip_prefix(b"=?")?;
    let charset_end = memchr(b'?', rest.get(..64).unwrap_or(rest))?;
    // A language may follow the character set (RFC 2231 §5).
    let charset = std::str::from_utf8(rest.get(..charset_end)?).ok()?;
    let charset = charset.split('*').next().unwrap_or(charset);
    if charset.is_empty() || charset.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let rest = rest.get(charset_end + 1..)?;
    let (encoding, rest) = match rest {
        [b'b' | b'B', b'?', rest @ ..] => (Encoding::Base64, rest),
        [b'q' | b'Q', b'?', rest @ ..] => (Encoding::QuotedPrintable, rest),
        _ => return None,
    };
    let end = memmem::find(rest, b"?=")?;
    let encoded = rest.get(..end)?;
    let octets = match encoding {
        Encoding::Base64 if encoded.contains(&b'?') => return None,
        Encoding::Base64 => {
            let mut octets = Vec::with_capacity(encoded.len());
            let mut decoder = Decoder::new(Encoding::Base64);
            decoder.feed(encoded, &mut octets);
            decoder.finish(&mut octets);
            if octets.is_empty() && decoder.damaged() {
                return None;
            }
            octets
        }
        _ => underscored(encoded),
    };
    Some(Word {
        charset,
        octets,
        length: value.len() - rest.len() + end + 2,
    })
}

/// The Q encoding (RFC 2047 §4.2).
fn underscored(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match (octet, tail) {
            (b'_', _) => out.push(b' '),
            (b'=', [high, low, after @ ..]) => {
                match (
                    char::from(*high).to_digit(16),
                    char::from(*low).to_digit(16),
                ) {
                    (Some(high), Some(low)) => {
                        out.push((high << 4 | low) as u8);
                        rest = after;
                    }
                    _ => out.push(octet),
                }
            }
            _ => out.push(octet),
        }
    }
    out
}

/// At most `max` octets of a text, cut between characters, and whether anything was cut.
pub(crate) fn cut(text: &str, max: usize) -> (&str, bool) {
    if text.len() <= max {
        return (text, false);
    }
    let end = (0..=max)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    (text.get(..end).unwrap_or_default(), true)
}

#[cfg(test)]
mod tests;
