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

use crate::common::scene::{ask, long, Dice, Plan, Scene};
use crate::common::service::Hand;
use crate::common::{eventually, Postern};

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

/// Stopped with six mails that were archived at their commit and are not at the portal yet, one of which can't
/// be read here any more.
fn archived_and_rotten() -> Scene {
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
    rot_where(&scene, "s1-1-000003@");
    scene.portal_mends();
    scene
}

fn move_back(scene: &Scene) {
    let mut hand = Hand::sign_in(scene.mail.imap);
    hand.does("SELECT Archive");
    let found = hand.does("UID SEARCH TEXT s1-1-000003");
    let uid = found.split_whitespace().nth(2).expect("a UID").to_owned();
    hand.does(&format!("UID STORE {uid} -FLAGS (\\Seen)"));
    hand.does(&format!("UID MOVE {uid} INBOX"));
}

/// Goes red where a message that was archived at its commit, and can't be read here any more, ends without a
/// ticket and without a word.
#[test]
fn what_only_the_archive_has_is_named_and_is_a_ticket_once_it_is_moved_back() {
    let scene = archived_and_rotten();
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
    move_back(&scene);
    scene.finish(Duration::from_secs(60));
    scene.count().check_complete("moved back");
}

/// Goes red where a service does not say so, or goes on saying so once it was moved back.
#[test]
fn the_word_of_what_only_the_archive_has_ends_when_it_is_moved_back() {
    let scene = archived_and_rotten();
    let _service = scene.begin();
    let alarmed = |scene: &Scene| {
        let (code, said) = tried(scene, &["status", "--json"]);
        (code == 0).then(|| said.contains("went to the archive before"))
    };
    let limit = Duration::from_secs(60);
    eventually("it is said", limit, || alarmed(&scene) == Some(true));
    move_back(&scene);
    eventually("it is a ticket", limit, || scene.tickets() == 6);
    eventually("no more is said", limit, || alarmed(&scene) == Some(false));
}

/// Of somebody whom the directory does not know.
const STRANGER: [&str; 2] = ["--from", "somebody@elsewhere-and-unknown.example"];

/// Flips one bit wherever these octets stand in the journal.
#[track_caller]
fn rot_where(scene: &Scene, octets: &str) {
    let mut all = Vec::new();
    files(&scene.store.join("journal"), &mut all);
    let mut hit = false;
    for file in all {
        let mut whole = fs::read(&file).expect("a segment");
        let found = |w: &[u8]| w.windows(octets.len()).position(|w| w == octets.as_bytes());
        while let Some(at) = found(&whole) {
            whole[at] ^= 1;
            hit = true;
            fs::write(&file, &whole).expect("a segment");
        }
    }
    assert!(hit, "{octets} stands nowhere in the journal");
}

/// Goes red where a held message's record that can't be read ends the look at what is held, and with it
/// every start; or where such a message is held for ever.
#[test]
fn a_damaged_record_of_a_held_message_has_it_decided_anew_and_stops_nothing() {
    let scene = Scene::set(&Plan::default());
    for subject in ["strange 1", "strange 2"] {
        scene
            .mail
            .fill(&[&["--send", subject][..], &STRANGER].concat());
    }
    scene.finish(Duration::from_secs(60));
    rot_where(&scene, "strange 2");
    scene.fill(3, "4k");
    let mut postern = scene.begin();
    let held = || {
        let listed = ask(&scene.store, &["held", "list"], "");
        listed.matches("somebody@elsewhere").count()
    };
    eventually("both are held as ever", Duration::from_secs(60), || {
        assert!(postern.runs(), "it ended: {}", postern.err());
        scene.store.join("control.sock").exists() && held() == 2 && scene.tickets() == 3
    });
    let said = postern.err();
    let told = said.matches("decided anew").count();
    assert_eq!(told, 1, "{said}");
    postern.kill();
    scene.count().check("a held message's record was damaged");
}

/// Goes red where one message's record that can't be read is the end of a whole list, of a message's own
/// page, or of an export.
#[test]
fn a_damaged_record_costs_a_list_one_row_and_an_export_one_message() {
    let scene = Scene::set(&Plan::default());
    let once = || tried(&scene, &["run", "--once"]);
    for subject in ["strange 1", "strange 2", "strange 3"] {
        scene
            .mail
            .fill(&[&["--send", subject][..], &STRANGER].concat());
    }
    scene.mail.fill(&["--send", "taken"]);
    once();
    for subject in ["strange 2", "strange 3"] {
        let key = key(&scene, &["held", "list"], subject);
        let dismiss = ["held", "dismiss", &key, "--reason", "an advertisement"];
        ask(&scene.store, &dismiss, "");
    }
    scene.portal_fault(json!({ "route": "ticket", "action": { "status": 422 } }));
    for subject in ["refused 1", "refused 2", "refused 3"] {
        scene.mail.fill(&["--send", subject]);
        once();
    }
    let (queue, aside) = (["queue", "list"], ["held", "list", "--aside"]);
    let undecided = key(&scene, &queue, "refused 2");
    let unsaid = key(&scene, &queue, "refused 3");
    let dismissed = key(&scene, &aside, "strange 2");
    let taken = scene.portal.tickets()[0]["key"].to_string();
    // Decisions, also of a message that has its octets here; then the words of refusals and dismissals.
    for octets in ["strange 1", "strange 2", "taken", "refused 2"] {
        rot_where(&scene, octets);
    }
    rot_where(&scene, "said by the stand-in");
    rot_where(&scene, "an advertisement");
    let check = |what: &[&str], wanted: [usize; 2]| {
        let listed = ask(&scene.store, what, "");
        let rows = listed.matches("support").count();
        let damaged = listed.matches("its record is damaged").count();
        assert_eq!([rows, damaged], wanted, "{listed}");
    };
    check(&queue, [3, 1]);
    check(&["held", "list"], [1, 1]);
    check(&aside, [2, 3]);
    for key in [&undecided, &unsaid, &dismissed] {
        let shown = ask(&scene.store, &["queue", "show", key], "");
        assert!(
            shown.contains("record is damaged: the journal's"),
            "{shown}"
        );
    }
    let (code, said) = tried(
        &scene,
        &["held", "convert", taken.trim_matches('"'), "--again"],
    );
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("forward it to the mailbox"), "{said}");
    let to = scene.folder.path().join("exported");
    let export = ["queue", "export", "--all", "--to", &to.to_string_lossy()];
    let (code, said) = tried(&scene, &export);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("1 message could not be exported"), "{said}");
    let mut exported = Vec::new();
    files(&to, &mut exported);
    assert_eq!(
        exported.len(),
        4,
        "of two messages octets and ticket: {exported:?}"
    );
}

/// The key of the one message of a list that has this subject.
#[track_caller]
fn key(scene: &Scene, list: &[&str], subject: &str) -> String {
    let listed = ask(&scene.store, list, "");
    let row = listed.lines().find(|line| line.ends_with(subject));
    let row = row.unwrap_or_else(|| panic!("no {subject}: {listed}"));
    row.split(' ').next().unwrap_or_default().to_owned()
}

/// A command on the scene's store, however it ends.
fn tried(scene: &Scene, arguments: &[&str]) -> (i32, String) {
    let store = scene.store.to_string_lossy().into_owned();
    let output = Postern::run_with_input(&[&["--store", &store][..], arguments].concat(), &[], "");
    let said = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap_or(-1);
    (code, String::from_utf8_lossy(&said).into_owned())
}

/// Stopped with one ticket of which the answer was lost, and the octets rot. A portal that keeps keys would
/// tell by them what comes twice: this one has to be asked, or not even that helps.
fn accepted_unheard_and_rotten(portal: &'static [&'static str]) -> Scene {
    let scene = Scene::set(&Plan {
        portal,
        ..Plan::default()
    });
    scene.portal_fault(json!({
        "route": "ticket", "count": 1, "action": { "reset": "after_accept" }
    }));
    scene.fill(1, "4k");
    let mut postern = scene.begin();
    eventually("it is accepted", Duration::from_secs(60), || {
        scene.tickets() == 1
    });
    postern.kill();
    rot_where(&scene, "s1-1-00000");
    scene
}

/// Goes red where a ticket whose answer was lost, and whose octets can't be read any more, is fetched and sent
/// again without a look: what is fetched again counts as new.
#[test]
fn what_may_be_at_the_portal_is_looked_up_before_it_is_fetched_again() {
    let scene = accepted_unheard_and_rotten(&["--no-keys"]);
    // Such a portal is left alone for a minute after a start.
    let said = scene.finish(Duration::from_secs(150));
    assert!(said.contains("ticket T-1 (the journal"), "{said}");
    scene.count().check_complete("looked up");
}

/// Goes red where a ticket that a person has to settle can't be: its octets can't be read any more, and the
/// word that it is to be sent is not heard.
#[test]
fn what_nobody_can_look_up_is_fetched_again_on_a_word_only() {
    let scene = accepted_unheard_and_rotten(&["--no-keys", "--no-find"]);
    scene.once(Duration::from_secs(60));
    assert_eq!(scene.tickets(), 1);
    let listed = ask(&scene.store, &["queue", "list", "--json"], "");
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let item = &listed["items"][0];
    let said = item["said"].as_str().unwrap_or_default();
    assert!(said.contains("has its mail fetched again"), "{listed}");
    let key = item["key"].as_str().expect("a key");
    ask(&scene.store, &["queue", "retry", key], "");
    scene.finish(Duration::from_secs(60));
    assert_eq!(scene.tickets(), 2, "the operator has looked");
}
