//! The bench: rows of drains, beside the bare ones, and the box's figures.

use std::process::ExitCode;

use clap::Parser;
use yard::bench::{run, Plan};
use yard::{finish, Failure, Outcome, While};

/// Measures the appliance against the bare drain and prints a table.
/// Example: yard-bench --dir /var/tmp/bench --quick
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// Print the measurements as JSON; the table goes to standard error
    #[arg(long)]
    json: bool,
    /// Fail where a row or a figure is over its budget, a row is void, or what has a budget can't be measured
    #[arg(long)]
    budget: bool,
}

fn main() -> ExitCode {
    finish("yard-bench", bench(&Arguments::parse()))
}

fn bench(arguments: &Arguments) -> Outcome<()> {
    let report = run(&arguments.plan);
    if !arguments.plan.keep && report.is_ok() {
        let _ = std::fs::remove_dir_all(&arguments.plan.dir);
    }
    let report = report?;
    if arguments.json {
        eprint!("{}", report.table());
        println!(
            "{}",
            serde_json::to_string(&report).during("writing the report")?
        );
    } else {
        print!("{}", report.table());
    }
    if arguments.budget && !report.is_within_budget() {
        return Err(Failure::new(
            "something is over its budget, or was not measured",
        ));
    }
    if !report.is_whole() {
        return Err(Failure::new("a measurement went wrong"));
    }
    Ok(())
}
