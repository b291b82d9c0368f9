//! Where the drains take place: one Dovecot, one sink, and a fresh mailbox for each run.
//!
//! A mailbox is filled once, by APPEND, and that user's folder is the template. A second Dovecot
//! fills it, one that never syncs, and the folder then moves to the first: a sync for each of a
//! hundred thousand mails would take longer than all that is measured. Each run gets a user of its
//! own with a copy: the messages as hard links (sdbox never writes to one again), the
//! indexes as copies. So no run waits for what the server still does about the one before, and
//! none finds the traces of another.

use std::cell::Cell;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use crate::bulk::{self, Size};
use crate::dovecot;
use crate::fill;
use crate::imap::{Imap, Security, Target};
use crate::server::{self, Address};
use crate::sink::{serve, Counts, Documents};
use crate::{sample, Failure, Outcome, While};

/// Users that the server knows; each run takes the next.
const USERS: usize = 400;
/// Folders of the server that is drained, and of the one that fills.
const SERVER: &str = "server";
const FILLER: &str = "filler";
/// Everybody's password.
pub const PASSWORD: &str = "yard-secret";

/// Server and sink.
pub struct Ground {
    dir: PathBuf,
    server: Child,
    filler: Child,
    fills_at: Address,
    /// Where the server is.
    pub address: Address,
    next: Cell<usize>,
    /// HOST:PORT of the sink.
    pub sink: String,
    /// What the sink has seen.
    pub counts: Arc<Counts>,
}

/// A filled mailbox to be copied.
pub struct Template {
    /// Its user.
    pub user: String,
    /// Its mails.
    pub mails: usize,
    /// Their octets.
    pub octets: u64,
}

impl Ground {
    /// Starts server and sink.
    pub fn set_up(dir: &Path) -> Outcome<Ground> {
        fs::create_dir_all(dir).during(format!("creating {}", dir.display()))?;
        let (server, address) = start(dir, SERVER, "optimized")?;
        let (filler, fills_at) = start(dir, FILLER, "never")?;
        let listener = TcpListener::bind("127.0.0.1:0").during("listening")?;
        let sink = listener.local_addr().during("listening")?.to_string();
        let counts = Arc::new(Counts::default());
        let documents = Documents::usual();
        let seen = counts.clone();
        std::thread::spawn(move || serve(&listener, documents, &seen));
        Ok(Ground {
            dir: dir.to_owned(),
            server,
            filler,
            fills_at,
            address,
            next: Cell::new(0),
            sink,
            counts,
        })
    }

    /// Folder for what a run leaves.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The next user, with an empty mailbox.
    pub fn user(&self) -> String {
        let number = self.next.get();
        self.next.set(number + 1);
        name(number)
    }

    /// How to sign in as a user.
    pub fn target(&self, user: &str, security: Security) -> Target {
        target(&self.address, user, security)
    }

    /// What an empty mailbox holds.
    pub fn empty(&self) -> Template {
        Template {
            user: String::new(),
            mails: 0,
            octets: 0,
        }
    }

    /// Fills the next user's mailbox.
    pub fn template(&self, series: &str, parts: &[(usize, Size)]) -> Outcome<Template> {
        self.fill(self.user(), series, parts)
    }

    /// Fills a user's mailbox.
    pub fn fill(&self, user: String, series: &str, parts: &[(usize, Size)]) -> Outcome<Template> {
        let mut imap = Imap::sign_in(&target(&self.fills_at, &user, Security::None))?;
        let mut first = 0;
        let mut template = Template {
            user,
            mails: 0,
            octets: 0,
        };
        for (count, size) in parts {
            // So far apart that nobody writes a storm.
            let received = |n: usize| sample::MONDAY + 10 * n as i64;
            let mails =
                (first..first + count).map(|n| bulk::mail(series, 1, n, *size, received(n)));
            let (mails, octets) = fill::append(&mut imap, "INBOX", mails, |_| ())?;
            first += count;
            template.mails += mails;
            template.octets += octets as u64;
        }
        imap.command("LOGOUT")?;
        // The server writes its index back after the goodbye.
        std::thread::sleep(Duration::from_millis(500));
        let (from, to) = (
            self.dir.join(FILLER).join("mail"),
            self.mail(&template.user),
        );
        self.clear(&template.user)?;
        fs::rename(from.join(&template.user), to).during("moving the mailbox to its server")?;
        self.settle(&template.user)?;
        Ok(template)
    }

    /// What was written must not fall on whoever drains it.
    fn settle(&self, user: &str) -> Outcome<()> {
        let dir = fs::File::open(self.mail(user)).during("opening the mailbox's folder")?;
        rustix::fs::syncfs(&dir).during("syncing the mailbox")
    }

    fn mail(&self, user: &str) -> PathBuf {
        self.dir.join(SERVER).join("mail").join(user)
    }

    /// A copy of a template for one run.
    pub fn lay_out(&self, template: &Template) -> Outcome<String> {
        let user = self.user();
        copy(&self.mail(&template.user), &self.mail(&user))?;
        self.settle(&user)?;
        Ok(user)
    }

    /// Removes a user's mailbox.
    pub fn clear(&self, user: &str) -> Outcome<()> {
        match fs::remove_dir_all(self.mail(user)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(e).during(format!("removing the mailbox of {user}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether everything of a template went from the inbox to the archive.
    pub fn check(&self, user: &str, template: &Template) -> Outcome<()> {
        let mut imap = Imap::sign_in(&self.target(user, Security::None))?;
        let mut counts = Vec::new();
        for folder in ["INBOX", "Archive"] {
            let said = imap.command(&format!("STATUS {folder} (MESSAGES)"))?;
            let count = said.iter().find_map(|line| {
                let rest = line.split("(MESSAGES ").nth(1)?;
                rest.trim_end_matches(')').parse::<usize>().ok()
            });
            counts.push(count.unwrap_or(0));
        }
        if counts == [0, template.mails] {
            return Ok(());
        }
        Err(Failure::new(format!(
            "of {} mails {} are left in the inbox and {} are in the archive",
            template.mails, counts[0], counts[1]
        )))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // What can't be stopped ends with us all the same: its starter's death ends it.
        for (folder, server) in [(SERVER, &mut self.server), (FILLER, &mut self.filler)] {
            let _ = dovecot::stop(&self.dir.join(folder));
            let _ = server.wait();
        }
    }
}

fn start(dir: &Path, folder: &str, fsync: &str) -> Outcome<(Child, Address)> {
    let plan = dovecot::Plan {
        server: server::Options {
            dir: dir.join(folder),
            users: (0..USERS)
                .map(|n| format!("{}:{PASSWORD}", name(n)))
                .collect(),
            without: Vec::new(),
            tls_only: false,
            inbox_prefix: None,
            extra: Vec::new(),
            imap_port: 0,
            imaps_port: 0,
        },
        format: dovecot::Format::Sdbox,
        shared: false,
        special_use: false,
        fsync: fsync.into(),
    };
    // What a run that was cut off has left there.
    match fs::remove_dir_all(plan.server.dir.join("mail")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).during("removing the mailboxes of an earlier run");
        }
        _ => {}
    }
    dovecot::start(&plan)
}

fn target(address: &Address, user: &str, security: Security) -> Target {
    Target {
        host: address.host.clone(),
        port: match security {
            Security::Tls => address.imaps,
            Security::Starttls | Security::None => address.imap,
        },
        security,
        ca: Some(address.ca.clone()),
        user: user.to_owned(),
        password: PASSWORD.to_owned(),
    }
}

fn name(number: usize) -> String {
    format!("desk{number}@yard.example")
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    let doing = format!("copying {}", from.display());
    fs::create_dir(to).during(&doing)?;
    let like = fs::metadata(from).during(&doing)?;
    own(to, &like)?;
    for entry in fs::read_dir(from).during(&doing)? {
        let entry = entry.during(&doing)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().during(&doing)?;
        if kind.is_dir() {
            copy(&source, &target)?;
        } else if entry.file_name().as_encoded_bytes().starts_with(b"u.") {
            fs::hard_link(&source, &target).during(&doing)?;
        } else {
            fs::copy(&source, &target).during(&doing)?;
            own(&target, &entry.metadata().during(&doing)?)?;
        }
    }
    Ok(())
}

fn own(path: &Path, like: &fs::Metadata) -> Outcome<()> {
    std::os::unix::fs::chown(path, Some(like.uid()), Some(like.gid()))
        .during(format!("giving {} its owner", path.display()))
}
