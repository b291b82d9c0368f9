//! HTML as tokens: text, tags, and nothing of what is neither. Pure, in one pass, whatever the input.
//!
//! Reads as browsers do (HTML §13.2.5) where it shows, and more kindly where the input is broken: what is
//! cut off in a tag is text, and a comment that never ends ends at its first `>`. What is found here decides
//! what a person sees, and never what is safe: that is the writer's (`html`), who makes each tag anew.

use super::entities;
use memchr::{memchr, memmem, memrchr};

/// A piece of HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text, with its references as they stand.
    Text(&'a str),
    /// A tag that opens: its name, and its attributes as they stand.
    Open(&'a str, &'a str),
    /// A tag that closes.
    Close(&'a str),
}

/// Elements whose content is no HTML, or none that a mail shows.
const RAW: &[&str] = &[
    "datalist", "iframe", "noembed", "noframes", "script", "select", "style", "svg", "template",
    "textarea", "title", "xmp",
];

/// Digits of a reference: of more than that none is a character, and nothing is looked through for ever.
const DIGITS_MAX: usize = 64;

#[cfg(test)]
thread_local! {
    /// Octets that searches went through: the tests hold that none is looked at more than a few times.
    pub(super) static LOOKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A search went so far; `whole` where it found nothing.
fn looked(found: Option<usize>, whole: usize) {
    #[cfg(test)]
    LOOKED.with(|looked| looked.set(looked.get() + found.unwrap_or(whole)));
    #[cfg(not(test))]
    let _ = (found, whole);
}

/// Reads tokens.
pub(super) struct Tokens<'a> {
    html: &'a str,
    at: usize,
    /// Behind the last `>`: no tag ends there.
    end_of_tags: usize,
    /// Which quotes, and which ends, are known not to come any more: looked for once.
    gone: Gone,
}

#[derive(Default)]
struct Gone {
    double: bool,
    single: bool,
    comment: bool,
    raw: [bool; RAW.len()],
}

impl<'a> Tokens<'a> {
    pub(super) fn of(html: &'a str) -> Tokens<'a> {
        Tokens {
            html,
            at: 0,
            end_of_tags: memrchr(b'>', html.as_bytes()).map_or(0, |at| at + 1),
            gone: Gone::default(),
        }
    }

    fn rest(&self) -> &'a str {
        self.html.get(self.at..).unwrap_or_default()
    }

    /// Take so many octets, which end between characters.
    fn take(&mut self, octets: usize) -> &'a str {
        let taken = self.rest().get(..octets).unwrap_or(self.rest());
        self.at += taken.len();
        taken
    }

    /// Behind the tag that opened such an element (its name in lower case): go on where it closes, and say
    /// what stands before. Of one that never closes nothing is passed over, but for code, which is all the
    /// rest. None where it is no such element.
    pub(super) fn raw(&mut self, name: &[u8]) -> Option<&'a str> {
        let index = RAW.binary_search_by_key(&name, |raw| raw.as_bytes()).ok()?;
        let rest = self.rest();
        let gone = self.gone.raw.get_mut(index)?;
        let octets = rest.as_bytes();
        let closes = |at: &usize| {
            let (from, to) = (at + 2, at + 2 + name.len());
            let tag = octets.get(from..to);
            tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name))
                && octets.get(to).is_none_or(|o| !o.is_ascii_alphanumeric())
        };
        let end = match *gone {
            true => None,
            false => {
                let end = memmem::find_iter(octets, b"</").find(closes);
                looked(end, octets.len());
                end
            }
        };
        *gone = end.is_none();
        let code = matches!(name, b"script" | b"style");
        Some(self.take(end.unwrap_or(if code { rest.len() } else { 0 })))
    }

    /// A tag at the start of `rest`, which begins with `<`: the octets that it takes, and the token that it is.
    /// None where it is none; zero octets where it never ends.
    fn tag(&mut self, rest: &'a str) -> Option<(usize, Option<Token<'a>>)> {
        let octets = rest.as_bytes();
        let close = octets.get(1) == Some(&b'/');
        let from = if close { 2 } else { 1 };
        match octets.get(from)? {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'!' | b'?' if !close => return Some((self.comment(rest), None)),
            _ if close => return Some((memchr(b'>', octets)? + 1, None)),
            _ => return None,
        }
        let named = octets.get(from..)?;
        let length = named
            .iter()
            .position(|o| o.is_ascii_whitespace() || matches!(o, b'/' | b'>'))?;
        let name = rest.get(from..from + length)?;
        if close {
            let end = memchr(b'>', named)?;
            return Some((from + end + 1, Some(Token::Close(name))));
        }
        let attributes = rest.get(from + length..)?;
        match self.attributes_end(attributes.as_bytes()) {
            Some(end) => {
                let token = Token::Open(name, attributes.get(..end)?);
                Some((from + length + end + 1, Some(token)))
            }
            None => Some((0, None)),
        }
    }

    /// Where the `>` stands that ends these attributes: none that is quoted.
    fn attributes_end(&mut self, octets: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let rest = octets.get(at..)?;
            let stop = rest.iter().position(|o| matches!(o, b'>' | b'='));
            looked(stop, rest.len());
            let stop = stop?;
            at += stop + 1;
            if rest.get(stop) == Some(&b'>') {
                return Some(at - 1);
            }
            let value = octets.get(at..)?;
            let blank = value.iter().position(|o| !o.is_ascii_whitespace())?;
            at += blank;
            let (quote, gone) = match value.get(blank)? {
                b'"' => (b'"', &mut self.gone.double),
                b'\'' => (b'\'', &mut self.gone.single),
                _ => continue,
            };
            let end = match *gone {
                true => None,
                false => {
                    let value = octets.get(at + 1..)?;
                    let end = memchr(quote, value);
                    looked(end, value.len());
                    end
                }
            };
            match end {
                Some(end) => at += end + 2,
                // It never ends: the tag does.
                None => *gone = true,
            }
        }
    }

    /// The octets that a comment takes, or a declaration.
    fn comment(&mut self, rest: &str) -> usize {
        let octets = rest.as_bytes();
        if rest.starts_with("<!--") && !self.gone.comment {
            // `<!-->` is one too.
            let end = memmem::find(octets.get(2..).unwrap_or_default(), b"-->");
            looked(end, octets.len());
            match end {
                Some(end) => return end + 5,
                None => self.gone.comment = true,
            }
        }
        let end = memchr(b'>', octets);
        looked(end, octets.len());
        end.map_or(octets.len(), |end| end + 1)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return None;
            }
            if self.at >= self.end_of_tags {
                return Some(Token::Text(self.take(rest.len())));
            }
            if !rest.starts_with('<') {
                let end = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
                return Some(Token::Text(self.take(end)));
            }
            match self.tag(rest) {
                Some((0, _)) => {
                    // Cut off in a tag: no tag behind here is whole.
                    self.end_of_tags = self.at;
                }
                Some((octets, token)) => {
                    self.take(octets);
                    if token.is_some() {
                        return token;
                    }
                }
                None => {
                    let more = rest.as_bytes().get(1..).unwrap_or_default();
                    let end = memchr(b'<', more).map_or(rest.len(), |at| at + 1);
                    return Some(Token::Text(self.take(end)));
                }
            }
        }
    }
}

/// The attributes of a tag, in order: each one's name as it stands, and its value with its references.
pub(super) fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = tag;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '='));
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '='))
            .unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let value = behind.trim_ascii_start();
        let Some(value) = value.strip_prefix('=') else {
            rest = behind;
            return Some((name, ""));
        };
        let value = value.trim_ascii_start();
        let quoted = ['"', '\''].into_iter().find_map(|quote| {
            let inner = value.strip_prefix(quote)?;
            inner.split_once(quote)
        });
        let (value, behind) = quoted.unwrap_or_else(|| {
            let end = value
                .find(|c: char| c.is_ascii_whitespace())
                .unwrap_or(value.len());
            value.split_at(end)
        });
        rest = behind;
        Some((name, value))
    })
}

/// What the text is, piece by piece: as it stands, and what its references stand for.
pub(super) fn decoded(text: &str, in_attribute: bool, mut take: impl FnMut(&str)) {
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        let (before, here) = rest.split_at(at);
        if !before.is_empty() {
            take(before);
        }
        match reference(here, in_attribute) {
            Some((character, length)) => {
                take(character.encode_utf8(&mut [0; 4]));
                rest = here.get(length..).unwrap_or_default();
            }
            None => {
                take("&");
                rest = here.get(1..).unwrap_or_default();
            }
        }
    }
    if !rest.is_empty() {
        take(rest);
    }
}

/// What the reference at the start of `text` stands for, and its octets.
fn reference(text: &str, in_attribute: bool) -> Option<(char, usize)> {
    let octets = text.as_bytes();
    if octets.get(1) == Some(&b'#') {
        let hex = matches!(octets.get(2), Some(b'x' | b'X'));
        let from = if hex { 3 } else { 2 };
        let digits = octets.get(from..)?.iter().take(DIGITS_MAX);
        let count = digits
            .take_while(|o| {
                if hex {
                    o.is_ascii_hexdigit()
                } else {
                    o.is_ascii_digit()
                }
            })
            .count();
        let digits = text
            .get(from..from + count)
            .filter(|digits| !digits.is_empty())?;
        let number = u32::from_str_radix(digits, if hex { 16 } else { 10 }).unwrap_or(u32::MAX);
        let end = from + count;
        let semicolon = usize::from(octets.get(end) == Some(&b';'));
        return Some((entities::numbered(number), end + semicolon));
    }
    let named = octets.get(1..)?.iter().take(entities::NAME_MAX + 1);
    let count = named.take_while(|o| o.is_ascii_alphanumeric()).count();
    let name = text.get(1..1 + count)?;
    if octets.get(1 + count) == Some(&b';') {
        let character = entities::named(name, false)?;
        return Some((character, count + 2));
    }
    // In an address `&copy=1` is a parameter.
    if in_attribute {
        return None;
    }
    entities::named(name, true).map(|character| (character, count + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(html: &str) -> Vec<Token<'_>> {
        Tokens::of(html).collect()
    }

    fn text(html: &str) -> String {
        let mut out = String::new();
        decoded(html, false, |piece| out.push_str(piece));
        out
    }

    #[test]
    fn tags_and_text_are_told_apart_as_browsers_do() {
        use Token::*;
        assert_eq!(
            read("a<B x='>' y=\">\">b</B\n>1 < 2 <3 </> <!-- <i> --><!doctype x><?php ?><br/>"),
            [
                Text("a"),
                Open("B", " x='>' y=\">\""),
                Text("b"),
                Close("B"),
                Text("1 "),
                Text("< 2 "),
                Text("<3 "),
                Text(" "),
                Open("br", "/"),
            ]
        );
    }

    #[test]
    fn what_is_cut_off_or_never_closed_is_still_shown() {
        use Token::*;
        assert_eq!(read("a<b href=\"x"), [Text("a<b href=\"x")]);
        assert_eq!(read("a<!-- b> c"), [Text("a"), Text(" c")]);
        assert_eq!(
            read("<p title=\"it's>big<i>"),
            [Open("p", " title=\"it's"), Text("big"), Open("i", "")]
        );
        assert_eq!(read("<!-->a"), [Text("a")]);
    }

    #[test]
    fn attributes_are_read_however_they_are_written() {
        let read: Vec<_> = attributes(" a=1 B = 'x y' c d=\"&amp;\" / e='open").collect();
        assert_eq!(
            read,
            [
                ("a", "1"),
                ("B", "x y"),
                ("c", ""),
                ("d", "&amp;"),
                ("e", "'open")
            ]
        );
    }

    #[test]
    fn references_are_what_browsers_make_of_them() {
        assert_eq!(text("&auml;&#228;&#xE4;&#x80;&#150;"), "äää€–");
        assert_eq!(
            text("&uuml&copy &hellip &x; & &#; &#0; &#99999999999;"),
            "ü© &hellip &x; & &#; \u{fffd} \u{fffd}"
        );
        let mut out = String::new();
        decoded("?a=1&copy=2&amp;b", true, |piece| out.push_str(piece));
        assert_eq!(out, "?a=1&copy=2&b");
    }

    #[test]
    fn the_names_are_in_order() {
        for name in ["nbsp", "Auml", "zwnj", "thetasym", "AMP", "zeta"] {
            assert!(entities::named(name, false).is_some(), "{name}");
        }
    }

    proptest! {
        /// Nothing is read twice: whatever the octets, tokens follow each other.
        #[test]
        fn tokens_follow_each_other(html in "[<>/!\\-\"'= a-c&;]{0,60}") {
            let total: usize = read(&html).iter().map(|token| match token {
                Token::Text(text) => text.len(),
                Token::Open(name, rest) => name.len() + rest.len() + 2,
                Token::Close(name) => name.len() + 3,
            }).sum();
            prop_assert!(total <= html.len());
        }
    }
}
