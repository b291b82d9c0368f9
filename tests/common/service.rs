//! A whole installation for one test: mail server, portal, store, and the binary between them;
//! and a hand in the mailbox, for what a person or another program does there.
//!
//! The binary is set up and asked as an operator does it: by its commands.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::{eventually, folder, MailServer, Portal, Postern, PASSWORD, TOKEN, USER};

/// How long anything may take that should take a moment, on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);
/// The cut-off that the sample is made for.
pub const CUTOFF: &str = "2026-01-01T00:00:00Z";

/// Mail server, portal, store, service. The service ends first.
pub struct Site {
    service: Option<Postern>,
    /// The mail server.
    pub mail: MailServer,
    /// The portal.
    pub portal: Portal,
    folder: tempfile::TempDir,
}

impl Site {
    /// All that is needed, nothing set yet.
    pub fn with(mail: &[&str], portal: &[&str]) -> Site {
        Site::around(MailServer::start(mail), portal)
    }

    /// The same around this mail server.
    pub fn around(mail: MailServer, portal: &[&str]) -> Site {
        Site {
            service: None,
            mail,
            portal: Portal::start(portal),
            folder: folder(),
        }
    }

    /// With one active mailbox `support` on a Dovecot with these options.
    #[track_caller]
    pub fn on_dovecot(options: &[&str]) -> Site {
        let site = Site::around(MailServer::dovecot(options), &[]);
        site.import(&site.settings("none", "", ""));
        site
    }

    /// With one active mailbox `support`, over a plain connection.
    pub fn ready() -> Site {
        Site::ready_with(&[], &[], "", "")
    }

    /// The same with options and further settings of mailbox and portal.
    #[track_caller]
    pub fn ready_with(mail: &[&str], portal: &[&str], mailbox: &str, portal_more: &str) -> Site {
        let site = Site::with(mail, portal);
        site.import(&site.settings("none", mailbox, portal_more));
        site
    }

    /// A settings file with one mailbox `support`.
    pub fn settings(&self, security: &str, mailbox: &str, portal: &str) -> String {
        let port = match security {
            "tls" => self.mail.imaps,
            _ => self.mail.imap,
        };
        let ca = std::fs::read_to_string(&self.mail.ca).expect("the server has a CA");
        format!(
            "[portal]\nurl = \"{}\"\n{portal}\n\n[mailbox.support]\nactive = true\n\
             host = \"localhost\"\nport = {port}\nsecurity = \"{security}\"\n\
             username = \"{USER}\"\nreceived_after = \"{CUTOFF}\"\nca_pem = '''\n{ca}'''\n{mailbox}\n",
            self.portal.url
        )
    }

    /// Puts a settings file in force and types the secrets.
    #[track_caller]
    pub fn import(&self, toml: &str) {
        let (code, said) = self.imports(toml);
        assert_eq!(code, 0, "{said}");
    }

    /// Tries to put a settings file in force.
    pub fn imports(&self, toml: &str) -> (i32, String) {
        let file = self.folder.path().join("settings.toml");
        std::fs::write(&file, toml).expect("a file can be written");
        let typed = format!("{PASSWORD}\n{TOKEN}\n");
        let file = file.display().to_string();
        let (code, out, err) = self.command(&["settings", "import", &file, "--yes"], &typed);
        (code, format!("{out}\n{err}"))
    }

    /// The store's folder.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let store = self.store().display().to_string();
        let own = ["--store".to_owned(), store];
        let given = arguments.iter().map(|a| a.to_string());
        own.into_iter().chain(given).collect()
    }

    /// A command to its end: status, standard output, standard error.
    /// Begins a command and hangs up on it after `ms` milliseconds, as a line that drops does.
    #[track_caller]
    pub fn hangs_up(&self, arguments: &[&str], ms: u64) {
        let arguments = self.arguments(arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut asked = Postern::start(self.folder.path(), &arguments, &[]);
        std::thread::sleep(std::time::Duration::from_millis(ms));
        assert!(asked.runs(), "it was done before the line dropped");
        asked.kill();
    }

    pub fn command(&self, arguments: &[&str], typed: &str) -> (i32, String, String) {
        let arguments = self.arguments(arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let Output {
            status,
            stdout,
            stderr,
        } = Postern::run_with_input(&arguments, &[], typed);
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    /// A command that must succeed.
    #[track_caller]
    pub fn does(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.command(arguments, "");
        assert_eq!(code, 0, "{arguments:?}\n{out}\n{err}\n{}", self.log());
        out
    }

    /// A command that must fail; gives what it says.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.command(arguments, "");
        assert_eq!(code, 1, "{arguments:?}\n{out}\n{err}");
        format!("{out}\n{err}")
    }

    /// A command's document.
    #[track_caller]
    pub fn asks(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let out = self.does(&all);
        let last = out.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {out}"))
    }

    /// `status --json`.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.asks(&["status"])
    }

    /// How many messages stand at this stage, by the service's own count.
    #[track_caller]
    pub fn count(&self, stage: &str) -> u64 {
        self.status()["counts"][stage].as_u64().expect("a count")
    }

    /// What `held list` or `queue list` shows.
    #[track_caller]
    pub fn list(&self, what: &str) -> Vec<Value> {
        let listed = self.asks(&[what, "list", "--limit", "500"]);
        listed["items"].as_array().cloned().expect("a list")
    }

    /// The key of the one message in a list whose subject contains this.
    #[track_caller]
    pub fn key(&self, what: &str, subject: &str) -> String {
        let listed = self.list(what);
        let found = listed.iter().find(|l| text(l, "subject").contains(subject));
        let found = found.unwrap_or_else(|| panic!("no {subject} in {listed:?}"));
        text(found, "key").to_owned()
    }

    /// Drains and exits; gives the exit code and everything that was said.
    pub fn once(&self) -> (i32, String) {
        let (code, out, err) = self.command(&["run", "--once"], "");
        (code, format!("{out}\n{err}"))
    }

    /// Drains, which must leave nothing behind.
    #[track_caller]
    pub fn drains(&self) -> String {
        let (code, said) = self.once();
        assert_eq!(code, 0, "{said}");
        said
    }

    /// Starts the service and waits until it answers.
    #[track_caller]
    pub fn start(&mut self) {
        self.start_flipped("");
    }

    /// Starts the service with these test-only switches flipped.
    #[track_caller]
    pub fn start_flipped(&mut self, switches: &str) {
        let arguments = self.arguments(&["run"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let logs = self.folder.path().join("logs");
        std::fs::create_dir_all(&logs).expect("a folder for logs");
        self.service = Some(Postern::start(
            &logs,
            &arguments,
            &[
                ("RUST_LOG", "info,postern::engine::archive=debug"),
                ("POSTERN_SWITCH", switches),
            ],
        ));
        let store = self.store();
        eventually("the control socket is there", SOON, || {
            std::os::unix::net::UnixStream::connect(store.join("control.sock")).is_ok()
        });
    }

    /// Starts it, and waits until it has read the portal's directory: whatever comes before may be
    /// held for want of it.
    #[track_caller]
    pub fn start_read(&mut self) {
        self.start();
        self.until_read();
    }

    /// Waits until the directory is read.
    #[track_caller]
    pub fn until_read(&self) {
        self.until("the directory is read", |s| {
            s.status()["portal"]["directory_read"] == true
        });
    }

    /// Takes the portal away, and waits until a mail that comes then is committed.
    #[track_caller]
    pub fn commit_while_away(&mut self, subject: &str) {
        self.portal.kill();
        self.send(subject);
        self.until("it is committed", |s| s.count("committed") == 1);
    }

    /// Sends a mail whose ticket the portal answers only after `ms` milliseconds, and waits until it is
    /// on its way.
    #[track_caller]
    pub fn sends_slowly(&mut self, subject: &str, ms: u32) {
        self.fault(&format!(
            r#"[{{"route": "ticket", "subject": "{subject}", "action": {{"latency_ms": {ms}}}}}]"#
        ));
        self.send(subject);
        self.until("it is on its way", |s| s.count("committed") == 1);
    }

    /// Stops the service, cleanly.
    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let status = service.stop(SOON);
            assert!(status.success(), "{status}: {}", service.err());
        }
    }

    /// Ends the service without warning.
    pub fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill();
        }
    }

    /// The memory that the service takes now, in KiB.
    #[track_caller]
    pub fn resident_kib(&self) -> u64 {
        self.told_by_the_kernel("VmRSS:")
    }

    /// The most memory that it ever took, in KiB.
    #[track_caller]
    pub fn most_resident_kib(&self) -> u64 {
        self.told_by_the_kernel("VmHWM:")
    }

    #[track_caller]
    fn told_by_the_kernel(&self, name: &str) -> u64 {
        let id = self.service.as_ref().map(Postern::id).expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        let number = line.and_then(|l| l.split_whitespace().next());
        number.and_then(|n| n.parse().ok()).expect("a number")
    }

    /// Stops the service's time, and lets it run on.
    pub fn freeze(&self, frozen: bool) {
        let signal = match frozen {
            true => Signal::STOP,
            false => Signal::CONT,
        };
        if let Some(service) = &self.service {
            service.signal(signal);
        }
    }

    /// Sends the service a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(service) = &self.service {
            service.signal(signal);
        }
    }

    /// Waits until the service has ended by itself, cleanly.
    #[track_caller]
    pub fn ended(&mut self, limit: Duration) {
        let service = self.service.as_mut().expect("it runs");
        let status = service.ended(limit);
        assert!(status.success(), "{status}: {}", service.err());
    }

    /// What the service logged since its last start.
    pub fn log(&self) -> String {
        self.service.as_ref().map(Postern::err).unwrap_or_default()
    }

    /// Waits until it is so, or panics with the log.
    #[track_caller]
    pub fn until(&self, what: &str, so: impl FnMut(&Site) -> bool) {
        self.until_within(SOON, what, so);
    }

    /// The same for what may take longer.
    #[track_caller]
    pub fn until_within(&self, limit: Duration, what: &str, mut so: impl FnMut(&Site) -> bool) {
        let deadline = std::time::Instant::now() + limit;
        while !so(self) {
            if std::time::Instant::now() >= deadline {
                let status = self.command(&["status"], "").1;
                panic!("not in time: {what}\n{status}\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// One mail of a user's of the portal, received now.
    pub fn send(&self, subject: &str) {
        self.mail.fill(&["--send", subject]);
    }

    /// One mail of somebody's, received now.
    pub fn send_from(&self, from: &str, subject: &str) {
        self.mail.fill(&["--send", subject, "--from", from]);
    }

    /// The portal's tickets with this in their subject, as the portal summarises them.
    pub fn tickets(&self, subject: &str) -> Vec<Value> {
        let mut tickets = self.portal.tickets();
        tickets.retain(|t| text(t, "subject").contains(subject));
        tickets
    }

    /// A ticket's whole body.
    pub fn body(&self, ticket: &Value) -> Value {
        let path = format!("/_admin/tickets/{}", text(ticket, "id"));
        self.portal.admin("GET", &path, "")
    }

    /// Rules for what goes wrong at the portal from now on.
    pub fn fault(&self, rules: &str) {
        self.portal.admin("POST", "/_admin/faults", rules);
    }

    /// Nothing goes wrong there any more.
    pub fn no_faults(&self) {
        self.portal.admin("DELETE", "/_admin/faults", "");
    }

    /// The requests that the portal has seen of this route.
    pub fn requests(&self, route: &str) -> Vec<Value> {
        let log = self.portal.admin("GET", "/_admin/log", "");
        let mut requests = log.as_array().cloned().unwrap_or_default();
        requests.retain(|r| r["route"] == route);
        requests
    }

    /// A hand in the mailbox.
    pub fn hand(&self) -> Hand {
        Hand::sign_in(self.mail.imap)
    }

    /// The outside count must be sound and complete within a while.
    #[track_caller]
    pub fn complete(&self) {
        let census = self.mail.census_when_complete(&self.portal, 30);
        let status = self.command(&["status"], "").1;
        assert_eq!(
            census["complete"],
            true,
            "{census}\n{status}\n{}",
            self.log()
        );
    }

    /// The outside count must be sound now, whatever is still to come.
    #[track_caller]
    pub fn sound(&self) -> Value {
        let census = self.mail.census(&self.portal);
        assert_eq!(census["sound"], true, "{census}\n{}", self.log());
        census
    }
}

/// A text of a document; empty when it has none.
pub fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_default()
}

/// A plain IMAP session that reads, flags, moves and appends as told.
pub struct Hand {
    tcp: BufReader<TcpStream>,
    number: u32,
}

impl Hand {
    /// Signs in as the mailbox's user.
    pub fn sign_in(port: u16) -> Hand {
        Hand::sign_in_as(port, USER)
    }

    /// Signs in as another user with the same password.
    pub fn sign_in_as(port: u16, user: &str) -> Hand {
        Hand::let_in(port, user).expect("the server lets it in")
    }

    /// Signs in, if the server lets this user in now.
    pub fn let_in(port: u16, user: &str) -> Option<Hand> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).expect("the mail server listens");
        let mut hand = Hand {
            tcp: BufReader::new(tcp),
            number: 0,
        };
        hand.line();
        let (answer, _) = hand.says(&format!("LOGIN \"{user}\" \"{PASSWORD}\""));
        answer.starts_with("OK").then_some(hand)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.tcp.read_line(&mut line).expect("the server answers");
        assert!(!line.is_empty(), "the mail server hung up");
        line
    }

    /// Sends a command; gives its tagged answer and everything before it.
    pub fn says(&mut self, command: &str) -> (String, String) {
        self.number += 1;
        let tag = format!("h{}", self.number);
        let tcp = self.tcp.get_mut();
        write!(tcp, "{tag} {command}\r\n").expect("the server reads");
        let mut before = String::new();
        loop {
            let line = self.line();
            if let Some(answer) = line.strip_prefix(&format!("{tag} ")) {
                return (answer.to_owned(), before);
            }
            if let Some(size) = line.trim_end().strip_suffix('}') {
                let size = size.rsplit('{').next().and_then(|n| n.parse().ok());
                let mut octets = vec![0; size.unwrap_or(0)];
                self.tcp.read_exact(&mut octets).expect("a literal");
                before.push_str(&String::from_utf8_lossy(&octets));
            }
            before.push_str(&line);
        }
    }

    /// Sends a command that must succeed; gives what came before its tagged answer.
    #[track_caller]
    pub fn does(&mut self, command: &str) -> String {
        let (answer, before) = self.says(command);
        assert!(answer.starts_with("OK"), "{command}: {answer}");
        before
    }

    /// Puts a message into a folder.
    #[track_caller]
    pub fn append(&mut self, folder: &str, flags: &str, octets: &[u8]) {
        let size = octets.len();
        self.number += 1;
        let tag = format!("h{}", self.number);
        let tcp = self.tcp.get_mut();
        write!(tcp, "{tag} APPEND {folder} ({flags}) {{{size}+}}\r\n").expect("the server reads");
        tcp.write_all(octets).expect("the server reads");
        tcp.write_all(b"\r\n").expect("the server reads");
        loop {
            let line = self.line();
            if let Some(answer) = line.strip_prefix(&format!("{tag} ")) {
                assert!(answer.starts_with("OK"), "{answer}");
                return;
            }
        }
    }

    /// UIDs that a search finds in a folder.
    pub fn search(&mut self, folder: &str, criteria: &str) -> Vec<u32> {
        self.does(&format!("SELECT {folder}"));
        let found = self.does(&format!("UID SEARCH {criteria}"));
        let line = found.lines().find_map(|l| l.strip_prefix("* SEARCH"));
        let numbers = line.unwrap_or_default().split_whitespace();
        numbers.filter_map(|n| n.parse().ok()).collect()
    }
}

/// A plain message of a user's of the portal.
pub fn message(id: &str, subject: &str) -> Vec<u8> {
    format!(
        "From: Priya Raman <priya.raman@northgate-dental.example>\r\nTo: {USER}\r\n\
         Subject: {subject}\r\nMessage-ID: <{id}@yard.example>\r\n\
         Date: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\n{subject}, again.\r\n"
    )
    .into_bytes()
}
