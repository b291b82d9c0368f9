//! `settings export --with-secrets` and what `import` makes of it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use postern::control::Limits;

use crate::fake::{Running, RIGHT};
use crate::terminal::Terminal;
use crate::{ends, fails, postern, ready};

const PASSPHRASE: &str = "five words are long enough";

/// A box whose mailbox is active, and its settings with their secrets as a file.
fn exported() -> (Running, String) {
    let running = ready();
    let activate = ["settings", "set", "mailbox.support.active", "on", "--yes"];
    ends(running.folder(), "", &activate, 0);
    let export = ["settings", "export", "--with-secrets"];
    let file = ends(running.folder(), &format!("{PASSPHRASE}\n"), &export, 0);
    (running, file)
}

/// A new box beside a file.
fn beside(file: &str) -> (Running, PathBuf) {
    let other = Running::start(Limits::default());
    let path = other.folder().join("box.toml");
    std::fs::write(&path, file).expect("a file can be written");
    (other, path)
}

/// Imports the file; what is typed stands on standard input.
fn import(folder: &Path, typed: &str, more: &[&str]) -> crate::Ran {
    let path = folder.join("box.toml");
    let path = path.to_str().expect("folders here have plain names");
    let import = ["settings", "import", path, "--yes"];
    postern(folder, typed, &[&import[..], more].concat())
}

/// The box's settings, without what changes by itself.
fn settings(folder: &Path) -> String {
    ends(folder, "", &["settings", "export"], 0)
}

#[test]
fn secrets_travel_under_a_passphrase_and_come_out_on_another_box() {
    let (running, file) = exported();
    for secret in [RIGHT, "token\n", PASSPHRASE] {
        assert!(!file.contains(secret), "{file}");
    }
    assert_eq!(file.matches("[sealed]").count(), 1, "{file}");
    let (other, _) = beside(&file);
    // The fake's server takes the right password only: it was tried.
    let ran = import(other.folder(), &format!("{PASSPHRASE}\n"), &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(settings(other.folder()), settings(running.folder()));
    let identity = ["settings", "get", "mailbox.support.identity"];
    assert_eq!(
        ends(other.folder(), "", &identity, 0),
        "support@example.com\n"
    );
    for key in ["mailbox.support.password", "portal.token"] {
        let shown = ends(other.folder(), "", &["settings", "show", key], 0);
        assert!(shown.contains("(set, "), "{shown}");
    }
    // What it holds already is nothing new, and each export is sealed anew.
    let ran = import(other.folder(), &format!("{PASSPHRASE}\n"), &[]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    let export = ["settings", "export", "--with-secrets"];
    let again = ends(other.folder(), &format!("{PASSPHRASE}\n"), &export, 0);
    assert_ne!(again, file);
}

#[test]
fn a_wrong_passphrase_or_a_damaged_file_changes_nothing() {
    let (_running, file) = exported();
    let (other, path) = beside(&file);
    let before = ends(other.folder(), "", &["settings", "history"], 0);
    let wrong = "is not the one that the secrets in the file were sealed under";
    let ran = import(other.folder(), "five words that are wrong\n", &[]);
    assert_eq!(
        (ran.code, ran.err.contains(wrong)),
        (1, true),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("five words"), "{}", ran.err);
    for (line, damaged, said) in [
        ("passes = 2", "passes = 3", wrong),
        ("secrets = \"A", "secrets = \"B", wrong),
        (
            "memory_kib = 19456",
            "memory_kib = 4000000000",
            "sealed.memory_kib: must be a number from 8 to 65536",
        ),
    ] {
        let changed = file.replacen(line, damaged, 1);
        assert_ne!(changed, file);
        std::fs::write(&path, changed).unwrap();
        let ran = import(other.folder(), &format!("{PASSPHRASE}\n"), &[]);
        assert_eq!(ran.code, 1, "{damaged}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{damaged}: {}", ran.err);
        let ran = import(other.folder(), &format!("{PASSPHRASE}\n"), &["--json"]);
        let last = ran.out.lines().last().unwrap();
        let document: serde_json::Value = serde_json::from_str(last).unwrap();
        assert!(document["said"].as_str().unwrap().contains(said), "{last}");
    }
    let after = ends(other.folder(), "", &["settings", "history"], 0);
    assert_eq!(after, before);
}

#[test]
fn a_short_passphrase_and_settings_without_secrets_are_refused() {
    let export = ["settings", "export", "--with-secrets"];
    let running = ready();
    for short in ["", "elevenchars"] {
        let said = fails(running.folder(), &format!("{short}\n"), &export, 1);
        assert!(said.contains("12 characters at least"), "{said}");
    }
    let said = fails(running.folder(), "", &export, 2);
    assert!(said.contains("standard input"), "{said}");
    let fresh = Running::start(Limits::default());
    let said = fails(fresh.folder(), &format!("{PASSPHRASE}\n"), &export, 1);
    assert!(said.contains("nothing to seal"), "{said}");
    // It is no argument.
    fails(
        running.folder(),
        "",
        &["settings", "export", "--with-secrets", PASSPHRASE],
        2,
    );
}

#[test]
fn without_its_secrets_a_file_lists_what_must_be_typed() {
    let (_running, file) = exported();
    let missing = "mailbox.support.password, portal.token";
    for (typed, more) in [("\n", &[][..]), ("", &["--without-secrets"])] {
        let (other, _) = beside(&file);
        let ran = import(other.folder(), typed, more);
        assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains(missing), "{}", ran.out);
        let typed = format!("{typed}{RIGHT}\ntoken\n");
        let ran = import(other.folder(), &typed, more);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
    // Nobody at the terminal, and nothing on standard input.
    let (other, _) = beside(&file);
    let ran = import(other.folder(), "", &["--json"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.starts_with("{\"answer\":\"need-passphrase\"}\n"),
        "{}",
        ran.out
    );
}

/// Goes red where whoever edits the file gets the password sent to a server of theirs.
#[test]
fn a_secret_is_not_taken_for_another_server_than_it_was_for() {
    let (_running, file) = exported();
    let edited = file.replace("mail.example.com", "evil.example.com");
    assert_ne!(edited, file);
    let (other, _) = beside(&edited);
    let ran = import(other.folder(), &format!("{PASSPHRASE}\n"), &[]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    let asked =
        "must be typed first: mailbox.support.password\n  mailbox.support.password: the secret in \
                 the file is for another server";
    assert!(ran.out.contains(asked), "{}", ran.out);
    let typed = format!("{PASSPHRASE}\n{RIGHT}\n");
    let ran = import(other.folder(), &typed, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    // A mailbox that is off needs no password now: it is said that there is none.
    let off = edited
        .replace("active = true", "active = false")
        .replace("[mailbox.support]", "[mailbox.other]");
    let (other, _) = beside(&off.replace("evil.example.com", "mail.example.com"));
    let ran = import(other.folder(), &format!("{PASSPHRASE}\n"), &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let said = "mailbox.support.password: the file carries this secret, and has no such setting";
    assert!(ran.out.contains(said), "{}", ran.out);
    // Also where nothing else changes.
    let ran = import(other.folder(), &format!("{PASSPHRASE}\n"), &[]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(said), "{}", ran.out);
}

/// A start asks nobody: it says what is missing, and a box that holds the secrets goes on.
#[test]
fn a_run_goes_by_the_file_without_asking_for_its_passphrase() {
    let (_running, file) = exported();
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = (folder.path().join("store"), folder.path().join("box.toml"));
    std::fs::write(&path, file).unwrap();
    let run = ["run", "--once", "--settings", path.to_str().unwrap()];
    let said = fails(&store, "", &run, 1);
    assert!(
        said.contains("never typed (mailbox.support.password, portal.token)"),
        "{said}"
    );
}

/// Only root can be somebody else.
#[test]
fn the_group_may_change_settings_and_not_take_the_secrets_away() {
    use std::os::unix::fs::PermissionsExt;
    let running = ready();
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(running.folder(), 0o755);
    mode(&running.socket(), 0o666);
    let export = |more: &[&str]| {
        let mut child = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(env!("CARGO_BIN_EXE_postern"))
            .arg("--store")
            .arg(running.folder())
            .args(["settings", "export"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Debian's util-linux have it");
        let mut stdin = child.stdin.take().unwrap();
        let _ = stdin.write_all(format!("{PASSPHRASE}\n").as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    };
    let open = export(&[]);
    if !open.status.success() {
        let why = "only root can be another user, who must reach the binary";
        println!("POSTERN-TEST-SKIPPED the_group_may_change_settings: {why}");
        return;
    }
    let refused = export(&["--with-secrets"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("nobody is neither: use sudo"), "{said}");
    assert!(refused.stdout.is_empty());
}

/// At a terminal it is typed twice, unseen.
#[test]
fn at_a_terminal_the_passphrase_is_typed_twice_and_not_shown() {
    let running = ready();
    for (second, code) in [(PASSPHRASE, 0), ("five words with a slip", 2)] {
        let mut terminal = Terminal::start(&format!(
            "stty sane; {} --store {} settings export --with-secrets; echo left with $?",
            env!("CARGO_BIN_EXE_postern"),
            running.folder().display()
        ));
        let first = format!("{PASSPHRASE}\r");
        terminal.types("(12 characters or more): ", first.as_bytes());
        terminal.types("The same again: ", format!("{second}\r").as_bytes());
        let seen = terminal.ends();
        assert!(seen.contains(&format!("left with {code}")), "{seen}");
        assert!(!seen.contains("five words"), "{seen}");
        assert_eq!(seen.contains("[sealed]"), code == 0, "{seen}");
    }
}

/// Goes red where a file says nothing of a change in it that nobody has confirmed.
#[test]
fn an_export_says_that_a_change_in_it_waits_to_be_confirmed() {
    let running = ready();
    let waits = "waits to be confirmed, and is undone at ";
    let export = ["settings", "export"];
    assert!(!ends(running.folder(), "", &export, 0).contains(waits));
    let set = [
        "settings",
        "set",
        "mailbox.support.check_seconds=77",
        "--confirm-within",
        "5",
    ];
    ends(running.folder(), "", &set, 0);
    let file = ends(running.folder(), "", &export, 0);
    assert!(
        file.starts_with("# Revision ") && file.contains(waits),
        "{file}"
    );
    assert!(file.contains("check_seconds = 77"), "{file}");
    // A file that says so can be read like any other.
    let sealed = ["settings", "export", "--with-secrets"];
    let sealed = ends(running.folder(), &format!("{PASSPHRASE}\n"), &sealed, 0);
    assert!(sealed.contains(waits), "{sealed}");
    let (other, _) = beside(&sealed);
    let ran = import(other.folder(), &format!("{PASSPHRASE}\n"), &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    ends(running.folder(), "", &["settings", "confirm"], 0);
    assert!(!ends(running.folder(), "", &export, 0).contains(waits));
}
