//! A server that allows the account one session: watching and archiving take turns with it, and
//! nothing waits but for a moment.

use rustix::process::{kill_process, Pid, Signal};

use crate::common::service::{message, text, Hand, Site, SOON};
use crate::common::{eventually, MailServer, USER};

/// Counts and delivers beside the service; its sessions are none of the account's.
const OUTSIDER: &str = "outside@yard.example";
const SHARED: [&str; 3] = ["--shared", "--user", "outside@yard.example:yard-secret"];
const ONE: [&str; 2] = ["--extra", "mail_max_userip_connections = 1"];

fn allowing(sessions: &[&str]) -> Site {
    let options = [&SHARED[..], sessions].concat();
    let mut site = Site::around(MailServer::dovecot(&options), &[]);
    site.mail.outsider = OUTSIDER;
    // It tests the connection twice, and the server may not have noticed yet that the first has
    // ended.
    eventually("the settings are in force", SOON, || {
        site.imports(&site.settings("none", "", "")).0 == 0
    });
    site
}

#[test]
fn a_server_that_lets_us_in_only_once_loses_nothing() {
    let mut site = Site::on_dovecot(&ONE);
    let mut hand = site.hand();
    for number in 0..3 {
        let mail = message(&format!("only-{number}"), &format!("only {number}"));
        hand.append("INBOX", "", &mail);
    }
    hand.does("LOGOUT");
    drop(hand);
    site.start();
    site.until("all are tickets", |s| s.tickets("only").len() == 3);
    // The second session, which archives, is not let in: that must be said, or overcome.
    site.until("they are archived, or it is said why not", |s| {
        let status = s.status();
        status["counts"]["archived"] == 3 || status["alarms"].to_string().contains("archiving")
    });
    site.stop();
    site.mail.start_again(&[]);
    site.drains();
    let census = site.sound();
    assert_eq!(
        (&census["archived"], &census["inbox_unread"]),
        (&3.into(), &0.into()),
        "{census}"
    );
}

/// How many sessions of the account the server has let in.
fn let_in(site: &Site) -> usize {
    let log = std::fs::read_to_string(&site.mail.log).expect("the server has a log");
    log.matches(&format!("Login: user=<{USER}>")).count()
}

/// How often the server refused a session beyond the first, since it was started.
fn refused(site: &Site) -> usize {
    let log = std::fs::read_to_string(&site.mail.log).expect("the server has a log");
    log.matches("Maximum number of connections from user+IP exceeded")
        .count()
}

#[test]
fn with_one_session_a_backlog_and_what_comes_later_is_ticketed_and_archived_once() {
    let mut site = allowing(&ONE);
    site.mail.fill(&["--count", "200", "--series", "one"]);
    let before = refused(&site);
    site.start();
    site.until("the backlog is archived", |s| s.count("archived") == 200);
    let batches = site.log().matches(" archived\n").count();
    assert!(batches <= 50, "{batches} batches for 200 messages");
    for number in 1..=6 {
        site.send(&format!("later {number}"));
        site.until("it is archived", |s| s.count("archived") == 200 + number);
    }
    site.complete();
    assert_eq!(site.portal.tickets().len(), 206);
    let status = site.status();
    let said = text(&status["mailboxes"][0], "said");
    assert!(said.contains("one session"), "{status}");
    assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
    assert_eq!(site.log().matches("no second session").count(), 1);
    // Found out once, and then left alone; a session of before the start may have been in the way
    // another time.
    let times = refused(&site) - before;
    assert!((1..=2).contains(&times), "{times}");
}

#[test]
fn with_one_session_a_drain_ends_with_everything_archived() {
    let site = allowing(&ONE);
    site.mail.fill(&["--count", "60", "--series", "once"]);
    site.drains();
    site.complete();
    assert_eq!(site.portal.tickets().len(), 60);
}

#[test]
fn with_one_session_a_kill_and_changed_settings_let_the_next_one_in() {
    let mut site = allowing(&ONE);
    site.mail.fill(&["--count", "200", "--series", "kill"]);
    site.start();
    site.until("some are archived", |s| s.count("archived") >= 20);
    site.kill();
    site.start();
    site.until("more are archived", |s| s.count("archived") >= 60);
    site.does(&[
        "settings",
        "set",
        "mailbox.support.check_seconds",
        "61",
        "--yes",
    ]);
    site.send("after the change");
    site.until("all are archived", |s| s.count("archived") == 201);
    site.complete();
    assert_eq!(site.portal.tickets().len(), 201);
}

#[test]
fn the_watch_that_finds_no_place_gets_that_of_the_archiver() {
    let mut site = allowing(&["--extra", "mail_max_userip_connections = 2"]);
    let before = let_in(&site);
    site.start();
    site.send("with two");
    site.until("it is archived", |s| s.count("archived") == 1);
    // Both sessions are there now. The watching one is cut, and somebody else takes its place.
    site.freeze(true);
    end_session(&site, before);
    let mut other = None;
    eventually("somebody else is let in", SOON, || {
        other = Hand::let_in(site.mail.imap, USER);
        other.is_some()
    });
    site.freeze(false);
    site.send("with one");
    site.until("it is archived", |s| s.count("archived") == 2);
    site.complete();
    assert!(site.log().contains("no further session"), "{}", site.log());
    drop(other);
}

/// Ends a session of the account as a crash of the server's process would.
fn end_session(site: &Site, number: usize) {
    let log = std::fs::read_to_string(&site.mail.log).expect("the server has a log");
    let login = format!("Login: user=<{USER}>");
    let mine = log.lines().filter(|l| l.contains(&login)).nth(number);
    let process = mine.and_then(|l| l.split_once("mpid="));
    let process = process.and_then(|(_, l)| l.split(',').next()?.parse().ok());
    let process = process.and_then(Pid::from_raw).expect("its process id");
    kill_process(process, Signal::KILL).expect("it is there");
}
