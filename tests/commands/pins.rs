//! A certificate that is pinned is held against what the server shows.

use postern::control::Limits;

use crate::fake::{shown, Running};
use crate::{ends, fails, postern, ready};

fn pin(key: &str, octet: u8) -> String {
    format!("{key}={}", format!("{octet:02x}").repeat(32))
}

#[test]
fn a_pin_is_said_to_be_what_the_server_shows_or_is_asked_about() {
    let running = ready();
    let folder = running.folder();
    for (key, server) in [
        ("mailbox.support.pinned", "mail.example.com"),
        ("portal.pinned", "https://portal.example.com"),
    ] {
        let (right, wrong) = (pin(key, 0xab), pin(key, 0xcd));
        let ran = postern(folder, "", &["settings", "set", &wrong]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        let asked = format!(
            "{key} is SHA-256 {}, and {server} shows another certificate now, so nothing would \
             connect there: {}",
            "cd".repeat(32),
            shown()
        );
        assert!(ran.out.contains(&asked), "{}", ran.out);
        assert_eq!(ends(folder, "", &["settings", "get", key], 0), "\n");
        let out = ends(folder, "", &["settings", "set", &right], 0);
        let said = format!(
            "{key} is the certificate that {server} shows now: subject CN=mail.example.com, \
             issuer CN=somebody, valid from 2023-11-14T22:13:20Z to 2030-03-17T17:46:40Z, SHA-256 {}",
            "ab".repeat(32)
        );
        assert!(out.contains(&said), "{out}");
        // Before it is renewed there: the word of whoever knows.
        ends(folder, "", &["settings", "set", &wrong, "--yes"], 0);
        // What is pinned already is asked about no more.
        ends(
            folder,
            "",
            &["settings", "set", "store.retain_days", "3"],
            0,
        );
        ends(folder, "", &["settings", "set", "store.retain_days", ""], 0);
        let out = ends(folder, "", &["settings", "set", &right, "--untried"], 0);
        assert!(!out.contains("shows now"), "{out}");
    }
    // The same pin for another server is new.
    let other = [
        "settings",
        "set",
        &pin("mailbox.support.pinned", 0xcd),
        "mailbox.support.host=two",
    ];
    fails(folder, "", &other, 1);
}

#[test]
fn a_pin_of_a_server_that_is_away_is_kept_with_a_warning() {
    let running = Running::start(Limits::default());
    let folder = running.folder();
    ends(folder, "", &["settings", "add", "support"], 0);
    let pin = pin("mailbox.support.pinned", 1);
    // No server is named yet: nothing to be said.
    let out = ends(folder, "", &["settings", "set", &pin], 0);
    assert!(!out.contains("shows"), "{out}");
    let host = ["settings", "set", "mailbox.support.host=away.example.com"];
    let out = ends(folder, "", &host, 0);
    let said = "Warning: mailbox.support.pinned: could not be compared with what away.example.com \
                shows now: nothing listens there";
    assert!(out.contains(said), "{out}");
}
