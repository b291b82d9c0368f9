use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::store::Name;
use super::*;
use crate::world::sim::{Loss, SimDisk, SimEntropy};

mod crash;
mod damage;
mod faults;

const SMALL: Options = Options {
    segment_octets: 16 << 10,
    spares: 1,
};

fn dir() -> PathBuf {
    PathBuf::from("/store/journal")
}

fn open(disk: &SimDisk, seed: u64) -> Result<Journal, Fault> {
    Journal::open(
        Arc::new(disk.clone()),
        &SimEntropy::new(seed),
        &dir(),
        SMALL,
    )
}

/// A record as a test compares it.
type Told = (u8, [u8; 32], Vec<u8>);

fn replayed(journal: &Journal) -> (Vec<(At, Told)>, Replayed) {
    let mut records = Vec::new();
    let told = journal
        .replay(None, &mut |record| {
            let payload = record.payload.octets().unwrap().into_owned();
            assert_eq!(record.payload.length(), payload.len() as u64);
            records.push((record.at, (record.kind, record.key, payload)));
            ControlFlow::Continue(())
        })
        .unwrap();
    (records, told)
}

fn path(name: Name) -> PathBuf {
    name.path(&dir())
}

fn names(disk: &SimDisk) -> Vec<String> {
    use crate::world::Disk;
    let entries = disk.list(Path::new("/store/journal")).unwrap();
    entries.into_iter().map(|e| e.name).collect()
}
