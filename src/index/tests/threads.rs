//! Which ticket a Message-ID or a token leads to.

use std::sync::atomic::Ordering;

use super::*;
use crate::ticket::{About, Led, MessageId, Party, Sign, Thread, Way};

fn id(n: u8) -> MessageId {
    MessageId([n; 16])
}

/// A message with a Message-ID, from a party of that number; a reply where it has a root.
fn message(sequence: u64, n: u8, lane: u32, root: Option<u64>) -> Record {
    let Record::Decision(decision) = decision(sequence, u32::from(n), ticket()) else {
        unreachable!("it makes decisions")
    };
    Record::Decision(Box::new(Decision {
        lane,
        thread: Thread {
            id: Some(id(n)),
            parties: vec![Party([n; 8])],
        },
        about: root.map(|root| About {
            root: key(root),
            way: Way::InReplyTo,
            append: true,
        }),
        ..*decision
    }))
}

fn led(root: u64, lane: u32, parties: &[u8]) -> Led {
    Led {
        root: key(root),
        lane,
        parties: parties.iter().map(|n| Party([*n; 8])).collect(),
    }
}

fn by_id(view: &View, n: u8) -> Option<Led> {
    view.led(&Sign::Message(id(n)), MailboxId(1)).unwrap()
}

fn by_key(view: &View, n: u64) -> Option<Led> {
    let mut begin = [0; 10];
    begin.copy_from_slice(&key(n).0[..10]);
    view.led(&Sign::Key(begin), MailboxId(1)).unwrap()
}

/// Goes red where an answer to a reply begins a ticket of its own, or who takes part is forgotten.
#[test]
fn a_message_leads_to_its_ticket_and_a_reply_to_that_of_its_first_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![
        (1, message(1, 11, 70, None)),
        (2, message(2, 12, 80, Some(1))),
        (3, message(3, 13, 90, None)),
    ]);
    let check = |view: &View| {
        assert_eq!(by_id(view, 11), Some(led(1, 70, &[11])));
        assert_eq!(by_id(view, 12), Some(led(1, 70, &[12, 11])));
        assert_eq!(by_id(view, 13), Some(led(3, 90, &[13])));
        assert_eq!(by_id(view, 14), None);
        assert_eq!(by_key(view, 1), Some(led(1, 70, &[11])));
        assert_eq!(by_key(view, 2), Some(led(1, 70, &[12, 11])));
        assert_eq!(by_key(view, 4), None);
        assert_eq!(
            view.led(&Sign::Ticket("T".to_owned()), MailboxId(1))
                .unwrap(),
            None
        );
    };
    check(&told.view);
    told.index.flush().unwrap();
    drop(told);
    let (index, _) = open_again(dir.path(), LIFE).unwrap();
    check(&index.view());
}

/// Goes red where half a digest is taken for the whole.
#[test]
fn ids_that_begin_alike_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![(1, message(1, 11, 70, None))]);
    let mut alike = id(11);
    alike.0[15] = 0;
    assert_eq!(
        told.view.led(&Sign::Message(alike), MailboxId(1)).unwrap(),
        None
    );
}

/// Goes red where each unknown Message-ID, of which a first answer to older mail has a dozen, is looked for in all
/// that is remembered; or where what is kept of that hides somebody.
#[test]
fn an_unknown_id_is_looked_for_in_few_places_once_they_were_gone_through() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let all: Vec<_> = (0..60)
        .map(|n| (n, message(n * 512 + 1, n as u8, 70, None)))
        .collect();
    told.tell(all);
    let looks = |told: &Told, n: u8| {
        let ranges = || told.index.table.ranges.load(Ordering::Relaxed);
        let before = ranges();
        let found = by_id(&told.view, n);
        (found, ranges() - before)
    };
    // One span each, and where the spans begin.
    assert_eq!(looks(&told, 200), (None, 61));
    assert_eq!(looks(&told, 201), (None, 9));
    for n in 0..60_u8 {
        let (found, count) = looks(&told, n);
        assert_eq!(found, Some(led(u64::from(n), 70, &[n])));
        assert!(count <= 10, "{count} for {n}");
    }
    // What comes now is new to them, and what goes is gone.
    told.tell(vec![(99, message(60 * 512, 99, 80, None))]);
    assert_eq!(by_id(&told.view, 99), Some(led(99, 80, &[99])));
    told.index.forget(&[key(7)]).unwrap();
    assert_eq!(by_id(&told.view, 7), None);
}

/// The same mail in two mailboxes, or a Message-ID that somebody used twice: an answer in one mailbox goes into the
/// ticket of that mailbox.
#[test]
fn of_two_messages_of_one_id_that_of_the_mailbox_counts_and_each_goes_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    let in_other = |record: Record| {
        let Record::Decision(decision) = record else {
            unreachable!("it makes decisions")
        };
        Record::Decision(Box::new(Decision {
            mailbox: MailboxId(2),
            ..*decision
        }))
    };
    told.tell(vec![
        (9, message(1, 11, 70, None)),
        // Far from it, and the newest.
        (1, in_other(message(5000, 11, 80, None))),
    ]);
    let by = |view: &View, mailbox| {
        let led = view.led(&Sign::Message(id(11)), MailboxId(mailbox));
        led.unwrap().map(|led| led.root)
    };
    let view = &told.view;
    assert_eq!(
        [by(view, 1), by(view, 2), by(view, 3)],
        [Some(key(9)), Some(key(1)), Some(key(1))]
    );
    told.index.forget(&[key(9)]).unwrap();
    assert_eq!(by(&told.view, 1), Some(key(1)));
    told.index.forget(&[key(1)]).unwrap();
    assert_eq!(by(&told.view, 1), None);
}

/// What the ticket began with is forgotten first: the reply stands for it.
#[test]
fn a_reply_whose_first_message_is_forgotten_stands_for_the_ticket() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![
        (1, message(1, 11, 70, None)),
        (2, message(2, 12, 70, Some(1))),
    ]);
    told.index.forget(&[key(1)]).unwrap();
    assert_eq!(by_id(&told.view, 12), Some(led(2, 70, &[12])));
}

#[test]
fn replies_to_a_ticket_are_found_in_their_order_and_those_to_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Told::open(dir.path());
    told.tell(vec![
        (1, message(1, 11, 70, None)),
        (5, message(2, 12, 70, Some(1))),
        (4, message(3, 13, 70, Some(1))),
        (3, message(4, 14, 70, Some(2))),
    ]);
    let replies = |limit| {
        let replies = told.view.replies(&key(1), limit).unwrap().into_iter();
        replies.map(|r| r.key).collect::<Vec<_>>()
    };
    assert_eq!(replies(10), [key(5), key(4)]);
    assert_eq!(replies(1), [key(5)]);
}
