//! Full disks, failing disks, wrong use, newer layouts.

use super::*;

const EIO: i32 = 5;
const EDQUOT: i32 = 122;

#[test]
fn a_batch_costs_one_sync() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let before = (disk.acts(), disk.syncs());
    for n in 0..64u8 {
        journal.append(n, &[n; 32], &[&[n; 50]]).unwrap();
    }
    let at = journal.sync().unwrap();
    assert_eq!((disk.acts() - before.0, disk.syncs() - before.1), (2, 1));
    assert_eq!((at, journal.synced()), (journal.end(), journal.end()));
    journal.sync().unwrap();
    assert_eq!(disk.syncs() - before.1, 1, "nothing new, nothing to sync");
}

#[test]
fn without_room_for_a_segment_it_says_full_and_goes_on_when_there_is_room() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    disk.limit(Some(journal.octets_on_disk()));
    let mut appended = 0;
    let full = loop {
        match journal.append(1, &[1; 32], &[&[1; 1000]]) {
            Ok(_) => appended += 1,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(full, Fault::Full { .. }), "{full}");
    journal.sync().unwrap();
    assert_eq!(journal.segments().len(), 1, "the spare is left for reclaim");
    // Reclaim may take it, and gives a segment back for it.
    journal.use_reserve(true);
    journal.append(1, &[1; 32], &[&[1; 1000]]).unwrap();
    journal.use_reserve(false);
    journal.sync().unwrap();
    let old = journal.segments()[0].number;
    journal.release(old).unwrap();
    disk.limit(None);
    for _ in 0..40 {
        journal.append(1, &[1; 32], &[&[1; 1000]]).unwrap();
    }
    journal.sync().unwrap();
    let (found, told) = replayed(&open(&disk, 2).unwrap());
    assert_eq!(found.len(), 41);
    assert!(appended > 5);
    assert_eq!(told.gaps, Vec::new());
}

#[test]
fn a_full_disk_is_opened_with_the_spare_and_the_ballast_makes_room() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    journal.ballast(50_000).unwrap();
    journal.ballast(50_000).unwrap();
    disk.limit(Some(journal.octets_on_disk() + 50_000));
    journal.append(1, &[1; 32], &[b"kept"]).unwrap();
    journal.sync().unwrap();
    drop(journal);
    let journal = open(&disk, 2).unwrap();
    assert_eq!(replayed(&journal).0.len(), 1);
    drop(journal);
    // Now not even a spare is left.
    assert!(matches!(open(&disk, 3), Err(Fault::Full { .. })));
    release_ballast(&disk, &dir()).unwrap();
    release_ballast(&disk, &dir()).unwrap();
    assert_eq!(replayed(&open(&disk, 4).unwrap()).0.len(), 1);
}

#[test]
fn a_large_message_that_meets_a_full_disk_takes_nothing_with_it() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    disk.limit(Some(journal.octets_on_disk() + 100_000));
    let mut large = journal.begin_large().unwrap();
    let fault = large.append_slice(&[3; 200_000]).unwrap_err();
    assert!(matches!(fault, Fault::Full { .. }), "{fault}");
    assert!(large.append_slice(&[3; 200_000]).is_err());
    large.abandon();
    journal.append(1, &[1; 32], &[b"goes on"]).unwrap();
    journal.sync().unwrap();
    assert!(!names(&disk).iter().any(|name| name.ends_with(".large")));
}

#[test]
fn after_a_failed_write_or_sync_it_refuses_everything_until_opened_again() {
    for (act, errno) in [(1, EIO), (2, EIO), (1, EDQUOT), (2, EDQUOT)] {
        let disk = SimDisk::new();
        let mut journal = open(&disk, 1).unwrap();
        journal.append(1, &[1; 32], &[b"acknowledged"]).unwrap();
        journal.sync().unwrap();
        journal.append(2, &[2; 32], &[b"not"]).unwrap();
        disk.fail(disk.acts() + act, errno);
        assert!(!journal.is_broken());
        let fault = journal.sync().unwrap_err();
        assert!(journal.is_broken());
        assert_eq!(
            matches!(fault, Fault::Full { .. }),
            errno == EDQUOT,
            "{fault}"
        );
        assert!(matches!(journal.sync(), Err(Fault::Disk { .. })));
        assert!(matches!(
            journal.append(3, &[3; 32], &[]),
            Err(Fault::Disk { .. })
        ));
        assert!(matches!(
            journal.begin_large().err(),
            Some(Fault::Disk { .. })
        ));
        assert!(matches!(journal.release(1), Err(Fault::Disk { .. })));
        drop(journal);
        // The page cache still shows the record that the failed sync did not bring to the medium.
        let (found, told) = replayed(&open(&disk, 2).unwrap());
        assert_eq!(found.len(), 1);
        assert_eq!(told.gaps, Vec::new());
    }
}

#[test]
fn wrong_use_is_told_apart() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let limit = journal.longest();
    journal
        .append(1, &[1; 32], &[&vec![1; limit as usize]])
        .unwrap();
    let told = journal.append(1, &[1; 32], &[&vec![1; limit as usize], &[1]]);
    assert!(
        matches!(told, Err(Fault::TooLong { octets, limit: l }) if octets == limit + 1 && l == limit)
    );
    let current = journal.end().segment;
    assert!(matches!(journal.release(current), Err(Fault::InUse { .. })));
    assert!(matches!(
        journal.release(current + 7),
        Err(Fault::Gone { .. })
    ));
}

#[test]
fn a_store_of_newer_code_is_refused_in_a_sentence_and_left_as_it_is() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let number = journal.end().segment;
    let mut large = journal.begin_large().unwrap();
    large.append_slice(&[1; 70_000]).unwrap();
    std::mem::forget(large);
    drop(journal);
    let mut start = b"pstn seg".to_vec();
    start.extend_from_slice(&2u32.to_le_bytes());
    start.extend_from_slice(&crc32c::crc32c(&start).to_le_bytes());
    disk.overwrite(&path(Name::Ordinary(number)), 0, &start);
    let (before, acts) = (names(&disk), disk.acts());
    let fault = open(&disk, 2).err().unwrap();
    assert!(matches!(fault, Fault::Newer { version: 2, .. }));
    assert!(
        fault.to_string().contains("install the newer one"),
        "{fault}"
    );
    assert_eq!((names(&disk), disk.acts()), (before, acts));
}

#[test]
fn the_number_of_a_released_large_message_never_means_another_one() {
    let disk = SimDisk::new();
    let message = vec![1; 100_000];
    let large = |journal: &mut Journal| {
        let mut large = journal.begin_large().unwrap();
        large.append_slice(&message).unwrap();
        let at = large.finish(&[1; 32]).unwrap();
        journal.sync().unwrap();
        at
    };
    let mut journal = open(&disk, 1).unwrap();
    let old = large(&mut journal);
    journal.release(old.segment).unwrap();
    let reader = journal.reader();
    assert!(matches!(reader.read(old), Err(Fault::Gone { .. })));
    let mut journal = open(&disk.power_cut(Loss::Nothing), 2).unwrap();
    for _ in 0..3 {
        assert_ne!(large(&mut journal).segment, old.segment);
    }
    assert!(matches!(
        journal.reader().read(old),
        Err(Fault::Gone { .. })
    ));
}

#[test]
fn a_journal_keeps_its_life_and_a_new_one_has_another() {
    let disk = SimDisk::new();
    let life = open(&disk, 1).unwrap().life();
    assert_eq!(open(&disk, 2).unwrap().life(), life);
    assert_ne!(open(&SimDisk::new(), 2).unwrap().life(), life);
}

#[test]
fn a_reader_on_another_thread_sees_all_that_was_appended() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let reader = journal.reader();
    let (give, take) = std::sync::mpsc::channel::<(At, u8)>();
    let thread = std::thread::spawn(move || {
        let mut seen = 0;
        for (at, n) in take {
            assert_eq!(reader.read(at).unwrap(), vec![n; 400 + usize::from(n)]);
            assert_eq!(
                reader.read_slice(at, 390, 20).unwrap().len(),
                20.min(10 + usize::from(n))
            );
            seen += 1;
        }
        seen
    });
    for n in 0..=255u8 {
        let at = journal
            .append(n, &[n; 32], &[&vec![n; 400 + usize::from(n)]])
            .unwrap();
        give.send((at, n)).unwrap();
        if n % 16 == 0 {
            journal.sync().unwrap();
        }
    }
    drop(give);
    assert_eq!(thread.join().unwrap(), 256);
}

#[test]
fn what_lies_unused_after_many_starts_is_told_by_a_replay() {
    let disk = SimDisk::new();
    for start in 0..5 {
        drop(open(&disk, start).unwrap());
    }
    let journal = open(&disk, 9).unwrap();
    replayed(&journal);
    let empty = journal
        .segments()
        .iter()
        .filter(|s| s.records == Some(0))
        .count();
    assert_eq!(empty, 6);
}
