//! Starts a Cyrus in a folder of its own, or says whether there is one.

use std::io::{Read, Write};
use std::process::ExitCode;

use clap::Parser;
use yard::cyrus::{look, start, stop};
use yard::server::Options;
use yard::{finish, Failure, Outcome, While};

/// A mail server in one folder: prints one JSON line with its ports, and serves until its standard
/// input closes.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    plan: Option<Options>,
    /// End when standard input closes; it always does
    #[arg(long)]
    until_eof: bool,
    /// Start nothing: status 0 where there is a Cyrus on this machine, else 1 and the reason
    #[arg(long, exclusive = true)]
    look: bool,
}

fn main() -> ExitCode {
    finish("yard-cyrus", serve(&Arguments::parse()))
}

fn serve(arguments: &Arguments) -> Outcome<()> {
    if arguments.look {
        return look();
    }
    let plan = arguments.plan.as_ref();
    let plan = plan.ok_or_else(|| Failure::new("say where: --dir"))?;
    let (mut child, address) = start(plan)?;
    let line = serde_json::to_string(&address).during("writing the address")?;
    println!("{line}");
    std::io::stdout().flush().during("writing the address")?;
    let mut rest = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut rest);
    stop(&mut child)
}
