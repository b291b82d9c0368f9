use super::*;
use crate::mail::{understand, Attachment, Decoder, Message};
use proptest::prelude::*;

fn skim(octets: &[u8], slice: usize) -> Skimmed {
    skim_within(Limits::default(), octets, slice)
}

fn skim_within(limits: Limits, octets: &[u8], slice: usize) -> Skimmed {
    let mut skim = Skim::new(limits);
    octets
        .chunks(slice.max(1))
        .for_each(|slice| skim.feed(slice));
    skim.finish()
}

/// Skim and understand in slices of a realistic size.
fn read(octets: &[u8]) -> (Skimmed, Message) {
    let skimmed = skim(octets, 64 * 1024);
    let message = understand(&skimmed);
    (skimmed, message)
}

fn has(message: &Message, oddity: Oddity) -> bool {
    message.oddities.contains(&oddity)
}

const FROM: &str = "From: a@x.example\r\nSubject: s\r\n";

/// What nothing in a message can drive memory beyond, whatever its size.
const WEIGHT_MAX: usize = 3 * 1024 * 1024;

#[test]
fn ranges_point_at_the_octets_of_the_original() {
    let mail = format!(
        "{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\
         Content-Type: application/x-a\r\n\r\nfirst\r\nbody\r\n--b\r\n\
         Content-Type: application/x-b\r\n\r\n\r\n--b--\r\n"
    );
    let (_, message) = read(mail.as_bytes());
    let bodies: Vec<&str> = message
        .attachments
        .iter()
        .map(|file| &mail[file.range.start as usize..file.range.end as usize])
        .collect();
    assert_eq!(bodies, ["first\r\nbody", ""]);
}

#[test]
fn a_part_may_end_where_its_header_should_have() {
    let mail = format!(
        "{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: application/x-a\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n--b--"
    );
    let (skimmed, message) = read(mail.as_bytes());
    assert_eq!(message.attachments.len(), 1);
    assert_eq!(message.attachments[0].size, 0);
    assert_eq!(skimmed.parts.len(), 3);
}

#[test]
fn the_innermost_multipart_takes_a_boundary_that_two_share() {
    let mail = format!(
        "{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ninner\r\n--b--\r\n\
         --b\r\n\r\nouter\r\n--b--\r\n"
    );
    let (_, message) = read(mail.as_bytes());
    assert_eq!(message.text.as_deref(), Some("inner\nouter"));
    assert!(message.oddities.is_empty(), "{:?}", message.oddities);
}

#[test]
fn multiparts_ten_thousand_deep_end_at_the_bound() {
    let mut mail = String::from(FROM);
    for level in 0..10_000 {
        mail.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"
        ));
    }
    let (skimmed, message) = read(mail.as_bytes());
    assert_eq!(skimmed.parts.len(), Limits::default().depth + 1);
    assert!(has(&message, Oddity::DeepNesting));
    assert_eq!(message.attachments.len(), 1);
    assert_eq!(message.attachments[0].range.end, mail.len() as u64);
}

#[test]
fn ten_thousand_parts_end_at_the_bound_and_nothing_is_lost() {
    let mut mail = format!("{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for part in 0..10_000 {
        mail.push_str(&format!(
            "--b\r\nContent-Type: application/x-p; name=p{part}\r\n\r\n{part}\r\n"
        ));
    }
    mail.push_str("--b--\r\n");
    let (skimmed, message) = read(mail.as_bytes());
    let parts = Limits::default().parts;
    assert_eq!(skimmed.parts.len(), parts + 1);
    assert!(has(&message, Oddity::ManyParts));
    let last = message.attachments.last().unwrap();
    assert_eq!(last.range.end, mail.len() as u64);
    assert!(mail[last.range.start as usize..].starts_with(&format!(
        "Content-Type: application/x-p; name=p{}\r\n",
        parts - 1
    )));
}

#[test]
fn boundary_lines_alone_cost_no_more_than_the_bound() {
    let mut mail = format!("{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    mail.push_str(&"--b\r\n".repeat(360_000));
    let (skimmed, message) = read(mail.as_bytes());
    assert_eq!(skimmed.parts.len(), Limits::default().parts + 1);
    assert!(skimmed.weight() < WEIGHT_MAX);
    assert!(has(&message, Oddity::ManyParts));
}

#[test]
fn a_line_of_fifty_megabytes_is_read_in_flat_memory() {
    let slice = vec![b'x'; 256 * 1024];
    for start in [
        format!("{FROM}\r\n"),
        format!("{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--"),
        format!("{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"),
        format!("{FROM}X-Long: "),
        format!("{FROM}To: "),
        String::new(),
    ] {
        let mut skim = Skim::new(Limits::default());
        skim.feed(start.as_bytes());
        for _ in 0..200 {
            skim.feed(&slice);
            assert!(skim.line.capacity() + skim.held.capacity() < 256 * 1024);
            assert!(skim.scratch.capacity() + skim.values.capacity() < 256 * 1024);
        }
        let skimmed = skim.finish();
        assert!(skimmed.weight() < WEIGHT_MAX, "{}", skimmed.weight());
        assert_eq!(skimmed.length, start.len() as u64 + 200 * 256 * 1024);
        understand(&skimmed);
    }
}

#[test]
fn a_text_that_is_too_long_becomes_an_attachment() {
    let limits = Limits {
        text: 1000,
        ..Limits::default()
    };
    let body = "line\r\n".repeat(200);
    let mail = format!("{FROM}\r\n{body}");
    let message = understand(&skim_within(limits, mail.as_bytes(), 100));
    assert_eq!(message.text, None);
    assert!(has(&message, Oddity::LongText));
    assert_eq!(message.attachments.len(), 1);
    let digest = Digest::of(body.as_bytes());
    assert_eq!(message.attachments[0].size, digest.size);
    assert_eq!(message.attachments[0].sha256, digest.sha256);
}

#[test]
fn texts_together_are_bounded_too() {
    let mut mail = format!("{FROM}Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for _ in 0..100 {
        mail.push_str(&format!("--b\r\n\r\n{}\r\n", "x".repeat(100_000)));
    }
    let (skimmed, message) = read(mail.as_bytes());
    assert!(skimmed.weight() < WEIGHT_MAX);
    assert_eq!(message.attachments.len(), 80);
    assert!(has(&message, Oddity::LongText));
}

#[test]
fn a_megabyte_of_header_leaves_the_fields_that_matter() {
    let mut mail = "Received: from a by b; some time or other\r\n".repeat(25_000);
    mail.push_str(FROM);
    mail.push_str("\r\nbody");
    let (skimmed, message) = read(mail.as_bytes());
    assert_eq!(message.from[0].address, "a@x.example");
    assert_eq!(message.text.as_deref(), Some("body"));
    assert!(message.oddities.is_empty(), "{:?}", message.oddities);
    assert!(skimmed.weight() < 64 * 1024);
}

#[test]
fn a_megabyte_of_fields_that_we_keep_is_bounded() {
    let mail = format!(
        "{FROM}{}\r\nbody",
        "To: someone@y.example\r\n".repeat(50_000)
    );
    let (skimmed, message) = read(mail.as_bytes());
    assert!(skimmed.weight() < 1024 * 1024);
    assert!(has(&message, Oddity::LongHeader));
    assert!(has(&message, Oddity::LongList));
    assert_eq!(message.text.as_deref(), Some("body"));
}

#[test]
fn a_field_that_is_too_long_is_cut_and_said() {
    let mail = format!(
        "From: {}@x.example\r\nSubject: {}\r\n {}\r\n\r\n",
        "a".repeat(10 * 1024),
        "s".repeat(40_000),
        "t".repeat(10)
    );
    let (_, message) = read(mail.as_bytes());
    assert!(has(&message, Oddity::LongField));
    assert!(message.from[0].address.len() <= 1000);
    assert!(message.subject.unwrap().len() <= 4 * 1024);
}

#[test]
fn a_field_of_lone_word_starts_is_read_in_bounded_work() {
    for piece in [
        "=?",
        "=?ab?q?",
        "=?ab?q? ",
        "=?utf-8?B?",
        "(",
        "\"",
        "<",
        "a:",
        "=?a?q?=?",
    ] {
        let value = piece.repeat(60_000 / piece.len());
        let mail = format!(
            "From: {value}\r\nSubject: {value}\r\nDate: {value}\r\nMessage-ID: {value}\r\n\
             References: {value}\r\nContent-Type: text/plain; name={value}\r\n\r\n"
        );
        let (_, message) = read(mail.as_bytes());
        assert!(has(&message, Oddity::LongField));
    }
}

/// Pieces that mean something to the scanner, in any order.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "--",
        "-",
        "--a",
        "--b",
        "--ab",
        "--a--",
        "--b--",
        "\n--a\r\n",
        "\r\n--b\r\n",
        "\r\n--a--\r\n",
        "\n--b--\n",
        "Content-Type: multipart/mixed; boundary=a\r\n",
        "Content-Type: multipart/alternative; boundary=\"b\"\r\n",
        "Content-Type: multipart/digest; boundary=ab\r\n",
        "Content-Type: text/html\r\n",
        "Content-Type: application/x; name=n\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "From: a@x\r\n",
        "Subject: =?utf-8?Q?=C3",
        "=BC?=",
        " ",
        "\t",
        ":",
        "text",
        "QUJD",
        "=",
        "\0",
        "\u{fc}",
        "x: y\r\n",
        "\r\n\r\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

/// As small as limits get, so that each of them is met.
const TIGHT: Limits = Limits {
    parts: 4,
    depth: 2,
    text: 20,
    texts: 30,
    field: 24,
    header: 400,
    trace: 120,
    part_headers: 300,
    beginning: 100,
    calendar: 120,
    beginnings: 150,
    files: 12,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn slices_make_no_difference(octets in likely(), slice in 1usize..40) {
        for limits in [Limits::default(), TIGHT] {
            let whole = skim_within(limits, &octets, octets.len());
            prop_assert_eq!(&whole, &skim_within(limits, &octets, slice));
            prop_assert_eq!(&whole, &skim_within(limits, &octets, 1));
            prop_assert_eq!(whole.length, octets.len() as u64);
            prop_assert!(whole.parts.len() <= limits.parts + 1);
        }
    }

    #[test]
    fn every_attachment_is_what_its_range_decodes_to(octets in likely()) {
        for limits in [Limits::default(), TIGHT] {
            let message = understand(&skim_within(limits, &octets, 7));
            let mut before = 0;
            for file in &message.attachments {
                prop_assert!(file.range.start >= before && file.range.end <= octets.len() as u64);
                before = file.range.end;
                let mut content = Vec::new();
                let mut decoder = Decoder::new(file.encoding);
                decoder.feed(&octets[file.range.start as usize..file.range.end as usize], &mut content);
                decoder.finish(&mut content);
                let digest = Digest::of(&content);
                prop_assert_eq!((digest.size, digest.sha256), (file.size, file.sha256));
            }
        }
    }

    /// Goes red where what is sent is not what the portal was told of by its digest.
    #[test]
    fn a_file_that_is_kept_is_what_its_attachment_says(octets in likely(), slice in 1usize..40) {
        for room in [0, 12, 1 << 20] {
            let limits = Limits { files: room, ..Limits::default() };
            let skimmed = skim_within(limits, &octets, slice);
            let message = understand(&skimmed);
            let kept: usize = skimmed.files.iter().map(|file| file.octets.len()).sum();
            prop_assert!(kept <= room);
            for file in &skimmed.files {
                let is_it = |a: &&Attachment| a.range.start == file.start && a.size == file.octets.len() as u64;
                let attachment = message.attachments.iter().find(is_it);
                let digest = attachment.map(|a| a.sha256);
                prop_assert_eq!(digest, Some(Digest::of(&file.octets).sha256));
            }
            if room > octets.len() {
                prop_assert_eq!(skimmed.files.len(), message.attachments.len());
            }
        }
    }

    #[test]
    fn any_octets_are_understood(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        understand(&skim(&octets, 100));
    }
}

#[test]
fn the_beginning_of_what_tells_of_another_message_is_kept_and_no_more() {
    let status = "x".repeat(80);
    let mut mail = "Content-Type: multipart/report; boundary=b\n\n".to_owned();
    for media in [
        "message/delivery-status",
        "message/rfc822",
        "application/pdf",
    ] {
        mail.push_str(&format!("--b\nContent-Type: {media}\n\n{status}{status}\n"));
    }
    mail.push_str("--b--\n");
    let limits = Limits {
        beginning: 100,
        calendar: 120,
        beginnings: 150,
        ..Limits::default()
    };
    let skimmed = skim_within(limits, mail.as_bytes(), 7);
    let beginnings: Vec<usize> = skimmed
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            Kind::Leaf(leaf) => Some(leaf.beginning.len()),
            _ => None,
        })
        .collect();
    // Of one no more than a hundred, of all together no more than that and a half, of others nothing.
    assert_eq!(beginnings, [100, 50, 0]);
}

/// Goes red where the room for files is counted anew for each of them, or one is kept that does not fit.
#[test]
fn files_are_kept_as_long_as_there_is_room_for_all_of_them() {
    let mut mail = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned();
    for octets in [40, 70, 50, 20] {
        let body = "x".repeat(octets);
        mail.push_str(&format!("--b\nContent-Type: application/pdf\n\n{body}\n"));
    }
    mail.push_str("--b--\n");
    let kept = |files| {
        let limits = Limits {
            files,
            ..Limits::default()
        };
        let skimmed = skim_within(limits, mail.as_bytes(), 16);
        let sizes = skimmed.files.iter().map(|file| file.octets.len());
        sizes.collect::<Vec<_>>()
    };
    assert_eq!(kept(100), [40, 50]);
    assert_eq!(kept(110), [40, 70]);
    assert_eq!(kept(180), [40, 70, 50, 20]);
    assert_eq!(kept(39), [20]);
    assert!(kept(0).is_empty());
}

/// Goes red where a file that will not be kept grows until its end.
#[test]
fn a_file_that_does_not_fit_is_let_go_at_once() {
    let limits = Limits {
        files: 100,
        ..Limits::default()
    };
    let mut skim = Skim::new(limits);
    skim.feed(b"Content-Type: application/pdf\n\n");
    let kept = |skim: &Skim| {
        skim.sink
            .as_ref()
            .and_then(|sink| sink.file.as_ref())
            .map(Vec::len)
    };
    skim.feed(&[b'x'; 90]);
    assert_eq!(kept(&skim), Some(90));
    skim.feed(&[b'x'; 90]);
    assert_eq!(kept(&skim), None);
}
