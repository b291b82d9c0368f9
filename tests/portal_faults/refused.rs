//! Refusals for good: the one ticket is kept with the portal's own words, the others go on.

use crate::common::service::{text, Site};

/// One mail of three meets this answer; then its cause is mended and it is retried.
#[track_caller]
fn check(action: &str, words: &str) {
    let mut site = Site::ready();
    site.start_read();
    site.fault(&format!(
        r#"[{{"route": "ticket", "subject": "bad", "action": {action}}}]"#
    ));
    site.send("good one");
    site.send("the bad one");
    // Of the same sender, behind the bad one.
    site.send("good two");
    site.send_from("elodie@vieuxphare.example", "good three");
    site.until("it is refused", |s| s.count("refused") == 1);
    site.until("the others are there", |s| s.tickets("good").len() == 3);
    site.until("they are archived", |s| s.count("archived") == 3);
    let census = site.sound();
    assert_eq!(census["waiting"], 1, "{census}");
    let key = site.key("queue", "the bad one");
    let story = site.asks(&["queue", "show", &key]);
    assert_eq!(story["stage"], "refused", "{story}");
    assert!(text(&story, "said").contains(words), "{story}");
    let shown = site.does(&["queue", "show", &key]);
    assert!(
        shown.contains("the bad one") && shown.contains(words),
        "{shown}"
    );
    assert!(site.status()["alarms"].to_string().contains("refused"));
    // Nothing is tried again by itself, and a retry that fails again changes nothing.
    let before = site.requests("ticket").len();
    site.does(&["queue", "retry", &key]);
    site.until("it was asked again", |s| {
        s.requests("ticket").len() > before
    });
    site.until("it is refused again", |s| s.count("refused") == 1);
    // Also over a restart.
    site.stop();
    site.start();
    assert_eq!(site.count("refused"), 1);
    site.no_faults();
    site.does(&["queue", "retry", &key]);
    site.complete();
    assert_eq!(site.count("refused"), 0);
}

#[test]
fn a_ticket_that_the_portal_finds_invalid_is_kept_with_its_words() {
    check(r#"{"status": 422}"#, "said by the stand-in");
}

#[test]
fn a_ticket_that_is_too_large_for_the_portal_is_kept_with_its_words() {
    check(r#"{"status": 413}"#, "said by the stand-in");
}

#[test]
fn a_refused_ticket_can_be_dismissed_and_is_archived() {
    let mut site = Site::ready();
    site.start();
    site.fault(r#"[{"route": "ticket", "action": {"status": 422}}]"#);
    site.send("unwanted");
    site.until("it is refused", |s| s.count("refused") == 1);
    let key = site.key("queue", "unwanted");
    site.does(&["held", "dismiss", &key, "--reason", "advertising"]);
    site.until("it is archived", |s| {
        s.mail
            .messages()
            .iter()
            .all(|m| m["folder"] == "Archive" && m["seen"] == true)
    });
    assert!(site.portal.tickets().is_empty());
    assert_eq!((site.count("refused"), site.count("dismissed")), (0, 1));
}

#[test]
fn what_is_said_of_a_retry_is_said_of_that_ticket_alone() {
    let mut site = Site::ready();
    site.start_read();
    site.fault(r#"[{"route": "ticket", "subject": "bad", "action": {"status": 422}}]"#);
    site.send("the bad one");
    site.until("it is refused", |s| s.count("refused") == 1);
    site.portal.kill();
    site.send_from("elodie@vieuxphare.example", "waits one");
    site.send_from("gwen@llanfairvets.example", "waits two");
    site.until("both wait", |s| s.count("committed") == 2);
    let [bad, waits] = ["the bad one", "waits one"].map(|s| site.key("queue", s));
    let retry = |site: &Site, key: &str| site.does(&["queue", "retry", key]);
    let want = format!("the refused ticket of {bad} is tried again now");
    assert!(retry(&site, &bad).contains(&want), "{want}");
    site.stop();
    let want = format!("the waiting ticket of {waits} is tried again by the next `postern run`");
    assert!(retry(&site, &waits).contains(&want), "{want}");
}

/// A site at whose portal tickets with this word fail each time.
fn with_stuck() -> Site {
    let mut site = Site::ready();
    site.start_read();
    site.fault(r#"[{"route": "ticket", "subject": "stuck", "action": {"status": 500}}]"#);
    site
}

#[test]
fn a_ticket_that_fails_each_time_holds_up_no_other_sender() {
    let site = with_stuck();
    site.send("stuck");
    for number in 0..6 {
        site.send_from("elodie@vieuxphare.example", &format!("going {number}"));
        site.send_from("gwen@llanfairvets.example", &format!("going on {number}"));
    }
    site.until("the others are there", |s| s.tickets("going").len() == 12);
    assert!(site.tickets("stuck").is_empty());
    let listed = site.list("queue");
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(listed[0]["attempts"].as_u64() >= Some(1), "{listed:?}");
    site.no_faults();
    site.does(&["queue", "retry", "--all"]);
    site.complete();
}

/// Goes red when tickets that fail one after the other keep back what was never tried.
#[test]
fn several_tickets_that_fail_each_time_hold_up_no_new_one() {
    let site = with_stuck();
    site.send("stuck one");
    site.send_from("elodie@vieuxphare.example", "stuck two");
    // Its back-off has grown beyond what anybody would wait for.
    site.until("the link is paused for them, again and again", |s| {
        s.log().matches("is paused until").count() >= 3
    });
    let since = std::time::Instant::now();
    site.send_from("gwen@llanfairvets.example", "going on");
    site.until("it is a ticket", |s| s.tickets("going on").len() == 1);
    assert!(since.elapsed().as_millis() < 2_500, "{}", site.log());
}

/// Goes red where what is refused is the mail, and not the question (`engine/conversation.rs`).
#[test]
fn a_look_for_the_ticket_of_an_answer_that_is_refused_costs_no_mail() {
    let mut site = Site::ready();
    site.start_read();
    site.fault(
        r#"[{"route": "conversation", "count": 1, "action": {"status": 414, "body": "empty"}},
            {"route": "conversation", "count": 1, "action": {"status": 400}},
            {"route": "conversation", "count": 1, "action": {"status": 500, "body": "html"}}]"#,
    );
    for number in 1..=3 {
        let mail = format!(
            "From: <elodie@vieuxphare.example>\r\nSubject: answer {number}\r\n\
             Message-ID: <answer-{number}@vieuxphare.example>\r\nIn-Reply-To: <note-{number}@elsewhere.example>\r\n\r\nYes.\r\n"
        );
        site.hand().append("INBOX", "", mail.as_bytes());
    }
    site.complete();
    assert_eq!(site.tickets("answer").len(), 3);
    // The last one was asked again.
    assert_eq!(site.requests("conversation").len(), 4);
}
