//! A message that the server can't read, among others: what a look makes of it, and of a server that
//! denies everything.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use postern::mailbox::{Account, Fault, Looked, Refusal, Session, Unlooked};
use postern::passage::Uid;

use crate::inbox;
use crate::scripted::{scripted, Peer};

/// What a server does about one look: its tagged answer, or none and the connection ends.
type Verdict = fn(uids: &[u32], flags_only: bool) -> Option<&'static str>;

/// A server with 1,000 messages that judges each look; it tells, as Dovecot does, of what comes
/// before UID 3 where it denies a look at that one. Counts the looks.
fn server(verdict: Verdict) -> (Account, Arc<AtomicUsize>) {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let account = scripted(move |_, peer: &mut Peer| {
        peer.sign_in("");
        peer.select(1000);
        loop {
            let line = peer.line();
            let Some((tag, command)) = line.split_once(' ') else {
                return;
            };
            let set = command.split(' ').nth(2).unwrap_or_default();
            let uids: Vec<u32> = set.split(',').flat_map(range).collect();
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = verdict(&uids, !command.contains("SIZE"));
            for uid in &uids {
                if *uid == 3 && answer != Some("OK") {
                    break;
                }
                if answer == Some("OK") || uids.contains(&3) {
                    peer.say(format!(
                        "* {uid} FETCH (UID {uid} RFC822.SIZE 9 \
                         INTERNALDATE \"02-Mar-2026 09:00:00 +0000\" FLAGS ())\r\n"
                    ));
                }
            }
            match answer {
                Some(answer) => peer.say(format!("{tag} {answer}\r\n")),
                None => return peer.say("* BYE FETCH failed\r\n"),
            }
        }
    });
    (account, looks)
}

fn range(part: &str) -> std::ops::RangeInclusive<u32> {
    let (from, to) = part.split_once(':').unwrap_or((part, part));
    from.parse().unwrap()..=to.parse().unwrap()
}

fn look(account: &Account, uids: impl Iterator<Item = u32>) -> Result<Looked, Unlooked> {
    smol::block_on(async {
        let session: Session = inbox(account).await?;
        let uids: Vec<Uid> = uids.map(Uid).collect();
        Ok(session.look(&uids).await?.1)
    })
}

#[test]
fn a_look_that_is_denied_over_one_message_tells_of_all_others() {
    let (account, looks) = server(|uids, _| match uids.contains(&3) {
        true => Some("NO [SERVERBUG] Internal error occurred"),
        false => Some("OK"),
    });
    let looked = look(&account, 1..=1000).unwrap();
    assert_eq!(looked.denied, [Uid(3)]);
    assert_eq!(looked.said, "[SERVERBUG] Internal error occurred");
    let told: Vec<u32> = looked.items.iter().map(|i| i.uid.0).collect();
    let wanted: Vec<u32> = (1..=1000).filter(|uid| *uid != 3).collect();
    assert_eq!(told, wanted);
    assert!(looks.load(Ordering::SeqCst) < 30, "{looks:?}");
}

#[test]
fn a_server_that_denies_every_look_is_left_alone_after_a_few() {
    let (account, looks) = server(|_, _| Some("NO [UNAVAILABLE] the disk is away"));
    let unlooked = look(&account, 10..=1000).unwrap_err();
    assert!(
        matches!(unlooked.fault, Fault::Throttled { .. }),
        "{unlooked}"
    );
    assert!(looks.load(Ordering::SeqCst) < 40, "{looks:?}");
}

#[test]
fn a_limit_is_a_limit_at_the_first_look() {
    let (account, looks) = server(|_, _| Some("NO [LIMIT] too much"));
    let unlooked = look(&account, 10..=1000).unwrap_err();
    assert!(
        matches!(unlooked.fault, Fault::Throttled { .. }),
        "{unlooked}"
    );
    assert_eq!(looks.load(Ordering::SeqCst), 1);
}

#[test]
fn a_message_alone_in_its_folder_is_judged_by_what_else_is_told_of_it() {
    let (account, _) = server(|_, flags_only| match flags_only {
        true => Some("OK"),
        false => Some("NO [SERVERBUG] Internal error occurred"),
    });
    assert_eq!(look(&account, 7..=7).unwrap().denied, [Uid(7)]);

    let (account, _) = server(|_, _| Some("NO [UNAVAILABLE] the disk is away"));
    let unlooked = look(&account, 7..=7).unwrap_err();
    assert!(
        matches!(unlooked.fault, Fault::Throttled { .. }),
        "{unlooked}"
    );
}

/// Goes red where a server that tells flags is left alone for its many damaged messages, with the good one
/// between them; or where a look has no bound.
#[test]
fn many_messages_of_which_only_flags_are_told_end_no_look_and_hide_no_good_one() {
    let (account, _) = server(|uids, flags_only| match flags_only || *uids == [10] {
        true => Some("OK"),
        false => Some("NO [SERVERBUG] Internal error occurred"),
    });
    let looked = look(&account, 10..=30).unwrap();
    assert_eq!(looked.denied, (11..=30).map(Uid).collect::<Vec<_>>());
    assert_eq!(looked.items.len(), 1);

    let (account, looks) = server(|_, flags_only| match flags_only {
        true => Some("OK"),
        false => Some("NO [SERVERBUG] Internal error occurred"),
    });
    let looked = look(&account, 10..=4000).unwrap();
    assert_eq!(looked.denied, (10..=4000).map(Uid).collect::<Vec<_>>());
    assert!(looks.load(Ordering::SeqCst) < 2_500, "{looks:?}");
}

#[test]
fn a_look_that_costs_the_session_says_at_which_message() {
    let (account, _) = server(|uids, _| match uids.contains(&3) {
        true => None,
        false => Some("OK"),
    });
    let unlooked = look(&account, 1..=6).unwrap_err();
    assert_eq!(unlooked.at, Some(Uid(3)), "{unlooked}");
    assert!(matches!(unlooked.fault, Fault::Lost { .. }), "{unlooked}");
}

#[test]
fn a_search_by_date_that_is_denied_over_one_message_has_a_name() {
    use postern::mailbox::Count;
    use postern::world::Wall;
    for (status, by_date) in [
        ("NO [SERVERBUG] Internal error occurred", true),
        ("NO [LIMIT] too much", false),
        ("", true),
    ] {
        let account = scripted(move |_, peer| {
            peer.sign_in("");
            peer.select(6);
            peer.answer("NOOP", "", "OK");
            let search = "UID SEARCH 1:6 UNSEEN SINCE";
            if status.is_empty() {
                peer.hear(search);
                return;
            }
            peer.answer(search, "* SEARCH 1 2\r\n", status);
            peer.until_gone();
        });
        let counted = smol::block_on(async {
            let at = Wall(1_770_000_000_000);
            inbox(&account).await?.count(Count::UnreadSince(at)).await
        });
        let Err(fault) = counted else {
            panic!("a partial answer was counted");
        };
        let named = matches!(
            &fault,
            Fault::Refused {
                why: Refusal::Dates { .. },
                ..
            }
        );
        assert_eq!(named, by_date, "{fault}");
    }
}
