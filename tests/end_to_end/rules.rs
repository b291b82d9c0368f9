//! The operator's own rules: what they set stands on the portal's ticket, whatever happens on the way; what they hold
//! or ignore says so, and comes back with the rule; replies are not asked about; and `explain` and the question
//! before a change say the same before.

use std::fs;

use serde_json::{json, Value};

use crate::common::service::{message, text, Site};

const STRANGER: &str = "nadia@elsewhere.example";

fn site() -> Site {
    let mut site = Site::ready();
    site.start_read();
    site
}

/// Makes a rule; the operator has seen what it matches.
#[track_caller]
fn rule(site: &Site, name: &str, pairs: &[&str]) -> String {
    let command = [&["rules", "add", name], pairs, &["--yes"]].concat();
    site.does(&command)
}

/// The one ticket with this in its subject, whole.
#[track_caller]
fn ticket(site: &Site, subject: &str) -> Value {
    site.until("it is a ticket", |s| s.tickets(subject).len() == 1);
    site.body(&site.tickets(subject)[0])
}

/// What rules set on a ticket.
fn marks(body: &Value) -> Value {
    json!([
        body["queue"],
        body["priority"],
        body["category"],
        body["company"],
        body["tags"],
        body["rules"]
    ])
}

fn with_header(id: &str, subject: &str, header: &str) -> Vec<u8> {
    [header.as_bytes(), &message(id, subject)].concat()
}

/// What `explain` says of a mail; as its schema has it.
#[track_caller]
fn explained(site: &Site, octets: &[u8]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.eml");
    fs::write(&file, octets).unwrap();
    let document = site.asks(&["explain", file.to_str().unwrap(), "--anew"]);
    let schema = include_str!("../../config/explain.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = schema
        .iter_errors(&document)
        .map(|e| e.to_string())
        .collect();
    assert!(faults.is_empty(), "{document}: {faults:?}");
    document["explanation"].clone()
}

/// The codes of the steps that are about rules, each with its rule's name.
fn steps(explanation: &Value) -> Vec<(String, String)> {
    let steps = explanation["steps"].as_array().unwrap().iter();
    let of_rules = steps.filter(|step| text(step, "code").starts_with("rule-"));
    of_rules
        .map(|step| {
            let name = text(step, "said").split(' ').nth(1).unwrap();
            (text(step, "code").to_owned(), name.to_owned())
        })
        .collect()
}

/// Goes red where a rule's say is lost when the ticket is composed again, after a kill.
#[test]
fn what_rules_set_stands_on_the_ticket_also_after_a_kill() {
    let mut site = site();
    let people = site.asks(&["directory", "show", "--limit", "500"]);
    let people = people["items"].as_array().unwrap();
    let company = people
        .iter()
        .find(|line| line["kind"] == "company")
        .unwrap();
    let company = text(company, "id").to_owned();
    let company = format!("company={company}");
    rule(
        &site,
        "printers",
        &[
            "subject=PRINTER",
            "queue=Hardware",
            &company,
            "tags=paper ink",
            "then=continue",
        ],
    );
    rule(&site, "never", &["subject=scanner", "queue=Other"]);
    rule(
        &site,
        "all",
        &[
            "sender_regex=@northgate-dental\\.example$",
            "queue=General",
            "priority=high",
            "category=incident",
            "tags=ink dental",
        ],
    );
    rule(&site, "behind", &["tags=unreached"]);
    site.portal.kill();
    let octets = message("printer", "the printer burns");
    site.hand().append("INBOX", "", &octets);
    site.until("it is committed", |s| s.count("committed") == 1);
    site.kill();
    site.portal.start_again();
    site.start_read();
    let body = ticket(&site, "the printer burns");
    let wanted = json!([
        "Hardware",
        "high",
        "incident",
        company.split('=').nth(1).unwrap(),
        ["paper", "ink", "dental"],
        ["printers", "all"]
    ]);
    assert_eq!(marks(&body), wanted);
    let explanation = explained(&site, &octets);
    assert_eq!(explanation["marks"]["queue"], "Hardware", "{explanation}");
    assert_eq!(explanation["company"], body["company"]);
    let word = |code: &str, name: &str| (code.to_owned(), name.to_owned());
    assert_eq!(
        steps(&explanation),
        [
            word("rule-matched", "printers"),
            word("rule-not-matched", "never"),
            word("rule-matched", "all"),
        ]
    );
    let said = explanation["steps"].to_string();
    assert!(
        said.contains("Rule never does not match: subject does not hold."),
        "{said}"
    );
    let life = site.does(&["log", &body["key"].as_str().unwrap()[..12]]);
    assert!(life.contains("rules had a say: printers, all"), "{life}");
    site.complete();
}

#[test]
fn a_mail_that_no_rule_matches_is_the_ticket_that_it_was() {
    let site = site();
    rule(&site, "never", &["subject=scanner", "queue=Other"]);
    site.send("the printer burns");
    let body = ticket(&site, "the printer burns");
    let members = body.as_object().unwrap();
    let set = |name: &str| {
        members
            .get(name)
            .is_some_and(|v| !v.is_null() && *v != json!([]))
    };
    assert!(
        !["queue", "priority", "category", "tags", "rules"]
            .iter()
            .any(|name| set(name)),
        "{body}"
    );
}

/// Goes red where what a rule holds stays held when the rule goes.
#[test]
fn what_a_rule_holds_says_so_and_becomes_a_ticket_when_the_rule_goes() {
    let site = site();
    rule(
        &site,
        "quiet",
        &[
            "header=X-Campaign",
            "header_value=spring",
            "action=hold",
            "reason=ask marketing first",
        ],
    );
    let octets = with_header("one", "spring is here", "X-Campaign: SPRING-26\r\n");
    site.hand().append("INBOX", "", &octets);
    site.until("it is held", |s| s.count("held") == 1);
    let held = site.list("held");
    assert_eq!(held[0]["reason"], "held-by-rule");
    assert_eq!(held[0]["said"], "rule quiet: ask marketing first");
    assert_eq!(site.mail.messages()[0]["folder"], "INBOX");
    let explanation = explained(&site, &octets);
    assert_eq!(explanation["reason"], "held-by-rule");
    assert_eq!(explanation["marks"]["why"], "ask marketing first");
    let life = site.does(&["log", text(&held[0], "key")]);
    assert!(
        life.contains("By rule quiet: ask marketing first"),
        "{life}"
    );
    // A change that leaves it as it is leaves it held; this one does not.
    site.does(&[
        "settings",
        "set",
        "rule.quiet.header_value",
        "summer",
        "--yes",
    ]);
    let body = ticket(&site, "spring is here");
    assert!(body["user"].is_string(), "{body}");
    assert_eq!(site.count("held"), 0);
    site.complete();
}

#[test]
fn what_a_rule_holds_can_be_converted_by_hand_and_is_asked_what_others_set() {
    let site = site();
    rule(
        &site,
        "quiet",
        &["subject=spring", "action=hold", "reason=later"],
    );
    rule(&site, "all", &["queue=General"]);
    site.send("spring is here");
    site.until("it is held", |s| s.count("held") == 1);
    let key = site.key("held", "spring");
    site.does(&["held", "convert", &key]);
    let body = ticket(&site, "spring is here");
    assert_eq!(body["queue"], "General");
    site.complete();
}

#[test]
fn what_a_rule_ignores_is_archived_with_its_reason_and_no_ticket() {
    let site = site();
    rule(
        &site,
        "adverts",
        &["attachment=.pdf", "action=ignore", "reason=catalogues"],
    );
    let mut octets =
        b"MIME-Version: 1.0\r\nContent-Type: application/pdf; name=\"spring.PDF\"\r\n".to_vec();
    octets.extend(message("one", "our catalogue"));
    site.hand().append("INBOX", "", &octets);
    site.until("it is archived", |s| {
        s.mail.messages()[0]["folder"] == "Archive"
    });
    site.until("that is known here", |s| s.count("to-archive") == 0);
    assert!(site.portal.tickets().is_empty());
    let aside = site.asks(&["held", "list", "--aside", "--reason", "ignored-by-rule"]);
    assert_eq!(aside["items"][0]["said"], "rule adverts: catalogues");
    let life = site.does(&["log", text(&aside["items"][0], "key")]);
    assert!(life.contains("By rule adverts: catalogues"), "{life}");
    let reasons = site.status()["reasons"].to_string();
    assert!(reasons.contains("ignored-by-rule"), "{reasons}");
}

/// Goes red where a rule holds, ignores or marks what goes into a ticket.
#[test]
fn a_reply_goes_into_its_ticket_whatever_the_rules_say() {
    let site = site();
    site.hand()
        .append("INBOX", "", &message("first", "the printer burns"));
    ticket(&site, "the printer burns");
    rule(
        &site,
        "none",
        &["subject=printer", "action=ignore", "reason=enough of it"],
    );
    let answer = with_header(
        "second",
        "Re: the printer burns",
        "In-Reply-To: <first@yard.example>\r\n",
    );
    let explanation = explained(&site, &answer);
    assert_eq!(explanation["decision"], "reply");
    assert_eq!(steps(&explanation), []);
    site.hand().append("INBOX", "", &answer);
    site.until("it is archived", |s| {
        let messages = s.mail.messages();
        messages.len() == 2 && messages.iter().all(|m| m["folder"] == "Archive")
    });
    site.until("both are at the portal", |s| s.count("forwarded") == 2);
    // The same subject, and no reply: the rule has it.
    site.hand()
        .append("INBOX", "", &message("third", "the printer burns again"));
    site.until("it is ignored", |s| s.count("ignored") == 1);
    assert_eq!(site.tickets("the printer burns").len(), 1);
}

/// Goes red where a rule makes tickets of strangers' mail, or where what is held is not asked again.
#[test]
fn a_stranger_stays_held_whatever_rules_set_and_may_be_ignored() {
    let site = site();
    rule(&site, "all", &["queue=General", "then=continue"]);
    site.send_from(STRANGER, "our catalogue");
    site.send_from(STRANGER, "help me");
    site.until("they are held", |s| s.count("held") == 2);
    assert!(site
        .list("held")
        .iter()
        .all(|l| l["reason"] == "unknown-sender"));
    let said = rule(
        &site,
        "adverts",
        &["subject=catalogue", "action=ignore", "reason=adverts"],
    );
    assert!(
        said.contains("rule adverts matches 1 of the newest 2 messages"),
        "{said}"
    );
    site.until("one is ignored", |s| {
        s.count("ignored") == 1 && s.count("held") == 1
    });
    assert!(site.portal.tickets().is_empty());
}

/// Goes red where a change of rules is made without showing what it would do.
#[test]
fn before_a_rule_is_made_or_moved_it_is_shown_which_mail_of_lately_it_matches() {
    let site = site();
    site.send("printer one");
    site.hand().append(
        "INBOX",
        "",
        &with_header("two", "printer two", "X-Room: Kitchen\r\n"),
    );
    site.send_from(STRANGER, "printer of a stranger");
    site.until("all are decided", |s| {
        s.count("forwarded") == 2 && s.count("held") == 1
    });
    let make = [
        "rules",
        "add",
        "kitchen",
        "header=X-Room",
        "header_value=kitchen",
        "action=ignore",
        "reason=no",
    ];
    let (code, out, err) = site.command(&make, "n\n");
    assert_eq!(code, 1, "{out}\n{err}");
    assert!(
        out.contains("rule kitchen matches 1 of the newest 3 messages"),
        "{out}"
    );
    assert!(
        out.contains("\"printer two\" from priya.raman@northgate-dental.example"),
        "{out}"
    );
    assert!(out.contains("1 more can't be told of"), "{out}");
    assert!(
        site.status()["counts"]["ignored"] == 0,
        "nothing was changed"
    );
    assert!(site
        .refuses(&["settings", "get", "rule.kitchen.action"])
        .contains("no rule"));
    site.does(&[make.as_slice(), &["--yes"]].concat());
    rule(
        &site,
        "printers",
        &["subject_regex=^printer (one|two)$", "queue=Hardware"],
    );
    let tried = site.asks(&["rules", "try"]);
    let found = |at: usize| {
        (
            text(&tried["rules"][at], "rule").to_owned(),
            tried["rules"][at]["matches"].clone(),
        )
    };
    assert_eq!(found(0), ("kitchen".to_owned(), json!(1)));
    assert_eq!(
        found(1),
        ("printers".to_owned(), json!(1)),
        "the other one is ignored before"
    );
    let (_, out, _) = site.command(&["rules", "move", "printers", "--first"], "n\n");
    assert!(out.contains("rule printers matches 2 of"), "{out}");
    assert!(out.contains("rule kitchen matches 0 of"), "{out}");
}

#[test]
fn a_faulty_rule_is_refused_with_the_place_and_the_company_is_looked_for() {
    let site = site();
    let said = site.refuses(&["rules", "add", "a", "subject_regex=over(due", "queue=q"]);
    assert!(said.contains("is no regular expression"), "{said}");
    let (_, out, _) = site.command(&["rules", "add", "a", "company=c-nobody"], "n\n");
    assert!(out.contains("no company of that id"), "{out}");
    rule(&site, "a", &["queue=q"]);
    let shown = site.does(&["rules", "list"]);
    assert!(
        shown.contains("rule.a\n") && shown.contains("Queue"),
        "{shown}"
    );
    let file = site.does(&["settings", "export"]);
    assert!(
        file.contains("[[rule]]\nname = \"a\"\nqueue = \"q\"\n"),
        "{file}"
    );
    site.does(&["rules", "remove", "a"]);
    assert!(!site.does(&["settings", "export"]).contains("[[rule]]"));
}

/// By the code that decides: what `explain --against` says is what then happens.
#[test]
fn other_rules_in_a_file_are_compared_rule_by_rule() {
    let site = site();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let others = site.does(&["settings", "export"])
        + "\n[[rule]]\nname = \"vip\"\nsubject = \"printer\"\nqueue = \"Hardware\"\n";
    fs::write(path("others.toml"), others).unwrap();
    fs::write(path("mail.eml"), message("one", "the printer burns")).unwrap();
    let document = site.asks(&[
        "explain",
        &path("mail.eml"),
        "--anew",
        "--against",
        &path("others.toml"),
    ]);
    assert_eq!(document["against"]["elsewhere"], true, "{document}");
    assert_eq!(document["explanation"]["marks"], Value::Null);
    assert_eq!(
        document["against"]["explanation"]["marks"]["queue"],
        "Hardware"
    );
    let differs = document["against"]["differs"].to_string();
    assert!(differs.contains("Rule vip matches"), "{differs}");
}
