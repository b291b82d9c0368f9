//! For the stand-in's tests: the binary itself, and a client that is nothing but a socket.

#![allow(dead_code)] // Each test file uses its own part of it.

use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running stand-in; dropping it kills it with SIGKILL.
pub struct Standin {
    child: Child,
    pub address: String,
}

impl Standin {
    pub fn start(state: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(["--listen", "127.0.0.1:0", "--token", "sesame", "--state"])
            .arg(state)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stand-in starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = said["address"].as_str().unwrap().to_owned();
        Standin { child, address }
    }

    pub fn connect(&self) -> Wire {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Wire {
            stream: BufReader::new(stream),
        }
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        self.connect().ask(method, path, fields, body).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub fn post(&self, message: &Value) -> Answer {
        self.connect().post("/tickets", message).unwrap()
    }

    pub fn fault(&self, rule: Value) {
        let rules = json!([rule]).to_string();
        assert_eq!(
            self.ask("POST", "/_admin/faults", &[], rules.as_bytes())
                .status,
            200
        );
    }

    pub fn count(&self, what: &str) -> u64 {
        self.get("/_admin/count").json()[what].as_u64().unwrap()
    }

    pub fn put(&self, content: &[u8]) -> (Answer, String) {
        let digest = digest(content);
        (
            self.ask("PUT", &format!("/attachments/{digest}"), &[], content),
            digest,
        )
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection.
pub struct Wire {
    pub stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a document")
    }

    #[track_caller]
    pub fn is_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("content-type"), Some("application/problem+json"));
        let document = self.json();
        assert_eq!(document["type"], format!("urn:postern:problem:{kind}"));
        assert_eq!(document["status"], status);
        assert!(document["title"].is_string());
    }
}

impl Wire {
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let own = [
            ("Host", "portal"),
            ("Authorization", "Bearer sesame"),
            ("Content-Type", "application/json"),
        ];
        for (name, value) in own.iter().chain(fields) {
            // A field given by the test replaces ours.
            let given = fields.iter().any(|(n, v)| n == name && v != value);
            if !given && !value.is_empty() {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut octets = head.into_bytes();
        octets.extend_from_slice(body);
        self.stream.get_mut().write_all(&octets)
    }

    pub fn answer(&mut self, method: &str) -> io::Result<Answer> {
        let mut answer = self.head()?;
        let length = answer
            .field("content-length")
            .map_or(0, |l| l.parse().unwrap());
        if method != "HEAD" {
            answer.body = vec![0; length];
            self.stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    pub fn head(&mut self) -> io::Result<Answer> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines[1..].iter().map(|l| {
            let (name, value) = l.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        });
        Ok(Answer {
            status,
            fields: fields.collect(),
            body: Vec::new(),
        })
    }

    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        self.send(method, path, fields, body)?;
        self.answer(method)
    }

    pub fn post(&mut self, path: &str, message: &Value) -> io::Result<Answer> {
        let key = message["key"].as_str().unwrap();
        self.ask(
            "POST",
            path,
            &[("Idempotency-Key", key)],
            message.to_string().as_bytes(),
        )
    }
}

pub fn digest(octets: &[u8]) -> String {
    Sha256::digest(octets)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// A delivery key made of this number.
pub fn key(n: u64) -> String {
    format!("{n:064x}")
}

pub fn message(n: u64) -> Value {
    json!({
        "key": key(n),
        "mailbox": "support@provider.example",
        "received_at": "2026-03-02T08:14:59Z",
        "date": null,
        "from": { "name": "Petra Lang", "address": "petra@nordwind.example" },
        "subject": format!("Printer {n}"),
        "text": "It is silent.\n",
        "html": null,
        "message_id": format!("{n}@nordwind.example"),
        "in_reply_to": [], "references": [],
        "user": null, "company": null,
        "attachments": [], "unparsed": false, "oddities": [],
    })
}
