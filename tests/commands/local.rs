//! The commands on a store of their own: without a service, and beside a running one.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    assert!(said.contains("in use"), "{said}");
    // The second one's failure took nothing from the first.
    ends(&store, "", &["status"], 0);
    assert_eq!(service.stop(), Some(0));
    assert!(!store.join("control.sock").exists());
    let days = ["settings", "get", "store.retain_days"];
    assert_eq!(ends(&store, "", &days, 0), "4\n");
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
