//! What is held: listed with its reason, converted, dismissed, released by itself, or closed when
//! somebody was faster.

use std::collections::BTreeSet;
use std::ffi::OsString;

use crate::common::service::{message, text, Site};

const STRANGER: &str = "nadia@elsewhere.example";

/// A running site with one mail of a stranger's held.
#[track_caller]
fn with_stranger() -> Site {
    let mut site = Site::ready();
    site.start_read();
    site.send_from(STRANGER, "who am I");
    site.until("it is held", |s| s.count("held") == 1);
    site
}

/// Waits until it lies in the archive, read, and nowhere else.
#[track_caller]
fn archived(site: &Site, count: usize) {
    site.until("it is archived", |s| {
        let messages = s.mail.messages();
        messages.len() == count
            && messages
                .iter()
                .all(|m| m["folder"] == "Archive" && m["seen"] == true)
    });
}

#[test]
fn a_stranger_is_held_and_can_be_converted_into_a_ticket_without_a_user() {
    let site = with_stranger();
    let held = site.list("held");
    assert_eq!(held[0]["reason"], "unknown-sender");
    assert_eq!(held[0]["from"], STRANGER);
    let key = text(&held[0], "key");
    let story = site.does(&["held", "show", key]);
    assert!(story.contains("unknown-sender"), "{story}");
    assert!(site.mail.messages()[0]["seen"] == false);
    site.does(&["held", "convert", key]);
    archived(&site, 1);
    let tickets = site.tickets("who am I");
    assert_eq!(tickets.len(), 1);
    let body = site.body(&tickets[0]);
    assert!(
        body["user"].is_null() && body["company"].is_null(),
        "{body}"
    );
    // Once more is refused, and with --again it is another ticket.
    site.refuses(&["held", "convert", key]);
    site.does(&["held", "convert", key, "--again"]);
    site.until("a second ticket", |s| s.tickets("who am I").len() == 2);
}

#[test]
fn a_stranger_can_be_dismissed_and_is_archived_without_a_ticket() {
    let site = with_stranger();
    let key = site.key("held", "who am I");
    site.does(&["held", "dismiss", &key, "--reason", "advertising"]);
    archived(&site, 1);
    site.until("that is known here", |s| s.count("to-archive") == 0);
    assert!(site.portal.tickets().is_empty());
    assert_eq!((site.count("held"), site.count("dismissed")), (0, 1));
    let story = site.asks(&["held", "show", &key]);
    let stages = story["happenings"].as_array().expect("a list");
    let stages: Vec<&str> = stages.iter().map(|h| text(h, "stage")).collect();
    assert_eq!(stages, ["received", "held", "dismissed", "archived"]);
}

/// Goes red when what was dismissed counts as a ticket for ever: moved back as it is told, it would be
/// archived again without one.
#[test]
fn what_was_dismissed_becomes_a_ticket_after_all_when_it_is_moved_back() {
    let site = with_stranger();
    let key = site.key("held", "who am I");
    site.does(&["held", "dismiss", &key]);
    archived(&site, 1);
    site.until("that is known here", |s| s.count("to-archive") == 0);
    let said = site.refuses(&["held", "convert", &key]);
    assert!(said.contains("--again"), "{said}");
    let said = site.does(&["held", "convert", &key, "--again"]);
    assert!(
        said.contains("move it into the folder INBOX of mailbox support"),
        "{said}"
    );
    // Until then it is nowhere where it is looked for, which is no loss.
    site.until("it was looked for", |s| s.count("closed") == 1);
    assert_eq!(site.status()["alarms"].to_string(), "[]");
    let mut hand = site.hand();
    let uid = hand.search("Archive", "ALL")[0];
    hand.does(&format!("UID STORE {uid} -FLAGS (\\Seen)"));
    hand.does(&format!("UID MOVE {uid} INBOX"));
    site.until("it is a ticket", |s| s.tickets("who am I").len() == 1);
    archived(&site, 1);
}

/// Goes red when another ticket of a message shares the first one's octets: they go when the first has
/// had its time, and the portal gets nothing.
#[test]
fn another_ticket_of_a_message_keeps_octets_of_its_own() {
    let mut site = Site::ready();
    site.start_read();
    site.send("twice, please");
    let mut large = message("twice-large", "large, twice");
    large.extend(b"All work and no play makes a large mail.\r\n".repeat(20_000));
    site.hand().append("INBOX", "", &large);
    archived(&site, 2);
    // Each start begins a segment: what the first ones lie in can go.
    site.stop();
    site.start_read();
    let key_of = |t: &serde_json::Value| text(t, "key").to_owned();
    let keys: Vec<String> = site.portal.tickets().iter().map(key_of).collect();
    site.portal.kill();
    for key in keys {
        site.does(&["held", "convert", &key, "--again"]);
    }
    site.until("both wait", |s| s.count("committed") == 2);
    site.stop();
    site.start();
    site.does(&["settings", "set", "store.retain_days=0"]);
    std::thread::sleep(std::time::Duration::from_secs(5));
    site.portal.start_again();
    site.until("both are tickets again", |s| {
        s.tickets("twice, please").len() == 2 && s.tickets("large, twice").len() == 2
    });
}

/// Goes red where reclaim lets go of what a dismissal says.
#[test]
fn why_it_was_dismissed_is_told_after_all_else_of_it_has_gone() {
    let mut site = with_stranger();
    let key = site.key("held", "who am I");
    let long = "x".repeat(1001);
    let (code, _, said) = site.command(&["held", "dismiss", &key, "--reason", &long], "");
    assert_eq!(code, 2, "{said}");
    site.does(&["held", "dismiss", &key, "--reason", "advertising"]);
    archived(&site, 1);
    site.does(&["settings", "set", "store.retain_days", "0", "--yes"]);
    let segments = |s: &Site| -> BTreeSet<OsString> {
        let listed = std::fs::read_dir(s.store().join("journal")).expect("a journal");
        let names = listed.flatten().map(|e| e.file_name());
        names
            .filter(|n| n.to_string_lossy().ends_with(".segment"))
            .collect()
    };
    let before = segments(&site);
    site.stop();
    site.start();
    site.until("what it lay in is given back", |s| {
        segments(s).is_disjoint(&before)
    });
    let story = site.asks(&["held", "show", &key]);
    let listed = site.asks(&["held", "list", "--aside"]);
    for line in [&story, &listed["items"][0]] {
        assert_eq!(text(line, "from"), STRANGER, "{line}");
        assert_eq!(text(line, "subject"), "who am I", "{line}");
        assert!(text(line, "said").ends_with(": advertising"), "{line}");
    }
    site.does(&["store", "check"]);
}

#[test]
fn the_outside_count_accounts_for_what_was_dismissed_and_converted() {
    let mut site = Site::ready();
    site.mail.fill(&["--sample"]);
    site.start();
    site.complete();
    site.send_from(STRANGER, "moved by hand");
    site.until("it is held too", |s| {
        s.list("held")
            .iter()
            .any(|l| text(l, "subject") == "moved by hand")
    });
    let strangers = site.list("held");
    let dismissed = text(&strangers[0], "key");
    site.does(&["held", "dismiss", dismissed, "--reason", "advertising"]);
    let converted = text(&strangers[1], "key");
    site.does(&["held", "convert", converted]);
    site.until("both are archived", |s| {
        // In the order of the path, all from one answer: what is converted passes through each.
        let counts = &s.status()["counts"];
        let none = |stage: &str| counts[stage] == 0;
        counts["dismissed"] == 1 && none("released") && none("committed") && none("to-archive")
    });
    let listed = site.asks(&["held", "list", "--aside"]);
    // Beside what the sample's programs wrote.
    let items = listed["items"].as_array().expect("a list");
    assert_eq!(items.len(), 3, "{listed}");
    let mut by_hand = items.iter().filter(|i| i["stage"] == "dismissed");
    assert_eq!(by_hand.next().map(|i| text(i, "key")), Some(dismissed));
    let file = site.store().join("../aside.json");
    std::fs::write(&file, listed.to_string()).expect("a file can be written");
    let file = file.display().to_string();
    let count = |options: &[&str]| site.mail.census_with(&site.portal, options);
    // By itself the outside count can't know that somebody wanted it so.
    assert_eq!(count(&[])["complete"], false);
    let census = count(&["--worked", &file]);
    assert_eq!(
        (&census["complete"], &census["set_aside"]),
        (&true.into(), &3.into()),
        "{census}"
    );
    // What nobody dismissed is still missed.
    let mut hand = site.hand();
    let uid = hand.search("INBOX", "SUBJECT \"moved by hand\"")[0];
    hand.does(&format!("UID MOVE {uid} Archive"));
    let census = count(&["--worked", &file]);
    assert_eq!(
        (&census["sound"], &census["archived_not_at_portal"]),
        (&false.into(), &1.into()),
        "{census}"
    );
}

#[test]
fn a_stranger_is_released_once_the_directory_knows_them() {
    let site = with_stranger();
    let mut directory = site.portal.admin("GET", "/directory?limit=1000", "");
    let new = serde_json::json!({"id": "U-99", "name": "Nadia", "addresses": [STRANGER], "company": "C-02"});
    directory["users"].as_array_mut().expect("users").push(new);
    let known =
        serde_json::json!({"users": directory["users"], "companies": directory["companies"]});
    site.portal
        .admin("PUT", "/_admin/directory", &known.to_string());
    site.does(&["directory", "sync"]);
    archived(&site, 1);
    let ticket = &site.tickets("who am I")[0];
    assert_eq!(
        (text(ticket, "user"), text(ticket, "company")),
        ("U-99", "C-02")
    );
}

#[test]
fn strangers_are_released_when_they_are_to_be_processed() {
    let site = with_stranger();
    site.does(&[
        "settings",
        "set",
        "mailbox.support.process_unknown_senders",
        "on",
    ]);
    archived(&site, 1);
    assert_eq!(site.tickets("who am I").len(), 1);
    assert_eq!(site.count("held"), 0);
}

#[test]
fn what_somebody_reads_moves_or_deletes_while_it_is_held_is_closed_with_the_reason() {
    let mut site = with_stranger();
    site.send_from(STRANGER, "moved away");
    site.send_from(STRANGER, "deleted");
    site.until("all are held", |s| s.count("held") == 3);
    let mut hand = site.hand();
    let uid = |hand: &mut crate::common::service::Hand, subject: &str| {
        hand.search("INBOX", &format!("SUBJECT \"{subject}\""))[0]
    };
    hand.does("CREATE Elsewhere");
    let read = uid(&mut hand, "who am I");
    hand.does(&format!("UID STORE {read} +FLAGS (\\Seen)"));
    let moved = uid(&mut hand, "moved away");
    hand.does(&format!("UID MOVE {moved} Elsewhere"));
    let deleted = uid(&mut hand, "deleted");
    hand.does(&format!("UID STORE {deleted} +FLAGS (\\Deleted)"));
    hand.does(&format!("UID EXPUNGE {deleted}"));
    let keys: Vec<String> = ["who am I", "moved away", "deleted"]
        .iter()
        .map(|s| site.key("held", s))
        .collect();
    site.stop();
    site.start();
    site.until("all are closed", |s| s.count("closed") == 3);
    let reason = |key: &str| text(&site.asks(&["held", "show", key]), "reason").to_owned();
    assert_eq!(reason(&keys[0]), "read-while-held");
    assert_eq!(reason(&keys[1]), "gone");
    assert_eq!(reason(&keys[2]), "gone");
    assert!(site.portal.tickets().is_empty());
    // Unread again, it is a message like any other.
    hand.does("SELECT INBOX");
    hand.does(&format!("UID STORE {read} -FLAGS (\\Seen)"));
    site.does(&[
        "settings",
        "set",
        "mailbox.support.process_unknown_senders",
        "on",
    ]);
    site.until("it is a ticket", |s| s.tickets("who am I").len() == 1);
}

#[test]
fn the_same_octets_twice_are_one_ticket_and_both_are_archived() {
    let mut site = Site::ready();
    let mail = crate::common::service::message("twice", "said twice");
    site.start();
    // Before it was, both would be held for want of it, each with a word of its own.
    site.until_read();
    site.hand().append("INBOX", "", &mail);
    site.hand().append("INBOX", "", &mail);
    archived(&site, 2);
    site.hand().append("INBOX", "", &mail);
    archived(&site, 3);
    assert_eq!(site.tickets("said twice").len(), 1);
    let again = site.log().matches("the same message again").count();
    assert_eq!(again, 2, "each of them is said");
    // The same message in another guise is another message.
    let other = String::from_utf8_lossy(&mail).replace("again.", "again!");
    site.hand().append("INBOX", "", other.as_bytes());
    archived(&site, 4);
    assert_eq!(site.tickets("said twice").len(), 2);
}

#[test]
fn what_is_asked_for_by_a_wrong_name_is_refused_and_what_is_counted_is_what_is_listed() {
    let mut site = Site::ready();
    site.start_read();
    site.send_from("nobody@nowhere.example", "held for its sender");
    site.until("it is held", |s| s.count("held") == 1);
    for list in ["held", "queue"] {
        let said = site.refuses(&[list, "list", "--mailbox", "nosuch"]);
        assert!(said.contains("no mailbox `nosuch`"), "{said}");
    }
    let reason = |reason: &str| site.asks(&["held", "list", "--reason", reason]);
    assert_eq!(reason("unknown-sender")["total"], 1);
    assert_eq!(reason("directory-not-read")["total"], 0);
    for command in [
        &["held", "show", "0001-7"][..],
        &["held", "dismiss", "0001-7"],
    ] {
        let said = site.refuses(command);
        assert!(said.contains("`postern held convert 0001-7`"), "{said}");
    }
}

#[test]
fn status_and_list_agree_about_what_was_read_before() {
    let mut site = Site::ready();
    site.start_read();
    // What is on its way is known, whoever reads it meanwhile.
    site.commit_while_away("on its way");
    let mut hand = site.hand();
    hand.does("SELECT INBOX");
    hand.does("STORE 1 +FLAGS.SILENT (\\Seen)");
    hand.append("INBOX", "\\Seen", &message("read", "read by hand"));
    site.does(&["queue", "retry", "--all"]);
    site.until("the other one is listed", |s| {
        let listed = s.asks(&["held", "list", "--reason", "already-read"]);
        listed["items"].as_array().map_or(0, Vec::len) == 1 && listed["total"] == 1
    });
    assert_eq!(site.status()["mailboxes"][0]["already_read"], 1);
}

#[test]
fn the_preview_of_an_activation_promises_no_ticket_to_unknown_senders() {
    let site = Site::ready();
    site.does(&["settings", "set", "mailbox.support.active", "off"]);
    site.send("from a user");
    site.send_from(STRANGER, "from nobody");
    let said = site.refuses(&["settings", "set", "mailbox.support.active", "on"]);
    assert!(said.contains("up to 2 unread messages"), "{said}");
    assert!(said.contains("are held instead"), "{said}");
    let on = ["mailbox.support.process_unknown_senders", "on"];
    site.does(&["settings", "set", on[0], on[1]]);
    let said = site.refuses(&["settings", "set", "mailbox.support.active", "on"]);
    assert!(said.contains("up to 2 unread messages"), "{said}");
    assert!(!said.contains("are held instead"), "{said}");
}

/// Goes red when an activation, or turning `convert_read` on, makes tickets of read messages that it did
/// not count; or when an earlier date does so unasked.
#[test]
fn where_read_messages_are_taken_too_both_numbers_are_said_before() {
    fn set<'a>(what: &[&'a str]) -> Vec<&'a str> {
        [&["settings", "set"], what].concat()
    }
    let site = Site::ready();
    site.does(&set(&["mailbox.support.active=off"]));
    let mut hand = site.hand();
    for number in 0..8 {
        let flags = if number < 3 { "" } else { "\\Seen" };
        let name = format!("number {number}");
        hand.append("INBOX", flags, &message(&format!("n-{number}"), &name));
    }
    let (_, out, _) = site.command(&["test", "support"], "");
    assert!(out.contains("3 unread and 5 read\n"), "{out}");
    // Nothing is taken yet, and nothing asked.
    let (on, off) = (
        "mailbox.support.convert_read=on",
        "mailbox.support.convert_read=off",
    );
    site.does(&set(&[on]));
    let (_, out, _) = site.command(&["test", "support"], "");
    assert!(out.contains("5 read, which are taken too"), "{out}");
    let both = "up to 3 unread and 5 read messages would become tickets now";
    let said = site.refuses(&set(&["mailbox.support.active=on"]));
    assert!(said.contains(both), "{said}");
    site.does(&set(&["mailbox.support.active=on", off, "--yes"]));
    let said = site.refuses(&set(&[on]));
    assert!(said.contains(both), "{said}");
    // An earlier date takes many at once too.
    let since = |date: &str| format!("mailbox.support.received_after={date}T00:00:00Z");
    site.does(&set(&[&since("2099-01-01")]));
    let said = site.refuses(&set(&[&since("2026-01-01")]));
    assert!(
        said.contains("up to 3 unread messages would become tickets now"),
        "{said}"
    );
    site.does(&set(&[&since("2026-01-01"), "--yes"]));
    site.does(&set(&[on, "--yes"]));
    site.drains();
    assert_eq!(site.tickets("number").len(), 8);
}
