//! `queue export` at the real binary, by a service that sends a large message, breaks off, or never
//! ends.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{ends, fails, ready};

fn names(dir: &Path) -> Vec<String> {
    let listed = std::fs::read_dir(dir).expect("it is a folder").flatten();
    let names = listed.map(|e| e.file_name().to_string_lossy().into_owned());
    names.collect()
}

#[test]
fn an_export_writes_two_files_for_their_owner_only_and_says_so() {
    let running = ready();
    let to = tempfile::tempdir().unwrap();
    let dir = to.path().join("rescued");
    let export = ["queue", "export", "0000abcd", "--to", dir.to_str().unwrap()];
    let said = ends(running.folder(), "", &export, 0);
    assert!(said.contains("0000abcd.eml  3.0 MiB"), "{said}");
    let eml = dir.join("0000abcd.eml");
    assert_eq!(std::fs::read(&eml).unwrap(), vec![b'x'; 3 << 20]);
    for file in [eml, dir.join("0000abcd.json")] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let said = fails(running.folder(), "", &export, 1);
    assert!(said.contains("--force"), "{said}");
    let forced = [&export[..], &["--force", "--json"]].concat();
    let said = ends(running.folder(), "", &forced, 0);
    let lines: Vec<serde_json::Value> = said
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines[0]["event"], "exported", "{said}");
    assert_eq!(lines[0]["octets"], 3 << 20);
    assert_eq!(lines[1]["answer"], "done");
    assert_eq!(lines.len(), 2, "no octets are printed: {said}");
    ends(running.folder(), "", &["queue", "export", "--all"], 4);
}

#[test]
fn what_breaks_off_leaves_nothing_behind() {
    let running = ready();
    let to = tempfile::tempdir().unwrap();
    let dir = to.path().to_str().unwrap();
    let broken = ["queue", "export", "00000bad", "--to", dir];
    let said = fails(running.folder(), "", &broken, 1);
    assert!(said.contains("the disk failed"), "{said}");
    assert_eq!(names(to.path()), Vec::<String>::new());
    // Ctrl-C, in the middle of a message.
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .arg("--store")
        .arg(running.folder())
        .args(["queue", "export", "0000e4d1e55", "--to", dir])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while names(to.path()).len() < 2 {
        assert!(Instant::now() < deadline, "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(names(to.path()), Vec::<String>::new());
}

#[test]
fn a_check_says_its_lines_and_ends_by_what_it_found() {
    let running = ready();
    let said = ends(running.folder(), "", &["store", "check"], 0);
    assert_eq!(said, "ok    journal: said\nThe store is whole.\n");
    let said = ends(running.folder(), "", &["--json", "store", "check"], 0);
    assert!(said.contains("\"event\":\"progress\""), "{said}");
    ends(running.folder(), "", &["settings", "add", "damaged"], 0);
    let said = ends(running.folder(), "", &["store", "check"], 1);
    assert!(
        said.contains("FAIL  journal: said\n      -> mind the card\n"),
        "{said}"
    );
    assert!(said.contains("The store is damaged: 1 thing is"), "{said}");
}
