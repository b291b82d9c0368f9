use super::*;

#[track_caller]
fn check(text: &str, wanted: Option<&str>) {
    assert_eq!(parse(text).map(|at| at.to_string()).as_deref(), wanted);
}

#[test]
fn received_times_are_read_with_their_zone() {
    check("17-Jul-1996 02:44:25 -0700", Some("1996-07-17T09:44:25Z"));
    check(" 7-Feb-1994 21:52:25 -0800", Some("1994-02-08T05:52:25Z"));
    check("01-Jan-2026 00:00:00 +0530", Some("2025-12-31T18:30:00Z"));
    check("29-Feb-2024 23:59:60 +0000", Some("2024-02-29T23:59:59Z"));
}

#[test]
fn what_is_no_date_is_none() {
    for text in [
        "",
        "0",
        "32-Jan-2026 00:00:00 +0000",
        "1-Foo-2026 00:00:00 +0000",
        "1-Jan-2026 00:00:00 +00",
        "1-Jan-2026 00:00:00 é000",
        "1-Jan-2026 00:00:00",
    ] {
        check(text, None);
    }
}

#[test]
fn a_day_for_search_can_be_moved() {
    let at = parse("01-Mar-2024 00:30:00 +0000").unwrap();
    assert_eq!(day(at, 0).as_deref(), Some("1-Mar-2024"));
    assert_eq!(day(at, -1).as_deref(), Some("29-Feb-2024"));
    assert_eq!(day(at, 2).as_deref(), Some("3-Mar-2024"));
}
