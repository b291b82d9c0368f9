//! The service as it runs: news within moments, following a message, what was read before.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::service::{message, Site};

#[test]
fn a_new_mail_is_a_ticket_within_two_seconds() {
    let mut site = Site::ready();
    site.start();
    site.until("it watches", |s| {
        s.status()["mailboxes"][0]["state"] == "watching"
            && s.status()["portal"]["directory_read"] == true
    });
    let mut best = Duration::MAX;
    // Other tests share the machine: the best of three counts.
    for number in 0..3 {
        let subject = format!("news {number}");
        let mail = message(&format!("news-{number}"), &subject);
        let mut hand = site.hand();
        let since = Instant::now();
        hand.append("INBOX", "", &mail);
        site.until("it is a ticket", |s| s.tickets(&subject).len() == 1);
        best = best.min(since.elapsed());
        site.until("it is archived", |s| s.count("archived") == number + 1);
    }
    assert!(best < Duration::from_secs(2), "{best:?}");
    // Nobody had to wait for a second attempt of the move either.
    assert!(!site.log().contains("WARN"), "{}", site.log());
}

#[test]
fn test_wait_follows_the_next_mail_through_its_stages() {
    follows("archive_when = \"forwarded\"");
    // Archived first, it is not over before the portal has it.
    follows("archive_when = \"committed\"");
}

#[track_caller]
fn follows(mailbox: &str) {
    let mut site = Site::ready_with(&[], &[], mailbox, "");
    site.fault(r#"[{"route": "ticket", "action": {"latency_ms": 500}}]"#);
    site.start_read();
    let all = waited(&site, 0, |site| site.send("follow me"));
    for stage in ["fetched", "committed", "forwarded", "archived"] {
        assert!(
            all.contains(&format!("\"stage\":\"{stage}\"")),
            "{stage}: {all}"
        );
    }
}

/// What `test --wait` says from when it waits, once this was done, to its own end, with this exit code.
#[track_caller]
fn waited(site: &Site, ends_with: i32, act: impl FnOnce(&Site)) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .args(["--json", "test", "support", "--wait", "--store"])
        .arg(site.store())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut before = Vec::new();
    for line in lines.by_ref().map_while(Result::ok) {
        let waits = line.contains("waiting for the next message");
        before.push(line);
        if waits {
            break;
        }
    }
    assert!(before.iter().any(|l| l.contains("sign-in")), "{before:?}");
    act(site);
    let mut status = None;
    site.until("the wait has ended", |_| {
        status = child.try_wait().expect("a child can be waited for");
        status.is_some()
    });
    let after: Vec<String> = lines.map_while(Result::ok).collect();
    let all = after.join("\n");
    let code = status.and_then(|s| s.code());
    assert_eq!(code, Some(ends_with), "{before:?} {all}");
    all
}

#[test]
fn test_wait_ends_with_each_message_that_ends() {
    let mut site = Site::ready();
    site.start_read();
    let all = waited(&site, 0, |site| {
        site.send_from("nadia@elsewhere.example", "from nobody");
    });
    assert!(all.contains("unknown-sender"), "{all}");

    site.send("once");
    site.until("it is archived", |s| s.count("archived") == 1);
    let all = waited(&site, 0, |site| {
        let mut hand = site.hand();
        hand.does("SELECT Archive");
        hand.does("STORE 1 -FLAGS.SILENT (\\Seen)");
        hand.does("COPY 1 INBOX");
    });
    assert!(all.contains("\"stage\":\"duplicate\""), "{all}");
    assert!(all.contains("no second ticket"), "{all}");
    site.until("the copy is archived", |s| s.count("to-archive") == 0);
    assert_eq!(site.tickets("once").len(), 1);

    site.fault(r#"[{"route": "ticket", "action": {"status": 422}}]"#);
    let all = waited(&site, 1, |site| site.send("refused"));
    assert!(all.contains("\"stage\":\"refused\""), "{all}");
}

#[test]
fn what_was_read_before_is_counted_and_taken_when_it_is_wanted() {
    let mut site = Site::ready();
    site.hand()
        .append("INBOX", "\\Seen", &message("read", "read by hand"));
    site.start();
    site.until("it is counted", |s| {
        s.status()["mailboxes"][0]["already_read"] == 1
    });
    assert!(site.portal.tickets().is_empty());
    site.does(&[
        "settings",
        "set",
        "mailbox.support.convert_read",
        "on",
        "--yes",
    ]);
    site.until("it is archived", |s| s.count("archived") == 1);
    assert_eq!(site.tickets("read by hand").len(), 1);
}

#[test]
fn a_backlog_survives_two_stops_in_the_middle() {
    let mut site = Site::ready();
    site.mail.fill(&["--count", "400", "--series", "stops"]);
    for so_far in [60, 200] {
        site.start();
        site.until("some are there", |s| s.portal.tickets().len() >= so_far);
        site.stop();
        site.sound();
    }
    site.drains();
    site.complete();
    assert_eq!(site.portal.tickets().len(), 400);
}

/// The figure for unread messages, and since when it is.
fn unread(site: &Site) -> (Option<u64>, String) {
    let mailbox = &site.status()["mailboxes"][0];
    let at = mailbox["unread_at"].as_str().unwrap_or_default();
    (mailbox["unread"].as_u64(), at.to_owned())
}

#[test]
fn the_status_tells_how_many_messages_lie_unread_and_since_when_that_is_known() {
    let mut site = Site::ready_with(&[], &[], "check_seconds = 5", "");
    let stranger = "nadia@elsewhere.example";
    site.send_from(stranger, "held one");
    site.send_from(stranger, "held two");
    site.send("a ticket");
    // Nobody has counted yet.
    assert_eq!(unread(&site), (None, String::new()));
    assert!(site.does(&["status"]).contains("not known yet"));
    site.start();
    site.until("two are held, one is archived", |s| {
        (s.count("held"), s.count("archived")) == (2, 1)
    });
    site.until("what was moved counts no more", |s| unread(s).0 == Some(2));
    let (_, first) = unread(&site);
    // What somebody else reads is noticed by the next check, and the figure says its age.
    let mut hand = site.hand();
    hand.does("SELECT INBOX");
    hand.does("STORE 1 +FLAGS (\\Seen)");
    site.until("one is left", |s| unread(s).0 == Some(1));
    let (_, second) = unread(&site);
    assert!(second > first, "{first} {second}");
    // A server that is away leaves the last figure with its time.
    site.mail.stop();
    site.until("it fails", |s| {
        s.status()["mailboxes"][0]["state"] == "failing"
    });
    let (count, at) = unread(&site);
    assert_eq!(count, Some(1));
    assert!(at >= second);
    assert!(site.does(&["status"]).contains(&at));
}

#[test]
fn another_folder_has_its_own_count_of_unread_messages() {
    let mut site = Site::ready();
    site.send_from("nadia@elsewhere.example", "held");
    site.send("moved");
    site.start();
    // Long before the next check: whoever moves messages counts what is left.
    site.until("what was moved counts no more", |s| {
        s.count("archived") == 1 && unread(s).0 == Some(1)
    });
    site.hand().does("CREATE Other");
    site.does(&[
        "settings",
        "set",
        "mailbox.support.folder",
        "Other",
        "--yes",
    ]);
    site.until("the other folder is counted", |s| unread(s).0 == Some(0));
}
