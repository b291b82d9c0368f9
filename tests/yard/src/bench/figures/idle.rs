//! What the service takes while nothing happens: IDLE open, nothing in the mailbox.

use std::time::{Duration, Instant};

use super::super::Bench;
use super::service::{await_that, Service};
use super::{Budget, Figure};
use crate::imap::Security;
use crate::Outcome;

/// How long it may settle after the start. Then two minutes: sled's threads look about them so often.
const SETTLE: Duration = Duration::from_secs(5);

/// Memory, threads, wake-ups and octets written.
pub fn figures(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    let ground = &bench.ground;
    let watched = Duration::from_secs(if bench.plan.quick { 20 } else { 120 });
    let url = format!("http://{}", ground.sink);
    let store = bench
        .programs
        .prepare(ground, &ground.user(), Security::Tls, &url)?;
    let service = Service::start(bench, &store)?;
    await_that(
        "the mailbox to be watched",
        Duration::from_millis(20),
        || {
            let status = service.status()?;
            Ok(status
                .pointer("/mailboxes/0/state")
                .and_then(|s| s.as_str())
                == Some("watching"))
        },
    )?;
    std::thread::sleep(SETTLE);
    let (before, begun) = (service.process.now()?, Instant::now());
    std::thread::sleep(watched);
    let (after, minutes) = (service.process.now()?, begun.elapsed().as_secs_f64() / 60.0);
    service.stop()?;

    let mut woken: Vec<(u64, &str)> = Vec::new();
    for (id, (name, slept)) in &after.threads {
        let earlier = before.threads.get(id).map_or(0, |(_, slept)| *slept);
        woken.push((slept - earlier.min(*slept), name));
    }
    woken.sort();
    let sum: u64 = woken.iter().map(|(count, _)| count).sum();
    let names: Vec<&str> = after
        .threads
        .values()
        .map(|(name, _)| name.as_str())
        .collect();
    let by_thread: Vec<String> = woken
        .iter()
        .rev()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{name} {count}"))
        .collect();
    let seconds = watched.as_secs();
    let written = match (before.written, after.written) {
        (Some(before), Some(after)) => Figure::new(
            "idle: written to disk",
            (after - before) as f64,
            "octets",
            Some(Budget::AtMost(0.0)),
            format!("in {seconds} s"),
        ),
        _ => Figure::unmeasured("idle: written to disk", "no account of it (/proc/PID/io)"),
    };
    Ok(vec![
        Figure::new(
            "idle: resident memory",
            after.resident as f64 / f64::from(1 << 20),
            "MiB",
            Some(Budget::Under(12.0)),
            format!(
                "IDLE open over TLS; {:.1} MiB of it data, the rest the program and its libraries; {:.1} MiB \
                 at the highest",
                after.data as f64 / f64::from(1 << 20),
                after.peak as f64 / f64::from(1 << 20)
            ),
        ),
        Figure::new(
            "idle: threads",
            after.threads.len() as f64,
            "",
            None,
            names.join(", "),
        ),
        Figure::new(
            "idle: wake-ups",
            sum as f64 / minutes,
            "a minute",
            Some(Budget::Under(10.0)),
            format!("{sum} in {seconds} s: {}", by_thread.join(", ")),
        ),
        written,
    ])
}
