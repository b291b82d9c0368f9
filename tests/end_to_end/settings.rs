//! Settings changed under the running service: each takes effect, and no message is touched twice.

use std::time::Duration;

use crate::common::service::{text, Site, CUTOFF};
use crate::common::{Portal, PASSWORD, TOKEN, USER};

#[test]
fn an_earlier_date_takes_the_older_messages_too() {
    let mut site = Site::ready();
    site.mail.fill(&["--sample"]);
    site.start();
    site.complete();
    let status = site.status();
    assert_eq!(status["mailboxes"][0]["left_out"], 4, "{status}");
    assert!(site.tickets("Old: toner").is_empty());
    site.does(&[
        "settings",
        "set",
        "mailbox.support.received_after",
        "2025-12-01T00:00:00Z",
        "--yes",
    ]);
    site.until("the two of December are tickets", |s| {
        s.tickets("microfilm").len() == 1 && s.tickets("Happy New Year").len() == 1
    });
    site.until("two are left out", |s| {
        s.status()["mailboxes"][0]["left_out"] == 2
    });
    assert!(site.tickets("Old: toner").is_empty());
    // Two of the 55 answer others, and are in their tickets.
    assert_eq!(site.portal.tickets().len(), 53);
    let replies = |t: &serde_json::Value| t["replies"].as_array().map_or(0, Vec::len);
    assert_eq!(site.portal.tickets().iter().map(replies).sum::<usize>(), 2);
}

#[test]
fn a_mailbox_turned_off_fetches_nothing_and_what_is_committed_goes_on() {
    let mut site = Site::ready();
    site.start_read();
    site.commit_while_away("on the way");
    site.does(&["settings", "set", "mailbox.support.active", "off", "--yes"]);
    site.send("too late");
    site.portal.start_again();
    site.until("it is archived", |s| s.count("archived") == 1);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(site.portal.tickets().len(), 1);
    assert_eq!(site.status()["mailboxes"][0]["state"], "off");
    site.does(&["settings", "set", "mailbox.support.active", "on", "--yes"]);
    site.complete();
    assert_eq!(site.portal.tickets().len(), 2);
}

#[test]
fn archived_at_commit_it_leaves_the_inbox_while_the_portal_is_away() {
    let mut site = Site::ready_with(&[], &[], "archive_when = \"committed\"", "");
    site.start_read();
    site.portal.kill();
    site.send("tidy");
    site.until("it is in the archive", |s| {
        s.mail
            .messages()
            .iter()
            .all(|m| m["folder"] == "Archive" && m["seen"] == true)
    });
    assert_eq!(site.count("committed"), 1);
    site.portal.start_again();
    site.complete();
}

#[test]
fn a_password_that_changed_on_the_server_is_said_and_the_new_one_goes_on() {
    let mut site = Site::ready();
    site.start();
    site.send("before");
    site.complete();
    let other = "another secret";
    // Its session ends with the server; Dovecot reads the file again when it has changed.
    site.mail.start_again(&[]);
    let users = site.mail.path().join("users");
    std::fs::write(&users, format!("{USER}:{{PLAIN}}{other}\n")).expect("a file");
    site.until("the sign-in fails", |s| {
        text(&s.status()["mailboxes"][0], "said").contains("sign")
    });
    let (code, out, err) = site.command(
        &["settings", "set", "mailbox.support.password"],
        "a wrong one\n",
    );
    assert_eq!(code, 1, "{out}{err}");
    let (code, out, err) = site.command(
        &["settings", "set", "mailbox.support.password"],
        &format!("{other}\n"),
    );
    assert_eq!(code, 0, "{out}{err}");
    assert!(!format!("{out}{err}{}", site.log()).contains(other));
    site.until("it watches", |s| {
        s.status()["mailboxes"][0]["state"] == "watching"
    });
}

#[test]
fn another_folder_is_watched_at_once() {
    let mut site = Site::ready();
    site.hand().does("CREATE Tickets");
    site.start();
    site.send("in the inbox");
    site.until("it is archived", |s| s.count("archived") == 1);
    site.does(&[
        "settings",
        "set",
        "mailbox.support.folder",
        "Tickets",
        "--yes",
    ]);
    site.send("nobody looks here");
    let mail = crate::common::service::message("other", "in the other folder");
    site.hand().append("Tickets", "", &mail);
    site.until("it is archived too", |s| s.count("archived") == 2);
    assert!(site.tickets("nobody looks").is_empty());
    assert_eq!(site.tickets("in the other folder").len(), 1);
}

#[test]
fn another_folder_while_something_is_under_way_loses_and_doubles_nothing() {
    let mut site = Site::ready();
    site.hand().does("CREATE Tickets");
    site.start_read();
    site.commit_while_away("under way");
    let folder = ["settings", "set", "mailbox.support.folder=Tickets", "--yes"];
    let (code, out, err) = site.command(&folder, "");
    assert_eq!(code, 1, "{out}{err}");
    assert!(
        err.contains("1 of its messages are queued or to be archived"),
        "{err}"
    );
    site.does(&[&folder[..], &["--leave-behind"]].concat());
    site.portal.start_again();
    site.until("it is a ticket", |s| s.tickets("under way").len() == 1);
    // Nobody looks into the folder that it lies in: it stays there, which must be said.
    site.until("it is given up or said", |s| s.count("to-archive") == 0);
    site.sound();
    site.does(&[
        "settings",
        "set",
        "mailbox.support.folder",
        "INBOX",
        "--yes",
    ]);
    site.complete();
    assert_eq!(site.portal.tickets().len(), 1);
}

const SECOND: &str = "sales@yard.example";

/// A site with two mailboxes, `support` and `sales`.
fn two_mailboxes() -> Site {
    let site = Site::with(&["--user", &format!("{SECOND}:{PASSWORD}")], &[]);
    let toml = format!(
        "{}\n[mailbox.sales]\nactive = true\nhost = \"localhost\"\nport = {}\nsecurity = \"none\"\n\
         username = \"{SECOND}\"\nreceived_after = \"{CUTOFF}\"\n",
        site.settings("none", "", ""),
        site.mail.imap
    );
    let file = site.store().with_extension("toml");
    std::fs::write(&file, toml).expect("a file");
    let file = file.display().to_string();
    let typed = format!("{PASSWORD}\n{PASSWORD}\n{}\n", TOKEN);
    let (code, out, err) = site.command(&["settings", "import", &file, "--yes"], &typed);
    assert_eq!(code, 0, "{out}{err}");
    site
}

/// Goes red when a run with an end counts what is to be archived anywhere: it would never end.
#[test]
fn what_cannot_be_archived_from_a_mailbox_that_is_off_is_said_and_the_run_ends() {
    let mut site = two_mailboxes();
    site.start_read();
    site.commit_while_away("switched off");
    site.does(&["settings", "set", "mailbox.support.active", "off", "--yes"]);
    site.stop();
    // Dovecot reads the file again when it has changed since its start.
    site.mail
        .start_again(&["--user", &format!("{SECOND}:{PASSWORD}")]);
    let users = site.mail.path().join("users");
    let before = std::fs::read_to_string(&users).expect("a file");
    let other = before.replace(
        &format!("{USER}:{{PLAIN}}{PASSWORD}"),
        &format!("{USER}:{{PLAIN}}another"),
    );
    assert_ne!(before, other);
    std::fs::write(&users, other).expect("a file");
    site.portal.start_again();
    let (code, said) = site.once();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("mailbox support: archiving:"), "{said}");
    assert_eq!(site.count("to-archive"), 1, "nothing is lost sight of");
    site.mail
        .start_again(&["--user", &format!("{SECOND}:{PASSWORD}")]);
    // The refused password is tried on a word only, or in its time.
    let (code, said) = site.once();
    assert_eq!(code, 1, "{said}");
    site.does(&["queue", "retry", "--all"]);
    site.drains();
    site.complete();
}

#[test]
fn two_mailboxes_at_once_each_get_their_tickets() {
    let mut site = two_mailboxes();
    let mail = crate::common::service::message("both", "to both of you");
    site.hand().append("INBOX", "", &mail);
    let mut other = crate::common::service::Hand::sign_in_as(site.mail.imap, SECOND);
    other.append("INBOX", "", &mail);
    site.start();
    site.until("both are archived", |s| s.count("archived") == 2);
    let mut to: Vec<String> = site
        .tickets("to both of you")
        .iter()
        .map(|t| text(&site.body(t), "mailbox").to_owned())
        .collect();
    to.sort();
    assert_eq!(to, [USER, SECOND]);
}

#[test]
fn a_mailbox_that_is_a_persons_own_is_refused_unless_it_is_said_to_be_dedicated() {
    let person = "priya.raman@northgate-dental.example";
    let site = Site::ready_with(&["--user", &format!("{person}:{PASSWORD}")], &[], "", "");
    site.drains();
    let address = format!("mailbox.own.username={person}");
    let port = format!("mailbox.own.port={}", site.mail.imap);
    site.does(&["settings", "add", "own"]);
    site.does(&[
        "settings",
        "set",
        "mailbox.own.host=localhost",
        "mailbox.own.security=none",
        &address,
        &port,
    ]);
    let (code, out, err) = site.command(
        &["settings", "set", "mailbox.own.password"],
        &format!("{PASSWORD}\n"),
    );
    assert_eq!(code, 0, "{out}{err}");
    let said = site.refuses(&["settings", "set", "mailbox.own.active", "on", "--yes"]);
    assert!(
        said.contains("U-03") && said.contains("--dedicated"),
        "{said}"
    );
    site.does(&[
        "settings",
        "set",
        "mailbox.own.active",
        "on",
        "--yes",
        "--dedicated",
    ]);
    assert_eq!(site.status()["mailboxes"][1]["active"], true);
}

#[test]
fn an_address_that_becomes_a_persons_later_is_said_and_fetching_goes_on() {
    let mut site = Site::ready();
    site.start();
    site.send("before");
    site.complete();
    let mut directory = site.portal.admin("GET", "/directory?limit=1000", "");
    let new =
        serde_json::json!({"id": "U-77", "name": "Desk", "addresses": [USER], "company": "C-02"});
    directory["users"].as_array_mut().expect("users").push(new);
    let known =
        serde_json::json!({"users": directory["users"], "companies": directory["companies"]});
    site.portal
        .admin("PUT", "/_admin/directory", &known.to_string());
    site.does(&["directory", "sync"]);
    let alarms = site.status()["alarms"].to_string();
    assert!(alarms.contains("U-77"), "{alarms}");
    site.send("after");
    site.complete();
}

/// Goes red when only an activation is asked whose address it is.
#[test]
fn an_active_mailbox_does_not_take_a_persons_address() {
    let mut site = Site::ready();
    site.start();
    site.send("before");
    site.complete();
    let theirs = format!("mailbox.support.address={PERSON}");
    let said = site.refuses(&["settings", "set", &theirs, "--yes"]);
    assert!(said.contains("a user of the portal"), "{said}");
    site.does(&["settings", "set", &theirs, "--yes", "--dedicated"]);
    // The word can't be taken back while it is needed.
    let said = site.refuses(&["settings", "set", "mailbox.support.dedicated=off", "--yes"]);
    assert!(said.contains("a user of the portal"), "{said}");
}

/// Goes red when the old portal's directory answers for the new one.
#[test]
fn another_portal_is_asked_for_its_own_people() {
    let mut site = Site::ready();
    site.start_read();
    site.does(&["settings", "set", "mailbox.support.active", "off", "--yes"]);
    // Under its other name it is another portal, whose people are others too.
    let known = serde_json::json!({
        "users": [{"id": "U-77", "name": "Desk", "addresses": [USER], "company": "C-02"}],
        "companies": [],
    });
    site.portal
        .admin("PUT", "/_admin/directory", &known.to_string());
    let url = site.does(&["settings", "get", "portal.url"]);
    let url = url.trim().replace("127.0.0.1", "localhost");
    let changes = [
        format!("portal.url={url}"),
        "mailbox.support.active=on".to_owned(),
    ];
    let said = site.refuses(&["settings", "set", &changes[0], &changes[1], "--yes"]);
    assert!(said.contains("U-77, a user of the portal"), "{said}");
}

/// Goes red when people of the old portal's are known at the new one, whose ids mean others.
#[test]
fn the_people_of_another_portal_are_its_own() {
    let mut site = Site::ready();
    site.start_read();
    let other = Portal::start(&[]);
    // More than the old one had: its cursor is a good one there.
    let users: Vec<_> = (1..=80)
        .map(|n| {
            let address = format!("bea{n}@b.example");
            serde_json::json!({
                "id": format!("U-{n:02}"), "name": "Bea", "addresses": [address], "company": "C-01",
            })
        })
        .collect();
    let people = serde_json::json!({
        "users": users,
        "companies": [{"id": "C-01", "name": "B", "domains": ["b.example"]}],
    });
    other.admin("PUT", "/_admin/directory", &people.to_string());
    let old = format!("portal.url={}", site.portal.url);
    let url = format!("portal.url={}", other.url);
    let (code, said, _) = site.command(&["settings", "set", &url], "");
    assert_eq!(code, 1, "it is asked about");
    assert!(said.contains("whose people are read anew"), "{said}");
    site.does(&["settings", "set", &url, "--yes"]);
    site.send("of the old portal");
    site.send_from("bea1@b.example", "of the new one");
    site.until("both are decided", |s| {
        other.tickets().len() == 1 && s.count("held") == 1
    });
    let ticket = &other.tickets()[0];
    let path = format!("/_admin/tickets/{}", text(ticket, "id"));
    let body = other.admin("GET", &path, "");
    assert_eq!(body["subject"], "of the new one", "{body}");
    assert_eq!(body["user"], "U-01", "{body}");
    assert_eq!(site.list("held")[0]["reason"], "unknown-sender");
    assert!(site.portal.tickets().is_empty());
    assert!(site.does(&["status"]).contains("80 people"));
    // Back, while the old one is away: nobody is known, whom the new one knows or not.
    site.portal.kill();
    site.does(&["settings", "set", &old, "--yes"]);
    site.until("nobody is known", |s| {
        s.status()["portal"]["directory_read"] == false
    });
    site.send_from("bea2@b.example", "between the two");
    site.until("it is held", |s| s.count("held") == 2);
    let held = site.list("held");
    assert!(
        held.iter().all(|m| m["reason"] == "directory-not-read"
            || m["reason"] == "unknown-sender" && m["subject"] != "between the two"),
        "{held:?}"
    );
    site.portal.start_again();
    site.until("its people are known again", |s| {
        s.tickets("of the old portal").len() == 1
    });
    assert_eq!(other.tickets().len(), 1);
    assert!(site.tickets("between the two").is_empty());
}

/// Goes red when only a change has what is held looked at again, and not its undoing.
#[test]
fn a_change_that_is_undone_releases_what_it_held() {
    let mut site = Site::ready_with(&[], &[], "process_unknown_senders = true", "");
    site.start_read();
    let unknown = "mailbox.support.process_unknown_senders";
    site.does(&["settings", "set", unknown, "off", "--confirm-within", "5"]);
    site.send_from("nobody@nowhere.example", "a stranger's");
    site.until("it is held", |s| s.count("held") == 1);
    site.does(&["settings", "rollback", "--yes"]);
    site.until("it is a ticket", |s| s.tickets("a stranger's").len() == 1);
}

/// Goes red when a difference is told from a change that was undone.
#[test]
fn a_difference_is_told_from_what_was_in_force_before() {
    let mut site = Site::ready();
    site.start();
    site.does(&["settings", "set", "store.retain_days", "3"]);
    let tried = [
        "settings",
        "set",
        "portal.url=http://127.0.0.1:1",
        "--yes",
        "--confirm-within",
        "5",
    ];
    site.does(&tried);
    let waiting = site.does(&["settings", "diff"]);
    assert!(waiting.contains("-> http://127.0.0.1:1"), "{waiting}");
    site.does(&["settings", "rollback", "--yes"]);
    site.does(&["settings", "set", "store.retain_days", "4"]);
    let told = site.does(&["settings", "diff"]);
    assert!(told.contains("store.retain_days: 3 -> 4"), "{told}");
    assert!(!told.contains("portal.url"), "{told}");
}

/// Goes red when what was known for a mailbox that is gone hides its messages from the one that has the
/// account now.
#[test]
fn a_mailbox_that_was_removed_and_made_again_takes_over_what_lies_there() {
    let mut site = Site::ready();
    site.start_read();
    site.send_from("later@else.example", "held");
    site.until("it is held", |s| s.count("held") == 1);
    site.commit_while_away("on its way");
    let toml = site.settings("none", "", "");
    site.does(&["settings", "remove", "support", "--yes", "--leave-behind"]);
    site.portal.start_again();
    site.until("it is a ticket", |s| s.tickets("on its way").len() == 1);
    site.import(&toml);
    site.until("it is archived all the same", |s| s.count("archived") == 1);
    assert_eq!(site.count("to-archive"), 0);
    let held = site.list("held");
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(held[0]["mailbox"], "support");
    site.does(&["held", "convert", &site.key("held", "held")]);
    site.until("both are archived", |s| s.count("archived") == 2);
    site.sound();
}

/// A person of the portal's, with a mailbox on the test's server.
const PERSON: &str = "priya.raman@northgate-dental.example";

/// A site whose one mailbox is a person's own, and whose directory was never read; its secrets are
/// typed. With a settings file that activates it.
fn persons_own() -> (Site, String) {
    let site = Site::with(&["--user", &format!("{PERSON}:{PASSWORD}")], &[]);
    let toml = site.settings("none", "", "").replace(USER, PERSON);
    let file = site.store().with_extension("toml");
    std::fs::write(&file, toml.replace("active = true", "active = false")).expect("a file");
    for (command, typed) in [
        (["settings", "import", &file.display().to_string()], TOKEN),
        (["settings", "set", "mailbox.support.password"], PASSWORD),
    ] {
        let (code, out, err) = site.command(&command, &format!("{typed}\n"));
        assert_eq!(code, 0, "{out}{err}");
    }
    assert_eq!(site.status()["portal"]["directory_read"], false);
    (site, toml)
}

#[test]
fn a_persons_own_mailbox_is_refused_also_before_the_directory_was_ever_read() {
    let (site, toml) = persons_own();
    let file = site.store().with_extension("toml");
    let run = |toml: &str| {
        std::fs::write(&file, toml).expect("a file");
        let file = file.display().to_string();
        let (code, out, err) = site.command(&["run", "--once", "--settings", &file], "");
        (code, format!("{out}{err}"))
    };
    let (code, tested, _) = site.command(&["test", "support"], "");
    assert_eq!(code, 1, "{tested}");
    assert!(tested.contains("FAIL  support: dedicated"), "{tested}");
    let active = ["settings", "set", "mailbox.support.active", "on", "--yes"];
    for said in [
        site.refuses(&active),
        site.refuses(&[&active[..], &["--untried"]].concat()),
        site.imports(&toml).1,
        run(&toml).1,
    ] {
        assert!(said.contains("is the address of U-03"), "{said}");
        assert!(said.contains("dedicated = true"), "{said}");
    }
    assert_eq!(site.status()["mailboxes"][0]["active"], false);
    let (code, said) = run(&toml.replace("active = true", "active = true\ndedicated = true"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(site.status()["mailboxes"][0]["active"], true);
}

#[test]
fn whose_address_it_is_is_said_to_be_unchecked_while_nobody_can_say() {
    let (mut site, _) = persons_own();
    site.portal.kill();
    let unchecked = "not checked: the directory was never read";
    let (_, tested, _) = site.command(&["test", "support"], "");
    assert!(
        tested.contains(&format!("warn  support: dedicated: {unchecked}")),
        "{tested}"
    );
    // Before the portal can be reached a mailbox may be activated all the same: tickets wait here.
    let said = site.does(&["settings", "set", "mailbox.support.active", "on", "--yes"]);
    assert!(
        said.contains(&format!("Warning: mailbox.support.dedicated: {unchecked}")),
        "{said}"
    );
    site.portal.start_again();
    site.does(&["directory", "sync"]);
    site.start();
    site.until("it is said", |s| {
        s.status()["alarms"].to_string().contains("U-03")
    });
}

#[test]
fn a_token_that_could_not_be_tried_is_no_refused_token() {
    let site = Site::with(&[], &[]);
    let toml = site.settings("none", "", "");
    let elsewhere = toml.replace(&site.portal.url, "https://no-portal.invalid/v1");
    let (code, said) = site.imports(&elsewhere);
    assert_eq!(code, 1, "{said}");
    for words in [
        "the name no-portal.invalid was not found",
        "--untried",
        "name server",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("does not take the token"), "{said}");
    let file = site.store().with_extension("toml");
    std::fs::write(&file, &toml).expect("a file");
    let import = ["settings", "import", &file.display().to_string(), "--yes"];
    let (code, _, said) = site.command(&import, &format!("{PASSWORD}\nno token\n"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("does not take the token"), "{said}");
}

#[test]
fn mends_name_settings_by_their_keys_and_end_no_sentence_twice() {
    let site = Site::ready();
    site.does(&["settings", "set", "mailbox.support.active", "off"]);
    let password = ["settings", "set", "mailbox.support.password", "--untried"];
    let (code, _, err) = site.command(&password, "wrong\n");
    assert_eq!(code, 0, "{err}");
    let said = site.refuses(&["settings", "set", "mailbox.support.active", "on", "--yes"]);
    assert!(said.contains("type the password again"), "{said}");
    assert!(!said.contains(".:"), "{said}");
    site.does(&["settings", "set", "mailbox.support.security", "tls"]);
    let (_, tested, _) = site.command(&["test", "support"], "");
    assert!(
        tested.contains("-> set mailbox.support.security to starttls"),
        "{tested}"
    );
    assert!(!tested.contains(".."), "{tested}");
}
