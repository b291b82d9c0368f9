//! A regular expression of the operator's: compiled within bounds, run in linear time.
//!
//! The engine is `regex-lite`: it follows all ways through a pattern at once, so that its steps are at most the
//! program's length times the text's, whatever the pattern; it has no look-around and no back-references, which
//! could not be run so. Its program may take [`PROGRAM_MAX`] octets; whoever matches gives it texts that are
//! bounded too. `\w`, `\d`, `\b` and `(?i)` know the letters of ASCII only.

use regex_lite::{Regex, RegexBuilder};

/// Octets of a pattern.
pub const PATTERN_MAX: usize = 500;

/// Octets of its program.
const PROGRAM_MAX: usize = 32 * 1024;

/// Groups inside each other.
const NEST_MAX: u32 = 20;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles it; else a sentence with the place at which it goes wrong.
    pub fn new(text: &str) -> Result<Pattern, String> {
        if text.len() > PATTERN_MAX {
            return Err(format!(
                "must not be longer than {PATTERN_MAX} octets: make several rules of it"
            ));
        }
        compiled(text)
            .map_err(|said| {
                let good = understood(text);
                let rest = text.get(good..).unwrap_or_default();
                let character = text.get(..good).unwrap_or_default().chars().count() + 1;
                match rest.is_empty() {
                    true => format!("is no regular expression: at its end: {said}"),
                    false => {
                        format!(
                            "is no regular expression: at character {character}, {rest:?}: {said}"
                        )
                    }
                }
            })
            .map(Pattern)
    }

    /// Whether the text, or a part of it, is of that pattern.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

fn compiled(text: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(text);
    builder.size_limit(PROGRAM_MAX).nest_limit(NEST_MAX);
    builder.build().map_err(|fault| {
        let said = fault.to_string();
        match said.contains("size") {
            true => format!(
                "it would take more than {} KiB: repeat less, or make several rules of it",
                PROGRAM_MAX / 1024
            ),
            false => said,
        }
    })
}

/// Octets at the beginning of a faulty pattern that are none of its fault: the engine does not tell where it
/// stopped, so the longest beginning is sought that is good once its groups are closed.
fn understood(text: &str) -> usize {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let ends: Vec<usize> = ends.collect();
    let is_good = |end: usize| {
        let beginning = text.get(..end).unwrap_or_default();
        // Half an escape would take the group's end for its other half.
        let escapes = beginning.len() - beginning.trim_end_matches('\\').len();
        if escapes % 2 == 1 {
            return false;
        }
        let open = beginning.matches('(').count().min(NEST_MAX as usize);
        (0..=open).any(|open| compiled(&format!("{beginning}{}", ")".repeat(open))).is_ok())
    };
    ends.into_iter()
        .rev()
        .find(|end| is_good(*end))
        .unwrap_or(0)
}
