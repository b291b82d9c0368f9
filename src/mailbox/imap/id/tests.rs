use super::*;

#[test]
fn name_and_version_are_read_from_whatever_is_answered() {
    for (line, wanted) in [
        (r#"* ID ("name" "Dovecot")"#, Some("Dovecot")),
        (
            r#"* ID ("vendor" "Project Cyrus" "version" "3.6.1" "os" "Linux")"#,
            Some("Project Cyrus 3.6.1"),
        ),
        (
            r#"* ID ("NAME" "Courier-IMAP" "VERSION" NIL "support-url" "x")"#,
            Some("Courier-IMAP"),
        ),
        (
            r#"* ID ("os" NIL "name" "A \"b\"" "version" "1")"#,
            Some(r#"A "b" 1"#),
        ),
        ("* ID (\"name\" \"\x1b[31mred\")", Some("[31mred")),
        (r#"* ID ("version" "name")"#, Some("name")),
        (r#"* ID ("name" "  ")"#, None),
        (r#"* ID ("name")"#, None),
        ("* ID ()", None),
        ("* ID NIL", None),
        ("* ID", None),
        (r#"* ID ("name" "never closed"#, None),
    ] {
        assert_eq!(vendor(line).as_deref(), wanted, "{line}");
    }
    let long = format!("* ID (\"name\" \"{}\")", "x".repeat(5000));
    assert_eq!(vendor(&long).map(|v| v.len()), Some(NAME_MAX));
}
