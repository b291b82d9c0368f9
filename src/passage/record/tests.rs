use proptest::prelude::*;

use super::*;
use crate::passage::entry::Spot;
use crate::passage::place::{Origin, Position, Uid, UidValidity};
use crate::passage::Stage;
use crate::ticket::{self, Alike, By, Key, MessageId, Omission, Party, Surge, Way, Why};

mod younger;

fn places() -> impl Strategy<Value = Place> {
    prop_oneof![
        (any::<[u8; 8]>(), any::<u32>(), any::<u32>()).prop_map(|(origin, life, uid)| {
            Place::Imap {
                origin: Origin(origin),
                uid_validity: UidValidity(life),
                uid: Uid(uid),
            }
        }),
        (any::<[u8; 8]>(), ".{0,40}").prop_map(|(origin, id)| Place::Item {
            origin: Origin(origin),
            id,
        }),
    ]
}

fn stored() -> impl Strategy<Value = Stored> {
    any::<(u64, u64, u64)>().prop_map(|(segment, offset, length)| Stored {
        segment,
        offset,
        length,
    })
}

fn reasons() -> impl Strategy<Value = Reason> {
    prop::sample::select(Reason::ALL)
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        (prop::option::of(".{0,12}"), prop::option::of(".{0,12}"))
            .prop_map(|(user, company)| Outcome::Ticket { user, company }),
        reasons().prop_map(Outcome::Held),
        reasons().prop_map(Outcome::Ignored),
    ]
}

fn decisions() -> impl Strategy<Value = Decision> {
    (
        (
            any::<u64>(),
            any::<u32>(),
            places(),
            any::<(i64, u64, i64)>(),
        ),
        (prop::option::of(stored()), any::<Option<u64>>(), outcomes()),
        (any::<u32>(), ".{0,20}", ".{0,20}", ".{0,20}"),
        (any::<Option<[u8; 32]>>(), any::<bool>()),
        (
            threads(),
            prop::option::of(abouts()),
            any::<Option<[u8; 10]>>(),
            origins(),
            prop::collection::vec(omissions(), 0..3),
        ),
    )
        .prop_map(|(who, what, words, rest, of)| Decision {
            sequence: who.0,
            mailbox: MailboxId(who.1),
            place: who.2,
            received_at: who.3 .0,
            octets: who.3 .1,
            decided_at: who.3 .2,
            message: what.0,
            large: what.1,
            outcome: what.2,
            lane: words.0,
            address: words.1,
            sender: words.2,
            subject: words.3,
            composed: rest.0,
            archive_early: rest.1,
            thread: of.0,
            about: of.1,
            token: of.2.map(Seal),
            marks: of.2.map(|octets| {
                Box::new(ticket::Marks {
                    rules: vec![octets[0].to_string()],
                    queue: Some("q".to_owned()),
                    ..ticket::Marks::default()
                })
            }),
            held_by: who.0,
            origin: of.3,
            storm: of.2.map(|octets| Surge {
                alike: Alike::Sender,
                count: u32::from(octets[0]),
                minutes: u32::from(octets[1]),
                sender_only: octets[2] > 127,
            }),
            omitted: of.4,
        })
}

fn omissions() -> impl Strategy<Value = Omission> {
    let whys = prop_oneof![
        ".{0,8}".prop_map(Why::Type),
        any::<u64>().prop_map(Why::Large),
        any::<u64>().prop_map(Why::Many),
        any::<u64>().prop_map(Why::Sum),
        any::<Option<u64>>().prop_map(Why::PortalLarge),
        Just(Why::PortalType),
    ];
    (any::<u32>(), whys).prop_map(|(file, why)| Omission { file, why })
}

fn threads() -> impl Strategy<Value = Thread> {
    let parties = prop::collection::vec(any::<[u8; 8]>().prop_map(Party), 0..4);
    (any::<Option<[u8; 16]>>(), parties).prop_map(|(id, parties)| Thread {
        id: id.map(MessageId),
        parties,
    })
}

fn origins() -> impl Strategy<Value = ticket::Origin> {
    let technician = prop::option::of(".{0,12}");
    let own = prop::collection::vec(".{0,12}", 0..3);
    (technician, any::<bool>(), own).prop_map(|(technician, doubtful, own)| ticket::Origin {
        by: By::Forward,
        technician,
        doubtful,
        own,
        ..ticket::Origin::default()
    })
}

fn abouts() -> impl Strategy<Value = About> {
    let ways = prop::sample::select(vec![Way::Token, Way::InReplyTo, Way::References, Way::Tag]);
    (any::<[u8; 32]>(), ways, any::<bool>()).prop_map(|(root, way, append)| About {
        root: Key(root),
        way,
        append,
    })
}

fn entries() -> impl Strategy<Value = Entry> {
    (
        prop::sample::select(Stage::ALL.to_vec()),
        decisions(),
        prop::collection::vec(places(), 0..4),
        prop::option::of(reasons()),
        any::<Option<[u8; 4]>>(),
        any::<[bool; 3]>(),
    )
        .prop_map(|(stage, d, places, reason, ticket, marks)| Entry {
            stage,
            sequence: d.sequence,
            mailbox: d.mailbox,
            received_at: d.received_at,
            octets: d.octets,
            spots: places
                .into_iter()
                .map(|place| Spot {
                    mailbox: d.mailbox,
                    place,
                    received_at: d.received_at,
                    octets: d.octets,
                })
                .collect(),
            message: d.message,
            large: d.large,
            decision: d.message,
            refusal: None,
            lane: d.lane,
            reason,
            ticket: ticket.map(|t| format!("{t:?}")),
            changed_at: d.decided_at,
            archive_early: d.archive_early,
            archived: marks[0],
            retired: marks[1],
            convert: marks[2],
            known_to: Position {
                segment: d.octets,
                offset: d.sequence,
            },
            thread: d.thread,
            root: d.about.map(|about| about.root),
        })
}

fn acts() -> impl Strategy<Value = ActKind> {
    prop_oneof![
        Just(ActKind::Release),
        Just(ActKind::Convert),
        Just(ActKind::Dismiss),
        Just(ActKind::Retry),
        reasons().prop_map(ActKind::Close),
        Just(ActKind::Refetch),
        Just(ActKind::Lost),
    ]
}

fn records() -> impl Strategy<Value = Record> {
    let message = (
        places(),
        any::<(u32, i64, u64)>(),
        prop::option::of(stored()),
    )
        .prop_map(|(place, (mailbox, received_at, octets), large)| {
            Record::Message(MessageHead {
                mailbox: MailboxId(mailbox),
                place,
                received_at,
                octets,
                large,
            })
        });
    let receipt = (".{0,20}", any::<Option<u16>>(), any::<i64>(), ".{0,8}").prop_map(
        |(ticket, number, at, epoch)| {
            Record::Receipt(Receipt {
                ticket,
                number: number.map(|n| n.to_string()),
                at,
                epoch,
                omitted: Vec::new(),
            })
        },
    );
    let archived =
        (places(), ".{0,20}", any::<Option<(u32, u32)>>()).prop_map(|(place, folder, moved_to)| {
            Record::Archived(Archived {
                place,
                folder,
                moved_to,
            })
        });
    let alias = (any::<u32>(), places(), any::<i64>(), any::<u64>()).prop_map(
        |(mailbox, place, received_at, octets)| {
            Record::Alias(Alias {
                mailbox: MailboxId(mailbox),
                place,
                received_at,
                octets,
            })
        },
    );
    prop_oneof![
        message,
        prop::collection::vec(places(), 0..5).prop_map(Record::Trying),
        decisions().prop_map(|d| Record::Decision(Box::new(d))),
        receipt,
        (".{0,40}", any::<i64>()).prop_map(|(said, at)| Record::Refused(Refusal { said, at })),
        archived,
        Just(Record::Retired),
        (acts(), ".{0,12}", any::<i64>()).prop_map(|(what, by, at)| Record::Act(Act {
            what,
            by,
            at
        })),
        alias,
        entries().prop_map(|e| Record::Snapshot(Box::new(e))),
        decisions().prop_map(|d| Record::Copied(Box::new(d))),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Record::Words),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(record in records()) {
        let payload = record.encode();
        prop_assert_eq!(Record::decode(record.kind() as u8, &payload), Ok(record));
    }

    #[test]
    fn a_message_is_read_by_its_head_alone(record in records(), raw in any::<Vec<u8>>()) {
        if let Record::Message(_) = record {
            let head = record.encode();
            let payload = [head.as_slice(), &raw].concat();
            prop_assert_eq!(raw_start(&payload), Some(head.len() as u64));
            prop_assert_eq!(Record::decode(Kind::Message as u8, &payload), Ok(record));
        }
    }

    #[test]
    fn a_record_cut_short_is_an_error_and_no_panic(record in records(), keep in 0.0..1.0_f64) {
        let payload = record.encode();
        let keep = (payload.len() as f64 * keep) as usize;
        let cut = Record::decode(record.kind() as u8, &payload[..keep]);
        // The first says nothing; the second is octets, whole or not.
        let any = matches!(record, Record::Retired | Record::Words(_));
        if !any || keep == 0 {
            prop_assert_eq!(cut, Err(Unreadable::Malformed { kind: record.kind() as u8 }));
        }
    }

    #[test]
    fn garbage_is_an_error_or_a_record_and_no_panic(kind in 0..16_u8, octets in any::<Vec<u8>>()) {
        let _ = Record::decode(kind, &octets);
        let _ = raw_start(&octets);
        for version in 1..=VERSION {
            let versioned = [&[version], octets.as_slice()].concat();
            let _ = Record::decode(kind, &versioned);
        }
    }

    #[test]
    fn a_record_of_newer_code_is_refused_by_its_version(
        record in records(), version in VERSION + 1..,
    ) {
        let mut payload = record.encode();
        payload[0] = version;
        let kind = record.kind() as u8;
        prop_assert_eq!(
            Record::decode(kind, &payload),
            Err(Unreadable::Newer { kind, version })
        );
    }
}

#[test]
fn kinds_keep_their_numbers() {
    let kinds = [
        (2, Kind::Message),
        (3, Kind::Trying),
        (4, Kind::Decision),
        (5, Kind::Receipt),
        (6, Kind::Refused),
        (7, Kind::Archived),
        (8, Kind::Retired),
        (9, Kind::Act),
        (10, Kind::Alias),
        (11, Kind::Snapshot),
        (12, Kind::Copied),
        (13, Kind::Words),
    ];
    for (number, kind) in kinds {
        assert_eq!(kind as u8, number);
        assert_eq!(Kind::of(number), Some(kind));
    }
    for number in (0..=u8::MAX).filter(|n| !(2..=13).contains(n)) {
        assert_eq!(Kind::of(number), None);
    }
}

fn place() -> Place {
    Place::Imap {
        origin: Origin([1, 2, 3, 4, 5, 6, 7, 8]),
        uid_validity: UidValidity(300),
        uid: Uid(7),
    }
}

fn sample() -> Decision {
    Decision {
        sequence: 5,
        mailbox: MailboxId(1),
        place: place(),
        received_at: 1,
        octets: 2,
        decided_at: 3,
        message: Some(Stored {
            segment: 4,
            offset: 64,
            length: 9,
        }),
        large: None,
        outcome: Outcome::Ticket {
            user: Some("u".to_owned()),
            company: None,
        },
        address: "a".to_owned(),
        lane: 6,
        sender: "s".to_owned(),
        subject: "t".to_owned(),
        composed: None,
        archive_early: true,
        thread: Thread::default(),
        about: None,
        token: None,
        origin: ticket::Origin::default(),
        storm: None,
        omitted: Vec::new(),
        marks: None,
        held_by: 0,
    }
}

/// Octets as hexadecimal digits.
fn shown(record: &Record) -> String {
    data_encoding::HEXLOWER.encode(&record.encode())
}

#[track_caller]
fn check_frozen(record: Record, octets: &str) {
    assert_eq!(shown(&record), octets, "{record:?}");
    assert_eq!(
        Record::decode(record.kind() as u8, &record.encode()),
        Ok(record)
    );
}

/// What an earlier version wrote is read as what it meant.
#[track_caller]
fn check_read(record: Record, octets: &str) {
    let octets = data_encoding::HEXLOWER.decode(octets.as_bytes()).unwrap();
    assert_eq!(Record::decode(record.kind() as u8, &octets), Ok(record));
}

/// A journal that is in the field holds these: a change that moves an octet needs a new version,
/// with the old struct kept beside the new one.
#[test]
fn version_1_is_frozen() {
    check_frozen(
        Record::Message(MessageHead {
            mailbox: MailboxId(1),
            place: place(),
            received_at: -1,
            octets: 2,
            large: None,
        }),
        "01100001000102030405060708ac0207010200",
    );
    check_frozen(
        Record::Trying(vec![place()]),
        "0101000102030405060708ac0207",
    );
    check_read(
        Record::Decision(Box::new(sample())),
        "010501000102030405060708ac020702020601044009000001017500016106017301740001",
    );
    check_read(
        Record::Receipt(Receipt {
            ticket: "T".to_owned(),
            number: Some("1".to_owned()),
            at: 1,
            epoch: "e".to_owned(),
            omitted: Vec::new(),
        }),
        "010154010131020165",
    );
    check_frozen(
        Record::Refused(Refusal {
            said: "no".to_owned(),
            at: 1,
        }),
        "01026e6f02",
    );
    check_frozen(
        Record::Archived(Archived {
            place: place(),
            folder: "A".to_owned(),
            moved_to: Some((1, 2)),
        }),
        "01000102030405060708ac02070141010102",
    );
    check_frozen(Record::Retired, "01");
    for (what, octets) in [
        (ActKind::Release, "0100016f02"),
        (ActKind::Convert, "0101016f02"),
        (ActKind::Dismiss, "0102016f02"),
        (ActKind::Retry, "0103016f02"),
        (ActKind::Refetch, "0105016f02"),
    ] {
        let by = "o".to_owned();
        check_frozen(Record::Act(Act { what, by, at: 1 }), octets);
    }
    check_frozen(
        Record::Alias(Alias {
            mailbox: MailboxId(1),
            place: place(),
            received_at: 1,
            octets: 2,
        }),
        "0101000102030405060708ac02070202",
    );
    check_read(
        Record::Copied(Box::new(sample())),
        "010501000102030405060708ac020702020601044009000001017500016106017301740001",
    );
    check_frozen(Record::Words(vec![1, 2, 3]), "01010203");
}

/// A reason's place in the list is what a journal holds.
#[test]
fn reasons_keep_their_numbers() {
    let codes = [
        "unknown-sender",
        "directory-not-read",
        "received-before",
        "already-read",
        "duplicate",
        "dismissed",
        "gone",
        "read-while-held",
        "refused",
        "too-large",
    ];
    for (number, code) in codes.into_iter().enumerate() {
        let reason: Reason = postcard::from_bytes(&[number as u8]).unwrap();
        assert_eq!(reason.code(), code);
    }
}

#[test]
fn version_1_of_a_snapshot_is_frozen() {
    let entry = Entry {
        stage: Stage::Forwarded,
        sequence: 5,
        mailbox: MailboxId(1),
        received_at: 1,
        octets: 2,
        spots: vec![Spot {
            mailbox: MailboxId(1),
            place: place(),
            received_at: 1,
            octets: 2,
        }],
        message: None,
        large: Some(8),
        decision: None,
        refusal: None,
        lane: 6,
        reason: Some(Reason::Duplicate),
        ticket: Some("T".to_owned()),
        changed_at: 3,
        archive_early: false,
        archived: true,
        retired: false,
        convert: false,
        known_to: Position {
            segment: 4,
            offset: 64,
        },
        thread: Thread::default(),
        root: None,
    };
    check_read(
        Record::Snapshot(Box::new(entry.clone())),
        "0101050102020101000102030405060708ac02070202000108000006010401015406000100000440",
    );
    check_frozen(
        Record::Snapshot(Box::new(Entry {
            thread: thread(),
            root: Some(Key([4; 32])),
            ..entry
        })),
        "0201050102020101000102030405060708ac020702020001080000060104010154060001000004400102020202020202020202020202020202010303030303030303010404040404040404040404040404040404040404040404040404040404040404",
    );
}

fn thread() -> Thread {
    Thread {
        id: Some(MessageId([2; 16])),
        parties: vec![Party([3; 8])],
    }
}
