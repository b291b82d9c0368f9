//! The store's quota: the portal is away, more mail comes than fits, and nobody does anything.

use std::time::{Duration, Instant};

use crate::common::service::{text, Site};

/// The least that the settings allow.
const QUOTA: u64 = 64 << 20;
const LARGE: u64 = 6 << 20;
/// Large enough together to exceed the quota by a third.
const LARGE_COUNT: usize = 14;
const SMALL_COUNT: usize = 200;

/// Waits longer than the usual: eighty megabytes on a busy machine.
#[track_caller]
fn patiently(site: &Site, what: &str, mut so: impl FnMut(&Site) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(150);
    while !so(site) {
        let status = || site.does(&["status"]);
        assert!(Instant::now() < deadline, "{what}\n{}", status());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_full_store_stops_fetching_and_goes_on_by_itself_once_the_portal_is_back() {
    let mut site = Site::ready_with(&[], &[], "", "timeout_ms = 2000");
    site.does(&[
        "settings",
        "set",
        "store.quota=64 MiB",
        "store.retain_max=64 MiB",
    ]);
    site.start_read();
    site.portal.kill();
    let fill = |count: usize, size: &str| {
        let count = count.to_string();
        let options = ["--count", &count, "--size", size, "--series", size];
        site.mail.fill(&options);
    };
    // Told apart by when they were received: small ones come before, between and behind the large.
    fill(SMALL_COUNT, "4k");
    fill(LARGE_COUNT, "6m");
    let all = (SMALL_COUNT + LARGE_COUNT) as u64;
    patiently(&site, "fetching stops", |s| {
        s.status()["mailboxes"][0]["state"] == "paused"
    });
    // It says so, with the reason, where an operator looks.
    let status = site.status();
    let said = text(&status["mailboxes"][0], "said");
    assert!(
        said.contains("quota (64 MiB)") && said.contains("fetching waits"),
        "{status}"
    );
    assert!(status["alarms"].to_string().contains("quota"), "{status}");
    assert!(site.does(&["status"]).contains("quota (64 MiB)"));
    let used = status["store"]["used_bytes"].as_u64().expect("octets");
    assert!((QUOTA..QUOTA + 2 * LARGE).contains(&used), "{used}");
    let kept = site.count("committed");
    assert!((8..all).contains(&kept), "{kept} of {all}");
    // All of it lies in the inbox, unread: the mailbox is the queue.
    let lies = site.mail.messages();
    assert_eq!(lies.len() as u64, all);
    let waits = |m: &serde_json::Value| m["folder"] == "INBOX" && m["seen"] == false;
    assert!(lies.iter().all(waits), "{lies:?}");
    // And it has stopped: reading all that took longer than fetching the rest would have.
    assert_eq!(site.count("committed"), kept);
    let said = site.log().matches("fetching waits").count();
    assert_eq!(said, 1, "said once, not at each look");
    site.portal.start_again();
    let census = site.mail.census_when_complete(&site.portal, 150);
    assert_eq!(census["complete"], true, "{census}\n{}", site.log());
    let count = site.portal.admin("GET", "/_admin/count", "");
    assert_eq!(
        (&count["tickets"], &count["doubled"]),
        (&all.into(), &0.into()),
        "{count}"
    );
    // By itself: the same process, which watches again and has given the room back.
    patiently(&site, "it watches again", |s| {
        let status = s.status();
        status["mailboxes"][0]["state"] == "watching"
            && status["store"]["used_bytes"].as_u64() < Some(QUOTA)
            && status["alarms"].as_array().is_some_and(Vec::is_empty)
    });
    site.send("one more");
    site.until("it is a ticket", |s| s.tickets("one more").len() == 1);
}
