use std::future::Future;
use std::net::TcpListener;

use futures_lite::{future, AsyncReadExt, AsyncWriteExt};

use super::*;

/// A connection as the appliance dials it, and the peer's end.
fn dialled() -> (BoxConnection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listening");
    let port = listener.local_addr().expect("an address").port();
    let dialled = smol::block_on(RealNet.dial("127.0.0.1", port)).expect("dialled");
    (dialled, listener.accept().expect("accepted").0)
}

#[test]
fn a_connection_that_had_nothing_to_read_gives_what_comes_later_each_time() {
    use std::io::Write;
    let (mut here, mut peer) = dialled();
    smol::block_on(async {
        for round in 0..50_u8 {
            let mut octets = [0; 8];
            // Asked several times over while nothing is there, as whoever holds it does.
            for _ in 0..3 {
                let early = future::poll_once(here.read(&mut octets)).await;
                assert!(early.is_none(), "round {round}: {early:?}");
            }
            peer.write_all(&[round; 3]).expect("sent");
            let read = here.read(&mut octets).await.expect("read");
            assert_eq!(octets[..read], [round; 3][..read], "round {round}");
            let mut rest = vec![0; 3 - read];
            here.read_exact(&mut rest).await.expect("the rest");
        }
        drop(peer);
        let end = here.read(&mut [0; 8]).await.expect("an end");
        assert_eq!(end, 0);
    });
}

/// Goes red where the reactor is asked what it has told: on a thread of its own it may answer "nothing" again
/// and again, and wake whoever asks each time.
#[test]
fn what_comes_while_another_thread_waits_for_it_is_read_at_once() {
    use std::io::Write;
    const ROUNDS: u32 = 300;
    let (mut here, mut peer) = dialled();
    let mut polled = 0;
    // Moves no sockets itself.
    future::block_on(async {
        for _ in 0..ROUNDS {
            let mut octet = [0];
            let mut sent = false;
            let mut reading = here.read(&mut octet);
            let read = future::poll_fn(|cx| {
                polled += 1;
                let read = std::pin::Pin::new(&mut reading).poll(cx);
                if !std::mem::replace(&mut sent, true) {
                    peer.write_all(&[7]).expect("sent");
                }
                read
            });
            assert_eq!(read.await.expect("read"), 1);
        }
    });
    assert!(polled <= ROUNDS * 3, "asked {polled} times");
}

#[test]
fn closing_tells_the_peer_that_nothing_more_comes_and_goes_on_reading() {
    use std::io::{Read, Write};
    let (mut here, mut peer) = dialled();
    smol::block_on(async {
        here.write_all(b"bye").await.expect("sent");
        here.close().await.expect("closed");
        let mut heard = Vec::new();
        peer.read_to_end(&mut heard).expect("the end is told");
        assert_eq!(heard, b"bye");
        peer.write_all(b"so long").expect("sent");
        drop(peer);
        let mut said = Vec::new();
        here.read_to_end(&mut said).await.expect("read");
        assert_eq!(said, b"so long");
    });
}

#[test]
fn names_and_literals_have_addresses_and_no_thread_stays_behind() {
    let found = smol::block_on(resolve("localhost", 143)).expect("everybody's name");
    assert!(found
        .iter()
        .all(|a| a.ip().is_loopback() && a.port() == 143));
    assert!(!found.is_empty());
    let literal = smol::block_on(resolve("::1", 993)).expect("a literal");
    assert_eq!(
        literal,
        ["[::1]:993".parse::<SocketAddr>().expect("an address")]
    );
    smol::block_on(resolve("no-such-name.invalid", 1)).expect_err("nobody's name");
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("our threads");
        let names = tasks.flatten().filter_map(|t| {
            let name = std::fs::read_to_string(t.path().join("comm")).ok()?;
            Some(name.trim().to_owned())
        });
        names.collect::<Vec<String>>()
    };
    // Its end is the system's to see to.
    let gone = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        !threads()
            .iter()
            .any(|name| name == "resolver" || name.starts_with("blocking"))
    });
    assert!(gone, "{:?}", threads());
}
