use super::*;
use crate::passage::{Stage, Uid, UidValidity};

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.add_mailbox("support").unwrap();
    let mailbox = settings.mailboxes.first_mut().unwrap();
    mailbox.host = "mail.example".to_owned();
    mailbox.username = "support".to_owned();
    settings
}

fn place(settings: &Settings, uid: u32) -> Place {
    Place::Imap {
        origin: account::origin(&settings.mailboxes[0]),
        uid_validity: UidValidity(17),
        uid: Uid(uid),
    }
}

fn stored(n: u64) -> Stored {
    Stored {
        segment: 1,
        offset: n,
        length: 10,
    }
}

fn decision(settings: &Settings, outcome: Outcome, message: Option<Stored>) -> Decision {
    Decision {
        mailbox: settings.mailboxes[0].id,
        place: place(settings, 5),
        octets: 100,
        decided_at: 1_800_000_000_000,
        message,
        ..Decision::plain(outcome)
    }
}

fn head(settings: &Settings) -> Record {
    Record::Message(MessageHead {
        mailbox: settings.mailboxes[0].id,
        place: place(settings, 5),
        received_at: 0,
        octets: 100,
        large: None,
    })
}

fn ticket() -> Outcome {
    Outcome::Ticket {
        user: Some("7".to_owned()),
        company: Some("c".to_owned()),
    }
}

#[track_caller]
fn told(settings: &Settings, records: Vec<Record>) -> Vec<LifeLine> {
    let records: Vec<(Stored, Record)> = (1..).map(stored).zip(records).collect();
    lines(&records, settings)
}

fn events(lines: &[LifeLine]) -> Vec<&str> {
    lines.iter().map(|line| line.event.as_str()).collect()
}

#[test]
fn a_whole_life_is_told_with_places_reasons_tickets_and_who_did_it() {
    let settings = settings();
    let held = Outcome::Held(Reason::UnknownSender);
    let act = |what, by: &str| {
        Record::Act(Act {
            what,
            by: by.to_owned(),
            at: 1_800_000_001_000,
        })
    };
    let archived = Archived {
        place: place(&settings, 5),
        folder: "Archive".to_owned(),
        moved_to: Some((3, 9)),
    };
    let lines = told(
        &settings,
        vec![
            Record::Decision(Box::new(decision(&settings, held, None))),
            act(ActKind::Release, "directory"),
            head(&settings),
            Record::Decision(Box::new(decision(&settings, ticket(), Some(stored(3))))),
            Record::Refused(Refusal {
                said: "422: no such company".to_owned(),
                at: 1_800_000_002_000,
            }),
            act(ActKind::Retry, "operator"),
            Record::Receipt(Receipt {
                ticket: "T-9".to_owned(),
                number: Some("9".to_owned()),
                at: 1_800_000_003_000,
                epoch: "e1".to_owned(),
                omitted: Vec::new(),
            }),
            Record::Archived(archived),
            Record::Retired,
        ],
    );
    let wanted = [
        "held",
        "released",
        "fetched",
        "committed",
        "refused",
        "retried",
        "forwarded",
        "archived",
        "retired",
    ];
    assert_eq!(events(&lines), wanted);
    let [held, released, fetched, committed, refused, _, forwarded, archived, _] = &lines[..]
    else {
        panic!("{lines:?}");
    };
    assert!(
        held.said.contains(Reason::UnknownSender.explain()),
        "{held:?}"
    );
    assert_eq!(held.mend.as_deref(), Some(Reason::UnknownSender.mend()));
    assert!(
        held.said
            .ends_with("It lies in folder INBOX, UID 5 (UIDVALIDITY 17)."),
        "{held:?}"
    );
    assert_eq!(released.by.as_deref(), Some("directory"));
    // The same commit, so the same time.
    assert_eq!((&fetched.at, fetched.uid), (&committed.at, Some(5)));
    assert_eq!(fetched.mailbox.as_deref(), Some("support"));
    assert_eq!(committed.said, "it becomes a ticket of user 7 of company c");
    assert_eq!(refused.said, "422: no such company");
    assert_eq!(
        forwarded.said,
        "ticket T-9 (number 9); the portal's epoch is e1"
    );
    assert_eq!(
        (archived.folder.as_deref(), archived.uid),
        (Some("Archive"), Some(9))
    );
    assert!(
        archived
            .said
            .ends_with("into folder Archive, UID 9 (UIDVALIDITY 3)"),
        "{archived:?}"
    );
}

#[test]
fn who_dismissed_it_and_why_are_told_apart() {
    let settings = settings();
    let dismissed = |by: &str| {
        let act = Act {
            what: ActKind::Dismiss,
            by: by.to_owned(),
            at: 0,
        };
        told(&settings, vec![Record::Act(act)]).remove(0)
    };
    let line = dismissed("anna: advertising: again");
    assert_eq!(line.by.as_deref(), Some("anna"));
    assert!(
        line.said.ends_with("by anna: advertising: again"),
        "{line:?}"
    );
    assert_eq!(dismissed("anna").said, "archived without a ticket, by anna");
    let closed = Act {
        what: ActKind::Close(Reason::ReadWhileHeld),
        by: "server".to_owned(),
        at: 0,
    };
    let line = told(&settings, vec![Record::Act(closed)]).remove(0);
    assert_eq!(line.reason.as_deref(), Some("read-while-held"));
    assert_eq!(line.mend.as_deref(), Some(Reason::ReadWhileHeld.mend()));
}

/// Goes red where copies are told as if everything had happened a second time, or where the only thing that
/// is left is not told.
#[test]
fn copies_are_told_as_what_they_are_and_only_where_they_repeat_nothing() {
    let settings = settings();
    let ignored = decision(&settings, Outcome::Ignored(Reason::Bounce), None);
    let copied = Record::Copied(Box::new(ignored.clone()));
    let dismissal = Act {
        what: ActKind::Dismiss,
        by: "anna: no".to_owned(),
        at: 0,
    };
    let act = Record::Act(dismissal);
    // As it is copied: its payload, under another kind.
    let words = Record::decode(Kind::Words as u8, &act.encode()).unwrap();
    let snapshot = Record::Snapshot(Box::new(Entry {
        mailbox: settings.mailboxes[0].id,
        reason: Some(Reason::Dismissed),
        archived: true,
        retired: true,
        ..Entry::plain(Stage::Dismissed)
    }));
    let copies = [copied, words, snapshot];
    let lines = told(&settings, copies.to_vec());
    assert_eq!(events(&lines), ["kept", "kept", "kept"]);
    assert!(lines[0].said.contains("ignored: bounce: "), "{lines:?}");
    assert!(lines[1].said.contains("by anna: no"), "{lines:?}");
    assert!(
        lines[2].said.contains("older records of it are given up"),
        "{lines:?}"
    );
    assert!(
        lines[2].said.contains("it was dismissed since"),
        "{lines:?}"
    );
    let mut whole = vec![Record::Decision(Box::new(ignored)), act];
    whole.extend(copies);
    let lines = told(&settings, whole);
    assert_eq!(events(&lines), ["ignored", "dismissed", "kept"]);
    // Octets that no decision points to are a copy.
    assert_eq!(events(&told(&settings, vec![head(&settings)])), ["kept"]);
}

#[test]
fn a_place_that_no_mailbox_has_any_more_is_told_by_its_numbers() {
    let settings = settings();
    let place = Place::Imap {
        origin: Origin([3; 8]),
        uid_validity: UidValidity(17),
        uid: Uid(5),
    };
    let archived = Record::Archived(Archived {
        place,
        folder: String::new(),
        moved_to: None,
    });
    let line = told(&settings, vec![archived]).remove(0);
    assert_eq!(line.event, "left");
    assert!(line.said.contains("no longer watched, UID 5"), "{line:?}");
}
