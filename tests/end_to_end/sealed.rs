//! A box is lost, and another goes on with its settings and secrets, from one file and a passphrase.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::common::service::Site;
use crate::common::{PASSWORD, TOKEN};

const PASSPHRASE: &str = "the passphrase of this test";

/// A caller who wants the settings with their secrets, and has typed nothing yet.
fn asks_to_export(site: &Site) -> (Child, ChildStdin) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .arg("--store")
        .arg(site.store())
        .args(["settings", "export", "--with-secrets"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let typed = child.stdin.take().unwrap();
    (child, typed)
}

/// `settings export --with-secrets` of the running service.
fn export(site: &Site) -> String {
    let (child, mut typed) = asks_to_export(site);
    writeln!(typed, "{PASSPHRASE}").unwrap();
    // It still reads: what anybody could see of it stands there now.
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(!line.contains(PASSPHRASE), "{line}");
    }
    drop(typed);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Goes red where callers are served at the same time: each takes 19 MiB of a small box.
#[test]
fn keys_are_made_one_at_a_time_and_their_memory_is_given_back() {
    let mut site = Site::ready();
    site.start_read();
    let before = site.resident_kib();
    let callers: Vec<_> = (0..4).map(|_| asks_to_export(&site)).collect();
    // All of them are up before the first is answered.
    let callers: Vec<_> = callers
        .into_iter()
        .map(|(child, mut typed)| {
            writeln!(typed, "{PASSPHRASE}").unwrap();
            child
        })
        .collect();
    let mut files = Vec::new();
    for child in callers {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        files.push(output.stdout);
    }
    files.dedup();
    assert_eq!(files.len(), 4, "each has a salt of its own");
    let most = site.most_resident_kib();
    let range = before + (15 << 10)..before + (34 << 10);
    assert!(range.contains(&most), "{before} KiB before, {most} at most");
    let after = site.resident_kib();
    assert!(
        after < before + (8 << 10),
        "{before} KiB before, {after} after"
    );
}

/// Goes red where a key is made on the executor's thread: the status would wait for its end.
#[test]
fn while_a_key_is_made_the_service_answers() {
    let mut site = Site::ready();
    site.start_read();
    // As much as a file may ask for: some seconds.
    let file = site.store().with_extension("toml");
    let (salt, secrets) = ("AAAAAAAAAAAAAAAAAAAAAA==", "AQ==");
    let section = format!(
        "[sealed]\nformat = 1\nderivation = \"argon2id\"\nmemory_kib = 65536\npasses = 16\n\
         salt = \"{salt}\"\nsecrets = \"{secrets}\"\n"
    );
    std::fs::write(&file, section).unwrap();
    let before = site.resident_kib();
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .arg("--store")
        .arg(site.store())
        .args(["settings", "import"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    writeln!(child.stdin.take().unwrap(), "{PASSPHRASE}").unwrap();
    site.until("the key is being made", |s| {
        s.most_resident_kib() > before + (32 << 10)
    });
    // Several times: an answer that had to wait for the key would come with the import's own.
    for _ in 0..5 {
        site.status();
        assert!(child.try_wait().unwrap().is_none(), "it was over already");
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("section [sealed] is damaged"), "{said}");
    assert!(site.most_resident_kib() < before + (80 << 10));
}

#[track_caller]
fn holds_no_secret(what: &str, text: &str) {
    for secret in [PASSWORD, TOKEN, PASSPHRASE] {
        assert!(!text.contains(secret), "{what}: {text}");
    }
}

#[track_caller]
fn store_holds_no_secret(store: &Path) {
    for entry in std::fs::read_dir(store.join("settings")).unwrap() {
        let path = entry.unwrap().path();
        let octets = std::fs::read(&path).unwrap();
        holds_no_secret(
            &path.display().to_string(),
            &String::from_utf8_lossy(&octets),
        );
    }
}

/// Goes red where the file lacks a secret or the identity: with another one every key is another, and
/// what the portal has becomes a second ticket.
#[test]
fn a_new_box_goes_on_from_the_file_of_a_lost_one_and_doubles_nothing() {
    let mut site = Site::ready_with(&[], &[], "identity = \"desk of old\"", "");
    site.start_read();
    site.send("done before");
    site.complete();
    let identity = site.does(&["settings", "get", "mailbox.support.identity"]);
    assert_eq!(identity, "desk of old\n");
    let file = export(&site);
    holds_no_secret("the file", &file);
    let log = site.log();
    holds_no_secret("the log", &log);
    let said = "with mailbox.support.password, portal.token, portal.reply_secrets sealed under";
    assert!(log.contains(said), "{log}");
    // The box dies with a ticket under way; somebody puts back what is in the archive.
    site.commit_while_away("under way");
    site.kill();
    site.portal.start_again();
    let mut hand = site.hand();
    hand.does("SELECT Archive");
    hand.does("STORE 1 -FLAGS (\\Seen)");
    hand.does("MOVE 1 INBOX");
    std::fs::rename(site.store(), site.store().with_extension("lost")).unwrap();
    let path = site.store().with_extension("toml");
    std::fs::write(&path, file).unwrap();
    let import = ["settings", "import", path.to_str().unwrap(), "--yes"];
    let (code, out, err) = site.command(&import, "not the passphrase of it\n");
    assert_eq!(code, 1, "{out}{err}");
    assert_eq!(
        site.command(&["settings", "history"], "").1.lines().count(),
        1
    );
    let (code, out, err) = site.command(&import, &format!("{PASSPHRASE}\n"));
    assert_eq!(code, 0, "{out}{err}");
    holds_no_secret("the import", &format!("{out}{err}"));
    store_holds_no_secret(&site.store());
    assert_eq!(
        site.does(&["settings", "get", "mailbox.support.identity"]),
        identity
    );
    let said = site.drains();
    holds_no_secret("the run", &said);
    site.complete();
    assert_eq!(site.tickets("done before").len(), 1);
    assert_eq!(site.tickets("under way").len(), 1);
    assert_eq!(site.portal.tickets().len(), 2);
}
