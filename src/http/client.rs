//! Requests and answers over a few kept connections.

use super::body::{Outgoing, Payload, Told};
use super::line::Line;
use super::proxy::Proxy;
use super::{retry_after, Fault, Origin};
use crate::world::net::UNSEEN_OCTETS;
use crate::world::tls::client_alert;
use crate::world::{Certificate, Clock, Identity, Net, Secret, Tick, TlsFault, Trust, Wall, World};
use futures_lite::future::or;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue, AUTHORIZATION, PROXY_AUTHORIZATION};
use hyper::Method;
use smol::lock::Semaphore;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
pub(super) mod tests;

/// How long is waited for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, from the name's look-up to the end of the TLS handshake.
    pub connect: Duration,
    /// While no octet moves in either direction, on top of the time that those may take to crawl away
    /// which the kernel holds unseen.
    pub idle: Duration,
    /// For the whole of a request and its answer, on top of the time that its body may take.
    pub answer: Duration,
    /// Octets a second at which a body may crawl away.
    pub slowest: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            answer: Duration::from_secs(120),
            slowest: 4 * 1024,
        }
    }
}

/// How long one request may take.
#[derive(Clone, Copy)]
struct Limit {
    deadline: Tick,
    silence: Duration,
}

/// Connections that were unused for longer are not used again: routers on the way forget them
/// without a word, and servers close them just as the next request is sent.
const KEPT: Duration = Duration::from_secs(15);

/// What is asked.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Path and query behind the origin's base, percent-encoded, beginning with a slash.
    pub path: String,
    /// Fields besides those that follow from the rest.
    pub fields: Vec<(&'static str, String)>,
    /// What signs it in: the whole Authorization field, see `bearer`.
    pub authorization: Option<&'a Secret>,
    /// The body.
    pub payload: Payload,
}

impl<'a> Request<'a> {
    /// A request without fields and body.
    pub fn new(method: Method, path: impl Into<String>, authorization: Option<&'a Secret>) -> Self {
        Self {
            method,
            path: path.into(),
            fields: Vec::new(),
            authorization,
            payload: Payload::Nothing,
        }
    }

    /// The same once more; `None` where its body is a stream, which comes only once.
    pub fn again(&self) -> Option<Self> {
        let payload = match &self.payload {
            Payload::Nothing => Payload::Nothing,
            Payload::Octets(media_type, octets) => Payload::Octets(media_type, octets.clone()),
            Payload::Stream(_) => return None,
        };
        Some(Self {
            method: self.method.clone(),
            path: self.path.clone(),
            fields: self.fields.clone(),
            authorization: self.authorization,
            payload,
        })
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The fields.
    pub fields: HeaderMap,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// Why the body is not whole, when it isn't.
    pub cut: Option<String>,
}

impl Answer {
    /// A field's value, where it is text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.to_str().ok()
    }

    /// How long the peer wishes to be left alone.
    pub fn retry_after(&self, now: Wall) -> Option<Duration> {
        retry_after(self.field("retry-after")?, self.field("date"), now)
    }
}

/// Connections to one origin. Not for several threads: clone nothing, share by reference.
pub struct Client {
    net: Arc<dyn Net>,
    clock: Arc<dyn Clock>,
    origin: Origin,
    proxy: Option<Proxy>,
    trust: Trust,
    identity: Option<Identity>,
    patience: Patience,
    /// Octets of an answer's body that are taken in.
    answer_bytes: usize,
    /// One permit for each connection that may exist.
    permits: Semaphore,
    idle: RefCell<Vec<(Tick, Line)>>,
    certificate: RefCell<Option<Certificate>>,
}

impl Client {
    /// A client that keeps at most `connections` connections and takes in at most `answer_bytes`
    /// of each answer's body.
    pub fn new(
        world: &World,
        origin: Origin,
        trust: Trust,
        patience: Patience,
        connections: usize,
        answer_bytes: usize,
    ) -> Self {
        Self {
            net: world.net.clone(),
            clock: world.clock.clone(),
            origin,
            proxy: None,
            trust,
            identity: None,
            patience,
            answer_bytes,
            permits: Semaphore::new(connections.max(1)),
            idle: RefCell::new(Vec::new()),
            certificate: RefCell::new(None),
        }
    }

    /// The same client by way of an HTTP proxy.
    pub fn through(mut self, proxy: Option<Proxy>) -> Self {
        self.proxy = proxy;
        self
    }

    /// The same client with a certificate of its own.
    pub fn showing(mut self, identity: Option<Identity>) -> Self {
        self.identity = identity;
        self
    }

    /// Whom it speaks to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What the peer showed at the last handshake.
    pub fn certificate(&self) -> Option<Certificate> {
        self.certificate.borrow().clone()
    }

    /// The certificate that the peer shows, trusted or not: over a connection of its own, on which
    /// nothing is sent.
    pub async fn shown(&self) -> Option<Certificate> {
        let opening = Line::open(
            &*self.net,
            &self.clock,
            self.proxy.as_ref(),
            &self.origin,
            &Trust::ToShow,
            self.identity.as_ref(),
        );
        let opened = self.clock.within(self.patience.connect, opening).await?;
        opened.ok()?.1
    }

    /// Closes the connections that nobody uses.
    pub fn rest(&self) {
        self.idle.borrow_mut().clear();
    }

    /// Sends a request and waits for its answer; for a connection too when all are in use.
    /// Dropped before its end, the request's connection is closed.
    pub async fn ask(&self, request: Request<'_>) -> Result<Answer, Fault> {
        let _permit = self.permits.acquire().await;
        let length = request.payload.length();
        let (message, told) = self.compose(request)?;
        let mut line = self.line().await?;
        let limit = self.limit(length);
        line.gauge.touch();
        let sent_before = line.gauge.sent();

        let waiting = line.sender.send_request(message);
        let response = match self.move_until(&mut line, limit, waiting).await {
            Some(Ok(response)) => response,
            failed => {
                let said = match failed {
                    Some(Err(error)) => in_full(&error),
                    _ => "the time is up".to_owned(),
                };
                let nothing_sent = line.gauge.sent() == sent_before;
                return Err(self.broken(said, told.fault.take(), nothing_sent));
            }
        };
        let answer = self.take_in(&mut line, limit, response).await;
        if answer.cut.is_none() && told.whole.get() {
            self.idle.borrow_mut().push((self.clock.tick(), line));
        }
        Ok(answer)
    }

    fn compose(&self, request: Request<'_>) -> Result<(hyper::Request<Outgoing>, Rc<Told>), Fault> {
        let unspeakable = |said: &str| Fault::Unspeakable {
            host: self.origin.host.clone(),
            said: said.to_owned(),
        };
        let media_type = request.payload.media_type();
        let length = request.payload.length();
        let (outgoing, told) = Outgoing::new(request.payload);
        let mut message = hyper::Request::new(outgoing);
        *message.method_mut() = request.method;
        // A proxy is told the whole address, RFC 9112 §3.2.2; behind CONNECT nobody is.
        let target = match self.proxy.is_some() && !self.origin.tls {
            true => format!("{}{}", self.origin, request.path),
            false => format!("{}{}", self.origin.base, request.path),
        };
        *message.uri_mut() = target
            .parse()
            .map_err(|_| unspeakable("its path is none"))?;
        let mut fields = vec![
            ("host", self.origin.authority()),
            (
                "user-agent",
                concat!("postern/", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
            (
                "accept",
                "application/json, application/problem+json".to_owned(),
            ),
        ];
        if let Some(media_type) = media_type {
            fields.push(("content-type", media_type.to_owned()));
            // Said here, since hyper leaves it out for an empty body: a zero is a length too.
            fields.push(("content-length", length.to_string()));
        }
        fields.extend(request.fields);
        for (name, value) in fields {
            let value = HeaderValue::try_from(value)
                .map_err(|_| unspeakable("a field holds what no field may hold"))?;
            let name = HeaderName::from_static(name);
            message.headers_mut().insert(name, value);
        }
        // Behind CONNECT the proxy has it already, and nobody else is to have it.
        let proxys = self.proxy.as_ref().filter(|_| !self.origin.tls);
        let secrets = [
            (AUTHORIZATION, request.authorization),
            (PROXY_AUTHORIZATION, proxys.and_then(Proxy::authorization)),
        ];
        for (name, secret) in secrets {
            let Some(secret) = secret else { continue };
            let mut value = HeaderValue::try_from(secret.reveal())
                .map_err(|_| unspeakable("the token holds what no field may hold"))?;
            value.set_sensitive(true);
            message.headers_mut().insert(name, value);
        }
        Ok((message, told))
    }

    /// A kept connection that still stands, or a new one.
    async fn line(&self) -> Result<Line, Fault> {
        loop {
            let kept = self.idle.borrow_mut().pop();
            let Some((since, mut line)) = kept else { break };
            if self.clock.tick().since(since) < KEPT && line.is_usable().await {
                return Ok(line);
            }
        }
        let opening = Line::open(
            &*self.net,
            &self.clock,
            self.proxy.as_ref(),
            &self.origin,
            &self.trust,
            self.identity.as_ref(),
        );
        let Some(opened) = self.clock.within(self.patience.connect, opening).await else {
            return Err(Fault::Slow {
                host: self.origin.host.clone(),
                after: self.patience.connect,
            });
        };
        let (line, certificate) = opened?;
        *self.certificate.borrow_mut() = certificate;
        Ok(line)
    }

    /// How long a request with a body of `length` octets may take.
    fn limit(&self, length: u64) -> Limit {
        let crawl = |octets: u64| Duration::from_secs(octets / self.patience.slowest.max(1));
        let whole = self.patience.answer.saturating_add(crawl(length));
        let unseen = crawl(length.min(UNSEEN_OCTETS));
        Limit {
            deadline: self.clock.tick().plus(whole),
            silence: self.patience.idle.saturating_add(unseen),
        }
    }

    /// Moves the line until `work` is done; `None` when the deadline came, or nothing moved.
    async fn move_until<T>(
        &self,
        line: &mut Line,
        limit: Limit,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let gauge = line.gauge.clone();
        let expiry = async {
            loop {
                let due = gauge.moved().plus(limit.silence).min(limit.deadline);
                if self.clock.tick() >= due {
                    return None;
                }
                self.clock.sleep_until(due).await;
            }
        };
        line.while_moving(or(async { Some(work.await) }, expiry))
            .await
    }

    async fn take_in(
        &self,
        line: &mut Line,
        limit: Limit,
        response: hyper::Response<Incoming>,
    ) -> Answer {
        let (head, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        let cut = loop {
            if incoming.size_hint().lower() > (self.answer_bytes - body.len()) as u64 {
                break Some("it is too long".to_owned());
            }
            let data = match self.move_until(line, limit, incoming.frame()).await {
                Some(None) => break None,
                Some(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Some(Some(Err(error))) => break Some(in_full(&error)),
                None => break Some("the time is up".to_owned()),
            };
            if data.len() > self.answer_bytes - body.len() {
                break Some("it is too long".to_owned());
            }
            body.extend_from_slice(&data);
        };
        Answer {
            status: head.status.as_u16(),
            fields: head.headers,
            body,
            cut,
        }
    }

    fn broken(&self, said: String, source: Option<io::Error>, nothing_sent: bool) -> Fault {
        let host = self.origin.host.clone();
        // With TLS 1.3 our side of the handshake is over before the peer has looked at our certificate.
        if let Some(alert) = client_alert(&said).filter(|_| self.origin.tls) {
            return Fault::Tls(TlsFault::ClientRefused {
                host,
                shown: self.identity.as_ref().map(|i| i.named().to_owned()),
                alert,
            });
        }
        match source {
            Some(error) => Fault::Source(error),
            None if nothing_sent => Fault::NotSent { host, said },
            None => Fault::Unanswered { host, said },
        }
    }
}

/// An error with its causes.
fn in_full(error: &hyper::Error) -> String {
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}
