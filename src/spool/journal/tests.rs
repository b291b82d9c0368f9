use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::spool::{Gap, Replayed};
use crate::world::disk::RealDisk;
use crate::world::entropy::RealEntropy;
use crate::world::sim::{Loss, SimDisk, SimEntropy};

const SMALL: Options = Options {
    segment_octets: 32 << 10,
    spares: 1,
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn open(&self) -> Journal {
        Journal::open(Arc::new(RealDisk), &RealEntropy, &self.path(), SMALL).unwrap()
    }
}

type Told = (u8, [u8; 32], Vec<u8>);

#[track_caller]
fn all(journal: &Journal) -> (Vec<Told>, Replayed) {
    let mut records = Vec::new();
    let replayed = journal
        .replay(None, &mut |record| {
            records.push((
                record.kind,
                record.key,
                record.payload.octets().unwrap().into_owned(),
            ));
            ControlFlow::Continue(())
        })
        .unwrap();
    (records, replayed)
}

#[test]
fn records_come_back_in_order_after_a_start() {
    let folder = Folder::new();
    let mut journal = folder.open();
    let mut want = Vec::new();
    let mut places = Vec::new();
    for n in 0..200u32 {
        let payload = vec![n as u8; (n * 7 % 900) as usize];
        let key = [n as u8; 32];
        let (head, tail) = payload.split_at(payload.len() / 3);
        places.push(journal.append(n as u8, &key, &[head, tail]).unwrap());
        want.push((n as u8, key, payload));
    }
    let reader = journal.reader();
    for (at, (_, _, payload)) in places.iter().zip(&want) {
        assert_eq!(&reader.read(*at).unwrap(), payload);
    }
    assert_eq!(
        all(&journal),
        (
            want.clone(),
            Replayed {
                records: 200,
                octets: want.iter().map(|w| w.2.len() as u64).sum(),
                end: journal.end(),
                ..Replayed::default()
            }
        )
    );
    let synced = journal.sync().unwrap();
    assert_eq!(synced, journal.end());
    drop(journal);

    let journal = folder.open();
    let (records, replayed) = all(&journal);
    assert_eq!(records, want);
    assert_eq!(replayed.gaps, Vec::<Gap>::new());
    let mut rest = 0;
    journal
        .replay(Some(places[150].after()), &mut |_| {
            rest += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(rest, 49);
}

#[test]
fn a_large_message_is_read_by_slices() {
    let folder = Folder::new();
    let mut journal = folder.open();
    let message: Vec<u8> = (0..300_000u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    let mut large = journal.begin_large().unwrap();
    for slice in message.chunks(10_007) {
        large.append_slice(slice).unwrap();
    }
    let at = large.finish(&[7; 32]).unwrap();
    journal
        .begin_large()
        .unwrap()
        .append_slice(&[1; 100_000])
        .unwrap();
    journal.append(1, &[7; 32], &[b"refers"]).unwrap();
    journal.sync().unwrap();
    drop(journal);
    let journal = folder.open();
    let reader = journal.reader();
    assert_eq!(reader.read(at).unwrap(), message);
    assert_eq!(
        reader.read_slice(at, 65_000, 2_000).unwrap(),
        message[65_000..67_000]
    );
    assert_eq!(
        reader.read_slice(at, 299_990, 2_000).unwrap(),
        message[299_990..]
    );
    assert_eq!(journal.segments().iter().filter(|s| s.large).count(), 1);
}

#[test]
fn a_released_segment_is_used_again_and_its_records_are_gone() {
    let folder = Folder::new();
    let mut journal = folder.open();
    for n in 0..100u8 {
        journal.append(n, &[n; 32], &[&[n; 1000]]).unwrap();
    }
    journal.sync().unwrap();
    let (records, _) = all(&journal);
    assert_eq!(records.len(), 100);
    let old: Vec<u64> = journal
        .segments()
        .iter()
        .filter(|s| !s.current)
        .map(|s| s.number)
        .collect();
    for number in old {
        journal.release(number).unwrap();
    }
    let (left, _) = all(&journal);
    for n in 0..100u8 {
        journal.append(n, &[n; 32], &[&[n; 900]]).unwrap();
    }
    let (records, replayed) = all(&journal);
    assert_eq!(records.len(), left.len() + 100);
    assert_eq!(replayed.gaps, Vec::<Gap>::new());
}

#[test]
fn long_payloads_are_streamed_and_read_again_only_when_asked_for() {
    let disk = SimDisk::new();
    let dir = PathBuf::from("/journal");
    let open = |disk: &SimDisk, seed| {
        let options = Options {
            segment_octets: 2 << 20,
            spares: 1,
        };
        Journal::open(
            Arc::new(disk.clone()),
            &SimEntropy::new(seed),
            &dir,
            options,
        )
        .unwrap()
    };
    let mut journal = open(&disk, 1);
    let long: Vec<u8> = (0..900_000u32).map(|n| (n / 7) as u8).collect();
    let hit = journal.append(1, &[1; 32], &[&long]).unwrap();
    journal.append(2, &[2; 32], &[b"short"]).unwrap();
    journal.sync().unwrap();
    // Not synced, not even written out whole.
    let last = journal.append(3, &[3; 32], &[&long]).unwrap();
    let check = |journal: &Journal, want: &[u8]| {
        let mut kinds = Vec::new();
        let told = journal
            .replay(None, &mut |record| {
                kinds.push(record.kind);
                let whole = record.payload.octets().unwrap();
                let first = record.payload.first(100).unwrap();
                assert_eq!(*first, whole[..whole.len().min(100)]);
                assert!(*whole == long || *whole == *b"short");
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(kinds, want);
        told
    };
    assert_eq!(check(&journal, &[1, 2, 3]).gaps, Vec::<Gap>::new());
    assert_eq!(journal.reader().read(last).unwrap(), long);
    journal.sync().unwrap();
    let name = Name::Ordinary(hit.segment).path(&dir);
    disk.flip(&name, (hit.offset as usize + 500_000) * 8);
    let told = check(&open(&disk, 2), &[2, 3]);
    assert_eq!(told.damage().count(), 1);
    assert_eq!(told.gaps[0].header, Some((1, [1; 32])));
}

#[test]
fn a_replay_that_breaks_off_says_where_to_go_on() {
    let folder = Folder::new();
    let mut journal = folder.open();
    for n in 0..60u8 {
        journal.append(n, &[n; 32], &[&[n; 900]]).unwrap();
    }
    let reader = journal.reader();
    let mut kinds = Vec::new();
    let mut from = None;
    loop {
        let before = kinds.len();
        let told = reader
            .replay(from, &mut |record| {
                kinds.push(record.kind);
                if kinds.len() % 7 == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .unwrap();
        from = Some(told.end);
        if kinds.len() == before {
            break;
        }
    }
    assert_eq!(kinds, (0..60).collect::<Vec<u8>>());
    assert_eq!(from, Some(journal.end()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn any_payloads_in_any_pieces_come_back_after_a_power_cut(
        payloads in prop::collection::vec(
            (any::<u8>(), any::<[u8; 32]>(),
             prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1500), 0..4)),
            0..40),
        synced in 0usize..40,
        seed: u64,
    ) {
        let disk = SimDisk::new();
        let dir = PathBuf::from("/journal");
        let open = |disk: &SimDisk, seed| {
            Journal::open(Arc::new(disk.clone()), &SimEntropy::new(seed), &dir, SMALL).unwrap()
        };
        let mut journal = open(&disk, seed);
        let mut want = Vec::new();
        for (n, (kind, key, pieces)) in payloads.iter().enumerate() {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let at = journal.append(*kind, key, &pieces).unwrap();
            want.push((*kind, *key, pieces.concat()));
            prop_assert_eq!(&journal.reader().read(at).unwrap(), &want[n].2);
            if n + 1 == synced {
                journal.sync().unwrap();
            }
        }
        prop_assert_eq!(&all(&journal).0, &want);
        let (found, told) = all(&open(&disk.power_cut(Loss::Some(seed)), seed ^ 1));
        prop_assert_eq!(told.damage().count(), 0);
        if synced <= payloads.len() {
            prop_assert!(found.starts_with(&want[..synced]));
        }
        prop_assert!(found.iter().all(|record| want.contains(record)));
    }
}

/// Goes red where a rest takes records along that are not written yet, or keeps the buffer of a rush.
#[test]
fn a_rest_lets_the_buffer_go_and_no_record() {
    let folder = Folder::new();
    let mut journal = folder.open();
    let room = |journal: &Journal| journal.store.tail().octets.capacity();
    let at = journal.append(9, &[1; 32], &[&[7; 900]]).unwrap();
    journal.rest();
    journal.sync().unwrap();
    assert_eq!(journal.reader().read(at).unwrap(), [7; 900]);
    assert!(room(&journal) > 900);
    journal.rest();
    assert_eq!(room(&journal), 0);
    let at = journal.append(9, &[2; 32], &[&[8; 900]]).unwrap();
    journal.sync().unwrap();
    assert_eq!(journal.reader().read(at).unwrap(), [8; 900]);
}
