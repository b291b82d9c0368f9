//! Room: more mail comes than the store's quota takes, a disk has less free than must stay so, and what is
//! kept of delivered mail is more than the operator wants; nobody does anything.

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

/// Goes red when less free space than the operator wants to stay so doesn't stop fetching, when it stops
/// what would make room, or when fetching doesn't go on by itself.
#[test]
fn too_little_free_space_stops_fetching_and_nothing_else() {
    let mut site = Site::ready_with(&[], &[], "", "timeout_ms = 2000");
    site.start_read();
    site.commit_while_away("before");
    // More than any disk has: the quota is far.
    site.does(&["settings", "set", "store.free_min=1024 TiB"]);
    site.send("behind");
    let mut fetched = false;
    site.until("fetching stops", |s| {
        fetched = s.count("committed") > 1;
        fetched || s.status()["mailboxes"][0]["state"] == "paused"
    });
    assert!(!fetched, "it was fetched: {}", site.does(&["status"]));
    let status = site.status();
    let said = text(&status["mailboxes"][0], "said");
    assert!(
        said.starts_with("the disk has ")
            && said.contains(" MiB free, less than the 1073741824 MiB that must stay so")
            && said.contains("fetching waits"),
        "{status}"
    );
    assert!(
        status["alarms"].to_string().contains("must stay so"),
        "{status}"
    );
    assert!(site.does(&["status"]).contains("must stay so"));
    // What is here goes out, and is archived.
    site.portal.start_again();
    site.until("the first is archived", |s| {
        s.tickets("before").len() == 1 && s.status()["counts"]["archived"] == 1
    });
    assert_eq!(site.tickets("behind").len(), 0);
    assert_eq!(site.status()["mailboxes"][0]["state"], "paused");
    let waiting = site.hand().search("INBOX", "UNSEEN SUBJECT \"behind\"");
    assert_eq!(waiting.len(), 1);
    // By itself, once there is enough again.
    site.does(&["settings", "set", "store.free_min=16 MiB"]);
    site.until("it is fetched", |s| s.tickets("behind").len() == 1);
    site.until("it watches again", |s| {
        let status = s.status();
        status["mailboxes"][0]["state"] == "watching"
            && status["alarms"].as_array().is_some_and(Vec::is_empty)
    });
    site.complete();
}

/// Goes red when what is kept of delivered mail may take more than the operator wants, as long as it is
/// young and the quota is far.
#[test]
fn what_is_kept_of_delivered_mail_goes_early_when_it_is_more_than_wanted() {
    let mut site = Site::ready();
    site.does(&["settings", "set", "store.free_min=16 MiB"]);
    site.start_read();
    let used = |s: &Site| s.status()["store"]["used_bytes"].as_u64().expect("octets");
    let empty = used(&site);
    site.send("the first");
    site.until("it is a ticket", |s| s.tickets("the first").len() == 1);
    let key = text(&site.tickets("the first")[0], "key").to_owned();
    // Of these some lie with others in segments, and some have one of their own.
    site.mail.fill(&["--count", "20", "--size", "300k"]);
    let options = ["--count", "2", "--size", "6m", "--series", "large"];
    site.mail.fill(&options);
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 23
    });
    // By default far more may be kept, and the quota is far.
    let kept = used(&site);
    assert!(kept > empty + (12 << 20), "{kept} octets, {empty} before");
    let to = tempfile::tempdir().expect("a folder");
    let to = to.path().to_str().expect("a path");
    let export = ["queue", "export", &key, "--to", to];
    site.does(&export);
    // Some must go, and the oldest go first.
    site.does(&["settings", "set", "store.retain_max=16 MiB"]);
    site.until("the oldest is given back", |s| {
        let (_, out, err) = s.command(&export, "");
        format!("{out}{err}").contains("no longer kept here")
    });
    // Nothing tells when a round has ended.
    std::thread::sleep(std::time::Duration::from_secs(3));
    // Both large ones stay; a segment less than at first may lie ready.
    let now = used(&site);
    let least = empty + (12 << 20) - (4 << 20);
    assert!(now > least, "{now} octets, {kept} before, {empty} at first");
    // One of the large ones is enough.
    let least = now - (10 << 20);
    site.does(&["settings", "set", "store.retain_max=9 MiB"]);
    site.until("a large one is given back", |s| used(s) <= now - (5 << 20));
    std::thread::sleep(std::time::Duration::from_secs(3));
    let now = used(&site);
    assert!(now > least, "{now} octets, {least} at least");
    site.does(&["settings", "set", "store.retain_max=1 MiB"]);
    // One segment more than at first may lie ready to be used again.
    let most = empty + (4 << 20);
    site.until("room is given back", |s| used(s) <= most);
    let said = site.refuses(&export);
    assert!(said.contains("no longer kept here"), "{said}");
    site.complete();
}
