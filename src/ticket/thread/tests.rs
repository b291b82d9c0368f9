use proptest::prelude::*;

use super::*;
use crate::mail::authentication::{Finding, Verdict};

fn address(address: &str) -> Address {
    Address {
        name: None,
        address: address.to_owned(),
    }
}

/// From Anna to the desk, Bert in Cc.
fn message() -> Message {
    Message {
        from: vec![address("Anna@X.example")],
        to: vec![address("help@desk.example")],
        cc: vec![address("bert@x.example")],
        message_id: Some("1@x.example".to_owned()),
        subject: Some("Printer".to_owned()),
        ..Message::default()
    }
}

fn desk() -> Senders {
    Senders {
        own: vec!["help@desk.example".to_owned()],
        ..Senders::default()
    }
}

fn led(root: u8, message: &Message) -> Option<Led> {
    Some(Led {
        root: Key([root; 32]),
        lane: u32::from(root),
        parties: Thread::of(message, None, Some("u1"), Some("c1"), &desk()).parties,
    })
}

fn known(user: &str, company: Option<&str>) -> Sender {
    Sender::Known {
        user: user.to_owned(),
        company: company.map(str::to_owned),
        technician: false,
    }
}

fn unknown() -> Sender {
    Sender::Unknown { company_hint: None }
}

fn by_reply() -> Clue {
    Clue {
        way: Way::InReplyTo,
        sign: Sign::Message(MessageId([1; 16])),
    }
}

/// Whether a message from `from`, whom the directory knows as `sender`, may be added to Anna's.
fn may_write(from: &str, sender: &Sender) -> bool {
    let reply = Message {
        from: vec![address(from)],
        ..Message::default()
    };
    let led = [(by_reply(), led(7, &message()))];
    let (about, lane) = answers(&reply, &Requester::plain(sender), &led).unwrap();
    assert_eq!(
        (about.root, about.way, lane),
        (Key([7; 32]), Way::InReplyTo, 7)
    );
    about.append
}

#[test]
fn requester_participants_and_colleagues_may_write_and_nobody_else() {
    assert!(may_write("anna@x.example", &unknown()));
    assert!(may_write("BERT@x.example ", &unknown()));
    // From another of her addresses, and a colleague.
    assert!(may_write("anna@home.example", &known("u1", None)));
    assert!(may_write("carl@x.example", &known("u3", Some("c1"))));
    // Whoever works for the desk, and what such a one forwards.
    let technician = Sender::Known {
        user: "u9".to_owned(),
        company: None,
        technician: true,
    };
    assert!(may_write("tom@desk.example", &technician));
    // By their domain nobody is a colleague; nor are people of no company colleagues of each other.
    assert!(!may_write("carl@x.example", &unknown()));
    assert!(!may_write("carl@x.example", &known("u3", Some("c2"))));
    assert!(!may_write("carl@x.example", &known("u3", None)));
    // Whoever writes as the desk itself is no participant.
    assert!(!may_write("help@desk.example", &unknown()));
    assert!(!may_write("help+x@desk.example", &unknown()));
    // An id is no address, and no address is none that takes part.
    assert!(!may_write("u1", &unknown()));
    assert!(!may_write("", &unknown()));
}

/// Goes red where a forged address writes into a ticket of the one whose it is.
#[test]
fn whose_address_may_be_forged_writes_nowhere() {
    let mut requester = Requester::plain(&known("u1", Some("c1")));
    requester.origin.doubtful = true;
    let led = [(by_reply(), led(7, &message()))];
    let (about, _) = answers(&message(), &requester, &led).unwrap();
    assert!(!about.append);
    // Also where the directory does not know whoever takes part.
    let mut requester = Requester::plain(&unknown());
    let (about, _) = answers(&message(), &requester, &led).unwrap();
    assert!(about.append);
    requester.origin.authentication = Some(Verdict {
        server: "mx".to_owned(),
        dmarc: Finding::Fail,
        dkim: Finding::None,
        spf: Finding::None,
    });
    let (about, _) = answers(&message(), &requester, &led).unwrap();
    assert!(!about.append);
}

/// Goes red where a customer whose mail a technician forwarded can't answer in the own ticket, or where whoever
/// reports of a mail, and the desk under a reply token, take part.
#[test]
fn who_is_asked_for_takes_part_and_mail_systems_and_the_desk_do_not() {
    let customer = address("Otto@Else.example");
    let parties = Thread::of(&message(), Some(&customer), None, None, &desk()).parties;
    assert!(parties.contains(&Party::address("otto@else.example")));
    let mut report = message();
    report.report = Some(crate::mail::Report {
        kind: crate::mail::ReportKind::Failed,
        about: Vec::new(),
        original: None,
        subject: None,
    });
    report.to = vec![address("help+pt-x@desk.example")];
    let parties = Thread::of(&report, None, None, None, &desk()).parties;
    assert_eq!(parties, [Party::address("bert@x.example")]);
}

/// Goes red where a report of the portal's own mail is about nothing: its token stands in that mail's Message-ID.
#[test]
fn a_report_is_about_the_message_that_it_names() {
    let mut report = message();
    let id = format!("{}.5@portal.example", token(7, 1));
    report.report = Some(crate::mail::Report {
        kind: crate::mail::ReportKind::Failed,
        about: Vec::new(),
        original: Some(id.clone()),
        subject: None,
    });
    let of = |way, said: &str| (way, said.to_owned());
    assert_eq!(
        ways(&report),
        [of(Way::Token, "7"), of(Way::Report, "another")]
    );
    let (tokens, ids, _) = written(&report, &signs());
    assert_eq!((tokens, ids), (vec![token(7, 1)], vec![id]));
}

/// Goes red where a user and a company of one id are taken for each other.
#[test]
fn ids_of_users_companies_and_addresses_are_told_apart() {
    let all = [Party::user("1"), Party::company("1"), Party::address("1")];
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
}

#[test]
fn who_takes_part_is_bounded_and_each_is_there_once() {
    let mut crowd = message();
    crowd.to = (0..500)
        .map(|n| address(&format!("n{n}@x.example")))
        .collect();
    crowd.cc = vec![address("ANNA@x.example")];
    let parties = Thread::of(&crowd, None, Some("u1"), Some("c1"), &desk()).parties;
    assert_eq!(parties.len(), PARTIES_MAX);
    assert_eq!(
        parties[..3],
        [
            Party::user("u1"),
            Party::company("c1"),
            Party::address("anna@x.example")
        ]
    );
    let few = Thread::of(&message(), None, None, None, &desk()).parties;
    assert_eq!(
        few,
        [
            Party::address("anna@x.example"),
            Party::address("bert@x.example")
        ]
    );
}

#[test]
fn a_message_id_is_known_with_and_without_its_brackets() {
    let id = MessageId::of("1@x.example");
    assert!(id.is_some());
    assert_eq!(MessageId::of(" <1@x.example> "), id);
    assert_ne!(MessageId::of("1@X.example"), id);
    assert_eq!(MessageId::of(" <> "), None);
}

fn signs() -> Signs {
    Signs::new(
        vec![TokenKey::new([1; 32]), TokenKey::new([2; 32])],
        Some("[Desk #{ticket}]"),
    )
}

fn token(of: u8, made_by: u8) -> String {
    let key = Key([of; 32]);
    Token::new(&key, TokenKey::new([made_by; 32]).seal(&key)).to_string()
}

/// The ways in which clues are believed, with what each says in short.
fn ways(message: &Message) -> Vec<(Way, String)> {
    let clues = clues(message, &signs()).into_iter();
    let said = |sign: Sign| match sign {
        Sign::Key(begin) => begin[0].to_string(),
        Sign::Message(id) => {
            let ids = ["a@x", "b@x", "c@x", "d@x"];
            let found = ids.iter().find(|known| MessageId::of(known) == Some(id));
            (*found.unwrap_or(&"another")).to_owned()
        }
        Sign::Ticket(ticket) => ticket,
    };
    clues.map(|clue| (clue.way, said(clue.sign))).collect()
}

/// Goes red where the order changes, or a token that nobody here made is believed.
#[test]
fn tokens_come_before_in_reply_to_before_references_before_tags() {
    let mut reply = message();
    reply.subject = Some(format!("Re: [desk #T-12] printer [{}]", token(5, 1)));
    reply.in_reply_to = vec!["a@x".to_owned(), "b@x".to_owned()];
    reply.references = ["c@x", "a@x", "d@x"].map(str::to_owned).into();
    reply
        .to
        .push(address(&format!("help+{}@desk.example", token(6, 2))));
    reply
        .cc
        .push(address(&format!("help+{}@desk.example", token(8, 3))));
    let of = |way, said: &str| (way, said.to_owned());
    assert_eq!(
        ways(&reply),
        [
            of(Way::Token, "6"),
            of(Way::Token, "5"),
            of(Way::InReplyTo, "a@x"),
            of(Way::InReplyTo, "b@x"),
            of(Way::References, "d@x"),
            of(Way::References, "c@x"),
            of(Way::Tag, "t-12"),
        ]
    );
    reply.in_reply_to = vec![format!("{}.77@portal.example", token(9, 1))];
    assert_eq!(ways(&reply)[0], of(Way::Token, "9"));
    // The portal is asked by the words themselves.
    let (tokens, ids, tickets) = written(&reply, &signs());
    assert_eq!(tokens, [token(9, 1), token(6, 2), token(5, 1)]);
    assert_eq!(ids, [reply.in_reply_to[0].as_str(), "d@x", "a@x", "c@x"]);
    assert_eq!(tickets, ["t-12"]);
}

#[test]
fn another_desk_s_tag_is_none_of_ours() {
    let tags = |subject: &str| {
        let mut message = message();
        message.subject = Some(subject.to_owned());
        let ways = ways(&message);
        ways.into_iter().map(|(_, said)| said).collect::<Vec<_>>()
    };
    assert_eq!(tags("AW: [Desk #T-7] Printer"), ["t-7"]);
    assert_eq!(tags("[DESK #7] and [Desk #8]"), ["7", "8"]);
    for none in [
        "[#7] x",
        "[Help #7] x",
        "[Desk #] x",
        "[Desk #7 x",
        "[Desk # 7 8] x",
        "Desk #7",
    ] {
        assert_eq!(tags(none), [""; 0], "{none}");
    }
    let long = format!("[Desk #{}]", "1".repeat(129));
    assert_eq!(tags(&long), [""; 0]);
}

/// Goes red where a clue that leads nowhere hides the next, or one that leads elsewhere lets somebody in.
#[test]
fn the_first_clue_that_leads_to_a_ticket_counts() {
    let reply = Message {
        from: vec![address("bert@x.example")],
        ..Message::default()
    };
    let other = Message {
        cc: Vec::new(),
        ..message()
    };
    let first = |led: &[Option<Led>]| {
        let led: Vec<_> = led.iter().map(|led| (by_reply(), led.clone())).collect();
        answers(&reply, &Requester::plain(&unknown()), &led)
    };
    assert_eq!(first(&[None, None, None]), None);
    let (about, lane) = first(&[None, led(7, &message()), None]).unwrap();
    assert_eq!((about.root, about.append, lane), (Key([7; 32]), true, 7));
    // Bert has no part in the first, whatever part he has in the second.
    let (about, _) = first(&[led(6, &other), led(7, &message()), None]).unwrap();
    assert_eq!((about.root, about.append), (Key([6; 32]), false));
    // Another message of the same ticket brought him in.
    let (about, _) = first(&[led(6, &other), led(6, &message()), None]).unwrap();
    assert_eq!((about.root, about.append), (Key([6; 32]), true));
}

/// Counts what is looked up, whatever a message names.
#[test]
fn clues_are_few_however_many_a_message_names() {
    let mut reply = message();
    reply.in_reply_to = (0..1000).map(|n| format!("{n}@x")).collect();
    reply.references = (0..1000).map(|n| format!("r{n}@x")).collect();
    reply.subject = Some("[Desk #1]".repeat(1000) + &format!("[{}]", token(1, 1)).repeat(100));
    let clues = clues(&reply, &signs());
    assert!(
        clues.len() <= 2 * IDS_MAX + 2 * SIGNS_MAX,
        "{}",
        clues.len()
    );
    let (tokens, ids, tickets) = written(&reply, &signs());
    assert!(tokens.len() <= SIGNS_MAX && ids.len() <= IDS_MAX && tickets.len() <= SIGNS_MAX);
}

/// Goes red where an answer to the portal's mail is taken for that mail, or anybody's word for ours.
#[test]
fn mail_of_the_portal_s_own_is_known_by_its_message_id() {
    let mut message = message();
    assert!(!is_ours(&message, &signs()));
    message.message_id = Some(format!("{}.5@portal.example", token(7, 2)));
    assert!(is_ours(&message, &signs()));
    message.message_id = Some(format!("{}.5@portal.example", token(7, 3)));
    assert!(!is_ours(&message, &signs()));
    message.message_id = None;
    message.in_reply_to = vec![format!("{}.5@portal.example", token(7, 2))];
    assert!(!is_ours(&message, &signs()));
}

proptest! {
    #[test]
    fn any_message_has_its_clues(
        subject in any::<String>(),
        ids in prop::collection::vec(any::<String>(), 0..9),
        tag in "(\\[?#?[a-zäİ]{0,3})\\{ticket\\}[a-z\\]]{0,2}",
    ) {
        let mut message = message();
        message.subject = Some(subject);
        message.in_reply_to = ids.clone();
        message.references = ids;
        let signs = Signs::new(signs().keys, Some(&tag));
        let _ = clues(&message, &signs);
        let _ = written(&message, &signs);
    }
}
