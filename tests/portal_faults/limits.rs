//! What is larger than the portal takes: known before it is sent, set aside with a sentence, and
//! sent once the limit was raised.

use base64::Engine as _;

use crate::common::service::{text, Site};

/// A mail with one file of so many octets.
fn with_file(octets: usize, subject: &str) -> Vec<u8> {
    let coded = base64::engine::general_purpose::STANDARD.encode(vec![7; octets]);
    let lines: Vec<&[u8]> = coded.as_bytes().chunks(76).collect();
    format!(
        "From: priya.raman@northgate-dental.example\r\nSubject: {subject}\r\n\
         Message-ID: <{octets}@yard.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=f.bin\r\n\r\n{}\r\n",
        String::from_utf8_lossy(&lines.join(&b"\r\n"[..]))
    )
    .into_bytes()
}

#[test]
fn an_attachment_that_is_too_large_is_set_aside_unsent_until_the_limit_is_raised() {
    let mut site = Site::ready_with(&[], &["--attachment-bytes", "2000000"], "", "");
    site.start_read();
    let mut hand = site.hand();
    hand.append("INBOX", "", &with_file(3_000_000, "much too large"));
    hand.append("INBOX", "", &with_file(1_000_000, "just right"));
    site.until("it is set aside", |s| s.count("refused") == 1);
    // Of the same sender, behind it.
    site.until("the other is there", |s| s.tickets("just right").len() == 1);
    let key = site.key("queue", "much too large");
    let story = site.asks(&["queue", "show", &key]);
    let said = "an attachment has 2.8 MiB, and the portal takes 1.9 MiB at most";
    assert!(text(&story, "said").contains(said), "{story}");
    assert!(text(&story, "said").contains("queue retry"), "{story}");
    assert!(site.status()["alarms"].to_string().contains("set aside"));
    assert!(
        site.log().contains(&format!("{key} set aside: {said}")),
        "{}",
        site.log()
    );
    // Not an octet of it went over the line.
    let sent = site.requests("attachment");
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(site.requests("ticket").len(), 1);
    // Retried without a cause mended it is set aside again.
    site.does(&["queue", "retry", &key]);
    site.until("it is set aside again", |s| {
        s.log().matches(said).count() == 2 && s.count("refused") == 1
    });
    site.portal.start_again_with(&[]);
    site.does(&["queue", "retry", &key]);
    site.complete();
    assert_eq!(site.tickets("much too large").len(), 1);
}

#[test]
fn a_ticket_that_is_too_large_is_set_aside_with_both_sizes() {
    let mut site = Site::ready_with(&[], &["--ticket-bytes", "200000"], "", "");
    let text_of = |octets: usize| {
        let words = "It happened again, and nobody touched it.\r\n".repeat(octets / 43);
        format!(
            "From: priya.raman@northgate-dental.example\r\nSubject: long {octets}\r\n\
             Message-ID: <long-{octets}@yard.example>\r\n\r\n{words}"
        )
    };
    let mut hand = site.hand();
    hand.append("INBOX", "", text_of(400_000).as_bytes());
    hand.append("INBOX", "", text_of(1_000).as_bytes());
    site.start();
    site.until("it is set aside", |s| s.count("refused") == 1);
    site.until("the other is there", |s| s.tickets("long 1000").len() == 1);
    let key = site.key("queue", "long 400000");
    let story = site.asks(&["queue", "show", &key]);
    let said = "and the portal takes 0.1 MiB at most";
    assert!(text(&story, "said").contains(said), "{story}");
    assert_eq!(site.requests("ticket").len(), 1);
}

#[test]
fn what_was_never_sent_is_sent_on_the_operator_s_word_by_whatever_process() {
    let promises_nothing = ["--no-keys", "--no-find"];
    let limited = [&promises_nothing[..], &["--attachment-bytes", "2000000"]].concat();
    let mut site = Site::ready_with(&[], &limited, "", "");
    let mail = with_file(3_000_000, "much too large");
    site.hand().append("INBOX", "", &mail);
    let (code, said) = site.once();
    assert!(
        said.contains("set aside: an attachment has"),
        "{code} {said}"
    );
    site.portal.start_again_with(&promises_nothing);
    let key = site.key("queue", "much too large");
    site.does(&["queue", "retry", &key]);
    site.drains();
    assert_eq!(site.tickets("much too large").len(), 1);
}
