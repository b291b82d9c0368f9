use data_encoding::HEXLOWER;

use super::*;
use crate::mail::{understand, Limits, Skim};
use crate::ticket::{Seal, Why};

fn read(raw: &str) -> Message {
    let mut skim = Skim::new(Limits::default());
    skim.feed(raw.as_bytes());
    understand(&skim.finish())
}

fn facts(raw: Option<RawOriginal>) -> Facts {
    Facts {
        key: Key([0xab; 32]),
        mailbox: "support@msp.example".into(),
        received_at: 1_760_425_960_000,
        user: Some("u1".into()),
        company: Some("c1".into()),
        origin: Origin::default(),
        marks: None,
        raw,
        about: Some(Key([0xcd; 32])),
        token: Some(Token::new(&Key([0xcd; 32]), Seal([1; 10]))),
        storm: None,
        omitted: Vec::new(),
    }
}

const MAIL: &str = "From: =?utf-8?Q?Anna=1B?= <Anna@x.example>\r\nTo: support@msp.example\r\n\
    Subject: a\r\n b\r\nDate: Tue, 14 Oct 2025 09:12:31 +0200\r\nMessage-ID: <m@x>\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nte\0xt\r\n--b\r\n\
    Content-Type: application/pdf; name=\"../x\u{202e}.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b\r\n\
    Content-Type: message/rfc822\r\n\r\nFrom: b@y\r\n\r\n--b--\r\n";

#[test]
fn a_ticket_says_what_the_message_says() {
    let message = read(MAIL);
    let ticket = compose(&message, &facts(None));
    let wanted = serde_json::json!({
        "key": "ab".repeat(32),
        "mailbox": "support@msp.example",
        "received_at": 1_760_425_960_000_i64,
        "date": 1_760_425_951_000_i64,
        "from": [{"name": "Anna\u{fffd}", "address": "Anna@x.example"}],
        "sender": null,
        "reply_to": [],
        "to": [{"name": null, "address": "support@msp.example"}],
        "cc": [],
        "subject": "a b",
        "text": "te\u{fffd}xt",
        "new_lines": null,
        "text_from": null,
        "html": null,
        "message_id": "m@x",
        "in_reply_to": [],
        "references": [],
        "user": "u1",
        "company": "c1",
        "about": "cd".repeat(32),
        "token": "pt-zxg43tonzxg43tonaeaqcaibaeaqcaib",
        "automatic": false,
        "requester": {"name": "Anna\u{fffd}", "address": "Anna@x.example"},
        "requester_by": "from",
        "technician": null,
        "marks": null,
        "participants": [],
        "authentication": null,
        "doubtful": false,
        "storm": null,
        "attachments": [
            {"name": "x.pdf", "content_type": "application/pdf", "size": 3,
             "sha256": "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78",
             "inline": false, "content_id": null},
            {"name": "attachment-2.eml", "content_type": "message/rfc822", "size": 11,
             "sha256": HEXLOWER.encode(&Digest::of(b"From: b@y\r\n").sha256),
             "inline": false, "content_id": null},
        ],
        "omitted": [],
        "events": [],
        "protection": null,
        "unparsed": false,
        "oddities": ["nul-octets"],
    });
    assert_eq!(serde_json::to_value(&ticket).unwrap(), wanted);
}

#[test]
fn the_same_input_gives_the_same_octets() {
    let octets = || serde_json::to_vec(&compose(&read(MAIL), &facts(None))).unwrap();
    assert_eq!(octets(), octets());
    let ticket: Ticket = serde_json::from_slice(&octets()).unwrap();
    assert_eq!(serde_json::to_vec(&ticket).unwrap(), octets());
}

#[test]
fn a_ticket_outlives_the_journal_s_encoding() {
    let ticket = compose(&read(MAIL), &facts(None));
    let octets = postcard::to_stdvec(&ticket).unwrap();
    assert_eq!(postcard::from_bytes::<Ticket>(&octets).unwrap(), ticket);
    let message = read(MAIL);
    let octets = postcard::to_stdvec(&message).unwrap();
    assert_eq!(postcard::from_bytes::<Message>(&octets).unwrap(), message);
}

#[test]
fn what_could_not_be_read_goes_with_its_original() {
    let raw = "no header at all\r\n";
    let message = read(raw);
    assert!(message.unparsed);
    let original = RawOriginal::whole(Digest::of(raw.as_bytes()));
    let ticket = compose(&message, &facts(Some(original.clone())));
    assert!(ticket.unparsed);
    assert_eq!(ticket.attachments.len(), 1);
    assert_eq!(ticket.attachments[0].name, "original.eml");
    assert_eq!(ticket.attachments[0].content_type, "message/rfc822");
    assert_eq!(ticket.attachments[0].size, raw.len() as u64);
    let sources = sources(&message, Some(&original), &[]);
    assert_eq!(sources[0].range, 0..raw.len() as u64);
    assert_eq!(sources[0].encoding, Encoding::Identity);
}

#[test]
fn sources_stand_in_the_order_of_the_attachments() {
    let message = read(MAIL);
    let ticket = compose(&message, &facts(None));
    let sources = sources(&message, None, &[]);
    assert_eq!(sources.len(), ticket.attachments.len());
    for (source, file) in sources.iter().zip(&ticket.attachments) {
        assert_eq!(HEXLOWER.encode(&source.sha256), file.sha256);
        assert_eq!(source.size, file.size);
    }
    let first = &sources[0];
    assert_eq!(
        &MAIL[first.range.start as usize..first.range.end as usize],
        "QUJD"
    );
}

#[test]
fn strings_are_bounded_between_characters() {
    assert_eq!(bounded("aü", 2), "a");
    assert_eq!(bounded("aü", 3), "aü");
    assert_eq!(bounded("", 3), "");
    let mut message = read(MAIL);
    message.subject = Some("ü".repeat(10_000));
    let ticket = compose(&message, &facts(None));
    assert_eq!(ticket.subject.len(), LINE_MAX);
}

/// Goes red where a portal would open a ticket again for an absence note.
#[test]
fn what_a_program_wrote_because_of_something_else_is_said_to_be_automatic() {
    let automatic = |head: &str| {
        let message = read(&format!(
            "From: a@x.example\r\n{head}\r\n\r\nI am away.\r\n"
        ));
        compose(&message, &facts(None)).automatic
    };
    assert!(automatic("Auto-Submitted: auto-replied"));
    // A receipt of an older program, which says nothing of Auto-Submitted.
    let receipt = "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n\
        --b\r\n\r\nIt was read.\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n\
        Final-Recipient: rfc822; a@x.example\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n--b--";
    assert!(automatic(receipt));
    assert!(!automatic("Auto-Submitted: auto-generated"));
    assert!(!automatic("Subject: I am away"));
}

/// Goes red where somebody who has the message is left out, or one of ours or the requester is among them.
#[test]
fn who_else_has_a_message_is_told_once_without_our_own() {
    let raw = "From: Tom <tom@msp.example>\r\nTo: Support@MSP.example, Desk@msp.example,\r\n \
        \"Otto\" <otto@x.example>\r\nCc: OTTO@X.example, anna@x.example, undisclosed, tom@msp.example,\r\n \
        zoe@xn--bcher-kva.example, zoe@B\u{fc}cher.example\r\nSubject: a\r\n\r\ntext\r\n";
    let mut facts = facts(None);
    facts.origin = Origin {
        by: By::Forward,
        requester: Some(Address {
            name: Some("Anna".into()),
            address: "Anna@x.example".into(),
        }),
        technician: Some("t1".into()),
        own: vec!["desk@msp.example".into()],
        ..Origin::default()
    };
    let ticket = compose(&read(raw), &facts);
    let others: Vec<&str> = ticket
        .participants
        .iter()
        .map(|p| p.address.as_str())
        .collect();
    assert_eq!(others, ["otto@x.example", "zoe@xn--bcher-kva.example"]);
    assert_eq!(ticket.requester.unwrap().address, "Anna@x.example");
    assert_eq!(ticket.requester_by, Some(By::Forward));
    assert_eq!(ticket.technician.as_deref(), Some("t1"));
    assert_eq!(ticket.from[0].address, "tom@msp.example");
}

/// Goes red where nearly every decision would grow by more than a few octets.
#[test]
fn the_origin_of_a_plain_ticket_takes_six_octets_and_comes_back_the_same() {
    let plain = postcard::to_stdvec(&Origin::default()).unwrap();
    assert_eq!(plain.len(), 6);
    assert_eq!(
        postcard::from_bytes::<Origin>(&plain).unwrap(),
        Origin::default()
    );
}

/// Goes red where the portal's people are not told that there is more, or read a sender's line breaks.
#[test]
fn the_last_message_of_a_storm_that_passes_says_so() {
    let told = |alike| {
        let storm = Some(Surge {
            alike,
            count: 50,
            minutes: 60,
            sender_only: false,
        });
        let facts = Facts {
            storm,
            ..facts(None)
        };
        let mut skim = Skim::new(Limits::default());
        let subject = "x".repeat(4000);
        skim.feed(
            format!("From: a@x.example\r\nSubject: Disk {subject}\r\n\r\nfull\r\n").as_bytes(),
        );
        compose(&understand(&skim.finish()), &facts).storm.unwrap()
    };
    let sender = told(Alike::Sender);
    assert!(sender
        .said
        .starts_with("This is message 50 of the sender \"a@x.example\" within 60 minutes. "));
    let subject = told(Alike::Subject);
    assert!(
        subject.said.contains("the subject \"Disk xxx"),
        "{subject:?}"
    );
    // As much as the contract takes.
    assert!(subject.said.len() <= 1000);
}

/// Goes red where a file that is left out is not named, where one is sent that is, or where what may be folded
/// begins in the middle of our note.
#[test]
fn a_ticket_names_what_it_goes_without_above_what_was_written() {
    let mut message = read(MAIL);
    message.new_lines = Some(1);
    message.html = Some("<p>text</p>".to_owned());
    message.attachments[0].name = Some("a&b.pdf".to_owned());
    let whole = compose(&message, &facts(None));
    let facts = Facts {
        omitted: vec![Omission {
            file: 0,
            why: Why::Large(2),
        }],
        ..facts(None)
    };
    let ticket = compose(&message, &facts);
    assert_eq!(ticket.attachments, whole.attachments[1..]);
    let [left_out] = ticket.omitted.as_slice() else {
        panic!("{:?}", ticket.omitted);
    };
    assert_eq!(left_out.file, whole.attachments[0]);
    assert_eq!(
        (left_out.reason.as_str(), left_out.limit),
        ("too-large", Some(2))
    );
    let note = "[postern: 1 file of this message not attached here:\n\
        - a&b.pdf (3 octets): larger than the 2 octets that the mailbox's settings take\n\
        The whole message lies in the archive folder of support@msp.example, and for some time here: \
        postern queue export abababababab]\n\n";
    let text = ticket.text.unwrap();
    assert_eq!(text, format!("{note}{}", whole.text.unwrap()));
    let lines = note.lines().count() as u32;
    assert_eq!(ticket.new_lines, Some(lines + 1));
    let html = ticket.html.unwrap();
    assert!(
        html.starts_with("<div data-postern=\"omitted\">[postern: 1 file"),
        "{html}"
    );
    assert!(
        html.contains("- a&amp;b.pdf (3 octets)") && html.ends_with("]</div><p>text</p>"),
        "{html}"
    );
    let sources = sources(&message, None, &facts.omitted);
    assert_eq!(sources.len(), ticket.attachments.len());
    assert_eq!(
        (sources[0].file, sources[0].sha256),
        (1, message.attachments[1].sha256)
    );
}

#[test]
fn a_note_is_the_text_of_a_message_that_has_none() {
    let mut message = read(MAIL);
    (message.text, message.html, message.new_lines) = (None, None, None);
    let facts = Facts {
        omitted: vec![Omission {
            file: 1,
            why: Why::PortalType,
        }],
        ..facts(None)
    };
    let ticket = compose(&message, &facts);
    assert_eq!(ticket.text_from, Some(TextFrom::Notice));
    assert!(ticket.text.unwrap().starts_with("[postern: 1 file"));
    assert_eq!((ticket.html, ticket.new_lines), (None, None));
}
