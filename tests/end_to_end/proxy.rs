//! A proxy on the way to the portal that wants a password: Debian's tinyproxy.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::common::eventually;
use crate::common::service::{text, Site, SOON};

struct Proxy {
    dir: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Proxy {
    fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            port: free.local_addr().expect("its number").port(),
            child: None,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Begins, or begins anew, to let this password through.
    fn lets_in(&mut self, user: &str, password: &str) {
        self.stop();
        let settings = self.dir.path().join("conf");
        let said = format!(
            "Port {}\nListen 127.0.0.1\nTimeout 600\nAllow 127.0.0.1\nMaxClients 50\n\
             LogFile \"{}\"\nLogLevel Info\nBasicAuth {user} {password}\n",
            self.port,
            self.log().display()
        );
        std::fs::write(&settings, said).expect("its settings");
        let begun = Command::new("tinyproxy")
            .args(["-d", "-c"])
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(begun.expect("tinyproxy, from the package tinyproxy-bin"));
        eventually("the proxy listens", SOON, || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = (child.kill(), child.wait());
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A site whose portal speaks TLS, so that the proxy is asked for a way there.
fn behind_tls() -> Site {
    let pem = |file| format!("{}/tests/standin/tls/{file}", env!("CARGO_MANIFEST_DIR"));
    let ca = std::fs::read_to_string(pem("ca.pem")).expect("it is there");
    let (cert, key) = (pem("cert.pem"), pem("key.pem"));
    let portal = ["--admin", "--tls-cert", &cert, "--tls-key", &key];
    Site::ready_with(&[], &portal, "", &format!("ca_pem = '''\n{ca}'''"))
}

/// Goes red where user and password do not get to the proxy with every connection, where a refused password is
/// kept, and where it is shown anywhere.
#[test]
fn tickets_go_through_a_proxy_that_wants_a_password() {
    let mut proxy = Proxy::new();
    proxy.lets_in("branch", "sesame-1");
    let mut site = behind_tls();
    let through = format!("portal.proxy={}", proxy.url());
    let set = [
        "settings",
        "set",
        &through,
        "portal.proxy_user=branch",
        "portal.proxy_password",
    ];
    let (code, out, err) = site.command(&set, "simsim\n");
    let said = format!("{out}{err}");
    assert_ne!(code, 0, "{said}");
    assert!(
        said.contains("the proxy does not take the password, which is not kept"),
        "{said}"
    );
    let (code, out, err) = site.command(&set, "sesame-1\n");
    assert_eq!(code, 0, "{out}{err}");
    site.start_read();
    for number in 1..=20 {
        site.send(&format!("mail {number}"));
    }
    site.until("all are archived", |s| s.count("archived") == 20);

    // It wants another one from now on.
    proxy.lets_in("branch", "sesame-2");
    site.send("behind another password");
    site.until("the link says so", |s| {
        s.status()["alarms"].to_string().contains("opens no way to")
    });
    let (_, tested, err) = site.command(&["test"], "");
    assert!(tested.contains("portal.proxy_password"), "{tested}{err}");
    let (code, out, err) =
        site.command(&["settings", "set", "portal.proxy_password"], "sesame-2\n");
    assert_eq!(code, 0, "{out}{err}");
    site.until("that one too", |s| s.count("archived") == 21);
    assert_eq!(site.portal.tickets().len(), 21);

    let log = std::fs::read_to_string(proxy.log()).expect("the proxy's log");
    assert!(log.matches("Established connection").count() >= 2, "{log}");
    let shown = site.does(&["settings", "show", "portal"]);
    assert!(text(&site.status()["portal"], "url").starts_with("https://"));
    for said in [&site.log(), &shown, &site.status().to_string()] {
        assert!(!said.contains("sesame"), "{said}");
    }
}

/// Goes red where a 401 of the proxy's own is taken for the portal's: the token would be typed again in vain.
/// Without TLS the proxy hears the request itself, and may answer in the portal's place.
#[test]
fn on_the_way_to_a_portal_without_tls_a_refused_password_is_told_with_the_token() {
    let mut proxy = Proxy::new();
    proxy.lets_in("branch", "sesame");
    let mut site = Site::ready();
    let through = format!("portal.proxy={}", proxy.url());
    let user = "portal.proxy_user=branch";
    let set = ["settings", "set", &through, user, "portal.proxy_password"];
    let either = "the portal, or the proxy on the way to it, answered 401";
    let names_both = |said: &str| {
        assert!(said.contains(either), "{said}");
        for key in ["portal.token", "portal.proxy_password"] {
            assert!(said.contains(key), "{key}: {said}");
        }
    };
    let (code, out, err) = site.command(&set, "simsim\n");
    let said = format!("{out}{err}");
    assert_ne!(code, 0, "{said}");
    names_both(&said);
    assert!(said.contains("nothing was changed"), "{said}");
    let (code, out, err) = site.command(&set, "sesame\n");
    assert_eq!(code, 0, "{out}{err}");
    site.start_read();
    site.send("through the proxy");
    site.until("it is archived", |s| s.count("archived") == 1);
    proxy.lets_in("branch", "another");
    site.send("behind another password");
    site.until("the link says so", |s| {
        s.status()["alarms"].to_string().contains(either)
    });
    let (_, tested, err) = site.command(&["test"], "");
    names_both(&format!("{tested}{err}"));
    proxy.lets_in("branch", "sesame");
    site.does(&["queue", "retry", "--all"]);
    site.complete();
    assert_eq!(site.portal.tickets().len(), 2);
}
