//! Rich text as Outlook sends it: compressed (MS-OXRTFCP), and with the HTML or the text in it that it was made
//! from (MS-OXRTFEX). Read to text or HTML; pictures, fonts and layout are not.

use super::label;
use crate::mail::charset;
use crate::mail::message::Oddities;

/// Octets of rich text, and of what is read of it.
const TEXT_MAX: usize = 2 * 1024 * 1024;

/// Groups inside each other.
const DEPTH_MAX: usize = 200;

/// What the dictionary holds at the beginning.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// The octets that were compressed; none where they aren't of that form.
pub(super) fn decompress(octets: &[u8]) -> Option<Vec<u8>> {
    let (head, mut rest) = octets.split_at_checked(16)?;
    let size = u32::from_le_bytes(*head.get(4..)?.first_chunk()?) as usize;
    let size = size.min(TEXT_MAX);
    match head.get(8..12)? {
        b"MELA" => return Some(rest.get(..size).unwrap_or(rest).to_vec()),
        b"LZFu" => {}
        _ => return None,
    }
    let mut window = [b' '; 4096];
    window
        .get_mut(..DICTIONARY.len())?
        .copy_from_slice(DICTIONARY);
    let mut at = DICTIONARY.len();
    // Seventeen octets make 136 at most, whatever it says of its size.
    let mut out = Vec::with_capacity(size.min(8 * rest.len()));
    while let Some((&flags, behind)) = rest.split_first() {
        rest = behind;
        for bit in 0..8 {
            if out.len() >= size {
                return Some(out);
            }
            let mut put = |octet: u8| {
                out.push(octet);
                if let Some(slot) = window.get_mut(at) {
                    *slot = octet;
                }
                at = (at + 1) % 4096;
            };
            if flags >> bit & 1 == 0 {
                let Some((&octet, behind)) = rest.split_first() else {
                    return Some(out);
                };
                rest = behind;
                put(octet);
                continue;
            }
            let Some((&[high, low], behind)) = rest.split_first_chunk() else {
                return Some(out);
            };
            rest = behind;
            let from = usize::from(high) << 4 | usize::from(low >> 4);
            if from == at {
                return Some(out);
            }
            for step in 0..usize::from(low & 15) + 2 {
                let octet = window
                    .get((from + step) % 4096)
                    .copied()
                    .unwrap_or_default();
                out.push(octet);
                if let Some(slot) = window.get_mut(at) {
                    *slot = octet;
                }
                at = (at + 1) % 4096;
            }
        }
    }
    Some(out)
}

/// What rich text says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Html(String),
    Text(String),
}

/// Read rich text; none where it says nothing.
pub(super) fn read(octets: &[u8]) -> Option<Read> {
    if !octets.starts_with(b"{\\rtf") {
        return None;
    }
    let mut reader = Reader {
        rest: octets,
        html: false,
        page: None,
        groups: vec![Group::default()],
        too_deep: 0,
        pending: Vec::new(),
        skip: 0,
        out: String::new(),
    };
    reader.run();
    reader.flush();
    let said = !reader.out.trim().is_empty();
    said.then_some(match reader.html {
        true => Read::Html(reader.out),
        false => Read::Text(reader.out.trim_end().to_owned() + "\n"),
    })
}

/// What holds within a group.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// Nothing of it is text.
    ignored: bool,
    /// It is a piece of the HTML itself.
    tag: bool,
    /// It is there for who reads the rich text, and not the HTML.
    rich: bool,
    /// Octets that stand for a character that they can't say.
    stand_in: usize,
}

impl Default for Group {
    fn default() -> Group {
        Group {
            ignored: false,
            tag: false,
            rich: false,
            stand_in: 1,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    html: bool,
    page: Option<u32>,
    groups: Vec<Group>,
    too_deep: usize,
    /// Octets that are not text yet.
    pending: Vec<u8>,
    /// Stand-ins that are still to come.
    skip: usize,
    out: String,
}

impl Reader<'_> {
    fn group(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            self.groups.push(Group::default());
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    fn run(&mut self) {
        while let Some((&octet, rest)) = self.rest.split_first() {
            if self.out.len() + self.pending.len() > TEXT_MAX {
                return;
            }
            self.rest = rest;
            match octet {
                b'{' if self.groups.len() >= DEPTH_MAX => self.too_deep += 1,
                b'{' => {
                    let group = *self.group();
                    self.groups.push(group);
                    self.skip = 0;
                }
                b'}' if self.too_deep > 0 => self.too_deep -= 1,
                b'}' => {
                    self.groups.pop();
                    self.skip = 0;
                }
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                octet => self.octet(octet),
            }
        }
    }

    /// An octet of text.
    fn octet(&mut self, octet: u8) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let html = self.html;
        let group = *self.group();
        if group.ignored || (html && group.rich) {
            return;
        }
        match octet {
            b'<' | b'>' | b'&' if html && !group.tag => {
                self.flush();
                self.out.push_str(match octet {
                    b'<' => "&lt;",
                    b'>' => "&gt;",
                    _ => "&amp;",
                });
            }
            octet => self.pending.push(octet),
        }
    }

    /// A character of text.
    fn say(&mut self, character: char) {
        let html = self.html;
        let group = *self.group();
        if group.ignored || (html && group.rich) {
            return;
        }
        self.flush();
        self.out.push(character);
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let text = charset::decode(
                Some(label(self.page)),
                &self.pending,
                &mut Oddities::default(),
            );
            self.out.push_str(&text);
            self.pending.clear();
        }
    }

    fn control(&mut self) {
        let Some((&first, rest)) = self.rest.split_first() else {
            return;
        };
        if !first.is_ascii_alphabetic() {
            self.rest = rest;
            return self.symbol(first);
        }
        let letters = self
            .rest
            .iter()
            .take(32)
            .take_while(|o| o.is_ascii_alphabetic())
            .count();
        let (word, rest) = self.rest.split_at(letters);
        let minus = usize::from(rest.first() == Some(&b'-'));
        let digits = rest
            .iter()
            .skip(minus)
            .take(10)
            .take_while(|o| o.is_ascii_digit())
            .count();
        let (number, mut rest) = match digits {
            0 => (None, rest),
            digits => {
                let (number, rest) = rest.split_at(minus + digits);
                (
                    std::str::from_utf8(number)
                        .ok()
                        .and_then(|n| n.parse::<i64>().ok()),
                    rest,
                )
            }
        };
        if rest.first() == Some(&b' ') {
            rest = rest.get(1..).unwrap_or_default();
        }
        self.rest = rest;
        self.word(word, number);
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let digit = |o: &u8| char::from(*o).to_digit(16);
                if let [high, low, rest @ ..] = self.rest {
                    if let (Some(high), Some(low)) = (digit(high), digit(low)) {
                        self.rest = rest;
                        self.octet((high << 4 | low) as u8);
                    }
                }
            }
            b'*' => {
                // Whoever doesn't know it passes over it; `word` knows one.
                self.group().ignored = true;
            }
            b'~' => self.say('\u{a0}'),
            b'_' => self.say('-'),
            b'\\' | b'{' | b'}' => self.octet(symbol),
            b'\r' | b'\n' => self.say('\n'),
            _ => {}
        }
    }

    fn word(&mut self, word: &[u8], number: Option<i64>) {
        match word {
            b"fromhtml" => self.html = number != Some(0),
            b"ansicpg" => self.page = number.and_then(|n| u32::try_from(n).ok()),
            b"htmltag" => {
                // A piece within what is passed over for other reasons stays so.
                let above = self
                    .groups
                    .len()
                    .checked_sub(2)
                    .and_then(|at| self.groups.get(at));
                let hidden = above.is_some_and(|above| above.ignored);
                let html = self.html;
                let group = self.group();
                (group.tag, group.ignored) = (true, hidden || !html);
            }
            b"htmlrtf" => {
                self.flush();
                self.group().rich = number != Some(0);
            }
            b"fonttbl" | b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"object"
            | b"header" | b"footer" => {
                self.group().ignored = true;
            }
            b"uc" => {
                self.group().stand_in = number
                    .and_then(|n| usize::try_from(n).ok())
                    .unwrap_or(1)
                    .min(8)
            }
            b"u" => {
                let unit = number.unwrap_or_default().rem_euclid(65_536);
                let character = u32::try_from(unit).ok().and_then(char::from_u32);
                self.say(character.unwrap_or(char::REPLACEMENT_CHARACTER));
                self.skip = self.group().stand_in;
            }
            b"par" | b"line" | b"row" => self.say('\n'),
            b"tab" | b"cell" => self.say('\t'),
            b"lquote" => self.say('‘'),
            b"rquote" => self.say('’'),
            b"ldblquote" => self.say('“'),
            b"rdblquote" => self.say('”'),
            b"bullet" => self.say('•'),
            b"endash" => self.say('–'),
            b"emdash" => self.say('—'),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rich: &str) -> Option<Read> {
        read(rich.as_bytes())
    }

    /// MS-OXRTFCP §4.1.1 and §4.2.1: the examples of the specification itself.
    #[test]
    fn the_examples_of_the_specification_are_decompressed() {
        assert_eq!(DICTIONARY.len(), 207);
        let example = [
            0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03,
            0x00, 0x0a, 0x00, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3,
            0x20, 0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d,
            0x0a, 0x80, 0x0f, 0xa0,
        ];
        assert_eq!(
            decompress(&example).unwrap(),
            b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
        );
        let crossing = [
            0x1a, 0, 0, 0, 0x1c, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xe2, 0xd4, 0x4b, 0x51, 0x41,
            0x00, 0x04, 0x20, 0x57, 0x58, 0x59, 0x5a, 0x0d, 0x6e, 0x7d, 0x01, 0x0e, 0xb0,
        ];
        assert_eq!(
            decompress(&crossing).unwrap(),
            b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
        );
    }

    #[test]
    fn text_is_read_and_what_is_none_is_not() {
        let rich = "{\\rtf1\\ansi\\ansicpg1250\\fromtext{\\fonttbl{\\f0 Arial;}}{\\*\\generator x;}\\pard Gr\\'fc\\'df Ko\\'b3o\\par {\\b two}\\tab \\u8364?\\{x\\}\\par}";
        assert_eq!(
            text(rich),
            Some(Read::Text("Grüß Koło\ntwo\t€{x}\n".into()))
        );
        assert_eq!(text("{\\rtf1}"), None);
        assert_eq!(text("rtf"), None);
    }

    #[test]
    fn html_is_taken_out_of_the_rich_text_that_it_was_put_into() {
        let rich = "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0 Arial;}}{\\*\\htmltag64 <p>}\\htmlrtf {\\htmlrtf0 Gr\\'fc\\'dfe {\\*\\htmltag84 &amp;}\\htmlrtf &\\htmlrtf0  mehr{\\*\\mhtmltag1 x}{\\*\\htmltag72 </p>}\\htmlrtf\\par}\\htmlrtf0}";
        assert_eq!(
            text(rich),
            Some(Read::Html("<p>Grüße &amp; mehr</p>".into()))
        );
    }

    #[test]
    fn groups_without_end_are_read_all_the_same() {
        let deep = format!("{{\\rtf1{}x{}y", "{".repeat(10_000), "}".repeat(20_000));
        assert_eq!(text(&deep), Some(Read::Text("xy\n".into())));
    }
}
