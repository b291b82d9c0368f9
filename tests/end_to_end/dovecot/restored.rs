//! A mail server that was brought back from a backup: the numbers of messages are given a second time, to
//! others, and nothing says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::service::{text, Site};

/// A copy of what the mail server has, taken while it does not run.
struct Backup {
    mail: PathBuf,
    copy: tempfile::TempDir,
}

impl Backup {
    fn take(site: &mut Site) -> Self {
        site.mail.stop();
        let backup = Self {
            mail: site.mail.path().join("mail"),
            copy: tempfile::tempdir().expect("a folder"),
        };
        copy(&backup.mail, &backup.copy.path().join("mail"));
        site.mail.start_again(&[]);
        backup
    }

    fn restore(&self, site: &mut Site) {
        site.mail.stop();
        std::fs::remove_dir_all(&self.mail).expect("it can be removed");
        copy(&self.copy.path().join("mail"), &self.mail);
        site.mail.start_again(&[]);
    }
}

/// Copies a folder with owners and times.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.expect("cp runs").success());
}

/// The UIDs of the inbox's unread messages.
fn unread(site: &Site) -> Vec<u32> {
    site.hand().search("INBOX", "UNSEEN")
}

/// Three messages wait for the portal, the mail server is restored to before them, and three others get
/// their numbers.
fn three_under_the_numbers_of_three(site: &mut Site, off: bool) {
    site.start();
    site.send("long before");
    site.until("it is archived", |s| s.count("archived") == 1);
    site.until_read();
    site.stop();
    let backup = Backup::take(site);
    site.portal.kill();
    site.start();
    for n in 0..3 {
        site.send(&format!("first life {n}"));
    }
    site.until("they are committed", |s| s.count("committed") == 3);
    let before = unread(site);
    if off {
        site.does(&["settings", "set", "mailbox.support.active=off"]);
    }
    site.stop();
    backup.restore(site);
    for n in 0..3 {
        site.send(&format!("second life {n}, which is another message"));
    }
    assert_eq!(unread(site), before, "they have the same numbers");
    site.portal.start_again();
}

/// How many tickets of the first, and of the second life there are.
fn lives(site: &Site) -> (usize, usize) {
    (
        site.tickets("first life").len(),
        site.tickets("second life").len(),
    )
}

/// Goes red when numbers that are older than the session that archives are moved without a look: the new
/// messages then lay in the archive, and had no ticket.
#[test]
fn what_has_the_number_of_another_is_not_archived_for_it() {
    let mut site = Site::on_dovecot(&[]);
    three_under_the_numbers_of_three(&mut site, true);
    let (status, said) = site.once();
    assert_eq!(lives(&site), (3, 0), "{status}: {said}");
    assert_eq!(unread(&site).len(), 3, "{said}");
    assert!(said.contains("other messages now"), "{said}");
    // Nobody waits for their archiving any more.
    assert_eq!(site.count("to-archive"), 0);

    site.does(&["settings", "set", "mailbox.support.active=on", "--yes"]);
    site.drains();
    assert_eq!(lives(&site), (3, 3));
    assert!(unread(&site).is_empty());
    let archive = site.hand().search("Archive", "SUBJECT \"second life\"");
    assert_eq!(archive.len(), 3);
}

#[test]
fn what_has_the_number_of_another_gets_a_ticket_of_its_own() {
    let mut site = Site::on_dovecot(&[]);
    three_under_the_numbers_of_three(&mut site, false);
    site.drains();
    assert_eq!(lives(&site), (3, 3));
    assert!(unread(&site).is_empty());
    let subjects: Vec<String> = site
        .portal
        .tickets()
        .iter()
        .map(|t| text(t, "subject").to_owned())
        .collect();
    assert_eq!(subjects.len(), 7, "{subjects:?}");
}
