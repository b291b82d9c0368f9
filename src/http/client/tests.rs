//! The client on a scripted peer, in virtual time: no socket, no wait.

use super::*;
use crate::http::{bearer, Bytes};
use crate::world::clock::virtual_time::Virtual;
use crate::world::disk::RealDisk;
use crate::world::entropy::RealEntropy;
use crate::world::{BoxConnection, DialFault, Identity, LocalFuture, Secured, TlsFault};
use futures_lite::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// A peer: its n-th answer comes once it has read n request heads.
#[derive(Debug, Default)]
pub(in crate::http) struct Peer {
    answers: VecDeque<Vec<u8>>,
    /// After its answers: closes, or keeps silent.
    pub(in crate::http) closes: bool,
    pub(in crate::http) heard: Arc<Mutex<Vec<u8>>>,
    pub(in crate::http) given: usize,
    waiting: Option<Waker>,
}

impl Peer {
    pub(in crate::http) fn saying(answers: &[&str]) -> Self {
        let answers = answers.iter().map(|a| a.as_bytes().to_vec());
        Self {
            answers: answers.collect(),
            ..Self::default()
        }
    }

    fn heads(&self) -> usize {
        let heard = self.heard.lock().unwrap();
        heard.windows(4).filter(|w| w == b"\r\n\r\n").count()
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.heads() > self.given {
            if let Some(answer) = self.answers.front_mut() {
                let length = answer.len().min(octets.len());
                octets[..length].copy_from_slice(&answer[..length]);
                answer.drain(..length);
                if answer.is_empty() {
                    self.answers.pop_front();
                    self.given += 1;
                }
                return Poll::Ready(Ok(length));
            }
        }
        if self.closes && self.answers.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.heard.lock().unwrap().extend_from_slice(octets);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Each dial meets the next peer; without one it is never answered.
struct Scripted(Mutex<VecDeque<Peer>>);

impl Net for Scripted {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> LocalFuture<'a, Result<BoxConnection, DialFault>> {
        let peer = self.0.lock().unwrap().pop_front();
        Box::pin(async move {
            match peer {
                Some(peer) => Ok(Box::new(peer) as BoxConnection),
                None => std::future::pending().await,
            }
        })
    }

    fn secure<'a>(
        &'a self,
        _: BoxConnection,
        host: &'a str,
        _: &'a Trust,
        _: Option<&'a Identity>,
    ) -> LocalFuture<'a, Result<Secured, TlsFault>> {
        let host = host.to_owned();
        let said = "not in this test".to_owned();
        Box::pin(async move { Err(TlsFault::Handshake { host, said }) })
    }
}

/// A client of these peers, its clock, and what the first of them hears.
fn client(peers: Vec<Peer>) -> (Client, Arc<dyn Clock>, Arc<Mutex<Vec<u8>>>) {
    let heard = peers.first().map(|p| p.heard.clone()).unwrap_or_default();
    let world = world(peers);
    let client = client_of(&world, "http://portal.example/base");
    (client, world.clock, heard)
}

/// A world of these peers, in virtual time.
pub(in crate::http) fn world(peers: Vec<Peer>) -> World {
    World {
        clock: Arc::new(Virtual::default()),
        disk: Arc::new(RealDisk),
        net: Arc::new(Scripted(Mutex::new(peers.into()))),
        entropy: Arc::new(RealEntropy),
    }
}

pub(in crate::http) fn client_of(world: &World, url: &str) -> Client {
    let origin = Origin::parse(url).unwrap();
    Client::new(world, origin, Trust::System, Patience::default(), 1, 1000)
}

fn get(client: &Client) -> Result<Answer, Fault> {
    smol::block_on(client.ask(Request::new(Method::GET, "/ping", None)))
}

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

#[test]
fn a_request_says_all_it_must_and_no_more() {
    let (client, _, heard) = client(vec![Peer::saying(&[FINE])]);
    let token = bearer(&Secret::new("sesame".to_owned()));
    let mut request = Request::new(Method::POST, "/tickets?a=b", Some(&token));
    request.fields.push(("idempotency-key", "abc".to_owned()));
    request.payload = Payload::Octets("application/json", Bytes::from_static(b"{}"));
    let answer = smol::block_on(client.ask(request)).unwrap();
    assert_eq!(
        (answer.status, &*answer.body, answer.cut),
        (200, &b"fine"[..], None)
    );
    let heard = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.split("\r\n").collect();
    assert_eq!(lines.remove(0), "POST /base/tickets?a=b HTTP/1.1");
    let agent = concat!("user-agent: postern/", env!("CARGO_PKG_VERSION"));
    let want = [
        "host: portal.example",
        agent,
        "accept: application/json, application/problem+json",
        "content-type: application/json",
        "content-length: 2",
        "idempotency-key: abc",
        "authorization: Bearer sesame",
    ];
    assert_eq!((lines.as_slice(), body), (&want[..], "{}"));
}

#[test]
fn silence_is_waited_for_exactly_as_long_as_set() {
    let (client, clock, _) = client(vec![Peer::default()]);
    let fault = get(&client).unwrap_err();
    assert!(matches!(fault, Fault::Unanswered { .. }), "{fault}");
    assert_eq!(clock.tick().0, Patience::default().idle);
}

#[test]
fn what_the_kernel_may_still_hold_is_given_time_to_crawl_away_and_no_more() {
    let patience = Patience::default();
    for (octets, unseen) in [(2_000, 0), (40 << 10, 10), (100 << 20, 32)] {
        let (client, clock, heard) = client(vec![Peer::default()]);
        let mut request = Request::new(Method::POST, "/tickets", None);
        request.payload = Payload::Octets("application/json", vec![b' '; octets].into());
        let fault = smol::block_on(client.ask(request)).unwrap_err();
        assert!(matches!(fault, Fault::Unanswered { .. }), "{fault}");
        assert!(heard.lock().unwrap().len() > octets);
        let waited = clock.tick().0;
        assert_eq!(waited, patience.idle + Duration::from_secs(unseen));
    }
}

#[test]
fn a_dial_that_leads_nowhere_ends_in_time_with_nothing_sent() {
    let (client, clock, _) = client(Vec::new());
    let fault = get(&client).unwrap_err();
    assert!(matches!(fault, Fault::Slow { .. }), "{fault}");
    assert_eq!(clock.tick().0, Patience::default().connect);
}

#[test]
fn an_end_without_an_answer_leaves_what_was_sent_in_doubt() {
    let mut peer = Peer::saying(&["HTTP/1.1 200 OK\r\nConte"]);
    peer.closes = true;
    let fault = get(&client(vec![peer]).0).unwrap_err();
    assert!(matches!(fault, Fault::Unanswered { .. }), "{fault}");
}

#[test]
fn what_is_not_http_is_no_answer() {
    for odd in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "220 mail.example ESMTP\r\n",
        "\x15\x03\x01\x00\x02",
    ] {
        let mut peer = Peer::saying(&[odd]);
        peer.closes = true;
        let fault = get(&client(vec![peer]).0).unwrap_err();
        assert!(matches!(fault, Fault::Unanswered { .. }), "{fault}");
    }
}

#[test]
fn a_head_without_end_is_no_answer() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(10_000_000));
    let fault = get(&client(vec![Peer::saying(&[&long])]).0).unwrap_err();
    assert!(matches!(fault, Fault::Unanswered { .. }), "{fault}");
}

#[test]
fn an_interim_answer_is_not_the_answer() {
    let both = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n{FINE}");
    let answer = get(&client(vec![Peer::saying(&[&both])]).0).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, &b"fine"[..]));
}

#[test]
fn a_body_that_is_announced_too_long_is_not_read() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n";
    let (client, clock, _) = client(vec![Peer::saying(&[head])]);
    let answer = get(&client).unwrap();
    assert_eq!(
        (answer.status, answer.cut.as_deref()),
        (200, Some("it is too long"))
    );
    assert_eq!(clock.tick().0, Duration::ZERO);
}

#[test]
fn a_body_that_stops_short_is_said_to_be_cut() {
    let mut peer = Peer::saying(&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine"]);
    peer.closes = true;
    let answer = get(&client(vec![peer]).0).unwrap();
    assert!(answer.cut.is_some());
}

#[test]
fn a_kept_connection_is_used_again_but_not_after_long() {
    let peers = vec![Peer::saying(&[FINE, FINE, FINE]), Peer::saying(&[FINE])];
    let (client, clock, heard) = client(peers);
    get(&client).unwrap();
    get(&client).unwrap();
    smol::block_on(clock.sleep(KEPT));
    get(&client).unwrap();
    let heard = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    assert_eq!(heard.matches("GET ").count(), 2);
}

#[test]
fn an_answer_that_nobody_asked_for_ends_its_connection() {
    let unasked = format!("{FINE}HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    let peers = vec![Peer::saying(&[&unasked, FINE]), Peer::saying(&[FINE])];
    let (client, _, heard) = client(peers);
    assert_eq!(get(&client).unwrap().status, 200);
    assert_eq!(get(&client).unwrap().status, 200);
    let heard = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    assert_eq!(heard.matches("GET ").count(), 1);
}

#[test]
fn a_token_that_no_field_can_hold_is_not_told_to_anybody() {
    let (client, _, heard) = client(vec![Peer::saying(&[FINE])]);
    let token = bearer(&Secret::new("ses\r\name".to_owned()));
    let asked = client.ask(Request::new(Method::GET, "/ping", Some(&token)));
    let fault = smol::block_on(asked).unwrap_err();
    assert!(matches!(fault, Fault::Unspeakable { .. }));
    assert!(!format!("{fault} {fault:?}").contains("ses"));
    assert!(heard.lock().unwrap().is_empty());
}

#[test]
fn a_request_that_is_given_up_gives_its_place_back() {
    let (client, _, heard) = client(vec![Peer::default(), Peer::saying(&[FINE])]);
    let asked = client.ask(Request::new(Method::GET, "/ping", None));
    let given_up = smol::block_on(futures_lite::future::poll_once(asked));
    assert!(given_up.is_none() && !heard.lock().unwrap().is_empty());
    assert_eq!(get(&client).unwrap().status, 200);
}
