use super::*;

const CERTIFICATE: &str = include_str!("../../../tests/standin/tls/client-cert.pem");
const KEY: &str = include_str!("../../../tests/standin/tls/client-key.pem");
const OTHER_KEY: &str = include_str!("../../../tests/standin/tls/stranger-key.pem");

fn fault(chain: &str, key: &str) -> Option<IdentityFault> {
    Identity::read(chain, &Secret::new(key.to_owned())).err()
}

#[test]
fn a_certificate_and_its_key_are_a_pair_or_it_is_said_which_of_them_is_wrong() {
    let own = Identity::read(CERTIFICATE, &Secret::new(KEY.to_owned()));
    assert!(own.is_ok_and(|own| own.named().starts_with("CN=postern box (SHA-256 ")));
    assert_eq!(fault(CERTIFICATE, OTHER_KEY), Some(IdentityFault::NoPair));
    for (chain, key, certificate) in [
        ("", KEY, true),
        ("nonsense", KEY, true),
        (CERTIFICATE, CERTIFICATE, false),
        (CERTIFICATE, "", false),
    ] {
        let fault = fault(chain, key);
        let of = matches!(fault, Some(IdentityFault::Certificate(_)));
        assert!(fault.is_some() && of == certificate, "{fault:?}");
    }
}

#[test]
fn an_alert_about_our_certificate_is_told_from_every_other_trouble() {
    for (said, want) in [
        (
            "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:\
             ../ssl/record/rec_layer_s3.c:1590:SSL alert number 116",
            Some("certificate required"),
        ),
        (
            "error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:x.c:1:",
            Some("unknown ca"),
        ),
        (
            "error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:x.c:1:",
            Some("bad certificate"),
        ),
        // That is what we hold against theirs.
        (
            "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify \
             failed:x.c:1: (unable to get local issuer certificate)",
            None,
        ),
        (
            "error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:x.c:1:",
            None,
        ),
        ("unknown ca", None),
    ] {
        assert_eq!(client_alert(said), want, "{said}");
    }
}

#[test]
fn what_is_no_tls_is_told_from_what_fails_in_it() {
    for (said, want) in [
        (
            "error:0A00010B:SSL routines:ssl3_get_record:wrong version number:\
             ../ssl/record/ssl3_record.c:354:",
            true,
        ),
        (
            "error:0A00009C:SSL routines:ssl3_get_record:http request:x.c:1:",
            true,
        ),
        (
            "error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:x.c:1:",
            false,
        ),
        (
            "error:0A000102:SSL routines:ssl_choose_client_version:unsupported protocol:x.c:1:",
            false,
        ),
        ("unexpected EOF", false),
    ] {
        assert_eq!(is_no_tls(said), want, "{said}");
    }
}
