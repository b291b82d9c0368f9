use openssl::x509::X509Name;

use super::*;

const SERVER: &str = include_str!("../../../tests/standin/tls/cert.pem");
const CLIENT: &str = include_str!("../../../tests/standin/tls/client-cert.pem");
const KEY: &str = include_str!("../../../tests/standin/tls/key.pem");

fn der(pem: &str) -> Vec<u8> {
    X509::from_pem(pem.as_bytes()).unwrap().to_der().unwrap()
}

#[test]
fn a_certificate_is_read_with_its_names_and_dates() {
    let read = read(&der(SERVER)).unwrap();
    assert_eq!(read.names, ["localhost", "127.0.0.1"]);
    assert_eq!(
        read.to_string(),
        "subject CN=localhost, issuer CN=postern test authority, valid from 2020-01-01T00:00:00Z to \
         2120-01-01T00:00:00Z, SHA-256 \
         29e6b47a7c22fce10354eb34bb0b31ac2b51c5b40c91fb06ce31405751db249d"
    );
    assert!(!read.self_signed && !read.weak);
    assert_eq!(super::read(b"nonsense"), None);
    assert_eq!(super::read(&der(SERVER)[..100]), None);
}

#[test]
fn a_name_stands_on_one_line_in_the_order_in_which_it_is_written() {
    let mut name = X509Name::builder().unwrap();
    for (kind, value) in [
        ("C", "DE"),
        ("O", "Müller & Söhne"),
        ("CN", "box"),
        ("1.3.6.1.4.1.99999.1", "odd"),
    ] {
        name.append_entry_by_text(kind, value).unwrap();
    }
    assert_eq!(
        line(&name.build()),
        "C=DE, O=Müller & Söhne, CN=box, 1.3.6.1.4.1.99999.1=odd"
    );
}

#[test]
fn a_name_that_fills_a_page_is_cut() {
    let mut name = X509Name::builder().unwrap();
    for _ in 0..10 {
        name.append_entry_by_text("OU", &"ü".repeat(60)).unwrap();
    }
    let cut = short(&name.build());
    assert!(cut.chars().count() == 201 && cut.ends_with('…'), "{cut}");
}

#[test]
fn a_text_holds_certificates_and_nothing_else() {
    let damaged = SERVER.replacen("MII", "MIJ", 1);
    let unfinished = SERVER.replace("-----END CERTIFICATE-----", "");
    for (text, want) in [
        (String::new(), Some(0)),
        ("nonsense".to_owned(), Some(0)),
        (SERVER.to_owned(), Some(1)),
        (format!("of the portal:\n{SERVER}\n{CLIENT}"), Some(2)),
        (format!("{SERVER}{KEY}"), None),
        (format!("{SERVER}{damaged}"), None),
        (unfinished, None),
    ] {
        assert_eq!(count(&text), want, "{text}");
    }
}

#[test]
fn the_first_of_a_chain_says_until_when_and_each_is_named() {
    let chain = format!("{CLIENT}{SERVER}");
    assert_eq!(valid_until(&chain), Some(Wall(4_733_510_400_000)));
    assert_eq!(valid_until("nonsense"), None);
    assert_eq!(
        subjects(&chain),
        "CN=postern box (SHA-256 b8518089fcec7b1cf71cab0c933d4b5321743b34bddc70d62ef65a39cef4c580), \
         CN=localhost (SHA-256 29e6b47a7c22fce10354eb34bb0b31ac2b51c5b40c91fb06ce31405751db249d)"
    );
}

#[test]
fn damaged_names_are_none_and_leave_no_error_for_the_next_connection() {
    let mut der = der(SERVER);
    // The length before the first host's name.
    let named = der.windows(11).position(|w| w == b"\x82\x09localhost");
    der[named.unwrap() + 1] = 0x7f;
    let read = read(&der).unwrap();
    assert_eq!(read.names, Vec::<String>::new());
    assert!(ErrorStack::get().errors().is_empty());
}
