//! What is done to a Dovecot's files behind its back: folders that begin their numbers anew, messages
//! that can't be read any more.

use std::path::PathBuf;

use crate::common::eventually;
use crate::common::service::{message, text, Site, SOON};

#[test]
fn numbers_that_begin_anew_double_nothing() {
    let mut site = Site::on_dovecot(&[]);
    site.start();
    site.send("archived before");
    site.until("it is archived", |s| s.count("archived") == 1);
    site.send_from("nadia@elsewhere.example", "held before");
    site.until("it is held", |s| s.count("held") == 1);
    site.until_read();
    site.commit_while_away("committed before");
    site.stop();
    // The folder is made again, with the same messages under other numbers.
    let mut hand = site.hand();
    hand.does("CREATE Spare");
    hand.does("SELECT INBOX");
    hand.does("COPY 1:* Spare");
    hand.does("STORE 1:* +FLAGS.SILENT (\\Deleted)");
    hand.does("EXPUNGE");
    hand.does("CLOSE");
    drop(hand);
    site.mail.stop();
    let inbox = walk(&site.mail.path().join("mail"), "INBOX");
    for folder in inbox {
        std::fs::remove_dir_all(folder).expect("a folder can be removed");
    }
    site.mail.start_again(&[]);
    let mut hand = site.hand();
    hand.does("SELECT Spare");
    hand.does("COPY 1:* INBOX");
    hand.does("CLOSE");
    hand.does("DELETE Spare");
    site.portal.start_again();
    site.start();
    site.complete();
    assert_eq!(site.portal.tickets().len(), 2);
    assert_eq!(site.count("held"), 1);
}

/// Folders of this name below a folder.
fn walk(below: &std::path::Path, name: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|n| n == name) {
                found.push(path);
            } else {
                found.extend(walk(&path, name));
            }
        }
    }
    found
}

/// A site with six mails, the third of which is cut to its `part`-th part on the server: its file, and
/// the whole of it.
#[track_caller]
fn unreadable(part: u64) -> (Site, PathBuf, Vec<u8>) {
    let site = Site::on_dovecot(&[]);
    for number in 1..=6 {
        site.send(&format!("mail {number}"));
    }
    let file = walk(&site.mail.path().join("mail"), "dbox-Mails")[0].join("u.3");
    let whole = std::fs::read(&file).expect("the third message's file");
    let cut = std::fs::File::options().write(true).open(&file);
    let cut = cut.and_then(|f| f.set_len(whole.len() as u64 / part));
    cut.expect("a file can be cut");
    (site, file, whole)
}

/// Goes red where Test Connection, or an activation, fails over a server that does not search by date: it
/// can't read one message (the first server denies the search, the second one hangs up).
#[test]
fn a_mailbox_with_a_message_that_the_server_can_not_read_can_be_tested_and_activated() {
    for part in [2, u64::MAX] {
        let (site, ..) = unreadable(part);
        let said = site.does(&["test", "support"]);
        let told = "the server does not search by date";
        assert!(said.contains(told) && said.contains("warn"), "{said}");
        assert!(said.contains("at most 6 unread"), "{said}");
        let on = ["settings", "set", "mailbox.support.active=on"];
        site.does(&["settings", "set", "mailbox.support.active=off"]);
        let said = site.refuses(&on);
        let asked = "up to 6 unread messages would become tickets now.";
        assert!(said.contains(asked) && said.contains(told), "{said}");
        site.does(&[&on[..], &["--yes"]].concat());
    }
}

/// Goes red where the line is lost over a message while its received time is asked for (the search by date
/// found it), and Test Connection fails.
#[test]
fn a_message_that_costs_the_line_when_its_date_is_asked_for_fails_no_test() {
    let (site, file, whole) = unreadable(2);
    std::fs::write(&file, whole).expect("a file can be mended");
    // The server remembers the dates, and of the third nothing else.
    let mut hand = site.hand();
    hand.does("SELECT INBOX");
    hand.does("FETCH 1:* INTERNALDATE");
    hand.does("LOGOUT");
    std::fs::write(&file, "").expect("a file can be cut");
    let now = site.status()["at"].to_string();
    let today = now.trim_matches('"').split('T').next().expect("a date");
    let after = format!("mailbox.support.received_after={today}T00:00:00Z");
    site.does(&["settings", "set", &after, "--yes"]);
    let said = site.does(&["test", "support"]);
    assert!(said.contains("at most 6 unread"), "{said}");
    assert!(said.contains("closed the session"), "{said}");
}

/// Goes red when a server that hangs up on a search by date, as Dovecot does over a file of no octets, is
/// asked the same again each time.
#[test]
fn a_message_of_no_octets_keeps_no_other() {
    let (mut site, ..) = unreadable(u64::MAX);
    site.start();
    site.until("the five others are archived", |s| s.count("archived") == 5);
}

#[test]
fn a_message_that_the_server_can_not_read_keeps_no_other_and_is_named() {
    let (mut site, file, whole) = unreadable(2);
    site.start();
    site.until("the five others are archived", |s| s.count("archived") == 5);
    let alarm = |s: &Site| {
        let alarms = s.status()["alarms"].to_string();
        alarms.contains("UID 3 ").then_some(alarms)
    };
    site.until("it watches, and names the one", |s| {
        alarm(s).is_some() && s.status()["mailboxes"][0]["state"] == "watching"
    });
    let said = alarm(&site).expect("it was there");
    assert!(said.contains("1 message was left out"), "{said}");
    assert!(said.contains("`postern queue retry --all`"), "{said}");
    site.send("mail 7");
    site.until("a later one is archived", |s| s.count("archived") == 6);
    site.stop();
    let (code, said) = site.once();
    assert_eq!(code, 1, "{said}");
    let left = "mailbox support: 1 messages could not be fetched";
    assert!(said.contains(left), "{said}");
    site.start();
    site.until("it is named again", |s| alarm(s).is_some());
    std::fs::write(&file, whole).expect("a file can be mended");
    site.does(&["queue", "retry", "--all"]);
    site.complete();
    site.until("nothing is left to say", |s| alarm(s).is_none());
    assert_eq!(site.tickets("mail 3").len(), 1);
}

/// Goes red where each connection finds out one message that the server can't read, and those behind it,
/// new ones too, wait until the last is known.
#[test]
fn many_messages_that_the_server_can_not_read_keep_no_other_for_long() {
    check_many_unreadable(false);
}

/// The same where their sizes are known to the server, and only their octets are not to be had.
#[test]
fn many_messages_of_which_only_the_size_can_be_read_keep_no_other_for_long() {
    check_many_unreadable(true);
}

#[track_caller]
fn check_many_unreadable(cached: bool) {
    const BAD: usize = 8;
    let mut site = Site::on_dovecot(&[]);
    for n in 1..=BAD {
        site.send(&format!("bad {n}"));
    }
    let mut hand = site.hand();
    hand.does("SELECT INBOX");
    hand.does("FETCH 1:* (RFC822.SIZE INTERNALDATE)");
    hand.does("LOGOUT");
    site.mail.stop();
    let folder = &walk(&site.mail.path().join("mail"), "dbox-Mails")[0];
    let mut cut = 0;
    for file in std::fs::read_dir(folder).expect("a folder").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("u.") {
            let file = std::fs::File::options().write(true).open(file.path());
            file.and_then(|file| file.set_len(60)).expect("it is cut");
            cut += 1;
        } else if name.ends_with(".cache") && !cached {
            std::fs::remove_file(file.path()).expect("it is removed");
        }
    }
    assert_eq!(cut, BAD);
    site.mail.start_again(&[]);
    for n in 1..=3 {
        site.send(&format!("good {n}"));
    }
    site.start();
    site.until("the good ones are tickets", |s| {
        s.tickets("good").len() == 3
    });
    let (posted, named) = (site.portal.tickets().len(), format!("{BAD} messages were"));
    assert_eq!(posted, 3);
    site.send("good 4");
    site.until("a later one is a ticket", |s| s.tickets("good").len() == 4);
    eventually("all bad ones are named", 4 * SOON, || {
        site.status()["alarms"].to_string().contains(&named)
    });
}

/// Goes red when what the operator wants of one life of the UIDs is done to the message that has the
/// number in the next.
#[test]
fn a_wish_for_a_read_message_is_no_wish_for_another_under_its_number() {
    let mut site = Site::on_dovecot(&[]);
    let mut hand = site.hand();
    hand.append("INBOX", "\\Seen", &message("wished", "wished for"));
    hand.does("CREATE Other");
    hand.append("Other", "\\Seen", &message("other", "another one"));
    drop(hand);
    site.start_read();
    site.until("it is listed", |s| s.list("held").len() == 1);
    let key = text(&site.list("held")[0], "key").to_owned();
    site.mail.stop();
    site.until("the server is away", |s| {
        s.status()["mailboxes"][0]["state"] == "failing"
    });
    site.does(&["held", "convert", &key]);
    let mail = site.mail.path().join("mail");
    let (inbox, other) = (walk(&mail, "INBOX"), walk(&mail, "Other"));
    std::fs::rename(&inbox[0], inbox[0].with_file_name("Spare")).expect("it can be moved");
    std::fs::rename(&other[0], &inbox[0]).expect("it can be moved");
    site.mail.start_again(&[]);
    site.does(&["queue", "retry", "--all"]);
    site.until("it watches again", |s| {
        s.status()["mailboxes"][0]["state"] == "watching" && s.list("held").len() == 1
    });
    assert_eq!(text(&site.list("held")[0], "key"), key, "the same number");
    assert!(site.log().contains("its UIDs begin anew"), "{}", site.log());
    assert!(site.portal.tickets().is_empty());
}
