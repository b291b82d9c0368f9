//! `queue export`: what was put into the mailbox, octet by octet, and what the portal is sent.

use std::path::Path;

use serde_json::Value;

use crate::common::service::{message, text, Site};

/// Exports one message into a fresh folder; gives its octets and its ticket.
#[track_caller]
fn exported(site: &Site, key: &str) -> (Vec<u8>, Value) {
    let to = tempfile::tempdir().unwrap();
    let dir = to.path().to_str().unwrap();
    site.does(&["queue", "export", key, "--to", dir]);
    (one(to.path(), "eml"), {
        let ticket = one(to.path(), "json");
        serde_json::from_slice(&ticket).unwrap()
    })
}

/// The one file that ends so.
#[track_caller]
fn one(dir: &Path, end: &str) -> Vec<u8> {
    let listed = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut found = listed.filter(|p| p.extension().is_some_and(|e| e == end));
    let octets = std::fs::read(found.next().unwrap()).unwrap();
    assert!(found.next().is_none());
    octets
}

/// A message with an attachment of some size.
fn large(octets: usize) -> Vec<u8> {
    let mut raw = b"From: Priya Raman <priya.raman@northgate-dental.example>\r\n\
        Subject: large\r\nMessage-ID: <large@yard.example>\r\nMIME-Version: 1.0\r\n\
        Content-Type: application/octet-stream; name=a.bin\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n"
        .to_vec();
    while raw.len() < octets {
        let line = format!("{:076}\r\n", raw.len());
        raw.extend_from_slice(line.as_bytes());
    }
    raw
}

#[test]
fn an_export_is_what_was_put_in_and_what_the_portal_gets() {
    let mut site = Site::ready_with(&[], &[], "", "timeout_ms = 2000");
    site.start_read();
    site.portal.kill();
    let small = message("small", "small");
    let large = large(12 << 20);
    site.hand().append("INBOX", "", &small);
    site.hand().append("INBOX", "", &large);
    site.until("both are committed", |s| s.count("committed") == 2);
    let keys = ["small", "large"].map(|s| site.key("queue", s));
    let mut tickets = Vec::new();
    for (key, octets) in keys.iter().zip([&small, &large]) {
        let (eml, ticket) = exported(&site, key);
        assert!(eml == *octets, "{key}");
        tickets.push(ticket);
    }
    let to = tempfile::tempdir().unwrap();
    let all = [
        "queue",
        "export",
        "--all",
        "--to",
        to.path().to_str().unwrap(),
    ];
    site.does(&all);
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 4);
    // Without a service it is the same.
    site.stop();
    let (eml, ticket) = exported(&site, &keys[1]);
    assert!(eml == large && ticket == tickets[1]);
    site.portal.start_again();
    site.start();
    site.until("both are there", |s| s.portal.tickets().len() == 2);
    for (subject, ticket) in ["small", "large"].iter().zip(tickets) {
        let got = site.body(&site.tickets(subject)[0]);
        for (name, value) in ticket.as_object().unwrap() {
            assert_eq!(got[name], *value, "{name}: {got}");
        }
        assert_eq!(text(&ticket, "subject"), *subject);
    }
}

#[test]
fn what_is_held_has_no_octets_here_and_it_is_said() {
    let mut site = Site::ready();
    site.start_read();
    site.send_from("nadia@elsewhere.example", "who am I");
    site.until("it is held", |s| s.count("held") == 1);
    let key = site.key("held", "who am I");
    let said = site.refuses(&["queue", "export", &key, "--to", "/nowhere"]);
    assert!(said.contains("it has no octets here"), "{said}");
}
