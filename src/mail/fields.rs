//! Fields of a message's own header section that somebody names: read only where somebody does.
//!
//! What every message is understood by is kept by `skim`, from a closed list. Whoever asks for another field
//! reads it here, from the beginning of the octets, after the fact: mail that nobody asks about pays nothing.
//! Bounded by [`SECTION_MAX`] octets, [`FIELDS_MAX`] fields, and [`VALUE_MAX`] octets of each value.

use super::message::{Field, Oddities};
use super::words;
use memchr::memchr;

/// Octets of a header section that are looked at.
pub const SECTION_MAX: usize = 64 * 1024;

/// Fields that are kept of one message.
pub const FIELDS_MAX: usize = 200;

/// Octets of a value that are kept.
pub const VALUE_MAX: usize = 4 * 1024;

/// The fields whose name, in lower case, is `wanted`, in order; their values unfolded and decoded.
pub fn fields(octets: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<Field> {
    let mut left = octets.get(..SECTION_MAX).unwrap_or(octets);
    let mut found = Vec::new();
    let mut under_way: Option<(String, Vec<u8>)> = None;
    while !left.is_empty() && found.len() < FIELDS_MAX {
        let end = memchr(b'\n', left).map_or(left.len(), |end| end + 1);
        let (line, rest) = left.split_at(end);
        left = rest;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            [] => break,
            [b' ' | b'\t', ..] => {
                if let Some((_, value)) = &mut under_way {
                    let room = VALUE_MAX.saturating_sub(value.len());
                    value.extend_from_slice(line.get(..room).unwrap_or(line));
                }
            }
            _ => {
                found.extend(under_way.take().map(read));
                under_way = begin(line, &wanted);
            }
        }
    }
    if found.len() < FIELDS_MAX {
        found.extend(under_way.map(read));
    }
    found
}

fn begin(line: &[u8], wanted: &impl Fn(&str) -> bool) -> Option<(String, Vec<u8>)> {
    let (name, value) = line.split_at(memchr(b':', line)?);
    let name = std::str::from_utf8(name.trim_ascii_end()).ok()?;
    let name = name.to_ascii_lowercase();
    let value = value.get(1..).unwrap_or_default().trim_ascii_start();
    wanted(&name).then(|| (name, value.get(..VALUE_MAX).unwrap_or(value).to_vec()))
}

fn read((name, value): (String, Vec<u8>)) -> Field {
    let value = words::text(&value, &mut Oddities::default());
    Field {
        name,
        value: words::cut(&value, VALUE_MAX).0.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(octets: &[u8], name: &str, values: &[&str]) {
        let found = fields(octets, |field| field == name);
        let found: Vec<&str> = found.iter().map(|f| f.value.as_str()).collect();
        assert_eq!(found, values);
    }

    #[test]
    fn a_field_is_found_by_its_name_in_any_case_unfolded_and_decoded() {
        let mail = b"X-Other: a\r\nX-Room: Erd\r\n\tgeschoss\r\nx-ROOM: =?utf-8?q?K=C3=BCche?=\r\n\r\nX-Room: body\r\n";
        check(mail, "x-room", &["Erd\tgeschoss", "Küche"]);
        check(mail, "x-other", &["a"]);
        check(mail, "x-none", &[]);
    }

    #[test]
    fn what_lies_beyond_the_bounds_is_left_out() {
        let long = format!("X-A: {}\r\n", "a".repeat(10_000));
        let found = fields(long.as_bytes(), |_| true);
        assert_eq!(found[0].value.len(), VALUE_MAX);
        let many = "X-A: a\r\n".repeat(1_000);
        assert_eq!(fields(many.as_bytes(), |_| true).len(), FIELDS_MAX);
        let far = format!("X-A: {}\r\nX-B: b\r\n", "a".repeat(SECTION_MAX));
        check(far.as_bytes(), "x-b", &[]);
    }

    #[test]
    fn nothing_makes_it_fail() {
        for octets in [
            &b""[..],
            b":",
            b" folded\r\nX-A: b",
            b"\xff\xfe: x\r\nX-A: b",
            b"no colon\nX-A: b",
            b"\0\r\r\n\n",
        ] {
            fields(octets, |_| true);
        }
        check(b"\xff: x\r\nX-A: b", "x-a", &["b"]);
    }
}
