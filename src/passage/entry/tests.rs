use proptest::prelude::*;

use super::*;
use crate::passage::place::{Origin, Uid, UidValidity};
use crate::passage::record::{Alias, Archived, MessageHead, Receipt, Refusal};
use crate::passage::stage::Event;

const BOX: MailboxId = MailboxId(1);

fn place(uid: u32) -> Place {
    Place::Imap {
        origin: Origin([7; 8]),
        uid_validity: UidValidity(1),
        uid: Uid(uid),
    }
}

/// Where the `n`th record of a test lies: a few to a segment.
fn at(n: u64) -> Stored {
    Stored {
        segment: 1 + n / 5,
        offset: 64 + (n % 5) * 200,
        length: 100,
    }
}

fn decision(sequence: u64, outcome: Outcome) -> Decision {
    let ticket = matches!(outcome, Outcome::Ticket { .. });
    Decision {
        sequence,
        mailbox: BOX,
        place: place(1),
        received_at: 1_000,
        octets: 500,
        decided_at: 2_000 + sequence as i64,
        message: ticket.then(|| at(sequence)),
        large: None,
        outcome,
        address: "helpdesk@example.org".to_owned(),
        lane: 3,
        sender: "anna@example.org".to_owned(),
        subject: "printer".to_owned(),
        composed: None,
        archive_early: false,
        thread: Thread::default(),
        about: None,
        token: None,
        origin: crate::ticket::Origin::default(),
        storm: None,
        omitted: Vec::new(),
        marks: None,
        held_by: 0,
    }
}

fn decided(sequence: u64, outcome: Outcome) -> Record {
    Record::Decision(Box::new(decision(sequence, outcome)))
}

fn ticket() -> Outcome {
    Outcome::Ticket {
        user: Some("u1".to_owned()),
        company: None,
    }
}

fn act(what: ActKind) -> Record {
    Record::Act(Act {
        what,
        by: "operator".to_owned(),
        at: 9_000,
    })
}

fn receipt() -> Record {
    Record::Receipt(Receipt {
        ticket: "T-1".to_owned(),
        number: None,
        at: 3_000,
        epoch: "e".to_owned(),
        omitted: Vec::new(),
    })
}

fn refusal() -> Record {
    Record::Refused(Refusal {
        said: "no such queue".to_owned(),
        at: 4_000,
    })
}

fn archived(uid: u32) -> Record {
    Record::Archived(Archived {
        place: place(uid),
        folder: "Archive".to_owned(),
        moved_to: None,
    })
}

fn alias(uid: u32) -> Record {
    Record::Alias(Alias {
        mailbox: BOX,
        place: place(uid),
        received_at: 1_000,
        octets: 500,
    })
}

/// What `records` make of nothing; those that do not fit are left out, as a start does.
fn told(records: &[Record]) -> Option<Entry> {
    let mut entry = None;
    for (n, record) in records.iter().enumerate() {
        if let Ok(Some(after)) = apply(entry.as_ref(), record, at(n as u64)) {
            entry = Some(after);
        }
    }
    entry
}

/// A short life that ends in `stage`.
fn life(stage: Stage) -> Vec<Record> {
    let mut life = vec![match stage {
        Stage::Committed | Stage::Forwarded | Stage::Refused => decided(1, ticket()),
        Stage::Ignored => decided(1, Outcome::Ignored(Reason::Duplicate)),
        _ => decided(1, Outcome::Held(Reason::UnknownSender)),
    }];
    match stage {
        Stage::Forwarded => life.push(receipt()),
        Stage::Refused => life.push(refusal()),
        Stage::Released => life.push(act(ActKind::Release)),
        Stage::Dismissed => life.push(act(ActKind::Dismiss)),
        Stage::Closed => life.push(act(ActKind::Close(Reason::Gone))),
        Stage::Committed | Stage::Held | Stage::Ignored => {}
    }
    life
}

/// Every record that moves a message, with the event that it stands for.
fn movers() -> Vec<(Record, Event)> {
    vec![
        (decided(2, ticket()), Event::Ticket),
        (
            decided(2, Outcome::Held(Reason::DirectoryNotRead)),
            Event::Hold,
        ),
        (
            decided(2, Outcome::Ignored(Reason::Duplicate)),
            Event::Ignore,
        ),
        (receipt(), Event::Receipt),
        (refusal(), Event::Refuse),
        (act(ActKind::Retry), Event::Retry),
        (act(ActKind::Release), Event::Release),
        (act(ActKind::Convert), Event::Release),
        (act(ActKind::Dismiss), Event::Dismiss),
        (act(ActKind::Close(Reason::ReadWhileHeld)), Event::Close),
        (act(ActKind::Refetch), Event::Refetch),
        (act(ActKind::Lost), Event::Lost),
    ]
}

#[test]
fn every_record_on_every_stage_takes_the_edge_of_the_table_or_none() {
    let stages = Stage::ALL.into_iter().map(Some).chain([None]);
    for stage in stages {
        let before = stage.and_then(|s| told(&life(s)));
        assert_eq!(before.as_ref().map(|e| e.stage), stage);
        let kept = before.as_ref().is_some_and(|e| e.message.is_some());
        for (record, event) in movers() {
            let event = match event {
                Event::Lost if !kept => Event::LostForGood,
                event => event,
            };
            let after = apply(before.as_ref(), &record, at(20));
            match step(stage, event) {
                Some(to) => {
                    let after = after.unwrap().unwrap();
                    assert_eq!(after.stage, to, "{stage:?} {event:?}");
                    assert_eq!(after.known_to.segment, at(20).segment);
                }
                // The portal may tell twice that it has a ticket.
                None if stage == Some(Stage::Forwarded) && event == Event::Receipt => {
                    assert_eq!(after, Ok(None));
                }
                None => assert_eq!(after, Err(Illegal { from: stage, event })),
            }
        }
    }
}

#[test]
fn the_word_to_send_what_was_refused_is_given_by_one_act_and_used_up_by_the_next() {
    let has_word = |more: &[Record]| {
        let life = [&life(Stage::Refused)[..], more].concat();
        told(&life).unwrap().has_word()
    };
    let retry = || act(ActKind::Retry);
    assert!(!has_word(&[]));
    assert!(has_word(&[retry()]));
    assert!(!has_word(&[retry(), retry()]));
    assert!(!has_word(&[retry(), receipt()]));
    assert!(has_word(&[retry(), retry(), refusal(), retry()]));
}

#[test]
fn marks_change_no_stage_and_mean_nothing_without_a_message() {
    let marks = [
        archived(1),
        Record::Retired,
        alias(2),
        Record::Trying(vec![place(1)]),
        Record::Message(MessageHead {
            mailbox: BOX,
            place: place(1),
            received_at: 0,
            octets: 1,
            large: None,
        }),
        Record::Copied(Box::new(decision(9, ticket()))),
    ];
    for mark in marks {
        assert_eq!(apply(None, &mark, at(20)), Ok(None), "{mark:?}");
        for stage in Stage::ALL {
            let before = told(&life(stage)).unwrap();
            if let Some(after) = apply(Some(&before), &mark, at(20)).unwrap() {
                assert_eq!(after.stage, stage, "{mark:?}");
            }
        }
    }
}

#[test]
fn an_archived_place_goes_and_the_others_stay() {
    let entry = told(&[decided(1, ticket()), alias(2), receipt(), archived(1)]).unwrap();
    assert!(entry.archived);
    assert!(entry.wants_archive());
    let places: Vec<Place> = entry.spots.iter().map(|s| s.place.clone()).collect();
    assert_eq!(places, [place(2)]);
}

#[test]
fn only_what_the_portal_has_or_nobody_wants_is_archived() {
    for stage in Stage::ALL {
        let wanted = told(&life(stage)).unwrap().wants_archive();
        let legal = matches!(stage, Stage::Forwarded | Stage::Ignored | Stage::Dismissed);
        assert_eq!(wanted, legal, "{stage}");
    }
    let mut early = decision(1, ticket());
    early.archive_early = true;
    let early = told(&[Record::Decision(Box::new(early))]).unwrap();
    assert!(early.wants_archive());
}

#[test]
fn octets_are_owed_until_the_portal_has_them() {
    for stage in Stage::ALL {
        let entry = told(&life(stage)).unwrap();
        let owed = matches!(stage, Stage::Committed | Stage::Refused);
        assert_eq!(entry.owed_octets(), if owed { 500 } else { 0 }, "{stage}");
        // Octets count once: as owed, or as kept for the operator.
        assert!(entry.owed_octets() == 0 || entry.kept_octets() == 0);
    }
    let forwarded = told(&life(Stage::Forwarded)).unwrap();
    assert_eq!(forwarded.kept_octets(), 500);
    let retired = told(&[decided(1, ticket()), receipt(), Record::Retired]).unwrap();
    assert_eq!((retired.kept_octets(), retired.message), (0, None));
}

#[test]
fn what_the_portal_lost_is_a_ticket_again_while_its_octets_are_kept() {
    let life = [decided(1, ticket()), receipt(), archived(1)];
    let lost = |more: &[Record]| told(&[&life[..], more, &[act(ActKind::Lost)]].concat()).unwrap();
    let again = lost(&[]);
    assert_eq!((again.stage, &again.ticket), (Stage::Committed, &None));
    assert_eq!((again.sequence, again.owed_octets()), (1, 500));
    // It has been moved already, and is not moved again before the new receipt.
    assert!(again.archived && !again.wants_archive());
    let gone = lost(&[Record::Retired]);
    assert_eq!(
        (gone.stage, gone.reason, &gone.ticket),
        (Stage::Closed, Some(Reason::LostAtPortal), &None)
    );
}

#[test]
fn a_closed_message_is_no_longer_known_at_its_place() {
    let closed = told(&life(Stage::Closed)).unwrap();
    assert_eq!(closed.spots, []);
    assert_eq!(closed.reason, Some(Reason::Gone));
}

#[test]
fn a_message_at_countless_places_is_known_at_some_of_them() {
    let mut records = vec![decided(1, ticket())];
    records.extend((2..100).map(alias));
    assert_eq!(told(&records).unwrap().spots.len(), SPOTS_MAX);
}

#[test]
fn a_snapshot_says_where_a_message_stands_whatever_was_known() {
    let forwarded = told(&life(Stage::Forwarded)).unwrap();
    let snapshot = Record::Snapshot(Box::new(forwarded.clone()));
    let held = told(&life(Stage::Held)).unwrap();
    for before in [None, Some(&held)] {
        let after = apply(before, &snapshot, at(20)).unwrap().unwrap();
        let known_to = after.known_to;
        assert_eq!(known_to.segment, at(20).segment);
        let same = Entry {
            known_to,
            ..forwarded.clone()
        };
        assert_eq!(after, same);
    }
}

#[test]
fn a_ticket_refused_twice_stays_refused_when_it_is_told_again() {
    let records = [
        decided(1, ticket()),
        refusal(),
        act(ActKind::Retry),
        refusal(),
    ];
    check_replays(&records);
}

#[test]
fn a_message_fetched_again_stays_committed_when_it_is_told_again() {
    let records = [
        decided(1, ticket()),
        act(ActKind::Refetch),
        decided(2, ticket()),
    ];
    check_replays(&records);
}

/// Tells `records` again from each of them on: nothing changes, and nothing is called a misfit
/// that was none the first time.
#[track_caller]
fn check_replays(records: &[Record]) {
    let whole = told(records);
    let mut misfits = Vec::new();
    let mut entry = None;
    for (n, record) in records.iter().enumerate() {
        match apply(entry.as_ref(), record, at(n as u64)) {
            Ok(Some(after)) => entry = Some(after),
            Ok(None) => {}
            Err(_) => misfits.push(n),
        }
    }
    for from in 0..records.len() {
        let mut again = whole.clone();
        for (n, record) in records.iter().enumerate().skip(from) {
            match apply(again.as_ref(), record, at(n as u64)) {
                Ok(Some(after)) => again = Some(after),
                Ok(None) => {}
                Err(illegal) => assert!(misfits.contains(&n), "{n}: {illegal}"),
            }
        }
        assert_eq!(again, whole, "told again from record {from}");
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let moved = (0..movers().len()).prop_map(|n| movers().swap_remove(n).0);
    let marked = prop_oneof![
        (1..5_u32).prop_map(archived),
        (1..5_u32).prop_map(alias),
        Just(Record::Retired),
    ];
    prop_oneof![3 => moved, 1 => marked]
}

proptest! {
    #[test]
    fn any_life_told_again_from_any_point_is_the_same_life(
        records in prop::collection::vec(any_record(), 0..24)
    ) {
        let numbered: Vec<Record> = records
            .into_iter()
            .enumerate()
            .map(|(n, record)| match record {
                Record::Decision(mut d) => {
                    d.sequence = n as u64;
                    Record::Decision(d)
                }
                other => other,
            })
            .collect();
        check_replays(&numbered);
    }
}
