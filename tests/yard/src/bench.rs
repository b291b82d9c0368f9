//! The bench: what a drain by the appliance takes, beside one that does only the server's work.
//!
//! Each row is a mailbox of one kind, over one kind of connection. It is drained by turns by
//! `postern run --once` on a fresh store and by `yard-bare`, with the same batch sizes, the same
//! posts in flight and the same sink, each time from a fresh copy of the same mailbox. A pair is two
//! drains next to each other; the row's ratio is the median of the pairs' ratios, so that what
//! else the machine does falls on both. Time runs from the start of the process to its end: for
//! the appliance that is when all is at the sink, archived and durable. `net` takes from both what
//! they need to drain an empty mailbox.
//!
//! Beside each row stand `raw`, a pipelined FETCH to nowhere, and the sink's own ceiling: where
//! that is less than five times the faster drain, the sink was measured and the row is void.
//! A drain that leaves a mail behind, or posts another number than there were, is an error.
//!
//! Behind the rows stands the box, measured (`figures`): what the appliance takes of its machine.

use std::path::PathBuf;

use serde::Serialize;

use crate::bulk::Size;
use crate::imap::Security;
use crate::{Failure, Outcome, While};

mod figures;
mod ground;
mod process;
mod runs;
mod table;

pub use figures::{Budget, Figure};
use ground::{Ground, Template};
pub use process::Taken;
use runs::Programs;

/// Resident memory that no row may exceed.
pub const RSS_BUDGET: u64 = 32 << 20;
/// The least that a drain must reach of the bare one.
pub const RATIO_BUDGET: f64 = 0.7;
/// How much faster than the drain the sink must be.
const CEILING: f64 = 5.0;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Folder for everything; made when absent
    #[arg(long)]
    pub dir: PathBuf,
    /// Smaller mailboxes, fewer pairs and shorter looks
    #[arg(long)]
    pub quick: bool,
    /// Pairs of each row; 5, and 3 with --quick, when absent
    #[arg(long)]
    pub pairs: Option<usize>,
    /// Only rows whose name contains this; may be repeated
    #[arg(long)]
    pub row: Vec<String>,
    /// Only the box's figures, no rows
    #[arg(long = "box")]
    pub only_box: bool,
    /// Only the parts of the box whose name contains this: drains, syncs, arrival, idle, queued,
    /// unread, asked, binary; may be repeated
    #[arg(long)]
    pub figure: Vec<String>,
    /// Crates of the binary, as whoever built it counted them
    #[arg(long)]
    pub crates: Option<usize>,
    /// Seconds that the binary's build took, from nothing
    #[arg(long)]
    pub build_seconds: Option<f64>,
    /// Folder with the programs; this program's own when absent
    #[arg(long)]
    pub programs: Option<PathBuf>,
    /// Mails of a bare batch, as the appliance has it
    #[arg(long, default_value_t = 80)]
    pub batch: usize,
    /// Octets of a bare batch, as the appliance has it
    #[arg(long, default_value_t = 768 << 10)]
    pub batch_octets: u64,
    /// Mails over this size go by slices, as with the appliance
    #[arg(long, default_value_t = 512 << 10)]
    pub large: u64,
    /// Mails of one MOVE, as the appliance has it
    #[arg(long, default_value_t = 500)]
    pub move_batch: usize,
    /// Posts in flight, as the appliance has them
    #[arg(long, default_value_t = 8)]
    pub inflight: usize,
    /// Say what happens meanwhile
    #[arg(long)]
    pub verbose: bool,
    /// Keep the folder
    #[arg(long)]
    pub keep: bool,
}

/// A row's mailbox.
struct Kind {
    name: &'static str,
    full: &'static [(usize, &'static str)],
    quick: &'static [(usize, &'static str)],
}

const KINDS: &[Kind] = &[
    Kind {
        name: "4k",
        full: &[(10_000, "4k")],
        quick: &[(4_000, "4k")],
    },
    Kind {
        name: "75k",
        full: &[(2_000, "75k-lognormal")],
        quick: &[(600, "75k-lognormal")],
    },
    Kind {
        name: "large",
        full: &[(10, "25m"), (1, "50m")],
        quick: &[(2, "25m"), (1, "50m")],
    },
];

/// One row of the table.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Kind of mailbox, connection and sink.
    pub name: String,
    /// Mails.
    pub mails: usize,
    /// Their octets.
    pub octets: u64,
    /// Seconds of a pipelined FETCH to nowhere; the median.
    pub raw: Option<f64>,
    /// Seconds that mbsync takes to copy.
    pub mbsync: Option<f64>,
    /// Mails a second that the sink itself can take.
    pub ceiling: Option<f64>,
    /// What each bare drain took.
    pub bare: Vec<Taken>,
    /// What each of the appliance's drains took.
    pub postern: Vec<Taken>,
    /// What bare drains took while the processor time that the appliance takes more was spent beside them.
    pub laden: Vec<Taken>,
    /// Seconds of an empty bare drain.
    pub bare_empty: f64,
    /// Seconds of an empty drain of the appliance.
    pub postern_empty: f64,
    /// The appliance's rate as a part of the bare one; the median of the pairs.
    pub ratio: Option<f64>,
    /// The same without what an empty drain takes.
    pub net: Option<f64>,
    /// Highest resident memory of the appliance in any run.
    pub peak_rss: u64,
    /// The sink's ceiling was too near.
    pub void: bool,
}

impl Row {
    /// Whether the row keeps its budgets.
    pub fn is_within_budget(&self) -> bool {
        self.peak_rss <= RSS_BUDGET && self.ratio.is_none_or(|r| r >= RATIO_BUDGET)
    }
}

/// Everything measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The rows.
    pub rows: Vec<Row>,
    /// The box's figures.
    pub figures: Vec<Figure>,
    /// Seconds of the whole.
    pub seconds: f64,
    /// Processors of the machine.
    pub processors: usize,
}

impl Report {
    /// Whether all rows and figures keep their budgets, no row is void, and nothing that has a budget could
    /// not be measured.
    pub fn is_within_budget(&self) -> bool {
        self.rows.iter().all(|r| r.is_within_budget() && !r.void)
            && !self.figures.iter().any(|f| f.is_over() || f.missing)
    }

    /// Whether no measurement went wrong.
    pub fn is_whole(&self) -> bool {
        !self.figures.iter().any(|f| f.failed)
    }

    /// The table for people.
    pub fn table(&self) -> String {
        table::render(self)
    }
}

/// Measures all that is wanted.
pub fn run(plan: &Plan) -> Outcome<Report> {
    let begun = std::time::Instant::now();
    let bench = Bench {
        plan,
        ground: Ground::set_up(&plan.dir)?,
        programs: Programs::find(plan)?,
    };
    let rows = match plan.wants_rows() {
        true => rows(&bench)?,
        false => Vec::new(),
    };
    let figures = match plan.wants_box() {
        true => figures::measure(&bench),
        false => Vec::new(),
    };
    drop(bench);
    Ok(Report {
        rows,
        figures,
        seconds: begun.elapsed().as_secs_f64(),
        processors: std::thread::available_parallelism().map_or(1, |n| n.get()),
    })
}

fn rows(bench: &Bench<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for kind in KINDS {
        let names = ["plain", "tls"].map(|s| format!("{} {s}", kind.name));
        let standin = format!("{} plain, stand-in portal", kind.name);
        let with_standin = kind.name == "4k" && bench.is_wanted(&standin);
        if !with_standin && !names.iter().any(|n| bench.is_wanted(n)) {
            continue;
        }
        bench.say(&format!("filling the mailbox of {}", kind.name));
        let template = bench.template(kind)?;
        for (name, security) in names.iter().zip([Security::None, Security::Tls]) {
            if bench.is_wanted(name) {
                rows.push(bench.row(name, &template, security, kind.name == "large")?);
            }
        }
        if with_standin {
            rows.push(bench.standin_row(standin, &template)?);
        }
        bench.ground.clear(&template.user)?;
    }
    Ok(rows)
}

impl Plan {
    /// Rows are left out where only the box was asked for.
    fn wants_rows(&self) -> bool {
        !self.row.is_empty() || (!self.only_box && self.figure.is_empty())
    }

    /// The box is left out where only rows were asked for.
    fn wants_box(&self) -> bool {
        // A quick run is over in two minutes, which the box alone takes.
        self.only_box || !self.figure.is_empty() || (self.row.is_empty() && !self.quick)
    }
}

struct Bench<'a> {
    plan: &'a Plan,
    ground: Ground,
    programs: Programs<'a>,
}

impl Bench<'_> {
    fn say(&self, text: &str) {
        if self.plan.verbose {
            eprintln!("{text}");
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.plan.row.is_empty() || self.plan.row.iter().any(|r| name.contains(r.as_str()))
    }

    fn pairs(&self) -> usize {
        let usual = if self.plan.quick { 3 } else { 5 };
        self.plan.pairs.unwrap_or(usual).max(1)
    }

    /// Drains, or pairs of them, of one of the box's figures.
    fn turns(&self) -> usize {
        self.pairs().min(3)
    }

    /// A mailbox as one of the rows has it.
    fn template_of(&self, name: &str) -> Outcome<Template> {
        let kind = KINDS.iter().find(|kind| kind.name == name);
        let kind = kind.ok_or_else(|| Failure::new(format!("there is no row {name}")))?;
        self.template(kind)
    }

    fn template(&self, kind: &Kind) -> Outcome<Template> {
        let parts = if self.plan.quick {
            kind.quick
        } else {
            kind.full
        };
        let parts: Result<Vec<(usize, Size)>, String> = parts
            .iter()
            .map(|(count, size)| Ok((*count, size.parse()?)))
            .collect();
        self.ground
            .template(kind.name, &parts.during("a row's size")?)
    }

    fn row(
        &self,
        name: &str,
        template: &Template,
        security: Security,
        copied: bool,
    ) -> Outcome<Row> {
        let (ground, programs) = (&self.ground, &self.programs);
        let size = (template.octets / template.mails.max(1) as u64) as usize;
        let posts = (3_000_000_000 / size.max(1)).clamp(48, 40_000);
        let ceiling = crate::sink::ceiling(&ground.sink, posts, size, self.plan.inflight)?;
        let mut row = Row {
            name: name.to_owned(),
            mails: template.mails,
            octets: template.octets,
            raw: None,
            mbsync: None,
            ceiling: Some(ceiling),
            bare: Vec::new(),
            postern: Vec::new(),
            laden: Vec::new(),
            bare_empty: 0.0,
            postern_empty: 0.0,
            ratio: None,
            net: None,
            peak_rss: 0,
            void: false,
        };
        let empty = ground.empty();
        let (mut raws, mut bares, mut posterns, mut copies) = (vec![], vec![], vec![], vec![]);
        for n in 0..self.pairs() {
            raws.push(programs.raw(ground, &template.user, security)?.seconds);
            bares.push(programs.bare(ground, &ground.user(), security)?.seconds);
            posterns.push(
                programs
                    .postern(ground, &ground.user(), security, &empty)?
                    .seconds,
            );
            if copied && n == 0 {
                copies.extend(programs.mbsync(ground, &template.user, security)?);
            }
        }
        row.raw = Some(median(&raws));
        row.mbsync = copies.first().map(|c| c.seconds);
        (row.bare_empty, row.postern_empty) = (median(&bares), median(&posterns));
        for n in 0..self.pairs() {
            for turn in [n % 2, (n + 1) % 2] {
                let user = ground.lay_out(template)?;
                if turn == 0 {
                    row.bare.push(programs.bare(ground, &user, security)?);
                } else {
                    row.postern
                        .push(programs.postern(ground, &user, security, template)?);
                }
                ground.check(&user, template)?;
                ground.clear(&user)?;
            }
            if let (Some(bare), Some(postern)) = (row.bare.last(), row.postern.last()) {
                self.say(&format!(
                    "{name}, pair {}: bare {:.2} s, postern {:.2} s, {:.2}",
                    n + 1,
                    bare.seconds,
                    postern.seconds,
                    bare.seconds / postern.seconds
                ));
            }
        }
        let own = |of: &[Taken]| median(&of.iter().map(|t| t.processor).collect::<Vec<_>>());
        let more = own(&row.postern) - own(&row.bare);
        for _ in 0..self.turns() {
            let user = ground.lay_out(template)?;
            row.laden
                .push(programs.laden(ground, &user, security, more)?);
            ground.check(&user, template)?;
            ground.clear(&user)?;
        }
        let pairs = row.bare.iter().zip(&row.postern);
        let ratios: Vec<f64> = pairs.clone().map(|(b, p)| b.seconds / p.seconds).collect();
        let nets: Vec<f64> = pairs
            .map(|(b, p)| (b.seconds - row.bare_empty) / (p.seconds - row.postern_empty))
            .collect();
        row.ratio = Some(median(&ratios));
        row.net = Some(median(&nets));
        row.peak_rss = row.postern.iter().map(|t| t.peak_rss).max().unwrap_or(0);
        let fastest = row.bare.iter().chain(&row.postern);
        let fastest = fastest.map(|t| t.seconds).fold(f64::INFINITY, f64::min);
        row.void = ceiling < CEILING * row.mails as f64 / fastest;
        Ok(row)
    }

    /// The appliance alone, into a portal that keeps what it is given.
    fn standin_row(&self, name: String, template: &Template) -> Outcome<Row> {
        let mut row = Row {
            name,
            mails: template.mails,
            octets: template.octets,
            raw: None,
            mbsync: None,
            ceiling: None,
            bare: Vec::new(),
            postern: Vec::new(),
            laden: Vec::new(),
            bare_empty: 0.0,
            postern_empty: 0.0,
            ratio: None,
            net: None,
            peak_rss: 0,
            void: false,
        };
        for _ in 0..self.pairs() {
            let user = self.ground.lay_out(template)?;
            let taken = self
                .programs
                .postern_into_standin(&self.ground, &user, template)?;
            self.ground.check(&user, template)?;
            self.ground.clear(&user)?;
            self.say(&format!("{}: {:.2} s", row.name, taken.seconds));
            row.postern.push(taken);
        }
        row.peak_rss = row.postern.iter().map(|t| t.peak_rss).max().unwrap_or(0);
        Ok(row)
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (None, _) => f64::NAN,
        (Some(value), 1) => *value,
        (Some(value), _) => (sorted[middle - 1] + value) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        plan: Plan,
    }

    #[track_caller]
    fn check(words: &str, rows: bool, the_box: bool) {
        let line = ["bench", "--dir", "d"]
            .into_iter()
            .chain(words.split_ascii_whitespace());
        let plan = <Line as clap::Parser>::try_parse_from(line).unwrap().plan;
        assert_eq!(
            (plan.wants_rows(), plan.wants_box()),
            (rows, the_box),
            "{words}"
        );
    }

    #[test]
    fn rows_and_box_are_measured_unless_one_alone_is_asked_for() {
        check("", true, true);
        check("--box", false, true);
        check("--figure idle", false, true);
        check("--row 4k", true, false);
        check("--row 4k --box", true, true);
        check("--quick", true, false);
        check("--quick --box", false, true);
    }

    #[test]
    fn every_row_has_sizes_that_can_be_read() {
        for kind in KINDS {
            for (count, size) in kind.full.iter().chain(kind.quick) {
                assert!(*count > 0);
                assert!(size.parse::<Size>().is_ok(), "{size}");
            }
        }
    }
}
