//! Answers that end with OK and leave a message out, or show NIL of it. Dovecot does so with what another
//! session takes away meanwhile; a message that is still there may be neither lost nor cut for it.

use postern::mailbox::{Fault, Refusal, Slice};
use postern::passage::Uid;

use crate::inbox;
use crate::lies::after_open;
use crate::scripted::Peer;

/// The messages that a fault says are not shown.
#[track_caller]
fn not_shown(fault: &Fault) -> &[Uid] {
    let Fault::Refused {
        why: Refusal::Messages { uids, .. },
        ..
    } = fault
    else {
        panic!("{fault}");
    };
    uids
}

/// Answers what is asked to learn whether messages are still there: these are.
pub fn there(peer: &mut Peer, uids: &[u32]) {
    peer.answer("NOOP", "", "OK");
    let flags: String = uids
        .iter()
        .map(|uid| format!("* {uid} FETCH (UID {uid} FLAGS ())\r\n"))
        .collect();
    peer.answer("UID FETCH ", &flags, "OK");
}

/// Goes red when NIL is taken for a message of no octets, which then became an empty ticket.
#[test]
fn a_message_of_which_nil_is_shown_is_no_empty_one() {
    let nil = "* 1 FETCH (UID 1 BODY[]<0> {2}\r\nab)\r\n* 2 FETCH (UID 2 BODY[]<0> NIL)\r\n";
    let account = after_open(2, "", move |peer| {
        peer.answer("UID FETCH 1:2 ", nil, "OK [EXPUNGEISSUED] some are gone");
        there(peer, &[]);
        peer.answer("UID FETCH 1:2 ", nil, "OK");
        there(peer, &[2]);
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let both = [Uid(1), Uid(2)];
        let (session, messages) = session.fetch(&both, 100).await.unwrap();
        assert_eq!(messages, [(Uid(1), b"ab".to_vec())]);
        let Err(fault) = session.fetch(&both, 100).await else {
            panic!("it is there, and was not shown");
        };
        assert_eq!(not_shown(&fault), [Uid(2)]);
    });
}

#[test]
fn a_message_that_a_fetch_leaves_out_is_named_where_it_is_still_there() {
    let account = after_open(3, "", |peer| {
        let body = "* 2 FETCH (UID 2 BODY[]<0> {2}\r\nab)\r\n";
        peer.answer("UID FETCH 1:3 ", body, "OK");
        there(peer, &[3]);
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let all = [Uid(1), Uid(2), Uid(3)];
        let Err(fault) = session.fetch(&all, 100).await else {
            panic!("one is there, and was left out");
        };
        assert_eq!(not_shown(&fault), [Uid(3)]);
    });
}

/// Goes red when the rest of a message that was larger than announced is taken for its end.
#[test]
fn a_message_that_goes_while_it_is_completed_is_gone() {
    let account = after_open(1, "", |peer| {
        let body = "* 1 FETCH (UID 1 BODY[]<0> {4}\r\nabcd)\r\n";
        peer.answer("UID FETCH 1 (UID BODY.PEEK[]<0.4>)", body, "OK");
        let nil = "* 1 FETCH (UID 1 BODY[]<4> NIL)\r\n";
        peer.answer("UID FETCH 1 (UID BODY.PEEK[]<4.", nil, "OK");
        there(peer, &[]);
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let (_, messages) = session.fetch(&[Uid(1)], 3).await.unwrap();
        assert_eq!(messages, []);
    });
}

/// Goes red when NIL is taken for the end of a large message, which then became a cut one.
#[test]
fn a_slice_of_which_nil_is_shown_is_no_end() {
    for piece in ["* 1 FETCH (UID 1 BODY[]<2> NIL)\r\n", ""] {
        let account = after_open(1, "", move |peer| {
            let body = "* 1 FETCH (UID 1 BODY[]<0> {2}\r\nab)\r\n";
            peer.answer("UID FETCH 1 (UID BODY.PEEK[]<0.2>)", body, "OK");
            peer.answer("UID FETCH 1 (UID BODY.PEEK[]<2.2>)", piece, "OK");
            peer.answer("UID FETCH 1 (UID BODY.PEEK[]<4.2>)", "", "OK");
        });
        smol::block_on(async {
            let mut slices = inbox(&account).await.unwrap().slices(Uid(1), 2);
            assert_eq!(slices.next().await.unwrap(), Slice::Octets(b"ab".to_vec()));
            assert_eq!(slices.next().await.unwrap(), Slice::Gone);
        });
    }
}

#[test]
fn a_message_that_a_look_leaves_out_is_named_where_it_is_still_there() {
    let account = after_open(3, "", |peer| {
        let told = "* 1 FETCH (UID 1 RFC822.SIZE 10 INTERNALDATE \"01-Mar-2026 00:00:00 +0000\" FLAGS ())\r\n";
        peer.answer("UID FETCH 1:3 ", told, "OK");
        there(peer, &[2]);
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let all = [Uid(1), Uid(2), Uid(3)];
        let (_, looked) = session.look(&all).await.unwrap();
        let told: Vec<Uid> = looked.items.iter().map(|item| item.uid).collect();
        assert_eq!(
            (told.as_slice(), looked.denied.as_slice()),
            (&[Uid(1)][..], &[Uid(2)][..])
        );
        assert!(!looked.said.is_empty());
    });
}
