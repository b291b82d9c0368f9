//! The portal is restored from a backup: what it lost is sent again, nothing is doubled, and it is
//! said.
//!
//! Goes red without the look back (`engine/look_back.rs`), without the epoch in the store
//! (`engine/epoch.rs`), and without `is_of_before` in `engine/attempt.rs`.

use crate::common::service::{text, Site};

const SHORT: &str = "timeout_ms = 1000";

/// A running site with five tickets at its portal, all archived.
#[track_caller]
fn with_five(portal: &[&str]) -> Site {
    let mut site = Site::ready_with(&[], portal, "", SHORT);
    site.start();
    for number in 0..5 {
        site.send(&format!("before {number}"));
    }
    site.until("all are archived", |s| s.count("archived") == 5);
    site
}

/// Brings the portal back to before its last tickets.
fn restore(site: &Site, wish: &str) {
    site.portal.admin("POST", "/_admin/epoch", wish);
}

/// Has the service ask the portal how it is, now.
fn look(site: &Site) {
    let (code, ..) = site.command(&["queue", "retry", "--all"], "");
    assert!(code == 0 || code == 4, "{code}");
}

/// All five are there again, each once, and it is said where an operator looks.
#[track_caller]
fn mended(site: &Site, words: &str) {
    site.until("what was lost is there again", |s| {
        s.tickets("before").len() == 5
    });
    site.until("it is said", |s| {
        text(&s.status()["portal"], "restored").contains(words)
    });
    site.complete();
    let count = site.portal.admin("GET", "/_admin/count", "");
    assert_eq!(
        (&count["tickets"], &count["doubled"]),
        (&5.into(), &0.into()),
        "{count}"
    );
    assert!(site.does(&["status"]).contains(words));
    let log = site.log();
    assert!(log.contains("the portal was restored"), "{log}");
    assert!(log.contains("was lost by the portal"), "{log}");
    // What is mended needs nobody.
    site.until("no alarm stays", |s| {
        s.status()["alarms"].as_array().is_some_and(Vec::is_empty)
    });
}

const THREE: &str = "5 were looked up, 3 were missing and are sent again";

#[test]
fn what_a_restored_portal_lost_is_sent_again_once() {
    let site = with_five(&[]);
    restore(&site, r#"{"forget_last": 3}"#);
    look(&site);
    mended(&site, THREE);
    // New mail is a ticket like before.
    site.send("after the restore");
    site.until("it is there", |s| s.tickets("after the restore").len() == 1);
}

#[test]
fn a_portal_without_keys_that_was_restored_gets_it_again_once() {
    let site = with_five(&["--no-keys"]);
    restore(&site, r#"{"forget_last": 3}"#);
    look(&site);
    mended(&site, THREE);
}

#[test]
fn a_restore_between_two_runs_is_noticed() {
    let mut site = with_five(&[]);
    site.stop();
    // To which moment is not told: all that is still kept is looked up.
    restore(&site, r#"{"forget_last": 3, "silent": true}"#);
    site.start();
    mended(&site, "was restored to an earlier state");
    // It is said after another start too, and nothing is done twice.
    let asked = site.requests("find").len();
    site.stop();
    site.start();
    site.until("the portal answers", |s| {
        s.status()["portal"]["state"] == "up"
    });
    assert!(text(&site.status()["portal"], "restored").contains(THREE));
    assert_eq!(site.requests("find").len(), asked);
}

/// Goes red when a run with an end does not wait for the look back.
#[test]
fn a_run_with_an_end_looks_back_before_it_ends() {
    let mut site = with_five(&[]);
    site.stop();
    restore(&site, r#"{"forget_last": 3, "silent": true}"#);
    // Long enough for a run to find that nothing else is left to do.
    site.fault(r#"[{"route": "find", "action": {"latency_ms": 400}}]"#);
    site.drains();
    assert_eq!(site.tickets("before").len(), 5);
    let count = site.portal.admin("GET", "/_admin/count", "");
    assert_eq!(count["doubled"], 0, "{count}");
}

#[test]
fn a_look_back_that_is_cut_off_begins_anew() {
    let mut site = with_five(&[]);
    site.fault(r#"[{"route": "find", "action": {"status": 500}}]"#);
    restore(&site, r#"{"forget_last": 3}"#);
    look(&site);
    site.until("it is said that it can't go on", |s| {
        let alarms = s.status()["alarms"].to_string();
        alarms.contains("looking back") && alarms.contains("looked up so far")
    });
    site.kill();
    site.no_faults();
    site.start();
    mended(&site, THREE);
}

#[test]
fn what_was_in_doubt_before_a_restore_is_looked_up_before_it_is_sent_again() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.start_read();
    site.fault(r#"[{"route": "ticket", "action": {"reset": "after_accept"}}]"#);
    site.send("in doubt");
    site.until("the portal has it", |s| s.tickets("in doubt").len() == 1);
    site.kill();
    site.no_faults();
    // Restored to this very moment, but for its memory of keys.
    let backup = site
        .portal
        .admin("POST", "/_admin/epoch", r#"{"backup": true}"#);
    restore(&site, &backup.to_string());
    site.portal.admin("DELETE", "/_admin/keys", "");
    site.start();
    site.complete();
    assert_eq!(site.tickets("in doubt").len(), 1);
    assert!(!site.requests("find").is_empty());
}

#[test]
fn another_portal_is_no_restore() {
    let mut site = with_five(&[]);
    site.stop();
    let other = crate::common::Portal::start(&[]);
    site.does(&[
        "settings",
        "set",
        &format!("portal.url={}", other.url),
        "--yes",
    ]);
    site.start();
    site.until("it answers", |s| s.status()["portal"]["state"] == "up");
    site.send("to the other");
    site.until("it is archived", |s| s.count("archived") == 6);
    assert!(site.status()["portal"]["restored"].is_null());
    assert_eq!(other.tickets().len(), 1);
}

#[test]
fn what_was_lost_and_is_not_kept_any_more_is_said_and_can_be_brought_back() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.does(&["settings", "set", "store.retain_days=0"]);
    site.mail.fill(&["--count", "1", "--size", "1m"]);
    site.drains();
    // A start gives back what is past its retention.
    site.start();
    let journal = site.store().join("journal");
    site.until("its octets are given back", |_| {
        let files = std::fs::read_dir(&journal).expect("a journal").flatten();
        !files
            .into_iter()
            .any(|f| f.path().extension().is_some_and(|e| e == "large"))
    });
    restore(&site, r#"{"forget_last": 1}"#);
    look(&site);
    site.until("it is said", |s| {
        let alarms = s.status()["alarms"].to_string();
        alarms.contains("1 are missing and no longer kept here")
            && alarms.contains("lost-at-portal")
    });
    let lost = site.asks(&["held", "list", "--aside", "--reason", "lost-at-portal"]);
    assert_eq!(lost["items"].as_array().map(Vec::len), Some(1), "{lost}");
    let story = site.does(&["held", "show", text(&lost["items"][0], "key")]);
    assert!(
        story.contains("Move it from the archive folder back"),
        "{story}"
    );
    // What it says helps.
    let mut hand = site.hand();
    hand.does("SELECT Archive");
    hand.does("STORE 1 -FLAGS (\\Seen)");
    hand.does("MOVE 1 INBOX");
    site.complete();
    assert_eq!(site.portal.tickets().len(), 1);
}

#[test]
fn a_restored_portal_that_finds_nothing_by_key_leaves_it_to_the_operator() {
    let site = with_five(&["--no-find"]);
    restore(&site, r#"{"forget_last": 3}"#);
    look(&site);
    site.until("it is said", |s| {
        s.status()["alarms"]
            .to_string()
            .contains("5 can't be looked up")
    });
    // Sent blindly, the two that it kept would be doubled.
    assert_eq!(site.portal.tickets().len(), 2);
    let named = site
        .log()
        .matches("may have been lost by the portal")
        .count();
    assert_eq!(named, 5, "{}", site.log());
}
