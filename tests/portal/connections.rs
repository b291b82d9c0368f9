//! Connections to the portal: found, believed, kept, given up.

use super::{body, create};
use crate::bench::{authority, Bench};
use crate::wires::cut_once;
use postern::portal::{Cause, Contract, Fault, Portal};
use postern::world::Secret;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_wrong_token_an_unknown_host_and_a_closed_port_are_told_apart() {
    smol::block_on(async {
        let bench = Bench::new();
        let wrong = Secret::new("open".to_owned());
        let portal = Contract::new(&bench.world, &bench.settings(), &wrong, None, None).unwrap();
        let fault = portal.ping().await;
        assert!(matches!(fault, Err(Fault::Link { .. })), "{fault:?}");

        let mut settings = bench.settings();
        settings.url = "http://no-such-host.invalid".to_owned();
        let fault = bench.portal_with(&settings).ping().await;
        assert!(matches!(fault, Err(Fault::Link { .. })), "{fault:?}");

        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        settings.url = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let fault = bench.portal_with(&settings).ping().await;
        assert!(matches!(fault, Err(Fault::Later { .. })), "{fault:?}");
    });
}

#[test]
fn tls_is_believed_by_authority_or_pin_and_nothing_else() {
    smol::block_on(async {
        let bench = Bench::tls();
        let mut settings = bench.settings();
        let Err(Fault::Link { said, cause }) = bench.portal_with(&settings).ping().await else {
            panic!("a certificate of an unknown authority was believed");
        };

        settings.ca = Some(authority());
        let portal = bench.portal_with(&settings);
        create(&portal, 1).await.unwrap();
        let certificate = portal.certificate().unwrap();
        // What was refused is named, so that it can be compared and pinned.
        let digest = certificate.sha256.map(|b| format!("{b:02x}")).concat();
        for words in [
            "was issued by CN=postern test authority, not trusted here",
            &digest,
        ] {
            assert!(said.contains(words), "{said}");
        }
        for words in ["portal.ca_pem @", &format!("portal.pinned {digest}")] {
            assert!(cause.mend().contains(words), "{}", cause.mend());
        }
        assert!(certificate.names.contains(&"localhost".to_owned()));

        settings.ca = None;
        settings.pin = Some(certificate.sha256.map(|b| format!("{b:02X}")).join(":"));
        let portal = bench.portal_with(&settings);
        portal.attach(body(&[9; 1_000_000], 65_536)).await.unwrap();
        settings.pin = Some("00".repeat(32));
        let fault = bench.portal_with(&settings).ping().await;
        assert!(
            matches!(
                &fault,
                Err(Fault::Link { said, cause: cause @ Cause::NotPinned { .. } })
                    if said.contains(&format!("SHA-256 {} is pinned", "00".repeat(32)))
                        && said.contains(&digest)
                        && cause.mend().contains(&format!("portal.pinned {digest}"))
            ),
            "{fault:?}"
        );
    });
}

#[test]
fn connections_are_kept_and_never_more_than_allowed() {
    smol::block_on(async {
        let bench = Bench::new();
        let mut settings = bench.settings();
        settings.connections = 3;
        let portal = bench.portal_with(&settings);
        for n in 1..=20 {
            create(&portal, n).await.unwrap();
        }
        assert_eq!(bench.connections().await, 1);
        bench
            .fault(json!({ "route": "ticket", "action": { "latency_ms": 20 } }))
            .await;
        let executor = smol::LocalExecutor::new();
        let portal = std::rc::Rc::new(portal);
        let tasks: Vec<_> = (21..=40)
            .map(|n| {
                let portal = portal.clone();
                executor.spawn(async move { create(&portal, n).await })
            })
            .collect();
        let all = async {
            for task in tasks {
                task.await.unwrap();
            }
        };
        executor.run(all).await;
        assert_eq!(bench.connections().await, 3);
        assert_eq!(bench.count("tickets").await, 40);
    });
}

#[test]
fn a_kept_connection_that_the_portal_closed_is_noticed_before_anything_is_sent() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        // The answer is whole, and the connection ends behind it.
        let closing = json!({ "status": 400, "headers": { "Connection": "close" } });
        bench
            .fault(json!({ "route": "ping", "action": closing }))
            .await;
        for n in 1..=5 {
            portal.ping().await.unwrap_err();
            create(&portal, n).await.unwrap();
        }
    });
}

#[test]
fn a_request_that_is_given_up_takes_its_connection_with_it() {
    smol::block_on(async {
        let bench = Bench::new();
        let portal = bench.portal();
        bench
            .fault(json!({ "nth": 1, "action": { "latency_ms": 150 } }))
            .await;
        let given_up = bench
            .world
            .clock
            .within(Duration::from_millis(50), create(&portal, 1));
        assert!(given_up.await.is_none());
        let begun = Instant::now();
        // The first attempt still runs at the portal; its key says so, then replays.
        loop {
            match create(&portal, 1).await {
                Ok(_) => break,
                Err(Fault::Unsure { .. }) => assert!(begun.elapsed() < Duration::from_secs(10)),
                Err(fault) => panic!("{fault:?}"),
            }
        }
        assert_eq!(bench.count("tickets").await, 1);
    });
}

#[test]
fn a_handshake_that_was_cut_off_is_not_held_against_the_certificate() {
    let bench = Bench::tls();
    let mut settings = bench.settings();
    let port = bench.address().port().to_string();
    settings.url = settings
        .url
        .replace(&port, &cut_once(bench.address()).to_string());
    settings.ca = Some(authority());
    let portal = bench.portal_with(&settings);
    smol::block_on(async {
        let fault = portal.ping().await;
        assert!(
            matches!(
                &fault,
                Err(Fault::Link {
                    cause: Cause::Handshake(_),
                    ..
                })
            ),
            "{fault:?}"
        );
        portal.ping().await.unwrap();
    });
}
