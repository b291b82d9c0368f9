//! What only a Cyrus can play: rights on folders, and denials of words alone. Where there is none, these
//! tests say that they were skipped.

use crate::common::service::{message, text, Hand, Site, SOON};
use crate::common::{eventually, MailServer, PASSWORD, USER};

/// A site on a Cyrus with these options and settings of the mailbox.
#[track_caller]
fn site(options: &[&str], mailbox: &str) -> Option<Site> {
    let admin = format!("admin:{PASSWORD}");
    let governed = ["--user", &admin, "--extra", "admins: admin"];
    // By itself an owner keeps most rights whatever the administrator takes away.
    let rights = ["--extra", "implicit_owner_rights: la"];
    let options = [&governed[..], &rights, options].concat();
    let site = Site::around(MailServer::cyrus(&options)?, &[]);
    site.import(&site.settings("none", mailbox, ""));
    Some(site)
}

/// Has the administrator set the account's rights on its inbox, or a folder beside it (`/Archive`).
#[track_caller]
fn give(site: &Site, folder: &str, rights: &str) {
    let mut admin = Hand::sign_in_as(site.mail.imap, "admin");
    let (name, domain) = USER.split_once('@').expect("an address");
    admin.does(&format!(
        "SETACL user/{name}{folder}@{domain} {USER} {rights}"
    ));
}

/// Goes red where it is not asked beforehand whether what is copied may be removed: each attempt leaves
/// one copy more in the archive.
#[test]
fn what_may_be_copied_and_not_removed_is_not_copied_and_goes_once_it_may() {
    let Some(mut site) = site(&["--without", "MOVE"], "archive_by_copy = true") else {
        return;
    };
    site.send("one");
    site.start();
    site.until("it is archived", |s| s.count("archived") == 1);
    for rights in ["lrswi", "lrswit", "lrswie", "lr"] {
        give(&site, "", rights);
        // Another session, which is told the rights anew.
        site.stop();
        site.start();
        if rights == "lrswi" {
            site.send("two");
        }
        site.until("it is said", |s| {
            let alarms = s.status()["alarms"].to_string();
            alarms.contains("the account lacks rights on the folder INBOX")
                || alarms.contains("READ-ONLY")
        });
        let archive = site.hand().search("Archive", "ALL");
        assert_eq!(archive.len(), 1, "{rights}: {archive:?}");
    }
    let said = site.refuses(&["test", "support"]);
    let lacking =
        "FAIL  support: move: archiving messages: the account lacks rights on the folder \
                   INBOX: `t` (mark messages as deleted), `e` (remove messages)";
    assert!(said.contains(lacking), "{said}");
    assert!(said.contains("the rights `te` on INBOX"), "{said}");
    give(&site, "", "lrswite");
    site.stop();
    site.start();
    site.complete();
    assert_eq!(site.portal.tickets().len(), 2);
}

#[test]
fn an_archive_that_takes_nothing_is_found_before_it_is_needed() {
    let Some(site) = site(&[], "") else { return };
    site.send("one");
    site.drains();
    give(&site, "/Archive", "lrs");
    let off = ["settings", "set", "mailbox.support.active", "off", "--yes"];
    site.does(&off);
    let said = site.refuses(&["settings", "set", "mailbox.support.active", "on", "--yes"]);
    let lacking = "the account lacks rights on the folder Archive: `i` (put messages into it)";
    assert!(said.contains(lacking), "{said}");
    let said = site.refuses(&["test", "support"]);
    assert!(said.contains(lacking), "{said}");
    give(&site, "/Archive", "lrswi");
    site.does(&["settings", "set", "mailbox.support.active", "on", "--yes"]);
}

/// Goes red where it is taken for a missing MOVE alone, and copying is offered as the way out.
#[test]
fn what_may_not_be_removed_is_no_reason_to_offer_copying() {
    let Some(site) = site(&["--without", "MOVE"], "archive_by_copy = true") else {
        return;
    };
    give(&site, "", "lrswi");
    let set = |what: &[&str]| {
        let command = [&["settings", "set"][..], what, &["--yes"]].concat();
        site.command(&command, "")
    };
    let (active, copies) = ("mailbox.support.active", "mailbox.support.archive_by_copy");
    assert_eq!(set(&[active, "off"]).0, 0);
    assert_eq!(set(&[copies, "off"]).0, 0);
    let (code, out, err) = set(&[active, "on"]);
    assert_ne!(code, 0, "{out}{err}");
    let lacking =
        "the account lacks rights on the folder INBOX: `t` (mark messages as deleted), `e`";
    assert!(err.contains(lacking), "{out}{err}");
    assert!(!err.contains("archive_by_copy"), "{out}{err}");
}

/// Waits until the server counts no session of the account any more, which is later than its `BYE`.
fn nobody_is_in(site: &Site) {
    let sessions = site.mail.path().join("conf/proc");
    eventually("the account's sessions have ended", 3 * SOON, || {
        let files = std::fs::read_dir(&sessions).expect("the server lists its sessions");
        // A session can end between the list and the look.
        !files
            .flatten()
            .any(|file| std::fs::read_to_string(file.path()).is_ok_and(|said| said.contains(USER)))
    });
}

/// It denies the second session as it denies a wrong password, with other words.
#[test]
fn with_one_session_that_a_cyrus_allows_watching_and_archiving_take_turns() {
    let Some(mut site) = site(&["--extra", "maxlogins_per_user: 1"], "") else {
        return;
    };
    nobody_is_in(&site);
    let mut hand = site.hand();
    for number in 0..3 {
        let mail = message(&format!("only-{number}"), &format!("only {number}"));
        hand.append("INBOX", "", &mail);
    }
    hand.does("LOGOUT");
    nobody_is_in(&site);
    site.start();
    site.until("all are archived", |s| s.count("archived") == 3);
    let status = site.status();
    let said = text(&status["mailboxes"][0], "said");
    assert!(said.contains("one session"), "{status}");
    assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
    site.stop();
    nobody_is_in(&site);
    site.complete();
}

/// Goes red where a quota of less than a megabyte is told as `0 of 0 MiB`.
#[test]
fn a_small_quota_is_told_as_it_is() {
    let Some(site) = site(&[], "") else { return };
    let mut admin = Hand::sign_in_as(site.mail.imap, "admin");
    admin.does(&format!("SETQUOTA user/{USER} (STORAGE 200)"));
    let said = site.does(&["test", "support"]);
    assert!(said.contains("quota: 0 of 200 KiB used"), "{said}");
}
