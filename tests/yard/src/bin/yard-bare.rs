//! The bare drain, the yardstick of the bench.

use std::process::ExitCode;

use clap::Parser;
use yard::bare::{drain, Plan};
use yard::{finish, Outcome, While};

/// Drains a mailbox into a sink without a thought, and prints what it took as JSON.
/// Example: yard-bare --port 10143 --sink 127.0.0.1:8080 --file /tmp/bare
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
}

fn main() -> ExitCode {
    finish("yard-bare", run(&Arguments::parse().plan))
}

fn run(plan: &Plan) -> Outcome<()> {
    let report = drain(plan)?;
    println!(
        "{}",
        serde_json::to_string(&report).during("writing the report")?
    );
    Ok(())
}
