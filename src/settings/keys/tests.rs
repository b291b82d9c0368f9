use super::*;
use crate::settings::tests::{put, ready, sealed, with_zones};

#[track_caller]
fn said(settings: &mut Settings, key: &str, text: &str) -> String {
    match with_zones(|zones| settings.set(key, text, zones)) {
        Ok(()) => String::new(),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn each_setting_can_be_read_and_set_to_what_it_holds() {
    let mut settings = ready();
    let entries = settings.entries("").unwrap();
    assert!(entries.len() > 30);
    for entry in entries {
        if matches!(entry.value, Value::Secret { .. }) {
            continue;
        }
        let before = settings.get(&entry.key).unwrap();
        put(&mut settings, &[(&entry.key, &before.text())]);
        assert_eq!(settings.get(&entry.key).unwrap(), before, "{}", entry.key);
    }
}

#[test]
fn empty_text_gives_a_setting_its_default_back() {
    let mut settings = ready();
    put(
        &mut settings,
        &[
            ("mailbox.support.timeout_ms", "5000"),
            ("mailbox.support.timeout_ms", ""),
            ("mailbox.support.folder", "Other"),
            ("mailbox.support.folder", ""),
            ("store.quota", "5 GiB"),
            ("store.quota", ""),
            ("mailbox.support.password", ""),
        ],
    );
    let fresh = Mailbox::new(MailboxId(1), "support");
    let mailbox = settings.mailbox("support").unwrap();
    assert_eq!(mailbox.timeout_ms, fresh.timeout_ms);
    assert_eq!(mailbox.folder, fresh.folder);
    assert_eq!(mailbox.password, None);
    assert_eq!(settings.store, Store::default());
}

#[test]
fn a_wrong_value_is_refused_with_key_value_and_mend() {
    let mut settings = ready();
    for (key, text, want) in [
        (
            "mailbox.support.port",
            "70000",
            "mailbox.support.port = \"70000\": must be a whole number from 1 to 65535",
        ),
        (
            "mailbox.support.security",
            "ssl",
            "mailbox.support.security = \"ssl\": must be one of tls, starttls, none",
        ),
        (
            "mailbox.support.timeout_ms",
            "999",
            "mailbox.support.timeout_ms = \"999\": must be a whole number from 1000 to 600000 \
             milliseconds",
        ),
        (
            "mailbox.support.active",
            "2",
            "mailbox.support.active = \"2\": must be on or off",
        ),
    ] {
        assert_eq!(said(&mut settings, key, text), want);
    }
    assert_eq!(settings, ready());
}

#[test]
fn a_secret_is_refused_as_text_and_its_value_is_not_repeated() {
    let mut settings = ready();
    let said = said(&mut settings, "mailbox.support.password", "hunter2");
    assert!(said.contains("is a secret"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let typed = Secret::new("hunter2".to_owned());
    let labels = ["mailbox.support.password", "mailbox.support.host"].map(|key| {
        let read = settings.secret(key, &typed);
        read.map(|secret| secret.map(|(label, _)| label))
    });
    let label = "mailbox.#1.password".to_owned();
    assert_eq!(labels, [Ok(Some(label)), Ok(None)]);
    assert!(settings
        .set_sealed("mailbox.support.host", sealed(3))
        .is_err());
}

#[test]
fn an_unknown_key_or_mailbox_is_answered_with_the_nearest() {
    let mut settings = ready();
    for (key, want) in [
        (
            "mailbox.support.hots",
            "mailbox.support.hots: is no setting: did you mean `mailbox.support.host`?",
        ),
        (
            "mailbox.suport.host",
            "there is no mailbox `suport`: did you mean `support`?",
        ),
        (
            "portal.tiken",
            "portal.tiken: is no setting: did you mean `portal.token`?",
        ),
        (
            "zzz",
            "zzz: is no setting: `postern settings show` lists them all",
        ),
        (
            "mailbox.support",
            "`mailbox.support` is a whole mailbox: name one of its settings, such as \
             `mailbox.support.host`",
        ),
    ] {
        assert_eq!(said(&mut settings, key, "x"), want);
    }
    let long = "x".repeat(10_000);
    assert!(settings.get(&long).is_err());
}

#[test]
fn prefixes_select_sections_and_not_their_likes() {
    let mut settings = ready();
    settings.add_mailbox("support2").unwrap();
    let some = settings.entries("mailbox.support").unwrap();
    assert_eq!(some.len(), MAILBOX.len());
    assert_eq!(settings.entries("portal.url").unwrap().len(), 1);
    assert!(settings.entries("portal.urx").is_err());
    assert_eq!(Settings::default().entries("mailbox").unwrap(), []);
    assert_eq!(Settings::explain("mailbox.any.host").unwrap().len(), 1);
    assert_eq!(
        Settings::explain("").unwrap().len(),
        MAILBOX.len() + PORTAL.len() + STORE.len() + RULE.len()
    );
    assert_eq!(Settings::explain("rule").unwrap().len(), RULE.len());
    assert_eq!(Settings::explain("rule.any.queue").unwrap().len(), 1);
    assert!(Settings::explain("portal.urll").is_err());
}

#[test]
fn the_identity_is_fixed_by_the_first_activation_and_survives_renaming_and_a_new_address() {
    let mut settings = ready();
    assert_eq!(settings.mailbox("support").unwrap().identity, None);
    put(&mut settings, &[("mailbox.support.active", "on")]);
    let identity = Some("support@example.com".to_owned());
    assert_eq!(settings.mailbox("support").unwrap().identity, identity);
    put(
        &mut settings,
        &[("mailbox.support.address", "help@example.com")],
    );
    settings.rename_mailbox("support", "help").unwrap();
    let mailbox = settings.mailbox("help").unwrap();
    assert_eq!(mailbox.identity, identity);
    assert_eq!(mailbox.id, MailboxId(1));
    for text in ["other", ""] {
        assert!(said(&mut settings, "mailbox.help.identity", text).contains("is fixed"));
    }
    assert_eq!(settings.mailbox("help").unwrap().identity, identity);
}

#[test]
fn a_mailbox_id_is_never_used_again() {
    let mut settings = Settings::default();
    assert_eq!(settings.add_mailbox("a"), Ok(MailboxId(1)));
    assert_eq!(settings.add_mailbox("b"), Ok(MailboxId(2)));
    assert!(settings.add_mailbox("b").is_err());
    settings.remove_mailbox("b").unwrap();
    assert_eq!(settings.add_mailbox("b"), Ok(MailboxId(3)));
    assert!(settings.remove_mailbox("c").is_err());
    for wrong in ["", "A", "a.b", "-a", "ä", "a b"] {
        assert!(settings.add_mailbox(wrong).is_err(), "{wrong}");
    }
    settings.next_mailbox = u32::MAX;
    assert!(settings.add_mailbox("last").is_err());
}

#[test]
fn a_date_is_read_in_the_mailbox_s_own_zone() {
    let mut settings = ready();
    put(
        &mut settings,
        &[
            ("mailbox.support.received_after", "2026-01-31"),
            ("mailbox.support.time_zone", "Europe/Berlin"),
        ],
    );
    let text = |settings: &Settings| {
        settings
            .get("mailbox.support.received_after")
            .unwrap()
            .text()
    };
    assert_eq!(text(&settings), "2026-01-31T00:00:00Z");
    put(
        &mut settings,
        &[("mailbox.support.received_after", "2026-01-31")],
    );
    assert_eq!(text(&settings), "2026-01-30T23:00:00Z");
}

#[test]
fn a_key_is_sealed_without_what_stands_around_it_and_another_form_of_it_is_named_and_not_repeated()
{
    let settings = ready();
    let read = |text: &str| {
        let typed = Secret::new(text.to_owned());
        let read = settings.secret("portal.client_key_pem", &typed);
        read.map(|secret| secret.map(|(label, key)| (label, key.reveal().to_owned())))
    };
    let key = "-----BEGIN PRIVATE KEY-----\nTUlJRXZ3\n-----END PRIVATE KEY-----";
    let label = "portal.client_key_pem".to_owned();
    let with_more = format!("Bag Attributes\n{key}\n-----BEGIN CERTIFICATE-----\n");
    assert_eq!(read(&with_more), Ok(Some((label, key.to_owned()))));
    for (kind, want) in [
        ("ENCRYPTED PRIVATE KEY", "is locked by a password"),
        ("RSA PRIVATE KEY", "openssl pkcs8 -topk8"),
        ("CERTIFICATE", "must be a private key"),
    ] {
        let said = read(&key.replace("PRIVATE KEY", kind))
            .unwrap_err()
            .to_string();
        assert!(said.contains(want) && !said.contains("TUlJ"), "{said}");
    }
}
