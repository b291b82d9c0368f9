use super::*;

#[test]
fn a_pin_may_be_written_as_other_programs_show_it() {
    let pinned = Settings {
        pin: Some("AB:".repeat(31) + "AB"),
        ..Settings::default()
    };
    assert_eq!(pinned.pinned(), Some([0xab; 32]));
}
