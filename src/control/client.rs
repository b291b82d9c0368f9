//! Asks the service at its socket.
//!
//! Each document of the answer is handed over as the text that came, so that a program may be given
//! it unchanged.

use std::path::Path;

use futures_lite::future;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use smol_hyper::rt::FuturesIo;

use super::wire::{Kind, Refusal, Request};
use crate::world::socket::dial;
use crate::world::BoxConnection;

/// A document of an answer is never longer: the service's pages are far below.
const LINE_MAX: usize = 16 << 20;

/// Connects to the service at `socket`; `None` when nothing listens there.
pub(super) async fn connect(socket: &Path) -> Result<Option<BoxConnection>, Refusal> {
    match dial(socket).await {
        Ok(connection) => Ok(Some(connection)),
        Err(fault) => match fault.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => Ok(None),
            std::io::ErrorKind::PermissionDenied => Err(Refusal::new(
                Kind::Unreachable,
                format!(
                    "the control socket {} is not open to this user: use sudo, or join the \
                     service's group",
                    socket.display()
                ),
            )),
            _ => Err(failed("connecting to", socket, &fault)),
        },
    }
}

/// What is said where nothing came of `doing` with the control socket.
pub(super) fn failed(doing: &str, socket: &Path, fault: &std::io::Error) -> Refusal {
    let mend = match fault.kind() {
        std::io::ErrorKind::InvalidFilename => {
            "; name a shorter one with --socket, the same to `postern run` and to every command"
        }
        _ => "",
    };
    Refusal::new(
        Kind::Unreachable,
        format!(
            "{doing} the control socket {}: {fault}{mend}",
            socket.display()
        ),
    )
}

/// Asks the service at `socket`; `each` gets every document of the answer.
pub async fn ask(
    socket: &Path,
    request: &Request,
    each: &mut dyn FnMut(&str),
) -> Result<(), Refusal> {
    match connect(socket).await? {
        Some(connection) => ask_over(connection, request, each).await,
        None => Err(Refusal::new(
            Kind::Unreachable,
            format!("no service listens at {}", socket.display()),
        )),
    }
}

/// Asks over a connection that is there already.
pub(super) async fn ask_over(
    connection: BoxConnection,
    request: &Request,
    each: &mut dyn FnMut(&str),
) -> Result<(), Refusal> {
    let lost = |fault: &dyn std::fmt::Display| {
        Refusal::new(
            Kind::Unreachable,
            format!("the service went away before its answer was complete: {fault}"),
        )
    };
    let request = wrap(request)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(FuturesIo::new(connection))
            .await
            .map_err(|fault| lost(&fault))?;
    let driven = async {
        let _ = connection.await;
        // The answer's own end tells how it went.
        future::pending().await
    };
    let asked = async {
        let response = sender.send_request(request).await.map_err(|f| lost(&f))?;
        let mut body = response.into_body();
        let mut rest: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|fault| lost(&fault))?;
            let Some(octets) = frame.data_ref() else {
                continue;
            };
            rest.extend_from_slice(octets);
            while let Some(at) = memchr::memchr(b'\n', &rest) {
                let line: Vec<u8> = rest.drain(..=at).collect();
                let line = String::from_utf8_lossy(&line);
                each(line.trim_end());
            }
            if rest.len() > LINE_MAX {
                return Err(lost(&"a document without end"));
            }
        }
        match rest.is_empty() {
            true => Ok(()),
            false => Err(lost(&"its last document was cut short")),
        }
    };
    future::or(asked, driven).await
}

fn wrap(request: &Request) -> Result<hyper::Request<Full<Bytes>>, Refusal> {
    let broken = || Refusal::new(Kind::Usage, "the request can't be written as JSON");
    let mut fields = match serde_json::to_value(request) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => return Err(broken()),
    };
    let name = match fields.remove("request") {
        Some(serde_json::Value::String(name)) => name,
        _ => return Err(broken()),
    };
    let body = serde_json::to_vec(&fields).map_err(|_| broken())?;
    hyper::Request::post(format!("/v1/{name}"))
        .header(HOST, "postern")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| broken())
}
