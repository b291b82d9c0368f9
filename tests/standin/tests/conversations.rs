//! Conversations at the stand-in: which ticket a sign leads to, what closing and merging change about it,
//! and the mail that it sends itself.

mod wire;

use serde_json::{json, Value};
use wire::{key, message, Answer, Standin};

const PETRA: &str = "pt-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "pt-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn fresh(more: &[&str]) -> (tempfile::TempDir, Standin) {
    let dir = tempfile::tempdir().unwrap();
    let standin = Standin::start(dir.path(), more);
    (dir, standin)
}

/// Petra's ticket T-1 with a reply, and somebody else's ticket T-2.
fn two(standin: &Standin) {
    let mut first = message(1);
    first["token"] = PETRA.into();
    first["user"] = "u-7".into();
    first["company"] = "c-12".into();
    first["to"] =
        json!([{ "address": "Support+x@provider.example" }, { "address": "lee@b.example" }]);
    assert_eq!(standin.post(&first).json()["id"], "T-1");
    let mut reply = message(2);
    reply["token"] = PETRA.into();
    reply["about"] = key(1).into();
    reply["cc"] = json!([{ "address": "PETRA@nordwind.example" }, { "address": "kim@b.example" }]);
    assert_eq!(replied(standin, "T-1", &reply).status, 201);
    let mut other = message(3);
    other["token"] = OTHER.into();
    assert_eq!(standin.post(&other).json()["id"], "T-2");
}

fn replied(standin: &Standin, ticket: &str, message: &Value) -> Answer {
    let path = format!("/tickets/{ticket}/replies");
    standin.connect().post(&path, message).unwrap()
}

fn act(standin: &Standin, what: &str, wish: Value) -> Answer {
    let path = format!("/_admin/tickets/{what}");
    standin.ask("POST", &path, &[], wish.to_string().as_bytes())
}

#[track_caller]
fn found(standin: &Standin, query: &str) -> Value {
    let answer = standin.get(&format!("/conversations?{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["found"].clone()
}

#[track_caller]
fn leads(standin: &Standin, query: &str, ticket: Option<&str>) {
    let found = found(standin, query);
    assert_eq!(found["ticket"].as_str(), ticket, "{query}: {found}");
}

#[test]
fn a_ticket_is_found_by_each_sign_and_tells_who_takes_part() {
    let (_dir, standin) = fresh(&[]);
    two(&standin);
    let petra = json!({ "ticket": "T-1", "open": true, "user": "u-7", "company": "c-12",
        "participants": ["petra@nordwind.example", "lee@b.example", "kim@b.example"] });
    let first = "message_id=1%40nordwind.example";
    for query in [
        &format!("token={PETRA}"),
        first,
        "message_id=2@nordwind.example",
        "ticket=t-1",
    ] {
        assert_eq!(found(&standin, query), petra, "{query}");
    }
    let none = "message_id=9@nordwind.example&ticket=t-9&ticket=R-1";
    leads(&standin, none, None);
    leads(&standin, &format!("{none}&ticket=t-2"), Some("T-2"));
}

#[test]
fn tokens_count_before_message_ids_and_those_before_tickets() {
    let (_dir, standin) = fresh(&[]);
    two(&standin);
    let all = "ticket=t-2&message_id=3@nordwind.example&message_id=1@nordwind.example";
    leads(&standin, all, Some("T-2"));
    leads(&standin, &format!("{all}&token={PETRA}"), Some("T-1"));
    leads(
        &standin,
        "ticket=t-2&message_id=2@nordwind.example",
        Some("T-1"),
    );
}

#[test]
fn what_asks_for_nothing_or_too_much_is_invalid() {
    let (_dir, standin) = fresh(&[]);
    let many = |pair: &str, n: usize| vec![pair; n].join("&");
    for query in [
        String::new(),
        "colour=red".to_owned(),
        "token=pt-1".to_owned(),
        format!("token={}", PETRA.to_uppercase()),
        "message_id=".to_owned(),
        format!("message_id={}", "x".repeat(501)),
        format!("ticket={}", "x".repeat(129)),
        many("ticket=x", 9),
        many("message_id=x", 9),
        many(&format!("token={PETRA}"), 9),
    ] {
        let answer = standin.get(&format!("/conversations?{query}"));
        answer.is_problem(400, "invalid");
    }
    leads(&standin, &many("message_id=x", 8), None);
    let long = standin.get(&format!("/conversations?message_id={}", "x".repeat(70_000)));
    assert_eq!(long.status, 414);
}

#[test]
fn a_closed_ticket_says_so_and_takes_replies_only_where_it_was_told_to() {
    let (dir, standin) = fresh(&[]);
    two(&standin);
    assert_eq!(act(&standin, "T-1/close", json!({})).status, 200);
    assert_eq!(found(&standin, "ticket=t-1")["open"], false);
    replied(&standin, "T-1", &message(4)).is_problem(410, "ticket-closed");
    // What was accepted before is still answered as it was.
    let mut again = message(2);
    again["token"] = PETRA.into();
    again["about"] = key(1).into();
    again["cc"] = json!([{ "address": "PETRA@nordwind.example" }, { "address": "kim@b.example" }]);
    assert_eq!(replied(&standin, "T-1", &again).status, 201);
    drop(standin);
    let standin = Standin::start(dir.path(), &[]);
    assert_eq!(found(&standin, "ticket=t-1")["open"], false);
    // The message becomes a ticket, which has the token as well: there it goes on.
    let mut next = message(4);
    next["token"] = PETRA.into();
    next["about"] = key(1).into();
    assert_eq!(standin.post(&next).json()["id"], "T-3");
    leads(&standin, &format!("token={PETRA}"), Some("T-3"));
    assert_eq!(
        act(&standin, "T-1/close", json!({ "takes": true })).status,
        200
    );
    assert_eq!(replied(&standin, "T-1", &message(5)).status, 201);
    assert_eq!(found(&standin, "ticket=t-1")["open"], false);
    act(&standin, "T-1/close", json!({}));
    act(&standin, "T-1/reopen", json!({}));
    assert_eq!(found(&standin, "ticket=t-1")["open"], true);
    assert_eq!(replied(&standin, "T-1", &message(6)).status, 201);
    act(&standin, "T-9/close", json!({})).is_problem(404, "not-found");
}

#[test]
fn a_merged_ticket_stands_for_the_one_that_it_was_merged_into() {
    let (dir, standin) = fresh(&[]);
    two(&standin);
    assert_eq!(
        act(&standin, "T-1/merge", json!({ "into": "T-2" })).status,
        200
    );
    act(&standin, "T-2/merge", json!({ "into": "T-1" })).is_problem(400, "invalid");
    drop(standin);
    let standin = Standin::start(dir.path(), &[]);
    let there = found(&standin, &format!("token={PETRA}"));
    assert_eq!(
        (&there["ticket"], &there["open"]),
        (&"T-2".into(), &true.into())
    );
    // Whoever took part in either takes part now.
    let participants = json!(["petra@nordwind.example", "lee@b.example", "kim@b.example"]);
    assert_eq!(there["participants"], participants);
    leads(&standin, "message_id=2@nordwind.example", Some("T-2"));
    let receipt = replied(&standin, "T-1", &message(4)).json();
    assert_eq!(
        (&receipt["ticket"], &receipt["kind"]),
        (&"T-2".into(), &"reply".into())
    );
    let tickets = standin.get("/_admin/tickets").json();
    assert_eq!(tickets[0]["merged_into"], "T-2");
    assert_eq!(tickets[1]["replies"][0]["key"], key(4));
    act(&standin, "T-2/close", json!({}));
    assert_eq!(found(&standin, "ticket=t-1")["open"], false);
    replied(&standin, "T-1", &message(5)).is_problem(410, "ticket-closed");
    standin.ask("DELETE", "/_admin/tickets/T-2", &[], b"");
    leads(&standin, "ticket=t-1", None);
    replied(&standin, "T-1", &message(5)).is_problem(404, "ticket-unknown");
}

#[test]
fn a_portal_may_take_no_replies_to_what_was_merged() {
    let (_dir, standin) = fresh(&[]);
    two(&standin);
    let wish = json!({ "into": "T-2", "takes": false });
    assert_eq!(act(&standin, "T-1/merge", wish).status, 200);
    replied(&standin, "T-1", &message(4)).is_problem(410, "ticket-closed");
    assert_eq!(replied(&standin, "T-2", &message(4)).status, 201);
}

#[test]
fn a_notification_is_answered_by_whatever_sign_it_has() {
    let (dir, standin) = fresh(&[]);
    two(&standin);
    let sent = act(&standin, "T-1/notify", json!({ "text": "Look\nhere.\n" })).json();
    assert_eq!(sent["to"], "petra@nordwind.example");
    assert_eq!(
        sent["reply_to"],
        format!("support+{PETRA}@provider.example")
    );
    assert_eq!(sent["subject"], "[Desk #T-1] Printer 1");
    let references = sent["references"].as_array().unwrap();
    assert_eq!(references.last().unwrap(), "2@nordwind.example");
    let id = sent["message_id"].as_str().unwrap().to_owned();
    let eml = sent["eml"].as_str().unwrap();
    for line in [
        "From: Service desk <support@provider.example>\r\n",
        "To: <petra@nordwind.example>\r\n",
        &format!("Reply-To: <support+{PETRA}@provider.example>\r\n"),
        "Subject: [Desk #T-1] Printer 1\r\n",
        &format!("Message-ID: <{id}>\r\n"),
        "In-Reply-To: <2@nordwind.example>\r\n",
        "\r\n\r\nLook\r\nhere.\r\n",
    ] {
        assert!(eml.contains(line), "{line} in {eml}");
    }
    leads(&standin, &format!("message_id={id}"), Some("T-1"));
    let plain = json!({ "token": [], "tag": "", "references": false, "own_id": false,
        "subject": "Grüße", "desk": "help@desk.example", "to": "kim@b.example" });
    let plain = act(&standin, "T-1/notify", plain).json();
    assert_eq!(
        (&plain["reply_to"], &plain["references"]),
        (&"help@desk.example".into(), &json!([]))
    );
    let (eml, other) = (
        plain["eml"].as_str().unwrap(),
        plain["message_id"].as_str().unwrap(),
    );
    assert!(
        !eml.contains("pt-") && !eml.contains("In-Reply-To"),
        "{eml}"
    );
    assert!(
        eml.contains("Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"),
        "{eml}"
    );
    assert_ne!(other, id);
    leads(&standin, &format!("message_id={other}"), None);
    let every = json!({ "token": ["message_id", "references", "subject", "reply_to"] });
    let every = act(&standin, "T-1/notify", every).json();
    for place in ["message_id", "subject", "reply_to"] {
        assert!(every[place].as_str().unwrap().contains(PETRA), "{place}");
    }
    assert_eq!(every["references"][0], format!("{PETRA}@portal.example"));
    act(&standin, "T-9/notify", json!({})).is_problem(404, "not-found");
    act(&standin, "T-1/notify", json!({ "colour": 1 })).is_problem(400, "invalid");
    drop(standin);
    let standin = Standin::start(dir.path(), &[]);
    leads(&standin, &format!("message_id={id}"), Some("T-1"));
    assert_eq!(
        act(&standin, "T-2/merge", json!({ "into": "T-1" })).status,
        200
    );
    let of_merged = act(&standin, "T-2/notify", json!({})).json();
    let id = of_merged["message_id"].as_str().unwrap();
    leads(&standin, &format!("message_id={id}"), Some("T-1"));
}

#[test]
fn a_restore_takes_back_what_came_later() {
    let (_dir, standin) = fresh(&[]);
    two(&standin);
    let backup = standin
        .ask("POST", "/_admin/epoch", &[], b"{\"backup\":true}")
        .json();
    act(&standin, "T-1/close", json!({}));
    act(&standin, "T-1/merge", json!({ "into": "T-2" }));
    let sent = act(&standin, "T-1/notify", json!({})).json();
    standin.ask("POST", "/_admin/epoch", &[], backup.to_string().as_bytes());
    let there = found(&standin, "ticket=t-1");
    assert_eq!(
        (&there["ticket"], &there["open"]),
        (&"T-1".into(), &true.into())
    );
    let id = sent["message_id"].as_str().unwrap();
    leads(&standin, &format!("message_id={id}"), None);
}

#[test]
fn a_portal_can_be_one_that_finds_no_conversations() {
    let (_dir, standin) = fresh(&["--no-conversations"]);
    let ping = standin.get("/ping").json();
    assert_eq!(ping["capabilities"]["find_conversations"], false);
    let answer = standin.get("/conversations?ticket=t-1");
    answer.is_problem(404, "not-found");
}

#[test]
fn a_fault_meets_the_route_by_its_name() {
    let (_dir, standin) = fresh(&[]);
    let action = json!({ "status": 503, "problem": "busy" });
    standin.fault(json!({ "route": "conversation", "count": 1, "action": action }));
    assert_eq!(standin.get("/ping").status, 200);
    assert_eq!(standin.get("/conversations?ticket=t-1").status, 503);
    leads(&standin, "ticket=t-1", None);
}

#[test]
fn a_message_says_about_what_it_is_and_its_token_in_the_documents_words() {
    let (_dir, standin) = fresh(&[]);
    for (member, value) in [
        ("about", "T-1"),
        ("token", "pt-1"),
        ("token", &PETRA.to_uppercase()),
    ] {
        let mut odd = message(1);
        odd[member] = value.into();
        standin.post(&odd).is_problem(422, "invalid");
    }
    let mut none = message(1);
    (none["about"], none["token"]) = (Value::Null, Value::Null);
    assert_eq!(standin.post(&none).status, 201);
}

#[test]
fn the_page_of_a_ticket_shows_what_it_has_to_do_with_others() {
    let (_dir, standin) = fresh(&[]);
    two(&standin);
    let page = |path: &str| {
        let fields = [("Host", standin.address.as_str()), ("Authorization", "")];
        String::from_utf8(standin.ask("GET", path, &fields, b"").body).unwrap()
    };
    let mut next = message(4);
    next["about"] = key(1).into();
    standin.post(&next);
    let linked = page("/_page/tickets/T-3");
    assert!(
        linked.contains("<dt>About</dt><dd><a href=\"/_page/tickets/T-1\">T-1</a>"),
        "{linked}"
    );
    let mut stray = message(5);
    stray["about"] = key(99).into();
    standin.post(&stray);
    let linked = page("/_page/tickets/T-4");
    assert!(
        linked.contains(&key(99)) && linked.contains("not here"),
        "{linked}"
    );
    assert_eq!(replied(&standin, "T-1", &message(6)).status, 201);
    act(&standin, "T-1/close", json!({}));
    act(&standin, "T-1/notify", json!({}));
    act(&standin, "T-2/merge", json!({ "into": "T-1" }));
    let first = page("/_page/tickets/T-1");
    for shown in [
        "<span class=\"mark\">closed</span>",
        "petra@nordwind.example, lee@b.example, kim@b.example",
        "<dt>Merged into it</dt><dd><a href=\"/_page/tickets/T-2\">T-2</a>",
        PETRA,
        "@portal.example",
    ] {
        assert!(first.contains(shown), "no {shown} in {first}");
    }
    let at = |what: &str| first.find(what).unwrap();
    assert!(at("Reply R-1") < at("Reply R-2"));
    let second = page("/_page/tickets/T-2");
    assert!(
        second.contains("<span class=\"mark\">merged</span>"),
        "{second}"
    );
    assert!(
        second.contains("<dt>Merged into</dt><dd><a href=\"/_page/tickets/T-1\">T-1</a>"),
        "{second}"
    );
    assert!(page("/").contains("<span class=\"mark\">linked</span>"));
}
