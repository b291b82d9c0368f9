use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;

use super::super::encode;
use super::super::rows::{archive_row, list_row, place_row, queue_row, Name};
use super::*;
use crate::passage::{Origin, Place, Stage, Uid, UidValidity};

impl Table {
    /// Makes the process die once sled has been told of so many batches.
    pub(in crate::index) fn die_after(&self, batches: usize) {
        self.left.store(batches, Relaxed);
    }

    /// One batch less to live.
    pub(super) fn live_on(&self) -> Result<(), Fault> {
        let left = self.left.load(Relaxed);
        self.left.store(left.saturating_sub(1), Relaxed);
        let died = || std::io::Error::other("the process died");
        (left > 0).then_some(()).ok_or_else(|| died().into())
    }
}

const OWNER: Key = Key([1; 32]);

fn table(dir: &tempfile::TempDir) -> Table {
    let db = sled::Config::new().path(dir.path().join("db")).open();
    Table::new(db.expect("sled opens"), 100)
}

fn sled_of(table: &Table) -> sled::Db {
    table.sled(|db| Ok(db.clone())).expect("open")
}

/// Rows of every kind: by themselves, in pages, and on both sides of an edge between two.
fn row(name: u8) -> Name {
    let number = name / 8 + 13;
    let long = u64::from(number);
    match name % 8 {
        0 => number_row(&Key([number; 32])),
        1 => Name::from_slice(&[b'd', name]),
        2 => queue_row(long),
        3 => entry_row(long, &OWNER),
        4 => archive_row(3, long),
        5 => list_row(Stage::Held, long),
        6 => place_row(&Place::Imap {
            origin: Origin([7; 8]),
            uid_validity: UidValidity(1),
            uid: Uid(number.into()),
        }),
        _ => place_row(&Place::Item {
            origin: Origin([7; 8]),
            id: number.to_string(),
        }),
    }
}

fn below(table: &Table, name: u8) -> bool {
    table.below(&row(name)).expect("sled answers").is_some()
}

fn spill(table: &Table) {
    table.spill(vec![vec![0]], |_| Some(0)).expect("spilled");
}

#[test]
fn what_came_and_went_never_reaches_sled() {
    let dir = tempfile::tempdir().expect("a folder");
    let table = table(&dir);
    let mut batch = Batch::default();
    batch.insert(OWNER, row(1), vec![1], true);
    batch.insert(OWNER, row(2), vec![2], true);
    table.apply(batch, vec![0]);
    let mut batch = Batch::default();
    batch.remove(OWNER, row(1));
    table.apply(batch, vec![0]);
    assert_eq!(table.gathered().rows.len(), 1);
    assert!(!below(&table, 2), "sled was told too early");
    spill(&table);
    assert!(below(&table, 2) && !below(&table, 1));
    // What sled has is removed there too.
    let mut batch = Batch::default();
    batch.remove(OWNER, row(2));
    table.apply(batch, vec![0]);
    assert_eq!(table.get(&row(2)).expect("read"), None);
    spill(&table);
    assert!(!below(&table, 2));
}

#[test]
fn it_says_when_many_rows_have_gathered_and_tells_only_those_that_are_wanted() {
    let dir = tempfile::tempdir().expect("a folder");
    let table = table(&dir);
    for n in 0..100 {
        let mut batch = Batch::default();
        let owner = Key([n % 4; 32]);
        batch.insert(owner, row(n), vec![n], true);
        table.apply(batch, vec![n]);
        assert_eq!(table.is_full(), n == 99, "{n}");
    }
    table
        .spill(vec![vec![7]], |owner| (owner.0[0] == 3).then_some(0))
        .expect("spilled");
    let told: Vec<u8> = (0..100).filter(|n| below(&table, *n)).collect();
    assert_eq!(told, (3..100).step_by(4).collect::<Vec<u8>>());
    assert_eq!(table.gathered().rows.len(), 75);
    // Who reads is told how things stand, not how sled was told that they do.
    assert_eq!(table.meta().expect("read").as_deref(), Some(&[99][..]));
    assert_eq!(
        sled_of(&table).get(META).expect("read").as_deref(),
        Some(&[7][..])
    );
    spill(&table);
    let gathered = table.gathered();
    assert_eq!((gathered.rows.len(), gathered.octets), (0, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u8),
    Remove(u8),
    Spill,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Wherever the line between sled and what has gathered is, readers see one sorted map.
    #[test]
    fn both_are_seen_as_one(
        steps in prop::collection::vec(prop_oneof![
            4 => (0..48_u8, any::<u8>()).prop_map(|(r, v)| Step::Insert(r, v)),
            3 => (0..48_u8).prop_map(Step::Remove),
            1 => Just(Step::Spill),
        ], 1..120),
        from in 0..48_u8,
        to in 0..48_u8,
        limit in 1..48_usize,
    ) {
        let dir = tempfile::tempdir().expect("a folder");
        let table = table(&dir);
        let mut model = BTreeMap::new();
        for step in steps {
            let mut batch = Batch::default();
            match step {
                Step::Insert(r, v) => {
                    // A caller says "new" only of what no reader sees.
                    match model.insert(row(r), v) {
                        None => batch.insert(OWNER, row(r), vec![v], true),
                        Some(_) => batch.insert(OWNER, row(r), vec![v], false),
                    }
                }
                Step::Remove(r) => {
                    model.remove(&row(r));
                    batch.remove(OWNER, row(r));
                }
                Step::Spill => spill(&table),
            }
            table.apply(batch, vec![0]);
        }
        for r in 0..48 {
            let got = table.get(&row(r)).expect("read").map(|v| v[0]);
            prop_assert_eq!(got, model.get(&row(r)).copied());
        }
        let page = table.range(&row(from), &row(to), limit).expect("read");
        let page: Vec<(Vec<u8>, u8)> = page.iter().map(|(r, v)| (r.to_vec(), v[0])).collect();
        let want: Vec<(Vec<u8>, u8)> = match row(from) < row(to) {
            true => model.range(row(from)..row(to)).take(limit).map(|(r, v)| (r.to_vec(), *v)).collect(),
            false => Vec::new(),
        };
        prop_assert_eq!(page, want);
        spill(&table);
        let sled: Vec<(Vec<u8>, u8)> = Below::new(&sled_of(&table), b"a", b"z").map(|item| {
            let (r, v) = item.expect("a row");
            (r.to_vec(), v[0])
        }).collect();
        let model = model.into_iter().map(|(r, v)| (r.to_vec(), v));
        prop_assert_eq!(sled, model.collect::<Vec<_>>());
    }
}

/// A million and a half keys are spread over 32,768 pages, and a leaf of sled's holds seventeen rows.
#[test]
fn a_leaf_of_numbers_stays_below_what_sled_makes_a_file_of() {
    let dir = tempfile::tempdir().expect("a folder");
    let table = table(&dir);
    let mut batch = Batch::default();
    let named = |n: u8| {
        number_row(&Key([[7; 2].as_slice(), &[n; 30]]
            .concat()
            .try_into()
            .unwrap()))
    };
    for n in 0..46 {
        batch.insert(OWNER, named(n), encode(&1_500_000_u64), true);
    }
    table.apply(batch, vec![0]);
    spill(&table);
    let page = sled_of(&table).get(pages::below(&named(0))).expect("read");
    let octets = page.expect("one page").len() * 17;
    assert!((16 << 10..32 << 10).contains(&octets), "{octets}");
    // Fifteen bits: one more tells rows of a page apart, the last of them tells pages apart.
    let page_of = |second: u8| {
        pages::below(&number_row(&Key([[7, second].as_slice(), &[0; 30]]
            .concat()
            .try_into()
            .unwrap())))
    };
    assert_eq!(page_of(0b110), page_of(0b111));
    assert_ne!(page_of(0b110), page_of(0b100));
}
