//! Each point of the contract, asked of the real binary over a socket.

mod wire;

use serde_json::{json, Value};
use wire::{digest, key, message, Standin};

fn fresh(more: &[&str]) -> (tempfile::TempDir, Standin) {
    let dir = tempfile::tempdir().unwrap();
    let standin = Standin::start(dir.path(), more);
    (dir, standin)
}

#[test]
fn a_ping_tells_version_epoch_and_how_long_keys_are_kept() {
    let (_dir, standin) = fresh(&[]);
    let ping = standin.get("/ping").json();
    assert_eq!(ping["api"], "1.0");
    assert_eq!(ping["keys_kept_seconds"], 2_592_000);
    assert_eq!(
        ping["capabilities"],
        json!({ "idempotency_keys": true, "find_by_key": true, "find_conversations": true, "ticket_marks": true })
    );
    assert!(ping["epoch"].is_string() && ping["time"].is_string());
}

#[test]
fn without_the_token_nothing_is_told() {
    let (_dir, standin) = fresh(&[]);
    for token in ["", "Bearer wrong", "Basic c2VzYW1l"] {
        let answer = standin.ask("GET", "/ping", &[("Authorization", token)], b"");
        answer.is_problem(401, "unauthorized");
        assert_eq!(answer.field("www-authenticate"), Some("Bearer"));
    }
}

#[test]
fn a_ticket_gets_a_receipt_and_is_found_by_its_key() {
    let (_dir, standin) = fresh(&[]);
    let answer = standin.post(&message(1));
    assert_eq!(answer.status, 201);
    let receipt = answer.json();
    assert_eq!(receipt["kind"], "ticket");
    assert_eq!(receipt["ticket"], receipt["id"]);
    assert_eq!(receipt["key"], key(1));
    let found = standin.get(&format!("/tickets?key={}", key(1))).json();
    assert_eq!(found["found"], json!([receipt]));
    let found = standin.get(&format!("/tickets?key={}", key(2))).json();
    assert_eq!(found, json!({ "found": [] }));
    standin
        .get("/tickets?key=nonsense")
        .is_problem(400, "invalid");
    let id = receipt["id"].as_str().unwrap();
    assert_eq!(
        standin.get(&format!("/_admin/tickets/{id}")).json(),
        message(1)
    );
}

#[test]
fn the_same_key_and_body_get_the_same_answer_again() {
    let (_dir, standin) = fresh(&[]);
    let first = standin.post(&message(1));
    assert_eq!(first.field("idempotency-replayed"), None);
    let second = standin.post(&message(1));
    assert_eq!((second.status, &second.body), (201, &first.body));
    assert_eq!(second.field("idempotency-replayed"), Some("true"));
    assert_eq!(standin.count("tickets"), 1);
    assert_eq!(standin.get("/_admin/tickets").json()[0]["times_posted"], 2);
}

#[test]
fn a_used_key_with_another_body_or_path_is_refused() {
    let (_dir, standin) = fresh(&[]);
    let receipt = standin.post(&message(1)).json();
    let mut other = message(1);
    other["subject"] = "changed".into();
    standin.post(&other).is_problem(422, "key-used");
    let path = format!("/tickets/{}/replies", receipt["id"].as_str().unwrap());
    let as_reply = standin.connect().post(&path, &message(1)).unwrap();
    as_reply.is_problem(422, "key-used");
    assert_eq!(standin.count("tickets") + standin.count("replies"), 1);
}

#[test]
fn a_refused_request_leaves_its_key_free() {
    let (_dir, standin) = fresh(&[]);
    let mut odd = message(1);
    odd["received_at"] = "yesterday".into();
    standin.post(&odd).is_problem(422, "invalid");
    assert_eq!(standin.post(&message(1)).status, 201);
}

#[test]
fn a_key_in_progress_is_answered_409_and_the_first_request_wins() {
    let (_dir, standin) = fresh(&[]);
    standin.fault(json!({ "route": "ticket", "nth": 1, "action": { "latency_ms": 700 } }));
    let body = message(1).to_string();
    let mut slow = standin.connect();
    slow.send(
        "POST",
        "/tickets",
        &[("Idempotency-Key", &key(1))],
        body.as_bytes(),
    )
    .unwrap();
    // The log shows a request only at its end, the rule as soon as it acted.
    while standin.get("/_admin/faults").json()[0]["acted"] == 0 {}
    let answer = loop {
        let answer = standin.post(&message(1));
        if answer.status != 201 {
            break answer;
        }
    };
    answer.is_problem(409, "key-in-progress");
    assert_eq!(answer.field("retry-after"), Some("1"));
    assert_eq!(slow.answer("POST").unwrap().status, 201);
    assert_eq!(standin.count("tickets"), 1);
}

#[test]
fn a_write_needs_its_key_in_head_and_body() {
    let (_dir, standin) = fresh(&[]);
    let body = message(1).to_string();
    let answer = standin.ask("POST", "/tickets", &[], body.as_bytes());
    answer.is_problem(400, "key-missing");
    let other = [("Idempotency-Key", key(2))];
    let fields: Vec<_> = other.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let answer = standin.ask("POST", "/tickets", &fields, body.as_bytes());
    answer.is_problem(422, "invalid");
}

/// What a mail server of this name found.
fn found(server: String, dmarc: &str) -> Value {
    json!({ "server": server, "dmarc": dmarc, "dkim": "pass", "spf": "none" })
}

/// That so many came of one subject, in so many characters.
fn storm(count: u64, said: usize) -> Value {
    json!({ "alike": "subject", "count": count, "minutes": 1, "said": "s".repeat(said) })
}

#[test]
fn who_it_is_from_and_what_was_trusted_is_taken_and_may_be_left_out() {
    let (_dir, standin) = fresh(&[]);
    let mut whole = message(1);
    whole["requester"] = json!({ "address": "petra@nordwind.example" });
    whole["requester_by"] = "reply-to".into();
    whole["technician"] = "t".repeat(128).into();
    whole["participants"] = json!(vec![json!({ "name": null, "address": "" }); 2000]);
    whole["authentication"] = found("x".repeat(255), "softfail");
    whole["doubtful"] = true.into();
    whole["storm"] = storm(u32::MAX.into(), 1000);
    for field in ["queue", "priority", "category"] {
        whole[field] = "q".repeat(100).into();
    }
    whole["tags"] = json!(vec!["t".repeat(50); 2000]);
    whole["rules"] = json!(vec!["r".repeat(40); 100]);
    assert_eq!(standin.post(&whole).status, 201);
    let mut none = message(2);
    for field in ["requester", "requester_by", "technician", "authentication"] {
        none[field] = Value::Null;
    }
    none["storm"] = Value::Null;
    assert_eq!(standin.post(&none).status, 201);
}

#[test]
fn what_is_no_message_is_invalid() {
    let (_dir, standin) = fresh(&[]);
    let odd = [
        ("key", Value::Null),
        ("subject", Value::Null),
        ("attachments", json!("none")),
        ("subject", "x".repeat(4001).into()),
        ("user", "u".repeat(129).into()),
        ("from", json!({ "name": "no address" })),
        ("oddities", json!(vec!["odd"; 101])),
        ("requester", "Petra".into()),
        ("requester_by", "post".into()),
        ("technician", "t".repeat(129).into()),
        ("participants", json!(vec![json!({ "address": "a" }); 2001])),
        ("participants", Value::Null),
        ("authentication", found("x".repeat(256), "pass")),
        ("authentication", found("mx".to_owned(), "perhaps")),
        ("doubtful", "yes".into()),
        ("storm", storm(0, 1)),
        ("storm", storm(1 << 32, 1)),
        ("storm", storm(1, 1001)),
        ("storm", json!(["sender", 1, 1, ""])),
        ("queue", "q".repeat(101).into()),
        ("priority", 1.into()),
        ("category", "c".repeat(101).into()),
        ("tags", "urgent".into()),
        ("tags", json!(["t".repeat(51)])),
        ("rules", json!(vec!["r"; 101])),
        // Of ISO 8601, but not of RFC 3339.
        ("received_at", "2026-03-02 08:14:59Z".into()),
        ("received_at", "20260302T081459Z".into()),
        ("received_at", "2026-03-02T08:14:59+01".into()),
        ("date", "2026-03-02T08:14:59+01:00[Europe/Paris]".into()),
    ];
    for (field, value) in odd {
        let mut body = message(1);
        body[field] = value;
        let fields = [("Idempotency-Key", &*key(1))];
        let answer = standin.ask("POST", "/tickets", &fields, body.to_string().as_bytes());
        answer.is_problem(422, "invalid");
    }
    let fields = [("Idempotency-Key", &*key(1))];
    standin
        .ask("POST", "/tickets", &fields, b"{\"key\":")
        .is_problem(422, "invalid");
    let plain = [
        ("Idempotency-Key", &*key(1)),
        ("Content-Type", "text/plain"),
    ];
    standin
        .ask("POST", "/tickets", &plain, b"hello")
        .is_problem(415, "unsupported-media-type");
}

#[test]
fn times_of_rfc_3339_are_taken() {
    let (_dir, standin) = fresh(&[]);
    let times = [
        "2026-03-02T08:14:59Z",
        "2026-03-02t08:14:59.123456z",
        "2026-03-02T08:14:59.5-07:30",
    ];
    for (n, time) in (1..).zip(times) {
        let mut body = message(n);
        body["received_at"] = time.into();
        assert_eq!(standin.post(&body).status, 201, "{time}");
    }
}

#[test]
fn a_member_that_is_not_known_is_ignored() {
    let (_dir, standin) = fresh(&[]);
    let mut newer = message(1);
    newer["mood"] = "hopeful".into();
    assert_eq!(standin.post(&newer).status, 201);
}

#[test]
fn a_reply_lands_on_its_ticket_and_is_found_by_key() {
    let (_dir, standin) = fresh(&[]);
    let id = standin.post(&message(1)).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/tickets/{id}/replies");
    let answer = standin.connect().post(&path, &message(2)).unwrap();
    assert_eq!(answer.status, 201);
    let receipt = answer.json();
    assert_eq!(
        (&receipt["kind"], &receipt["ticket"]),
        (&json!("reply"), &json!(id))
    );
    let again = standin.connect().post(&path, &message(2)).unwrap();
    assert_eq!(again.field("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, answer.body);
    let found = standin.get(&format!("/tickets?key={}", key(2))).json();
    assert_eq!(found["found"], json!([receipt]));
    let tickets = standin.get("/_admin/tickets").json();
    assert_eq!(tickets[0]["replies"][0]["subject"], "Printer 2");
}

#[test]
fn a_reply_to_a_ticket_that_is_gone_is_refused_as_unknown() {
    let (_dir, standin) = fresh(&[]);
    let id = standin.post(&message(1)).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        standin
            .ask("DELETE", &format!("/_admin/tickets/{id}"), &[], b"")
            .status,
        200
    );
    for id in [&id, "T-999"] {
        let path = format!("/tickets/{id}/replies");
        let answer = standin.connect().post(&path, &message(2)).unwrap();
        answer.is_problem(404, "ticket-unknown");
    }
    assert_eq!(standin.post(&message(2)).status, 201);
}

#[test]
fn an_attachment_is_kept_by_its_digest_and_skipped_when_present() {
    let (_dir, standin) = fresh(&[]);
    let content = vec![7; 300_000];
    let path = format!("/attachments/{}", digest(&content));
    assert_eq!(standin.ask("HEAD", &path, &[], b"").status, 404);
    let (answer, sha256) = standin.put(&content);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json(), json!({ "sha256": sha256, "size": 300_000 }));
    let head = standin.ask("HEAD", &path, &[], b"");
    assert_eq!(
        (head.status, head.field("content-length")),
        (200, Some("300000"))
    );
    assert_eq!(standin.put(&content).0.status, 200);
    assert_eq!(standin.count("attachments"), 1);
}

#[test]
fn content_with_another_digest_is_refused_and_not_kept() {
    let (dir, standin) = fresh(&[]);
    let path = format!("/attachments/{}", digest(b"this"));
    standin
        .ask("PUT", &path, &[], b"that")
        .is_problem(422, "digest-mismatch");
    assert_eq!(standin.ask("HEAD", &path, &[], b"").status, 404);
    assert_eq!(
        std::fs::read_dir(dir.path().join("attachments"))
            .unwrap()
            .count(),
        0
    );
    standin
        .ask("PUT", "/attachments/abc", &[], b"abc")
        .is_problem(422, "invalid");
    let other = key(1);
    let fields = [("Idempotency-Key", other.as_str())];
    standin
        .ask("PUT", &path, &fields, b"this")
        .is_problem(422, "invalid");
}

#[test]
fn a_ticket_whose_attachment_is_missing_names_it() {
    let (_dir, standin) = fresh(&[]);
    let sha256 = digest(b"a picture");
    let mut with = message(1);
    with["attachments"] = json!([{
        "name": "a.png", "content_type": "image/png", "size": 9, "sha256": sha256,
        "inline": false, "content_id": null,
    }]);
    let answer = standin.post(&with);
    answer.is_problem(422, "attachment-missing");
    assert_eq!(answer.json()["missing"], json!([sha256]));
    assert_eq!(standin.put(b"a picture").0.status, 201);
    assert_eq!(standin.post(&with).status, 201);
    let tickets = standin.get("/_admin/tickets").json();
    assert_eq!(tickets[0]["attachments"][0]["sha256"], sha256.as_str());
    let mut wrong = with.clone();
    wrong["key"] = key(2).into();
    wrong["attachments"][0]["size"] = 10.into();
    standin.post(&wrong).is_problem(422, "invalid");
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let (_dir, standin) = fresh(&[]);
    let mut wire = standin.connect();
    let fields = [
        ("Idempotency-Key", &*key(1)),
        ("Content-Length", "16777217"),
    ];
    let mut head = String::from("POST /tickets HTTP/1.1\r\nHost: p\r\n");
    head.push_str("Authorization: Bearer sesame\r\nContent-Type: application/json\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    std::io::Write::write_all(wire.stream.get_mut(), head.as_bytes()).unwrap();
    wire.answer("POST").unwrap().is_problem(413, "too-large");
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let (_dir, standin) = fresh(&[]);
    standin.get("/nowhere").is_problem(404, "not-found");
    for (path, allowed) in [
        ("/tickets", "GET, POST"),
        ("/tickets/T-1/replies", "POST"),
        ("/ping", "GET"),
        ("/attachments/x", "HEAD, PUT"),
    ] {
        let answer = standin.ask("DELETE", path, &[], b"");
        answer.is_problem(405, "method-not-allowed");
        assert_eq!(answer.field("allow"), Some(allowed));
    }
}

fn directory(users: usize) -> Value {
    let users: Vec<Value> = (0..users)
        .map(|n| json!({ "id": format!("u-{n}"), "name": "N", "addresses": [], "company": "c-1" }))
        .collect();
    json!({ "users": users, "companies": [{ "id": "c-1", "name": "Nordwind", "domains": [] }] })
}

#[test]
fn the_directory_comes_by_pages_and_then_by_changes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("first.json");
    std::fs::write(&file, directory(25).to_string()).unwrap();
    let state = dir.path().join("state");
    let standin = Standin::start(&state, &["--directory", file.to_str().unwrap()]);
    let mut seen = 0;
    let mut path = "/directory?limit=10".to_owned();
    let cursor = loop {
        let page = standin.get(&path).json();
        let entries = page["users"].as_array().unwrap().len();
        let companies = page["companies"].as_array().unwrap().len();
        assert!(entries + companies <= 10);
        seen += entries + companies;
        let cursor = page["cursor"].as_str().unwrap().to_owned();
        path = format!("/directory?limit=10&cursor={}", cursor.replace(':', "%3A"));
        if page["more"] == false {
            break cursor;
        }
    };
    assert_eq!(seen, 26);
    let mut changed = directory(24);
    changed["users"][3]["addresses"] = json!(["three@nordwind.example"]);
    let put = |d: &Value| standin.ask("PUT", "/_admin/directory", &[], d.to_string().as_bytes());
    assert_eq!(put(&changed).json(), json!({ "changed": 2 }));
    let page = standin.get(&format!("/directory?cursor={cursor}")).json();
    assert_eq!(page["users"], json!([changed["users"][3]]));
    assert_eq!(page["removed"], json!([{ "kind": "user", "id": "u-24" }]));
    let cursor = page["cursor"].as_str().unwrap().to_owned();
    let page = standin.get(&format!("/directory?cursor={cursor}")).json();
    assert_eq!(
        (&page["users"], &page["cursor"]),
        (&json!([]), &json!(cursor))
    );

    drop(standin);
    let standin = Standin::start(&state, &["--directory", file.to_str().unwrap()]);
    let page = standin.get(&format!("/directory?cursor={cursor}")).json();
    assert_eq!((&page["users"], &page["removed"]), (&json!([]), &json!([])));
    standin.ask("DELETE", "/_admin/cursors", &[], b"");
    standin
        .get(&format!("/directory?cursor={cursor}"))
        .is_problem(410, "cursor-lost");
    standin
        .get("/directory?cursor=other")
        .is_problem(410, "cursor-lost");
    standin.get("/directory?limit=0").is_problem(400, "invalid");
}

#[test]
fn a_kill_loses_nothing_that_was_answered() {
    let (dir, standin) = fresh(&[]);
    let first = standin.post(&message(1));
    let (_, sha256) = standin.put(b"content");
    drop(standin);
    let path = dir.path().join("events.jsonl");
    let mut log = std::fs::read(&path).unwrap();
    log.extend_from_slice(b"{\"what\":\"accepted\",\"kind\":\"tick");
    std::fs::write(&path, log).unwrap();

    let standin = Standin::start(dir.path(), &["--sync"]);
    assert_eq!(standin.count("tickets"), 1);
    let again = standin.post(&message(1));
    assert_eq!(again.field("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    assert_eq!(
        standin
            .ask("HEAD", &format!("/attachments/{sha256}"), &[], b"")
            .status,
        200
    );
    assert_eq!(standin.post(&message(2)).json()["id"], "T-2");
    assert_eq!(
        standin.get("/_admin/tickets").json()[0]["subject"],
        "Printer 1"
    );
}

#[test]
fn a_restore_forgets_what_came_after_the_backup_and_changes_the_epoch() {
    let (_dir, standin) = fresh(&[]);
    let epoch = standin.get("/ping").json()["epoch"].clone();
    standin.post(&message(1));
    let backup = standin
        .ask("POST", "/_admin/epoch", &[], b"{\"backup\":true}")
        .body;
    standin.post(&message(2));
    let (_, sha256) = standin.put(b"content");
    let ping = standin.ask("POST", "/_admin/epoch", &[], &backup).json();
    assert_ne!(ping["epoch"], epoch);
    assert!(ping["restored_to"].is_string());
    assert_eq!(standin.count("tickets"), 1);
    let found = standin.get(&format!("/tickets?key={}", key(2))).json();
    assert_eq!(found, json!({ "found": [] }));
    assert_eq!(
        standin
            .ask("HEAD", &format!("/attachments/{sha256}"), &[], b"")
            .status,
        404
    );
    assert_eq!(
        standin.post(&message(2)).field("idempotency-replayed"),
        None
    );
    standin.ask("POST", "/_admin/epoch", &[], b"{\"forget_last\":2}");
    assert_eq!(standin.count("tickets"), 0);
}

#[test]
fn keys_are_forgotten_in_time_but_finding_works_for_ever() {
    let (_dir, standin) = fresh(&["--keep-keys", "0"]);
    standin.post(&message(1));
    assert_eq!(
        standin.post(&message(1)).field("idempotency-replayed"),
        None
    );
    let found = standin.get(&format!("/tickets?key={}", key(1))).json();
    assert_eq!(found["found"].as_array().unwrap().len(), 2);
    assert_eq!(standin.count("doubled"), 1);
}

#[test]
fn a_portal_without_keys_says_so_and_doubles() {
    let (_dir, standin) = fresh(&["--no-keys"]);
    let ping = standin.get("/ping").json();
    assert_eq!(ping["capabilities"]["idempotency_keys"], false);
    assert_eq!(ping["keys_kept_seconds"], 0);
    let first = standin.post(&message(1)).json();
    let second = standin.post(&message(1)).json();
    assert_ne!(first["id"], second["id"]);
    let found = standin.get(&format!("/tickets?key={}", key(1))).json();
    assert_eq!(found["found"], json!([first, second]));
}

#[test]
fn a_path_in_front_and_a_port_file_are_possible() {
    let dir = tempfile::tempdir().unwrap();
    let port = dir.path().join("port");
    let more = [
        "--base",
        "/postern/v1/",
        "--port-file",
        port.to_str().unwrap(),
    ];
    let standin = Standin::start(&dir.path().join("state"), &more);
    assert_eq!(standin.get("/postern/v1/ping").status, 200);
    standin.get("/ping").is_problem(404, "not-found");
    let port = std::fs::read_to_string(port).unwrap();
    assert!(standin.address.ends_with(&format!(":{port}")));
}

#[test]
fn a_portal_can_be_one_that_finds_nothing_and_takes_little() {
    let (_dir, standin) = fresh(&["--no-find", "--attachment-bytes", "10"]);
    let ping = standin.get("/ping").json();
    assert_eq!(ping["capabilities"]["find_by_key"], false);
    assert_eq!(ping["limits"]["attachment_bytes"], 10);
    standin
        .get(&format!("/tickets?key={}", key(1)))
        .is_problem(404, "not-found");
    let path = format!("/attachments/{}", digest(b"eleven octets"));
    standin
        .ask("PUT", &path, &[], b"eleven octets")
        .is_problem(413, "too-large");
}
