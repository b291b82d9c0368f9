//! The check of a store that no service has: under its lock, and without a change to it.
//!
//! Every file is opened for reading only; the lock is taken on the file that is there, and none is
//! made. sled can't open an index without writing, so a copy of it outside of the store is opened,
//! brought up to the journal as a start would do it, and compared. The copy goes when this ends.

use std::io::ErrorKind;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use super::count::REMOVE;
use super::{beside, octets_of, Count, Counted, Line, Outcome, Progress, Sift};
use crate::engine::replay::{replay, Replay};
use crate::engine::writer::Sizes;
use crate::engine::StoreFault;
use crate::index::{Fault, Index, View};
use crate::passage::Position;
use crate::spool::{self, Looked};
use crate::world::untouched::{copy_dir, Untouched};
use crate::world::{Disk, World};

/// Takes what is found, and how far it is.
pub trait Tell {
    /// A part was looked at.
    fn line(&mut self, line: Line);
    /// Long work goes on.
    fn progress(&mut self, progress: Progress);
}

/// Checks the store in `dir`. The copy of the index goes into `aside`, an empty folder; `None` where
/// none could be had, for this reason.
pub fn check(
    world: &World,
    dir: &Path,
    aside: Result<&Path, &std::io::Error>,
    tell: &mut dyn Tell,
) -> Result<(), StoreFault> {
    let disk: Arc<dyn Disk> = Arc::new(Untouched(Arc::clone(&world.disk)));
    let _lock = match disk.lock(&dir.join("lock")) {
        Ok(Some(lock)) => Some(lock),
        Ok(None) => {
            return Err(StoreFault::Locked {
                dir: dir.display().to_string(),
            })
        }
        // Whoever opens a store makes it: nobody has this one.
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => {
            return Err(StoreFault::Broken {
                said: format!("locking the store {}: {e}", dir.display()),
            })
        }
    };
    let journal = match Looked::at(Arc::clone(&world.disk), &dir.join("journal")) {
        Ok(looked) => looked,
        Err(spool::Fault::Newer { name, version }) => {
            return Err(spool::Fault::Newer { name, version }.into())
        }
        Err(fault) => {
            let mend = "without the journal nothing is known of what was fetched: the next start begins a new one, and takes what is unread in the mailbox; tickets that were committed and not yet forwarded are lost, but for those whose mail still lies unread there";
            let said = fault.to_string();
            tell.line(Line::new("journal", Outcome::Damaged, said, Some(mend)));
            for line in beside(&*disk, dir, 0)? {
                tell.line(line);
            }
            return Ok(());
        }
    };
    let reader = &journal.reader;
    let octets = octets_of(&reader.pieces());
    for line in beside(&*disk, dir, octets)? {
        tell.line(line);
    }
    let mut sift = Sift::new(reader);
    while let Some(progress) = sift.turn(reader)? {
        tell.progress(progress);
    }
    // sled may give up where its file is damaged: then the rest is looked at without it.
    let gave_up = || {
        Line::new(
            "index",
            Outcome::Damaged,
            "sled gave up while reading it",
            Some(REMOVE),
        )
    };
    let opened = catch_unwind(AssertUnwindSafe(|| index(world, dir, aside, &journal)));
    let index = opened.unwrap_or_else(|_| Ok(Err(gave_up())))?;
    let known = index.as_ref().ok().map(|(_, known)| *known);
    let (lines, damage, births) = sift.end(known);
    lines.into_iter().for_each(|line| tell.line(line));
    if journal.unfinished > 0 {
        let said = format!(
            "{} broke off while fetched: the next start removes what there is of them, and fetches them again",
            super::counted(journal.unfinished as u64, "large message")
        );
        tell.line(Line::whole("journal", said));
    }
    let counted = match index {
        Ok((index, _)) => catch_unwind(AssertUnwindSafe(|| {
            let count = Count::new(damage.clone(), births, true);
            counting(count, reader, Some(&index.view()), tell).map(Ok)
        }))
        .unwrap_or_else(|_| Ok(Err(gave_up())))?,
        Err(line) => Err(line),
    };
    let lines = match counted {
        Ok(lines) => lines,
        Err(line) => {
            tell.line(line);
            counting(Count::new(damage, births, true), reader, None, tell)?
        }
    };
    lines.into_iter().for_each(|line| tell.line(line));
    Ok(())
}

fn counting(
    mut count: Count,
    reader: &spool::Reader,
    view: Option<&View>,
    tell: &mut dyn Tell,
) -> Result<Vec<Line>, StoreFault> {
    loop {
        match count.turn(reader, view)? {
            Counted::Going(progress) => tell.progress(progress),
            Counted::Again => {}
            Counted::Over => return Ok(count.lines()),
        }
    }
}

/// A copy of the index, opened and brought up to the journal, and up to where it knew that before; or
/// what is wrong with it.
fn index(
    world: &World,
    dir: &Path,
    aside: Result<&Path, &std::io::Error>,
    journal: &Looked,
) -> Result<Result<(Index, Position), Line>, StoreFault> {
    const PART: &str = "index";
    let damaged = |said: String| Ok(Err(Line::new(PART, Outcome::Damaged, said, Some(REMOVE))));
    let skipped = |said: String| {
        let mend = "name a folder with room for it in TMPDIR, and ask again";
        Ok(Err(Line::new(PART, Outcome::Skipped, said, Some(mend))))
    };
    let from = dir.join("index");
    let absent = match world.disk.list(&from) {
        Ok(entries) => entries.is_empty(),
        Err(e) if e.kind() == ErrorKind::NotFound => true,
        Err(e) => return damaged(format!("it can't be listed: {e}")),
    };
    if absent {
        let mend = "nothing is lost, and nothing need be done: the next start makes it anew from the journal. The directory is read again from the portal";
        let said = "it is missing";
        return Ok(Err(Line::new(PART, Outcome::Damaged, said, Some(mend))));
    }
    let to = match aside {
        Ok(aside) => aside.join("index"),
        Err(e) => return skipped(format!("there is no room for a copy to look at: {e}")),
    };
    let copied = copy_dir(&*world.disk, &from, &to).and_then(|()| {
        // sled keeps what is long in a folder of its own.
        match world.disk.list(&from.join("blobs")) {
            Ok(_) => copy_dir(&*world.disk, &from.join("blobs"), &to.join("blobs")),
            Err(_) => Ok(()),
        }
    });
    if let Err(e) = copied {
        return skipped(format!("copying it, to look at the copy: {e}"));
    }
    let end = end(journal);
    // A journal without a single header can't tell which it is: then no index belongs to it.
    let opened = Index::open(
        &to,
        Sizes::default().cache,
        journal.life.unwrap_or_default(),
    );
    let (mut index, position) = match opened {
        Ok((index, Some(position))) if position <= end => (index, position),
        Ok((_, Some(_))) => return damaged("it knows more than the journal holds".to_owned()),
        Ok((_, None)) => return damaged("it opens, and nothing is in it".to_owned()),
        // Nobody else knows of the copy; but whoever holds its lock has damaged nothing.
        Err(Fault::Taken { said }) => {
            let mend = "ask again in a moment";
            return Ok(Err(Line::new(PART, Outcome::Skipped, said, Some(mend))));
        }
        Err(Fault::Damaged { said } | Fault::Disk { said }) => return damaged(said),
    };
    let reader = &journal.reader;
    let replayed = replay(&mut index, reader, end, Some(position), &mut |_| {});
    match replayed {
        Ok(_) => {}
        Err(Replay::Index(said)) => return damaged(said),
        Err(Replay::Store(fault)) => return Err(fault),
    }
    Ok(Ok((index, position)))
}

/// Where the journal ends: behind the last record of its last segment, once that was looked through.
fn end(journal: &Looked) -> Position {
    let pieces = journal.reader.pieces();
    let last = pieces.iter().rev().find(|p| !p.large);
    last.map_or(Position::default(), |piece| Position {
        segment: piece.number,
        offset: piece.used,
    })
}
