use super::*;

#[test]
fn addresses_and_domains_have_one_form() {
    assert_eq!(address_form(" Anna@X.Example "), "anna@x.example");
    for (one, other) in [
        ("Anna@Bücher.Example", "anna@xn--bcher-kva.example"),
        ("anna@ＸＮ--BCHER-KVA。example.", "anna@bücher.example"),
        ("\"Anna\"@x.example", "anna@x.example"),
        ("anna@STRASSE.example", "anna@strasse.example"),
        ("ÄNNA@x.example", "änna@x.example"),
    ] {
        assert_eq!(address_form(one), address_form(other), "{one}");
    }
    for (one, other) in [
        ("an.na@gmail.com", "anna@gmail.com"),
        ("anna+x@x.example", "anna@x.example"),
        ("\"an na\"@x.example", "anna@x.example"),
        ("anna@straße.example", "anna@strasse.example"),
        ("anna@x.example", "anna@sub.x.example"),
    ] {
        assert_ne!(address_form(one), address_form(other), "{one}");
    }
    let domain = |text: &str| domain_form(text);
    assert_eq!(domain("Anna@X.Example.").as_deref(), Some("x.example"));
    assert_eq!(domain("\"a@b\"@x.example").as_deref(), Some("x.example"));
    assert_eq!(domain("X.example").as_deref(), Some("x.example"));
    assert_eq!(domain("anna@"), None);
    assert_eq!(domain(""), None);
}
