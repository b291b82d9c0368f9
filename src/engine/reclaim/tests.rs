use std::path::Path;

use super::*;
use crate::engine::tests::{self, key, place, ticket, SIZES};
use crate::engine::writer::{Decided, Raw};
use crate::passage::record::{Act, ActKind, Archived, Decision, Outcome, Receipt};
use crate::passage::{MailboxId, Stage};
use crate::ticket::{MessageId, Reason, Sign};

const NOW: i64 = 1_800_000_000_000;
const RETENTION: Retention = Retention {
    octets_ms: 7 * DAY_MS,
    key_ms: KEY_DAYS * DAY_MS,
    pressed: false,
};

/// Goes red where a day of the setting is another time than a day.
#[test]
fn a_day_of_the_setting_is_a_day() {
    let kept_ms = |days| retention(days, false).octets_ms;
    assert_eq!(
        (kept_ms(0), kept_ms(1), kept_ms(30)),
        (0, 86_400_000, 2_592_000_000)
    );
    assert_eq!(kept_ms(u64::MAX), i64::MAX / 86_400_000 * 86_400_000);
}

fn octets(n: u32) -> Vec<u8> {
    format!("Subject: {n}\r\n\r\n").into_bytes().repeat(100)
}

fn open(dir: &Path) -> (Writer, Reader) {
    let opened = tests::open(dir, SIZES);
    (opened.writer, opened.reader)
}

fn message_id(n: u32) -> Option<MessageId> {
    MessageId::of(&n.to_string())
}

fn commit(writer: &mut Writer, n: u32, raw: Raw, decided_at: i64) {
    let mut decided = tests::decided(n, n, ticket());
    decided.decision.thread.id = message_id(n);
    decided.raw = raw;
    decided.decision.decided_at = decided_at;
    decided.decision.octets = octets(n).len() as u64;
    writer.commit(vec![decided], &[]).unwrap();
}

fn finish(writer: &mut Writer, n: u32, at: i64) {
    let receipt = Record::Receipt(Receipt {
        ticket: format!("T-{n}"),
        number: None,
        at,
        epoch: String::new(),
        omitted: Vec::new(),
    });
    let archived = Record::Archived(Archived {
        place: place(n),
        folder: "Archive".to_owned(),
        moved_to: None,
    });
    writer
        .commit(Vec::new(), &[(key(n), receipt), (key(n), archived)])
        .unwrap();
}

/// A message in a segment of its own, which nothing refers to yet.
fn large(writer: &mut Writer, n: u32, octets: &[u8]) -> Stored {
    let number = writer.begin_large().unwrap();
    writer.large_slice(number, octets).unwrap();
    writer.finish_large(number, key(n)).unwrap().unwrap()
}

fn larges(writer: &mut Writer) -> usize {
    let segments = writer.journal().segments();
    segments.iter().filter(|s| s.large).count()
}

fn numbers(writer: &mut Writer) -> Vec<u64> {
    let segments = writer.journal().segments().into_iter();
    segments.map(|s| s.number).collect()
}

fn reclaim_all(writer: &mut Writer, retention: Retention) {
    reclaim_at(writer, NOW, retention);
}

fn reclaim_at(writer: &mut Writer, now: i64, retention: Retention) {
    let mut from = 0;
    loop {
        let Reclaimed { next, free } = writer.reclaim(from, now, retention, u64::MAX).unwrap();
        writer.let_go(free).unwrap();
        let Some(next) = next else { return };
        from = next;
    }
}

/// 200 messages, every tenth still owed; the others finished at `at`.
fn filled(dir: &Path, at: i64) -> (Writer, Reader) {
    let (mut writer, reader) = open(dir);
    for n in 0..200 {
        commit(&mut writer, n, Raw::Inline(octets(n).into()), at);
    }
    for n in (0..200).filter(|n| n % 10 != 0) {
        finish(&mut writer, n, at);
    }
    (writer, reader)
}

#[track_caller]
fn check_owed(reader: &Reader) {
    for n in (0..200).step_by(10) {
        let entry = reader.entry(&key(n)).unwrap().unwrap();
        assert_eq!(entry.stage, Stage::Committed);
        let raw = reader.raw_at(entry.message.unwrap()).unwrap();
        assert_eq!(reader.raw(raw, 0, 1 << 20).unwrap(), octets(n));
        let decision = reader.decision(entry.decision.unwrap()).unwrap();
        assert_eq!(decision.subject, n.to_string());
    }
}

#[test]
fn what_is_past_its_retention_gives_its_room_back_and_what_is_owed_stays_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - 8 * DAY_MS);
    let before = writer.octets().0;
    reclaim_all(&mut writer, RETENTION);
    let after = writer.octets().0;
    assert!(after <= before / 2, "{before} -> {after}");
    check_owed(&reader);
    let finished = reader.entry(&key(1)).unwrap().unwrap();
    assert!(finished.retired);
    assert_eq!(finished.ticket.as_deref(), Some("T-1"));
    drop((writer, reader));
    let (_writer, reader) = open(dir.path());
    check_owed(&reader);
}

#[test]
fn a_rebuild_after_reclaim_knows_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - 8 * DAY_MS);
    reclaim_all(&mut writer, RETENTION);
    let counters = reader.counters().unwrap().0;
    let entries: Vec<_> = (0..200).map(|n| reader.entry(&key(n)).unwrap()).collect();
    drop((writer, reader));
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let (_writer, reader) = open(dir.path());
    check_owed(&reader);
    assert_eq!(reader.counters().unwrap().0, counters);
    for (n, was) in (0..200).zip(entries) {
        let (is, was) = (reader.entry(&key(n)).unwrap().unwrap(), was.unwrap());
        assert_eq!(is, was, "{n}");
    }
    let queue = reader.queue(0, 1000).unwrap();
    let order: Vec<Key> = queue.iter().map(|q| q.key).collect();
    let owed: Vec<Key> = (0..200).step_by(10).map(key).collect();
    assert_eq!(order, owed);
}

/// Goes red where what is left of retired messages is copied at each look.
#[test]
fn what_was_copied_once_is_left_alone_until_much_of_it_may_go() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - 8 * DAY_MS);
    for n in 1000..2000 {
        commit(&mut writer, n, Raw::Left, NOW - 8 * DAY_MS);
        finish(&mut writer, n, NOW - 8 * DAY_MS);
    }
    drop((writer, reader));
    // The segment that copies go to is never looked at: each start begins another.
    for _ in 0..2 {
        let (mut writer, _reader) = open(dir.path());
        reclaim_all(&mut writer, RETENTION);
    }
    let (mut writer, reader) = open(dir.path());
    let before = numbers(&mut writer);
    reclaim_all(&mut writer, RETENTION);
    let after = numbers(&mut writer);
    let gone: Vec<_> = before.iter().filter(|n| !after.contains(n)).collect();
    // The last that copies went to may be nearly empty, and is joined with the current one.
    assert!(
        before.len() > 3 && gone.len() <= 1,
        "{before:?} -> {after:?}"
    );
    check_owed(&reader);
}

/// Goes red where a segment is written again although most of it is still wanted.
#[test]
fn what_is_mostly_wanted_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _reader) = open(dir.path());
    for n in 0..200 {
        let octets = Raw::Inline(octets(n).into());
        commit(&mut writer, n, octets, NOW - 8 * DAY_MS);
    }
    // A few in each segment may go, which is not worth it.
    for n in (0..200).step_by(10) {
        finish(&mut writer, n, NOW - 8 * DAY_MS);
    }
    let before = numbers(&mut writer);
    reclaim_all(&mut writer, RETENTION);
    assert!(before.len() > 4, "{before:?}");
    assert_eq!(numbers(&mut writer)[..4], before[..4]);
}

/// Goes red where all copies of a segment wait for one sync: until then they are in memory.
#[test]
fn copies_become_durable_some_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    let old = NOW - 8 * DAY_MS;
    // Short, and still wanted, beside octets that may go.
    let held = 10 * AT_ONCE as u32;
    for n in 0..held {
        let mut decided = tests::decided(n, n, Outcome::Held(Reason::UnknownSender));
        decided.decision.decided_at = old;
        writer.commit(vec![decided], &[]).unwrap();
    }
    let mut n = held;
    fill_segment(&mut writer, &reader, &mut n);
    let before = writer.sync().unwrap().number;
    let first = numbers(&mut writer)[0];
    let Reclaimed { free, .. } = writer.reclaim(0, NOW, RETENTION, 0).unwrap();
    assert!(free.contains(&first));
    let made = writer.sync().unwrap().number - before;
    assert!((10..20).contains(&made), "{made} syncs for {held} copies");
    for n in 0..held {
        let entry = reader.entry(&key(n)).unwrap().unwrap();
        assert!(
            entry.stage == Stage::Held && entry.known_to.segment != first,
            "{n}"
        );
    }
}

/// Sender, subject and reason of a message that the operator dismissed, after all else of it has gone; a
/// damaged one gives them up, and not the segment.
#[test]
fn what_a_dismissal_says_is_kept_as_long_as_its_key() {
    for damaged in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, reader) = filled(dir.path(), NOW - 8 * DAY_MS);
        let at = NOW - 8 * DAY_MS;
        let mut decided = tests::decided(900, 900, Outcome::Held(Reason::UnknownSender));
        decided.decision.decided_at = at;
        let act = |what| {
            Record::Act(Act {
                what,
                by: "op: an advert".to_owned(),
                at,
            })
        };
        let archived = Record::Archived(Archived {
            place: place(900),
            folder: "Archive".to_owned(),
            moved_to: None,
        });
        let acts = [(key(900), act(ActKind::Dismiss)), (key(900), archived)];
        writer.commit(vec![decided], &acts).unwrap();
        drop((writer, reader));
        let (mut writer, reader) = open(dir.path());
        let old = reader.entry(&key(900)).unwrap().unwrap().decision.unwrap();
        if damaged {
            let path = dir
                .path()
                .join("journal")
                .join(spool::file_name(old.segment, false));
            let mut segment = std::fs::read(&path).unwrap();
            segment[old.offset as usize + 70] ^= 1;
            std::fs::write(&path, segment).unwrap();
        }
        reclaim_all(&mut writer, RETENTION);
        let entry = reader.entry(&key(900)).unwrap().unwrap();
        assert!(entry.retired);
        assert!(!writer
            .journal()
            .segments()
            .iter()
            .any(|s| s.number == old.segment));
        let subject = entry.decision.map(|d| reader.decision(d).unwrap().subject);
        assert_eq!(subject.as_deref(), (!damaged).then_some("900"));
        let by = reader.dismissal(entry.refusal.unwrap()).unwrap();
        assert_eq!(by.as_deref(), Some("op: an advert"));
        // Of a ticket the portal can tell.
        let forwarded = reader.entry(&key(1)).unwrap().unwrap();
        assert_eq!(forwarded.decision, None);
    }
}

#[test]
fn what_is_young_is_kept_until_room_is_short() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - DAY_MS);
    let before = writer.octets().0;
    reclaim_all(&mut writer, RETENTION);
    assert_eq!(writer.octets().0, before);
    let pressed = Retention {
        pressed: true,
        ..RETENTION
    };
    reclaim_all(&mut writer, pressed);
    assert!(writer.octets().0 <= before / 2);
    check_owed(&reader);
}

/// Goes red where a segment is read before anything of it may go, and where it is not when something may:
/// at its time, with other settings, and behind a clock that went back.
#[test]
fn a_segment_is_looked_at_again_when_something_of_it_may_go() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - DAY_MS);
    let before = numbers(&mut writer);
    reclaim_all(&mut writer, RETENTION);
    let last = NOW + 6 * DAY_MS;
    let held = |writer: &mut Writer, now, retention| {
        let of = |n: &&u64| writer.not_yet.holds(**n, now, retention);
        before.iter().filter(of).count()
    };
    // All but the current one.
    assert_eq!(held(&mut writer, last, RETENTION), before.len() - 1);
    reclaim_at(&mut writer, last, RETENTION);
    assert_eq!(numbers(&mut writer), before);
    assert_eq!(held(&mut writer, last + 1, RETENTION), 0);
    reclaim_at(&mut writer, last, RETENTION);
    assert_eq!(held(&mut writer, last, RETENTION), before.len() - 1);
    assert_eq!(
        held(&mut writer, last - 1, RETENTION),
        0,
        "a clock that went back"
    );
    reclaim_at(&mut writer, last, RETENTION);
    let shorter = Retention {
        octets_ms: DAY_MS,
        ..RETENTION
    };
    assert_eq!(held(&mut writer, last, shorter), 0, "other settings");
    reclaim_at(&mut writer, last + 1, RETENTION);
    assert!(numbers(&mut writer).len() <= before.len() / 2);
    check_owed(&reader);
}

/// Goes red where the numbers of segments that are gone stay in memory: one more for each, as long as the
/// service runs.
#[test]
fn no_number_of_a_segment_that_was_given_back_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _reader) = filled(dir.path(), NOW - DAY_MS);
    reclaim_all(&mut writer, RETENTION);
    let before = numbers(&mut writer);
    assert_eq!(writer.not_yet.until.len(), before.len() - 1);
    reclaim_at(&mut writer, NOW + 6 * DAY_MS + 1, RETENTION);
    let left = numbers(&mut writer);
    assert!(left.len() <= before.len() / 2, "{before:?} -> {left:?}");
    let kept: Vec<u64> = writer.not_yet.until.keys().copied().collect();
    assert!(kept.iter().all(|n| left.contains(n)), "{kept:?}, {left:?}");
}

#[test]
fn keys_are_forgotten_after_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - (KEY_DAYS + 1) * DAY_MS);
    reclaim_all(&mut writer, RETENTION);
    assert_eq!(reader.entry(&key(1)).unwrap(), None);
    assert_eq!(writer.index().counters().of(Stage::Forwarded), 0);
    check_owed(&reader);
}

#[test]
fn a_large_message_goes_with_its_record_and_an_orphan_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    for n in 0..2 {
        let stored = large(&mut writer, n, &[7; 300_000]);
        if n == 0 {
            commit(&mut writer, n, Raw::Large(stored), NOW - 8 * DAY_MS);
            finish(&mut writer, n, NOW - 8 * DAY_MS);
        }
    }
    // The second one's turn is not over: it must not be taken for an orphan.
    writer.release_orphans().unwrap();
    assert_eq!(larges(&mut writer), 2);
    drop((writer, reader));
    let (mut writer, _reader) = open(dir.path());
    assert_eq!(larges(&mut writer), 1);
    reclaim_all(&mut writer, RETENTION);
    assert_eq!(larges(&mut writer), 0);
}

#[test]
fn a_large_message_goes_although_its_record_stands_in_the_current_segment() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    let stored = large(&mut writer, 1, &[7; 300_000]);
    commit(&mut writer, 1, Raw::Large(stored), NOW);
    let pressed = Retention {
        pressed: true,
        ..RETENTION
    };
    reclaim_all(&mut writer, pressed);
    assert_eq!(larges(&mut writer), 1, "it is still owed");
    finish(&mut writer, 1, NOW);
    reclaim_all(&mut writer, pressed);
    assert_eq!(larges(&mut writer), 0);
    let entry = reader.entry(&key(1)).unwrap().unwrap();
    assert!(entry.retired && entry.message.is_none());
}

/// Goes red where reclaim copies what it can't read: that was the end of the engine, at every start
/// anew.
#[test]
fn a_segment_in_which_something_wanted_is_damaged_is_left_alone_and_the_others_go() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - 30 * DAY_MS);
    let message = reader.entry(&key(0)).unwrap().unwrap().message.unwrap();
    let journal = dir.path().join("journal");
    let path = journal.join(spool::file_name(message.segment, false));
    let mut segment = std::fs::read(&path).unwrap();
    segment[message.offset as usize + 100] ^= 1;
    std::fs::write(&path, segment).unwrap();
    let before = writer.journal().segments().len();
    reclaim_all(&mut writer, RETENTION);
    let left = writer.journal().segments();
    assert!(left.len() < before, "{left:?}");
    assert!(left.iter().any(|s| s.number == message.segment), "{left:?}");
}

/// Commits and finishes messages that were done long ago, from `n` on, until a further segment begins.
fn fill_segment(writer: &mut Writer, reader: &Reader, n: &mut u32) {
    let old = NOW - 9 * DAY_MS;
    let segment = |n| {
        let entry = reader.entry(&key(n)).unwrap();
        entry.unwrap().known_to.segment
    };
    let mut first = None;
    loop {
        commit(writer, *n, Raw::Inline(octets(*n).into()), old);
        finish(writer, *n, old);
        let now = segment(*n);
        *n += 1;
        if *first.get_or_insert(now) < now {
            return;
        }
    }
}

/// Goes red where damaged octets cost what else a snapshot says: its receipt, and that nothing is left to be
/// archived, stood in a segment that was given back.
#[test]
fn a_flipped_bit_in_octets_costs_no_receipt_when_the_index_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    let young = NOW - DAY_MS;
    let mut n = 1000;
    commit(&mut writer, 1, Raw::Inline(octets(1).into()), young);
    fill_segment(&mut writer, &reader, &mut n);
    finish(&mut writer, 1, young);
    fill_segment(&mut writer, &reader, &mut n);
    reclaim_all(&mut writer, RETENTION);
    let before = reader.entry(&key(1)).unwrap().unwrap();
    let message = before.message.unwrap();
    assert!(before.known_to.segment > message.segment + 1);
    drop((writer, reader));
    let within = message.offset + message.length / 2 + 60;
    tests::spoil(dir.path(), message.segment, within, 1, |octet| octet ^ 1);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let again = tests::open(dir.path(), SIZES);
    let after = again.reader.entry(&key(1)).unwrap().unwrap();
    assert_eq!(
        (after.stage, after.ticket, after.spots),
        (Stage::Forwarded, before.ticket, Vec::new())
    );
    assert_eq!(again.opening.refetched, 0);
}

/// Goes red where octets that reclaim is about to let go are promised to another ticket.
#[test]
fn another_ticket_of_a_large_message_that_was_parted_from_its_octets_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    let stored = large(&mut writer, 1, &octets(1));
    commit(&mut writer, 1, Raw::Large(stored), NOW - 8 * DAY_MS);
    finish(&mut writer, 1, NOW - 8 * DAY_MS);
    let entry = reader.entry(&key(1)).unwrap().unwrap();
    let decision = reader.decision(entry.decision.unwrap()).unwrap();
    let free = writer.reclaim(u64::MAX, NOW, RETENTION, 0).unwrap().free;
    assert_eq!(free, [stored.segment].into());
    let again = Decided {
        key: key(2),
        raw: Raw::Kept(key(1)),
        decision: Decision {
            message: entry.message,
            ..decision
        },
    };
    let refused = writer.commit(vec![again], &[]);
    assert!(matches!(refused, Err(StoreFault::Torn { .. })));
    writer.let_go(free).unwrap();
    assert!(reader.entry(&key(2)).unwrap().is_none());
}

/// Goes red where another ticket takes the octets of one that still needs them, or where what another one has
/// got meanwhile is given back.
#[test]
fn octets_that_are_needed_go_to_no_other_ticket_and_are_not_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    let stored = large(&mut writer, 1, &octets(1));
    commit(&mut writer, 1, Raw::Large(stored), NOW);
    let entry = reader.entry(&key(1)).unwrap().unwrap();
    let decision = reader.decision(entry.decision.unwrap()).unwrap();
    let again = |n| Decided {
        key: key(n),
        raw: Raw::Kept(key(1)),
        decision: Decision {
            message: entry.message,
            ..decision.clone()
        },
    };
    let refused = writer.commit(vec![again(2)], &[]);
    assert!(matches!(refused, Err(StoreFault::Torn { .. })), "owed");
    finish(&mut writer, 1, NOW);
    writer.commit(vec![again(3)], &[]).unwrap();
    writer.let_go([stored.segment].into()).unwrap();
    let entry = reader.entry(&key(3)).unwrap().unwrap();
    let raw = reader.raw_at(entry.message.unwrap()).unwrap();
    assert_eq!(reader.raw(raw, 0, 1 << 20).unwrap(), octets(1));
}

/// Goes red where a segment that this start did not replay counts as full: what little lies in it would be
/// copied at each start.
#[test]
fn a_segment_of_an_earlier_start_is_judged_by_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    for n in 0..5 {
        commit(&mut writer, n, Raw::Inline(octets(n).into()), NOW);
    }
    let segment = |reader: &Reader| {
        let entry = reader.entry(&key(1)).unwrap().unwrap();
        entry.message.unwrap().segment
    };
    let before = segment(&reader);
    writer.checkpoint().unwrap();
    drop((writer, reader));
    let (mut writer, reader) = open(dir.path());
    reclaim_all(&mut writer, RETENTION);
    assert_eq!(segment(&reader), before);
}

/// Goes red where a segment of which nothing tells whose records it has is overwritten.
#[test]
fn a_segment_without_its_header_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - 8 * DAY_MS);
    let first = reader.entry(&key(1)).unwrap().unwrap();
    let first = first.message.unwrap().segment;
    drop((writer, reader));
    tests::spoil(dir.path(), first, 0, 4096, |_| 0);
    (writer, _) = open(dir.path());
    let pressed = Retention {
        pressed: true,
        ..RETENTION
    };
    reclaim_all(&mut writer, pressed);
    let segments = writer.journal().segments();
    assert!(segments.iter().any(|s| s.number == first));
}

/// Goes red where answers are known by ever more messages, or by none once their octets are gone.
#[test]
fn answers_are_known_by_the_newest_messages_and_by_what_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = filled(dir.path(), NOW - 8 * DAY_MS);
    reclaim_all(&mut writer, RETENTION);
    let led = |n: u32| {
        let id = message_id(n).unwrap();
        let led = reader.view().led(&Sign::Message(id), MailboxId(1)).unwrap();
        led.map(|led| led.root)
    };
    // 0 is owed yet; 1 lies behind 150 others; 190 is one of the newest.
    let retired = |n: u32| reader.entry(&key(n)).unwrap().unwrap().retired;
    assert_eq!(
        (led(0), led(1), led(190)),
        (Some(key(0)), None, Some(key(190)))
    );
    assert!(retired(1) && !retired(0));
    let newest = (50..200).filter(|n| retired(*n)).count();
    assert!(newest > 50, "{newest}");
    assert!((50..200).all(|n| led(n) == Some(key(n))));
}
