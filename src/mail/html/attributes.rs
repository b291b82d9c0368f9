//! The attributes that are let through, each written anew. What is not on the list is left out.
//!
//! Addresses lead to the web, to a mailbox or to a telephone, and to nothing else. A picture is shown where
//! the mail brings it (`cid:`, `data:`); one from elsewhere would tell its owner who reads when, so that its
//! address is kept beside it, as `data-src`. Of styles what a person may refer to stays ("my answers in
//! red"), by a list of properties and of characters.

use super::tags::{Kind, Tag};
use super::token;
use crate::mail::words;

/// What is seen of an element while its attributes are written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Not to be shown.
    pub(super) hidden: bool,
    /// What it says of where somebody's own words end.
    pub(super) sign: Option<Sign>,
    /// The link's address, or the picture's id.
    pub(super) address: Option<String>,
    /// What stands for a picture.
    pub(super) alt: String,
    /// An Outlook's paragraph, which has no blank line around it.
    pub(super) tight: bool,
    /// The number of a list's first item.
    pub(super) start: Option<u32>,
}

/// What an element's class or id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// In it is what was written before.
    Quoted,
    /// From it on is what was written before.
    Behind,
    /// It is a signature.
    Signature,
}

/// Octets of an address that we keep, of any other value, and of a picture that stands in the HTML itself.
const ADDRESS_MAX: usize = 4_000;
const VALUE_MAX: usize = 1_000;
const PICTURE_MAX: usize = 1024 * 1024;

/// Words of classes and ids (without the `x_` that Outlook puts before those of others).
const SIGNS: &[(&str, Sign)] = &[
    ("gmail_quote", Sign::Quoted),
    ("gmail_quote_container", Sign::Quoted),
    ("gmail_extra", Sign::Quoted),
    ("yahoo_quoted", Sign::Quoted),
    ("protonmail_quote", Sign::Quoted),
    ("tutanota_quote", Sign::Quoted),
    ("zmail_extra", Sign::Quoted),
    ("bloop_original_html", Sign::Quoted),
    ("mail-editor-reference-message-container", Sign::Quoted),
    ("divrplyfwdmsg", Sign::Behind),
    ("appendonsend", Sign::Behind),
    ("outlookmessageheader", Sign::Behind),
    ("ms-outlook-mobile-reference-message", Sign::Behind),
    ("olk_src_body_section", Sign::Behind),
    ("gmail_signature", Sign::Signature),
    ("moz-signature", Sign::Signature),
    ("protonmail_signature_block", Sign::Signature),
    ("ms-outlook-mobile-signature", Sign::Signature),
    ("ms-outlook-mobile-body-separator-line", Sign::Signature),
    ("applemailsignature", Sign::Signature),
    ("ymail_android_signature", Sign::Signature),
    ("ymail_ios_signature", Sign::Signature),
    ("signature", Sign::Signature),
];

/// Properties of a style that stay.
const PROPERTIES: &[&str] = &[
    "background-color",
    "color",
    "font-style",
    "font-weight",
    "text-align",
    "text-decoration",
    "text-decoration-line",
    "white-space",
];

/// Write the attributes of a tag behind its name.
pub(super) fn write(out: &mut String, tag: Tag, attributes: &str) -> Seen {
    let mut seen = Seen::default();
    // The first of a name counts.
    let mut written: Vec<&'static str> = Vec::new();
    for (name, raw) in token::attributes(attributes) {
        let Some(name) = known(name) else { continue };
        if written.contains(&name) {
            continue;
        }
        written.push(name);
        let mut value = String::new();
        token::decoded(raw, true, |piece| value.push_str(piece));
        one(out, tag, name, &value, &mut seen);
    }
    if seen.hidden {
        out.push_str(" hidden");
    }
    if tag.kind == Kind::Link && seen.address.is_some() {
        out.push_str(" rel=\"noopener noreferrer\"");
    }
    seen
}

/// The name of an attribute that says anything.
fn known(name: &str) -> Option<&'static str> {
    const KNOWN: &[&str] = &[
        "align",
        "alt",
        "border",
        "cellpadding",
        "cellspacing",
        "class",
        "color",
        "colspan",
        "dir",
        "height",
        "hidden",
        "href",
        "id",
        "lang",
        "name",
        "rowspan",
        "span",
        "src",
        "start",
        "style",
        "title",
        "type",
        "valign",
        "value",
        "width",
    ];
    KNOWN
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .copied()
}

fn one(out: &mut String, tag: Tag, name: &'static str, value: &str, seen: &mut Seen) {
    let is = |kinds: &[Kind]| kinds.contains(&tag.kind);
    match name {
        "class" | "id" | "name" => {
            seen.tight |= value.starts_with("Mso");
            seen.sign = seen.sign.or_else(|| sign(name, value));
        }
        "hidden" => seen.hidden = true,
        "style" => style(out, value, seen),
        "href" if tag.kind == Kind::Link => {
            if let Some(address) = link(value) {
                attribute(out, name, &address);
                seen.address = Some(address);
            }
        }
        "src" if tag.kind == Kind::Picture => picture(out, value, seen),
        "alt" if tag.kind == Kind::Picture => {
            attribute(out, name, words::cut(value, VALUE_MAX).0);
            words::cut(value, VALUE_MAX).0.clone_into(&mut seen.alt);
        }
        "title" => attribute(out, name, words::cut(value, VALUE_MAX).0),
        "lang" if is_word(value) => attribute(out, name, value),
        "dir" if is_one_of(value, &["ltr", "rtl", "auto"]) => attribute(out, name, value),
        "align"
            if tag.kind.is_block() && is_one_of(value, &["left", "right", "center", "justify"]) =>
        {
            attribute(out, name, value);
        }
        "valign" if is(&[Kind::Cell, Kind::Row, Kind::Rows]) && is_word(value) => {
            attribute(out, name, value)
        }
        "colspan" | "rowspan" if is(&[Kind::Cell]) && is_number(value) => {
            attribute(out, name, value)
        }
        "span" if is(&[Kind::Rows, Kind::Void]) && is_number(value) => attribute(out, name, value),
        "border" | "cellpadding" | "cellspacing" if is(&[Kind::Table]) && is_number(value) => {
            attribute(out, name, value);
        }
        "width" | "height" if is(&[Kind::Picture]) && is_number(value) => {
            attribute(out, name, value)
        }
        "start" if is(&[Kind::List]) && is_number(value) => {
            seen.start = value.parse().ok();
            attribute(out, name, value);
        }
        "value" if is(&[Kind::Item]) && is_number(value) => attribute(out, name, value),
        "type" if is(&[Kind::List, Kind::Item]) && is_word(value) => attribute(out, name, value),
        "color" if tag.name == "font" && is_plain(value) => attribute(out, name, value),
        _ => {}
    }
}

/// An attribute of ours.
pub(super) fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escaped(out, value);
    out.push('"');
}

/// Text that can be nothing but text, in an attribute or outside.
pub(super) fn escaped(out: &mut String, text: &str) {
    let is_special = |octet: &u8| matches!(octet, b'&' | b'<' | b'>' | b'"' | 0);
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|octet| is_special(&octet)) {
        let (before, here) = rest.split_at(at);
        out.push_str(before);
        out.push_str(match here.as_bytes().first() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            _ => "\u{fffd}",
        });
        rest = here.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// What a word of a class or an id says.
fn sign(name: &str, value: &str) -> Option<Sign> {
    // GMX and web.de have it so.
    if name == "name" {
        return (value == "quote").then_some(Sign::Quoted);
    }
    value.split_ascii_whitespace().find_map(|word| {
        let mut word = word;
        while let Some(rest) = word.strip_prefix("x_") {
            word = rest;
        }
        let known = SIGNS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word));
        known
            .map(|(_, sign)| *sign)
            // "signature" is anybody's class, and one client's id.
            .filter(|_| name == "id" || !word.eq_ignore_ascii_case("signature"))
    })
}

/// An address that a link may have.
fn link(value: &str) -> Option<String> {
    // Browsers pass over these (URL §4.4).
    let value: String = value.trim().chars().filter(|c| !c.is_control()).collect();
    let schemes = ["http://", "https://", "mailto:", "tel:", "ftp://"];
    let known = schemes.iter().any(|scheme| begins(&value, scheme));
    (known && value.len() <= ADDRESS_MAX).then_some(value)
}

fn begins(text: &str, with: &str) -> bool {
    let beginning = text.as_bytes().get(..with.len());
    beginning.is_some_and(|b| b.eq_ignore_ascii_case(with.as_bytes()))
}

fn picture(out: &mut String, value: &str, seen: &mut Seen) {
    let value = value.trim();
    if begins(value, "cid:") {
        // As the part has it (RFC 2392 §2).
        let id = words::cut(value.get(4..).unwrap_or_default(), VALUE_MAX)
            .0
            .replace("%40", "@");
        attribute(out, "src", &format!("cid:{id}"));
        seen.address = Some(id);
    } else if begins(value, "data:image/") {
        let kinds = ["png", "jpeg", "jpg", "gif", "webp", "bmp"];
        let (head, content) = value.split_once(',').unwrap_or_default();
        let kind = head.get(11..).unwrap_or_default().to_ascii_lowercase();
        let known = kinds.iter().any(|known| kind == format!("{known};base64"));
        let base64 = |o: u8| {
            o.is_ascii_alphanumeric() || matches!(o, b'+' | b'/' | b'=') || o.is_ascii_whitespace()
        };
        if known && content.len() <= PICTURE_MAX && content.bytes().all(base64) {
            attribute(out, "src", value);
        }
    } else if let Some(address) = link(value).filter(|address| begins(address, "http")) {
        attribute(out, "data-src", &address);
    }
}

fn style(out: &mut String, value: &str, seen: &mut Seen) {
    let mut kept = String::new();
    for declaration in value.split(';').take(100) {
        let Some((name, value)) = declaration.split_once(':') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        let value = value.strip_suffix("!important").unwrap_or(value).trim_end();
        let is = |known: &str, said: &str| {
            name.eq_ignore_ascii_case(known) && value.eq_ignore_ascii_case(said)
        };
        seen.hidden |= is("display", "none") || is("visibility", "hidden");
        seen.tight |= name.eq_ignore_ascii_case("margin") && value.starts_with('0');
        let Some(name) = PROPERTIES
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name))
        else {
            continue;
        };
        if is_plain(value) {
            if !kept.is_empty() {
                kept.push(';');
            }
            kept.push_str(name);
            kept.push(':');
            kept.push_str(value);
        }
    }
    if !kept.is_empty() {
        attribute(out, "style", &kept);
    }
}

/// A colour, a number or a word: nothing that could fetch anything.
fn is_plain(value: &str) -> bool {
    let known = |o: u8| {
        o.is_ascii_alphanumeric()
            || matches!(o, b' ' | b'#' | b'%' | b'.' | b',' | b'(' | b')' | b'-')
    };
    let function = value.split_once('(').map(|(name, _)| name);
    let function = function.is_none_or(|name| matches!(name, "rgb" | "rgba" | "hsl" | "hsla"));
    !value.is_empty()
        && value.len() <= 60
        && value.bytes().all(known)
        && function
        && value.matches('(').count() < 2
}

fn is_number(value: &str) -> bool {
    let digits = value.strip_suffix('%').unwrap_or(value);
    !digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|o| o.is_ascii_digit())
}

fn is_word(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 30
        && value
            .bytes()
            .all(|o| o.is_ascii_alphanumeric() || o == b'-')
}

fn is_one_of(value: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::super::tags;
    use super::*;

    fn written(tag: &str, attributes: &str) -> (String, Seen) {
        let mut out = String::new();
        let (_, tag) = tags::find(tag.as_bytes()).unwrap();
        let seen = write(&mut out, tag, attributes);
        (out, seen)
    }

    #[test]
    fn a_link_leads_to_the_web_a_mailbox_or_a_telephone() {
        let rel = " rel=\"noopener noreferrer\"";
        for (href, kept) in [
            (
                "https://x.example/?a=1&amp;b=\"2",
                " href=\"https://x.example/?a=1&amp;b=&quot;2\"",
            ),
            ("MAILTO:p@x.example", " href=\"MAILTO:p@x.example\""),
            ("tel:+49", " href=\"tel:+49\""),
        ] {
            assert_eq!(
                written("a", &format!(" href='{href}' onclick=x")).0,
                format!("{kept}{rel}")
            );
        }
        for href in [
            "javascript:alert(1)",
            "JaVa&#10;Script:alert(1)",
            "&#1;javascript:x",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc",
            "//x.example",
            "#top",
            "cid:a",
            "",
        ] {
            assert_eq!(written("a", &format!(" href='{href}'")).0, "", "{href}");
        }
    }

    #[test]
    fn a_picture_from_elsewhere_is_not_loaded_and_its_address_stays() {
        for (src, kept) in [
            (
                "https://track.example/1.gif",
                " data-src=\"https://track.example/1.gif\"",
            ),
            ("cid:a@b", " src=\"cid:a@b\""),
            (
                "data:image/png;base64,AA==",
                " src=\"data:image/png;base64,AA==\"",
            ),
            ("data:image/svg+xml;base64,AA==", ""),
            ("data:image/png;base64,<", ""),
            ("javascript:x", ""),
            ("file://server/share/a.png", ""),
            ("\\\\server\\a.png", ""),
        ] {
            assert_eq!(
                written(
                    "img",
                    &format!(" src='{src}' onerror=x srcset='https://y.example'")
                )
                .0,
                kept
            );
        }
    }

    #[test]
    fn of_a_style_what_can_fetch_nothing_stays() {
        let (kept, seen) = written(
            "span",
            " style=\"color:red; background:url(https://x.example); COLOR : rgb(1, 2, 3) !important; font-weight:bold;width:expression(x); color:url(x); position:fixed\"",
        );
        assert_eq!(
            kept,
            " style=\"color:red;color:rgb(1, 2, 3);font-weight:bold\""
        );
        assert!(!seen.hidden);
        assert_eq!(
            written("div", " style='DISPLAY: none'"),
            (
                " hidden".into(),
                Seen {
                    hidden: true,
                    ..Seen::default()
                }
            )
        );
    }

    #[test]
    fn the_first_of_two_attributes_counts() {
        assert_eq!(
            written("td", " colspan=2 COLSPAN=3 rowspan=x onclick=y").0,
            " colspan=\"2\""
        );
    }

    #[test]
    fn the_signs_of_the_clients_are_known_behind_outlooks_marks() {
        let sign = |attributes: &str| written("div", attributes).1.sign;
        assert_eq!(sign(" class='x_x_gmail_quote foo'"), Some(Sign::Quoted));
        assert_eq!(sign(" id=divRplyFwdMsg"), Some(Sign::Behind));
        assert_eq!(sign(" name=quote"), Some(Sign::Quoted));
        assert_eq!(sign(" id=Signature"), Some(Sign::Signature));
        assert_eq!(sign(" class=signature"), None);
    }
}
