//! What the service takes while nothing happens: IDLE open, nothing in the mailbox. Once as it started,
//! and behind a backlog, a small and a large one.

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

/// How long behind a backlog: half a minute later it lets go of what it kept for it. What comes back while it is
/// watched counts.
const SETTLE_BEHIND: Duration = Duration::from_secs(45);

/// How often its memory is looked at behind a backlog.
const LOOK: Duration = Duration::from_secs(5);

/// What it may take, in MiB, whatever it has done before.
const RESIDENT: f64 = 12.0;

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
    let backlogs = match bench.plan.quick {
        true => vec![(2_000, Duration::from_secs(10))],
        // Longer than the time between two looks at mailbox and directory.
        false => vec![
            (2_000, Duration::from_secs(330)),
            (20_000, Duration::from_secs(330)),
        ],
    };
    let (mut behind, mut archived) = (Vec::new(), 0);
    for (mails, watched) in backlogs {
        archived += mails;
        let of_it = self::behind(bench, &store, &user, (mails, archived), watched)?;
        behind.extend(of_it);
    }

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
            Some(Budget::Under(RESIDENT)),
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
fn behind(
    bench: &Bench<'_>,
    store: &Path,
    user: &str,
    (mails, archived): (usize, usize),
    watched: Duration,
) -> Outcome<Vec<Figure>> {
    bench.say(&format!("filling a mailbox with {mails} mails of 1 KB"));
    let size: Size = "1k".parse().during("the size")?;
    let series = format!("backlog-{mails}");
    let template = (bench.ground).fill(user.to_owned(), &series, &[(mails, size)])?;
    let service = Service::start(bench, store)?;
    await_that("all to be archived", Duration::from_millis(20), || {
        Ok(count(&service.status()?, "archived") >= archived as u64)
    })?;
    std::thread::sleep(SETTLE_BEHIND);
    let (before, begun) = (service.process.now()?, Instant::now());
    let mut after = service.process.now()?;
    let mut resident = vec![after.resident];
    while begun.elapsed() < watched {
        std::thread::sleep(LOOK);
        after = service.process.now()?;
        resident.push(after.resident);
    }
    resident.sort_unstable();
    // A look at mailbox and directory takes more, for two seconds.
    let (median, most) = (resident[resident.len() / 2], resident[resident.len() - 1]);
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    service.stop()?;
    bench.ground.check(&template.user, &template)?;
    bench.ground.clear(&template.user)?;
    let (sum, by_thread) = woken(&before, &after);
    Ok(vec![
        Figure::new(
            format!("idle behind {mails}: resident"),
            mib(median),
            "MiB",
            Some(Budget::Under(RESIDENT)),
            format!(
                "the median of {} s; the most {:.1}, at their end {:.1}, {:.1} of it data; {:.1} MiB while it drained",
                watched.as_secs(),
                mib(most),
                mib(after.resident),
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
