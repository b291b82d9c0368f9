//! The box, measured: what the appliance takes of the machine it runs on, a figure to a line.
//!
//! Everything is told from outside the process: by the kernel's account of it (`process`), by
//! strace, by the mail server and the sink. Each figure stands beside its budget. One
//! that can't be measured here says so, loudly, and is neither met nor missed.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

use super::Bench;
use crate::{Failure, Outcome, While};

mod arrival;
mod backlog;
mod drains;
mod idle;
mod service;
mod strace;
mod syncs;

/// What a figure may be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// Not more than this.
    AtMost(f64),
    /// Less than this.
    Under(f64),
    /// Not less than this.
    AtLeast(f64),
}

/// One line of the box's table.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much it is; none where it could not be measured.
    pub measured: Option<f64>,
    /// In what.
    pub unit: &'static str,
    /// What it may be; none where nothing is asked.
    pub budget: Option<Budget>,
    /// Of how many, and what else belongs to it.
    pub remark: String,
    /// The measurement itself went wrong.
    pub failed: bool,
    /// Not measured, although a budget hangs on it: with `--budget` that is no pass.
    pub missing: bool,
}

impl Figure {
    fn new(
        name: impl Into<String>,
        measured: f64,
        unit: &'static str,
        budget: Option<Budget>,
        remark: impl Into<String>,
    ) -> Figure {
        Figure {
            name: name.into(),
            // JSON knows no infinity, and no budget is met by what is no number.
            measured: measured.is_finite().then_some(measured),
            unit,
            budget,
            remark: remark.into(),
            failed: !measured.is_finite(),
            missing: false,
        }
    }

    /// A line for what this run could not measure, and has no budget.
    fn untold(name: &str, why: &str) -> Figure {
        Figure {
            name: name.to_owned(),
            measured: None,
            unit: "",
            budget: None,
            remark: why.to_owned(),
            failed: false,
            missing: false,
        }
    }

    /// A line for what this run could not measure, and what has a budget.
    fn unmeasured(name: &str, why: &str) -> Figure {
        Figure {
            missing: true,
            ..Figure::untold(name, why)
        }
    }

    /// A line for a measurement that went wrong.
    fn failed(name: &str, why: &Failure) -> Figure {
        Figure {
            failed: true,
            ..Figure::unmeasured(name, &why.to_string())
        }
    }

    /// Whether it is over its budget.
    pub fn is_over(&self) -> bool {
        match (self.measured, self.budget) {
            (Some(m), Some(Budget::AtMost(b))) => m > b,
            (Some(m), Some(Budget::Under(b))) => m >= b,
            (Some(m), Some(Budget::AtLeast(b))) => m < b,
            _ => false,
        }
    }
}

type Part = fn(&Bench<'_>) -> Outcome<Vec<Figure>>;

/// The parts of the box, in the order of the table; `--figure` chooses by these names.
const PARTS: &[(&str, Part)] = &[
    ("drains", drains::figures),
    ("syncs", syncs::figures),
    ("arrival", arrival::figures),
    ("idle", idle::figures),
    ("queued", backlog::queued),
    ("unread", backlog::unread),
    ("asked", drains::asked),
    ("binary", binary),
];

/// Measures the parts that are wanted; one that fails does not keep the others back.
pub(super) fn measure(bench: &Bench<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, part) in PARTS {
        let wanted = &bench.plan.figure;
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let begun = std::time::Instant::now();
        bench.say(&format!("the box: {name}"));
        match part(bench) {
            Ok(measured) => {
                for figure in &measured {
                    bench.say(super::table::figure(figure).trim_end());
                }
                figures.extend(measured);
            }
            Err(e) => figures.push(Figure::failed(name, &e)),
        }
        let seconds = begun.elapsed().as_secs_f64();
        bench.say(&format!("the box: {name} took {seconds:.0} s"));
    }
    figures
}

/// The binary as it is shipped, and what the script told about its making.
fn binary(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    let stripped = bench.ground.dir().join("stripped");
    let done = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(bench.programs.binary())
        .output();
    let size = match done {
        Ok(done) if done.status.success() => {
            let octets = octets(&stripped)? as f64;
            let budget = Some(Budget::Under(8.0));
            Figure::new("stripped binary", octets / 1e6, "MB", budget, "")
        }
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            Figure::failed("stripped binary", &Failure::new(said.trim()))
        }
        Err(_) => Figure::unmeasured("stripped binary", "there is no strip here (binutils)"),
    };
    let crates = match bench.plan.crates {
        Some(count) => Figure::new("crates", count as f64, "", None, "linked, without its own"),
        None => Figure::untold("crates", "nobody counted them: --crates"),
    };
    let build = match bench.plan.build_seconds {
        Some(seconds) => Figure::new("build of the binary", seconds, "s", None, "from nothing"),
        None => Figure::untold(
            "build of the binary",
            "it was there already, in part or whole",
        ),
    };
    Ok(vec![size, crates, build])
}

fn octets(path: &Path) -> Outcome<u64> {
    let doing = format!("looking at {}", path.display());
    Ok(fs::metadata(path).during(doing)?.len())
}

/// The value below which so much of them lies (nearest rank); with fewer than a hundred, the 99th
/// percentile is the highest.
fn percentile(of: &[f64], part: f64) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn over(measured: f64, budget: Budget) -> bool {
        Figure::new("f", measured, "", Some(budget), "").is_over()
    }

    #[test]
    fn a_budget_is_kept_up_to_its_edge() {
        assert!(!over(3.0, Budget::AtMost(3.0)) && over(3.1, Budget::AtMost(3.0)));
        assert!(!over(2.9, Budget::Under(3.0)) && over(3.0, Budget::Under(3.0)));
        assert!(!over(3.0, Budget::AtLeast(3.0)) && over(2.9, Budget::AtLeast(3.0)));
    }

    /// Goes red where what has a budget and could not be measured counts as kept.
    #[test]
    fn what_has_a_budget_and_was_not_measured_is_no_pass() {
        let within = |figure| {
            let report = super::super::Report {
                rows: Vec::new(),
                figures: vec![figure],
                seconds: 1.0,
                processors: 2,
            };
            report.is_within_budget()
        };
        assert!(!within(Figure::unmeasured("syncs", "no right to trace")));
        assert!(within(Figure::untold("crates", "nobody counted them")));
        assert!(within(Figure::new("f", 1.0, "", None, "")));
    }

    #[test]
    fn what_is_no_number_failed() {
        let figure = Figure::new("f", f64::NAN, "", Some(Budget::AtMost(1.0)), "");
        assert!(figure.failed && figure.measured.is_none());
    }

    #[test]
    fn the_99th_percentile_of_few_is_the_highest() {
        let few: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(percentile(&few, 0.99), 20.0);
        let many: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&many, 0.99), 198.0);
        assert!(percentile(&[], 0.99).is_nan());
    }
}
