use super::*;
use proptest::prelude::*;

fn decode(encoding: Encoding, slices: &[&[u8]]) -> (Vec<u8>, bool) {
    let mut decoder = Decoder::new(encoding);
    let mut out = Vec::new();
    for slice in slices {
        decoder.feed(slice, &mut out);
    }
    decoder.finish(&mut out);
    (out, decoder.damaged())
}

#[track_caller]
fn check(encoding: Encoding, encoded: &str, wanted: &str, damaged: bool) {
    let found = decode(encoding, &[encoded.as_bytes()]);
    assert_eq!(
        (String::from_utf8_lossy(&found.0).as_ref(), found.1),
        (wanted, damaged),
        "{encoded:?}"
    );
}

#[test]
fn base64_takes_what_senders_make_of_it() {
    let check = |encoded, wanted, damaged| check(Encoding::Base64, encoded, wanted, damaged);
    check("", "", false);
    check("YWJj", "abc", false);
    check("YWI=", "ab", false);
    check("YQ==", "a", false);
    check("YQ", "a", false);
    check("YWJjZA", "abcd", false);
    check("Y W\r\nJ\tj\r\n", "abc", false);
    check("YQ==YmM=ZGVm", "abcdef", false);
    check("=====YWJj", "abc", false);
    check("YWJj*!YWJj", "abcabc", true);
    check("YWJjZ", "abc", true);
    check("YWJj\r\n-- \r\n", "abc", true);
}

#[test]
fn quoted_printable_takes_what_senders_make_of_it() {
    let check = |encoded, wanted, damaged| {
        check(Encoding::QuotedPrintable, encoded, wanted, damaged);
    };
    check("plain text", "plain text", false);
    check("=47=72=c3=bc=C3=9Fe", "Grüße", false);
    check("soft=\r\n break", "soft break", false);
    check("soft=\n break", "soft break", false);
    check("soft=  \t\r\n break", "soft break", false);
    check(
        "trailing \t \r\nblanks \nend ",
        "trailing\r\nblanks\nend",
        false,
    );
    check("kept=20\r\n", "kept \r\n", false);
    check("a = b", "a = b", true);
    check("a==41", "a=A", true);
    check("=4", "=4", true);
    check("=4Z=ZZ", "=4Z=ZZ", true);
    check("end=", "end", false);
    check("lone\rreturn", "lone\rreturn", false);
    check("last\r", "last\r", false);
}

#[test]
fn an_identity_is_left_alone() {
    let octets: Vec<u8> = (0..=255).collect();
    assert_eq!(
        decode(Encoding::Identity, &[&octets]),
        (octets.clone(), false)
    );
}

#[test]
fn a_run_of_blanks_without_end_is_not_held() {
    let blanks = vec![b' '; 1_000_000];
    for slice in [blanks.len(), 1, 777] {
        let mut decoder = Decoder::new(Encoding::QuotedPrintable);
        let mut out = Vec::new();
        for slice in blanks.chunks(slice) {
            decoder.feed(slice, &mut out);
            assert!(decoder.held.len() < HELD_MAX);
        }
        decoder.finish(&mut out);
        assert_eq!(out.len(), blanks.len() / HELD_MAX * HELD_MAX);
    }
}

#[test]
fn encodings_are_known_by_their_names() {
    assert_eq!(Encoding::named("BASE64"), (Encoding::Base64, None));
    assert_eq!(
        Encoding::named("quoted-printable"),
        (Encoding::QuotedPrintable, None)
    );
    assert_eq!(Encoding::named("8bit"), (Encoding::Identity, None));
    assert_eq!(Encoding::named(""), (Encoding::Identity, None));
    assert_eq!(
        Encoding::named("x-uuencode"),
        (Encoding::Identity, Some(Oddity::Uuencoded))
    );
    assert_eq!(
        Encoding::named("base46"),
        (Encoding::Identity, Some(Oddity::UnknownEncoding))
    );
}

/// Octets that are likely to mean something to a decoder.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        8 => prop::sample::select(&b"=\r\n \tAZaz09+/4f"[..]),
        1 => any::<u8>(),
    ];
    prop::collection::vec(octet, 0..300)
}

proptest! {
    #[test]
    fn slices_make_no_difference(octets in likely(), cuts in prop::collection::vec(0usize..300, 0..8)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(octets.len())).collect();
        cuts.sort_unstable();
        cuts.push(octets.len());
        let mut slices = Vec::new();
        let mut from = 0;
        for cut in cuts {
            slices.push(&octets[from..cut]);
            from = cut;
        }
        for encoding in [Encoding::Identity, Encoding::Base64, Encoding::QuotedPrintable] {
            prop_assert_eq!(decode(encoding, &slices), decode(encoding, &[&octets]));
        }
    }

    /// Lines that are longer than what is decoded at once, with a flaw here and there.
    #[test]
    fn long_lines_are_decoded_as_octets_are(
        length in 0usize..5000,
        flaws in prop::collection::vec((0usize..5000, prop::sample::select(&b"=\r\n @\xff"[..])), 0..6),
    ) {
        let mut octets: Vec<u8> = b"QUJDREVG+/09".iter().copied().cycle().take(length).collect();
        for (at, flaw) in flaws {
            if let Some(octet) = octets.get_mut(at) {
                *octet = flaw;
            }
        }
        let single: Vec<&[u8]> = octets.chunks(1).collect();
        prop_assert_eq!(decode(Encoding::Base64, &[&octets]), decode(Encoding::Base64, &single));
    }

    #[test]
    fn base64_gives_back_what_was_encoded(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        use base64::engine::general_purpose::STANDARD;
        use base64::Engine as _;
        let encoded = STANDARD.encode(&octets);
        let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"]).collect();
        prop_assert_eq!(decode(Encoding::Base64, &lines), (octets, false));
    }
}
