use super::*;

#[test]
fn other_protocols_are_known_by_their_first_line() {
    for (line, wanted) in [
        ("220 mail.example.org ESMTP Postfix", Spoken::Smtp),
        ("421 too many", Spoken::Smtp),
        ("220 ProFTPD FTP server", Spoken::Ftp),
        ("+OK POP3 ready", Spoken::Pop3),
        ("HTTP/1.1 400 Bad Request", Spoken::Http),
        ("SSH-2.0-OpenSSH", Spoken::Ssh),
        ("hello", Spoken::Unknown),
        ("é", Spoken::Unknown),
    ] {
        assert_eq!(spoken(line), wanted, "{line}");
    }
}

#[test]
fn a_greeting_is_compared_without_case_and_within_its_length() {
    assert!(begins("* ok hello", "* OK"));
    assert!(!begins("* é", "* OK"));
    assert!(!begins("*", "* OK"));
}
