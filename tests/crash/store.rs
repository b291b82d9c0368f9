//! Parts of the store removed, or rotten, while it is stopped in the middle of a drain.
//!
//! What protects: the journal is the truth and the index a view of it; the mailbox and the portal
//! are the truth when both are gone (`archive_when = "forwarded"`, a portal that keeps keys); each
//! record's checks.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::eventually;
use crate::common::scene::{ask, long, Dice, Plan, Scene};
use crate::common::service::Hand;

/// Stopped in the middle: some messages are archived, some at the portal and not archived, some
/// committed and not sent, some not fetched; one is held.
fn stopped_in_the_middle() -> Scene {
    let scene = Scene::set(&Plan::default());
    scene.fill(60, "4k");
    scene.fill_stranger();
    let mut postern = scene.begin();
    eventually("a first part is archived", Duration::from_secs(60), || {
        scene.count_quickly().of("archived") >= 60
    });
    // Then the portal takes some more, and goes away.
    scene.portal_fault(json!({
        "route": "ticket", "nth": 26, "count": 1_000_000, "action": { "status": 503 }
    }));
    let before = scene.tickets();
    scene.fill(200, "4k");
    scene.fill(2, "300k");
    let limit = Instant::now() + Duration::from_secs(60);
    while scene.tickets() < before + 20 && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(5));
    }
    postern.kill();
    let count = scene.count();
    count.check("before anything was removed");
    assert!(count.of("waiting") > 50, "{}", count.said);
    scene.portal_mends();
    scene
}

/// The box still knows its mailbox and its portal, and drains.
#[track_caller]
fn goes_on(scene: &Scene, what: &str) -> String {
    let shown = ask(&scene.store, &["settings", "show", "mailbox.support"], "");
    assert!(shown.contains("localhost"), "{what}: {shown}");
    let said = scene.finish(Duration::from_secs(120));
    scene.count().check_complete(what);
    said
}

fn remove(scene: &Scene, names: &[&str]) {
    for name in names {
        let path = scene.store.join(name);
        assert!(path.is_dir(), "{} is not there", path.display());
        fs::remove_dir_all(path).expect("removed");
    }
}

#[test]
fn without_its_index_the_store_is_made_again_from_the_journal() {
    let scene = stopped_in_the_middle();
    remove(&scene, &["index"]);
    let said = scene.finish(Duration::from_secs(120));
    assert!(said.contains("made again from the journal"), "{said}");
    assert!(!said.contains("did not fit"), "{said}");
    scene.count().check_complete("without the index");
}

#[test]
fn without_its_journal_the_store_asks_mailbox_and_portal() {
    let scene = stopped_in_the_middle();
    remove(&scene, &["journal"]);
    let said = scene.finish(Duration::from_secs(120));
    assert!(said.contains("made again"), "{said}");
    scene.count().check_complete("without the journal");
}

#[test]
fn without_journal_and_index_the_box_still_knows_its_mailbox_and_portal() {
    let scene = stopped_in_the_middle();
    remove(&scene, &["journal", "index"]);
    goes_on(&scene, "without both");
}

#[test]
fn with_nothing_but_its_settings_a_box_begins_anew() {
    let scene = stopped_in_the_middle();
    for entry in fs::read_dir(&scene.store).expect("the store is there") {
        let path = entry.expect("an entry").path();
        match path.file_name().and_then(|n| n.to_str()) {
            Some("settings") => {}
            _ if path.is_dir() => fs::remove_dir_all(&path).expect("removed"),
            _ => fs::remove_file(&path).expect("removed"),
        }
    }
    goes_on(&scene, "with nothing but the settings");
}

/// All files under a folder, in order.
fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(|e| Some(e.ok()?.path())).collect())
        .unwrap_or_default();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => files(&path, out),
            false => out.push(path),
        }
    }
}

/// Flips bits in what a file really uses.
fn rot(path: &Path, flips: usize, dice: &mut Dice) {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("a file of the store");
    let mut octets = Vec::new();
    file.read_to_end(&mut octets).expect("it can be read");
    let used = octets.iter().rposition(|o| *o != 0).map_or(0, |at| at + 1);
    if used == 0 {
        return;
    }
    for _ in 0..flips {
        let at = dice.below(used as u64);
        let octet = octets[at as usize] ^ (1 << dice.below(8));
        file.seek(SeekFrom::Start(at)).expect("sought");
        file.write_all(&[octet]).expect("written");
    }
}

/// Cuts a file short, somewhere in what it really uses.
fn cut_short(path: &Path, dice: &mut Dice) {
    let octets = fs::read(path).expect("a file of the store");
    let used = octets.iter().rposition(|o| *o != 0).map_or(0, |at| at + 1);
    let file = OpenOptions::new().write(true).open(path).expect("a file");
    file.set_len(dice.below(used as u64 + 1)).expect("cut");
}

#[test]
fn a_rotten_store_starts_says_so_and_loses_nothing() {
    let mut dice = Dice::new("a_rotten_store_starts_says_so_and_loses_nothing");
    let rounds = if long() { 4 } else { 1 };
    for round in 0..rounds {
        for part in ["journal", "index"] {
            let scene = stopped_in_the_middle();
            let mut all = Vec::new();
            files(&scene.store.join(part), &mut all);
            assert!(!all.is_empty());
            for file in &all {
                match round % 2 {
                    0 => rot(file, 3, &mut dice),
                    _ => cut_short(file, &mut dice),
                }
            }
            let said = scene.finish(Duration::from_secs(120));
            // A file that ends early is no damage by itself: a crash leaves the same behind.
            let told = match round % 2 {
                0 => &[
                    "damaged",
                    "made again",
                    "could not be",
                    "did not fit",
                    "fetched again",
                ][..],
                _ => &["damaged", "made again", "did not fit", "a torn end"][..],
            };
            let told = told.iter().any(|word| said.contains(word));
            // A bit that hit what nobody needs any more changes nothing.
            eprintln!("round {round}, {part} rotten or cut short: said so: {told}");
            assert!(!said.contains("panicked"), "{said}");
            if part == "journal" {
                assert!(told, "nothing was said: {said}");
            }
            scene.count().check_complete(&format!("{part} rotten"));
        }
    }
}

/// Overwrites what a segment of the journal has of a text.
fn blot_out(store: &Path, text: &[u8]) {
    let mut all = Vec::new();
    files(&store.join("journal"), &mut all);
    let mut found = 0;
    for path in all {
        let octets = fs::read(&path).expect("a file of the store");
        let places = octets.windows(text.len()).enumerate();
        for (at, _) in places.filter(|(_, piece)| *piece == text) {
            let mut file = OpenOptions::new().write(true).open(&path).expect("a file");
            file.seek(SeekFrom::Start(at as u64)).expect("sought");
            file.write_all(&vec![b'x'; text.len()]).expect("written");
            found += 1;
        }
    }
    assert!(found > 0, "it is not there");
}

/// Goes red where a message that was archived at its commit, and can't be read here any more, ends without a
/// ticket and without a word.
#[test]
fn what_only_the_archive_has_is_named_and_is_a_ticket_once_it_is_moved_back() {
    let scene = Scene::set(&Plan {
        mailbox: "archive_when = \"committed\"",
        ..Plan::default()
    });
    scene.portal_fault(json!({ "route": "ticket", "action": { "status": 503 } }));
    scene.fill(6, "4k");
    let mut postern = scene.begin();
    eventually("all are archived", Duration::from_secs(60), || {
        scene.count_quickly().of("archived") == 6
    });
    assert!(postern.stop(Duration::from_secs(30)).success());
    blot_out(&scene.store, b"s1-1-000003@");
    scene.portal_mends();

    let (status, said) = scene.once(Duration::from_secs(60));
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("went to the archive before"), "{said}");
    let only = ["held", "list", "--aside", "--reason", "lost-here", "--json"];
    let listed: serde_json::Value =
        serde_json::from_str(&ask(&scene.store, &only, "")).expect("JSON");
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(1),
        "{listed}"
    );
    let count = scene.count();
    assert_eq!(count.of("at_portal"), 5, "{}", count.said);

    let mut hand = Hand::sign_in(scene.mail.imap);
    hand.does("SELECT Archive");
    let found = hand.does("UID SEARCH TEXT s1-1-000003");
    let uid = found.split_whitespace().nth(2).expect("a UID").to_owned();
    hand.does(&format!("UID STORE {uid} -FLAGS (\\Seen)"));
    hand.does(&format!("UID MOVE {uid} INBOX"));
    scene.finish(Duration::from_secs(60));
    scene.count().check_complete("moved back");
}
