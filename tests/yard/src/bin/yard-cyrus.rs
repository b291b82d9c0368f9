//! Starts a Cyrus in a folder of its own.

use std::io::{Read, Write};
use std::process::ExitCode;

use clap::Parser;
use yard::cyrus::{start, stop, Plan};
use yard::{finish, Outcome, While};

/// A mail server in one folder: prints one JSON line with its ports, and serves until its standard
/// input closes.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// End when standard input closes; it always does
    #[arg(long)]
    until_eof: bool,
}

fn main() -> ExitCode {
    finish("yard-cyrus", serve(&Arguments::parse()))
}

fn serve(arguments: &Arguments) -> Outcome<()> {
    let (mut child, address) = start(&arguments.plan)?;
    let line = serde_json::to_string(&address).during("writing the address")?;
    println!("{line}");
    std::io::stdout().flush().during("writing the address")?;
    let mut rest = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut rest);
    stop(&mut child)
}
