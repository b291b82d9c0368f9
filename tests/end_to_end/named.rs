//! A mailbox gets another name while it runs: nothing but the name changes.

use crate::common::service::Site;

/// Goes red where a mailbox is known by its name, and where a task goes on under the old one.
#[test]
fn a_mailbox_that_gets_another_name_while_it_runs_goes_on_under_it() {
    let mut site = Site::ready();
    site.start_read();
    site.commit_while_away("queued before");
    let stranger = "nadia@elsewhere.example";
    site.send_from(stranger, "held before");
    site.until("it is held", |s| s.count("held") == 1);
    site.does(&["settings", "rename", "support", "helpdesk-north"]);
    site.until("it watches", |s| {
        s.status()["mailboxes"][0]["state"] == "watching"
    });
    let so_far = site.log().len();
    site.send("queued afterwards");
    site.until("it is committed", |s| s.count("committed") == 2);
    for list in ["queue", "held"] {
        let named: Vec<_> = site
            .list(list)
            .iter()
            .map(|l| l["mailbox"].clone())
            .collect();
        assert!(!named.is_empty(), "{list}");
        assert!(
            named.iter().all(|n| n == "helpdesk-north"),
            "{list}: {named:?}"
        );
    }
    site.portal.start_again();
    site.complete();
    for subject in ["queued before", "queued afterwards"] {
        assert_eq!(site.tickets(subject).len(), 1, "{subject}");
    }
    assert_eq!(site.portal.tickets().len(), 2);
    assert_eq!((site.count("held"), site.count("closed")), (1, 0));

    // The server has to be away for the mailbox to be named in the log.
    site.mail.stop();
    site.until("it fails", |s| {
        s.status()["mailboxes"][0]["state"] == "failing"
    });
    let status = site.status();
    assert_eq!(status["mailboxes"].as_array().map(Vec::len), Some(1));
    assert_eq!(status["mailboxes"][0]["name"], "helpdesk-north");
    let alarms = status["alarms"].to_string();
    assert!(alarms.contains("mailbox helpdesk-north: "), "{alarms}");
    let log = site.log().split_off(so_far);
    assert!(log.contains("mailbox helpdesk-north: "), "{log}");
    let shown = [
        log,
        status.to_string(),
        site.does(&["status"]),
        site.does(&["settings", "show"]),
        site.asks(&["held", "list"]).to_string(),
    ];
    for said in shown {
        assert!(!said.contains("support"), "{said}");
    }
    let said = site.refuses(&["settings", "get", "mailbox.support.host"]);
    assert!(said.contains("there is no mailbox `support`"), "{said}");
}
