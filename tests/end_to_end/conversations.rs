//! Answers go into their tickets, in order, whatever the portal does; and only from those who take part.

use serde_json::{json, Value};

use crate::common::service::{text, Site};
use crate::common::USER;

const PRIYA: &str = "priya.raman@northgate-dental.example";
/// Of the same practice.
const TUNDE: &str = "t.okafor@northgate-dental.example";
/// In nobody's directory.
const NADIA: &str = "nadia@elsewhere.example";

/// A mail as somebody's program makes it.
struct Mail<'a> {
    id: &'a str,
    from: &'a str,
    cc: &'a str,
    subject: &'a str,
    /// In-Reply-To.
    to: &'a str,
    /// References.
    of: &'a [&'a str],
}

impl Mail<'_> {
    fn octets(&self) -> Vec<u8> {
        let Mail {
            id, from, subject, ..
        } = self;
        let mut head = format!("From: {from}\r\nTo: {USER}\r\nSubject: {subject}\r\nMessage-ID: <{id}@mail.example>\r\n");
        if !self.cc.is_empty() {
            head += &format!("Cc: {}\r\n", self.cc);
        }
        if !self.to.is_empty() {
            head += &format!("In-Reply-To: <{}@mail.example>\r\n", self.to);
        }
        let of: Vec<String> = self
            .of
            .iter()
            .map(|id| format!("<{id}@mail.example>"))
            .collect();
        if !of.is_empty() {
            head += &format!("References: {}\r\n", of.join("\r\n "));
        }
        format!("{head}\r\nThis is {id}.\r\n").into_bytes()
    }
}

/// Priya's first mail, Nadia in Cc.
const FIRST: Mail<'_> = Mail {
    id: "1",
    from: PRIYA,
    cc: NADIA,
    subject: "Printer",
    to: "",
    of: &[],
};

fn reply<'a>(id: &'a str, from: &'a str, to: &'a str) -> Mail<'a> {
    Mail {
        id,
        from,
        cc: "",
        subject: "Re: Printer",
        to,
        of: &[],
    }
}

fn arrives(site: &Site, mail: &Mail<'_>) {
    site.hand().append("INBOX", "", &mail.octets());
}

/// The Message-IDs of each ticket, its replies behind it, in the portal's order.
fn conversations(site: &Site) -> Vec<Vec<String>> {
    let id = |body: &Value| {
        text(body, "message_id")
            .trim_end_matches("@mail.example")
            .to_owned()
    };
    let of = |ticket: &Value| {
        let replies = ticket["replies"].as_array().cloned().unwrap_or_default();
        let replies = replies.iter().map(|reply| id(&site.body(reply)));
        [id(ticket)].into_iter().chain(replies).collect()
    };
    site.portal.tickets().iter().map(of).collect()
}

#[track_caller]
fn come_to(site: &Site, what: &[&[&str]]) {
    let wanted: Vec<Vec<String>> = what
        .iter()
        .map(|ids| ids.iter().map(|id| (*id).to_owned()).collect())
        .collect();
    let mut seen = Vec::new();
    let limit = std::time::Duration::from_secs(60);
    let started = std::time::Instant::now();
    while started.elapsed() < limit {
        seen = conversations(site);
        if seen == wanted {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(seen, wanted, "{}", site.log());
}

#[test]
fn replies_go_into_the_ticket_of_whoever_takes_part_and_strangers_get_their_own() {
    let mut site = Site::ready();
    site.start_read();
    arrives(&site, &FIRST);
    come_to(&site, &[&["1"]]);
    // Herself, somebody of her practice, somebody whom she brought in and the directory does not know.
    arrives(&site, &reply("2", PRIYA, "1"));
    come_to(&site, &[&["1", "2"]]);
    arrives(&site, &reply("3", TUNDE, "2"));
    come_to(&site, &[&["1", "2", "3"]]);
    arrives(&site, &reply("4", NADIA, "3"));
    come_to(&site, &[&["1", "2", "3", "4"]]);
    // By References alone, of which the newest are unknown here.
    let mut fifth = reply("5", TUNDE, "");
    fifth.of = &["1", "4", "77"];
    arrives(&site, &fifth);
    come_to(&site, &[&["1", "2", "3", "4", "5"]]);
    // Of another company: a ticket of her own, which says what it answers.
    let other = reply("6", "lukasz@kowalczyk.example", "4");
    arrives(&site, &other);
    arrives(&site, &reply("7", "mallory@elsewhere.example", "4"));
    site.until("the stranger is held", |s| s.count("held") == 1);
    come_to(&site, &[&["1", "2", "3", "4", "5"], &["6"]]);
    let tickets = site.portal.tickets();
    let about = |ticket: &Value| site.body(ticket)["about"].clone();
    assert_eq!(
        (about(&tickets[0]), about(&tickets[1])),
        (Value::Null, tickets[0]["key"].clone())
    );
    // The token is that of the ticket, in each of its messages.
    let replies = tickets[0]["replies"].as_array().unwrap();
    let tokens: Vec<Value> = replies
        .iter()
        .map(|r| site.body(r)["token"].clone())
        .collect();
    assert_eq!(tokens, vec![site.body(&tickets[0])["token"].clone(); 4]);
    assert_ne!(site.body(&tickets[1])["token"], tokens[0]);
    let told = |n: usize, words: &str| {
        let log = site.does(&["log", text(&tickets[n], "key")]);
        assert!(log.contains(words), "{log}");
    };
    told(0, "it becomes a ticket of user");
    told(1, "points at the one that began with");
    let reply = site.does(&["log", "3@mail.example"]);
    assert!(
        reply.contains("it goes into the ticket that began with"),
        "{reply}"
    );
    site.sound();
}

/// Goes red where a reply is sent as soon as it can be, and its ticket is not there yet.
#[test]
fn a_conversation_that_came_while_the_portal_was_away_is_one_ticket_in_order() {
    let mut site = Site::ready();
    site.start_read();
    site.portal.kill();
    let ids = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let from = [PRIYA, NADIA, TUNDE];
    arrives(&site, &FIRST);
    for (n, pair) in ids.windows(2).enumerate() {
        arrives(&site, &reply(pair[1], from[n % 3], pair[0]));
    }
    site.until("all are here", |s| s.count("committed") == 10);
    // Nothing of it is kept but what is on the disk.
    site.kill();
    site.start();
    site.portal.start_again();
    come_to(&site, &[&ids]);
    site.complete();
    site.sound();
}

/// A customer, whom she brought in, and a technician who answers from his own mail program, while the portal goes
/// away before the first, in the middle and before the last, and this box with it in the middle.
#[test]
fn ten_mails_of_three_people_are_one_ticket_in_order_while_the_portal_comes_and_goes() {
    const TOM: &str = "tom@provider.example";
    let people = json!({
        "companies": [{ "id": "c-1", "name": "Northgate", "domains": [] }],
        "users": [
            { "id": "u-1", "name": "Priya", "addresses": [PRIYA], "company": "c-1" },
            { "id": "t-1", "name": "Tom", "addresses": [TOM], "technician": true },
        ],
    });
    let mut site = Site::ready();
    let people = people.to_string();
    site.portal.admin("PUT", "/_admin/directory", &people);
    site.start_read();
    let ids = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let from = [TOM, NADIA, PRIYA];
    let arrive = |site: &Site, range: std::ops::Range<usize>| {
        for n in range {
            match n {
                0 => arrives(site, &FIRST),
                _ => arrives(site, &reply(ids[n], from[(n - 1) % 3], ids[n - 1])),
            }
        }
    };
    let committed = |site: &mut Site, count: u64| {
        site.until("all of them wait", |s| s.count("committed") == count);
    };
    site.portal.kill();
    arrive(&site, 0..3);
    committed(&mut site, 3);
    site.portal.start_again();
    come_to(&site, &[&ids[..3]]);
    arrive(&site, 3..5);
    come_to(&site, &[&ids[..5]]);
    site.portal.kill();
    arrive(&site, 5..8);
    committed(&mut site, 3);
    site.kill();
    site.start();
    arrive(&site, 8..9);
    committed(&mut site, 4);
    site.portal.start_again();
    come_to(&site, &[&ids[..9]]);
    site.portal.kill();
    arrive(&site, 9..10);
    committed(&mut site, 1);
    site.portal.start_again();
    come_to(&site, &[&ids]);
    // Who wrote what: the technician by his id, whom she brought in by none.
    let ticket = &site.portal.tickets()[0];
    let users: Vec<Value> = [ticket]
        .into_iter()
        .chain(ticket["replies"].as_array().unwrap())
        .map(|message| site.body(message)["user"].clone())
        .collect();
    let wanted = [json!("u-1")]
        .into_iter()
        .chain((1..10).map(|n| [json!("t-1"), Value::Null, json!("u-1")][(n - 1) % 3].clone()));
    assert_eq!(users, wanted.collect::<Vec<_>>());
    site.complete();
    site.sound();
}

/// All of it in one batch: what the index has not learned yet is known all the same.
#[test]
fn a_conversation_that_was_there_before_the_box_is_one_ticket() {
    let mut site = Site::ready();
    site.start_read();
    site.stop();
    let ids = ["1", "2", "3", "4"];
    arrives(&site, &FIRST);
    for pair in ids.windows(2) {
        arrives(&site, &reply(pair[1], PRIYA, pair[0]));
    }
    site.start();
    come_to(&site, &[&ids]);
    site.complete();
}

/// Goes red where replies to what the portal refused wait for ever, or each becomes a ticket.
#[test]
fn replies_to_a_refused_ticket_become_one_ticket_that_says_what_it_answers() {
    let mut site = Site::ready();
    site.start_read();
    site.fault(r#"[{"route": "ticket", "count": 1, "action": {"status": 400}}]"#);
    arrives(&site, &FIRST);
    site.until("it is refused", |s| s.count("refused") == 1);
    let root = site.key("queue", "Printer");
    site.no_faults();
    arrives(&site, &reply("2", PRIYA, "1"));
    come_to(&site, &[&["2"]]);
    arrives(&site, &reply("3", PRIYA, "1"));
    come_to(&site, &[&["2", "3"]]);
    let ticket = site.portal.tickets().remove(0);
    assert!(text(&site.body(&ticket), "about").starts_with(&root));
}

/// A person deleted the ticket at the portal.
#[test]
fn a_reply_to_a_ticket_that_is_gone_becomes_one_and_the_next_goes_there() {
    let mut site = Site::ready();
    site.start_read();
    arrives(&site, &FIRST);
    come_to(&site, &[&["1"]]);
    let first = site.portal.tickets().remove(0);
    let path = format!("/_admin/tickets/{}", text(&first, "id"));
    site.portal.admin("DELETE", &path, "");
    arrives(&site, &reply("2", PRIYA, "1"));
    come_to(&site, &[&["2"]]);
    arrives(&site, &reply("3", PRIYA, "1"));
    come_to(&site, &[&["2", "3"]]);
    let ticket = site.portal.tickets().remove(0);
    assert_eq!(site.body(&ticket)["about"], first["key"]);
}

/// A mail system's report of the message with that Message-ID.
fn bounce(id: &str, of: &str) -> Vec<u8> {
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\nTo: {USER}\r\nSubject: Undelivered\r\n\
         Message-ID: <{id}@mail.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\n\r\nNo such user.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; nadia@elsewhere.example\r\n\
         Action: failed\r\nStatus: 5.1.1\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n\
         From: {PRIYA}\r\nMessage-ID: <{of}@mail.example>\r\nSubject: Printer\r\n--b--\r\n"
    )
    .into_bytes()
}

fn absence(id: &str, from: &str, to: &str) -> Vec<u8> {
    let mail = reply(id, from, to).octets();
    [b"Auto-Submitted: auto-replied\r\n", mail.as_slice()].concat()
}

/// Goes red where a report makes a ticket of its own, is lost, or is said to be a person's answer.
#[test]
fn reports_and_absence_notes_go_into_their_ticket_where_that_is_wished() {
    let mut site = Site::ready();
    let append = ["auto_replies", "bounces"].map(|key| format!("mailbox.support.{key}=append"));
    site.does(&["settings", "set", &append[0], &append[1]]);
    site.start_read();
    arrives(&site, &FIRST);
    come_to(&site, &[&["1"]]);
    site.hand().append("INBOX", "", &bounce("2", "1"));
    come_to(&site, &[&["1", "2"]]);
    site.hand().append("INBOX", "", &absence("3", NADIA, "1"));
    come_to(&site, &[&["1", "2", "3"]]);
    let ticket = site.portal.tickets().remove(0);
    let automatic = |of: &Value| site.body(of)["automatic"].clone();
    assert_eq!(automatic(&ticket), false);
    for reply in ticket["replies"].as_array().unwrap() {
        assert_eq!(automatic(reply), true, "{reply}");
    }
    site.sound();
    // About nothing that is known, and from nobody who takes part.
    site.hand().append("INBOX", "", &bounce("4", "99"));
    site.hand()
        .append("INBOX", "", &absence("5", "mallory@elsewhere.example", "1"));
    site.until("both are archived", |s| s.count("ignored") == 2);
    come_to(&site, &[&["1", "2", "3"]]);
}

/// Goes red where the portal's own mail, that comes back, makes tickets for ever.
#[test]
fn mail_of_the_portal_s_own_that_comes_back_makes_no_ticket() {
    let mut site = Site::ready();
    site.start_read();
    arrives(&site, &FIRST);
    come_to(&site, &[&["1"]]);
    let wish = r#"{"token": ["message_id"]}"#;
    let notice = site
        .portal
        .admin("POST", "/_admin/tickets/T-1/notify", wish);
    site.hand()
        .append("INBOX", "", text(&notice, "eml").as_bytes());
    site.until("it is archived", |s| s.count("ignored") == 1);
    come_to(&site, &[&["1"]]);
    let aside = site.asks(&["held", "list", "--aside"]);
    assert_eq!(aside["items"][0]["reason"], "loop", "{aside}");
}

/// Goes red where a box that is set up from another's file does not know that one's tokens, which stand in mail
/// that customers still have.
#[test]
fn a_new_box_knows_the_tokens_of_the_one_before() {
    const PASSPHRASE: &str = "two words and three more\n";
    let mut old = Site::ready();
    old.start_read();
    arrives(&old, &FIRST);
    come_to(&old, &[&["1"]]);
    let first = old.portal.tickets().remove(0);
    let token = text(&old.body(&first), "token").to_owned();
    let export = ["settings", "export", "--with-secrets"];
    let (status, file, said) = old.command(&export, &PASSPHRASE.repeat(2));
    assert_eq!(status, 0, "{said}");
    assert!(!file.contains("pt-") && file.contains("[sealed]"), "{file}");
    // A mail that came from the portal, by the old box's token in its Message-ID.
    let comes_back = |site: &Site, n: u32| {
        let mail = format!(
            "From: <{PRIYA}>\r\nTo: <{USER}>\r\nSubject: back {n}\r\nMessage-ID: <{token}.{n}@portal.example>\r\n\r\nx\r\n"
        );
        site.hand().append("INBOX", "", mail.as_bytes());
    };
    let mut new = Site::ready();
    new.start_read();
    comes_back(&new, 1);
    new.until("it is a ticket", |s| s.tickets("back 1").len() == 1);
    // The file names other servers: their passwords are not taken, and those of the new box stay.
    let sealed = &file[file.find("[sealed]").expect("a section")..];
    let path = new.store().with_extension("toml");
    std::fs::write(&path, format!("{}\n{sealed}", new.settings("none", "", ""))).unwrap();
    let import = ["settings", "import", path.to_str().unwrap()];
    let (status, out, said) = new.command(&import, PASSPHRASE);
    assert_eq!(status, 0, "{out}{said}");
    comes_back(&new, 2);
    new.until("it is known", |s| s.count("ignored") == 1);
    assert!(new.tickets("back 2").is_empty());
    // What goes to a third box has both.
    let (status, again, said) = new.command(&export, &PASSPHRASE.repeat(2));
    assert_eq!(status, 0, "{said}");
    let third = Site::ready();
    let sealed = &again[again.find("[sealed]").expect("a section")..];
    let path = third.store().with_extension("toml");
    std::fs::write(
        &path,
        format!("{}\n{sealed}", third.settings("none", "", "")),
    )
    .unwrap();
    let import = ["settings", "import", path.to_str().unwrap()];
    let (status, out, said) = third.command(&import, PASSPHRASE);
    assert_eq!(status, 0, "{out}{said}");
    comes_back(&third, 3);
    third.once();
    assert!(
        third.tickets("back 3").is_empty(),
        "{:?}",
        third.portal.tickets()
    );
}
