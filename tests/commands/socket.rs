//! The control socket, spoken to without the binary: what other programs see, and what a hostile or
//! dead one can hold on to.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use postern::control::{ask_at, Limits, Reply, Request};

use crate::fake::{Running, ENDLESS_ENDED};

/// Sends octets to the socket; gives what came back until it was closed.
fn raw(running: &Running, octets: &[u8]) -> String {
    let mut stream = UnixStream::connect(running.socket()).expect("it listens");
    // The other end may close before all was sent.
    let _ = stream.write_all(octets);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[track_caller]
fn answers(running: &Running, request: &str, status: &str) {
    let answer = raw(running, request.as_bytes());
    let line = answer.lines().next().unwrap_or("");
    assert!(line.contains(status), "{request:?}: {answer:?}");
}

#[test]
fn the_socket_is_for_owner_and_group_and_goes_with_the_service() {
    let running = Running::start(Limits::default());
    let socket = running.socket();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[test]
fn other_programs_speak_plain_http_and_json_to_the_socket() {
    let running = Running::start(Limits::default());
    let close = "Host: x\r\nConnection: close\r\n\r\n";
    let answer = raw(
        &running,
        format!("GET /v1/status HTTP/1.1\r\n{close}").as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"answer\":\"status\""), "{answer}");
    answers(
        &running,
        &format!("GET /v1/sync HTTP/1.1\r\n{close}"),
        "405",
    );
    answers(
        &running,
        &format!("PUT /v1/sync HTTP/1.1\r\n{close}"),
        "405",
    );
    answers(
        &running,
        &format!("GET /v1/nonsense HTTP/1.1\r\n{close}"),
        "400",
    );
    answers(&running, &format!("GET / HTTP/1.1\r\n{close}"), "404");
    answers(&running, "nonsense\r\n\r\n", "400");
    let post = |name: &str, body: &str| {
        let length = body.len();
        format!("POST /v1/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    answers(&running, &post("get", "{\"key\":\"store.quota\"}"), "200");
    answers(&running, &post("get", "{\"key\":\"store.quote\"}"), "422");
    answers(&running, &post("get", "{\"key\":1}"), "400");
    answers(&running, &post("get", "[]"), "400");
    let wrong = raw(
        &running,
        post("set", "{\"how\":{\"secrets\":\"hunter2\"}}").as_bytes(),
    );
    assert!(
        wrong.contains(" 400 ") && !wrong.contains("hunter2"),
        "{wrong}"
    );
}

#[test]
fn a_request_that_is_too_large_or_too_slow_is_turned_away() {
    let running = Running::start(Limits {
        request_bytes: 1000,
        import_bytes: 100_000,
        request_after: Duration::from_millis(200),
        connections: 2,
        ..Limits::default()
    });
    let post = |name: &str, length: usize| {
        let body = "x".repeat(length);
        format!("POST /v1/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    answers(&running, &post("get", 1001), "413");
    answers(&running, &post("get", 1000), "400");
    answers(&running, &post("import", 1001), "400");
    answers(&running, &post("against", 1001), "400");
    // Both seats are taken by callers that say nothing; a third is served once their time is up.
    let quiet: Vec<UnixStream> = (0..2)
        .map(|_| UnixStream::connect(running.socket()).unwrap())
        .collect();
    answers(
        &running,
        "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
        "200",
    );
    for mut stream in quiet {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }
}

/// Goes red when the service hangs up on whoever still sends: its answer goes down with the line, more
/// often than not.
#[test]
fn a_request_that_no_buffer_holds_gets_its_refusal_too() {
    let running = Running::start(Limits::default());
    let socket = running.socket();
    let key = "x".repeat(1 << 20);
    let request = Request::Get { key };
    for _ in 0..20 {
        let mut told = Vec::new();
        let mut each = |line: &str| told.push(serde_json::from_str(line).unwrap());
        let asked = smol::block_on(ask_at(&socket, &request, &mut each));
        asked.expect("it is answered");
        let [Reply::Refusal(refusal)] = &told[..] else {
            panic!("one refusal is the answer: {told:?}");
        };
        assert!(refusal.said.contains("65536 octets"), "{refusal}");
    }
}

#[test]
fn work_ends_when_its_caller_goes_away() {
    let running = Running::start(Limits::default());
    let body = "{\"mailbox\":null,\"wait\":true}";
    let length = body.len();
    let request =
        format!("POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut stream = UnixStream::connect(running.socket()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    // Its first line comes while the work goes on.
    let mut seen = String::new();
    while !seen.contains("\"event\":\"stage\"") {
        let mut octets = [0; 1024];
        let length = stream.read(&mut octets).unwrap();
        assert!(length > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&octets[..length]));
    }
    assert!(!ENDLESS_ENDED.load(Ordering::SeqCst));
    drop(stream);
    let end = Instant::now() + Duration::from_secs(10);
    while !ENDLESS_ENDED.load(Ordering::SeqCst) {
        assert!(Instant::now() < end, "the work goes on for nobody");
        std::thread::sleep(Duration::from_millis(5));
    }
}
