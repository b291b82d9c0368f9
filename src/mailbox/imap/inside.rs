//! Doors to what reads a server's words, for the fuzz targets of `tests/fuzz` and nobody else. They are there
//! in builds with the feature `inside` only.

use std::io;
use std::pin::{pin, Pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use async_imap::imap_proto::Response;
use futures_lite::io::Cursor;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::capability::Abilities;
use super::guard::Guard;
use super::{date, folders, utf7};
use crate::world::clock::RealClock;

/// A server that has said all that it will.
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
        let step = self.step.min(into.len());
        let into = into.get_mut(..step).unwrap_or_default();
        Pin::new(&mut self.octets).poll_read(cx, into)
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

/// What a server says, in pieces, through the guard and then through the parser: what came out of both.
pub fn answers(octets: &[u8], step: usize) -> (Vec<u8>, usize) {
    let peer = Peer {
        octets: Cursor::new(octets.to_vec()),
        step,
    };
    let mut guard = Guard::new(Box::new(peer), Arc::new(RealClock::new()));
    guard.allow(1 << 20);
    let mut out = Vec::new();
    let mut piece = [0; 4096];
    smol::block_on(async {
        while let Ok(n @ 1..) = pin!(guard.read(&mut piece)).await {
            out.extend_from_slice(piece.get(..n).unwrap_or_default());
        }
    });
    let (mut rest, mut read) = (out.as_slice(), 0);
    while let Ok((behind, _)) = Response::parse(rest) {
        rest = behind;
        read += 1;
    }
    (out, read)
}

/// A folder's name for the wire.
pub fn utf7(name: &str) -> String {
    utf7::encode(name)
}

/// A folder's name of the wire.
pub fn of_utf7(wire: &str) -> String {
    utf7::decode(wire)
}

/// Dates, lists of strings and capabilities.
pub fn words(text: &str) {
    if let Some(at) = date::parse(text) {
        let _day = date::day(at, 1);
    }
    let _strings = folders::strings(text);
    let _abilities = Abilities::in_greeting(text).map(|abilities| abilities.ways());
}
