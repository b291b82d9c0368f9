//! Everything that the document promises of answers is had from the stand-in, and nothing else comes:
//! each status of each operation, by faults on request where it takes one.

use std::thread;
use std::time::Duration;

use serde_json::{json, Value};
use sha2::{Digest, Sha256};

use crate::common::{eventually, Portal};
use crate::contract::{judge_all, Contract};
use crate::wire::{ask, key, message, Exchange};

/// What an answer's documents are made of.
const ANSWERED: [&str; 8] = [
    "Ping",
    "DirectoryPage",
    "Company",
    "User",
    "Receipt",
    "Conversation",
    "Stored",
    "Problem",
];

/// A conversation, remembered.
struct Story<'a> {
    portal: &'a Portal,
    told: Vec<Exchange>,
}

impl Story<'_> {
    fn ask(&mut self, method: &str, target: &str, more: &[(&str, &str)], body: &[u8]) -> Exchange {
        let exchange = ask(&self.portal.address, method, target, more, body);
        self.told.push(exchange.clone());
        exchange
    }

    #[track_caller]
    fn gives(
        &mut self,
        status: u16,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: &[u8],
    ) {
        let exchange = self.ask(method, target, more, body);
        assert_eq!(exchange.status, status, "{exchange:?}");
    }

    fn post(&mut self, target: &str, message: &Value) -> Exchange {
        let key = message["key"].as_str().unwrap().to_owned();
        let body = message.to_string();
        self.ask(
            "POST",
            target,
            &[("Idempotency-Key", &key)],
            body.as_bytes(),
        )
    }

    /// The next request meets this.
    fn fault(&self, rule: Value) {
        let _ = self.portal.admin("DELETE", "/_admin/faults", "");
        let _ = self
            .portal
            .admin("POST", "/_admin/faults", &json!([rule]).to_string());
    }
}

fn digest(content: &[u8]) -> String {
    let octets = Sha256::digest(content);
    octets.iter().map(|b| format!("{b:02x}")).collect()
}

/// Each operation, as it is asked where only the status matters.
fn each() -> [(&'static str, String, Option<Value>); 8] {
    let content = format!("/attachments/{}", digest(b"abc"));
    [
        ("GET", "/ping".to_owned(), None),
        ("GET", "/directory".to_owned(), None),
        ("GET", format!("/tickets?key={}", key(1)), None),
        ("POST", "/tickets".to_owned(), Some(message(1))),
        ("POST", "/tickets/T-1/replies".to_owned(), Some(message(2))),
        ("GET", "/conversations?ticket=t-1".to_owned(), None),
        ("HEAD", content.clone(), None),
        ("PUT", content, None),
    ]
}

/// Every answer that the stand-in has.
pub fn told() -> Vec<Exchange> {
    let portal = Portal::start(&["--refuses", &digest(b"refused")]);
    let mut story = Story {
        portal: &portal,
        told: Vec::new(),
    };
    everywhere(&mut story);
    writes(&mut story);
    conversations(&mut story);
    in_progress(&mut story);
    attachments(&mut story);
    reads(&mut story);
    let mut told = story.told;
    let finds_nothing = Portal::start(&["--no-find"]);
    told.push(ask(
        &finds_nothing.address,
        "GET",
        &format!("/tickets?key={}", key(1)),
        &[],
        b"",
    ));
    let knows_none = Portal::start(&["--no-conversations"]);
    let target = "/conversations?ticket=t-1";
    told.push(ask(&knows_none.address, "GET", target, &[], b""));
    told
}

/// What any operation can answer.
fn everywhere(story: &mut Story) {
    for (method, target, body) in each() {
        let body = body.map(|b| b.to_string()).unwrap_or_default();
        let key = key(1);
        for (status, problem) in [(403, "forbidden"), (429, "busy"), (503, "busy")] {
            let mut action = json!({ "status": status, "problem": problem });
            if status != 403 {
                action["headers"] = json!({ "Retry-After": "1" });
            }
            story.fault(json!({ "count": 1, "action": action }));
            let fields: &[_] = match method {
                "POST" => &[("Idempotency-Key", key.as_str())],
                _ => &[],
            };
            story.gives(status, method, &target, fields, body.as_bytes());
        }
        story.gives(
            401,
            method,
            &target,
            &[("Authorization", "Bearer wrong")],
            b"",
        );
        story.gives(405, "DELETE", target.split('?').next().unwrap(), &[], b"");
    }
}

fn writes(story: &mut Story) {
    let ticket = story.post("/tickets", &message(1));
    let id = ticket.document()["id"].as_str().unwrap().to_owned();
    let replies = format!("/tickets/{id}/replies");
    for (target, n) in [("/tickets", 1), (replies.as_str(), 2)] {
        for _replayed in [false, true] {
            assert_eq!(story.post(target, &message(n)).status, 201);
        }
        let mut other = message(n);
        other["subject"] = "another".into();
        assert_eq!(story.post(target, &other).status, 422);
        let mut missing = message(n + 10);
        missing["attachments"] = json!([{ "name": "a", "content_type": "text/plain", "size": 1,
            "sha256": digest(b"nobody sent it"), "inline": false }]);
        assert_eq!(story.post(target, &missing).status, 422);
        missing["received_at"] = "yesterday".into();
        assert_eq!(story.post(target, &missing).status, 422);
        let key = key(n + 10);
        let keyed = ("Idempotency-Key", key.as_str());
        let body = message(n + 10).to_string();
        story.gives(400, "POST", target, &[], body.as_bytes());
        story.gives(
            415,
            "POST",
            target,
            &[keyed, ("Content-Type", "text/plain")],
            b"{}",
        );
        let long = ("Content-Length", "99999999999");
        story.gives(413, "POST", target, &[keyed, long], b"");
    }
    assert_eq!(
        story.post("/tickets/T-999/replies", &message(20)).status,
        404
    );
    let found = story.ask("GET", &format!("/tickets?key={}", key(2)), &[], b"");
    assert_eq!(found.document()["found"][0]["kind"], "reply");
}

/// A key whose first request still runs.
fn in_progress(story: &mut Story) {
    for (target, route, n) in [
        ("/tickets", "ticket", 30),
        ("/tickets/T-1/replies", "reply", 31),
    ] {
        story.fault(json!({ "route": route, "count": 1, "action": { "latency_ms": 2500 } }));
        let address = story.portal.address.clone();
        let slow = thread::spawn(move || {
            let (key, body) = (key(n), message(n).to_string());
            let fields = [("Idempotency-Key", key.as_str())];
            ask(&address, "POST", target, &fields, body.as_bytes())
        });
        eventually("the first one runs", Duration::from_secs(20), || {
            story.portal.admin("GET", "/_admin/faults", "")[0]["acted"] == 1
        });
        assert_eq!(story.post(target, &message(n)).status, 409);
        story.told.push(slow.join().unwrap());
    }
}

fn conversations(story: &mut Story) {
    let token = format!("pt-{}", "a".repeat(32));
    let mut first = message(40);
    first["token"] = token.clone().into();
    first["from"] = json!({ "address": "petra@nordwind.example" });
    (first["user"], first["company"]) = ("u-7".into(), "c-12".into());
    let id = story.post("/tickets", &first).document()["id"].clone();
    let by_token = format!("/conversations?token={token}&message_id=none%40nordwind.example");
    let found = story.ask("GET", &by_token, &[], b"").document();
    assert_eq!(found["found"]["ticket"], id);
    let none = story.ask("GET", "/conversations?ticket=t-999", &[], b"");
    assert_eq!(none.document(), json!({ "found": null }));
    story.gives(400, "GET", "/conversations", &[], b"");
    story.gives(400, "GET", "/conversations?token=pt-1", &[], b"");
    let long = format!("/conversations?message_id={}", "x".repeat(70_000));
    story.gives(414, "GET", &long, &[], b"");
    let id = id.as_str().unwrap();
    let close = format!("/_admin/tickets/{id}/close");
    let _ = story.portal.admin("POST", &close, "");
    let closed = story.post(&format!("/tickets/{id}/replies"), &message(41));
    assert_eq!(closed.status, 410);
    let found = story.ask("GET", &by_token, &[], b"").document();
    assert_eq!(found["found"]["open"], false);
}

fn attachments(story: &mut Story) {
    let path = format!("/attachments/{}", digest(b"abc"));
    story.gives(404, "HEAD", &path, &[], b"");
    story.gives(422, "PUT", &path, &[], b"not abc");
    story.gives(201, "PUT", &path, &[], b"abc");
    story.gives(200, "PUT", &path, &[], b"abc");
    story.gives(200, "HEAD", &path, &[], b"");
    story.gives(422, "PUT", "/attachments/no-digest", &[], b"abc");
    let refused = format!("/attachments/{}", digest(b"refused"));
    story.gives(415, "PUT", &refused, &[], b"refused");
    let chunked = [("Content-Length", ""), ("Transfer-Encoding", "chunked")];
    story.gives(411, "PUT", &path, &chunked, b"0\r\n\r\n");
    story.gives(413, "PUT", &path, &[("Content-Length", "99999999999")], b"");
}

fn reads(story: &mut Story) {
    let first = story.ask("GET", "/directory?limit=1", &[], b"").document();
    assert_eq!(first["more"], true);
    let whole = story.ask("GET", "/directory", &[], b"").document();
    let (users, companies) = (&whole["users"], &whole["companies"]);
    let mut one = users[0].clone();
    one["technician"] = true.into();
    let fewer = json!({ "companies": companies, "users": [one] });
    let _ = story
        .portal
        .admin("PUT", "/_admin/directory", &fewer.to_string());
    let cursor = whole["cursor"].as_str().unwrap();
    let later = story.ask("GET", &format!("/directory?cursor={cursor}"), &[], b"");
    assert_eq!(later.document()["removed"][0]["kind"], "user");
    story.gives(400, "GET", "/directory?limit=0", &[], b"");
    let long = format!("/directory?cursor={}", "1".repeat(513));
    story.gives(400, "GET", &long, &[], b"");
    story.gives(400, "GET", "/tickets?key=nonsense", &[], b"");
    let before = story.ask("GET", "/ping", &[], b"").document();
    let _ = story
        .portal
        .admin("POST", "/_admin/epoch", "{\"forget_last\":1}");
    let after = story.ask("GET", "/ping", &[], b"").document();
    assert_ne!(before["epoch"], after["epoch"]);
    story.gives(410, "GET", &format!("/directory?cursor={cursor}"), &[], b"");
    let found = story.ask("GET", &format!("/tickets?key={}", key(31)), &[], b"");
    assert_eq!(found.document(), json!({ "found": [] }));
}

/// What the document promises and the story had not.
pub fn unmet(contract: &Contract) -> Vec<String> {
    let mut promised = contract.answers();
    promised.extend(contract.members(&ANSWERED));
    promised.extend(contract.problems());
    promised.retain(|p| !contract.has_met(p));
    promised
}

/// What is wrong with answers alone: among the requests are those that have to be refused.
pub fn wrong(contract: &mut Contract, told: &[Exchange]) -> Vec<String> {
    told.iter().flat_map(|e| contract.judge_answer(e)).collect()
}

#[test]
fn every_answer_is_as_the_document_says_and_all_that_it_promises_can_be_had() {
    let mut contract = Contract::shipped();
    let told = told();
    assert_eq!(wrong(&mut contract, &told), Vec::<String>::new());
    assert_eq!(unmet(&contract), Vec::<String>::new());
    // Requests that were accepted have to be such as the document describes.
    let accepted: Vec<Exchange> = told.into_iter().filter(|e| e.status < 300).collect();
    assert!(accepted.len() > 10);
    let wrong = judge_all(&mut contract, &accepted);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
