//! A service in memory: enough of one to see what commands, socket and dispatcher make of it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use postern::control::{
    serve, Answer, Applied, Asked, Caller, Candidate, Compare, Comparison, DirectoryPage, Ended,
    Event, Explanation, Kind, LeftBehind, Life, LifeLine, Limits, Lines, Listed, Matches,
    MessageLine, Octets, Outcome, Owner, Page, Preview, Refusal, Service, Status, Story, Tested,
    Together, Tried, TriedRule,
};
use postern::passage::MailboxId;
use postern::settings::{
    open, seal, History, Lock, SealKey, Sealed, Settings, Zones, NONCE_LENGTH,
};
use postern::ticket::Reason;
use postern::world::socket::Listener;
use postern::world::{zones, Certificate, Secret, Wall, World};

/// The password that the fake's mail server takes.
pub const RIGHT: &str = "open sesame";

/// Set when an endless `follow` was dropped.
pub static ENDLESS_ENDED: AtomicBool = AtomicBool::new(false);

pub struct Fake {
    history: RefCell<History>,
    nonce: RefCell<u8>,
}

impl Fake {
    fn new() -> Self {
        Self {
            history: RefCell::new(History::default()),
            nonce: RefCell::new(0),
        }
    }

    fn key() -> SealKey {
        SealKey::new([7; 32])
    }
}

fn line(number: u32) -> MessageLine {
    MessageLine {
        key: format!("{number:08x}"),
        mailbox: "support".to_owned(),
        stage: "held".to_owned(),
        reason: Some("unknown-sender".to_owned()),
        from: "evil\u{1b}[31m@example.com".to_owned(),
        subject: "one\r\ntwo \u{202e}three".to_owned(),
        ..MessageLine::default()
    }
}

/// What the fake's servers show.
pub fn shown() -> Certificate {
    Certificate {
        sha256: [0xab; 32],
        names: vec!["mail.example.com".to_owned()],
        subject: "CN=mail.example.com".to_owned(),
        issuer: "CN=somebody".to_owned(),
        self_signed: false,
        weak: false,
        not_before: Wall(1_700_000_000_000),
        not_after: Wall(1_900_000_000_000),
    }
}

impl Service for Fake {
    fn now(&self) -> Wall {
        Wall(1_800_000_000_000)
    }

    fn with_zones<R>(&self, work: impl FnOnce(&Zones) -> R) -> R {
        work(&Zones {
            named: &zones::named,
            system: zones::system(),
        })
    }

    async fn status(&self) -> Result<Status, Refusal> {
        Ok(Status {
            version: "0".to_owned(),
            running: true,
            revision: self.history.borrow().number(),
            alarms: vec!["the portal is away".to_owned()],
            ..Status::default()
        })
    }

    async fn queue(&self, _: &Page) -> Result<Listed<MessageLine>, Refusal> {
        Ok(Listed::default())
    }

    async fn held(&self, page: &Page) -> Result<Listed<MessageLine>, Refusal> {
        let from = page
            .after
            .as_deref()
            .and_then(|a| a.parse().ok())
            .unwrap_or(0);
        let limit = page.limit.unwrap_or(50).min(200);
        let to = (from + limit).min(120);
        Ok(Listed {
            items: (from..to).map(line).collect(),
            next: (to < 120).then(|| to.to_string()),
            total: Some(120),
        })
    }

    async fn message(&self, key: &str) -> Result<Story, Refusal> {
        match key {
            "00000001" => Ok(Story {
                line: line(1),
                whole_key: "00000001".repeat(8),
                ..Story::default()
            }),
            _ => Err(Refusal::new(
                Kind::Absent,
                format!("no message has the key {key}"),
            )),
        }
    }

    async fn life(&self, key: &str, lines: &Lines) -> Result<Life, Refusal> {
        let story = self.message(key).await?;
        let progress = Event::Progress {
            what: "journal".to_owned(),
            done_bytes: 1,
            of_bytes: 2,
        };
        lines.say(progress).await;
        Ok(Life {
            line: story.line,
            whole_key: story.whole_key,
            events: vec![LifeLine {
                event: "fetched".to_owned(),
                said: "from evil\u{1b}[31m".to_owned(),
                ..LifeLine::default()
            }],
            ..Life::default()
        })
    }

    /// So many messages have it as it begins with.
    async fn seek(&self, id: &str, _: &Lines) -> Result<Matches, Refusal> {
        let count = id.chars().next().and_then(|c| c.to_digit(10)).unwrap_or(0);
        Ok(Matches {
            message_id: id.to_owned(),
            items: (1..=count).map(line).collect(),
            not_kept: 7,
            known: 9,
            remarks: vec!["of 7 of 9".to_owned()],
        })
    }

    async fn newest(
        &self,
        reasons: &[Reason],
        limit: usize,
    ) -> Result<Listed<MessageLine>, Refusal> {
        Ok(Listed {
            items: (0..reasons.len() as u32).map(line).take(limit).collect(),
            next: None,
            total: Some(reasons.len() as u64),
        })
    }

    async fn retry(&self, key: &str) -> Result<String, Refusal> {
        Ok(format!("{key} is tried again"))
    }

    async fn retry_all(&self) -> Result<u64, Refusal> {
        Ok(0)
    }

    async fn export(&self, key: Option<&str>, lines: &Lines) -> Result<u64, Refusal> {
        let Some(key) = key else { return Ok(0) };
        let octets = vec![b'x'; 3 << 20];
        lines
            .say(Event::Export {
                key: key.to_owned(),
                octets: octets.len() as u64,
                ticket: "{}".to_owned(),
            })
            .await;
        // It breaks off in the middle.
        let most = match key {
            "00000bad" => 10,
            _ => usize::MAX,
        };
        for slice in octets.chunks(40_000).take(most) {
            let octets = Octets(slice.to_vec());
            lines.say(Event::Slice { octets }).await;
            if key.contains("e4d1e55") {
                std::future::pending::<()>().await;
            }
        }
        match key {
            "00000bad" => Err(Refusal::new(Kind::Failed, "the disk failed")),
            _ => Ok(1),
        }
    }

    async fn convert(&self, _: &Caller, key: &str, _: bool) -> Result<String, Refusal> {
        let found = self.message(key).await;
        found.map(|_| "the message becomes a ticket".to_owned())
    }

    async fn together(&self, _: &Caller, asked: &Together) -> Result<Answer, Refusal> {
        let (said, count) = ("2 messages are made tickets".to_owned(), 2);
        Ok(match asked.yes {
            true => Answer::Done { said, count },
            false => Answer::Ask {
                changes: Vec::new(),
                warnings: Vec::new(),
                previews: Vec::new(),
                notes: vec!["2 messages would be made tickets.".to_owned()],
            },
        })
    }

    async fn dismiss(&self, _: &Caller, key: &str, _: &str) -> Result<String, Refusal> {
        let found = self.message(key).await;
        found.map(|_| "the message is archived without a ticket".to_owned())
    }

    async fn explain(&self, _: &Asked) -> Result<Explanation, Refusal> {
        Err(Refusal::new(Kind::Failed, "nothing is explained here"))
    }

    async fn compare(&self, _: &Compare) -> Result<Comparison, Refusal> {
        Err(Refusal::new(Kind::Failed, "nothing is compared here"))
    }

    async fn directory(&self, _: &Page) -> Result<DirectoryPage, Refusal> {
        Ok(DirectoryPage::default())
    }

    async fn sync(&self) -> Result<u64, Refusal> {
        Ok(3)
    }

    fn history(&self) -> History {
        self.history.borrow().clone()
    }

    fn seal(&self, label: &str, secret: &Secret) -> Result<Sealed, Refusal> {
        *self.nonce.borrow_mut() += 1;
        let nonce = [*self.nonce.borrow(); NONCE_LENGTH];
        Ok(seal(&Self::key(), nonce, label, secret))
    }

    fn unseal(&self, label: &str, sealed: &Sealed) -> Result<Secret, Refusal> {
        Ok(open(&Self::key(), label, sealed)?)
    }

    fn reply_secrets(&self) -> Secret {
        Secret::new("a".repeat(52))
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        World::real().entropy.octets()
    }

    async fn derive(&self, lock: &Lock, passphrase: Secret) -> Result<SealKey, Refusal> {
        Ok(lock.key(&passphrase)?)
    }

    fn pair(&self, _: &Settings) -> Result<(), Refusal> {
        Ok(())
    }

    async fn apply(&self, candidate: Candidate) -> Result<Applied, Refusal> {
        let mut history = self.history.borrow_mut();
        if candidate.base != history.number() {
            return Err(Refusal::new(Kind::Conflict, "somebody was faster"));
        }
        let Candidate {
            settings,
            author,
            note,
            limit_ms,
            ..
        } = candidate;
        let revision = history.next(settings, self.now(), &author, &note, limit_ms)?;
        history.add(revision);
        Ok(Applied {
            revision: history.number(),
            waits_until: history.waits_until(),
            notes: Vec::new(),
        })
    }

    async fn confirm(&self) -> Result<u64, Refusal> {
        let mut history = self.history.borrow_mut();
        let number = history.confirming()?.number;
        history.confirmed(number);
        Ok(number)
    }

    async fn undo(&self) -> Result<Option<u64>, Refusal> {
        Ok(self.history.borrow_mut().undo())
    }

    async fn try_secret(&self, settings: &Settings, key: &str) -> Result<(), Refusal> {
        let Some(mailbox) = settings.mailboxes.iter().find(|m| key.contains(&m.name)) else {
            return Ok(());
        };
        let sealed = mailbox.password.as_ref().expect("just set");
        let secret = open(&Self::key(), &mailbox.password_label(), sealed)?;
        match secret.reveal() == RIGHT {
            true => Ok(()),
            false => Err(Refusal::new(
                Kind::Failed,
                "the mail server refuses the password: the old one stays",
            )),
        }
    }

    /// A server that is away, or one and the same certificate.
    async fn certificate(
        &self,
        settings: &Settings,
        id: Option<MailboxId>,
    ) -> Result<Certificate, Refusal> {
        let mailbox = id.and_then(|id| settings.mailbox_by_id(id));
        match mailbox.is_some_and(|m| m.host.starts_with("away")) {
            true => Err(Refusal::new(Kind::Failed, "nothing listens there")),
            false => Ok(shown()),
        }
    }

    async fn preview(&self, settings: &Settings, id: MailboxId) -> Result<Preview, Refusal> {
        let mailbox = settings
            .mailbox_by_id(id)
            .expect("asked for one that is there");
        let address = mailbox.mail_address().unwrap_or("").to_owned();
        Ok(Preview {
            mailbox: mailbox.name.clone(),
            address,
            converts: 3,
            converts_read: if mailbox.convert_read { 27 } else { 0 },
            left_out: 2,
            moves: !mailbox.host.starts_with("nomove"),
            notes: Vec::new(),
        })
    }

    async fn owner(&self, settings: &Settings, id: MailboxId) -> Result<Owner, Refusal> {
        let mailbox = settings.mailbox_by_id(id);
        let address = mailbox.and_then(|m| m.mail_address());
        Ok(match address.is_some_and(|a| a.starts_with("anna@")) {
            true => Owner::User("Anna".to_owned()),
            false => Owner::Nobody,
        })
    }

    async fn tried(&self, settings: &Settings) -> Result<Tried, Refusal> {
        let rules = settings.rules.iter().map(|rule| TriedRule {
            rule: rule.name.clone(),
            ..TriedRule::default()
        });
        Ok(Tried {
            rules: rules.collect(),
            ..Tried::default()
        })
    }

    async fn left_behind(&self, _: MailboxId) -> Result<LeftBehind, Refusal> {
        Ok(LeftBehind {
            under_way: 5,
            held: 2,
            refused: 1,
        })
    }

    fn queued(&self) -> u64 {
        7
    }

    async fn test(&self, mailbox: Option<&str>, lines: &Lines) -> Result<Tested, Refusal> {
        let step = |step: &str, outcome, mend: Option<&str>| Event::Step {
            mailbox: mailbox.map(str::to_owned),
            step: step.to_owned(),
            outcome,
            said: "said".to_owned(),
            mend: mend.map(str::to_owned),
        };
        // More than the lines that may wait.
        for _ in 0..40 {
            lines.say(step("name", Outcome::Passed, None)).await;
        }
        let history = self.history();
        let broken = |m: &str| {
            history
                .base()
                .mailbox(m)
                .is_some_and(|m| m.host == "broken")
        };
        if mailbox.is_some_and(broken) {
            lines
                .say(step("TCP", Outcome::Failed, Some("look at the cable")))
                .await;
            return Ok(Tested {
                failed: 1,
                warned: 0,
            });
        }
        Ok(Tested::default())
    }

    /// Without a mailbox it never ends, and tells when it is dropped.
    async fn follow(&self, mailbox: Option<&str>, lines: &Lines) -> Result<(), Refusal> {
        struct Ending;
        impl Drop for Ending {
            fn drop(&mut self) {
                ENDLESS_ENDED.store(true, Ordering::SeqCst);
            }
        }
        lines
            .say(Event::Stage {
                key: "00000001".to_owned(),
                stage: "archived".to_owned(),
                after_ms: 1234,
                said: "moved".to_owned(),
            })
            .await;
        if mailbox.is_none() {
            let _ending = Ending;
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn check(&self, lines: &Lines) -> Result<Tested, Refusal> {
        lines
            .say(Event::Progress {
                what: "journal".to_owned(),
                done_bytes: 1 << 20,
                of_bytes: 4 << 20,
            })
            .await;
        let damaged = self.history().base().mailbox("damaged").is_some();
        lines
            .say(Event::Step {
                mailbox: None,
                step: "journal".to_owned(),
                outcome: match damaged {
                    true => Outcome::Failed,
                    false => Outcome::Passed,
                },
                said: "said".to_owned(),
                mend: damaged.then(|| "mind the card".to_owned()),
            })
            .await;
        Ok(Tested {
            failed: u32::from(damaged),
            warned: 0,
        })
    }

    async fn run(&self, _: bool) -> Result<Ended, Refusal> {
        std::future::pending().await
    }

    fn stop(&self) {}

    async fn close(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

/// A fake that listens on a socket of its own until dropped.
pub struct Running {
    folder: tempfile::TempDir,
    stop: async_channel::Sender<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    pub fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the socket");
        let socket = folder.path().join("control.sock");
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let (ready, wait) = mpsc::channel();
        let thread = thread::spawn(move || {
            let listener = Listener::bind(&socket).expect("a fresh folder takes a socket");
            ready.send(()).expect("the starter waits");
            let executor = smol::LocalExecutor::new();
            let clock = World::real().clock;
            let service = Rc::new(Fake::new());
            let serving = async {
                serve(&executor, &listener, service, clock, limits).await;
            };
            let stopped = async {
                let _ = stopped.recv().await;
            };
            smol::block_on(executor.run(futures_lite::future::or(stopped, serving)));
        });
        wait.recv().expect("the fake is listening");
        Self {
            folder,
            stop,
            thread: Some(thread),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder().join("control.sock")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
