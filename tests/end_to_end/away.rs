//! A mail server that was away for a while: the next try is far off, and the operator's word has it made
//! now.

use std::time::{Duration, UNIX_EPOCH};

use postern::world::Wall;
use serde_json::Value;

use crate::common::service::{text, Site};

/// How far off the next try is at least.
const FAR: Duration = Duration::from_secs(15);
/// How long it takes at most until the waits have grown so far.
const GROWN: Duration = Duration::from_secs(180);

fn mailbox(site: &Site) -> Value {
    site.status()["mailboxes"][0].clone()
}

/// When the status says that the server is tried again, if it does.
fn again_at(site: &Site) -> Option<String> {
    let mailbox = mailbox(site);
    let (_, at) = text(&mailbox, "said").rsplit_once("; again at ")?;
    Some(at.to_owned())
}

/// The server was away, is there again and has a mail; by itself the service would see that at a time that
/// is far off. It does so when it is told `what`.
#[track_caller]
fn is_tried_at_once(what: &[&str]) {
    let mut site = Site::ready();
    site.start_read();
    site.until("it watches", |s| mailbox(s)["state"] == "watching");
    site.mail.stop();
    let mut at = String::new();
    site.until_within(GROWN, "the next try is far off", |s| {
        let now = UNIX_EPOCH.elapsed().expect("a clock after 1970");
        let far = Wall(now.as_millis() as i64).plus(FAR).to_string();
        at = again_at(s).unwrap_or_default();
        at > far
    });
    site.mail.start_again(&[]);
    site.send("came meanwhile");
    assert_eq!(again_at(&site).as_ref(), Some(&at), "nobody has told it");
    let before = mailbox(&site)["heard_at"].clone();

    site.does(what);
    site.until("it is a ticket", |s| s.tickets("came meanwhile").len() == 1);
    let mut heard = Value::Null;
    site.until("the mailbox was looked through", |s| {
        heard = mailbox(s)["heard_at"].clone();
        heard.is_string() && heard != before
    });
    // Both in the same form, by the service's own clock.
    let heard = heard.as_str().expect("a time");
    assert!(heard < at.as_str(), "{heard}, and by itself at {at}");
    site.complete();
    assert_eq!(site.portal.tickets().len(), 1);
}

/// Goes red where the word wakes nobody who waits after a lost connection.
#[test]
fn a_server_that_is_back_is_tried_at_once_when_all_is_to_be_tried_again() {
    is_tried_at_once(&["queue", "retry", "--all"]);
}

/// Goes red where a mailbox whose settings changed waits on for what its old ones came to.
#[test]
fn a_server_that_is_back_is_tried_at_once_when_the_settings_of_its_mailbox_change() {
    is_tried_at_once(&["settings", "set", "mailbox.support.check_seconds=77"]);
}
