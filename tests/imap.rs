//! The mailbox port against a real Dovecot and against a server that lies.

// Clippy knows test functions, not the helpers beside them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "imap/cyrus.rs"]
mod cyrus;
#[path = "imap/dovecot.rs"]
mod dovecot;
#[path = "imap/left_out.rs"]
mod left_out;
#[path = "imap/lies.rs"]
mod lies;
#[path = "imap/oddities.rs"]
mod oddities;
#[path = "imap/scripted.rs"]
mod scripted;
#[path = "imap/silent.rs"]
mod silent;
#[path = "imap/tls.rs"]
mod tls;
#[path = "imap/unreadable.rs"]
mod unreadable;
#[path = "common/wires.rs"]
mod wires;

use std::time::{Duration, Instant};

use dovecot::{message, Dovecot, Odd, USER};
use postern::mailbox::probe::{self, probe, Found, Outcome, Step, Trial, What};
use postern::mailbox::{
    Access, Account, Copies, Count, Fault, Folder, How, Loss, News, Pass, Refusal, Security,
    Session, Slice, Wanted,
};
use postern::passage::Uid;
use postern::world::tls::Blemish;
use postern::world::{Secret, Trust, Wall, World};

/// Messages of which no size was announced.
fn unannounced(uids: &[Uid]) -> Vec<(Uid, u64)> {
    uids.iter().map(|uid| (*uid, 0)).collect()
}

#[track_caller]
fn check<T>(work: impl std::future::Future<Output = Result<T, Fault>>) -> T {
    match smol::block_on(work) {
        Ok(value) => value,
        Err(fault) => panic!("{fault} ({fault:?})"),
    }
}

#[track_caller]
fn refused(account: &Account) -> Refusal {
    match smol::block_on(Session::connect(&World::real(), account)) {
        Ok(_) => panic!("a refusal was expected"),
        Err(Fault::Refused { why, .. }) => why,
        Err(fault) => panic!("{fault} ({fault:?})"),
    }
}

async fn inbox(account: &Account) -> Result<Session, Fault> {
    let session = Session::connect(&World::real(), account).await?;
    Ok(session.open("INBOX", Access::Watch).await?.0)
}

/// What Test Connection finds, and its steps.
fn probed(account: &Account, archive: &Wanted, received_after: Option<Wall>) -> (Found, Vec<Step>) {
    let trial = Trial {
        account,
        folder: "INBOX",
        archive,
        received_after,
        archive_by_copy: false,
        convert_read: false,
    };
    let mut steps = Vec::new();
    let world = World::real();
    let found = smol::block_on(probe(&world, &trial, &mut |step| steps.push(step)));
    (found, steps)
}

/// All unread UIDs, by as many windows as it takes, and how many those were.
async fn all(mut session: Session, first: Pass) -> Result<(Session, Vec<Uid>, usize), Fault> {
    let mut uids = Vec::new();
    let mut windows = 0;
    let mut pass = Some(first);
    while let Some(p) = pass {
        let (s, listed) = session.list(p).await?;
        session = s;
        uids.extend(listed.uids);
        pass = listed.pass;
        windows += 1;
    }
    uids.sort_unstable();
    uids.dedup();
    Ok((session, uids, windows))
}

fn folder(name: &str) -> Folder {
    Folder {
        name: name.to_owned(),
        created: false,
    }
}

#[test]
fn a_message_is_listed_looked_at_fetched_and_archived_by_each_kind_of_security() {
    let server = Dovecot::start(Odd::default());
    for security in [Security::Tls, Security::StartTls, Security::None] {
        let octets = message(1, 4000);
        server.deliver("INBOX", [octets.clone()]);
        check(async {
            let session = Session::connect(&World::real(), &server.account(security)).await?;
            assert!(session.abilities().moves && session.abilities().idle);
            let (session, opened) = session.open("INBOX", Access::Watch).await?;
            assert_eq!(opened.exists, 1);
            assert!(!opened.read_only);
            let (session, listed) = session.list(Pass::whole(None)).await?;
            assert_eq!(listed.uids.len(), 1);
            assert_eq!(listed.pass, None);
            let (session, looked) = session.look(&listed.uids).await?;
            assert_eq!(looked.items[0].size, octets.len() as u64);
            assert!(!looked.items[0].seen);
            assert!(
                (World::real().clock.wall().0 - looked.items[0].received_at.0).abs() < 3_600_000
            );
            let (session, brought) = session.fetch(&unannounced(&listed.uids), 1 << 20).await?;
            assert_eq!(brought.messages, [(listed.uids[0], octets.clone().into())]);
            let (session, folder) = session.archive_folder(&Wanted::BySpecialUse, true).await?;
            let folder = folder.unwrap();
            assert!(folder.name.starts_with("INBOX."), "{}", folder.name);
            let (session, archived) = session.archive(&listed.uids, &folder, &How::Move).await?;
            assert_eq!(archived.moved.len(), 1, "{archived:?}");
            assert!(archived.left.is_empty() && archived.uid_validity.is_some());
            let (session, listed) = session.list(Pass::whole(None)).await?;
            assert!(listed.uids.is_empty());
            let (session, _) = session.open(&folder.name, Access::Look).await?;
            let (session, looked) = session.look(&[archived.moved[0].1]).await?;
            assert!(looked.items[0].seen, "archived messages are read");
            session.logout().await;
            Ok(())
        });
    }
}

#[test]
fn a_wrong_password_is_told_from_everything_else() {
    let server = Dovecot::start(Odd::default());
    let mut account = server.account(Security::Tls);
    account.password = Secret::new("wrong".to_owned());
    let Refusal::SignIn { said } = refused(&account) else {
        panic!("a refused sign-in was expected");
    };
    assert!(said.starts_with("[AUTHENTICATIONFAILED]"), "{said}");
}

#[test]
fn a_certificate_that_is_not_trusted_is_explained_and_can_be_pinned() {
    let server = Dovecot::start(Odd::default());
    for security in [Security::Tls, Security::StartTls] {
        let mut account = server.account(security);
        account.trust = Trust::System;
        let Refusal::Certificate(blemish, shown) = refused(&account) else {
            panic!("a refused certificate was expected");
        };
        assert_eq!(blemish, Blemish::UnknownIssuer);
        // Whoever wants to pin it sees the same, without a password.
        let seen = smol::block_on(probe::certificate(&World::real(), &account));
        assert_eq!(seen, Ok(Some(*shown.clone())));

        let mut misnamed = server.account(security);
        misnamed.host = "127.0.0.1".to_owned();
        let Refusal::Certificate(blemish, _) = refused(&misnamed) else {
            panic!("a refused certificate was expected");
        };
        assert_eq!(blemish, Blemish::WrongName);

        misnamed.trust = Trust::Pinned(shown.sha256);
        check(Session::connect(&World::real(), &misnamed));
        misnamed.trust = Trust::Pinned([7; 32]);
        assert!(matches!(refused(&misnamed), Refusal::NotPinned { .. }));
    }
}

#[test]
fn a_handshake_that_was_cut_off_is_not_held_against_the_certificate() {
    let server = Dovecot::start(Odd::default());
    let mut account = server.account(Security::Tls);
    account.port = wires::cut_once(([127, 0, 0, 1], account.port).into());
    smol::block_on(async {
        let world = World::real();
        let fault = Session::connect(&world, &account).await.err().unwrap();
        let lost = matches!(
            fault,
            Fault::Lost {
                why: Loss::Handshake { .. },
                ..
            }
        );
        assert!(lost, "{fault}");
        Session::connect(&world, &account).await.unwrap();
    });
}

#[test]
fn nothing_there_is_told_from_no_such_name() {
    let mut account = Account {
        host: "127.0.0.1".to_owned(),
        port: dovecot::free_port(),
        security: Security::Tls,
        trust: Trust::System,
        username: USER.to_owned(),
        password: Secret::new(String::new()),
        timeout: Duration::from_secs(10),
    };
    let fault = smol::block_on(Session::connect(&World::real(), &account)).err();
    let wanted = |f: &Fault, name: bool| match f {
        Fault::Lost { why, .. } => matches!(
            (why, name),
            (Loss::Name { .. }, true) | (Loss::NothingListens { .. }, false)
        ),
        _ => false,
    };
    assert!(fault.is_some_and(|f| wanted(&f, false)));
    account.host = "no-such-host.invalid".to_owned();
    let fault = smol::block_on(Session::connect(&World::real(), &account)).err();
    assert!(fault.is_some_and(|f| wanted(&f, true)));
}

#[test]
fn a_tls_port_taken_for_a_plain_one_is_recognised() {
    let server = Dovecot::start(Odd::default());
    let mut account = server.account(Security::None);
    account.port = server.imaps;
    account.timeout = Duration::from_secs(3);
    let wanted = Refusal::OtherProtocol(postern::mailbox::Spoken::Tls);
    assert_eq!(refused(&account), wanted);
}

#[test]
fn without_move_nothing_is_moved_unless_the_operator_lets_it_be_copied() {
    let server = Dovecot::start(Odd {
        capability: Some("IMAP4rev1 SASL-IR LITERAL+ UIDPLUS"),
        ..Odd::default()
    });
    server.deliver("INBOX", (0..3).map(|n| message(n, 500)));
    // Somebody else marked one deleted: it must survive.
    check(async {
        let account = server.account(Security::Tls);
        let session = inbox(&account).await?;
        assert!(!session.abilities().moves && !session.abilities().idle);
        let fault = session
            .archive(&[Uid(1)], &folder("INBOX.Ablage"), &How::Move)
            .await
            .err();
        let lacking = |f: &Fault| {
            matches!(
                f,
                Fault::Refused {
                    why: Refusal::Lacking { .. },
                    ..
                }
            )
        };
        assert!(fault.is_some_and(|f| lacking(&f)));
        let session = inbox(&account).await?;
        let uids = [Uid(1), Uid(3), Uid(99)];
        let (session, archived) = session
            .archive(
                &uids,
                &folder("INBOX.Ablage"),
                &How::Copy(Copies::default()),
            )
            .await?;
        assert_eq!(archived.moved.len(), 2, "{archived:?}");
        assert!(archived.left.is_empty());
        let (_, uids, _) = all(session, Pass::whole(None)).await?;
        assert_eq!(uids, [Uid(2)]);
        Ok(())
    });
}

#[test]
fn an_archive_folder_with_any_name_is_made_and_subscribed() {
    let server = Dovecot::start(Odd::default());
    check(async {
        let account = server.account(Security::StartTls);
        let session = inbox(&account).await?;
        let wanted = Wanted::Named("Erledigt & \"abgelegt\"/2026/Übrig 台北".to_owned());
        let (session, none) = session.archive_folder(&wanted, false).await?;
        assert_eq!(none, None);
        let (session, made) = session.archive_folder(&wanted, true).await?;
        let made = made.unwrap();
        assert!(made.created);
        assert_eq!(made.name, "INBOX.Erledigt & \"abgelegt\".2026.Übrig 台北");
        let (session, found) = session.archive_folder(&wanted, true).await?;
        assert_eq!(
            found,
            Some(Folder {
                created: false,
                ..made.clone()
            })
        );
        let subscribed = server.doveadm(&["mailbox", "list", "-s", "-u", USER]);
        assert!(subscribed.contains("Übrig 台北"), "{subscribed}");
        let (session, _) = session.open(&made.name, Access::Watch).await?;
        let fault = session.archive_folder(&wanted, true).await.err();
        let watched = |f: &Fault| {
            matches!(
                f,
                Fault::Refused {
                    why: Refusal::ArchiveIsWatched { .. },
                    ..
                }
            )
        };
        assert!(fault.is_some_and(|f| watched(&f)));
        Ok(())
    });
}

#[test]
fn a_folder_that_is_not_there_is_gone() {
    let server = Dovecot::start(Odd::default());
    check(async {
        let session = inbox(&server.account(Security::None)).await?;
        let fault = session.open("INBOX.Nirgends", Access::Look).await.err();
        assert!(matches!(fault, Some(Fault::Gone { .. })), "{fault:?}");
        Ok(())
    });
}

#[test]
fn idle_tells_of_a_new_message_and_can_be_stopped() {
    let server = Dovecot::start(Odd::default());
    check(async {
        let session = inbox(&server.account(Security::Tls)).await?;
        let begun = Instant::now();
        let patience = Duration::from_secs(30);
        let late = async {
            smol::Timer::after(Duration::from_millis(300)).await;
        };
        let (session, news) = session.watch(patience, late).await?;
        assert_eq!(news, News::Stopped);
        let delivery = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                server.deliver("INBOX", [message(1, 300)]);
            });
            smol::block_on(session.watch(patience, std::future::pending()))
        });
        let (session, news) = delivery?;
        assert_eq!(news, News::Something);
        assert!(begun.elapsed() < Duration::from_secs(20));
        // What was told once is told again until it was listed, and not after.
        let (session, news) = session.watch(patience, std::future::pending()).await?;
        assert_eq!(news, News::Something);
        let (session, uids, _) = all(session, Pass::whole(None)).await?;
        assert_eq!(uids.len(), 1);
        let short = Duration::from_millis(300);
        let (_, news) = session.watch(short, std::future::pending()).await?;
        assert_eq!(news, News::Nothing);
        Ok(())
    });
}

#[test]
fn windows_skip_nothing_while_others_remove_messages() {
    let server = Dovecot::start(Odd::default());
    server.deliver("INBOX", (0..5600).map(|n| message(n, 200)));
    check(async {
        let account = server.account(Security::Tls);
        let session = inbox(&account).await?;
        let (session, first) = session.list(Pass::whole(None)).await?;
        assert_eq!(first.uids.len(), 5000);
        let other = inbox(&account).await?;
        let gone: Vec<Uid> = (1..=2500).map(|n| Uid(n * 2)).collect();
        let (other, archived) = other
            .archive(&gone, &folder("INBOX.Ablage"), &How::Move)
            .await?;
        assert_eq!(archived.moved.len(), 2500);
        other.logout().await;
        // The session learns of it at the end of its next command.
        let (session, _) = session.look(&[Uid(2)]).await?;
        let (session, looked) = session.look(&[Uid(2), Uid(3)]).await?;
        assert_eq!(looked.items.len(), 1);
        let (session, second) = session.list(first.pass.unwrap()).await?;
        let late: Vec<Uid> = (5001..=5600).map(Uid).collect();
        assert!(late.iter().all(|uid| second.uids.contains(uid)));
        assert_eq!(second.pass, None);
        let (session, uids, _) = all(session, Pass::from(Uid(5590), None)).await?;
        assert_eq!(uids.len(), 11);
        let (session, uids, _) = all(session, Pass::from(Uid(9999), None)).await?;
        assert!(uids.is_empty());
        let (session, unread) = session.count(Count::Unread).await?;
        assert_eq!(unread, 3100);
        let now = World::real().clock.wall();
        let yesterday = Wall(now.0 - 86_400_000);
        let (session, since) = session.count(Count::UnreadSince(yesterday)).await?;
        assert_eq!(since, 3100);
        let tomorrow = Wall(now.0 + 86_400_000);
        let (session, since) = session.count(Count::UnreadSince(tomorrow)).await?;
        assert_eq!(since, 0);
        let (session, before) = session.count(Count::UnreadBefore(tomorrow)).await?;
        assert_eq!(before, 3100);
        let (_, before) = session.count(Count::UnreadBefore(yesterday)).await?;
        assert_eq!(before, 0);
        Ok(())
    });
}

#[test]
fn a_large_message_comes_in_slices() {
    let server = Dovecot::start(Odd::default());
    let octets = message(1, 3_000_001);
    server.deliver("INBOX", [octets.clone()]);
    check(async {
        let session = inbox(&server.account(Security::Tls)).await?;
        let mut slices = session.slices(Uid(1), 0, 256 * 1024);
        let mut whole = Vec::new();
        while let Slice::Octets(more) = slices.next().await? {
            whole.extend(more);
        }
        let differs = whole.iter().zip(&octets).position(|(a, b)| a != b);
        assert_eq!((whole.len(), differs), (octets.len(), None));
        let session = slices.finish().await?;
        let end = octets.len() as u64;
        let (session, tail) = session.slice(Uid(1), end - 3, 100).await?;
        assert_eq!(tail.as_deref(), octets.get(octets.len() - 3..));
        let (session, past) = session.slice(Uid(1), end, 100).await?;
        assert_eq!(past.as_deref(), Some(&b""[..]));
        let (session, none) = session.slice(Uid(77), 0, 100).await?;
        assert_eq!(none, None);
        let mut slices = session.slices(Uid(77), 0, 1000);
        assert_eq!(slices.next().await?, Slice::Gone);
        let session = slices.finish().await?;
        // The session is in step.
        let (_, unread) = session.count(Count::Unread).await?;
        assert_eq!(unread, 1);
        Ok(())
    });
}

#[test]
fn messages_that_vanished_are_in_no_answer() {
    let server = Dovecot::start(Odd::default());
    server.deliver("INBOX", (0..4).map(|n| message(n, 200)));
    check(async {
        let session = inbox(&server.account(Security::Tls)).await?;
        let uids = [Uid(2), Uid(500), Uid(4)];
        let (session, brought) = session.fetch(&unannounced(&uids), 1000).await?;
        assert_eq!(brought.messages.len(), 2);
        let (session, looked) = session.look(&uids).await?;
        assert_eq!(looked.items.len(), 2);
        let (session, archived) = session
            .archive(&uids, &folder("INBOX.Ablage"), &How::Move)
            .await?;
        assert_eq!(archived.moved.len(), 2);
        assert!(archived.left.is_empty());
        let (session, again) = session
            .archive(&uids, &folder("INBOX.Ablage"), &How::Move)
            .await?;
        assert!(again.moved.is_empty() && again.left.is_empty());
        let (_, uids, _) = all(session, Pass::whole(None)).await?;
        assert_eq!(uids, [Uid(1), Uid(3)]);
        Ok(())
    });
}

#[test]
fn an_archive_that_is_not_there_is_made_when_it_is_needed() {
    let server = Dovecot::start(Odd::default());
    server.deliver("INBOX", [message(1, 200)]);
    check(async {
        let session = inbox(&server.account(Security::Tls)).await?;
        let to = folder("INBOX.Neu");
        let (_, archived) = session.archive(&[Uid(1)], &to, &How::Move).await?;
        assert_eq!(archived.moved.len(), 1);
        Ok(())
    });
}

#[test]
fn test_connection_tells_each_step_and_changes_nothing() {
    let server = Dovecot::start(Odd::default());
    server.deliver("INBOX", (0..3).map(|n| message(n, 200)));
    let world = World::real();
    let mut account = server.account(Security::Tls);
    let wanted = Wanted::Named("Neu".to_owned());
    let run = |account: &Account| {
        let after = Wall(world.clock.wall().0 + 3_600_000);
        probed(account, &wanted, Some(after))
    };
    let (found, steps) = run(&account);
    let order: Vec<What> = steps.iter().map(|s| s.what).collect();
    assert_eq!(
        order,
        [
            What::Name,
            What::Connection,
            What::Tls,
            What::Greeting,
            What::SignIn,
            What::Folder,
            What::CutOff,
            What::Move,
            What::Archive
        ]
    );
    assert!(found.passed, "{steps:#?}");
    let named = steps.iter().any(|s| {
        s.what == What::SignIn
            && matches!(&s.outcome, Outcome::Ok { said } if said.ends_with("calls itself Dovecot"))
    });
    assert!(named, "{steps:#?}");
    assert_eq!((found.unread, found.would_convert), (Some(3), Some(0)));
    let folders = server.doveadm(&["mailbox", "list", "-u", USER]);
    assert!(!folders.contains("Neu"), "{folders}");

    account.password = Secret::new("wrong".to_owned());
    let (found, steps) = run(&account);
    assert!(!found.passed);
    let last = steps.last().unwrap();
    assert_eq!(last.what, What::SignIn);
    assert!(matches!(&last.outcome, Outcome::Bad { mend, .. } if mend.contains("password")));

    account.trust = Trust::System;
    let (_, steps) = run(&account);
    let last = steps.last().unwrap();
    assert_eq!(last.what, What::Tls);
    assert!(matches!(&last.outcome, Outcome::Bad { mend, .. } if mend.contains("SHA-256")));
}
