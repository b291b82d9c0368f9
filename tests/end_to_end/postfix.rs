//! A real Postfix: what it gives back is archived with its reason, and says of whom it speaks.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{chown, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::common::eventually;
use crate::common::scene::skipped;
use crate::common::service::{text, Site};
use crate::machines::aside;

/// A user of Debian's that nothing runs as, with a group of its own: Postfix wants one, and makes none here.
const OWNER: (&str, u32) = ("news", 9);
const GROUP: (&str, u32) = ("uucp", 10);
const NOBODY: u32 = 65_534;

/// Octets that a letter may have, and a mailbox.
const LIMIT: usize = 4_000;

/// Debian's Postfix in a folder of its own, which sends nothing anywhere and listens on no port.
struct Postfix {
    folder: tempfile::TempDir,
    root: PathBuf,
    running: Vec<Child>,
}

impl Drop for Postfix {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

fn folder(path: &Path, owner: u32, group: u32, mode: u32) {
    fs::create_dir_all(path).unwrap();
    chown(path, Some(owner), Some(group)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

impl Postfix {
    /// As `scripts/test.sh` found one; `None`, said loudly, where there is none.
    fn set_up() -> Option<Postfix> {
        let root = std::env::var_os("POSTERN_POSTFIX").map_or("/".into(), PathBuf::from);
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if !root.join("usr/lib/postfix/sbin/master").exists() || !is_root {
            let why = "it takes root, and the package postfix";
            skipped("reports of a real Postfix", why);
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut postfix = Postfix {
            folder,
            root,
            running: Vec::new(),
        };
        postfix.make_folders();
        postfix.write_settings();
        postfix.start_those_behind();
        let program = postfix.root.join("usr/lib/postfix/sbin/master");
        let mut master = postfix.command(&program);
        master.arg("-c").arg(postfix.at("conf"));
        postfix.running.push(master.spawn().expect("it starts"));
        let ready = postfix.at("queue/public/pickup");
        eventually("it runs", Duration::from_secs(30), || ready.exists());
        Some(postfix)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make_folders(&self) {
        let (owner, group) = (OWNER.1, GROUP.1);
        folder(self.folder.path(), 0, 0, 0o755);
        folder(&self.at("conf"), 0, 0, 0o755);
        folder(&self.at("queue"), 0, 0, 0o755);
        folder(&self.at("queue/pid"), 0, 0, 0o755);
        folder(&self.at("data"), owner, owner, 0o700);
        folder(&self.at("mail"), NOBODY, NOBODY, 0o755);
        for name in [
            "incoming", "active", "bounce", "defer", "deferred", "flush", "hold", "saved", "trace",
            "corrupt", "private",
        ] {
            folder(&self.at("queue").join(name), owner, 0, 0o700);
        }
        folder(&self.at("queue/maildrop"), owner, group, 0o730);
        folder(&self.at("queue/public"), owner, group, 0o710);
        // A mailbox that has no room for another letter.
        let full = self.at("mail/full");
        fs::write(&full, vec![b'x'; LIMIT - 10]).unwrap();
        chown(&full, Some(NOBODY), Some(NOBODY)).unwrap();
    }

    fn write_settings(&self) {
        let (at, root) = (self.folder.path().display(), self.root.display());
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/data\n\
             meta_directory = {at}/conf\nshlib_directory = {root}/usr/lib/postfix\n\
             daemon_directory = {root}/usr/lib/postfix/sbin\ncommand_directory = {root}/usr/sbin\n\
             mail_owner = {}\nsetgid_group = {}\ndefault_privs = nobody\n\
             import_environment = MAIL_CONFIG=$config_directory LD_LIBRARY_PATH TZ LANG=C\n\
             export_environment = TZ MAIL_CONFIG LANG LD_LIBRARY_PATH\n\
             myhostname = mx.branch.example\nmydomain = branch.example\nmyorigin = branch.example\n\
             mydestination = branch.example\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n\
             inet_interfaces = loopback-only\ninet_protocols = ipv4\nsmtp_host_lookup = native\n\
             virtual_mailbox_domains = msp.example, full.example\nvirtual_mailbox_base = {at}/mail\n\
             virtual_mailbox_maps = inline:{{ helpdesk@msp.example=box/, gwen@msp.example=gwen/, full@full.example=full }}\n\
             virtual_uid_maps = static:{NOBODY}\nvirtual_gid_maps = static:{NOBODY}\n\
             message_size_limit = {LIMIT}\nvirtual_mailbox_limit = {LIMIT}\nmailbox_size_limit = {LIMIT}\n\
             transport_maps = inline:{{ refuses.example=lmtp:unix:{at}/refuses, large.example=lmtp:unix:{at}/large, away.example=lmtp:unix:{at}/away }}\n\
             delay_warning_time = 1s\nqueue_run_delay = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 1s\n",
            OWNER.0, GROUP.0
        );
        fs::write(self.at("conf/main.cf"), main).unwrap();
        let services = [
            ("pickup", "n - n 1 1", "pickup"),
            ("cleanup", "n - n - 0", "cleanup"),
            ("qmgr", "n - n 1 1", "qmgr"),
            ("rewrite", "- - n - -", "trivial-rewrite"),
            ("bounce", "- - n - 0", "bounce"),
            ("defer", "- - n - 0", "bounce"),
            ("trace", "- - n - 0", "bounce"),
            ("error", "- - n - -", "error"),
            ("retry", "- - n - -", "error"),
            ("lmtp", "- - n - -", "lmtp"),
            ("smtp", "- - n - -", "smtp"),
            ("local", "- n n - -", "local"),
            ("virtual", "- n n - -", "virtual"),
            ("showq", "n - n - -", "showq"),
        ];
        let lines = services.map(|(name, columns, program)| {
            // In that order: private, unprivileged, chroot, wakeup, processes.
            format!("{name} unix {columns} {program}\n")
        });
        fs::write(self.at("conf/master.cf"), lines.concat()).unwrap();
    }

    /// The servers of other domains, by Postfix's own stand-in for one.
    fn start_those_behind(&mut self) {
        for (name, step, says) in [
            (
                "refuses",
                "rcpt",
                "550 5.7.1 Relaying denied, we know you not",
            ),
            (
                "large",
                ".",
                "552 5.3.4 Message size exceeds what is taken here",
            ),
        ] {
            let program = self.root.join("usr/sbin/smtp-sink");
            let mut sink = self.command(&program);
            sink.args(["-u", "nobody", "-L", "-f", step, "-B", says]);
            sink.arg(format!("unix:{}", self.at(name).display()));
            sink.arg("10");
            self.running.push(sink.spawn().expect("it starts"));
            let socket = self.at(name);
            eventually("it listens", Duration::from_secs(10), || socket.exists());
            fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("MAIL_CONFIG", self.at("conf"));
        if self.root != Path::new("/") {
            let libraries = ["usr/lib/postfix", "usr/lib/x86_64-linux-gnu"];
            let libraries = libraries.map(|at| self.root.join(at).display().to_string());
            command.env("LD_LIBRARY_PATH", libraries.join(":"));
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Takes a letter from the help desk, and does with it what is to be done.
    fn takes(&self, to: &str, more: &[&str]) {
        let letter = format!(
            "From: helpdesk@msp.example\nTo: {to}\nSubject: [#4711] Your printer\n\
             Message-ID: <4711.note@msp.example>\n\nIt is mended.\n"
        );
        let program = self.root.join("usr/sbin/sendmail");
        let mut child = self
            .command(&program)
            .args(["-oi", "-f", "helpdesk@msp.example"])
            .args(more)
            .arg(to)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(letter.as_bytes())
            .unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{to}: {said}");
    }

    /// What came back for the help desk, with the line ends that mail has.
    fn gave_back(&self, count: usize) -> Vec<Vec<u8>> {
        let new = self.at("mail/box/new");
        let there = || fs::read_dir(&new).map_or(0, Iterator::count);
        eventually("its reports", Duration::from_secs(60), || there() >= count);
        let files = fs::read_dir(&new).unwrap();
        files
            .map(|file| {
                let text = fs::read_to_string(file.unwrap().path()).unwrap();
                text.replace('\n', "\r\n").into_bytes()
            })
            .collect()
    }
}

/// Of whom a report speaks, with what it says of them.
fn told(site: &Site, folder: &Path) -> BTreeMap<String, (String, String, String)> {
    let (_, out, _) = site.command(&["explain", "--json", folder.to_str().unwrap()], "");
    let documents = out.lines().map(|line| serde_json::from_str(line).unwrap());
    documents
        .map(|document: Value| {
            let report = &document["message"]["report"];
            assert_eq!(report["original"], "4711.note@msp.example", "{document}");
            let about = &report["about"][0];
            let said = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
            let told = (said("action"), said("status"), said("said"));
            (text(about, "address").to_owned(), told)
        })
        .collect()
}

#[test]
fn what_a_real_postfix_gives_back_is_archived_with_its_reason() {
    let Some(postfix) = Postfix::set_up() else {
        return;
    };
    postfix.takes("ghost@branch.example", &[]);
    postfix.takes("boss@refuses.example", &[]);
    postfix.takes("boss@large.example", &["-R", "hdrs"]);
    postfix.takes("full@full.example", &[]);
    postfix.takes("boss@away.example", &[]);
    postfix.takes("gwen@msp.example", &["-N", "success"]);
    let reports = postfix.gave_back(6);
    assert_eq!(reports.len(), 6);
    let mut site = Site::ready();
    site.start_read();
    let folder = tempfile::tempdir().unwrap();
    let mut hand = site.hand();
    for (number, report) in reports.iter().enumerate() {
        fs::write(folder.path().join(format!("{number}.eml")), report).unwrap();
        hand.append("INBOX", "", report);
    }
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 6
    });
    let reasons = [
        "bounce",
        "bounce",
        "bounce",
        "bounce",
        "delivery-delayed",
        "receipt",
    ];
    assert_eq!(aside(&site), reasons);
    assert!(site.portal.tickets().is_empty());
    let told = told(&site, folder.path());
    for (address, action, status, says) in [
        ("ghost@branch.example", "failed", "5.1.1", "unknown user"),
        ("boss@refuses.example", "failed", "5.7.1", "we know you not"),
        (
            "boss@large.example",
            "failed",
            "5.3.4",
            "exceeds what is taken",
        ),
        ("full@full.example", "failed", "5.2.2", ""),
        ("boss@away.example", "delayed", "4.4.1", "connect to"),
        ("gwen@msp.example", "delivered", "2.0.0", "delivered"),
    ] {
        let (did, code, said) = &told[address];
        assert_eq!(
            (did.as_str(), code.as_str()),
            (action, status),
            "{address}: {said}"
        );
        assert!(said.contains(says), "{address}: {said}");
    }
}
