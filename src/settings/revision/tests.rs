use super::*;
use crate::settings::tests::{put, ready, sealed};

fn settings(days: u64) -> Settings {
    let mut settings = Settings::default();
    settings.store.retain_days = days;
    settings
}

/// Adds a revision whose settings keep `days`.
fn change(history: &mut History, days: u64, limit_ms: Option<u64>) -> Vec<u64> {
    let at = Wall(1_000 * i64::try_from(days).unwrap());
    let revision = history
        .next(settings(days), at, "anna", "set", limit_ms)
        .unwrap();
    history.add(revision)
}

fn days(history: &History) -> Option<u64> {
    history.current().map(|r| r.settings.store.retain_days)
}

fn numbers(history: &History) -> Vec<u64> {
    history.revisions().iter().map(|r| r.number).collect()
}

#[test]
fn a_change_without_a_limit_is_in_force_at_once_and_after_a_start() {
    let mut history = History::default();
    assert_eq!((history.number(), days(&history)), (0, None));
    assert_eq!(history.base(), Settings::default());
    change(&mut history, 1, None);
    change(&mut history, 2, None);
    assert_eq!((history.number(), days(&history)), (2, Some(2)));
    let (again, undone) = History::found(history.revisions().to_vec());
    assert_eq!((days(&again), undone), (Some(2), None));
}

#[test]
fn an_unconfirmed_change_is_in_force_until_it_is_undone() {
    let mut history = History::default();
    change(&mut history, 1, None);
    change(&mut history, 2, Some(60_000));
    assert_eq!(days(&history), Some(2));
    assert_eq!(history.waits_until(), Some(Wall(62_000)));
    assert_eq!(history.undo(), Some(2));
    assert_eq!((days(&history), history.undo()), (Some(1), None));
    let standings: Vec<Standing> = history
        .revisions()
        .iter()
        .map(|r| history.standing(r))
        .collect();
    assert_eq!(standings, [Standing::Current, Standing::Undone]);
    // The number of an undone change is not given again.
    change(&mut history, 3, None);
    assert_eq!(numbers(&history), [1, 2, 3]);
}

#[test]
fn an_unconfirmed_change_found_at_a_start_is_undone() {
    let mut history = History::default();
    change(&mut history, 1, None);
    change(&mut history, 2, Some(60_000));
    let (again, undone) = History::found(history.revisions().to_vec());
    assert_eq!(
        (days(&again), undone, again.number()),
        (Some(1), Some(2), 1)
    );
    let mut first = History::default();
    change(&mut first, 5, Some(1));
    let (again, undone) = History::found(first.revisions().to_vec());
    assert_eq!((days(&again), undone), (None, Some(1)));
    assert_eq!(again.base(), Settings::default());
}

#[test]
fn a_confirmed_change_stays() {
    let mut history = History::default();
    change(&mut history, 1, None);
    assert!(history.confirming().is_err());
    change(&mut history, 2, Some(60_000));
    let durable = history.confirming().unwrap();
    assert_eq!(durable.confirmed, Confirmed::Yes);
    history.confirmed(durable.number);
    assert_eq!(
        (days(&history), history.undo(), history.waits_until()),
        (Some(2), None, None)
    );
    let (again, undone) = History::found(history.revisions().to_vec());
    assert_eq!((days(&again), undone), (Some(2), None));
}

#[test]
fn a_change_for_good_never_takes_a_waiting_one_with_it() {
    let mut history = History::default();
    change(&mut history, 1, Some(60_000));
    assert!(history
        .next(settings(2), Wall(0), "anna", "set", None)
        .is_err());
    change(&mut history, 3, Some(60_000));
    assert_eq!(history.undo(), Some(2));
    assert_eq!(days(&history), None);
}

#[test]
fn ten_are_kept_and_always_the_newest_confirmed_one() {
    let mut history = History::default();
    let mut dropped = Vec::new();
    for day in 1..=12 {
        dropped.extend(change(&mut history, day, None));
    }
    assert_eq!(dropped, [1, 2]);
    for day in 13..=30 {
        change(&mut history, day, Some(60_000));
    }
    assert_eq!(numbers(&history).len(), REVISIONS_KEPT);
    assert_eq!(numbers(&history)[..2], [12, 22]);
    history.undo();
    assert_eq!(days(&history), Some(12));
}

#[test]
fn a_rollback_is_a_new_revision_that_equals_an_old_one() {
    let mut history = History::default();
    change(&mut history, 1, None);
    change(&mut history, 2, None);
    let old = history.rollback(1).unwrap();
    let revision = history
        .next(old, Wall(9), "anna", "rollback to 1", None)
        .unwrap();
    history.add(revision);
    assert_eq!((history.number(), days(&history)), (3, Some(1)));
    let said = history.rollback(7).unwrap_err().to_string();
    assert_eq!(said, "there is no revision 7: those from 1 to 3 are kept");
}

#[test]
fn no_undoing_gives_a_mailbox_number_away_twice() {
    let mut history = History::default();
    let mut with = history.base();
    let first = with.add_mailbox("a").unwrap();
    let revision = history.next(with, Wall(1), "anna", "add", Some(1)).unwrap();
    history.add(revision);
    history.undo();
    let second = history.base().add_mailbox("a").unwrap();
    assert_ne!(first, second);
}

#[test]
fn a_revision_comes_back_from_its_octets_and_can_be_read_by_a_person() {
    let revision = History::default()
        .next(ready(), Wall(5), "anna", "first", Some(9))
        .unwrap();
    let octets = revision.encode();
    assert_eq!(Revision::decode(&octets).unwrap(), revision);
    let text = String::from_utf8(octets).unwrap();
    assert!(text.contains("\"host\": \"mail.example.com\""));
}

#[test]
fn a_damaged_revision_is_noticed_wherever_the_bit_flips() {
    let octets = History::default()
        .next(settings(1), Wall(5), "anna", "first", None)
        .unwrap()
        .encode();
    for at in 0..octets.len() {
        let mut flipped = octets.clone();
        flipped[at] ^= 1;
        assert!(Revision::decode(&flipped).is_err(), "octet {at}");
        assert!(Revision::decode(&octets[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let octets = b"{\"postern-settings\":7,\"sha256\":\"\",\"more\":1}\n???";
    let fault = Revision::decode(octets).unwrap_err();
    assert_eq!(fault, Fault::Newer { found: 7, known: 6 });
    assert!(fault.to_string().contains("newer postern"));
}

#[test]
fn a_revision_of_format_1_is_read_for_ever() {
    let revision = Revision::decode(include_bytes!("../fixtures/revision-1.json")).unwrap();
    assert_eq!(revision.number, 1);
    let mut then = ready();
    // Its default of then.
    then.mailboxes[0].check_seconds = 60;
    assert_eq!(revision.settings, then);
}

/// What came with format 2.
fn with_oauth() -> Settings {
    let mut settings = ready();
    put(
        &mut settings,
        &[
            ("portal.sign_in", "oauth"),
            ("portal.token_url", "https://idp.example.com/oauth/token/"),
            ("portal.client_id", "box-7"),
            ("portal.scope", "tickets"),
            (
                "portal.client_cert_pem",
                include_str!("../fixtures/authority.pem"),
            ),
        ],
    );
    for (key, nonce) in [("client_secret", 3), ("client_key_pem", 4)] {
        let key = format!("portal.{key}");
        assert_eq!(settings.set_sealed(&key, sealed(nonce)), Ok(()));
    }
    settings
}

/// What came with format 3.
fn with_proxy() -> Settings {
    let mut settings = with_oauth();
    put(
        &mut settings,
        &[
            ("portal.proxy", "http://proxy.example.com:3128"),
            ("portal.proxy_user", "branch"),
        ],
    );
    let set = settings.set_sealed("portal.proxy_password", sealed(5));
    assert_eq!(set, Ok(()));
    settings
}

#[test]
fn a_revision_of_format_2_is_read_for_ever() {
    let mut settings = with_oauth();
    // Its default of then.
    settings.mailboxes[0].check_seconds = 60;
    let revision = Revision::decode(include_bytes!("../fixtures/revision-2.json")).unwrap();
    assert_eq!(revision.settings, settings);
}

#[test]
fn a_revision_of_format_3_is_read_for_ever() {
    let revision = Revision::decode(include_bytes!("../fixtures/revision-3.json")).unwrap();
    assert_eq!(revision.settings, with_proxy());
}

/// What came with format 4.
fn with_handling() -> Settings {
    let mut settings = with_proxy();
    put(
        &mut settings,
        &[
            ("mailbox.support.auto_replies", "ticket"),
            ("mailbox.support.receipts", "ticket"),
            ("mailbox.support.complaints", "ignore"),
        ],
    );
    settings
}

#[test]
fn a_revision_of_format_4_is_read_for_ever() {
    let revision = Revision::decode(include_bytes!("../fixtures/revision-4.json")).unwrap();
    assert_eq!(revision.settings, with_handling());
}

/// What came with format 5.
fn with_senders() -> Settings {
    let mut settings = with_handling();
    put(
        &mut settings,
        &[
            ("mailbox.support.reply_to_is_sender", "on"),
            ("mailbox.support.ignore_plus", "on"),
            ("mailbox.support.company_by_domain", "known"),
            ("mailbox.support.forwards_by_technicians", "on"),
            (
                "mailbox.support.resolve_lists",
                "Support@Bücher.example, lists.example.org",
            ),
            ("mailbox.support.authentication_server", "MX.example.com."),
            ("mailbox.support.failed_dmarc", "hold"),
            ("portal.ticket_tag", "[Desk #{ticket}]"),
        ],
    );
    let set = settings.set_sealed("portal.reply_secrets", sealed(6));
    assert_eq!(set, Ok(()));
    settings
}

#[test]
fn a_revision_of_format_5_is_read_for_ever() {
    let revision = Revision::decode(include_bytes!("../fixtures/revision-5.json")).unwrap();
    assert_eq!(revision.settings, with_senders());
    let mailbox = &revision.settings.mailboxes[0];
    let lists = ["support@xn--bcher-kva.example", "lists.example.org"];
    assert_eq!(mailbox.trusted_lists(), lists);
    assert_eq!(
        mailbox.authentication_server.as_deref(),
        Some("mx.example.com")
    );
}

/// What came with format 6.
fn with_storms() -> Settings {
    let mut settings = with_senders();
    put(
        &mut settings,
        &[
            ("mailbox.support.mailing_lists", "ignore"),
            ("mailbox.support.notices", "append"),
            ("mailbox.support.storm_limit", "20"),
            ("mailbox.support.storm_minutes", "10"),
            (
                "mailbox.support.storm_exempt",
                "Alarm@Bücher.example, mon.example.org",
            ),
        ],
    );
    settings
}

/// The rules that came with format 6.
fn with_rules() -> Settings {
    let mut settings = with_storms();
    for name in ["invoices", "adverts"] {
        settings.add_rule(name).unwrap();
    }
    let of = |rule: &str, pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let whole = pairs
            .iter()
            .map(|(key, text)| (format!("rule.{rule}.{key}"), (*text).to_owned()));
        whole.collect()
    };
    let mut pairs = of(
        "invoices",
        &[
            ("mailbox", "support"),
            ("sender", "anna@example.com, example.org"),
            ("sender_regex", "^anna@"),
            ("recipient", "billing@example.com"),
            ("recipient_regex", "^bill"),
            ("subject", "Invoice"),
            ("subject_regex", "(?i)invoice [0-9]+"),
            ("header", "X-Priority"),
            ("header_value", "high"),
            ("header_regex", "^h"),
            ("attachment", ".pdf image/*"),
            ("size_min", "1 KiB"),
            ("size_max", "1 MiB"),
            ("reason", "why"),
            ("queue", "Billing"),
            ("priority", "high"),
            ("category", "money"),
            ("company", "c-1"),
            ("tags", "a b"),
            ("then", "continue"),
        ],
    );
    pairs.extend(of(
        "adverts",
        &[
            ("active", "off"),
            ("subject", "advert"),
            ("action", "hold"),
            ("reason", "ask first"),
        ],
    ));
    for (key, text) in &pairs {
        put(&mut settings, &[(key, text)]);
    }
    settings
}

#[test]
fn a_revision_of_format_6_is_read_for_ever() {
    let revision = Revision::decode(include_bytes!("../fixtures/revision-6.json")).unwrap();
    assert_eq!(revision.settings, with_rules());
    let exempt = revision.settings.mailboxes[0].storm_guard().exempt;
    assert_eq!(exempt, ["alarm@xn--bcher-kva.example", "mon.example.org"]);
}

/// Goes red when a way back takes an identity along: the same message would have another key, and become
/// another ticket.
#[test]
fn an_identity_that_was_fixed_survives_every_way_back() {
    let mut history = History::default();
    let mut settings = ready();
    let id = settings.mailboxes[0].id;
    let next = |history: &mut History, settings: &Settings| {
        let revision = history.next(settings.clone(), Wall(1), "anna", "set", None);
        history.add(revision.unwrap());
    };
    settings.mailboxes[0].active = false;
    settings.mailboxes[0].identity = None;
    next(&mut history, &settings);
    settings.mailboxes[0].identity = Some("help@example.org".to_owned());
    next(&mut history, &settings);
    let back = history.rollback(1).unwrap();
    let identity = |s: &Settings| s.mailbox_by_id(id).and_then(|m| m.identity.clone());
    assert_eq!(identity(&back).as_deref(), Some("help@example.org"));
    // Nor can it be lost by what somebody else puts in force.
    settings.mailboxes[0].identity = None;
    next(&mut history, &settings);
    assert_eq!(
        identity(&history.base()).as_deref(),
        Some("help@example.org")
    );
}
