//! A hundred thousand: tickets that wait for the portal, and unread mails at the activation.
//!
//! Both are measured beside a small number of the same mails (1 KB each, so that the hundred
//! thousand can be filled in and drained within minutes). While the portal is away nobody listens
//! on its port.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::ground::Template;
use super::super::{median, Bench, RSS_BUDGET};
use super::service::{await_that, count, Service};
use super::{Budget, Figure};
use crate::bulk::Size;
use crate::imap::Security;
use crate::sink::{serve, Counts, Documents};
use crate::{Outcome, While};

/// What is left of a measure that must not fall, after the noise of one pair.
const NOISE: f64 = 0.9;
/// How often the service is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Many, and the small number beside it.
fn sizes(bench: &Bench<'_>) -> (usize, usize) {
    match bench.plan.quick {
        true => (20_000, 5_000),
        false => (100_000, 10_000),
    }
}

fn mails(count: usize) -> Outcome<[(usize, Size); 1]> {
    Ok([(count, "1k".parse().during("the size")?)])
}

/// What goes on beside the tickets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// Nothing: the mailbox is switched off.
    Nothing,
    /// What was forwarded is archived, by a server on the same processors, which takes longer for a
    /// message the more lie in its folder.
    Archive,
}

/// What the restarts onto a queue showed.
struct Restart {
    /// Seconds until it served, after a kill.
    after_kill: f64,
    /// The same after it had been asked to end.
    after_stop: f64,
    /// Seconds from start to the first ticket at the portal.
    first_after: f64,
    /// Tickets a second, of the first so many as the small queue has.
    first_rate: f64,
    /// Milliseconds of processor a ticket, of those.
    first_cost: f64,
    /// Tickets a second, of all.
    rate: f64,
    /// Messages a second, until all are archived.
    through: f64,
    /// Highest resident memory up to the moment it served, the last ticket, the last mail archived.
    peaks: [u64; 3],
    /// The highest of them, of the process that committed, and of the one after a kill.
    highest: u64,
}

/// Start, memory and rate with many tickets queued.
pub fn queued(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    let (many, few) = sizes(bench);
    let (mut smalls, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..bench.turns() {
        smalls.push(restart(bench, few, few, Beside::Archive)?);
        alone.push(restart(bench, few, few, Beside::Nothing)?);
    }
    let of = |all: &[Restart], what: fn(&Restart) -> f64| {
        median(&all.iter().map(what).collect::<Vec<_>>())
    };
    let small = |what| of(&smalls, what);
    let large = restart(bench, many, few, Beside::Archive)?;
    let large_alone = restart(bench, many, few, Beside::Nothing)?;
    let name = |what: &str| format!("{many} queued: {what}");
    let mib = |octets: u64| octets as f64 / f64::from(1 << 20);
    Ok(vec![
        Figure::new(
            name("serving"),
            large.after_stop,
            "s after start",
            Some(Budget::AtMost(1.0)),
            format!(
                "first ticket after {:.2} s; {few} queued: {:.2} s, {:.2} s",
                large.first_after,
                small(|s| s.after_stop),
                small(|s| s.first_after)
            ),
        ),
        Figure::new(
            name("serving, killed"),
            large.after_kill,
            "s after start",
            Some(Budget::AtMost(1.0)),
            format!("{few} queued: {:.2} s", small(|s| s.after_kill)),
        ),
        Figure::new(
            name("resident"),
            mib(large.highest),
            "MiB",
            Some(Budget::Under(mib(RSS_BUDGET))),
            format!(
                "the highest of all; from the start behind a stop {:.1} when it served, {:.1} at the last \
                 ticket, {:.1} until all is archived; {few} queued: {:.1} MiB",
                mib(large.peaks[0]),
                mib(large.peaks[1]),
                mib(large.peaks[2]),
                small(|s| s.highest as f64 / f64::from(1 << 20))
            ),
        ),
        Figure::new(
            name(&format!("first {few}")),
            large_alone.first_rate / of(&alone, |s| s.rate),
            "of a small queue's",
            Some(Budget::AtLeast(NOISE)),
            format!(
                "{:.0} tickets a second, {:.2} ms of processor each; with {few} queued {:.0} and {:.2}; over all \
                 {many} {:.0}, with the checkpoints that the first ones come without",
                large_alone.first_rate,
                large_alone.first_cost,
                of(&alone, |s| s.rate),
                of(&alone, |s| s.first_cost),
                large_alone.rate,
            ),
        ),
        Figure::new(
            name("while it archives"),
            large.rate,
            "tickets a second",
            None,
            format!(
                "with {few} queued {:.0}; {:.0} from the first ticket to the last mail in the archive, with {few} \
                 {:.0}",
                small(|s| s.rate),
                large.through,
                small(|s| s.through)
            ),
        ),
    ])
}

/// Commits so many while the portal is away, then starts again, after a kill and after a stop.
fn restart(bench: &Bench<'_>, number: usize, few: usize, beside: Beside) -> Outcome<Restart> {
    let (ground, programs) = (&bench.ground, &bench.programs);
    let user = ground.user();
    let counts = Arc::new(Counts::default());
    let address = open(&counts, "127.0.0.1:0")?;
    let url = format!("http://{address}");
    let store = programs.prepare(ground, &user, Security::None, &url)?;
    // The directory must be known before the portal goes, or all would be held.
    let service = Service::start(bench, &store)?;
    await_that("the directory to be read", LOOK, || {
        let status = service.status()?;
        Ok(status.pointer("/portal/directory_read") == Some(&true.into()))
    })?;
    service.stop()?;
    counts.close(address)?;

    bench.say(&format!("filling a mailbox with {number} mails of 1 KB"));
    let template = ground.fill(user, "backlog", &mails(number)?)?;
    let begun = Instant::now();
    let service = Service::start(bench, &store)?;
    await_that("all to be committed", LOOK, || {
        Ok(count(&service.status()?, "committed") >= number as u64)
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    bench.say(&format!("{number} committed in {seconds:.1} s"));
    // It is killed when it is dropped.
    let committing = service.process.now()?.peak;
    drop(service);
    let service = Service::start(bench, &store)?;
    let after_kill = service.served_after;
    let earlier = committing.max(service.process.now()?.peak);
    service.stop()?;
    if beside == Beside::Nothing {
        programs.set(&store, &["set", "mailbox.support.active=false"])?;
    }

    let counts = Arc::new(Counts::default());
    open(&counts, &address.to_string())?;
    let service = Service::start(bench, &store)?;
    let after_stop = service.served_after;
    let before = service.process.now()?;
    await_that("the first ticket", Duration::from_millis(2), || {
        Ok(counts.seen().posts > 0)
    })?;
    let (first, first_after) = (
        Instant::now(),
        service.process.begun().elapsed().as_secs_f64(),
    );
    let rate = |wanted: usize| {
        await_that("so many tickets", Duration::from_millis(5), || {
            Ok(counts.seen().posts >= wanted as u64)
        })?;
        Ok(wanted as f64 / first.elapsed().as_secs_f64())
    };
    let first_rate = rate(few)?;
    let taken = service.process.now()?.processor - before.processor;
    let rate = rate(number)?;
    let posted_peak = service.process.now()?.peak;
    if beside == Beside::Archive {
        await_that("all to be archived", LOOK, || {
            Ok(count(&service.status()?, "archived") >= number as u64)
        })?;
    }
    let through = number as f64 / first.elapsed().as_secs_f64();
    let peaks = [before.peak, posted_peak, service.process.now()?.peak];
    let highest = peaks
        .iter()
        .fold(earlier, |highest, peak| highest.max(*peak));
    service.stop()?;
    if beside == Beside::Archive {
        ground.check(&template.user, &template)?;
    }
    ground.clear(&template.user)?;
    counts.close(address)?;
    fs::remove_dir_all(&store).during("removing the store")?;
    Ok(Restart {
        after_kill,
        after_stop,
        first_after,
        first_rate,
        first_cost: 1000.0 * taken / few as f64,
        rate,
        through,
        peaks,
        highest,
    })
}

/// A sink of one's own, that can be closed.
fn open(counts: &Arc<Counts>, at: &str) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind(at).during(format!("listening on {at}"))?;
    let address = listener.local_addr().during("listening")?;
    let (documents, seen) = (Documents::usual(), counts.clone());
    std::thread::spawn(move || serve(&listener, documents, &seen));
    Ok(address)
}

/// The ratio to the bare drain with many unread, beside the one with few.
pub fn unread(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    let (many, few) = sizes(bench);
    let (small, _) = ratio(bench, few, bench.turns())?;
    let (large, taken) = ratio(bench, many, bench.turns())?;
    Ok(vec![Figure::new(
        format!("{many} unread: ratio to bare"),
        large,
        "",
        Some(Budget::AtLeast(small * NOISE)),
        format!(
            "{few} unread: {small:.2}; {} pairs of each, the last {taken}",
            bench.turns()
        ),
    )])
}

fn ratio(bench: &Bench<'_>, number: usize, pairs: usize) -> Outcome<(f64, String)> {
    let (ground, programs) = (&bench.ground, &bench.programs);
    bench.say(&format!("filling a mailbox with {number} mails of 1 KB"));
    let template = ground.template("backlog", &mails(number)?)?;
    let (mut ratios, mut taken) = (Vec::new(), String::new());
    for _ in 0..pairs {
        let bare = on_copy(bench, &template, |user| {
            programs.bare(ground, user, Security::None)
        })?;
        let postern = on_copy(bench, &template, |user| {
            programs.postern(ground, user, Security::None, &template)
        })?;
        ratios.push(bare.seconds / postern.seconds);
        taken = format!(
            "bare {:.1} s, postern {:.1} s, {:.1} MiB",
            bare.seconds,
            postern.seconds,
            postern.peak_rss as f64 / f64::from(1 << 20)
        );
    }
    ground.clear(&template.user)?;
    Ok((median(&ratios), taken))
}

fn on_copy<T>(
    bench: &Bench<'_>,
    template: &Template,
    drain: impl FnOnce(&str) -> Outcome<T>,
) -> Outcome<T> {
    let user = bench.ground.lay_out(template)?;
    let taken = drain(&user)?;
    bench.ground.check(&user, template)?;
    bench.ground.clear(&user)?;
    Ok(taken)
}
