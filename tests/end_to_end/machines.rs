//! What programs write: archived with its reason, or a ticket, as the settings say; and `explain`, which says
//! the same before.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::common::eventually;
use crate::common::scene::skipped;
use crate::common::service::{text, Site};

/// Every odd mail of `tests/mail`, by its file's name.
///
/// Without those that no mail server takes, or gives back as they were: of no octets, with a NUL, with line
/// feeds alone.
fn mails() -> BTreeMap<String, Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mails = paths.filter(|path| path.extension().is_some_and(|end| end == "eml"));
    mails
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .filter(|(_, octets)| {
            let alone = |at: usize| octets[at] == b'\n' && (at == 0 || octets[at - 1] != b'\r');
            let whole = !octets.is_empty() && !octets.contains(&0);
            whole && !(0..octets.len()).any(alone)
        })
        .collect()
}

/// Where they lie, for a command.
fn folder() -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    folder.to_str().unwrap().to_owned()
}

fn append(site: &Site, names: &[&str]) {
    let mails = mails();
    let mut hand = site.hand();
    for name in names {
        hand.append("INBOX", "", &mails[*name]);
    }
}

/// The reasons of what was archived without a ticket, in order of the alphabet.
pub fn aside(site: &Site) -> Vec<String> {
    let listed = site.asks(&["held", "list", "--aside", "--limit", "200"]);
    let items = listed["items"].as_array().unwrap().iter();
    let mut reasons: Vec<String> = items.map(|m| text(m, "reason").to_owned()).collect();
    reasons.sort();
    reasons
}

#[test]
fn what_programs_answer_and_report_is_archived_with_its_reason() {
    let mut site = Site::ready();
    site.does(&[
        "settings",
        "set",
        "mailbox.support.process_unknown_senders=on",
    ]);
    site.start_read();
    let programs = [
        "auto-exchange-absence-note.eml",
        "report-postfix-user-unknown.eml",
        "report-exim-warns-of-a-delay.eml",
        "receipt-of-outlook.eml",
    ];
    append(&site, &programs);
    // Behind them, what is news, and what a person writes of a report.
    let others = [
        "auto-monitor-tells-of-a-host.eml",
        "report-that-a-person-quotes.eml",
    ];
    append(&site, &others);
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 6
    });
    assert_eq!(site.count("ignored"), 4);
    let reasons = ["auto-reply", "bounce", "delivery-delayed", "receipt"];
    assert_eq!(aside(&site), reasons);
    assert_eq!(site.portal.tickets().len(), 2);
    let one = site.asks(&["held", "list", "--aside", "--reason", "bounce"]);
    let key = text(&one["items"][0], "key").to_owned();
    let story = site.does(&["held", "show", &key]);
    assert!(story.contains("could not be delivered"), "{story}");
    // This one is wanted after all: it is moved back, unread.
    site.until("all is known to be there", |s| s.count("to-archive") == 0);
    let said = site.does(&["held", "convert", &key, "--again"]);
    assert!(said.contains("move it into the folder INBOX"), "{said}");
    site.until("it was looked for", |s| s.count("closed") == 1);
    let mut hand = site.hand();
    let found = "HEADER Message-ID r1@mx.branch.example";
    let uid = hand.search("Archive", found)[0];
    hand.does(&format!("UID STORE {uid} -FLAGS (\\Seen)"));
    hand.does(&format!("UID MOVE {uid} INBOX"));
    site.until("it is a ticket", |s| {
        s.tickets("Undelivered Mail").len() == 2
    });
    // And such from now on.
    let pairs = [
        "mailbox.support.auto_replies=ticket",
        "mailbox.support.bounces=ticket",
    ];
    site.does(&[&["settings", "set"], pairs.as_slice()].concat());
    append(&site, &["auto-gmail-absence-note.eml", "report-qmail.eml"]);
    site.until("both are tickets", |s| {
        s.tickets("failure notice").len() == 1 && s.tickets("Holidays").len() == 1
    });
    assert_eq!(aside(&site), ["auto-reply", "delivery-delayed", "receipt"]);
}

/// Goes red when `explain` decides by other code, settings or people than a run does.
#[test]
fn explain_says_of_each_odd_mail_what_a_run_does_with_it() {
    // A Cyrus refuses many of them.
    let mut site = Site::on_dovecot(&[]);
    site.does(&[
        "settings",
        "set",
        "mailbox.support.process_unknown_senders=on",
        // The fixtures are of a few senders, and come all at once; that is not asked here.
        "mailbox.support.storm_limit=0",
    ]);
    site.start_read();
    let (code, out, err) = site.command(&["explain", "--json", &folder()], "");
    assert_eq!(code, 0, "{err}");
    let schema = include_str!("../../config/explain.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut told = BTreeMap::new();
    for line in out.lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        let faults: Vec<String> = schema
            .iter_errors(&document)
            .map(|e| e.to_string())
            .collect();
        assert!(faults.is_empty(), "{}: {faults:?}", document["file"]);
        let explanation = &document["explanation"];
        let reason = explanation["reason"].as_str().unwrap_or_default();
        let name = text(&document, "file")
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        let key = text(explanation, "key").to_owned();
        let decision = text(explanation, "decision").to_owned();
        told.insert(name, (key, decision, reason.to_owned()));
    }
    let mails = mails();
    let left_out = told.len() - mails.len();
    assert!(left_out <= 6, "{left_out} of {} are left out", told.len());
    told.retain(|name, _| mails.contains_key(name));
    let mut hand = site.hand();
    for octets in mails.values() {
        hand.append("INBOX", "", octets);
    }
    let count = mails.len() as u64;
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == count
    });
    for (name, (key, decision, reason)) in &told {
        let story = site.asks(&["queue", "show", key]);
        let stage = text(&story, "stage");
        match decision.as_str() {
            "ticket" => assert_eq!(stage, "forwarded", "{name}: {story}"),
            "ignored" => assert_eq!(
                (stage, text(&story, "reason")),
                ("ignored", reason.as_str())
            ),
            other => panic!("{name}: {other}: {story}"),
        }
    }
    let tickets = told
        .values()
        .filter(|(_, decision, _)| decision == "ticket");
    // Each was explained by itself; in the run some answer others of the sample.
    let at_the_portal = site.portal.tickets();
    let replies = at_the_portal
        .iter()
        .map(|t| t["replies"].as_array().map_or(0, Vec::len));
    assert_eq!(
        at_the_portal.len() + replies.sum::<usize>(),
        tickets.count()
    );
    // What has been here is known, by the key.
    let one = format!("{}/plain.eml", folder());
    let again = site.does(&["explain", &one]);
    assert!(again.contains("duplicate"), "{again}");
}

#[test]
fn explain_tells_the_questions_in_their_order_and_takes_no_for_an_answer() {
    let mut site = Site::ready();
    site.start_read();
    let file = |name: &str| format!("{}/{name}.eml", folder());
    let bounce = site.does(&["explain", &file("report-qmail")]);
    let (machine, sender) = (bounce.find("It is a report"), bounce.find("directory"));
    assert!(machine.is_some() && sender.is_none(), "{bounce}");
    assert!(
        bounce.contains("ghost@branch.example, failed, 5.1.1"),
        "{bounce}"
    );
    let stranger = site.does(&["explain", &file("report-that-a-person-quotes")]);
    assert!(stranger.contains("unknown-sender"), "{stranger}");
    let old = [
        "explain",
        &file("plain"),
        "--received",
        "2025-12-31T00:00:00Z",
    ];
    let old = site.does(&old);
    assert!(old.contains("received-before"), "{old}");
    let both = site.does(&["explain", &file("plain"), &file("report-qmail")]);
    assert_eq!(both.lines().count(), 2, "{both}");
    // What a mail says is read where the file is: no request could carry it all.
    let place = tempfile::tempdir().unwrap();
    let long = place.path().join("long.eml");
    let page = "\"".repeat(900_000);
    let mail = format!(
        "From: gwen@llanfairvets.example\r\nSubject: a long page\r\nContent-Type: text/html\r\n\r\n{page}\r\n"
    );
    fs::write(&long, mail).unwrap();
    let said = site.does(&["explain", long.to_str().unwrap()]);
    assert!(said.contains("becomes a ticket"), "{said}");
    for (arguments, says) in [
        (vec!["--received", "yesterday"], "no date and time"),
        (vec!["--mailbox", "sales"], "support"),
    ] {
        let plain = file("plain");
        let said = site.refuses(&[&["explain", plain.as_str()], arguments.as_slice()].concat());
        assert!(said.contains(says), "{said}");
    }
    let said = site.refuses(&["explain", "/nowhere/at/all.eml"]);
    assert!(said.contains("/nowhere/at/all.eml"), "{said}");
}

/// Debian's Exim in a folder of its own, which sends nothing anywhere.
struct Exim {
    folder: tempfile::TempDir,
    program: PathBuf,
    /// Where its libraries lie, where it was only unpacked.
    libraries: Option<PathBuf>,
}

impl Exim {
    /// As `scripts/test.sh` found one; `None`, said loudly, where there is none.
    fn set_up() -> Option<Exim> {
        let unpacked = std::env::var_os("POSTERN_EXIM").map(PathBuf::from);
        let program = match &unpacked {
            Some(root) => root.join("usr/sbin/exim4"),
            None => PathBuf::from("/usr/sbin/exim4"),
        };
        let is_root =
            std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0;
        if !program.exists() || !is_root {
            let why = "it takes root, and exim4 from the package exim4-daemon-light";
            skipped("bounces and answers of a real Exim", why);
            return None;
        }
        let libraries = unpacked.map(|root| root.join("usr/lib/x86_64-linux-gnu"));
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let settings = format!(
            "spool_directory = {at}/spool\nlog_file_path = {at}/%slog\n\
             keep_environment = LD_LIBRARY_PATH\nexim_path = {}\n\
             exim_user = nobody\nexim_group = nogroup\nprimary_hostname = mx.branch.example\n\
             qualify_domain = branch.example\nfreeze_tell = helpdesk@msp.example\n\
             delay_warning = 1s:1h\nbegin routers\n\
             out:\n  driver = manualroute\n  domains = away.example\n  route_list = * 127.0.0.1::1\n  \
             self = send\n  transport = out\n\
             filtered:\n  driver = redirect\n  local_parts = filtered\n  file = {at}/refuses\n  allow_filter\n  \
             allow_fail\n  user = nobody\n  group = nogroup\n\
             iced:\n  driver = redirect\n  local_parts = iced\n  file = {at}/freezes\n  allow_filter\n  \
             allow_freeze\n  user = nobody\n  group = nogroup\n\
             silent:\n  driver = accept\n  local_parts = silent\n  transport = silent\n\
             ghost:\n  driver = redirect\n  local_parts = ghost\n  data = :fail: no such user here\n  \
             allow_fail\n\
             away:\n  driver = accept\n  local_parts = away\n  transport = vacation\n\
             inbox:\n  driver = accept\n  transport = inbox\n\
             begin transports\n\
             inbox:\n  driver = appendfile\n  directory = {at}/box\n  maildir_format\n  \
             return_path_add\n  user = nobody\n  group = nogroup\n\
             vacation:\n  driver = autoreply\n  from = away@branch.example\n  to = $sender_address\n  \
             subject = \"On holiday: $h_subject:\"\n  text = \"Back on Monday.\"\n  user = nobody\n  \
             group = nogroup\n\
             silent:\n  driver = autoreply\n  from = silent@branch.example\n  to = $sender_address\n  \
             subject = \"We have got: $h_subject:\"\n  text = \"Thank you.\"\n  headers = \"Auto-Submitted: no\"\n  \
             user = nobody\n  group = nogroup\n\
             out:\n  driver = smtp\n  allow_localhost\nbegin retry\n* * F,1h,1m\n",
            program.display()
        );
        fs::write(folder.path().join("exim.conf"), settings).unwrap();
        for (name, command) in [
            ("refuses", "fail text \"No programs are taken here\""),
            ("freezes", "freeze text \"nobody may have this\""),
        ] {
            let filter = format!("# Exim filter\n{command}\n");
            fs::write(folder.path().join(name), filter).unwrap();
        }
        for name in ["spool", "box"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        // The settings stay root's: it takes nobody else's.
        let folders = ["", "spool", "box"].map(|name| folder.path().join(name));
        let given = Command::new("chown")
            .arg("nobody:nogroup")
            .args(folders)
            .status();
        assert!(given.unwrap().success(), "as root it may be given away");
        Some(Exim {
            folder,
            program,
            libraries,
        })
    }

    /// Takes a letter from the help desk, and does with it what is to be done.
    fn takes(&self, to: &str) {
        let letter = format!(
            "From: helpdesk@msp.example\r\nTo: {to}\r\nSubject: [#4711] Your printer\r\n\
             Message-ID: <4711.note@msp.example>\r\n\r\nIt is mended.\r\n"
        );
        let mut child = self
            .command()
            .args(["-odi", "-oi", "-f", "helpdesk@msp.example", to])
            .stdin(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(letter.as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .envs(self.libraries.iter().map(|at| ("LD_LIBRARY_PATH", at)))
            .arg("-C")
            .arg(self.folder.path().join("exim.conf"));
        command
    }

    /// What came back for the help desk, with the line ends that mail has.
    fn gave_back(&self, count: usize) -> Vec<Vec<u8>> {
        let new = self.folder.path().join("box/new");
        let there = || {
            // It warns of a delay when it tries again.
            assert!(self.command().arg("-qf").status().unwrap().success());
            fs::read_dir(&new).map_or(0, Iterator::count)
        };
        eventually("its answers", Duration::from_secs(30), || there() >= count);
        let files = fs::read_dir(&new).unwrap();
        files
            .map(|file| {
                let text = fs::read_to_string(file.unwrap().path()).unwrap();
                text.replace('\n', "\r\n").into_bytes()
            })
            .collect()
    }
}

#[test]
fn what_a_real_exim_bounces_and_answers_is_archived_with_its_reason() {
    let Some(exim) = Exim::set_up() else { return };
    // The last one says of itself that nobody answered automatically, behind Exim's word that somebody did.
    for to in ["ghost", "away", "filtered", "iced", "silent"] {
        exim.takes(&format!("{to}@branch.example"));
    }
    exim.takes("boss@away.example");
    let answers = exim.gave_back(6);
    let mut site = Site::ready();
    site.start_read();
    let folder = tempfile::tempdir().unwrap();
    let mut hand = site.hand();
    for (number, answer) in answers.iter().enumerate() {
        fs::write(folder.path().join(format!("{number}.eml")), answer).unwrap();
        hand.append("INBOX", "", answer);
    }
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 6
    });
    let reasons = [
        "auto-reply",
        "auto-reply",
        "auto-reply",
        "bounce",
        "bounce",
        "delivery-delayed",
    ];
    assert_eq!(aside(&site), reasons);
    assert!(site.portal.tickets().is_empty());
    let folder = folder.path().to_str().unwrap();
    let (_, out, _) = site.command(&["explain", "--json", folder], "");
    let documents = out.lines().map(|line| serde_json::from_str(line).unwrap());
    let reports = documents.map(|d: Value| d["message"]["report"].clone());
    let told: BTreeMap<String, Value> = reports
        .filter(|report| !report.is_null())
        .map(|report| (text(&report["about"][0], "address").to_owned(), report))
        .collect();
    for (address, said) in [
        ("ghost@branch.example", "no such user here"),
        ("filtered@branch.example", "No programs are taken here"),
    ] {
        let report = &told[address];
        assert_eq!(report["original"], "4711.note@msp.example");
        assert_eq!(report["about"][0]["said"], said, "{report}");
    }
    let delayed = &told["boss@away.example"];
    assert_eq!(delayed["about"][0]["action"], "delayed", "{delayed}");
    assert_eq!(told.len(), 3, "{told:?}");
}
