//! Starts a Dovecot in a folder of its own, or stops the one that runs there.

use std::io::{Read, Write};
use std::process::ExitCode;

use clap::Parser;
use yard::dovecot::{start, stop, Plan};
use yard::{finish, Outcome, While};

/// A mail server in one folder: prints one JSON line with its ports, and serves until it is
/// ended by a signal, or until its standard input closes with --until-eof.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// Stop the server that runs in the folder, and wait until it is gone
    #[arg(long)]
    stop: bool,
    /// End when standard input closes: nothing outlives a test that dies
    #[arg(long)]
    until_eof: bool,
}

fn main() -> ExitCode {
    finish("yard-dovecot", serve(&Arguments::parse()))
}

fn serve(arguments: &Arguments) -> Outcome<()> {
    if arguments.stop {
        stop(&arguments.plan.server.dir)?;
        return Ok(());
    }
    let (mut child, address) = start(&arguments.plan)?;
    let line = serde_json::to_string(&address).during("writing the address")?;
    println!("{line}");
    std::io::stdout().flush().during("writing the address")?;
    if arguments.until_eof {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        stop(&arguments.plan.server.dir)?;
    }
    child.wait().during("waiting for Dovecot")?;
    Ok(())
}
