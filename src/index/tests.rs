use std::path::Path;

use super::*;
use crate::passage::record::{Act, ActKind, Alias, Archived, Decision, Receipt, Refusal};
use crate::passage::Stage;
use crate::passage::{MailboxId, Origin, Outcome, Uid, UidValidity};
use crate::ticket::Reason;

mod layout;
mod reasons;
mod rest;
mod threads;
mod told_again;

const LIFE: [u8; 8] = [9; 8];
const CACHE: u64 = 1 << 20;

/// Keys are digests: they differ in their first octets.
fn key(n: u64) -> Key {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&n.to_le_bytes());
    Key(key)
}

fn place(uid: u32) -> Place {
    Place::Imap {
        origin: Origin([1; 8]),
        uid_validity: UidValidity(1),
        uid: Uid(uid),
    }
}

fn ticket() -> Outcome {
    Outcome::Ticket {
        user: None,
        company: None,
    }
}

fn held() -> Outcome {
    Outcome::Held(Reason::UnknownSender)
}

/// Opens an index that was just dropped: on a busy machine sled's threads hold its lock for a moment
/// longer.
fn open_again(dir: &Path, life: [u8; 8]) -> Result<(Index, Option<Position>), Fault> {
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match Index::open(dir, CACHE, life) {
            Err(Fault::Taken { .. }) if std::time::Instant::now() < limit => {}
            opened => return opened,
        }
    }
}

/// Goes red where a lock that is let go of in a moment is taken for a disk that fails: a command that asks
/// twice would end with that, on a busy machine.
#[test]
fn an_index_that_somebody_has_is_no_failing_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (_held, _) = Index::open(dir.path(), CACHE, [1; 8]).unwrap();
    let second = Index::open(dir.path(), CACHE, [1; 8]);
    assert!(matches!(second, Err(Fault::Taken { .. })));
}

fn decision(sequence: u64, uid: u32, outcome: Outcome) -> Record {
    Record::Decision(Box::new(Decision {
        sequence,
        mailbox: MailboxId(1),
        place: place(uid),
        received_at: 10,
        octets: 100,
        decided_at: 20,
        message: None,
        large: None,
        outcome,
        address: String::new(),
        lane: uid,
        sender: String::new(),
        subject: String::new(),
        composed: None,
        archive_early: false,
        thread: crate::ticket::Thread::default(),
        about: None,
        token: None,
        origin: crate::ticket::Origin::default(),
        storm: None,
        omitted: Vec::new(),
        marks: None,
        held_by: 0,
    }))
}

fn receipt() -> Record {
    Record::Receipt(Receipt {
        ticket: "T".to_owned(),
        number: None,
        at: 30,
        epoch: String::new(),
        omitted: Vec::new(),
    })
}

fn archived(uid: u32) -> Record {
    Record::Archived(Archived {
        place: place(uid),
        folder: "Archive".to_owned(),
        moved_to: None,
    })
}

fn act(what: ActKind) -> Record {
    Record::Act(Act {
        what,
        by: "operator".to_owned(),
        at: 40,
    })
}

/// An index that is told records one after the other, as a journal would hold them.
struct Told {
    index: Index,
    view: View,
    at: u64,
}

impl Told {
    fn open(dir: &Path) -> Self {
        let (index, position) = Index::open(dir, CACHE, LIFE).unwrap();
        Self::over(index, position.unwrap_or_default().offset)
    }

    fn over(index: Index, at: u64) -> Self {
        Self {
            view: index.view(),
            at,
            index,
        }
    }

    #[track_caller]
    fn tell(&mut self, records: Vec<(u64, Record)>) {
        let applied = self.learn(records);
        assert_eq!(applied.misfits, Vec::<String>::new());
    }

    fn learn(&mut self, records: Vec<(u64, Record)>) -> Applied {
        self.try_to_learn(records).unwrap()
    }

    fn try_to_learn(&mut self, records: Vec<(u64, Record)>) -> Result<Applied, Fault> {
        let durable: Vec<Durable> = records
            .into_iter()
            .map(|(n, record)| {
                self.at += 1;
                Durable {
                    key: key(n),
                    stored: Stored {
                        segment: 1,
                        offset: self.at,
                        length: 1,
                    },
                    record,
                }
            })
            .collect();
        self.index.learn_all(&durable, self.position())
    }

    fn position(&self) -> Position {
        Position {
            segment: 1,
            offset: self.at,
        }
    }

    fn queue(&self) -> Vec<u64> {
        let rows = self.view.queue(0, 100).unwrap();
        rows.iter().map(|r| r.sequence).collect()
    }

    fn archive(&self) -> Vec<Key> {
        let rows = self.view.to_archive(1, 0, 100).unwrap();
        rows.iter().map(|l| l.key).collect()
    }

    fn list(&self, stage: Stage) -> Vec<Key> {
        let rows = self.view.list(stage, 0, 100).unwrap();
        rows.iter().map(|l| l.key).collect()
    }
}

#[track_caller]
fn check(told: &Told, queue: &[u64], archive: &[u64], stage: Stage) {
    assert_eq!(told.queue(), queue, "the queue");
    let archive: Vec<Key> = archive.iter().map(|n| key(*n)).collect();
    assert_eq!(told.archive(), archive, "the archive list");
    assert_eq!(told.index.counters().of(stage), 1, "{stage}");
    assert_eq!(told.index.counters().total(), 1);
    let waiting = told.index.counters().to_archive;
    assert_eq!(waiting, archive.len() as u64);
}

#[test]
fn the_lists_follow_a_message_from_commit_to_archive() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, decision(5, 1, ticket()))]);
    check(&told, &[5], &[], Stage::Committed);
    assert_eq!(told.index.counters().owed_octets, 100);
    told.tell(vec![(1, receipt())]);
    check(&told, &[], &[1], Stage::Forwarded);
    assert_eq!(told.index.counters().owed_octets, 0);
    assert!(told.view.place(&place(1)).unwrap().is_some());
    told.tell(vec![(1, archived(1))]);
    check(&told, &[], &[], Stage::Forwarded);
    assert_eq!(told.view.place(&place(1)).unwrap(), None);
    assert_eq!(told.index.counters().archived, 1);
}

#[test]
fn a_refused_ticket_leaves_the_queue_and_comes_back_when_it_is_retried() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let refused = Record::Refused(Refusal {
        said: "no".to_owned(),
        at: 1,
    });
    told.tell(vec![(1, decision(5, 1, ticket())), (1, refused)]);
    check(&told, &[], &[], Stage::Refused);
    assert_eq!(told.list(Stage::Refused), [key(1)]);
    told.tell(vec![(1, act(ActKind::Retry))]);
    check(&told, &[5], &[], Stage::Committed);
    assert_eq!(told.list(Stage::Refused), []);
}

#[test]
fn what_is_held_is_known_at_its_place_and_fetched_again_when_it_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, decision(5, 1, held()))]);
    check(&told, &[], &[], Stage::Held);
    assert_eq!(told.list(Stage::Held), [key(1)]);
    let known = |told: &Told| told.view.place(&place(1)).unwrap().unwrap();
    assert!(!known(&told).again);
    told.tell(vec![(1, act(ActKind::Release))]);
    assert!(known(&told).again);
    assert_eq!(told.list(Stage::Held), []);
    told.tell(vec![(1, decision(6, 1, ticket()))]);
    check(&told, &[6], &[], Stage::Committed);
    assert!(!known(&told).again);
}

#[test]
fn what_changed_is_told_once_and_in_the_order_of_its_last_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let applied = told.learn(vec![
        (2, decision(1, 2, ticket())),
        (1, decision(2, 1, ticket())),
        (2, receipt()),
        (9, receipt()),
    ]);
    let order: Vec<Key> = applied.changed.iter().map(|(k, _)| *k).collect();
    assert_eq!(order, [key(1), key(2)]);
    assert_eq!(applied.misfits.len(), 1);
}

#[test]
fn position_and_contents_are_there_together_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![
        (1, decision(5, 1, ticket())),
        (2, decision(6, 2, held())),
    ]);
    told.index.flush().unwrap();
    let counters = told.index.counters().clone();
    let position = told.position();
    drop(told);
    let (index, found) = open_again(dir.path(), LIFE).unwrap();
    assert_eq!(found, Some(position));
    assert_eq!(index.position(), position);
    assert_eq!(index.counters(), &counters);
    assert_eq!(index.next_sequence(), 7);
    assert_eq!(index.view().counters().unwrap(), (counters, position));
}

#[test]
fn an_index_of_another_journal_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, decision(5, 1, ticket()))]);
    told.index.flush().unwrap();
    drop(told);
    match open_again(dir.path(), [8; 8]) {
        Err(Fault::Damaged { said }) => assert!(said.contains("another journal")),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken for this journal's"),
    }
}

#[test]
fn records_told_again_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let records = || {
        vec![
            (1, decision(5, 1, ticket())),
            (2, decision(6, 2, held())),
            (1, receipt()),
            (1, archived(1)),
            (2, act(ActKind::Release)),
            (2, decision(7, 2, ticket())),
        ]
    };
    told.tell(records());
    let counters = told.index.counters().clone();
    let rows = || told.view.list(Stage::Committed, 0, 9).unwrap();
    let (queue, lists) = (told.queue(), rows());
    told.at = 0;
    let applied = told.learn(records());
    assert!(applied.changed.is_empty() && applied.misfits.is_empty());
    assert_eq!(told.index.counters(), &counters);
    assert_eq!(
        (
            told.queue(),
            told.view.list(Stage::Committed, 0, 9).unwrap()
        ),
        (queue, lists)
    );
}

/// A server that was moved counts its UIDs from the beginning: the numbers of an old message are a
/// new one's, and what is still to be done with the old one must not be done to the new one.
#[test]
fn a_place_that_another_message_has_taken_is_not_archived_for_the_old_one() {
    // Whichever key is the smaller, and in one batch or two.
    for (old, new) in [(1, 2), (2, 1)] {
        for together in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let mut told = Told::open(dir.path());
            let first = vec![(old, decision(5, 1, ticket()))];
            let second = vec![(new, decision(6, 1, ticket())), (old, receipt())];
            if together {
                told.tell(first.into_iter().chain(second).collect());
            } else {
                told.tell(first);
                told.tell(second);
            }
            assert_eq!(told.archive(), []);
            let known = told.view.place(&place(1)).unwrap().unwrap();
            assert_eq!(known.key, key(new));
            assert_eq!(told.index.counters().to_archive, 0);
        }
    }
}

#[test]
fn a_message_at_two_places_is_archived_from_both() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let alias = Record::Alias(Alias {
        mailbox: MailboxId(2),
        place: place(9),
        received_at: 10,
        octets: 100,
    });
    told.tell(vec![
        (1, decision(5, 1, ticket())),
        (1, alias),
        (1, receipt()),
    ]);
    assert_eq!(told.archive(), [key(1)]);
    assert_eq!(told.view.to_archive(2, 0, 9).unwrap().len(), 1);
    told.tell(vec![(1, archived(1))]);
    assert_eq!(told.archive(), []);
    assert_eq!(told.view.to_archive(2, 0, 9).unwrap().len(), 1);
    told.tell(vec![(1, archived(9))]);
    assert_eq!(told.view.to_archive(2, 0, 9).unwrap(), []);
}

#[test]
fn a_forgotten_message_leaves_no_row_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, decision(5, 1, held()))]);
    told.index.forget(&[key(1), key(2)]).unwrap();
    assert_eq!(told.view.entry(&key(1)).unwrap(), None);
    assert_eq!(told.view.place(&place(1)).unwrap(), None);
    assert_eq!(told.list(Stage::Held), []);
    assert_eq!(told.index.counters(), &Counters::default());
}

#[test]
fn pages_are_ranges_behind_what_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let all = (1..=300).map(|n| (n, decision(n, n as u32, ticket())));
    told.tell(all.collect());
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = told.view.queue(after, 7).unwrap();
        let Some(last) = page.last() else { break };
        after = last.sequence;
        seen.extend(page.iter().map(|r| (r.sequence, r.lane)));
    }
    let wanted: Vec<(u64, u32)> = (1..=300).map(|n| (n, n as u32)).collect();
    assert_eq!(seen, wanted);
    assert_eq!(told.view.keys(&key(7).0[..8], 5).unwrap(), [key(7)]);
    // And from the end on.
    told.tell(
        (301..=400)
            .map(|n| (n, decision(n, n as u32, held())))
            .collect(),
    );
    let (mut seen, mut before) = (Vec::new(), u64::MAX);
    loop {
        let page = told.view.list_back(Stage::Held, before, 7).unwrap();
        let Some(last) = page.last() else { break };
        before = last.entry.sequence;
        seen.extend(page.iter().map(|l| l.entry.sequence));
    }
    assert_eq!(seen, (301..=400).rev().collect::<Vec<u64>>());
    // A beginning that is shorter than a page's name, and one that lies in the middle of a page.
    assert_eq!(told.view.keys(&[7], 5).unwrap(), [key(7), key(263)]);
    assert_eq!(told.view.keys(&[7], 1).unwrap(), [key(7)]);
    assert_eq!(told.view.keys(&[7, 1], 5).unwrap(), [key(263)]);
    assert_eq!(told.view.keys(&[], 300).unwrap().len(), 300);
}

/// Goes red where the way back leaves out what a window shows too much of, or ends in numbers that nobody has.
#[test]
fn the_way_back_through_a_list_goes_over_gaps_and_crowds() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let numbers: Vec<u64> = (1..=3000).chain([50_000, 90_000]).collect();
    let of = |n: &u64| (*n, decision(*n, *n as u32, held()));
    told.tell(numbers.iter().map(of).collect());
    for limit in [1, 2, 3, 1500, 5000] {
        let page = told.view.list_back(Stage::Held, u64::MAX, limit).unwrap();
        let seen: Vec<u64> = page.iter().map(|l| l.entry.sequence).collect();
        let wanted: Vec<u64> = numbers.iter().rev().take(limit).copied().collect();
        assert_eq!(seen, wanted, "{limit}");
    }
}

/// A snapshot may stand for a decision whose segment is gone. Goes red when a snapshot gives no place
/// away, in the index or in a tally of the same records.
#[test]
fn a_place_that_a_snapshot_gave_away_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, decision(5, 1, ticket())), (1, receipt())]);
    told.index.flush().unwrap();
    let mut taken = told.view.entry(&key(1)).unwrap().expect("it is known");
    taken.sequence = 6;
    taken.stage = Stage::Forwarded;
    let snapshot = Record::Snapshot(Box::new(taken));
    for part in 0..2 {
        let mut tally = Tally::new(part, 2);
        let at = |offset| Stored {
            segment: 1,
            offset,
            length: 10,
        };
        tally.learn(key(1), at(100), &decision(5, 1, ticket()));
        tally.learn(key(1), at(200), &receipt());
        assert!(tally.wants(&key(2), snapshot.kind()));
        tally.learn(key(2), at(300), &snapshot);
        for (key, entry) in tally.entries() {
            assert_eq!(entry.spots.is_empty(), *key == super::tests::key(1));
        }
    }
    told.tell(vec![(2, snapshot)]);
    assert_eq!(
        told.view.place(&place(1)).unwrap().map(|k| k.key),
        Some(key(2))
    );
    // Who had it before has it no more, and is archived from nowhere.
    let before = told.view.entry(&key(1)).unwrap().expect("it is known");
    assert!(before.spots.is_empty(), "{before:?}");
    told.tell(vec![(2, archived(1))]);
    assert_eq!(told.view.place(&place(1)).unwrap(), None);
}

/// Goes red when a forgetting is left to gather: no record is left that a replay could tell it by.
#[test]
fn what_was_forgotten_stays_so_when_the_process_dies() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![
        (1, decision(5, 1, ticket())),
        (2, decision(6, 2, ticket())),
    ]);
    told.index.flush().unwrap();
    told.index.forget(&[key(1)]).unwrap();
    let counters = told.index.counters().clone();
    // What has gathered dies with the process; sled stays.
    let (again, _) = Index::over(told.index.db().unwrap(), LIFE, 40, 128).unwrap();
    assert_eq!(again.view().entry(&key(1)).unwrap(), None);
    assert_eq!(again.view().place(&place(1)).unwrap(), None);
    assert_eq!(again.counters(), &counters);
    assert!(again.view().entry(&key(2)).unwrap().is_some());
}

/// Goes red when sled is told of who came to a place without being told who left it: a replay of the
/// leaving took the place from the one who came.
#[test]
fn a_place_that_was_left_and_taken_between_two_tellings_stays_with_who_took_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = sled::open(dir.path()).unwrap();
    let over = || Index::over(db.clone(), LIFE, 40, 1).unwrap();
    let mut told = Told::over(over().0, 0);
    told.tell(vec![(2, decision(5, 1, ticket())), (2, receipt())]);
    told.index.flush().unwrap();
    let live_on = |told: &mut Told| {
        told.tell(vec![(2, archived(1))]);
        told.tell(vec![(1, decision(6, 1, ticket()))]);
    };
    let begun = told.at;
    live_on(&mut told);
    told.index.table.die_after(1);
    // Of two batches the second is not told.
    let _ = told.index.flush();
    let (index, position) = over();
    let mut again = Told::over(index, begun);
    if position.unwrap() < told.position() {
        live_on(&mut again);
    }
    let known = again.view.place(&place(1)).unwrap().unwrap();
    assert_eq!(known.key, key(1));
}

/// One message has as many rows as may gather, and is not settled.
fn full_of_one(batches: usize) -> (Told, Result<Applied, Fault>) {
    let db = sled::Config::new().temporary(true).open().unwrap();
    let (index, _) = Index::over(db, LIFE, 3, 1).unwrap();
    let mut told = Told::over(index, 0);
    told.index.table.die_after(batches);
    let learned = told.try_to_learn(vec![(1, decision(5, 1, held()))]);
    (told, learned)
}

/// Goes red when telling that fails counts what it did not tell.
#[test]
fn what_sled_did_not_take_is_not_counted_as_told() {
    let (mut told, learned) = full_of_one(0);
    assert!(learned.is_err());
    assert_eq!(told.index.told, Counters::default());
    told.index.table.die_after(usize::MAX);
    told.index.flush().unwrap();
    assert_eq!(told.index.told, *told.index.counters());
}

/// Goes red when sled is told of a share of nothing, again and again.
#[test]
fn room_is_made_where_nothing_is_settled() {
    let (told, learned) = full_of_one(5);
    assert!(learned.is_ok());
    assert_eq!(told.index.told, *told.index.counters());
}

#[test]
fn what_several_batches_changed_is_told_once_as_it_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let db = sled::open(dir.path()).unwrap();
    let (index, _) = Index::over(db, LIFE, 40, 2).unwrap();
    let mut told = Told::over(index, 0);
    let applied = told.learn(vec![
        (1, decision(1, 1, ticket())),
        (2, decision(2, 2, ticket())),
        (1, receipt()),
        (3, receipt()),
        (4, decision(4, 4, ticket())),
    ]);
    let changed = applied.changed.iter().map(|(k, e)| (*k, e.stage));
    assert_eq!(
        changed.collect::<Vec<_>>(),
        [
            (key(2), Stage::Committed),
            (key(1), Stage::Forwarded),
            (key(4), Stage::Committed)
        ]
    );
    assert_eq!(applied.misfits.len(), 1);
    assert_eq!(told.index.position(), told.position());
}
