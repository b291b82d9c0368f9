//! True power cuts: the store lies on a disk that loses everything that was not synced.
//!
//! Needs root and ext4 on a loop device; elsewhere it is skipped, loudly. `POSTERN_TEST_LONG=1`
//! makes the full run; otherwise a handful of cuts. What protects is the one sync of a batch before
//! its messages are moved; `tests/switches` takes it out and must see the loss.
#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::scene::{long, skipped, Dice, Plan, Scene};
use common::Disk;

/// A disk, or the word that this machine can't have one.
fn disk(test: &str) -> Option<Disk> {
    let disk = Disk::make(256);
    if disk.is_none() {
        skipped(test, "it needs root and ext4 on a loop device");
    }
    disk
}

#[test]
fn what_is_archived_after_a_power_cut_is_at_the_portal() {
    let test = "what_is_archived_after_a_power_cut_is_at_the_portal";
    let Some(disk) = disk(test) else { return };
    let cuts = if long() { 36 } else { 5 };
    let mut dice = Dice::new(test);
    let scene = Scene::set(&Plan {
        store: Some(disk.path().join("store")),
        ..Plan::default()
    });
    scene.portal_fault(serde_json::json!({
        "route": "ticket", "probability": 0.3, "seed": dice.below(1000),
        "action": { "latency_ms": 15 }
    }));
    for cut in 0..cuts {
        scene.fill(40 + dice.below(120) as usize, "4k");
        match dice.below(4) {
            0 => scene.fill_twins(3, "4k"),
            1 => scene.fill(3, "300k"),
            2 => scene.fill(1, "2m"),
            _ => scene.fill_stranger(),
        }
        let mut postern = scene.begin();
        let more = 1 + dice.below(60);
        wait_for_tickets(&scene, more);
        std::thread::sleep(Duration::from_millis(dice.below(250)));
        assert!(postern.runs(), "cut {cut}: {}", postern.err());
        disk.cut(&mut postern);
        quiet(&postern.err(), cut);
        let count = scene.count();
        eprintln!(
            "cut {cut}: {} at the portal, {} waiting, {} not yet archived",
            count.of("at_portal"),
            count.of("waiting"),
            count.of("not_yet_archived")
        );
        // Before the next start: nobody has mended anything yet.
        count.check(&format!("after cut {cut}"));
    }
    let said = scene.finish(Duration::from_secs(180));
    assert!(!said.contains("damaged"), "{said}");
    scene.count().check_complete("after the last run");
}

#[test]
fn what_is_archived_at_commit_survives_the_power_cut_here() {
    let test = "what_is_archived_at_commit_survives_the_power_cut_here";
    let Some(disk) = disk(test) else { return };
    let cuts = if long() { 12 } else { 3 };
    let mut dice = Dice::new(test);
    let scene = Scene::set(&Plan {
        store: Some(disk.path().join("store")),
        mailbox: "archive_when = \"committed\"",
        ..Plan::default()
    });
    for cut in 0..cuts {
        // The portal is away: what is in the archive is on our disk, or nowhere.
        scene.portal_fault(serde_json::json!({
            "route": "ticket", "action": { "status": 503, "body": "problem" }
        }));
        scene.fill(100 + dice.below(200) as usize, "4k");
        scene.fill(2, "300k");
        let before = scene.count().of("archived");
        let mut postern = scene.begin();
        wait_for_archive(&scene, before + 1);
        std::thread::sleep(Duration::from_millis(dice.below(150)));
        assert!(postern.runs(), "cut {cut}: {}", postern.err());
        disk.cut(&mut postern);
        quiet(&postern.err(), cut);
        let count = scene.count();
        eprintln!(
            "cut {cut}: {} archived that only this disk has, {} waiting",
            count.of("archived_not_at_portal"),
            count.of("waiting")
        );
        assert!(
            count.of("archived_not_at_portal") > 0,
            "nothing was at stake"
        );
        assert_eq!(count.of("lost") + count.of("doubled"), 0, "{}", count.said);
        if dice.below(2) == 0 {
            scene.portal_mends();
            let said = scene.finish(Duration::from_secs(120));
            assert!(!said.contains("damaged"), "after cut {cut}: {said}");
            // What the run said tells whether it knew of a message that is astray.
            let when = format!("after cut {cut}, {said}");
            scene.count().check_complete(&when);
        }
    }
    scene.portal_mends();
    let said = scene.finish(Duration::from_secs(180));
    assert!(!said.contains("damaged"), "{said}");
    scene.count().check_complete("after the last run");
}

fn quiet(said: &str, cut: u64) {
    assert!(!said.contains("damaged"), "before cut {cut}: {said}");
    assert!(!said.contains("panicked"), "before cut {cut}: {said}");
    assert!(!said.contains("did not fit"), "before cut {cut}: {said}");
}

fn wait_for_tickets(scene: &Scene, more: u64) {
    let limit = Instant::now() + Duration::from_secs(5);
    let wanted = scene.tickets() + more;
    while scene.tickets() < wanted && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn wait_for_archive(scene: &Scene, wanted: u64) {
    common::eventually("messages are archived", Duration::from_secs(20), || {
        scene.count_quickly().of("archived") >= wanted
    });
}
