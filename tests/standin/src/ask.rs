//! What a request asks for, and what can be refused before its body is read.

use crate::contract::is_digest;
use crate::faults::Route;
use crate::problem::Problem;
use crate::serve::Portal;
use crate::state::Manners;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::Method;

/// What a request asks for, as far as its head says.
#[allow(missing_docs)]
pub struct Asked {
    pub route: Route,
    pub method: Method,
    pub path: String,
    /// Ticket id or digest, from the path.
    pub id: String,
    pub query: Vec<(String, String)>,
    /// Idempotency key, searched key or digest: what a fault rule calls `key`.
    pub key: Option<String>,
    pub idempotency: Option<String>,
    pub authorization: Option<String>,
    pub length: Option<u64>,
    pub json: bool,
    pub trusted: bool,
}

impl Asked {
    /// Reads a request's head.
    pub fn read(portal: &Portal, head: &Parts) -> Self {
        let whole = head.uri.path();
        let path = whole
            .strip_prefix(portal.base.as_str())
            .unwrap_or("")
            .to_owned();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let method = head.method.clone();
        let (route, id) = match (method.as_str(), parts.as_slice()) {
            ("GET", ["ping"]) => (Route::Ping, ""),
            ("GET", ["directory"]) => (Route::Directory, ""),
            ("GET", ["tickets"]) => (Route::Find, ""),
            ("GET", ["conversations"]) => (Route::Conversation, ""),
            ("POST", ["tickets"]) => (Route::Ticket, ""),
            ("POST", ["tickets", id, "replies"]) => (Route::Reply, *id),
            ("HEAD", ["attachments", digest]) => (Route::HasAttachment, *digest),
            ("PUT", ["attachments", digest]) => (Route::Attachment, *digest),
            ("POST", ["oauth", "token"]) => (Route::Token, ""),
            _ => (Route::Other, ""),
        };
        let id = decode(id);
        let query = form(head.uri.query().unwrap_or(""));
        let idempotency = field(&head.headers, "idempotency-key");
        let key = match route {
            Route::Find => value(&query, "key").map(str::to_owned),
            Route::HasAttachment | Route::Attachment => Some(id.clone()),
            _ => idempotency.clone(),
        };
        let media_type = field(&head.headers, "content-type").unwrap_or_default();
        let authorization = field(&head.headers, "authorization");
        let trusts = |a: &str| match &*portal.tokens.borrow() {
            Some(tokens) => tokens.takes(a),
            None => a == format!("Bearer {}", portal.token),
        };
        Asked {
            // Who asks for a token has none yet.
            trusted: route == Route::Token || authorization.as_deref().is_some_and(trusts),
            authorization,
            length: field(&head.headers, "content-length").and_then(|l| l.parse().ok()),
            json: media_type.starts_with("application/json"),
            route,
            method,
            path,
            id,
            query,
            key,
            idempotency,
        }
    }

    /// What can be refused before the body is read.
    pub fn check(&self, manners: &Manners) -> Result<(), Problem> {
        if !self.trusted {
            return Err(Problem::new("unauthorized", 401, ""));
        }
        match self.route {
            Route::Ticket | Route::Reply => {
                if !self.json {
                    return Err(Problem::new(
                        "unsupported-media-type",
                        415,
                        "application/json",
                    ));
                }
                if self.idempotency.is_none() {
                    return Err(Problem::new("key-missing", 400, ""));
                }
                self.shorter_than(manners.ticket_bytes)
            }
            Route::Attachment => {
                if !is_digest(&self.id) {
                    return Err(Problem::new("invalid", 422, "the path is no digest"));
                }
                if self.idempotency.as_ref().is_some_and(|key| *key != self.id) {
                    return Err(Problem::new(
                        "invalid",
                        422,
                        "Idempotency-Key: not the digest",
                    ));
                }
                if self.length.is_none() {
                    return Err(Problem::new("length-required", 411, ""));
                }
                if manners.refuses.contains(&self.id) {
                    return Err(Problem::new("attachment-refused", 415, ""));
                }
                self.shorter_than(manners.attachment_bytes)
            }
            Route::Find if !manners.finds => Err(Problem::new("not-found", 404, "")),
            Route::Conversation if !manners.finds_conversations => {
                Err(Problem::new("not-found", 404, ""))
            }
            Route::Other => Err(match allowed(&self.path) {
                Some(_) => Problem::new("method-not-allowed", 405, self.method.as_str()),
                None => Problem::new("not-found", 404, ""),
            }),
            _ => Ok(()),
        }
    }

    fn shorter_than(&self, limit: u64) -> Result<(), Problem> {
        if self.length.is_some_and(|l| l > limit) {
            return Err(Problem::new(
                "too-large",
                413,
                format!("at most {limit} octets"),
            ));
        }
        Ok(())
    }
}

/// The methods that a path of the contract takes; nothing when it is none.
pub fn allowed(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["ping"] | ["directory"] | ["conversations"] => Some("GET"),
        ["tickets"] => Some("GET, POST"),
        ["tickets", _, "replies"] => Some("POST"),
        ["attachments", _] => Some("HEAD, PUT"),
        _ => None,
    }
}

fn field(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The first value under this name.
pub fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.as_str())
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The pairs of a form or a query (`application/x-www-form-urlencoded`), where a plus is a space.
pub fn form(body: &str) -> Vec<(String, String)> {
    pairs(&body.replace('+', " "))
}

/// Percent-decoding; what is no escape stays as it is.
pub fn decode(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escape = tail.get(..2).filter(|_| first == b'%');
        let escape = escape.and_then(|two| std::str::from_utf8(two).ok());
        match escape.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = &tail[2..];
            }
            None => {
                octets.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}
