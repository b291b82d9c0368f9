use super::*;
use crate::passage::MailboxId;
use crate::settings::Mailbox;
use crate::ticket::{Company, User};

/// What is said of an address, with a mailbox for each of these.
#[track_caller]
fn check(sender: &Sender, lines: &[Line], processes: &[bool], wanted: &[&str]) {
    let mut settings = Settings::default();
    for (number, on) in processes.iter().enumerate() {
        let mut mailbox = Mailbox::new(MailboxId(1), &format!("m{number}"));
        mailbox.process_unknown_senders = *on;
        settings.mailboxes.push(mailbox);
    }
    let said = verdict("a@x.example", sender, lines, &settings);
    for words in wanted {
        assert!(said.contains(words), "{words}: {said}");
    }
}

fn lines() -> Vec<Line> {
    let company = Company {
        id: "c-1".to_owned(),
        name: "Nordwind".to_owned(),
        domains: Vec::new(),
    };
    let user = User {
        id: "u-1".to_owned(),
        name: "Petra".to_owned(),
        addresses: Vec::new(),
        company: Some("c-1".to_owned()),
        technician: false,
    };
    vec![
        Line::Company { company, users: 1 },
        Line::User {
            user,
            company: None,
        },
    ]
}

#[test]
fn a_known_sender_is_named_with_the_company() {
    let known = |company: Option<&str>| Sender::Known {
        user: "u-1".to_owned(),
        company: company.map(str::to_owned),
        technician: false,
    };
    let with = "Petra (u-1) of Nordwind (c-1): mail from it becomes a ticket of theirs";
    check(&known(Some("c-1")), &lines(), &[false], &[with]);
    check(&known(Some("c-9")), &[], &[], &["a person (u-1) of c-9:"]);
    check(
        &known(None),
        &lines(),
        &[],
        &["Petra (u-1), who has no company:"],
    );
}

#[test]
fn an_unknown_sender_is_told_what_becomes_of_the_mail() {
    let unknown = Sender::Unknown { company_hint: None };
    check(
        &unknown,
        &[],
        &[false],
        &["nobody's address", "held as unknown-sender."],
    );
    check(&unknown, &[], &[], &["held as unknown-sender."]);
    check(
        &unknown,
        &[],
        &[true],
        &["Mail from it becomes a ticket without a user"],
    );
    let mixed = ["held as unknown-sender; in mailbox m1, m2 it becomes a ticket"];
    check(&unknown, &[], &[false, true, true], &mixed);
    let hinted = Sender::Unknown {
        company_hint: Some("c-1".to_owned()),
    };
    let hint = ["that of Nordwind (c-1), which makes nobody known"];
    check(&hinted, &lines(), &[false], &hint);
}

#[test]
fn before_the_directory_was_read_it_is_said_that_nobody_knows() {
    check(
        &Sender::DirectoryNotRead,
        &[],
        &[true],
        &["directory-not-read"],
    );
}
