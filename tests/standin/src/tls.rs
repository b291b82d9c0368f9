//! TLS on a socket, with certificates of clients demanded where that is wished.
//!
//! OpenSSL itself: what wraps it for async programs can't ask a client for a certificate.

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslVerifyMode, SslVersion};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::X509;
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::TcpStream;
use smol::Async;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

/// What a server is told.
pub struct Server {
    /// Its certificate chain, PEM.
    pub chain: Vec<u8>,
    /// Its key, PEM.
    pub key: Vec<u8>,
    /// Authorities of which clients must have a certificate, PEM.
    pub clients: Option<Vec<u8>>,
    /// No version of TLS newer than 1.2.
    pub old: bool,
}

impl Server {
    /// What connections are made of.
    pub fn context(&self) -> Result<SslContext, ErrorStack> {
        let mut builder = SslContext::builder(SslMethod::tls_server())?;
        builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        if self.old {
            builder.set_max_proto_version(Some(SslVersion::TLS1_2))?;
        }
        let mut chain = X509::stack_from_pem(&self.chain)?.into_iter();
        if let Some(own) = chain.next() {
            builder.set_certificate(&own)?;
        }
        for certificate in chain {
            builder.add_extra_chain_cert(certificate)?;
        }
        builder.set_private_key(&*PKey::private_key_from_pem(&self.key)?)?;
        if let Some(clients) = &self.clients {
            let mut store = X509StoreBuilder::new()?;
            let mut names = Stack::new()?;
            for authority in X509::stack_from_pem(clients)? {
                names.push(authority.subject_name().to_owned()?)?;
                store.add_cert(authority)?;
            }
            builder.set_verify_cert_store(store.build())?;
            builder.set_client_ca_list(names);
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        Ok(builder.build())
    }
}

/// The socket as OpenSSL sees it: it says "not now" and never waits.
#[derive(Debug)]
struct Socket(Arc<Async<std::net::TcpStream>>);

impl Read for Socket {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.0.get_ref().read(octets)
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.get_ref().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection.
pub struct Stream {
    ssl: openssl::ssl::SslStream<Socket>,
    socket: Arc<Async<std::net::TcpStream>>,
}

impl Stream {
    /// Shakes hands.
    pub async fn accept(context: &SslContext, socket: TcpStream) -> io::Result<Self> {
        let socket: Arc<Async<std::net::TcpStream>> = socket.into();
        let ssl = openssl::ssl::SslStream::new(Ssl::new(context)?, Socket(socket.clone()))?;
        let mut stream = Self { ssl, socket };
        std::future::poll_fn(|cx| stream.poll(cx, |ssl| ssl.accept().map(|()| 0))).await?;
        Ok(stream)
    }

    /// Does `work` as soon as the socket lets it.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut work: impl FnMut(&mut openssl::ssl::SslStream<Socket>) -> Result<usize, openssl::ssl::Error>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let error = match work(&mut self.ssl) {
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(error) => error,
            };
            match error.code() {
                ErrorCode::WANT_READ => ready!(self.socket.poll_readable(cx))?,
                ErrorCode::WANT_WRITE => ready!(self.socket.poll_writable(cx))?,
                ErrorCode::ZERO_RETURN => return Poll::Ready(Ok(0)),
                _ => {
                    return Poll::Ready(Err(error.into_io_error().unwrap_or_else(io::Error::other)))
                }
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |ssl| ssl.ssl_read(octets))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |ssl| ssl.ssl_write(octets))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |ssl| ssl.shutdown().map(|_| 0))
            .map_ok(|_| ())
    }
}
