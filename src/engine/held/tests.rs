use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::{block_on, yield_now};
use smol::LocalExecutor;

use super::*;
use crate::engine::directory;
use crate::engine::tests::{decided, key, SIZES};
use crate::passage::Outcome;
use crate::world::disk::{Entry, File, Lock, RealDisk, Room};
use crate::world::{Disk, World};

/// The machine's disk, which has no room for another segment while it is said to be full.
#[derive(Default)]
struct Cramped {
    full: AtomicBool,
}

impl Disk for Cramped {
    fn create(&self, path: &Path, preallocated: u64) -> io::Result<Box<dyn File>> {
        match preallocated > 0 && self.full.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => RealDisk.create(path, preallocated),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        RealDisk.open(path)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        RealDisk.read(path, limit)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        RealDisk.list(dir)
    }

    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.make_dir(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn remove_tree(&self, dir: &Path) -> io::Result<()> {
        RealDisk.remove_tree(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_all(dir)
    }

    fn room(&self, dir: &Path) -> io::Result<Room> {
        RealDisk.room(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        RealDisk.lock(path)
    }
}

/// Lets the tasks go on until it is so.
#[track_caller]
fn eventually(
    engine: &Engine,
    mut so: impl FnMut() -> bool,
) -> impl std::future::Future<Output = ()> {
    let clock = Arc::clone(&engine.world.clock);
    let limit = clock.tick().plus(Duration::from_secs(20));
    async move {
        while !so() {
            assert!(clock.tick() < limit, "not in time");
            yield_now().await;
        }
    }
}

/// Goes red when a look that finds no room for its records ends the service, counts as a fault of the
/// commit before it, or is not made up for.
#[test]
fn a_look_that_finds_no_room_is_made_up_for_once_there_is_some() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Cramped::default());
    let world = World {
        disk: Arc::clone(&disk) as Arc<dyn Disk>,
        ..World::real()
    };
    let executor = Rc::new(LocalExecutor::new());
    let opened = Engine::open(world, Rc::clone(&executor), dir.path(), SIZES);
    let (engine, _endings) = opened.unwrap();
    let work = async {
        // Its mailbox is in no settings: a look closes it.
        let held = decided(1, 1, Outcome::Held(Reason::UnknownSender));
        engine.commit(vec![held], Vec::new()).await.unwrap();
        disk.full.store(true, Ordering::Relaxed);
        loop {
            let filling = (0..100).map(|_| (key(2), Record::Retired)).collect();
            match engine.commit(Vec::new(), filling).await {
                Ok(()) => {}
                Err(StoreFault::Full { .. }) => break,
                Err(fault) => panic!("{fault}"),
            }
        }
        let looked = reconsider(&engine, "test").await;
        assert!(matches!(looked, Err(StoreFault::Full { .. })));
        assert!(later_if_full(&engine, looked).is_ok());
        assert!(engine.looks.is_owed() && engine.directory.bell.is_rung());

        let _directory = executor.spawn(directory::run(Rc::clone(&engine)));
        let trouble = || engine.directory.trouble.borrow().clone();
        eventually(&engine, || {
            trouble().is_some() || !engine.broken.1.is_empty()
        })
        .await;
        assert!(trouble().is_some_and(|said| said.contains(OWED)));
        assert!(engine.broken.1.is_empty(), "it ends the service");
        assert_eq!(engine.counters.borrow().of(Stage::Held), 1);

        disk.full.store(false, Ordering::Relaxed);
        engine.directory.bell.ring();
        eventually(&engine, || !engine.looks.is_owed()).await;
        eventually(&engine, || engine.counters.borrow().of(Stage::Held) == 0).await;
        eventually(&engine, || trouble().is_none()).await;
    };
    block_on(executor.run(work));
}
