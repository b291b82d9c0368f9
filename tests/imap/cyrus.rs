//! A second real server: Cyrus, in its classic layout, where all folders lie below INBOX, dots
//! separate them, and a name beside INBOX is denied.
//!
//! It runs wholly in a temporary folder, on a loopback port, and lets everybody in. It is taken from
//! the system (`cyrus-imapd`), or from a folder that its packages were unpacked into (`dpkg -x`), named
//! by `POSTERN_CYRUS`; where there is neither, the test says that it was skipped.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postern::mailbox::probe::{Outcome, What};
use postern::mailbox::{Access, Account, Fault, How, News, Pass, Security, Wanted};
use postern::world::{Secret, Trust};
use rustix::process::{kill_process, Pid, Signal};

use crate::dovecot::{free_port, message};
use crate::{inbox, probed};

/// A running server; ends with its value.
struct Cyrus {
    _dir: tempfile::TempDir,
    child: Child,
    port: u16,
}

impl Cyrus {
    /// Starts it, where it is to be had.
    fn start() -> Option<Self> {
        let unpacked = std::env::var_os("POSTERN_CYRUS").map(PathBuf::from);
        let root = unpacked.clone().unwrap_or_else(|| PathBuf::from("/"));
        let (master, imapd) = (
            root.join("usr/sbin/cyrmaster"),
            root.join("usr/lib/cyrus/bin/imapd"),
        );
        if !master.exists() || !imapd.exists() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["conf", "conf/socket", "spool", "sock"] {
            fs::create_dir(at(name)).unwrap();
        }
        // It gives up being root, and must own what it writes.
        let user = match rustix::process::geteuid().is_root() {
            true => "nobody".to_owned(),
            false => said(Command::new("id").arg("-un")),
        };
        let path = dir.path().display();
        let port = free_port();
        let settings = format!(
            "configdirectory: {path}/conf\npartition-default: {path}/spool\n\
             defaultpartition: default\ncyrus_user: {user}\nservername: localhost\n\
             allowplaintext: yes\nsasl_pwcheck_method: alwaystrue\nsasl_mech_list: PLAIN\n\
             altnamespace: no\nunixhierarchysep: no\nvirtdomains: off\nautocreate_quota: 0\n\
             imapidlepoll: 1\nidlesocket: {path}/sock/idle\nlmtpsocket: {path}/sock/lmtp\n\
             notifysocket: {path}/sock/notify\n"
        );
        fs::write(at("imapd.conf"), settings).unwrap();
        let service = format!(
            "START {{\n}}\nSERVICES {{\n imap cmd=\"{} -C {path}/imapd.conf\" \
             listen=\"127.0.0.1:{port}\" prefork=0\n}}\nEVENTS {{\n}}\n",
            imapd.display()
        );
        fs::write(at("cyrus.conf"), service).unwrap();
        said(Command::new("chown").arg("-R").arg(&user).arg(dir.path()));
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM"])
            .arg(&master)
            .args(["-D", "-C", "imapd.conf", "-M", "cyrus.conf", "-p", "pid"])
            .current_dir(dir.path())
            .stdout(Stdio::null());
        if let Some(unpacked) = unpacked {
            let mut libraries = BTreeSet::new();
            folders_of_libraries(&unpacked, &mut libraries);
            let libraries: Vec<String> = libraries.into_iter().collect();
            command.env("LD_LIBRARY_PATH", libraries.join(":"));
        }
        let child = command.spawn().unwrap();
        let server = Self {
            _dir: dir,
            child,
            port,
        };
        let limit = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < limit, "Cyrus does not answer");
            std::thread::sleep(Duration::from_millis(30));
        }
        Some(server)
    }

    fn account(&self) -> Account {
        Account {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            security: Security::None,
            trust: Trust::System,
            username: "helpdesk".to_owned(),
            password: Secret::new("any".to_owned()),
            timeout: Duration::from_secs(20),
        }
    }

    /// Puts a message into the inbox, as a mail program would.
    fn append(&self, octets: &[u8]) {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let say = |octets: &[u8]| (&stream).write_all(octets).unwrap();
        say(b"a LOGIN helpdesk any\r\n");
        say(format!("b APPEND INBOX {{{}+}}\r\n", octets.len()).as_bytes());
        say(octets);
        say(b"\r\nc LOGOUT\r\n");
        let appended = lines.any(|l| l.is_ok_and(|l| l.starts_with("b OK")));
        assert!(appended, "not appended");
    }
}

impl Drop for Cyrus {
    fn drop(&mut self) {
        // It ends its children.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        let _ = self.child.wait();
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn folders_of_libraries(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().filter_map(Result::ok) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            folders_of_libraries(&path, into);
        } else if entry.file_name().to_string_lossy().contains(".so") {
            into.insert(folder.display().to_string());
        }
    }
}

#[test]
fn cyrus_lists_fetches_archives_below_its_prefix_and_idles() {
    let Some(server) = Cyrus::start() else {
        eprintln!(
            "SKIPPED: no Cyrus here: install cyrus-imapd, or unpack it with its libraries (dpkg -x) and \
             name the folder in POSTERN_CYRUS"
        );
        return;
    };
    let octets = message(1, 4000);
    server.append(&octets);
    let account = server.account();
    let wanted = Wanted::Named("Erledigt/Übrig 2026".to_owned());
    let (found, steps) = probed(&account, &wanted, None);
    assert!(found.passed, "{steps:#?}");
    assert_eq!(found.unread, Some(1));
    let named = steps.iter().any(|s| {
        s.what == What::SignIn
            && matches!(&s.outcome, Outcome::Ok { said } if said.contains("calls itself Cyrus"))
    });
    assert!(named, "{steps:#?}");

    let work = async {
        let session = inbox(&account).await?;
        let (session, listed) = session.list(Pass::whole(None)).await?;
        let (session, looked) = session.look(&listed.uids).await?;
        assert_eq!(looked.items.len(), 1);
        assert_eq!(
            (looked.items[0].size, looked.items[0].seen),
            (octets.len() as u64, false)
        );
        let (session, messages) = session.fetch(&listed.uids, 1 << 20).await?;
        assert_eq!(messages, [(listed.uids[0], octets.clone())]);
        let (session, folder) = session.archive_folder(&wanted, true).await?;
        let folder = folder.expect("a folder");
        assert_eq!(folder.name, "INBOX.Erledigt.Übrig 2026");
        assert!(folder.created);
        let (session, archived) = session.archive(&listed.uids, &folder, How::Move).await?;
        assert_eq!(archived.moved.len(), 1, "{archived:?}");
        assert!(archived.left.is_empty() && archived.uid_validity.is_some());
        let (session, listed) = session.list(Pass::whole(None)).await?;
        assert!(listed.uids.is_empty());
        let delivery = std::thread::scope(|scope| {
            scope.spawn(|| server.append(&message(2, 400)));
            let patience = Duration::from_secs(90);
            smol::block_on(session.watch(patience, std::future::pending()))
        });
        let (session, news) = delivery?;
        assert_eq!(news, News::Something);
        let (session, _) = session.open(&folder.name, Access::Look).await?;
        let (session, looked) = session.look(&[archived.moved[0].1]).await?;
        assert!(looked.items[0].seen, "archived messages are read");
        session.logout().await;
        Ok::<_, Fault>(())
    };
    smol::block_on(work).expect("no fault");
}
