//! How rows lie: by number, and in pages.

use super::*;

/// Goes red where a message whose number changes under a reader is taken for one that is not known, or for
/// damage: where its number and its entry are looked up by themselves.
#[test]
fn a_message_that_is_decided_anew_is_known_at_every_moment() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, decision(1, 1, held()))]);
    let table = Arc::clone(&told.index.table);
    let (view, of) = (told.view.clone(), key(1));
    let entry = encode(&view.entry(&of).unwrap().unwrap());
    let done = std::sync::atomic::AtomicBool::new(false);
    let is_done = || done.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looks = 0_u64;
            while !is_done() {
                assert!(view.entry(&of).expect("no damage").is_some());
                looks += 1;
            }
            looks
        });
        // Nothing but the rows, so that a reader hardly misses the change.
        for n in 1..200_000 {
            let mut batch = Batch::default();
            batch.remove(of, rows::entry_row(n, &of));
            batch.insert(of, rows::entry_row(n + 1, &of), entry.clone(), true);
            batch.insert(of, rows::number_row(&of), encode(&(n + 1)), false);
            table.apply(batch, vec![0]);
            if n % 50_000 == 0 {
                table.spill(vec![vec![0]], |_| Some(0)).unwrap();
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reader.join().unwrap() > 1000);
    });
}

/// Numbers are given once. Where one was given twice all the same, nobody's entry takes another's place.
#[test]
fn two_messages_of_one_number_are_both_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![
        (1, decision(1, 1, ticket())),
        (2, decision(1, 2, ticket())),
    ]);
    for n in [1, 2] {
        let entry = told.view.entry(&key(n)).unwrap().expect("known");
        assert_eq!(
            entry.spots.first().unwrap().place,
            place(u32::try_from(n).unwrap())
        );
    }
}

/// sled makes a file of its own of each leaf of more than 32 KiB, and syncs none of them. Goes red where pages
/// grow larger.
#[test]
fn pages_are_too_small_for_files_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    for n in 0..600 {
        let alias = |more: u32| {
            Record::Alias(Alias {
                mailbox: MailboxId(1),
                place: place(u32::try_from(n).unwrap() * 10 + more),
                received_at: 1_800_000_000_000,
                octets: 75_000,
            })
        };
        let first = u32::try_from(n).unwrap() * 10;
        let mut records = vec![(n, decision(n + 1, first, ticket()))];
        records.extend((1..8).map(|more| (n, alias(more))));
        records.push((n, receipt()));
        told.tell(records);
    }
    told.index.flush().unwrap();
    // A second time, so that leaves are written as a whole.
    drop(told);
    drop(open_again(dir.path(), LIFE).unwrap());
    let files = std::fs::read_dir(dir.path().join("blobs")).unwrap().count();
    assert_eq!(files, 0);
}

#[test]
fn tables_of_another_version_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, decision(1, 1, ticket()))]);
    told.index.meta.version = VERSION - 1;
    told.tell(vec![(1, receipt())]);
    told.index.flush().unwrap();
    drop(told);
    let opened = open_again(dir.path(), LIFE);
    assert!(matches!(opened, Err(Fault::Damaged { .. })));
}

/// What stood under `!` before messages were counted by reason.
#[derive(Serialize)]
struct MetaOfVersion5 {
    version: u8,
    life: [u8; 8],
    position: Position,
    sequence: u64,
    by_stage: [u64; 8],
    to_archive: u64,
    archived: u64,
    owed_octets: u64,
    kept_octets: u64,
}

/// Goes red where an index of before is called damaged, as if the disk were at fault, or is read as if it
/// were one of now.
#[test]
fn tables_of_before_the_counts_by_reason_are_refused_by_their_version() {
    let db = sled::Config::new().temporary(true).open().unwrap();
    let meta = MetaOfVersion5 {
        version: 5,
        life: LIFE,
        position: Position::default(),
        sequence: 9,
        by_stage: [1; 8],
        to_archive: 0,
        archived: 0,
        owed_octets: 0,
        kept_octets: 0,
    };
    db.insert(META, encode(&meta)).unwrap();
    match Index::over(db, LIFE, 40, 3) {
        Err(Fault::Damaged { said }) => assert_eq!(said, "its tables have version 5"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken for one of now"),
    }
}

/// Goes red where a reason is added and `VERSION` stays: counters of before would be read wrongly.
#[test]
fn counters_have_a_place_for_each_reason_since_this_version() {
    assert_eq!((VERSION, Reason::ALL.len()), (9, 25));
    for (n, reason) in Reason::ALL.iter().enumerate() {
        assert_eq!(*reason as usize, n);
    }
}
