use std::rc::Rc;

use super::*;
use crate::engine::tests as stores;
use crate::http::Bytes;
use crate::passage::Record;
use crate::portal::Ping;

fn ping(ticket_bytes: Option<u64>) -> Ping {
    Ping {
        ticket_bytes,
        ..Ping::plain()
    }
}

fn outgoing(body: usize) -> Outgoing {
    Outgoing {
        lane: 0,
        root: None,
        asks: None,
        body: Bytes::from(vec![b'x'; body]),
        sources: Rc::default(),
        files: Vec::new(),
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
    check(&ping(Some(2 << 20)), &outgoing(2 << 20), None);
    let words = "the ticket has 2.5 MiB, and the portal takes 2.0 MiB at most";
    check(&ping(Some(2 << 20)), &outgoing(5 << 19), Some(words));
    check(&ping(None), &outgoing(5 << 20), None);
}

#[test]
fn a_doubt_that_only_a_person_can_settle_says_what_to_look_for_and_what_to_do() {
    let key = Key([7; 32]);
    let said = unsettled(&outgoing(1), &key);
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

/// Goes red where a committed message without octets, which a damage of its receipt leaves behind, counts as
/// one that has left the queue: it would stay there for ever, without a word.
#[test]
fn a_committed_message_without_octets_is_torn_and_not_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = &mut stores::open(dir.path(), stores::SIZES);
    let key = stores::key(1);
    let decided = stores::decided(1, 1, stores::ticket());
    let retired = [(key, Record::Retired)];
    store.writer.commit(vec![decided], &retired).unwrap();
    assert!(matches!(
        compose_again(&store.reader, key),
        Err(StoreFault::Torn { .. })
    ));
    assert!(matches!(
        compose_again(&store.reader, stores::key(2)),
        Ok(None)
    ));
}

/// Goes red where a receipt is stamped with what the portal is when it is heard of: a portal that was restored
/// meanwhile would not be asked for it.
#[test]
fn a_receipt_has_the_epoch_of_the_portal_that_was_asked() {
    let asked = Ping {
        epoch: "e1".to_owned(),
        ..Ping::plain()
    };
    let receipt = portal::Receipt {
        ticket: "T-1".to_owned(),
        reply: None,
        url: None,
    };
    let Outcome::Done { epoch, .. } = done(receipt, Some(&asked), String::new()) else {
        panic!("it is done");
    };
    assert_eq!(epoch, "e1");
}
