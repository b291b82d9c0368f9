//! Connections that are dead and don't say so: a peer that vanished, and a server that keeps the
//! connection and does nothing any more, look the same from here. Each is noticed within a minute.
//!
//! The session's clock runs twenty times as fast as the machine's, so that a minute takes three seconds;
//! what is measured is the session's time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postern::mailbox::{Access, Account, Fault, Loss, News, Session};
use postern::passage::Uid;
use postern::world::{Clock, LocalFuture, Tick, Wall, World};

use crate::scripted::{scripted, Peer};

const FASTER: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// A clock in a hurry.
struct Hurried(Instant);

impl Clock for Hurried {
    fn wall(&self) -> Wall {
        World::real().clock.wall()
    }

    fn tick(&self) -> Tick {
        Tick(self.0.elapsed() * FASTER)
    }

    fn sleep_until(&self, deadline: Tick) -> LocalFuture<'static, ()> {
        let at = self.0 + deadline.0 / FASTER;
        Box::pin(async move {
            smol::Timer::at(at).await;
        })
    }
}

/// Signs in to `account`, does `work`, and checks that it ends in silence, within a minute of its
/// beginning.
#[track_caller]
fn check<T, W>(account: &Account, work: impl FnOnce(Session) -> W) -> Duration
where
    W: std::future::Future<Output = Result<T, Fault>>,
{
    let clock: Arc<dyn Clock> = Arc::new(Hurried(Instant::now()));
    let world = World {
        clock: Arc::clone(&clock),
        ..World::real()
    };
    let (ended, took) = smol::block_on(async {
        let session = Session::connect(&world, account).await.expect("let in");
        let opened = session.open("INBOX", Access::Watch).await;
        let (session, _) = opened.expect("opened");
        let begun = clock.tick();
        let ended = work(session).await;
        (ended, clock.tick().since(begun))
    });
    let Err(fault) = ended else {
        panic!("it was not noticed");
    };
    let silent = matches!(
        &fault,
        Fault::Lost {
            why: Loss::Silent { .. },
            ..
        }
    );
    assert!(silent, "{fault}");
    assert!(took < MINUTE, "{took:?}");
    took
}

/// A server with one message and these abilities, of which `script` is the last deed.
fn server(abilities: &'static str, script: impl Fn(&mut Peer) + Send + 'static) -> Account {
    let mut account = scripted(move |_, peer| {
        peer.sign_in(abilities);
        peer.select(1);
        script(peer);
    });
    // In the session's time.
    account.timeout = Duration::from_secs(30);
    account
}

/// Watches for much longer than a minute.
async fn watch(session: Session) -> Result<(Session, News), Fault> {
    let patience = Duration::from_secs(3600);
    session.watch(patience, std::future::pending()).await
}

/// Goes red with `RENEW` at some minutes, or with the answer to it not waited for.
#[test]
fn a_peer_that_goes_silent_in_idle_is_noticed_within_a_minute() {
    let account = server("IDLE", |peer| {
        peer.hear("IDLE");
        peer.say("+ idling\r\n");
        assert_eq!(peer.line(), "DONE");
        peer.hear("IDLE");
        assert_eq!(peer.line(), "", "the client hangs up");
    });
    check(&account, watch);
}

/// Goes red when octets put the end of the wait off, as they do for long answers (`in_time`).
#[test]
fn keep_alives_hide_no_server_that_answers_nothing() {
    let account = server("IDLE", |peer| {
        peer.hear("IDLE");
        peer.say("+ idling\r\n");
        assert_eq!(peer.keep_alive(), "DONE", "keep-alives put no check off");
        peer.hear("IDLE");
        assert_eq!(peer.keep_alive(), "");
    });
    check(&account, watch);

    let account = server("IDLE", |peer| {
        peer.hear("IDLE");
        assert_eq!(peer.keep_alive(), "");
    });
    check(&account, watch);
}

#[test]
fn a_silent_server_without_idle_is_noticed_within_a_minute() {
    let account = server("", |peer| {
        peer.hear("NOOP");
        assert_eq!(peer.keep_alive(), "");
    });
    check(&account, watch);
}

#[test]
fn a_peer_that_goes_silent_in_the_middle_of_a_message_is_noticed_within_a_minute() {
    let account = server("", |peer| {
        peer.hear("UID FETCH 1 ");
        peer.say("* 1 FETCH (UID 1 BODY[]<0> {4000}\r\nFrom: half");
        assert_eq!(peer.line(), "", "the client hangs up");
    });
    let took = check(&account, |session| async move {
        session.fetch(&[(Uid(1), 4000)], 10_000).await
    });
    // A busy server is given the most of it.
    assert!(took > MINUTE / 2, "{took:?}");
}

/// A server that works goes through as many rounds as there are.
#[test]
fn a_server_that_answers_each_check_is_not_given_up() {
    let account = server("IDLE", |peer| {
        for _ in 0..3 {
            let tag = peer.hear("IDLE");
            peer.say("+ idling\r\n");
            assert_eq!(peer.keep_alive(), "DONE");
            peer.say(format!("{tag} OK\r\n"));
        }
        let tag = peer.hear("IDLE");
        peer.say("+ idling\r\n* 2 EXISTS\r\n");
        assert_eq!(peer.line(), "DONE");
        peer.say(format!("{tag} OK\r\n"));
        peer.until_gone();
    });
    assert_eq!(watched(&account).expect("no fault"), News::Something);
}

/// What an hour of watching comes to, of a server that keeps no silence.
fn watched(account: &Account) -> Result<News, Fault> {
    let world = World {
        clock: Arc::new(Hurried(Instant::now())),
        ..World::real()
    };
    smol::block_on(async {
        let session = Session::connect(&world, account).await.expect("let in");
        let opened = session.open("INBOX", Access::Watch).await;
        let (_, news) = watch(opened.expect("opened").0).await?;
        Ok(news)
    })
}

/// A server on which IDLE is ended and begun anew, with both asked for before either is answered:
/// `script` does that, by the tags of the two.
fn renewing(script: impl Fn(&mut Peer, &str, &str) + Send + 'static) -> Account {
    server("IDLE", move |peer| {
        let first = peer.hear("IDLE");
        peer.say("+ idling\r\n");
        assert_eq!(peer.line(), "DONE");
        let second = peer.hear("IDLE");
        script(peer, &first, &second);
        peer.until_gone();
    })
}

/// Goes red when what is said between the end of one IDLE and the beginning of the next is passed over,
/// or when the one is not asked for with the other.
#[test]
fn mail_that_comes_while_idle_is_begun_anew_is_news() {
    let account = renewing(|peer, first, second| {
        peer.say(format!("{first} OK\r\n* 2 EXISTS\r\n+ idling\r\n"));
        assert_eq!(peer.line(), "DONE");
        peer.say(format!("{second} OK\r\n"));
    });
    assert_eq!(watched(&account).expect("no fault"), News::Something);
}

#[test]
fn idle_that_is_denied_when_it_is_begun_anew_is_done_without() {
    let account = renewing(|peer, first, second| {
        peer.say(format!("{first} OK\r\n{second} NO not now\r\n"));
        peer.answer("NOOP", "* 2 EXISTS\r\n", "OK");
    });
    assert_eq!(watched(&account).expect("no fault"), News::Something);
}

/// The end of an IDLE that is denied is a fault, and no beginning of the next.
#[test]
fn an_idle_whose_end_is_denied_is_a_fault() {
    let account = renewing(|peer, first, _| {
        peer.say(format!("+ idling\r\n{first} BAD what\r\n"));
    });
    assert!(watched(&account).is_err());
}
