//! What the session makes of a server that lies, breaks off or speaks something else.

use std::time::Duration;

use postern::mailbox::{
    Account, Fault, Folder, How, Loss, News, Pass, Refusal, Security, Session, Slice, Spoken,
};
use postern::passage::{Uid, UidValidity};
use postern::world::World;

use crate::scripted::{scripted, Peer};
use crate::{inbox, unannounced};

fn fault<T>(work: impl std::future::Future<Output = Result<T, Fault>>) -> Fault {
    match smol::block_on(work) {
        Ok(_) => panic!("a fault was expected"),
        Err(fault) => fault,
    }
}

fn connecting(account: &Account) -> Fault {
    fault(Session::connect(&World::real(), account))
}

fn greeting(octets: &'static [u8]) -> Account {
    scripted(move |_, peer| {
        peer.say(octets);
        let heard = peer.line();
        assert!(heard.is_empty(), "nothing may be sent: {heard}");
    })
}

#[test]
fn a_server_that_says_goodbye_first_gets_no_password() {
    let fault = connecting(&greeting(b"* BYE too many connections\r\n"));
    let Fault::Lost {
        why: Loss::Bye { said },
        ..
    } = fault
    else {
        panic!("{fault}");
    };
    assert_eq!(said, "too many connections");
    let fault = connecting(&greeting(b"* BYE [UNAVAILABLE] maintenance\r\n"));
    assert!(matches!(fault, Fault::Throttled { .. }), "{fault}");
}

#[test]
fn a_server_that_signs_in_everybody_gets_no_password() {
    let mut account = greeting(b"* PREAUTH welcome\r\n");
    assert!(matches!(connecting(&account), Fault::Broken { .. }));
    account.security = Security::StartTls;
    let fault = connecting(&account);
    let wanted = |f: &Fault| {
        matches!(
            f,
            Fault::Refused {
                why: Refusal::NoStartTls { .. },
                ..
            }
        )
    };
    assert!(wanted(&fault), "{fault}");
}

#[test]
fn other_protocols_are_named() {
    for (octets, wanted) in [
        (&b"220 mail.example.org ESMTP\r\n"[..], Spoken::Smtp),
        (b"+OK ready\r\n", Spoken::Pop3),
        (b"SSH-2.0-x\r\n", Spoken::Ssh),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Spoken::Http),
        (b"\xff\xfe\x00", Spoken::Unknown),
    ] {
        let account = scripted(move |_, peer| peer.say(octets));
        let fault = connecting(&account);
        let Fault::Refused {
            why: Refusal::OtherProtocol(spoken),
            ..
        } = fault
        else {
            panic!("{fault}");
        };
        assert_eq!(spoken, wanted);
    }
}

#[test]
fn a_plain_server_on_a_tls_port_is_recognised() {
    let mut account = scripted(|_, peer| {
        peer.say("* OK hello\r\n");
        // A client hello has no lines; the plain look later has none either.
        let _ = peer.line();
    });
    account.security = Security::Tls;
    let fault = connecting(&account);
    let wanted = Refusal::OtherProtocol(Spoken::PlainImap);
    assert!(
        matches!(&fault, Fault::Refused { why, .. } if *why == wanted),
        "{fault}"
    );
}

#[test]
fn a_silent_server_costs_the_timeout_and_no_more() {
    let mut account = scripted(|_, peer| peer.until_gone());
    account.timeout = Duration::from_millis(800);
    let begun = std::time::Instant::now();
    let fault = connecting(&account);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(
        matches!(
            fault,
            Fault::Lost {
                why: Loss::Silent { .. },
                ..
            }
        ),
        "{fault}"
    );
}

#[test]
fn starttls_never_falls_back() {
    let mut account = scripted(|_, peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n");
        peer.answer("STARTTLS", "", "NO not today");
        assert_eq!(peer.line(), "");
    });
    account.security = Security::StartTls;
    let fault = connecting(&account);
    let Fault::Refused {
        why: Refusal::NoStartTls { said },
        ..
    } = fault
    else {
        panic!("{fault}");
    };
    assert_eq!(said, "not today");
}

#[test]
fn octets_injected_behind_starttls_drop_the_connection() {
    let mut account = scripted(|_, peer| {
        peer.say("* OK hello\r\n");
        let tag = peer.hear("STARTTLS");
        peer.say(format!(
            "{tag} OK go\r\n* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] me\r\n"
        ));
        assert_eq!(peer.line(), "");
    });
    account.security = Security::StartTls;
    let fault = connecting(&account);
    assert!(matches!(fault, Fault::Broken { .. }), "{fault}");
}

#[test]
fn a_server_that_forbids_passwords_in_clear_gets_none() {
    let account = scripted(|_, peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n");
        assert_eq!(peer.line(), "");
    });
    let fault = connecting(&account);
    assert!(
        matches!(
            fault,
            Fault::Refused {
                why: Refusal::NoSignIn { .. },
                ..
            }
        ),
        "{fault}"
    );
}

#[test]
fn each_way_to_sign_in_is_used_where_it_is_offered() {
    let account = scripted(|_, peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n");
        let tag = peer.hear("AUTHENTICATE PLAIN");
        peer.say("+ \r\n");
        assert_eq!(peer.line(), "AHVzZXIAc2VjcmV0");
        peer.say(format!("{tag} OK in\r\n"));
        peer.answer("CAPABILITY", "* CAPABILITY IMAP4rev1 MOVE\r\n", "OK done");
        peer.until_gone();
    });
    smol::block_on(async {
        let session = Session::connect(&World::real(), &account).await;
        assert!(session.map(|s| s.abilities().moves).unwrap_or_default());
    });

    let mut account = scripted(|_, peer| {
        peer.say("* OK hello\r\n");
        peer.answer("CAPABILITY", "* CAPABILITY IMAP4rev1\r\n", "OK done");
        let tag = peer.hear("LOGIN \"user\" \"se\\\"cret\"");
        peer.say(format!("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"));
        peer.until_gone();
    });
    account.password = postern::world::Secret::new("se\"cret".to_owned());
    smol::block_on(async {
        let session = Session::connect(&World::real(), &account).await;
        assert!(session.map(|s| s.abilities().idle).unwrap_or_default());
    });

    let mut account = scripted(|_, peer| {
        peer.say("* OK [CAPABILITY IMAP4rev1] hello\r\n");
        let tag = peer.hear("LOGIN {4}");
        peer.say("+ go\r\n");
        assert_eq!(peer.line(), "user {7}");
        peer.say("+ go\r\n");
        assert_eq!(peer.line(), "geh\u{e9}im");
        peer.say(format!("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"));
        peer.until_gone();
    });
    account.password = postern::world::Secret::new("geh\u{e9}im".to_owned());
    smol::block_on(async {
        assert!(Session::connect(&World::real(), &account).await.is_ok());
    });
}

/// A session whose next command is answered by `script`.
pub fn after_open(
    exists: u32,
    abilities: &'static str,
    script: impl Fn(&mut Peer) + Send + 'static,
) -> Account {
    scripted(move |_, peer| {
        peer.sign_in(abilities);
        peer.select(exists);
        script(peer);
        peer.until_gone();
    })
}

#[test]
fn a_connection_that_drops_in_the_middle_of_a_message_is_lost() {
    let account = scripted(|_, peer| {
        peer.sign_in("");
        peer.select(1);
        peer.hear("UID FETCH 1 ");
        peer.say("* 1 FETCH (UID 1 BODY[]<0> {4000}\r\nFrom: half");
    });
    let fault = fault(async { inbox(&account).await?.fetch(&[(Uid(1), 0)], 10_000).await });
    assert!(
        matches!(
            fault,
            Fault::Lost {
                why: Loss::Closed,
                ..
            }
        ),
        "{fault}"
    );
}

#[test]
fn what_no_server_may_send_is_refused_by_name() {
    let deep = format!("* 1 FETCH {}\r\n", "(".repeat(400));
    let endless = "x".repeat(2_000_000);
    for (octets, wanted) in [
        (
            "* 1 FETCH (UID 1 BODY[] {500000000}\r\n".to_owned(),
            "literal of 500000000",
        ),
        (deep, "nested"),
        (endless, "line of more than"),
        ("* 1 FETCH (UID x\r\n".to_owned(), "open"),
        ("* 1 FETCH UID 5\r\n".to_owned(), "not IMAP"),
        ("p99 OK what\r\n".to_owned(), "not sent"),
    ] {
        let account = after_open(1, "", move |peer| {
            peer.hear("UID FETCH 1 ");
            peer.say(&octets);
        });
        let fault = fault(async { inbox(&account).await?.fetch(&[(Uid(1), 0)], 10_000).await });
        let Fault::Broken { said, .. } = &fault else {
            panic!("{fault}");
        };
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn one_message_that_the_server_refuses_to_show_is_named() {
    let account = after_open(3, "", |peer| {
        let body = "* 1 FETCH (UID 1 BODY[]<0> {2}\r\nab)\r\n";
        peer.answer("UID FETCH 1:3 ", body, "NO [SERVERBUG] internal error");
        peer.answer("UID FETCH 2 ", "", "NO internal error");
        peer.answer(
            "UID FETCH 3 ",
            "* 3 FETCH (UID 3 BODY[]<0> {1}\r\nc)\r\n",
            "OK",
        );
    });
    let brought = smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let wanted = unannounced(&[Uid(1), Uid(2), Uid(3)]);
        session.fetch(&wanted, 100).await.unwrap().1
    });
    let whole = [
        (Uid(1), b"ab".as_slice().into()),
        (Uid(3), b"c".as_slice().into()),
    ];
    assert_eq!(brought.messages, whole, "what was shown is kept");
    assert_eq!(brought.withheld, [Uid(2)]);
    assert_eq!(brought.said, "internal error");
}

#[test]
fn a_message_larger_than_announced_is_completed() {
    let account = after_open(1, "", |peer| {
        let body = "* 1 FETCH (UID 1 BODY[]<0> {4}\r\nabcd)\r\n";
        peer.answer("UID FETCH 1 (UID BODY.PEEK[]<0.4>)", body, "OK");
        let body = "* 1 FETCH (UID 1 BODY[]<4> {2}\r\nef)\r\n";
        peer.answer("UID FETCH 1 (UID BODY.PEEK[]<4.", body, "OK");
        let body = "* 1 FETCH (UID 1 BODY[]<6> \"\")\r\n";
        peer.answer("UID FETCH 1 (UID BODY.PEEK[]<6.", body, "OK");
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let (_, brought) = session.fetch(&[(Uid(1), 3)], 3).await.unwrap();
        assert_eq!(brought.messages, [(Uid(1), b"abcdef".as_slice().into())]);
    });
}

#[test]
fn short_slices_leave_no_gap() {
    let account = after_open(1, "", |peer| {
        let answer = |peer: &mut Peer, at: &str, octets: &str| {
            let data = format!(
                "* 1 FETCH (UID 1 BODY[]<{at}> {{{}}}\r\n{octets})\r\n",
                octets.len()
            );
            peer.answer(
                &format!("UID FETCH 1 (UID BODY.PEEK[]<{at}.4>)"),
                &data,
                "OK",
            );
        };
        answer(peer, "0", "ab");
        answer(peer, "4", "ef");
        answer(peer, "2", "cdef");
        answer(peer, "6", "");
        // Whatever else is asked for lies past the end.
        loop {
            let line = peer.line();
            let Some((tag, _)) = line.split_once(' ') else {
                break;
            };
            peer.say(format!("{tag} OK\r\n"));
        }
    });
    smol::block_on(async {
        let mut slices = inbox(&account).await.unwrap().slices(Uid(1), 6, 4);
        let mut whole = Vec::new();
        while let Slice::Octets(octets) = slices.next().await.unwrap() {
            whole.extend(octets);
        }
        assert_eq!(whole, b"abcdef");
        assert!(slices.finish().await.is_ok());
    });
}

#[test]
fn slices_that_overtake_each_other_stay_in_order() {
    let account = after_open(1, "", |peer| {
        let first = peer.hear("UID FETCH 1 (UID BODY.PEEK[]<0.2>)");
        let second = peer.hear("UID FETCH 1 (UID BODY.PEEK[]<2.2>)");
        peer.say("* 1 FETCH (UID 1 BODY[]<0> {2}\r\nab)\r\n");
        peer.say("* 1 FETCH (UID 1 BODY[]<2> {2}\r\ncd)\r\n");
        peer.say(format!("{second} OK\r\n{first} OK\r\n"));
        for offset in [4, 6] {
            let data = format!("* 1 FETCH (UID 1 BODY[]<{offset}> \"\")\r\n");
            peer.answer("UID FETCH 1 ", &data, "OK");
        }
    });
    smol::block_on(async {
        let mut slices = inbox(&account).await.unwrap().slices(Uid(1), 4, 2);
        let mut whole = Vec::new();
        while let Slice::Octets(octets) = slices.next().await.unwrap() {
            whole.extend(octets);
        }
        assert_eq!(whole, b"abcd");
    });
}

#[test]
fn messages_that_go_between_two_windows_make_none_be_skipped() {
    let account = after_open(7000, "", |peer| {
        peer.answer("NOOP", "", "OK");
        peer.answer(
            "UID SEARCH 1:5000 UNSEEN",
            "* SEARCH 1 2\r\n* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n",
            "OK",
        );
        // 5001 became 4999.
        peer.answer("UID SEARCH 4999:6998 UNSEEN", "* SEARCH 6000\r\n", "OK");
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let (session, first) = session.list(Pass::whole(None)).await.unwrap();
        assert_eq!(first.uids, [Uid(1), Uid(2)]);
        let (_, second) = session.list(first.pass.unwrap()).await.unwrap();
        assert_eq!(second.uids, [Uid(6000)]);
        assert_eq!(second.pass, None);
    });
}

#[test]
fn the_last_message_is_not_listed_again_by_a_pass_from_behind_it() {
    let account = after_open(3, "", |peer| {
        peer.answer("NOOP", "", "OK");
        peer.answer("UID SEARCH 1:3 UNSEEN UID 10:*", "* SEARCH 9\r\n", "OK");
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let (_, listed) = session.list(Pass::from(Uid(10), None)).await.unwrap();
        assert!(listed.uids.is_empty());
    });
}

#[test]
fn a_new_uidvalidity_in_the_middle_is_told() {
    let account = after_open(1, "", |peer| {
        peer.answer("NOOP", "* OK [UIDVALIDITY 8] new\r\n", "OK");
    });
    let fault = fault(async { inbox(&account).await?.list(Pass::whole(None)).await });
    let wanted = Fault::Moved {
        was: UidValidity(7),
        now: UidValidity(8),
    };
    assert_eq!(fault, wanted);
}

fn archive() -> Folder {
    Folder {
        name: "Archive".to_owned(),
        created: false,
    }
}

#[test]
fn one_message_that_can_not_be_moved_does_not_keep_the_others() {
    let account = scripted(|_, peer| {
        peer.sign_in("MOVE UIDPLUS");
        peer.select(4);
        let mut there = vec![1, 2, 3, 4];
        loop {
            let line = peer.line();
            let mut words = line.split(' ');
            let tag = words.next().unwrap_or("").to_owned();
            if tag.is_empty() {
                break;
            }
            let verb = words.nth(1).unwrap_or("").to_owned();
            let set = words.next().unwrap_or("");
            let (from, to) = set.split_once(':').unwrap_or((set, set));
            let range = from.parse::<u32>().unwrap()..=to.parse::<u32>().unwrap();
            match verb.as_str() {
                "STORE" => peer.say(format!("{tag} OK\r\n")),
                "FETCH" => {
                    for uid in there.iter().filter(|u| range.contains(u)) {
                        peer.say(format!("* 1 FETCH (UID {uid} FLAGS (\\Seen))\r\n"));
                    }
                    peer.say(format!("{tag} OK\r\n"));
                }
                "MOVE" if range.contains(&3) => peer.say(format!("{tag} NO it is damaged\r\n")),
                "MOVE" => {
                    there.retain(|u| !range.contains(u));
                    peer.say(format!(
                        "* OK [COPYUID 5 {set} {set}] moved\r\n{tag} OK\r\n"
                    ));
                }
                other => panic!("{other}"),
            }
        }
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let uids: Vec<Uid> = (1..=4).map(Uid).collect();
        let (_, archived) = session
            .archive(&uids, &archive(), &How::Move)
            .await
            .unwrap();
        assert_eq!(archived.left, [Uid(3)]);
        assert_eq!(archived.moved.len(), 3);
        assert_eq!(archived.uid_validity, Some(UidValidity(5)));
        assert_eq!(archived.said.as_deref(), Some("it is damaged"));
    });
}

#[test]
fn an_archive_folder_that_disappeared_is_made_again_once() {
    let account = after_open(1, "MOVE", |peer| {
        peer.answer("UID STORE 1 ", "", "OK");
        peer.answer(
            "UID MOVE 1 \"Archive\"",
            "",
            "NO [TRYCREATE] no such folder",
        );
        peer.answer("UID FETCH 1 ", "* 1 FETCH (UID 1 FLAGS ())\r\n", "OK");
        peer.answer("CREATE \"Archive\"", "", "OK");
        peer.answer("SUBSCRIBE \"Archive\"", "", "OK");
        peer.answer("UID STORE 1 ", "", "OK");
        peer.answer("UID MOVE 1 \"Archive\"", "", "OK [COPYUID 5 1 1] done");
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let (_, archived) = session
            .archive(&[Uid(1)], &archive(), &How::Move)
            .await
            .unwrap();
        assert_eq!(archived.moved, [(Uid(1), Uid(1))]);
    });
}

#[test]
fn a_full_archive_is_said_at_once() {
    let account = after_open(9, "MOVE", |peer| {
        peer.answer("UID STORE 1:9 ", "", "OK");
        peer.answer("UID MOVE 1:9 ", "", "NO [OVERQUOTA] full");
        peer.answer("UID FETCH 1:9 ", "* 1 FETCH (UID 1 FLAGS ())\r\n", "OK");
    });
    let uids: Vec<Uid> = (1..=9).map(Uid).collect();
    let fault = fault(async {
        inbox(&account)
            .await?
            .archive(&uids, &archive(), &How::Move)
            .await
    });
    let Fault::Refused {
        why: Refusal::Command { code, .. },
        ..
    } = fault
    else {
        panic!("{fault}");
    };
    assert_eq!(code.as_deref(), Some("OVERQUOTA"));
}

#[test]
fn keep_alives_are_no_news_and_a_denied_idle_is_done_without() {
    let account = after_open(1, "IDLE", |peer| {
        let tag = peer.hear("IDLE");
        peer.say("+ idling\r\n* OK Still here\r\n");
        assert_eq!(peer.line(), "DONE");
        peer.say(format!("{tag} OK\r\n"));
        peer.answer("IDLE", "", "NO not now");
        peer.answer("NOOP", "* 2 EXISTS\r\n", "OK");
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let short = Duration::from_millis(200);
        let (session, news) = session.watch(short, std::future::pending()).await.unwrap();
        assert_eq!(news, News::Nothing);
        let (_, news) = session.watch(short, std::future::pending()).await.unwrap();
        assert_eq!(news, News::Something);
    });
}

/// Goes red when what a look was asked for hides what came among it: the mail then lay until the next
/// check.
#[test]
fn mail_that_comes_while_others_are_looked_at_is_news_and_their_flags_are_none() {
    let account = after_open(1, "IDLE", |peer| {
        let fetched =
            "* 1 FETCH (UID 1 RFC822.SIZE 10 INTERNALDATE \"01-Mar-2026 00:00:00 +0000\" FLAGS ())\r\n";
        peer.answer("UID FETCH 1 ", fetched, "OK");
        let tag = peer.hear("IDLE");
        peer.say("+ idling\r\n");
        assert_eq!(peer.line(), "DONE");
        peer.say(format!("{tag} OK\r\n"));
        peer.answer("UID FETCH 1 ", &format!("* 2 EXISTS\r\n{fetched}"), "OK");
        peer.until_gone();
    });
    smol::block_on(async {
        let session = inbox(&account).await.unwrap();
        let short = Duration::from_millis(200);
        let (session, looked) = session.look(&[Uid(1)]).await.unwrap();
        assert_eq!(looked.items.len(), 1);
        let (session, news) = session.watch(short, std::future::pending()).await.unwrap();
        assert_eq!(news, News::Nothing);
        let (session, _) = session.look(&[Uid(1)]).await.unwrap();
        let (_, news) = session.watch(short, std::future::pending()).await.unwrap();
        assert_eq!(news, News::Something);
    });
}
