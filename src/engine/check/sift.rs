//! The first pass: every record of every segment, and every slice of the large messages, held against
//! its check.
//!
//! Reads what the medium has, and not what the page cache remembers of it.

use std::ops::ControlFlow;

use super::{counted, octets_of, Damage, Line, Outcome, Progress, NAMED};
use crate::engine::compose::mib;
use crate::engine::StoreFault;
use crate::passage::record::Unreadable;
use crate::passage::{Kind, Position, Record};
use crate::spool::{self, file_name, Gap, Piece};
use crate::ticket::Key;

/// Octets of a message record that surely hold its head.
const HEAD_OCTETS: usize = 4096;

/// The pass.
pub struct Sift {
    pieces: Vec<Piece>,
    at: usize,
    slice: u64,
    done: u64,
    of: u64,
    records: u64,
    large: u64,
    /// Records that may make a message known: no more messages are than these.
    births: u64,
    damage: Damage,
}

impl Sift {
    /// Begins, with the segments that there are now.
    pub fn new(journal: &spool::Reader) -> Self {
        let pieces = journal.pieces();
        Self {
            of: octets_of(&pieces),
            damage: Damage {
                segments: pieces.iter().map(|p| p.number).collect(),
                ..Damage::default()
            },
            pieces,
            at: 0,
            slice: 0,
            done: 0,
            records: 0,
            large: 0,
            births: 0,
        }
    }

    /// Does a turn; none when there is nothing left to do.
    pub fn turn(&mut self, journal: &spool::Reader) -> Result<Option<Progress>, StoreFault> {
        let Some(piece) = self.pieces.get(self.at).copied() else {
            return Ok(None);
        };
        match piece.large {
            true => self.large(journal, piece)?,
            false => self.records(journal, piece)?,
        }
        Ok(Some(Progress {
            part: "journal",
            done: self.done,
            of: self.of,
        }))
    }

    fn next(&mut self) {
        self.at += 1;
        self.slice = 0;
        self.done = octets_of(self.pieces.get(..self.at).unwrap_or_default());
    }

    fn large(&mut self, journal: &spool::Reader, piece: Piece) -> Result<(), StoreFault> {
        match journal.inspect_large(piece.number, self.slice) {
            Ok(turn) => {
                self.damage.add(turn.gaps);
                self.damage.spared.extend(turn.spared);
                match turn.next {
                    Some(slice) => {
                        self.slice = slice;
                        self.done += turn.octets;
                        return Ok(());
                    }
                    None => self.large += 1,
                }
            }
            // Let go meanwhile: nobody wants it any more.
            Err(spool::Fault::Gone { .. }) => {}
            Err(spool::Fault::Disk { source, .. }) => self.unread(piece, &source),
            Err(fault) => return Err(fault.into()),
        }
        self.next();
        Ok(())
    }

    fn records(&mut self, journal: &spool::Reader, piece: Piece) -> Result<(), StoreFault> {
        let mut newer = None;
        let (mut births, mut unreadable) = (0, 0);
        let inspected = journal.inspect(piece.number, true, &mut |record| {
            let kind = Kind::of(record.kind);
            births += u64::from(matches!(kind, Some(Kind::Decision | Kind::Snapshot)));
            let payload = match kind {
                // A mark of the journal's own, or a kind of newer code.
                None => return ControlFlow::Continue(()),
                Some(Kind::Message) => record.payload.first(HEAD_OCTETS),
                Some(_) => record.payload.octets(),
            };
            match payload.map(|p| Record::decode(record.kind, &p)) {
                Ok(Ok(_)) => {}
                Ok(Err(fault @ Unreadable::Newer { .. })) => {
                    newer = Some(fault);
                    return ControlFlow::Break(());
                }
                Ok(Err(Unreadable::Malformed { .. })) | Err(_) => unreadable += 1,
            }
            ControlFlow::Continue(())
        });
        if let Some(newer) = newer {
            return Err(newer.into());
        }
        self.births += births;
        self.damage.unreadable += unreadable;
        match inspected {
            Ok(replayed) => {
                self.records += replayed.records;
                self.damage.add(replayed.gaps);
            }
            Err(spool::Fault::Gone { .. }) => {}
            Err(spool::Fault::Disk { source, .. }) => self.unread(piece, &source),
            Err(fault) => return Err(fault.into()),
        }
        self.next();
        Ok(())
    }

    fn unread(&mut self, piece: Piece, fault: &std::io::Error) {
        let name = file_name(piece.number, piece.large);
        log::error!("reading {name}: {fault}");
        self.damage.add([Gap {
            segment: piece.number,
            from: 0,
            to: piece.octets,
            damage: true,
            records: None,
            header: None,
        }]);
    }

    /// Ends; gives what was found, and no more messages than how many there are. `known` is up to
    /// where the index knows the journal.
    pub fn end(mut self, known: Option<Position>) -> (Vec<Line>, Damage, u64) {
        if let Some(known) = known {
            self.damage.proven(known);
        }
        let ordinary = self.pieces.iter().filter(|p| !p.large).count() as u64;
        let mut said = format!(
            "{} and {} in {}, {}",
            counted(self.records, "record"),
            counted(self.large, "large message"),
            counted(ordinary, "segment"),
            mib(self.of)
        );
        let mut lines = self.torn();
        if self.damage.is_none() {
            said.push_str(match lines.is_empty() {
                true => "; every check holds",
                false => "; every check holds, but for the ends named below",
            });
            lines.insert(0, Line::whole("journal", said));
            return (lines, self.damage, self.births);
        }
        let places = (self.damage.gaps.len() + self.damage.spared.len()) as u64 + self.damage.more;
        if places > 0 {
            said.push_str(&format!("; {} damaged", were(places, "place")));
        }
        let mut mend = "the disk gave back other octets than were written: mind the card. What is damaged stays where it is; what it held is fetched again where the server still has it, and messages that are hit are named below".to_owned();
        if self.damage.unreadable > 0 {
            said.push_str(&format!(
                "; {} can't be understood",
                counted(self.damage.unreadable, "record")
            ));
            mend.push_str(". Records whose check holds and that can't be understood are a fault of this program: please report it");
        }
        let first = Line::new("journal", Outcome::Damaged, said, Some(&mend));
        lines.insert(0, first);
        for gap in self
            .damage
            .gaps
            .iter()
            .chain(&self.damage.spared)
            .take(NAMED)
        {
            let large = self
                .pieces
                .iter()
                .any(|p| p.large && p.number == gap.segment);
            lines.push(Line::new(
                "journal",
                Outcome::Damaged,
                place(gap, large),
                None,
            ));
        }
        let more = places.saturating_sub(NAMED as u64);
        if more > 0 {
            let said = format!("{more} further places");
            lines.push(Line::new("journal", Outcome::Damaged, said, None));
        }
        (lines, self.damage, self.births)
    }

    /// The ends that a crash left torn, each with its place.
    fn torn(&self) -> Vec<Line> {
        let line = |gap: &Gap| {
            let at = place(gap, false);
            Line::whole(
                "journal",
                format!("{at}: a torn end, as a crash leaves it; nothing had been promised of what was written there"),
            )
        };
        self.damage.torn.iter().take(NAMED).map(line).collect()
    }
}

fn were(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what} is"),
        _ => format!("{count} {what}s are"),
    }
}

/// Where a gap is, and what is known of what it held.
fn place(gap: &Gap, large: bool) -> String {
    let mut said = format!(
        "{}, octets {} to {}",
        file_name(gap.segment, large),
        gap.from,
        gap.to
    );
    match (gap.header, gap.records) {
        (Some((kind, key)), _) => {
            let what = match Kind::of(kind) {
                Some(Kind::Message) => "the octets",
                Some(Kind::Decision | Kind::Copied) => "the decision",
                Some(Kind::Receipt) => "the portal's receipt",
                Some(Kind::Refused | Kind::Words) => "the refusal, or who dismissed it,",
                Some(Kind::Archived) => "the note that it was archived",
                Some(Kind::Snapshot) => "where it stands",
                _ => "a record",
            };
            said.push_str(&format!(": {what} of message {}", Key(key).short()));
        }
        (None, Some(count)) => said.push_str(&format!(": {}", counted(count, "record"))),
        (None, None) => {}
    }
    said
}
