use super::*;

const NASTY: &str = "a\r\nBcc: x\u{1b}[2J\u{9b}31m\u{7f}\0\u{202e}gpj\u{200f}\u{2028}\tz";

#[test]
fn a_line_has_no_break_no_control_and_nothing_that_reorders() {
    let line = for_line(NASTY);
    assert!(
        !line.contains(|c: char| c.is_control() || is_treacherous(c)),
        "{line:?}"
    );
    assert_eq!(line, "a Bcc: x\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}gpj z");
    assert_eq!(for_line("Grüße, 日本 🎉"), "Grüße, 日本 🎉");
}

#[test]
fn a_terminal_gets_lines_and_nothing_to_obey() {
    let text = for_terminal(NASTY);
    assert_eq!(
        text,
        "a\nBcc: x\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}gpj\tz"
    );
    assert_eq!(for_terminal("one\r\ntwo\rthree"), "one\ntwo\u{fffd}three");
}

#[test]
fn a_file_name_is_one_name_that_every_file_system_takes() {
    assert_eq!(for_file_name("report.pdf"), "report.pdf");
    assert_eq!(for_file_name("../../etc/passwd"), "passwd");
    assert_eq!(for_file_name("..\\..\\boot.ini"), "boot.ini");
    assert_eq!(for_file_name("C:\\Users\\x\\a.txt"), "a.txt");
    assert_eq!(for_file_name("dir/"), "dir");
    assert_eq!(for_file_name("..."), "unnamed");
    assert_eq!(for_file_name(""), "unnamed");
    assert_eq!(for_file_name("/"), "unnamed");
    assert_eq!(for_file_name(".ssh"), "ssh");
    assert_eq!(for_file_name("a<b>:c|d?*.txt"), "a_b__c_d__.txt");
    assert_eq!(for_file_name("NUL"), "_NUL");
    assert_eq!(for_file_name("com1.log"), "_com1.log");
    assert_eq!(for_file_name("x\u{202e}fdp.exe"), "xfdp.exe");
    assert_eq!(for_file_name("trailing. . "), "trailing");
    let name = for_file_name(&format!("{}.pdf", "ü".repeat(500)));
    assert!(
        name.len() <= FILE_NAME_MAX && name.ends_with("ü.pdf"),
        "{name}"
    );
}

proptest::proptest! {
    #[test]
    fn no_name_leaves_its_folder(name in "\\PC{0,40}|[./\\\\\\x00-\\x20a]{0,40}") {
        let name = for_file_name(&name);
        proptest::prop_assert!(!name.is_empty() && !name.starts_with('.'));
        proptest::prop_assert!(!name.contains(['/', '\\', '\0', '\n', '\r']));
        proptest::prop_assert!(name.len() <= FILE_NAME_MAX + 1);
    }
}
