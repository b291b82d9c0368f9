//! The yard: what stands around the gate while it is tested and measured.
//!
//! A mail server of one's own ([`dovecot`], [`cyrus`]), mail to put into it ([`sample`], [`bulk`], [`fill`]),
//! an outside count of what became of it ([`census`]), the yardsticks of the bench ([`bare`],
//! [`sink`]), the bench itself ([`bench`](mod@bench)) and a power cut ([`powercut`]). Nothing in here knows the appliance: its only
//! witnesses are the mail server and the portal. Blocking I/O throughout, because a yardstick
//! should have nothing to hide behind.

use std::fmt::Display;

pub mod bare;
pub mod bench;
pub mod bulk;
pub mod census;
pub mod cyrus;
pub mod dovecot;
pub mod fill;
pub mod imap;
pub mod mime;
pub mod people;
pub mod powercut;
pub mod random;
pub mod sample;
pub mod server;
pub mod sink;

/// What went wrong, as a sentence for whoever runs the tool; no code decides by it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure from a finished sentence.
    pub fn new(said: impl Into<String>) -> Failure {
        Failure(said.into())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// The outcome of everything in the yard.
pub type Outcome<T> = Result<T, Failure>;

/// Names what was being done when a foreign error came up.
pub trait While<T> {
    /// Puts `doing` in front of the error.
    fn during(self, doing: impl Display) -> Outcome<T>;
}

impl<T, E: Display> While<T> for Result<T, E> {
    fn during(self, doing: impl Display) -> Outcome<T> {
        self.map_err(|e| Failure(format!("{doing}: {e}")))
    }
}

/// Ends a tool: nothing for success, the sentence on standard error and status 1 otherwise.
pub fn finish(tool: &str, outcome: Outcome<()>) -> std::process::ExitCode {
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{tool}: {e}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// This process's highest resident memory so far, in octets (0 where /proc does not tell).
pub fn resident_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}
