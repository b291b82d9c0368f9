use super::*;
use crate::engine::tests::{decided, key, open, ticket, Opened, SIZES};
use crate::engine::writer::Decided;
use crate::passage::record::{Act, ActKind, Receipt, Refusal};
use crate::passage::Record;
use crate::ticket::{About, Origin, Way};

/// A reply to the ticket that `root` began.
fn reply(n: u32, root: u32) -> Decided {
    let mut reply = decided(n, n, ticket());
    reply.decision.about = Some(About {
        root: key(root),
        way: Way::InReplyTo,
        append: true,
    });
    reply
}

fn receipt(ticket: &str) -> Record {
    Record::Receipt(Receipt {
        ticket: ticket.to_owned(),
        number: None,
        at: 2,
        epoch: String::new(),
        omitted: Vec::new(),
    })
}

fn refused() -> Record {
    Record::Refused(Refusal {
        said: "no".to_owned(),
        at: 2,
    })
}

fn act(what: ActKind) -> Record {
    Record::Act(Act {
        what,
        by: "operator".to_owned(),
        at: 3,
    })
}

/// A store with these, committed one after the other.
fn store(dir: &std::path::Path, messages: Vec<Decided>) -> Opened {
    let mut store = open(dir, SIZES);
    for message in messages {
        store.writer.commit(vec![message], &[]).unwrap();
    }
    store
}

/// Where message `n` of the ticket that 1 began goes now; nowhere while that one comes first.
fn goes(store: &Opened, n: u32) -> Option<To> {
    goes_with(store, n, &Fresh::default())
}

fn goes_with(store: &Opened, n: u32, fresh: &Fresh) -> Option<To> {
    let entry = store.reader.entry(&key(n)).unwrap().unwrap();
    let row = Queued {
        sequence: entry.sequence,
        key: key(n),
        lane: entry.lane,
    };
    match super::into(&members(&store.reader, key(1), row).unwrap(), fresh) {
        Ok(to) => Some(to),
        Err(Unknown::Behind(first)) => {
            let root = store.reader.entry(&key(1)).unwrap().unwrap();
            assert_eq!(first, root.sequence);
            None
        }
        Err(_) => panic!("neither portal nor store was asked"),
    }
}

/// Goes red where a reply waits for a sync, or is sent again and again, although its ticket is there.
#[test]
fn what_the_portal_just_answered_counts_before_the_index_learns_it() {
    let dir = tempfile::tempdir().unwrap();
    let messages = vec![decided(1, 1, ticket()), reply(2, 1), reply(3, 1)];
    let store = store(dir.path(), messages);
    let mut fresh = Fresh::default();
    fresh.settled(key(1), Some("T-1".to_owned()));
    assert_eq!(goes_with(&store, 2, &fresh), into("T-1"));
    fresh.settled(key(2), Some("T-2".to_owned()));
    assert_eq!(goes_with(&store, 3, &fresh), into("T-2"));
    // Refused a moment ago.
    let mut fresh = Fresh::default();
    fresh.settled(key(1), None);
    assert_eq!(goes_with(&store, 2, &fresh), Some(To::New));
    fresh.learned(&key(1));
    assert_eq!(goes_with(&store, 2, &fresh), None);
}

fn into(ticket: &str) -> Option<To> {
    Some(To::Ticket(ticket.to_owned()))
}

/// Goes red where a reply is sent before what it answers, or as a ticket beside it.
#[test]
fn a_reply_waits_for_its_ticket_and_then_goes_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), vec![decided(1, 1, ticket()), reply(2, 1)]);
    assert_eq!(goes(&store, 2), None);
    store
        .writer
        .commit(vec![], &[(key(1), receipt("T-1"))])
        .unwrap();
    assert_eq!(goes(&store, 2), into("T-1"));
}

/// Goes red where replies to what the portal won't have wait for ever, or become a ticket each.
#[test]
fn where_there_is_no_ticket_the_first_reply_becomes_one_and_the_others_go_there() {
    for what in [ActKind::Dismiss, ActKind::Refetch] {
        let dir = tempfile::tempdir().unwrap();
        let messages = vec![decided(1, 1, ticket()), reply(2, 1), reply(3, 1)];
        let mut store = store(dir.path(), messages);
        store.writer.commit(vec![], &[(key(1), refused())]).unwrap();
        assert_eq!(goes(&store, 2), Some(To::New));
        store.writer.commit(vec![], &[(key(1), act(what))]).unwrap();
        assert_eq!(goes(&store, 2), Some(To::New), "{what:?}");
        store
            .writer
            .commit(vec![], &[(key(2), receipt("T-2"))])
            .unwrap();
        assert_eq!(goes(&store, 3), into("T-2"), "{what:?}");
    }
}

/// The portal had the ticket no more when the second reply came: what comes behind follows that one.
#[test]
fn later_replies_follow_the_last_one_that_the_portal_took() {
    let dir = tempfile::tempdir().unwrap();
    let messages = vec![
        decided(1, 1, ticket()),
        reply(2, 1),
        reply(3, 1),
        reply(4, 1),
    ];
    let mut store = store(dir.path(), messages);
    for (n, ticket) in [(1, "T-1"), (2, "T-1"), (3, "T-3")] {
        store
            .writer
            .commit(vec![], &[(key(n), receipt(ticket))])
            .unwrap();
    }
    assert_eq!(goes(&store, 4), into("T-3"));
}

#[test]
fn what_is_forgotten_or_was_decided_again_behind_it_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), vec![reply(2, 1), decided(1, 1, ticket())]);
    assert_eq!(goes(&store, 2), Some(To::New));
    let store_dir = tempfile::tempdir().unwrap();
    let alone = self::store(store_dir.path(), vec![reply(2, 1)]);
    assert_eq!(goes(&alone, 2), Some(To::New));
}

/// Goes red where somebody may write at the portal who may not here: by a domain's company, under an address that
/// may be forged; or a technician may not.
#[test]
fn at_the_portal_only_who_takes_part_may_write() {
    let asks = |from: &str, user: Option<&str>, company: Option<&str>, doubtful| {
        let message = Message {
            from: vec![Address {
                name: None,
                address: from.to_owned(),
            }],
            in_reply_to: vec!["1@x".to_owned()],
            ..Message::default()
        };
        let facts = Facts {
            key: key(1),
            mailbox: String::new(),
            received_at: 0,
            user: user.map(str::to_owned),
            company: company.map(str::to_owned),
            marks: None,
            origin: Origin {
                doubtful,
                ..Origin::default()
            },
            raw: None,
            about: None,
            token: None,
            storm: None,
            omitted: Vec::new(),
        };
        Asks::of(&message, &facts, &Signs::default()).expect("it answers something")
    };
    let there = |user: Option<&str>, company: Option<&str>| portal::Conversation {
        ticket: "T".to_owned(),
        open: true,
        user: user.map(str::to_owned),
        company: company.map(str::to_owned),
        participants: vec!["Anna@X.example".to_owned(), String::new()],
    };
    let both = there(Some("u1"), Some("c1"));
    let may = |from, user, company| asks(from, user, company, false).may_write(&both, false);
    assert!(may("anna@x.example", None, None));
    assert!(may("b@x.example", Some("u1"), None));
    assert!(may("b@x.example", Some("u2"), Some("c1")));
    assert!(!may("b@x.example", Some("u2"), Some("c2")));
    assert!(!may("", None, None));
    // The company of the domain: the directory knows nobody there.
    assert!(!may("b@x.example", None, Some("c1")));
    let nobody = there(None, None);
    assert!(!asks("b@x.example", None, None, false).may_write(&nobody, false));
    assert!(asks("tom@desk.example", Some("u9"), None, false).may_write(&nobody, true));
    let forged = asks("anna@x.example", Some("u1"), Some("c1"), true);
    assert!(!forged.may_write(&both, true));
}
