//! Planted losses and doubles: each must be found, and nothing else.

use super::*;
use crate::fill::{Entry, Expected};

fn entry(id: &str, expected: Expected) -> Entry {
    Entry {
        id: id.into(),
        message_id: format!("{id}@x.example"),
        sha256: format!("digest of {id}"),
        size: 1,
        from: String::new(),
        subject: String::new(),
        received: String::new(),
        expected,
    }
}

fn manifest() -> Manifest {
    let mails = vec![
        entry("a", Expected::Ticket),
        entry("b", Expected::Ticket),
        entry("c", Expected::HeldUnknown),
        entry("d", Expected::LeftOld),
        entry("e", Expected::Ignored),
    ];
    Manifest {
        cutoff: String::new(),
        mails,
    }
}

fn lies(folder: &str, id: &str, seen: bool) -> Lying {
    Lying {
        folder: folder.into(),
        seen,
        message_id: format!("{id}@x.example"),
        yard_id: id.into(),
        sha256: format!("digest of {id}"),
        key: format!("{id}00000000000000"),
    }
}

fn drained() -> Vec<Lying> {
    vec![
        lies("Archive", "a", true),
        lies("Archive", "b", true),
        lies("INBOX", "c", false),
        lies("INBOX", "d", false),
        lies("Archive", "e", true),
    ]
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| format!("{n}@x.example")).collect()
}

#[track_caller]
fn check(server: &[Lying], portal: &[&str], kinds: &[&str]) -> Census {
    check_worked(server, portal, None, kinds)
}

#[track_caller]
fn check_worked(
    server: &[Lying],
    portal: &[&str],
    worked: Option<&Worked>,
    kinds: &[&str],
) -> Census {
    let census = compare(&manifest(), server, &ids(portal), worked);
    let found: Vec<&str> = census.problems.keys().map(String::as_str).collect();
    assert_eq!(found, kinds);
    census
}

#[test]
fn a_clean_drain_is_complete() {
    let census = check(&drained(), &["a", "b"], &[]);
    assert!(census.sound && census.complete);
    assert_eq!((census.found, census.at_portal, census.archived), (5, 2, 3));
    assert_eq!((census.inbox_unread, census.waiting), (2, 2));
    assert_eq!(census.set_aside, 1);
}

#[test]
fn what_no_person_wrote_is_no_ticket_and_leaves_the_inbox() {
    let census = check(&drained(), &["a", "b", "e"], &["unexpected"]);
    assert!(census.sound && !census.complete);
    let mut server = drained();
    server[4] = lies("INBOX", "e", false);
    let census = check(&server, &["a", "b"], &["unexpected"]);
    assert!(census.sound && !census.complete);
    server[4].seen = true;
    check(&server, &["a", "b"], &["read_not_at_portal", "unexpected"]);
    server.remove(4);
    let census = check(&server, &["a", "b"], &["lost", "unexpected"]);
    assert!(!census.sound);
}

#[test]
fn a_mail_that_is_nowhere_is_lost() {
    let server: Vec<Lying> = drained().into_iter().skip(1).collect();
    let census = check(&server, &["b"], &["lost", "unexpected"]);
    assert!(!census.sound);
    assert_eq!(census.lost, 1);
    assert_eq!(census.problems["lost"], ids(&["a"]));
}

#[test]
fn two_tickets_of_one_mail_are_a_double() {
    let census = check(&drained(), &["a", "b", "a"], &["doubled"]);
    assert!(!census.sound);
    assert_eq!(census.doubled, 1);
}

#[test]
fn a_mail_archived_without_a_ticket_is_found() {
    let census = check(
        &drained(),
        &["a"],
        &["archived_not_at_portal", "unexpected"],
    );
    assert!(!census.sound);
    assert_eq!(census.archived_not_at_portal, 1);
}

#[test]
fn a_mail_read_without_a_ticket_is_found() {
    let mut server = drained();
    server[0] = lies("INBOX", "a", true);
    let census = check(&server, &["b"], &["read_not_at_portal", "unexpected"]);
    assert!(!census.sound);
}

#[test]
fn a_mail_deleted_behind_its_ticket_is_found() {
    let server: Vec<Lying> = drained().into_iter().skip(1).collect();
    let census = check(&server, &["a", "b"], &["gone_from_server"]);
    assert!(!census.sound);
}

#[test]
fn a_mail_under_way_is_sound_but_not_complete() {
    let mut server = drained();
    server[0] = lies("INBOX", "a", false);
    let census = check(&server, &["a", "b"], &["unexpected"]);
    assert!(census.sound && !census.complete);
    assert_eq!(census.not_yet_archived, 1);
}

#[test]
fn a_ticket_for_a_sender_that_nobody_knows_is_unexpected() {
    let census = check(&drained(), &["a", "b", "c"], &["unexpected"]);
    assert!(census.sound && !census.complete);
}

#[test]
fn copies_and_changed_octets_are_found() {
    let mut server = drained();
    server.push(lies("INBOX", "a", true));
    server[1].sha256 = "another".into();
    let census = check(&server, &["a", "b"], &["altered", "copied", "unexpected"]);
    assert_eq!((census.altered, census.copied), (1, 1));
}

#[test]
fn a_ticket_without_a_mail_is_found() {
    let census = check(&drained(), &["a", "b", "z"], &["tickets_without_mail"]);
    assert!(!census.sound);
}

#[test]
fn mail_that_came_later_than_the_manifest_counts_as_a_ticket() {
    let mut server = drained();
    server.push(lies("Archive", "new", true));
    let census = check(&server, &["a", "b", "new"], &[]);
    assert!(census.complete);
    assert_eq!(census.found, 6);
}

/// The operator's word that these stand so.
fn worked(lines: &[(&str, &str)]) -> Worked {
    let items = lines
        .iter()
        .map(|(id, stage)| serde_json::json!({"key": format!("{id}00000000000"), "stage": stage}));
    let document = serde_json::json!({ "items": items.collect::<Vec<_>>() });
    Worked::read(&document.to_string()).unwrap()
}

#[test]
fn what_the_operator_dismissed_is_set_aside_and_nothing_else_is() {
    let mut server = drained();
    server[2] = lies("Archive", "c", true);
    let lost = ["archived_not_at_portal", "unexpected"];
    check(&server, &["a", "b"], &lost);
    for stage in ["dismissed", "ignored"] {
        let word = worked(&[("c", stage)]);
        let census = check_worked(&server, &["a", "b"], Some(&word), &[]);
        assert!(census.complete);
        assert_eq!((census.set_aside, census.found), (2, 5));
    }
    for other in [&[("d", "dismissed")][..], &[("c", "closed")], &[]] {
        check_worked(&server, &["a", "b"], Some(&worked(other)), &lost);
    }
    // A ticket that is missing is missing, whatever else was dismissed.
    check_worked(&server, &["a"], Some(&worked(&[("c", "dismissed")])), &lost);
    // Without the octets there is no key, and nobody's word for them.
    server[2].key = String::new();
    check_worked(
        &server,
        &["a", "b"],
        Some(&worked(&[("c", "dismissed")])),
        &lost,
    );
}

#[test]
fn what_the_operator_converted_is_a_ticket_like_any_other() {
    let mut server = drained();
    server[2] = lies("Archive", "c", true);
    check(&server, &["a", "b", "c"], &["unexpected"]);
    let census = check_worked(&server, &["a", "b", "c"], Some(&worked(&[])), &[]);
    assert!(census.complete);
    // Archived it must be all the same.
    server[2] = lies("INBOX", "c", false);
    check_worked(
        &server,
        &["a", "b", "c"],
        Some(&worked(&[])),
        &["unexpected"],
    );
}

#[test]
fn the_key_is_that_of_the_definition() {
    let raw = b"From: a@x.example\r\nSubject: s\r\n\r\nbody\r\n";
    assert_eq!(
        key(" Support@MSP.example", raw),
        "2f2e2e69d566d3c4b57c0e7c51ff99d52773228525be0eeea2be20443b4f3fa6"
    );
}

#[test]
fn chunks_are_put_together() {
    assert_eq!(unchunked(b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n"), b"abcde");
}
