//! A password that is refused: tried again when the status says, and no sooner but by the operator's
//! word, since servers lock accounts for less.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use crate::altered::site;
use crate::common::service::{text, Site, SOON};
use crate::common::{eventually, USER};
use crate::wires::Fate;

const OTHER: &str = "another secret";

/// How often the server has refused the password since it was started.
fn refusals(site: &Site) -> usize {
    let log = std::fs::read_to_string(&site.mail.log).expect("the server has a log");
    log.to_lowercase().matches("password mismatch").count()
}

fn password_is(site: &mut Site, password: &str) {
    // Its sessions end with the server.
    site.mail.start_again(&[]);
    let users = site.mail.path().join("users");
    std::fs::write(&users, format!("{USER}:{{PLAIN}}{password}\n")).expect("a file");
}

/// Goes red when the gate is not asked (`gate::connect`): whatever wanted a look had the refused password
/// tried again at once, and so did what waited for the archive.
#[test]
fn a_refused_password_is_tried_again_by_nothing_but_the_operators_word() {
    let mut site = Site::ready();
    site.fault(r#"[{"route":"ticket","action":{"status":503}}]"#);
    site.start_read();
    for number in 1..=3 {
        site.send_from("stranger@elsewhere.example", &format!("stranger {number}"));
    }
    site.send("to be archived");
    site.until("they are held", |s| {
        s.count("held") == 3 && s.count("committed") == 1
    });
    password_is(&mut site, OTHER);
    site.until("the sign-in fails", |s| {
        let status = s.status();
        let said = text(&status["mailboxes"][0], "said");
        said.contains("refused the username or the password") && said.contains("; again at ")
    });
    assert_eq!(refusals(&site), 1, "{}", site.log());

    // Each of these wants a look at the mailbox, and the ticket wants to be archived.
    for number in 1..=3 {
        let key = site.key("held", &format!("stranger {number}"));
        site.does(&["held", "convert", &key]);
    }
    site.no_faults();
    site.does(&["queue", "retry", "--all"]);
    eventually("the operator's word counts", SOON, || refusals(&site) >= 2);
    site.until("what waits for the archive says why", |s| {
        let alarms = s.status()["alarms"].to_string();
        alarms.contains("archiving: ") && alarms.contains("; again at ")
    });
    assert_eq!(refusals(&site), 2, "{}", site.log());
    assert!(site.log().contains("; again at "));

    // So is a change of the settings.
    let (code, out, err) = site.command(
        &["settings", "set", "mailbox.support.password"],
        &format!("{OTHER}\n"),
    );
    assert_eq!(code, 0, "{out}{err}");
    site.until("all is archived", |s| s.count("archived") == 4);
    assert_eq!(site.portal.tickets().len(), 4);
}

/// Goes red where a start, or a change of what has nothing to do with it, tries a refused password again: a box
/// whose disk fails is started anew every few seconds, and the account would be locked.
#[test]
fn a_refused_password_is_not_tried_at_each_start_nor_at_each_change() {
    let mut site = Site::ready();
    site.start_read();
    password_is(&mut site, OTHER);
    let says_when = |s: &Site| {
        let status = s.status();
        let said = text(&status["mailboxes"][0], "said").to_owned();
        said.contains("refused the username or the password") && said.contains("; again at ")
    };
    site.until("the sign-in fails", says_when);
    assert_eq!(refusals(&site), 1, "{}", site.log());
    for _ in 0..3 {
        site.kill();
        site.start();
        site.until("it says why it waits", says_when);
    }
    for ms in ["29000", "28000"] {
        let pair = format!("mailbox.support.timeout_ms={ms}");
        site.does(&["settings", "set", &pair]);
        site.until("it still waits", says_when);
    }
    assert_eq!(refusals(&site), 1, "{}", site.log());
    // The operator's word counts, and so does another password, also behind a start.
    site.does(&["queue", "retry", "--all"]);
    eventually("the operator's word counts", SOON, || refusals(&site) >= 2);
    site.until("it waits again", says_when);
    site.stop();
    let set = ["settings", "set", "mailbox.support.password"];
    let (code, out, err) = site.command(&set, &format!("{OTHER}\n"));
    assert_eq!(code, 0, "{out}{err}");
    site.start();
    site.until("it is signed in", |s| {
        s.status()["mailboxes"][0]["state"] == "watching"
    });
    assert_eq!(refusals(&site), 2, "{}", site.log());
    // Nothing is left of it.
    let kept = std::fs::read_to_string(site.store().join("sign-in.json")).expect("a file");
    assert_eq!(kept, "{}");
}

/// Goes red where a server that ends the session behind the password, as some do that refuse it, has it tried at the
/// pace of a lost connection: eight times in a minute and a half.
#[test]
fn a_password_behind_which_the_session_ends_is_tried_as_seldom_as_a_refused_one() {
    let (tries, armed) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (counted, falls) = (Arc::clone(&tries), Arc::clone(&armed));
    let client = move |line: &str| {
        let signs_in = line.to_uppercase().contains(" LOGIN ") || line.contains("AUTHENTICATE");
        if !signs_in || !falls.load(Ordering::Relaxed) {
            return Fate::Passes;
        }
        counted.fetch_add(1, Ordering::Relaxed);
        Fate::Cut
    };
    let mut site = site(&[], "", |line| line, client);
    armed.store(true, Ordering::Relaxed);
    site.start();
    site.until("it says why it waits", |s| {
        let status = s.status();
        let said = text(&status["mailboxes"][0], "said");
        said.contains("ends the session behind the password") && said.contains("; again at ")
    });
    // The pace of a lost connection would be a second, two, four.
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(tries.load(Ordering::Relaxed), 2, "{}", site.log());
    site.does(&["queue", "retry", "--all"]);
    eventually("the operator's word counts", SOON, || {
        tries.load(Ordering::Relaxed) == 3
    });
}
