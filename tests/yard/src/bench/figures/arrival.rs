//! From a mail's arrival to the portal's answer, beside a raw IDLE client on the same mailbox.
//!
//! The mail server takes its time to announce a mail (Dovecot collects changes for half a second),
//! so what is measured is the difference: from the moment the raw client is told of a mail to the
//! moment the sink has answered its ticket. It is negative where the appliance was told earlier,
//! which happens when it asks the server anything just then.
//!
//! Three ways of arriving: alone, to a service at rest; two mails 20 ms apart; and a second mail at
//! the moment the first is announced, which is when the first is being processed. A mail that is
//! archived before the server tells of it is never announced to the raw client: there all the time
//! since it came counts.
//!
//! Before the answer lies a sync, which takes as long as the disk makes it, and a machine that shares its
//! disk has a 99th percentile of its own. So somebody beside it syncs 4 KB ten times a second and does
//! nothing else; a mail on whose way such a sync took long is told of, and left out of the percentile.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::{median, Bench};
use super::service::{await_that, Service};
use super::{percentile, Budget, Figure};
use crate::bulk::{self, Size};
use crate::fill;
use crate::imap::{Imap, Security};
use crate::{sample, Failure, Outcome, While};

/// Between a mail that was answered and the next: time to archive it, and for the server to have told
/// everybody of that. Dovecot tells half a second after the first change, so a mail that follows within
/// it would be announced by the change before, to one client and not to the other.
const PAUSE: Duration = Duration::from_millis(1200);
/// Between the two mails of a pair.
const BEHIND: Duration = Duration::from_millis(20);
/// How much later than the ticket an announcement may come.
const LATE: Duration = Duration::from_millis(1200);

/// No further round of a way of arriving after this.
const ENOUGH: Duration = Duration::from_secs(90);
/// A mail that took longer is named.
const LATE_MS: f64 = 250.0;
/// A sync of a few octets that took longer says that the disk stood still.
const STILL_MS: f64 = 50.0;

/// How the mails of a round come.
#[derive(Clone, Copy)]
enum Way {
    Alone,
    Pair,
    Meanwhile,
}

/// One mail's times.
struct Arrived {
    /// From the APPEND's answer to the announcement, where there was one.
    told_after: Option<f64>,
    /// From the announcement to the portal's answer, in ms.
    difference: f64,
    /// From the APPEND's answer to the portal's, in ms.
    answered_after: f64,
    /// From the announcement, or the APPEND, to the portal's answer.
    way: (Instant, Instant),
}

/// Median and 99th percentile of each way of arriving.
pub fn figures(bench: &Bench<'_>) -> Outcome<Vec<Figure>> {
    let (ground, programs) = (&bench.ground, &bench.programs);
    let user = ground.user();
    let url = format!("http://{}", ground.sink);
    let store = programs.prepare(ground, &user, Security::None, &url)?;
    ground.counts.note();
    let service = Service::start(bench, &store)?;
    let target = ground.target(&user, Security::None);
    let mut scene = Scene {
        bench,
        announced: raw_client(Imap::sign_in(&target)?)?,
        imap: Imap::sign_in(&target)?,
        size: "4k".parse().during("the size")?,
        next: 0,
    };
    // The first mail finds everything unused: the archive is made for it.
    scene.round(Way::Alone)?;
    let mut figures = Vec::new();
    let quick = bench.plan.quick;
    for (name, way, rounds) in [
        ("arrival alone", Way::Alone, if quick { 15 } else { 50 }),
        ("arrival 20 ms apart", Way::Pair, if quick { 8 } else { 25 }),
        (
            "arrival meanwhile",
            Way::Meanwhile,
            if quick { 8 } else { 25 },
        ),
    ] {
        let (mut all, begun) = (Vec::new(), Instant::now());
        let disk = Syncs::begin(&ground.dir().join("syncs.of.another"))?;
        for _ in 0..rounds {
            // Mails that are left lying would take the whole bench's time; enough of them were seen.
            if begun.elapsed() > ENOUGH {
                break;
            }
            all.extend(scene.round(way)?);
        }
        let syncs = disk.end()?;
        let differences: Vec<f64> = all.iter().map(|a| a.difference).collect();
        let told: Vec<f64> = all.iter().filter_map(|a| a.told_after).collect();
        let answered: Vec<f64> = all.iter().map(|a| a.answered_after).collect();
        let untold = all.len() - told.len();
        let mut remark = format!("{} mails", all.len());
        if !told.is_empty() {
            remark.push_str(&format!(", announced {:.0} ms", median(&told)));
        }
        remark.push_str(&format!(
            ", answered {:.0} ms after they came",
            median(&answered)
        ));
        if untold > 0 {
            remark.push_str(&format!(
                "; {untold} never announced, archived before: theirs is the time since they came"
            ));
        }
        figures.push(Figure::new(
            format!("{name}, median"),
            median(&differences),
            "ms",
            Some(Budget::AtMost(50.0)),
            remark,
        ));
        let highest = differences.iter().copied().fold(f64::MIN, f64::max);
        let calm = all.iter().filter(|a| !syncs.stood_still(a.way));
        let calm: Vec<f64> = calm.map(|a| a.difference).collect();
        let took: Vec<f64> = syncs.0.iter().map(|(_, ms)| *ms).collect();
        let remark = format!(
            "of {} mails; of all {} the highest {highest:.0} ms, the others came while a sync of 4 KB by itself \
             took more than {STILL_MS} ms (its 99th percentile {:.0}, the highest {:.0})",
            calm.len(),
            all.len(),
            percentile(&took, 0.99),
            took.iter().copied().fold(0.0, f64::max)
        );
        if calm.len() * 2 < all.len() {
            let why = "the disk stood still on the way of most mails";
            figures.push(Figure::unmeasured(&format!("{name}, p99"), why));
            continue;
        }
        figures.push(Figure::new(
            format!("{name}, p99"),
            percentile(&calm, 0.99),
            "ms",
            Some(Budget::AtMost(250.0)),
            remark,
        ));
    }
    service.stop()?;
    Ok(figures)
}

struct Scene<'a> {
    bench: &'a Bench<'a>,
    announced: Receiver<Instant>,
    imap: Imap,
    size: Size,
    next: usize,
}

impl Scene<'_> {
    /// One round; hands over the mails that it is about.
    fn round(&mut self, way: Way) -> Outcome<Vec<Arrived>> {
        let first = self.next;
        let mut told = Vec::new();
        let mut appended = vec![self.append()?];
        match way {
            Way::Alone => {}
            Way::Pair => {
                std::thread::sleep(BEHIND);
                appended.push(self.append()?);
            }
            Way::Meanwhile => {
                told.extend(self.announced.recv_timeout(LATE).ok());
                appended.push(self.append()?);
            }
        }
        let counts = &self.bench.ground.counts;
        let mut answered = Vec::new();
        await_that("the tickets of a round", Duration::from_millis(5), || {
            answered = counts.answered();
            answered.retain(|a| a.number.is_some_and(|n| (first..self.next).contains(&n)));
            Ok(answered.len() >= appended.len())
        })?;
        let latest = Instant::now() + LATE;
        while told.len() < appended.len() {
            let left = latest.saturating_duration_since(Instant::now());
            match self.announced.recv_timeout(left) {
                Ok(at) => told.push(at),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new("the raw IDLE client lost its connection"));
                }
            }
        }
        std::thread::sleep(PAUSE);
        let mut arrived = Vec::new();
        for (n, appended) in appended.iter().enumerate() {
            let of_it = answered.iter().find(|a| a.number == Some(first + n));
            let post =
                of_it.ok_or_else(|| Failure::new("a mail was posted twice, another never"))?;
            let told = told.get(n).copied();
            let difference = difference(*appended, told, post.at);
            if difference > LATE_MS {
                let number = first + n;
                self.bench.say(&format!(
                    "mail {number} of the arrivals: {difference:.0} ms"
                ));
            }
            arrived.push(Arrived {
                told_after: told.map(|told| between(*appended, told)),
                difference,
                answered_after: between(*appended, post.at),
                way: (told.unwrap_or(*appended).min(post.at), post.at),
            });
        }
        if matches!(way, Way::Meanwhile) {
            arrived.remove(0);
        }
        Ok(arrived)
    }

    fn append(&mut self) -> Outcome<Instant> {
        let mail = bulk::mail("arrival", 1, self.next, self.size, sample::MONDAY);
        self.next += 1;
        fill::append(&mut self.imap, "INBOX", [mail].into_iter(), |_| ())?;
        Ok(Instant::now())
    }
}

/// Somebody who syncs a little ten times a second, and notes how long that takes.
struct Syncs {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<Vec<(Instant, f64)>>>,
}

/// When each sync began, and its milliseconds.
struct Took(Vec<(Instant, f64)>);

impl Took {
    /// Whether a sync that took long fell into a time.
    fn stood_still(&self, (from, to): (Instant, Instant)) -> bool {
        self.0.iter().any(|(begun, ms)| {
            let ended = *begun + Duration::from_secs_f64(ms / 1000.0);
            *ms > STILL_MS && *begun <= to && ended >= from
        })
    }
}

impl Syncs {
    fn begin(path: &Path) -> Outcome<Syncs> {
        const OCTETS: [u8; 4096] = [7; 4096];
        let mut file = fs::File::create(path).during("creating a file to sync")?;
        let ends = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            let mut took = Vec::new();
            // Written over again and again, as a recycled segment is.
            file.write_all(&OCTETS)?;
            file.sync_all()?;
            while !end.load(Ordering::Relaxed) {
                file.seek(SeekFrom::Start(0))?;
                file.write_all(&OCTETS)?;
                let begun = Instant::now();
                file.sync_data()?;
                took.push((begun, begun.elapsed().as_secs_f64() * 1000.0));
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok(took)
        });
        Ok(Syncs { ends, thread })
    }

    fn end(self) -> Outcome<Took> {
        self.ends.store(true, Ordering::Relaxed);
        let took = self.thread.join();
        took.map_err(|_| Failure::new("the thread that syncs panicked"))?
            .map(Took)
            .during("syncing beside the mails")
    }
}

/// Milliseconds that an answer came behind the server's word of a mail, or behind the mail where there was none.
fn difference(appended: Instant, told: Option<Instant>, answered: Instant) -> f64 {
    between(told.unwrap_or(appended), answered)
}

/// Milliseconds from one moment to another, which may be the earlier one.
fn between(from: Instant, to: Instant) -> f64 {
    let ms = |d: Duration| d.as_secs_f64() * 1000.0;
    match to.checked_duration_since(from) {
        Some(after) => ms(after),
        None => -ms(from.duration_since(to)),
    }
}

/// An IDLE client that does nothing but note when it is told of each new mail.
fn raw_client(mut imap: Imap) -> Outcome<Receiver<Instant>> {
    imap.command("SELECT INBOX")?;
    imap.queue("IDLE");
    imap.flush()?;
    imap.answer()?;
    let (tell, announced) = channel();
    std::thread::spawn(move || {
        let mut there = 0;
        // It ends with its connection, or when nothing was said for long.
        while let Ok(answer) = imap.answer() {
            let at = Instant::now();
            let text = answer.text();
            let mut words = text.split(' ').skip(1);
            let number = words.next().and_then(|n| n.parse::<usize>().ok());
            match (number, words.next()) {
                (Some(_), Some("EXPUNGE")) => there -= usize::from(there > 0),
                (Some(now), Some("EXISTS")) => {
                    for _ in there..now {
                        if tell.send(at).is_err() {
                            return;
                        }
                    }
                    there = now;
                }
                _ => {}
            }
        }
    });
    Ok(announced)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes red where a mail that the server never tells of counts as answered at once.
    #[test]
    fn what_is_never_announced_counts_from_when_it_came() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        assert_eq!(difference(at(0), Some(at(500)), at(503)), 3.0);
        assert_eq!(difference(at(0), Some(at(500)), at(498)), -2.0);
        assert_eq!(difference(at(0), None, at(400)), 400.0);
    }

    #[test]
    fn only_a_long_sync_on_its_way_excuses_a_mail() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let took = Took(vec![(at(0), 3.0), (at(100), 80.0), (at(300), 4.0)]);
        assert!(took.stood_still((at(150), at(160))));
        assert!(took.stood_still((at(90), at(101))));
        assert!(took.stood_still((at(179), at(400))));
        assert!(!took.stood_still((at(0), at(99))));
        assert!(!took.stood_still((at(181), at(400))));
    }
}
