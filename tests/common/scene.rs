//! One mailbox, one portal and a store between them, for tests that hurt the binary and then count.
//!
//! Everything is judged from outside: what the server has, what the portal has, what was put in.
//! The binary is asked nothing, but for its words where a test is about them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::{folder, MailServer, Portal, Postern, PASSWORD, TOKEN, USER};

/// Numbers that look random and come again with the same seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    /// Of `POSTERN_TEST_SEED`, else of the clock; said, so that a failure can be played again.
    pub fn new(test: &str) -> Dice {
        let given = std::env::var("POSTERN_TEST_SEED").ok();
        let seed = given.and_then(|s| s.parse().ok()).unwrap_or_else(|| {
            let now = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
            now.as_nanos() as u64 % 1_000_000_007
        });
        eprintln!("{test}: POSTERN_TEST_SEED={seed}");
        Dice(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end.max(1)
    }
}

/// Whether the full run was asked for.
pub fn long() -> bool {
    std::env::var_os("POSTERN_TEST_LONG").is_some_and(|v| !v.is_empty() && v != "0")
}

/// Says loudly, and on a line that a script can find, what this machine could not test.
pub fn skipped(what: &str, why: &str) {
    eprintln!("\n*** SKIPPED: {what}: {why}");
    println!("POSTERN-TEST-SKIPPED {what}");
}

/// How a scene is set.
#[derive(Default)]
pub struct Plan<'a> {
    /// Where the store lies; in the scene's own folder when absent.
    pub store: Option<PathBuf>,
    /// Options of the stand-in portal.
    pub portal: &'a [&'a str],
    /// Lines of the mailbox's section of the settings.
    pub mailbox: &'a str,
    /// Protections to take out, in a build with the feature `switches`.
    pub switch: &'static str,
}

/// The scene.
pub struct Scene {
    /// The mail server.
    pub mail: MailServer,
    /// The portal.
    pub portal: Portal,
    /// The store.
    pub store: PathBuf,
    /// Where the binary's words are kept.
    pub folder: tempfile::TempDir,
    switch: &'static str,
    series: Cell<u32>,
    /// The numbers of the last series.
    numbers: Cell<(usize, usize)>,
    twins: RefCell<BTreeSet<String>>,
}

impl Scene {
    /// Sets one up: servers, store and settings; nothing runs yet.
    pub fn set(plan: &Plan) -> Scene {
        let scene = Scene {
            mail: MailServer::start(&[]),
            portal: Portal::start(plan.portal),
            store: PathBuf::new(),
            folder: folder(),
            switch: plan.switch,
            series: Cell::new(0),
            numbers: Cell::new((0, 0)),
            twins: RefCell::default(),
        };
        let own = scene.folder.path().join("store");
        let store = plan.store.clone().unwrap_or(own);
        let scene = Scene { store, ..scene };
        settle(
            &scene.store,
            scene.folder.path(),
            &scene.mail,
            &scene.portal,
            plan.mailbox,
        );
        scene
    }

    /// Starts the service.
    pub fn begin(&self) -> Postern {
        let store = self.store.to_string_lossy().into_owned();
        let switch = ("POSTERN_SWITCH", self.switch);
        Postern::start(self.folder.path(), &["--store", &store, "run"], &[switch])
    }

    /// Runs it until nothing is left to do; all it said.
    #[track_caller]
    pub fn finish(&self, limit: Duration) -> String {
        let (status, said) = self.once(limit);
        assert!(status.success(), "the last run ended with {status}: {said}");
        said
    }

    /// Runs it until nothing is left that it can do; how it ended, and all it said.
    #[track_caller]
    pub fn once(&self, limit: Duration) -> (ExitStatus, String) {
        let store = self.store.to_string_lossy().into_owned();
        let switch = ("POSTERN_SWITCH", self.switch);
        let arguments = ["--store", &store, "run", "--once"];
        let mut run = Postern::start(self.folder.path(), &arguments, &[switch]);
        let deadline = Instant::now() + limit;
        while run.runs() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let said = format!("{}{}", run.out(), run.err());
        assert!(!run.runs(), "the last run does not end: {said}");
        (run.ended(limit), said)
    }

    /// Puts so many new mails of a size into the mailbox.
    pub fn fill(&self, count: usize, size: &str) {
        self.series.set(self.series.get() + 1);
        // Each behind the last: of numbers that come again the same few people would write a storm.
        let (_, first) = self.numbers.get();
        self.numbers.set((first, first + count));
        self.fill_series(&format!("s{}", self.series.get()), count, size);
    }

    /// Puts mails in of which an octet-for-octet twin lies there already: another delivery of the
    /// last series.
    pub fn fill_twins(&self, count: usize, size: &str) {
        let series = format!("s{}", self.series.get());
        let (first, _) = self.numbers.get();
        for number in first..first + count {
            self.twins
                .borrow_mut()
                .insert(format!("{series}-1-{number:06}"));
        }
        self.fill_series(&series, count, size);
    }

    fn fill_series(&self, series: &str, count: usize, size: &str) {
        let (first, count) = (self.numbers.get().0.to_string(), count.to_string());
        let numbers = ["--first", &first, "--count", &count];
        let which = ["--size", size, "--series", series];
        self.mail.fill(&[numbers, which].concat());
    }

    /// Puts one mail in whose sender the directory does not know.
    pub fn fill_stranger(&self) {
        let subject = format!("A stranger's mail {:?}", Instant::now());
        self.mail.fill(&[
            "--send",
            &subject,
            "--from",
            "somebody@elsewhere-and-unknown.example",
        ]);
    }

    /// The outside count, as it is now.
    pub fn count(&self) -> Count {
        Count {
            said: self.mail.census(&self.portal),
            twins: self.twins.borrow().clone(),
        }
    }

    /// The outside count without the octets: cheap enough to ask again and again.
    pub fn count_quickly(&self) -> Count {
        Count {
            said: self.mail.census_with(&self.portal, &["--no-bodies"]),
            twins: self.twins.borrow().clone(),
        }
    }

    /// The outside count once all that should become a ticket has become one.
    pub fn count_when_complete(&self, seconds: u64) -> Count {
        Count {
            said: self.mail.census_when_complete(&self.portal, seconds),
            twins: self.twins.borrow().clone(),
        }
    }

    /// Takes every rule of misbehaviour out of the portal.
    pub fn portal_mends(&self) {
        self.portal.admin("DELETE", "/_admin/faults", "");
    }

    /// How many tickets the portal has.
    pub fn tickets(&self) -> u64 {
        let count = self.portal.admin("GET", "/_admin/count", "");
        count["tickets"].as_u64().unwrap_or(0)
    }

    /// The outside count once every message is at the portal and archived, or the time is over: for
    /// scenes that expect more than the census calls complete, and have no strangers.
    pub fn count_when_settled(&self, limit: Duration) -> Count {
        let deadline = Instant::now() + limit;
        loop {
            let quick = self.count_quickly();
            let open = quick.of("waiting") + quick.of("not_yet_archived");
            if open == 0 || Instant::now() > deadline {
                return self.count();
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Puts a rule of misbehaviour into the portal.
    pub fn portal_fault(&self, rule: Value) {
        self.portal
            .admin("POST", "/_admin/faults", &json!([rule]).to_string());
    }
}

/// Puts the settings of one mailbox and one portal into a store.
#[track_caller]
pub fn settle(store: &Path, folder: &Path, mail: &MailServer, portal: &Portal, extra: &str) {
    let file = folder.join("settings.toml");
    let text = format!(
        "[portal]\nurl = \"{}\"\n\n[mailbox.support]\nhost = \"localhost\"\nport = {}\n\
         security = \"none\"\nusername = \"{USER}\"\n\
         received_after = \"2026-01-01T00:00:00Z\"\n{extra}\n\n\
         [store]\nfree_min = \"16 MiB\"\n",
        portal.url, mail.imap,
    );
    fs::write(&file, text).expect("the settings file is written");
    let file = file.to_string_lossy().into_owned();
    // The import asks for the token at once; it would for the password, were the mailbox active.
    ask(store, &["settings", "import", &file, "--yes"], TOKEN);
    let password = ["settings", "set", "mailbox.support.password"];
    ask(store, &password, PASSWORD);
    let on = ["settings", "set", "mailbox.support.active", "on", "--yes"];
    ask(store, &on, "");
}

/// A command on a store; its answer.
#[track_caller]
pub fn ask(store: &Path, arguments: &[&str], input: &str) -> String {
    let store = store.to_string_lossy().into_owned();
    let mut all = vec!["--store", &store];
    all.extend(arguments);
    let output = Postern::run_with_input(&all, &[], &format!("{input}\n"));
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out
}

/// An outside count and what may be found in it.
pub struct Count {
    /// The census.
    pub said: Value,
    twins: BTreeSet<String>,
}

impl Count {
    /// One number of it.
    pub fn of(&self, name: &str) -> u64 {
        self.said[name].as_u64().unwrap_or(u64::MAX)
    }

    /// What is wrong with it, nothing where all is well: a twin's two copies are no fault.
    pub fn faults(&self) -> Vec<String> {
        let wrong = [
            "lost",
            "doubled",
            "altered",
            "archived_not_at_portal",
            "read_not_at_portal",
            "gone_from_server",
            "tickets_without_mail",
        ];
        let mut faults: Vec<String> = wrong
            .iter()
            .filter(|name| self.of(name) != 0)
            .map(|name| {
                format!(
                    "{name}: {} {}",
                    self.said[*name], self.said["problems"][*name]
                )
            })
            .collect();
        let copied = self.said["problems"]["copied"].as_array();
        let strange: Vec<&str> = copied
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|id| !self.twins.iter().any(|twin| id.contains(twin.as_str())))
            .collect();
        if !strange.is_empty() {
            faults.push(format!("copied: {strange:?}"));
        }
        faults
    }

    /// Nothing is lost, doubled or altered, and nothing archived that the portal has not.
    #[track_caller]
    pub fn check(&self, when: &str) {
        let faults = self.faults();
        assert!(faults.is_empty(), "{when}: {faults:#?}: {}", self.said);
    }

    /// And all that should have become a ticket has become one and lies in the archive.
    #[track_caller]
    pub fn check_complete(&self, when: &str) {
        self.check(when);
        let astray = &self.said["problems"]["unexpected"];
        assert!(astray.is_null(), "{when}: astray: {astray}: {}", self.said);
    }
}
