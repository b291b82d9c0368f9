//! The line to whoever asks drops, or two ask at once: what was begun is done whole, or not at all.

use std::time::Duration;

use crate::common::service::{text, Site};
use crate::common::Portal;

/// Goes red when work ends with the caller who asked for it: the disk has the word, nobody else knows it,
/// and the ticket waits for the next start.
#[test]
fn a_ticket_is_tried_again_although_the_line_dropped_when_that_was_asked_for() {
    let mut site = Site::ready();
    site.start_flipped("late-answer");
    site.until_read();
    site.fault(r#"[{"route": "ticket", "action": {"status": 422}}]"#);
    site.send("refused at first");
    site.until("it is refused", |s| s.count("refused") == 1);
    site.no_faults();
    let key = site.key("queue", "refused at first");
    site.hangs_up(&["queue", "retry", &key], 400);
    site.complete();
}

/// Goes red when a change ends with the caller who asked for it: not in force, and back at the next start.
#[test]
fn a_change_is_in_force_although_the_line_dropped_when_it_was_asked_for() {
    let mut site = Site::ready();
    site.start_read();
    // Its answer waits for what is on its way to the portal that is left.
    site.sends_slowly("on its way", 4000);
    let other = Portal::start(&[]);
    let url = format!("portal.url={}", other.url);
    site.hangs_up(&["settings", "set", &url, "--yes"], 1500);
    site.until("it is in force", |s| {
        s.does(&["settings", "get", "portal.url"])
            .contains(&other.url)
    });
    let revision = |s: &Site| s.asks(&["settings", "history"])["revisions"].clone();
    let before = revision(&site);
    site.stop();
    site.start();
    assert_eq!(revision(&site), before);
}

/// Goes red when a change does not look again, once its turn has come, at what it was made from: the
/// second one takes the first back and has its number.
#[test]
fn of_two_changes_at_once_the_second_is_refused_and_none_is_lost() {
    let mut site = Site::ready();
    site.start_read();
    site.sends_slowly("on its way", 4000);
    let other = Portal::start(&[]);
    let url = format!("portal.url={}", other.url);
    let (code, err) = std::thread::scope(|scope| {
        let first = scope.spawn(|| site.does(&["settings", "set", &url, "--yes"]));
        std::thread::sleep(Duration::from_millis(1500));
        let check = "mailbox.support.check_seconds=77";
        let (code, _, err) = site.command(&["settings", "set", check], "");
        first.join().expect("the first is done");
        (code, err)
    });
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("somebody else changed the settings"), "{err}");
    site.does(&["settings", "set", "mailbox.support.check_seconds=77"]);
    assert!(site
        .does(&["settings", "get", "portal.url"])
        .contains(&other.url));
    let history = site.asks(&["settings", "history"]);
    let mut numbers: Vec<String> = history["revisions"]
        .as_array()
        .expect("revisions")
        .iter()
        .map(|r| r["number"].to_string())
        .collect();
    let all = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), all, "{history}");
    assert!(text(&site.tickets("on its way")[0], "subject").contains("on its way"));
}
