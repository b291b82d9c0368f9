use super::*;
use crate::control::server::Limits;
use crate::ticket::rule::{self, Action};
use crate::ticket::Because;

/// Goes red where a hostile mail can't be explained, since what decides about it does not fit into a request.
#[test]
fn what_decides_about_the_most_hostile_mail_fits_into_a_request() {
    let many = |line: &str, count: usize| line.repeat(count);
    let people = many(
        "\"\\\"\\\"\\\"\\\"\" <\u{7f}\u{1}\u{1}\u{1}aaaaaaaa@x.example>, ",
        400,
    );
    let mail = format!(
        "{}{}From: {people}a@x.example\r\nReply-To: {people}a@x.example\r\nSender: a@x.example\r\n\
         Subject: Fwd: x\r\n\r\n{}",
        many(
            "Authentication-Results: a;a=b;dmarc=b;dkim=c;spf=d;dmarc=e;dkim=f;spf=g\r\n",
            400
        ),
        many("Received: by \u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\r\n", 400),
        many(
            "Begin forwarded message:\nFrom: \"\\\"\\\"\\\" <a@x.example>\nSubject: x\nTo: a\n\n",
            100
        ),
    );
    let asked = Asked {
        message: Mail::read(mail.into_bytes()).what_decides(),
        mailbox: Some("support".to_owned()),
        received: None,
        key: Some("0".repeat(64)),
        octets: u64::MAX,
    };
    let octets = serde_json::to_vec(&asked).unwrap().len();
    let room = Limits::default().request_bytes;
    assert!(octets < room, "{octets} of {room}");
}

/// Goes red where the service is told less of a mail than what decides about it.
#[test]
fn what_the_service_is_told_finds_the_same_requester() {
    use crate::ticket::{claims, Senders};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail");
    let senders = Senders {
        reply_to: true,
        forwards: true,
        ignore_plus: true,
        lists: vec![
            "lists.provider.example".to_owned(),
            "support@provider.example".to_owned(),
        ],
        ..Senders::default()
    };
    let mut told = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "eml") {
            continue;
        }
        let mail = Mail::read(std::fs::read(&path).unwrap());
        let forms = |message: &Message| {
            let claims = claims(message, &senders).into_iter();
            claims.map(|c| (c.by, c.forms)).collect::<Vec<_>>()
        };
        let whole = forms(&mail.message);
        told += whole.len();
        assert_eq!(whole, forms(&mail.what_decides()), "{path:?}");
    }
    assert!(told > 200, "{told}");
}

/// Goes red where a step has a code that the document of `explain --json` does not tell.
#[test]
fn every_step_has_a_code_of_the_schema_and_its_words() {
    use crate::mail::authentication::Finding;
    let schema = include_str!("../../../config/explain.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let codes = schema
        .pointer("/properties/explanation/properties/steps/items/properties/code/enum")
        .and_then(Value::as_array)
        .unwrap();
    let word = || "words".to_owned();
    let verdict = Verdict {
        server: word(),
        dmarc: Finding::Fail,
        dkim: Finding::Pass,
        spf: Finding::None,
    };
    let forwards = |address| Because::Forwards {
        technician: word(),
        address,
    };
    let rule = |fails, passed_over| {
        Because::Rule(rule::Asked {
            rule: word(),
            holds: vec![word()],
            sets: vec![word()],
            fails,
            passed_over,
            action: Action::Hold,
            why: Some(word()),
        })
    };
    let steps = [
        Because::Checked {
            address: word(),
            verdict,
        },
        Because::NotChecked { server: word() },
        Because::ListNames {
            address: word(),
            sign: Some(mail::Sign::ReplyTo),
        },
        Because::AnswersGoTo { address: word() },
        forwards(Some(word())),
        forwards(None),
        Because::PublicProvider { domain: word() },
        Because::Doubtful { held: true },
        Because::Doubtful { held: false },
        Because::UnknownCustomer,
        Because::CompanyByDomain { company: word() },
        rule(Some(word()), false),
        rule(None, true),
        rule(None, false),
    ];
    let mut said = Vec::new();
    for because in &steps {
        let step = step(because);
        assert!(codes.contains(&step.code.as_str().into()), "{}", step.code);
        assert!(step.said.ends_with('.'), "{}", step.said);
        said.push(step.said);
    }
    said.sort();
    said.dedup();
    assert_eq!(said.len(), steps.len());
}
