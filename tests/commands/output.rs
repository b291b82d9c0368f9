//! An answer that can't be written: `/dev/full` takes nothing, and a reader may be gone.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::ready;

/// The exit code and standard error of a command whose output goes there.
fn into(output: Stdio, folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_postern"))
        .arg("--store")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|child| child.wait_with_output())
        .expect("the binary was built for this test");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code(), said)
}

fn full() -> Stdio {
    let full = OpenOptions::new().write(true).open("/dev/full");
    full.expect("Linux has it").into()
}

#[test]
fn an_answer_that_finds_no_room_ends_with_1_and_a_sentence() {
    let running = ready();
    for arguments in [
        &["status"][..],
        &["--json", "status"],
        &["settings", "export"],
        &["settings", "get", "portal.url"],
        &["settings", "explain", "portal.url"],
        &["--json", "settings", "explain", "portal.url"],
        &["store", "check"],
        &["queue", "export", "--all"],
        &["status", "--help"],
    ] {
        let (code, said) = into(full(), running.folder(), arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        for words in ["standard output: No space left on device", "Make room"] {
            assert_eq!(said.matches(words).count(), 1, "{arguments:?}: {said}");
        }
    }
}

#[test]
fn a_refusal_whose_document_finds_no_room_is_said_all_the_same() {
    let (code, said) = into(full(), Path::new("/nowhere"), &["--json", "stauts"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("No space left") && said.contains("stauts"),
        "{said}"
    );
}

#[test]
fn a_reader_that_went_away_is_no_fault() {
    let running = ready();
    for arguments in [
        &["status"][..],
        &["--json", "status"],
        &["status", "--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = into(writer.into(), running.folder(), arguments);
        assert_eq!(ended, (Some(0), String::new()), "{arguments:?}");
    }
}
