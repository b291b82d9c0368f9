use super::*;
use crate::engine::tests::{self, SIZES};
use crate::passage::record::Receipt;

const SINCE: i64 = 1_000;

fn key(n: u32) -> Key {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&n.to_be_bytes());
    Key(key)
}

fn receipt(at: i64, epoch: &str) -> Record {
    Record::Receipt(Receipt {
        ticket: "T-1".to_owned(),
        number: None,
        at,
        epoch: epoch.to_owned(),
        omitted: Vec::new(),
    })
}

fn snapshot(stage: Stage, at: i64) -> Record {
    Record::Snapshot(Box::new(Entry {
        changed_at: at,
        archived: true,
        retired: true,
        ..Entry::plain(stage)
    }))
}

/// The keys of all that is found among these records, segment by segment.
#[track_caller]
fn found(records: Vec<Record>) -> (Vec<Key>, u64) {
    let dir = tempfile::tempdir().unwrap();
    let tests::Opened {
        mut writer, reader, ..
    } = tests::open(dir.path(), SIZES);
    for (n, record) in (0..).zip(records) {
        writer.append(key(n), record).unwrap();
    }
    writer.sync().unwrap();
    let (mut keys, mut segment, mut young, mut pages) = (Vec::new(), 0, false, 0);
    loop {
        let page = reader.receipts(segment, SINCE, "new", young).unwrap();
        keys.extend(page.keys);
        (young, pages) = (page.young, pages + 1);
        match page.next {
            Some(next) => segment = next,
            None => return (keys, pages),
        }
    }
}

#[test]
fn receipts_of_before_a_restore_are_found_by_their_time_and_epoch() {
    let records = vec![
        receipt(SINCE - 1, "old"),
        receipt(SINCE, "old"),
        receipt(SINCE + 1, "new"),
        receipt(SINCE + 2, "old"),
        Record::Retired,
        snapshot(Stage::Forwarded, SINCE + 3),
        snapshot(Stage::Forwarded, SINCE - 1),
        snapshot(Stage::Held, SINCE + 3),
    ];
    assert_eq!(found(records), (vec![key(1), key(3), key(5)], 1));
}

#[test]
fn a_clock_that_was_wrong_for_a_while_hides_no_receipt() {
    // Years back after a power cut, and right again.
    let ats = [SINCE - 5, SINCE + 5, -900_000, -899_999, SINCE + 9];
    let records = ats.into_iter().map(|at| receipt(at, "old"));
    let found = found(records.collect());
    assert_eq!(found.0, [key(1), key(2), key(3), key(4)]);
}

#[test]
fn every_segment_is_looked_through_once() {
    let count = 2_000;
    let records = (0..count).map(|n| receipt(SINCE + n, "old"));
    let (keys, pages) = found(records.collect());
    let all: Vec<Key> = (0..count as u32).map(key).collect();
    assert_eq!(keys, all);
    assert!(pages > 2, "{pages}");
}
