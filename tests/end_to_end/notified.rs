//! Answers to mail that the portal sent itself: this box has never seen it, and finds its ticket all the same.

use serde_json::{json, Value};

use crate::common::service::{text, Site};

const PRIYA: &str = "priya.raman@northgate-dental.example";

/// A site at whose portal Priya has a ticket.
fn with_ticket(portal: &[&str], more: &str) -> Site {
    let mut site = Site::ready_with(&[], portal, "", more);
    site.start_read();
    site.send_from(PRIYA, "the printer");
    site.complete();
    assert_eq!(site.tickets("the printer").len(), 1);
    site
}

/// The portal tells of it by such a mail, which somebody answers as mail programs do.
fn answered(site: &Site, wish: &Value, from: &str) -> Value {
    let wish = wish.to_string();
    let notice = site
        .portal
        .admin("POST", "/_admin/tickets/T-1/notify", &wish);
    let id = text(&notice, "message_id");
    // A token in an answer's own Message-ID would make it look like the portal's.
    let (_, number) = id.rsplit_once("notice-").expect("a number");
    let mail = format!(
        "From: <{from}>\r\nTo: <{}>\r\nSubject: Re: {}\r\nMessage-ID: <answer-{number}>\r\n\
         In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n\r\nThank you.\r\n",
        text(&notice, "reply_to"),
        text(&notice, "subject"),
    );
    site.hand().append("INBOX", "", mail.as_bytes());
    site.complete();
    notice
}

#[track_caller]
fn replies(site: &Site, count: usize) {
    let tickets = site.portal.tickets();
    let first = tickets.iter().find(|t| t["id"] == "T-1");
    let replies = first.and_then(|t| t["replies"].as_array()).map(Vec::len);
    assert_eq!(replies, Some(count), "{tickets:#?}\n{}", site.log());
}

#[test]
fn an_answer_to_a_notification_finds_its_ticket_by_each_sign_that_the_portal_gave_it() {
    let site = with_ticket(&[], "ticket_tag = \"[Desk #{ticket}]\"");
    let nothing = json!({ "token": [], "tag": "", "own_id": false });
    let mut count = 0;
    for (member, value) in [
        ("own_id", json!(true)),
        ("tag", json!("[Desk #{ticket}]")),
        ("token", json!(["reply_to"])),
        ("token", json!(["message_id"])),
        ("token", json!(["subject"])),
    ] {
        let mut wish = nothing.clone();
        wish[member] = value;
        answered(&site, &wish, PRIYA);
        count += 1;
        replies(&site, count);
    }
    // By none of them it is another ticket.
    answered(&site, &nothing, PRIYA);
    replies(&site, count);
    // Who has no part in it gets one of their own, and so does a closed ticket's.
    let own_id = json!({ "token": [], "tag": "" });
    answered(&site, &own_id, "lukasz@kowalczyk.example");
    site.portal.admin("POST", "/_admin/tickets/T-1/close", "");
    answered(&site, &own_id, PRIYA);
    replies(&site, count);
    assert_eq!(site.portal.tickets().len(), 4);
}

#[test]
fn a_portal_that_cannot_be_asked_gets_conversations_by_tokens() {
    let site = with_ticket(&["--no-conversations"], "");
    answered(&site, &json!({ "token": ["reply_to"], "tag": "" }), PRIYA);
    replies(&site, 1);
    answered(&site, &json!({ "token": [], "tag": "" }), PRIYA);
    replies(&site, 1);
    assert!(site.requests("conversation").is_empty());
    // Closed behind our back: the reply is refused, and is a ticket that names the first.
    site.portal.admin("POST", "/_admin/tickets/T-1/close", "");
    answered(&site, &json!({ "token": ["subject"], "tag": "" }), PRIYA);
    replies(&site, 1);
    let tickets = site.portal.tickets();
    assert_eq!(tickets[2]["about"], tickets[0]["key"], "{tickets:#?}");
}
