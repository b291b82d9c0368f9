//! Mailboxes that are taken out or turned off: nothing of them waits for ever.

use crate::common::service::Site;

const STRANGER: &str = "nadia@elsewhere.example";

/// Goes red when a mailbox that is gone leaves anything behind that nobody can end.
#[test]
fn a_mailbox_that_is_taken_out_leaves_nothing_that_waits_for_it() {
    let mut site = Site::ready();
    site.start_read();
    site.send_from(STRANGER, "held");
    site.until("it is held", |s| s.count("held") == 1);
    site.commit_while_away("on its way");
    let remove = ["settings", "remove", "support", "--yes", "--leave-behind"];
    site.does(&remove);
    site.until("what was held is closed", |s| {
        (s.count("held"), s.count("closed")) == (0, 1)
    });
    assert_eq!(
        site.asks(&["held", "list", "--aside"])["items"][0]["reason"],
        "mailbox-gone"
    );
    site.portal.start_again();
    site.until("it is a ticket", |s| s.tickets("on its way").len() == 1);
    site.until("nothing is to be archived", |s| {
        (s.count("committed"), s.count("to-archive")) == (0, 0)
    });
    site.stop();
    // It has nothing to wait for.
    let (code, said) = site.once();
    assert_eq!(code, 0, "{said}");
    site.sound();
}

/// Goes red when a run with an end waits for what only a mailbox that is off could fetch.
#[test]
fn what_is_converted_while_its_mailbox_is_off_is_said_and_a_run_with_an_end_ends() {
    let mut site = Site::ready();
    site.start_read();
    site.send_from(STRANGER, "wanted");
    site.until("it is held", |s| s.count("held") == 1);
    site.does(&["settings", "set", "mailbox.support.active", "off", "--yes"]);
    let said = site.does(&["held", "convert", &site.key("held", "wanted")]);
    assert!(
        said.contains("when mailbox support is active again"),
        "{said}"
    );
    site.stop();
    let (code, said) = site.once();
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("1 messages are to be fetched from mailboxes that are off"),
        "{said}"
    );
    site.does(&["settings", "set", "mailbox.support.active", "on", "--yes"]);
    site.drains();
    assert_eq!(site.tickets("wanted").len(), 1);
    site.sound();
}

/// Goes red when what was held in a folder that is watched no more is said to have been moved.
#[test]
fn what_was_held_in_another_folder_is_closed_for_that_reason() {
    let mut site = Site::ready();
    site.hand().does("CREATE Tickets");
    site.start_read();
    site.send_from(STRANGER, "held");
    site.until("it is held", |s| s.count("held") == 1);
    let folder = "mailbox.support.folder=Tickets";
    site.does(&["settings", "set", folder, "--yes"]);
    site.until("it is closed", |s| s.count("closed") == 1);
    let aside = site.asks(&["held", "list", "--aside"]);
    assert_eq!(aside["items"][0]["reason"], "mailbox-gone", "{aside}");
}

/// Goes red where a mailbox may become another account's, or another folder's, while something of it is
/// under way, and the operator isn't told what to do first.
#[test]
fn a_mailbox_does_not_become_another_accounts_while_something_of_it_is_under_way() {
    let mut site = Site::ready();
    site.start_read();
    site.commit_while_away("on its way");
    let changes = [
        (
            "mailbox.support.username=somebody.else",
            "another account's",
        ),
        ("mailbox.support.host=other.example", "another account's"),
        ("mailbox.support.folder=Tickets", "another folder"),
    ];
    for (change, what) in changes {
        let set = ["settings", "set", change, "--untried", "--yes"];
        let said = site.refuses(&set);
        assert!(said.contains(what), "{change}: {said}");
        assert!(
            said.contains("1 of its messages are queued or to be archived")
                && said.contains("set mailbox.support.active to off"),
            "{change}: {said}"
        );
    }
    site.portal.start_again();
    site.until("it is archived", |s| s.count("archived") == 1);
    site.complete();
    // Nothing waits any more: now it is the operator's to say.
    let said = site.does(&["settings", "set", changes[0].0, "--untried", "--yes"]);
    assert!(said.contains("is in force"), "{said}");
}
