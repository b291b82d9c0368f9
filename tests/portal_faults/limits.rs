//! What is larger than the portal takes: known before it is sent, set aside with a sentence, and
//! sent once the limit was raised.

use crate::common::service::{text, Site};

/// A mail with a text of so many octets.
fn long(octets: usize) -> Vec<u8> {
    let words = "It happened again, and nobody touched it.\r\n".repeat(octets / 43);
    format!(
        "From: priya.raman@northgate-dental.example\r\nSubject: long {octets}\r\n\
         Message-ID: <long-{octets}@yard.example>\r\n\r\n{words}"
    )
    .into_bytes()
}

#[test]
fn a_ticket_that_is_too_large_is_set_aside_unsent_until_the_limit_is_raised() {
    let mut site = Site::ready_with(&[], &["--ticket-bytes", "200000"], "", "");
    site.start_read();
    let mut hand = site.hand();
    hand.append("INBOX", "", &long(400_000));
    hand.append("INBOX", "", &long(1_000));
    site.until("it is set aside", |s| s.count("refused") == 1);
    // Of the same sender, behind it.
    site.until("the other is there", |s| s.tickets("long 1000").len() == 1);
    let key = site.key("queue", "long 400000");
    let story = site.asks(&["queue", "show", &key]);
    let said = "and the portal takes 0.1 MiB at most";
    assert!(text(&story, "said").contains(said), "{story}");
    assert!(text(&story, "said").contains("queue retry"), "{story}");
    assert!(site.status()["alarms"].to_string().contains("set aside"));
    let log = site.log();
    assert!(
        log.contains(&format!("{key} set aside: the ticket has")),
        "{log}"
    );
    // Not an octet of it went over the line.
    assert_eq!(site.requests("ticket").len(), 1);
    // Retried without a cause mended it is set aside again.
    site.does(&["queue", "retry", &key]);
    site.until("it is set aside again", |s| {
        s.log().matches(said).count() == 2 && s.count("refused") == 1
    });
    site.portal.start_again_with(&[]);
    site.does(&["queue", "retry", &key]);
    site.complete();
    assert_eq!(site.tickets("long 400000").len(), 1);
}

#[test]
fn what_was_never_sent_is_sent_on_the_operator_s_word_by_whatever_process() {
    let promises_nothing = ["--no-keys", "--no-find"];
    let limited = [&promises_nothing[..], &["--ticket-bytes", "200000"]].concat();
    let mut site = Site::ready_with(&[], &limited, "", "");
    site.hand().append("INBOX", "", &long(400_000));
    let (code, said) = site.once();
    assert!(said.contains("set aside: the ticket has"), "{code} {said}");
    site.portal.start_again_with(&promises_nothing);
    let key = site.key("queue", "long 400000");
    site.does(&["queue", "retry", &key]);
    site.drains();
    assert_eq!(site.tickets("long 400000").len(), 1);
}
