use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::alone::{self, Tell};
use super::*;
use crate::engine::reader::Reader;
use crate::engine::tests::{self, key, place, ticket};
use crate::engine::writer::{Decided, Raw, Sizes, Writer};
use crate::engine::StoreFault;
use crate::passage::record::{Act, ActKind, Alias, Archived, Receipt};
use crate::passage::{MailboxId, Outcome as Decided2, Record};
use crate::spool;
use crate::ticket::Reason;
use crate::world::World;

const SIZES: Sizes = Sizes {
    ballast: 64 << 10,
    ..tests::SIZES
};

fn open(dir: &Path) -> (Writer, Reader) {
    let opened = tests::open(dir, SIZES);
    (opened.writer, opened.reader)
}

/// As usual, but that every eleventh is archived early.
fn decided(n: u32, at: u32, outcome: Decided2) -> Decided {
    let mut decided = tests::decided(n, at, outcome);
    decided.decision.archive_early = n.is_multiple_of(11);
    decided
}

fn archived(n: u32, at: u32) -> (Key, Record) {
    let archived = Archived {
        place: place(at),
        folder: "Archive".to_owned(),
        moved_to: None,
    };
    (key(n), Record::Archived(archived))
}

/// Messages in every stage, some archived, some at several places, and some whose place was given to
/// another message before they were archived.
fn fill(writer: &mut Writer) {
    for batch in (0..200).collect::<Vec<u32>>().chunks(9) {
        let outcome = |n: u32| match n % 7 {
            0 => Decided2::Held(Reason::UnknownSender),
            1 => Decided2::Ignored(Reason::Duplicate),
            _ => ticket(),
        };
        let batch = batch.iter().map(|n| decided(*n, *n, outcome(*n)));
        writer.commit(batch.collect(), &[]).unwrap();
    }
    let mut others = Vec::new();
    for n in (0..200).filter(|n| n % 7 > 1) {
        let act = |what| {
            let by = "operator".to_owned();
            (key(n), Record::Act(Act { what, by, at: 3 }))
        };
        if n % 3 > 0 {
            let receipt = Receipt {
                ticket: "T".to_owned(),
                number: None,
                at: 2,
                epoch: String::new(),
                omitted: Vec::new(),
            };
            others.push((key(n), Record::Receipt(receipt)));
        }
        match n % 9 {
            1 => others.push(archived(n, n)),
            3 => others.push(act(ActKind::Refetch)),
            4 => {
                let alias = Alias {
                    mailbox: MailboxId(1),
                    place: place(n + 1000),
                    received_at: 0,
                    octets: 1,
                };
                others.push((key(n), Record::Alias(alias)));
            }
            _ => {}
        }
    }
    writer.commit(Vec::new(), &others).unwrap();
    // The server counts anew: new messages lie where old ones lay.
    for n in 200..240 {
        let batch = vec![decided(n, (n - 200) * 5, ticket())];
        writer.commit(batch, &[archived(n, 1)]).unwrap();
    }
}

/// Does the second pass in so many parts; gives its lines.
fn counted_in(parts: u64, reader: &Reader) -> Vec<Line> {
    let mut sift = Sift::new(reader.journal());
    while sift.turn(reader.journal()).unwrap().is_some() {}
    let (_, damage, births) = sift.end(None);
    let mut count = Count::new(damage, births, true);
    count.in_parts(parts);
    while count.turn(reader.journal(), Some(reader.view())).unwrap() != Counted::Over {}
    count.lines()
}

#[test]
fn counters_made_anew_part_by_part_are_those_of_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    fill(&mut writer);
    let (known, _) = reader.counters().unwrap();
    assert!(known.to_archive > 10 && known.archived > 10 && known.of(Stage::Released) > 0);
    for parts in [1, 2, 7, 50] {
        let lines = counted_in(parts, &reader);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0].outcome, Outcome::Whole, "{parts} parts: {lines:?}");
        assert!(lines[0].said.starts_with("240 messages"), "{lines:?}");
    }
}

/// Everything in a folder: names, octets, modes, and when they were changed.
fn tree(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::metadata(&path).unwrap();
            let octets = match meta.is_dir() {
                true => Vec::new(),
                false => std::fs::read(&path).unwrap(),
            };
            let told = (octets, meta.mode(), meta.mtime(), meta.mtime_nsec());
            found.insert(path.clone(), told);
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

#[derive(Default)]
struct Told {
    lines: Vec<Line>,
    turns: usize,
}

impl Tell for Told {
    fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    fn progress(&mut self, progress: Progress) {
        assert!(progress.done <= progress.of, "{progress:?}");
        self.turns += 1;
    }
}

/// Checks a store that nobody has; it must be the same afterwards, octet by octet.
#[track_caller]
fn check(dir: &Path) -> Vec<Line> {
    let aside = tempfile::tempdir().unwrap();
    let before = tree(dir);
    let mut told = Told::default();
    alone::check(&World::real(), dir, Ok(aside.path()), &mut told).unwrap();
    assert!(tree(dir) == before, "the check has changed the store");
    told.lines
}

#[track_caller]
fn only_damage(lines: &[Line], parts: &[&str]) {
    let damaged = lines.iter().filter(|l| l.outcome == Outcome::Damaged);
    let mut damaged: Vec<&str> = damaged.map(|l| l.part).collect();
    damaged.dedup();
    assert_eq!(damaged, parts, "{lines:?}");
}

/// A message that owes a ticket: its key, and where its octets and its decision lie.
type Owed = (Key, Stored, Stored);

/// A store that was closed, with everything in it that `fill` makes; and of it the last message that
/// lies at a place on its server, and the last that lies at none.
fn filled() -> (tempfile::TempDir, [Owed; 2]) {
    let dir = tempfile::tempdir().unwrap();
    crate::engine::revisions::open(&World::real(), dir.path()).unwrap();
    let (mut writer, reader) = open(dir.path());
    fill(&mut writer);
    let queue = reader.queue(0, 500).unwrap();
    let owed = [true, false].map(|spots| {
        let found = queue.iter().rev().find_map(|row| {
            let entry = reader.entry(&row.key).unwrap()?;
            (entry.spots.is_empty() != spots).then_some((row.key, entry.message?, entry.decision?))
        });
        found.unwrap()
    });
    writer.checkpoint().unwrap();
    (dir, owed)
}

fn flip(path: &Path, at: u64) {
    let mut octets = std::fs::read(path).unwrap();
    octets[at as usize] ^= 0x10;
    std::fs::write(path, octets).unwrap();
}

fn segment(dir: &Path, stored: Stored) -> PathBuf {
    dir.join("journal")
        .join(spool::file_name(stored.segment, false))
}

#[test]
fn a_whole_store_is_said_to_be_whole_and_not_touched() {
    let (dir, _) = filled();
    let lines = check(dir.path());
    only_damage(&lines, &[]);
    for part in ["journal", "index", "ballast", "room"] {
        let line = lines.iter().find(|l| l.part == part);
        let outcome = line.map(|l| l.outcome);
        assert!(outcome.is_some(), "{part}: {lines:?}");
    }
    // A second store, that a crash ended: what is in the journal and not in the index yet is whole.
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(dir.path());
    fill(&mut writer);
    let copy = tempfile::tempdir().unwrap();
    crate::engine::revisions::open(&World::real(), copy.path()).unwrap();
    for part in ["journal", "index", "index/blobs"] {
        let from = dir.path().join(part);
        if from.exists() {
            let disk = World::real().disk;
            crate::world::untouched::copy_dir(&*disk, &from, &copy.path().join(part)).unwrap();
        }
    }
    only_damage(&check(copy.path()), &[]);
}

#[test]
fn a_flipped_bit_is_named_with_the_message_that_it_hit_and_what_becomes_of_it() {
    for (which, mend) in ["is fetched again", "from the archive folder"]
        .iter()
        .enumerate()
    {
        for decision in [false, true] {
            // In the payload, and in the header, which leaves nothing to tell whose it was.
            for offset in [60, 20] {
                let (dir, owed) = filled();
                let (key, message, decided) = owed[which];
                let stored = if decision { decided } else { message };
                flip(&segment(dir.path(), stored), stored.offset + offset);
                let lines = check(dir.path());
                only_damage(&lines, &["journal", "message"]);
                let place = format!("octets {} to ", stored.offset);
                let name = spool::file_name(stored.segment, false);
                let journal = lines.iter().find(|l| l.said.contains(&place)).unwrap();
                assert!(journal.said.contains(&name), "{journal:?}");
                let whose = journal.said.contains(&key.short());
                assert_eq!(whose, offset == 60, "{journal:?}");
                names(&lines, key, mend);
            }
        }
    }
}

/// It is said of the message that something of it can't be read, and what to do.
#[track_caller]
fn names(lines: &[Line], key: Key, mend: &str) {
    let of = |l: &&Line| l.part == "message" && l.said.contains(&key.short());
    let hit = lines.iter().find(of).unwrap_or_else(|| panic!("{lines:?}"));
    assert_eq!(hit.outcome, Outcome::Damaged);
    let said = hit.mend.as_deref().unwrap();
    assert!(said.contains(mend), "{said}");
}

#[test]
fn what_looks_like_a_torn_end_is_damage_where_the_index_knows_what_lay_there() {
    let (dir, [(key, _, decided), _]) = filled();
    // A start: nothing behind the last records of the one before proves that they were durable.
    drop(open(dir.path()));
    flip(&segment(dir.path(), decided), decided.offset + 60);
    let lines = check(dir.path());
    only_damage(&lines, &["message"]);
    names(&lines, key, "is fetched again");
}

#[test]
fn a_segment_that_is_gone_is_known_by_the_messages_that_lay_in_it() {
    let (dir, [(key, message, _), _]) = filled();
    drop(open(dir.path()));
    std::fs::remove_file(segment(dir.path(), message)).unwrap();
    let lines = check(dir.path());
    names(&lines, key, "is fetched again");
    // To remove it would be the end of what it still knows.
    let index = lines.iter().find(|l| l.part == "index").unwrap();
    assert!(
        index.mend.as_deref().unwrap().starts_with("leave it"),
        "{index:?}"
    );
}

#[test]
fn an_index_that_is_missing_rotten_or_another_s_is_said() {
    let (dir, _) = filled();
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let lines = check(dir.path());
    only_damage(&lines, &["index"]);
    assert!(lines.iter().any(|l| l.said == "it is missing"), "{lines:?}");

    let (dir, _) = filled();
    let (other, _) = filled();
    let index = dir.path().join("index");
    std::fs::remove_dir_all(&index).unwrap();
    std::fs::rename(other.path().join("index"), &index).unwrap();
    let lines = check(dir.path());
    only_damage(&lines, &["index"]);
    assert!(
        lines.iter().any(|l| l.said.contains("another journal")),
        "{lines:?}"
    );

    let (dir, _) = filled();
    for entry in std::fs::read_dir(dir.path().join("index")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let octets = std::fs::read(&path).unwrap();
            std::fs::write(&path, vec![0x5a; octets.len()]).unwrap();
        }
    }
    only_damage(&check(dir.path()), &["index"]);
}

#[test]
fn an_index_that_has_lost_a_message_is_said() {
    let (dir, _) = filled();
    {
        let (mut writer, _) = open(dir.path());
        writer.forget(&[key(2)]).unwrap();
        writer.checkpoint().unwrap();
    }
    let lines = check(dir.path());
    only_damage(&lines, &["index"]);
    let said = &lines.iter().find(|l| l.part == "index").unwrap().said;
    assert!(said.contains(&key(2).short()), "{said}");
}

#[test]
fn octets_that_look_like_records_are_no_damage() {
    let (dir, _) = filled();
    {
        let (mut writer, _) = open(dir.path());
        let mut names = std::fs::read_dir(dir.path().join("journal")).unwrap();
        let found = names.find_map(|e| {
            let path = e.unwrap().path();
            (path.extension()? == "segment").then_some(path)
        });
        // A part of a segment, at each distance from where records may stand.
        let dump = std::fs::read(found.unwrap()).unwrap();
        for shift in 0..8 {
            let mut raw = vec![b'x'; shift];
            raw.extend_from_slice(&dump[..20_000]);
            let n = 500 + shift as u32;
            let mut decided = decided(n, n, ticket());
            decided.decision.octets = raw.len() as u64;
            decided.raw = Raw::Inline(raw.into());
            writer.commit(vec![decided], &[]).unwrap();
        }
    }
    only_damage(&check(dir.path()), &[]);
}

#[test]
fn a_damaged_large_message_is_named() {
    for (at, hit) in [(8192, true), (1030, false)] {
        let (dir, _) = filled();
        let segment = {
            let (mut writer, _) = open(dir.path());
            let number = writer.begin_large().unwrap();
            writer.large_slice(number, &vec![7; 200_000]).unwrap();
            let stored = writer.finish_large(number, key(900)).unwrap().unwrap();
            let mut decided = decided(900, 900, ticket());
            decided.raw = Raw::Large(stored);
            writer.commit(vec![decided], &[]).unwrap();
            writer.checkpoint().unwrap();
            stored.segment
        };
        only_damage(&check(dir.path()), &[]);
        let name = spool::file_name(segment, true);
        flip(&dir.path().join("journal").join(&name), at);
        let lines = check(dir.path());
        assert!(lines.iter().any(|l| l.said.contains(&name)), "{lines:?}");
        let named = lines.iter().any(|l| l.said.contains(&key(900).short()));
        // An end record stands twice.
        assert_eq!(named, hit, "{lines:?}");
    }
}

#[test]
fn a_store_that_somebody_has_is_not_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (_writer, _) = open(dir.path());
    let aside = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    let checked = alone::check(&World::real(), dir.path(), Ok(aside.path()), &mut told);
    assert!(matches!(checked, Err(StoreFault::Locked { .. })));
    assert_eq!(told.lines, Vec::new());
}
