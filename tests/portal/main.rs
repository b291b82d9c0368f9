//! The client against the stand-in, over real sockets: every fault, and the verdict on it.
//!
//! The stand-in is the real binary, built here when it is not there yet.

// A test that meets what it did not expect should stop.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/wires.rs"]
mod wires;

mod bench;
mod connections;
mod conversations;
mod oauth;
mod proxy;

use bench::Bench;
use futures_lite::stream;
use postern::http::{Bytes, Method};
use postern::mail::{understand, Encoding, Limits, Skim};
use postern::portal::document::encode;
use postern::portal::{Changes, Contract, Fault, Portal, Receipt};
use postern::ticket::{self, Facts, Key};
use postern::world::Body;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use std::io;
use std::time::Duration;

fn key(n: u64) -> String {
    format!("{n:064x}")
}

fn document(n: u64) -> Value {
    json!({
        "key": key(n), "mailbox": "support@provider.example",
        "received_at": "2026-03-02T08:14:59Z", "subject": format!("Printer {n}"),
        "text": "It is silent.\n", "attachments": [], "unparsed": false, "oddities": [],
    })
}

fn octets(document: &Value) -> Bytes {
    document.to_string().into()
}

async fn create(portal: &Contract, n: u64) -> Result<Receipt, Fault> {
    portal.create(&key(n), octets(&document(n))).await
}

fn body(content: &[u8], slice: usize) -> Body {
    let slices: Vec<_> = content
        .chunks(slice)
        .map(|s| io::Result::Ok(s.to_vec()))
        .collect();
    Body {
        length: content.len() as u64,
        digest: Sha256::digest(content).into(),
        slices: Box::pin(stream::iter(slices)),
    }
}

/// Creates one ticket under a fault; then the portal must hold that many, and without the fault
/// the same attempt again must leave exactly one.
#[track_caller]
fn check(action: Value, held: u64, want: impl Fn(&Fault) -> bool) {
    let caller = std::panic::Location::caller();
    smol::block_on(async {
        let bench = Bench::new();
        let mut settings = bench.settings();
        (settings.idle_ms, settings.answer_ms) = (400, 600);
        let portal = bench.portal_with(&settings);
        bench
            .fault(json!({ "route": "ticket", "action": action }))
            .await;
        let fault = create(&portal, 1).await.unwrap_err();
        assert!(want(&fault), "{caller}: {fault:?}");
        assert_eq!(bench.count("tickets").await, held, "{caller}");
        bench.fault(json!({ "route": "ping", "action": {} })).await;
        let receipt = create(&portal, 1).await.unwrap();
        assert_eq!(portal.find(&key(1)).await.unwrap(), [receipt], "{caller}");
        assert_eq!(bench.count("tickets").await, 1, "{caller}");
    });
}

#[test]
fn a_busy_portal_is_left_alone_for_as_long_as_it_asks() {
    let action = json!({ "status": 503, "headers": { "Retry-After": "7" }, "problem": "busy" });
    let seven = Some(Duration::from_secs(7));
    check(
        action,
        0,
        |f| matches!(f, Fault::Unsure { after, .. } if *after == seven),
    );
}

#[test]
fn too_many_requests_throttle() {
    let action = json!({ "status": 429, "headers": { "Retry-After": "7" }, "body": "empty" });
    let seven = Some(Duration::from_secs(7));
    check(
        action,
        0,
        |f| matches!(f, Fault::Throttled { after, .. } if *after == seven),
    );
}

#[test]
fn a_refused_token_pauses_the_link() {
    for status in [401, 403] {
        let action = json!({ "status": status, "problem": "unauthorized" });
        check(action, 0, |f| matches!(f, Fault::Link { .. }));
    }
}

#[test]
fn a_redirect_is_not_followed_and_pauses_the_link() {
    let action = json!({ "redirect": "https://elsewhere.example/sign-in" });
    let named = |said: &str| said.contains("https://elsewhere.example/sign-in");
    check(
        action,
        0,
        |f| matches!(f, Fault::Link { said, .. } if named(said)),
    );
}

#[test]
fn a_refusal_keeps_the_portals_words() {
    let action = json!({ "status": 422, "problem": "invalid" });
    let words = |said: &str| said.contains("A fault on request: said by the stand-in");
    check(
        action,
        0,
        |f| matches!(f, Fault::Never { status: 422, said } if words(said)),
    );
}

#[test]
fn too_large_is_refused_for_good_even_when_the_body_was_not_read() {
    let action = json!({ "status": 413, "problem": "too-large", "unread": true });
    check(action, 0, |f| matches!(f, Fault::Never { status: 413, .. }));
}

#[test]
fn an_answer_before_the_end_of_a_large_body_is_heard() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        let action = json!({ "status": 413, "problem": "too-large", "unread": true });
        bench
            .fault(json!({ "route": "attachment", "action": action }))
            .await;
        let content = vec![7; 30_000_000];
        let fault = portal.attach(body(&content, 65_536)).await;
        // Some systems drop what they received once the peer resets: then it is only "later".
        let refused = |f: &Fault| {
            matches!(
                f,
                Fault::AttachmentRefused {
                    too_large: true,
                    ..
                }
            )
        };
        let heard = fault.as_ref().is_err_and(refused);
        eprintln!("HEARD {heard}");
        assert!(
            heard || matches!(fault, Err(Fault::Later { .. })),
            "{fault:?}"
        );
        create(&portal, 1).await.unwrap();
    });
}

#[test]
fn a_key_in_progress_is_waited_for() {
    let action = json!({ "status": 409, "problem": "key-in-progress",
        "headers": { "Retry-After": "2" } });
    let two = Some(Duration::from_secs(2));
    check(
        action,
        0,
        |f| matches!(f, Fault::Unsure { after, .. } if *after == two),
    );
}

#[test]
fn an_address_where_nothing_is_pauses_the_link() {
    check(json!({ "status": 404, "body": "html" }), 0, |f| {
        matches!(f, Fault::Link { .. })
    });
}

#[test]
fn a_server_error_leaves_a_write_in_doubt_whether_it_was_accepted_or_not() {
    let unsure = |f: &Fault| matches!(f, Fault::Unsure { .. });
    check(json!({ "status": 500, "body": "html" }), 0, unsure);
    check(
        json!({ "status": 502, "body": "html", "accept": true }),
        1,
        unsure,
    );
}

#[test]
fn an_answer_that_is_no_receipt_leaves_the_write_in_doubt() {
    let unsure = |f: &Fault| matches!(f, Fault::Unsure { .. });
    for body in ["html", "garbage", "empty", "problem"] {
        check(
            json!({ "status": 201, "body": body, "accept": true }),
            1,
            unsure,
        );
    }
}

#[test]
fn an_endless_answer_is_cut_and_leaves_the_write_in_doubt() {
    let action = json!({ "status": 201, "body": "endless", "accept": true });
    let long = |said: &str| said.contains("too long");
    check(
        action,
        1,
        |f| matches!(f, Fault::Unsure { said, .. } if long(said)),
    );
}

#[test]
fn an_endless_error_is_judged_by_its_status() {
    let action = json!({ "status": 400, "body": "endless" });
    check(action, 0, |f| matches!(f, Fault::Never { status: 400, .. }));
}

#[test]
fn an_answer_of_one_octet_a_second_is_not_waited_for() {
    // Slower than the time for nothing, and fast enough for that but not for the whole.
    for slow_ms in [1000, 50] {
        let late = |said: &str| said.contains("the time is up");
        let action = json!({ "slow_ms": slow_ms });
        check(
            action,
            1,
            |f| matches!(f, Fault::Unsure { said, .. } if late(said)),
        );
    }
}

#[test]
fn resets_leave_a_write_in_doubt() {
    let unsure = |f: &Fault| matches!(f, Fault::Unsure { .. });
    check(json!({ "reset": "before_body" }), 0, unsure);
    check(json!({ "reset": "after_body" }), 0, unsure);
    check(json!({ "reset": "after_accept" }), 1, unsure);
    check(json!({ "reset": "mid_answer" }), 1, unsure);
}

#[test]
fn a_portal_that_does_not_answer_leaves_a_write_in_doubt() {
    check(json!({ "stall_ms": 60_000 }), 0, |f| {
        matches!(f, Fault::Unsure { .. })
    });
}

#[test]
fn the_strangest_message_still_keeps_within_the_contract() {
    let many = |prefix: &str, n: usize| -> String {
        (0..n)
            .map(|i| format!("{prefix}{i}@nordwind.example>,\r\n "))
            .collect()
    };
    let raw = format!(
        "From: =?utf-8?q?{}?= <{}@nordwind.example>\r\nSubject: {}\r\nTo: {}x@y.example\r\n\
         References: {}\r\nMessage-ID: <{}@x>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{}\r\n--b\r\n\
         Content-Type: application/{}; name=\"../{}\"\r\nContent-ID: <{}>\r\n\
         Content-Disposition: attachment\r\n\r\nhello\r\n--b--\r\n",
        "=C3=BC".repeat(900),
        "a".repeat(900),
        "\u{fc}".repeat(9000),
        many("<t", 1500),
        many("<r", 1500),
        "m".repeat(3000),
        "\x01\x1b\"\\".repeat(200_000),
        "x".repeat(5000),
        "n".repeat(5000),
        "c".repeat(5000),
    );
    let mut skim = Skim::new(Limits::default());
    skim.feed(raw.as_bytes());
    let message = understand(&skim.finish());
    let facts = Facts {
        marks: None,
        key: Key([7; 32]),
        mailbox: "support@provider.example".to_owned(),
        received_at: i64::MAX,
        user: None,
        company: None,
        about: Some(Key([8; 32])),
        token: Some("pt-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap()),
        storm: None,
        omitted: Vec::new(),
        origin: ticket::Origin::default(),
        raw: None,
    };
    let ticket = ticket::compose(&message, &facts);
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        for source in ticket::sources(&message, None, &[]) {
            assert_eq!(source.encoding, Encoding::Identity);
            let range = source.range.start as usize..source.range.end as usize;
            portal
                .attach(body(&raw.as_bytes()[range], 1000))
                .await
                .unwrap();
        }
        let receipt = portal
            .create(&ticket.key.to_string(), encode(&ticket))
            .await
            .unwrap();
        assert!(receipt.reply.is_none());
    });
}

#[test]
fn the_same_octets_again_get_the_same_receipt() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        let first = create(&portal, 1).await.unwrap();
        assert_eq!(create(&portal, 1).await.unwrap(), first);
        let mut other = document(1);
        other["subject"] = "another".into();
        let again = portal.create(&key(1), octets(&other)).await;
        assert_eq!(again, Err(Fault::AlreadyThere));
        assert_eq!(portal.find(&key(1)).await.unwrap(), [first]);
        assert_eq!(portal.find(&key(2)).await.unwrap(), []);
    });
}

#[test]
fn a_reply_lands_on_its_ticket_and_learns_when_that_is_gone() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        let ticket = create(&portal, 1).await.unwrap().ticket;
        let receipt = portal
            .reply(&ticket, &key(2), octets(&document(2)))
            .await
            .unwrap();
        assert_eq!(
            (receipt.ticket.as_str(), receipt.reply.is_some()),
            (&*ticket, true)
        );
        assert_eq!(portal.find(&key(2)).await.unwrap(), [receipt]);
        bench
            .admin(Method::DELETE, &format!("tickets/{ticket}"), json!(null))
            .await;
        let late = portal.reply(&ticket, &key(3), octets(&document(3))).await;
        assert!(matches!(late, Err(Fault::TicketGone { .. })), "{late:?}");
        // An id is data: it can't lead anywhere else.
        let odd = portal
            .reply("../../x?y", &key(3), octets(&document(3)))
            .await;
        assert!(matches!(odd, Err(Fault::TicketGone { .. })), "{odd:?}");
    });
}

#[test]
fn attachments_stream_are_skipped_when_there_and_asked_for_when_missing() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        let content: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
        let sent = body(&content, 65_536);
        let digest = sent.digest;
        let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        let mut with = document(1);
        with["attachments"] = json!([{ "name": "a", "content_type": "image/png",
            "size": content.len(), "sha256": hex, "inline": false }]);
        let early = portal.create(&key(1), octets(&with)).await;
        assert_eq!(
            early,
            Err(Fault::MissingAttachment {
                digests: vec![digest]
            })
        );
        assert!(!portal.has(&digest).await.unwrap());
        portal.attach(sent).await.unwrap();
        assert!(portal.has(&digest).await.unwrap());
        portal.attach(body(&content, 1000)).await.unwrap();
        portal.attach(body(b"", 1)).await.unwrap();
        portal.create(&key(1), octets(&with)).await.unwrap();
        let mut wrong = body(&content, 65_536);
        wrong.digest = [1; 32];
        let refused = portal.attach(wrong).await;
        assert!(
            matches!(refused, Err(Fault::Never { status: 422, .. })),
            "{refused:?}"
        );
        assert_eq!(bench.count("attachments").await, 2);
    });
}

#[test]
fn content_that_cannot_be_read_here_is_our_own_fault_and_the_next_request_is_whole() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        let slices = [
            vec![Ok(vec![7; 100_000]), Err(io::Error::other("a bad block"))],
            vec![Ok(vec![7; 100_000])],
            vec![Ok(vec![7; 300_000])],
        ];
        for slices in slices {
            let torn = Body {
                length: 200_000,
                digest: [7; 32],
                slices: Box::pin(stream::iter(slices)),
            };
            let fault = portal.attach(torn).await;
            assert!(matches!(fault, Err(Fault::Local { .. })), "{fault:?}");
        }
        create(&portal, 1).await.unwrap();
        assert_eq!(bench.count("attachments").await, 0);
    });
}

#[test]
fn the_directory_comes_by_pages_and_says_when_to_start_again() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        let users: Vec<Value> = (0..7)
            .map(|n| json!({ "id": format!("u-{n}"), "name": "N", "addresses": ["a@b.example"] }))
            .collect();
        let companies = json!([{ "id": "c", "name": "C", "domains": ["b.example"] }]);
        let whole = json!({ "users": users, "companies": companies });
        bench.admin(Method::PUT, "directory", whole.clone()).await;
        let (mut cursor, mut entries) = (None, 0);
        loop {
            let asked = portal.directory(cursor.as_deref(), 3).await.unwrap();
            let Changes::Page(page) = asked else {
                panic!("{asked:?}")
            };
            assert!(page.users.len() + page.companies.len() <= 3);
            entries += page.users.len() + page.companies.len();
            cursor = Some(page.cursor);
            if !page.more {
                break;
            }
        }
        assert_eq!(entries, 8);
        let fewer = json!({ "users": whole["users"].as_array().unwrap()[1..], "companies": [] });
        bench.admin(Method::PUT, "directory", fewer).await;
        let Changes::Page(page) = portal.directory(cursor.as_deref(), 500).await.unwrap() else {
            panic!("a page was due")
        };
        assert_eq!(page.removed.len(), 2);
        bench.admin(Method::DELETE, "cursors", json!(null)).await;
        let lost = portal.directory(cursor.as_deref(), 500).await.unwrap();
        assert_eq!(lost, Changes::StartAgain);
    });
}

#[test]
fn a_ping_tells_whether_keys_are_kept_and_a_restore_changes_the_epoch() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        let before = portal.ping().await.unwrap();
        assert_eq!(before.keeps_keys, Some(Duration::from_secs(30 * 24 * 3600)));
        assert!(before.finds_keys && before.time.is_some() && before.restored_to.is_none());
        create(&portal, 1).await.unwrap();
        bench
            .admin(Method::POST, "epoch", json!({ "forget_last": 1 }))
            .await;
        let after = portal.ping().await.unwrap();
        assert_ne!(after.epoch, before.epoch);
        assert!(after.restored_to.is_some());
        assert_eq!(portal.find(&key(1)).await.unwrap(), []);

        let bench = Bench::with(&["--no-keys"]);
        assert_eq!(bench.portal().ping().await.unwrap().keeps_keys, None);
    });
}
