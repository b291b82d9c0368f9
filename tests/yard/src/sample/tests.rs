//! The sample is what it says: complete, unique, the same each time.

use std::collections::BTreeSet;

use super::*;
use crate::fill::{entry, Manifest};

#[test]
fn the_sample_has_about_sixty_mails_of_each_fate() {
    let mails = mails(1);
    let entries = mails.iter().map(|m| entry(m, CUTOFF)).collect();
    let counts = Manifest {
        cutoff: String::new(),
        mails: entries,
    }
    .counts();
    assert!((55..=66).contains(&mails.len()), "{} mails", mails.len());
    assert_eq!(counts["left-old"], 4);
    assert_eq!(counts["held-unknown"], 5);
    assert_eq!(counts["ignored"], 2);
}

#[test]
fn ids_are_unique_and_the_seed_decides_every_octet() {
    let (first, again) = (mails(7), mails(7));
    let ids: BTreeSet<&str> = first.iter().map(|m| m.message_id.as_str()).collect();
    assert_eq!(ids.len(), first.len());
    assert!(first.iter().zip(&again).all(|(a, b)| a.octets == b.octets));
}

#[test]
fn every_mail_has_crlf_lines_and_one_message_id_in_front() {
    for mail in mails(1) {
        let bare = mail
            .octets
            .windows(2)
            .any(|w| w[1] == b'\n' && w[0] != b'\r');
        assert!(!bare, "{} has a bare line feed", mail.id);
        let end = memchr::memmem::find(&mail.octets, b"\r\n\r\n").unwrap_or(0);
        let head = String::from_utf8_lossy(&mail.octets[..end]).into_owned();
        assert_eq!(head.matches("Message-ID: <").count(), 1, "{}", mail.id);
        assert!(
            head.contains(&format!("X-Yard-Id: {}", mail.id)),
            "{}",
            mail.id
        );
    }
}

#[test]
fn the_large_one_is_twenty_megabytes() {
    let largest = mails(1).iter().map(|m| m.octets.len()).max().unwrap_or(0);
    assert!((20 << 20..21 << 20).contains(&largest), "{largest}");
}
