//! `explain --against`: which mails would go elsewhere by other settings, as it then happens with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::common::service::{text, Site, CUTOFF};
use crate::common::{PASSWORD, TOKEN, USER};

/// By the others bounces become tickets, and so do strangers' mails.
const OTHERS: &str = "bounces = \"ticket\"\nprocess_unknown_senders = true";

/// Mails of every kind, the other settings, and whatever else a test puts there.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        fs::create_dir(desk.0.path().join("mails")).unwrap();
        let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
        for name in [
            "auto-gmail-absence-note.eml",
            "plain.eml",
            "report-qmail.eml",
        ] {
            let octets = fs::read(from.join(name)).unwrap();
            fs::write(desk.0.path().join("mails").join(name), octets).unwrap();
        }
        let known = "From: gwen@llanfairvets.example\r\nSubject: the printer\r\n\r\nAgain.\r\n";
        desk.put("mails/known.eml", known);
        desk
    }

    fn put(&self, name: &str, text: &str) -> String {
        fs::write(self.0.path().join(name), text).unwrap();
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// What `explain` says of each mail, by its file's name; each document as its schema has it.
    #[track_caller]
    fn explained(&self, site: &Site, more: &[&str]) -> BTreeMap<String, Value> {
        let mails = self.path("mails");
        let at = ["--received", "2026-11-02T08:00:00Z"];
        let arguments = [&["explain", "--json", &mails], at.as_slice(), more].concat();
        let (code, out, err) = site.command(&arguments, "");
        assert_eq!(code, 0, "{out}\n{err}");
        let schema = include_str!("../../config/explain.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let documents = out.lines().map(|line| {
            let document: Value = serde_json::from_str(line).unwrap();
            let faults = schema.iter_errors(&document).map(|e| e.to_string());
            let faults: Vec<String> = faults.collect();
            assert!(faults.is_empty(), "{document}: {faults:?}");
            let name = text(&document, "file").rsplit('/').next().unwrap();
            (name.to_owned(), document)
        });
        documents.collect()
    }
}

fn elsewhere(documents: &BTreeMap<String, Value>) -> Vec<&str> {
    let elsewhere = documents.iter();
    let elsewhere = elsewhere.filter(|(_, document)| document["against"]["elsewhere"] == true);
    elsewhere.map(|(name, _)| name.as_str()).collect()
}

/// Goes red when either side is decided by other settings, code or people than `explain` has where they are
/// in force; and when the comparison changes anything.
#[test]
fn what_is_told_of_other_settings_is_what_explain_says_once_they_are_in_force() {
    let (mut site, desk) = (Site::ready(), Desk::new());
    site.start_read();
    // Another date too, before which none of them was received: it is answered in other words, and alike.
    let others = site.settings("none", OTHERS, "");
    let others = others.replace(CUTOFF, "2025-12-01T00:00:00Z");
    let file = desk.put("others.toml", &others);
    let before = site.does(&["settings", "history"]);
    let was = desk.explained(&site, &[]);
    let compared = desk.explained(&site, &["--against", &file]);
    assert_eq!(compared.len(), 4);
    assert_eq!(elsewhere(&compared), ["plain.eml", "report-qmail.eml"]);
    for (name, document) in &compared {
        assert_eq!(document["explanation"], was[name]["explanation"], "{name}");
        assert_eq!(document["against"]["settings"], file.as_str());
        assert!(was[name].get("against").is_none(), "{name}");
    }
    let differs = &compared["report-qmail.eml"]["against"]["differs"];
    let said = |at: usize, side: &str| differs[at][side]["said"].as_str().unwrap_or("nothing");
    assert!(said(0, "now").contains("archived without"), "{differs}");
    assert!(
        said(0, "then").contains("a ticket as any other"),
        "{differs}"
    );
    assert_eq!(said(1, "now"), "nothing");
    assert!(
        said(1, "then").contains("does not know its sender"),
        "{differs}"
    );
    assert_eq!(
        compared["known.eml"]["against"]["differs"],
        serde_json::json!([])
    );
    assert_eq!(site.does(&["settings", "history"]), before);
    assert_eq!(site.status()["counts"]["committed"], 0);

    site.import(&others);
    let is = desk.explained(&site, &[]);
    for (name, document) in &is {
        let told = &compared[name]["against"]["explanation"];
        assert_eq!(told, &document["explanation"], "{name}");
    }
    // And back: what a rollback would make of them. Also where no service runs.
    site.stop();
    let back = desk.explained(&site, &["--against", "1"]);
    assert_eq!(elsewhere(&back), ["plain.eml", "report-qmail.eml"]);
    for (name, document) in &back {
        assert_eq!(document["explanation"], is[name]["explanation"], "{name}");
        let told = &document["against"]["explanation"];
        assert_eq!(told, &was[name]["explanation"], "{name}");
    }
}

#[test]
fn the_mails_that_would_go_elsewhere_are_counted_first_then_shown_with_the_reason() {
    let (mut site, desk) = (Site::ready(), Desk::new());
    site.start_read();
    let file = desk.put("others.toml", &site.settings("none", OTHERS, ""));
    let mails = desk.path("mails");
    let said = site.does(&["explain", &mails, "--against", &file]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "2 of 4 mails would go elsewhere.");
    assert_eq!(lines[1], "");
    assert!(lines[2].ends_with("/plain.eml"), "{said}");
    assert_eq!(lines[3], "  Now it is held: unknown-sender.");
    assert!(
        lines[4].ends_with("mail of unknown senders is held."),
        "{said}"
    );
    let then = "  Then it would become a ticket without user and company.";
    assert_eq!(lines[5], then);
    assert!(lines[6].contains("becomes tickets all the same"), "{said}");
    assert!(lines[8].ends_with("/report-qmail.eml"), "{said}");
    assert!(
        !said.contains("known.eml") && !said.contains("absence"),
        "{said}"
    );
    let one = desk.path("mails/known.eml");
    let said = site.does(&["explain", &one, "--against", &file]);
    assert_eq!(said, "The mail would not go elsewhere.\n");
    let empty = desk.path("none");
    fs::create_dir(&empty).unwrap();
    let (code, _, err) = site.command(&["explain", &empty, "--against", &file], "");
    assert_eq!((code, err.as_str()), (4, "There is no file.\n"));
}

#[test]
fn what_has_been_here_before_is_said_and_asked_anew_where_that_is_wanted() {
    let (mut site, desk) = (Site::ready(), Desk::new());
    site.start_read();
    let bounce = fs::read(desk.path("mails/report-qmail.eml")).unwrap();
    site.hand().append("INBOX", "", &bounce);
    site.until("it is archived", |s| s.status()["counts"]["archived"] == 1);
    let file = desk.put("others.toml", &site.settings("none", OTHERS, ""));
    let mails = desk.path("mails");
    let said = site.does(&["explain", &mails, "--against", &file]);
    assert!(
        said.starts_with("1 of 4 mails would go elsewhere.\n"),
        "{said}"
    );
    assert!(said.contains("\n1 of 4 have been here before"), "{said}");
    let said = site.does(&["explain", &mails, "--against", &file, "--anew"]);
    assert!(
        said.starts_with("2 of 4 mails would go elsewhere.\n"),
        "{said}"
    );
    assert!(!said.contains("here before"), "{said}");
    // The same without a comparison.
    let one = desk.path("mails/report-qmail.eml");
    assert!(site.does(&["explain", &one]).contains("duplicate"));
    let anew = site.does(&["explain", &one, "--anew"]);
    assert!(anew.contains("It is a report"), "{anew}");
}

/// Goes red when one side is asked by the other one's key.
#[test]
fn each_side_is_asked_by_the_key_that_the_mail_has_there() {
    let (mut site, desk) = (Site::ready(), Desk::new());
    site.start_read();
    let bounce = fs::read(desk.path("mails/report-qmail.eml")).unwrap();
    site.hand().append("INBOX", "", &bounce);
    site.until("it is archived", |s| s.status()["counts"]["archived"] == 1);
    // One whose keys would be those of the mailbox that has had it: not active, it has no identity yet.
    let name = "mailbox.draft.username=draft@msp.example";
    site.does(&["settings", "add", "draft"]);
    site.does(&["settings", "set", name]);
    let exported = site.does(&["settings", "export"]);
    let others = exported.replace("draft@msp.example", USER);
    let others = desk.put("others.toml", &others);
    let one = desk.path("mails/report-qmail.eml");
    let asked = ["explain", &one, "--mailbox", "draft", "--against", &others];
    let said = site.does(&asked);
    assert!(said.starts_with("The mail would go elsewhere.\n"), "{said}");
    assert!(said.contains("Now it is ignored: bounce.\n"), "{said}");
    assert!(
        said.contains("Then it would be ignored: duplicate.\n"),
        "{said}"
    );
    assert!(!said.contains("It has been here before"), "{said}");
}

#[test]
fn a_mailbox_that_only_one_of_both_has_is_told_and_a_change_that_waits_is_too() {
    let (mut site, desk) = (Site::ready(), Desk::new());
    site.start_read();
    let mails = desk.path("mails");
    let more = site.settings("none", OTHERS, "") + "[mailbox.sales]\nhost = \"localhost\"\n";
    let more = desk.put("more.toml", &more);
    let said = site.does(&["explain", &mails, "--against", &more]);
    assert!(
        said.contains("\nMailbox sales is only in the other settings.\n"),
        "{said}"
    );
    let sales = ["explain", &mails, "--against", &more, "--mailbox", "sales"];
    let said = site.refuses(&sales);
    assert!(
        said.contains("`sales` is only in the other settings"),
        "{said}"
    );
    let sales = desk.put("sales.toml", "[mailbox.sales]\nhost = \"localhost\"\n");
    let said = site.refuses(&["explain", &mails, "--against", &sales]);
    assert!(
        said.contains("`support` is only in the settings in force"),
        "{said}"
    );
    // What is exported is known again under another name.
    let exported = site.does(&["settings", "export"]);
    let renamed = exported.replace("[mailbox.support]", "[mailbox.helpdesk]");
    let renamed = desk.put("renamed.toml", &renamed);
    let said = site.does(&["explain", &mails, "--against", &renamed]);
    assert!(
        said.starts_with("None of 4 mails would go elsewhere.\n"),
        "{said}"
    );
    assert!(
        said.contains("Mailbox support is called helpdesk"),
        "{said}"
    );
    assert!(said.contains("Nothing that decides about mail"), "{said}");
    let bounces = "mailbox.support.bounces=ticket";
    site.does(&["settings", "set", bounces, "--confirm-within", "10"]);
    let said = site.does(&["explain", &mails, "--against", "1"]);
    assert!(
        said.starts_with("1 of 4 mails would go elsewhere.\n"),
        "{said}"
    );
    assert!(said.contains("Revision 2 waits to be confirmed"), "{said}");
}

#[test]
fn other_settings_that_are_none_are_refused_in_a_sentence_that_gives_no_secret_away() {
    let (mut site, desk) = (Site::ready(), Desk::new());
    site.start_read();
    let mails = desk.path("mails");
    let said = |against: &str| site.refuses(&["explain", &mails, "--against", against]);
    let good = site.settings("none", OTHERS, "");
    for (toml, words) in [
        (
            good.replace("bounces = \"ticket\"", "bounces = \"maybe\""),
            "mailbox.support.bounces",
        ),
        (good.clone() + "[store]\nquoat = 1\n", "store.quoat"),
        (good.clone() + "this is none\n", "line "),
        (
            good.replace("bounces", "password = \"hunter2\"\nbounces"),
            "is a secret",
        ),
    ] {
        let said = said(&desk.put("wrong.toml", &toml));
        assert!(said.contains("the other settings are wrong"), "{said}");
        assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
    }
    assert!(said("99").contains("no revision 99"), "{}", said("99"));
    assert!(said("/nowhere.toml").contains("reading /nowhere.toml"));
    let file = desk.put("others.toml", &good);
    for against in [file.as_str(), "1"] {
        let told = site.does(&["explain", "--json", &mails, "--against", against]);
        assert!(!told.contains(PASSWORD) && !told.contains(TOKEN), "{told}");
    }
}
