use super::*;

#[test]
fn addresses_and_domains_have_one_form() {
    assert_eq!(address_form(" Anna@X.Example "), "anna@x.example");
    let domain = |text: &str| domain_form(text);
    assert_eq!(domain("Anna@X.Example.").as_deref(), Some("x.example"));
    assert_eq!(domain("\"a@b\"@x.example").as_deref(), Some("x.example"));
    assert_eq!(domain("X.example").as_deref(), Some("x.example"));
    assert_eq!(domain("anna@"), None);
    assert_eq!(domain(""), None);
}
