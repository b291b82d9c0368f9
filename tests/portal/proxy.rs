//! A proxy on the way to the portal: CONNECT before TLS, the whole address without it.

use crate::bench::{authority, Bench};
use crate::wires::join;
use postern::portal::{Cause, Fault, Portal};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver};
use std::thread;

/// A proxy for one connection: tells the first line it heard, then stands aside; or refuses.
fn proxy(to: SocketAddr, refusal: Option<&'static str>) -> (String, Receiver<String>) {
    strict_proxy(to, refusal, None)
}

/// The same one, which lets nobody through who does not show `basic`.
fn strict_proxy(
    to: SocketAddr,
    refusal: Option<&'static str>,
    basic: Option<&'static str>,
) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    thread::spawn(move || {
        let (mut near, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            near.read_exact(&mut octet).unwrap();
            head.extend(octet);
        }
        let text = String::from_utf8(head.clone()).unwrap();
        let first = text.lines().next().unwrap().to_owned();
        let through = first.starts_with("CONNECT ");
        let _ = tell.send(first);
        let shown = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("proxy-authorization")
                .then_some(value)
        });
        let refusal = match (refusal, basic, shown.collect::<Vec<_>>().as_slice()) {
            (Some(refusal), ..) => Some(refusal),
            (None, None, []) => None,
            (None, Some(wanted), [shown]) if *shown == wanted => None,
            _ => Some("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
        };
        if let Some(refusal) = refusal {
            near.write_all(refusal.as_bytes()).unwrap();
            return;
        }
        let mut far = TcpStream::connect(to).unwrap();
        match through {
            true => near
                .write_all(b"HTTP/1.1 200 Go ahead\r\nX: y\r\n\r\n")
                .unwrap(),
            false => far.write_all(&head).unwrap(),
        }
        join(near, far);
    });
    (url, told)
}

#[test]
fn a_way_is_asked_for_before_tls_and_the_proxy_sees_no_more() {
    let bench = Bench::tls();
    let (url, told) = proxy(bench.address(), None);
    let mut settings = bench.settings();
    settings.ca = Some(authority());
    settings.proxy = Some(url);
    smol::block_on(bench.portal_with(&settings).ping()).unwrap();
    assert_eq!(
        told.recv().unwrap(),
        format!("CONNECT {} HTTP/1.1", bench.address())
    );
}

#[test]
fn without_tls_the_proxy_is_told_the_whole_address() {
    let bench = Bench::new();
    let (url, told) = proxy(bench.address(), None);
    let mut settings = bench.settings();
    settings.proxy = Some(url);
    smol::block_on(bench.portal_with(&settings).ping()).unwrap();
    assert_eq!(
        told.recv().unwrap(),
        format!("GET {}/ping HTTP/1.1", settings.url)
    );
}

#[test]
fn a_proxy_that_refuses_pauses_the_link_and_one_in_trouble_is_waited_for() {
    let bench = Bench::tls();
    let mut settings = bench.settings();
    settings.ca = Some(authority());
    let mut ping = |refusal| {
        settings.proxy = Some(proxy(bench.address(), Some(refusal)).0);
        smol::block_on(bench.portal_with(&settings).ping()).unwrap_err()
    };
    let fault = ping("HTTP/1.1 403 Not there\r\n\r\n");
    assert!(
        matches!(&fault, Fault::Link { said, cause: Cause::Proxy } if said.contains("403")),
        "{fault:?}"
    );
    let fault = ping("HTTP/1.1 407 Who are you\r\n\r\n");
    assert!(
        matches!(&fault, Fault::Link { said, cause: Cause::ProxyPassword } if said.contains("407")),
        "{fault:?}"
    );
    for trouble in [
        "HTTP/1.0 503 Busy\r\n\r\n",
        "220 mail.example\r\n\r\n",
        "HTT",
    ] {
        let fault = ping(trouble);
        assert!(matches!(fault, Fault::Later { .. }), "{fault:?}");
    }
}

/// Goes red where user and password do not get to the proxy, before TLS and without it, or get to a proxy
/// that asks for none.
#[test]
fn a_proxy_that_wants_a_password_gets_it() {
    // branch:open sesame
    const BASIC: &str = "Basic YnJhbmNoOm9wZW4gc2VzYW1l";
    for bench in [Bench::tls(), Bench::new()] {
        let mut settings = bench.settings();
        settings.ca = Some(authority());
        let mut ping = |user: Option<&str>, password, basic| {
            settings.proxy = Some(strict_proxy(bench.address(), None, basic).0);
            settings.proxy_user = user.map(str::to_owned);
            smol::block_on(bench.portal_by(&settings, password).ping())
        };
        ping(Some("branch"), Some("open sesame"), Some(BASIC)).unwrap();
        ping(None, Some("open sesame"), None).unwrap();
        for (user, password) in [
            (None, None),
            (Some("branch"), None),
            (Some("branch"), Some("simsim")),
            (Some("Branch"), Some("open sesame")),
        ] {
            let fault = ping(user, password, Some(BASIC)).unwrap_err();
            let Fault::Link { said, cause } = &fault else {
                panic!("{fault:?}");
            };
            assert!(said.contains("407") && !said.contains("sesame"), "{said}");
            assert_eq!(*cause, Cause::ProxyPassword);
            assert!(cause.mend().contains("portal.proxy_password"));
        }
    }
}

/// Goes red where a 401 that a proxy says, which hears the request itself without TLS, is taken for the
/// portal's alone.
#[test]
fn a_401_on_the_way_to_a_portal_without_tls_names_token_and_proxy_password() {
    const REFUSAL: &str =
        "HTTP/1.0 401 Unauthorized\r\nContent-Type: text/html\r\n\r\n<html></html>";
    // branch:simsim
    const BASIC: Option<&str> = Some("Basic YnJhbmNoOnNpbXNpbQ==");
    let ping = |bench: &Bench, user: Option<&str>, refusal| {
        let mut settings = bench.settings();
        settings.ca = Some(authority());
        settings.proxy = Some(strict_proxy(bench.address(), refusal, BASIC).0);
        settings.proxy_user = user.map(str::to_owned);
        match smol::block_on(bench.portal_by(&settings, Some("simsim")).ping()).unwrap_err() {
            Fault::Link { said, cause } => (said, cause),
            fault => panic!("{fault:?}"),
        }
    };
    let bench = Bench::new();
    let (said, cause) = ping(&bench, Some("branch"), Some(REFUSAL));
    let either = Cause::OrProxyPassword(Box::new(Cause::Token));
    assert_eq!(cause, either, "{said}");
    assert!(said.contains("the portal, or the proxy on the way to it, answered 401"));
    let mend = cause.mend();
    for key in ["portal.token", "portal.proxy_password"] {
        assert!(mend.contains(key), "{mend}");
    }
    assert_eq!(ping(&bench, None, Some(REFUSAL)).1, Cause::Token);
    assert_eq!(
        ping(&Bench::tls(), Some("branch"), Some(REFUSAL)).1,
        Cause::ProxyPassword
    );
    // The portal's own, with its words, through the same proxy.
    smol::block_on(bench.fault(json!({"route": "ping", "action": {"status": 401}})));
    let (said, cause) = ping(&bench, Some("branch"), None);
    assert_eq!(cause, Cause::Token, "{said}");
}

#[test]
fn a_proxy_or_a_portal_that_has_no_address_is_named_with_its_setting() {
    let bench = Bench::new();
    let ping = |url: Option<&str>, proxy: Option<&str>| {
        let mut settings = bench.settings();
        settings.url = url.unwrap_or(&settings.url).to_owned();
        settings.proxy = proxy.map(str::to_owned);
        match smol::block_on(bench.portal_with(&settings).ping()).unwrap_err() {
            Fault::Link { said, cause } => (said, cause.mend()),
            fault => panic!("{fault:?}"),
        }
    };
    for (url, proxy, host, key) in [
        (
            Some("https://no-portal.invalid/v1"),
            None,
            "no-portal",
            "portal.url",
        ),
        (
            None,
            Some("http://no-proxy.invalid:3128"),
            "no-proxy",
            "portal.proxy",
        ),
    ] {
        let (said, mend) = ping(url, proxy);
        assert!(
            said.contains(&format!("the name {host}.invalid was not found")),
            "{said}"
        );
        assert!(mend.contains(key) && mend.contains("name server"), "{mend}");
    }
}
