//! The commands on a store of their own: without a service, and beside a running one.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::terminal::Terminal;
use crate::{ends, fails};

/// `postern run` on a store, until told to stop.
struct Service(Child);

impl Service {
    fn start(store: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_postern"))
            .arg("--store")
            .arg(store)
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary was built for this test");
        let service = Self(child);
        let end = Instant::now() + Duration::from_secs(20);
        while std::os::unix::net::UnixStream::connect(store.join("control.sock")).is_err() {
            assert!(Instant::now() < end, "the service never listened");
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }

    /// Asks it to stop; gives its exit code.
    fn stop(mut self) -> Option<i32> {
        let stop = Command::new("kill").arg(self.0.id().to_string()).status();
        assert!(stop.is_ok_and(|status| status.success()));
        self.0.wait().ok().and_then(|status| status.code())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Only where a test failed: `stop` has waited for it otherwise.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn settings_are_kept_by_a_store_that_no_service_has() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    ends(&store, "", &["settings", "add", "support"], 0);
    let host = ["settings", "set", "mailbox.support.host=mail.example.com"];
    ends(&store, "", &host, 0);
    let password = ["settings", "set", "mailbox.support.password", "--untried"];
    ends(&store, "hunter2\n", &password, 0);
    let shown = ends(&store, "", &["settings", "show", "mailbox.support"], 0);
    assert!(
        shown.contains("mail.example.com") && shown.contains("(set, "),
        "{shown}"
    );
    let file = ends(&store, "", &["settings", "export"], 0);
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, file.replace("retain_days = 7", "retain_days = 3")).unwrap();
    ends(
        &store,
        "",
        &["settings", "import", path.to_str().unwrap()],
        0,
    );
    let diff = ends(&store, "", &["settings", "diff"], 0);
    assert!(diff.contains("store.retain_days: 7 -> 3"), "{diff}");
    let shown = ends(
        &store,
        "",
        &["settings", "show", "mailbox.support.password"],
        0,
    );
    assert!(
        shown.contains("(set, "),
        "the import kept the password: {shown}"
    );
    ends(&store, "", &["settings", "rollback", "3"], 0);
    ends(&store, "", &["settings", "history"], 0);
    // The limit would end with the command.
    let limited = [
        "settings",
        "set",
        "store.retain_days=4",
        "--confirm-within",
        "5",
    ];
    fails(&store, "", &limited, 1);
    for entry in std::fs::read_dir(store.join("settings")).unwrap() {
        let octets = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!octets.windows(7).any(|w| w == b"hunter2"));
    }
}

#[test]
fn a_running_service_answers_the_commands_and_keeps_its_store_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let service = Service::start(&store);
    let status = ends(&store, "", &["status"], 0);
    assert!(status.starts_with("Service running"), "{status}");
    let limited = [
        "settings",
        "set",
        "store.retain_days=4",
        "--confirm-within",
        "5",
    ];
    ends(&store, "", &limited, 0);
    ends(&store, "", &["settings", "confirm"], 0);
    let elsewhere = folder.path().join("other.sock");
    let elsewhere = ["--socket", elsewhere.to_str().unwrap(), "status"];
    let said = fails(&store, "", &elsewhere, 3);
    assert!(said.contains("in use"), "{said}");
    let said = fails(&store, "", &["run"], 3);
    let process = format!("(process {})", service.0.id());
    for words in ["a service runs here already", &process, "control.sock"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // The second one's failure took nothing from the first.
    ends(&store, "", &["status"], 0);
    assert_eq!(service.stop(), Some(0));
    assert!(!store.join("control.sock").exists());
    let days = ["settings", "get", "store.retain_days"];
    assert_eq!(ends(&store, "", &days, 0), "4\n");
}

#[test]
fn a_socket_whose_path_is_too_long_has_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("x".repeat(120));
    for arguments in [
        &["settings", "add", "support"][..],
        &["status"],
        &["run", "--once"],
    ] {
        let said = fails(&store, "", arguments, 3);
        assert!(
            said.contains("--socket") && said.contains("107 octets"),
            "{said}"
        );
    }
    let socket = folder.path().join("socket");
    let socket = socket.to_str().unwrap();
    let add = ["--socket", socket, "settings", "add", "support"];
    ends(&store, "", &add, 0);
}

#[test]
fn a_store_of_another_user_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    std::fs::create_dir(&store).unwrap();
    // Nobody's, of which Debian has one; only root can give a folder away.
    if std::os::unix::fs::chown(&store, Some(65_534), None).is_err() {
        println!("POSTERN-TEST-SKIPPED a store of another user: only root can make one");
        return;
    }
    for arguments in [&["status"][..], &["settings", "add", "support"], &["run"]] {
        let said = fails(&store, "", arguments, 3);
        assert!(said.contains("belongs to the user nobody"), "{said}");
        assert!(said.contains("sudo -u nobody postern"), "{said}");
    }
    let made = std::fs::read_dir(&store).unwrap().count();
    assert_eq!(made, 0, "what root made there would be closed to its owner");
}

#[test]
fn a_run_takes_its_settings_from_a_file_and_ends_when_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, "[mailbox.support]\nhost = \"mail.example.com\"\n").unwrap();
    let run = ["run", "--once", "--settings", file.to_str().unwrap()];
    ends(&store, "", &run, 0);
    ends(&store, "", &run, 0);
    let host = ["settings", "get", "mailbox.support.host"];
    assert_eq!(ends(&store, "", &host, 0), "mail.example.com\n");
    std::fs::write(&file, "[mailbox.support]\nhots = \"mail.example.com\"\n").unwrap();
    let said = fails(&store, "", &run, 1);
    assert!(said.contains("did you mean `host`?"), "{said}");
    let active = "[mailbox.support]\nactive = true\nusername = \"a@b.example\"\nhost = \"x\"\n";
    std::fs::write(&file, active).unwrap();
    let said = fails(&store, "", &run, 1);
    assert!(said.contains("mailbox.support.password"), "{said}");
}

#[test]
fn whoever_only_asks_makes_no_store_where_the_path_was_mistyped() {
    let folder = tempfile::tempdir().unwrap();
    let mistyped = folder.path().join("mistyped");
    for command in [
        &["status"][..],
        &["settings", "get", "portal.url"],
        &["test"],
        &["held", "list"],
    ] {
        let said = fails(&mistyped, "", command, 3);
        assert!(said.contains("there is no store at"), "{said}");
    }
    // A folder that is there for something else is left alone too.
    fails(folder.path(), "", &["status"], 3);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn only_what_is_a_reason_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    ends(&store, "", &["settings", "add", "support"], 0);
    let bogus = ["held", "list", "--reason", "bogus"];
    let said = fails(&store, "", &bogus, 2);
    for words in ["bogus is no reason", "unknown-sender", "lost-at-portal"] {
        assert!(said.contains(words), "{said}");
    }
    ends(&store, "", &["held", "list", "--reason", "duplicate"], 0);
}

#[test]
fn a_url_s_password_is_never_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let file = folder.path().join("settings.toml");
    for (key, value) in [
        ("url", "https://user:hunter2@portal.example"),
        ("url", "https://user:hun/ter2@portal.example"),
        ("url", "user:hunter2@portal.example"),
        ("proxy", "http://user:hunter2@proxy.example:3128"),
    ] {
        let set = format!("portal.{key}={value}");
        std::fs::write(&file, format!("[portal]\n{key} = \"{value}\"\n")).unwrap();
        for command in [
            &["settings", "set", &set][..],
            &["settings", "set", &set, "--json"],
            &["settings", "import", file.to_str().unwrap()],
        ] {
            let ran = crate::postern(&store, "", command);
            let said = format!("{}{}", ran.out, ran.err);
            assert_eq!(ran.code, 1, "{said}");
            assert!(said.contains("***@"), "{said}");
            assert!(
                !said.contains("hunter2") && !said.contains("ter2"),
                "{said}"
            );
            let reason = "must not hold a user name or password";
            let odd = value.starts_with("user") || value.contains("hun/");
            assert!(said.contains(reason) || odd, "{said}");
        }
    }
}

#[test]
fn certificates_are_shown_by_subject_and_digest_and_printed_whole_by_get() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standin/tls/ca.pem");
    let set = format!("portal.ca_pem=@{pem}");
    let changed = ends(&store, "", &["settings", "set", &set], 0);
    let shown = ends(&store, "", &["settings", "show", "portal"], 0);
    for said in [&changed, &shown] {
        assert!(
            said.contains("CN=postern test authority (SHA-256 "),
            "{said}"
        );
        assert!(!said.contains("BEGIN CERTIFICATE"), "{said}");
    }
    // It moves its own row only.
    let url = shown.lines().find(|line| line.contains("  url")).unwrap();
    assert!(url.len() < 60, "{shown}");
    let whole = ends(&store, "", &["settings", "get", "portal.ca_pem"], 0);
    assert_eq!(whole, std::fs::read_to_string(pem).unwrap());
}

#[test]
fn a_secret_that_can_not_be_opened_is_named_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    ends(&store, "", &["settings", "add", "other"], 0);
    ends(&store, "", &["settings", "add", "support"], 0);
    let set = ["settings", "set", "mailbox.support.password", "--untried"];
    ends(&store, "hunter2\n", &set, 0);
    std::fs::write(store.join("settings/key"), [9; 32]).unwrap();
    let tested = ends(&store, "", &["test", "support"], 1);
    assert!(
        tested.contains("the secret of mailbox.support.password can't be opened"),
        "{tested}"
    );
}

/// Goes red where Ctrl-C ends the program before echo is back, and where echo stays off.
#[test]
fn ctrl_c_at_a_password_leaves_the_terminal_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    ends(&store, "", &["settings", "add", "support"], 0);
    let mut terminal = Terminal::start(&format!(
        "stty sane; {} --store {} settings set mailbox.support.password; echo left with $?; stty -a",
        env!("CARGO_BIN_EXE_postern"),
        store.display()
    ));
    terminal.types("mailbox.support.password: ", b"hunter2\x03");
    let seen = terminal.ends();
    for words in [
        "broken off with Ctrl-C",
        "left with 2",
        " echo ",
        " icanon ",
        "isig ",
    ] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    for words in ["hunter2", "-echo ", "-icanon", "-isig"] {
        assert!(!seen.contains(words), "{words}: {seen}");
    }
}

/// Goes red where the thread that may be left with the sockets sleeps long, and where sled's threads
/// don't.
#[test]
fn threads_that_doze_do_so_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let service = Service::start(&store);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", service.0.id())).unwrap();
    let mut slack_ns: Vec<(String, u64)> = Vec::new();
    for task in tasks.flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap();
        let slack = format!("/proc/{}/timerslack_ns", task.file_name().display());
        let Ok(slack) = std::fs::read_to_string(slack) else {
            let why = "only root may see another thread's timer slack";
            println!("POSTERN-TEST-SKIPPED threads_that_doze_do_so_within_bounds: {why}");
            return;
        };
        slack_ns.push((name.trim().to_owned(), slack.trim().parse().unwrap()));
    }
    let of = |wanted: &str| -> Vec<u64> {
        let named = slack_ns.iter().filter(|(name, _)| name.starts_with(wanted));
        named.map(|(_, slack)| *slack).collect()
    };
    assert_eq!(of("async-io"), [2_000_000], "{slack_ns:?}");
    assert_eq!(of("postern"), [50_000], "{slack_ns:?}");
    let sled = of("sled-io");
    assert!(
        !sled.is_empty() && sled.iter().all(|ns| *ns > 1_000_000_000),
        "{slack_ns:?}"
    );
    assert_eq!(service.stop(), Some(0));
}
