//! Subjects, for comparison: without the marks that answers and forwards put in front. Pure.
//!
//! Never what is shown. Two mails whose subjects are the same by this may belong together; whether they do is
//! somebody else's question.

/// Marks of answers and of forwards, in the languages of the common clients, in lower case.
const MARKS: &[&str] = &[
    "re",
    "aw",
    "antw",
    "antwort",
    "sv",
    "vs",
    "rv",
    "res",
    "odp",
    "r",
    "rif",
    "ref",
    "ynt",
    "vá",
    "atb",
    "bls",
    "ang",
    "fw",
    "fwd",
    "wg",
    "wtr",
    "tr",
    "rv",
    "i",
    "enc",
    "doorst",
    "pd",
    "vb",
    "ilt",
    "továbbítás",
    "weitergeleitet",
    "回复",
    "答复",
    "转发",
    "回覆",
    "轉寄",
    "返信",
    "転送",
];

/// What filters put in front of mail from outside.
const TAGS: &[&str] = &[
    "[external]",
    "[extern]",
    "[ext]",
    "[externe]",
    "[esterno]",
    "*external*",
];

/// The subject in lower case, without marks, and with one blank where there are several.
pub fn bare(subject: &str) -> String {
    let words: Vec<&str> = subject.split_whitespace().collect();
    let folded = words.join(" ").to_lowercase();
    let mut rest = folded.as_str();
    while let Some(behind) = without_mark(rest) {
        rest = behind.trim_start();
    }
    rest.to_owned()
}

/// What stands behind the mark in front.
fn without_mark(subject: &str) -> Option<&str> {
    if let Some(behind) = TAGS.iter().find_map(|tag| subject.strip_prefix(tag)) {
        return Some(behind);
    }
    let (mark, behind) = subject.split_once([':', '：'])?;
    // Some count them: `Re[2]:`, `Re(3):`, `Re^4:`, `Re2:`.
    let mark = mark
        .trim()
        .trim_end_matches([']', ')'])
        .trim_end_matches(|c: char| c.is_ascii_digit());
    let mark = mark.trim_end_matches(['[', '(', '^']).trim_end();
    MARKS.contains(&mark).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_and_forwards_have_the_subject_of_what_they_are_about() {
        for subject in [
            "Drucker  brennt",
            "Re: Drucker brennt",
            "AW: WG: Drucker brennt",
            "RE: AW: Re[2]: drucker brennt",
            "Fwd:Drucker\r\n brennt",
            "[EXTERNAL] Re: Drucker brennt",
            "Odp: Res: SV: Drucker brennt",
            "回复：Drucker brennt",
            "R: I: Drucker brennt",
            "TR : RE : Drucker brennt",
            "Re(3): Re^4: Drucker brennt",
        ] {
            assert_eq!(bare(subject), "drucker brennt", "{subject}");
        }
    }

    #[test]
    fn words_of_the_subject_itself_stay() {
        assert_eq!(bare("Printer: burns"), "printer: burns");
        assert_eq!(bare("[#4711] Re: x"), "[#4711] re: x");
        assert_eq!(bare("Re:"), "");
        assert_eq!(bare(""), "");
    }

    proptest! {
        #[test]
        fn what_is_bare_stays_so(subject in "[Rew:\\[\\] 2AW]{0,30}") {
            let once = bare(&subject);
            prop_assert_eq!(bare(&once), once);
        }
    }
}
