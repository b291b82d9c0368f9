//! The appliance as a service, asked at its control socket as a console would ask.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::process::{Log, Process, Taken};
use super::super::Bench;
use crate::{Failure, Outcome, While};

/// How long anything may take before the measurement is given up.
const LONGEST: Duration = Duration::from_secs(300);

/// A running service.
pub struct Service {
    /// Its process.
    pub process: Process,
    socket: PathBuf,
    /// Seconds from its start until it answered `status`.
    pub served_after: f64,
}

impl Service {
    /// Starts the service on a prepared store, and waits until it answers.
    pub fn start(bench: &Bench<'_>, store: &Path) -> Outcome<Service> {
        Service::start_by(&mut bench.programs.run(store, false), store)
    }

    /// The same with a command of one's own.
    pub fn start_by(command: &mut Command, store: &Path) -> Outcome<Service> {
        let socket = store.join("control.sock");
        let process = Process::start(command, Log::Pipe)?;
        await_that("the service to answer", Duration::from_millis(2), || {
            Ok(status(&socket).is_ok())
        })?;
        let served_after = process.begun().elapsed().as_secs_f64();
        Ok(Service {
            process,
            socket,
            served_after,
        })
    }

    /// What `status` says.
    pub fn status(&self) -> Outcome<Value> {
        status(&self.socket)
    }

    /// Ends it as an operator would.
    pub fn stop(self) -> Outcome<Taken> {
        self.process.stop()
    }
}

/// Asks a service for its status.
pub fn status(socket: &Path) -> Outcome<Value> {
    let doing = "asking for the status";
    let mut stream = UnixStream::connect(socket).during(doing)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .during(doing)?;
    stream
        .write_all(
            b"POST /v1/status HTTP/1.1\r\nHost: postern\r\nContent-Type: application/json\r\n\
              Content-Length: 2\r\nConnection: close\r\n\r\n{}",
        )
        .during(doing)?;
    let mut said = String::new();
    stream.read_to_string(&mut said).during(doing)?;
    // The document may come in chunks; it is the one object in the answer.
    match (said.find('{'), said.rfind('}')) {
        (Some(from), Some(to)) if said.starts_with("HTTP/1.1 200") => {
            serde_json::from_str(&said[from..=to]).during(doing)
        }
        _ => Err(Failure::new(format!("{doing}: it said {said:.200}"))),
    }
}

/// A count of the status, by name.
pub fn count(status: &Value, name: &str) -> u64 {
    let found = status.pointer(&format!("/counts/{name}"));
    found.and_then(Value::as_u64).unwrap_or(0)
}

/// Looks again and again until something is so.
pub fn await_that(
    what: &str,
    every: Duration,
    mut is_so: impl FnMut() -> Outcome<bool>,
) -> Outcome<()> {
    let begun = Instant::now();
    while !is_so()? {
        if begun.elapsed() > LONGEST {
            let seconds = LONGEST.as_secs();
            return Err(Failure::new(format!("waited {seconds} s for {what}")));
        }
        std::thread::sleep(every);
    }
    Ok(())
}
