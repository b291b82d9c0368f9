//! One message in trouble costs no other: neither its ticket nor its place in the archive.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::altered::{refusing, site, without};
use crate::common::eventually;
use crate::common::service::{message, text, Site, SOON};
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

/// A site whose server denies each MOVE of a set with a UID up to `bad` in it, as long as `denies`; and how
/// often it did.
fn denying(
    bad: u32,
    words: &'static str,
    tells: bool,
    denies: &Arc<AtomicBool>,
) -> (Site, Arc<AtomicU64>) {
    let denies = Arc::clone(denies);
    let (hand, denied) = refusing(" UID MOVE ", words, move |set| {
        least(set) <= bad && denies.load(Ordering::Relaxed)
    });
    let server = move |line| match tells {
        true => line,
        // Not every server tells what it moved.
        false => without(line, "[COPYUID ", "] ", ""),
    };
    let site = site(&[], "", server, hand);
    (site, denied)
}

/// Goes red where a message that the server won't move keeps those that come later in the inbox until its
/// own next attempt, or where each of them makes another attempt.
#[test]
fn a_message_that_is_not_moved_keeps_no_later_one() {
    let denies = Arc::new(AtomicBool::new(true));
    let (mut site, denied) = denying(1, "not this one", true, &denies);
    site.send("the first");
    site.start();
    // By then the next attempt is a minute off.
    site.until("it is denied often", |_| {
        denied.load(Ordering::Relaxed) >= 3
    });
    let before = denied.load(Ordering::Relaxed);
    for n in 0..3 {
        site.send(&format!("later {n}"));
    }
    site.until("the later ones are archived", |s| s.count("archived") == 3);
    let after = denied.load(Ordering::Relaxed);
    assert_eq!(after, before, "it is not asked for with each of them");
    assert!(alarms(&site).contains("not this one"), "{}", alarms(&site));
    denies.store(false, Ordering::Relaxed);
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
    let denies = Arc::new(AtomicBool::new(true));
    for (bad, words, tells) in denials {
        let (mut site, _) = denying(bad, words, tells, &denies);
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

/// Goes red where an attempt that ends before the others are tried puts those off like the ones that were denied:
/// each attempt then ends at the same ones, and nothing behind them is ever archived.
#[test]
fn messages_that_are_not_moved_around_the_others_keep_none_of_them() {
    let (hand, _) = refusing(" UID MOVE ", "not this one", |set| {
        members(set).any(|uid| uid <= 8 || uid == 40)
    });
    let mut site = site(&[], "", |line| line, hand);
    for n in 1..=40 {
        site.send(&format!("mail {n}"));
    }
    site.start();
    site.until("those between are archived", |s| s.count("archived") == 31);
    site.until("the others are named", |s| {
        alarms(s).contains("did not move 9 messages")
    });
}

/// Goes red where a folder that takes nothing is asked for each message at once, or where an attempt comes to
/// the same messages as the one before.
#[test]
fn a_folder_that_takes_nothing_is_asked_for_some_more_at_each_attempt() {
    let tried = Arc::<Mutex<BTreeSet<u32>>>::default();
    let tries = Arc::clone(&tried);
    let (hand, _) = refusing(" UID MOVE ", "none of these", move |set| {
        let uids: Vec<u32> = members(set).collect();
        if let [uid] = uids[..] {
            tries.lock().expect("no hand has panicked").insert(uid);
        }
        true
    });
    let mut site = site(&[], "", |line| line, hand);
    for n in 1..=27 {
        site.send(&format!("mail {n}"));
    }
    site.start();
    site.until("each was tried", |_| {
        tried.lock().expect("no hand has panicked").len() == 27
    });
    let log = site.log();
    assert!(log.contains("more were not tried"), "{log}");
}

/// A site whose server tells nothing but flags of a set with a UID from `bad` in it; and how often it did.
fn telling_nothing(bad: RangeInclusive<u32>) -> (Site, Arc<AtomicU64>) {
    let (hand, asked) = refusing(" UID FETCH ", "[SERVERBUG] internal error", move |set| {
        set.contains("RFC822.SIZE") && members(set).any(|uid| bad.contains(&uid))
    });
    let site = site(&[], "", |line| line, hand);
    (site, asked)
}

/// Goes red where so many messages in a row of which the server tells flags and no more are taken for the
/// server's trouble: no pass ever ended, and each mail waited ever longer. Unread ones, and read ones.
#[test]
fn many_messages_that_are_not_told_of_keep_neither_an_older_one_nor_new_ones() {
    for flags in ["", "\\Seen"] {
        let (mut site, asked) = telling_nothing(2..=13);
        site.send("good 1");
        for _ in 2..=13 {
            site.hand().append("INBOX", flags, &message("bad", "bad"));
        }
        site.start();
        site.until("the older one is a ticket", |s| {
            s.tickets("good").len() == 1
        });
        let unread = flags.is_empty();
        site.until("it watches", |s| {
            let named = !unread || alarms(s).contains("12 messages were left out");
            named && s.status()["mailboxes"][0]["state"] == "watching"
        });
        let before = asked.load(Ordering::Relaxed);
        assert!(before < 150, "{before} times");
        for n in 2..=4 {
            site.send(&format!("good {n}"));
            site.until("a new one is a ticket", |s| s.tickets("good").len() == n);
        }
        let after = asked.load(Ordering::Relaxed);
        assert_eq!(after, before, "it is not asked with each of them");
    }
}

/// A site whose server shows no octets where `hides` says so of a set; and how often it did.
fn hiding(hides: impl Fn(&str) -> bool + Send + Sync + 'static) -> (Site, Arc<AtomicU64>) {
    let octets = move |set: &str| set.contains("BODY.PEEK[]") && hides(set);
    let (hand, asked) = refusing(" UID FETCH ", "not shown", octets);
    let site = site(&[], "", |line| line, hand);
    (site, asked)
}

/// Goes red where messages that the server won't show cost those beside them the connection, or where more
/// of them than are counted keep all others.
#[test]
fn very_many_messages_that_are_not_shown_keep_no_other() {
    // One in a hundred is shown, where it is asked for alone.
    let (mut site, _) = hiding(|set| {
        let uid = set.split(' ').next().unwrap_or_default();
        uid.parse::<u32>().is_err() || !uid.ends_with("00")
    });
    site.mail.fill(&["--count", "1200", "--size", "1k"]);
    site.start();
    site.until("those between are tickets", |s| {
        s.portal.tickets().len() == 12
    });
    site.until("the others are named", |s| {
        alarms(s).contains("messages were left out")
    });
    let log = std::fs::read_to_string(&site.mail.log).expect("the server has a log");
    assert!(log.matches("Login").count() < 40, "{log}");
}

/// Goes red where a block of them ends the session each time before what lies behind it.
#[test]
fn a_block_of_messages_that_are_not_shown_keeps_nothing_behind_it() {
    let (mut site, _) = hiding(|set| least(set) <= 1200);
    site.mail.fill(&["--count", "1200", "--size", "1k"]);
    for n in 1..=3 {
        site.send(&format!("good {n}"));
    }
    site.start();
    eventually("those behind are tickets", 3 * SOON, || {
        site.tickets("good").len() == 3
    });
}

/// Goes red where a server that shows nothing at all is asked for each message before it is left alone.
#[test]
fn a_server_that_shows_nothing_is_left_alone_for_a_while() {
    let (mut site, asked) = hiding(|_| true);
    site.mail.fill(&["--count", "900", "--size", "1k"]);
    site.start();
    site.until("it waits", |s| {
        s.status()["mailboxes"][0]["state"] == "failing"
    });
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked < 450, "{asked} times");
}

/// The UIDs of a set, of which other words may follow.
fn members(set: &str) -> impl Iterator<Item = u32> + '_ {
    let set = set.split(' ').next().unwrap_or_default();
    set.split(',').flat_map(|part| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        match (from.parse(), to.parse()) {
            (Ok(from), Ok(to)) => from..=to,
            // No message has it.
            _ => 0..=0,
        }
    })
}

/// The least of them.
fn least(set: &str) -> u32 {
    members(set)
        .filter(|uid| *uid > 0)
        .min()
        .unwrap_or(u32::MAX)
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

/// Goes red where another ticket of a message that is not archived yet takes its place from it.
#[test]
fn another_ticket_of_a_message_that_is_not_archived_yet_leaves_it_its_place() {
    let denies = Arc::new(AtomicBool::new(true));
    let (mut site, _) = denying(1, "not now", true, &denies);
    site.send("twice");
    site.start_read();
    site.until("it is a ticket", |s| s.tickets("twice").len() == 1);
    site.until("it is not moved", |s| alarms(s).contains("not now"));
    let key = text(&site.tickets("twice")[0], "key").to_owned();
    site.does(&["held", "convert", &key, "--again"]);
    site.until("there are two", |s| s.tickets("twice").len() == 2);
    assert_eq!(site.count("to-archive"), 1);
    denies.store(false, Ordering::Relaxed);
    site.does(&["queue", "retry", "--all"]);
    site.until("it is archived", |s| s.count("to-archive") == 0);
}
