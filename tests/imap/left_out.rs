//! Answers that end with OK and leave a message out, or show NIL of it. Dovecot does so with what another
//! session takes away meanwhile; a message that is still there may be neither lost nor cut for it.

use postern::mailbox::{Brought, Fault, Refusal, Slice};
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

/// What a fetch of messages, announced with ten octets each, comes to where it is answered so, and only
/// `still` are there afterwards: what came, and what is withheld.
fn fetched(
    count: u32,
    answer: &'static str,
    still: &'static [u32],
) -> (Vec<(Uid, Vec<u8>)>, Vec<Uid>) {
    let account = after_open(count, "", move |peer| {
        peer.answer("UID FETCH ", answer, "OK [EXPUNGEISSUED] some are gone");
        there(peer, still);
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let all: Vec<(Uid, u64)> = (1..=count).map(|uid| (Uid(uid), 10)).collect();
        let (_, brought) = session.fetch(&all, 100).await.unwrap();
        assert_eq!(brought.withheld.is_empty(), brought.said.is_empty());
        let messages = brought.messages.into_iter();
        let messages = messages.map(|(uid, octets)| (uid, octets.into()));
        (messages.collect(), brought.withheld)
    })
}

const WHOLE: &[u8] = b"0123456789";

/// Goes red when NIL is taken for a message of no octets, which then became an empty ticket.
#[test]
fn a_message_of_which_nil_is_shown_is_no_empty_one() {
    let nil =
        "* 1 FETCH (UID 1 BODY[]<0> {10}\r\n0123456789)\r\n* 2 FETCH (UID 2 BODY[]<0> NIL)\r\n";
    let first = vec![(Uid(1), WHOLE.to_vec())];
    assert_eq!(fetched(2, nil, &[]), (first.clone(), vec![]));
    assert_eq!(fetched(2, nil, &[2]), (first, vec![Uid(2)]));
}

#[test]
fn a_message_that_a_fetch_leaves_out_is_named_where_it_is_still_there() {
    let body = "* 2 FETCH (UID 2 BODY[]<0> {10}\r\n0123456789)\r\n";
    let second = vec![(Uid(2), WHOLE.to_vec())];
    assert_eq!(fetched(3, body, &[3]), (second, vec![Uid(3)]));
}

/// Goes red when a piece of a message that somebody took away is taken for all of it; or when a server
/// that announces too much is not believed.
#[test]
fn a_message_that_is_shorter_than_announced_must_still_be_there() {
    let piece = "* 1 FETCH (UID 1 BODY[]<0> {2}\r\nab)\r\n";
    assert_eq!(fetched(1, piece, &[]), (vec![], vec![]));
    let short = vec![(Uid(1), b"ab".to_vec())];
    assert_eq!(fetched(1, piece, &[1]), (short, vec![]));
    let nothing = "* 1 FETCH (UID 1 BODY[]<0> \"\")\r\n";
    assert_eq!(fetched(1, nothing, &[1]), (vec![], vec![Uid(1)]));
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
        let (_, brought) = session.fetch(&[(Uid(1), 3)], 3).await.unwrap();
        assert_eq!(brought, Brought::default());
    });
}

/// What comes behind the first two octets of a large message, announced with `announced`, where the rest
/// is answered so.
fn behind_two(announced: u64, rest: &'static str, still: &'static [u32]) -> Result<Slice, Fault> {
    let account = after_open(1, "", move |peer| {
        let body = "* 1 FETCH (UID 1 BODY[]<0> {2}\r\nab)\r\n";
        peer.answer("UID FETCH 1 (UID BODY.PEEK[]<0.2>)", body, "OK");
        peer.answer("UID FETCH 1 (UID BODY.PEEK[]<2.2>)", rest, "OK");
        peer.answer("UID FETCH 1 (UID BODY.PEEK[]<4.2>)", "", "OK");
        there(peer, still);
    });
    smol::block_on(async {
        let mut slices = inbox(&account).await.unwrap().slices(Uid(1), announced, 2);
        let first = slices.next().await.unwrap();
        assert_eq!(first, Slice::Octets(b"ab".to_vec()));
        slices.next().await
    })
}

/// Goes red when NIL, or an end that comes too early, is taken for the end of a large message that
/// somebody took away: it became a cut ticket, or a second one beside the whole.
#[test]
fn an_end_of_slices_that_comes_too_early_must_be_one() {
    let (nil, left_out) = ("* 1 FETCH (UID 1 BODY[]<2> NIL)\r\n", "");
    let end = "* 1 FETCH (UID 1 BODY[]<2> \"\")\r\n";
    for rest in [nil, left_out, end] {
        assert_eq!(behind_two(5, rest, &[]).unwrap(), Slice::Gone);
    }
    for rest in [nil, left_out] {
        assert_eq!(not_shown(&behind_two(5, rest, &[1]).unwrap_err()), [Uid(1)]);
        assert_eq!(behind_two(2, rest, &[1]).unwrap(), Slice::End);
    }
    // Some servers announce too much.
    assert_eq!(behind_two(5, end, &[1]).unwrap(), Slice::End);
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
