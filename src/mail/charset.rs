//! Character sets: octets become text. encoding_rs knows those of the web; the few that only mail
//! still uses come from the parser. What neither knows is read as UTF-8, and said.

use super::grammar;
use super::message::{Oddities, Oddity};
use encoding_rs::{Encoding, REPLACEMENT, UTF_16BE, UTF_16LE, UTF_8, WINDOWS_1252};

/// Text from octets under the character set that their sender named, if any.
pub(crate) fn decode(label: Option<&str>, octets: &[u8], odd: &mut Oddities) -> String {
    let label = label.map(str::trim).filter(|label| !label.is_empty());
    let Some(label) = label else {
        return undeclared(octets);
    };
    let known = Encoding::for_label(label.as_bytes()).filter(|known| *known != REPLACEMENT);
    let text = match known {
        // "us-ascii" and "iso-8859-1" mean windows-1252 to everybody; but a mailer that says
        // us-ascii and sends valid UTF-8 means UTF-8.
        Some(known) if known == WINDOWS_1252 && is_ascii_label(label) => undeclared(octets),
        // Only here does a byte order mark outrank the label (RFC 2781 §3.3).
        Some(known) if known == UTF_16LE || known == UTF_16BE => known.decode(octets).0.into(),
        Some(known) => known.decode_with_bom_removal(octets).0.into_owned(),
        None => grammar::rare_charset(label, octets).unwrap_or_else(|| {
            odd.note(Oddity::UnknownCharset);
            UTF_8.decode_with_bom_removal(octets).0.into_owned()
        }),
    };
    if text.contains(char::REPLACEMENT_CHARACTER) {
        odd.note(Oddity::LostCharacters);
    }
    text
}

/// UTF-8 where it is valid, windows-1252 where not: every octet means something there.
pub(crate) fn undeclared(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        Err(_) => WINDOWS_1252
            .decode_without_bom_handling(octets)
            .0
            .into_owned(),
    }
}

fn is_ascii_label(label: &str) -> bool {
    ["us-ascii", "ascii", "ansi_x3.4-1968"]
        .iter()
        .any(|ascii| label.eq_ignore_ascii_case(ascii))
}

#[cfg(test)]
mod tests;
