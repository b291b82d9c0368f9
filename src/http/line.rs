//! One connection: dialled, secured, shaken hands with, and polled by whoever uses it.

use super::body::Outgoing;
use super::proxy::{self, Proxy};
use super::{Fault, Origin};
use crate::world::{BoxConnection, Certificate, Clock, Identity, Net, Tick, Trust};
use futures_lite::{AsyncRead, AsyncWrite};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::fmt;
use std::future::{poll_fn, Future};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Duration;

/// hyper's buffer for reading, so that memory doesn't follow the peer's generosity; and for writing, where a
/// slice of a body that has more (an attachment at hand, half a MiB at most) makes it as large for a moment.
const BUFFER: usize = 64 * 1024;
/// Octets read at once: a record of TLS.
const READ: usize = 16 * 1024;

/// What went over a connection, and when last.
pub(super) struct Gauge {
    sent: AtomicU64,
    /// Milliseconds of the clock's tick.
    moved: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl Gauge {
    /// Octets sent so far, those of TLS included.
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// When an octet last moved.
    pub fn moved(&self) -> Tick {
        Tick(Duration::from_millis(self.moved.load(Relaxed)))
    }

    /// Counts this moment as movement.
    pub fn touch(&self) {
        let now = self.clock.tick().0.as_millis();
        self.moved
            .store(u64::try_from(now).unwrap_or(u64::MAX), Relaxed);
    }

    fn count(&self, sent: bool, done: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(octets)) = done {
            self.touch();
            if sent {
                self.sent.fetch_add(*octets as u64, Relaxed);
            }
        }
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets sent", self.sent())
    }
}

/// A connection that counts, below TLS; and one that listens to the end: where the peer stopped
/// reading, it may have said why (413 to a large body), and a failed write must not keep that
/// answer from being read. So after such a failure octets go nowhere, and the reading side tells
/// the end: an answer, or that there is none.
#[derive(Debug)]
struct Counted {
    inner: BoxConnection,
    gauge: Arc<Gauge>,
    deaf: bool,
}

impl Counted {
    fn wrote(&mut self, length: usize, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match &done {
            Poll::Ready(Err(e)) if matches!(e.kind(), BrokenPipe | ConnectionReset) => {
                self.deaf = true;
                Poll::Ready(Ok(length))
            }
            _ => {
                self.gauge.count(true, &done);
                done
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
        self.gauge.count(false, &done);
        done
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(octets.len()));
        }
        let done = Pin::new(&mut self.inner).poll_write(cx, octets);
        self.wrote(octets.len(), done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|s| s.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(length));
        }
        let done = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.wrote(length, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// A connection as hyper wants it. smol-hyper's would do; but it does not tell hyper that several slices are
/// written with one call, so that each body is copied behind its head, and it clears the whole buffer before
/// each read: together a fifteenth of the executor's time in a drain.
struct Spoken {
    inner: BoxConnection,
    /// TLS seals what it is handed, slice by slice: there one copy is better than many records.
    gathers: bool,
    /// What was read last.
    read: Box<[u8]>,
}

impl Read for Spoken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, read, .. } = &mut *self;
        let most = read.len().min(room.remaining());
        let read = read.get_mut(..most).unwrap_or_default();
        let octets = ready!(Pin::new(inner).poll_read(cx, read))?;
        room.put_slice(read.get(..octets).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl Write for Spoken {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.gathers
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

type Wire = Pin<Box<Connection<Spoken, Outgoing>>>;

/// One connection to the origin.
pub(super) struct Line {
    pub sender: SendRequest<Outgoing>,
    pub gauge: Arc<Gauge>,
    /// None once it has ended.
    wire: Option<Wire>,
}

impl Line {
    /// Dials, by way of the proxy where there is one, and speaks TLS where the origin asks for it.
    pub async fn open(
        net: &dyn Net,
        clock: &Arc<dyn Clock>,
        proxy: Option<&Proxy>,
        origin: &Origin,
        trust: &Trust,
        identity: Option<&Identity>,
    ) -> Result<(Self, Option<Certificate>), Fault> {
        let gauge = Arc::new(Gauge {
            sent: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            clock: clock.clone(),
        });
        let dialled = proxy.map_or(origin, |proxy| &proxy.origin);
        let inner = net.dial(&dialled.host, dialled.port).await;
        let mut connection: BoxConnection = Box::new(Counted {
            inner: inner.map_err(|source| match proxy {
                Some(proxy) => Fault::Proxy {
                    proxy: proxy.origin.to_string(),
                    source,
                },
                None => Fault::Dial(source),
            })?,
            gauge: gauge.clone(),
            deaf: false,
        });
        let mut certificate = None;
        if origin.tls {
            if let Some(proxy) = proxy {
                proxy::connect(&mut connection, proxy, origin).await?;
            }
            let secured = net
                .secure(connection, &origin.host, trust, identity)
                .await?;
            connection = secured.connection;
            certificate = secured.certificate;
        }
        let (sender, wire) = Builder::new()
            .max_buf_size(BUFFER)
            .handshake(Spoken {
                inner: connection,
                gathers: !origin.tls,
                read: vec![0; READ].into(),
            })
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
