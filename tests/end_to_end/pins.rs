//! A certificate that vouches only for itself: shown, pinned by the command that was shown with it,
//! and noticed when it changes.

use std::path::Path;
use std::process::Command;

use crate::common::service::{text, Site, CUTOFF};
use crate::common::{folder, PASSWORD, TOKEN, USER};

/// Makes `server.pem` and `server.key` in the folder anew; gives the certificate's SHA-256.
fn signs_itself(dir: &Path) -> String {
    let openssl = |line: &str| {
        let made = Command::new("openssl")
            .args(line.split(' '))
            .current_dir(dir)
            .output()
            .expect("openssl is there");
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{said}");
        String::from_utf8_lossy(&made.stdout).into_owned()
    };
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.pem -days 30 \
         -subj /O=Own/CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1",
    );
    let printed = openssl("x509 -in server.pem -noout -fingerprint -sha256");
    let (_, digest) = printed.trim().split_once('=').expect("its fingerprint");
    digest.replace(':', "").to_lowercase()
}

/// The words of the command that pins, as it was shown.
#[track_caller]
fn shown_command(said: &str, key: &str) -> Vec<String> {
    let start = format!("`postern settings set {key} ");
    let at = said.find(&start).unwrap_or_else(|| panic!("{said}"));
    let command = said[at + 1..].split('`').next().unwrap_or_default();
    command.split(' ').skip(1).map(str::to_owned).collect()
}

#[track_caller]
fn does(site: &Site, command: &[String]) -> String {
    site.does(&command.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What is told of the certificate.
#[track_caller]
fn tells(said: &str, digest: &str) {
    let end = format!(", SHA-256 {digest}");
    for words in [
        "subject O=Own, CN=localhost",
        "issuer O=Own",
        "valid from 2",
        &end,
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_mail_server_s_own_certificate_is_shown_pinned_and_named_when_it_changes() {
    let mut site = Site::with(&[], &[]);
    let first = signs_itself(site.mail.path());
    site.mail.start_again(&[]);
    site.start();
    site.does(&["settings", "add", "support"]);
    let portal = format!("portal.url={}", site.portal.url);
    let port = format!("mailbox.support.port={}", site.mail.imaps);
    let user = format!("mailbox.support.username={USER}");
    let after = format!("mailbox.support.received_after={CUTOFF}");
    let host = "mailbox.support.host=localhost";
    site.does(&["settings", "set", &portal, &port, &user, &after, host]);
    let types = |site: &Site, key: &str, secret: &str, more: &[&str]| {
        let set = [&["settings", "set", key][..], more].concat();
        let (code, out, err) = site.command(&set, &format!("{secret}\n"));
        (code, format!("{out}{err}"))
    };
    let password = "mailbox.support.password";
    assert_eq!(types(&site, "portal.token", TOKEN, &[]).0, 0);
    // Whoever types the password is told already, and so is Test Connection's reader.
    let (code, said) = types(&site, password, PASSWORD, &[]);
    assert_eq!(code, 1, "{said}");
    tells(&said, &first);
    let command = shown_command(&said, "mailbox.support.pinned");
    assert_eq!(types(&site, password, PASSWORD, &["--untried"]).0, 0);
    let said = site.refuses(&["test", "support"]);
    tells(&said, &first);
    assert!(said.contains("vouches only for itself"), "{said}");
    assert_eq!(shown_command(&said, "mailbox.support.pinned"), command);
    let said = does(&site, &command);
    let shows = "mailbox.support.pinned is the certificate that localhost shows now";
    assert!(said.contains(shows), "{said}");
    tells(&said, &first);
    site.does(&["settings", "set", "mailbox.support.active", "on", "--yes"]);
    let said = site.does(&["test", "support"]);
    assert!(said.contains("the certificate is the pinned one"), "{said}");
    site.send("before it changed");
    site.complete();
    // Another one from now on, perhaps somebody else's.
    site.mail.stop();
    let second = signs_itself(site.mail.path());
    site.mail.start_again(&[]);
    let pinned = format!("the one with SHA-256 {first} is pinned");
    site.until("the change is named", |s| {
        let status = s.status();
        let said = text(&status["mailboxes"][0], "said").to_owned();
        said.contains("has changed") && said.contains(&pinned) && said.contains(&second)
    });
    let said = site.refuses(&["test", "support"]);
    tells(&said, &second);
    assert!(said.contains(&pinned), "{said}");
    // The password went nowhere: the log is of this start.
    let log = std::fs::read_to_string(&site.mail.log).unwrap();
    assert!(!log.contains("Login: user="), "{log}");
    let said = does(&site, &shown_command(&said, "mailbox.support.pinned"));
    tells(&said, &second);
    site.until("it signs in", |s| {
        let log = std::fs::read_to_string(&s.mail.log).unwrap_or_default();
        log.contains("Login: user=")
    });
    site.send("after it changed");
    site.complete();
}

#[test]
fn a_portal_s_own_certificate_is_shown_pinned_and_named_when_it_changes() {
    let dir = folder();
    let first = signs_itself(dir.path());
    let of = |name: &str| dir.path().join(name).display().to_string();
    let (certificate, key) = (of("server.pem"), of("server.key"));
    let mut site = Site::with(&[], &["--tls-cert", &certificate, "--tls-key", &key]);
    let url = format!("portal.url={}", site.portal.url);
    site.does(&["settings", "set", &url]);
    let set = ["settings", "set", "portal.token"];
    let (code, out, err) = site.command(&set, &format!("{TOKEN}\n"));
    assert_eq!(code, 1, "{out}{err}");
    tells(&err, &first);
    let said = does(&site, &shown_command(&err, "portal.pinned"));
    assert!(
        said.contains("portal.pinned is the certificate that https://"),
        "{said}"
    );
    tells(&said, &first);
    let (code, out, err) = site.command(&set, &format!("{TOKEN}\n"));
    assert_eq!(code, 0, "{out}{err}");
    site.start_read();
    site.portal.kill();
    let second = signs_itself(dir.path());
    site.portal.start_again();
    site.does(&["queue", "retry", "--all"]);
    let pinned = format!("the one with SHA-256 {first} is pinned");
    let (_, said, _) = site.command(&["test"], "");
    tells(&said, &second);
    assert!(
        said.contains("has changed") && said.contains(&pinned),
        "{said}"
    );
    does(&site, &shown_command(&said, "portal.pinned"));
    let (_, said, _) = site.command(&["test"], "");
    assert!(said.contains("ok    portal: "), "{said}");
}

/// Goes red where a look at the portal's certificate wants a secret that was not typed yet, or where
/// somebody is told to pin a token endpoint.
#[test]
fn with_oauth_a_pin_is_compared_before_the_secret_is_set_and_is_no_mend_of_the_token_endpoint_s() {
    let dir = folder();
    let digest = signs_itself(dir.path());
    let of = |name: &str| dir.path().join(name).display().to_string();
    let (certificate, key) = (of("server.pem"), of("server.key"));
    let tls = ["--tls-cert", &certificate, "--tls-key", &key];
    let client = ["--client-id", "box", "--client-secret", TOKEN];
    let site = Site::with(&[], &[tls, client].concat());
    let url = format!("portal.url={}", site.portal.url);
    let token_url = format!("portal.token_url={}/oauth/token", site.portal.url);
    let oauth = ["portal.sign_in=oauth", "portal.client_id=box"];
    site.does(&[&["settings", "set", &url, &token_url][..], &oauth].concat());
    let set = ["settings", "set", "portal.client_secret"];
    let (code, out, err) = site.command(&set, &format!("{TOKEN}\n"));
    assert_eq!(code, 1, "{out}{err}");
    tells(&err, &digest);
    let (pin, authority) = ("portal.pinned", "portal.ca_pem @certificate.pem");
    assert!(err.contains(authority) && !err.contains(pin), "{err}");
    let said = site.does(&["settings", "set", &format!("{pin}={digest}")]);
    assert!(
        said.contains("portal.pinned is the certificate that https://"),
        "{said}"
    );
    // Here both are the same server, so that the pin is of both.
    let (code, out, err) = site.command(&set, &format!("{TOKEN}\n"));
    assert_eq!(code, 0, "{out}{err}");
}
