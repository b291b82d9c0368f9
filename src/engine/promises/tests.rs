use std::time::Duration;

use super::*;

fn ping() -> Ping {
    Ping {
        keeps_keys: Some(Duration::from_secs(30 * 86_400)),
        ticket_bytes: Some(16 << 20),
        attachment_bytes: Some(256 << 20),
        ..Ping::plain()
    }
}

/// The promises in this ping, and whether each is all that it should be; and words of one of them.
#[track_caller]
fn check(ping: &Ping, wanted: &[(&str, bool)], words: &str) {
    let promises = promises(ping);
    let found: Vec<(&str, bool)> = promises
        .iter()
        .map(|p| (p.what, p.mend.is_none()))
        .collect();
    assert_eq!(found, wanted, "{promises:?}");
    let said = promises.iter().any(|p| p.said.contains(words));
    assert!(said || words.is_empty(), "{words}: {promises:?}");
}

#[test]
fn what_a_portal_promises_is_said_in_words() {
    let words = "tickets up to 16 MiB and attachments up to 256 MiB";
    check(&ping(), &[("portal limits", true)], words);
    let mut silent = ping();
    (silent.ticket_bytes, silent.attachment_bytes) = (None, None);
    check(&silent, &[], "");
    let mut small = ping();
    small.attachment_bytes = Some(5 << 20);
    check(
        &small,
        &[("portal limits", false)],
        "attachments up to 5 MiB",
    );
    small.ticket_bytes = Some(200_000);
    check(&small, &[("portal limits", false)], "tickets up to 195 KiB");
}

#[test]
fn doubts_that_nobody_can_settle_are_said_before_they_arise() {
    let (look_up, limits) = (("portal look-up", false), ("portal limits", true));
    let mut blind = ping();
    blind.finds_keys = false;
    let words = "can't be settled once 30 days have passed or the portal was restored";
    check(&blind, &[look_up, limits], words);
    let mut slow = ping();
    slow.keeps_keys = None;
    let words = "later than twice `portal.timeout_ms`";
    check(&slow, &[("portal keys", false), limits], words);
    blind.keeps_keys = None;
    let words = "a ticket whose answer was lost can't be settled; it is set aside";
    check(&blind, &[("portal keys", false), look_up, limits], words);
}
