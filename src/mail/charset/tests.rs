use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(label: Option<&str>, octets: &[u8], wanted: &str, oddities: &[Oddity]) {
    let mut odd = Oddities::default();
    assert_eq!(decode(label, octets, &mut odd), wanted);
    assert_eq!(odd.into_vec(), oddities);
}

#[test]
fn a_label_decides_and_none_means_a_guess() {
    check(Some("utf-8"), "\u{feff}ü".as_bytes(), "ü", &[]);
    check(Some(" ISO-8859-1 "), b"\xfc\x80", "ü€", &[]);
    check(Some("us-ascii"), "ü".as_bytes(), "ü", &[]);
    check(Some("us-ascii"), b"\xfc", "ü", &[]);
    check(Some(""), b"\xfc", "ü", &[]);
    check(None, "\u{feff}ü".as_bytes(), "ü", &[]);
    check(Some("utf-16"), b"\xfe\xff\0a", "a", &[]);
    check(Some("utf-16"), b"\xff\xfea\0", "a", &[]);
    check(Some("utf-7"), b"+APw-", "ü", &[]);
    check(Some("ibm850"), b"\x81", "ü", &[]);
}

#[test]
fn what_can_t_be_decoded_is_said() {
    let lost = Oddity::LostCharacters;
    // Some of it is UTF-8, or it is nothing Western.
    check(Some("utf-8"), b"\xc3\xbc\xfc", "ü\u{fffd}", &[lost]);
    check(
        Some("utf-8"),
        b"\xcf\xf0\xe8\xe2\xe5\xf2",
        "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
        &[lost],
    );
    check(Some("utf-8"), b"a\x81b", "a\u{fffd}b", &[lost]);
    check(Some("no-such"), b"a\xfc", "aü", &[Oddity::UnknownCharset]);
    check(Some("no-such"), b"a", "a", &[Oddity::UnknownCharset]);
    check(Some("cp720"), b"\x81", "\u{81}", &[Oddity::UnknownCharset]);
    check(
        Some("iso-2022-kr"),
        b"\x1b$)C",
        "\x1b$)C",
        &[Oddity::UnknownCharset],
    );
}

/// Goes red where a text is told to be what it can't be, and is shown so.
#[test]
fn a_wrong_label_is_repaired_where_the_octets_show_it() {
    let repaired = Oddity::CharsetRepaired;
    for label in [
        "iso-8859-1",
        "windows-1252",
        "iso-8859-2",
        "koi8-r",
        "windows-1251",
    ] {
        check(Some(label), "Grüße".as_bytes(), "Grüße", &[repaired]);
    }
    check(Some("utf-8"), b"Gr\xfc\xdfe", "Grüße", &[repaired]);
    // What is right is left alone.
    check(Some("iso-8859-1"), b"Gr\xfc\xdfe", "Grüße", &[]);
    check(
        Some("windows-1251"),
        b"\xcf\xf0\xe8\xe2\xe5\xf2",
        "Привет",
        &[],
    );
    check(Some("koi8-r"), b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет", &[]);
    // Two octets of these are one character, and may be UTF-8 as well.
    check(Some("gbk"), b"\xc4\xe3\xba\xc3", "你好", &[]);
    check(Some("shift_jis"), b"\x83v\x83\x8a", "プリ", &[]);
}

#[test]
fn labels_that_only_their_maker_knows_are_known_too() {
    check(Some("cp932"), b"\x83v", "プ", &[]);
    check(Some("CP437"), b"a\x81\xe1\xfe\xff", "aüß■\u{a0}", &[]);
    check(Some("ibm852"), b"\x88\xa9\xfd", "łęř", &[]);
    check(Some("UTF8MB4"), "ü".as_bytes(), "ü", &[]);
    check(Some("unknown-8bit"), b"\xfc", "ü", &[]);
    check(None, b"\xff\xfeh\0i\0", "hi", &[]);
    let named = |html: &str| named_in_html(html.as_bytes());
    assert_eq!(
        named("<meta charset=\"ISO-8859-2\">").as_deref(),
        Some("iso-8859-2")
    );
    assert_eq!(
        named("<meta content='text/html; charset=koi8-r'>").as_deref(),
        Some("koi8-r")
    );
    assert_eq!(named("<p>charset</p>"), None);
}

proptest! {
    #[test]
    fn any_octets_are_decoded_in_any_character_set(octets in prop::collection::vec(any::<u8>(), 0..60)) {
        for label in [
            "utf-7", "utf-16", "utf-16be", "ibm850", "cp437", "ibm852", "iso-2022-jp", "gb18030",
            "big5", "euc-kr", "shift_jis", "hz-gb-2312", "iso-8859-8-i", "tis-620", "macintosh",
            "koi8-ru", "\0", "x-user-defined", "replacement",
        ] {
            decode(Some(label), &octets, &mut Oddities::default());
        }
    }
}
