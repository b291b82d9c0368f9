//! An HTML body as lines, as far as the fields of a forwarded message need them: no more than what begins a
//! line, and characters. Not for showing: what a browser would lay out is not followed.

/// Octets of HTML that are looked at, and of text that comes of it.
const HTML_MAX: usize = 512 * 1024;
const TEXT_MAX: usize = 64 * 1024;

/// Elements that begin a line.
const BREAKS: &[&str] = &[
    "br",
    "p",
    "/p",
    "div",
    "/div",
    "tr",
    "/tr",
    "li",
    "ul",
    "ol",
    "table",
    "/table",
    "blockquote",
    "/blockquote",
    "hr",
    "h1",
    "h2",
    "h3",
    "h4",
    "/h1",
    "/h2",
    "/h3",
    "/h4",
    "body",
    "/pre",
];

/// Elements whose content is not shown.
const HIDDEN: &[&str] = &["style", "script", "title"];

/// Its text.
pub(super) fn lines(html: &str) -> String {
    let html = super::words::cut(html, HTML_MAX).0;
    let mut out = String::new();
    let mut rest = html;
    let mut preformatted = false;
    while let Some(first) = rest.chars().next() {
        if out.len() >= TEXT_MAX {
            break;
        }
        match first {
            '<' => rest = tag(rest, &mut out, &mut preformatted),
            '&' => {
                let (character, after) = entity(rest);
                out.push(character);
                rest = after;
            }
            _ => {
                let end = rest.find(['<', '&']).unwrap_or(rest.len());
                let (text, after) = rest.split_at(end);
                put(&mut out, text, preformatted);
                rest = after;
            }
        }
    }
    out
}

/// Text between tags: its white space is one space (HTML 5 §4.1.3), a no-break space is itself.
fn put(out: &mut String, text: &str, preformatted: bool) {
    for character in text.chars() {
        if out.len() >= TEXT_MAX {
            return;
        }
        match character {
            character if preformatted => out.push(character),
            ' ' | '\t' | '\r' | '\n' => {
                if !out.ends_with([' ', '\n']) {
                    out.push(' ');
                }
            }
            character => out.push(character),
        }
    }
}

/// Steps over what begins with `<`.
fn tag<'a>(rest: &'a str, out: &mut String, preformatted: &mut bool) -> &'a str {
    if let Some(comment) = rest.strip_prefix("<!--") {
        let end = comment.find("-->").map_or(comment.len(), |at| at + 3);
        return comment.get(end..).unwrap_or_default();
    }
    let inside = rest.get(1..).unwrap_or_default();
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        // What a sender forgot to write as an entity: `<petra@example.org>`.
        out.push('<');
        return inside;
    }
    let end = inside.find('>').unwrap_or(inside.len());
    let (tag, after) = inside.split_at(end);
    let after = after.get(1..).unwrap_or_default();
    let name = tag
        .split(|c: char| c.is_whitespace())
        .next()
        .unwrap_or_default();
    let name = super::words::cut(name, 16).0.to_ascii_lowercase();
    if name.contains('@') {
        out.push('<');
        return inside;
    }
    let name = match name.strip_suffix('/') {
        Some(name) => name,
        None => name.as_str(),
    };
    if let Some(hidden) = HIDDEN.iter().find(|hidden| **hidden == name) {
        return hide(after, hidden);
    }
    match name {
        "pre" => *preformatted = true,
        "/pre" => *preformatted = false,
        "td" | "th" => out.push('\t'),
        _ => {}
    }
    if BREAKS.contains(&name) && !out.is_empty() {
        while out.ends_with([' ', '\t']) {
            out.pop();
        }
        // Two in a row are an empty line at most.
        if !out.ends_with("\n\n") {
            out.push('\n');
        }
    }
    after
}

/// Behind the end of an element that isn't shown.
fn hide<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|rest| rest.find("</")) {
        let at = from + at + 2;
        let here = rest.as_bytes().get(at..at + name.len());
        if here.is_some_and(|here| here.eq_ignore_ascii_case(name.as_bytes())) {
            let end = rest.get(at..).and_then(|rest| rest.find('>'));
            return end
                .and_then(|end| rest.get(at + end + 1..))
                .unwrap_or_default();
        }
        from = at;
    }
    ""
}

/// The character that an entity stands for, or the ampersand itself.
fn entity(rest: &str) -> (char, &str) {
    let inside = rest.get(1..).unwrap_or_default();
    let amp = ('&', inside);
    let Some(end) = inside.bytes().take(12).position(|octet| octet == b';') else {
        return amp;
    };
    let (Some(name), Some(after)) = (inside.get(..end), inside.get(end + 1..)) else {
        return amp;
    };
    let number = |digits: &str| match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    };
    let character = match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => name
            .strip_prefix('#')
            .and_then(number)
            .and_then(char::from_u32)
            .filter(|character| *character != '\0')
            .or_else(|| letter(name)),
    };
    character.map_or(amp, |character| (character, after))
}

/// The letters that names of fields and people have, which older mailers write as entities.
fn letter(name: &str) -> Option<char> {
    const LETTERS: &[(&str, char)] = &[
        ("auml", 'ä'),
        ("ouml", 'ö'),
        ("uuml", 'ü'),
        ("Auml", 'Ä'),
        ("Ouml", 'Ö'),
        ("Uuml", 'Ü'),
        ("szlig", 'ß'),
        ("agrave", 'à'),
        ("Agrave", 'À'),
        ("eacute", 'é'),
        ("Eacute", 'É'),
        ("egrave", 'è'),
        ("ecirc", 'ê'),
        ("ccedil", 'ç'),
        ("iacute", 'í'),
        ("oacute", 'ó'),
        ("aacute", 'á'),
        ("uacute", 'ú'),
        ("ntilde", 'ñ'),
        ("atilde", 'ã'),
        ("otilde", 'õ'),
        ("aring", 'å'),
        ("Aring", 'Å'),
        ("oslash", 'ø'),
        ("Oslash", 'Ø'),
        ("aelig", 'æ'),
    ];
    LETTERS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, letter)| *letter)
}
