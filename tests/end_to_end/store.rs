//! `store check`: beside a service that goes on, and of a store that nobody has.

use std::path::{Path, PathBuf};

use postern::world::disk::Lock;
use postern::world::World;
use serde_json::Value;

use crate::common::service::{message, text, Site};

/// The documents of a check: its lines, and what ended it.
#[track_caller]
fn checked(site: &Site, code: i32) -> (Vec<Value>, Value) {
    let (ended, out, err) = site.command(&["--json", "store", "check"], "");
    assert_eq!(ended, code, "{out}\n{err}\n{}", site.log());
    let mut lines: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let last = lines.pop().unwrap();
    assert_eq!(last["answer"], "checked", "{last}");
    (lines, last)
}

fn segments(site: &Site) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(site.store().join("journal")).unwrap();
    let paths = listed.map(|e| e.unwrap().path());
    paths
        .filter(|p| p.extension().is_some_and(|e| e == "segment"))
        .collect()
}

/// Where these octets stand in a file.
fn find(path: &Path, wanted: &[u8]) -> Option<usize> {
    let octets = std::fs::read(path).unwrap();
    octets.windows(wanted.len()).position(|w| w == wanted)
}

#[test]
fn a_service_goes_on_taking_mail_while_its_store_is_checked_and_found_whole() {
    let mut site = Site::ready();
    site.start_read();
    site.mail.fill(&["--count", "150", "--size", "20k"]);
    // One after the other, while mail is fetched, forwarded and archived.
    let mut checks = 0;
    site.until("it is archived while it is checked", |s| {
        let (lines, last) = checked(s, 0);
        assert_eq!(last["whole"], true, "{lines:?}");
        checks += 1;
        checks > 2 && s.status()["counts"]["archived"] == 150
    });
    let (lines, _) = checked(&site, 0);
    let index = lines.iter().find(|l| l["step"] == "index").unwrap();
    assert!(text(index, "said").starts_with("150 messages"), "{index}");
    site.complete();
    let said = site.does(&["store", "check"]);
    assert!(said.ends_with("The store is whole.\n"), "{said}");
    site.stop();
    // And without a service.
    let said = site.does(&["store", "check"]);
    assert!(said.ends_with("The store is whole.\n"), "{said}");
    assert!(said.contains("150 messages"), "{said}");
}

#[test]
fn a_flipped_bit_is_named_and_mended_by_the_mailbox() {
    let mut site = Site::ready_with(&[], &[], "", "timeout_ms = 2000");
    site.start_read();
    site.commit_while_away("hit by a bit");
    let key = site.key("queue", "hit by a bit");
    site.stop();
    let held = segments(&site);
    let at = held
        .iter()
        .find_map(|p| Some((p, find(p, b"Subject: hit by a bit")?)));
    let (path, at) = at.unwrap();
    let mut octets = std::fs::read(path).unwrap();
    octets[at] ^= 1;
    std::fs::write(path, octets).unwrap();
    let (lines, last) = checked(&site, 1);
    assert_eq!(last["whole"], false);
    let name = path.file_name().unwrap().to_str().unwrap();
    let damaged: Vec<&Value> = lines.iter().filter(|l| l["outcome"] == "failed").collect();
    assert!(
        damaged.iter().any(|l| text(l, "said").contains(name)),
        "{lines:?}"
    );
    let hit = damaged.iter().find(|l| l["step"] == "message").unwrap();
    assert!(text(hit, "said").contains(&key[..8]), "{hit}");
    assert!(text(hit, "mend").contains("fetched again"), "{hit}");
    // As it says: the mailbox still has it.
    site.portal.start_again();
    site.start();
    site.until("its ticket is there", |s| {
        s.tickets("hit by a bit").len() == 1
    });
    // Nobody needs what it held. Until its segment is given back, the damage is still there, at the end of
    // an earlier run.
    let (lines, _) = checked(&site, 0);
    assert!(
        !path.exists() || lines.iter().any(|l| text(l, "said").contains(name)),
        "{lines:?}"
    );
    assert!(
        !lines
            .iter()
            .any(|l| l["step"] == "message" && l["outcome"] == "failed"),
        "{lines:?}"
    );
}

#[test]
fn a_mail_that_carries_a_piece_of_the_journal_is_no_damage() {
    let mut site = Site::ready();
    site.start_read();
    site.send("first");
    site.until("it is archived", |s| s.status()["counts"]["archived"] == 1);
    let path = segments(&site).pop().unwrap();
    let mut dump = std::fs::read(path).unwrap();
    dump.truncate(24 << 10);
    // What no server would take in a message: NUL, and (Cyrus) a line feed alone.
    let refused = dump.iter_mut().filter(|o| matches!(**o, 0 | b'\n'));
    refused.for_each(|o| *o = 1);
    let mut octets = message("dump", "a dump");
    octets.extend_from_slice(&dump);
    octets.extend_from_slice(&[0xb7, 0x52, 4].repeat(2000));
    site.hand().append("INBOX", "", &octets);
    site.until("it is archived", |s| s.status()["counts"]["archived"] == 2);
    checked(&site, 0);
    site.stop();
    checked(&site, 0);
}

#[test]
fn a_store_that_somebody_has_elsewhere_is_in_use() {
    let mut site = Site::ready();
    site.start();
    let other = ["--socket", "/nowhere/control.sock", "store", "check"];
    let (code, _, said) = site.command(&other, "");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("in use"), "{said}");
}

/// What keeps everybody else out of a site's store, as long as it lives.
fn taken(site: &Site) -> Lock {
    let lock = World::real().disk.lock(&site.store().join("lock"));
    lock.unwrap().expect("nobody has it")
}

/// Goes red when a store that somebody looks into for a moment makes a command, or the start of the
/// service, fail.
#[test]
fn a_store_that_is_taken_for_a_moment_is_waited_for() {
    let site = Site::ready();
    let lock = taken(&site);
    let other = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        drop(lock);
    });
    assert_eq!(site.status()["counts"]["committed"], 0);
    assert!(other.is_finished(), "it did not wait");
    let lock = taken(&site);
    let (code, _, err) = site.command(&["run", "--once"], "");
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("is in use by another process"), "{err}");
    drop(lock);
}

/// Goes red where a command that was begun beside the start of the service waits for the store alone.
#[test]
fn a_service_that_begins_to_listen_meanwhile_is_asked() {
    use std::io::Read;
    let site = Site::ready();
    let lock = taken(&site);
    let socket = site.store().join("late.sock");
    let late = socket.clone();
    let asked = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let listener = std::os::unix::net::UnixListener::bind(late).unwrap();
        loop {
            let (mut caller, _) = listener.accept().unwrap();
            let mut said = [0; 400];
            // Who only looks whether somebody listens says nothing.
            let heard = caller.read(&mut said).unwrap();
            if heard > 0 {
                return String::from_utf8_lossy(&said[..heard]).into_owned();
            }
        }
    });
    let socket = socket.display().to_string();
    let (code, _, err) = site.command(&["--socket", &socket, "status"], "");
    assert_ne!(code, 0, "nothing was answered: {err}");
    assert!(asked.is_finished(), "{err}");
    assert!(asked.join().unwrap().contains("/v1/status"));
    drop(lock);
}
