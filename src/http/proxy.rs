//! A way through an HTTP proxy: CONNECT (RFC 9110 §9.3.6), before any TLS.
//!
//! Only for origins that speak TLS; a plain request goes to the proxy itself, with the whole
//! address in its first line. A proxy that wants a password gets it by Basic (RFC 7617), in clear: it is
//! spoken to without TLS.

use super::{Fault, Origin};
use crate::world::{BoxConnection, Secret};
use base64::prelude::{Engine, BASE64_STANDARD};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::io;
use std::sync::Arc;

/// Octets of a proxy's answer that are read.
const HEAD: usize = 8 * 1024;

/// A proxy on the way.
#[derive(Clone)]
pub struct Proxy {
    /// Where it is.
    pub origin: Origin,
    /// The whole Proxy-Authorization field.
    authorization: Option<Arc<Secret>>,
}

impl Proxy {
    /// One that asks nobody who it is.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            authorization: None,
        }
    }

    /// The same for a user, who may hold no colon (RFC 7617 §2), with that password.
    pub fn signed_in(mut self, user: &str, password: &Secret) -> Self {
        let pair = Secret::new(format!("{user}:{}", password.reveal()));
        let basic = format!("Basic {}", BASE64_STANDARD.encode(pair.reveal()));
        self.authorization = Some(Arc::new(Secret::new(basic)));
        self
    }

    /// The Proxy-Authorization field, where one is sent.
    pub(super) fn authorization(&self) -> Option<&Secret> {
        self.authorization.as_deref()
    }
}

/// Asks the proxy at the other end of `connection` for a way to `origin`.
pub(super) async fn connect(
    connection: &mut BoxConnection,
    proxy: &Proxy,
    origin: &Origin,
) -> Result<(), Fault> {
    let at = &proxy.origin;
    let not_sent = |error: io::Error| Fault::NotSent {
        host: origin.host.clone(),
        said: format!("asking the proxy {at} for the way: {error}"),
    };
    let to = origin.with_port();
    let head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    let ask = Secret::new(match proxy.authorization() {
        Some(basic) => format!("{head}Proxy-Authorization: {}\r\n\r\n", basic.reveal()),
        None => format!("{head}\r\n"),
    });
    connection
        .write_all(ask.reveal().as_bytes())
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
            proxy: at.to_string(),
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
