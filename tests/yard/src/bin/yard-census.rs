//! The outside count, as JSON.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use yard::census::{compare, look, portal_ids, Census, Worked};
use yard::fill::Manifest;
use yard::imap::{Imap, Target};
use yard::{finish, Failure, Outcome, While};

/// Counts what lies in the mailbox and at the portal against what was put in. Status 0 only if
/// nothing is lost, doubled, altered, or archived without the portal having it.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Manifest that yard-fill wrote; without it only mailbox and portal are compared
    #[arg(long)]
    manifest: Option<PathBuf>,
    /// HOST:PORT or URL of the stand-in portal
    #[arg(long)]
    portal: Option<String>,
    /// Folder to look at; all when absent; may be repeated
    #[arg(long)]
    folder: Vec<String>,
    /// Look at the fields only, and leave the digests out
    #[arg(long)]
    no_bodies: bool,
    /// Also fail unless all that should have become tickets is at the portal and archived
    #[arg(long)]
    complete: bool,
    /// Look again until it is complete, for at most so many seconds
    #[arg(long, default_value_t = 0)]
    wait: u64,
    /// People have worked with what was held: what `postern held list --aside --json` says of it
    #[arg(long, value_name = "FILE", conflicts_with = "no_bodies")]
    worked: Option<PathBuf>,
    /// Print each message on the server, a JSON line each, before the count
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    finish("yard-census", count(&Arguments::parse()))
}

fn count(arguments: &Arguments) -> Outcome<()> {
    let deadline = Instant::now() + Duration::from_secs(arguments.wait);
    let census = loop {
        let last = arguments.wait == 0 || Instant::now() >= deadline;
        // While waiting, the fields are enough, but for the keys of what was set aside; digests cost
        // the server a full read.
        let wanted = last || arguments.worked.is_some();
        let census = once(arguments, wanted && !arguments.no_bodies)?;
        if last {
            break census;
        }
        if census.complete {
            break once(arguments, !arguments.no_bodies)?;
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    println!(
        "{}",
        serde_json::to_string(&census).during("writing the count")?
    );
    if !census.sound || (arguments.complete && !census.complete) {
        return Err(Failure::new("the count does not add up"));
    }
    Ok(())
}

fn once(arguments: &Arguments, bodies: bool) -> Outcome<Census> {
    let manifest = match &arguments.manifest {
        Some(path) if !path.exists() => {
            return Err(Failure::new(format!("{} is not there", path.display())))
        }
        Some(path) => Manifest::read(path)?,
        None => Manifest::default(),
    };
    // The server first: what is archived was told to the portal before, so a portal read later
    // can't make a sound drain look as if it had archived too early.
    let mut imap = Imap::sign_in(&arguments.target)?;
    let server = look(&mut imap, &arguments.folder, bodies, &arguments.target.user)?;
    let portal = match &arguments.portal {
        Some(address) => portal_ids(address)?,
        None => Vec::new(),
    };
    if arguments.list {
        for mail in &server {
            println!(
                "{}",
                serde_json::to_string(mail).during("writing a message")?
            );
        }
    }
    let worked = match &arguments.worked {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.during(format!("reading {}", path.display()))?;
            Some(Worked::read(&text)?)
        }
        None => None,
    };
    Ok(compare(&manifest, &server, &portal, worked.as_ref()))
}
