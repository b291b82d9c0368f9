//! Files, as they are named in settings: by the end of their names, and by their media types.

use super::Zones;

/// Words of a list.
const WORDS_MAX: usize = 200;
/// Octets of a word.
const WORD_MAX: usize = 100;

/// Endings (`.exe`), media types (`application/pdf`) and kinds of them (`video/*`), in lower case.
pub(in crate::settings) fn file_types(text: &str, _: &Zones) -> Result<String, String> {
    let words = text.split([' ', ',', ';', '\t', '\n']);
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let fits = (1..=WORDS_MAX).contains(&words.len());
    match words.iter().find(|word| !is_file_type(word)) {
        None if fits => Ok(words.join(" ")),
        None => Err(format!("must be 1 to {WORDS_MAX} words")),
        Some(word) => {
            let shown: String = word.chars().take(WORD_MAX).collect();
            Err(format!(
                "must be endings of names, each with its dot, or media types, with a space between, such as \
                 .exe .js application/x-msdownload video/*; \"{shown}\" is neither"
            ))
        }
    }
}

fn is_file_type(word: &str) -> bool {
    // RFC 6838 §4.2.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
    let begins = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_token = |part: &str| begins(part) && part.bytes().all(token);
    let is_ending = |ending: &str| {
        let parted = |c: char| c.is_control() || c.is_whitespace() || "/\\:*?\"<>|".contains(c);
        !ending.is_empty() && !ending.ends_with('.') && !ending.contains(parted)
    };
    word.len() <= WORD_MAX
        && match word.split_once('/') {
            Some((kind, part)) => is_token(kind) && (part == "*" || is_token(part)),
            None => word.strip_prefix('.').is_some_and(is_ending),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let named = |_: &str| None;
        let zones = Zones {
            named: &named,
            system: jiff::tz::TimeZone::UTC,
        };
        file_types(text, &zones)
    }

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let found = read(text);
        assert_eq!(found.as_deref().ok(), want, "{text:?}: {found:?}");
    }

    #[test]
    fn endings_and_media_types_are_read_in_lower_case() {
        check(
            ".EXE, .tar.gz;video/*  application/x-MSdownload",
            Some(".exe .tar.gz video/* application/x-msdownload"),
        );
        check(".größe", Some(".größe"));
    }

    /// Goes red where `exe` is taken, which would leave out whatever ends in these letters.
    #[test]
    fn what_is_neither_is_refused_and_named() {
        for text in [
            "exe", ".", ".exe.", "*", "video/", "/x", "a b/c", ".a/b", "x/y/z", ".e\"x", "",
        ] {
            check(text, None);
        }
        let said = read(".exe jar").unwrap_err();
        assert!(said.contains("\"jar\" is neither"), "{said}");
        check(&".a ".repeat(201), None);
    }
}
