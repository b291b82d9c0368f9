use std::pin::pin;

use futures_lite::io::Cursor;
use futures_lite::AsyncReadExt;
use proptest::prelude::*;

use super::*;
use crate::world::clock::RealClock;

/// A peer that gives its octets in pieces of `step` and takes what is written.
#[derive(Debug)]
struct Peer {
    octets: Cursor<Vec<u8>>,
    step: usize,
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let n = self.step.min(into.len());
        Pin::new(&mut self.octets).poll_read(cx, &mut into[..n])
    }
}

impl AsyncWrite for Peer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, o: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(o.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn guard(octets: &[u8], step: usize) -> Guard {
    let peer = Peer {
        octets: Cursor::new(octets.to_vec()),
        step,
    };
    Guard::new(Box::new(peer), Arc::new(RealClock::new()))
}

/// What comes out of the guard, and what it refused.
fn through(octets: &[u8], allowed: u64, step: usize) -> (Vec<u8>, Option<Breach>, Guard) {
    let mut guard = guard(octets, step);
    guard.allow(allowed);
    let mut out = Vec::new();
    let mut piece = [0; 4096];
    smol::block_on(async {
        while let Ok(n) = pin!(guard.read(&mut piece)).await {
            if n == 0 {
                break;
            }
            out.extend_from_slice(&piece[..n]);
        }
    });
    let breach = guard.breach();
    (out, breach, guard)
}

#[track_caller]
fn passes(octets: &[u8]) {
    for step in [1, 7, 100_000] {
        let (out, breach, _) = through(octets, 1 << 20, step);
        assert_eq!(breach, None);
        assert_eq!(
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(octets)
        );
    }
}

#[track_caller]
fn breaks(octets: &[u8], expected: Breach) {
    for step in [7, 100_000] {
        let (_, breach, _) = through(octets, 0, step);
        assert_eq!(breach, Some(expected));
    }
}

#[test]
fn ordinary_answers_pass_unchanged() {
    passes(b"* OK hello\r\np1 OK done\r\n+ idling\r\n");
    passes(b"* 1 FETCH (UID 5 BODY[]<0> {9}\r\n(((\r\n\"\"}})\r\np1 OK\r\n");
    passes(b"* LIST (\\Archive) \".\" {4}\r\na\r\nb\r\n* SEARCH 1 2 3\r\n");
}

#[test]
fn a_literal_larger_than_asked_for_is_refused_before_it_is_read() {
    breaks(
        b"* 1 FETCH (BODY[] {500000000}\r\n",
        Breach::Literal {
            announced: 500_000_000,
            allowed: LITERAL_SMALL,
        },
    );
    breaks(
        b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n",
        Breach::Literal {
            announced: u64::MAX,
            allowed: LITERAL_SMALL,
        },
    );
}

#[test]
fn many_literals_in_one_answer_count_together() {
    let (_, breach, _) = through(
        &b"* 1 FETCH (X {4000}\r\n"
            .iter()
            .copied()
            .chain((0..3).flat_map(|_| [vec![b'a'; 4000], b" {4000}\r\n".to_vec()].concat()))
            .collect::<Vec<u8>>(),
        0,
        1000,
    );
    assert!(matches!(breach, Some(Breach::Literal { .. })));
}

#[test]
fn deep_nesting_is_refused() {
    let deep = [b"* 1 FETCH ".to_vec(), vec![b'('; 400], b"\r\n".to_vec()].concat();
    breaks(&deep, Breach::Depth);
    // Parentheses in quotes nest nothing.
    let quoted = [
        b"* LIST () \"/\" \"".to_vec(),
        vec![b'('; 400],
        b"\"\r\n".to_vec(),
    ]
    .concat();
    passes(&quoted);
}

#[test]
fn an_endless_line_is_refused() {
    breaks(&vec![b'a'; 3 * LINE_MAX], Breach::Line);
    let line = [b"* SEARCH".to_vec(), b" 1".repeat(40_000), b"\r\n".to_vec()].concat();
    breaks(&line, Breach::Line);
}

#[test]
fn a_line_without_cr_is_refused() {
    breaks(b"* OK hello\n", Breach::NoCr);
}

#[test]
fn an_answer_that_is_left_open_is_refused() {
    breaks(b"* 1 FETCH (UID x\r\n", Breach::Open);
    breaks(b"* LIST () \"/\" \"abc\r\n", Breach::Open);
}

#[test]
fn braces_in_words_for_people_announce_nothing() {
    passes(b"* OK the limit is {500000000}\r\np1 NO see {77}\r\n");
}

#[test]
fn unknown_answers_are_left_out_with_their_literals() {
    let (out, breach, _) = through(
        b"* ESEARCH (TAG \"p1\") ALL 1:3\r\n* XFOO {5}\r\n(((((\r\n* 3 EXISTS\r\n",
        0,
        3,
    );
    assert_eq!(breach, None);
    assert_eq!(out, b"* 3 EXISTS\r\n");
}

#[test]
fn a_namespace_is_kept_for_us() {
    let (out, _, mut guard) = through(b"* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\n", 0, 9);
    assert!(out.is_empty());
    assert_eq!(
        guard.take_namespace().as_deref(),
        Some("* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL")
    );
}

#[test]
fn what_the_parser_panics_on_is_mended() {
    let (out, _, _) = through(b"* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n", 0, 100);
    assert_eq!(out, b"* 1 FETCH (UID 1 INTERNALDATE \"0\")\r\n");
    assert!(async_imap::imap_proto::Response::parse(&out).is_ok());
    let (out, _, _) = through("p1 OK [ALERT]\u{e9}t\u{e9}\r\n".as_bytes(), 0, 100);
    assert!(async_imap::imap_proto::Response::parse(&out).is_ok());
}

#[test]
fn octets_behind_the_first_answer_are_seen() {
    let mut clean = guard(b"p1 OK\r\n", 100);
    let mut tampered = guard(b"p1 OK\r\n* OK injected\r\n", 100);
    smol::block_on(async {
        let mut piece = [0; 4096];
        assert_eq!(clean.read(&mut piece).await.ok(), Some(7));
        assert_eq!(tampered.read(&mut piece).await.ok(), Some(7));
    });
    assert!(clean.into_clean_inner().is_some());
    assert!(tampered.into_clean_inner().is_none());
}

proptest! {
    #[test]
    fn nothing_that_a_server_sends_makes_the_guard_or_the_parser_panic(
        octets in prop::collection::vec(
            prop_oneof![
                Just(b"* ".to_vec()), Just(b"\r\n".to_vec()), Just(b"{3}\r\n".to_vec()),
                Just(b"FETCH (".to_vec()), Just(b"1 ".to_vec()), Just(b"INTERNALDATE NIL".to_vec()),
                Just(b"OK [ALERT]".to_vec()), Just(b"OK [CAPABILITY IMAP4rev1]".to_vec()),
                Just(b"BODY[] ".to_vec()), Just(b"UID 4 ".to_vec()), Just(b"\"".to_vec()),
                Just(b"LIST ".to_vec()), Just(b"QUOTA \"\" (".to_vec()), Just(b"p1 ".to_vec()),
                Just(b"BODYSTRUCTURE ((".to_vec()), Just(b"STATUS INBOX (".to_vec()),
                prop::collection::vec(any::<u8>(), 0..6),
            ],
            0..40,
        ),
        step in 1_usize..64,
    ) {
        let octets = octets.concat();
        let (out, _, _) = through(&octets, 100, step);
        // The parser sees what the guard lets through, answer by answer.
        let mut rest = &out[..];
        while let Ok((behind, _)) = async_imap::imap_proto::Response::parse(rest) {
            rest = behind;
        }
    }
}
