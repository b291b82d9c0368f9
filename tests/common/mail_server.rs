//! The mail server of a test: a Dovecot, or another real one that the same tests run on.
//!
//! Which one is said in one place, the environment: `POSTERN_TEST_SERVER=cyrus` (see [`chosen`]). The
//! yard's programs give all of them the same face, so that a test asks for what it needs
//! (`--without MOVE`) and not for a server. What only a Dovecot can play starts with
//! [`MailServer::dovecot`]; such tests of `end_to_end` stand in its module `dovecot`, with the reason.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::scene::skipped;
use super::{first_line, folder, json, leashed, output, tool, Portal, PASSWORD, USER};

const DOVECOT: &str = "yard-dovecot";
const CYRUS: &str = "yard-cyrus";

/// The program that keeps the server which this run is on.
fn chosen() -> &'static str {
    let asked = std::env::var("POSTERN_TEST_SERVER").unwrap_or_default();
    let keeper = match asked.as_str() {
        "" | "dovecot" => return DOVECOT,
        "cyrus" => CYRUS,
        other => panic!("POSTERN_TEST_SERVER is dovecot or cyrus, not {other}"),
    };
    eprintln!("*** this test runs on {asked}");
    keeper
}

/// A mail server of the test's own.
pub struct MailServer {
    program: &'static str,
    child: Child,
    stdout: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    /// Plain listener with STARTTLS.
    pub imap: u16,
    /// TLS listener.
    pub imaps: u16,
    /// The CA's certificate, PEM.
    pub ca: PathBuf,
    /// Who was let in and who was not, since it was started; what else there is, is the server's.
    pub log: PathBuf,
    /// As whom the outside programs sign in.
    pub outsider: &'static str,
}

impl MailServer {
    /// Starts the one that was chosen, with options that all have.
    pub fn start(options: &[&str]) -> MailServer {
        MailServer::of(chosen(), options)
    }

    /// Starts a Dovecot, with the options of `yard-dovecot`.
    pub fn dovecot(options: &[&str]) -> MailServer {
        MailServer::of(DOVECOT, options)
    }

    /// Starts a Cyrus, with the options of `yard-cyrus`, where there is one.
    pub fn cyrus(options: &[&str]) -> Option<MailServer> {
        let mut look = Command::new(tool(CYRUS));
        let looked = output(look.arg("--look"), CYRUS);
        if !looked.status.success() {
            let why = String::from_utf8_lossy(&looked.stderr);
            skipped("Cyrus as the mail server", why.trim());
            return None;
        }
        Some(MailServer::of(CYRUS, options))
    }

    fn of(program: &'static str, options: &[&str]) -> MailServer {
        let folder = folder();
        let (child, mut stdout) = keeper(program, folder.path(), options);
        let said = first_line(&mut stdout, program);
        let port = |name: &str| said[name].as_u64().expect("a port") as u16;
        let path = |name: &str| PathBuf::from(said[name].as_str().expect("a path"));
        let (imap, imaps, ca, log) = (port("imap"), port("imaps"), path("ca"), path("log"));
        MailServer {
            program,
            child,
            stdout,
            folder,
            imap,
            imaps,
            ca,
            log,
            outsider: USER,
        }
    }

    /// Stops the server; its mail stays.
    pub fn stop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }

    /// Starts it again, stopped before, on the same ports and mail, with other options if wanted.
    pub fn start_again(&mut self, options: &[&str]) {
        self.stop();
        let (imap, imaps) = (self.imap.to_string(), self.imaps.to_string());
        let mut all = vec!["--imap-port", &imap, "--imaps-port", &imaps];
        all.extend(options);
        let (child, mut stdout) = keeper(self.program, self.folder.path(), &all);
        first_line(&mut stdout, self.program);
        self.child = child;
        self.stdout = stdout;
    }

    /// The folder of the server.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where `yard-fill` writes what it put in.
    pub fn manifest(&self) -> PathBuf {
        self.folder.path().join("manifest.json")
    }

    /// Puts mail into the mailbox, with the options of `yard-fill`, and adds to the manifest.
    pub fn fill(&self, options: &[&str]) -> Value {
        let mut command = self.at_mailbox("yard-fill");
        command.arg("--manifest").arg(self.manifest()).args(options);
        let output = output(&mut command, "yard-fill");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        json(&output, "yard-fill")
    }

    /// The outside count of mailbox and portal against the manifest.
    pub fn census(&self, portal: &Portal) -> Value {
        self.census_with(portal, &[])
    }

    /// The outside count, looked at again until complete or the time is over.
    pub fn census_when_complete(&self, portal: &Portal, seconds: u64) -> Value {
        self.census_with(portal, &["--wait", &seconds.to_string()])
    }

    /// The outside count with further options of `yard-census`.
    pub fn census_with(&self, portal: &Portal, options: &[&str]) -> Value {
        let mut command = self.at_mailbox("yard-census");
        if self.manifest().exists() {
            command.arg("--manifest").arg(self.manifest());
        }
        command.args(["--portal", &portal.address]).args(options);
        json(&output(&mut command, "yard-census"), "yard-census")
    }

    /// The messages on the server, one object each: folder, seen, message_id, yard_id, sha256.
    pub fn messages(&self) -> Vec<Value> {
        let output = output(self.at_mailbox("yard-census").arg("--list"), "yard-census");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text
            .lines()
            .filter_map(|l| serde_json::from_str::<Value>(l).ok());
        lines.filter(|v| v.get("folder").is_some()).collect()
    }

    fn at_mailbox(&self, program: &str) -> Command {
        let mut command = leashed(&tool(program));
        command.args([
            "--port",
            &self.imap.to_string(),
            "--user",
            self.outsider,
            "--password",
            PASSWORD,
        ]);
        command
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn keeper(
    program: &'static str,
    folder: &Path,
    options: &[&str],
) -> (Child, BufReader<ChildStdout>) {
    let user = format!("{USER}:{PASSWORD}");
    let mut command = Command::new(tool(program));
    command
        .arg("--dir")
        .arg(folder)
        .args(["--user", &user, "--until-eof"])
        .args(options);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} can not be started: {e}"));
    let stdout = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    (child, stdout)
}
