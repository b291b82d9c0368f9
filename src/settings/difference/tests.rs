use super::*;
use crate::settings::tests::{put, ready, sealed};

#[track_caller]
fn check(after: &Settings, want: &[(&str, Option<&str>, Option<&str>)]) {
    let changes = difference(&ready(), after);
    let changes: Vec<(&str, Option<&str>, Option<&str>)> = changes
        .iter()
        .map(|c| (c.key.as_str(), c.before.as_deref(), c.after.as_deref()))
        .collect();
    assert_eq!(changes, want);
}

#[test]
fn equal_settings_do_not_differ_whatever_id_comes_next() {
    let mut settings = ready();
    settings.next_mailbox += 5;
    check(&settings, &[]);
}

#[test]
fn each_setting_that_differs_is_one_line_in_the_order_of_the_page() {
    let mut settings = ready();
    put(
        &mut settings,
        &[
            ("store.retain_days", "3"),
            ("portal.url", ""),
            ("mailbox.support.port", "1993"),
            ("mailbox.support.host", "other.example.com"),
        ],
    );
    check(
        &settings,
        &[
            (
                "mailbox.support.host",
                Some("mail.example.com"),
                Some("other.example.com"),
            ),
            ("mailbox.support.port", None, Some("1993")),
            ("portal.url", Some("https://portal.example.com/api"), None),
            ("store.retain_days", Some("7"), Some("3")),
        ],
    );
}

#[test]
fn a_secret_set_anew_is_a_line_that_does_not_show_it() {
    let mut settings = ready();
    assert_eq!(settings.set_sealed("portal.token", sealed(9)), Ok(()));
    let changes = difference(&ready(), &settings);
    assert_eq!(changes.len(), 1);
    assert!(changes[0]
        .after
        .as_deref()
        .is_some_and(|text| text.starts_with("(set, ")));
}

#[test]
fn mailboxes_come_go_and_are_renamed_by_their_ids() {
    let mut settings = ready();
    assert_eq!(settings.rename_mailbox("support", "help"), Ok(()));
    check(
        &settings,
        &[("mailbox.help.name", Some("support"), Some("help"))],
    );
    assert!(settings.remove_mailbox("help").is_ok());
    check(&settings, &[("mailbox.support", Some("present"), None)]);
    // The same name again is another mailbox.
    assert!(settings.add_mailbox("support").is_ok());
    check(
        &settings,
        &[
            ("mailbox.support", Some("present"), None),
            ("mailbox.support", None, Some("present")),
        ],
    );
}
