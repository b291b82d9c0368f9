//! Trouble that passes: whatever the portal does to one request, its mail becomes one ticket.

use crate::common::service::Site;

const SHORT: &str = "timeout_ms = 1000";

/// Each fault meets one request of a mail of its own; every mail must become one ticket.
#[track_caller]
fn check(faults: &[&str]) {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.start_read();
    for (number, action) in faults.iter().enumerate() {
        let subject = format!("fault {number}");
        site.fault(&format!(
            r#"[{{"route": "ticket", "count": 1, "action": {action}}}]"#
        ));
        site.send(&subject);
        site.until(action, |s| {
            !s.tickets(&subject).is_empty() && s.count("committed") == 0
        });
        let acted = &site.portal.admin("GET", "/_admin/faults", "")[0]["acted"];
        assert_eq!(*acted, 1, "the fault met nothing: {action}");
        site.no_faults();
    }
    site.complete();
}

#[test]
fn statuses_that_say_later_delay_one_ticket() {
    check(&[
        r#"{"status": 500}"#,
        r#"{"status": 502, "body": "html"}"#,
        r#"{"status": 503, "headers": {"retry-after": "1"}}"#,
        r#"{"status": 429, "headers": {"retry-after": "1"}}"#,
        r#"{"status": 408, "unread": true}"#,
    ]);
}

#[test]
fn statuses_that_concern_the_whole_link_delay_it() {
    check(&[
        r#"{"status": 401}"#,
        r#"{"status": 403}"#,
        r#"{"redirect": "http://127.0.0.1:1/elsewhere"}"#,
        r#"{"status": 404, "body": "html"}"#,
        r#"{"status": 409, "problem": "in-progress"}"#,
    ]);
}

#[test]
fn silence_and_resets_leave_no_double() {
    check(&[
        r#"{"stall_ms": 1500}"#,
        r#"{"latency_ms": 1500}"#,
        r#"{"reset": "before_body"}"#,
        r#"{"reset": "after_body"}"#,
        r#"{"reset": "after_accept"}"#,
        r#"{"reset": "mid_answer"}"#,
    ]);
}

#[test]
fn answers_that_are_none_leave_no_double() {
    check(&[
        r#"{"body": "html"}"#,
        r#"{"accept": true, "body": "html"}"#,
        r#"{"accept": true, "status": 201, "body": "garbage"}"#,
        r#"{"accept": true, "status": 201, "body": "empty"}"#,
        r#"{"accept": true, "status": 201, "body": "endless"}"#,
        r#"{"accept": true, "status": 500}"#,
        r#"{"accept": true, "status": 422, "problem": "key-used"}"#,
        r#"{"status": 422, "problem": "attachment-missing"}"#,
    ]);
}

#[test]
fn a_portal_that_answers_an_octet_at_a_time_gets_every_ticket_once() {
    check(&[r#"{"slow_ms": 5}"#, r#"{"slow_ms": 100}"#]);
}

#[test]
fn an_attachment_that_does_not_arrive_is_sent_again() {
    let mut site = Site::ready_with(&[], &[], "", SHORT);
    site.start();
    for (number, action) in [
        r#"{"status": 500}"#,
        r#"{"reset": "before_body"}"#,
        r#"{"reset": "after_accept"}"#,
        r#"{"status": 507}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let subject = format!("file {number}");
        site.fault(&format!(
            r#"[{{"route": "attachment", "count": 1, "action": {action}}}]"#
        ));
        site.hand()
            .append("INBOX", "", &with_file(number, &subject));
        site.until(action, |s| {
            !s.tickets(&subject).is_empty() && s.count("committed") == 0
        });
        let body = site.body(&site.tickets(&subject)[0]);
        let digest = body["attachments"][0]["sha256"]
            .as_str()
            .unwrap_or_default();
        let stored = site.portal.admin("GET", "/_admin/attachments", "");
        assert_eq!(stored[digest], 60_000, "{action}");
        site.no_faults();
    }
}

/// A mail with one file of 60,000 octets, each number another.
fn with_file(number: usize, subject: &str) -> Vec<u8> {
    use base64::Engine as _;
    let octets: Vec<u8> = (0..60_000).map(|n| (n / 7 + number * 31) as u8).collect();
    let coded = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines: Vec<&str> = (0..coded.len())
        .step_by(76)
        .map(|at| &coded[at..coded.len().min(at + 76)])
        .collect();
    format!(
        "From: priya.raman@northgate-dental.example\r\nSubject: {subject}\r\n\
         Message-ID: <file-{number}@yard.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee the file\r\n--b\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=f.bin\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}
