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
    let named = |name, separator, prefix: &str| {
        candidates(own_name(name, separator).unwrap(), separator, prefix)
    };
    assert_eq!(named("A/2026", Some('.'), ""), ["A.2026"]);
    assert_eq!(named("A/2026", Some('/'), ""), ["A/2026"]);
    assert_eq!(
        named("A/2026", Some('.'), "INBOX."),
        ["INBOX.A.2026", "A.2026"]
    );
    assert_eq!(named("INBOX.A", Some('.'), "INBOX."), ["INBOX.A"]);
    assert_eq!(named("Inbox/A", Some('.'), "INBOX."), ["INBOX.A"]);
    assert_eq!(
        named("MAIL/A", Some('/'), "mail/"),
        ["mail/MAIL/A", "MAIL/A"]
    );
    assert_eq!(named("Büro", Some('/'), "é/"), ["é/Büro", "Büro"]);
}

#[test]
fn a_separator_within_a_level_is_refused() {
    for (name, separator, taken) in [
        ("A/2026.11", '.', false),
        ("INBOX.A/2026", '.', false),
        ("A.2026.11", '.', true),
        ("A/2026-11", '.', true),
        ("A/2026.11", '/', true),
    ] {
        assert_eq!(own_name(name, Some(separator)).is_ok(), taken, "{name}");
    }
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
