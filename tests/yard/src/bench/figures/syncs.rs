//! How often the appliance makes the disk sync, counted by strace.
//!
//! Every call counts that makes a disk keep what it has: fsync, fdatasync, sync, syncfs, msync. A file
//! that was opened to sync at each write would escape the count; the appliance opens none. What
//! sled writes out by sync_file_range stands beside them: that call waits for the writing, and neither
//! empties the disk's own cache nor makes anything durable.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::ground::Template;
use super::super::process::{Log, Process};
use super::super::{median, Bench};
use super::service::{await_that, Service};
use super::strace::{self, hindrance};
use super::{Budget, Figure};
use crate::fill;
use crate::imap::{Imap, Security};
use crate::{bulk, sample, Outcome, While};

const CALLS: &str = "fsync,fdatasync,sync,syncfs,sync_file_range,msync";
/// The one of them that makes nothing durable.
const WRITE_OUT: &str = "sync_file_range";
/// A mail's syncs are over when there was none for so long.
const QUIET: Duration = Duration::from_secs(3);

/// Syncs of a backlog and of single mails.
pub fn figures(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    if let Some(why) = hindrance() {
        return Ok(vec![
            Figure::unmeasured("disk syncs in a backlog", &why),
            Figure::unmeasured("written out in a backlog", &why),
            Figure::unmeasured("disk syncs of a single mail", &why),
        ]);
    }
    let trace = bench.ground.dir().join("syncs");
    let (empty, _) = apart(backlog(bench, &bench.ground.empty(), &trace)?);
    let template = bench.template_of("4k")?;
    let (syncs, written_out) = apart(backlog(bench, &template, &trace)?);
    bench.ground.clear(&template.user)?;
    let each = single(bench, &trace)?;
    let sum = |places: &BTreeMap<String, u64>| places.values().sum::<u64>();
    let of_thousand = |count: u64| count as f64 * 1000.0 / template.mails as f64;
    Ok(vec![
        Figure::new(
            "disk syncs in a backlog",
            of_thousand(sum(&syncs)),
            "per 1,000 messages",
            Some(Budget::Under(20.0)),
            format!(
                "{} mails, {} syncs: {}; {} of an empty drain",
                template.mails,
                sum(&syncs),
                words(&syncs),
                sum(&empty)
            ),
        ),
        Figure::new(
            "written out in a backlog",
            of_thousand(sum(&written_out)),
            "per 1,000 messages",
            None,
            format!("{}, which makes nothing durable", words(&written_out)),
        ),
        each,
    ])
}

/// The syncs of a whole drain, from start to end, and where they went.
fn backlog(bench: &Bench<'_>, template: &Template, trace: &Path) -> Outcome<BTreeMap<String, u64>> {
    let (ground, programs) = (&bench.ground, &bench.programs);
    let user = match template.mails {
        0 => ground.user(),
        _ => ground.lay_out(template)?,
    };
    let url = format!("http://{}", ground.sink);
    let store = programs.prepare(ground, &user, Security::None, &url)?;
    let mut command = strace::around(&programs.run(&store, true), CALLS, trace);
    Process::start(&mut command, Log::Pipe)?.wait()?;
    strace::await_end(trace)?;
    if template.mails > 0 {
        ground.check(&user, template)?;
        ground.clear(&user)?;
    }
    let places = places(&strace::read(trace)?, &store);
    fs::remove_dir_all(&store).during("removing the store")?;
    Ok(places)
}

/// Syncs, and what was only written out.
fn apart(places: BTreeMap<String, u64>) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let is_sync = |place: &String| !place.starts_with(WRITE_OUT);
    places.into_iter().partition(|(place, _)| is_sync(place))
}

/// The syncs of mails that come one by one to a service at rest.
fn single(bench: &Bench<'_>, trace: &Path) -> Outcome<Figure> {
    let (ground, programs) = (&bench.ground, &bench.programs);
    let user = ground.user();
    let url = format!("http://{}", ground.sink);
    let store = programs.prepare(ground, &user, Security::None, &url)?;
    let service = Service::start_by(
        &mut strace::around(&programs.run(&store, false), CALLS, trace),
        &store,
    )?;
    let mut imap = Imap::sign_in(&ground.target(&user, Security::None))?;
    let mails = if bench.plan.quick { 5 } else { 15 };
    let size = "4k".parse().during("the size")?;
    // The first finds everything unused and is not counted.
    let (mut counts, mut all) = (Vec::new(), BTreeMap::new());
    quiet(trace)?;
    for n in 0..=mails {
        let before = strace::read(trace)?.len();
        let posts = ground.counts.seen().posts;
        let mail = bulk::mail("single", 1, n, size, sample::MONDAY);
        fill::append(&mut imap, "INBOX", [mail].into_iter(), |_| ())?;
        await_that("the mail's ticket", Duration::from_millis(20), || {
            Ok(ground.counts.seen().posts > posts)
        })?;
        await_that(
            "the mail to be archived",
            Duration::from_millis(100),
            || {
                let said = imap.command("STATUS INBOX (MESSAGES)")?;
                Ok(said.iter().any(|line| line.contains("(MESSAGES 0)")))
            },
        )?;
        quiet(trace)?;
        let text = strace::read(trace)?;
        let of_it = places(&text[before..], &store);
        if n > 0 {
            counts.push(of_it.values().sum::<u64>() as f64);
            for (place, count) in of_it {
                *all.entry(place).or_insert(0) += count;
            }
        }
    }
    service.stop()?;
    fs::remove_dir_all(&store).during("removing the store")?;
    let highest = counts.iter().copied().fold(0.0, f64::max);
    let lowest = counts.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Figure::new(
        "disk syncs of a single mail",
        highest,
        "at the most",
        Some(Budget::AtMost(3.0)),
        format!(
            "{mails} mails, median {:.0}, least {lowest:.0}; in all {}",
            median(&counts),
            words(&all)
        ),
    ))
}

/// Waits until nothing was traced for a while.
fn quiet(trace: &Path) -> Outcome<()> {
    let (mut length, mut since) = (0, Instant::now());
    await_that(
        "the disk to be left alone",
        Duration::from_millis(100),
        || {
            let now = strace::read(trace)?.len();
            if now != length {
                (length, since) = (now, Instant::now());
            }
            Ok(since.elapsed() > QUIET)
        },
    )
}

/// Syncs by the entry of the store that they went to. A call that was interrupted stands on two
/// lines, of which the second begins with `<...`.
fn places(trace: &str, store: &Path) -> BTreeMap<String, u64> {
    let mut places = BTreeMap::new();
    let (itself, inside) = (store.display().to_string(), format!("{}/", store.display()));
    for line in trace.lines() {
        let Some((_, call)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, rest)) = call.trim_start().split_once('(') else {
            continue;
        };
        if !CALLS.split(',').any(|c| c == name) {
            continue;
        }
        let path = rest.split_once('<').map_or("", |(_, path)| path);
        let path = path.split('>').next().unwrap_or_default();
        let place = match path.split_once(&inside) {
            Some((_, within)) => within.split('/').next().unwrap_or_default(),
            None if path == itself => "the store's folder",
            None => "elsewhere",
        };
        *places.entry(format!("{name} {place}")).or_insert(0) += 1;
    }
    places
}

fn words(places: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<_> = places.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let words: Vec<String> = sorted.iter().map(|(p, n)| format!("{n} {p}")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_are_counted_by_where_they_went_and_only_once() {
        let trace = "71  fdatasync(7</v/store/spool/0001>) = 0\n\
            72  fdatasync(7</v/store/spool/0001> <unfinished ...>\n\
            71  fsync(3</v/store>)    = 0\n\
            72  <... fdatasync resumed>) = 0\n\
            72  +++ exited with 0 +++\n";
        let found = places(trace, Path::new("/v/store"));
        assert_eq!(found["fdatasync spool"], 2);
        assert_eq!(found["fsync the store's folder"], 1);
        assert_eq!(found.values().sum::<u64>(), 3);
    }
}
