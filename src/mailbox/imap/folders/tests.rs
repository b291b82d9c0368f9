use super::*;

#[test]
fn names_are_quoted_for_the_wire() {
    assert_eq!(quote("inbox"), "INBOX");
    assert_eq!(quote("Ablage"), "\"Ablage\"");
    assert_eq!(quote("a\"b\\c"), "\"a\\\"b\\\\c\"");
    assert_eq!(quote("Entwürfe\r\n"), "\"Entw&APw-rfe&AA0ACg-\"");
}

#[test]
fn the_operators_slash_is_the_servers_separator() {
    assert_eq!(candidates("A/2026", Some('.'), ""), ["A.2026"]);
    assert_eq!(candidates("A/2026", Some('/'), ""), ["A/2026"]);
    assert_eq!(
        candidates("A/2026", Some('.'), "INBOX."),
        ["INBOX.A.2026", "A.2026"]
    );
    assert_eq!(candidates("INBOX.A", Some('.'), "INBOX."), ["INBOX.A"]);
    assert_eq!(candidates("Inbox/A", Some('.'), "INBOX."), ["INBOX.A"]);
    assert_eq!(
        candidates("MAIL/A", Some('/'), "mail/"),
        ["mail/MAIL/A", "MAIL/A"]
    );
    assert_eq!(candidates("Büro", Some('/'), "é/"), ["é/Büro", "Büro"]);
}

#[test]
fn the_first_personal_namespace_is_read() {
    let read = |line| personal(line);
    assert_eq!(
        read("* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL"),
        Some(("INBOX.".to_owned(), Some('.')))
    );
    assert_eq!(
        read("* NAMESPACE ((\"\" \"\\\\\")) ((\"~\" \"/\")) NIL"),
        Some((String::new(), Some('\\')))
    );
    assert_eq!(
        read("* NAMESPACE ((\"\" NIL)) NIL NIL"),
        Some((String::new(), None))
    );
    assert_eq!(read("* NAMESPACE NIL NIL NIL"), None);
}

#[test]
fn escaped_names_are_read() {
    assert_eq!(unescape("a\\\"b\\\\c"), "a\"b\\c");
}
