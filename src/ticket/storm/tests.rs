use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;

fn guard(limit: u64, exempt: &str) -> Guard {
    Guard {
        limit,
        minutes: 60,
        exempt: exempt.split_whitespace().map(str::to_owned).collect(),
    }
}

fn key(number: u64) -> Key {
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&number.to_be_bytes());
    Key(octets)
}

/// What becomes of a row of messages: of each minute, sender and subject.
fn run(guard: &Guard, row: &[(i64, &str, &str)]) -> Vec<Option<Surge>> {
    let mut storms = Storms::default();
    let steps = row.iter().zip(1..).map(|((minute, sender, subject), at)| {
        let met = Met {
            key: key(at),
            received_at: minute * MINUTE,
            groups: Groups::of(1, sender, subject, false, false, guard),
            again: false,
        };
        storms.step(met, guard)
    });
    steps.collect()
}

fn held(guard: &Guard, row: &[(i64, &str, &str)]) -> usize {
    let surges = run(guard, row);
    let above = |surge: &Option<Surge>| surge.is_some_and(|s| u64::from(s.count) > guard.limit);
    surges.into_iter().filter(above).count()
}

/// So many of one sender, one a minute, each with a subject of its own.
fn of_one(sender: &'static str, many: i64) -> Vec<(i64, &'static str, &'static str)> {
    (0..many).map(|at| (at, sender, "")).collect()
}

#[test]
fn the_last_that_passes_says_so_and_those_behind_it_are_held() {
    let guard = guard(3, "");
    let surges = run(&guard, &of_one("a@x.example", 5));
    let counts: Vec<Option<u32>> = surges.iter().map(|s| s.map(|s| s.count)).collect();
    assert_eq!(counts, [None, None, Some(3), Some(4), Some(5)]);
    let third = surges[2].unwrap();
    assert_eq!((third.alike, third.minutes), (Alike::Sender, 60));
}

#[test]
fn forty_people_with_forty_troubles_are_a_monday() {
    let words = [
        "mouse", "screen", "desk", "phone", "lamp", "door", "chair", "cable",
    ];
    let senders: Vec<String> = (0..40).map(|n| format!("p{n}@x.example")).collect();
    let subject = |n: usize| format!("my {} and the {}", words[n % 8], words[n / 8]);
    let subjects: Vec<String> = (0..40).map(subject).collect();
    let monday: Vec<(i64, &str, &str)> = (0..40)
        .map(|n| (n as i64 / 4, senders[n].as_str(), subjects[n].as_str()))
        .collect();
    assert!(run(&guard(3, ""), &monday).iter().all(Option::is_none));
    // The same trouble of all of them is one.
    let outage: Vec<(i64, &str, &str)> = (0..40)
        .map(|n| (n as i64 / 4, senders[n].as_str(), "The network is down"))
        .collect();
    assert_eq!(held(&guard(30, ""), &outage), 10);
    let of = run(&guard(30, ""), &outage)[39].unwrap();
    assert_eq!((of.alike, of.count), (Alike::Subject, 40));
}

/// Goes red where the guard went by the clock of this box: then a backlog would be a storm.
#[test]
fn what_came_over_years_is_no_storm_and_what_is_slow_enough_passes() {
    let years: Vec<(i64, &str, &str)> = (0..2000).map(|n| (n * 700, "a@x.example", "")).collect();
    assert_eq!(held(&guard(3, ""), &years), 0);
    // Exactly the window apart is not within it.
    let slow: Vec<(i64, &str, &str)> = (0..90).map(|n| (n * 20, "a@x.example", "")).collect();
    assert_eq!(held(&guard(3, ""), &slow), 0);
    assert_eq!(held(&guard(2, ""), &slow), 88);
}

#[test]
fn a_storm_lasts_as_long_as_it_blows_and_mail_passes_behind_it() {
    let mut row = of_one("a@x.example", 200);
    row.push((199 + 60, "a@x.example", ""));
    let surges = run(&guard(3, ""), &row);
    let passed = surges.iter().take(200).filter(|s| s.is_none()).count();
    assert_eq!(passed, 2);
    assert_eq!(surges[200], None);
}

#[test]
fn order_does_not_matter_to_what_lies_close_together() {
    let mut row = of_one("a@x.example", 9);
    row.reverse();
    assert_eq!(held(&guard(3, ""), &row), 6);
    // Those before and those behind are not added up: between them is more than a window.
    let mut steady: Vec<(i64, &str, &str)> = (0..9).map(|n| (n * 20, "a@x.example", "")).collect();
    steady.swap(4, 8);
    assert_eq!(held(&guard(3, ""), &steady), 0);
}

#[test]
fn the_exempt_are_not_counted_by_address_or_by_domain() {
    let guard = guard(3, "alarm@x.example mon.example");
    for sender in ["Alarm@X.example", "any@mon.example"] {
        assert_eq!(held(&guard, &of_one(sender, 30)), 0, "{sender}");
    }
    for sender in ["other@x.example", "any@sub.mon.example"] {
        assert_eq!(held(&guard, &of_one(sender, 30)), 27, "{sender}");
    }
    // Nor does whoever has their subject pay for them.
    let mut row: Vec<(i64, &str, &str)> = (0..30)
        .map(|n| (n, "alarm@x.example", "Disk full"))
        .collect();
    row.push((30, "petra@y.example", "Re: Disk full"));
    assert_eq!(run(&guard, &row)[30], None);
}

#[test]
fn mailboxes_count_apart_and_an_empty_sender_is_nobody() {
    let guard = guard(1, "");
    let of = |mailbox| Groups::of(mailbox, "a@x.example", "The printer", false, false, &guard);
    assert_ne!(of(1), of(2));
    assert_eq!(
        Groups::of(1, "", "", false, false, &guard),
        Groups::default()
    );
    let off = Guard::default();
    assert_eq!(
        Groups::of(1, "a@x.example", "The printer", false, false, &off),
        Groups::default()
    );
}

#[track_caller]
fn same(one: &str, other: &str) {
    assert_eq!(subject_form(one), subject_form(other));
    assert!(!subject_form(one).is_empty(), "{one}");
}

#[test]
fn what_counts_up_in_a_subject_does_not_defeat_it() {
    same(
        "Backup failed on 2026-11-28 00:21:30",
        "Backup failed on 2026-11-29 01:00:00",
    );
    same(
        "[PROBLEM] srv01: CPU at 93%",
        "[PROBLEM] srv02: CPU at 100%",
    );
    same(
        "Alert #4711 (id 7f3a-99): disk full",
        "ALERT #4712 (id 0b2c-01): Disk   full",
    );
    same("Printer", "RE: AW: Re[2]: printer");
    same("Ticket (1 of 3) is open", "Ticket (2 of 3) is open");
    for (one, other) in [
        ("Printer on floor", "Scanner on floor"),
        ("PROBLEM: disk", "RECOVERY: disk"),
        ("The printer", "My printer"),
    ] {
        assert_ne!(subject_form(one), subject_form(other));
    }
    for little in ["", "4711", "Re:", "Re: 12", "??", "A1 B2 ab"] {
        assert_eq!(subject_form(little), "", "{little}");
    }
}

#[test]
fn a_reply_counts_for_its_sender_and_not_for_its_subject() {
    let guard = guard(3, "");
    let reply = Groups::of(1, "a@x.example", "Re: The printer", true, false, &guard);
    assert_eq!(reply.subject, None);
    assert!(reply.sender.is_some());
}

/// Goes red where sixty people who answer one word of the portal's are held, as a storm of one subject.
#[test]
fn an_answer_to_what_only_the_portal_knows_has_no_subject_either() {
    let guard = guard(3, "");
    let subject = |subject| Groups::of(1, "a@x.example", subject, false, false, &guard).subject;
    for answer in [
        "Re: [Desk #12] Maintenance",
        "AW: Wartung",
        "Re[2]: Maintenance",
        "SV : Hej",
    ] {
        assert_eq!(subject(answer), None, "{answer}");
    }
    for other in [
        "Maintenance",
        "WARN: disk full",
        "Reminder: pay",
        "CPU: high",
    ] {
        assert!(subject(other).is_some(), "{other}");
    }
}

/// Goes red where whoever forges an address shuts its owner out.
#[test]
fn what_may_be_forged_counts_by_itself() {
    let guard = guard(3, "");
    let of = |doubtful| Groups::of(1, "a@x.example", "The printer", false, doubtful, &guard);
    assert_ne!(of(true).sender, of(false).sender);
    assert_ne!(of(true).subject, of(false).subject);
}

#[test]
fn a_message_that_is_decided_again_counts_once() {
    let guard = guard(3, "");
    let mut storms = Storms::default();
    let met = |number, again| Met {
        key: key(number),
        received_at: 0,
        groups: Groups::of(1, "a@x.example", "", false, false, &guard),
        again,
    };
    assert_eq!(storms.step(met(1, false), &guard), None);
    assert_eq!(storms.step(met(2, false), &guard), None);
    for _ in 0..10 {
        assert_eq!(storms.step(met(2, true), &guard), None);
    }
    assert_eq!(storms.step(met(3, false), &guard).unwrap().count, 3);
}

/// Messages: whose, at which minute, and whether it is one that was decided before.
fn rows() -> impl Strategy<Value = Vec<(u8, i16, Option<u8>)>> {
    prop::collection::vec(
        (0..4_u8, -200..200_i16, prop::option::of(any::<u8>())),
        0..200,
    )
}

proptest! {
    /// Goes red where what a restart reads, the newest decision about each message, is not what was
    /// remembered: then a kill would lose a count, or double it.
    #[test]
    fn what_is_read_again_is_what_was_remembered(rows in rows(), from in 0..4000_u64) {
        let guard = guard(3, "");
        let mut storms = Storms::default();
        storms.learn(from, Met { key: key(u64::MAX), received_at: 0, groups: Groups::default(), again: false });
        let mut newest: BTreeMap<u64, (u64, Met)> = BTreeMap::new();
        // So far apart that some are forgotten.
        for ((who, minute, again), at) in rows.into_iter().zip((from + 1..).step_by(20)) {
            let before = again.map(|again| from + 1 + 20 * u64::from(again)).filter(|b| newest.contains_key(b));
            let number = before.unwrap_or(at);
            let met = Met {
                key: key(number),
                received_at: i64::from(minute) * MINUTE,
                groups: Groups::of(1, &format!("{who}@x.example"), "The printer", who == 3, false, &guard),
                again: before.is_some(),
            };
            storms.learn(at, met);
            newest.insert(number, (at, Met { again: false, ..met }));
        }
        let mut read: Vec<(u64, Met)> = newest.into_values().collect();
        read.sort_by_key(|(at, _)| *at);
        let mut again = Storms { number: from, ..Storms::default() };
        for (at, met) in read {
            again.learn(at, met);
        }
        prop_assert_eq!(again, storms);
    }

    /// In the order of their times the first of a group that is held comes behind one that said so.
    #[test]
    fn nothing_is_held_before_one_has_said_so(
        limit in 1..5_u64, gaps in prop::collection::vec(0..40_i64, 0..120),
    ) {
        let guard = guard(limit, "");
        let mut at = 0;
        let row: Vec<(i64, &str, &str)> = gaps.iter().map(|gap| { at += gap; (at, "a@x.example", "") }).collect();
        let mut said = false;
        for surge in run(&guard, &row).into_iter() {
            match surge {
                None => said = false,
                Some(surge) if u64::from(surge.count) == limit => said = true,
                Some(_) => prop_assert!(said),
            }
        }
    }

    #[test]
    fn any_subject_has_a_form_that_stays(subject in ".{0,200}") {
        let form = subject_form(&subject);
        prop_assert!(form.len() <= subject.len() * 3 + 2);
        prop_assert!(form.is_empty() || !form.starts_with(' '));
    }
}

proptest! {
    // Thousands of steps each.
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// However many write, what is remembered is bounded.
    #[test]
    fn what_is_remembered_is_bounded(many in 1..3 * REACH, senders in 1..5000_u64) {
        let guard = guard(3, "");
        let mut storms = Storms::default();
        for number in 0..many {
            let sender = format!("{}@x.example", number % senders);
            let groups = Groups::of(1, &sender, &sender, false, false, &guard);
            let met = Met { key: key(number), received_at: 0, groups, again: false };
            let _ = storms.step(met, &guard);
        }
        prop_assert!(storms.seen.len() as u64 <= REACH);
        prop_assert!(storms.of.len() as u64 <= REACH * 2);
        let counted: usize = storms.of.values().map(|times| times.len()).sum();
        let groups = storms.seen.iter().map(|seen| seen.groups.each().count());
        prop_assert_eq!(counted, groups.sum::<usize>());
    }
}
