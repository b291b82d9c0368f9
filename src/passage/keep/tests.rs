use super::*;
use crate::passage::record::{Decision, Outcome, Stored};
use crate::passage::{apply, MailboxId, Origin, Place, Record, Uid, UidValidity};

const RETENTION: Retention = Retention {
    octets_ms: 700,
    key_ms: 40_000,
    pressed: false,
};
const STAGES: [Stage; 8] = [
    Stage::Committed,
    Stage::Refused,
    Stage::Held,
    Stage::Released,
    Stage::Forwarded,
    Stage::Ignored,
    Stage::Dismissed,
    Stage::Closed,
];

/// A message that lies at one place, changed last at 1000.
fn entry(stage: Stage) -> Entry {
    let stored = Stored {
        segment: 1,
        offset: 64,
        length: 100,
    };
    let decision = Record::Decision(Box::new(Decision {
        sequence: 1,
        mailbox: MailboxId(1),
        place: Place::Imap {
            origin: Origin([7; 8]),
            uid_validity: UidValidity(1),
            uid: Uid(1),
        },
        received_at: 1,
        octets: 500,
        decided_at: 1000,
        message: Some(stored),
        large: None,
        outcome: Outcome::Ticket {
            user: None,
            company: None,
        },
        address: String::new(),
        lane: 1,
        sender: String::new(),
        subject: String::new(),
        composed: None,
        archive_early: false,
        thread: crate::ticket::Thread::default(),
        about: None,
        token: None,
        origin: crate::ticket::Origin::default(),
        storm: None,
        omitted: Vec::new(),
        marks: None,
        held_by: 0,
    }));
    let mut entry = apply(None, &decision, stored).unwrap().unwrap();
    entry.stage = stage;
    entry
}

/// How much is kept: less, the higher.
fn rank(entry: &Entry, now: i64) -> u8 {
    match keep(entry, now, RETENTION) {
        Keep::All => 0,
        Keep::Still => 1,
        Keep::Key => 2,
        Keep::Nothing => 3,
    }
}

/// Goes red where something may go earlier than was said, and where it is said so late that nothing goes.
#[test]
fn until_then_no_octets_go_whatever_becomes_of_a_message() {
    for (stage, lies_there, retired) in STAGES.iter().flat_map(|s| {
        [(true, false), (false, false), (false, true)].map(|(lies, retired)| (*s, lies, retired))
    }) {
        let mut now_it = entry(stage);
        now_it.retired = retired;
        if !lies_there {
            now_it.spots.clear();
        }
        for now in [1000, 1300, 1700, 1701, 5000, 41_000, 41_001] {
            let until = keep_until(&now_it, now, RETENTION);
            // However long it waits: else its segment is read again at each look.
            if is_undecided(&now_it) && !retired {
                assert_eq!(until, now + RETENTION.octets_ms, "{stage:?} at {now}");
            }
            // Finished at some moment from now on, and archived at some other.
            for (done, later) in [0, 1, 100, 699, 700, 701, 50_000]
                .iter()
                .flat_map(|done| [0, 1, 500, 700, 701, 39_999, 50_000].map(|l| (now + done, l)))
            {
                let mut then = now_it.clone();
                if is_undecided(&then) {
                    then.stage = Stage::Forwarded;
                    then.changed_at = done;
                }
                then.spots.clear();
                let at = done + later;
                let goes = rank(&then, at) > rank(&now_it, now).max(1);
                assert!(!goes || at > until, "{stage:?} at {now}, then at {at}");
            }
            if !is_undecided(&now_it) && !lies_there && until != i64::MAX {
                assert!(rank(&now_it, until + 1) > rank(&now_it, now), "{stage:?}");
            }
        }
    }
}
