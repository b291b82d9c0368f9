use super::*;

#[test]
fn text_from_outside_cannot_steer_the_terminal() {
    let hostile = "a\u{1b}[2Jb\r\nc\u{9b}31md\u{202e}e\u{0}f\u{7f}g\th\u{2066}i\u{200f}j";
    assert_eq!(clean(hostile), "a?[2Jb??c?31md?e?f?g h?i?j");
    assert_eq!(clean("Grüße, 世界 ✓"), "Grüße, 世界 ✓");
    assert_eq!(clean_lines("a\u{1b}\nb"), "a?\nb");
}

#[test]
fn columns_stand_below_each_other() {
    let rows: Vec<Vec<String>> = [["A", "BB"], ["ÄÖÜ", "b"]]
        .iter()
        .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
        .collect();
    assert_eq!(table(&rows), "A    BB\nÄÖÜ  b\n");
    assert_eq!(table(&[]), "");
}

#[test]
fn long_text_is_cut_between_characters() {
    assert_eq!(cut("äöü", 3), "äöü");
    assert_eq!(cut("äöüß", 3), "äö…");
}

#[test]
fn octets_are_shown_with_one_decimal() {
    assert_eq!(octets(0), "0 B");
    assert_eq!(octets(1536), "1.5 KiB");
    assert_eq!(octets(5 << 30), "5.0 GiB");
    assert_eq!(octets(u64::MAX), "1717986918.3 GiB");
}

#[test]
fn without_colours_not_an_escape_is_written() {
    let plain = Style::new(false);
    assert_eq!(plain.good("x") + &plain.bad("y") + &plain.warn("z"), "xyz");
    assert_eq!(Style::new(true).bad("x"), "\u{1b}[31mx\u{1b}[0m");
}
