//! The programs that are measured, each started afresh for each run.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ground::{self, Ground, Template};
use super::Plan;
use crate::imap::Security;
use crate::{people, Failure, Outcome, While};

/// How often a program's memory is looked at. The kernel keeps the highest value, so only what a
/// program takes in its last moment can be missed.
const LOOK: Duration = Duration::from_millis(8);
/// The token as well as the password, so that the order of the questions doesn't matter.
const SECRET: &str = ground::PASSWORD;

/// What one run took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Taken {
    /// From the start of the process to its end.
    pub seconds: f64,
    /// Highest resident memory.
    pub peak_rss: u64,
    /// Processor seconds, its own and the kernel's for it.
    pub processor: f64,
}

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
        let file = ground.dir().join("bare.journal");
        let batch = (self.plan.batch, self.plan.batch_octets);
        let mut command = self.bare_command(ground, user, security, batch);
        command
            .args(["--sink", &ground.sink])
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
        let mut command = self.program("postern");
        command.arg("--store").arg(&store).args(["run", "--once"]);
        let log = ground.dir().join("postern.log");
        let taken = measured(&mut command, &log);
        fs::remove_dir_all(&store).during("removing the store")?;
        taken
    }

    fn set(&self, store: &Path, words: &[&str]) -> Outcome<()> {
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
    let name = command.get_program().to_string_lossy().into_owned();
    let said = fs::File::create(log).during(format!("writing {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(said.try_clone().during("the log")?)
        .stderr(said);
    let begun = Instant::now();
    let mut child = command.spawn().during(format!("starting {name}"))?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let stat = PathBuf::from(format!("/proc/{}/stat", child.id()));
    let (ended, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let ticks = AtomicU64::new(0);
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&status).unwrap_or_default();
                peak.fetch_max(highest(&text), Ordering::Relaxed);
                let text = fs::read_to_string(&stat).unwrap_or_default();
                ticks.fetch_max(processor(&text), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        let done = child.wait();
        let seconds = begun.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        done.map(|status| (status, seconds))
    });
    let (status, seconds) = done.during(format!("waiting for {name}"))?;
    if !status.success() {
        let text = fs::read_to_string(log).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(5).collect();
        return Err(Failure::new(format!(
            "{name} ended with {status}: {}",
            last.join(" | ")
        )));
    }
    Ok(Taken {
        seconds,
        peak_rss: peak.into_inner(),
        processor: ticks.into_inner() as f64 / 100.0,
    })
}

fn highest(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// utime and stime of proc(5), fields 14 and 15, in ticks; a hundred are a second.
fn processor(stat: &str) -> u64 {
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let fields = rest.split(' ').skip(11).take(2);
    fields.filter_map(|f| f.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_processor_time_are_read_from_proc() {
        assert_eq!(highest("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n"), 2 << 20);
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 100 0 0 0 40 2 0 0 20 0";
        assert_eq!(processor(stat), 42);
    }
}
