//! What programs write: archived with its reason, or a ticket, as the settings say; and `explain`, which says
//! the same before.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::common::service::{text, Site};

/// Every odd mail of `tests/mail`, by its file's name.
///
/// Without those that no mail server takes, or gives back as they were: of no octets, with a NUL, with line
/// feeds alone.
fn mails() -> BTreeMap<String, Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mails = paths.filter(|path| path.extension().is_some_and(|end| end == "eml"));
    mails
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .filter(|(_, octets)| {
            let alone = |at: usize| octets[at] == b'\n' && (at == 0 || octets[at - 1] != b'\r');
            let whole = !octets.is_empty() && !octets.contains(&0);
            whole && !(0..octets.len()).any(alone)
        })
        .collect()
}

/// Where they lie, for a command.
fn folder() -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    folder.to_str().unwrap().to_owned()
}

fn append(site: &Site, names: &[&str]) {
    let mails = mails();
    let mut hand = site.hand();
    for name in names {
        hand.append("INBOX", "", &mails[*name]);
    }
}

/// The reasons of what was archived without a ticket, in order of the alphabet.
fn aside(site: &Site) -> Vec<String> {
    let listed = site.asks(&["held", "list", "--aside", "--limit", "200"]);
    let items = listed["items"].as_array().unwrap().iter();
    let mut reasons: Vec<String> = items.map(|m| text(m, "reason").to_owned()).collect();
    reasons.sort();
    reasons
}

#[test]
fn what_programs_answer_and_report_is_archived_with_its_reason() {
    let mut site = Site::ready();
    site.does(&[
        "settings",
        "set",
        "mailbox.support.process_unknown_senders=on",
    ]);
    site.start_read();
    let programs = [
        "auto-exchange-absence-note.eml",
        "report-postfix-user-unknown.eml",
        "report-exim-warns-of-a-delay.eml",
        "receipt-of-outlook.eml",
    ];
    append(&site, &programs);
    // Behind them, what is news, and what a person writes of a report.
    let others = [
        "auto-monitor-tells-of-a-host.eml",
        "report-that-a-person-quotes.eml",
    ];
    append(&site, &others);
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 6
    });
    assert_eq!(site.count("ignored"), 4);
    let reasons = ["auto-reply", "bounce", "delivery-delayed", "receipt"];
    assert_eq!(aside(&site), reasons);
    assert_eq!(site.portal.tickets().len(), 2);
    let one = site.asks(&["held", "list", "--aside", "--reason", "bounce"]);
    let key = text(&one["items"][0], "key").to_owned();
    let story = site.does(&["held", "show", &key]);
    assert!(story.contains("could not be delivered"), "{story}");
    // Wanted from now on.
    let pairs = [
        "mailbox.support.auto_replies=ticket",
        "mailbox.support.bounces=ticket",
    ];
    site.does(&[&["settings", "set"], pairs.as_slice()].concat());
    append(&site, &["auto-gmail-absence-note.eml", "report-qmail.eml"]);
    site.until("both are tickets", |s| {
        s.tickets("failure notice").len() == 1 && s.tickets("Holidays").len() == 1
    });
    assert_eq!(aside(&site), reasons);
}

/// Goes red when `explain` decides by other code, settings or people than a run does.
#[test]
fn explain_says_of_each_odd_mail_what_a_run_does_with_it() {
    let mut site = Site::ready();
    site.does(&[
        "settings",
        "set",
        "mailbox.support.process_unknown_senders=on",
    ]);
    site.start_read();
    let (code, out, err) = site.command(&["explain", "--json", &folder()], "");
    assert_eq!(code, 0, "{err}");
    let schema = include_str!("../../config/explain.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut told = BTreeMap::new();
    for line in out.lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        let faults: Vec<String> = schema
            .iter_errors(&document)
            .map(|e| e.to_string())
            .collect();
        assert!(faults.is_empty(), "{}: {faults:?}", document["file"]);
        let explanation = &document["explanation"];
        let reason = explanation["reason"].as_str().unwrap_or_default();
        let name = text(&document, "file")
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        let key = text(explanation, "key").to_owned();
        let decision = text(explanation, "decision").to_owned();
        told.insert(name, (key, decision, reason.to_owned()));
    }
    let mails = mails();
    let left_out = told.len() - mails.len();
    assert!(left_out <= 6, "{left_out} of {} are left out", told.len());
    told.retain(|name, _| mails.contains_key(name));
    let mut hand = site.hand();
    for octets in mails.values() {
        hand.append("INBOX", "", octets);
    }
    let count = mails.len() as u64;
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == count
    });
    for (name, (key, decision, reason)) in &told {
        let story = site.asks(&["queue", "show", key]);
        let stage = text(&story, "stage");
        match decision.as_str() {
            "ticket" => assert_eq!(stage, "forwarded", "{name}: {story}"),
            "ignored" => assert_eq!(
                (stage, text(&story, "reason")),
                ("ignored", reason.as_str())
            ),
            other => panic!("{name}: {other}: {story}"),
        }
    }
    let tickets = told
        .values()
        .filter(|(_, decision, _)| decision == "ticket");
    assert_eq!(site.portal.tickets().len(), tickets.count());
    // What has been here is known, by the key.
    let one = format!("{}/plain.eml", folder());
    let again = site.does(&["explain", &one]);
    assert!(again.contains("duplicate"), "{again}");
}

#[test]
fn explain_tells_the_questions_in_their_order_and_takes_no_for_an_answer() {
    let mut site = Site::ready();
    site.start_read();
    let file = |name: &str| format!("{}/{name}.eml", folder());
    let bounce = site.does(&["explain", &file("report-qmail")]);
    let (machine, sender) = (bounce.find("It is a report"), bounce.find("directory"));
    assert!(machine.is_some() && sender.is_none(), "{bounce}");
    assert!(
        bounce.contains("ghost@branch.example, failed, 5.1.1"),
        "{bounce}"
    );
    let stranger = site.does(&["explain", &file("report-that-a-person-quotes")]);
    assert!(stranger.contains("unknown-sender"), "{stranger}");
    let old = [
        "explain",
        &file("plain"),
        "--received",
        "2025-12-31T00:00:00Z",
    ];
    let old = site.does(&old);
    assert!(old.contains("received-before"), "{old}");
    let both = site.does(&["explain", &file("plain"), &file("report-qmail")]);
    assert_eq!(both.lines().count(), 2, "{both}");
    for (arguments, says) in [
        (vec!["--received", "yesterday"], "no date and time"),
        (vec!["--mailbox", "sales"], "support"),
    ] {
        let plain = file("plain");
        let said = site.refuses(&[&["explain", plain.as_str()], arguments.as_slice()].concat());
        assert!(said.contains(says), "{said}");
    }
    let said = site.refuses(&["explain", "/nowhere/at/all.eml"]);
    assert!(said.contains("/nowhere/at/all.eml"), "{said}");
}
