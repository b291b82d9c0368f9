use super::*;
use crate::engine::reader::Reader;
use crate::engine::tests::{self, decided, key, place, ticket, SIZES};
use crate::engine::writer::{Raw, Writer};
use crate::passage::record::{Act, ActKind, Archived, Receipt};
use crate::passage::Outcome;
use crate::ticket::Reason;

fn life(reader: &Reader, n: u32) -> Told {
    let mut life = Life::new(key(n));
    let mut before = 0;
    while let Some(progress) = life.turn(reader.journal()).unwrap() {
        assert!(before <= progress.done && progress.done <= progress.of);
        before = progress.done;
    }
    life.end()
}

fn seek(reader: &Reader, id: &str) -> Sought {
    let mut seek = Seek::new(id);
    while seek.turn(reader.journal()).unwrap().is_some() {}
    seek.end()
}

fn act(what: ActKind, at: i64) -> Record {
    Record::Act(Act {
        what,
        by: "operator".to_owned(),
        at,
    })
}

fn receipt(at: i64) -> Record {
    Record::Receipt(Receipt {
        ticket: "T-1".to_owned(),
        number: None,
        at,
        epoch: "e".to_owned(),
        omitted: Vec::new(),
    })
}

fn mail(id: &str, more: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nMessage-ID: <{id}>\r\n{more}\r\nBody.\r\n").into_bytes()
}

/// Commits a message of these octets.
fn commit(writer: &mut Writer, n: u32, octets: Vec<u8>) {
    let mut decided = decided(n, n, ticket());
    decided.raw = Raw::Inline(octets.into());
    writer.commit(vec![decided], &[]).unwrap();
}

/// Goes red when a segment is left out, told twice or in another order, or when another's record is taken.
#[test]
fn all_records_of_a_message_are_told_in_order_and_nobody_else_s() {
    let dir = tempfile::tempdir().unwrap();
    let tests::Opened {
        mut writer, reader, ..
    } = tests::open(dir.path(), SIZES);
    let held = Outcome::Held(Reason::UnknownSender);
    let fill = |writer: &mut Writer, from: u32| {
        for n in from..from + 100 {
            commit(
                writer,
                n,
                mail("x@y", &"X-Filler: 0123456789\r\n".repeat(100)),
            );
        }
    };
    writer.commit(vec![decided(1, 1, held)], &[]).unwrap();
    fill(&mut writer, 100);
    let convert = act(ActKind::Convert, 2);
    writer.commit(vec![], &[(key(1), convert.clone())]).unwrap();
    fill(&mut writer, 200);
    commit(&mut writer, 1, mail("1@y", ""));
    fill(&mut writer, 300);
    writer.commit(vec![], &[(key(1), receipt(9))]).unwrap();
    assert!(reader.journal().pieces().len() > 5);
    let told = life(&reader, 1);
    let kinds: Vec<Kind> = told.records.iter().map(|(_, r)| r.kind()).collect();
    let wanted = [
        Kind::Decision,
        Kind::Act,
        Kind::Message,
        Kind::Decision,
        Kind::Receipt,
    ];
    assert_eq!(kinds, wanted);
    assert_eq!(told.records[1].1, convert);
    assert_eq!((told.left_out, told.damaged), (0, 0));
    assert!(life(&reader, 9999).records.is_empty());
}

/// Goes red where memory follows how often something happened to a message.
#[test]
fn of_very_many_records_the_newest_are_told_and_the_others_counted() {
    let dir = tempfile::tempdir().unwrap();
    let tests::Opened {
        mut writer, reader, ..
    } = tests::open(dir.path(), SIZES);
    let outcome = Outcome::Held(Reason::UnknownSender);
    writer.commit(vec![decided(1, 1, outcome)], &[]).unwrap();
    for n in 0..RECORDS as i64 + 20 {
        writer.append(key(1), act(ActKind::Retry, n)).unwrap();
    }
    writer.sync().unwrap();
    let told = life(&reader, 1);
    assert_eq!((told.records.len(), told.left_out), (RECORDS, 21));
    let (_, last) = told.records.last().unwrap();
    assert_eq!(*last, act(ActKind::Retry, RECORDS as i64 + 19));
}

/// Goes red where what is copied away while the search is under way, and whose segment is given back before
/// its turn, is not found.
#[test]
fn what_is_copied_and_given_back_under_way_is_found_behind() {
    let dir = tempfile::tempdir().unwrap();
    let tests::Opened {
        mut writer, reader, ..
    } = tests::open(dir.path(), SIZES);
    for n in 0..30 {
        commit(
            &mut writer,
            n,
            mail("x@y", &"X-Filler: 0123456789\r\n".repeat(200)),
        );
    }
    let entry = reader.entry(&key(29)).unwrap().unwrap();
    let segment = entry.message.unwrap().segment;
    let mut walk = Life::new(key(29));
    walk.turn(reader.journal()).unwrap();
    // All that is there, so that the segment is the current one no more.
    for n in 100..130 {
        commit(
            &mut writer,
            n,
            mail("x@y", &"X-Filler: 0123456789\r\n".repeat(200)),
        );
    }
    writer
        .copy_forward(key(29), entry, &reader, segment)
        .unwrap();
    writer.sync().unwrap();
    writer.journal().release(segment).unwrap();
    while walk.turn(reader.journal()).unwrap().is_some() {}
    let kinds: Vec<Kind> = walk.end().records.iter().map(|(_, r)| r.kind()).collect();
    assert_eq!(kinds, [Kind::Message, Kind::Copied, Kind::Snapshot]);
}

/// Goes red where a mention is taken for the message's own id, or where one is not found for its size or the
/// way in which it is written.
#[test]
fn a_message_id_is_that_of_its_own_field_wherever_the_octets_lie() {
    let dir = tempfile::tempdir().unwrap();
    let tests::Opened {
        mut writer, reader, ..
    } = tests::open(dir.path(), SIZES);
    commit(&mut writer, 1, mail("one@y", ""));
    commit(&mut writer, 2, mail("two@y", "References: <one@y>\r\n"));
    commit(
        &mut writer,
        3,
        mail("three@y", "\r\nMessage-ID: <one@y>\r\n"),
    );
    let folded = b"From: a@example.org\r\nmessage-id:\r\n <one@y>\r\n\r\n";
    commit(&mut writer, 4, folded.to_vec());
    commit(&mut writer, 5, mail("one@y.z", ""));
    // In a segment of its own, with a body.
    let mut octets = mail("one@y", "");
    octets.extend(vec![b'x'; 300_000]);
    let number = writer.begin_large().unwrap();
    for slice in octets.chunks(60_000) {
        writer.large_slice(number, slice).unwrap();
    }
    let large = writer.finish_large(number, key(6)).unwrap().unwrap();
    let mut apart = decided(6, 6, ticket());
    apart.raw = Raw::Large(large);
    writer.commit(vec![apart], &[]).unwrap();
    // Copied, it is one message all the same.
    let entry = reader.entry(&key(1)).unwrap().unwrap();
    let segment = entry.message.unwrap().segment;
    writer
        .copy_forward(key(1), entry, &reader, segment)
        .unwrap();
    writer.sync().unwrap();
    let found: BTreeSet<Key> = seek(&reader, "one@y").keys.into_iter().collect();
    assert_eq!(found, BTreeSet::from([1, 4, 6].map(key)));
    assert!(seek(&reader, "nobody@y").keys.is_empty());
}

/// A message that has been archived tells where to, also behind damage elsewhere.
#[test]
fn damage_costs_what_stood_there_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let tests::Opened {
        mut writer, reader, ..
    } = tests::open(dir.path(), SIZES);
    commit(&mut writer, 1, mail("one@y", ""));
    writer.commit(vec![], &[(key(1), receipt(9))]).unwrap();
    let archived = Record::Archived(Archived {
        place: place(1),
        folder: "Archive".to_owned(),
        moved_to: Some((3, 4)),
    });
    writer
        .commit(vec![], &[(key(1), archived.clone())])
        .unwrap();
    let (at, _) = life(&reader, 1).records[0].clone();
    drop((writer, reader));
    tests::spoil(dir.path(), at.segment, at.offset + 60, 8, |octet| octet ^ 1);
    let tests::Opened { reader, .. } = tests::open(dir.path(), SIZES);
    let told = life(&reader, 1);
    let kinds: Vec<Kind> = told.records.iter().map(|(_, r)| r.kind()).collect();
    assert_eq!(kinds, [Kind::Decision, Kind::Receipt, Kind::Archived]);
    assert_eq!(told.damaged, 1);
    let sought = seek(&reader, "one@y");
    assert_eq!((sought.keys.len(), sought.damaged), (0, 1));
}
