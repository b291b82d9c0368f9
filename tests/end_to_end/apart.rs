//! One message in trouble costs no other: neither its ticket nor its place in the archive.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::altered::{site, without};
use crate::common::eventually;
use crate::common::service::{message, Site, SOON};
use crate::wires::Fate;

fn alarms(site: &Site) -> String {
    site.status()["alarms"].to_string()
}

/// Goes red where a line that drops a few times over one message keeps the others, is taken for the
/// server's fault, or where `queue retry --all` does nothing for a mailbox that is just then away.
#[test]
fn a_line_that_drops_over_one_message_costs_no_other_and_not_that_one() {
    let bad = Arc::new(AtomicBool::new(true));
    let drops = Arc::clone(&bad);
    let mut site = site(
        &[],
        "",
        |line| line,
        move |line| {
            let later_slice = line.contains("BODY.PEEK[]<") && !line.contains("[]<0.");
            match later_slice && drops.load(Ordering::Relaxed) {
                true => Fate::Cut,
                false => Fate::Passes,
            }
        },
    );
    let mut large = message("large", "the large one");
    large.extend(b"The same line, many times.\r\n".repeat(100_000));
    site.hand().append("INBOX", "", &large);
    site.start();
    site.until("it is left out", |s| alarms(s).contains("can't be fetched"));
    let said = alarms(&site);
    assert!(!said.contains("server doesn't give"), "{said}");
    for n in 0..3 {
        site.send(&format!("small {n}"));
    }
    site.until("the others are tickets", |s| s.tickets("small").len() == 3);
    assert!(site.tickets("the large one").is_empty());

    site.mail.stop();
    site.until("the server is away", |s| {
        s.status()["mailboxes"][0]["state"] == "failing"
    });
    bad.store(false, Ordering::Relaxed);
    site.does(&["queue", "retry", "--all"]);
    site.mail.start_again(&[]);
    // Its next attempt of its own would come a minute after the third.
    let asked = Instant::now();
    site.until("the large one is a ticket", |s| {
        s.tickets("the large one").len() == 1
    });
    assert!(asked.elapsed() < Duration::from_secs(30));
    site.until("all are archived", |s| s.count("archived") == 4);
    site.until("nothing is left out", |s| alarms(s) == "[]");
    site.stop();
    site.complete();
}

/// Goes red where a message that the server won't move keeps those that come later in the inbox until its
/// own next attempt, or where each of them makes another attempt.
#[test]
fn a_message_that_is_not_moved_keeps_no_later_one() {
    let denied = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(AtomicU64::new(0));
    let (denies, asks) = (Arc::clone(&denied), Arc::clone(&asked));
    let mut site = site(
        &[],
        "",
        |line| line,
        move |line| match line.split_once(" UID MOVE ") {
            Some((tag, rest)) if names_the_first(rest) && denies.load(Ordering::Relaxed) => {
                asks.fetch_add(1, Ordering::Relaxed);
                Fate::Answered(format!("{tag} NO not this one\r\n"))
            }
            _ => Fate::Passes,
        },
    );
    site.send("the first");
    site.start();
    // By then the next attempt is at least eight seconds off, and most often sixteen.
    site.until("it is denied often", |s| {
        s.log().matches("not this one").count() >= 5
    });
    let before = asked.load(Ordering::Relaxed);
    for n in 0..3 {
        site.send(&format!("later {n}"));
    }
    let sent = Instant::now();
    site.until("the later ones are archived", |s| s.count("archived") == 3);
    assert!(sent.elapsed() < Duration::from_secs(8), "{}", site.log());
    let asked = asked.load(Ordering::Relaxed);
    assert_eq!(asked, before, "it is not asked for with each of them");
    assert!(alarms(&site).contains("not this one"), "{}", alarms(&site));
    denied.store(false, Ordering::Relaxed);
    site.does(&["queue", "retry", "--all"]);
    site.until("it is archived", |s| s.count("archived") == 4);
    site.until("nothing is wrong", |s| alarms(s) == "[]");
    site.stop();
    site.complete();
}

/// Goes red where so many messages that are not moved are taken for the folder's trouble, and keep the
/// others and what comes later; or where words that a server has for one file are.
#[test]
fn many_messages_that_are_not_moved_keep_no_other() {
    let denials = [
        (12, "not these", true),
        (12, "not these", false),
        (1, "[SERVERBUG] internal error", true),
    ];
    for (bad, words, tells) in denials {
        let mut site = site(
            &[],
            "",
            move |line| match tells {
                true => line,
                // Not every server tells what it moved.
                false => without(line, "[COPYUID ", "] ", ""),
            },
            move |line| match line.split_once(" UID MOVE ") {
                Some((tag, rest)) if named(rest).is_some_and(|least| least <= bad) => {
                    Fate::Answered(format!("{tag} NO {words}\r\n"))
                }
                _ => Fate::Passes,
            },
        );
        for n in 1..=bad {
            site.send(&format!("bad {n}"));
        }
        for n in 1..=4 {
            site.send(&format!("good {n}"));
        }
        site.start();
        site.until("the others are archived", |s| s.count("archived") == 4);
        site.until("it is said", |s| {
            alarms(s).contains("the server did not move")
        });
        site.send("good 5");
        let sent = Instant::now();
        site.until("a later one is archived", |s| s.count("archived") == 5);
        assert!(sent.elapsed() < Duration::from_secs(10), "{}", site.log());
    }
}

/// The least UID of a set, where that has any.
fn named(set: &str) -> Option<u32> {
    let set = set.split(' ').next().unwrap_or_default();
    set.split([',', ':'])
        .filter_map(|uid| uid.parse().ok())
        .min()
}

/// Goes red where messages that the server won't show cost those beside them the connection, or where more
/// of them than are counted keep all others.
#[test]
fn very_many_messages_that_are_not_shown_keep_no_other() {
    let mut site = site(
        &[],
        "",
        |line| line,
        move |line| match line.split_once(" UID FETCH ") {
            Some((tag, rest)) if rest.contains("BODY.PEEK[]") => {
                let set = rest.split(' ').next().unwrap_or_default();
                // One in a hundred is shown, where it is asked for alone.
                let all_good = set.parse::<u32>().is_ok() && set.ends_with("00");
                match all_good {
                    true => Fate::Passes,
                    false => Fate::Answered(format!("{tag} NO not shown\r\n")),
                }
            }
            _ => Fate::Passes,
        },
    );
    site.mail.fill(&["--count", "1200", "--size", "1k"]);
    site.start();
    site.until("those between are tickets", |s| {
        s.portal.tickets().len() == 12
    });
    site.until("the others are named", |s| {
        alarms(s).contains("messages were left out")
    });
    let signed_in = |s: &Site| {
        let log = std::fs::read_to_string(&s.mail.log).expect("the server has a log");
        log.matches("Login").count()
    };
    assert!(signed_in(&site) < 40, "{}", signed_in(&site));
}

/// Goes red where a block of them ends the session each time before what lies behind it.
#[test]
fn a_block_of_messages_that_are_not_shown_keeps_nothing_behind_it() {
    let mut site = site(
        &[],
        "",
        |line| line,
        move |line| match line.split_once(" UID FETCH ") {
            Some((tag, rest)) if rest.contains("BODY.PEEK[]") => {
                match named(rest).is_some_and(|least| least <= 1200) {
                    true => Fate::Answered(format!("{tag} NO not shown\r\n")),
                    false => Fate::Passes,
                }
            }
            _ => Fate::Passes,
        },
    );
    site.mail.fill(&["--count", "1200", "--size", "1k"]);
    for n in 1..=3 {
        site.send(&format!("good {n}"));
    }
    site.start();
    eventually("those behind are tickets", 3 * SOON, || {
        site.tickets("good").len() == 3
    });
}

/// Whether a set of UIDs, and what stands behind it, has UID 1 in it.
fn names_the_first(set: &str) -> bool {
    let set = set.split(' ').next().unwrap_or_default();
    set.split([',', ':']).any(|uid| uid == "1")
}

/// Goes red where more messages than are counted are asked for again and again without a growing wait, and
/// where a run with an end has none because of them.
#[test]
fn a_run_with_an_end_ends_where_the_server_tells_nothing_of_very_many() {
    let site = site(
        &[],
        "",
        |line| {
            let text = String::from_utf8_lossy(&line);
            let uid = text.split_once("UID ").and_then(|(_, rest)| {
                let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
                digits.parse::<u32>().ok()
            });
            match uid {
                Some(uid) if uid > 20 && text.contains("RFC822.SIZE") => Vec::new(),
                _ => line,
            }
        },
        |_| Fate::Passes,
    );
    site.mail.fill(&["--count", "1100", "--size", "1k"]);
    let begun = Instant::now();
    let (code, said) = site.once();
    assert_eq!(code, 1, "{said}");
    assert!(begun.elapsed() < Duration::from_secs(150), "{said}");
    assert!(said.contains("messages could not be fetched"), "{said}");
    let log = std::fs::read_to_string(&site.mail.log).expect("the server has a log");
    assert!(log.matches("Login").count() < 20, "{log}");
    assert_eq!(site.portal.tickets().len(), 20);
}
