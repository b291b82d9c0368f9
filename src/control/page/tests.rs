use super::*;

#[track_caller]
fn check(said: &str, codes: &[&str], again: &str) {
    let page: Page = serde_json::from_str(said).unwrap();
    assert_eq!(page.reason.0, codes);
    assert_eq!(
        serde_json::to_value(&page).unwrap()["reason"].to_string(),
        again
    );
}

/// Goes red where a program that sends one reason as a string, as was right before, is not understood.
#[test]
fn one_reason_is_a_string_and_several_are_a_list() {
    check("{}", &[], "null");
    check(r#"{"reason": null}"#, &[], "null");
    check(r#"{"reason": "gone"}"#, &["gone"], r#""gone""#);
    check(r#"{"reason": ["gone"]}"#, &["gone"], r#""gone""#);
    let both = r#"["gone","bounce"]"#;
    check(
        &format!(r#"{{"reason": {both}}}"#),
        &["gone", "bounce"],
        both,
    );
}

#[test]
fn a_code_that_is_none_is_answered_with_those_that_there_are() {
    let codes = Codes(vec!["gone".to_owned(), "bogus".to_owned()]);
    let refusal = codes.reasons().unwrap_err();
    assert_eq!(refusal.refused, Kind::Usage);
    assert!(refusal
        .said
        .starts_with("bogus is no reason: they are unknown-sender, "));
    let known = Codes(vec!["gone".to_owned()]).reasons().unwrap();
    assert_eq!(known, [Reason::Gone]);
}
