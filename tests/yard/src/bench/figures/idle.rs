//! What the service takes while nothing happens: IDLE open, nothing in the mailbox. Once as it started,
//! and once behind a backlog.

use std::path::Path;
use std::time::{Duration, Instant};

use super::super::process::Moment;
use super::super::Bench;
use super::service::{await_that, count, Service};
use super::{Budget, Figure};
use crate::bulk::Size;
use crate::imap::Security;
use crate::{Outcome, While};

/// How long it may settle after the start. Then five minutes and a half: mailbox and directory are looked at
/// every five.
const SETTLE: Duration = Duration::from_secs(5);

/// What a process may keep of a backlog: two thirds of what it may take while it drains. That is more than what
/// it may take as it started, since a page of the allocator's in which anything is still used stays.
const BEHIND: f64 = 22.0;

fn mib(octets: u64) -> f64 {
    octets as f64 / f64::from(1 << 20)
}

/// How often threads were woken: in all, and which of them.
fn woken(before: &Moment, after: &Moment) -> (u64, String) {
    let mut woken: Vec<(u64, &str)> = Vec::new();
    for (id, (name, slept)) in &after.threads {
        let earlier = before.threads.get(id).map_or(0, |(_, slept)| *slept);
        woken.push((slept - earlier.min(*slept), name));
    }
    woken.sort();
    let by_thread: Vec<String> = woken
        .iter()
        .rev()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{name} {count}"))
        .collect();
    let sum = woken.iter().map(|(count, _)| count).sum();
    (sum, by_thread.join(", "))
}

/// Memory, threads, wake-ups and octets written.
pub fn figures(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    let ground = &bench.ground;
    let watched = Duration::from_secs(if bench.plan.quick { 20 } else { 330 });
    let url = format!("http://{}", ground.sink);
    let user = ground.user();
    let store = bench.programs.prepare(ground, &user, Security::Tls, &url)?;
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
    let mut behind = behind(bench, &store, user)?;

    let (sum, by_thread) = woken(&before, &after);
    let names: Vec<&str> = after
        .threads
        .values()
        .map(|(name, _)| name.as_str())
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
    let mut figures = vec![
        Figure::new(
            "idle: resident memory",
            mib(after.resident),
            "MiB",
            Some(Budget::Under(12.0)),
            format!(
                "IDLE open over TLS; {:.1} MiB of it data, the rest the program and its libraries; {:.1} MiB \
                 at the highest",
                mib(after.data),
                mib(after.peak)
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
            format!("{sum} in {seconds} s: {by_thread}"),
        ),
        written,
    ];
    figures.append(&mut behind);
    Ok(figures)
}

/// The same of a service that has drained a backlog: one that lay there at its start, since a mailbox that is
/// filled takes the place of the one that a session has open.
fn behind(bench: &Bench<'_>, store: &Path, user: String) -> Outcome<Vec<Figure>> {
    let (mails, watched) = match bench.plan.quick {
        true => (2_000, Duration::from_secs(10)),
        false => (20_000, Duration::from_secs(60)),
    };
    bench.say(&format!("filling a mailbox with {mails} mails of 1 KB"));
    let size: Size = "1k".parse().during("the size")?;
    let template = bench.ground.fill(user, "backlog", &[(mails, size)])?;
    let service = Service::start(bench, store)?;
    await_that("all to be archived", Duration::from_millis(20), || {
        Ok(count(&service.status()?, "archived") >= mails as u64)
    })?;
    std::thread::sleep(2 * SETTLE);
    let (before, begun) = (service.process.now()?, Instant::now());
    std::thread::sleep(watched);
    let (after, minutes) = (service.process.now()?, begun.elapsed().as_secs_f64() / 60.0);
    service.stop()?;
    bench.ground.check(&template.user, &template)?;
    bench.ground.clear(&template.user)?;
    let (sum, by_thread) = woken(&before, &after);
    Ok(vec![
        Figure::new(
            format!("idle behind {mails}: resident"),
            mib(after.resident),
            "MiB",
            Some(Budget::AtMost(BEHIND)),
            format!(
                "{:.1} MiB of it data; {:.1} MiB at the highest",
                mib(after.data),
                mib(after.peak)
            ),
        ),
        Figure::new(
            format!("idle behind {mails}: wake-ups"),
            sum as f64 / minutes,
            "a minute",
            Some(Budget::Under(10.0)),
            format!("{sum} in {} s: {by_thread}", watched.as_secs()),
        ),
    ])
}
