use super::*;
use crate::mail::{understand, Limits, Skim};

fn report(mail: &str) -> Option<Report> {
    let mut skim = Skim::new(Limits::default());
    skim.feed(mail.replace('\n', "\r\n").as_bytes());
    understand(&skim.finish()).report
}

fn with_status(status: &str) -> Report {
    let mail = format!(
        "From: MAILER-DAEMON@x.example\nContent-Type: multipart/report; boundary=b\n\n--b\n\n\
         hello\n--b\nContent-Type: message/delivery-status\n\n{status}\n--b--\n"
    );
    report(&mail).expect("a report")
}

#[test]
fn who_writes_as_nobody_must_say_more_than_a_daemon() {
    let of = |head: &str, subject: &str, text: &str| {
        let mail = format!("{head}\nSubject: {subject}\n\n{text}\n");
        report(&mail).map(|report| report.kind)
    };
    let daemon = "Return-Path: <>\nFrom: MAILER-DAEMON@x.example";
    let nobody = "Return-Path: <>\nFrom: shop@x.example";
    let person = "From: postmaster@x.example";
    let sentence = "It could not be delivered.";
    assert_eq!(of(daemon, "x", sentence), Some(ReportKind::Failed));
    for head in [nobody, person] {
        assert_eq!(of(head, "x", sentence), None, "{head}");
        let address = "It could not be delivered to:\n\n<a@b.example>: 550 5.1.1 unknown";
        let failed = of(head, "x", address);
        assert_eq!(failed, Some(ReportKind::Failed), "{head}");
        let both = of(head, "Undeliverable: x", sentence);
        assert_eq!(both, Some(ReportKind::Failed), "{head}");
    }
    let anybody = of("From: jo@x.example", "Undeliverable: x", sentence);
    assert_eq!(anybody, None);
}

#[test]
fn a_report_is_no_longer_than_is_bearable() {
    let many: String = (0..1_000)
        .map(|n| format!("Final-Recipient: rfc822; a{n}@b.example\nAction: failed\n\n"))
        .collect();
    assert_eq!(with_status(&many).about.len(), ABOUT_MAX);
    let words = "word ".repeat(1_000);
    let long = format!("Final-Recipient: rfc822; a@b.example\nDiagnostic-Code: smtp; {words}");
    let report = with_status(&long);
    let said = report.about[0].said.as_deref().unwrap_or_default();
    assert!((SAID_MAX / 2..=SAID_MAX).contains(&said.len()), "{said}");
}

#[test]
fn the_more_exact_status_counts() {
    let status = |status: &str, said: &str| {
        let fields = format!("Final-Recipient: rfc822; a@b.example\n{status}\n{said}");
        with_status(&fields).about[0].status.clone()
    };
    let said = "Diagnostic-Code: smtp; 550 5.7.1 no";
    assert_eq!(status("Status: 5.0.0", said).as_deref(), Some("5.7.1"));
    assert_eq!(status("Status: 5.1.1", said).as_deref(), Some("5.1.1"));
    assert_eq!(status("X: y", said).as_deref(), Some("5.7.1"));
    assert_eq!(status("Status: 5.0.0", "X: y").as_deref(), Some("5.0.0"));
    // Of an address no status is read.
    let address = "Diagnostic-Code: smtp; 192.0.2.5 said no";
    assert_eq!(status("X: y", address), None);
}

#[test]
fn a_status_is_no_part_of_a_word_and_no_version() {
    let of = |text: &str| prose::status(text);
    assert_eq!(of("550-5.1.1 gone").as_deref(), Some("5.1.1"));
    assert_eq!(of("(#4.4.1)").as_deref(), Some("4.4.1"));
    for none in ["v4.6.1", "Release 5.0.8", "[5.1.1.1]", "5.1.1b", "5.1234.1"] {
        assert_eq!(of(none), None, "{none}");
    }
}

#[test]
fn of_a_long_text_the_beginning_is_looked_at() {
    let of = |before: &str| {
        let mail = format!(
            "Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: failure notice\n\n\
             {before}<a@b.example>: 550 5.1.1 unknown\n"
        );
        report(&mail).expect("a report").about.len()
    };
    assert_eq!(of(&"line\n".repeat(300)), 1);
    assert_eq!(of(&"line\n".repeat(400)), 0);
    assert_eq!(of(&" ".repeat(900)), 1);
    assert_eq!(of(&" ".repeat(1_100)), 0);
}
