use super::*;
use crate::control::Whose;

fn explanation(decision: &str, reason: Option<&str>) -> Explanation {
    Explanation {
        mailbox: "support".to_owned(),
        identity: None,
        received_at: "2026-11-02T08:00:00Z".to_owned(),
        key: None,
        decision: decision.to_owned(),
        reason: reason.map(str::to_owned),
        because: None,
        user: (decision == "ticket").then(|| "U-\u{1b}[2J01".to_owned()),
        company: None,
        about: None,
        origin: Whose::default(),
        marks: None,
        steps: Vec::new(),
        files: crate::ticket::Limits::default(),
    }
}

fn step(said: &str) -> Option<Step> {
    Some(Step {
        code: "machine".to_owned(),
        said: said.to_owned(),
    })
}

#[test]
fn a_mail_that_would_go_elsewhere_is_shown_with_both_sides_and_the_answers_that_differ() {
    let differing = [
        (step("It is archived."), step("It\u{1b}[2J stays.")),
        (None, step("It is known.")),
    ];
    let comparison = Comparison {
        now: explanation("ignored", Some("bounce")),
        then: explanation("ticket", None),
        elsewhere: true,
        differs: differing
            .map(|(now, then)| crate::control::Differing { now, then })
            .into(),
    };
    assert_eq!(
        differs("a\nb.eml", &comparison, Style::new(false)),
        "\na?b.eml\n  Now it is ignored: bounce.\n    It is archived.\n  \
         Then it would become a ticket of user U-?[2J01, no company.\n    It?[2J stays.\n    \
         It is known.\n"
    );
    let turned = Comparison {
        now: comparison.then,
        then: comparison.now,
        ..comparison
    };
    let shown = differs("a.eml", &turned, Style::new(false));
    assert!(shown.contains("Now it becomes a ticket of user"), "{shown}");
    assert!(
        shown.contains("Then it would be ignored: bounce."),
        "{shown}"
    );
}

#[test]
fn the_count_comes_first_and_is_a_sentence_whatever_it_is() {
    let said = |elsewhere, all, seen_before| {
        let counts = Counts {
            all,
            elsewhere,
            seen_before,
        };
        summary(counts, &[], Style::new(false))
    };
    assert_eq!(said(3, 40, 0), "3 of 40 mails would go elsewhere.\n");
    assert_eq!(said(1, 40, 0), "1 of 40 mails would go elsewhere.\n");
    assert_eq!(said(0, 40, 0), "None of 40 mails would go elsewhere.\n");
    assert_eq!(said(1, 1, 0), "The mail would go elsewhere.\n");
    assert_eq!(said(0, 1, 0), "The mail would not go elsewhere.\n");
    let seen = said(0, 40, 12);
    assert!(
        seen.contains("\n12 of 40 have been here before, and no settings"),
        "{seen}"
    );
    assert!(said(0, 1, 1).contains("\nIt has been here before, and no settings"));
    let counts = Counts {
        all: 2,
        ..Counts::default()
    };
    let noted = summary(counts, &["Mailbox\u{1b} x.".to_owned()], Style::new(false));
    assert!(noted.ends_with("\nMailbox? x.\n"), "{noted}");
}
