//! Text that was wrapped for the way: format=flowed (RFC 3676). Pure.
//!
//! A line that ends with a space goes on with the next one of the same quote depth. What begins with
//! `>` is quoted as deep as there are of them, and a space in front of anything is stuffing (§4.4).
//! `-- ` is no line that goes on, but the signature's head (§4.3).
//!
//! Without this a phone shows each paragraph of such a mail in pieces, and quotes whose marks and
//! text can't be told apart.

/// The signature's head, which ends with a space and goes on all the same not.
const SIGNATURE: &str = "-- ";

/// Whether the parameter `format` says so.
pub(super) fn is_flowed(format: Option<&str>) -> bool {
    format.is_some_and(|format| format.trim().eq_ignore_ascii_case("flowed"))
}

/// The text with its paragraphs whole. Its lines end with LF. `delete_space` is the parameter DelSp: where it
/// says yes the space at the end of a line is none of the text's (§4.5), as with languages that have none.
pub(super) fn unwrap(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // Of the paragraph under way, whose last line said that it goes on.
    let mut open: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let (line, ended) = match line.strip_suffix('\n') {
            Some(line) => (line, true),
            None => (line, false),
        };
        let rest = line.trim_start_matches('>');
        let depth = line.len() - rest.len();
        let content = rest.strip_prefix(' ').unwrap_or(rest);
        let is_head = content == SIGNATURE;
        // Of another depth it is another's words, whatever the line before promised (§4.5).
        if open.is_some_and(|before| before != depth || is_head) {
            out.push('\n');
            open = None;
        }
        if open.is_none() && depth > 0 {
            out.push_str(line.get(..depth).unwrap_or_default());
            if !content.is_empty() {
                out.push(' ');
            }
        }
        let goes_on = ended && content.ends_with(' ') && !is_head;
        match content.strip_suffix(' ') {
            Some(words) if goes_on && delete_space => out.push_str(words),
            _ => out.push_str(content),
        }
        open = goes_on.then_some(depth);
        if ended && !goes_on {
            out.push('\n');
        }
    }
    // The last line's promise had nothing behind it.
    if open.is_some() {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_paragraph_is_one_line_again() {
        let text = "The printer on the \nsecond floor \nburns.\n\nPlease come.\n";
        let whole = "The printer on the second floor burns.\n\nPlease come.\n";
        assert_eq!(unwrap(text, false), whole);
    }

    /// Goes red where words of one writer are put behind those of another.
    #[test]
    fn what_is_quoted_is_joined_with_its_own_depth_alone() {
        let text = ">> Does it \n>> burn?\n> Not \n>yet, \nYes.\n>\n>>>deep\n";
        let whole = ">> Does it burn?\n> Not yet, \nYes.\n>\n>>> deep\n";
        assert_eq!(unwrap(text, false), whole);
    }

    #[test]
    fn stuffing_is_taken_off_and_only_one_space_of_it() {
        let text = " From here on\n > is no quote\n  two\n";
        assert_eq!(unwrap(text, false), "From here on\n> is no quote\n two\n");
    }

    /// Goes red where the signature runs into the last paragraph, or goes on itself.
    #[test]
    fn the_head_of_a_signature_stands_alone() {
        let text = "See you \n-- \nPetra\n> -- \n> Anna\n";
        assert_eq!(unwrap(text, false), "See you \n-- \nPetra\n> -- \n> Anna\n");
    }

    #[test]
    fn with_del_sp_the_space_is_no_ones() {
        assert_eq!(
            unwrap("プリンターが \n燃えています。\n", true),
            "プリンターが燃えています。\n"
        );
        assert_eq!(unwrap("a  \nb\n", true), "a b\n");
    }

    #[test]
    fn a_promise_at_the_end_is_kept_by_nothing() {
        assert_eq!(unwrap("cut off \n", false), "cut off \n");
        assert_eq!(unwrap("cut off ", false), "cut off ");
        assert_eq!(unwrap("", false), "");
    }

    #[test]
    fn the_parameter_is_read_whatever_its_case() {
        assert!(is_flowed(Some("Flowed")) && is_flowed(Some(" flowed")));
        assert!(!is_flowed(Some("fixed")) && !is_flowed(None));
    }

    proptest! {
        /// Nothing is lost but line breaks, marks and spaces, and no text grows by more than a mark's space
        /// for each line.
        #[test]
        fn every_word_is_still_there(text in "[>a\\- \n]{0,60}", delete in any::<bool>()) {
            let whole = unwrap(&text, delete);
            let words = |text: &str| text.replace(['>', ' ', '\n'], "");
            prop_assert_eq!(words(&whole), words(&text));
            prop_assert!(whole.len() <= 2 * text.len() + 1);
        }

        /// Lines that were wrapped by the rules are whole again.
        #[test]
        fn what_was_wrapped_is_what_it_was(
            paragraphs in prop::collection::vec((0usize..4, prop::collection::vec("[b-z>]{1,6}", 1..8)), 1..8),
            width in 1usize..4,
        ) {
            let mut sent = String::new();
            let mut meant = String::new();
            for (depth, words) in &paragraphs {
                let marks = ">".repeat(*depth);
                let pieces: Vec<String> = words.chunks(width).map(|words| words.join(" ")).collect();
                // Stuffed throughout, as a careful sender does.
                let lines: Vec<String> = pieces.iter().map(|piece| format!("{marks} {piece}")).collect();
                sent.push_str(&lines.join(" \n"));
                sent.push('\n');
                if *depth > 0 {
                    meant.push_str(&format!("{marks} "));
                }
                meant.push_str(&words.join(" "));
                meant.push('\n');
            }
            prop_assert_eq!(unwrap(&sent, false), meant);
        }
    }
}
