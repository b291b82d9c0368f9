use super::*;

#[track_caller]
fn check(address: &str, want: Result<&str, Mistake>) {
    let got = Origin::parse(address).map(|o| o.to_string());
    assert_eq!(got, want.map(str::to_owned), "{address}");
}

#[test]
fn an_address_is_taken_apart_and_shown_in_its_plain_form() {
    check("https://portal.example", Ok("https://portal.example"));
    check(
        " HTTPS://Portal.Example:443/ ",
        Ok("https://portal.example"),
    );
    check(
        "http://portal.example:8080/api/v1/",
        Ok("http://portal.example:8080/api/v1"),
    );
    check(
        "https://[2001:db8::1]:8443/x",
        Ok("https://[2001:db8::1]:8443/x"),
    );
    check("http://[::1]", Ok("http://[::1]"));
}

#[test]
fn what_is_no_origin_is_refused_with_its_reason() {
    check("portal.example", Err(Mistake::Scheme));
    check("ftp://portal.example", Err(Mistake::Scheme));
    check("https://", Err(Mistake::Host));
    check("https:///path", Err(Mistake::Host));
    check("https://u:p@portal.example", Err(Mistake::User));
    check("https://portal.example/?a=b", Err(Mistake::Query));
    check("https://portal.example#x", Err(Mistake::Query));
    check("https://portal.example:0", Err(Mistake::Port));
    check("https://portal.example:65536", Err(Mistake::Port));
    check("https://portal.example:", Err(Mistake::Port));
    check("https://[::1", Err(Mistake::HostLetters));
    check("https://[nonsense]", Err(Mistake::HostLetters));
    check("https://pörtal.example", Err(Mistake::HostLetters));
    check("https://portal.example\r\nX: y", Err(Mistake::HostLetters));
    check("https://portal.example/a b", Err(Mistake::Path));
}

#[test]
fn nothing_but_unreserved_characters_stands_for_itself() {
    assert_eq!(encode("T-1042_a.b~"), "T-1042_a.b~");
    assert_eq!(encode("../4:7 ü\r\n"), "..%2F4%3A7%20%C3%BC%0D%0A");
}
