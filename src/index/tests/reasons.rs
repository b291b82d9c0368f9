//! Counts by reason: those of the entries, whatever happened, and after whatever end.

use super::*;
use crate::ticket::reason::Verdict;

/// Anything that may happen to a message, in any order; what is not legal there changes nothing.
fn happens(draw: &mut impl FnMut(usize) -> usize, sequence: u64, uid: u32) -> Record {
    let reasons = |verdict: Verdict| {
        let all = Reason::ALL.iter().copied();
        all.filter(|r| r.verdict() == verdict).collect::<Vec<_>>()
    };
    let mut reason = |verdict| {
        let all = reasons(verdict);
        all[draw(all.len())]
    };
    let (holds, ignores) = (reason(Verdict::Held), reason(Verdict::Ignored));
    let closes = reason(Verdict::Closed);
    match draw(12) {
        0 | 1 => decision(sequence, uid, Outcome::Held(holds)),
        2 | 3 => decision(sequence, uid, Outcome::Ignored(ignores)),
        4 => with_octets(decision(sequence, uid, ticket())),
        5 => Record::Refused(Refusal {
            said: "no".to_owned(),
            at: 1,
        }),
        6 => receipt(),
        7 => act(ActKind::Release),
        8 => act(ActKind::Dismiss),
        9 => act(ActKind::Close(closes)),
        10 => act(ActKind::Lost),
        _ => act(ActKind::Retry),
    }
}

/// A decision whose message lies somewhere.
fn with_octets(record: Record) -> Record {
    let Record::Decision(mut decision) = record else {
        return record;
    };
    decision.message = Some(Stored {
        segment: 1,
        offset: 7,
        length: 100,
    });
    Record::Decision(decision)
}

/// The counts by reason, by looking at each of these messages; and how many have octets here.
fn looked_at(view: &View, messages: u64) -> ([u64; Reason::ALL.len()], u64) {
    let (mut counted, mut kept) = ([0; Reason::ALL.len()], 0);
    for n in 0..messages {
        let Some(entry) = view.entry(&key(n)).unwrap() else {
            continue;
        };
        kept += u64::from(entry.message.is_some());
        let reason = match entry.stage {
            Stage::Held | Stage::Ignored | Stage::Dismissed | Stage::Closed => entry.reason,
            Stage::Refused => Some(Reason::Refused),
            _ => None,
        };
        if let Some(at) = reason.and_then(|r| Reason::ALL.iter().position(|a| *a == r)) {
            counted[at] += 1;
        }
    }
    (counted, kept)
}

/// Each stage without a ticket has as many messages as the reasons that lead there.
#[track_caller]
fn check_balance(counters: &Counters) {
    let reasoned = |verdict: Verdict| -> u64 {
        let all = Reason::ALL.iter().filter(|r| r.verdict() == verdict);
        all.map(|r| counters.of_reason(*r)).sum()
    };
    let of = |stage| counters.of(stage);
    assert_eq!(reasoned(Verdict::Held), of(Stage::Held));
    let aside = of(Stage::Ignored) + of(Stage::Dismissed);
    assert_eq!(reasoned(Verdict::Ignored), aside);
    assert_eq!(reasoned(Verdict::Closed), of(Stage::Closed));
    assert_eq!(reasoned(Verdict::Refused), of(Stage::Refused));
}

/// Goes red when a change of the reason alone is not counted, when what is released is still counted, or
/// when a count is lost at a restart or a forgetting.
#[test]
fn counts_by_reason_are_those_of_the_entries_and_balance_with_the_stages() {
    const MESSAGES: u64 = 30;
    for seed in 0..20_u64 {
        let mut state = seed;
        let mut draw = move |end: usize| {
            // Knuth's multiplier; the upper bits are the good ones.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % end
        };
        let db = sled::Config::new().temporary(true).open().unwrap();
        let over = || Index::over(db.clone(), LIFE, 40, 3).unwrap();
        let mut told = Told::over(over().0, 0);
        let mut tally = Tally::new(0, 1);
        let mut any = false;
        for step in 1..300_u64 {
            let n = draw(MESSAGES as usize) as u64;
            let record = happens(&mut draw, step, n as u32);
            let stored = Stored {
                segment: 1,
                offset: told.at + 1,
                length: 1,
            };
            tally.learn(key(n), stored, &record);
            told.learn(vec![(n, record)]);
            let (counted, kept) = looked_at(&told.view, MESSAGES);
            assert_eq!(told.index.counters().by_reason, counted, "seed {seed}");
            assert_eq!(told.index.counters().kept, kept);
            check_balance(told.index.counters());
            any |= counted.iter().filter(|count| **count > 0).count() > 5;
        }
        assert!(any, "seed {seed}: hardly anything was counted");
        let mut again = Counters::default();
        tally.add_to(&mut again);
        assert_eq!(again, *told.index.counters());
        told.index.flush().unwrap();
        let index = over().0;
        assert_eq!(*index.counters(), again);
        let mut told = Told::over(index, told.at);
        let all: Vec<Key> = (0..MESSAGES).map(key).collect();
        told.index.forget(&all).unwrap();
        assert_eq!(*told.index.counters(), Counters::default());
    }
}
