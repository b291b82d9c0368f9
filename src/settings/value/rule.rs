//! What stands in a rule: patterns, names of fields, kinds of attachments, and what is set on a ticket.

use super::Zones;
use crate::ticket::rule::Pattern;

/// Octets of what a rule sets on a ticket.
const MARK_MAX: usize = 100;
/// Tags that a rule sets.
const TAGS_MAX: usize = 20;
/// Octets of a tag.
const TAG_MAX: usize = 50;
/// Kinds of attachments that a rule names.
const KINDS_MAX: usize = 50;

/// A regular expression.
pub(in crate::settings) fn pattern(text: &str, _: &Zones) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("must be one line without control characters".to_owned());
    }
    Pattern::new(text).map(|_| text.to_owned())
}

/// The name of a field of a header (RFC 5322 §2.2).
pub(in crate::settings) fn field_name(text: &str, _: &Zones) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_graphic() && b != b':';
    match (1..=76).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(
            "must be the name of a field alone, such as X-Priority, without its colon".to_owned(),
        ),
    }
}

/// Endings and media types.
pub(in crate::settings) fn kinds(text: &str, _: &Zones) -> Result<String, String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
    let fits = |kind: &str| match (kind.strip_prefix('.'), kind.split_once('/')) {
        (Some(ending), None) => !ending.is_empty() && ending.bytes().all(word),
        (None, Some((family, one))) => {
            let one = one == "*" || (!one.is_empty() && one.bytes().all(word));
            one && !family.is_empty() && family.bytes().all(word)
        }
        _ => false,
    };
    let kinds = text.split([' ', ',', ';', '\t', '\n']);
    let kinds: Vec<String> = kinds
        .filter(|kind| !kind.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    match (1..=KINDS_MAX).contains(&kinds.len()) && kinds.iter().all(|kind| fits(kind)) {
        true => Ok(kinds.join(" ")),
        false => Err(
            "must be endings or types with a space between, such as .pdf application/zip image/*"
                .to_owned(),
        ),
    }
}

/// What is set on a ticket: one line that a portal takes.
pub(in crate::settings) fn mark(text: &str, _: &Zones) -> Result<String, String> {
    match text.len() <= MARK_MAX && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "must be one line of {MARK_MAX} octets at most, without control characters"
        )),
    }
}

/// Tags.
pub(in crate::settings) fn tags(text: &str, _: &Zones) -> Result<String, String> {
    let tags: Vec<&str> = text.split_whitespace().collect();
    let fits = |tag: &&str| tag.len() <= TAG_MAX && !tag.chars().any(char::is_control);
    match (1..=TAGS_MAX).contains(&tags.len()) && tags.iter().all(fits) {
        true => Ok(tags.join(" ")),
        false => Err(format!(
            "must be up to {TAGS_MAX} words with a space between, each of {TAG_MAX} octets at most"
        )),
    }
}
