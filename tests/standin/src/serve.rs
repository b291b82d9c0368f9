//! Connections and the contract's routes: who is asked what, and what a fault changes about it.
//!
//! A request goes through the same steps in the same order, and a fault can act at each:
//! head read, (stall), body read, key looked up, (latency), accepted, answered. What happens once
//! the body was read goes on when the client hangs up, as it does at real portals.

use crate::answer::{Answer, Cut, Delivery};
use crate::ask::{allowed, value, Asked};
use crate::contract::{is_digest, Message};
use crate::conversation::Signs;
use crate::directory::Directory;
use crate::faults::{Action, Body, Faults, Reset, Route};
use crate::problem::Problem;
use crate::record::{Exchange, Record};
use crate::state::{hex, now, print, Begin, State};
use crate::tls;
use crate::tokens::Tokens;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header;
use hyper::{Request, Response, StatusCode};
use openssl::ssl::SslContext;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::TcpStream;
use smol::{LocalExecutor, Timer};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// How many requests the log for tests holds.
const LOG_LENGTH: usize = 2000;

/// The whole stand-in.
#[allow(missing_docs)]
pub struct Portal {
    pub state: RefCell<State>,
    pub directory: RefCell<Directory>,
    pub faults: RefCell<Faults>,
    pub log: RefCell<VecDeque<Value>>,
    pub record: Option<RefCell<Record>>,
    pub token: String,
    pub tokens: RefCell<Option<Tokens>>,
    pub base: String,
    pub executor: Rc<LocalExecutor<'static>>,
}

/// One connection.
pub struct Connection {
    /// Counted from 1.
    pub number: u64,
    /// Whether the peer may use the routes for tests.
    pub local: bool,
    /// For resets.
    pub socket: TcpStream,
}

/// Serves a connection until it ends.
pub async fn connection(connection: Connection, tls: Option<SslContext>, portal: Rc<Portal>) {
    let socket = connection.socket.clone();
    let connection = Rc::new(connection);
    match tls {
        None => talk(socket, connection, portal).await,
        Some(tls) => {
            // A handshake that fails is the client's test, not our trouble.
            if let Ok(stream) = tls::Stream::accept(&tls, socket).await {
                talk(stream, connection, portal).await;
            }
        }
    }
}

async fn talk<S>(stream: S, connection: Rc<Connection>, portal: Rc<Portal>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = hyper::service::service_fn(move |request| {
        let (portal, connection) = (portal.clone(), connection.clone());
        async move { answer(portal, connection, request).await }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.header_read_timeout(None);
    // Errors here are resets on request and clients that went away: both are what tests want.
    let _ = builder
        .serve_connection(smol_hyper::rt::FuturesIo::new(stream), service)
        .await;
}

/// A request's body, taken in.
enum Payload {
    None,
    Octets(Bytes),
    Content {
        path: PathBuf,
        file: File,
        digest: String,
        size: u64,
    },
}

impl Drop for Payload {
    fn drop(&mut self) {
        if let Payload::Content { path, .. } = self {
            // Gone already when it was kept under its digest.
            let _ = fs::remove_file(path);
        }
    }
}

async fn answer(
    portal: Rc<Portal>,
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Delivery>, Cut> {
    let (head, body) = request.into_parts();
    if let Some(path) = head.uri.path().strip_prefix("/_admin/") {
        if !connection.local {
            return Ok(deliver(
                Problem::new("not-found", 404, "").into(),
                &Action::default(),
            ));
        }
        let Ok(octets) = take(body, u64::MAX).await else {
            return Err(Cut);
        };
        let answer = crate::admin::answer(&portal, &head.method, path, &octets);
        return Ok(deliver(answer, &Action::default()));
    }
    if let Some(answer) = crate::page::answer(&portal, connection.local, &head) {
        return Ok(deliver(answer, &Action::default()));
    }
    let asked = Asked::read(&portal, &head);
    let mut line = json!({
        "at": now(), "connection": connection.number, "route": asked.route,
        "method": asked.method.as_str(), "path": asked.path, "key": asked.key,
        "length": asked.length,
    });
    let recorded = portal.record.is_some();
    let mut exchange = recorded.then(|| Exchange::begin(&head, &asked.path));
    let outcome = faulted(&portal, &connection, asked, body, &mut line, &mut exchange).await;
    if let (Some(record), Some(exchange)) = (&portal.record, exchange) {
        let fault = line["fault"] == true;
        if let Err(error) = record.borrow_mut().write(exchange, &outcome, fault) {
            eprintln!("the record could not be written: {error}");
        }
    }
    line["status"] = outcome.as_ref().map_or(0, |r| r.status().as_u16()).into();
    let replayed = |r: &Response<Delivery>| r.headers().contains_key("idempotency-replayed");
    line["replayed"] = outcome.as_ref().is_ok_and(replayed).into();
    let mut log = portal.log.borrow_mut();
    log.push_back(line);
    if log.len() > LOG_LENGTH {
        log.pop_front();
    }
    outcome
}

/// The steps of a request, with what a fault does at each.
async fn faulted(
    portal: &Rc<Portal>,
    connection: &Connection,
    asked: Asked,
    body: Incoming,
    line: &mut Value,
    exchange: &mut Option<Exchange>,
) -> Result<Response<Delivery>, Cut> {
    let mut action = portal
        .faults
        .borrow_mut()
        .at_head(asked.route, asked.key.as_deref());
    line["fault"] = action.is_some().into();
    if let Some(action) = &action {
        if action.reset == Some(Reset::BeforeBody) {
            return Err(reset(connection));
        }
        if action.stall_ms > 0 {
            Timer::after(Duration::from_millis(action.stall_ms)).await;
        }
        if action.unread && action.replaces_answer() {
            return Ok(deliver(replacement(action), action));
        }
    }
    let manners = portal.state.borrow().manners().clone();
    if let Err(problem) = asked.check(&manners) {
        let allowed = allowed(&asked.path).filter(|_| problem.status == 405);
        let mut answer = Answer::from(problem);
        if let Some(allowed) = allowed {
            // RFC 9110 §15.5.6.
            answer = answer.with("allow", allowed);
        }
        return Ok(deliver(answer, &Action::default()));
    }
    let payload = match take_in(portal, &asked, body).await {
        Ok(payload) => payload,
        Err(Some(problem)) => return Ok(deliver(problem.into(), &Action::default())),
        Err(None) => return Err(Cut),
    };
    if let Some(exchange) = exchange {
        match &payload {
            Payload::None => {}
            Payload::Octets(octets) => exchange.body(octets),
            Payload::Content { size, .. } => exchange.length(*size),
        }
    }
    if action.is_none() {
        action = by_subject(portal, &asked, &payload);
        line["fault"] = action.is_some().into();
    }
    let action = action.unwrap_or_default();
    if action.reset == Some(Reset::AfterBody) {
        return Err(reset(connection));
    }
    let latency = Duration::from_millis(action.latency_ms);
    if action.replaces_answer() && !action.accept {
        Timer::after(latency).await;
        return Ok(deliver(replacement(&action), &action));
    }
    let answer = if latency.is_zero() {
        work(portal, &asked, payload, &action).await
    } else {
        // A task of its own: a client that hangs up does not stop a portal that has begun.
        let (portal, (done, result)) = (portal.clone(), smol::channel::bounded(1));
        let acting = action.clone();
        let executor = portal.executor.clone();
        let task = executor.spawn(async move {
            let answer = work(&portal, &asked, payload, &acting).await;
            let _ = done.send(answer).await;
        });
        task.detach();
        result.recv().await.map_err(|_| Cut)?
    };
    if action.reset == Some(Reset::AfterAccept) {
        return Err(reset(connection));
    }
    let answer = if action.replaces_answer() {
        replacement(&action)
    } else {
        answer
    };
    Ok(deliver(answer, &action))
}

/// Makes the end of this connection a reset instead of a polite close.
fn reset(connection: &Connection) -> Cut {
    let linger = rustix::net::sockopt::set_socket_linger;
    // Where that fails the connection still ends without an answer.
    let _ = linger(&connection.socket, Some(Duration::ZERO));
    Cut
}

fn by_subject(portal: &Portal, asked: &Asked, payload: &Payload) -> Option<Action> {
    let mut faults = portal.faults.borrow_mut();
    if faults.rules().iter().all(|r| r.subject.is_none()) {
        return None;
    }
    let Payload::Octets(octets) = payload else {
        return None;
    };
    let message: Value = serde_json::from_slice(octets).ok()?;
    faults.at_subject(
        asked.route,
        asked.key.as_deref(),
        message["subject"].as_str()?,
    )
}

/// Reads the body; `Err(None)` when the client went away.
async fn take_in(
    portal: &Portal,
    asked: &Asked,
    body: Incoming,
) -> Result<Payload, Option<Problem>> {
    let limit = portal.state.borrow().manners().ticket_bytes;
    match asked.route {
        Route::Ticket | Route::Reply => Ok(Payload::Octets(take(body, limit).await?)),
        Route::Token => Ok(Payload::Octets(take(body, limit).await?)),
        Route::Attachment => stream(portal, body).await,
        _ => Ok(Payload::None),
    }
}

async fn take(mut body: Incoming, limit: u64) -> Result<Bytes, Option<Problem>> {
    let mut octets = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| None)?.into_data() else {
            continue;
        };
        if octets.is_empty() && hyper::body::Body::is_end_stream(&body) {
            return Ok(data);
        }
        octets.extend_from_slice(&data);
        if octets.len() as u64 > limit {
            return Err(Some(Problem::new(
                "too-large",
                413,
                format!("at most {limit} octets"),
            )));
        }
    }
    Ok(octets.into())
}

/// Streams content into a file, hashing as it comes.
async fn stream(portal: &Portal, mut body: Incoming) -> Result<Payload, Option<Problem>> {
    let failed = |e: io::Error| Some(trouble(&e));
    let (path, file) = portal.state.borrow_mut().incoming().map_err(failed)?;
    let mut payload = Payload::Content {
        path,
        file,
        digest: String::new(),
        size: 0,
    };
    let mut hash = Sha256::new();
    if let Payload::Content {
        file, digest, size, ..
    } = &mut payload
    {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| None)?.into_data() else {
                continue;
            };
            *size += data.len() as u64;
            hash.update(&data);
            file.write_all(&data).map_err(failed)?;
        }
        *digest = hex(&hash.finalize());
    }
    Ok(payload)
}

fn trouble(error: &io::Error) -> Problem {
    Problem::new("busy", 503, format!("the stand-in's disk: {error}"))
}

/// Does what was asked.
async fn work(portal: &Portal, asked: &Asked, payload: Payload, action: &Action) -> Answer {
    let latency = Duration::from_millis(action.latency_ms);
    if let (Route::Token, Payload::Octets(body)) = (asked.route, &payload) {
        Timer::after(latency).await;
        let mut tokens = portal.tokens.borrow_mut();
        let given = |tokens: &mut Tokens| {
            let authorization = asked.authorization.as_deref().unwrap_or_default();
            tokens.answer(authorization, body, action.lasts_ms)
        };
        return match tokens.as_mut().map(given) {
            Some(answer) => answer,
            None => Problem::new("not-found", 404, "").into(),
        };
    }
    let posted = match (&payload, asked.idempotency.as_deref()) {
        (Payload::Octets(body), Some(key)) => Some((body, key)),
        _ => None,
    };
    let Some((body, key)) = posted else {
        if !latency.is_zero() {
            Timer::after(latency).await;
        }
        return read(portal, asked, payload).unwrap_or_else(Answer::from);
    };
    let print = print(&asked.path, body);
    let begin = portal.state.borrow_mut().begin(key, &print);
    match begin {
        Err(error) => return trouble(&error).into(),
        Ok(Begin::Refused(problem)) => return problem.into(),
        Ok(Begin::Replay(receipt)) => {
            return created(&receipt).with("idempotency-replayed", "true");
        }
        Ok(Begin::Go) => {}
    }
    if !latency.is_zero() {
        portal.state.borrow_mut().start(key);
        Timer::after(latency).await;
        portal.state.borrow_mut().stop(key);
    }
    match write(portal, asked, key, body, &print) {
        Ok(receipt) => created(&receipt),
        Err(problem) => problem.into(),
    }
}

fn created(receipt: &Value) -> Answer {
    let location = format!("/tickets/{}", receipt["ticket"].as_str().unwrap_or(""));
    Answer::json(201, receipt).with("location", &location)
}

fn write(
    portal: &Portal,
    asked: &Asked,
    key: &str,
    body: &[u8],
    print: &str,
) -> Result<Value, Problem> {
    let invalid = |detail: String| Problem::new("invalid", 422, detail);
    let message = Message::read(body).map_err(invalid)?;
    if message.key != key {
        return Err(invalid("key: differs from Idempotency-Key".into()));
    }
    let mut state = portal.state.borrow_mut();
    let ticket = match asked.route {
        Route::Reply => Some(state.takes_replies(&asked.id)?),
        _ => None,
    };
    state.check_attachments(&message)?;
    state
        .accept(ticket.as_deref(), &message, body, print)
        .map_err(|e| trouble(&e))
}

/// Everything that carries no idempotency key of a message.
fn read(portal: &Portal, asked: &Asked, payload: Payload) -> Result<Answer, Problem> {
    let mut state = portal.state.borrow_mut();
    match asked.route {
        Route::Ping => Ok(Answer::json(200, &state.ping())),
        Route::Find => {
            let key = asked.key.as_deref().filter(|key| is_digest(key));
            let key = key.ok_or_else(|| Problem::new("invalid", 400, "key: not a key"))?;
            Ok(Answer::json(200, &json!({ "found": state.find(key) })))
        }
        Route::Conversation => {
            let found = state.conversation(&Signs::read(&asked.query)?);
            Ok(Answer::json(200, &json!({ "found": found })))
        }
        Route::Directory => {
            let limit = match value(&asked.query, "limit").map(str::parse) {
                None => 500,
                Some(Ok(limit @ 1..=1000)) => limit,
                Some(_) => return Err(Problem::new("invalid", 400, "limit: 1 to 1000")),
            };
            let cursor = value(&asked.query, "cursor");
            if cursor.is_some_and(|c| !(1..=512).contains(&c.chars().count())) {
                let words = "cursor: 1 to 512 characters";
                return Err(Problem::new("invalid", 400, words));
            }
            let page = portal.directory.borrow().page(cursor, limit)?;
            Ok(Answer::json(200, &page))
        }
        Route::HasAttachment => match state.attachment(&asked.id) {
            Some(size) => {
                let mut answer = Answer::json(200, &json!({}));
                answer.body = Bytes::new();
                Ok(answer.with("content-length", &size.to_string()))
            }
            None => Err(Problem::new("not-found", 404, "")),
        },
        Route::Attachment => {
            let Payload::Content {
                path,
                file,
                digest,
                size,
            } = &payload
            else {
                return Err(Problem::new("invalid", 400, ""));
            };
            if *digest != asked.id {
                return Err(Problem::new("digest-mismatch", 422, digest.as_str()));
            }
            let status = if state.attachment(digest).is_some() {
                200
            } else {
                201
            };
            state
                .keep(path, file, digest, *size)
                .map_err(|e| trouble(&e))?;
            Ok(Answer::json(
                status,
                &json!({ "sha256": digest, "size": size }),
            ))
        }
        Route::Ticket | Route::Reply | Route::Token | Route::Other => {
            Err(Problem::new("not-found", 404, ""))
        }
    }
}

/// The answer that a fault wants.
fn replacement(action: &Action) -> Answer {
    if let Some(location) = &action.redirect {
        return Answer::json(301, &json!({})).with("location", location);
    }
    let status = action.status.unwrap_or(200);
    let mut answer = Answer::json(status, &json!({}));
    match action.body.unwrap_or(Body::Problem) {
        Body::Problem => {
            answer.media_type = "application/problem+json";
            let kind = action.problem.as_deref().unwrap_or("on-request");
            let problem = json!({
                "type": format!("urn:postern:problem:{kind}"),
                "title": "A fault on request",
                "status": status,
                "detail": "said by the stand-in",
            });
            answer.body = problem.to_string().into();
        }
        Body::Html => {
            answer.media_type = "text/html";
            answer.body = "<html><body><h1>Please sign in</h1></body></html>".into();
        }
        Body::Garbage => answer.body = Bytes::from_static(b"\x00\xff{\"id\":\x1b[31m\xc3\x28"),
        Body::Empty => answer.body = Bytes::new(),
        // The octets come from the delivery.
        Body::Endless => {}
    }
    answer
}

fn deliver(answer: Answer, action: &Action) -> Response<Delivery> {
    let length = answer.body.len() as u64;
    let delivery = if action.body == Some(Body::Endless) {
        Delivery::Endless(None)
    } else if action.reset == Some(Reset::MidAnswer) {
        Delivery::half(answer.body.slice(..answer.body.len() / 2), length)
    } else if let Some(pause) = action.slow_ms {
        let pause = Duration::from_millis(pause);
        Delivery::Slow {
            rest: answer.body,
            pause,
            timer: None,
        }
    } else {
        Delivery::Whole(Some(answer.body).filter(|b| !b.is_empty()))
    };
    let mut response = Response::new(delivery);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let own = [("content-type".to_owned(), answer.media_type.to_owned())];
    let said = own
        .iter()
        .chain(&answer.fields)
        .map(|(name, value)| (name, value));
    for (name, value) in said.chain(&action.headers) {
        let name = header::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
