//! The mailbox port against a real Dovecot and against a server that lies.

#[path = "imap/dovecot.rs"]
mod dovecot;
#[path = "imap/lies.rs"]
mod lies;
#[path = "imap/scripted.rs"]
mod scripted;

use std::time::Duration;

use dovecot::{message, Dovecot, Odd};
use postern::mailbox::{Access, Fault, How, Pass, Security, Session, Wanted};
use postern::world::World;

fn check<T>(work: impl std::future::Future<Output = Result<T, Fault>>) -> T {
    match smol::block_on(work) {
        Ok(value) => value,
        Err(fault) => panic!("{fault} ({fault:?})"),
    }
}

#[test]
fn a_message_is_listed_looked_at_fetched_and_archived_by_each_kind_of_security() {
    let server = Dovecot::start(Odd::default());
    for security in [Security::Tls, Security::StartTls, Security::None] {
        let octets = message(1, 4000);
        server.deliver("INBOX", [octets.clone()]);
        let world = World::real();
        check(async {
            let session = Session::connect(&world, &server.account(security)).await?;
            assert!(session.abilities().moves && session.abilities().idle);
            let (session, opened) = session.open("INBOX", Access::Watch).await?;
            assert_eq!(opened.exists, 1);
            assert!(!opened.read_only);
            let (session, listed) = session.list(Pass::whole(None)).await?;
            assert_eq!(listed.uids.len(), 1);
            assert_eq!(listed.pass, None);
            let (session, items) = session.look(&listed.uids).await?;
            assert_eq!(items[0].size, octets.len() as u64);
            assert!(!items[0].seen);
            let (session, messages) = session.fetch(&listed.uids, 1 << 20).await?;
            assert_eq!(messages, [(listed.uids[0], octets.clone())]);
            let (session, folder) = session.archive_folder(&Wanted::BySpecialUse, true).await?;
            let folder = folder.unwrap();
            let (session, archived) = session.archive(&listed.uids, &folder, How::Move).await?;
            assert_eq!(archived.moved.len(), 1, "{archived:?}");
            assert!(archived.left.is_empty());
            let (session, listed) = session.list(Pass::whole(None)).await?;
            assert!(listed.uids.is_empty());
            session.logout().await;
            Ok(())
        });
    }
    let _ = Duration::ZERO;
}
