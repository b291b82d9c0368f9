use super::*;
use crate::control::Kind;
use crate::passage::MailboxId;
use crate::ticket::Handling;

/// Settings with a mailbox for each of these numbers and names.
fn settings(mailboxes: &[(u32, &str)]) -> Settings {
    let mailboxes = mailboxes
        .iter()
        .map(|(id, name)| Mailbox::new(MailboxId(*id), name));
    Settings {
        mailboxes: mailboxes.collect(),
        ..Settings::default()
    }
}

/// Which mailbox of each is found by this name; else the refusal.
fn found(now: &Settings, then: &Settings, name: Option<&str>) -> Result<(u32, u32), String> {
    match pair(now, then, name) {
        Ok((ours, theirs)) => Ok((ours.id.0, theirs.id.0)),
        Err(refusal) => {
            assert_eq!(refusal.refused, Kind::Wrong);
            Err(refusal.said)
        }
    }
}

#[test]
fn a_mailbox_is_found_in_both_by_its_number_then_by_its_name() {
    let now = settings(&[(1, "support"), (2, "sales")]);
    let renamed = settings(&[(1, "helpdesk"), (2, "sales")]);
    assert_eq!(found(&now, &renamed, Some("support")), Ok((1, 1)));
    assert_eq!(found(&now, &renamed, Some("helpdesk")), Ok((1, 1)));
    // Taken out, and made again since.
    let before = settings(&[(1, "support"), (7, "sales")]);
    assert_eq!(found(&now, &before, Some("sales")), Ok((2, 7)));
    // Names that went round: the one in force counts.
    let round = settings(&[(1, "sales"), (2, "support")]);
    assert_eq!(found(&now, &round, Some("sales")), Ok((2, 2)));
    let alone = settings(&[(1, "support")]);
    assert_eq!(found(&alone, &now, None), Ok((1, 1)));
}

#[test]
fn a_mailbox_that_only_one_has_is_refused_and_so_is_none_of_several() {
    let (now, then) = (
        settings(&[(1, "support"), (2, "sales")]),
        settings(&[(1, "support"), (3, "billing")]),
    );
    for (name, words) in [
        (Some("sales"), ["only in the settings in force", "billing"]),
        (Some("billing"), ["only in the other settings", "sales"]),
        (Some("nobody"), ["no mailbox \"nobody\"", "support, sales"]),
        (None, ["several mailboxes", "--mailbox"]),
    ] {
        let said = found(&now, &then, name).unwrap_err();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    // Its name is another one's there, which is ours under another name.
    let taken = settings(&[(1, "sales")]);
    let said = found(&now, &taken, Some("sales")).unwrap_err();
    assert!(said.contains("only in the settings in force"), "{said}");
    let said = found(&now, &Settings::default(), Some("sales")).unwrap_err();
    assert!(said.contains("their mailboxes are none"), "{said}");
}

/// What is noted where the two differ by what `change` does to the other ones.
fn noted(change: impl FnOnce(&mut Settings, usize)) -> String {
    let now = settings(&[(1, "support")]);
    let mut then = now.clone();
    change(&mut then, 0);
    notes(&now, &then, &now.mailboxes[0], &then.mailboxes[0]).join("\n")
}

#[test]
fn what_else_differs_is_said_and_so_is_that_nothing_does() {
    let nothing = "Nothing that decides about mail of mailbox support differs";
    assert!(noted(|_, _| ()).starts_with(nothing));
    assert_eq!(
        noted(|then, at| then.mailboxes[at].bounces = Handling::Ticket),
        ""
    );
    let url = noted(|then, _| then.portal.url = "https://other.example".to_owned());
    assert!(
        url.contains(nothing) && url.contains("another portal"),
        "{url}"
    );
    let active = noted(|then, at| then.mailboxes[at].active = true);
    assert!(active.contains("is not active now"), "{active}");
    let (mut on, off) = (settings(&[(1, "support")]), settings(&[(1, "support")]));
    on.mailboxes[0].active = true;
    let (ours, theirs) = (&on.mailboxes[0], &off.mailboxes[0]);
    let inactive = notes(&on, &off, ours, theirs).join("\n");
    assert!(
        inactive.contains("is active now and not in the other"),
        "{inactive}"
    );
    let same = notes(&on, &on, ours, ours).join("\n");
    assert!(!same.contains("active"), "{same}");
    let date = noted(|then, at| then.mailboxes[at].received_after = Some(crate::world::Wall(5)));
    assert!(date.contains("--received"), "{date}");
    let name = noted(|then, at| then.mailboxes[at].name = "helpdesk".to_owned());
    assert!(
        name.contains("Mailbox support is called helpdesk"),
        "{name}"
    );
    let more = noted(|then, _| {
        let more = Mailbox::new(MailboxId(2), "sales");
        then.mailboxes.push(more);
    });
    assert!(
        more.contains("Mailbox sales is only in the other settings."),
        "{more}"
    );
    // By another identity the same mail has another key: that decides, too.
    let identity = noted(|then, at| then.mailboxes[at].identity = Some("a@x".to_owned()));
    assert_eq!(identity, "");
}
