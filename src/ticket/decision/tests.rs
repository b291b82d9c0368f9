use super::*;
use crate::mail::Address;

fn message(unparsed: bool) -> Message {
    Message {
        from: vec![Address {
            name: None,
            address: "a@x.example".into(),
        }],
        unparsed,
        ..Message::default()
    }
}

fn ticket(user: Option<&str>, company: Option<&str>) -> Decision {
    Decision::Ticket {
        user: user.map(str::to_owned),
        company: company.map(str::to_owned),
        about: None,
    }
}

/// What must come out, said by other means than the code: the first line that fits counts.
fn wanted(unparsed: bool, early: bool, sender: usize, unknown: bool, already: Known) -> Decision {
    match (already, early, unparsed, sender, unknown) {
        (Known::Elsewhere, ..) => Decision::Ignored(Reason::Duplicate),
        (Known::New, true, ..) => Decision::Held(Reason::ReceivedBefore),
        (Known::New, false, true, ..) => ticket(None, None),
        (_, _, _, 0, _) => ticket(Some("u1"), Some("c1")),
        (_, _, _, 1, _) => ticket(Some("u2"), None),
        // A domain names a company, where there is a ticket.
        (Known::Wanted, _, _, 3, _) => ticket(None, Some("c1")),
        (Known::Wanted, ..) => ticket(None, None),
        (Known::New, _, _, 3, true) => ticket(None, Some("c1")),
        (Known::New, _, _, 2, true) => ticket(None, None),
        (Known::New, _, _, 2 | 3, false) => Decision::Held(Reason::UnknownSender),
        (Known::New, ..) => Decision::Held(Reason::DirectoryNotRead),
    }
}

#[test]
fn every_combination_is_decided_as_the_table_says() {
    let known = |user: &str, company: Option<&str>| Sender::Known {
        user: user.to_owned(),
        company: company.map(str::to_owned),
        technician: false,
    };
    let unknown = |hint: Option<&str>| Sender::Unknown {
        company_hint: hint.map(str::to_owned),
    };
    let senders = [
        known("u1", Some("c1")),
        known("u2", None),
        unknown(None),
        unknown(Some("c1")),
        Sender::DirectoryNotRead,
    ];
    let mut combinations = 0;
    for unparsed in [false, true] {
        for (received_after, early) in [(None, false), (Some(1000), false), (Some(1001), true)] {
            for (index, sender) in senders.iter().enumerate() {
                for process_unknown_senders in [false, true] {
                    for already in [Known::New, Known::Elsewhere, Known::Wanted] {
                        let rules = Rules {
                            process_unknown_senders,
                            received_after,
                            ..Rules::default()
                        };
                        assert_eq!(
                            decide(
                                &message(unparsed),
                                1000,
                                &Requester::plain(sender),
                                &rules,
                                already,
                                Belongs::default()
                            ),
                            wanted(unparsed, early, index, process_unknown_senders, already),
                            "{unparsed} {sender:?} {rules:?} {already:?}"
                        );
                        combinations += 1;
                    }
                }
            }
        }
    }
    assert_eq!(combinations, 2 * 3 * 5 * 2 * 3);
}

#[test]
fn a_domain_alone_makes_nobody_known() {
    let sender = Sender::Unknown {
        company_hint: Some("c1".into()),
    };
    let sender = Requester::plain(&sender);
    let plain = Belongs::default();
    let rules = Rules::default();
    let decided = decide(&message(false), 0, &sender, &rules, Known::New, plain);
    assert_eq!(decided, Decision::Held(Reason::UnknownSender));
    let rules = Rules {
        process_unknown_senders: true,
        ..Rules::default()
    };
    let decided = decide(&message(false), 0, &sender, &rules, Known::New, plain);
    assert_eq!(decided, ticket(None, Some("c1")));
}

#[test]
fn every_reason_has_one_code_and_two_sentences() {
    let mut codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    for reason in Reason::ALL {
        let code = reason.to_string();
        assert_eq!(code.parse(), Ok(*reason));
        assert!(
            code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{code}"
        );
        assert_eq!(
            serde_json::to_string(reason).unwrap(),
            format!("\"{code}\"")
        );
        assert!(reason.explain().ends_with('.') && reason.mend().ends_with('.'));
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
    assert!("no-such-code".parse::<Reason>().is_err());
}

#[test]
fn a_decision_names_only_reasons_of_its_own_kind() {
    use crate::ticket::reason::Verdict;
    for reason in [
        Reason::UnknownSender,
        Reason::DirectoryNotRead,
        Reason::ReceivedBefore,
        Reason::AuthenticationFailed,
        Reason::Storm,
    ] {
        assert_eq!(reason.verdict(), Verdict::Held);
    }
    assert_eq!(Reason::Duplicate.verdict(), Verdict::Ignored);
    assert_eq!(Reason::Dismissed.verdict(), Verdict::Ignored);
}

#[test]
fn what_a_program_answers_or_reports_is_ignored_unless_it_is_wanted() {
    use crate::mail::{Machine, Report};
    let report = |kind| Message {
        report: Some(Report {
            kind,
            about: Vec::new(),
            original: None,
            subject: None,
        }),
        ..message(false)
    };
    let machine = |kind| Message {
        machine: Some(Machine {
            kind,
            sign: "Auto-Submitted".into(),
        }),
        ..message(false)
    };
    // Its setting, and the reason where that says so; none where it is a ticket in any case.
    let cases = [
        (report(ReportKind::Failed), Some((0, Reason::Bounce))),
        (
            report(ReportKind::Delayed),
            Some((0, Reason::DeliveryDelayed)),
        ),
        (report(ReportKind::Delivered), Some((1, Reason::Receipt))),
        (report(ReportKind::Receipt), Some((1, Reason::Receipt))),
        (report(ReportKind::Complaint), Some((2, Reason::Complaint))),
        (machine(MachineKind::Reply), Some((3, Reason::AutoReply))),
        (machine(MachineKind::Notice), Some((4, Reason::Notice))),
        (machine(MachineKind::List), Some((5, Reason::MailingList))),
    ];
    let known = Sender::Known {
        user: "u1".into(),
        company: None,
        technician: false,
    };
    let sender = Sender::Unknown { company_hint: None };
    for (message, ignored) in cases {
        for ignores in 0..6 {
            let handling = |setting| match ignores == setting {
                true => Handling::Ignore,
                false => Handling::Ticket,
            };
            let rules = Rules {
                bounces: handling(0),
                receipts: handling(1),
                complaints: handling(2),
                auto_replies: handling(3),
                notices: handling(4),
                mailing_lists: handling(5),
                ..Rules::default()
            };
            let decided = |sender, already| {
                let requester = Requester::plain(sender);
                decide(
                    &message,
                    1000,
                    &requester,
                    &rules,
                    already,
                    Belongs::default(),
                )
            };
            let reason = ignored.filter(|(setting, _)| *setting == ignores);
            let want = |or| reason.map_or(or, |(_, reason)| Decision::Ignored(reason));
            // Whoever it is from: a daemon is in nobody's directory.
            assert_eq!(decided(&known, Known::New), want(ticket(Some("u1"), None)));
            let held = Decision::Held(Reason::UnknownSender);
            assert_eq!(decided(&sender, Known::New), want(held));
            // The operator's word stands above it, and what has a ticket is a copy.
            assert_eq!(decided(&sender, Known::Wanted), ticket(None, None));
            let copy = Decision::Ignored(Reason::Duplicate);
            assert_eq!(decided(&known, Known::Elsewhere), copy);
        }
    }
}

#[test]
fn every_reason_stands_in_the_readme_as_it_is() {
    let readme = include_str!("../../../README.md");
    for reason in Reason::ALL {
        let verdict = format!("{:?}", reason.verdict()).to_lowercase();
        let (code, said, mend) = (reason.code(), reason.explain(), reason.mend());
        let row = format!("| `{code}` | {verdict} | {said} | {mend} |");
        assert!(readme.lines().any(|line| line == row), "missing: {row}");
    }
}

/// Goes red where somebody who may write into a ticket is held as unknown, or somebody who may not is let in.
#[test]
fn what_belongs_to_a_ticket_goes_there_or_points_there() {
    let known = Sender::Known {
        user: "u1".to_owned(),
        company: None,
        technician: false,
    };
    let unknown = Sender::Unknown { company_hint: None };
    let rules = Rules::default();
    let decided = |sender: &Sender, already, append| {
        let about = Some(About {
            root: Key([7; 32]),
            way: Way::Token,
            append,
        });
        (
            explain(
                &message(false),
                0,
                &Requester::plain(sender),
                &rules,
                already,
                Belongs { about, ours: false },
            ),
            about,
        )
    };
    let of = |user: Option<&str>, about| Decision::Ticket {
        user: user.map(str::to_owned),
        company: None,
        about,
    };
    for append in [true, false] {
        let ((decision, because), about) = decided(&known, Known::New, append);
        assert_eq!(decision, of(Some("u1"), about));
        let answers = Because::Answers {
            root: Key([7; 32]),
            way: Way::Token,
            append,
        };
        assert!(because.contains(&answers));
        // As the operator wants it, and still in its ticket.
        let ((decision, because), about) = decided(&unknown, Known::Wanted, append);
        assert_eq!(decision, of(None, about));
        assert!(because.contains(&answers));
        let not_read = Decision::Held(Reason::DirectoryNotRead);
        assert_eq!(
            decided(&Sender::DirectoryNotRead, Known::New, append).0 .0,
            not_read
        );
        let copy = Decision::Ignored(Reason::Duplicate);
        assert_eq!(decided(&known, Known::Elsewhere, append).0 .0, copy);
    }
    let ((decision, _), about) = decided(&unknown, Known::New, true);
    assert_eq!(decision, of(None, about));
    let ((decision, _), _) = decided(&unknown, Known::New, false);
    assert_eq!(decision, Decision::Held(Reason::UnknownSender));
}

/// Goes red where a report makes a ticket although it is wanted in its own, or an absence note of somebody who
/// has no part in the ticket is let in.
#[test]
fn what_programs_write_goes_into_the_ticket_that_it_is_about_or_is_archived() {
    let sender = Sender::Unknown { company_hint: None };
    let rules = Rules {
        auto_replies: Handling::Append,
        bounces: Handling::Append,
        ..Rules::default()
    };
    let decided = |message: &Message, append: Option<bool>| {
        let about = append.map(|append| About {
            root: Key([7; 32]),
            way: Way::Report,
            append,
        });
        let belongs = Belongs { about, ours: false };
        decide(
            message,
            0,
            &Requester::plain(&sender),
            &rules,
            Known::New,
            belongs,
        )
    };
    let goes = Decision::Ticket {
        user: None,
        company: None,
        about: Some(About {
            root: Key([7; 32]),
            way: Way::Report,
            append: true,
        }),
    };
    let bounce = Message {
        report: Some(crate::mail::Report {
            kind: ReportKind::Failed,
            about: Vec::new(),
            original: None,
            subject: None,
        }),
        ..message(false)
    };
    let ignored = Decision::Ignored(Reason::Bounce);
    assert_eq!(decided(&bounce, None), ignored);
    assert_eq!(decided(&bounce, Some(false)), goes);
    let absence = Message {
        machine: Some(crate::mail::Machine {
            kind: MachineKind::Reply,
            sign: String::new(),
        }),
        ..message(false)
    };
    let ignored = Decision::Ignored(Reason::AutoReply);
    assert_eq!(decided(&absence, None), ignored);
    assert_eq!(decided(&absence, Some(false)), ignored);
    assert_eq!(decided(&absence, Some(true)), goes);
}

/// Goes red where a portal that writes to a list on which this mailbox is makes a ticket of each of its mails, and
/// a mail of each ticket.
#[test]
fn what_the_portal_sent_itself_makes_no_ticket() {
    let known = Sender::Known {
        user: "u1".to_owned(),
        company: None,
        technician: false,
    };
    let belongs = Belongs {
        about: None,
        ours: true,
    };
    let decided = |already| {
        decide(
            &message(false),
            0,
            &Requester::plain(&known),
            &Rules::default(),
            already,
            belongs,
        )
    };
    assert_eq!(decided(Known::New), Decision::Ignored(Reason::Loop));
    // The operator's word stands above it.
    assert_eq!(decided(Known::Wanted), ticket(Some("u1"), None));
}

/// Goes red where a forged mail of a known user becomes a ticket although such mails are held, or where the
/// operator's word does not stand above it.
#[test]
fn a_known_user_s_mail_that_fails_dmarc_is_held_by_setting_only() {
    let known = Sender::Known {
        user: "u1".into(),
        company: None,
        technician: false,
    };
    let unknown = Sender::Unknown { company_hint: None };
    let asked = |sender: &Sender, doubtful, failed_dmarc, already| {
        let mut requester = Requester::plain(sender);
        requester.origin.doubtful = doubtful;
        let rules = Rules {
            senders: Senders {
                failed_dmarc,
                ..Senders::default()
            },
            ..Rules::default()
        };
        explain(
            &message(false),
            0,
            &requester,
            &rules,
            already,
            Belongs::default(),
        )
    };
    let held = Decision::Held(Reason::AuthenticationFailed);
    let (decided, because) = asked(&known, true, Unproven::Hold, Known::New);
    assert_eq!(decided, held);
    assert_eq!(because.last(), Some(&Because::Doubtful { held: true }));
    let (decided, because) = asked(&known, true, Unproven::Mark, Known::New);
    assert_eq!(decided, ticket(Some("u1"), None));
    assert_eq!(because.last(), Some(&Because::Doubtful { held: false }));
    let (decided, because) = asked(&known, true, Unproven::Hold, Known::Wanted);
    assert_eq!(decided, ticket(Some("u1"), None));
    assert_eq!(because.last(), Some(&Because::Doubtful { held: false }));
    let decided = asked(&known, false, Unproven::Hold, Known::New).0;
    assert_eq!(decided, ticket(Some("u1"), None));
    let decided = asked(&unknown, false, Unproven::Hold, Known::New).0;
    assert_eq!(decided, Decision::Held(Reason::UnknownSender));
}

#[test]
fn a_technician_s_word_or_by_setting_a_domain_is_enough_for_a_ticket() {
    let asked = |hint: Option<&str>, technician: Option<&str>, domains| {
        let mut requester = Requester::plain(&Sender::Unknown {
            company_hint: hint.map(str::to_owned),
        });
        requester.origin.technician = technician.map(str::to_owned);
        let rules = Rules {
            senders: Senders {
                company_by_domain: domains,
                ..Senders::default()
            },
            ..Rules::default()
        };
        decide(
            &message(false),
            0,
            &requester,
            &rules,
            Known::New,
            Belongs::default(),
        )
    };
    let held = Decision::Held(Reason::UnknownSender);
    assert_eq!(asked(None, Some("t1"), Domains::Ignore), ticket(None, None));
    assert_eq!(
        asked(Some("c1"), Some("t1"), Domains::Company),
        ticket(None, Some("c1"))
    );
    assert_eq!(
        asked(Some("c1"), None, Domains::Known),
        ticket(None, Some("c1"))
    );
    assert_eq!(asked(None, None, Domains::Known), held);
    assert_eq!(asked(Some("c1"), None, Domains::Company), held);
}

/// Goes red where a group's mail that a trusted list hands on is ignored with what lists send to all.
#[test]
fn what_a_trusted_list_hands_on_is_a_customer_s() {
    let known = Sender::Known {
        user: "u1".to_owned(),
        company: None,
        technician: false,
    };
    let list = Message {
        machine: Some(crate::mail::Machine {
            kind: MachineKind::List,
            sign: "List-Id".to_owned(),
        }),
        ..message(false)
    };
    let rules = Rules {
        mailing_lists: Handling::Ignore,
        ..Rules::default()
    };
    let decided = |by| {
        let mut requester = Requester::plain(&known);
        requester.origin.by = by;
        let belongs = Belongs::default();
        decide(&list, 0, &requester, &rules, Known::New, belongs)
    };
    assert_eq!(decided(By::List), ticket(Some("u1"), None));
    let ignored = Decision::Ignored(Reason::MailingList);
    assert_eq!(decided(By::From), ignored);
    // A list that the settings name, and that leaves From as it was, is told by where it was written to.
    let mut rules = rules.clone();
    rules.senders.lists = vec!["lists.example".to_owned()];
    let mut list = list.clone();
    let mut to = |address: &str| {
        list.cc = vec![Address {
            name: None,
            address: address.to_owned(),
        }];
        let (requester, belongs) = (Requester::plain(&known), Belongs::default());
        decide(&list, 0, &requester, &rules, Known::New, belongs)
    };
    assert_eq!(to("desk@lists.example"), ticket(Some("u1"), None));
    assert_eq!(to("desk@other.example"), ignored);
}

#[test]
fn that_storms_are_not_asked_about_here_is_told_of_what_would_be_a_ticket() {
    let known = Sender::Known {
        user: "u1".to_owned(),
        company: None,
        technician: false,
    };
    let told = |limit, exempt: &[&str], already| {
        let rules = Rules {
            storm: Guard {
                limit,
                minutes: 60,
                exempt: exempt.iter().map(|e| e.to_string()).collect(),
            },
            ..Rules::default()
        };
        let (requester, belongs) = (Requester::plain(&known), Belongs::default());
        let message = message(false);
        let (_, because) = explain(&message, 0, &requester, &rules, already, belongs);
        because.into_iter().find_map(|because| match because {
            Because::Storm { exempt, .. } => Some(exempt),
            _ => None,
        })
    };
    assert_eq!(told(50, &[], Known::New), Some(false));
    assert_eq!(told(50, &["x.example"], Known::New), Some(true));
    assert_eq!(told(0, &[], Known::New), None);
    for already in [Known::Wanted, Known::Elsewhere] {
        assert_eq!(told(50, &[], already), None);
    }
}
