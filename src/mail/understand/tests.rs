use super::*;
use crate::mail::BODY_MAX;
use crate::mail::{Limits, Skim};

fn read(mail: &str) -> Message {
    let mut skim = Skim::new(Limits::default());
    skim.feed(mail.replace('\n', "\r\n").as_bytes());
    understand(&skim.finish())
}

/// A body of several parts: each one its media type and its content.
fn parts(multipart: &str, parts: &[(&str, &str)]) -> Message {
    let mut mail =
        format!("From: a@x.example\nContent-Type: multipart/{multipart}; boundary=b\n\n");
    for (media, content) in parts {
        mail.push_str(&format!("--b\nContent-Type: {media}\n\n{content}\n"));
    }
    read(&format!("{mail}--b--\n"))
}

#[track_caller]
fn check(message: &Message, text: Option<&str>, html: Option<&str>) {
    assert_eq!(message.text.as_deref(), text, "text");
    assert_eq!(message.html.as_deref(), html, "html");
}

#[test]
fn text_and_html_are_each_whole_and_text_is_made_where_there_is_none() {
    let plain = ("text/plain", "plain");
    let html = ("text/html", "<p>html</p>");
    let blank = ("text/plain", " \n");
    let none = ("application/x", "x");
    check(&parts("mixed", &[plain]), Some("plain"), None);
    check(
        &parts("mixed", &[html]),
        Some("html\n"),
        Some("<p>html</p>"),
    );
    check(&parts("mixed", &[none]), None, None);
    check(
        &parts("alternative", &[plain, html]),
        Some("plain"),
        Some("<p>html</p>"),
    );
    check(
        &parts("alternative", &[blank, html]),
        Some("html\n"),
        Some("<p>html</p>"),
    );
    check(
        &parts("mixed", &[plain, blank, plain]),
        Some("plain\nplain"),
        None,
    );
    check(
        &parts("mixed", &[html, plain]),
        Some("html\n\nplain\n"),
        Some("<p>html</p>\n<pre>plain</pre>"),
    );
    check(
        &parts("mixed", &[plain, html, plain]),
        Some("plain\n\nhtml\n\nplain\n"),
        Some("<pre>plain</pre>\n<p>html</p>\n<pre>plain</pre>"),
    );
}

#[test]
fn two_alternatives_in_a_row_are_two_sections() {
    let alternative =
        "--c\nContent-Type: text/plain\n\np\n--c\nContent-Type: text/html\n\nh\n--c--";
    let both = ("multipart/alternative; boundary=c", alternative);
    check(&parts("mixed", &[both, both]), Some("p\np"), Some("h\nh"));
}

#[test]
fn html_that_lies_in_pieces_within_an_alternative_is_one_section() {
    let mixed = "--c\nContent-Type: text/html\n\none\n--c\nContent-Type: application/pdf\n\nx\n\
                 --c\nContent-Type: text/html\n\ntwo\n--c--";
    let message = parts(
        "alternative",
        &[
            ("text/plain", "all"),
            ("multipart/mixed; boundary=c", mixed),
        ],
    );
    check(&message, Some("all"), Some("one\ntwo"));
    assert_eq!(message.attachments.len(), 1);
}

#[test]
fn a_body_that_grows_in_decoding_is_cut_and_said() {
    let ampersands = "&".repeat(1024 * 1024);
    let message = parts(
        "mixed",
        &[("text/html", "<p>"), ("text/plain", &ampersands)],
    );
    let html = message.html.unwrap().len();
    assert!((BODY_MAX - 20_000..=BODY_MAX).contains(&html), "{html}");
    // Its text is whole.
    assert_eq!(message.text.unwrap().len(), ampersands.len() + 1);
    assert!(message.oddities.contains(&Oddity::LongText));
}

#[test]
fn pictures_that_the_html_refers_to_are_inline() {
    let ids = parts::referred("<img src='cid:a@b'> url(cid:c) cid:d%40e \"cid:\" cid:f");
    let wanted = ["", "a@b", "c", "d@e", "f"];
    assert_eq!(ids.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}

#[test]
fn the_first_and_the_last_references_are_kept() {
    let ids = (0..1500).map(|id| id.to_string()).collect();
    let mut odd = Oddities::default();
    let kept = bounded(ids, &mut odd);
    assert_eq!(kept.len(), LIST_MAX);
    assert_eq!((kept[0].as_str(), kept[1].as_str()), ("0", "501"));
    assert_eq!(odd.into_vec(), [Oddity::LongList]);
}

#[test]
fn addresses_are_compared_in_lower_case() {
    let message = read("From: \" Anna \" < Anna.Berger@Customer.EXAMPLE >\n\n");
    let author = message.author().unwrap();
    assert_eq!(author.name.as_deref(), Some("Anna"));
    assert_eq!(author.folded(), "anna.berger@customer.example");
}

#[test]
fn dates_are_read_or_said_to_be_unreadable() {
    let at = |date: &str| read(&format!("Date: {date}\n\n")).date.unwrap().ms;
    assert_eq!(at("Thu, 01 Jan 1970 00:00:00 +0000"), Some(0));
    assert_eq!(at("1 Jan 70 01:00 +0100"), Some(0));
    assert_eq!(at("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    for nonsense in [
        "",
        "99 Foo 9999 99:99:99 +9999",
        "Thu, 99999999999 Jan 99999999999 1:1:1",
        "0 0 0 0 0",
        "-",
        "Thu, 01 Jan 1970",
    ] {
        let _ = at(nonsense);
    }
    assert_eq!(at("yesterday"), None);
}

/// Goes red where lines of HTML are joined by a parameter that is plain text's (RFC 3676 §4).
#[test]
fn format_flowed_is_plain_text_s_alone() {
    let of = |media: &str, html: bool| {
        let message = read(&format!(
            "From: a@x.example\nContent-Type: {media}; format=flowed\n\na \nb\n"
        ));
        if html {
            message.html
        } else {
            message.text
        }
    };
    assert_eq!(of("text/plain", false).as_deref(), Some("a b\n"));
    assert_eq!(of("text/html", true).as_deref(), Some("a \nb\n"));
}

/// Goes red where octets are taken for a mail since a server put its own fields in front of them.
#[test]
fn what_servers_put_in_front_makes_no_mail() {
    let message = read("Received: from a by b; Mon, 2 Mar 2026 09:00:00 +0000\nX-Any: x\n\nbody\n");
    assert!(message.unparsed);
    assert_eq!(message.oddities, [Oddity::NoHeader]);
    let message =
        read("Received: from a by b; Mon, 2 Mar 2026 09:00:00 +0000\nSubject: x\n\nbody\n");
    assert!(!message.unparsed);
}
