//! Trouble of the portal as a whole: away, overloaded, its directory unreadable.

use std::time::{Duration, Instant};

use crate::common::service::{text, Site};

const SHORT: &str = "timeout_ms = 1000";

#[test]
fn a_portal_that_is_away_at_the_start_gets_everything_once_it_is_back() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.send("early one");
    site.portal.kill();
    site.start();
    site.until("it is held", |s| s.count("held") == 1);
    let held = site.list("held");
    assert_eq!(held[0]["reason"], "directory-not-read");
    let status = site.status();
    assert_eq!(status["portal"]["state"], "paused", "{status}");
    assert!(!status["alarms"].as_array().expect("a list").is_empty());
    site.portal.start_again();
    site.until("it is a ticket", |s| s.tickets("early one").len() == 1);
    site.complete();
}

#[test]
fn a_portal_that_goes_away_in_the_middle_gets_the_rest_later() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.mail.fill(&["--count", "300", "--series", "away"]);
    // Slow enough to be caught in the middle.
    site.fault(r#"[{"route": "ticket", "action": {"latency_ms": 20}}]"#);
    site.start();
    site.until("a third is there", |s| s.portal.tickets().len() >= 100);
    site.portal.kill();
    site.until("the link is paused", |s| {
        s.status()["portal"]["state"] == "paused"
    });
    site.send("while it was away");
    site.until("all is committed here", |s| s.mail.messages().len() == 301);
    site.portal.start_again();
    site.complete();
    assert_eq!(site.portal.tickets().len(), 301);
}

#[test]
fn retry_after_is_obeyed_by_everything_that_waits() {
    for status in [503, 429] {
        let mut site = Site::ready_with(&[], &[], "", SHORT);
        site.start_read();
        site.fault(&format!(
            r#"[{{"route": "ticket", "action": {{"status": {status}, "headers": {{"retry-after": "5"}}}}}}]"#
        ));
        for number in 0..4 {
            site.send_from(
                ["elodie@vieuxphare.example", "gwen@llanfairvets.example"][number % 2],
                &format!("wait {number}"),
            );
        }
        site.until("the first was sent", |s| !s.requests("ticket").is_empty());
        let since = Instant::now();
        std::thread::sleep(Duration::from_millis(3500));
        let asked = site.requests("ticket").len();
        assert!(
            since.elapsed() < Duration::from_millis(4900),
            "the machine is too slow to tell"
        );
        // What was in flight when the answer came could not know yet.
        assert!(
            asked <= 3,
            "{status}: {asked} requests within the time that the portal asked for\n{}",
            site.log()
        );
        site.no_faults();
        site.complete();
    }
}

#[test]
fn a_directory_that_can_not_be_read_is_asked_for_again_soon() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.fault(r#"[{"route": "directory", "count": 2, "action": {"status": 500}}]"#);
    site.send("who is this");
    site.start();
    site.until("it is a ticket", |s| s.tickets("who is this").len() == 1);
    site.complete();
}

#[test]
fn a_ping_that_fails_in_any_way_delays_and_no_more() {
    for action in [
        r#"{"status": 500}"#,
        r#"{"body": "html"}"#,
        r#"{"body": "garbage"}"#,
        r#"{"body": "endless"}"#,
        r#"{"status": 401}"#,
        r#"{"reset": "mid_answer"}"#,
    ] {
        let site = Site::ready_with(&[], &[], "", SHORT);
        site.fault(&format!(
            r#"[{{"route": "ping", "count": 1, "action": {action}}}]"#
        ));
        site.send("ping pong");
        site.drains();
        site.complete();
    }
}

#[test]
fn a_token_that_is_not_taken_pauses_the_link_until_it_is_changed() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.start_read();
    site.fault(r#"[{"action": {"status": 401}}]"#);
    site.send("locked out");
    site.until("the link is paused", |s| {
        s.status()["portal"]["state"] == "paused"
    });
    let status = site.status();
    assert!(text(&status["portal"], "said").contains("401"), "{status}");
    let asked = site.requests("ticket").len();
    assert!(asked <= 2, "{asked}");
    site.no_faults();
    let (code, out, err) = site.command(&["settings", "set", "portal.token"], "yard-token\n");
    assert!(code == 0 || code == 4, "{out}{err}");
    // It may have gone on by itself already: then there is nothing to retry.
    let (code, out, err) = site.command(&["queue", "retry", "--all"], "");
    assert!(code == 0 || code == 4, "{out}{err}");
    site.complete();
}

/// Goes red when a portal that asks for no wait at all is taken at its word.
#[test]
fn a_retry_after_of_nothing_or_of_the_past_is_no_reason_to_hurry() {
    let past = "Mon, 02 Mar 2026 08:00:00 GMT";
    for (route, status, wait) in [
        ("ticket", 429, "0"),
        ("ticket", 503, past),
        ("ping", 503, "0"),
    ] {
        let mut site = Site::ready_with(&[], &[], "", SHORT);
        site.fault(&format!(
            r#"[{{"route": "{route}", "action": {{"status": {status}, "headers": {{"retry-after": "{wait}"}}}}}}]"#
        ));
        site.send("no hurry");
        site.start();
        site.until("it was asked", |s| !s.requests(route).is_empty());
        std::thread::sleep(Duration::from_millis(2500));
        let asked = site.requests(route).len();
        assert!(
            asked <= 8,
            "{route} {status}: {asked} requests\n{}",
            site.log()
        );
        site.no_faults();
        // There may be nothing to try again.
        site.command(&["queue", "retry", "--all"], "");
        site.complete();
    }
}
