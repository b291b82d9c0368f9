//! The commands, typed at the real binary: usage, exit codes, secrets, questions, documents; and the
//! control socket, spoken to without the binary.

#[path = "commands/export.rs"]
mod export;
#[path = "commands/fake.rs"]
mod fake;
#[path = "commands/local.rs"]
mod local;
#[path = "commands/log.rs"]
mod log;
#[path = "commands/output.rs"]
mod output;
#[path = "commands/pins.rs"]
mod pins;
#[path = "commands/sealed.rs"]
mod sealed;
#[path = "commands/socket.rs"]
mod socket;
#[path = "commands/terminal.rs"]
mod terminal;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use fake::{Running, RIGHT};
use postern::control::Limits;

/// What a command did.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn postern(folder: &Path, typed: &str, arguments: &[&str]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .arg("--store")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    let mut stdin = child.stdin.take().expect("it was piped");
    // A command that reads nothing may be gone already.
    let _ = stdin.write_all(typed.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a command that must end so; gives its standard output.
#[track_caller]
fn ends(folder: &Path, typed: &str, arguments: &[&str], code: i32) -> String {
    let ran = postern(folder, typed, arguments);
    let (out, err) = (&ran.out, &ran.err);
    assert_eq!(ran.code, code, "{arguments:?}\n{out}\n{err}");
    ran.out
}

/// Runs a command that must fail so; gives its standard error.
#[track_caller]
fn fails(folder: &Path, typed: &str, arguments: &[&str], code: i32) -> String {
    let ran = postern(folder, typed, arguments);
    let (out, err) = (&ran.out, &ran.err);
    assert_eq!(ran.code, code, "{arguments:?}\n{out}\n{err}");
    ran.err
}

/// A service with a mailbox `support` that could be active.
fn ready() -> Running {
    let running = Running::start(Limits::default());
    let folder = running.folder();
    ends(folder, "", &["settings", "add", "support"], 0);
    ends(
        folder,
        "",
        &[
            "settings",
            "set",
            "mailbox.support.host=mail.example.com",
            "mailbox.support.username=support@example.com",
            "portal.url=https://portal.example.com",
        ],
        0,
    );
    let typed = format!("{RIGHT}\n");
    ends(
        folder,
        &typed,
        &["settings", "set", "mailbox.support.password"],
        0,
    );
    ends(folder, "t0ken\n", &["settings", "set", "portal.token"], 0);
    running
}

#[test]
fn every_command_has_help_with_an_example_and_exit_codes() {
    let commands =
        "|run|test|status|queue|queue list|queue show|queue retry|queue export|held|held list|\
                    held show|held convert|held dismiss|settings|settings show|settings get|\
                    settings set|settings add|settings remove|settings rename|settings import|\
                    settings export|settings confirm|settings history|settings diff|\
                    settings rollback|settings explain|explain|directory|directory show|\
                    directory sync|store|store check|log";
    for command in commands.split('|') {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let help = ends(Path::new("/nowhere"), "", &arguments, 0);
        for want in ["Example:\n  postern", "Exit codes: 0 done"] {
            assert!(help.contains(want), "{command}: {help}");
        }
        let (_, examples) = help.split_once("Example:").unwrap();
        assert!(!examples.contains('('), "no shell takes that: {examples}");
        let long = help.lines().find(|line| line.len() > 80);
        assert_eq!(long, None, "{command} {help}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &[][..],
        &["stauts"],
        &["queue"],
        &["queue", "retry"],
        &["settings", "set"],
        &["settings", "set", "portal.url"],
        &["settings", "set", "portal.url=x", "--confirm-within", "0"],
        &["status", "--jsno"],
    ] {
        fails(Path::new("/nowhere"), "", arguments, 2);
    }
}

#[test]
fn wrong_usage_is_a_document_where_documents_are_wanted() {
    for (arguments, words) in [
        (&["--json", "stauts"][..], "stauts"),
        (&["queue", "retry", "--json"], "--all"),
        (
            &["settings", "set", "portal.token=x", "--json"],
            "is a secret",
        ),
    ] {
        let out = ends(Path::new("/nowhere"), "", arguments, 2);
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(document["refused"], "usage", "{out}");
        let said = document["said"].as_str().unwrap();
        assert!(said.contains(words), "{said}");
    }
    let said = fails(Path::new("/nowhere"), "", &["queue", "retry"], 2);
    assert!(said.contains("--all"), "{said}");
}

#[test]
fn without_a_service_that_can_be_reached_the_end_is_3_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the store's folder should be: nothing can be opened there.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = fails(&file, "", &["status"], 3);
    assert!(said.starts_with("postern: "), "{said}");
}

#[test]
fn a_secret_is_never_taken_as_an_argument_and_never_repeated() {
    for arguments in [
        &["settings", "set", "mailbox.support.password", "hunter2"][..],
        &["settings", "set", "mailbox.support.password=hunter2"],
        &[
            "settings",
            "set",
            "portal.url=https://x",
            "portal.token=hunter2",
        ],
    ] {
        let ran = postern(Path::new("/nowhere"), "", arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("is a secret"), "{}", ran.err);
        assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"));
    }
}

#[test]
fn a_secret_comes_on_standard_input_is_tried_and_never_shown() {
    let running = ready();
    let folder = running.folder();
    let set = &["settings", "set", "mailbox.support.password"];
    let said = fails(folder, "wrong\n", set, 1);
    assert!(said.contains("the old one stays"), "{said}");
    let untried = &["settings", "set", "mailbox.support.password", "--untried"];
    ends(folder, "wrong\n", untried, 0);
    let said = fails(folder, "", set, 2);
    assert!(said.contains("standard input"), "{said}");
    fails(folder, "\n", set, 2);
    for arguments in [
        &["settings", "show"][..],
        &["settings", "show", "--json"],
        &["settings", "get", "mailbox.support.password"],
        &["settings", "export"],
        &["settings", "history", "--json"],
        &["settings", "diff", "0", "4", "--json"],
    ] {
        let out = ends(folder, "", arguments, 0);
        assert!(!out.contains("wrong") && !out.contains(RIGHT) && !out.contains("t0ken"));
    }
}

#[test]
fn what_is_too_long_for_a_secret_is_refused_before_it_is_sent() {
    let running = ready();
    let key = "mailbox.support.password";
    for octets in [16_385, 3 << 20] {
        let typed = format!("{}\n", "x".repeat(octets));
        let said = fails(running.folder(), &typed, &["settings", "set", key], 2);
        assert!(
            said.contains(key) && said.contains("16384 octets"),
            "{said}"
        );
    }
    let typed = format!("{RIGHT}\n");
    ends(running.folder(), &typed, &["settings", "set", key], 0);
}

#[test]
fn settings_are_set_read_and_refused_with_all_their_problems() {
    let running = ready();
    let folder = running.folder();
    assert_eq!(
        ends(folder, "", &["settings", "get", "mailbox.support.host"], 0),
        "mail.example.com\n"
    );
    let said = fails(
        folder,
        "",
        &[
            "settings",
            "set",
            "mailbox.support.port=0",
            "mailbox.support.hots=x",
            "store.quota=1",
        ],
        1,
    );
    for want in [
        "port = \"0\"",
        "did you mean `mailbox.support.host`?",
        "store.quota = \"1\"",
    ] {
        assert!(said.contains(want), "{said}");
    }
    let out = ends(
        folder,
        "",
        &["settings", "set", "mailbox.support.port", "465"],
        0,
    );
    assert!(
        out.contains("Warning:") && out.contains("993 is probably meant"),
        "{out}"
    );
    ends(
        folder,
        "",
        &["settings", "set", "mailbox.support.port", "465"],
        4,
    );
    ends(
        folder,
        "",
        &["settings", "set", "mailbox.support.port", ""],
        0,
    );
    fails(folder, "", &["settings", "get", "mailbox.suport.host"], 1);
    let explained = ends(
        folder,
        "",
        &["settings", "explain", "mailbox.support.security"],
        0,
    );
    assert!(explained.contains("tls, starttls, none"), "{explained}");
}

#[test]
fn activation_says_what_would_happen_and_waits_for_yes() {
    let running = ready();
    let folder = running.folder();
    let activate = ["settings", "set", "mailbox.support.active", "on"];
    let ran = postern(folder, "", &activate);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out
            .contains("up to 3 unread messages would become tickets now"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("the date leaves 2 out"), "{}", ran.out);
    assert!(ran.err.contains("--yes"), "{}", ran.err);
    let active = ["settings", "get", "mailbox.support.active"];
    assert_eq!(ends(folder, "", &active, 0), "off\n");
    ends(folder, "", &[&activate[..], &["--yes"]].concat(), 0);
    assert_eq!(ends(folder, "", &active, 0), "on\n");
    let read_too = ["settings", "set", "mailbox.support.convert_read"];
    let ran = postern(folder, "", &[&read_too[..], &["on"]].concat());
    assert_eq!(ran.code, 1);
    let both = "up to 3 unread and 27 read messages would become tickets now";
    assert!(ran.out.contains(both), "{}", ran.out);
    ends(folder, "", &[&read_too[..], &["on", "--yes"]].concat(), 0);
    ends(folder, "", &[&read_too[..], &["off"]].concat(), 0);
    let identity = ["settings", "get", "mailbox.support.identity"];
    assert_eq!(ends(folder, "", &identity, 0), "support@example.com\n");
    // It was active: another folder, and taking it out, are asked about.
    for (change, what) in [
        (
            &["settings", "set", "mailbox.support.folder=Two"][..],
            "watches another folder",
        ),
        (&["settings", "remove", "support"], "is taken out"),
    ] {
        let said = fails(folder, "", &[change, &["--yes"]].concat(), 1);
        let refused =
            format!("mailbox `support` {what}, and 5 of its messages are queued or to be");
        assert!(said.contains(&refused), "{said}");
        let ran = postern(folder, "", &[change, &["--leave-behind"]].concat());
        assert_eq!(ran.code, 1);
        let asked = format!("mailbox `support` {what}; 5 of its messages");
        assert!(ran.out.contains(&asked), "{}", ran.out);
        assert!(
            ran.out.contains("; 2 that are held stay unread where"),
            "{}",
            ran.out
        );
    }
    let remove = ["settings", "remove", "support", "--yes", "--leave-behind"];
    ends(folder, "", &remove, 0);
}

#[test]
fn a_portal_user_s_mailbox_is_refused_unless_it_is_said_to_be_dedicated() {
    let running = ready();
    let folder = running.folder();
    ends(
        folder,
        "",
        &[
            "settings",
            "set",
            "mailbox.support.address",
            "anna@example.com",
        ],
        0,
    );
    let activate = ["settings", "set", "mailbox.support.active", "on", "--yes"];
    let said = fails(folder, "", &activate, 1);
    assert!(said.contains("a user of the portal"), "{said}");
    ends(folder, "", &[&activate[..], &["--dedicated"]].concat(), 0);
    let dedicated = ["settings", "get", "mailbox.support.dedicated"];
    assert_eq!(ends(folder, "", &dedicated, 0), "on\n");
}

#[test]
fn a_server_without_move_is_refused_unless_copying_is_allowed() {
    let running = ready();
    let folder = running.folder();
    ends(
        folder,
        "",
        &[
            "settings",
            "set",
            "mailbox.support.host",
            "nomove.example.com",
        ],
        0,
    );
    let activate = ["settings", "set", "mailbox.support.active", "on", "--yes"];
    let said = fails(folder, "", &activate, 1);
    assert!(said.contains("archive_by_copy"), "{said}");
    ends(
        folder,
        "",
        &["settings", "set", "mailbox.support.archive_by_copy", "on"],
        0,
    );
    ends(folder, "", &activate, 0);
}

#[test]
fn a_date_without_a_zone_is_shown_whole_before_it_is_saved() {
    let running = ready();
    let folder = running.folder();
    let file = folder.join("zoneless.toml");
    let exported = ends(folder, "", &["settings", "export"], 0);
    let dated = "[mailbox.support]\ntime_zone = \"UTC\"\nreceived_after = \"2026-03-31 08:00\"";
    let dated = exported.replace("[mailbox.support]", dated);
    assert_ne!(dated, exported);
    std::fs::write(&file, dated).unwrap();
    let import = ["settings", "import", file.to_str().unwrap()];
    let ran = postern(folder, "", &import);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("means Tuesday 2026-03-31 08:00:00 +00:00"),
        "{}",
        ran.out
    );
    ends(
        folder,
        "",
        &["settings", "set", "mailbox.support.time_zone", "UTC"],
        0,
    );
    let set = [
        "settings",
        "set",
        "mailbox.support.received_after",
        "2026-01-31 08:00",
    ];
    let ran = postern(folder, "", &set);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out
            .contains("means Saturday 2026-01-31 08:00:00 +00:00"),
        "{}",
        ran.out
    );
    ends(folder, "", &[&set[..], &["--yes"]].concat(), 0);
    let whole = [
        "settings",
        "set",
        "mailbox.support.received_after",
        "2026-02-01T08:00:00+01:00",
    ];
    ends(folder, "", &whole, 0);
    let get = ["settings", "get", "mailbox.support.received_after"];
    assert_eq!(ends(folder, "", &get, 0), "2026-02-01T07:00:00Z\n");
}

#[test]
fn an_export_comes_back_on_another_box_which_asks_for_the_secrets() {
    let running = ready();
    let activate = ["settings", "set", "mailbox.support.active", "on", "--yes"];
    ends(running.folder(), "", &activate, 0);
    let file = ends(running.folder(), "", &["settings", "export"], 0);
    let other = Running::start(Limits::default());
    let path = other.folder().join("settings.toml");
    std::fs::write(&path, &file).unwrap();
    let import = ["settings", "import", path.to_str().unwrap(), "--yes"];
    let ran = postern(other.folder(), "", &import);
    assert_eq!(ran.code, 2);
    assert!(
        ran.out.contains("mailbox.support.password, portal.token"),
        "{}",
        ran.out
    );
    let typed = format!("{RIGHT}\ntoken\n");
    ends(other.folder(), &typed, &import, 0);
    let again = ends(other.folder(), "", &["settings", "export"], 0);
    assert_eq!(again, file);
    ends(other.folder(), "", &import, 4);
}

#[test]
fn a_change_can_be_confirmed_undone_compared_and_rolled_back() {
    let running = ready();
    let folder = running.folder();
    ends(folder, "", &["settings", "confirm"], 4);
    ends(folder, "", &["settings", "rollback"], 4);
    let set = |days: &str, more: &[&str]| {
        let pair = format!("store.retain_days={days}");
        let arguments = [&["settings", "set", pair.as_str()][..], more].concat();
        ends(folder, "", &arguments, 0)
    };
    let days = || ends(folder, "", &["settings", "get", "store.retain_days"], 0);
    let out = set("9", &["--confirm-within", "5"]);
    assert!(out.contains("unless confirmed"), "{out}");
    assert_eq!(days(), "9\n");
    ends(folder, "", &["settings", "rollback"], 0);
    assert_eq!(days(), "7\n");
    set("10", &["--confirm-within", "5"]);
    fails(folder, "", &["settings", "set", "store.retain_days=11"], 1);
    let tested = ends(folder, "", &["test", "support", "--confirm"], 0);
    assert!(tested.contains("is confirmed"), "{tested}");
    let diff = ends(folder, "", &["settings", "diff"], 0);
    assert!(
        diff.contains("store.retain_days:") && diff.contains("-> 10"),
        "{diff}"
    );
    ends(folder, "", &["settings", "rollback", "2", "--yes"], 0);
    assert_eq!(days(), "7\n");
    let history = ends(folder, "", &["settings", "history"], 0);
    assert!(
        history.contains("rollback to 2") && history.contains("undone"),
        "{history}"
    );
    fails(folder, "", &["settings", "rollback", "99"], 1);
}

#[test]
fn a_test_shows_each_line_and_ends_with_1_when_a_step_failed() {
    let running = ready();
    let folder = running.folder();
    let out = ends(folder, "", &["test", "support", "--wait"], 0);
    assert_eq!(
        out.lines().filter(|line| line.starts_with("ok ")).count(),
        40
    );
    assert!(out.contains("1.234 s  00000001  archived"), "{out}");
    ends(
        folder,
        "",
        &["settings", "set", "mailbox.support.host", "broken"],
        0,
    );
    let out = ends(folder, "", &["test", "support"], 1);
    assert!(
        out.contains("FAIL  support: TCP: said\n      -> look at the cable"),
        "{out}"
    );
    let json = ends(folder, "", &["test", "support", "--json"], 1);
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!(last["answer"], "tested");
    assert_eq!(json.lines().count(), 42);
    fails(folder, "", &["test", "nobody"], 1);
}

#[test]
fn lists_come_in_pages_and_what_came_from_outside_is_harmless() {
    let running = ready();
    let folder = running.folder();
    let out = ends(folder, "", &["held", "list", "--limit", "100"], 0);
    assert!(out.contains("More: --after 100"), "{out}");
    assert!(!out.contains(['\u{1b}', '\r', '\u{202e}']), "{out:?}");
    let out = ends(folder, "", &["held", "list", "--after", "100"], 0);
    assert!(!out.contains("More:"), "{out}");
    let json = ends(folder, "", &["held", "list", "--json", "--limit", "1"], 0);
    for list in [["held", "list"], ["queue", "list"], ["directory", "show"]] {
        fails(folder, "", &[&list[..], &["--limit", "0"]].concat(), 2);
    }
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["items"][0]["subject"], "one\r\ntwo \u{202e}three");
    ends(folder, "", &["held", "convert", "00000001"], 0);
    fails(folder, "", &["held", "convert", "ffffffff"], 1);
    fails(folder, "", &["held", "dismiss", "x"], 2);
    let story = ends(folder, "", &["held", "show", "00000001"], 0);
    assert!(story.contains("unknown-sender"), "{story}");
    ends(folder, "", &["directory", "show"], 0);
    ends(folder, "", &["queue", "retry", "--all"], 0);
    ends(folder, "", &["queue", "retry", "00000001"], 0);
    ends(folder, "", &["queue", "list"], 0);
    let synced = ends(folder, "", &["directory", "sync"], 0);
    assert_eq!(synced, "3 directory entries were read.\n");
    let status = ends(folder, "", &["status"], 0);
    assert!(status.contains("! the portal is away"), "{status}");
}
