use super::*;

/// 1994-11-06T08:49:37Z, the date of RFC 9110's examples.
const THEN: Wall = Wall(784_111_777_000);

#[track_caller]
fn check(field: &str, date: Option<&str>, now: Wall, want: Option<u64>) {
    let got = retry_after(field, date, now);
    assert_eq!(got, want.map(Duration::from_secs), "{field}");
}

#[test]
fn seconds_are_seconds() {
    check("0", None, THEN, None);
    check("1", None, THEN, Some(1));
    check(" 120 ", None, THEN, Some(120));
    check("99999999999999999999999999", None, THEN, Some(24 * 3600));
}

#[test]
fn a_date_may_have_any_of_three_shapes() {
    let ago = Wall(THEN.0 - 90_000);
    check("Sun, 06 Nov 1994 08:49:37 GMT", None, ago, Some(90));
    check("Sunday, 06-Nov-94 08:49:37 GMT", None, ago, Some(90));
    check("Sun Nov  6 08:49:37 1994", None, ago, Some(90));
}

#[test]
fn a_date_is_measured_by_the_peers_own_clock() {
    let date = Some("Sun, 06 Nov 1994 08:49:00 GMT");
    check("Sun, 06 Nov 1994 08:49:37 GMT", date, Wall(0), Some(37));
    check(
        "Sun, 06 Nov 1994 08:49:37 GMT",
        Some("nonsense"),
        Wall(THEN.0 - 2_000),
        Some(2),
    );
}

#[test]
fn a_date_that_has_passed_asks_for_nothing_and_a_far_one_is_bounded() {
    check(
        "Sun, 06 Nov 1994 08:49:37 GMT",
        None,
        Wall(THEN.0 + 5),
        None,
    );
    check("Sat, 06 Nov 2094 08:49:37 GMT", None, THEN, Some(24 * 3600));
}

#[test]
fn what_cannot_be_read_is_as_if_it_were_not_there() {
    for field in [
        "",
        "-1",
        "1.5",
        "soon",
        "Sun, 06 Nov 1994",
        "Sun, 99 Nov 1994 08:49:37 GMT",
    ] {
        check(field, None, THEN, None);
    }
}
