//! One connection: dialled, secured, shaken hands with, and polled by whoever uses it.

use super::body::Outgoing;
use super::{Fault, Origin};
use crate::world::{BoxConnection, Certificate, Clock, Net, Tick, Trust};
use futures_lite::{AsyncRead, AsyncWrite};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use smol_hyper::rt::FuturesIo;
use std::cell::Cell;
use std::future::{poll_fn, Future};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// hyper's buffer for reading and writing, so that memory doesn't follow the peer's generosity.
const BUFFER: usize = 64 * 1024;

/// What went over a connection, and when last.
pub(super) struct Gauge {
    pub sent: Cell<u64>,
    pub moved: Cell<Tick>,
}

/// A connection that counts.
struct Counted {
    inner: BoxConnection,
    gauge: Rc<Gauge>,
    clock: Arc<dyn Clock>,
}

impl Counted {
    fn moved(&self, read: bool, done: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(octets)) = done {
            self.gauge.moved.set(self.clock.tick());
            if !read {
                self.gauge.sent.set(self.gauge.sent.get() + *octets as u64);
            }
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_read(cx, octets);
        self.moved(true, &done);
        done
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write(cx, octets);
        self.moved(false, &done);
        done
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.moved(false, &done);
        done
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

type Wire = Pin<Box<Connection<FuturesIo<Counted>, Outgoing>>>;

/// One connection to the origin.
pub(super) struct Line {
    pub sender: SendRequest<Outgoing>,
    pub gauge: Rc<Gauge>,
    /// None once it has ended.
    wire: Option<Wire>,
}

impl Line {
    /// Dials, and speaks TLS where the origin asks for it.
    pub async fn open(
        net: &dyn Net,
        clock: &Arc<dyn Clock>,
        origin: &Origin,
        trust: &Trust,
    ) -> Result<(Self, Option<Certificate>), Fault> {
        let mut inner = net.dial(&origin.host, origin.port).await?;
        let mut certificate = None;
        if origin.tls {
            let secured = net.secure(inner, &origin.host, trust).await?;
            inner = secured.connection;
            certificate = secured.certificate;
        }
        let gauge = Rc::new(Gauge {
            sent: Cell::new(0),
            moved: Cell::new(clock.tick()),
        });
        let counted = Counted {
            inner,
            gauge: gauge.clone(),
            clock: clock.clone(),
        };
        let (sender, wire) = Builder::new()
            .max_buf_size(BUFFER)
            .handshake(FuturesIo::new(counted))
            .await
            .map_err(|e| Fault::NotSent {
                host: origin.host.clone(),
                said: e.to_string(),
            })?;
        let wire = Some(Box::pin(wire));
        let line = Self {
            sender,
            gauge,
            wire,
        };
        Ok((line, certificate))
    }

    /// Whether it can take a request now: looks once at what the peer did while nobody looked.
    pub async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            step(&mut self.wire, cx);
            let usable = self.wire.is_some() && self.sender.is_ready();
            Poll::Ready(usable)
        })
        .await
    }

    /// Moves the connection for as long as `work` is awaited.
    pub async fn while_moving<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let wire = &mut self.wire;
        poll_fn(|cx| {
            step(wire, cx);
            work.as_mut().poll(cx)
        })
        .await
    }
}

fn step(wire: &mut Option<Wire>, cx: &mut Context<'_>) {
    let ended = match wire {
        Some(wire) => wire.as_mut().poll(cx).is_ready(),
        None => false,
    };
    if ended {
        // Why it ended is told to the request on it, if there is one.
        *wire = None;
    }
}
