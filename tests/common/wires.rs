//! Ways between two programs, and what may become of them.
#![allow(dead_code, clippy::unwrap_used)] // Each test program uses its own part of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes octets both ways until one end has no more.
pub fn join(mut near: TcpStream, mut far: TcpStream) {
    let (mut far_in, mut near_out) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut far_in, &mut near_out));
    let _ = std::io::copy(&mut near, &mut far);
}

/// A way to `to` that ends with the first octets of the first connection, and stands from then on.
pub fn cut_once(to: SocketAddr) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        first.read_exact(&mut [0]).unwrap();
        drop(first);
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect(to).unwrap());
            join(near, far);
        }
    });
    port
}

/// What becomes of a line that a client says.
pub enum Fate {
    /// It is handed on.
    Passes,
    /// The server hears NOOP in its place, and what it answers to that becomes this: a line with the
    /// command's tag. So it comes in its turn, and not in the midst of another answer.
    Answered(String),
    /// The connection ends.
    Cut,
}

/// A way to `to` on which each line of the server's, and each of the client's, passes a hand. One that
/// becomes nothing is left out; a line of the server's that is handed on without its end is the connection's.
pub fn altered(
    to: SocketAddr,
    server: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    client: impl Fn(&str) -> Fate + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (server, client) = (Arc::new(server), Arc::new(client));
    thread::spawn(move || {
        for near in listener.incoming() {
            let near = near.unwrap();
            let Ok(far) = TcpStream::connect(to) else {
                continue;
            };
            let (back, answers) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            let (server, client) = (Arc::clone(&server), Arc::clone(&client));
            // By tag, with the blank behind it.
            let owed = Arc::new(Mutex::new(BTreeMap::<Vec<u8>, String>::new()));
            let due = Arc::clone(&owed);
            thread::spawn(move || {
                hand_on(answers, back, |line| {
                    let answer = due.lock().unwrap().remove(tag(&line));
                    Some(answer.map_or_else(|| server(line), String::into_bytes))
                });
            });
            thread::spawn(move || {
                hand_on(near, far, |line| {
                    match client(&String::from_utf8_lossy(&line)) {
                        Fate::Passes => Some(line),
                        Fate::Answered(answer) => {
                            let tag = tag(&line).to_vec();
                            let noop = [tag.as_slice(), b"NOOP\r\n"].concat();
                            owed.lock().unwrap().insert(tag, answer);
                            Some(noop)
                        }
                        Fate::Cut => None,
                    }
                });
            });
        }
    });
    port
}

/// The first word of a line, with the blank behind it.
fn tag(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|octet| *octet == b' ');
    end.map_or(&[], |end| &line[..=end])
}

/// Hands lines on until one end has no more, or `hand` gives none.
fn hand_on(from: TcpStream, mut to: TcpStream, mut hand: impl FnMut(Vec<u8>) -> Option<Vec<u8>>) {
    let mut lines = BufReader::new(&from);
    loop {
        let mut line = Vec::new();
        let read = lines.read_until(b'\n', &mut line).unwrap_or(0);
        let handed = if read == 0 { None } else { hand(line) };
        let passed = handed.and_then(|line| to.write_all(&line).ok().map(|()| line));
        if !passed.is_some_and(|line| line.is_empty() || line.ends_with(b"\n")) {
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            return;
        }
    }
}
