//! What went over the line, a line of JSON for each exchange, for a judge who has the contract.
//!
//!   {"method", "path" behind the base, "query", "fields": {}, "body", "length",
//!    "fault", "status", "answer_fields": {}, "answer_body"}
//!
//! `body` is there for what is text; an attachment's octets are not kept, only their number. A token
//! never is. An exchange that was cut off has status 0.

use crate::answer::{Cut, Delivery};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::Response;
use serde_json::{json, Map, Value};
use std::fs::File;
use std::io::Write;

/// The file that takes the exchanges.
pub struct Record(pub File);

/// One exchange, from its head on.
pub struct Exchange(Value);

impl Exchange {
    /// What the head of a request says.
    pub fn begin(head: &Parts, path: &str) -> Self {
        Exchange(json!({
            "method": head.method.as_str(), "path": path,
            "query": head.uri.query().unwrap_or(""), "fields": fields(&head.headers),
        }))
    }

    /// Its body.
    pub fn body(&mut self, octets: &Bytes) {
        self.0["body"] = String::from_utf8_lossy(octets).into();
        self.0["length"] = octets.len().into();
    }

    /// Content that isn't kept here.
    pub fn length(&mut self, octets: u64) {
        self.0["length"] = octets.into();
    }
}

impl Record {
    /// Writes the exchange down, with its answer.
    pub fn write(
        &mut self,
        exchange: Exchange,
        outcome: &Result<Response<Delivery>, Cut>,
        fault: bool,
    ) -> std::io::Result<()> {
        let Exchange(mut line) = exchange;
        line["fault"] = fault.into();
        line["status"] = 0.into();
        if let Ok(response) = outcome {
            line["status"] = response.status().as_u16().into();
            line["answer_fields"] = fields(response.headers()).into();
            if let Delivery::Whole(body) = response.body() {
                let body = body.as_deref().unwrap_or_default();
                line["answer_body"] = String::from_utf8_lossy(body).into();
            }
        }
        let mut line = line.to_string();
        line.push('\n');
        self.0.write_all(line.as_bytes())
    }
}

fn fields(headers: &HeaderMap) -> Map<String, Value> {
    let told = headers.iter().filter(|(name, _)| *name != "authorization");
    told.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into())
    })
    .collect()
}
