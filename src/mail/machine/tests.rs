use super::*;
use crate::mail::{understand, Limits, Skim};

fn machine(fields: &str) -> Option<(MachineKind, String)> {
    let mut skim = Skim::new(Limits::default());
    let mail = format!("From: a@x.example\n{fields}\n\ntext\n");
    skim.feed(mail.replace('\n', "\r\n").as_bytes());
    let machine = understand(&skim.finish()).machine;
    machine.map(|m| (m.kind, m.sign))
}

fn kind(fields: &str) -> Option<MachineKind> {
    machine(fields).map(|(kind, _)| kind)
}

#[test]
fn what_the_submitter_says_outranks_every_other_sign() {
    let vacation = "Subject: Automatic reply: x";
    assert_eq!(kind(&format!("Auto-Submitted: no\n{vacation}")), None);
    let comment = format!("Auto-Submitted: (a comment) No ; x=y\n{vacation}");
    assert_eq!(kind(&comment), None);
    let list = "List-Id: <l.example>\nAuto-Submitted: AUTO-REPLIED (rejected)";
    assert_eq!(kind(list), Some(MachineKind::Reply));
    // A word that nobody knows is none of a person's (RFC 3834 section 5).
    let unknown = kind("Auto-Submitted: auto-something");
    assert_eq!(unknown, Some(MachineKind::Notice));
    let empty = format!("Auto-Submitted:\n{vacation}");
    assert_eq!(kind(&empty), Some(MachineKind::Reply));
}

#[test]
fn an_answer_is_told_from_news_by_what_it_answers() {
    let generated = "Auto-Submitted: auto-generated";
    assert_eq!(kind(generated), Some(MachineKind::Notice));
    let suppressed = format!("{generated}\nX-Auto-Response-Suppress: All");
    assert_eq!(kind(&suppressed), Some(MachineKind::Notice));
    let answer = format!("{suppressed}\nIn-Reply-To: <a@b>");
    assert_eq!(kind(&answer), Some(MachineKind::Reply));
    // A person's letter may carry the wish alone.
    let wish = "X-Auto-Response-Suppress: All\nIn-Reply-To: <a@b>";
    assert_eq!(kind(wish), None);
}

#[test]
fn old_responders_are_known_by_their_own_fields() {
    for field in [
        "X-Autoreply: yes",
        "X-Autorespond: RE",
        "X-Vacation: 1",
        "Precedence: auto_reply",
    ] {
        assert_eq!(kind(field), Some(MachineKind::Reply), "{field}");
    }
    assert_eq!(kind("X-Autoreply: no"), None);
    assert_eq!(kind("Precedence: bulk"), Some(MachineKind::Notice));
    assert_eq!(kind("X-Precedence: junk"), Some(MachineKind::Notice));
    assert_eq!(kind("Precedence: first-class"), None);
    let list = "Precedence: bulk\nList-Post: <mailto:l@x>";
    assert_eq!(kind(list), Some(MachineKind::List));
}

#[test]
fn a_subject_is_an_absence_note_s_where_it_goes_on_as_one() {
    for subject in [
        "Automatic reply: [#4711] Your printer",
        "AUTOMATISCHE ANTWORT: Drucker",
        "R\u{e9}ponse automatique\u{a0}: imprimante",
        "Out of Office",
        "Abwesenheitsnotiz - bis Montag",
        "[Auto-Reply] x",
        "Odpowied\u{17a} automatyczna: drukarka",
    ] {
        let found = kind(&format!("Subject: {subject}"));
        assert_eq!(found, Some(MachineKind::Reply), "{subject}");
    }
    for subject in [
        "Out of office replies go out twice",
        "Vacation days are not shown",
        "Re: Automatic reply: x",
        "OOO is what the display says",
        "Abwesenheitsnotizen einrichten",
    ] {
        assert_eq!(kind(&format!("Subject: {subject}")), None, "{subject}");
    }
}

#[test]
fn the_sign_is_named_and_bounded() {
    let sign = machine("Auto-Submitted: auto-replied (vacation)").map(|(_, sign)| sign);
    assert_eq!(sign.as_deref(), Some("Auto-Submitted: auto-replied"));
    let long = machine(&format!("Auto-Submitted: {}", "x".repeat(5_000)));
    assert!(long.is_some_and(|(_, sign)| sign.len() < 100));
}
