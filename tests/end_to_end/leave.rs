//! One portal is left for another while tickets are on their way: none is sent to both.

use crate::common::service::{text, Site};
use crate::common::Portal;

/// Two things protect here, and it goes red with both taken out: a receipt waits for company a second at
/// most, and the change of the portal has those that wait written first.
#[test]
fn what_a_portal_acknowledged_is_not_sent_to_the_next_one_after_a_kill() {
    let mut site = Site::ready();
    site.start_read();
    let other = Portal::start(&[]);
    // While one is on its way, receipts of others wait for company.
    site.fault(r#"[{"route": "ticket", "subject": "slow", "action": {"latency_ms": 20000}}]"#);
    site.send_from("elodie@vieuxphare.example", "slow one");
    site.until("it is on its way", |s| s.count("committed") == 1);
    site.send("acknowledged");
    site.until("the old one has it", |s| {
        s.tickets("acknowledged").len() == 1
    });
    let url = format!("portal.url={}", other.url);
    site.does(&["settings", "set", &url, "--yes"]);
    site.kill();
    site.start();
    site.until("the new one has the other", |_| {
        other
            .tickets()
            .iter()
            .any(|t| text(t, "subject") == "slow one")
    });
    assert_eq!(other.tickets().len(), 1, "{:?}", other.tickets());
}

/// Goes red when nobody waits for the answers to what is on its way when the portal changes: killed then,
/// both portals have it.
#[test]
fn what_is_on_its_way_while_the_portal_changes_is_not_sent_to_both() {
    let mut site = Site::ready();
    site.start_read();
    let other = Portal::start(&[]);
    site.sends_slowly("on its way", 3000);
    let url = format!("portal.url={}", other.url);
    std::thread::scope(|scope| {
        let change = scope.spawn(|| site.does(&["settings", "set", &url, "--yes"]));
        site.until("it waits", |s| {
            s.log().contains("waiting for the portal's answer")
        });
        site.send("while it waits");
        change.join().expect("it is changed");
    });
    site.kill();
    site.start();
    site.until("both are archived", |s| s.count("archived") == 2);
    let old = (
        site.tickets("on its way").len(),
        site.tickets("while").len(),
    );
    assert_eq!((old, other.tickets().len()), ((1, 0), 1));
}
