//! Sent, and no answer: whether the portal keeps keys or not, nothing is doubled and nothing lost.
//!
//! Goes red without the look-up before a second attempt in `engine/attempt.rs`, and where the
//! portal keeps keys, without the key on each attempt. What a restore does is `restore`'s.

use std::time::Duration;

use rustix::process::Signal;

use crate::common::service::{text, Site};

const SHORT: &str = "timeout_ms = 1000";

#[test]
fn lost_answers_of_a_portal_without_keys_are_looked_up_before_anything_is_sent_again() {
    let mut site = Site::ready_with(&[], &["--no-keys"], "", SHORT);
    site.mail.fill(&["--count", "40", "--series", "lost"]);
    site.fault(
        r#"[{"route": "ticket", "count": 6, "probability": 0.4, "seed": 3, "action": {"reset": "after_accept"}},
            {"route": "ticket", "count": 3, "probability": 0.3, "seed": 4, "action": {"accept": true, "status": 201, "body": "garbage"}},
            {"route": "find", "count": 2, "action": {"status": 500}}]"#,
    );
    site.start();
    site.complete();
    assert_eq!(site.portal.tickets().len(), 40);
    assert!(!site.requests("find").is_empty());
    site.no_faults();
}

#[test]
fn after_a_crash_a_portal_without_keys_is_asked_before_anything_is_sent_again() {
    for portal in [&["--no-keys"][..], &[]] {
        let mut site = Site::ready_with(&[], portal, "", SHORT);
        site.start_read();
        site.fault(r#"[{"route": "ticket", "count": 3, "action": {"reset": "after_accept"}}]"#);
        site.send("in doubt");
        site.send_from("elodie@vieuxphare.example", "in doubt too");
        site.until("the portal has them", |s| s.portal.tickets().len() == 2);
        site.kill();
        site.no_faults();
        site.start();
        site.complete();
        let count = site.portal.admin("GET", "/_admin/count", "");
        assert_eq!(
            (&count["tickets"], &count["doubled"]),
            (&2.into(), &0.into()),
            "{count}"
        );
    }
}

/// Goes red where 408 or a 5xx counts as "nothing accepted" in `portal/verdict.rs`.
#[test]
fn a_status_that_a_proxy_gives_behind_an_acceptance_is_looked_up() {
    let mut site = Site::ready_with(&[], &["--no-keys"], "", SHORT);
    site.start_read();
    site.fault(
        r#"[{"route": "ticket", "subject": "503", "count": 1,
             "action": {"accept": true, "status": 503, "body": "html", "headers": {"retry-after": "1"}}},
            {"route": "ticket", "subject": "408", "count": 1, "action": {"accept": true, "status": 408, "body": "html"}},
            {"route": "ticket", "subject": "507", "count": 1, "action": {"status": 507, "body": "html"}}]"#,
    );
    site.send("a 503 of a proxy");
    site.send_from("elodie@vieuxphare.example", "a 408 of a proxy");
    site.send_from("gwen@llanfairvets.example", "a 507 and nothing accepted");
    site.complete();
    for subject in ["503", "408", "507"] {
        assert_eq!(site.tickets(subject).len(), 1, "{subject}");
    }
}

/// A site whose portal, which keeps no keys, works on a ticket of its own for `ms` milliseconds.
#[track_caller]
fn works_for(ms: u32, portal: &str) -> Site {
    let mut site = Site::ready_with(&[], &["--no-keys"], "", portal);
    site.start_read();
    site.fault(&format!(
        r#"[{{"route": "ticket", "subject": "slow", "count": 1, "action": {{"latency_ms": {ms}}}}}]"#
    ));
    site.send("slow but sure");
    site
}

#[track_caller]
fn until_sent(site: &Site) {
    site.until("it was sent", |s| {
        s.portal.admin("GET", "/_admin/faults", "")[0]["acted"] == 1
    });
}

/// Goes red where `Early` in `engine/attempt.rs`, or the time of the next attempt in
/// `engine/forward.rs`, doesn't mind that the portal may still be at work.
#[test]
fn a_portal_without_keys_that_answers_too_late_is_not_asked_too_early() {
    let site = works_for(6000, "timeout_ms = 3000");
    site.until("it was given up", |s| {
        s.list("queue").iter().any(|l| l["attempts"] == 1)
    });
    // Whoever hurries: nothing is found yet.
    site.does(&["queue", "retry", "--all"]);
    site.send_from("elodie@vieuxphare.example", "in no doubt");
    site.complete();
    assert_eq!(site.tickets("slow but sure").len(), 1);
    // What is in no doubt has not waited.
    let routes = site.portal.admin("GET", "/_admin/log", "");
    let routes = routes.as_array().expect("a list");
    let of = |route: &str| routes.iter().rposition(|r| r["route"] == route);
    assert!(of("ticket") < of("find"), "{routes:?}");
}

/// Goes red where tickets of an earlier start are not kept back in `engine/forward.rs`.
#[test]
fn after_a_crash_a_portal_without_keys_is_not_asked_too_early() {
    let mut site = killed_while_the_portal_works();
    site.start();
    site.complete();
    // The portal logs what it answers: the first had nobody left to be told, and no second came.
    assert_eq!(site.requests("ticket").len(), 0);
}

/// Goes red where the time that is allowed now counts, and not what was allowed when it was sent.
#[test]
fn a_shorter_time_out_after_a_crash_does_not_let_the_portal_be_asked_earlier() {
    let mut site = killed_while_the_portal_works();
    site.does(&["settings", "set", "portal.timeout_ms=1000", "--untried"]);
    site.start();
    site.complete();
    assert_eq!(site.requests("ticket").len(), 0);
}

/// A site whose service was killed while a portal without keys works on a ticket for longer than it is
/// allowed to.
#[track_caller]
fn killed_while_the_portal_works() -> Site {
    let mut site = works_for(6000, "timeout_ms = 4000");
    until_sent(&site);
    site.kill();
    site
}

/// Goes red where a clean stop in `engine/mod.rs` doesn't wait for answers.
#[test]
fn a_clean_stop_lets_the_portal_answer_what_is_on_its_way() {
    let mut site = works_for(3000, "");
    until_sent(&site);
    site.stop();
    assert_eq!((site.count("committed"), site.count("forwarded")), (0, 1));
    site.start();
    site.complete();
    assert_eq!(site.requests("ticket").len(), 1);
}

#[test]
fn a_second_signal_ends_a_stop_that_waits_for_the_portal() {
    let mut site = works_for(60000, "");
    until_sent(&site);
    site.signal(Signal::TERM);
    site.until("it waits", |s| {
        s.log()
            .contains("waiting for the portal's answer to 1 tickets")
    });
    site.signal(Signal::TERM);
    site.ended(Duration::from_secs(8));
    assert!(!site.log().contains("have no answer yet"));
}

#[test]
fn a_key_that_the_portal_has_forgotten_by_now_protects_nothing() {
    let mut site = Site::ready_with(&[], &["--keep-keys", "1"], "", SHORT);
    site.start_read();
    site.fault(r#"[{"route": "ticket", "count": 1, "action": {"reset": "after_accept"}}]"#);
    site.send("forgotten");
    site.complete();
    assert_eq!(site.portal.tickets().len(), 1);
}

#[test]
fn the_order_of_one_sender_is_kept_whatever_goes_wrong() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    for number in 0..12 {
        site.send(&format!("mine {number:02}"));
        if number % 3 == 0 {
            site.send_from("elodie@vieuxphare.example", &format!("hers {number:02}"));
        }
    }
    site.fault(
        r#"[{"route": "ticket", "probability": 0.25, "count": 2, "seed": 1, "action": {"status": 500}},
            {"route": "ticket", "probability": 0.25, "count": 2, "seed": 2, "action": {"reset": "after_accept"}},
            {"route": "ticket", "probability": 0.2, "count": 1, "seed": 5, "action": {"reset": "before_body"}},
            {"route": "ticket", "nth": 9, "action": {"status": 401}}]"#,
    );
    site.start();
    site.complete();
    for whose in ["mine", "hers"] {
        let mut tickets = site.tickets(whose);
        tickets.sort_by_key(|t| {
            text(t, "id")
                .trim_start_matches("T-")
                .parse::<u64>()
                .unwrap_or(0)
        });
        let order: Vec<&str> = tickets.iter().map(|t| text(t, "subject")).collect();
        assert!(order.is_sorted(), "{order:?}");
    }
}

#[test]
fn a_lost_answer_is_looked_up_also_where_the_portal_keeps_keys() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.start_read();
    site.fault(r#"[{"route": "ticket", "count": 1, "action": {"reset": "after_accept"}}]"#);
    site.send("once");
    site.until("the portal has it", |s| s.tickets("once").len() == 1);
    // What it promised of keys may be void before the next attempt.
    site.portal.admin("DELETE", "/_admin/keys", "");
    site.complete();
    assert_eq!(site.tickets("once").len(), 1);
}

/// A running site whose portal neither keeps keys nor finds anything by them, with one mail that was
/// sent, met this fault, and is set aside.
#[track_caller]
fn set_aside(fault: &str) -> (Site, String) {
    let mut site = Site::ready_with(&[], &["--no-keys", "--no-find"], "", SHORT);
    site.start_read();
    site.fault(&format!(
        r#"[{{"route": "ticket", "count": 1, "action": {{"reset": "{fault}"}}}}]"#
    ));
    site.send("who knows");
    site.until("it is set aside", |s| s.count("refused") == 1);
    site.no_faults();
    let key = site.key("queue", "who knows");
    let story = site.asks(&["queue", "show", &key]);
    for words in [
        "may be at the portal already",
        "held dismiss",
        "queue retry",
    ] {
        assert!(text(&story, "said").contains(words), "{words}: {story}");
    }
    // The link is none the worse for it.
    site.send_from("elodie@vieuxphare.example", "another");
    site.until("others go on", |s| s.tickets("another").len() == 1);
    (site, key)
}

#[test]
fn a_doubt_that_the_portal_can_not_settle_is_the_operator_s() {
    // It is there: dismissed, it is archived and not doubled.
    let (site, key) = set_aside("after_accept");
    site.does(&["held", "dismiss", &key, "--reason", "it is there"]);
    site.until("it is archived", |s| s.count("archived") == 2);
    assert_eq!(site.tickets("who knows").len(), 1);
    // Why is told ever after, also when it has moved.
    let story = site.asks(&["held", "show", &key]);
    assert!(text(&story, "said").contains(": it is there"), "{story}");
    let aside = site.does(&["held", "list", "--aside"]);
    assert!(aside.contains(": it is there"), "{aside}");
    // It is not: sent again on the operator's word, also over a restart.
    let (mut site, key) = set_aside("after_body");
    site.stop();
    site.start();
    assert_eq!(site.count("refused"), 1);
    site.does(&["queue", "retry", &key]);
    site.until("it is archived", |s| s.count("archived") == 2);
    assert_eq!(site.tickets("who knows").len(), 1);
}

#[test]
fn the_operator_s_word_holds_in_another_process_and_serves_once() {
    let (mut site, key) = set_aside("after_body");
    site.stop();
    // No service runs: the word is given by one process, and another asks in between.
    site.does(&["queue", "retry", &key]);
    assert_eq!(site.count("committed"), 1);
    // It arrives this time, and its answer doesn't: the process dies waiting.
    site.fault(
        r#"[{"route": "ticket", "count": 1, "action": {"accept": true, "slow_ms": 60000, "status": 201}}]"#,
    );
    site.start();
    site.until("the portal has it", |s| s.tickets("who knows").len() == 1);
    site.kill();
    site.no_faults();
    site.start();
    site.until("it is set aside again", |s| s.count("refused") == 1);
    assert_eq!(site.tickets("who knows").len(), 1);
    site.stop();
    site.does(&["queue", "retry", &key]);
    let (code, said) = site.once();
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        site.tickets("who knows").len(),
        2,
        "this is what was asked for"
    );
}

#[test]
fn test_connection_says_what_the_portal_can_not_promise() {
    let site = Site::ready_with(&[], &["--no-keys", "--no-find"], "", SHORT);
    let (code, said, _) = site.command(&["test", "support"], "");
    assert_eq!(code, 0, "{said}");
    for words in [
        "a ticket whose answer was lost can't be settled",
        "two appliances on one mailbox would double tickets",
        "tickets up to 16 MiB and attachments up to 256 MiB",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let site = Site::ready_with(&[], &["--no-keys"], "", SHORT);
    let said = site.does(&["test", "support"]);
    assert!(
        said.contains("later than twice `portal.timeout_ms`"),
        "{said}"
    );
}
