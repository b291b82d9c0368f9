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
