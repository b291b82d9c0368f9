use std::path::PathBuf;

use super::*;
use crate::spool::{Gap, Replayed};
use crate::world::disk::RealDisk;
use crate::world::entropy::RealEntropy;

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
