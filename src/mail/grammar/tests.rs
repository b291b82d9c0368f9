use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(value: &str, wanted: &[(&str, &str)]) {
    let found = addresses(value.as_bytes(), &mut Oddities::default());
    let found: Vec<(&str, &str)> = found
        .list
        .iter()
        .map(|one| (one.name.as_deref().unwrap_or(""), one.address.as_str()))
        .collect();
    assert_eq!(found, wanted, "{value:?}");
}

#[test]
fn addresses_are_read_in_every_form_that_is_met() {
    check("a@x.example", &[("", "a@x.example")]);
    check("<a@x.example>", &[("", "a@x.example")]);
    check("Anna B <a@x.example>", &[("Anna B", "a@x.example")]);
    check(
        "\"B, Anna\" <a@x.example>, c@y",
        &[("B, Anna", "a@x.example"), ("", "c@y")],
    );
    check("a@x.example (Anna)", &[("Anna", "a@x.example")]);
    check(
        "\"odd local\"@x.example",
        &[("", "\"odd local\"@x.example")],
    );
    check("<@relay,@other:a@x.example>", &[("", "a@x.example")]);
    check(
        "Team: a@x, B <b@y>;, c@z",
        &[("", "a@x"), ("B", "b@y"), ("", "c@z")],
    );
    check("undisclosed-recipients:;", &[]);
    check("root", &[("", "root")]);
    check("no address at all", &[]);
    check("<>", &[]);
    check("", &[]);
}

#[test]
fn ids_are_read_with_and_without_brackets() {
    assert_eq!(ids(b"<a@x>"), ["a@x"]);
    assert_eq!(ids(b"<a@x> <b@y>(c)<d@z>"), ["a@x", "b@y", "d@z"]);
    assert_eq!(ids(b"a@x"), ["a@x"]);
    assert_eq!(ids(b"<>"), Vec::<String>::new());
    assert_eq!(ids(b""), Vec::<String>::new());
}

/// Pieces that mean something to the parser, in any order.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "<",
        ">",
        "(",
        ")",
        "\"",
        "\\",
        ",",
        ";",
        ":",
        "@",
        "=?",
        "?=",
        "=?utf-8?Q?",
        "=?utf-8?B?",
        "=?iso-2022-jp?B?GyRC?=",
        "=41",
        "a",
        "x.example",
        " ",
        "\t",
        "\r",
        "\n",
        "'",
        "*",
        "%41",
        "ü",
        "\0",
        "Mon",
        "Jan",
        "99999999999999999999",
        "31",
        "1970",
        "+",
        "-",
        "+9999",
        "GMT",
        "256:256:256",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_value_is_read_by_every_reader(value in likely()) {
        let odd = &mut Oddities::default();
        addresses(&value, odd);
        date(&value);
        ids(&value);
        let field = crate::mail::field::Field::read(&value);
        field.text("a", odd);
        words::text(&value, odd);
    }
}
