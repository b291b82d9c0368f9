use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(name: &str, wire: &str) {
    assert_eq!(encode(name), wire);
    assert_eq!(decode(wire), name);
}

#[test]
fn names_are_written_as_the_standard_shows() {
    check("Archive", "Archive");
    check("Tom & Jerry", "Tom &- Jerry");
    check("Entwürfe", "Entw&APw-rfe");
    check("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
    check("\u{1f4e5}", "&2D3c5Q-");
}

#[test]
fn what_is_no_modified_utf7_stays_as_it_came() {
    for wire in ["a&b", "&Jjo", "&!-", "&AA-", "&2D0-"] {
        assert_eq!(decode(wire), wire);
    }
}

proptest! {
    #[test]
    fn every_name_survives_and_is_plain_on_the_wire(name in any::<String>()) {
        let wire = encode(&name);
        prop_assert!(wire.bytes().all(|o| (b' '..=b'~').contains(&o)));
        prop_assert_eq!(decode(&wire), name);
    }

    #[test]
    fn no_wire_name_panics(wire in any::<String>()) {
        decode(&wire);
    }
}
