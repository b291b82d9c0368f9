use super::*;

#[test]
fn the_port_follows_the_security() {
    assert_eq!(Security::Tls.default_port(), 993);
    assert_eq!(Security::StartTls.default_port(), 143);
    assert_eq!(Security::None.default_port(), 143);
}

#[test]
fn ports_that_send_mail_have_a_hint() {
    assert_eq!(port_hint(465), Some(993));
    assert_eq!(port_hint(587), Some(143));
    assert_eq!(port_hint(25), Some(143));
    assert_eq!(port_hint(993), None);
}

#[test]
fn hosts_are_names_or_addresses() {
    for good in [
        "mail.example.org",
        "10.0.0.1",
        "::1",
        "[::1]",
        "müller.example",
        "box_1",
    ] {
        assert_eq!(check_host(good), Ok(()), "{good}");
    }
    for (bad, why) in [
        ("", Wrong::Empty),
        ("imaps://mail.example.org", Wrong::Url),
        ("mail.example.org:993", Wrong::Port),
        ("mail example", Wrong::Character(' ')),
        ("mail..example", Wrong::EmptyLevel),
        ("a\r\nb", Wrong::Character('\r')),
    ] {
        assert_eq!(check_host(bad), Err(why), "{bad}");
    }
}

#[test]
fn the_archive_is_never_the_watched_folder() {
    assert_eq!(check_archive("inbox", "INBOX"), Err(Wrong::Watched));
    assert_eq!(check_archive("Support", "Support"), Err(Wrong::Watched));
    assert_eq!(check_archive("Archive/%Y-%m", "INBOX"), Ok(()));
    assert_eq!(
        check_archive("Archive//%Y", "INBOX"),
        Err(Wrong::EmptyLevel)
    );
    assert_eq!(check_archive("Archive/%d", "INBOX"), Err(Wrong::Pattern));
    assert_eq!(check_archive("50%", "INBOX"), Err(Wrong::Pattern));
}

#[test]
fn year_and_month_are_filled_in() {
    assert_eq!(expand("A/%Y/%m", 2026, 3), Ok("A/2026/03".to_owned()));
    assert_eq!(expand("100%%", 2026, 3), Ok("100%".to_owned()));
}
