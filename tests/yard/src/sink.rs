//! A portal that is nothing but fast: reads requests, throws the bodies away, answers.
//!
//! It says just enough of the portal's contract for the appliance to drain into it. It keeps
//! nothing, checks nothing and forgets every key; whether a drain is right is for the stand-in
//! portal to tell, this only must not be what the drain waits for. A thread for each connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use memchr::memmem;
use serde::Serialize;

use crate::{people, Failure, Outcome, While};

/// What the sink has seen.
#[derive(Default)]
pub struct Counts {
    posts: AtomicU64,
    puts: AtomicU64,
    others: AtomicU64,
    octets: AtomicU64,
    closed: AtomicBool,
    noting: AtomicBool,
    answered: Mutex<Vec<Answered>>,
}

/// A post that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// The mail's number in its series, as its subject ends in it.
    pub number: Option<usize>,
    /// When its answer had been written.
    pub at: Instant,
}

/// The counts at one moment.
#[derive(Debug, Serialize)]
pub struct Seen {
    /// Tickets and replies.
    pub posts: u64,
    /// Attachments.
    pub puts: u64,
    /// Everything else.
    pub others: u64,
    /// Octets of all bodies.
    pub octets: u64,
}

impl Counts {
    /// Has the sink at this address leave its port; connections that are open are served on.
    pub fn close(&self, address: SocketAddr) -> Outcome<()> {
        self.closed.store(true, Ordering::Relaxed);
        // It looks when somebody comes.
        TcpStream::connect(address).during("closing the sink")?;
        // It is closed when nobody is let in any more.
        while TcpStream::connect(address).is_ok() {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Notes from now on when each post was answered; a body beyond the buffer has no number.
    pub fn note(&self) {
        self.noting.store(true, Ordering::Relaxed);
    }

    /// What was noted, in the order of the answers.
    pub fn answered(&self) -> Vec<Answered> {
        self.answered
            .lock()
            .map_or_else(|_| Vec::new(), |all| all.clone())
    }

    /// Reads the counts.
    pub fn seen(&self) -> Seen {
        Seen {
            posts: self.posts.load(Ordering::Relaxed),
            puts: self.puts.load(Ordering::Relaxed),
            others: self.others.load(Ordering::Relaxed),
            octets: self.octets.load(Ordering::Relaxed),
        }
    }
}

/// The documents that the sink serves.
#[derive(Clone)]
pub struct Documents {
    /// Answer to GET ping.
    pub ping: String,
    /// Answer to GET directory without a cursor.
    pub directory: String,
}

impl Documents {
    /// A ping of today and the yard's people.
    pub fn usual() -> Documents {
        let now = std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |d| d.as_secs() as i64);
        let ping = serde_json::json!({
            "api": "1.0", "portal": "bare sink", "time": crate::mime::iso_date(now),
            "epoch": "sink", "restored_to": null, "keys_kept_seconds": 2_592_000,
            "capabilities": {"idempotency_keys": true, "find_by_key": true},
        });
        let mut directory = people::directory();
        if let Some(page) = directory.as_object_mut() {
            page.insert("removed".into(), serde_json::json!([]));
            page.insert("cursor".into(), serde_json::json!("1"));
            page.insert("more".into(), serde_json::json!(false));
        }
        Documents {
            ping: ping.to_string(),
            directory: directory.to_string(),
        }
    }
}

/// Serves connections until the counts are closed, or the listener fails.
pub fn serve(listener: &TcpListener, documents: Documents, counts: &Arc<Counts>) -> Outcome<()> {
    let documents = Arc::new(documents);
    loop {
        let (tcp, _) = listener.accept().during("accepting a connection")?;
        if counts.closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let documents = documents.clone();
        let counts = counts.clone();
        // A client that leaves in the middle of a request is no concern of the sink's.
        std::thread::spawn(move || {
            let _ = tcp.set_nodelay(true);
            let _ = connection(tcp, &documents, &counts);
        });
    }
}

fn connection(mut tcp: TcpStream, documents: &Documents, counts: &Counts) -> std::io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    let mut reply = Vec::with_capacity(1024);
    loop {
        let head = loop {
            if let Some(at) = memmem::find(&buffer[..filled], b"\r\n\r\n") {
                break at + 4;
            }
            if filled == buffer.len() {
                return Ok(());
            }
            match tcp.read(&mut buffer[filled..])? {
                0 => return Ok(()),
                n => filled += n,
            }
        };
        let length = number(field(&buffer[..head], b"content-length:"));
        if field(&buffer[..head], b"expect:").is_some() {
            tcp.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        reply.clear();
        answer(&buffer[..head], length, documents, counts, &mut reply);
        let noting = counts.noting.load(Ordering::Relaxed) && buffer.starts_with(b"POST ");
        if noting && head + length <= buffer.len() {
            while filled < head + length {
                match tcp.read(&mut buffer[filled..])? {
                    0 => return Ok(()),
                    n => filled += n,
                }
            }
        }
        let numbered = noting.then(|| series_number(&buffer[head..filled]));
        let chunked = length == 0 && field(&buffer[..head], b"transfer-encoding:").is_some();
        if chunked {
            // Only its end matters; a body that holds the end mark inside is not ours.
            let mut tail = buffer[head..filled].to_vec();
            while !tail.ends_with(b"0\r\n\r\n") {
                match tcp.read(&mut buffer)? {
                    0 => return Ok(()),
                    n => tail = [&tail[tail.len().saturating_sub(8)..], &buffer[..n]].concat(),
                }
            }
            filled = 0;
        } else if filled - head >= length {
            buffer.copy_within(head + length..filled, 0);
            filled -= head + length;
        } else {
            let mut left = length - (filled - head);
            filled = 0;
            while left > 0 {
                let most = left.min(buffer.len());
                match tcp.read(&mut buffer[..most])? {
                    0 => return Ok(()),
                    n => left -= n,
                }
            }
        }
        counts.octets.fetch_add(length as u64, Ordering::Relaxed);
        tcp.write_all(&reply)?;
        if let Some(number) = numbered {
            let at = Instant::now();
            if let Ok(mut all) = counts.answered.lock() {
                all.push(Answered { number, at });
            }
        }
    }
}

/// The number that a mail of [`crate::bulk`] has in its subject: `(#12)`.
fn series_number(body: &[u8]) -> Option<usize> {
    let at = memmem::find(body, b"(#")? + 2;
    let length = memchr::memchr(b')', &body[at..])?;
    std::str::from_utf8(&body[at..at + length])
        .ok()?
        .parse()
        .ok()
}

fn answer(head: &[u8], length: usize, docs: &Documents, counts: &Counts, reply: &mut Vec<u8>) {
    let mut words = head.split(|&b| b == b' ' || b == b'\r');
    let method = words.next().unwrap_or_default();
    let target = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match method {
        b"POST" => {
            let number = counts.posts.fetch_add(1, Ordering::Relaxed);
            let key = field(head, b"idempotency-key:").unwrap_or_default();
            let key = String::from_utf8_lossy(key);
            let kind = if path.ends_with("/replies") {
                "reply"
            } else {
                "ticket"
            };
            let body = format!(
                "{{\"kind\":\"{kind}\",\"id\":\"T-{number}\",\"ticket\":\"T-{number}\",\"key\":\"{key}\",\
                 \"accepted_at\":\"2026-03-02T08:15:31Z\"}}"
            );
            ("201 Created", body)
        }
        b"PUT" => {
            counts.puts.fetch_add(1, Ordering::Relaxed);
            let digest = path.rsplit('/').next().unwrap_or_default();
            (
                "201 Created",
                format!("{{\"sha256\":\"{digest}\",\"size\":{length}}}"),
            )
        }
        b"HEAD" => {
            counts.others.fetch_add(1, Ordering::Relaxed);
            ("404 Not Found", String::new())
        }
        _ => {
            counts.others.fetch_add(1, Ordering::Relaxed);
            match path.rsplit('/').next() {
                Some("ping") => ("200 OK", docs.ping.clone()),
                Some("directory") if target.contains("cursor=") => ("200 OK", NO_CHANGES.into()),
                Some("directory") => ("200 OK", docs.directory.clone()),
                Some("tickets") => ("200 OK", "{\"found\":[]}".into()),
                Some("_counts") => (
                    "200 OK",
                    serde_json::to_string(&counts.seen()).unwrap_or_default(),
                ),
                _ => ("404 Not Found", "{}".into()),
            }
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    reply.extend_from_slice(head.as_bytes());
    reply.extend_from_slice(body.as_bytes());
}

const NO_CHANGES: &str =
    "{\"companies\":[],\"users\":[],\"removed\":[],\"cursor\":\"1\",\"more\":false}";

/// The value of a field, whose name is given in lower case with its colon.
fn field<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|&b| b == b'\n')
        .find(|line| line.len() >= name.len() && line[..name.len()].eq_ignore_ascii_case(name))
        .map(|line| line[name.len()..].trim_ascii())
}

fn number(text: Option<&[u8]>) -> usize {
    text.and_then(|t| std::str::from_utf8(t).ok())
        .and_then(|t| t.parse().ok())
        .unwrap_or(0)
}

/// A connection that posts and waits: the whole HTTP client of the bare drain.
pub struct Poster {
    tcp: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
    host: String,
}

impl Poster {
    /// Connects to HOST:PORT.
    pub fn connect(address: &str) -> Outcome<Poster> {
        let tcp = TcpStream::connect(address).during(format!("connecting to {address}"))?;
        tcp.set_nodelay(true).during("setting up the connection")?;
        Ok(Poster {
            tcp,
            request: Vec::new(),
            answer: vec![0; 4096],
            host: address.into(),
        })
    }

    /// Posts a body that lies in memory.
    pub fn post(&mut self, body: &[u8]) -> Outcome<()> {
        self.begin(body.len() as u64);
        self.request.extend_from_slice(body);
        self.tcp.write_all(&self.request).during("posting")?;
        self.accepted()
    }

    /// Posts `length` octets of a reader, slice by slice.
    pub fn post_from(&mut self, body: &mut impl Read, length: u64) -> Outcome<()> {
        self.begin(length);
        self.tcp.write_all(&self.request).during("posting")?;
        let mut slice = vec![0; 256 * 1024];
        let mut left = length;
        while left > 0 {
            let most = slice.len().min(left as usize);
            let read = body.read(&mut slice[..most]).during("reading back")?;
            if read == 0 {
                return Err(Failure::new("the file ended before the mail did"));
            }
            self.tcp.write_all(&slice[..read]).during("posting")?;
            left -= read as u64;
        }
        self.accepted()
    }

    fn begin(&mut self, length: u64) {
        self.request.clear();
        let head = format!(
            "POST /tickets HTTP/1.1\r\nHost: {}\r\nContent-Type: message/rfc822\r\n\
             Content-Length: {length}\r\n\r\n",
            self.host
        );
        self.request.extend_from_slice(head.as_bytes());
    }

    fn accepted(&mut self) -> Outcome<()> {
        let mut filled = 0;
        loop {
            let read = self
                .tcp
                .read(&mut self.answer[filled..])
                .during("reading the answer")?;
            if read == 0 {
                return Err(Failure::new("the sink closed the connection"));
            }
            filled += read;
            let Some(at) = memmem::find(&self.answer[..filled], b"\r\n\r\n") else {
                continue;
            };
            let length = number(field(&self.answer[..at], b"content-length:"));
            if filled >= at + 4 + length {
                return match self.answer.starts_with(b"HTTP/1.1 201") {
                    true => Ok(()),
                    false => Err(Failure::new("the sink did not answer 201")),
                };
            }
        }
    }
}

/// How many posts a second the sink at this address takes from a client that does nothing else.
pub fn ceiling(address: &str, posts: usize, size: usize, connections: usize) -> Outcome<f64> {
    let begun = Instant::now();
    let each = posts / connections.max(1);
    let threads: Vec<_> = (0..connections.max(1))
        .map(|_| {
            let address = address.to_string();
            std::thread::spawn(move || -> Outcome<()> {
                let body = vec![b'x'; size];
                let mut poster = Poster::connect(&address)?;
                for _ in 0..each {
                    poster.post(&body)?;
                }
                Ok(())
            })
        })
        .collect();
    for thread in threads {
        thread
            .join()
            .map_err(|_| Failure::new("a client thread panicked"))??;
    }
    Ok((each * connections.max(1)) as f64 / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink() -> (String, Arc<Counts>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let counts = Arc::new(Counts::default());
        let documents = Documents {
            ping: "{}".into(),
            directory: "{}".into(),
        };
        let seen = counts.clone();
        std::thread::spawn(move || serve(&listener, documents, &seen));
        (address, counts)
    }

    #[test]
    fn every_post_is_answered_and_counted() {
        let (address, counts) = sink();
        ceiling(&address, 40, 5_000, 2).unwrap();
        let mut poster = Poster::connect(&address).unwrap();
        let large = vec![b'x'; 3 << 20];
        poster
            .post_from(&mut large.as_slice(), large.len() as u64)
            .unwrap();
        poster.post(b"").unwrap();
        let seen = counts.seen();
        assert_eq!(seen.posts, 42);
        assert_eq!(seen.octets, 40 * 5_000 + (3 << 20));
    }

    #[test]
    fn requests_in_one_packet_and_bodies_in_chunks_are_told_apart() {
        let (address, counts) = sink();
        let mut tcp = TcpStream::connect(address).unwrap();
        let key = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let ask = format!(
            "HEAD /v1/attachments/ab HTTP/1.1\r\nHost: x\r\n\r\n\
             POST /v1/tickets HTTP/1.1\r\nIdempotency-Key: {key}\r\nContent-Length: 2\r\n\r\n{{}}\
             PUT /v1/attachments/ab HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        tcp.write_all(ask.as_bytes()).unwrap();
        tcp.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = String::new();
        tcp.read_to_string(&mut all).unwrap();
        let answers: Vec<&str> = all
            .matches("HTTP/1.1 404")
            .chain(all.matches("HTTP/1.1 201"))
            .collect();
        assert_eq!(answers.len(), 3, "{all}");
        assert!(all.contains(key));
        assert_eq!(counts.seen().puts, 1);
    }

    #[test]
    fn a_sink_that_is_closed_has_left_its_port() {
        let (address, counts) = sink();
        Poster::connect(&address).unwrap().post(b"").unwrap();
        counts.close(address.parse().unwrap()).unwrap();
        assert!(TcpStream::connect(&address).is_err());
        assert!(TcpListener::bind(&address).is_ok());
    }

    #[test]
    fn a_noted_post_has_the_number_of_its_mail_also_in_two_packets() {
        let (address, counts) = sink();
        counts.note();
        let mut tcp = TcpStream::connect(address).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.write_all(b"POST /v1/tickets HTTP/1.1\r\nContent-Length: 12\r\n\r\nslow (")
            .unwrap();
        tcp.write_all(b"#41) x").unwrap();
        tcp.shutdown(std::net::Shutdown::Write).unwrap();
        tcp.read_to_string(&mut String::new()).unwrap();
        let numbers: Vec<_> = counts.answered().iter().map(|a| a.number).collect();
        assert_eq!(numbers, [Some(41)]);
    }
}
