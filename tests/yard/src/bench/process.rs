//! A program while it runs, seen from outside: memory, threads, wake-ups, octets written,
//! processor time.
//!
//! All of it is the kernel's own account in /proc. What a process took in all is read between its
//! end and its burial (`waitid` with WNOWAIT), when that account is complete. Octets written are
//! counted where the process makes a page dirty, so they hold neither the file system's own
//! journal nor what a disk does inside; a memory file system is not counted at all. With large folios
//! they are more than what is written (see `figures/drains`); none is none.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{kill_process, waitid, Pid, Signal, WaitId, WaitIdOptions};
use serde::Serialize;

use crate::{Failure, Outcome, While};

/// How often a program's memory is looked at. The kernel keeps the highest value, so only what a
/// program takes in its last moment can be missed.
const LOOK: Duration = Duration::from_millis(8);
/// Lines of a program's log that are kept for the sentence about its failure.
const TAIL: usize = 5;

/// What one run took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Taken {
    /// From the start of the process to its end.
    pub seconds: f64,
    /// Highest resident memory.
    pub peak_rss: u64,
    /// Processor seconds, its own and the kernel's for it.
    pub processor: f64,
    /// The kernel's part of them.
    pub system: f64,
    /// Processor seconds of the whole machine meanwhile, with all servers.
    pub machine: f64,
    /// The part of its processors' time that this is.
    pub busy: f64,
    /// Octets that it had written to a disk, where the kernel tells.
    pub written: Option<u64>,
}

/// Where a program's words go.
pub enum Log<'a> {
    /// To a file, whose octets then count among what it writes.
    File(&'a Path),
    /// Through a pipe, as to the system's journal: they are nothing that it writes to a disk.
    Pipe,
}

/// A program that was started; it is killed when it is dropped before its end.
pub struct Process {
    name: String,
    child: Child,
    begun: Instant,
    machine: Machine,
    peak: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    log: Option<PathBuf>,
    tail: Arc<Mutex<VecDeque<String>>>,
}

/// How a running process is at one moment.
pub struct Moment {
    /// Resident memory.
    pub resident: u64,
    /// Of it what no file holds: its data.
    pub data: u64,
    /// The highest that it was.
    pub peak: u64,
    /// Octets written so far, where the kernel tells.
    pub written: Option<u64>,
    /// Processor seconds so far, its own and the kernel's for it.
    pub processor: f64,
    /// Each thread's name, and how often it went to sleep by itself: so often it was woken.
    pub threads: BTreeMap<u32, (String, u64)>,
}

/// The time of all processors so far, in hundredths of a second.
#[derive(Clone, Copy, Default)]
struct Machine {
    busy: u64,
    all: u64,
}

impl Machine {
    /// By the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; what is
    /// behind them is part of these.
    fn now() -> Machine {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = stat.lines().next().unwrap_or_default();
        let told = line.split_whitespace().skip(1).take(8);
        let told: Vec<u64> = told.map(|n| n.parse().unwrap_or(0)).collect();
        let idle: u64 = told.iter().skip(3).take(2).sum();
        let all = told.iter().sum();
        Machine {
            busy: all - idle,
            all,
        }
    }
}

impl Process {
    /// Starts a program.
    pub fn start(command: &mut Command, log: Log<'_>) -> Outcome<Process> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null());
        let file = match log {
            Log::File(path) => {
                let said = fs::File::create(path).during(format!("writing {}", path.display()))?;
                command
                    .stdout(said.try_clone().during("the log")?)
                    .stderr(said);
                Some(path.to_owned())
            }
            Log::Pipe => {
                command.stdout(Stdio::null()).stderr(Stdio::piped());
                None
            }
        };
        let (begun, machine) = (Instant::now(), Machine::now());
        let mut child = command.spawn().during(format!("starting {name}"))?;
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(said) = child.stderr.take() {
            let tail = tail.clone();
            std::thread::spawn(move || keep_tail(BufReader::new(said), &tail));
        }
        let (peak, ended) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let (highest_yet, over) = (peak.clone(), ended.clone());
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&status).unwrap_or_default();
                highest_yet.fetch_max(kib(&text, "VmHWM:"), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        Ok(Process {
            name,
            child,
            begun,
            machine,
            peak,
            ended,
            log: file,
            tail,
        })
    }

    /// When it was started.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Waits for its end, which must be a good one.
    pub fn wait(mut self) -> Outcome<Taken> {
        let doing = format!("waiting for {}", self.name);
        let pid = Pid::from_child(&self.child);
        waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )
        .during(&doing)?;
        let seconds = self.begun.elapsed().as_secs_f64();
        let machine = Machine::now();
        let folder = format!("/proc/{}", self.child.id());
        let stat = fs::read_to_string(format!("{folder}/stat")).unwrap_or_default();
        let (user, system) = processor(&stat);
        let written = written(&folder);
        self.ended.store(true, Ordering::Relaxed);
        let status = self.child.wait().during(&doing)?;
        if !status.success() {
            return Err(Failure::new(format!(
                "{} ended with {status}: {}",
                self.name,
                self.last_words()
            )));
        }
        Ok(Taken {
            seconds,
            peak_rss: self.peak.load(Ordering::Relaxed),
            processor: (user + system) as f64 / 100.0,
            system: system as f64 / 100.0,
            machine: (machine.busy - self.machine.busy) as f64 / 100.0,
            busy: (machine.busy - self.machine.busy) as f64
                / (machine.all - self.machine.all).max(1) as f64,
            written,
        })
    }

    /// Asks it to end, and waits for that.
    pub fn stop(self) -> Outcome<Taken> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .during(format!("ending {}", self.name))?;
        self.wait()
    }

    /// How it is now.
    pub fn now(&self) -> Outcome<Moment> {
        let folder = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{folder}/status"))
            .during(format!("looking at {}", self.name))?;
        let mut threads = BTreeMap::new();
        let tasks = fs::read_dir(format!("{folder}/task")).during("listing its threads")?;
        for task in tasks.flatten() {
            // A thread may end between the two looks.
            let Ok(text) = fs::read_to_string(task.path().join("status")) else {
                continue;
            };
            let name = value(&text, "Name:").unwrap_or_default().to_owned();
            let slept = value(&text, "voluntary_ctxt_switches:").and_then(|v| v.parse().ok());
            if let Ok(id) = task.file_name().to_string_lossy().parse() {
                threads.insert(id, (name, slept.unwrap_or(0)));
            }
        }
        let stat = fs::read_to_string(format!("{folder}/stat")).unwrap_or_default();
        let (user, system) = processor(&stat);
        Ok(Moment {
            processor: (user + system) as f64 / 100.0,
            resident: kib(&status, "VmRSS:"),
            data: kib(&status, "RssAnon:"),
            peak: kib(&status, "VmHWM:"),
            written: written(&folder),
            threads,
        })
    }

    fn last_words(&self) -> String {
        let lines: Vec<String> = match &self.log {
            Some(log) => {
                let text = fs::read_to_string(log).unwrap_or_default();
                text.lines().rev().take(TAIL).map(str::to_owned).collect()
            }
            None => match self.tail.lock() {
                Ok(tail) => tail.iter().rev().cloned().collect(),
                Err(_) => Vec::new(),
            },
        };
        lines.join(" | ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Both do nothing to a child that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep_tail(said: impl BufRead, tail: &Mutex<VecDeque<String>>) {
    for line in said.lines().map_while(Result::ok) {
        if let Ok(mut tail) = tail.lock() {
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line);
        }
    }
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

fn kib(status: &str, name: &str) -> u64 {
    let kib = value(status, name).and_then(|v| v.trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn written(folder: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("{folder}/io")).ok()?;
    value(&text, "write_bytes:")?.parse().ok()
}

/// utime and stime of proc(5), fields 14 and 15, in ticks; a hundred are a second.
fn processor(stat: &str) -> (u64, u64) {
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let mut fields = rest.split(' ').skip(11).map(|f| f.parse().unwrap_or(0));
    (fields.next().unwrap_or(0), fields.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_processor_time_are_read_from_proc() {
        let status = "VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n";
        assert_eq!(kib(status, "VmHWM:"), 2 << 20);
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 100 0 0 0 40 2 0 0 20 0";
        assert_eq!(processor(stat), (40, 2));
    }

    #[test]
    fn what_a_process_wrote_is_known_after_its_end() {
        // Beside the build, which lies on a disk; a memory file system is not counted.
        let beside = std::env::current_exe().unwrap();
        let dir = tempfile::tempdir_in(beside.parent().unwrap()).unwrap();
        if rustix::fs::statfs(dir.path()).unwrap().f_type == 0x0102_1994 {
            return;
        }
        let mut command = Command::new("sh");
        command
            .current_dir(dir.path())
            .args(["-c", "head -c 1000000 /dev/zero >file"]);
        let taken = Process::start(&mut command, Log::Pipe)
            .unwrap()
            .wait()
            .unwrap();
        // The shell waited for the child that wrote, so it is in the shell's account.
        assert!(taken.written.is_none_or(|w| w >= 1_000_000), "{taken:?}");
    }

    #[test]
    fn a_bad_end_is_told_with_the_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one >&2; echo two >&2; exit 3"]);
        let process = Process::start(&mut command, Log::Pipe).unwrap();
        let said = process.wait().unwrap_err().to_string();
        assert!(said.contains("exit status: 3"), "{said}");
    }
}
