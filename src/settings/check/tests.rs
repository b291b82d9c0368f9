use super::*;
use crate::settings::tests::{put, ready, sealed, with_zones};

const NOW: Wall = Wall(1_800_000_000_000);

fn checked(settings: &Settings) -> (Vec<String>, Vec<String>) {
    let checked = with_zones(|zones| check(settings, zones, NOW));
    let keys = |all: Vec<Problem>| all.into_iter().map(|p| p.key).collect();
    (keys(checked.problems), keys(checked.warnings))
}

#[track_caller]
fn gives(pairs: &[(&str, &str)], problems: &[&str], warnings: &[&str]) {
    let mut settings = ready();
    for (key, text) in pairs {
        put(&mut settings, &[(&format!("mailbox.support.{key}"), text)]);
    }
    let full = |keys: &[&str]| -> Vec<String> {
        keys.iter()
            .map(|k| format!("mailbox.support.{k}"))
            .collect()
    };
    assert_eq!(checked(&settings), (full(problems), full(warnings)));
}

#[test]
fn a_ready_mailbox_has_neither_problems_nor_warnings() {
    gives(&[], &[], &[]);
    gives(&[("active", "on")], &[], &[]);
}

#[test]
fn what_was_perhaps_not_meant_is_a_warning() {
    gives(&[("security", "none")], &[], &["security"]);
    for port in ["25", "465", "587", "110", "995", "143"] {
        gives(&[("port", port)], &[], &["port"]);
    }
    gives(&[("security", "starttls"), ("port", "993")], &[], &["port"]);
    gives(&[("security", "starttls")], &[], &[]);
    gives(&[("port", "1993")], &[], &[]);
    gives(&[("archive_when", "committed")], &[], &["archive_when"]);
    gives(
        &[("received_after", "2099-01-01")],
        &[],
        &["received_after"],
    );
    gives(&[("received_after", "2020-01-01")], &[], &[]);
}

#[test]
fn an_active_mailbox_must_be_whole_and_all_that_is_missing_is_said_at_once() {
    gives(
        &[("active", "on"), ("host", ""), ("password", "")],
        &["host", "password"],
        &[],
    );
    gives(
        &[("username", "CORP\\support"), ("active", "on")],
        &["address"],
        &[],
    );
    gives(
        &[
            ("username", "CORP\\support"),
            ("address", "a@b.example"),
            ("active", "on"),
        ],
        &[],
        &[],
    );
    gives(&[("protocol", "exchange")], &[], &[]);
    gives(
        &[("protocol", "exchange"), ("active", "on")],
        &["protocol"],
        &[],
    );
}

#[test]
fn the_archive_is_never_the_watched_folder() {
    gives(&[("archive_folder", "inbox")], &["archive_folder"], &[]);
    gives(
        &[("folder", "X"), ("archive_folder", "X")],
        &["archive_folder"],
        &[],
    );
    gives(&[("archive_folder", "INBOX/%Y")], &[], &[]);
}

#[test]
fn two_mailboxes_never_take_the_same_messages() {
    let mut settings = ready();
    let mut twin = settings.mailboxes[0].clone();
    twin.name = "twin".to_owned();
    twin.id = crate::passage::MailboxId(2);
    twin.active = true;
    twin.host = "MAIL.example.com".to_owned();
    settings.mailboxes.push(twin);
    put(&mut settings, &[("mailbox.support.active", "on")]);
    let (problems, _) = checked(&settings);
    assert_eq!(problems, ["mailbox.twin.identity", "mailbox.twin.folder"]);
}

#[test]
fn values_that_another_hand_let_in_are_found() {
    let mut settings = ready();
    settings.mailboxes[0].timeout_ms = 1;
    settings.mailboxes[0].host = "imap://x".to_owned();
    settings.store.quota_bytes = 1;
    let (problems, _) = checked(&settings);
    assert_eq!(
        problems,
        [
            "mailbox.support.host",
            "mailbox.support.timeout_ms",
            "store.quota",
            "store.retain_max"
        ]
    );
}

#[test]
fn a_token_in_clear_and_a_missing_portal_are_warnings() {
    let mut settings = ready();
    put(
        &mut settings,
        &[("portal.url", "http://portal.example.com")],
    );
    assert_eq!(checked(&settings).1, ["portal.url"]);
    put(&mut settings, &[("portal.url", "http://127.0.0.1:8080")]);
    assert_eq!(checked(&settings).1, Vec::<String>::new());
    put(
        &mut settings,
        &[("portal.url", ""), ("mailbox.support.active", "on")],
    );
    assert_eq!(checked(&settings).1, ["portal.url"]);
}

#[test]
fn a_sign_in_by_oauth_must_be_whole_and_its_secret_is_not_sent_in_clear() {
    let mut settings = ready();
    put(&mut settings, &[("portal.sign_in", "oauth")]);
    let lacks = ["portal.token_url", "portal.client_id"].map(str::to_owned);
    assert_eq!(checked(&settings).0, lacks);
    put(
        &mut settings,
        &[
            ("portal.token_url", "https://login.example.com/o/token/"),
            ("portal.client_id", "box-7"),
            ("mailbox.support.active", "on"),
        ],
    );
    // A token that is set does not help it.
    let (problems, warnings) = checked(&settings);
    assert_eq!(
        (problems.len(), &*warnings),
        (0, &["portal.client_secret".to_owned()][..])
    );
    assert_eq!(
        settings.set_sealed("portal.client_secret", sealed(3)),
        Ok(())
    );
    assert_eq!(checked(&settings).1, Vec::<String>::new());
    put(
        &mut settings,
        &[("portal.token_url", "http://login.example.com/o/token/")],
    );
    assert_eq!(checked(&settings).1, ["portal.token_url"]);
}

#[test]
fn a_client_certificate_goes_with_its_key_and_its_end_is_told_in_time() {
    const CERTIFICATE: &str = include_str!("../../../tests/standin/tls/client-cert.pem");
    const ENDS: Wall = Wall(4_733_510_400_000);
    let mut settings = ready();
    put(&mut settings, &[("portal.client_cert_pem", CERTIFICATE)]);
    assert_eq!(settings.portal.client_cert_ends(), Some(ENDS));
    assert_eq!(checked(&settings).1, ["portal.client_key_pem"]);
    assert_eq!(
        settings.set_sealed("portal.client_key_pem", sealed(3)),
        Ok(())
    );
    assert_eq!(checked(&settings).1, Vec::<String>::new());
    put(&mut settings, &[("portal.client_cert_pem", "")]);
    assert_eq!(checked(&settings).1, ["portal.client_cert_pem"]);

    let days = |days: i64| Wall(ENDS.0 - days * 86_400_000 - 1);
    assert_eq!(ending(ENDS, days(30)), None);
    assert!(ending(ENDS, days(29)).is_some_and(|s| s.contains("ends in 29 days, on 2120-01-01")));
    assert!(ending(ENDS, days(-1)).is_some_and(|s| s.contains("has been invalid since 2120")));
}
