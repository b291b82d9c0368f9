//! That no words become markup, and none hide.

use super::*;

#[test]
fn words_never_become_markup() {
    let mut page = Html::default();
    page.text("<script>alert('x')</script>\" onload=\"y & z");
    assert_eq!(
        page.0,
        "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;y &amp; z"
    );
}

#[test]
fn what_hides_or_turns_the_direction_is_marked() {
    assert_eq!(visible("bill\u{202e}fdp.exe"), "bill\u{fffd}fdp.exe");
    assert_eq!(visible("a\0b\u{1b}[31m"), "a\u{fffd}b\u{fffd}[31m");
    assert_eq!(visible("a\r\nb\u{0}"), "a\nb\u{fffd}");
    assert_eq!(visible("two\nlines\tand Müller"), "two\nlines\tand Müller");
}

#[test]
fn sizes_and_times_are_told_as_people_read_them() {
    assert_eq!(
        [size(999), size(48_213), size(25_000_000)],
        ["999 B", "48.2 kB", "25.0 MB"]
    );
    assert_eq!(when("2026-03-02T09:14:55+01:00"), "2026-03-02 08:14:55");
    assert_eq!(when("yesterday"), "yesterday");
}
