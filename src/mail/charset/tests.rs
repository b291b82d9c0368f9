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
    check(Some("utf-8"), b"\xfc", "\u{fffd}", &[lost]);
    check(
        Some("no-such"),
        b"a\xfc",
        "a\u{fffd}",
        &[Oddity::UnknownCharset, lost],
    );
    check(Some("no-such"), b"a", "a", &[Oddity::UnknownCharset]);
    check(
        Some("cp437"),
        b"\x81",
        "\u{fffd}",
        &[Oddity::UnknownCharset, lost],
    );
    check(
        Some("iso-2022-kr"),
        b"\x1b$)C",
        "\x1b$)C",
        &[Oddity::UnknownCharset],
    );
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
