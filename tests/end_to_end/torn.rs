//! Connections that end where no server ends them, and one that stands and says nothing any more; with the
//! running service, and counted outside.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::altered::site;
use crate::common::service::Site;
use crate::wires::Fate;

/// Messages that lie there.
const MESSAGES: usize = 8;

/// Counts lines, and says at which one the connection ends: each time some lines later than the last time.
struct Cuts {
    armed: AtomicBool,
    seen: AtomicU64,
    next: AtomicU64,
    most: u64,
    step: fn(u64) -> u64,
}

impl Cuts {
    fn new(most: u64, step: fn(u64) -> u64) -> Arc<Cuts> {
        Arc::new(Cuts {
            armed: false.into(),
            seen: 0.into(),
            next: 1.into(),
            most,
            step,
        })
    }

    /// A connection begins.
    fn begins(&self) {
        self.seen.store(0, Ordering::Relaxed);
    }

    /// Whether it ends with this line.
    fn falls(&self) -> bool {
        if !self.armed.load(Ordering::Relaxed) {
            return false;
        }
        let (seen, next) = (
            self.seen.fetch_add(1, Ordering::Relaxed) + 1,
            self.next.load(Ordering::Relaxed),
        );
        let falls = seen >= next && next <= self.most;
        if falls {
            self.next.store((self.step)(next), Ordering::Relaxed);
            self.begins();
        }
        falls
    }

    fn are_over(&self) -> bool {
        self.next.load(Ordering::Relaxed) > self.most
    }
}

/// Serves until all cuts have fallen and everything is archived; then each message is one ticket.
#[track_caller]
fn goes_through(mut site: Site, cuts: &Cuts) {
    for n in 0..MESSAGES {
        site.send(&format!("torn {n}"));
    }
    cuts.armed.store(true, Ordering::Relaxed);
    site.start();
    let mut sent = 0;
    site.until_within(Duration::from_secs(240), "every cut fell", |s| {
        // What waits for its next try is tried now; and there is something to do as long as it goes on.
        s.does(&["queue", "retry", "--all"]);
        if s.count("archived") >= (MESSAGES + sent) as u64 && !cuts.are_over() {
            s.send(&format!("torn later {sent}"));
            sent += 1;
        }
        thread::sleep(Duration::from_millis(100));
        cuts.are_over()
    });
    site.until("all is archived", |s| {
        s.does(&["queue", "retry", "--all"]);
        s.count("archived") >= (MESSAGES + sent) as u64
    });
    site.complete();
    assert_eq!(site.portal.tickets().len(), MESSAGES + sent);
    assert_eq!(site.hand().search("Archive", "ALL").len(), MESSAGES + sent);
}

/// Goes red where a connection that ends behind any command (the first, the second, and so on) costs a
/// message, doubles one, or keeps it where it is.
#[test]
fn a_connection_that_ends_behind_each_command_in_turn_loses_and_doubles_nothing() {
    let cuts = Cuts::new(30, |last| last + 1);
    let hand = Arc::clone(&cuts);
    let cut = move |line: &str| {
        if line.starts_with("p1 ") {
            hand.begins();
        }
        match hand.falls() {
            true => Fate::Cut,
            false => Fate::Passes,
        }
    };
    goes_through(site(&[], "", |line| line, cut), &cuts);
}

/// The same in the midst of an answer: half of its line comes, and then no more.
#[test]
fn a_connection_that_ends_in_the_midst_of_an_answer_loses_and_doubles_nothing() {
    let cuts = Cuts::new(400, |last| last + 1 + last / 6);
    let (torn, hand) = (Arc::clone(&cuts), Arc::clone(&cuts));
    let tear = move |mut line: Vec<u8>| {
        if torn.falls() {
            line.truncate(line.len() / 2);
        }
        line
    };
    let begins = move |line: &str| {
        if line.starts_with("p1 ") {
            hand.begins();
        }
        Fate::Passes
    };
    goes_through(site(&[], "", tear, begins), &cuts);
}

/// A way to `to`. Every connection that was made before the number was raised stands, and passes nothing.
fn dying(to: SocketAddr, deaths: Arc<AtomicU64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect(to).unwrap());
            let born = deaths.load(Ordering::SeqCst);
            for (from, into) in [(&near, &far), (&far, &near)] {
                let (mut from, mut into) = (from.try_clone().unwrap(), into.try_clone().unwrap());
                let deaths = Arc::clone(&deaths);
                thread::spawn(move || {
                    let mut octets = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut octets) {
                        let lives = deaths.load(Ordering::SeqCst) == born;
                        if lives && into.write_all(&octets[..read]).is_err() {
                            break;
                        }
                    }
                    if deaths.load(Ordering::SeqCst) == born {
                        let _ = into.shutdown(Shutdown::Both);
                    }
                });
            }
        }
    });
    port
}

/// Goes red where a connection that stands and is dead is believed for longer than a minute, in IDLE.
#[test]
fn a_dead_connection_in_idle_costs_a_new_mail_a_minute_at_most() {
    let mut site = Site::with(&[], &[]);
    let deaths = Arc::<AtomicU64>::default();
    let port = dying(([127, 0, 0, 1], site.mail.imap).into(), Arc::clone(&deaths));
    let settings = site.settings("none", "", "");
    let direct = format!("port = {}", site.mail.imap);
    site.import(&settings.replace(&direct, &format!("port = {port}")));
    site.start_read();
    site.send("while it lived");
    site.until("it is archived", |s| s.count("archived") == 1);
    site.until("it watches", |s| {
        s.status()["mailboxes"][0]["state"] == "watching"
    });
    deaths.fetch_add(1, Ordering::SeqCst);
    let dead = Instant::now();
    site.send("behind its death");
    site.until_within(Duration::from_secs(90), "it is a ticket", |s| {
        s.tickets("behind its death").len() == 1
    });
    let took = dead.elapsed();
    // A minute until it is noticed, a second until the next try, and what a busy machine needs.
    assert!(took < Duration::from_secs(70), "{took:?}\n{}", site.log());
    site.complete();
    assert_eq!(site.portal.tickets().len(), 2);
}
