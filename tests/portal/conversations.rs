//! Looking for the ticket that a message answers, and replies to tickets that take no more.

use crate::bench::Bench;
use crate::{create, document, key, octets};
use postern::http::Method;
use postern::portal::{Contract, Conversation, Fault, Portal, Signs};
use serde_json::{json, Value};

const TOKEN: &str = "pt-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(|v| (*v).to_owned()).collect()
}

fn signs(tokens: &[&str], message_ids: &[&str], tickets: &[&str]) -> Signs {
    Signs {
        tokens: list(tokens),
        message_ids: list(message_ids),
        tickets: list(tickets),
    }
}

/// The ticket T-1 of Petra's.
async fn petras(portal: &Contract) {
    let mut first = document(1);
    first["token"] = TOKEN.into();
    first["message_id"] = "a+b%c&d=é@nordwind.example".into();
    first["from"] = json!({ "address": "petra@nordwind.example" });
    (first["user"], first["company"]) = ("u-7".into(), "c-12".into());
    let receipt = portal.create(&key(1), octets(&first)).await.unwrap();
    assert_eq!(receipt.ticket, "T-1");
}

async fn found(portal: &Contract, signs: Signs) -> Option<String> {
    let found = portal.conversation(&signs).await.unwrap();
    found.map(|found| found.ticket)
}

#[test]
fn a_ticket_is_found_by_each_sign_and_nothing_by_none() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        assert!(portal.ping().await.unwrap().finds_conversations);
        petras(&portal).await;
        let there = Conversation {
            ticket: "T-1".to_owned(),
            open: true,
            user: Some("u-7".to_owned()),
            company: Some("c-12".to_owned()),
            participants: list(&["petra@nordwind.example"]),
        };
        let id = "a+b%c&d=é@nordwind.example";
        for signs in [
            signs(&[TOKEN], &[], &[]),
            signs(&[], &["nobody's", id], &[]),
            signs(&[], &[], &["t-9", "t-1"]),
        ] {
            let found = portal.conversation(&signs).await.unwrap();
            assert_eq!(found.as_ref(), Some(&there), "{signs:?}");
        }
        let nowhere = signs(&[&TOKEN.replace('a', "b")], &["nobody's"], &["t-9"]);
        assert_eq!(portal.conversation(&nowhere).await, Ok(None));
        let wish = json!({ "token": [], "tag": "" });
        let mail = bench.admin(Method::POST, "tickets/T-1/notify", wish).await;
        let own = mail["message_id"].as_str().unwrap();
        let found = found(&portal, signs(&[], &[own], &[])).await;
        assert_eq!(found.as_deref(), Some("T-1"));
    });
}

#[test]
fn the_first_sign_that_leads_anywhere_counts() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        petras(&portal).await;
        for n in [2, 3] {
            let mut other = document(n);
            other["message_id"] = format!("{n}@b.example").into();
            portal.create(&key(n), octets(&other)).await.unwrap();
        }
        let of = |ids: &[&str], tickets: &[&str]| found(&portal, signs(&[], ids, tickets));
        let ids = &["9@b.example", "3@b.example", "2@b.example"];
        assert_eq!(of(ids, &["t-1"]).await.as_deref(), Some("T-3"));
        assert_eq!(of(&ids[..1], &["t-2", "t-1"]).await.as_deref(), Some("T-2"));
        let with_token = found(&portal, signs(&[TOKEN], ids, &["t-2"])).await;
        assert_eq!(with_token.as_deref(), Some("T-1"));
    });
}

#[test]
fn a_reply_to_a_closed_ticket_learns_that_and_one_to_a_merged_ticket_where_it_went() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        petras(&portal).await;
        create(&portal, 2).await.unwrap();
        let into = json!({ "into": "T-2" });
        bench.admin(Method::POST, "tickets/T-1/merge", into).await;
        let found = portal.conversation(&signs(&[TOKEN], &[], &[])).await;
        let found = found.unwrap().unwrap();
        assert_eq!((found.ticket.as_str(), found.open), ("T-2", true));
        let receipt = portal.reply("T-1", &key(3), octets(&document(3))).await;
        let receipt = receipt.unwrap();
        assert_eq!(
            (receipt.ticket.as_str(), receipt.reply.is_some()),
            ("T-2", true)
        );
        bench
            .admin(Method::POST, "tickets/T-2/close", json!({}))
            .await;
        let found = portal.conversation(&signs(&[TOKEN], &[], &[])).await;
        assert!(!found.unwrap().unwrap().open);
        for ticket in ["T-1", "T-2"] {
            let late = portal.reply(ticket, &key(4), octets(&document(4))).await;
            let gone =
                matches!(&late, Err(Fault::TicketGone { said }) if said.contains("takes no more"));
            assert!(gone, "{late:?}");
        }
        // Nothing of it was accepted, and the same octets make a ticket.
        let receipt = create(&portal, 4).await.unwrap();
        assert_eq!(receipt.ticket, "T-3");
    });
}

#[test]
fn a_portal_that_does_not_offer_it_says_so() {
    smol::block_on(async {
        let bench = Bench::with(&["--no-conversations"]);
        let portal = bench.portal();
        assert!(!portal.ping().await.unwrap().finds_conversations);
        // Whoever asks all the same is at an address where there is nothing.
        let asked = portal.conversation(&signs(&[TOKEN], &[], &[])).await;
        assert!(matches!(asked, Err(Fault::Link { .. })), "{asked:?}");
    });
}

#[test]
fn a_look_that_fails_is_made_again_later() {
    smol::block_on(async {
        let bench = Bench::new();
        let mut settings = bench.settings();
        (settings.idle_ms, settings.answer_ms) = (400, 600);
        let portal = bench.portal_with(&settings);
        for action in [
            json!({ "status": 503, "problem": "busy" }),
            json!({ "status": 500, "body": "html" }),
            json!({ "body": "garbage" }),
            json!({ "body": "empty" }),
            json!({ "reset": "after_accept" }),
            json!({ "stall_ms": 5000 }),
        ] {
            let rule = json!({ "route": "conversation", "action": action });
            bench.fault(rule).await;
            let asked = portal.conversation(&signs(&[TOKEN], &[], &[])).await;
            assert!(
                matches!(asked, Err(Fault::Later { .. })),
                "{action}: {asked:?}"
            );
        }
    });
}

/// Goes red where the query has no bound, or where what does not fit in keeps back what does.
#[test]
fn many_long_message_ids_do_not_make_a_line_that_a_server_refuses() {
    smol::block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record.jsonl");
        let bench = Bench::with(&["--record", record.to_str().unwrap()]);
        let portal = bench.portal();
        petras(&portal).await;
        let long: Vec<String> = (0..8).map(|n| format!("{n}{}", "é".repeat(499))).collect();
        let mut ids: Vec<&str> = long.iter().map(String::as_str).collect();
        assert_eq!(found(&portal, signs(&[], &ids, &[])).await, None);
        let plain: Vec<String> = (0..8).map(|n| format!("{n}{}", "x".repeat(499))).collect();
        let longest = "y".repeat(501);
        ids.push(&longest);
        ids.extend(plain.iter().map(String::as_str));
        let all = signs(&[], &ids, &["t-1"]);
        assert_eq!(found(&portal, all).await.as_deref(), Some("T-1"));
        let text = std::fs::read_to_string(&record).unwrap();
        let lines = text
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap());
        let queries: Vec<String> = lines
            .filter(|l| l["path"] == "/conversations")
            .map(|l| l["query"].as_str().unwrap().to_owned())
            .collect();
        // Of those that are all too long nothing was asked.
        assert_eq!(queries.len(), 1);
        assert!(queries[0].starts_with("message_id=0xxx"), "{}", queries[0]);
        assert!(queries[0].ends_with("&ticket=t-1"), "{}", queries[0]);
        let (ids, length) = (queries[0].matches("message_id=").count(), queries[0].len());
        assert!(ids == 3 && length <= 2000, "{ids} in {length} octets");
    });
}
