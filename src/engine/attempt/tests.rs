use std::ops::Range;
use std::rc::Rc;

use super::*;
use crate::http::Bytes;
use crate::portal::Ping;

fn ping(ticket_bytes: Option<u64>, attachment_bytes: Option<u64>) -> Ping {
    Ping {
        ticket_bytes,
        attachment_bytes,
        ..Ping::plain()
    }
}

fn outgoing(body: usize, attachments: &[u64]) -> Outgoing {
    let source = |size: &u64| Source {
        range: Range { start: 0, end: 1 },
        encoding: Encoding::Base64,
        size: *size,
        sha256: [0; 32],
    };
    Outgoing {
        lane: 0,
        body: Bytes::from(vec![b'x'; body]),
        sources: Rc::new(attachments.iter().map(source).collect()),
        raw: None,
        subject: "a subject".to_owned(),
        sender: "a@x.example".to_owned(),
        decided_at: 0,
        doubt: false,
    }
}

#[track_caller]
fn check(ping: &Ping, outgoing: &Outgoing, words: Option<&str>) {
    let said = too_large(ping, outgoing);
    match words {
        Some(words) => assert!(said.as_ref().is_some_and(|s| s.contains(words)), "{said:?}"),
        None => assert_eq!(said, None),
    }
}

#[test]
fn what_is_larger_than_the_portal_takes_is_told_with_both_sizes() {
    let limits = ping(Some(2 << 20), Some(64 << 20));
    check(&limits, &outgoing(2 << 20, &[64 << 20, 0]), None);
    let words = "the ticket has 2.5 MiB, and the portal takes 2.0 MiB at most";
    check(&limits, &outgoing(5 << 19, &[]), Some(words));
    let words = "an attachment has 100.0 MiB, and the portal takes 64.0 MiB at most";
    check(&limits, &outgoing(10, &[1, 100 << 20]), Some(words));
    check(&ping(None, None), &outgoing(5 << 20, &[100 << 20]), None);
}

#[test]
fn a_doubt_that_only_a_person_can_settle_says_what_to_look_for_and_what_to_do() {
    let key = Key([7; 32]);
    let said = unsettled(&outgoing(1, &[]), &key);
    for words in [
        "\"a subject\"",
        "a@x.example",
        "held dismiss 070707070707",
        "queue retry 070707070707",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// Goes red when a disk without room for the operator's word, which is used up before anything is sent,
/// ends the service.
#[test]
fn an_attempt_that_finds_no_room_on_the_disk_waits() {
    let full = StoreFault::Full {
        said: "no room".to_owned(),
    };
    let outcome = ended(Err(full));
    assert!(matches!(outcome, Outcome::Later { doubt: false, .. }));
    let broken = StoreFault::Broken {
        said: "a failed sync".to_owned(),
    };
    assert!(matches!(ended(Err(broken)), Outcome::Store(_)));
}
