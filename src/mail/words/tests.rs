use super::*;

#[track_caller]
fn check(value: &str, wanted: &str) {
    assert_eq!(text(value.as_bytes(), &mut Oddities::default()), wanted);
}

#[test]
fn encoded_words_are_decoded_wherever_they_stand() {
    check("plain", "plain");
    check("=?utf-8?Q?a_b=3D?=", "a b=");
    check("=?UTF-8?b?w7w=?=", "ü");
    check("x=?utf-8?Q?y?=z", "xyz");
    check("=?utf-8*de?Q?y?=", "y");
    check("=?iso-8859-1?Q?=FC?= =?utf-8?Q?=C3=BC?=", "üü");
    check("=?utf-8?Q?a?=   =?utf-8?Q?b?= c", "ab c");
    check("=?utf-8?Q?what?_really?=", "what? really");
    // Encoded twice, and with blanks that don't belong there.
    check(
        "=?utf-8?Q?=3D=3Futf-8=3FQ=3FGr=C3=BC=C3=9Fe=3F=3D?=",
        "Grüße",
    );
    check("=?utf-8?Q?Gr=C3=BC=C3=9Fe an alle?=", "Grüße an alle");
    check("=?utf-8?B?R3LD vMOfZQ==?=", "Grüße");
}

#[test]
fn a_character_cut_in_two_words_is_one_character() {
    check("=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü");
    check("=?utf-8?B?ww==?=\t=?UTF-8?Q?=BC?=", "ü");
}

#[test]
fn words_that_each_shift_to_japanese_and_back_lose_nothing_where_they_meet() {
    // "につい" and "て", each in a word of its own, as RFC 1468 has it.
    check(
        "=?ISO-2022-JP?B?GyRCJEskRCQkGyhC?=\r\n =?iso-2022-jp?B?GyRCJEYbKEI=?=",
        "について",
    );
}

#[test]
fn what_is_no_encoded_word_stays() {
    for value in [
        "=?",
        "=??=",
        "=?utf-8?",
        "=?utf-8?Q?",
        "=?utf-8?Q?x",
        "=?utf-8?X?x?=",
        "=? ?Q?x?=",
        "=?utf-8?B?*?=",
        "a =? b",
    ] {
        check(value, value);
    }
    check("=?utf-8?Q?=C", "=?utf-8?Q?=C");
    check("=?utf-8?Q?=ZZ=4?=", "=ZZ=4");
}

#[test]
fn decoded_commas_and_quotes_are_no_grammar() {
    let list = |value: &str| {
        let found = crate::mail::grammar::addresses(value.as_bytes(), &mut Oddities::default());
        found.list
    };
    for value in [
        "=?utf-8?Q?a=2C_b=22_=3Cx=40evil=3E?= <a@x.example>",
        "\"=?utf-8?Q?a=2C_b=22_=3Cx=40evil=3E?=\" <a@x.example>",
    ] {
        let list = list(value);
        assert_eq!(list.len(), 1, "{list:?}");
        assert_eq!(list[0].address, "a@x.example");
        assert_eq!(list[0].name.as_deref(), Some("a, b\" <x@evil>"));
    }
}

#[test]
fn a_text_is_cut_between_characters() {
    assert_eq!(cut("aü", 2), ("a", true));
    assert_eq!(cut("aü", 3), ("aü", false));
}
