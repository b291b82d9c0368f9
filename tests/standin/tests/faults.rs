//! Each fault on request: what the client sees, and what the portal holds afterwards.

mod wire;

use serde_json::json;
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};
use wire::{key, message, Standin};

fn fresh() -> (tempfile::TempDir, Standin) {
    let dir = tempfile::tempdir().unwrap();
    let standin = Standin::start(dir.path(), &[]);
    (dir, standin)
}

#[track_caller]
fn check_reset(when: &str, tickets: u64) {
    let (_dir, standin) = fresh();
    standin.fault(json!({ "route": "ticket", "count": 1, "action": { "reset": when } }));
    let error = standin.connect().post("/tickets", &message(1)).unwrap_err();
    let cut = [
        ErrorKind::ConnectionReset,
        ErrorKind::UnexpectedEof,
        ErrorKind::BrokenPipe,
    ];
    assert!(cut.contains(&error.kind()), "{error}");
    assert_eq!(standin.count("tickets"), tickets, "after a reset {when}");
    let again = standin.post(&message(1));
    assert_eq!(again.status, 201);
    assert_eq!(again.field("idempotency-replayed").is_some(), tickets == 1);
    assert_eq!(standin.count("tickets"), 1);
}

#[test]
fn a_reset_before_the_body_accepts_nothing() {
    check_reset("before_body", 0);
}

#[test]
fn a_reset_after_the_body_accepts_nothing() {
    check_reset("after_body", 0);
}

#[test]
fn a_lost_answer_belongs_to_an_accepted_ticket() {
    check_reset("after_accept", 1);
}

#[test]
fn half_an_answer_belongs_to_an_accepted_ticket() {
    check_reset("mid_answer", 1);
}

#[test]
fn a_status_comes_with_its_fields_and_accepts_nothing_unless_told() {
    let (_dir, standin) = fresh();
    standin.fault(json!({ "route": "ticket", "nth": 1, "action": {
        "status": 503, "headers": { "Retry-After": "7" }, "problem": "busy" } }));
    let answer = standin.post(&message(1));
    answer.is_problem(503, "busy");
    assert_eq!(answer.field("retry-after"), Some("7"));
    assert_eq!(standin.count("tickets"), 0);
    standin.fault(json!({ "count": 1, "action": { "status": 500, "accept": true } }));
    assert_eq!(standin.post(&message(1)).status, 500);
    assert_eq!(standin.count("tickets"), 1);
    assert_eq!(
        standin.post(&message(1)).field("idempotency-replayed"),
        Some("true")
    );
}

#[test]
fn odd_bodies_come_as_wished() {
    let (_dir, standin) = fresh();
    for (body, kind, empty) in [
        ("html", "text/html", false),
        ("garbage", "application/json", false),
        ("empty", "application/json", true),
    ] {
        standin.fault(json!({ "route": "ping", "count": 1, "action": { "body": body } }));
        let answer = standin.get("/ping");
        assert_eq!(
            (answer.status, answer.field("content-type")),
            (200, Some(kind))
        );
        assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
        assert_eq!(answer.body.is_empty(), empty);
    }
    assert_eq!(standin.get("/ping").json()["api"], "1.0");
}

#[test]
fn an_endless_body_goes_on() {
    let (_dir, standin) = fresh();
    standin.fault(json!({ "route": "find", "action": { "body": "endless" } }));
    let mut wire = standin.connect();
    wire.send("GET", &format!("/tickets?key={}", key(1)), &[], b"")
        .unwrap();
    let head = wire.head().unwrap();
    assert_eq!(head.field("transfer-encoding"), Some("chunked"));
    let mut much = vec![0; 4 << 20];
    wire.stream.read_exact(&mut much).unwrap();
}

#[test]
fn a_slow_answer_drips() {
    let (_dir, standin) = fresh();
    standin.fault(json!({ "route": "find", "action": { "slow_ms": 20 } }));
    let begun = Instant::now();
    let answer = standin.get(&format!("/tickets?key={}", key(1)));
    assert_eq!(answer.json(), json!({ "found": [] }));
    assert!(begun.elapsed() >= Duration::from_millis(11 * 20));
}

#[test]
fn a_redirect_names_where() {
    let (_dir, standin) = fresh();
    standin.fault(json!({ "action": { "redirect": "https://elsewhere.example/" } }));
    let answer = standin.get("/ping");
    assert_eq!(
        (answer.status, answer.field("location")),
        (301, Some("https://elsewhere.example/"))
    );
}

#[test]
fn a_client_that_hangs_up_does_not_stop_what_has_begun() {
    let (_dir, standin) = fresh();
    standin.fault(json!({ "route": "ticket", "count": 1, "action": { "latency_ms": 100 } }));
    let mut wire = standin.connect();
    let body = message(1).to_string();
    wire.send(
        "POST",
        "/tickets",
        &[("Idempotency-Key", &key(1))],
        body.as_bytes(),
    )
    .unwrap();
    while standin.get("/_admin/faults").json()[0]["acted"] == 0 {}
    drop(wire);
    while standin.count("tickets") == 0 {}
    assert_eq!(
        standin.post(&message(1)).field("idempotency-replayed"),
        Some("true")
    );
}

#[test]
fn a_stall_comes_before_the_body_is_read() {
    let (_dir, standin) = fresh();
    standin.fault(json!({ "count": 1, "action": { "stall_ms": 150 } }));
    let begun = Instant::now();
    assert_eq!(standin.post(&message(1)).status, 201);
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[test]
fn rules_meet_only_what_they_name() {
    let (_dir, standin) = fresh();
    let refuse = json!({ "status": 400, "problem": "invalid" });
    standin.fault(json!({ "subject": "Printer 2", "action": refuse }));
    standin.fault(json!({ "route": "ticket", "key": key(3), "action": refuse }));
    standin.fault(json!({ "route": "ticket", "nth": 3, "action": { "status": 502 } }));
    let statuses: Vec<u16> = (1..=6).map(|n| standin.post(&message(n)).status).collect();
    // The third request never reaches the last rule: an earlier one has met it. Requests whose
    // rule asks for the subject come to it only when no rule met their head.
    assert_eq!(statuses, [201, 400, 400, 502, 201, 201]);
    assert_eq!(
        standin.ask("DELETE", "/_admin/faults", &[], b"").status,
        200
    );
    assert_eq!(standin.post(&message(2)).status, 201);
}

#[test]
fn the_same_seed_draws_the_same_faults() {
    let draws = || {
        let (_dir, standin) = fresh();
        let action = json!({ "status": 500 });
        let rule = json!({ "route": "ping", "probability": 0.5, "seed": 7, "action": action });
        standin.fault(rule);
        let mut wire = standin.connect();
        let mut ask = || wire.ask("GET", "/ping", &[], b"").unwrap().status;
        (0..40).map(|_| ask()).collect::<Vec<_>>()
    };
    let first = draws();
    assert_eq!(first, draws());
    assert!(first.contains(&500) && first.contains(&200));
}

#[test]
fn the_log_shows_what_was_asked_and_answered() {
    let (_dir, standin) = fresh();
    standin.fault(json!({ "nth": 2, "action": { "reset": "after_body" } }));
    let mut wire = standin.connect();
    wire.post("/tickets", &message(1)).unwrap();
    wire.post("/tickets", &message(2)).unwrap_err();
    let log = standin.get("/_admin/log").json();
    assert_eq!(
        (&log[0]["route"], &log[0]["status"]),
        (&json!("ticket"), &json!(201))
    );
    assert_eq!(
        (&log[1]["fault"], &log[1]["status"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(log[0]["connection"], log[1]["connection"]);
    assert_eq!(log[1]["key"], key(2));
}
