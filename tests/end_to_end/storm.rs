//! The storm guard on the running service: too many of one sender or subject are held as one group, the last that
//! passes says so in its ticket, and nothing of it is lost or counted twice by a kill.

use serde_json::Value;

use crate::common::service::{text, Site};

const LOOP: &str = "robot@loop.example";

fn site(settings: &[&str]) -> Site {
    let mut site = Site::ready_with(&[], &[], "process_unknown_senders = true", "");
    set(&site, settings);
    site.start_read();
    site
}

fn set(site: &Site, settings: &[&str]) {
    let pairs = settings
        .iter()
        .map(|pair| format!("mailbox.support.{pair}"));
    let pairs: Vec<String> = pairs.collect();
    let pairs = pairs.iter().map(String::as_str);
    let command: Vec<&str> = ["settings", "set"].into_iter().chain(pairs).collect();
    if command.len() > 2 {
        site.does(&command);
    }
}

fn mail(from: &str, subject: &str, more: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: support@example.org\r\nSubject: {subject}\r\n{more}\r\nSomething is wrong.\r\n"
    )
    .into_bytes()
}

fn send(site: &Site, mails: impl IntoIterator<Item = (String, String)>) {
    let mut hand = site.hand();
    for (number, (from, subject)) in mails.into_iter().enumerate() {
        let id = format!(
            "Message-ID: <{number}.{}@{}>\r\n",
            subject.len(),
            &from[1 + from.find('@').unwrap()..]
        );
        hand.append("INBOX", "", &mail(&from, &subject, &id));
    }
}

fn of_the_loop(numbers: std::ops::Range<u32>) -> Vec<(String, String)> {
    let subject = |n: u32| format!("Your request {n} was received at 12:{:02}", n % 60);
    numbers.map(|n| (LOOP.to_owned(), subject(n))).collect()
}

#[track_caller]
fn until(site: &Site, tickets: usize, held: u64) {
    site.until(&format!("{tickets} tickets, {held} held"), |s| {
        s.portal.tickets().len() == tickets && s.count("held") == held
    });
    // No more follow.
    site.until("nothing is under way", |s| {
        s.count("committed") == 0 && s.count("released") == 0
    });
    assert_eq!(site.portal.tickets().len(), tickets);
    assert_eq!(site.count("held"), held);
}

/// What the tickets say of storms, where they do.
fn said(site: &Site) -> Vec<Value> {
    let tickets = site.portal.tickets();
    let storms = tickets
        .iter()
        .map(|ticket| site.body(ticket)["storm"].clone());
    storms.filter(|storm| !storm.is_null()).collect()
}

/// Goes red where a start forgets what was counted, or counts what is decided again.
#[test]
fn a_loop_is_held_behind_so_many_tickets_whatever_is_killed_and_becomes_tickets_as_one() {
    let mut site = site(&[]);
    send(&site, of_the_loop(0..30));
    site.until("it is in the middle", |s| s.portal.tickets().len() >= 10);
    site.kill();
    send(&site, of_the_loop(30..40));
    site.start();
    site.until("it goes on", |s| s.portal.tickets().len() == 40);
    site.kill();
    send(&site, of_the_loop(40..60));
    site.start();
    until(&site, 50, 10);
    let said = said(&site);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(
        (&said[0]["alike"], &said[0]["count"]),
        (&"sender".into(), &50.into())
    );
    assert!(text(&said[0], "said").contains(LOOP), "{said:?}");
    // One row, and an alarm.
    let listed = site.list("held");
    assert_eq!(listed.len(), 1, "{listed:?}");
    let group = &listed[0]["group"];
    assert_eq!(
        (&group["alike"], &group["count"]),
        (&"sender".into(), &10.into())
    );
    assert_eq!(text(group, "what"), LOOP);
    assert_eq!(listed[0]["reason"], "storm");
    let status = site.does(&["status"]);
    assert!(status.contains("10 messages were held"), "{status}");
    let key = text(&listed[0], "key");
    let each = site.asks(&["held", "list", "--group", key, "--limit", "7"]);
    assert_eq!(each["items"].as_array().unwrap().len(), 7);
    let after = text(&each, "next");
    let each = site.asks(&["held", "list", "--group", key, "--after", after]);
    assert_eq!(each["items"].as_array().unwrap().len(), 3);
    // Once more a kill, behind which what is held is held still, and more of them too.
    site.kill();
    site.start_read();
    send(&site, of_the_loop(60..61));
    until(&site, 50, 11);
    // Nobody was asked: nothing is done.
    let said = site.refuses(&["held", "convert", key, "--group"]);
    assert!(said.contains("11 messages of the sender"), "{said}");
    assert!(said.contains("Nothing was changed"), "{said}");
    assert_eq!(site.count("held"), 11);
    let said = site.does(&["held", "convert", key, "--group", "--yes"]);
    assert!(said.contains("11 messages are made tickets"), "{said}");
    until(&site, 61, 0);
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 61
    });
}

#[test]
fn one_subject_of_many_senders_is_a_group_that_can_be_dismissed() {
    let site = site(&["storm_limit=5"]);
    let alarms = (0..9).map(|n| {
        let subject = format!("Backup of srv{n:02} failed at 03:{n:02}");
        (format!("root@host{n}.example"), subject)
    });
    send(&site, alarms);
    until(&site, 5, 4);
    let tells = said(&site);
    assert_eq!(tells.len(), 1, "{tells:?}");
    assert_eq!(tells[0]["alike"], "subject");
    let listed = site.list("held");
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["group"]["what"], "backup of # failed at #");
    // Somebody else's trouble passes meanwhile.
    send(
        &site,
        [(
            "petra@nordwind.example".to_owned(),
            "The printer".to_owned(),
        )],
    );
    until(&site, 6, 4);
    let key = text(&listed[0], "key");
    let dismiss = [
        "held", "dismiss", key, "--group", "--reason", "known", "--yes",
    ];
    let done = site.does(&dismiss);
    assert!(done.contains("4 messages are archived"), "{done}");
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 10
    });
    assert_eq!(site.portal.tickets().len(), 6);
    assert_eq!(site.count("dismissed"), 4);
    let refused = site.refuses(&["held", "dismiss", key, "--group", "--yes"]);
    assert!(refused.contains("is of no group"), "{refused}");
}

#[test]
fn the_exempt_pass_and_other_settings_count_anew_but_release_nothing() {
    let site = site(&["storm_limit=5", "storm_exempt=mon.example"]);
    let alarm = |numbers: std::ops::Range<u32>| {
        numbers.map(|n| {
            (
                "alarm@mon.example".to_owned(),
                format!("CPU of srv{n} at {n}%"),
            )
        })
    };
    send(&site, alarm(0..20));
    until(&site, 20, 0);
    set(&site, &["storm_exempt="]);
    send(&site, alarm(20..22));
    until(&site, 20, 2);
    // Without a guard what is held stays so until somebody decides; the next passes.
    set(&site, &["storm_limit=0"]);
    send(&site, alarm(22..25));
    until(&site, 23, 2);
}

#[test]
fn forty_people_on_a_monday_are_no_storm() {
    let site = site(&[]);
    let things = [
        "mouse", "screen", "desk", "phone", "lamp", "door", "chair", "cable",
    ];
    let people = (0..40_usize).map(|n| {
        let subject = format!("The {} by the {}", things[n % 8], things[n / 8]);
        (format!("person{n}@customer{}.example", n % 7), subject)
    });
    send(&site, people);
    until(&site, 40, 0);
    assert_eq!(said(&site), Vec::<Value>::new());
}

/// Goes red where replies are not counted, or lose their ticket by being held.
#[test]
fn a_responder_that_answers_in_a_ticket_is_held_and_its_answers_go_there_afterwards() {
    let site = site(&["storm_limit=4"]);
    let id = "Message-ID: <first@loop.example>\r\n";
    site.hand()
        .append("INBOX", "", &mail(LOOP, "The printer", id));
    until(&site, 1, 0);
    let answer = |from: &str, n: u32| {
        let fields = format!(
            "Message-ID: <answer{n}@loop.example>\r\nIn-Reply-To: <first@loop.example>\r\nReferences: <first@loop.example>\r\n"
        );
        mail(from, "Re: The printer", &fields)
    };
    let mut hand = site.hand();
    for n in 0..7 {
        hand.append("INBOX", "", &answer(LOOP, n));
    }
    site.until("some are held", |s| s.count("held") == 4);
    assert_eq!(site.portal.tickets().len(), 1);
    let listed = site.list("held");
    assert_eq!(listed[0]["group"]["alike"], "sender");
    // A colleague, who has the same subject, is not.
    hand.append("INBOX", "", &answer("anna@loop.example", 9));
    site.until("the colleague is heard", |s| s.portal.tickets().len() == 2);
    site.does(&[
        "held",
        "convert",
        text(&listed[0], "key"),
        "--group",
        "--yes",
    ]);
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 9
    });
    assert_eq!(site.portal.tickets().len(), 2);
}

#[test]
fn what_lists_and_programs_send_is_archived_by_setting_with_its_reason() {
    let site = site(&["mailing_lists=ignore", "notices=ignore"]);
    let mut hand = site.hand();
    let list = "List-Id: <news.example>\r\nMessage-ID: <1@news.example>\r\n";
    hand.append("INBOX", "", &mail("news@news.example", "News of May", list));
    let notice = "Auto-Submitted: auto-generated\r\nMessage-ID: <2@news.example>\r\n";
    hand.append("INBOX", "", &mail("cron@news.example", "Cron", notice));
    hand.append("INBOX", "", &mail("petra@news.example", "The printer", ""));
    site.until("all are archived", |s| {
        s.status()["counts"]["archived"] == 3
    });
    let aside = site.asks(&["held", "list", "--aside"]);
    let items = aside["items"].as_array().unwrap().iter();
    let mut reasons: Vec<&str> = items.map(|m| text(m, "reason")).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["mailing-list", "notice"]);
    assert_eq!(site.portal.tickets().len(), 1);
}

/// Goes red where the guard goes by this box's clock: what lies there for days is fetched within a second.
#[test]
fn a_backlog_is_no_storm() {
    let site = site(&["storm_limit=3", "storm_minutes=2"]);
    site.mail.fill(&["--count", "300"]);
    until(&site, 300, 0);
    assert_eq!(said(&site), Vec::<Value>::new());
}
