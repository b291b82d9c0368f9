//! Character sets: octets become text. encoding_rs knows those of the web; the few that only mail
//! still uses come from the parser. What neither knows is read as if nothing had been said, and that is told.
//!
//! A wrong word is repaired where the octets show it: text that is UTF-8 to the last character is nothing else
//! by chance, and one that is not UTF-8 in any of its characters, but has single ones among letters, is
//! Western. What shows nothing is read as it says, and what is lost is told.

use super::grammar;
use super::message::{Oddities, Oddity};
use encoding_rs::{Encoding, REPLACEMENT, UTF_16BE, UTF_16LE, UTF_8, WINDOWS_1252};
use memchr::memmem;

/// Text from octets under the character set that their sender named, if any.
pub(crate) fn decode(label: Option<&str>, octets: &[u8], odd: &mut Oddities) -> String {
    let label = label
        .map(str::trim)
        .filter(|label| !label.is_empty() && !says_nothing(label));
    let Some(label) = label else {
        return undeclared(octets);
    };
    let label = alias(label);
    let known = Encoding::for_label(label.as_bytes()).filter(|known| *known != REPLACEMENT);
    let text = match known {
        // "us-ascii" and "iso-8859-1" mean windows-1252 to everybody; but a mailer that says
        // us-ascii and sends valid UTF-8 means UTF-8.
        Some(known) if known == WINDOWS_1252 && is_ascii_label(label) => undeclared(octets),
        Some(known) if known.is_single_byte() && is_utf_8(octets) => {
            odd.note(Oddity::CharsetRepaired);
            undeclared(octets)
        }
        Some(known) if known == UTF_8 && is_western(octets) => {
            odd.note(Oddity::CharsetRepaired);
            undeclared(octets)
        }
        // Only here does a byte order mark outrank the label (RFC 2781 §3.3).
        Some(known) if known == UTF_16LE || known == UTF_16BE => known.decode(octets).0.into(),
        Some(known) => known.decode_with_bom_removal(octets).0.into_owned(),
        None => of_dos(label, octets)
            .or_else(|| grammar::rare_charset(label, octets))
            .unwrap_or_else(|| {
                odd.note(Oddity::UnknownCharset);
                undeclared(octets)
            }),
    };
    if text.contains(char::REPLACEMENT_CHARACTER) {
        odd.note(Oddity::LostCharacters);
    }
    text
}

/// Whether there is UTF-8 in it, and nothing that is none.
fn is_utf_8(octets: &[u8]) -> bool {
    !octets.is_ascii() && std::str::from_utf8(octets).is_ok()
}

/// High octets that stand in a row in a text that is no Western one.
const ROW: usize = 4;

/// Whether no character in it is UTF-8, and those that are not ASCII stand singly, as between Western letters.
fn is_western(octets: &[u8]) -> bool {
    // Most are what they say.
    if std::str::from_utf8(octets).is_ok() {
        return false;
    }
    let mut some = false;
    for chunk in octets.utf8_chunks() {
        // One that is cut off at the end may be anything.
        some |= !chunk.invalid().is_empty();
        if !chunk.valid().is_ascii() {
            return false;
        }
    }
    // windows-1252 has no character for these.
    let nothing = |octet: &u8| matches!(octet, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
    some && !octets.iter().any(nothing)
        && !octets
            .windows(ROW)
            .any(|row| row.iter().all(|o| *o >= 0x80))
}

/// Labels by which a mailer says that it doesn't know (RFC 1428 among them).
fn says_nothing(label: &str) -> bool {
    let nothing = [
        "unknown-8bit",
        "x-unknown",
        "unknown",
        "default",
        "default_charset",
        "none",
        "_autodetect_all",
    ];
    nothing
        .iter()
        .any(|known| known.eq_ignore_ascii_case(label))
}

/// The upper halves of the two of DOS that nobody else has a table for.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
const CP852: &str = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
    └┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";

/// Text of an old program: a till, a machine, a database.
fn of_dos(label: &str, octets: &[u8]) -> Option<String> {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(label));
    let upper = match () {
        () if is(&["cp437", "ibm437", "437"]) => CP437,
        () if is(&["cp852", "ibm852", "852", "pc852"]) => CP852,
        () => return None,
    };
    let upper: Vec<char> = upper.chars().collect();
    let character = |octet: &u8| match octet.checked_sub(128) {
        Some(at) => upper
            .get(usize::from(at))
            .copied()
            .unwrap_or(char::REPLACEMENT_CHARACTER),
        None => char::from(*octet),
    };
    Some(octets.iter().map(character).collect())
}

/// The registered name of one that only its maker knows.
fn alias(label: &str) -> &str {
    const ALIASES: &[(&str, &str)] = &[
        ("ansi", "windows-1252"),
        ("cp-850", "ibm850"),
        ("cp932", "shift_jis"),
        ("cp936", "gbk"),
        ("cp949", "euc-kr"),
        ("cp950", "big5"),
        ("iso-8859-8-e", "iso-8859-8"),
        ("utf-8mb4", "utf-8"),
        ("utf8mb4", "utf-8"),
        ("utf_8", "utf-8"),
        ("win-1250", "windows-1250"),
        ("win-1251", "windows-1251"),
        ("win-1252", "windows-1252"),
        ("windows-932", "shift_jis"),
        ("windows-936", "gbk"),
    ];
    let found = ALIASES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(label));
    found.map_or(label, |(_, name)| name)
}

/// The character set that HTML names in itself, where its part names none.
pub(crate) fn named_in_html(octets: &[u8]) -> Option<String> {
    let head = octets.get(..HEAD).unwrap_or(octets).to_ascii_lowercase();
    let at = memmem::find(&head, b"charset")? + 7;
    let rest = head.get(at..)?.trim_ascii_start().strip_prefix(b"=")?;
    let rest = rest.trim_ascii_start();
    let rest = rest
        .strip_prefix(b"\"")
        .or(rest.strip_prefix(b"'"))
        .unwrap_or(rest);
    let known =
        |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b':' | b'.');
    let end = rest
        .iter()
        .position(|octet| !known(octet))
        .unwrap_or(rest.len());
    let name = std::str::from_utf8(rest.get(..end)?).ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Octets of HTML in which it names its character set (HTML §4.2.5.4).
const HEAD: usize = 1024;

/// UTF-8 where it is valid, windows-1252 where not: every octet means something there.
pub(crate) fn undeclared(octets: &[u8]) -> String {
    // No text in either begins so.
    if octets.starts_with(b"\xff\xfe") || octets.starts_with(b"\xfe\xff") {
        return UTF_16LE.decode(octets).0.into();
    }
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
