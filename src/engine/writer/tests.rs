use super::*;
use crate::engine::tests::{self, key, octets, ticket, Opened, SIZES};
use crate::passage::record::{Act, ActKind, Receipt, Refusal};
use crate::passage::{Outcome, Stage};
use crate::ticket::Reason;
use crate::world::sim::SimDisk;

fn open(dir: &Path) -> Opened {
    tests::open(dir, SIZES)
}

fn decided(n: u32, outcome: Outcome) -> Decided {
    tests::decided(n, n, outcome)
}

fn receipt() -> Record {
    Record::Receipt(Receipt {
        ticket: "T".to_owned(),
        number: None,
        at: 2,
        epoch: String::new(),
        omitted: Vec::new(),
    })
}

fn refusal() -> Record {
    Record::Refused(Refusal {
        said: "no".to_owned(),
        at: 3,
    })
}

fn retry() -> Record {
    Record::Act(Act {
        what: ActKind::Retry,
        by: "operator".to_owned(),
        at: 4,
    })
}

/// A store in which every fifth message is held, and something was done with some of the others.
fn fill(writer: &mut Writer) {
    for batch in (0..60).collect::<Vec<u32>>().chunks(7) {
        let batch = batch
            .iter()
            .map(|n| match n % 5 {
                0 => decided(*n, Outcome::Held(Reason::UnknownSender)),
                _ => decided(*n, ticket()),
            })
            .collect();
        writer.commit(batch, &[]).unwrap();
    }
    let others = vec![
        (key(1), receipt()),
        (key(2), refusal()),
        (key(3), refusal()),
        (key(3), retry()),
        (key(4), refusal()),
        (key(4), retry()),
        (key(4), refusal()),
    ];
    writer.commit(Vec::new(), &others).unwrap();
}

/// Everything that the index shows of the messages.
#[derive(Debug, PartialEq)]
struct Shown {
    counters: Counters,
    entries: Vec<Option<Entry>>,
    queue: Vec<Key>,
    held: Vec<Key>,
    next: u64,
}

fn shown(writer: &Writer) -> Shown {
    let view = writer.index.view();
    let queue = view.queue(0, 1000).unwrap();
    let held = view.list(Stage::Held, 0, 1000).unwrap();
    Shown {
        counters: writer.index.counters().clone(),
        entries: (0..60).map(|n| view.entry(&key(n)).unwrap()).collect(),
        queue: queue.iter().map(|q| q.key).collect(),
        held: held.iter().map(|l| l.key).collect(),
        next: writer.next_sequence,
    }
}

#[test]
fn a_reopened_store_knows_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    fill(&mut first.writer);
    let before = shown(&first.writer);
    drop(first);
    let again = open(dir.path());
    assert_eq!(shown(&again.writer), before);
    assert_eq!(again.opening.rebuilt, None);
    assert_eq!(again.opening.misfits, Vec::<String>::new());
    assert_eq!(again.opening.damage, Vec::<String>::new());
    let entry = before.entries[7].clone().unwrap();
    let message = again.reader.payload(entry.message.unwrap()).unwrap();
    assert!(message.ends_with(&octets(7)));
}

#[test]
fn an_index_that_was_removed_is_made_again_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    fill(&mut first.writer);
    let before = shown(&first.writer);
    drop(first);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let again = open(dir.path());
    assert!(again.opening.rebuilt.is_some());
    assert_eq!(again.opening.misfits, Vec::<String>::new());
    assert_eq!(shown(&again.writer), before);
    assert_eq!(again.opening.next_sequence, before.next);
}

#[test]
fn an_index_of_another_store_is_removed_and_made_again_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    fill(&mut first.writer);
    let before = shown(&first.writer);
    drop(first);
    let index = dir.path().join("index");
    std::fs::remove_dir_all(&index).unwrap();
    // An index of some other journal.
    let (mut other, _) = Index::open(&index, SIZES.cache, [3; 8]).unwrap();
    other.apply(&[], Position::default()).unwrap();
    other.flush().unwrap();
    drop(other);
    let again = open(dir.path());
    assert!(again.opening.rebuilt.is_some());
    assert_eq!(shown(&again.writer), before);
}

#[test]
fn a_store_whose_journal_was_removed_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    fill(&mut first.writer);
    drop(first);
    std::fs::remove_dir_all(dir.path().join("journal")).unwrap();
    let mut again = open(dir.path());
    assert!(again.opening.rebuilt.is_some());
    assert_eq!(again.writer.index.counters(), &Counters::default());
    assert_eq!(again.writer.next_sequence, 1);
    // And it works: the same messages are committed again, under the same keys.
    fill(&mut again.writer);
    assert_eq!(again.writer.index.counters().total(), 60);
}

#[test]
fn the_queue_keeps_its_order_through_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    fill(&mut first.writer);
    let queue = shown(&first.writer).queue;
    drop(first);
    let wanted: Vec<Key> = (0..60)
        .filter(|n| n % 5 != 0 && !matches!(n, 1 | 2 | 4))
        .map(key)
        .collect();
    assert_eq!(queue, wanted);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let mut again = open(dir.path());
    assert_eq!(shown(&again.writer).queue, wanted);
    // What is decided from now on stands behind all of them.
    again
        .writer
        .commit(vec![decided(99, ticket())], &[])
        .unwrap();
    assert_eq!(shown(&again.writer).queue.last(), Some(&key(99)));
}

#[test]
fn a_store_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = Writer::open(&World::real(), dir.path(), SIZES, &mut |_| {});
    assert!(matches!(second, Err(StoreFault::Locked { .. })));
    drop(first);
    open(dir.path());
}

#[test]
fn what_was_appended_and_not_synced_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store
        .writer
        .commit(vec![decided(1, ticket())], &[])
        .unwrap();
    store.writer.append(key(1), receipt()).unwrap();
    let stage = |writer: &Writer| writer.index.view().entry(&key(1)).unwrap().unwrap().stage;
    assert_eq!(stage(&store.writer), Stage::Committed);
    store.writer.sync().unwrap();
    assert_eq!(stage(&store.writer), Stage::Forwarded);
}

/// Takes a record off the disk, as a power cut does that has written what lies behind it.
fn lose(dir: &Path, record: Stored) {
    let length = usize::try_from(record.length).unwrap();
    tests::spoil(dir, record.segment, record.offset, length, |_| 0);
}

fn entry(reader: &Reader, n: u32) -> Entry {
    reader.entry(&key(n)).unwrap().unwrap()
}

/// Goes red where a message may be archived by its decision alone, which outlived a power cut that its
/// octets did not.
#[test]
fn a_decision_without_its_octets_has_the_message_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    first
        .writer
        .commit(vec![decided(0, ticket())], &[])
        .unwrap();
    let early = |n| {
        let mut decided = decided(n, ticket());
        decided.decision.archive_early = true;
        decided
    };
    let batch = (1..5).map(early).collect();
    first.writer.commit(batch, &[]).unwrap();
    let lost = entry(&first.reader, 2).message.unwrap();
    drop(first);
    lose(dir.path(), lost);
    for _ in 0..2 {
        let again = open(dir.path());
        let at = |n| entry(&again.reader, n).stage;
        assert_eq!(at(2), Stage::Released);
        for n in [0, 1, 3, 4] {
            assert_eq!(at(n), Stage::Committed, "{n}");
        }
        drop(again);
    }
    // Also where the index does not know of that.
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let again = open(dir.path());
    assert_eq!(entry(&again.reader, 2).stage, Stage::Released);
    assert_eq!(again.opening.refetched, 0, "that stands in the journal");
}

/// Goes red where what is copied for a segment to be given back is believed without the copy's octets: the
/// first ones are still there.
#[test]
fn a_copy_without_its_octets_points_to_the_first_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    let batch = (0..3).map(|n| decided(n, ticket())).collect();
    first.writer.commit(batch, &[]).unwrap();
    let was = entry(&first.reader, 1);
    let segment = was.message.unwrap().segment;
    first
        .writer
        .copy_forward(key(1), was.clone(), &first.reader, segment)
        .unwrap();
    first.writer.sync().unwrap();
    let copy = entry(&first.reader, 1).message.unwrap();
    assert_ne!(Some(copy), was.message);
    drop(first);
    lose(dir.path(), copy);
    let again = open(dir.path());
    let now = entry(&again.reader, 1);
    assert_eq!((now.stage, now.message), (Stage::Committed, was.message));
    let octets_of = again.reader.payload(now.message.unwrap()).unwrap();
    assert!(octets_of.ends_with(&octets(1)));
}

/// Goes red where a number is given twice: a rebuild would put two messages into one row of the queue, and
/// one of them would never be sent.
#[test]
fn numbers_that_a_failed_batch_left_in_the_journal_are_not_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    let before = first.writer.next_sequence;
    let mut fails = decided(2, ticket());
    fails.raw = Raw::Kept(key(9));
    let batch = vec![decided(1, ticket()), fails];
    assert!(first.writer.commit(batch, &[]).is_err());
    first.writer.sync().unwrap();
    // A replay from before it would tell by itself.
    first.writer.checkpoint().unwrap();
    drop(first);
    let again = open(dir.path());
    assert!(again.writer.next_sequence > before);
    assert!(again.reader.entry(&key(1)).unwrap().is_none());
}

/// Room for four segments.
const WITH_BALLAST: Sizes = Sizes {
    ballast: 256 << 10,
    ..SIZES
};
/// Their receipts take more than two segments, and more than one batch of a replay.
const MANY: u32 = 2000;

/// A store with so many messages on a disk that has no octet left but for the ballast. sled's files lie
/// elsewhere.
fn on_a_full_disk(dir: &Path) -> (SimDisk, World, Opened) {
    let disk = SimDisk::new();
    let world = World {
        disk: Arc::new(disk.clone()),
        ..World::real()
    };
    let mut store = tests::open_in(&world, dir, WITH_BALLAST, &mut |_| {});
    for batch in (0..MANY).collect::<Vec<u32>>().chunks(100) {
        let batch = batch.iter().map(|n| decided(*n, ticket())).collect();
        store.writer.commit(batch, &[]).unwrap();
    }
    let room = disk.room(dir).unwrap();
    disk.limit(Some(room.total - room.free));
    (disk, world, store)
}

fn has_ballast(disk: &SimDisk, dir: &Path) -> bool {
    let listed = disk.list(&dir.join("journal")).unwrap();
    listed.iter().any(|e| e.name == "ballast")
}

/// Goes red where the ballast stays while a receipt finds the disk full: what was sent would not be known
/// as sent, and the store would never be emptied; also where what fills the store takes that room.
#[test]
fn a_receipt_that_finds_a_full_disk_has_the_room_of_the_ballast() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, _, mut store) = on_a_full_disk(dir.path());
    let mut more = MANY..MANY + 1000;
    let full = more.find_map(|n| {
        let committed = store.writer.commit(vec![decided(n, ticket())], &[]);
        committed.err()
    });
    assert!(matches!(full, Some(StoreFault::Full { .. })), "{full:?}");
    assert!(has_ballast(&disk, dir.path()));
    for batch in (0..MANY).collect::<Vec<u32>>().chunks(100) {
        let receipts: Vec<_> = batch.iter().map(|n| (key(*n), receipt())).collect();
        let committed = store.writer.commit(Vec::new(), &receipts);
        let said = committed.err().map(|fault| fault.to_string());
        assert_eq!(said, None, "the receipts from {} on", batch[0]);
    }
    assert!(
        !has_ballast(&disk, dir.path()),
        "the spare segment was enough"
    );
    let forwarded = store.writer.index.counters().of(Stage::Forwarded);
    assert_eq!(forwarded, u64::from(MANY));
}

/// Goes red where the ballast still takes its room while the index is opened and made up: sled, which
/// writes then, could not, and the store would stay closed until somebody makes room.
#[test]
fn a_store_on_a_full_disk_is_opened_in_the_room_of_the_ballast() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, world, first) = on_a_full_disk(dir.path());
    assert!(has_ballast(&disk, dir.path()));
    drop(first);
    // So that there is much to be replayed; and nobody has to be waited for who lets go of it.
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let mut looks = Vec::new();
    let mut again = tests::open_in(&world, dir.path(), WITH_BALLAST, &mut |_| {
        looks.push(has_ballast(&disk, dir.path()));
    });
    assert!(!looks.is_empty());
    assert!(!looks.contains(&true), "the ballast was kept: {looks:?}");
    // It is there again for the next time, and the store works.
    assert!(has_ballast(&disk, dir.path()));
    let receipts = [(key(1), receipt())];
    again.writer.commit(Vec::new(), &receipts).unwrap();
    assert_eq!(entry(&again.reader, 1).stage, Stage::Forwarded);
}

/// Goes red where a rest loses what it was not told of yet, or what comes behind it can't be written.
#[test]
fn a_store_that_rested_goes_on_and_is_the_same_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    fill(&mut store.writer);
    let before = shown(&store.writer);
    store.writer.rest().unwrap();
    assert_eq!(shown(&store.writer), before);
    store
        .writer
        .commit(vec![decided(61, ticket())], &[])
        .unwrap();
    store.writer.rest().unwrap();
    let before = shown(&store.writer);
    drop(store);
    let again = open(dir.path());
    assert_eq!(again.opening.replayed, 0, "the checkpoint held less");
    assert_eq!(shown(&again.writer), before);
}

/// Goes red where the index is closed on a full disk: sled could not be opened again.
#[test]
fn on_a_full_disk_a_rest_leaves_the_index_open() {
    let dir = tempfile::tempdir().unwrap();
    let (_disk, _, mut store) = on_a_full_disk(dir.path());
    let held = store.writer.index.view();
    store.writer.rest().unwrap();
    assert!(held.entry(&key(1)).unwrap().is_some());
    assert!(store.writer.appended > 0, "it made a checkpoint");
}
