//! The bare drain: only the work that the mail server, the disk and the portal make necessary.
//!
//! Fetch a range, append it to one preallocated file, one sync, one POST a mail, MOVE the range;
//! no thought, no overlap, no record of anything. What the appliance takes longer than this is
//! what its promise costs. It is not safe: a crash loses or doubles, and nothing says so.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use serde::Serialize;

use crate::imap::{quoted, Imap, Target};
use crate::sink::Poster;
use crate::{resident_max, Failure, Outcome, While};

/// How to drain.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    #[command(flatten)]
    /// The mailbox.
    pub target: Target,
    /// HOST:PORT of the sink
    #[arg(long)]
    pub sink: Option<String>,
    /// File to append to; begun anew
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Folder to drain
    #[arg(long, default_value = "INBOX")]
    pub folder: String,
    /// Folder to move to, created when absent
    #[arg(long, default_value = "Archive")]
    pub archive: String,
    /// Mails of a batch
    #[arg(long, default_value_t = 256)]
    pub batch: usize,
    /// Mails of one MOVE: batches are gathered up to this many; 0 moves each batch
    #[arg(long, default_value_t = 0)]
    pub move_batch: usize,
    /// Octets of a batch
    #[arg(long, default_value_t = 8 << 20)]
    pub batch_octets: u64,
    /// Mails over this size are fetched in slices, each a batch of its own
    #[arg(long, default_value_t = 1 << 20)]
    pub large: u64,
    /// Octets of a slice
    #[arg(long, default_value_t = 256 << 10)]
    pub slice: u64,
    /// Slices asked for ahead
    #[arg(long, default_value_t = 4)]
    pub ahead: usize,
    /// Posts in flight, a connection for each
    #[arg(long, default_value_t = 1)]
    pub inflight: usize,
    /// Fetch everything to nowhere: no file, no post, no move
    #[arg(long)]
    pub raw: bool,
    /// Leave the mails where they are
    #[arg(long)]
    pub no_move: bool,
    /// Seconds of processor time to spend beside the whole drain, on two threads that nothing waits for
    /// until the end
    #[arg(long, default_value_t = 0.0)]
    pub laden: f64,
}

/// What a drain did, and what it took.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Mails drained.
    pub mails: usize,
    /// Their octets.
    pub octets: u64,
    /// From the sign-in to the last MOVE.
    pub seconds: f64,
    /// Mails a second.
    pub rate: f64,
    /// Highest resident memory.
    pub peak_rss: u64,
    /// Seconds of listing and fetching, file writes included.
    pub fetch: f64,
    /// Seconds of syncing.
    pub sync: f64,
    /// Seconds of posting.
    pub post: f64,
    /// Seconds of STORE and MOVE.
    pub archive: f64,
}

/// Drains a mailbox.
pub fn drain(plan: &Plan) -> Outcome<Report> {
    let begun = Instant::now();
    let mut report = Report::default();
    let mut imap = Imap::sign_in(&plan.target)?;
    imap.command(&format!("SELECT {}", quoted(&plan.folder)))?;
    let listed = list(&mut imap)?;
    report.octets = listed.iter().map(|m| m.1).sum();
    report.mails = listed.len();
    if plan.raw {
        raw(&mut imap, plan, &listed)?;
    } else if !listed.is_empty() {
        if !plan.no_move {
            // Fails when the folder is there, which is as good.
            let _ = imap.command(&format!("CREATE {}", quoted(&plan.archive)));
        }
        let sink = plan
            .sink
            .as_deref()
            .ok_or_else(|| Failure::new("say where the sink is"))?;
        let file = plan
            .file
            .as_deref()
            .ok_or_else(|| Failure::new("say which file to append to"))?;
        let posters: Outcome<Vec<Poster>> = (0..plan.inflight.max(1))
            .map(|_| Poster::connect(sink))
            .collect();
        let mut drain = Drain {
            plan,
            imap,
            file: preallocated(file, report.octets)?,
            at: 0,
            posters: posters?,
            unmoved: Vec::new(),
        };
        let load =
            (plan.laden > 0.0).then(|| Load::begin(plan.laden / report.octets.max(1) as f64));
        for batch in batches(&listed, plan) {
            drain.batch(batch, &mut report)?;
            if let Some(load) = &load {
                load.add(batch.iter().map(|m| m.1).sum());
            }
        }
        drain.archive(&mut report)?;
        if let Some(load) = load {
            load.end()?;
        }
    }
    report.seconds = begun.elapsed().as_secs_f64();
    report.rate = report.mails as f64 / report.seconds;
    report.peak_rss = resident_max();
    Ok(report)
}

fn list(imap: &mut Imap) -> Outcome<Vec<(u64, u64)>> {
    let tag = imap.queue("UID FETCH 1:* (UID RFC822.SIZE)");
    imap.flush()?;
    let mut listed = Vec::new();
    imap.until(&tag, |answer| {
        if let (Some(uid), Some(size)) = (answer.number("UID"), answer.number("RFC822.SIZE")) {
            listed.push((uid, size));
        }
        Ok(())
    })?;
    Ok(listed)
}

fn preallocated(path: &Path, octets: u64) -> Outcome<File> {
    let doing = format!("preallocating {}", path.display());
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path);
    let file = file.during(&doing)?;
    let flags = rustix::fs::FallocateFlags::empty();
    rustix::fs::fallocate(&file, flags, 0, octets.max(1)).during(&doing)?;
    file.sync_all().during(&doing)?;
    Ok(file)
}

fn batches<'a>(mut left: &'a [(u64, u64)], plan: &Plan) -> Vec<&'a [(u64, u64)]> {
    let mut out = Vec::new();
    while let Some(first) = left.first() {
        let mut sum = first.1;
        let mut count = 1;
        while count < plan.batch && first.1 <= plan.large {
            match left.get(count) {
                Some(m) if m.1 <= plan.large && sum + m.1 <= plan.batch_octets => sum += m.1,
                _ => break,
            }
            count += 1;
        }
        let (batch, rest) = left.split_at(count);
        out.push(batch);
        left = rest;
    }
    out
}

fn range(batch: &[(u64, u64)]) -> String {
    match (batch.first(), batch.last()) {
        (Some(first), Some(last)) => format!("{}:{}", first.0, last.0),
        _ => "0".into(),
    }
}

/// Everything at once, as fast as the server gives it; large mails by slices, to stay flat.
fn raw(imap: &mut Imap, plan: &Plan, listed: &[(u64, u64)]) -> Outcome<()> {
    let mut open = std::collections::VecDeque::new();
    for batch in batches(listed, plan) {
        let commands: Vec<String> = match batch {
            [(uid, size)] if *size > plan.large => (0..size.div_ceil(plan.slice))
                .map(|n| {
                    format!(
                        "UID FETCH {uid} (BODY.PEEK[]<{}.{}>)",
                        n * plan.slice,
                        plan.slice
                    )
                })
                .collect(),
            _ => vec![format!("UID FETCH {} (BODY.PEEK[])", range(batch))],
        };
        for command in commands {
            open.push_back(imap.queue(&command));
            imap.flush()?;
            if open.len() >= plan.ahead.max(1) {
                if let Some(tag) = open.pop_front() {
                    imap.until(&tag, |_| Ok(()))?;
                }
            }
        }
    }
    for tag in open {
        imap.until(&tag, |_| Ok(()))?;
    }
    Ok(())
}

struct Drain<'a> {
    plan: &'a Plan,
    imap: Imap,
    file: File,
    at: u64,
    posters: Vec<Poster>,
    /// Posted, not moved yet.
    unmoved: Vec<(u64, u64)>,
}

impl Drain<'_> {
    fn batch(&mut self, batch: &[(u64, u64)], report: &mut Report) -> Outcome<()> {
        let begun = Instant::now();
        let from = self.at;
        let mut mails: Vec<std::ops::Range<usize>> = Vec::new();
        let mut octets = Vec::new();
        let large = matches!(batch, [(_, size)] if *size > self.plan.large);
        if large {
            self.slices(batch[0])?;
        } else {
            let tag = self
                .imap
                .queue(&format!("UID FETCH {} (BODY.PEEK[])", range(batch)));
            self.imap.flush()?;
            self.imap.until(&tag, |answer| {
                if let Some(literal) = answer.literal() {
                    mails.push(octets.len()..octets.len() + literal.len());
                    octets.extend_from_slice(literal);
                }
                Ok(())
            })?;
            self.file.write_all(&octets).during("appending")?;
            self.at += octets.len() as u64;
        }
        let fetched = Instant::now();
        self.file.sync_data().during("syncing")?;
        let synced = Instant::now();
        if large {
            self.file
                .seek(SeekFrom::Start(from))
                .during("reading back")?;
            let length = self.at - from;
            let mut body = (&self.file).take(length);
            self.posters[0].post_from(&mut body, length)?;
        } else {
            post_all(&mut self.posters, &octets, &mails)?;
        }
        let posted = Instant::now();
        report.fetch += (fetched - begun).as_secs_f64();
        report.sync += (synced - fetched).as_secs_f64();
        report.post += (posted - synced).as_secs_f64();
        self.unmoved.extend_from_slice(batch);
        if self.unmoved.len() >= self.plan.move_batch {
            self.archive(report)?;
        }
        Ok(())
    }

    /// Moves what was posted.
    fn archive(&mut self, report: &mut Report) -> Outcome<()> {
        let begun = Instant::now();
        let batch = std::mem::take(&mut self.unmoved);
        if !batch.is_empty() && !self.plan.no_move {
            let range = range(&batch);
            let archive = quoted(&self.plan.archive);
            let seen = self
                .imap
                .queue(&format!("UID STORE {range} +FLAGS.SILENT (\\Seen)"));
            let moved = self.imap.queue(&format!("UID MOVE {range} {archive}"));
            self.imap.flush()?;
            self.imap.until(&seen, |_| Ok(()))?;
            self.imap.until(&moved, |_| Ok(()))?;
        }
        report.archive += begun.elapsed().as_secs_f64();
        Ok(())
    }

    fn slices(&mut self, (uid, size): (u64, u64)) -> Outcome<()> {
        let slice = self.plan.slice;
        let mut wanted = (0..size.div_ceil(slice)).map(|n| n * slice);
        let mut open = std::collections::VecDeque::new();
        loop {
            while open.len() < self.plan.ahead.max(1) {
                let Some(offset) = wanted.next() else { break };
                let command = format!("UID FETCH {uid} (BODY.PEEK[]<{offset}.{slice}>)");
                open.push_back(self.imap.queue(&command));
            }
            self.imap.flush()?;
            let Some(tag) = open.pop_front() else {
                return Ok(());
            };
            let (file, at) = (&mut self.file, &mut self.at);
            self.imap.until(&tag, |answer| {
                let literal = answer.literal().unwrap_or_default();
                *at += literal.len() as u64;
                file.write_all(literal).during("appending")
            })?;
        }
    }
}

/// Processor time that is spent for octets that were fetched, beside the drain: what the same work would
/// cost that somebody else does with it, if it were spread as well as can be.
struct Load {
    threads: Vec<(mpsc::Sender<u64>, JoinHandle<()>)>,
}

impl Load {
    /// So many seconds an octet, in equal parts on two threads.
    fn begin(seconds: f64) -> Load {
        let each = move || {
            let (octets, work) = mpsc::channel::<u64>();
            let thread = std::thread::spawn(move || {
                let mut owed = processor();
                for octets in work {
                    owed += seconds / 2.0 * octets as f64;
                    while processor() < owed {
                        std::hint::black_box((0..2_000_u64).fold(0, |sum, n| sum ^ (sum + n)));
                    }
                }
            });
            (octets, thread)
        };
        Load {
            threads: vec![each(), each()],
        }
    }

    fn add(&self, octets: u64) {
        for (sender, _) in &self.threads {
            // A thread that died says so at the end.
            let _ = sender.send(octets);
        }
    }

    fn end(self) -> Outcome<()> {
        self.threads.into_iter().try_for_each(|(sender, thread)| {
            drop(sender);
            thread
                .join()
                .map_err(|_| Failure::new("a thread of the load panicked"))
        })
    }
}

/// Seconds of processor that this thread has taken.
fn processor() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn post_all(
    posters: &mut [Poster],
    octets: &[u8],
    mails: &[std::ops::Range<usize>],
) -> Outcome<()> {
    if let [only] = posters {
        return mails
            .iter()
            .try_for_each(|mail| only.post(&octets[mail.clone()]));
    }
    let each = mails.len().div_ceil(posters.len()).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = posters
            .iter_mut()
            .zip(mails.chunks(each))
            .map(|(poster, mails)| {
                scope.spawn(move || {
                    mails
                        .iter()
                        .try_for_each(|m| poster.post(&octets[m.clone()]))
                })
            })
            .collect();
        threads.into_iter().try_for_each(|t| {
            t.join()
                .map_err(|_| Failure::new("a posting thread panicked"))?
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        plan: Plan,
    }

    #[test]
    fn batches_end_at_their_count_their_octets_and_before_a_large_mail() {
        let line = [
            "x",
            "--batch",
            "3",
            "--batch-octets",
            "1000",
            "--large",
            "900",
        ];
        let plan = Arguments::parse_from(line).plan;
        let listed: Vec<(u64, u64)> = [10, 10, 10, 10, 950, 10, 600, 600]
            .into_iter()
            .zip(1..)
            .map(|(s, u)| (u, s))
            .collect();
        let lengths: Vec<usize> = batches(&listed, &plan).iter().map(|b| b.len()).collect();
        assert_eq!(lengths, [3, 1, 1, 2, 1]);
    }
}
