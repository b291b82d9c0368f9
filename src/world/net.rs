//! Dialling: names, addresses, TCP. TLS is in `tls`.
//!
//! Every connection is a boxed stream, so that plain, TLS and a test's duplex look alike.

use std::fmt;
use std::io::{self, IoSlice, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::{ready, Context, Poll, Wake, Waker};

use atomic_waker::AtomicWaker;
use futures_lite::{AsyncRead, AsyncWrite};
use rustix::net::sockopt::set_socket_send_buffer_size;
use smol::Async;

use super::tls::{self, Identity, Secured, TlsFault, Trust};
use super::{worker, LocalFuture};

/// What a connection's unsent octets may take in the kernel, asked for as half (the kernel counts its
/// own needs twice). Nobody sees those octets move: with the kernel's own choice, megabytes, a slow
/// line would look like a dead one for a minute after the last of a message was handed over.
pub const UNSEEN_OCTETS: u64 = 128 * 1024;

/// A byte stream to a peer.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Connection for T {}

/// An owned stream to a peer.
pub type BoxConnection = Box<dyn Connection>;

/// Why nothing could be dialled.
#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    /// The name has no address, or no name server answered.
    #[error("the name {host} was not found: {source}")]
    Name {
        /// The name that was asked for.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The peer's machine answered that nothing listens on the port.
    #[error("connecting to {address}: connection refused")]
    Refused {
        /// The last address tried.
        address: SocketAddr,
    },
    /// No way there, or no answer.
    #[error("connecting to {address}: {source}")]
    Unreachable {
        /// The last address tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The network. Deadlines are the caller's (`Clock::within`).
pub trait Net: Send + Sync {
    /// Resolves `host` and connects to its addresses in turn.
    fn dial<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> LocalFuture<'a, Result<BoxConnection, DialFault>>;

    /// Speaks TLS 1.2 or newer over `connection` to `host`, judging its certificate by `trust`; where the
    /// peer asks for one of ours it is shown `identity`.
    fn secure<'a>(
        &'a self,
        connection: BoxConnection,
        host: &'a str,
        trust: &'a Trust,
        identity: Option<&'a Identity>,
    ) -> LocalFuture<'a, Result<Secured, TlsFault>>;
}

/// The machine's network.
pub struct RealNet;

impl Net for RealNet {
    fn dial<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> LocalFuture<'a, Result<BoxConnection, DialFault>> {
        Box::pin(async move {
            // An IPv6 literal is written in brackets in a URL, and without them elsewhere.
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let name = |source| DialFault::Name {
                host: host.to_owned(),
                source,
            };
            let addresses = resolve(bare, port).await.map_err(name)?;
            let mut last = None;
            for address in addresses {
                match Async::<TcpStream>::connect(address).await {
                    Ok(stream) => {
                        // Commands are written whole; waiting for more to send only costs time.
                        let _ = stream.get_ref().set_nodelay(true);
                        let half = usize::try_from(UNSEEN_OCTETS / 2).unwrap_or(usize::MAX);
                        let _ = set_socket_send_buffer_size(&stream, half);
                        return Ok(Box::new(Socket::new(stream)) as BoxConnection);
                    }
                    Err(source) if source.kind() == io::ErrorKind::ConnectionRefused => {
                        last = Some(DialFault::Refused { address });
                    }
                    Err(source) => last = Some(DialFault::Unreachable { address, source }),
                }
            }
            Err(last.unwrap_or_else(|| name(io::Error::other("no address"))))
        })
    }

    fn secure<'a>(
        &'a self,
        connection: BoxConnection,
        host: &'a str,
        trust: &'a Trust,
        identity: Option<&'a Identity>,
    ) -> LocalFuture<'a, Result<Secured, TlsFault>> {
        Box::pin(tls::connect(connection, host, trust, identity))
    }
}

/// The addresses of a name, by the system's resolver, on a thread that ends with the answer: one of a
/// pool would wake twice a second for ever after, to see whether there is more to do.
async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = host.to_owned();
    let look_up = move || {
        (host.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect)
    };
    worker::apart("resolver", look_up).await?
}

/// A TCP connection that remembers when it had nothing to read: whoever holds it is asked several
/// times for each answer, and need not ask the system each time.
#[derive(Debug)]
struct Socket {
    stream: Async<TcpStream>,
    /// The last read found nothing, and the reactor has told of nothing since.
    dry: bool,
    news: Arc<News>,
}

/// Whether the reactor has told of something. Its own answer to that comes late where it waits on another
/// thread, as at rest: what came while it was asked counts as old, and whoever asks again is woken again, at
/// once, for as long as that goes on (measured: some hundred times).
#[derive(Debug, Default)]
struct News {
    told: AtomicBool,
    whose: AtomicWaker,
}

impl News {
    /// Whether something was told since the last time; else `whose` is woken when it is.
    fn are_there(&self, whose: &Waker) -> bool {
        self.whose.register(whose);
        // Only now: what is told from here on wakes it.
        self.told.swap(false, Ordering::AcqRel)
    }
}

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.told.store(true, Ordering::Release);
        self.whose.wake();
    }
}

impl Socket {
    fn new(stream: Async<TcpStream>) -> Self {
        Self {
            stream,
            dry: false,
            news: Arc::default(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.dry && !self.news.are_there(cx.waker()) {
                let news = Waker::from(Arc::clone(&self.news));
                ready!(self.stream.poll_readable(&mut Context::from_waker(&news)))?;
            }
            self.dry = false;
            match self.stream.get_ref().read(octets) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.dry = true,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests;
