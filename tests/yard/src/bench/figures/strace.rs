//! strace beside a process: which calls it makes, and how many octets it hands to files.
//!
//! It stands beside the process (`-D`), so that the process stays ours to ask and to end, and stops
//! it at the traced calls only (`--seccomp-bpf`).

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::service::await_that;
use crate::{Outcome, While};

/// The calls that write to files.
pub const WRITES: &str = "write,pwrite64,writev,pwritev,pwritev2";
const PAGE: u64 = 4096;

/// Why nothing can be traced here.
pub fn hindrance() -> Option<String> {
    let tried = Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-e", "trace=fsync"])
        .args(["-o", "/dev/null", "true"])
        .output();
    match tried {
        Err(_) => Some("there is no strace here".into()),
        Ok(done) if done.status.success() => None,
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            let first = said.lines().next().unwrap_or_default().to_owned();
            Some(format!("ptrace is not permitted here ({first})"))
        }
    }
}

/// strace around a command, noting these calls in a file.
pub fn around(command: &Command, calls: &str, trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace
        .args(["-D", "-f", "-y", "-s", "0", "--seccomp-bpf", "-e"])
        .arg(format!("trace={calls}"))
        .arg("-o")
        .arg(trace)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// Waits until all is noted: strace, beside the process, writes its last lines a moment later.
pub fn await_end(trace: &Path) -> Outcome<()> {
    await_that("strace to end", Duration::from_millis(20), || {
        Ok(read(trace)?.contains("+++ exited"))
    })?;
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}

/// What was noted so far.
pub fn read(trace: &Path) -> Outcome<String> {
    fs::read_to_string(trace).during(format!("reading {}", trace.display()))
}

/// Octets of all pages that the noted writes to files of a folder touched. A page that two writes
/// touched counts twice, as it goes to the disk twice when a sync comes between; so this is the most
/// that it can be.
pub fn pages_written(trace: &str, folder: &Path) -> u64 {
    let inside = format!("<{}/", folder.display());
    let written = trace.lines().filter_map(|line| {
        let (_, behind) = line.split_once(&inside)?;
        let (_, arguments) = behind.split_once(">, ")?;
        // pwrite64: octets, length, offset; write: octets, length.
        let mut numbers = arguments.split(", ").skip(1).map(leading);
        let length = numbers.next()?.or_else(|| result(line))?;
        let offset = numbers.next().flatten().unwrap_or(0);
        let last = (offset + length).checked_sub(1)?;
        Some((last / PAGE - offset / PAGE + 1) * PAGE)
    });
    written.sum()
}

fn leading(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().ok()
}

fn result(line: &str) -> Option<u64> {
    line.rsplit_once(" = ")?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_each_write_below_the_folder_are_counted() {
        let trace = "7  pwrite64(9</v/store/journal/1>, \"\"..., 4104, 0) = 4104\n\
            8  pwrite64(9</v/store/journal/1>, \"\"..., 10, 4090 <unfinished ...>\n\
            8  <... pwrite64 resumed>) = 10\n\
            7  write(3</v/store/portal.json>, \"\"..., 73) = 73\n\
            7  write(2<pipe:[77]>, \"\"..., 170) = 170\n";
        assert_eq!(pages_written(trace, Path::new("/v/store")), 5 * PAGE);
    }
}
