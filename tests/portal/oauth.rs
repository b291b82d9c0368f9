//! The token endpoint by its own certificate: who is believed there, and which settings are named.

use crate::bench::{authority, Bench};
use postern::portal::settings::SignIn;
use postern::portal::{Fault, Portal, Settings};

const CLIENT: &[&str] = &["--client-id", "box", "--client-secret", "sesame"];

/// Signs in at that bench's token endpoint.
fn signs_in_at(portal: &Bench, endpoint: &Bench) -> Settings {
    let mut settings = portal.settings();
    settings.sign_in = SignIn::Oauth {
        token_url: format!("{}/oauth/token", endpoint.settings().url),
        client_id: "box".to_owned(),
        scope: None,
    };
    settings
}

fn asked(portal: &Bench, settings: &Settings) -> Option<(String, String)> {
    match smol::block_on(portal.portal_with(settings).ping()) {
        Ok(_) => None,
        Err(fault @ Fault::Link { .. }) => {
            Some((fault.to_string(), fault.mend().unwrap_or_default()))
        }
        Err(fault) => panic!("{fault:?}"),
    }
}

#[test]
fn a_pin_is_the_portals_and_a_token_endpoint_elsewhere_is_judged_by_its_authority() {
    let portal = Bench::tls_with(CLIENT);
    let elsewhere = Bench::tls_with(CLIENT);
    let mut settings = signs_in_at(&portal, &elsewhere);
    let (said, mend) = asked(&portal, &settings).expect("an authority that nobody knows");
    for words in [
        "asking the token endpoint for a token",
        "the token endpoint's certificate was issued by",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert!(
        mend.contains("portal.ca_pem") && !mend.contains("pinned"),
        "{mend}"
    );

    // Both show the same certificate here, and still the pin of one is not the other's.
    let shown = {
        let mut known = portal.settings();
        known.ca = Some(authority());
        let client = portal.portal_with(&known);
        // The bench's own token is not taken; the handshake is all that is needed.
        let _ = smol::block_on(client.ping());
        client.certificate().expect("it was shown").sha256
    };
    settings.pin = Some(shown.map(|b| format!("{b:02x}")).concat());
    let (said, _) = asked(&portal, &settings).expect("an authority that nobody knows");
    assert!(
        said.contains("the token endpoint's certificate was issued by"),
        "{said}"
    );

    // At the portal's own host and port the pin holds, and the token too.
    let mut own = signs_in_at(&portal, &portal);
    own.pin = settings.pin.clone();
    assert_eq!(asked(&portal, &own), None);
}
