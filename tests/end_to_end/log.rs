//! `log`: a message's life as the journal tells it, by key and by Message-ID; and the counts by reason.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::common::service::{message, text, Site};

const STRANGER: &str = "nadia@elsewhere.example";

/// What happened to a message, as `log` tells it.
#[track_caller]
fn life(site: &Site, what: &str) -> (Value, Vec<Value>) {
    let life = site.asks(&["log", what]);
    assert_eq!(life["answer"], "life", "{life}");
    let events = life["events"].as_array().cloned().expect("a list");
    (life, events)
}

fn words(events: &[Value]) -> Vec<&str> {
    events.iter().map(|e| text(e, "event")).collect()
}

#[track_caller]
fn event<'e>(events: &'e [Value], word: &str) -> &'e Value {
    let found = events.iter().find(|e| text(e, "event") == word);
    found.unwrap_or_else(|| panic!("no {word} in {events:?}"))
}

/// The counts by reason, as `status` has them.
#[track_caller]
fn reasons(site: &Site) -> BTreeMap<String, u64> {
    let status = site.status();
    let reasons = status["reasons"].as_array().cloned().expect("a list");
    let counted = |r: &Value| (text(r, "reason").to_owned(), r["count"].as_u64().unwrap());
    reasons.iter().map(counted).collect()
}

fn counted(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let pairs = pairs
        .iter()
        .map(|(reason, count)| ((*reason).to_owned(), *count));
    pairs.collect()
}

/// Goes red where a step of its life is left out, told in another order, or with another's particulars.
#[test]
fn a_message_s_whole_life_is_told_with_and_without_a_service() {
    let mut site = Site::ready();
    site.start_read();
    let mut hand = site.hand();
    let id = "life-1@yard.example";
    let stranger = String::from_utf8(message("life-1", "who am I")).unwrap();
    let stranger = stranger.replace("priya.raman@northgate-dental.example", STRANGER);
    hand.append("INBOX", "", stranger.as_bytes());
    site.until("it is held", |s| s.count("held") == 1);
    // Nothing of it is here that a Message-ID could be read from.
    let said = site.refuses(&["log", id]);
    assert!(said.contains("of 1 of the 1 messages"), "{said}");
    let key = site.key("held", "who am I");
    let (held, events) = life(&site, &key);
    assert_eq!(words(&events), ["held"]);
    let held_line = event(&events, "held");
    assert_eq!(held_line["reason"], "unknown-sender");
    assert!(
        text(held_line, "mend").contains("Add the sender to the portal"),
        "{held_line}"
    );
    assert!(
        text(&held, "mend").contains("Add the sender to the portal"),
        "{held}"
    );
    let uid = hand.search("INBOX", "ALL")[0];
    assert_eq!(
        (held_line["uid"].as_u64(), text(held_line, "folder")),
        (Some(uid.into()), "INBOX")
    );
    site.does(&["held", "convert", &key]);
    site.until("it is archived", |s| s.status()["counts"]["archived"] == 1);
    let wanted = [
        "held",
        "released",
        "fetched",
        "committed",
        "forwarded",
        "archived",
    ];
    let ticket = site.portal.tickets()[0].clone();
    let in_archive = hand.search("Archive", "ALL")[0];
    for running in [true, false] {
        if !running {
            site.stop();
        }
        // By some digits, by the whole key, and by both forms of its Message-ID.
        let whole = text(&held, "whole_key").to_owned();
        for name in [&key[..8], &whole, id, &format!("<{id}>")] {
            let (life, events) = life(&site, name);
            assert_eq!(words(&events), wanted, "{name}: {life}");
            assert_eq!(text(&life, "whole_key"), whole);
            assert_eq!(event(&events, "released")["by"], "operator");
            let fetched = event(&events, "fetched");
            assert_eq!(
                (fetched["uid"].as_u64(), text(fetched, "mailbox")),
                (Some(uid.into()), "support")
            );
            let forwarded = event(&events, "forwarded");
            assert_eq!(forwarded["ticket"], ticket["id"]);
            assert!(!text(forwarded, "epoch").is_empty(), "{forwarded}");
            let archived = event(&events, "archived");
            assert_eq!(text(archived, "folder"), "Archive");
            assert_eq!(archived["uid"].as_u64(), Some(in_archive.into()));
            let mut times: Vec<&str> = events.iter().map(|e| text(e, "at")).collect();
            times.retain(|at| !at.is_empty());
            assert!(times.len() >= 5 && times.is_sorted(), "{times:?}");
        }
        let shown = site.does(&["log", id]);
        for words in ["What happened, oldest first", "forwarded", "unknown-sender"] {
            assert!(shown.contains(words), "{shown}");
        }
        let said = site.refuses(&["log", "<nobody@yard.example>"]);
        assert!(
            said.contains("has the Message-ID <nobody@yard.example>"),
            "{said}"
        );
        assert!(!said.contains("octets are kept here"), "{said}");
        let said = site.refuses(&["log", "0123456789abcdef"]);
        assert!(said.contains("no message is known by the key"), "{said}");
        assert!(said.contains("`postern held list`"), "{said}");
    }
}

#[test]
fn a_refusal_is_told_in_the_portal_s_words_and_large_mail_is_found_by_its_message_id() {
    let mut site = Site::ready();
    site.start_read();
    site.fault(r#"[{"route": "ticket", "subject": "bad", "action": {"status": 422}}]"#);
    let mut large = message("large-1", "the bad one, large");
    large.extend(b"All work and no play makes a large mail.\r\n".repeat(120_000));
    site.hand().append("INBOX", "", &large);
    site.until("it is refused", |s| s.count("refused") == 1);
    let (told, events) = life(&site, "large-1@yard.example");
    assert_eq!(
        words(&events),
        ["fetched", "committed", "refused"],
        "{told}"
    );
    let refused = event(&events, "refused");
    assert!(
        text(refused, "said").contains("said by the stand-in"),
        "{refused}"
    );
    assert_eq!(reasons(&site), counted(&[("refused", 1)]));
    let newest = site.asks(&["log", "--reason", "refused"]);
    assert_eq!(newest["items"][0]["key"], told["key"]);
    site.no_faults();
    site.does(&["queue", "retry", text(&told, "key")]);
    site.until("it is a ticket", |s| s.count("forwarded") == 1);
    assert_eq!(reasons(&site), BTreeMap::new());
    let (_, events) = life(&site, text(&told, "key"));
    let known = words(&events);
    assert_eq!(known[..3], ["fetched", "committed", "refused"]);
    assert!(
        known.contains(&"retried") && known.contains(&"forwarded"),
        "{known:?}"
    );
}

#[test]
fn two_tickets_of_one_message_are_both_named_by_its_message_id() {
    let mut site = Site::ready();
    site.start_read();
    site.hand()
        .append("INBOX", "", &message("twice-1", "twice"));
    site.until("it is a ticket", |s| s.count("forwarded") == 1);
    let (first, _) = life(&site, "twice-1@yard.example");
    site.does(&["held", "convert", text(&first, "key"), "--again"]);
    site.until("it is one again", |s| s.count("forwarded") == 2);
    let found = site.asks(&["log", "<twice-1@yard.example>"]);
    assert_eq!(found["answer"], "matches", "{found}");
    let items = found["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["key"]), (2, &first["key"]));
    let (_, events) = life(&site, text(&items[1], "key"));
    assert_eq!(words(&events)[..2], ["again", "committed"]);
    let shown = site.does(&["log", "<twice-1@yard.example>"]);
    assert!(
        shown.starts_with("2 messages have the Message-ID"),
        "{shown}"
    );
}

/// Goes red where counts by reason are lost at a restart, doubled by a rebuild, or not those of the lists.
#[test]
fn counts_by_reason_survive_a_restart_and_a_rebuild_and_lists_are_filtered_by_them() {
    let mut site = Site::ready();
    site.start_read();
    let programs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let mut hand = site.hand();
    for name in [
        "report-postfix-user-unknown.eml",
        "auto-exchange-absence-note.eml",
    ] {
        hand.append("INBOX", "", &std::fs::read(programs.join(name)).unwrap());
    }
    for subject in ["one", "two", "three"] {
        site.send_from(STRANGER, subject);
    }
    site.until("all are decided", |s| {
        s.count("held") == 3 && s.count("ignored") == 2
    });
    let key = site.key("held", "two");
    site.does(&["held", "dismiss", &key, "--reason", "advertising"]);
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 3
    });
    let wanted = counted(&[
        ("unknown-sender", 2),
        ("dismissed", 1),
        ("auto-reply", 1),
        ("bounce", 1),
    ]);
    assert_eq!(reasons(&site), wanted);
    let status = site.does(&["status"]);
    let line = status.lines().find(|l| l.starts_with("unknown-sender"));
    let line: Vec<&str> = line.unwrap_or(&status).split_whitespace().take(3).collect();
    assert_eq!(line, ["unknown-sender", "held", "2"]);
    let subjects = |arguments: &[&str]| -> Vec<String> {
        let listed = site.asks(arguments);
        let items = listed["items"].as_array().cloned().unwrap();
        items.iter().map(|i| text(i, "reason").to_owned()).collect()
    };
    let aside = [
        "held",
        "list",
        "--aside",
        "--reason",
        "bounce",
        "--reason",
        "dismissed",
    ];
    assert_eq!(subjects(&aside), ["bounce", "dismissed"]);
    assert_eq!(
        subjects(&["held", "list", "--reason", "bounce,unknown-sender"]).len(),
        2
    );
    assert_eq!(
        subjects(&["held", "list", "--reason", "too-large"]).len(),
        0
    );
    // The newest decision first, over all lists.
    let newest = site.asks(&["log", "--reason", "unknown-sender,bounce", "--limit", "2"]);
    let of: Vec<&str> = newest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| text(i, "subject"))
        .collect();
    assert_eq!(
        (of, newest["total"].as_u64()),
        (vec!["three", "one"], Some(3))
    );
    let (_, events) = life(&site, &key);
    let dismissed = event(&events, "dismissed");
    assert!(
        text(dismissed, "said").ends_with(": advertising"),
        "{dismissed}"
    );
    site.stop();
    // Without a service, behind a restart, and made anew from the journal.
    assert_eq!(reasons(&site), wanted);
    site.kill();
    std::fs::remove_dir_all(site.store().join("index")).unwrap();
    site.start();
    assert_eq!(reasons(&site), wanted);
    site.does(&["store", "check"]);
}

/// Goes red where copies are told as a life, or where what is not kept is searched for in silence.
#[test]
fn of_what_is_past_its_retention_only_what_was_kept_is_told() {
    let mut site = Site::ready();
    site.start_read();
    site.hand().append("INBOX", "", &message("old-1", "old"));
    site.until("it is archived", |s| s.status()["counts"]["archived"] == 1);
    let (before, _) = life(&site, "old-1@yard.example");
    site.does(&["settings", "set", "store.retain_days", "0", "--yes"]);
    site.stop();
    site.start();
    let key = text(&before, "key");
    site.until_within(Duration::from_secs(60), "older records are given up", |s| {
        words(&life(s, key).1) == ["kept"]
    });
    let (told, events) = life(&site, key);
    let kept = text(&events[0], "said");
    assert!(
        kept.starts_with("older records of it are given up"),
        "{kept}"
    );
    assert!(kept.contains("it was forwarded since"), "{kept}");
    assert!(
        kept.contains(text(&told, "ticket")) && !text(&told, "ticket").is_empty(),
        "{kept}"
    );
    let said = site.refuses(&["log", "<old-1@yard.example>"]);
    assert!(
        said.contains("of 1 of the 1 messages that are known no octets"),
        "{said}"
    );
}

/// The service goes on while the whole journal is looked through, again and again.
#[test]
fn a_service_goes_on_taking_mail_while_its_journal_is_looked_through() {
    let mut site = Site::ready();
    site.start_read();
    site.mail.fill(&["--count", "150", "--size", "20k"]);
    let mut looks = 0;
    site.until("all is archived while it is looked through", |s| {
        s.refuses(&["log", "<nobody@yard.example>"]);
        looks += 1;
        looks > 5 && s.status()["counts"]["archived"] == 150
    });
    site.complete();
}
