use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Goes red where what was known is another behind a rest, for whoever had a view before, or where it
/// can't be told anything more.
#[test]
fn a_rest_changes_nothing_that_is_known_and_what_comes_behind_it_is_learned() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    for n in 0..300 {
        told.tell(vec![(n, decision(n, n as u32, ticket()))]);
    }
    told.tell((0..100).map(|n| (n, receipt())).collect());
    let shown = |told: &Told| {
        let entries = (0..400).map(|n| told.view.entry(&key(n)).unwrap());
        (entries.collect::<Vec<_>>(), told.queue(), told.archive())
    };
    let (before, counters) = (shown(&told), told.view.counters().unwrap());
    told.index.rest().unwrap();
    assert_eq!(shown(&told), before);
    assert_eq!(told.view.counters().unwrap(), counters);
    told.tell(vec![(300, decision(300, 300, ticket())), (100, receipt())]);
    told.index.rest().unwrap();
    let (after, counters) = (shown(&told), told.view.counters().unwrap());
    assert!(after.0[300].is_some());
    drop(told);
    let (index, position) = open_again(dir.path(), LIFE).unwrap();
    let told = Told::over(index, position.unwrap().offset);
    assert_eq!(shown(&told), after);
    assert_eq!(told.view.counters().unwrap(), counters);
}

/// Goes red where sled is not told of everything, or was not closed: who holds it would keep it in memory.
#[test]
fn behind_a_rest_nothing_is_gathered_and_sled_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let names = || std::fs::read_dir(dir.path()).unwrap().count();
    told.tell(
        (0..300)
            .map(|n| (n, decision(n, n as u32, ticket())))
            .collect(),
    );
    assert_eq!(told.index.gathered.len(), 300);
    let before = names();
    told.index.rest().unwrap();
    assert_eq!(
        (told.index.gathered.len(), told.index.gathered.capacity()),
        (0, 0)
    );
    // It makes a snapshot when it is opened, and only then.
    assert!(names() > before, "it was not opened again");
}

/// Goes red where who reads while sled is closed is told that there is nothing, or waits for ever.
#[test]
fn who_reads_during_a_rest_waits_and_finds_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(
        (0..300)
            .map(|n| (n, decision(n, n as u32, ticket())))
            .collect(),
    );
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for first in 0..2 {
            let (view, over) = (told.view.clone(), &over);
            scope.spawn(move || {
                let mut read = 0;
                while !over.load(Ordering::Relaxed) {
                    for n in first * 100..300 {
                        assert!(view.entry(&key(n)).unwrap().is_some());
                        read += 1;
                    }
                    assert_eq!(view.queue(0, 100).unwrap().len(), 100);
                }
                assert!(read > 0);
            });
        }
        for n in 0..20 {
            told.tell(vec![(300 + n, decision(300 + n, 300 + n as u32, ticket()))]);
            told.index.rest().unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
}

/// Goes red where an index that somebody holds is waited for without an end, or believed to be empty behind
/// that.
#[test]
fn an_index_that_can_not_be_opened_again_says_so_to_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, decision(1, 1, ticket()))]);
    let held = told.index.db().unwrap();
    assert!(matches!(told.index.rest(), Err(Fault::Taken { .. })));
    assert!(matches!(told.view.entry(&key(1)), Err(Fault::Disk { .. })));
    assert!(matches!(
        told.view.place(&place(1)),
        Err(Fault::Disk { .. })
    ));
    assert!(told.index.flush().is_err());
    drop(held);
    let (again, _) = open_again(dir.path(), LIFE).unwrap();
    assert!(again.view().entry(&key(1)).unwrap().is_some());
}
