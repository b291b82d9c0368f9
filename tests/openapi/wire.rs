//! One exchange over a socket, as it went over the line; and those that the stand-in recorded.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{json, Value};

use crate::common::TOKEN;

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: String,
    /// Without its query.
    pub path: String,
    pub query: String,
    pub fields: Vec<(String, String)>,
    pub body: String,
    pub status: u16,
    pub answer_fields: Vec<(String, String)>,
    pub answer_body: String,
}

impl Exchange {
    /// A field of the request.
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    /// A field of the answer.
    pub fn answer_field(&self, name: &str) -> Option<&str> {
        find(&self.answer_fields, name)
    }

    /// The query's parameters, each with all its values.
    pub fn queries(&self) -> BTreeMap<String, Vec<String>> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in self.query.split('&').filter_map(|p| p.split_once('=')) {
            all.entry(decode(name)).or_default().push(decode(value));
        }
        all
    }

    /// The answer's document.
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.answer_body).unwrap_or(Value::Null)
    }
}

fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut all = fields.iter();
    let found = all.find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Percent-decoding; what is no escape stays as it is.
fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let escape = part.split_at_checked(2);
        match escape.and_then(|(two, rest)| Some((u8::from_str_radix(two, 16).ok()?, rest))) {
            Some((octet, rest)) => {
                octets.push(octet);
                octets.extend_from_slice(rest.as_bytes());
            }
            None => octets.extend_from_slice(format!("%{part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Asks on a connection of its own; an empty value takes a field away.
#[track_caller]
pub fn ask(
    address: &str,
    method: &str,
    target: &str,
    more: &[(&str, &str)],
    body: &[u8],
) -> Exchange {
    let bearer = format!("Bearer {TOKEN}");
    let length = body.len().to_string();
    let media_type = match method {
        "PUT" => "application/octet-stream",
        _ => "application/json",
    };
    let own = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", media_type),
        ("Content-Length", &length),
    ];
    let own = own.iter().filter(|(n, _)| more.iter().all(|(m, _)| m != n));
    let fields: Vec<(String, String)> = own
        .chain(more)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: portal\r\nConnection: close\r\n");
    for (name, value) in &fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut tcp = TcpStream::connect(address).expect("the portal listens");
    // In one piece: who sees that a request has begun knows that its body is there too. A portal may
    // answer, and hang up, before it has read either.
    let _ = tcp.write_all(&[head.as_bytes(), b"\r\n", body].concat());
    let mut all = Vec::new();
    let _ = tcp.read_to_end(&mut all);
    let all = String::from_utf8_lossy(&all).into_owned();
    let (head, answer_body) = all.split_once("\r\n\r\n").expect("an answer");
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Exchange {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        fields,
        body: String::from_utf8_lossy(body).into_owned(),
        status: status.expect("a status"),
        answer_fields: lines
            .filter_map(|l| l.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        answer_body: answer_body.to_owned(),
    }
}

/// What `standin --record` wrote.
pub fn recorded(file: &Path) -> Vec<Exchange> {
    let text = std::fs::read_to_string(file).expect("a record");
    let lines = text.lines().map(serde_json::from_str::<Value>);
    lines
        .map(|line| {
            let line = line.expect("a line of JSON");
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let fields = |name: &str| {
                let all = line[name].as_object().into_iter().flatten();
                all.map(|(n, v)| (n.clone(), v.as_str().unwrap_or_default().to_owned()))
                    .collect()
            };
            Exchange {
                method: text("method"),
                path: text("path"),
                query: text("query"),
                fields: fields("fields"),
                body: text("body"),
                status: line["status"].as_u64().unwrap_or(0) as u16,
                answer_fields: fields("answer_fields"),
                answer_body: text("answer_body"),
            }
        })
        .collect()
}

/// A delivery key made of this number.
pub fn key(n: u64) -> String {
    format!("{n:064x}")
}

/// A message with nothing in it that could be left out.
pub fn message(n: u64) -> Value {
    json!({
        "key": key(n), "mailbox": "support@provider.example",
        "received_at": "2026-03-02T08:14:59Z", "subject": format!("Printer {n}"),
        "attachments": [], "unparsed": false, "oddities": [],
    })
}
