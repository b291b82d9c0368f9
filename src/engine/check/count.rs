//! The second pass: the counters made anew from the journal and held against the index's; and whose
//! octets lie where something is damaged.
//!
//! The index is asked up to where it knows the journal, and records behind that are left out: so a
//! running service goes on meanwhile. Where it gives a segment back in the middle of it, or was about
//! to, the pass begins again.

use std::ops::ControlFlow;

use super::{counted, fate, octets_of, Damage, Hits, Line, Outcome, Progress};
use crate::engine::writer::stored;
use crate::engine::StoreFault;
use crate::index::{Tally, View};
use crate::passage::{Counters, Kind, Position, Record, Stage};
use crate::spool::{self, Piece};
use crate::ticket::{Key, Reason};

/// Messages that are held in memory at once, about half a KiB each.
const AT_ONCE: u64 = 8192;
/// Rows of the index that are read in one turn.
const ROWS: usize = 100;
/// How often it is begun again beside a service before it is given up.
const TRIES: u32 = 5;

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// There is more to do.
    Going(Progress),
    /// The journal changed under it: it begins again, best in a moment.
    Again,
    /// It is done.
    Over,
}

/// The pass.
pub struct Count {
    damage: Damage,
    parts: u64,
    /// Nobody changes the index meanwhile, so that its rows may be looked at one by one.
    still: bool,
    tries: u32,
    run: Option<Run>,
    lines: Vec<Line>,
}

struct Run {
    pieces: Vec<Piece>,
    at: usize,
    part: u64,
    /// All parts are done.
    counted: bool,
    tally: Tally,
    counters: Counters,
    /// What the index says, and up to where it knows.
    index: Option<(Counters, Position)>,
    hits: Hits,
    /// Messages of which the index says something else.
    differing: Vec<Key>,
    differ: u64,
    /// The lists of the index that are still to be looked through for what is hit, and up to where.
    lists: Vec<(Stage, u64)>,
}

impl Run {
    fn is_equal(&self) -> bool {
        let counters = self.index.as_ref().map(|(counters, _)| counters);
        counters.is_none_or(|c| *c == self.counters) && self.differ == 0
    }
}

impl Count {
    /// Begins behind the first pass. `still` where nobody changes the index meanwhile.
    pub fn new(damage: Damage, births: u64, still: bool) -> Self {
        Self {
            damage,
            parts: births / AT_ONCE + 1,
            still,
            tries: 0,
            run: None,
            lines: Vec::new(),
        }
    }

    /// In so many parts, however few messages there are.
    #[cfg(test)]
    pub(super) fn in_parts(&mut self, parts: u64) {
        self.parts = parts;
    }

    /// Does a turn. Without an index only what is hit is looked for.
    pub fn turn(
        &mut self,
        journal: &spool::Reader,
        view: Option<&View>,
    ) -> Result<Counted, StoreFault> {
        let mut run = match self.run.take() {
            Some(run) => run,
            None => self.begin(journal, view)?,
        };
        let Some(piece) = run.pieces.get(run.at).copied() else {
            if !run.counted {
                self.end_part(&mut run, view)?;
                run.part += 1;
                run.counted = run.part >= self.parts;
                if !run.counted {
                    run.at = 0;
                    run.tally = Tally::new(run.part, self.parts);
                }
                return Ok(self.going(run));
            }
            // Of what the journal has lost, only the index can tell.
            let wanted = !self.damage.is_clean() || !run.is_equal();
            if let (Some(view), true, false) = (view, wanted, run.lists.is_empty()) {
                self.rows(&mut run, view)?;
                return Ok(self.going(run));
            }
            return Ok(self.end(run, journal));
        };
        let until = run.index.as_ref().map(|(_, position)| *position);
        let read = journal.inspect(piece.number, false, &mut |record| {
            let at = stored(record.at);
            let position = Position {
                segment: at.segment,
                offset: at.offset,
            };
            if until.is_some_and(|until| position >= until) {
                return ControlFlow::Break(());
            }
            let Some(kind) = Kind::of(record.kind) else {
                return ControlFlow::Continue(());
            };
            if matches!(
                kind,
                Kind::Message | Kind::Copied | Kind::Words | Kind::Trying
            ) {
                return ControlFlow::Continue(());
            }
            let key = Key(record.key);
            if !run.tally.wants(&key, kind) {
                return ControlFlow::Continue(());
            }
            // What can't be read was told by the first pass.
            let decoded = record.payload.octets().ok();
            let decoded = decoded.and_then(|p| Record::decode(record.kind, &p).ok());
            if let Some(record) = decoded {
                run.tally.learn(key, at, &record);
            }
            ControlFlow::Continue(())
        });
        match read {
            // Damage was told by the first pass; that a segment is gone is seen at the end.
            Ok(_) | Err(spool::Fault::Gone { .. } | spool::Fault::Disk { .. }) => {}
            Err(fault) => return Err(fault.into()),
        }
        run.at += 1;
        Ok(self.going(run))
    }

    fn going(&mut self, run: Run) -> Counted {
        let of = octets_of(&run.pieces);
        let done = octets_of(run.pieces.get(..run.at).unwrap_or_default());
        let of_all = of * self.parts;
        let progress = Progress {
            part: "index",
            done: of_all.min(of * run.part + done),
            of: of_all,
        };
        self.run = Some(run);
        Counted::Going(progress)
    }

    fn begin(&mut self, journal: &spool::Reader, view: Option<&View>) -> Result<Run, StoreFault> {
        self.tries += 1;
        // The position first: segments that are younger than it are of no use.
        let index = view.map(View::counters).transpose()?;
        let mut pieces = journal.pieces();
        self.damage.segments = pieces.iter().map(|p| p.number).collect();
        pieces.retain(|p| !p.large);
        Ok(Run {
            pieces,
            at: 0,
            part: 0,
            counted: false,
            tally: Tally::new(0, self.parts),
            counters: Counters::default(),
            index,
            hits: Hits::default(),
            differing: Vec::new(),
            differ: 0,
            lists: vec![(Stage::Committed, 0), (Stage::Refused, 0)],
        })
    }

    fn end_part(&self, run: &mut Run, view: Option<&View>) -> Result<(), StoreFault> {
        run.tally.add_to(&mut run.counters);
        for (key, entry) in run.tally.entries() {
            if self.damage.hits_message(entry) {
                run.hits.add(*key, fate(entry));
            }
            // Beside a service the entry may be another by now.
            let Some(view) = view.filter(|_| self.still && self.damage.is_none()) else {
                continue;
            };
            let known = view.entry(key)?;
            if known.is_none_or(|k| k.stage != entry.stage || k.message != entry.message) {
                run.differ += 1;
                if run.differing.len() < 5 {
                    run.differing.push(*key);
                }
            }
        }
        Ok(())
    }

    /// Looks through some rows of the index for messages whose decision or octets are hit: of those
    /// the journal itself may not know.
    fn rows(&self, run: &mut Run, view: &View) -> Result<(), StoreFault> {
        let Some((stage, after)) = run.lists.pop() else {
            return Ok(());
        };
        let mut rows = Vec::new();
        match stage {
            Stage::Committed => {
                for row in view.queue(after, ROWS)? {
                    if let Some(entry) = view.entry(&row.key)? {
                        rows.push((row.key, row.sequence, entry));
                    }
                }
            }
            stage => {
                let listed = view.list(stage, after, ROWS)?;
                rows.extend(
                    listed
                        .into_iter()
                        .map(|l| (l.key, l.entry.sequence, l.entry)),
                );
            }
        }
        if let Some((_, last, _)) = rows.last() {
            run.lists.push((stage, *last));
        }
        for (key, _, entry) in &rows {
            let decision = entry.decision.is_some_and(|d| self.damage.hits(d));
            if decision || self.damage.hits_message(entry) {
                run.hits.add(*key, fate(entry));
            }
        }
        Ok(())
    }

    fn end(&mut self, run: Run, journal: &spool::Reader) -> Counted {
        let now = journal.pieces();
        let gone = |piece: &Piece| {
            now.binary_search_by_key(&piece.number, |p| p.number)
                .is_err()
        };
        let changed = run.pieces.iter().any(gone);
        let equal = run.is_equal();
        let again =
            changed || (!equal && !self.still && self.damage.is_none() && run.hits.is_none());
        if again && self.tries < TRIES {
            return Counted::Again;
        }
        self.lines.extend(run.hits.lines());
        let known = run.counters.total();
        let line = match &run.index {
            None => return Counted::Over,
            Some(_) if changed => Line::new(
                "index",
                Outcome::Skipped,
                "it could not be compared: the service gave room back again and again meanwhile",
                Some("ask once more when there is less to do"),
            ),
            Some(_) if equal => Line::whole(
                "index",
                format!(
                    "{}, counted anew from the journal: it says the same",
                    counted(known, "message")
                ),
            ),
            Some((said, _)) if !self.damage.is_none() || !run.hits.is_none() => Line::new(
                "index",
                Outcome::Odd,
                format!(
                    "it says other than what can still be read of the journal: {}",
                    differences(said, &run.counters)
                ),
                Some("leave it as it is: it knows what the damaged records said"),
            ),
            Some((said, _)) => {
                let mut found = differences(said, &run.counters);
                if run.differ > 0 {
                    let keys: Vec<String> = run.differing.iter().map(Key::short).collect();
                    found.push_str(&format!(
                        "; {} stand otherwise than in the journal, so {}",
                        counted(run.differ, "message"),
                        keys.join(", ")
                    ));
                }
                Line::new(
                    "index",
                    Outcome::Damaged,
                    format!(
                        "it says other than the journal: {}",
                        found.trim_start_matches("; ")
                    ),
                    Some(match said.total() > known {
                        true => LOST,
                        false => REMOVE,
                    }),
                )
            }
        };
        self.lines.push(line);
        Counted::Over
    }

    /// What was found.
    pub fn lines(self) -> Vec<Line> {
        self.lines
    }
}

/// What to do about an index that can't be believed.
pub(super) const REMOVE: &str = "nothing is lost, the journal has all of it: stop the service, remove the folder `index` of the store, and start again; it is made anew. The directory is read again from the portal";

/// What to do about an index that knows messages of which the journal has nothing.
const LOST: &str = "leave it as it is: it knows messages that the journal has lost. Was a file of the folder `journal` removed? Put it back";

fn differences(index: &Counters, journal: &Counters) -> String {
    let reasons = Reason::ALL
        .iter()
        .map(|r| (r.code(), index.of_reason(*r), journal.of_reason(*r)));
    let pairs = Stage::ALL
        .iter()
        .map(|s| (s.word(), index.of(*s), journal.of(*s)))
        .chain([
            ("to be archived", index.to_archive, journal.to_archive),
            ("archived", index.archived, journal.archived),
            ("octets owed", index.owed_octets, journal.owed_octets),
            ("octets kept", index.kept_octets, journal.kept_octets),
            ("kept", index.kept, journal.kept),
        ])
        .chain(reasons);
    let told: Vec<String> = pairs
        .filter(|(_, here, there)| here != there)
        .map(|(what, here, there)| format!("{what} {here}, by the journal {there}"))
        .collect();
    told.join("; ")
}
