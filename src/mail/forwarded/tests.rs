use proptest::prelude::*;

use super::super::labels::LABELS;
use super::*;

fn told(chain: &[Forwarded]) -> Vec<String> {
    let told = |f: &Forwarded| match f.author.name.as_deref() {
        Some(name) => format!("{name} <{}>", f.author.address),
        None => f.author.address.clone(),
    };
    chain.iter().map(told).collect()
}

/// Who wrote what a text forwards, where the subject says so, and where it does not.
#[track_caller]
fn check(text: &str, marked: &[&str], unmarked: &[&str]) {
    assert_eq!(told(&blocks(text, true)), marked, "marked: {text}");
    assert_eq!(told(&blocks(text, false)), unmarked, "unmarked: {text}");
}

const PETRA: &str = "Petra Lang <p@x.example>";

/// Goes red where words of a client's are in a form in which they are never met.
#[test]
fn every_word_over_a_forwarded_message_is_known_as_clients_write_it() {
    let block = format!("From: {PETRA}\nSubject: Printer\n\nIt burns.\n");
    let capital = |words: &str| {
        let mut letters = words.chars();
        let first = letters.next().unwrap();
        // As Turkish has it.
        let first = match first {
            'i' if words.contains('ı') || words.starts_with("ilet") => "İ".to_owned(),
            first => first.to_uppercase().to_string(),
        };
        format!("{first}{}", letters.as_str())
    };
    for words in RULES {
        for hyphens in ["--", "-----", "----------"] {
            let rule = format!("{hyphens} {} {hyphens}\n", capital(words));
            check(&format!("Note.\n\n{rule}{block}"), &[PETRA], &[PETRA]);
        }
    }
    for words in OPENERS {
        for colon in [":", " :", "\u{a0}:"] {
            let opener = format!("{}{colon}\n\n", capital(words));
            check(&format!("{opener}{block}"), &[PETRA], &[PETRA]);
        }
        check(
            &format!(
                "> {}:\n> \n> {}",
                capital(words),
                block.replace('\n', "\n> ")
            ),
            &[PETRA],
            &[],
        );
    }
    for words in RULES_FROM {
        check(
            &format!("----- {}{PETRA} -----\n\nIt burns.\n", capital(words)),
            &[PETRA],
            &[PETRA],
        );
    }
}

#[test]
fn every_name_of_an_author_s_field_begins_a_block() {
    for (name, label) in LABELS {
        // No name is long enough to be cut off.
        assert!(name.len() < NAME_MAX, "{name}");
        assert_eq!(lower(name), *name, "{name}");
        if *label == Label::From {
            let text = format!("{name}: {PETRA}\nSent: 9:15\nSubject: Printer\n\nIt burns.\n");
            check(&text, &[PETRA], &[]);
        }
    }
}

#[test]
fn a_block_without_words_over_it_counts_where_the_subject_says_so_and_it_is_whole() {
    check(
        &format!("From: {PETRA}\nSubject: x\nDate: 9:15\n"),
        &[PETRA],
        &[],
    );
    check(
        &format!("Date: 9:15\nSubject: x\nFrom: {PETRA}\n"),
        &[PETRA],
        &[],
    );
    check(&format!("From: {PETRA}\nSubject: x\n"), &[], &[]);
    check(&format!("From: {PETRA}\nDate: 9:15\n"), &[], &[]);
    check(
        "From: here to there\nSubject: x\nDate: 9:15\n",
        &["here to there <>"],
        &[],
    );
    check("From:\nSubject: x\nDate: 9:15\n", &[], &[]);
    check("From: 12\nSubject: x\nDate: 9:15\n", &[], &[]);
    // Words that stand too far above, or over nothing.
    let far = format!("Begin forwarded message:\na\nb\nc\nd\ne\nFrom: {PETRA}\nSubject: x\n");
    check(&far, &[], &[]);
    check("Begin forwarded message:\n", &[], &[]);
    check(
        "---------- Forwarded message ---------\nand no block\n",
        &[],
        &[],
    );
}

/// Goes red where a customer who puts such words into a mail makes a technician's answer somebody else's
/// request.
#[test]
fn words_in_what_an_answer_quotes_forward_nothing() {
    let words =
        format!("---------- Forwarded message ---------\nFrom: {PETRA}\nSubject: x\nTo: a\n");
    let quoted = words.replace('\n', "\n> ");
    for answer in [
        format!("Done.\n\nOn 2 Mar 2026 at 9:14, Eve <eve@evil.example> wrote:\n> {quoted}"),
        format!("Done.\n\nAm 02.03.26 um 09:14 schrieb Eve:\n\n{words}"),
        format!("Done.\n\nFrom: Eve <eve@evil.example>\nSent: 9:14\nSubject: y\n\n{words}"),
        format!("> {quoted}\nDone.\n"),
    ] {
        assert_eq!(told(&blocks(&answer, false)), [""; 0], "{answer}");
    }
    // In a mail that is marked it is told who wrote what is forwarded, and that stands first.
    let forward = format!("From: Eve <eve@evil.example>\nSent: 9:14\nSubject: y\n\n{words}");
    assert_eq!(told(&blocks(&forward, true))[0], "Eve <eve@evil.example>");
}

/// Goes red where one of the rarer clients is not read. Whether it says by itself that it forwards, or its
/// subject has to, stands beside each.
#[test]
fn the_rarer_clients_are_read_too() {
    for (client, text, itself) in [
        ("Proton", "------- Forwarded Message -------\nFrom: Petra Lang <p@x.example>\nDate: On Monday, March 2nd, 2026 at 09:14\nSubject: x\nTo: a@b.example\n", true),
        ("eM Client", "------ Forwarded Message ------\nFrom: \"Petra Lang\" <p@x.example>\nTo: a@b.example\nDate: 02.03.2026 09:14:55\nSubject: x\n", true),
        ("KMail", "----------  Forwarded Message  ----------\n\nSubject: x\nDate: Monday, 2 March 2026\nFrom: Petra Lang <p@x.example>\nTo: a@b.example\n", true),
        ("Evolution", "-------- Forwarded Message --------\nFrom: Petra Lang <p@x.example>\nTo: a@b.example\nSubject: x\nDate: Mon, 02 Mar 2026 09:14:55 +0100\n", true),
        ("Zimbra", "----- Forwarded Message -----\nFrom: \"Petra Lang\" <p@x.example>\nTo: \"a\" <a@b.example>\nSent: Monday, March 2, 2026 9:14:55 AM\nSubject: x\n", true),
        ("Horde", "----- Forwarded message from Petra Lang <p@x.example> -----\n   Date: Mon, 02 Mar 2026 09:14:55 +0100\n   From: Petra Lang <p@x.example>\nSubject: x\n     To: a@b.example\n", true),
        ("Gnus, in a quote of its own", "-------------------- Start of forwarded message --------------------\nFrom: Petra Lang <p@x.example>\nTo: a@b.example\nSubject: x\n", false),
        ("Samsung", "-------- Original message --------\nFrom: Petra Lang <p@x.example> \nDate: 02/03/2026  09:14  (GMT+01:00) \nTo: a@b.example \nSubject: x \n", false),
        ("Orange", "> Message du 02/03/26 09:14\n> De : \"Petra Lang\" <p@x.example>\n> A : a@b.example\n> Copie \u{e0} : \n> Objet : x\n", false),
        ("T-Online", "-----Original-Nachricht-----\nBetreff: x\nDatum: 2026-03-02T09:14:55+0100\nVon: \"Petra Lang\" <p@x.example>\nAn: \"a@b.example\" <a@b.example>\n", false),
        ("Notes", "----- Forwarded by Tom Berger/Provider on 02.03.2026 09:20 -----\n\nFrom:\tPetra Lang <p@x.example>\nTo:\ta@b.example\nDate:\t02.03.2026 09:14\nSubject:\tx\n", false),
        ("Roundcube", "-------- Original Message --------\nSubject: x\nDate: 2026-03-02 09:14\nFrom: Petra Lang <p@x.example>\nTo: a@b.example\n", false),
    ] {
        let wanted: &[&str] = if itself { &[PETRA] } else { &[] };
        assert_eq!(told(&blocks(text, true)), [PETRA], "{client}");
        assert_eq!(told(&blocks(text, false)), wanted, "{client}");
    }
}

#[test]
fn an_author_is_read_in_every_form_that_clients_write() {
    for (value, wanted) in [
        ("Petra Lang <p@x.example>", PETRA),
        ("\"Lang, Petra\" <p@x.example>", "Lang, Petra <p@x.example>"),
        ("'Petra Lang' <p@x.example>", PETRA),
        ("Petra Lang [mailto:p@x.example]", PETRA),
        ("Petra Lang <mailto:p@x.example>", PETRA),
        ("Petra Lang <p@x.example<mailto:p@x.example>>", PETRA),
        ("Petra Lang (p@x.example)", PETRA),
        ("p@x.example", "p@x.example"),
        ("<p@x.example>", "p@x.example"),
        ("p@x.example <p@x.example>", "p@x.example"),
        ("\u{200e}Petra Lang <p@x.example>", PETRA),
        ("** Petra Lang <p@x.example>", PETRA),
        ("Petra Lang <\np@x.example>", PETRA),
        ("\nPetra Lang <p@x.example>", PETRA),
        (
            "Petra Lang <p@x.example> on behalf of Otto <o@y.example>",
            PETRA,
        ),
        ("Petra Lang <p@x.example>, Otto <o@y.example>", PETRA),
        ("Petra @ work <p@x.example>", "Petra @ work <p@x.example>"),
        ("Petra <p@bücher.example>", "Petra <p@bücher.example>"),
        ("Lang, Petra", "Lang, Petra <>"),
    ] {
        let text = format!("Begin forwarded message:\n\nFrom: {value}\nSubject: x\nTo: a\n");
        check(&text, &[wanted], &[wanted]);
    }
}

#[test]
fn the_subject_says_that_a_message_is_forwarded_in_many_languages() {
    for subject in [
        "Fwd: x",
        "FW: x",
        "WG: x",
        "TR : x",
        "RV: x",
        "I: x",
        "ENC: x",
        "PD: x",
        "VB: x",
        "VL: x",
        "Doorst: x",
        "İLT: x",
        "ΠΡΘ: x",
        "Redir.: x",
        "Videresend: x",
        "Továbbítás: x",
    ] {
        assert!(history::forwards(subject), "{subject}");
    }
    for subject in ["Re: Fwd: x", "AW: x", "x", "", "Printer: fwd"] {
        assert!(!history::forwards(subject), "{subject}");
    }
}

/// What forwards are made of, and what is put in between by chance.
fn likely() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop_oneof![
            Just("Begin forwarded message:"), Just("---------- Forwarded message ---------"),
            Just("From: Petra <p@x.example>"), Just("Von: "), Just("Subject: x"), Just("To: a@b.example,"),
            Just("> "), Just("*Date:* 9"), Just("----- Forwarded message from <"), Just("<br>"), Just("&lt;"),
            Just("\u{a0}:"), Just("@"), Just("İ"), Just("<style>"), Just("On 2 Mar, \"P\" <p@x.example> wrote:"),
        ].prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        2 => Just("\n".to_owned()),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_within_bounds(text in likely(), marked in any::<bool>()) {
        let found = blocks(&text, marked);
        prop_assert!(found.len() <= CHAIN_MAX);
        for forwarded in &found {
            prop_assert!(forwarded.author.address.len() <= PERSON_MAX);
            prop_assert!(forwarded.author.name.as_ref().is_none_or(|n| n.len() <= PERSON_MAX));
            let said = !forwarded.author.address.is_empty() || forwarded.author.name.is_some();
            prop_assert!(said);
        }
    }

    /// Goes red where a text that says nothing of the kind is taken for a forwarded message.
    #[test]
    fn words_without_a_block_forward_nothing(text in "([A-Za-z,.!? ]{0,40}\n){0,30}") {
        prop_assert_eq!(blocks(&text, true), Vec::new());
    }
}
