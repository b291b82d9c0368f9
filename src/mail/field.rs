//! Fields of the form `token; name=value; ...`: Content-Type and Content-Disposition (RFC 2045
//! §5.1, RFC 2183), with the continuations and character sets of RFC 2231.
//!
//! Lenient where senders are sloppy: unquoted values may hold spaces, commas don't matter, a
//! missing quote ends with the field. Bounded: no more than [`PARAMETERS_MAX`] parameters.

use super::charset;
use super::message::{Oddities, Oddity};
use super::words;

/// Parameters of one field that we read.
pub(crate) const PARAMETERS_MAX: usize = 128;

/// A field with parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    /// What stands before the first semicolon, in lower case, without comments.
    pub(crate) token: String,
    parameters: Vec<(Vec<u8>, Vec<u8>)>,
    /// There were more parameters than we read.
    pub(crate) excess: bool,
}

impl Field {
    /// Read an unfolded value.
    pub(crate) fn read(value: &[u8]) -> Field {
        let mut reader = Reader { rest: value };
        let mut field = Field {
            token: reader.token(),
            ..Field::default()
        };
        while let Some((name, value)) = reader.parameter() {
            if field.parameters.len() >= PARAMETERS_MAX {
                field.excess = true;
                break;
            }
            field.parameters.push((name, value));
        }
        field
    }

    /// Whether a parameter stands there in any of its forms.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.parameters
            .iter()
            .any(|(key, _)| section(key, name).is_some())
    }

    /// A parameter's octets; pieces joined, percent signs decoded.
    pub(crate) fn octets(&self, name: &str) -> Option<Vec<u8>> {
        self.extended(name)
            .map(|(_, octets)| octets)
            .or_else(|| self.plain(name).map(<[u8]>::to_vec))
    }

    /// A parameter as text: RFC 2231's form first, else encoded words, which don't belong there
    /// and are usual.
    pub(crate) fn text(&self, name: &str, odd: &mut Oddities) -> Option<String> {
        if let Some((label, octets)) = self.extended(name) {
            return Some(match label {
                Some(label) => charset::decode(Some(&label), &octets, odd),
                None => words::text(&octets, odd),
            });
        }
        self.plain(name).map(|value| words::text(value, odd))
    }

    fn plain(&self, name: &str) -> Option<&[u8]> {
        self.parameters
            .iter()
            .find(|(key, _)| key.as_slice() == name.as_bytes())
            .map(|(_, value)| value.as_slice())
    }

    /// RFC 2231: the character set, if one is named, and the octets.
    fn extended(&self, name: &str) -> Option<(Option<String>, Vec<u8>)> {
        let mut pieces: Vec<(u32, bool, &[u8])> = self
            .parameters
            .iter()
            .filter_map(|(key, value)| match section(key, name)? {
                Section::Plain => None,
                Section::Numbered { number, encoded } => Some((number, encoded, value.as_slice())),
            })
            .collect();
        pieces.sort_by_key(|(number, ..)| *number);
        pieces.dedup_by_key(|(number, ..)| *number);
        let mut label = None;
        let mut octets = Vec::new();
        for (expected, (number, encoded, value)) in (0u32..).zip(&pieces) {
            if *number != expected {
                break;
            }
            let mut value = *value;
            if *encoded && expected == 0 {
                let mut parts = value.splitn(3, |&b| b == b'\'');
                if let (Some(charset), Some(_), Some(content)) =
                    (parts.next(), parts.next(), parts.next())
                {
                    label = Some(String::from_utf8_lossy(charset).into_owned())
                        .filter(|label| !label.is_empty());
                    value = content;
                }
            }
            if *encoded {
                percent(value, &mut octets);
            } else {
                octets.extend_from_slice(value);
            }
        }
        pieces
            .first()
            .filter(|(number, ..)| *number == 0)
            .map(|_| (label, octets))
    }
}

enum Section {
    Plain,
    Numbered { number: u32, encoded: bool },
}

/// What a parameter's name says about its place in `name`: `name`, `name*`, `name*1`, `name*1*`.
fn section(key: &[u8], name: &str) -> Option<Section> {
    let rest = key.strip_prefix(name.as_bytes())?;
    let (number, encoded) = match rest {
        [] => return Some(Section::Plain),
        [b'*'] => ("0".as_bytes(), true),
        [b'*', number @ .., b'*'] => (number, true),
        [b'*', number @ ..] => (number, false),
        _ => return None,
    };
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some(Section::Numbered { number, encoded })
}

fn percent(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (octet, tail) {
            if let (Some(high), Some(low)) = (
                char::from(*high).to_digit(16),
                char::from(*low).to_digit(16),
            ) {
                out.push((high << 4 | low) as u8);
                rest = after;
                continue;
            }
        }
        out.push(octet);
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// What stands before the first semicolon.
    fn token(&mut self) -> String {
        let mut token = Vec::new();
        while let Some((&octet, tail)) = self.rest.split_first() {
            match octet {
                b';' => break,
                b'(' => {
                    self.comment();
                    continue;
                }
                octet if octet.is_ascii_whitespace() => {}
                octet => token.push(octet.to_ascii_lowercase()),
            }
            self.rest = tail;
        }
        String::from_utf8_lossy(&token).into_owned()
    }

    /// Step over a comment, which may hold comments.
    fn comment(&mut self) {
        let mut depth = 0usize;
        let mut escaped = false;
        while let Some((&octet, tail)) = self.rest.split_first() {
            self.rest = tail;
            match octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    fn parameter(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        loop {
            // To the next name: past semicolons, white space, comments.
            while let Some((&octet, tail)) = self.rest.split_first() {
                match octet {
                    b'(' => self.comment(),
                    b';' | b',' => self.rest = tail,
                    octet if octet.is_ascii_whitespace() => self.rest = tail,
                    _ => break,
                }
            }
            if self.rest.is_empty() {
                return None;
            }
            let end = self
                .rest
                .iter()
                .position(|b| matches!(b, b'=' | b';'))
                .unwrap_or(self.rest.len());
            let (name, after) = self.rest.split_at(end);
            self.rest = after;
            let name = name.trim_ascii().to_ascii_lowercase();
            if let Some((b'=', after)) = after.split_first() {
                self.rest = after.trim_ascii_start();
                let value = match self.rest.split_first() {
                    Some((b'"', quoted)) => {
                        self.rest = quoted;
                        self.quoted()
                    }
                    _ => self.bare(),
                };
                return Some((name, value));
            }
        }
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        while let Some((&octet, tail)) = self.rest.split_first() {
            self.rest = tail;
            match (octet, tail.split_first()) {
                (b'"', _) => {
                    // Whatever stands between the quote and the next semicolon is nothing.
                    let end = memchr::memchr(b';', self.rest).unwrap_or(self.rest.len());
                    self.rest = self.rest.get(end..).unwrap_or_default();
                    break;
                }
                (b'\\', Some((&escaped, after))) => {
                    value.push(escaped);
                    self.rest = after;
                }
                _ => value.push(octet),
            }
        }
        value
    }

    fn bare(&mut self) -> Vec<u8> {
        let end = memchr::memchr(b';', self.rest).unwrap_or(self.rest.len());
        let (value, after) = self.rest.split_at(end);
        self.rest = after;
        value.trim_ascii().to_vec()
    }
}

/// The media type of a Content-Type, if it looks like one.
pub(crate) fn media(field: &Field) -> Option<&str> {
    let (kind, sub) = field.token.split_once('/')?;
    let fine = |word: &str| {
        !word.is_empty()
            && word.len() <= 127
            && word
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'/' && b != b'"')
    };
    (fine(kind) && fine(sub)).then_some(&field.token)
}

/// Note what is odd about a field.
pub(crate) fn note(field: &Field, odd: &mut Oddities) {
    if field.excess {
        odd.note(Oddity::ManyParameters);
    }
}

#[cfg(test)]
mod tests;
