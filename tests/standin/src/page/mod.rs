//! The tickets for a person with a browser: a list, a ticket, its HTML body, its attachments.
//!
//!   GET /                                  the newest tickets and the counts; ?skip=N for older ones
//!   GET /_page/tickets/ID                  one ticket with its replies
//!   GET /_page/tickets/ID/body             an HTML body, for the frame in that page (also a reply's)
//!   GET /_page/tickets/ID/json             a document as it was posted
//!   GET /_page/tickets/ID/attachments/N    an attachment, counted from 0, as a download
//!   GET /_page/style.css                   how the pages look
//!
//! Who may look: a browser has no bearer token, and one in the address would lie in its history. So
//! these routes ask for none, and answer only peers on loopback that also call us by a loopback name:
//! what a foreign page reaches through a name of its own that leads to 127.0.0.1 is refused. They only
//! read, and tell no more than `/_admin/` tells on loopback anyway; the contract's routes want their
//! token as before.
//!
//! Everything in a message is its sender's. In our pages it is escaped (`html`), and the policy lets
//! no script run and nothing be fetched from elsewhere; a body as the sender wrote it is shown in a
//! frame only, with a policy and an origin of its own.

mod body;
mod html;
mod list;
mod ticket;

use crate::answer::Answer;
use crate::contract::Attachment;
use crate::problem::Problem;
use crate::serve::Portal;
use crate::state::Shown;
use hyper::http::request::Parts;
use hyper::Method;
use std::io;

/// Our own pages: no script at all, style and frames from here, pictures only within the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A body by somebody else: an origin of nobody's, no script, no form, nothing fetched.
const BODY_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// What is only ever stored or read as text.
const FILE_POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// Answers a browser; nothing when the path is none of ours.
pub fn answer(portal: &Portal, local: bool, head: &Parts) -> Option<Answer> {
    let path = head.uri.path();
    let rest = match path {
        "/" => "",
        _ => path.strip_prefix("/_page/")?,
    };
    if !local || !called_by_a_loopback_name(head) {
        let where_to = "these pages are for browsers on this machine, at http://127.0.0.1:PORT/";
        return Some(Problem::new("forbidden", 403, where_to).into());
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return Some(Problem::new("method-not-allowed", 405, head.method.as_str()).into());
    }
    let answer = match page(portal, rest, head.uri.query().unwrap_or("")) {
        Ok(Some(answer)) => answer,
        Ok(None) => html(404, html::nothing_here(), POLICY),
        Err(error) => {
            Problem::new("busy", 503, format!("reading what is kept here: {error}")).into()
        }
    };
    Some(guarded(answer))
}

/// The name that the browser has in its address line, which a foreign page can't choose for itself.
fn called_by_a_loopback_name(head: &Parts) -> bool {
    let host = head.headers.get("host").and_then(|h| h.to_str().ok());
    let host = host.unwrap_or_default();
    let port = |p: &str| p.is_empty() || p.strip_prefix(':').is_some_and(|n| !n.is_empty());
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|name| host.strip_prefix(name).is_some_and(port))
}

fn page(portal: &Portal, path: &str, query: &str) -> io::Result<Option<Answer>> {
    let state = portal.state.borrow();
    let directory = portal.directory.borrow();
    let parts: Vec<&str> = path.split('/').collect();
    let (id, what) = match parts.as_slice() {
        [""] => {
            let skip = query.strip_prefix("skip=").and_then(|n| n.parse().ok());
            let page = list::page(&state, &directory, skip.unwrap_or(0))?;
            return Ok(Some(html(200, page, POLICY)));
        }
        ["style.css"] => {
            let style = include_str!("style.css").into();
            return Ok(Some(file("text/css; charset=utf-8", style)));
        }
        ["tickets", id, what @ ..] => (*id, what),
        _ => return Ok(None),
    };
    let Some(shown) = state.shown(id)? else {
        return Ok(None);
    };
    Ok(match what {
        [] if !shown.reply => Some(html(200, ticket::page(&state, &directory, &shown)?, POLICY)),
        ["body"] => {
            let picture = |a: &Attachment| state.content(&a.sha256);
            let body = body::page(&shown.message, picture)?;
            body.map(|body| html(200, body, BODY_POLICY))
        }
        ["json"] => {
            let document = serde_json::to_vec_pretty(&shown.document)?;
            Some(file("application/json", document))
        }
        ["attachments", n] => attachment(&shown, n)
            .map(|a| {
                let content = file("application/octet-stream", state.content(&a.sha256)?);
                io::Result::Ok(content.with("content-disposition", &as_download(&a.name)))
            })
            .transpose()?,
        _ => None,
    })
}

fn attachment<'a>(shown: &'a Shown, n: &str) -> Option<&'a Attachment> {
    shown.message.attachments.get(n.parse::<usize>().ok()?)
}

fn html(status: u16, page: String, policy: &str) -> Answer {
    let answer = Answer {
        status,
        fields: Vec::new(),
        media_type: "text/html; charset=utf-8",
        body: page.into(),
    };
    answer.with("content-security-policy", policy)
}

fn file(media_type: &'static str, octets: Vec<u8>) -> Answer {
    let answer = Answer {
        status: 200,
        fields: Vec::new(),
        media_type,
        body: octets.into(),
    };
    answer.with("content-security-policy", FILE_POLICY)
}

/// What every answer to a browser carries.
fn guarded(answer: Answer) -> Answer {
    answer
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "no-referrer")
        .with("cross-origin-resource-policy", "same-origin")
        .with("x-dns-prefetch-control", "off")
        .with("cache-control", "no-store")
}

/// A download under this name (RFC 6266 §4.3): every octet that isn't plain is encoded.
fn as_download(name: &str) -> String {
    let mut encoded = String::new();
    for octet in html::visible(name).bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    format!("attachment; filename*=UTF-8''{encoded}")
}
