//! The yard itself: mail goes in, the count sees it, nothing outlives its test.

mod common;

use common::MailServer;

#[test]
fn mail_that_was_put_in_is_seen_from_outside() {
    let mail = MailServer::start(&[]);
    let filled = mail.fill(&["--count", "20"]);
    assert_eq!(filled["mails"], 20);
    let messages = mail.messages();
    assert_eq!(messages.len(), 20);
    assert!(messages
        .iter()
        .all(|m| m["folder"] == "INBOX" && m["seen"] == false));
}

#[test]
fn a_server_that_is_started_again_keeps_its_mail_and_ports() {
    let mut mail = MailServer::start(&["--format", "maildir"]);
    mail.fill(&["--count", "3"]);
    mail.start_again(&["--format", "maildir", "--without", "MOVE"]);
    assert_eq!(mail.messages().len(), 3);
}

#[test]
fn a_disk_that_loses_its_power_is_mounted_again() {
    let Some(disk) = common::Disk::make(16) else {
        return;
    };
    std::fs::write(disk.path().join("unsynced"), "gone").expect("the disk takes a file");
    let folder = common::folder();
    let mut any = common::Postern::start(folder.path(), &["--help"], &[]);
    disk.cut(&mut any);
    let left = std::fs::read(disk.path().join("unsynced")).unwrap_or_default();
    assert!(left.is_empty());
}
