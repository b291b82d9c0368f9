//! A mail server that is real but for some of its words, which are altered on the way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use crate::common::service::{text, Site};
use crate::wires::{altered, Fate};

/// The line without what stands between two words of it.
pub fn without(line: Vec<u8>, from: &str, to: &str, instead: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(&line);
    let cut = text.split_once(from).and_then(|(before, rest)| {
        let (_, behind) = rest.split_once(to)?;
        Some(format!("{before}{instead}{behind}"))
    });
    cut.map_or(line, String::into_bytes)
}

/// A site whose mailbox is reached by the way that this hand alters.
pub fn site(
    mail: &[&str],
    mailbox: &str,
    server: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    client: impl Fn(&str) -> Fate + Send + Sync + 'static,
) -> Site {
    let site = Site::with(mail, &[]);
    let port = altered(([127, 0, 0, 1], site.mail.imap).into(), server, client);
    let settings = site.settings("none", mailbox, "");
    let direct = format!("port = {}", site.mail.imap);
    site.import(&settings.replace(&direct, &format!("port = {port}")));
    site
}

/// A hand that answers NO, with these words, to each such command of which it `refuses` what follows; and how
/// often it did.
pub fn refusing(
    command: &'static str,
    words: &'static str,
    refuses: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (
    impl Fn(&str) -> Fate + Send + Sync + 'static,
    Arc<AtomicU64>,
) {
    let refused = Arc::<AtomicU64>::default();
    let counts = Arc::clone(&refused);
    let hand = move |line: &str| match line.split_once(command) {
        Some((tag, rest)) if refuses(rest) => {
            counts.fetch_add(1, Ordering::Relaxed);
            Fate::Answered(format!("{tag} NO {words}\r\n"))
        }
        _ => Fate::Passes,
    };
    (hand, refused)
}

/// Sends so many mails, drains, and checks that each is a ticket and archived; what was said.
#[track_caller]
fn drained(site: &Site, messages: usize) -> String {
    for n in 0..messages {
        site.send(&format!("altered {n}"));
    }
    let said = site.drains();
    assert_eq!(site.tickets("altered").len(), messages, "{said}");
    assert_eq!(
        site.hand().search("Archive", "ALL").len(),
        messages,
        "{said}"
    );
    said
}

/// Goes red when a received time that the server does not tell is taken for another one at each look: the
/// message was fetched twice a second, for ever, and never archived.
#[test]
fn a_message_without_a_received_time_is_archived_once() {
    let undated = |line| without(line, "INTERNALDATE \"", "\"", "INTERNALDATE NIL");
    let site = site(&[], "", undated, |_| Fate::Passes);
    let said = drained(&site, 3);
    assert!(!said.contains("the same message again"), "{said}");
    assert!(!said.contains("other messages now"), "{said}");
}

/// Goes red when a server that tells another time at each look makes a message be fetched without end.
#[test]
fn a_received_time_that_is_another_at_each_look_ends_nothing_and_begins_no_circle() {
    let second = AtomicU64::new(0);
    let moving = move |line: Vec<u8>| {
        let n = second.fetch_add(1, Ordering::Relaxed) % 60;
        let date = format!("INTERNALDATE \"01-Nov-2026 10:00:{n:02} +0000\"");
        without(line, "INTERNALDATE \"", "\"", &date)
    };
    let site = site(&[], "", moving, |_| Fate::Passes);
    let said = drained(&site, 3);
    let again = said.matches("the same message again").count();
    assert!(again <= 6, "{said}");
}

/// Goes red when a connection that is lost once, when the archiver asks what lies at its places, leaves
/// them there until the next hour: of several messages, and of one.
#[test]
fn a_connection_that_is_lost_at_the_archivers_look_costs_no_message_its_archiving() {
    for messages in [3, 1] {
        check_lost_look(messages);
    }
}

#[track_caller]
fn check_lost_look(messages: usize) {
    let cut = AtomicBool::new(false);
    let asked = AtomicU64::new(0);
    let site = site(
        &[],
        "",
        |line| line,
        move |line| {
            // The first such question is the watcher's.
            let look = line.contains("RFC822.SIZE");
            match look && asked.fetch_add(1, Ordering::Relaxed) > 0 {
                true if !cut.swap(true, Ordering::Relaxed) => Fate::Cut,
                _ => Fate::Passes,
            }
        },
    );
    drained(&site, messages);
}

/// Checks that the one message was copied once, and is not removed.
#[track_caller]
fn lies_in_both(site: &Site) {
    assert_eq!(site.hand().search("Archive", "ALL").len(), 1);
    assert_eq!(site.hand().search("INBOX", "ALL").len(), 1);
    assert_eq!(site.tickets("copied").len(), 1);
}

/// Goes red when what is copied and can't be removed is copied again by the next attempt, or by one that
/// a change of the settings begins; or when it is removed without a new copy.
#[test]
fn what_is_copied_and_not_removed_is_copied_again_on_a_word_only() {
    let allowed = Arc::new(AtomicBool::new(false));
    let may = Arc::clone(&allowed);
    let (hand, _) = refusing(" UID EXPUNGE", "expunge is not allowed here", move |_| {
        !may.load(Ordering::Relaxed)
    });
    let copies = "archive_by_copy = true";
    let mut site = site(&["--without", "MOVE"], copies, |line| line, hand);
    site.send("copied");
    site.start();
    site.until("it is tried", |s| {
        s.log().contains("expunge is not allowed here")
    });
    for attempt in 1..=2 {
        site.does(&[
            "settings",
            "set",
            &format!("mailbox.support.check_seconds={attempt}00"),
        ]);
        site.until("it is left alone", |s| {
            s.log().matches("copied before, and not removed").count() >= attempt
        });
    }
    lies_in_both(&site);
    allowed.store(true, Ordering::Relaxed);
    site.does(&["queue", "retry", "--all"]);
    site.until("it is archived", |s| s.count("archived") == 1);
    assert!(site.hand().search("INBOX", "ALL").is_empty());
    assert_eq!(site.hand().search("Archive", "ALL").len(), 2);
    assert_eq!(site.tickets("copied").len(), 1);
}

/// Goes red when a COPY whose answer is lost is repeated by the next attempt.
#[test]
fn a_copy_whose_answer_is_lost_is_not_made_again_by_the_next_attempt() {
    let cut = AtomicBool::new(false);
    let mut site = site(
        &["--without", "MOVE"],
        "archive_by_copy = true",
        move |line| {
            let lost = String::from_utf8_lossy(&line).contains("[COPYUID ");
            match lost && !cut.swap(true, Ordering::Relaxed) {
                // No answer to that command ever comes; the connection ends by what follows it.
                true => b"* BYE a cable was pulled\r\n".to_vec(),
                false => line,
            }
        },
        |_| Fate::Passes,
    );
    site.send("copied");
    site.start();
    site.until("it is left alone", |s| {
        s.log().contains("may have been copied before")
    });
    lies_in_both(&site);
    assert_eq!(site.tickets("copied").len(), 1);
}

/// Goes red when a change of the settings ends the archiver while a copy is on its way: the copies' numbers
/// are lost, and all of them are made again on a word.
#[test]
fn a_copy_that_is_on_its_way_while_the_settings_change_is_removed_for_all_that() {
    check_copy_on_its_way(false);
}

/// Goes red when a stop does not wait for a copy that is on its way.
#[test]
fn a_copy_that_is_on_its_way_at_a_stop_is_made_once() {
    check_copy_on_its_way(true);
}

#[track_caller]
fn check_copy_on_its_way(stops: bool) {
    let mut site = site(
        &["--without", "MOVE"],
        "archive_by_copy = true",
        |line| {
            if String::from_utf8_lossy(&line).contains("[COPYUID ") {
                std::thread::sleep(std::time::Duration::from_secs(3));
            }
            line
        },
        |_| Fate::Passes,
    );
    site.hand().does("CREATE Archive");
    for n in 0..5 {
        site.send(&format!("copied {n}"));
    }
    site.start();
    site.until("they are copied", |s| {
        s.hand().search("Archive", "ALL").len() == 5
    });
    match stops {
        true => {
            site.stop();
            site.start();
        }
        false => {
            site.does(&["settings", "set", "mailbox.support.check_seconds=200"]);
        }
    }
    site.until("all are archived", |s| s.count("archived") == 5);
    assert!(site.hand().search("INBOX", "ALL").is_empty());
    assert_eq!(site.hand().search("Archive", "ALL").len(), 5);
    assert!(!site.log().contains("copied before"), "{}", site.log());
}

/// Without COPYUID nobody knows what was copied: nothing is removed, and nothing copied twice.
#[test]
fn a_server_that_does_not_say_what_it_copied_is_named_and_not_asked_again() {
    let mut site = site(
        &["--without", "MOVE"],
        "archive_by_copy = true",
        |line| without(line, "[COPYUID ", "] ", ""),
        |_| Fate::Passes,
    );
    site.send("copied");
    site.start();
    site.until("it is said", |s| {
        s.log()
            .contains("archive_by_copy does not work with this server")
    });
    site.until("it is left alone", |s| {
        let said = s.status().to_string();
        said.contains("copied before, and not removed")
    });
    lies_in_both(&site);
    assert_eq!(text(&site.tickets("copied")[0], "subject"), "copied");
}

/// Goes red where the running service copies and removes on a server that has lost MOVE since the mailbox was
/// activated, though nobody let it.
#[test]
fn a_server_that_loses_move_gets_no_copies_unless_the_operator_lets_it() {
    let lost = Arc::<AtomicBool>::default();
    let copies = Arc::<AtomicU64>::default();
    let (server, client) = (Arc::clone(&lost), Arc::clone(&copies));
    let forget = move |line: Vec<u8>| match server.load(Ordering::Relaxed) {
        true => String::from_utf8_lossy(&line)
            .replace(" MOVE", "")
            .into_bytes(),
        false => line,
    };
    let count = move |line: &str| {
        if line.contains(" COPY ") || line.contains("\\Deleted") {
            client.fetch_add(1, Ordering::Relaxed);
        }
        Fate::Passes
    };
    let mut site = site(&[], "", forget, count);
    lost.store(true, Ordering::Relaxed);
    site.start_read();
    site.send("stays");
    site.until("it is a ticket", |s| s.tickets("stays").len() == 1);
    site.until("it is said why it is not archived", |s| {
        s.status().to_string().contains("can't MOVE (RFC 6851)")
    });
    assert_eq!(copies.load(Ordering::Relaxed), 0, "{}", site.log());
    assert_eq!(site.hand().search("INBOX", "ALL").len(), 1);
    // The operator lets it.
    let by_copy = [
        "settings",
        "set",
        "mailbox.support.archive_by_copy",
        "on",
        "--yes",
    ];
    site.does(&by_copy);
    site.until("it is archived", |s| s.count("archived") == 1);
    assert!(copies.load(Ordering::Relaxed) > 0);
    site.complete();
}
