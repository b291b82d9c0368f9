//! Servers that break off, deny, or do what the standard allows and few expect. Which row of the
//! project's lists has which test: `scripted`.

use postern::mailbox::probe::{Outcome, What};
use postern::mailbox::{
    Account, Copies, Count, Fault, Folder, How, Loss, Pass, Refusal, Session, Wanted,
};
use postern::passage::Uid;
use postern::world::{Wall, World};

use crate::left_out::there;
use crate::scripted::{scripted, Peer};
use crate::{folder, inbox, probed, unannounced};

/// From the greeting to the move: what is waited for, what is said to it, and with which status.
const LIFE: [(&str, &str, &str); 9] = [
    (
        "",
        "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n",
        "",
    ),
    (
        "AUTHENTICATE PLAIN ",
        "",
        "OK [CAPABILITY IMAP4rev1 MOVE UIDPLUS] in",
    ),
    (
        "SELECT ",
        "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n",
        "OK [READ-WRITE] open",
    ),
    ("NOOP", "", "OK done"),
    ("UID SEARCH 1:1 UNSEEN", "* SEARCH 1\r\n", "OK done"),
    (
        "UID FETCH 1 (UID RFC822.SIZE",
        "* 1 FETCH (UID 1 RFC822.SIZE 4 INTERNALDATE \"01-Mar-2026 00:00:00 +0000\" FLAGS ())\r\n",
        "OK done",
    ),
    (
        "UID FETCH 1 (UID BODY.PEEK[]",
        "* 1 FETCH (UID 1 BODY[]<0> {4}\r\nabcd)\r\n",
        "OK done",
    ),
    ("UID STORE 1 ", "", "OK done"),
    ("UID MOVE 1 ", "* OK [COPYUID 5 1 9] moved\r\n", "OK done"),
];

async fn live(account: &Account) -> Result<(Vec<u8>, Vec<(Uid, Uid)>), Fault> {
    let session = inbox(account).await?;
    let (session, listed) = session.list(Pass::whole(None)).await?;
    let (session, _) = session.look(&listed.uids).await?;
    let (session, mut brought) = session.fetch(&unannounced(&listed.uids), 100).await?;
    let (_, archived) = session
        .archive(&listed.uids, &folder("Archive"), &How::Move)
        .await?;
    Ok((brought.messages.remove(0).1.into(), archived.moved))
}

/// Plays `LIFE`, but of step `last` it says a part only (by quarters), and hangs up.
fn until(last: usize, quarters: usize) -> Account {
    scripted(move |_, peer| {
        for (step, (verb, data, status)) in LIFE.iter().enumerate() {
            let mut tag = String::new();
            if !verb.is_empty() {
                tag = peer.hear(verb);
            }
            let whole = match status.is_empty() {
                true => (*data).to_owned(),
                false => format!("{data}{tag} {status}\r\n"),
            };
            if step == last {
                // All but the last octet at most: a careless reader would miss nothing of it.
                peer.say(&whole.as_bytes()[..(whole.len() - 1) * quarters / 4]);
                return;
            }
            peer.say(&whole);
        }
        peer.until_gone();
    })
}

/// Goes red when an answer that broke off is taken for a whole one (`pipeline`).
#[test]
fn a_connection_that_drops_after_each_command_and_in_each_answer_is_lost() {
    for last in 0..LIFE.len() {
        for quarters in 0..=4 {
            let fault = match smol::block_on(live(&until(last, quarters))) {
                Ok(done) => panic!("{last}, {quarters}/4: {done:?}"),
                Err(fault) => fault,
            };
            let lost = matches!(
                &fault,
                Fault::Lost {
                    why: Loss::Closed | Loss::Cut { .. },
                    ..
                }
            );
            assert!(lost, "{last}, {quarters}/4: {fault}");
        }
    }
    let whole = smol::block_on(live(&until(LIFE.len(), 0)));
    let wanted = (b"abcd".to_vec(), vec![(Uid(1), Uid(9))]);
    assert_eq!(whole.unwrap(), wanted);
}

/// A session whose commands are answered by `script`, not opened yet.
fn after_sign_in(abilities: &'static str, script: impl Fn(&mut Peer) + Send + 'static) -> Account {
    scripted(move |_, peer| {
        peer.sign_in(abilities);
        script(peer);
        peer.until_gone();
    })
}

fn after_open(abilities: &'static str, script: impl Fn(&mut Peer) + Send + 'static) -> Account {
    after_sign_in(abilities, move |peer| {
        peer.select(2);
        script(peer);
    })
}

/// async-imap's own calls leave the status unread: a denied search was an empty mailbox.
#[test]
fn a_denied_search_is_no_empty_mailbox() {
    for status in ["NO not now", "BAD what", "NO [UNAVAILABLE] busy"] {
        let account = after_open("", move |peer| {
            peer.answer("NOOP", "", "OK");
            peer.answer("UID SEARCH ", "* SEARCH\r\n", status);
        });
        let listed = smol::block_on(async { inbox(&account).await?.list(Pass::whole(None)).await });
        let fault = listed.err().unwrap();
        let denied = matches!(fault, Fault::Refused { .. } | Fault::Throttled { .. });
        assert!(denied, "{fault}");
    }
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let account = after_open("", |peer| {
        let data = "* 7 FETCH (FLAGS (\\Seen))\r\n\
                    * 2 FETCH (UID 99 BODY[]<0> {3}\r\nxyz)\r\n\
                    * ESEARCH (TAG \"p3\") UID ALL 1:3\r\n\
                    * 1 FETCH (UID 1 FLAGS ())\r\n\
                    * X-NEWS {4}\r\n)((\"\r\n\
                    * 1 FETCH (UID 1 BODY[]<0> {4}\r\nabcd)\r\n\
                    * OK [ALERT] maintenance tonight\r\n\
                    * SEARCH 42\r\n\
                    * ID (\"name\" {3}\r\nabc)\r\n";
        peer.answer("UID FETCH 1 ", data, "OK");
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let (_, brought) = session.fetch(&[(Uid(1), 0)], 100).await.unwrap();
        assert_eq!(brought.messages, [(Uid(1), b"abcd".as_slice().into())]);
    });
}

#[test]
fn the_day_before_is_asked_for_since_servers_count_days_of_their_own() {
    let account = after_open("", |peer| {
        peer.answer("NOOP", "", "OK");
        let wanted = "UID SEARCH 1:2 UNSEEN SINCE 28-Feb-2026";
        peer.answer(wanted, "* SEARCH 2\r\n", "OK");
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        // 2026-03-01T00:30:00Z
        let pass = Pass::whole(Some(Wall(1_772_325_000_000)));
        let (_, listed) = session.list(pass).await.unwrap();
        assert_eq!(listed.uids, [Uid(2)]);
    });
}

/// Goes red where the number of messages is believed for longer than one look takes.
#[test]
fn the_number_of_messages_is_asked_for_again_a_moment_later() {
    let account = after_open("", |peer| {
        peer.answer("NOOP", "", "OK");
        peer.answer("UID SEARCH 1:2 UNSEEN", "* SEARCH 1\r\n", "OK");
        peer.answer("NOOP", "* 3 EXISTS\r\n", "OK");
        peer.answer("UID SEARCH 1:3 UNSEEN", "* SEARCH 1 3\r\n", "OK");
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let (session, first) = session.count(Count::Unread).await.unwrap();
        std::thread::sleep(std::time::Duration::from_millis(150));
        let (_, second) = session.count(Count::Unread).await.unwrap();
        assert_eq!((first, second), (1, 2));
    });
}

/// Microsoft's, for a while after a start or a migration.
#[test]
fn an_empty_search_is_compared_with_the_servers_own_count() {
    let account = after_sign_in("MOVE", |peer| {
        peer.answer(
            "STATUS INBOX (UNSEEN)",
            "* STATUS INBOX (UNSEEN 12)\r\n",
            "OK",
        );
        let data = "* 12 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n";
        peer.answer("EXAMINE INBOX", data, "OK [READ-ONLY] open");
        peer.answer("NOOP", "", "OK");
        peer.answer("UID SEARCH 1:12 UNSEEN", "* SEARCH\r\n", "OK");
        peer.answer_soon("UID SEARCH 1:12 SEEN", "* SEARCH\r\n", "OK");
        peer.answer("LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\r\n", "OK");
        peer.answer("LIST \"\" \"Archive\"", "", "OK");
        peer.answer("LOGOUT", "* BYE\r\n", "OK");
    });
    let (_, steps) = probed(&account, &Wanted::Named("Archive".to_owned()), None);
    let warned = steps.into_iter().find_map(|s| match (s.what, s.outcome) {
        (What::Folder, Outcome::Warn { said, .. }) => Some(said),
        _ => None,
    });
    let said = warned.expect("a warning");
    assert!(
        said.contains("0 unread by search, 12 by the server's own count"),
        "{said}"
    );
}

#[test]
fn gmails_archive_is_all_mail_whatever_its_name() {
    let account = after_sign_in("MOVE SPECIAL-USE X-GM-EXT-1", |peer| {
        let data = "* LIST (\\HasNoChildren \\Trash) \"/\" \"[Gmail]/Papierkorb\"\r\n\
                    * LIST (\\All \\HasNoChildren) \"/\" \"[Gmail]/Alle Nachrichten\"\r\n";
        peer.answer("LIST (SPECIAL-USE) \"\" \"*\"", data, "OK");
    });
    let found = archive_of(&account, &Wanted::BySpecialUse).unwrap();
    assert_eq!(found.name, "[Gmail]/Alle Nachrichten");
    assert!(!found.created);
}

fn archive_of(account: &Account, wanted: &Wanted) -> Result<Folder, Fault> {
    smol::block_on(async {
        let session = Session::connect(&World::real(), account).await?;
        let (_, folder) = session.archive_folder(wanted, true).await?;
        Ok(folder.unwrap())
    })
}

/// Courier, and Cyrus before 3.0: nothing may be made beside INBOX.
#[test]
fn the_archive_is_made_below_the_personal_prefix_by_its_separator() {
    for (namespace, separator, made) in [
        (
            "((\"INBOX.\" \".\")) NIL ((\"shared.\" \".\"))",
            ".",
            "INBOX.Done.2026",
        ),
        ("((\"INBOX/\" \"/\")) NIL NIL", "/", "INBOX/Done/2026"),
        ("((\"\" \"\\\\\")) NIL NIL", "\\\\", "Done\\\\2026"),
        ("((\"\" \".\") (\"#mh.\" \"/\")) NIL NIL", ".", "Done.2026"),
    ] {
        let account = after_sign_in("MOVE NAMESPACE", move |peer| {
            peer.answer("NAMESPACE", &format!("* NAMESPACE {namespace}\r\n"), "OK");
            peer.answer(&format!("LIST \"\" \"{made}\""), "", "OK");
            if made.starts_with("INBOX") {
                // The operator's own word for it may be a folder elsewhere.
                peer.answer(&format!("LIST \"\" \"Done{separator}2026\""), "", "OK");
            }
            peer.answer(&format!("CREATE \"{made}\""), "", "OK");
            peer.answer(&format!("SUBSCRIBE \"{made}\""), "", "OK");
        });
        let wanted = Wanted::Named("Done/2026".to_owned());
        let folder = archive_of(&account, &wanted).unwrap();
        assert!(folder.created);
        assert_eq!(folder.name, made.replace("\\\\", "\\"));
    }
}

#[test]
fn a_server_that_denies_namespace_and_id_is_done_without_them() {
    let account = after_sign_in("MOVE NAMESPACE ID", |peer| {
        peer.answer("ID (\"name\" \"postern\" \"version\" ", "", "BAD not today");
        peer.answer("NAMESPACE", "", "NO not today");
        peer.answer("LIST \"\" \"\"", "* LIST (\\Noselect) \".\" \"\"\r\n", "OK");
        peer.answer("LIST \"\" \"Done.2026\"", "", "OK");
        peer.answer("CREATE \"Done.2026\"", "", "OK");
        peer.answer("SUBSCRIBE \"Done.2026\"", "", "OK");
    });
    let folder = archive_of(&account, &Wanted::Named("Done/2026".to_owned())).unwrap();
    assert_eq!(folder.name, "Done.2026");
}

/// Goes red when the ID answer reaches the parser, which gives up on some of these.
#[test]
fn whatever_is_answered_to_our_id_the_session_goes_on_and_it_tells_nothing_of_the_site() {
    for answer in [
        "* ID NIL\r\n",
        "* ID ()\r\n",
        "* ID (\"name\")\r\n",
        "* ID (\"name\" {4}\r\n\"))\x1b \"version\" NIL)\r\n",
        "* ID what is this\r\n",
        "",
    ] {
        let account = after_sign_in("MOVE ID", move |peer| {
            let wanted = format!(
                "ID (\"name\" \"postern\" \"version\" \"{}\")",
                env!("CARGO_PKG_VERSION")
            );
            let line = peer.line();
            let (tag, command) = line.split_once(' ').unwrap();
            assert_eq!(command, wanted);
            peer.say(format!("{answer}{tag} OK\r\n"));
            peer.select(1);
        });
        smol::block_on(inbox(&account)).unwrap();
    }
}

#[test]
fn an_archive_that_takes_nothing_is_said_at_once() {
    for code in ["NOPERM", "OVERQUOTA"] {
        let account = after_open("MOVE", move |peer| {
            peer.answer("UID STORE 1:2 ", "", "OK");
            peer.answer("UID MOVE 1:2 ", "", &format!("NO [{code}] it is read-only"));
            let left = "* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 2 FLAGS ())\r\n";
            peer.answer("UID FETCH 1:2 ", left, "OK");
        });
        let archived = smol::block_on(async {
            let uids = [Uid(1), Uid(2)];
            inbox(&account)
                .await?
                .archive(&uids, &folder("Archive"), &How::Move)
                .await
        });
        let Some(Fault::Refused {
            why: Refusal::Command { code: told, .. },
            ..
        }) = archived.err()
        else {
            panic!("{code}: a refusal was expected");
        };
        assert_eq!(told.as_deref(), Some(code));
    }
}

/// A second question could be one for the password once more, in another shape.
#[test]
fn a_server_that_asks_for_more_than_the_password_gets_no_more() {
    let account = scripted(|_, peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n");
        let tag = peer.hear("AUTHENTICATE PLAIN ");
        peer.say("+ \r\n");
        assert_eq!(peer.line(), "*");
        peer.say(format!("{tag} BAD cancelled\r\n"));
        peer.until_gone();
    });
    let connected = smol::block_on(Session::connect(&World::real(), &account));
    let Some(Fault::Refused {
        why: Refusal::SignIn { said },
        ..
    }) = connected.err()
    else {
        panic!("a refused sign-in was expected");
    };
    assert_eq!(said, "cancelled");
}

/// Goes red where it is copied first: what can't be removed then is copied again by each attempt.
#[test]
fn what_may_not_be_removed_is_not_copied() {
    let account = scripted(|number, peer| {
        peer.sign_in("UIDPLUS ACL RIGHTS=texk");
        if number == 0 {
            let data = "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n";
            peer.answer("SELECT ", data, "OK [READ-ONLY] open");
        } else {
            peer.select(1);
            let rights = ["", "lrswit", "lrswie"].get(number).unwrap_or(&"");
            let data = format!("* MYRIGHTS INBOX {rights}\r\n");
            match rights.is_empty() {
                // Who doesn't tell leaves it to the attempt.
                true => {
                    peer.answer("MYRIGHTS INBOX", "", "NO not told");
                    there(peer, &[1]);
                    peer.answer("UID STORE 1 +FLAGS.SILENT (\\Seen)", "", "OK");
                    peer.answer("UID COPY 1 ", "", "NO [OVERQUOTA] full");
                    peer.answer("UID FETCH 1 ", "* 1 FETCH (UID 1 FLAGS ())\r\n", "OK");
                }
                false => peer.answer("MYRIGHTS INBOX", &data, "OK"),
            }
        }
        assert_eq!(peer.line(), "", "nothing more is asked for");
    });
    let why = || {
        smol::block_on(async {
            let session = inbox(&account).await.unwrap();
            let archive = folder("Archive");
            let done = session
                .archive(&[Uid(1)], &archive, &How::Copy(Copies::default()))
                .await;
            match done.err() {
                Some(Fault::Refused { why, .. }) => why,
                other => panic!("{other:?}"),
            }
        })
    };
    let watched = || "INBOX".to_owned();
    assert_eq!(why(), Refusal::ReadOnly { folder: watched() });
    for lacking in ["e", "t"] {
        let lacking = lacking.to_owned();
        let folder = watched();
        assert_eq!(why(), Refusal::Rights { folder, lacking });
    }
    assert!(matches!(why(), Refusal::Command { .. }));
}

/// Goes red where it is copied all the same: removing it would take UID EXPUNGE, and a bare EXPUNGE removes what
/// others have marked.
#[test]
fn a_server_that_lost_uidplus_is_asked_for_no_copy() {
    let account = scripted(|_, peer| {
        peer.sign_in("IDLE");
        peer.select(1);
        assert_eq!(peer.line(), "", "nothing more is asked for");
    });
    let done = smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let how = How::Copy(Copies::default());
        session.archive(&[Uid(1)], &folder("Archive"), &how).await
    });
    match done.err() {
        Some(Fault::Refused { why, .. }) => {
            assert_eq!(why, Refusal::Lacking { ability: "UIDPLUS" });
        }
        other => panic!("{other:?}"),
    }
}
