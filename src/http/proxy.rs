//! A way through an HTTP proxy: CONNECT (RFC 9110 §9.3.6), before any TLS.
//!
//! Only for origins that speak TLS; a plain request goes to the proxy itself, with the whole
//! address in its first line. Proxies that want a password are not spoken to.

use super::{Fault, Origin};
use crate::world::BoxConnection;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::io;

/// Octets of a proxy's answer that are read.
const HEAD: usize = 8 * 1024;

/// Asks the proxy at the other end of `connection` for a way to `origin`.
pub(super) async fn connect(
    connection: &mut BoxConnection,
    proxy: &Origin,
    origin: &Origin,
) -> Result<(), Fault> {
    let not_sent = |error: io::Error| Fault::NotSent {
        host: origin.host.clone(),
        said: format!("asking the proxy {proxy} for the way: {error}"),
    };
    let to = origin.with_port();
    let ask = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
    connection
        .write_all(ask.as_bytes())
        .await
        .map_err(not_sent)?;
    connection.flush().await.map_err(not_sent)?;
    let mut head = Vec::new();
    // One at a time: what comes behind the head belongs to TLS, and there is nothing to be faster
    // for in a few hundred octets.
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        connection.read_exact(&mut octet).await.map_err(not_sent)?;
        head.extend(octet);
        if head.len() > HEAD {
            return Err(not_sent(io::Error::other("its answer is too long")));
        }
    }
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(status) => Err(Fault::NoWay {
            proxy: proxy.to_string(),
            host: origin.host.clone(),
            status,
        }),
        None => Err(not_sent(io::Error::other("its answer is not HTTP"))),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.parse().ok()
}
