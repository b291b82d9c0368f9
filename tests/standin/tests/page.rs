//! The pages for a browser: what they show, whom they answer, and that nothing in a message can
//! become markup or run.
//!
//! A page's markup is compared as the sequence of its tags with the names of their attributes: a
//! hostile message must give the very sequence that a harmless one gives.

mod wire;

use serde_json::{json, Value};
use wire::{message, Answer, Standin};

fn fresh(more: &[&str]) -> (tempfile::TempDir, Standin) {
    let dir = tempfile::tempdir().unwrap();
    let standin = Standin::start(dir.path(), more);
    (dir, standin)
}

/// As a browser asks: by a loopback name, without a token.
fn browse(standin: &Standin, path: &str) -> Answer {
    let fields = [("Host", standin.address.as_str()), ("Authorization", "")];
    standin.ask("GET", path, &fields, b"")
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

#[track_caller]
fn shows(page: &str, what: &str) {
    assert!(page.contains(what), "no {what:?} in\n{page}");
}

/// Posts this message with its attachments' content, and gives the ticket's id.
#[track_caller]
fn ticket(standin: &Standin, mut message: Value, contents: &[(&str, &str, &[u8])]) -> String {
    let mut attachments = Vec::new();
    for (name, media_type, content) in contents {
        let (stored, digest) = standin.put(content);
        assert!(stored.status < 300);
        attachments.push(
            json!({ "name": name, "content_type": media_type, "size": content.len(),
            "sha256": digest, "inline": true, "content_id": format!("{}@x", attachments.len()) }),
        );
    }
    message["attachments"] = attachments.into();
    let answer = standin.post(&message);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Tags and the names of their attributes, in order.
fn markup(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, behind)) = rest.split_once('<') {
        let mut tag = String::new();
        let mut quoted = None;
        let mut end = behind.len();
        for (at, c) in behind.char_indices() {
            match (quoted, c) {
                (None, '>') => {
                    end = at;
                    break;
                }
                (None, '"' | '\'') => quoted = Some(c),
                (Some(q), c) if q == c => quoted = None,
                (None, c) => tag.push(c),
                _ => {}
            }
        }
        found.push(tag);
        rest = &behind[end..];
    }
    found
}

/// The same message twice, once with `hostile` wherever its sender has a word.
fn spoken(n: u64, words: &str) -> Value {
    let mut message = message(n);
    message["subject"] = words.into();
    message["from"] = json!({ "name": words, "address": words });
    message["sender"] = message["from"].clone();
    for field in ["to", "cc", "reply_to"] {
        message[field] = json!([{ "name": words, "address": words }]);
    }
    message["text"] = words.into();
    message["message_id"] = words.into();
    message["in_reply_to"] = json!([words]);
    message["references"] = json!([words]);
    message["mailbox"] = words.into();
    message["user"] = words.into();
    message["requester"] = json!({ "name": words, "address": format!("r{words}") });
    message["requester_by"] = "forward".into();
    message["technician"] = words.into();
    message["participants"] = message["to"].clone();
    message["authentication"] =
        json!({ "server": words, "dmarc": "fail", "dkim": "pass", "spf": "none" });
    message["doubtful"] = true.into();
    message["storm"] =
        json!({ "alike": "sender", "count": 50, "minutes": 60, "said": format!("stormy {words}") });
    for field in ["queue", "priority", "category"] {
        message[field] = words.into();
    }
    message["tags"] = json!([words]);
    message["rules"] = json!([words.chars().take(40).collect::<String>()]);
    message["company"] = words.into();
    message["oddities"] = json!([words]);
    message
}

#[test]
fn a_ticket_shows_whose_request_it_is_and_what_was_trusted() {
    let (_dir, standin) = fresh(&[]);
    let id = ticket(&standin, spoken(1, "words"), &[]);
    let page = text(&browse(&standin, &format!("/_page/tickets/{id}")));
    for what in [
        "<dt>Requester</dt>",
        "rwords",
        "what a technician forwarded",
        "<dt>Forwarded by</dt>",
        "<dt>Participants</dt>",
        "words: DMARC fail, DKIM pass, SPF none",
        "may be forged",
        "<dt>Storm</dt>",
        "stormy words (one sender)",
        "<dt>Queue</dt>",
        "<dt>Priority</dt>",
        "<dt>Category</dt>",
        "<dt>Tags</dt>",
        "<dt>By the rules</dt>",
    ] {
        shows(&page, what);
    }
    // What everybody expects is not said.
    let id = ticket(&standin, message(2), &[]);
    let page = text(&browse(&standin, &format!("/_page/tickets/{id}")));
    for what in [
        "Requester",
        "Participants",
        "Doubtful",
        "Queue",
        "Tags",
        "rules",
    ] {
        assert!(!page.contains(what), "{what}: {page}");
    }
}

#[test]
fn the_list_shows_each_ticket_and_the_counts() {
    let dir = tempfile::tempdir().unwrap();
    let people = dir.path().join("people.json");
    let nordwind = json!({ "users": [], "companies": [
        { "id": "c-12", "name": "Nordwind & Söhne", "domains": [] }] });
    std::fs::write(&people, nordwind.to_string()).unwrap();
    let standin = Standin::start(dir.path(), &["--directory", people.to_str().unwrap()]);
    shows(&text(&browse(&standin, "/")), "No tickets here yet");
    let mut odd = message(1);
    odd["unparsed"] = true.into();
    odd["oddities"] = json!(["no-date"]);
    odd["company"] = "c-12".into();
    let id = ticket(&standin, odd, &[("a.txt", "text/plain", b"four")]);
    let reply = format!("/tickets/{id}/replies");
    standin.connect().post(&reply, &message(2)).unwrap();
    let answer = browse(&standin, "/");
    assert_eq!(
        answer.field("content-type"),
        Some("text/html; charset=utf-8")
    );
    let page = text(&answer);
    for what in [
        "<dt>tickets</dt><dd>1</dd>",
        "<dt>replies</dt><dd>1</dd>",
        "<dt>doubled</dt><dd>0</dd>",
        "2026-03-02 08:14<",
        "Petra Lang",
        "petra@nordwind.example",
        "Nordwind &amp; Söhne",
        "Printer 1",
        "support@provider.example",
        "4 B",
        "unparsed",
        "no-date",
        "1 replied",
    ] {
        shows(&page, what);
    }
    assert!(!page.contains("Printer 2"), "a reply is no row");
}

#[test]
fn a_long_list_is_turned_page_by_page_from_the_newest_on() {
    let (_dir, standin) = fresh(&[]);
    for n in 1..=53 {
        standin.post(&message(n));
    }
    let first = text(&browse(&standin, "/"));
    shows(&first, "Printer 53<");
    shows(&first, "Printer 4<");
    assert!(!first.contains("Printer 3<"));
    shows(&first, "1 to 50 of 53");
    let second = text(&browse(&standin, "/?skip=50"));
    shows(&second, "Printer 3<");
    shows(&second, "Printer 1<");
    assert!(!second.contains("Printer 4<") && !second.contains("older"));
}

#[test]
fn a_ticket_s_page_shows_text_body_attachments_document_and_replies() {
    let (_dir, standin) = fresh(&[]);
    let mut with_html = message(1);
    with_html["html"] = "<p>Look: <img src=\"cid:0@x\"></p>".into();
    let files: [(&str, &str, &[u8]); 2] = [
        ("display.png", "image/png", b"no real picture"),
        ("note é.txt", "text/plain", b"four"),
    ];
    let id = ticket(&standin, with_html.clone(), &files);
    let reply = format!("/tickets/{id}/replies");
    standin.connect().post(&reply, &message(2)).unwrap();
    let page = text(&browse(&standin, &format!("/_page/tickets/{id}")));
    for what in [
        "Printer 1",
        "It is silent.",
        "display.png",
        "15 B",
        "<iframe sandbox=\"\"",
        "Printer 2",
        "Reply ",
    ] {
        shows(&page, what);
    }
    let body = browse(&standin, &format!("/_page/tickets/{id}/body"));
    shows(
        &text(&body),
        "<img src=\"data:image/png;base64,bm8gcmVhbCBwaWN0dXJl\">",
    );
    let document = browse(&standin, &format!("/_page/tickets/{id}/json"));
    assert_eq!(document.json()["html"], with_html["html"]);
    let file = browse(&standin, &format!("/_page/tickets/{id}/attachments/1"));
    assert_eq!(file.body, b"four");
    assert_eq!(
        file.field("content-disposition"),
        Some("attachment; filename*=UTF-8''note%20%C3%A9.txt")
    );
    assert_eq!(file.field("content-type"), Some("application/octet-stream"));
    for nothing in [
        "attachments/2",
        "attachments/x",
        "attachments/../json",
        "other",
    ] {
        let path = format!("/_page/tickets/{id}/{nothing}");
        assert_eq!(browse(&standin, &path).status, 404, "{path}");
    }
    assert_eq!(browse(&standin, "/_page/tickets/R-1").status, 404);
    standin.ask("DELETE", &format!("/_admin/tickets/{id}"), &[], b"");
    let gone = browse(&standin, &format!("/_page/tickets/{id}"));
    assert_eq!(gone.status, 404);
}

#[test]
fn nothing_that_a_sender_writes_becomes_markup() {
    let (_dir, standin) = fresh(&[]);
    let words = "plain words";
    let harmless = ticket(&standin, spoken(1, words), &[(words, words, b"x")]);
    let list = markup(&text(&browse(&standin, "/")));
    let page = markup(&text(&browse(
        &standin,
        &format!("/_page/tickets/{harmless}"),
    )));
    assert!(page.iter().any(|tag| tag.starts_with("a download href=")));
    standin.ask("DELETE", &format!("/_admin/tickets/{harmless}"), &[], b"");
    let hostile = [
        "<script>document.title='ran'<\u{2215}script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</bdi></title></textarea><svg onload=alert(1)>",
        "javascript:alert(1)",
        "<!-- <b>",
        "&lt;script&gt;",
        "\u{202e}<i>\u{0}\u{1b}",
    ];
    for (n, words) in hostile.iter().enumerate() {
        // A bare file name has no slash.
        let name = words.replace('/', "\u{2215}");
        let name = name.replace('\0', " ");
        let id = ticket(
            &standin,
            spoken(n as u64 + 2, words),
            &[(&name, words, b"x")],
        );
        assert_eq!(markup(&text(&browse(&standin, "/"))), list, "{words}");
        let path = format!("/_page/tickets/{id}");
        assert_eq!(markup(&text(&browse(&standin, &path))), page, "{words}");
        standin.ask("DELETE", &format!("/_admin/tickets/{id}"), &[], b"");
    }
}

#[test]
fn a_hostile_file_name_stays_within_its_field() {
    let (_dir, standin) = fresh(&[]);
    let name = "a\"; filename=evil.html\r\nX-Evil: 1\r\n\r\n<script>\u{202e}";
    let id = ticket(&standin, message(1), &[(name, "text/html", b"<script>")]);
    let file = browse(&standin, &format!("/_page/tickets/{id}/attachments/0"));
    assert_eq!(file.field("x-evil"), None);
    assert_eq!(file.field("content-type"), Some("application/octet-stream"));
    assert_eq!(
        file.field("content-disposition"),
        Some(
            "attachment; filename*=UTF-8''a%22%3B%20filename%3Devil.html%0AX-Evil%3A%201%0A%0A\
             %3Cscript%3E%EF%BF%BD"
        )
    );
}

/// The policy of an answer, by directive.
#[track_caller]
fn policy(answer: &Answer) -> Vec<String> {
    let policy = answer.field("content-security-policy").expect("a policy");
    policy.split("; ").map(str::to_owned).collect()
}

#[test]
fn every_answer_to_a_browser_forbids_scripts_and_whatever_lies_elsewhere() {
    let (_dir, standin) = fresh(&[]);
    let mut evil = message(1);
    evil["html"] = "<script>document.title='ran'</script>".into();
    let id = ticket(&standin, evil, &[("a.html", "text/html", b"<script>")]);
    for path in [
        "/".to_owned(),
        format!("/_page/tickets/{id}"),
        format!("/_page/tickets/{id}/body"),
        format!("/_page/tickets/{id}/json"),
        format!("/_page/tickets/{id}/attachments/0"),
        "/_page/style.css".to_owned(),
        "/_page/nothing".to_owned(),
    ] {
        let answer = browse(&standin, &path);
        let policy = policy(&answer);
        assert!(policy.contains(&"default-src 'none'".to_owned()), "{path}");
        let scripts = |d: &String| d.starts_with("script-src") || d.contains("unsafe-eval");
        assert!(!policy.iter().any(scripts), "{path}: {policy:?}");
        // What the sender wrote has no origin, and so reads nothing here.
        let whole = policy.contains(&"sandbox".to_owned());
        let theirs = ["/body", "/json", "/attachments/0", ".css"];
        assert_eq!(whole, theirs.iter().any(|t| path.ends_with(t)), "{path}");
        assert_eq!(
            answer.field("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            answer.field("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
    }
}

#[test]
fn only_a_browser_that_calls_it_by_a_loopback_name_gets_a_page() {
    let (_dir, standin) = fresh(&[]);
    let as_host = |host: &str, method: &str| {
        let fields = [("Host", host), ("Authorization", "")];
        standin.ask(method, "/", &fields, b"").status
    };
    for host in ["127.0.0.1:80", "localhost", "[::1]:8080", "127.0.0.1"] {
        assert_eq!(as_host(host, "GET"), 200, "{host}");
    }
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil:80",
        "portal",
    ] {
        assert_eq!(as_host(host, "GET"), 403, "{host}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(as_host("127.0.0.1", method), 405, "{method}");
    }
}

#[test]
fn the_contract_s_routes_want_their_token_from_a_browser_too() {
    let (_dir, standin) = fresh(&[]);
    let id = ticket(&standin, message(1), &[]);
    for path in [
        "/ping".to_owned(),
        "/directory".to_owned(),
        format!("/tickets?key={}", wire::key(1)),
        format!("/tickets/{id}"),
        "/_pagetickets".to_owned(),
    ] {
        browse(&standin, &path).is_problem(401, "unauthorized");
    }
}
