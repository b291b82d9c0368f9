//! Where messages lie on the server: folders that vanish, servers that can't move, and other people's
//! messages beside ours.

use crate::common::service::{message, text, Site};

#[test]
fn an_archive_folder_that_was_deleted_is_made_again() {
    let site = Site::ready();
    site.send("one");
    site.drains();
    let mut hand = site.hand();
    hand.does("CREATE Kept");
    hand.does("SELECT Archive");
    hand.does("MOVE 1:* Kept");
    hand.does("CLOSE");
    hand.does("DELETE Archive");
    site.send("two");
    site.drains();
    site.complete();
    assert_eq!(hand.search("Archive", "SUBJECT two").len(), 1);
}

#[test]
fn the_archive_is_deleted_while_the_service_has_it_open() {
    let mut site = Site::ready();
    site.start();
    site.send("one");
    site.until("it is archived", |s| s.count("archived") == 1);
    let mut hand = site.hand();
    hand.does("RENAME Archive Kept");
    site.send("two");
    site.until("it is archived", |s| s.count("archived") == 2);
    site.complete();
}

#[test]
fn a_server_without_move_is_said_and_copied_only_when_that_was_allowed() {
    let mut site = Site::ready_with(&["--without", "MOVE"], &[], "archive_by_copy = true", "");
    site.does(&["settings", "set", "mailbox.support.active", "off", "--yes"]);
    site.does(&["settings", "set", "mailbox.support.archive_by_copy", "off"]);
    let said = site.refuses(&["settings", "set", "mailbox.support.active", "on", "--yes"]);
    assert!(
        said.contains("MOVE") && said.contains("archive_by_copy"),
        "{said}"
    );
    let (_, out, _) = site.command(&["test", "support"], "");
    assert!(out.contains("MOVE"), "{out}");
    site.does(&[
        "settings",
        "set",
        "mailbox.support.archive_by_copy=on",
        "mailbox.support.active=on",
        "--yes",
    ]);
    // Nor can it be taken back afterwards.
    let off = [
        "settings",
        "set",
        "mailbox.support.archive_by_copy",
        "off",
        "--yes",
    ];
    let said = site.refuses(&off);
    assert!(said.contains("no MOVE (RFC 6851)"), "{said}");
    // Somebody else's message, marked as deleted and not expunged: it is not ours to remove.
    site.hand()
        .append("INBOX", "\\Deleted \\Seen", &message("theirs", "theirs"));
    for number in 0..3 {
        site.send(&format!("copied {number}"));
    }
    site.start();
    site.until("they are archived", |s| s.count("archived") == 3);
    let mut hand = site.hand();
    assert_eq!(hand.search("INBOX", "DELETED"), hand.search("INBOX", "ALL"));
    assert_eq!(hand.search("INBOX", "SUBJECT theirs").len(), 1);
    assert_eq!(hand.search("Archive", "SEEN UNDELETED").len(), 3);
    assert_eq!(site.tickets("copied").len(), 3);
    assert!(site.tickets("theirs").is_empty());
}

/// A file that activates is the operator's yes, and no leave to do what would be refused.
#[test]
fn a_run_with_a_file_does_not_activate_what_could_not_archive() {
    let site = Site::ready_with(&["--without", "MOVE"], &[], "archive_by_copy = true", "");
    site.does(&["settings", "set", "mailbox.support.active", "off", "--yes"]);
    site.send("left alone");
    let file = site.store().with_extension("toml");
    std::fs::write(&file, site.settings("none", "", "")).expect("a file");
    let file = file.display().to_string();
    let (code, out, err) = site.command(&["run", "--once", "--settings", &file], "");
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("no MOVE (RFC 6851)"), "{out}{err}");
    assert!(site.portal.tickets().is_empty());
}

#[test]
fn a_server_that_can_neither_move_nor_remove_is_refused_at_the_activation_too() {
    let without = ["--without", "MOVE", "--without", "UIDPLUS"];
    let site = Site::with(&without, &[]);
    let toml = site.settings("none", "archive_by_copy = true", "");
    let (code, said) = site.imports(&toml);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no MOVE, no UIDPLUS"), "{said}");
}

#[test]
fn a_folder_tree_below_the_inbox_gets_its_archive_there() {
    let site = Site::ready_with(&["--inbox-prefix", "."], &[], "", "");
    site.send("prefixed");
    site.drains();
    let folders: Vec<String> = site
        .mail
        .messages()
        .iter()
        .map(|m| text(m, "folder").to_owned())
        .collect();
    assert_eq!(folders, ["INBOX.Archive"]);
}

#[test]
fn an_archive_whose_name_the_server_can_not_have_is_refused_before_it_is_needed() {
    let site = Site::with(&["--inbox-prefix", "."], &[]);
    let toml = site.settings("none", "archive_folder = \"Archiv/%Y.%m\"", "");
    let (code, said) = site.imports(&toml);
    assert_eq!(code, 1, "{said}");
    let mend = "`postern settings set mailbox.support.archive_folder FOLDER`";
    assert!(said.contains("begins a new level there"), "{said}");
    assert!(said.contains(mend), "{said}");

    site.import(&site.settings("none", "archive_folder = \"Archiv/%Y-%m\"", ""));
    let wrong = [
        "settings",
        "set",
        "mailbox.support.archive_folder=Archiv/%Y.%m",
        "--yes",
    ];
    let said = site.refuses(&wrong);
    assert!(said.contains("begins a new level there"), "{said}");
    site.does(&[&wrong[..], &["--untried"]].concat());
    let (code, out, _) = site.command(&["test"], "");
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("begins a new level there"), "{out}");
    assert!(out.contains(mend), "{out}");

    site.does(&[
        "settings",
        "set",
        "mailbox.support.archive_folder=Archiv/%Y-%m",
        "--yes",
    ]);
    site.send("one");
    site.drains();
    let archive = site.mail.messages();
    let folder = archive.iter().map(|m| text(m, "folder")).next();
    assert!(
        folder.is_some_and(|f| f.starts_with("INBOX.Archiv.20")),
        "{archive:?}"
    );
}

/// Goes red when a run ends, or a service waits for its next whole pass, while copies of an archived
/// message lie unread that were too many to be known at once.
#[test]
fn forty_copies_of_one_message_are_one_ticket_and_all_archived() {
    let mut site = Site::ready();
    let copies = |site: &Site| {
        let mut hand = site.hand();
        for _ in 0..40 {
            hand.append("INBOX", "", &message("copied", "forty times"));
        }
    };
    copies(&site);
    site.drains();
    let mut hand = site.hand();
    let lies = ["INBOX", "Archive"].map(|folder| hand.search(folder, "ALL").len());
    assert_eq!(lies, [0, 40]);
    site.start_read();
    copies(&site);
    site.until("all of them are archived", |s| {
        s.hand().search("INBOX", "ALL").is_empty()
    });
    assert_eq!(site.hand().search("Archive", "SEEN").len(), 80);
    assert_eq!(site.tickets("forty times").len(), 1);
}
