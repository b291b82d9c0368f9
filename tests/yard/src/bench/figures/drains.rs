//! What a drain takes: processor time and octets written for each message, and what the console's
//! questions cost it.
//!
//! Octets written are the pages that its writes touch, told by strace. The kernel's own account
//! stands beside it, and is not the figure: since large folios (ext4 since Linux 6.16) it takes a
//! whole folio for written where one page of it is (measured: 3 octets for each, appending pages to
//! a file that had been read ahead, while the device wrote no more than without).

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::super::ground::Template;
use super::super::process::{Log, Process, Taken};
use super::super::{median, Bench};
use super::{percentile, service, strace, Budget, Figure};
use crate::imap::Security;
use crate::{Failure, Outcome, While};

/// How often the console asks.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// Processor time and octets for small mails and for those with attachments.
pub fn figures(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    let mut figures = Vec::new();
    for (kind, cpu, octets) in [
        ("4k", Some(Budget::AtMost(0.3)), None),
        ("75k", None, Some(Budget::Under(1.2))),
    ] {
        let template = bench.template_of(kind)?;
        let mut all = Vec::new();
        for _ in 0..bench.turns() {
            all.push(drained(bench, &template, None)?);
        }
        let empty = drained(bench, &bench.ground.empty(), None)?;
        let mails = template.mails as f64;
        let middle = |of: fn(&Taken) -> f64| median(&all.iter().map(of).collect::<Vec<_>>());
        let counts = format!("{} mails, {} drains", template.mails, all.len());
        figures.push(Figure::new(
            format!("processor time, {kind}"),
            middle(|t| t.processor) * 1000.0 / mails,
            "ms a message",
            cpu,
            format!(
                "{counts}; {:.2} of it the kernel's; an empty drain takes {:.0} ms",
                middle(|t| t.system) * 1000.0 / mails,
                empty.processor * 1000.0
            ),
        ));
        let name = format!("written to disk, {kind}");
        let told = match all.iter().map(|t| t.written).collect::<Option<Vec<u64>>>() {
            None => "the kernel keeps no account (/proc/PID/io)".to_owned(),
            Some(_) => format!(
                "the kernel's account says {:.2}",
                middle(|t| t.written.unwrap_or(0) as f64) / template.octets as f64
            ),
        };
        figures.push(match strace::hindrance() {
            Some(why) => Figure::unmeasured(&name, &format!("{why}; {told}")),
            None => Figure::new(
                name,
                pages_written(bench, &template)? as f64 / template.octets as f64,
                "octets an octet",
                octets,
                format!("{} mails; {told}", template.mails),
            ),
        });
        bench.ground.clear(&template.user)?;
    }
    Ok(figures)
}

/// The rate while `status` is asked ten times a second, as a part of the rate without.
pub fn asked(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    let template = bench.template_of("4k")?;
    let (mut ratios, mut waits) = (Vec::new(), Vec::new());
    for turn in 0..bench.turns() {
        let mut seconds = [0.0; 2];
        for asking in [turn % 2 == 1, turn % 2 == 0] {
            let waited = asking.then_some(&mut waits);
            seconds[usize::from(asking)] = drained(bench, &template, waited)?.seconds;
        }
        ratios.push(seconds[0] / seconds[1]);
    }
    bench.ground.clear(&template.user)?;
    let pairs = ratios.len();
    Ok(vec![
        Figure::new(
            "drain while status is asked",
            median(&ratios),
            "of the rate without",
            Some(Budget::AtLeast(0.9)),
            format!("{} mails, {pairs} pairs, 10 a second", template.mails),
        ),
        Figure::new(
            "status during a drain",
            percentile(&waits, 0.99) * 1000.0,
            "ms, p99",
            None,
            format!(
                "{} answers, median {:.1} ms",
                waits.len(),
                median(&waits) * 1000.0
            ),
        ),
    ])
}

/// Octets of the pages that a whole drain's writes touch.
fn pages_written(bench: &Bench<'_>, template: &Template) -> Outcome<u64> {
    let (ground, programs) = (&bench.ground, &bench.programs);
    let (user, trace) = (ground.lay_out(template)?, ground.dir().join("writes"));
    let url = format!("http://{}", ground.sink);
    let store = programs.prepare(ground, &user, Security::None, &url)?;
    let mut command = strace::around(&programs.run(&store, true), strace::WRITES, &trace);
    Process::start(&mut command, Log::Pipe)?.wait()?;
    strace::await_end(&trace)?;
    ground.check(&user, template)?;
    ground.clear(&user)?;
    let written = strace::pages_written(&strace::read(&trace)?, &store);
    fs::remove_dir_all(&store).during("removing the store")?;
    Ok(written)
}

/// One drain of a copy; with `waits`, asked for its status meanwhile, and how long each took.
fn drained(bench: &Bench<'_>, template: &Template, waits: Option<&mut Vec<f64>>) -> Outcome<Taken> {
    let (ground, programs) = (&bench.ground, &bench.programs);
    let user = match template.mails {
        0 => ground.user(),
        _ => ground.lay_out(template)?,
    };
    let before = ground.counts.seen().posts;
    let url = format!("http://{}", ground.sink);
    let store = programs.prepare(ground, &user, Security::None, &url)?;
    let socket = store.join("control.sock");
    let process = Process::start(&mut programs.run(&store, true), Log::Pipe)?;
    let ended = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        if let Some(waits) = waits {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    // Before its start and after its end nobody answers.
                    if service::status(&socket).is_ok() {
                        waits.push(begun.elapsed().as_secs_f64());
                    }
                    std::thread::sleep(ASKED_EVERY.saturating_sub(begun.elapsed()));
                }
            });
        }
        let taken = process.wait();
        ended.store(true, Ordering::Relaxed);
        taken
    })?;
    fs::remove_dir_all(&store).during("removing the store")?;
    let posts = ground.counts.seen().posts - before;
    if posts != template.mails as u64 {
        return Err(Failure::new(format!(
            "of {} mails {posts} were posted",
            template.mails
        )));
    }
    if template.mails > 0 {
        ground.check(&user, template)?;
        ground.clear(&user)?;
    }
    Ok(taken)
}
