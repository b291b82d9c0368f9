//! Sent, and no answer: whether the portal keeps keys or not, nothing is doubled and nothing lost.
//!
//! Goes red without the look-up before a second attempt in `engine/attempt.rs`, and where the
//! portal keeps keys, without the key on each attempt.

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
        site.start();
        site.until("the directory is read", |s| {
            s.status()["portal"]["directory_read"] == true
        });
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

#[test]
fn a_key_that_the_portal_has_forgotten_by_now_protects_nothing() {
    let mut site = Site::ready_with(&[], &["--keep-keys", "1"], "", SHORT);
    site.start();
    site.until("the directory is read", |s| {
        s.status()["portal"]["directory_read"] == true
    });
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
fn a_portal_restored_from_a_backup_takes_what_comes_after() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.start();
    site.send("before the backup");
    site.complete();
    site.send("after the backup");
    site.complete();
    site.portal
        .admin("POST", "/_admin/epoch", r#"{"forget_last": 1}"#);
    site.send("after the restore");
    site.until("it is there", |s| s.tickets("after the restore").len() == 1);
}
