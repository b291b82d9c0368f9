//! A portal that lets in only who shows a certificate, by TLS 1.3 and by 1.2.

use crate::common::service::Site;
use crate::common::{PASSWORD, TOKEN};

fn pem(file: &str) -> String {
    format!("{}/tests/standin/tls/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(pem(file)).expect("it is there")
}

/// A site whose portal wants a certificate of its authority for clients.
fn demanding(more: &[&str]) -> Site {
    let (cert, key, clients) = (pem("cert.pem"), pem("key.pem"), pem("client-ca.pem"));
    let tls = [
        "--admin",
        "--tls-cert",
        &cert,
        "--tls-key",
        &key,
        "--tls-clients",
        &clients,
    ];
    Site::with(&[], &[&tls, more].concat())
}

/// Tries to put settings in force, with these lines more of the portal's.
fn imports(site: &Site, more: &str, untried: bool) -> (i32, String) {
    let portal = format!("ca_pem = '''\n{}'''\n{more}", read("ca.pem"));
    let file = site.store().with_extension("toml");
    std::fs::write(&file, site.settings("none", "", &portal)).expect("a file");
    let file = file.display().to_string();
    let mut import = vec!["settings", "import", &file, "--yes"];
    import.extend(untried.then_some("--untried"));
    let typed = format!("{PASSWORD}\n{TOKEN}\n{}", read("client-key.pem"));
    let (code, out, err) = site.command(&import, &typed);
    (code, format!("{out}{err}"))
}

fn with_certificate() -> String {
    format!("client_cert_pem = '''\n{}'''\n", read("client-cert.pem"))
}

/// Sets certificate and key from these files; gives the exit code and what was said.
fn set(site: &Site, cert: &str, key: &str, more: &[&str]) -> (i32, String) {
    let cert = format!("portal.client_cert_pem=@{}", pem(cert));
    let key = format!("portal.client_key_pem=@{}", pem(key));
    let (code, out, err) = site.command(&[&["settings", "set", &cert, &key], more].concat(), "");
    (code, format!("{out}{err}"))
}

#[track_caller]
fn has_all(said: &str, words: &[&str]) {
    for words in words {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_portal_that_wants_a_certificate_is_named_as_such_and_gets_tickets_with_one() {
    let site = demanding(&[]);
    let (code, said) = imports(&site, "", false);
    assert_eq!(code, 1, "{said}");
    let wants = "wants a client certificate, and none is set: certificate required";
    has_all(
        &said,
        &[wants, "portal.client_cert_pem=@", "portal.client_key_pem=@"],
    );

    let (code, said) = imports(&site, &with_certificate(), false);
    assert_eq!(code, 0, "{said}");
    site.send("shown in");
    site.drains();
    site.complete();
    let tested = site.does(&["test"]);
    has_all(
        &tested,
        &["showing the client certificate CN=postern box (SHA-256 "],
    );
    // The key is nowhere to be read.
    let key = read("client-key.pem");
    let line = key.lines().nth(1).expect("a line of it");
    for shown in [
        site.does(&["settings", "export"]),
        site.does(&["--json", "settings", "show"]),
        tested,
    ] {
        assert!(!shown.contains(line), "{shown}");
    }
    // A file that is exported comes back whole: the key stays.
    let exported = site.does(&["settings", "export"]);
    has_all(&exported, &["client_cert_pem", "# client_key_pem is set"]);
}

#[test]
fn with_tls_1_2_it_is_the_same() {
    let site = demanding(&["--tls-old"]);
    let (code, said) = imports(&site, "", false);
    assert_eq!(code, 1, "{said}");
    // All that TLS 1.2 says is that there was no handshake.
    has_all(&said, &["portal.client_cert_pem"]);
    let (code, said) = imports(&site, &with_certificate(), false);
    assert_eq!(code, 0, "{said}");
    site.send("shown in");
    site.drains();
    site.complete();
    let (code, said) = set(&site, "stranger-cert.pem", "stranger-key.pem", &[]);
    assert_eq!(code, 1, "{said}");
    has_all(&said, &["refuses our client certificate CN=a stranger"]);
}

#[test]
fn a_certificate_that_the_portal_refuses_is_not_kept_and_is_named() {
    let mut site = demanding(&[]);
    let (code, said) = imports(&site, &with_certificate(), false);
    assert_eq!(code, 0, "{said}");
    let alone = format!("portal.client_cert_pem=@{}", pem("stranger-cert.pem"));
    let said = site.refuses(&["settings", "set", &alone]);
    has_all(&said, &["the key does not belong to", "set both at once"]);
    let (code, said) = set(&site, "stranger-cert.pem", "stranger-key.pem", &[]);
    assert_eq!(code, 1, "{said}");
    let named = "refuses our client certificate CN=a stranger (SHA-256 ";
    has_all(&said, &["which is not kept", named]);
    site.send("with the old one");
    site.drains();
    site.complete();

    let untried = &["--untried"];
    let (code, said) = set(&site, "expired-cert.pem", "client-key.pem", untried);
    assert_eq!(code, 0, "{said}");
    has_all(&said, &["has been invalid since 2021-01-01"]);
    let (code, tested, _) = site.command(&["test"], "");
    assert_eq!(code, 1, "{tested}");
    has_all(
        &tested,
        &[
            "the client certificate has been invalid since 2021",
            "client certificate CN=postern box",
            ": certificate expired",
        ],
    );

    // While it runs the link is paused by it, and goes on with the right one.
    site.start();
    site.send("waits for another");
    site.until("the link is paused", |s| {
        let status = s.status().to_string();
        status.contains("certificate expired") && status.contains("has been invalid since")
    });
    let (code, said) = set(&site, "client-cert.pem", "client-key.pem", &[]);
    assert_eq!(code, 0, "{said}");
    site.until("it is a ticket", |s| {
        s.tickets("waits for another").len() == 1
    });
    site.complete();
}

#[test]
fn the_token_endpoint_is_shown_it_too() {
    let client = ["--client-id", "box", "--client-secret", TOKEN];
    let site = demanding(&client);
    let oauth = format!(
        "sign_in = \"oauth\"\nclient_id = \"box\"\ntoken_url = \"{}/oauth/token\"\n",
        site.portal.url
    );
    let (code, said) = imports(&site, &oauth, false);
    assert_eq!(code, 1, "{said}");
    let wants = "asking the token endpoint for a token: 127.0.0.1 wants a client certificate";
    has_all(&said, &[wants]);
    let (code, said) = imports(&site, &format!("{oauth}{}", with_certificate()), false);
    assert_eq!(code, 0, "{said}");
    site.send("twice shown");
    site.drains();
    site.complete();
}

/// Goes red where one of the portal's secrets stays behind when a box moves, or goes to a server that
/// somebody has put into the file.
#[test]
fn a_new_box_gets_the_oauth_secret_and_the_client_key_from_a_sealed_file() {
    let site = demanding(&["--client-id", "box", "--client-secret", TOKEN]);
    let oauth = format!(
        "sign_in = \"oauth\"\nclient_id = \"box\"\ntoken_url = \"{}/oauth/token\"\n",
        site.portal.url
    );
    let (code, said) = imports(&site, &format!("{oauth}{}", with_certificate()), false);
    assert_eq!(code, 0, "{said}");
    // One of the time before: it goes along too, though nobody asks for it.
    let token = "a token of before";
    let set = ["settings", "set", "portal.token"];
    let (code, out, err) = site.command(&set, &format!("{token}\n"));
    assert_eq!(code, 0, "{out}{err}");
    let passphrase = "the passphrase of this test\n";
    let export = ["settings", "export", "--with-secrets"];
    let (code, exported, err) = site.command(&export, passphrase);
    assert_eq!(code, 0, "{err}");
    let key = read("client-key.pem");
    let line = key.lines().nth(1).expect("a line of it");
    for secret in [PASSWORD, TOKEN, token, line] {
        assert!(!exported.contains(secret), "{exported}");
    }

    std::fs::rename(site.store(), site.store().with_extension("lost")).expect("it can be moved");
    let file = site.store().with_extension("toml");
    let import = ["settings", "import", &file.display().to_string(), "--yes"];
    let url = format!("url = \"{}\"", site.portal.url);
    let token_url = format!("token_url = \"{}/", site.portal.url);
    for own in [&url, &token_url] {
        let evil = own.replace(&site.portal.url, "https://evil.example");
        let edited = exported.replace(own, &evil);
        assert_ne!(edited, exported);
        std::fs::write(&file, edited).expect("a file");
        let (code, out, err) = site.command(&import, passphrase);
        assert_eq!(code, 2, "{out}{err}");
        let missing = "must be typed first: portal.client_secret, portal.client_key_pem\n";
        has_all(&out, &[missing]);
    }
    std::fs::write(&file, exported).expect("a file");
    let (code, out, err) = site.command(&import, passphrase);
    assert_eq!(code, 0, "{out}{err}");
    let shown = site.does(&["settings", "show", "portal"]);
    for key in ["token ", "client_secret ", "client_key_pem "] {
        let set = |line: &str| line.trim_start().starts_with(key) && line.contains("(set, ");
        assert!(shown.lines().any(set), "{key}: {shown}");
    }
    site.send("from the new box");
    site.drains();
    site.complete();
    // The same once more is nothing new.
    let (code, out, err) = site.command(&import, passphrase);
    assert_eq!(code, 4, "{out}{err}");
}

#[test]
fn a_key_of_another_form_is_refused_with_the_way_to_the_right_one() {
    let site = Site::ready();
    let key = read("client-key.pem").replace("PRIVATE KEY", "EC PRIVATE KEY");
    let set = ["settings", "set", "portal.client_key_pem"];
    let (code, out, err) = site.command(&set, &key);
    assert_eq!(code, 1, "{out}{err}");
    has_all(&err, &["openssl pkcs8 -topk8"]);
    let both = format!("{}{}", read("client-cert.pem"), read("client-key.pem"));
    let file = site.store().with_extension("pem");
    std::fs::write(&file, both).expect("a file");
    let both = format!("portal.client_cert_pem=@{}", file.display());
    let said = site.refuses(&["settings", "set", &both]);
    has_all(&said, &["give the certificates alone"]);
}

/// Goes red when the library's words are all that is said of it.
#[test]
fn a_portal_that_speaks_no_tls_is_named_with_what_to_set() {
    let site = Site::ready();
    // A greeting, in clear.
    let url = format!("portal.url=https://localhost:{}/", site.mail.imap);
    site.does(&["settings", "set", &url, "--yes", "--untried"]);
    let (code, out, err) = site.command(&["test"], "");
    assert_eq!(code, 1, "{out}{err}");
    has_all(
        &out,
        &[
            "does not speak TLS on this port",
            "check the port in `portal.url`",
        ],
    );
    assert!(!out.contains("SSL routines"), "{out}");
}
