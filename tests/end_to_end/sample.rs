//! The sample mailbox over each kind of connection: every mail's fate, and what the tickets say.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::common::service::{text, Site};
use crate::common::USER;

/// Drains the sample over this kind of connection and checks what became of each mail.
#[track_caller]
fn check(security: &str) -> Site {
    let site = Site::with(&[], &[]);
    site.mail.fill(&["--sample"]);
    site.import(&site.settings(security, "", ""));
    let said = site.drains();
    site.complete();
    let manifest = std::fs::read_to_string(site.mail.manifest()).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("a manifest");
    let users = users(&site);
    // What answers another mail of the sample is a reply on its ticket.
    let all = site.portal.tickets().into_iter().flat_map(|ticket| {
        let replies = ticket["replies"].as_array().cloned();
        replies.unwrap_or_default().into_iter().chain([ticket])
    });
    let tickets: BTreeMap<String, Value> = all.map(|t| (bare(text(&t, "message_id")), t)).collect();
    let messages: BTreeMap<String, Value> = site
        .mail
        .messages()
        .into_iter()
        .map(|m| (bare(text(&m, "message_id")), m))
        .collect();
    let held: Vec<Value> = site.list("held");
    let mut expected_held = Vec::new();
    for mail in manifest["mails"].as_array().expect("mails") {
        let id = text(mail, "message_id");
        let subject = text(mail, "subject");
        let (ticket, message) = (tickets.get(id), &messages[id]);
        let seen = message["seen"] == true;
        let folder = text(message, "folder");
        match text(mail, "expected") {
            "ticket" => {
                let ticket = ticket.unwrap_or_else(|| panic!("no ticket: {subject}\n{said}"));
                assert_eq!(text(ticket, "subject"), subject);
                let (user, company) = &users[&text(mail, "from").to_lowercase()];
                assert_eq!(
                    (text(ticket, "user"), text(ticket, "company")),
                    (&user[..], &company[..])
                );
                assert_eq!((folder, seen), ("Archive", true), "{subject}");
            }
            "ignored" => {
                assert!(ticket.is_none(), "{subject}");
                assert_eq!((folder, seen), ("Archive", true), "{subject}");
            }
            fate => {
                assert!(ticket.is_none(), "{subject}");
                assert_eq!((folder, seen), ("INBOX", false), "{subject}");
                if fate == "held-unknown" {
                    expected_held.push(subject);
                }
            }
        }
    }
    let mut subjects: Vec<&str> = held.iter().map(|h| text(h, "subject")).collect();
    subjects.sort_unstable();
    expected_held.sort_unstable();
    assert_eq!(subjects, expected_held);
    assert!(
        held.iter().all(|h| h["reason"] == "unknown-sender"),
        "{held:?}"
    );
    site
}

/// Message-ID without its angle brackets.
fn bare(id: &str) -> String {
    id.trim_matches(['<', '>']).to_owned()
}

/// User and company of each address, as the portal tells them.
fn users(site: &Site) -> BTreeMap<String, (String, String)> {
    let page = site.portal.admin("GET", "/directory?limit=1000", "");
    let users = page["users"].as_array().expect("users");
    let of = |user: &Value| {
        (
            text(user, "id").to_owned(),
            text(user, "company").to_owned(),
        )
    };
    let each = users.iter().map(|u| (text(u, "id"), u));
    each.flat_map(|(_, u)| {
        let addresses = u["addresses"].as_array().expect("addresses").iter();
        addresses.map(move |a| (a.as_str().unwrap_or_default().to_lowercase(), of(u)))
    })
    .collect()
}

#[test]
fn the_sample_arrives_over_tls() {
    check("tls");
}

#[test]
fn the_sample_arrives_over_starttls() {
    check("starttls");
}

#[test]
fn the_sample_arrives_over_a_plain_connection_and_says_what_the_mails_say() {
    let site = check("none");
    let originals = crate::common::folder();
    let path = originals.path().display().to_string();
    site.mail.fill(&["--sample", "--files", &path]);
    let mut with_files = 0;
    for ticket in site.portal.tickets() {
        let body = site.body(&ticket);
        let subject = text(&body, "subject");
        assert_eq!(body["mailbox"], USER);
        assert_eq!(body["unparsed"], false, "{subject}");
        let files: Vec<(String, u64)> = named(&body);
        let attached = attached(&original(originals.path(), text(&body, "message_id")));
        for part in &attached {
            assert!(
                files.contains(part),
                "{subject}: {part:?} is not in {files:?}"
            );
        }
        with_files += usize::from(!attached.is_empty());
    }
    assert!(with_files >= 8, "{with_files}");
    let body = |subject: &str| site.body(&site.tickets(subject)[0]);
    let viewer = body("X-ray viewer will not open");
    let said = text(&viewer, "text");
    assert!(
        said.contains("Dr. Okafor would rather look at teeth than at an hourglass."),
        "{said}"
    );
    assert_eq!(
        viewer["from"]["address"],
        "priya.raman@northgate-dental.example"
    );
    assert_eq!(viewer["from"]["name"], "Priya Raman");
    let stored = site.portal.admin("GET", "/_admin/attachments", "");
    let largest = stored.as_object().expect("digests").values();
    let largest = largest.filter_map(Value::as_u64).max().unwrap_or(0);
    assert!(
        largest > 12_000_000,
        "the large mail's attachment is not there: {largest}"
    );
}

/// Digests and sizes that a ticket names.
fn named(body: &Value) -> Vec<(String, u64)> {
    let files = body["attachments"].as_array().expect("a list").iter();
    files
        .map(|f| {
            (
                text(f, "sha256").to_owned(),
                f["size"].as_u64().unwrap_or(0),
            )
        })
        .collect()
}

/// The octets of the mail with this Message-ID.
fn original(folder: &Path, id: &str) -> Vec<u8> {
    let wanted = format!("<{}>", bare(id));
    let files = std::fs::read_dir(folder).expect("a folder").flatten();
    files
        .map(|f| std::fs::read(f.path()).expect("a file"))
        .find(|octets| {
            let head = octets
                .windows(4)
                .position(|w| w == b"\r\n\r\n")
                .unwrap_or(0);
            String::from_utf8_lossy(&octets[..head]).contains(&wanted)
        })
        .unwrap_or_else(|| panic!("no mail {id}"))
}

/// Digests and sizes of a mail's base64 attachments, read by hand and not by the product's parser:
/// every part between boundary lines that says it is an attachment.
fn attached(octets: &[u8]) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut at = 0;
    let lines: Vec<&[u8]> = octets.split(|b| *b == b'\n').collect();
    while at < lines.len() {
        if !lines[at].starts_with(b"--") || nested(&lines[..at]) {
            at += 1;
            continue;
        }
        at += 1;
        let mut head = String::new();
        while at < lines.len() && !lines[at].trim_ascii().is_empty() {
            head.push_str(&String::from_utf8_lossy(lines[at]).to_lowercase());
            at += 1;
        }
        if !head.contains("content-disposition: attachment") || !head.contains("base64") {
            continue;
        }
        let mut coded = Vec::new();
        while at < lines.len() && !lines[at].starts_with(b"--") {
            coded.extend(lines[at].trim_ascii());
            at += 1;
        }
        let engine = base64::engine::general_purpose::STANDARD;
        let decoded = engine.decode(&coded).expect("the sample's base64 is sound");
        let digest = Sha256::digest(&decoded);
        let digest = digest.iter().map(|b| format!("{b:02x}")).collect();
        found.push((digest, decoded.len() as u64));
    }
    found
}

/// Whether these lines end inside an attached message, whose parts are not the outer mail's.
fn nested(lines: &[&[u8]]) -> bool {
    lines.iter().any(|l| {
        l.to_ascii_lowercase()
            .starts_with(b"content-type: message/rfc822")
    })
}
