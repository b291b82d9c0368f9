//! Whose request a mail is, from the mailbox to the portal: technicians who forward, lists that rewrite From,
//! domains, and what the operator's own mail server found out; and that `explain` says the same before.

use std::fs;
use std::path::PathBuf;

use serde_json::{json, Value};

use crate::common::service::{text, Site};

fn mail(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    fs::read(folder.join(format!("{name}.eml"))).unwrap()
}

/// The same, with what our own mail server says in front.
fn checked(name: &str, result: &str, domain: &str) -> Vec<u8> {
    let field = format!(
        "Authentication-Results: mx.provider.example; dmarc={result} header.from={domain}\r\n"
    );
    [field.into_bytes(), mail(name)].concat()
}

fn people() -> String {
    json!({
        "companies": [{ "id": "c-1", "name": "Nordwind", "domains": ["nordwind.example", "gmail.com"] }],
        "users": [
            { "id": "t-1", "name": "Tom", "addresses": ["tom@provider.example"], "technician": true },
            { "id": "t-2", "name": "Tina", "addresses": ["tina@provider.example"], "technician": true },
            { "id": "u-1", "name": "Petra", "addresses": ["Petra.Lang@nordwind.example"], "company": "c-1" },
            { "id": "u-2", "name": "J\u{fc}rgen", "addresses": ["j\u{fc}rgen.m\u{fc}ller@B\u{fc}cher.example"] },
        ],
    })
    .to_string()
}

fn site(settings: &[&str]) -> Site {
    let mut site = Site::ready();
    let pairs: Vec<String> = settings
        .iter()
        .map(|pair| format!("mailbox.support.{pair}"))
        .collect();
    if !pairs.is_empty() {
        let mut command = vec!["settings", "set"];
        command.extend(pairs.iter().map(String::as_str));
        site.does(&command);
    }
    site.portal.admin("PUT", "/_admin/directory", &people());
    site.start_read();
    site
}

/// The one ticket whose subject is this, whole.
fn ticket(site: &Site, octets: &[u8], subject: &str) -> Value {
    let before = site.portal.tickets().len();
    site.hand().append("INBOX", "", octets);
    site.until("it is a ticket", |s| s.portal.tickets().len() > before);
    let tickets = site.tickets(subject);
    site.body(tickets.last().unwrap())
}

/// Whose it is: user, company, requester, by which way, technician.
#[track_caller]
fn check(body: &Value, wanted: [&str; 5]) {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let found = [
        word(&body["user"]),
        word(&body["company"]),
        word(&body["requester"]["address"]),
        word(&body["requester_by"]),
        word(&body["technician"]),
    ];
    assert_eq!(found, wanted, "{body}");
}

#[test]
fn what_a_technician_forwards_is_the_customer_s_ticket_and_names_the_technician() {
    let site = site(&[
        "forwards_by_technicians=on",
        "authentication_server=mx.provider.example",
    ]);
    let domain = "provider.example";
    let octets = checked(
        "forward-of-a-forward-quoted-twice-by-apple-mail",
        "pass",
        domain,
    );
    let body = ticket(&site, &octets, "Fwd: Printer");
    let petra = "petra.lang@nordwind.example";
    check(&body, ["u-1", "c-1", petra, "forward", "t-1"]);
    assert_eq!(body["from"]["address"], "tom@provider.example");
    assert_eq!(body["authentication"]["dmarc"], "pass");
    assert_eq!(body["doubtful"], false);
    // Somebody whom the directory does not know: the technician's word is enough.
    let octets = mail("forward-of-outlook-in-norwegian");
    let body = ticket(&site, &octets, "VS: Skriver");
    check(&body, ["-", "-", "kari@vind.example", "forward", "t-1"]);
    // Forged: it is nobody's but the technician's, and says so.
    let octets = checked("forward-as-a-part", "fail", domain);
    let body = ticket(&site, &octets, "Fwd: Printer");
    check(&body, ["t-1", "-", "tom@provider.example", "from", "-"]);
    assert_eq!(body["doubtful"], true);
}

#[test]
fn a_known_address_that_fails_dmarc_is_held_by_setting_and_looked_at_again_by_another() {
    let site = site(&[
        "authentication_server=mx.provider.example",
        "failed_dmarc=hold",
    ]);
    let subject = "The silent printer";
    let head =
        "From: petra.lang@nordwind.example\r\nTo: support@example.org, anna@nordwind.example\r\n";
    let forged = format!(
        "Authentication-Results: mx.provider.example; dmarc=fail\r\n{head}Subject: {subject}\r\n\r\nPay.\r\n"
    );
    site.hand().append("INBOX", "", forged.as_bytes());
    site.until("it is held", |s| s.count("held") == 1);
    assert_eq!(site.list("held")[0]["reason"], "authentication-failed");
    // As explain says, with every reason.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forged.eml");
    fs::write(&file, &forged).unwrap();
    let file = file.to_str().unwrap();
    let said = site.does(&["explain", "--anew", file]);
    for words in [
        "DMARC fail",
        "such messages are held",
        "may be forged",
        "authentication-failed",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    site.does(&["settings", "set", "mailbox.support.failed_dmarc=mark"]);
    site.until("it is a ticket", |s| s.tickets(subject).len() == 1);
    let body = site.body(&site.tickets(subject)[0]);
    check(
        &body,
        ["u-1", "c-1", "petra.lang@nordwind.example", "from", "-"],
    );
    assert_eq!(body["doubtful"], true);
    let participants = body["participants"].as_array().unwrap();
    assert!(participants
        .iter()
        .any(|p| p["address"] == "anna@nordwind.example"));
}

#[test]
fn what_was_held_for_its_list_s_address_is_looked_at_again_once_the_list_is_trusted() {
    let site = site(&[]);
    site.hand()
        .append("INBOX", "", &mail("list-mailman-3-munged-with-reply-to"));
    site.until("it is held", |s| s.count("held") == 1);
    assert_eq!(site.list("held")[0]["reason"], "unknown-sender");
    let trust = "mailbox.support.resolve_lists=Lists.Provider.example, support@provider.example";
    site.does(&["settings", "set", trust]);
    site.until("it is a ticket", |s| {
        s.tickets("[Users] Printer").len() == 1
    });
    let body = site.body(&site.tickets("[Users] Printer")[0]);
    check(
        &body,
        ["u-1", "c-1", "petra.lang@nordwind.example", "list", "-"],
    );
    // Another list of the same kind, which nobody named.
    site.hand().append(
        "INBOX",
        "",
        &mail("list-groups-io-with-the-author-in-the-address"),
    );
    site.until("it is held", |s| s.count("held") == 1);
}

#[test]
fn addresses_are_the_same_in_every_spelling_and_domains_name_companies() {
    let site = site(&["company_by_domain=known"]);
    let body = ticket(
        &site,
        &mail("international-domains-and-local-parts"),
        "Drucker",
    );
    check(
        &body,
        [
            "u-2",
            "-",
            "J\u{fc}rgen.M\u{fc}ller@B\u{dc}CHER.example",
            "from",
            "-",
        ],
    );
    let octets = b"From: otto@Nordwind.example\r\nSubject: By its domain\r\n\r\nx\r\n";
    let body = ticket(&site, octets, "By its domain");
    check(&body, ["-", "c-1", "otto@Nordwind.example", "from", "-"]);
    // A public provider's says nothing, whatever the portal gives.
    site.hand().append(
        "INBOX",
        "",
        b"From: otto@gmail.com\r\nSubject: g\r\n\r\nx\r\n",
    );
    site.until("it is held", |s| s.count("held") == 1);
    let shown = site.does(&["directory", "show", "tina@provider.example"]);
    assert!(shown.contains("(technician)"), "{shown}");
    assert_eq!(text(&site.list("held")[0], "from"), "otto@gmail.com");
}

/// Goes red where a mail under a company's domain that does not stand behind it is fetched anew at each look at what
/// is held, to be held again.
#[test]
fn a_forged_domain_is_held_once_whatever_the_directory_learns() {
    let site = site(&[
        "company_by_domain=known",
        "authentication_server=mx.provider.example",
    ]);
    let forged =
        "Authentication-Results: mx.provider.example; dmarc=fail header.from=nordwind.example\r\n\
         From: otto@nordwind.example\r\nTo: help@provider.example\r\nSubject: pay this\r\n\
         Message-ID: <forged@nordwind.example>\r\n\r\nNow.\r\n";
    site.hand().append("INBOX", "", forged.as_bytes());
    site.until("it is held", |s| s.count("held") == 1);
    let key = site.key("held", "pay this");
    for n in 0..2 {
        let mut people: Value = serde_json::from_str(&people()).unwrap();
        people["users"][0]["name"] = format!("Tom {n}").into();
        site.portal
            .admin("PUT", "/_admin/directory", &people.to_string());
        site.does(&["directory", "sync"]);
    }
    // Behind it comes one that does become a ticket: the looks are over.
    let petra = "From: petra.lang@nordwind.example\r\nSubject: behind it\r\n\r\nx\r\n";
    ticket(&site, petra.as_bytes(), "behind it");
    let log = site.does(&["log", &key]);
    assert_eq!(log.matches("Z  held").count(), 1, "{log}");
}
