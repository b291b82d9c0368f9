//! Damage made on purpose, and what must still be there.

use super::format::{Frame, Seals, FRAME, HEAD};
use super::*;

/// A journal of two small segments and what is in it; the first ends with a proof that it was
/// synced.
struct Small {
    disk: SimDisk,
    records: Vec<(At, Told)>,
}

fn small() -> Small {
    let disk = SimDisk::new();
    let mut records = Vec::new();
    let mut journal = open(&disk, 1).unwrap();
    for n in 0..6u8 {
        let payload = vec![n.wrapping_mul(37); 9 * usize::from(n)];
        let at = journal.append(n, &[n; 32], &[&payload]).unwrap();
        records.push((at, (n, [n; 32], payload)));
        if n % 2 == 0 {
            journal.sync().unwrap();
        }
    }
    journal.sync().unwrap();
    Small { disk, records }
}

fn first(small: &Small) -> PathBuf {
    path(Name::Ordinary(small.records[0].0.segment))
}

#[test]
fn any_flipped_bit_costs_at_most_the_record_it_hit_and_is_reported() {
    let small = small();
    let file = first(&small);
    let end = small.records.last().unwrap().0.after().offset as usize;
    let proven = small.records[5].0.offset;
    let headers = (0..80).chain(512..592);
    for octet in headers.chain(HEAD as usize..end) {
        for bit in 0..8 {
            let disk = small.disk.fork();
            disk.flip(&file, octet * 8 + bit);
            let journal = open(&disk, 2).unwrap();
            let (found, told) = replayed(&journal);
            let hit = |at: &At| {
                let end = at.offset + FRAME as u64 + at.length + 4;
                (at.offset..end).contains(&(octet as u64))
            };
            let want: Vec<_> = small
                .records
                .iter()
                .filter(|r| !hit(&r.0))
                .cloned()
                .collect();
            assert_eq!(found, want, "octet {octet}, bit {bit}");
            if let Some((at, (kind, key, _))) = small.records.iter().find(|r| hit(&r.0)) {
                assert_eq!(told.gaps.len(), 1, "octet {octet}, bit {bit}");
                let gap = &told.gaps[0];
                assert_eq!((gap.segment, gap.from), (at.segment, at.offset));
                assert_eq!(gap.damage, at.offset < proven);
                if octet as u64 >= at.offset + FRAME as u64 {
                    assert_eq!(gap.header, Some((*kind, *key)));
                }
                if at != &small.records[5].0 {
                    assert_eq!(gap.records, Some(1));
                }
                assert!(matches!(
                    journal.reader().read(*at),
                    Err(Fault::Torn { .. })
                ));
            } else {
                assert_eq!(told.gaps, Vec::new());
            }
        }
    }
}

#[test]
fn a_segment_without_any_header_is_one_gap_and_the_others_are_kept() {
    let small = small();
    let mut journal = open(&small.disk, 2).unwrap();
    journal.append(1, &[9; 32], &[b"after"]).unwrap();
    journal.sync().unwrap();
    for at in [3, 515] {
        small.disk.flip(&first(&small), at * 8);
    }
    let journal = open(&small.disk, 3).unwrap();
    let (found, told) = replayed(&journal);
    assert_eq!(found.len(), 1);
    assert_eq!(told.damage().count(), 1);
    assert_eq!(
        (told.gaps[0].from, told.gaps[0].to),
        (0, SMALL.segment_octets)
    );
    assert!(names(&small.disk).contains(&Name::Ordinary(told.gaps[0].segment).to_string()));
}

#[test]
fn an_unreadable_block_costs_the_records_in_it() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let mut records = Vec::new();
    for n in 0..10u8 {
        let at = journal.append(n, &[n; 32], &[&[n; 900]]).unwrap();
        records.push((at, (n, [n; 32], vec![n; 900])));
        journal.sync().unwrap();
    }
    let segment = records[0].0.segment;
    disk.spoil(&path(Name::Ordinary(segment)), 2 * HEAD, 2 * HEAD + 512);
    let journal = open(&disk, 2).unwrap();
    let (found, told) = replayed(&journal);
    let want: Vec<_> = records
        .iter()
        .filter(|(at, _)| at.after().offset <= 2 * HEAD || at.offset >= 3 * HEAD)
        .cloned()
        .collect();
    assert!(want.len() >= 4 && want.len() < records.len());
    assert_eq!(found, want);
    assert!(told.damage().count() >= 1);
    // Whoever reads one of them hears that it is damaged, and not that the whole disk is.
    let reader = journal.reader();
    let read = records.iter().map(|(at, _)| reader.read(*at));
    let faults: Vec<Fault> = read.filter_map(Result::err).collect();
    assert!(!faults.is_empty());
    let torn = |fault: &Fault| matches!(fault, Fault::Torn { .. });
    assert!(faults.iter().all(torn), "{faults:?}");
}

#[test]
fn what_a_later_sync_proves_is_damage_and_what_nothing_proves_is_a_torn_tail() {
    for (sync_behind, damage) in [(true, true), (false, false)] {
        let disk = SimDisk::new();
        let mut journal = open(&disk, 1).unwrap();
        journal.append(1, &[1; 32], &[b"before"]).unwrap();
        journal.sync().unwrap();
        let at = journal.append(2, &[2; 32], &[b"hit"]).unwrap();
        if sync_behind {
            journal.sync().unwrap();
        }
        journal.append(3, &[3; 32], &[b"behind"]).unwrap();
        journal.sync().unwrap();
        disk.flip(
            &path(Name::Ordinary(at.segment)),
            at.offset as usize * 8 + 40,
        );
        let (found, told) = replayed(&open(&disk, 2).unwrap());
        assert_eq!(found.len(), 2);
        assert_eq!(told.gaps.len(), 1);
        assert_eq!(told.gaps[0].damage, damage);
        assert_eq!(told.gaps[0].records, Some(1));
        assert_eq!(told.torn_tails, u64::from(!damage));
    }
}

#[test]
fn the_end_of_a_full_segment_is_proven_by_the_next_ones_header() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let mut places = Vec::new();
    while journal.segments().len() < 2 {
        places.push(journal.append(1, &[1; 32], &[&[5; 3000]]).unwrap());
    }
    let last = places[places.len() - 2];
    disk.flip(
        &path(Name::Ordinary(last.segment)),
        last.offset as usize * 8,
    );
    let (_, told) = replayed(&journal);
    assert_eq!(told.damage().count(), 1);
    assert_eq!(
        (told.gaps[0].from, told.gaps[0].to),
        (last.offset, last.after().offset)
    );
}

#[test]
fn a_copy_of_records_inside_a_mail_is_no_record_even_when_the_mail_is_damaged() {
    let small = small();
    let mut journal = open(&small.disk, 2).unwrap();
    let here = journal
        .append(1, &[1; 32], &[b"a record of this segment"])
        .unwrap();
    journal.sync().unwrap();
    // All there is: the earlier segment, and this one, byte for byte and at every alignment.
    let earlier = small.disk.octets(&first(&small));
    let this = small.disk.octets(&path(Name::Ordinary(here.segment)));
    let mut copies = earlier[HEAD as usize..HEAD as usize + 1000].to_vec();
    for shift in 0..8 {
        copies.resize(copies.len() + shift, 0);
        copies.extend_from_slice(&this[HEAD as usize..here.after().offset as usize]);
    }
    let mail = journal.append(2, &[2; 32], &[&copies]).unwrap();
    journal.sync().unwrap();
    journal.append(3, &[3; 32], &[b"behind"]).unwrap();
    journal.sync().unwrap();
    let (before, told) = replayed(&journal);
    assert_eq!(told.gaps, Vec::new());
    // Its header goes, so that replay searches through its octets.
    small.disk.flip(
        &path(Name::Ordinary(mail.segment)),
        mail.offset as usize * 8 + 20,
    );
    let (found, told) = replayed(&open(&small.disk, 3).unwrap());
    let want: Vec<_> = before.into_iter().filter(|r| r.0 != mail).collect();
    assert_eq!(found, want);
    assert_eq!(told.damage().count(), 1);
}

#[test]
fn a_record_forged_without_the_salt_is_no_record() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let end = journal.end();
    // Everything is guessed right but for the salt: number, offset, sequence.
    let seals = Seals::new(end.segment, &[0; 16]);
    let at = end.offset + FRAME as u64 + 4;
    let at = at.next_multiple_of(8);
    let frame = Frame {
        kind: 66,
        length: 6,
        sequence: 0,
        synced: 0,
        key: [66; 32],
    };
    let mut mail = vec![0; (at - end.offset) as usize - FRAME];
    mail.extend_from_slice(&frame.encode(&seals, at));
    mail.extend_from_slice(b"forged");
    mail.extend_from_slice(&crc32c::crc32c_append(seals.body(at), b"forged").to_le_bytes());
    let told = journal.append(2, &[2; 32], &[&mail]).unwrap();
    assert_eq!(told.position(), end);
    journal.sync().unwrap();
    disk.flip(&path(Name::Ordinary(end.segment)), end.offset as usize * 8);
    let (found, _) = replayed(&open(&disk, 3).unwrap());
    assert_eq!(found, Vec::new());
}

#[test]
fn records_of_an_earlier_life_of_the_same_blocks_never_come_back() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let mut reused = 0;
    for round in 0..24u8 {
        let mut want = Vec::new();
        for n in 0..20u8 {
            // The same lengths each time, so that old and new records stand at the same offsets.
            let told = (n, [round; 32], vec![round; 700]);
            let at = journal.append(n, &[round; 32], &[&told.2]).unwrap();
            want.push((at, told));
        }
        journal.sync().unwrap();
        let start = want[0].0.segment;
        for info in journal.segments() {
            if info.number < start {
                journal.release(info.number).unwrap();
            }
        }
        let (found, told) = replayed(&journal);
        assert_eq!(told.gaps, Vec::new());
        assert!(found.ends_with(&want));
        let end = journal.end();
        let octets = disk.octets(&path(Name::Ordinary(end.segment)));
        reused += usize::from(octets[end.offset as usize..].iter().any(|o| *o != 0));
        let (found, told) = replayed(&open(&disk.fork(), 50).unwrap());
        assert_eq!(told.gaps, Vec::new());
        assert!(found.ends_with(&want));
        assert!(found.iter().all(|r| r.0.segment >= start));
    }
    assert!(reused > 3, "old records lay behind the new ones");
}

#[test]
fn a_large_message_loses_one_slice_to_a_flipped_bit_and_nothing_to_one_in_its_end() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let message: Vec<u8> = (0..200_000u32).map(|n| (n % 255) as u8).collect();
    let mut large = journal.begin_large().unwrap();
    large.append_slice(&message).unwrap();
    let at = large.finish(&[4; 32]).unwrap();
    journal.sync().unwrap();
    let file = path(Name::Large(at.segment));
    let length = disk.octets(&file).len();
    assert_eq!(length as u64, format::large_octets(at.length));
    let ends = (1024..1024 + format::END).chain(length - format::END..length);
    for octet in ends {
        let disk = disk.fork();
        disk.flip(&file, octet * 8 + octet % 8);
        let journal = open(&disk, 2).unwrap();
        assert_eq!(journal.reader().read(at).unwrap(), message);
    }
    disk.flip(&file, (HEAD as usize + 70_000) * 8);
    let journal = open(&disk, 2).unwrap();
    let reader = journal.reader();
    assert_eq!(reader.read_slice(at, 0, 65_528).unwrap(), message[..65_528]);
    assert!(matches!(
        reader.read_slice(at, 65_528, 1),
        Err(Fault::Torn { .. })
    ));
    assert_eq!(
        reader.read_slice(at, 131_056, 70_000).unwrap(),
        message[131_056..]
    );
}

#[test]
fn a_place_that_names_no_record_is_torn_and_never_an_allocation() {
    let small = small();
    let journal = open(&small.disk, 2).unwrap();
    let at = small.records[3].0;
    for wrong in [
        At {
            length: at.length + 1,
            ..at
        },
        At {
            length: u64::MAX,
            ..at
        },
        At {
            offset: at.offset + 8,
            ..at
        },
        At {
            offset: u64::MAX,
            ..at
        },
        At {
            segment: journal.end().segment,
            ..at
        },
    ] {
        assert!(matches!(
            journal.reader().read(wrong),
            Err(Fault::Torn { .. })
        ));
    }
    let gone = At { segment: 999, ..at };
    assert!(matches!(
        journal.reader().read(gone),
        Err(Fault::Gone { segment: 999 })
    ));
}

#[test]
fn a_journal_in_its_stride_uses_old_blocks_and_makes_no_new_files() {
    let disk = SimDisk::new();
    let mut journal = open(&disk, 1).unwrap();
    let mut segments = BTreeSet::new();
    for n in 0..200u8 {
        let at = journal.append(n, &[n; 32], &[&[n; 1000]]).unwrap();
        journal.sync().unwrap();
        segments.insert(at.segment);
        for info in journal.segments() {
            if info.number < at.segment {
                journal.release(info.number).unwrap();
            }
        }
    }
    // A spare that is made takes a number of its own.
    let numbers: Vec<u64> = segments.into_iter().skip(4).collect();
    assert!(numbers.len() > 8);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    // One in use, two spares.
    assert_eq!(names(&disk).len(), 3);
    assert_eq!(journal.octets_on_disk(), 3 * SMALL.segment_octets);
}

/// Goes red where one sector that can't be read any more keeps the whole journal from being opened.
#[test]
fn a_header_that_can_not_be_read_costs_its_segment_only() {
    let disk = SimDisk::new();
    let mut segments = Vec::new();
    for n in 1..=2u8 {
        let mut journal = open(&disk, 1).unwrap();
        let at = journal.append(n, &[n; 32], &[b"it"]).unwrap();
        journal.sync().unwrap();
        segments.push(at.segment);
    }
    disk.spoil(&path(Name::Ordinary(segments[0])), 0, 512);
    let journal = open(&disk, 2).unwrap();
    let (found, told) = replayed(&journal);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0.segment, segments[1]);
    assert!(told.damage().any(|gap| gap.segment == segments[0]));
    drop(journal);

    // A disk of which nothing can be read is no journal that has lost some.
    let all = names(&disk);
    let segments = all.iter().filter_map(|name| Name::parse(name));
    for segment in segments.filter(|name| matches!(name, Name::Ordinary(_))) {
        disk.spoil(&path(segment), 0, 512);
    }
    assert!(matches!(open(&disk, 3), Err(Fault::Disk { .. })));
}

/// Goes red where a read that fails once counts as a failure.
#[test]
fn what_fails_once_is_read_again() {
    let mut times = 0;
    let read = super::super::store::twice(|| {
        times += 1;
        match times {
            1 => Err(std::io::Error::other("passing")),
            _ => Ok(7),
        }
    });
    assert_eq!((read.unwrap(), times), (7, 2));
}
