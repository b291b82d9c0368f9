use super::*;

#[track_caller]
fn check(text: &str, id: Option<&str>) {
    assert_eq!(message_id(text), id, "{text}");
}

#[test]
fn a_message_id_is_told_from_a_key() {
    check("4f2a91c0", None);
    check("4f2a-91c0.5", None);
    check("<4711@example.com>", Some("4711@example.com"));
    check(" <4711@example.com> ", Some("4711@example.com"));
    check("4711@example.com", Some("4711@example.com"));
    // Without an @, as some programs make them: the brackets tell.
    check("<4711>", Some("4711"));
    check("<>", Some(""));
}

/// Goes red where a reason's messages are looked for in a list in which they do not stand.
#[test]
fn each_reason_is_looked_for_where_its_messages_stand() {
    use crate::passage::{apply, record, Outcome, Position, Record, Stored};
    let decision = |outcome| Record::Decision(Box::new(record::Decision::plain(outcome)));
    let act = |what| {
        Record::Act(record::Act {
            what,
            by: "operator".to_owned(),
            at: 0,
        })
    };
    let held = || decision(Outcome::Held(Reason::UnknownSender));
    for reason in Reason::ALL.iter().copied() {
        let records = match (reason, reason.verdict()) {
            (Reason::Dismissed, _) => vec![held(), act(record::ActKind::Dismiss)],
            (_, Verdict::Held) => vec![decision(Outcome::Held(reason))],
            (_, Verdict::Ignored) => vec![decision(Outcome::Ignored(reason))],
            (_, Verdict::Closed) => vec![held(), act(record::ActKind::Close(reason))],
            (_, Verdict::Refused) => vec![
                decision(Outcome::Ticket {
                    user: None,
                    company: None,
                }),
                Record::Refused(record::Refusal {
                    said: "no".to_owned(),
                    at: 0,
                }),
            ],
        };
        let mut entry: Option<Entry> = None;
        for (n, record) in (1..).zip(&records) {
            let stored = Stored {
                segment: 1,
                offset: n,
                length: 1,
            };
            entry = apply(entry.as_ref(), record, stored).unwrap();
        }
        let entry = entry.unwrap();
        assert!(entry.known_to > Position::default());
        assert_eq!(entry.no_ticket_for(), Some(reason));
        assert_eq!(entry.stage, stage_of(reason), "{reason}");
    }
}
