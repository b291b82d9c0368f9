//! The directory as the operator sees it: companies and people in pages, and what an address, a
//! name or a domain leads to; also where there are fifty thousand people.

use std::time::Duration;

use serde_json::{json, Value};

use crate::common::service::{text, Site};

/// A site whose directory was read.
#[track_caller]
fn read_site() -> Site {
    let mut site = Site::ready();
    site.start_read();
    site
}

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().cloned().expect("a list")
}

fn names(page: &Value) -> Vec<String> {
    let items = items(page);
    items.iter().map(|i| text(i, "name").to_owned()).collect()
}

#[test]
fn companies_and_people_are_listed_with_what_they_are_known_by() {
    let site = read_site();
    let page = site.asks(&["directory", "show"]);
    assert_eq!(
        (&page["companies"], &page["people"]),
        (&json!(9), &json!(19))
    );
    assert_eq!(page["whole"], true);
    assert!(page["whole_at"].is_string() && page["read_at"].is_string());
    let items = items(&page);
    assert_eq!(items.len(), 28);
    let dental = items.iter().find(|i| i["id"] == "C-02").expect("a company");
    assert_eq!(dental["name"], "Northgate Dental Partners");
    assert_eq!(dental["known_by"], json!(["northgate-dental.example"]));
    assert_eq!(dental["people"], 3);
    let priya = items.iter().find(|i| i["id"] == "U-03").expect("a person");
    assert_eq!(priya["name"], "Priya Raman");
    assert_eq!(priya["company_name"], "Northgate Dental Partners");
    assert_eq!(
        priya["known_by"],
        json!(["priya.raman@northgate-dental.example"])
    );
    let shown = site.does(&["directory", "show"]);
    for words in [
        "9 companies, 19 people; read whole at 2",
        "Northgate Dental Partners",
        "Priya Raman",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // In pages it is the same.
    let mut after = Vec::new();
    let mut seen = Vec::new();
    loop {
        let mut command = vec!["directory", "show", "--limit", "10"];
        command.extend(after.iter().map(String::as_str));
        let page = site.asks(&command);
        seen.extend(names(&page));
        match page["next"].as_str() {
            Some(next) => after = vec!["--after".to_owned(), next.to_owned()],
            None => break,
        }
    }
    let all: Vec<String> = items.iter().map(|i| text(i, "name").to_owned()).collect();
    assert_eq!(seen, all);
}

#[test]
fn an_address_a_name_and_a_domain_tell_what_the_directory_knows() {
    let site = read_site();
    let who = |what: &str| site.asks(&["directory", "show", what]);
    let said = |what: &str| text(&who(what), "said").to_owned();
    assert_eq!(
        said("Priya.Raman@northgate-dental.example"),
        "Priya.Raman@northgate-dental.example is the address of Priya Raman (U-03) of Northgate \
         Dental Partners (C-02): mail from it becomes a ticket of theirs."
    );
    let stranger = said("new@northgate-dental.example");
    assert!(
        stranger.contains("Northgate Dental Partners")
            && stranger.contains("held as unknown-sender"),
        "{stranger}"
    );
    assert!(said("x@elsewhere.example").contains("nobody's address"));
    assert_eq!(names(&who("raman")), ["Priya Raman"]);
    assert_eq!(
        names(&who("northgate-dental.example")),
        [
            "Northgate Dental Partners",
            "Priya Raman",
            "Dr. Tom Okafor",
            "Reception"
        ]
    );
    assert_eq!(names(&who("nobody of this name")), [""; 0]);
    // What is said is what happens: the stranger's mail is held, Priya's is a ticket.
    site.send_from("new@northgate-dental.example", "who am I");
    site.send("known");
    site.until("one is held", |s| s.count("held") == 1);
    site.until("the other is a ticket", |s| s.tickets("known").len() == 1);
    assert_eq!(site.list("held")[0]["reason"], "unknown-sender");
    site.does(&[
        "settings",
        "set",
        "mailbox.support.process_unknown_senders",
        "on",
    ]);
    assert!(said("x@elsewhere.example").contains("becomes a ticket without a user"));
}

/// How long a large directory may take to be read, on a machine that is busy with much else.
const READ: Duration = Duration::from_secs(300);
/// How much more memory many people may take than few. Measured are 6 to 10 MiB, of sled's own tables and of
/// what each look leaves to its thread: 12,000 people take 5, 100,000 take 11. With 50,000 people held in
/// memory as they were decoded (some 250 octets each) they are 19.
const MORE_KIB: u64 = 14 * 1024;

/// The most memory, in KiB, that the service took while it read a directory of so many people and looked
/// through it.
#[track_caller]
fn most_kib_with(people: usize) -> u64 {
    let first = ["Anna", "Bo", "Chidi", "Dilek", "Emre", "Fatou", "Gwen"];
    let users: Vec<Value> = (0..people)
        .map(|n| {
            json!({
                "id": format!("U-{n:05}"),
                "name": format!("{} Surname{}", first[n % first.len()], n / 3),
                "addresses": [format!("p{n}@d{}.example", n % 400)],
                "company": format!("C-{:03}", n % 400),
            })
        })
        .collect();
    let companies: Vec<Value> = (0..400)
        .map(|n| json!({"id": format!("C-{n:03}"), "name": format!("Company {n}"), "domains": [format!("d{n}.example")]}))
        .collect();
    let mut site = Site::ready();
    let whole = json!({ "users": users, "companies": companies });
    site.portal
        .admin("PUT", "/_admin/directory", &whole.to_string());
    site.start();
    site.until_within(READ, "the directory is read", |s| {
        s.status()["portal"]["people"] == people && s.status()["portal"]["directory_read"] == true
    });
    let ask = |what: &[&str]| {
        let mut command = vec!["directory", "show"];
        command.extend(what);
        site.asks(&command)
    };
    let each = people / 400;
    // What one look takes, threads keep for the next.
    let mut resident = Vec::new();
    for _ in 0..3 {
        assert_eq!(items(&ask(&[])).len(), 50);
        let late = format!("surname{}", people / 3 - 1);
        assert_eq!(names(&ask(&[&late])).len(), 3);
        let some = items(&ask(&["anna", "--limit", "500"])).len();
        assert_eq!(some, people.div_ceil(first.len()).min(500));
        assert_eq!(items(&ask(&["@d7.example", "--limit", "500"])).len(), each);
        assert!(text(&ask(&["p407@d7.example"]), "said").contains("(U-00407) of Company 7"));
        let of_company = items(&ask(&["c-007", "--limit", "500"]));
        assert_eq!(of_company.len(), each + 1);
        let company = of_company[0].clone();
        assert_eq!(
            (text(&company, "name"), &company["people"]),
            ("Company 7", &json!(each))
        );
        for n in 0..20 {
            let digits = format!("surname{}", n * (people / 70));
            assert!(!items(&ask(&[&digits])).is_empty(), "{digits}");
        }
        resident.push(site.resident_kib());
    }
    let grown = resident[2].saturating_sub(resident[0]);
    assert!(grown < 1024, "{resident:?} KiB");
    site.most_resident_kib()
}

/// Goes red where memory follows how many people a portal has.
#[test]
fn fifty_thousand_people_are_looked_through_in_the_same_memory() {
    let (few, many) = (most_kib_with(800), most_kib_with(50_000));
    eprintln!("at most {few} KiB with 800 people, {many} KiB with 50,000");
    assert!(many.saturating_sub(few) < MORE_KIB, "{few} KiB, {many} KiB");
    // Of a build without optimisations.
    assert!(many < 40 * 1024, "{many} KiB");
}

/// Goes red when a portal that loses the place in its directory each time is asked on and on, without a
/// pause.
#[test]
fn a_portal_that_loses_our_place_again_and_again_is_asked_now_and_then() {
    let users: Vec<Value> = (0..600)
        .map(|n| json!({"id": format!("U-{n}"), "name": "N", "addresses": [format!("p{n}@d.example")]}))
        .collect();
    let mut site = Site::ready();
    let whole = json!({ "users": users, "companies": [] });
    site.portal
        .admin("PUT", "/_admin/directory", &whole.to_string());
    // Each second request: one that a rule before has met is not seen by the next.
    let rules: Vec<Value> = (2..100)
        .map(|nth| json!({"route": "directory", "nth": nth, "action": {"status": 410}}))
        .collect();
    site.fault(&json!(rules).to_string());
    site.start();
    let said = "the directory could not be read: the portal lost our place";
    site.until("it is said", |s| s.log().contains(said));
    let asked = site.requests("directory").len();
    assert!((4..20).contains(&asked), "asked {asked} times");
    site.no_faults();
    site.until_read();
    assert_eq!(site.status()["portal"]["people"], 600);
}

/// Goes red when somebody who was deleted at the portal stays known here: their mail would become tickets
/// of a user whom the portal has no more.
#[test]
fn mail_of_a_user_who_was_deleted_at_the_portal_is_held() {
    is_held_once_deleted(false);
}

/// Goes red when a directory that is read anew, since the portal has lost the cursor, keeps who did not come.
#[test]
fn mail_of_a_user_who_was_deleted_while_the_cursor_was_lost_is_held() {
    is_held_once_deleted(true);
}

#[track_caller]
fn is_held_once_deleted(cursor_lost: bool) {
    let site = read_site();
    site.send("while known");
    site.until("it is a ticket", |s| s.tickets("while known").len() == 1);
    let mut directory = site.portal.admin("GET", "/directory?limit=1000", "");
    let users = directory["users"].as_array_mut().expect("users");
    users.retain(|u| u["id"] != "U-03");
    assert_eq!(users.len(), 18);
    // Somebody comes meanwhile: what is read is not nothing, whatever becomes of who goes.
    let new = json!({"id": "U-99", "name": "Nadia", "addresses": ["nadia@elsewhere.example"]});
    users.push(new);
    let others = json!({"users": directory["users"], "companies": directory["companies"]});
    site.portal
        .admin("PUT", "/_admin/directory", &others.to_string());
    if cursor_lost {
        site.portal.admin("DELETE", "/_admin/cursors", "");
    }
    site.does(&["directory", "sync"]);
    site.send("who was deleted");
    let mut tickets = 0;
    site.until("it is decided", |s| {
        tickets = s.tickets("who was deleted").len();
        tickets > 0 || s.count("held") == 1
    });
    assert_eq!(tickets, 0, "a ticket of somebody who is gone");
    assert_eq!(site.list("held")[0]["reason"], "unknown-sender");
    let page = site.asks(&["directory", "show"]);
    assert_eq!(
        (&page["companies"], &page["people"]),
        (&json!(9), &json!(19))
    );
}

/// Goes red when a company that was deleted at the portal stays on the tickets of its people: the portal tells
/// of the company alone, and may refuse a ticket for an id that means nothing to it.
#[test]
fn tickets_name_no_company_that_was_deleted_at_the_portal() {
    let site = read_site();
    let company = |subject: &str| {
        site.send(subject);
        site.until("it is a ticket", |s| s.tickets(subject).len() == 1);
        let body = site.body(&site.tickets(subject)[0]);
        assert_eq!(body["user"], "U-03", "{body}");
        body["company"].clone()
    };
    assert_eq!(company("of a company"), "C-02");
    let mut directory = site.portal.admin("GET", "/directory?limit=1000", "");
    let companies = directory["companies"].as_array_mut().expect("companies");
    companies.retain(|c| c["id"] != "C-02");
    assert_eq!(companies.len(), 8);
    let others = json!({"users": directory["users"], "companies": directory["companies"]});
    let replaced = site
        .portal
        .admin("PUT", "/_admin/directory", &others.to_string());
    assert_eq!(replaced["changed"], 1, "its people are as they were");
    site.does(&["directory", "sync"]);
    assert_eq!(company("of none"), Value::Null);
    let said = |what: &str| text(&site.asks(&["directory", "show", what]), "said").to_owned();
    assert!(!said("priya.raman@northgate-dental.example").contains("C-02"));
    // Nor does its domain hint at it any more.
    let stranger = said("new@northgate-dental.example");
    assert!(!stranger.contains("Northgate"), "{stranger}");
    assert!(names(&site.asks(&["directory", "show"]))
        .iter()
        .all(|name| name != "Northgate Dental Partners"));
    // Read whole, it is the same: the people still name their company.
    site.portal.admin("DELETE", "/_admin/cursors", "");
    site.does(&["directory", "sync"]);
    assert_eq!(company("of none still"), Value::Null);
    site.complete();
}

/// Goes red when tickets wait until a large directory is read: a portal that changes everybody would stop
/// the mail for as long as that takes.
#[test]
fn tickets_go_out_while_fifty_thousand_people_are_read() {
    let site = read_site();
    let mut directory = site.portal.admin("GET", "/directory?limit=1000", "");
    let users = directory["users"].as_array_mut().expect("users");
    let known = users.len() as u64;
    users.extend((0..50_000).map(|n| {
        json!({
            "id": format!("P-{n:05}"),
            "name": format!("Surname{n}"),
            "addresses": [format!("p{n}@d{}.example", n % 400)],
        })
    }));
    let whole = json!({"users": directory["users"], "companies": directory["companies"]});
    site.portal
        .admin("PUT", "/_admin/directory", &whole.to_string());
    // A hundred pages: together they take longer than the tickets may.
    site.fault(r#"[{"route": "directory", "action": {"latency_ms": 400}}]"#);
    let people = |s: &Site| s.status()["portal"]["people"].as_u64().expect("a count");
    std::thread::scope(|scope| {
        // Says when it is done.
        let sync = scope.spawn(|| site.does(&["directory", "sync"]));
        site.until("it is being read", |s| people(s) > known + 1_000);
        for n in 0..5 {
            let subject = format!("meanwhile {n}");
            site.send(&subject);
            site.until("it is a ticket", |s| s.tickets(&subject).len() == 1);
            let read = people(&site);
            assert!(
                read < known + 50_000,
                "ticket {n} came behind all {read} people"
            );
        }
        site.no_faults();
        sync.join().expect("it is read");
    });
    assert_eq!(people(&site), known + 50_000);
    site.complete();
}

/// Goes red where a look that finds nothing new is written down: a box at rest would write to its card at each.
#[test]
fn that_nothing_changed_at_the_portal_is_not_written_down() {
    let mut site = Site::ready();
    site.start_read();
    let read_at = |s: &Site| text(&s.asks(&["directory", "show"]), "read_at").to_owned();
    let first = read_at(&site);
    std::thread::sleep(Duration::from_millis(1100));
    let (code, said, err) = site.command(&["directory", "sync"], "");
    assert!(code == 4 && said.contains("has not changed"), "{said}{err}");
    assert!(read_at(&site) > first, "it is known when it was looked at");
    site.stop();
    site.portal.kill();
    site.start();
    assert_eq!(read_at(&site), first);
    site.stop();
}
