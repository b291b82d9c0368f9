//! A second real server: a Cyrus in each of its layouts. In the classic one all folders lie below INBOX,
//! dots separate them, and a name beside INBOX is denied. Where there is no Cyrus, the tests say that
//! they were skipped. The end-to-end tests run on it as a whole (`scripts/test.sh`).

use std::time::Duration;

use postern::mailbox::probe::{Outcome, What};
use postern::mailbox::{Access, Account, Fault, How, News, Pass, Security, Wanted};
use postern::world::{Secret, Trust};

use crate::common::service::Hand;
use crate::common::{MailServer, PASSWORD, USER};
use crate::dovecot::message;
use crate::{inbox, probed, unannounced};

fn account(server: &MailServer) -> Account {
    Account {
        host: "127.0.0.1".to_owned(),
        port: server.imap,
        security: Security::None,
        trust: Trust::System,
        username: USER.to_owned(),
        password: Secret::new(PASSWORD.to_owned()),
        timeout: Duration::from_secs(90),
    }
}

/// Puts a message into the inbox, as a mail program would.
fn append(server: &MailServer, octets: &[u8]) {
    Hand::sign_in(server.imap).append("INBOX", "", octets);
}

#[test]
fn cyrus_lists_fetches_archives_below_its_prefix_and_idles() {
    check(&["--inbox-prefix", "."], "INBOX.Erledigt.Übrig 2026");
}

#[test]
fn cyrus_does_so_with_a_prefix_and_slashes() {
    check(&["--inbox-prefix", "/"], "INBOX/Erledigt/Übrig 2026");
}

#[test]
fn cyrus_does_so_without_a_prefix() {
    check(&[], "Erledigt/Übrig 2026");
}

/// The whole of the port, with the archive folder as this layout names it.
#[track_caller]
fn check(layout: &[&str], archive: &str) {
    let Some(server) = MailServer::cyrus(layout) else {
        return;
    };
    let octets = message(1, 4000);
    append(&server, &octets);
    let account = account(&server);
    let wanted = Wanted::Named("Erledigt/Übrig 2026".to_owned());
    let (found, steps) = probed(&account, &wanted, None);
    assert!(found.passed, "{steps:#?}");
    assert_eq!(found.unread, Some(1));
    let named = steps.iter().any(|s| {
        s.what == What::SignIn
            && matches!(&s.outcome, Outcome::Ok { said } if said.contains("calls itself Cyrus"))
    });
    assert!(named, "{steps:#?}");

    let work = async {
        let session = inbox(&account).await?;
        let (session, listed) = session.list(Pass::whole(None)).await?;
        let (session, looked) = session.look(&listed.uids).await?;
        assert_eq!(looked.items.len(), 1);
        assert_eq!(
            (looked.items[0].size, looked.items[0].seen),
            (octets.len() as u64, false)
        );
        let (session, brought) = session.fetch(&unannounced(&listed.uids), 1 << 20).await?;
        assert_eq!(brought.messages, [(listed.uids[0], octets.clone().into())]);
        let (session, folder) = session.archive_folder(&wanted, true).await?;
        let folder = folder.expect("a folder");
        assert_eq!(folder.name, archive);
        assert!(folder.created);
        let (session, archived) = session.archive(&listed.uids, &folder, &How::Move).await?;
        assert_eq!(archived.moved.len(), 1, "{archived:?}");
        assert!(archived.left.is_empty() && archived.uid_validity.is_some());
        let (session, listed) = session.list(Pass::whole(None)).await?;
        assert!(listed.uids.is_empty());
        let delivery = std::thread::scope(|scope| {
            scope.spawn(|| append(&server, &message(2, 400)));
            let patience = Duration::from_secs(90);
            smol::block_on(session.watch(patience, std::future::pending()))
        });
        let (session, news) = delivery?;
        assert_eq!(news, News::Something);
        let (session, _) = session.open(&folder.name, Access::Look).await?;
        let (session, looked) = session.look(&[archived.moved[0].1]).await?;
        assert!(looked.items[0].seen, "archived messages are read");
        session.logout().await;
        Ok::<_, Fault>(())
    };
    smol::block_on(work).expect("no fault");
}
