//! The programs that are measured, each started afresh for each run.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ground::{self, Ground, Template};
use super::process::{Log, Process, Taken};
use super::Plan;
use crate::imap::Security;
use crate::{people, Failure, Outcome, While};

/// The token as well as the password, so that the order of the questions doesn't matter.
const SECRET: &str = ground::PASSWORD;

/// Where the programs are, and the sizes they are told.
pub struct Programs<'a> {
    plan: &'a Plan,
    folder: PathBuf,
}

impl<'a> Programs<'a> {
    /// Looks for them beside this program.
    pub fn find(plan: &'a Plan) -> Outcome<Programs<'a>> {
        let own = std::env::current_exe().during("finding the programs")?;
        let beside = own.parent().unwrap_or(Path::new(".")).to_owned();
        let folder = plan.programs.clone().unwrap_or(beside);
        for program in ["postern", "yard-bare", "standin"] {
            if !folder.join(program).exists() {
                return Err(Failure::new(format!(
                    "there is no {program} in {}: build it first",
                    folder.display()
                )));
            }
        }
        Ok(Programs { plan, folder })
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        // A shell that names one file of authorities costs each TLS connection the reading of all of
        // them (measured: 50 ms and 3 MiB); a service has no such shell around it.
        command
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR");
        command
    }

    fn bare_command(
        &self,
        ground: &Ground,
        user: &str,
        security: Security,
        (batch, octets): (usize, u64),
    ) -> Command {
        let plan = self.plan;
        let target = ground.target(user, security);
        let mut command = self.program("yard-bare");
        command
            .args(["--host", &target.host, "--user", &target.user])
            .args(["--password", &target.password])
            .args(["--port", &target.port.to_string()])
            .args(["--security", word(security)])
            .arg("--ca")
            .arg(&ground.address.ca)
            .args(["--batch", &batch.to_string()])
            .args(["--batch-octets", &octets.to_string()])
            .args(["--large", &plan.large.to_string()])
            .args(["--move-batch", &plan.move_batch.to_string()])
            .args(["--inflight", &plan.inflight.to_string()]);
        command
    }

    /// Fetches everything to nowhere.
    pub fn raw(&self, ground: &Ground, user: &str, security: Security) -> Outcome<Taken> {
        // Nothing is to be kept here, so batches are as large as is good for speed.
        let mut command = self.bare_command(ground, user, security, (500, 8 << 20));
        command.arg("--raw");
        measured(&mut command, &ground.dir().join("raw.log"))
    }

    /// A bare drain.
    pub fn bare(&self, ground: &Ground, user: &str, security: Security) -> Outcome<Taken> {
        self.laden(ground, user, security, 0.0)
    }

    /// A bare drain with so many seconds of processor time spent beside it.
    pub fn laden(
        &self,
        ground: &Ground,
        user: &str,
        security: Security,
        seconds: f64,
    ) -> Outcome<Taken> {
        let file = ground.dir().join("bare.journal");
        let batch = (self.plan.batch, self.plan.batch_octets);
        let mut command = self.bare_command(ground, user, security, batch);
        command
            .args(["--sink", &ground.sink])
            .args(["--laden", &seconds.to_string()])
            .arg("--file")
            .arg(&file);
        let taken = measured(&mut command, &ground.dir().join("bare.log"))?;
        let _ = fs::remove_file(file);
        Ok(taken)
    }

    /// A drain by the appliance into the sink.
    pub fn postern(
        &self,
        ground: &Ground,
        user: &str,
        security: Security,
        template: &Template,
    ) -> Outcome<Taken> {
        let before = ground.counts.seen().posts;
        let url = format!("http://{}", ground.sink);
        let taken = self.drain(ground, user, security, &url)?;
        let posts = ground.counts.seen().posts - before;
        if posts != template.mails as u64 {
            return Err(Failure::new(format!(
                "of {} mails {posts} were posted",
                template.mails
            )));
        }
        Ok(taken)
    }

    /// A drain by the appliance into the stand-in portal.
    pub fn postern_into_standin(
        &self,
        ground: &Ground,
        user: &str,
        template: &Template,
    ) -> Outcome<Taken> {
        let state = ground.dir().join("standin");
        let directory = ground.dir().join("directory.json");
        let people = serde_json::to_vec(&people::directory()).during("the directory")?;
        fs::write(&directory, people).during("writing the directory")?;
        let mut portal = self
            .program("standin")
            .arg("--state")
            .arg(&state)
            .args(["--token", SECRET])
            .arg("--directory")
            .arg(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .during("starting the stand-in portal")?;
        let mut line = String::new();
        if let Some(stdout) = portal.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let url = said["url"].as_str().unwrap_or_default().to_owned();
        let taken = self.drain(ground, user, Security::None, &url);
        let _ = portal.kill();
        let _ = portal.wait();
        let _ = fs::remove_dir_all(&state);
        let _ = template;
        taken
    }

    /// Prepares a fresh store, and times the run alone.
    fn drain(&self, ground: &Ground, user: &str, security: Security, url: &str) -> Outcome<Taken> {
        let store = self.prepare(ground, user, security, url)?;
        let log = ground.dir().join("postern.log");
        let taken = measured(&mut self.run(&store, true), &log);
        fs::remove_dir_all(&store).during("removing the store")?;
        taken
    }

    /// A fresh store, set up for one mailbox and the portal at `url`.
    pub fn prepare(
        &self,
        ground: &Ground,
        user: &str,
        security: Security,
        url: &str,
    ) -> Outcome<PathBuf> {
        let store = ground.dir().join("store");
        if store.exists() {
            fs::remove_dir_all(&store).during("removing the last store")?;
        }
        let target = ground.target(user, security);
        let ca = fs::read_to_string(&ground.address.ca).during("reading the CA")?;
        let settings = ground.dir().join("settings.toml");
        let text = format!(
            "[portal]\nurl = \"{url}\"\n\n[mailbox.support]\nactive = true\nhost = \"{}\"\nport = {}\n\
             security = \"{}\"\nusername = \"{user}\"\narchive_folder = \"Archive\"\n\
             received_after = \"2020-01-01T00:00:00Z\"\nca_pem = \"\"\"\n{ca}\"\"\"\n",
            target.host,
            target.port,
            word(security),
        );
        fs::write(&settings, text).during("writing the settings")?;
        let path = settings.to_string_lossy().into_owned();
        // It asks for both secrets, a line each.
        self.set(&store, &["import", &path, "--yes"])?;
        Ok(store)
    }

    /// The appliance on a prepared store: the service, or until nothing is left to do.
    pub fn run(&self, store: &Path, once: bool) -> Command {
        let mut command = self.program("postern");
        command.arg("--store").arg(store).arg("run");
        command.args(once.then_some("--once"));
        command
    }

    /// Where the appliance's binary is.
    pub fn binary(&self) -> PathBuf {
        self.folder.join("postern")
    }

    /// `postern settings WORDS` on a store.
    pub fn set(&self, store: &Path, words: &[&str]) -> Outcome<()> {
        let doing = format!("postern settings {}", words.join(" "));
        let mut child = self
            .program("postern")
            .arg("--store")
            .arg(store)
            .arg("settings")
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .during(&doing)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that asks nothing closes it unread.
            let _ = stdin.write_all(format!("{SECRET}\n{SECRET}\n").as_bytes());
        }
        let done = child.wait_with_output().during(&doing)?;
        if done.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        Err(Failure::new(format!("{doing}: {said}")))
    }

    /// A copy by mbsync, where it is installed.
    pub fn mbsync(
        &self,
        ground: &Ground,
        user: &str,
        security: Security,
    ) -> Outcome<Option<Taken>> {
        let dir = ground.dir().join("mbsync");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).during("creating mbsync's folder")?;
        let target = ground.target(user, security);
        let (kind, at) = (
            if security == Security::Tls {
                "IMAPS"
            } else {
                "None"
            },
            dir.display(),
        );
        let text = format!(
            "IMAPAccount yard\nHost {}\nPort {}\nUser {user}\nPass {}\nSSLType {kind}\n\
             CertificateFile {}\nAuthMechs LOGIN\n\nIMAPStore far\nAccount yard\n\n\
             MaildirStore near\nPath {at}/\nInbox {at}/INBOX\n\n\
             Channel copy\nFar :far:\nNear :near:\nSync Pull\nCreate Near\nSyncState *\n",
            target.host,
            target.port,
            target.password,
            ground.address.ca.display(),
        );
        let config = dir.join("mbsyncrc");
        fs::write(&config, text).during("writing mbsync's config")?;
        let mut command = Command::new("mbsync");
        command.arg("-q").arg("-c").arg(&config).arg("copy");
        let taken = match measured(&mut command, &ground.dir().join("mbsync.log")) {
            Ok(taken) => Some(taken),
            Err(e) if Command::new("mbsync").arg("--version").output().is_ok() => return Err(e),
            Err(_) => None,
        };
        let _ = fs::remove_dir_all(&dir);
        Ok(taken)
    }
}

fn word(security: Security) -> &'static str {
    match security {
        Security::Tls => "tls",
        Security::Starttls => "starttls",
        Security::None => "none",
    }
}

/// Runs a program to its end; what it says goes to a file.
fn measured(command: &mut Command, log: &Path) -> Outcome<Taken> {
    Process::start(command, Log::File(log))?.wait()
}
