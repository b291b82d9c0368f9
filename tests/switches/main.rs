//! Each of three protections taken out must show the damage it keeps away; the same scene with the
//! protection in must show none. A judge that never sees a loss would prove nothing. And four moments
//! that are hard to meet are brought about.
//!
//! Only in a build with the feature `switches`; the shipped binary can't be talked out of anything.
#![cfg(feature = "switches")]
#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::eventually;
use common::scene::{ask, skipped, Count, Dice, Plan, Scene};
use common::service::Site;
use common::Disk;
use rustix::process::Signal;
use serde_json::json;

/// Tries within which the damage must show.
const TRIES: usize = 12;

/// Plays one scene until it shows damage, at most `tries` times; the first faults seen.
fn damage(tries: usize, mut play: impl FnMut() -> Count) -> Option<Vec<String>> {
    (0..tries).map(|_| play().faults()).find(|f| !f.is_empty())
}

/// Messages archived at commit while the portal is away, and the power cut right after.
fn cut_behind_an_early_archive(switch: &'static str, disk: &Disk, round: usize) -> Count {
    let scene = Scene::set(&Plan {
        store: Some(disk.path().join(format!("store-{round}"))),
        mailbox: "archive_when = \"committed\"",
        switch,
        ..Plan::default()
    });
    scene.portal_fault(json!({ "route": "ticket", "action": { "status": 503 } }));
    scene.fill(80, "4k");
    let mut postern = scene.begin();
    common::eventually("messages are archived", Duration::from_secs(20), || {
        scene.count_quickly().of("archived") > 0
    });
    disk.cut(&mut postern);
    scene.portal_mends();
    scene.finish(Duration::from_secs(90));
    scene.count()
}

#[test]
fn without_the_sync_a_power_cut_loses_messages() {
    let test = "without_the_sync_a_power_cut_loses_messages";
    let Some(disk) = Disk::make(256) else {
        skipped(test, "it needs root and ext4 on a loop device");
        return;
    };
    let mut round = 0;
    let mut play = |switch| {
        round += 1;
        cut_behind_an_early_archive(switch, &disk, round)
    };
    let seen = damage(TRIES, || play("no-sync"));
    let seen = seen.expect("without the sync, a cut must lose messages");
    assert!(seen.iter().any(|f| f.starts_with("archived_not_at_portal")));
    assert_eq!(damage(3, || play("")), None);
}

/// A drain that is killed in its middle.
fn kill_in_a_drain(switch: &'static str, dice: &mut Dice) -> Count {
    let scene = Scene::set(&Plan {
        switch,
        ..Plan::default()
    });
    scene.fill(1200, "4k");
    let mut postern = scene.begin();
    let begun = Instant::now();
    while scene.tickets() == 0 && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(3));
    }
    std::thread::sleep(Duration::from_millis(dice.below(80)));
    postern.kill();
    scene.finish(Duration::from_secs(90));
    scene.count()
}

#[test]
fn moved_before_it_is_durable_a_message_is_lost_by_a_crash() {
    let mut dice = Dice::new("moved_before_it_is_durable_a_message_is_lost_by_a_crash");
    let seen = damage(TRIES, || kill_in_a_drain("move-early", &mut dice));
    let seen = seen.expect("moved early, messages must be lost by a kill");
    assert!(seen.iter().any(|f| f.starts_with("archived_not_at_portal")));
    assert_eq!(damage(2, || kill_in_a_drain("", &mut dice)), None);
}

/// A portal that accepts, and loses some of its answers.
fn lost_answers(switch: &'static str) -> Count {
    let scene = Scene::set(&Plan {
        switch,
        ..Plan::default()
    });
    scene.portal_fault(json!({
        "route": "ticket", "probability": 0.2, "count": 8, "action": { "reset": "after_accept" }
    }));
    scene.fill(60, "4k");
    let _service = scene.begin();
    scene.count_when_settled(Duration::from_secs(60))
}

#[test]
fn without_the_key_a_lost_answer_doubles_a_ticket() {
    let seen = damage(TRIES, || lost_answers("no-key"));
    let seen = seen.expect("without the key, a lost answer must double a ticket");
    assert!(seen.iter().any(|f| f.starts_with("doubled")), "{seen:?}");
    let count = lost_answers("");
    count.check_complete("with the key");
}

/// Goes red without `held::catch_up` in `engine/commit`: the look that releases what is held for want
/// of the directory has come and gone when the batch becomes durable, and no other would follow.
#[test]
fn a_batch_that_the_directory_overtook_becomes_tickets_all_the_same() {
    let scene = Scene::set(&Plan {
        switch: "late-commit",
        ..Plan::default()
    });
    // So that the senders are looked up first.
    scene.portal_fault(json!({
        "route": "directory", "count": 1, "action": { "stall_ms": 1500 }
    }));
    scene.fill(40, "4k");
    let said = scene.finish(Duration::from_secs(60));
    // Only the switch brings that order about: red too where it does nothing.
    let read = said.find("the directory: ").expect("it was read");
    let held = said
        .find("directory-not-read")
        .expect("it was held for want of it");
    assert!(read < held, "not overtaken: {said}");
    scene.count().check_complete("overtaken by the directory");
}

/// Goes red when the window in `engine/state` takes late news of a ticket for news of another: it was
/// found in the index, sent and accepted before its commit was heard of.
#[test]
fn a_ticket_that_is_sent_before_its_commit_is_heard_of_is_sent_once() {
    let scene = Scene::set(&Plan {
        // It would tell by its keys what comes twice, and make no second ticket of it.
        portal: &["--no-keys"],
        switch: "late-answer",
        ..Plan::default()
    });
    scene.fill(150, "4k");
    let said = scene.finish(Duration::from_secs(60));
    assert!(said.contains("held up by a switch"), "{said}");
    scene.count().check_complete("heard of late");
}

/// Goes red without the question to the reader in `engine/reclaim`, behind which a segment is given back:
/// octets that were moved while somebody was on the way to them would count as lost.
#[test]
fn what_is_composed_while_its_segment_is_given_back_is_a_ticket_all_the_same() {
    let scene = Scene::set(&Plan {
        // Nothing is left in the mailbox to fetch it from again.
        mailbox: "archive_when = \"committed\"",
        switch: "late-read",
        ..Plan::default()
    });
    ask(
        &scene.store,
        &["settings", "set", "store.retain_days=0", "--yes"],
        "",
    );
    // Most of the segment needs nothing more, so that the rest is worth copying.
    scene.portal_fault(json!({
        "route": "ticket", "nth": 31, "count": 1_000_000, "action": { "status": 503 }
    }));
    scene.fill(34, "4k");
    let mut postern = scene.begin();
    eventually("some wait for the portal", Duration::from_secs(60), || {
        scene.tickets() == 30 && scene.count_quickly().of("archived") == 34
    });
    // Which writes the receipts.
    assert!(postern.stop(Duration::from_secs(30)).success());
    scene.portal_mends();
    let said = scene.finish(Duration::from_secs(60));
    assert!(said.contains("held up by a switch"), "{said}");
    scene.count().check_complete("read late");
}

/// Goes red when the first reading of the directory in a start trusts that what was known before was looked
/// at: nobody it names would be released until another change came.
#[test]
fn what_was_learned_just_before_the_end_releases_at_the_next_start() {
    const STRANGER: &str = "nadia@elsewhere.example";
    let mut site = Site::ready();
    site.start_read();
    site.send_from(STRANGER, "who am I");
    site.until("it is held", |s| s.count("held") == 1);
    site.stop();
    let mut directory = site.portal.admin("GET", "/directory?limit=1000", "");
    let new = json!({"id": "U-99", "name": "Nadia", "addresses": [STRANGER], "company": "C-02"});
    directory["users"].as_array_mut().expect("users").push(new);
    let known = json!({"users": directory["users"], "companies": directory["companies"]});
    site.portal
        .admin("PUT", "/_admin/directory", &known.to_string());
    site.start_flipped("late-look");
    site.until("it is learned", |s| s.log().contains("held up by a switch"));
    // The second ends it at once, when that page is known and nobody was told.
    site.signal(Signal::TERM);
    site.signal(Signal::INT);
    site.ended(Duration::from_secs(10));
    assert_eq!((site.count("held"), site.count("released")), (1, 0));
    site.start();
    site.until("it is a ticket", |s| s.tickets("who am I").len() == 1);
}
