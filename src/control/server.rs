//! Answers on the Unix socket: HTTP/1.1, `POST /v1/NAME` with a JSON object, JSON back.
//!
//! Who may ask is the socket's mode (owner and group). Limits stand on everything that a caller
//! could hold on to: how many connections, how long a request may take to arrive, how large it is,
//! how long its answer may take. Knows no request by name.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::{future, Stream, StreamExt};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{HeaderValue, ALLOW, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value};
use smol::LocalExecutor;
use smol_hyper::rt::FuturesIo;

use super::dispatch::{replies, Replies};
use super::port::{Caller, Service};
use super::wire::{Kind, Refusal, Reply, Request};
use crate::world::socket::{own_id, user_name, Listener};
use crate::world::{BoxConnection, Clock};

/// What a caller may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; others wait in the kernel's queue.
    pub connections: usize,
    /// Octets of a request.
    pub request_bytes: usize,
    /// Octets of an import, or a comparison, which carries a file.
    pub import_bytes: usize,
    /// How long a request may take to arrive.
    pub request_after: Duration,
    /// How long its answer may take.
    pub answer_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16,
            request_bytes: 64 << 10,
            import_bytes: 1 << 20,
            request_after: Duration::from_secs(10),
            answer_after: Duration::from_secs(3600),
        }
    }
}

/// Octets beyond what is taken of a request that are read before its caller is hung up on; how long that
/// may take has a limit of its own.
const EXCESS_BYTES: usize = 64 << 20;

/// Answers callers until it is dropped.
pub async fn serve<S: Service>(
    executor: &LocalExecutor<'static>,
    listener: &Listener,
    service: Rc<S>,
    clock: Arc<dyn Clock>,
    limits: Limits,
) {
    let (seat, seats) = async_channel::bounded::<()>(limits.connections.max(1));
    loop {
        // A seat is taken before the next caller is: a flood waits outside.
        if seat.send(()).await.is_err() {
            return;
        }
        let (connection, uid) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(fault) => {
                log::warn!("accepting a caller on the control socket: {fault}");
                let _ = seats.try_recv();
                // Out of files, most likely: not at once again.
                clock.sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let caller = Caller {
            name: user_name(uid),
            owns: uid == 0 || uid == own_id(),
        };
        let (service, clock, seats) = (service.clone(), clock.clone(), seats.clone());
        executor
            .spawn(async move {
                one(connection, caller, service, clock, limits).await;
                let _ = seats.try_recv();
            })
            .detach();
    }
}

async fn one<S: Service>(
    connection: BoxConnection,
    caller: Caller,
    service: Rc<S>,
    clock: Arc<dyn Clock>,
    limits: Limits,
) {
    let arrived = Rc::new(Cell::new(false));
    let heard = arrived.clone();
    let respond = hyper::service::service_fn(move |request| {
        respond(
            request,
            caller.clone(),
            service.clone(),
            limits,
            heard.clone(),
        )
    });
    let http = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(16 << 10)
        .max_headers(32)
        // It would read the clock by itself.
        .auto_date_header(false)
        .serve_connection(FuturesIo::new(connection), respond);
    let answered = async {
        if let Err(fault) = http.await {
            log::debug!("a caller on the control socket: {fault}");
        }
    };
    let too_late = async {
        clock.sleep(limits.request_after).await;
        if arrived.get() {
            clock.sleep(limits.answer_after).await;
        }
    };
    // Dropping the connection drops the answer's stream, and with it the work.
    future::or(answered, too_late).await;
}

type Body = Either<Full<Bytes>, StreamBody<Frames>>;

async fn respond<S: Service>(
    request: hyper::Request<Incoming>,
    caller: Caller,
    service: Rc<S>,
    limits: Limits,
    arrived: Rc<Cell<bool>>,
) -> Result<hyper::Response<Body>, Infallible> {
    let read = read(request, limits).await;
    arrived.set(true);
    let request = match read {
        Ok(request) => request,
        Err((status, said)) => {
            let reply = Reply::Refusal(Refusal::new(Kind::Usage, said));
            return Ok(document(status, &reply));
        }
    };
    let mut replies: Replies = Box::pin(replies(service, caller, request));
    Ok(match replies.next().await {
        None => document(
            StatusCode::INTERNAL_SERVER_ERROR,
            &Reply::Refusal(Refusal::new(
                Kind::Failed,
                "the work ended without an answer",
            )),
        ),
        Some(reply) if reply.is_last() => document(status_of(&reply), &reply),
        Some(first) => {
            let frames = Frames {
                first: Some(first),
                replies,
            };
            let mut response = hyper::Response::new(Either::Right(StreamBody::new(frames)));
            let kind = HeaderValue::from_static("application/jsonl");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
    })
}

/// Replies as chunks of a body, a line each.
struct Frames {
    first: Option<Reply>,
    replies: Replies,
}

impl Stream for Frames {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let reply = match self.first.take() {
            Some(first) => std::task::Poll::Ready(Some(first)),
            None => self.replies.as_mut().poll_next(context),
        };
        reply.map(|reply| reply.map(|reply| Ok(Frame::data(Bytes::from(reply.line() + "\n")))))
    }
}

async fn read(
    request: hyper::Request<Incoming>,
    limits: Limits,
) -> Result<Request, (StatusCode, String)> {
    let no = |status, said: &str| Err((status, said.to_owned()));
    let name = match request.uri().path().strip_prefix("/v1/") {
        Some(name) => name.to_owned(),
        None => return no(StatusCode::NOT_FOUND, "requests are POST /v1/NAME"),
    };
    let method = request.method().clone();
    if method != Method::POST && method != Method::GET {
        return no(StatusCode::METHOD_NOT_ALLOWED, "requests are POST /v1/NAME");
    }
    let most = match name.as_str() {
        "import" | "against" => limits.import_bytes,
        _ => limits.request_bytes,
    };
    let octets = match whole(request.into_body(), most).await {
        Ok(Some(octets)) => octets,
        Ok(None) => {
            let said = format!("the request has more than the {most} octets that are taken");
            return no(StatusCode::PAYLOAD_TOO_LARGE, &said);
        }
        Err(_) => return no(StatusCode::BAD_REQUEST, "the request was cut short"),
    };
    let fields = match octets.is_empty() {
        true => Ok(Map::new()),
        false => serde_json::from_slice::<Map<String, Value>>(&octets),
    };
    let Ok(mut fields) = fields else {
        return no(StatusCode::BAD_REQUEST, "the request is no JSON object");
    };
    fields.insert("request".to_owned(), Value::String(name));
    match serde_json::from_value::<Request>(Value::Object(fields)) {
        Ok(request) if method == Method::POST || request.only_reads() => Ok(request),
        Ok(_) => no(
            StatusCode::METHOD_NOT_ALLOWED,
            "this request changes something: use POST",
        ),
        Err(fault) => no(
            StatusCode::BAD_REQUEST,
            &format!(
                "the request can't be understood: {}",
                without_values(&fault)
            ),
        ),
    }
}

/// A body of `most` octets at most; `None` where it has more. Those are read all the same, and let go:
/// whoever still sends when we hang up loses our answer too.
async fn whole(mut body: Incoming, most: usize) -> Result<Option<Vec<u8>>, hyper::Error> {
    let mut octets = Vec::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        read += data.len();
        if read <= most {
            octets.extend_from_slice(data);
        } else if read > most.saturating_add(EXCESS_BYTES) {
            break;
        }
    }
    Ok((read <= most).then_some(octets))
}

/// What the parser found wrong, unless its text could repeat a value that was sent.
fn without_values(fault: &serde_json::Error) -> String {
    let said = fault.to_string();
    match said.contains("invalid type") || said.contains("invalid value") {
        true => "a field has the wrong type".to_owned(),
        false => said,
    }
}

fn document(status: StatusCode, reply: &Reply) -> hyper::Response<Body> {
    let body = Full::new(Bytes::from(reply.line() + "\n"));
    let mut response = hyper::Response::new(Either::Left(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST, GET"));
    }
    response
}

fn status_of(reply: &Reply) -> StatusCode {
    match reply {
        Reply::Event(_) | Reply::Answer(_) => StatusCode::OK,
        Reply::Refusal(refusal) => match refusal.refused {
            Kind::Usage => StatusCode::BAD_REQUEST,
            Kind::Absent => StatusCode::NOT_FOUND,
            Kind::Wrong => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Refused | Kind::Conflict => StatusCode::CONFLICT,
            Kind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
        },
    }
}
