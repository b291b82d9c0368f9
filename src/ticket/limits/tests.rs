use proptest::prelude::*;

use super::*;
use crate::mail::{Attachment, Encoding};

fn file(name: &str, content_type: &str, size: u64) -> Attachment {
    Attachment {
        name: (!name.is_empty()).then(|| name.to_owned()),
        content_type: content_type.to_owned(),
        size,
        inline: false,
        content_id: None,
        range: 0..0,
        encoding: Encoding::Identity,
        sha256: [0; 32],
        inside: None,
    }
}

fn message(files: &[(&str, &str, u64)]) -> Message {
    let files = files
        .iter()
        .map(|(name, kind, size)| file(name, kind, *size));
    Message {
        attachments: files.collect(),
        ..Message::default()
    }
}

fn limits(largest: u64, sum: u64, count: u64, types: &[&str]) -> Limits {
    let types = types.iter().map(|word| (*word).to_owned());
    Limits {
        largest,
        sum,
        count,
        types: types.collect(),
    }
}

#[track_caller]
fn check(limits: &Limits, files: &[(&str, &str, u64)], original: Option<u64>, want: &[(u32, Why)]) {
    let found = limits.leave_out(&message(files), original);
    let found: Vec<(u32, Why)> = found.into_iter().map(|o| (o.file, o.why)).collect();
    assert_eq!(found, want);
}

#[test]
fn what_is_over_a_limit_is_left_out_and_what_is_at_it_is_not() {
    let files = [
        ("a.pdf", "application/pdf", 10),
        ("b.pdf", "application/pdf", 11),
        ("c.pdf", "application/pdf", 9),
    ];
    check(&Limits::default(), &files, Some(1 << 40), &[]);
    check(&limits(10, 0, 0, &[]), &files, None, &[(1, Why::Large(10))]);
    check(&limits(0, 0, 2, &[]), &files, None, &[(2, Why::Many(2))]);
    // The second is over it, and the third still fits.
    check(&limits(0, 20, 0, &[]), &files, None, &[(1, Why::Sum(20))]);
    check(&limits(0, 30, 0, &[]), &files, None, &[]);
    // What is left out takes no room and no place.
    let want = [(1, Why::Large(10))];
    check(&limits(10, 19, 2, &[]), &files, None, &want);
}

#[test]
fn types_are_known_by_names_as_they_are_written_and_by_what_they_are_said_to_be() {
    let limits = limits(0, 0, 0, &[".exe", ".tar.gz", "video/*", "application/x-sh"]);
    let files = [
        ("Setup.EXE", "application/octet-stream", 1),
        ("exe", "application/octet-stream", 1),
        // A name is cleaned before it is looked at.
        ("evil.exe. ", "image/png", 1),
        ("a.tar.gz", "x/y", 1),
        ("a.gz", "x/y", 1),
        ("", "video/mp4", 1),
        ("", "videos/mp4", 1),
        ("run", "application/x-sh", 1),
        ("run", "application/x-sh2", 1),
    ];
    let found = limits.leave_out(&message(&files), None);
    let found: Vec<u32> = found.iter().map(|o| o.file).collect();
    assert_eq!(found, [0, 2, 3, 5, 7]);
}

#[test]
fn the_original_stands_behind_the_files_and_has_its_limits_too() {
    let files = [("a.txt", "text/plain", 5)];
    check(
        &limits(10, 0, 0, &[]),
        &files,
        Some(11),
        &[(1, Why::Large(10))],
    );
    let types = limits(0, 0, 0, &["message/rfc822"]);
    let want = [(1, Why::Type("message/rfc822".to_owned()))];
    check(&types, &files, Some(11), &want);
}

/// Goes red where a ticket's text grows with the number of files that it goes without.
#[test]
fn a_note_names_the_first_and_counts_the_others() {
    let whys = [const { Why::PortalType }; 25];
    let files = whys.iter().map(|why| ("a.exe", 2048, why));
    let lines = note(files, "help@x.example", "4f2a91c0");
    assert_eq!(lines.len(), 23);
    assert_eq!(
        lines[0],
        "[postern: 25 files of this message not attached here:"
    );
    assert_eq!(lines[1], "- a.exe (2 KiB): the portal does not take it");
    assert_eq!(lines[21], "- and 5 more");
    let where_it_lies =
        "The whole message lies in the archive folder of help@x.example, and for some time here: \
        postern queue export 4f2a91c0]";
    assert_eq!(lines[22], where_it_lies);
}

#[test]
fn sizes_are_told_for_people() {
    assert_eq!(size(1023), "1023 octets");
    assert_eq!(size(1024), "1 KiB");
    assert_eq!(size((1 << 20) - 1), "1023 KiB");
    assert_eq!(size(5 << 19), "2.5 MiB");
}

proptest! {
    /// Whatever the limits, nothing is over them, and nothing is left out that was not.
    #[test]
    fn what_goes_along_is_within_the_limits(
        sizes in prop::collection::vec(0..50_u64, 0..12),
        (largest, sum, count) in (0..60_u64, 0..200_u64, 0..12_u64),
    ) {
        let files: Vec<(&str, &str, u64)> = sizes.iter().map(|s| ("a", "x/y", *s)).collect();
        let left_out = limits(largest, sum, count, &[]).leave_out(&message(&files), None);
        let is_left_out = |at: usize| left_out.iter().any(|o| o.file as usize == at);
        let along = sizes.iter().enumerate().filter(|(at, _)| !is_left_out(*at));
        let along: Vec<u64> = along.map(|(_, size)| *size).collect();
        let within = |limit: u64, here: u64| limit == 0 || here <= limit;
        prop_assert!(along.iter().all(|size| within(largest, *size)));
        prop_assert!(within(sum, along.iter().sum()) && within(count, along.len() as u64));
        for omission in &left_out {
            let before = |at: &usize| *at < omission.file as usize && !is_left_out(*at);
            let before: Vec<u64> = (0..sizes.len()).filter(before).map(|at| sizes[at]).collect();
            let size = sizes[omission.file as usize];
            let over = match omission.why {
                Why::Large(most) => size > most,
                Why::Many(most) => before.len() as u64 + 1 > most,
                Why::Sum(most) => before.iter().sum::<u64>() + size > most,
                _ => false,
            };
            prop_assert!(over);
        }
    }
}
