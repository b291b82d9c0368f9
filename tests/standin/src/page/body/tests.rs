//! Which links become pictures.

use super::*;
use serde_json::{json, Value};

#[track_caller]
fn check(html: &str, want: &str) {
    let picture = |id: &str, kind: &str, size: u64| -> Value {
        json!({ "name": "x", "content_type": kind, "size": size,
                "sha256": "0".repeat(64), "inline": true, "content_id": id })
    };
    let message = json!({
        "key": "0".repeat(64), "mailbox": "a@b", "received_at": "2026-03-02T08:14:59Z",
        "subject": "", "html": html, "unparsed": false, "oddities": [],
        "attachments": [
            picture("logo@x", "image/png", 3), picture("logo@x2", "IMAGE/JPEG", 3),
            picture("drawing", "image/svg+xml", 3), picture("huge", "image/png", PICTURES_MAX),
        ],
    });
    let message = serde_json::from_value(message).unwrap();
    let page = page(&message, |_| Ok(b"abc".to_vec())).unwrap().unwrap();
    assert_eq!(page.strip_prefix(BEFORE).unwrap(), want);
}

#[test]
fn a_link_to_a_picture_of_the_message_becomes_the_picture() {
    check(
        "<img src=\"cid:logo@x\"><img src=CID:logo%40x2>",
        "<img src=\"data:image/png;base64,YWJj\"><img src=data:image/jpeg;base64,YWJj>",
    );
    check(
        "<p style='background:url(cid:logo@x)'>cid:",
        "<p style='background:url(data:image/png;base64,YWJj)'>cid:",
    );
}

#[test]
fn other_links_stay_as_they_are() {
    for html in [
        "<img src=\"cid:unknown\">",
        "<img src=\"cid:drawing\">",
        "<img src='http://elsewhere.example/?cid:logo'>é",
    ] {
        check(html, html);
    }
}

#[test]
fn pictures_beyond_the_bound_are_left_out() {
    check(
        "<img src=cid:logo@x><img src=cid:huge>",
        "<img src=data:image/png;base64,YWJj><img src=cid:huge>",
    );
}
