//! Crash at every step: a script runs against a disk that loses its power after each act in turn,
//! with several legal losses each time; then it is started again and compared with what the script
//! was told.

use super::*;

const LARGE: u8 = 9;

/// What the script did, and what it was told about it.
#[derive(Default)]
struct Oracle {
    appended: Vec<(At, Told)>,
    /// The first of this start: what an earlier one had only in its buffer is nobody's promise.
    since: usize,
    /// Which of them a sync that returned has covered.
    acknowledged: BTreeSet<usize>,
    /// Segments of which a release was asked for; and those of which it has returned.
    releasing: BTreeSet<u64>,
    released: BTreeSet<u64>,
    large: BTreeMap<u64, Vec<u8>>,
}

impl Oracle {
    fn append(&mut self, journal: &mut Journal, kind: u8, payload: &[u8]) -> Result<(), Fault> {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(self.appended.len() as u64).to_le_bytes());
        let told = (kind, key, payload.to_vec());
        // Noted before it is tried: a cut in the middle of it may leave it behind.
        let at = At {
            segment: journal.end().segment,
            offset: 0,
            length: payload.len() as u64,
        };
        self.appended.push((at, told));
        let at = journal.append(kind, &key, &[payload])?;
        self.appended.last_mut().unwrap().0 = at;
        Ok(())
    }

    fn sync(&mut self, journal: &mut Journal) -> Result<(), Fault> {
        journal.sync()?;
        self.acknowledged.extend(self.since..self.appended.len());
        Ok(())
    }

    fn large(&mut self, journal: &mut Journal, draw: &SimEntropy) -> Result<(), Fault> {
        let message: Vec<u8> = (0..70_000 + draw.next() % 3_000)
            .map(|n| (n % 251) as u8)
            .collect();
        let mut large = journal.begin_large()?;
        large.append_slice(&message[..30_000])?;
        large.append_slice(&message[30_000..])?;
        if draw.next().is_multiple_of(4) {
            large.abandon();
            return Ok(());
        }
        // From here on it may have its end.
        self.large.insert(large.segment(), message);
        let at = large.finish(&[1; 32])?;
        self.append(journal, LARGE, &postcard::to_stdvec(&at).unwrap())
    }

    fn release(&mut self, journal: &mut Journal) -> Result<(), Fault> {
        let oldest = journal
            .segments()
            .into_iter()
            .find(|s| !s.current && !s.large);
        if let Some(segment) = oldest {
            self.releasing.insert(segment.number);
            journal.release(segment.number)?;
            self.released.insert(segment.number);
        }
        Ok(())
    }

    fn script(&mut self, disk: &SimDisk, seed: u64) -> Result<(), Fault> {
        let draw = SimEntropy::new(seed);
        for start in 0..3 {
            let mut journal = open(disk, seed + start)?;
            self.since = self.appended.len();
            for step in 0..14 {
                match draw.next() % 8 {
                    0 => self.release(&mut journal)?,
                    1 if step % 3 == 0 => self.large(&mut journal, &draw)?,
                    2 | 3 => self.sync(&mut journal)?,
                    _ => {
                        for _ in 0..draw.next() % 5 {
                            let length = draw.next() % 3_000;
                            let payload: Vec<u8> =
                                (0..length).map(|n| (n * 7 + length) as u8).collect();
                            self.append(&mut journal, (draw.next() % 8) as u8, &payload)?;
                        }
                    }
                }
            }
            if start == 1 {
                self.sync(&mut journal)?;
            }
        }
        Ok(())
    }

    /// Compares what a start finds with what was promised; gives back what it found.
    #[track_caller]
    fn check(&self, journal: &Journal) -> Vec<(At, Told)> {
        let (found, told) = replayed(journal);
        assert_eq!(told.damage().collect::<Vec<_>>(), Vec::<&Gap>::new());
        let mut rest = self.appended.iter().enumerate();
        let mut seen = BTreeSet::new();
        for record in &found {
            let (index, _) = rest
                .find(|(_, (_, told))| *told == record.1)
                .expect("only what was appended, in its order");
            seen.insert(index);
            assert!(
                !self.released.contains(&record.0.segment),
                "a released record has come back"
            );
        }
        for index in &self.acknowledged {
            let at = self.appended[*index].0;
            assert!(
                seen.contains(index) || self.releasing.contains(&at.segment),
                "record {index} was acknowledged and is lost"
            );
        }
        let reader = journal.reader();
        for (_, (kind, _, payload)) in &found {
            if *kind == LARGE {
                let at: At = postcard::from_bytes(payload).unwrap();
                let message = reader
                    .read(at)
                    .expect("a large message outlives no record of it");
                assert_eq!(message, self.large[&at.segment]);
            }
        }
        for segment in journal.segments() {
            assert!(
                !segment.large || self.large.contains_key(&segment.number),
                "an unfinished large message is still there"
            );
        }
        found
    }

    /// Starts again on `disk`, checks, goes on, and loses the power once more: what a replay has
    /// shown must be durable by then.
    #[track_caller]
    fn check_start(&self, disk: &SimDisk) {
        let mut journal = open(disk, 77).unwrap();
        let mut found = self.check(&journal);
        let again = disk.power_cut(Loss::Everything);
        let (shown, _) = replayed(&open(&again, 78).unwrap());
        assert_eq!(shown, found, "a replay showed what was not durable");
        for n in 0..3u8 {
            let at = journal.append(n, &[0xEE; 32], &[&[n; 500]]).unwrap();
            found.push((at, (n, [0xEE; 32], vec![n; 500])));
        }
        journal.sync().unwrap();
        let again = disk.power_cut(Loss::Everything);
        let (shown, _) = replayed(&open(&again, 79).unwrap());
        assert_eq!(shown, found);
    }
}

const LOSSES: [Loss; 7] = [
    Loss::Nothing,
    Loss::Everything,
    Loss::Octets,
    Loss::Names,
    Loss::Some(1),
    Loss::Some(2),
    Loss::Some(3),
];

#[test]
fn whatever_a_sync_acknowledged_survives_a_power_cut_after_every_single_act() {
    for seed in 1..=3 {
        let disk = SimDisk::new();
        let mut whole = Oracle::default();
        whole.script(&disk, seed).unwrap();
        assert!(whole.appended.len() > 30 && !whole.released.is_empty());
        for cut in 0..=disk.acts() {
            let disk = SimDisk::new();
            disk.cut_after(cut);
            let mut oracle = Oracle::default();
            let _ = oracle.script(&disk, seed);
            for loss in LOSSES {
                oracle.check_start(&disk.power_cut(loss));
            }
            // Killed, and only then the power: the page cache was all that there was.
            oracle.check_start(&disk.killed());
        }
    }
}

#[test]
fn a_failed_act_ends_the_journals_use_and_costs_nothing_that_was_acknowledged() {
    for seed in 4..=5 {
        let disk = SimDisk::new();
        Oracle::default().script(&disk, seed).unwrap();
        for act in 1..=disk.acts() {
            let disk = SimDisk::new();
            disk.fail(act, 5);
            let mut oracle = Oracle::default();
            let _ = oracle.script(&disk, seed);
            oracle.check_start(&disk.killed());
            oracle.check_start(&disk.power_cut(Loss::Some(act)));
        }
    }
}
