use super::*;
use crate::world::TlsFault;
use std::io;

const SEVEN: Option<Duration> = Some(Duration::from_secs(7));

/// A fault without its words.
fn shape(fault: &Fault) -> (&'static str, Option<Duration>) {
    match fault {
        Fault::Later { after, .. } => ("later", *after),
        Fault::Throttled { after, .. } => ("throttled", *after),
        Fault::Never { .. } => ("never", None),
        Fault::Unsure { after, .. } => ("unsure", *after),
        Fault::Link { .. } => ("link", None),
        Fault::AlreadyThere => ("already there", None),
        Fault::MissingAttachment { .. } => ("missing attachment", None),
        Fault::AttachmentRefused {
            too_large: true, ..
        } => ("attachment too large", None),
        Fault::AttachmentRefused { .. } => ("attachment refused", None),
        Fault::TicketGone { .. } => ("ticket gone", None),
        Fault::Local { .. } => ("local", None),
    }
}

#[track_caller]
fn check(act: Act, status: u16, kind: &str, after: Option<Duration>, want: &str) {
    let heard = Heard {
        status,
        kind: kind.to_owned(),
        problem: !kind.is_empty(),
        words: "so it is".to_owned(),
        after,
        ..Heard::default()
    };
    let fault = of_answer(act, heard);
    assert_eq!(shape(&fault), (want, after), "{act:?} {status} {kind}");
}

#[test]
fn each_status_and_type_has_its_verdict() {
    use Act::*;
    for (act, status, kind, after, want) in [
        (Create, 422, "key-used", None, "already there"),
        (Reply, 422, "key-used", None, "already there"),
        (
            Create,
            422,
            "attachment-missing",
            None,
            "missing attachment",
        ),
        (
            Create,
            409,
            "attachment-missing",
            None,
            "missing attachment",
        ),
        (Reply, 404, "ticket-unknown", None, "ticket gone"),
        (Create, 404, "ticket-unknown", None, "never"),
        (Create, 401, "unauthorized", None, "link"),
        (Attach, 403, "", None, "link"),
        (Find, 407, "", None, "link"),
        (Create, 511, "", None, "link"),
        (Create, 301, "", None, "link"),
        (Ping, 304, "", None, "link"),
        (Create, 404, "not-found", None, "link"),
        (Create, 405, "method-not-allowed", None, "link"),
        (Create, 404, "", None, "link"),
        (Create, 404, "forwarding-rule", None, "never"),
        (Create, 429, "", SEVEN, "throttled"),
        (Ping, 429, "busy", None, "throttled"),
        (Create, 409, "key-in-progress", SEVEN, "unsure"),
        (Attach, 409, "", SEVEN, "later"),
        (Create, 425, "", None, "later"),
        (Create, 408, "", None, "unsure"),
        (Attach, 408, "", None, "later"),
        (Create, 501, "", None, "unsure"),
        (Create, 503, "busy", SEVEN, "unsure"),
        (Reply, 503, "", None, "unsure"),
        (Attach, 503, "busy", SEVEN, "later"),
        (Create, 505, "", None, "unsure"),
        (Create, 507, "", None, "unsure"),
        (Create, 500, "", None, "unsure"),
        (Create, 502, "", SEVEN, "unsure"),
        (Reply, 504, "", None, "unsure"),
        (Find, 500, "", None, "later"),
        (Attach, 502, "", None, "later"),
        (Create, 400, "key-missing", None, "never"),
        (Create, 413, "too-large", None, "never"),
        (Create, 415, "unsupported-media-type", None, "never"),
        (Create, 422, "invalid", None, "never"),
        (Attach, 422, "digest-mismatch", None, "never"),
        (Attach, 411, "length-required", None, "never"),
        (Attach, 413, "too-large", None, "attachment too large"),
        // So proxies say it.
        (Attach, 413, "", None, "attachment too large"),
        (Attach, 415, "", None, "attachment refused"),
        (
            Attach,
            403,
            "attachment-refused",
            None,
            "attachment refused",
        ),
        (
            Attach,
            422,
            "attachment-refused",
            None,
            "attachment refused",
        ),
        (Attach, 503, "attachment-refused", None, "later"),
        (Create, 422, "attachment-refused", None, "never"),
        (Find, 422, "key-used", None, "never"),
        (Create, 204, "", None, "unsure"),
        (Create, 700, "", None, "unsure"),
        (Find, 100, "", None, "later"),
    ] {
        check(act, status, kind, after, want);
    }
}

#[test]
fn a_key_in_progress_is_waited_for_even_when_the_portal_does_not_say_how_long() {
    let heard = Heard {
        status: 409,
        ..Heard::default()
    };
    let fault = of_answer(Act::Create, heard);
    assert_eq!(shape(&fault), ("unsure", Some(Duration::from_secs(1))));
}

#[test]
fn the_portals_own_words_are_kept() {
    let heard = Heard {
        status: 422,
        words: "The subject is rude".to_owned(),
        ..Heard::default()
    };
    let said = of_answer(Act::Create, heard).to_string();
    assert_eq!(
        said,
        "creating a ticket: the portal answered 422: The subject is rude"
    );
}

#[test]
fn an_answer_that_cannot_be_read_leaves_a_write_in_doubt() {
    let of = |act| shape(&of_unreadable(act, "it is no JSON")).0;
    assert_eq!(of(Act::Create), "unsure");
    assert_eq!(of(Act::Reply), "unsure");
    assert_eq!(of(Act::Ping), "link");
    assert_eq!(of(Act::Find), "later");
    assert_eq!(of(Act::Attach), "later");
}

#[test]
fn only_what_was_sent_is_in_doubt() {
    let host = || "portal.example".to_owned();
    let said = || "gone".to_owned();
    let source = || io::Error::other("gone");
    let no_way = |status| http::Fault::NoWay {
        proxy: "http://proxy.example".to_owned(),
        host: host(),
        status,
    };
    let address = ([192, 0, 2, 1], 443).into();
    let name = DialFault::Name {
        host: host(),
        source: source(),
    };
    let away = DialFault::Unreachable {
        address,
        source: source(),
    };
    let faults = [
        (http::Fault::Dial(name), "link", "link"),
        (
            http::Fault::Dial(DialFault::Refused { address }),
            "later",
            "later",
        ),
        (http::Fault::Dial(away), "later", "later"),
        (
            http::Fault::Tls(TlsFault::Handshake {
                host: host(),
                said: said(),
            }),
            "link",
            "link",
        ),
        (
            http::Fault::Tls(TlsFault::TooOld { host: host() }),
            "link",
            "link",
        ),
        (
            http::Fault::Tls(TlsFault::NoTls { host: host() }),
            "link",
            "link",
        ),
        (
            http::Fault::Slow {
                host: host(),
                after: Duration::ZERO,
            },
            "later",
            "later",
        ),
        (
            http::Fault::NotSent {
                host: host(),
                said: said(),
            },
            "later",
            "later",
        ),
        (
            http::Fault::Unanswered {
                host: host(),
                said: said(),
            },
            "unsure",
            "later",
        ),
        (http::Fault::Source(source()), "local", "local"),
        (
            http::Fault::Unspeakable {
                host: host(),
                said: said(),
            },
            "local",
            "local",
        ),
        (
            http::Fault::Proxy {
                proxy: host(),
                source: DialFault::Refused { address },
            },
            "later",
            "later",
        ),
        (no_way(407), "link", "link"),
        (no_way(503), "later", "later"),
    ];
    for (fault, write, read) in faults {
        assert_eq!(shape(&of_silence(Act::Create, &fault)).0, write, "{fault}");
        assert_eq!(shape(&of_silence(Act::Attach, &fault)).0, read, "{fault}");
    }
}

#[test]
fn a_refused_certificate_is_explained_and_its_mend_fits() {
    let fine = Certificate {
        sha256: [0xab; 32],
        names: vec!["portal.example".to_owned()],
        issuer: "CN=Elsewhere".to_owned(),
        subject: "CN=portal.example".to_owned(),
        self_signed: false,
        weak: false,
        not_before: Wall(1_000),
        not_after: Wall(9_000),
    };
    let digest = "ab".repeat(32);
    let own = Certificate {
        self_signed: true,
        ..fine.clone()
    };
    for (certificate, host, now, words, mend) in [
        (&fine, "portal.example", 500, "is valid from", "clock"),
        (
            &fine,
            "portal.example",
            9_500,
            "has been invalid since",
            "renewed",
        ),
        (
            &fine,
            "other.example",
            5_000,
            "is for portal.example",
            "portal.url",
        ),
        (
            &fine,
            "portal.example",
            5_000,
            "was issued by CN=Elsewhere",
            "portal.ca_pem",
        ),
        (
            &own,
            "portal.example",
            5_000,
            "vouches only for itself",
            "portal.pinned abab",
        ),
    ] {
        let fault = of_certificate(Act::Ping, certificate.clone(), host, Wall(now));
        let Fault::Link { said, cause } = fault else {
            panic!("{fault:?}");
        };
        assert!(said.contains(words) && said.contains(&digest), "{said}");
        assert!(cause.mend().contains(mend), "{}", cause.mend());
    }
}

/// What comes of an answer of the token endpoint's.
fn no_token(status: u16, error: &str) -> Fault {
    of_no_token(&NoToken::Refused {
        status,
        error: error.to_owned(),
        words: "so it is".to_owned(),
        after: SEVEN,
    })
}

#[test]
fn each_answer_of_the_token_endpoint_has_its_verdict_and_its_mend() {
    for (status, error, mend) in [
        (401, "invalid_client", "portal.client_secret"),
        (400, "invalid_client", "portal.client_secret"),
        (200, "invalid_client", "portal.client_secret"),
        (401, "", "portal.client_secret"),
        (400, "invalid_scope", "portal.scope"),
        (400, "unauthorized_client", "allowed client credentials"),
        (400, "unsupported_grant_type", "allowed client credentials"),
        (400, "invalid_request", "portal.client_id"),
        (403, "", "allowed client credentials"),
        (404, "", "portal.token_url"),
        (405, "", "portal.token_url"),
        (302, "", "portal.token_url"),
        (400, "", "portal.token_url"),
        (407, "", "portal.proxy"),
    ] {
        let fault = no_token(status, error);
        let of = shape(&fault).0;
        assert_eq!(of, "link", "{status} {error}");
        let said = fault.to_string();
        let start = "asking the token endpoint for a token: it answered";
        assert!(
            said.starts_with(start) && said.ends_with(": so it is"),
            "{said}"
        );
        let told = fault.mend().unwrap_or_default();
        assert!(told.contains(mend), "{status} {error}: {told}");
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        assert_eq!(
            shape(&no_token(status, "")),
            ("throttled", SEVEN),
            "{status}"
        );
    }
}

#[test]
fn a_token_endpoint_that_is_not_there_keeps_every_ticket_back_and_its_own_settings_are_named() {
    let away = http::Fault::Dial(DialFault::Refused {
        address: ([192, 0, 2, 1], 443).into(),
    });
    let fault = of_no_token(&NoToken::Silent(away));
    assert_eq!(shape(&fault), ("throttled", None));
    let name = http::Fault::Dial(DialFault::Name {
        host: "login.example".to_owned(),
        source: io::Error::other("no such name"),
    });
    let page = NoToken::Unreadable("expected value at line 1".to_owned());
    for fault in [NoToken::Silent(name), page] {
        let fault = of_no_token(&fault);
        assert_eq!(shape(&fault).0, "link");
        let mend = fault.mend().unwrap_or_default();
        assert!(mend.contains("portal.token_url"), "{mend}");
    }
}

#[test]
fn who_is_not_let_in_is_told_what_of_him_is_not_taken() {
    for (given_token, mend) in [(false, "portal.token"), (true, "portal.scope")] {
        let heard = Heard {
            status: 401,
            given_token,
            ..Heard::default()
        };
        let fault = of_answer(Act::Ping, heard);
        assert_eq!(fault.refuses_token(), !given_token, "{fault}");
        let told = fault.mend().unwrap_or_default();
        assert!(told.contains(mend), "{told}");
    }
    for (shown, words) in [
        (
            Some("CN=box".to_owned()),
            "refuses our client certificate CN=box: unknown ca",
        ),
        (
            None,
            "wants a client certificate, and none is set: unknown ca",
        ),
    ] {
        let fault = of_silence(
            Act::Create,
            &http::Fault::Tls(TlsFault::ClientRefused {
                host: "portal.example".to_owned(),
                shown,
                alert: "unknown ca",
            }),
        );
        assert!(
            fault.refuses_certificate() && fault.to_string().contains(words),
            "{fault}"
        );
        let told = fault.mend().unwrap_or_default();
        assert!(told.contains("portal.client_cert_pem=@"), "{told}");
    }
    assert!(no_token(401, "").refuses_client());
    assert!(!no_token(400, "invalid_scope").refuses_client());
}

/// Goes red where one of the two is named as if it were certain: the other would be typed again in vain.
#[test]
fn a_401_that_may_be_the_portals_or_the_proxys_names_both() {
    let of = |status, by_proxy, given_token, problem| {
        let heard = Heard {
            status,
            by_proxy,
            given_token,
            problem,
            ..Heard::default()
        };
        let fault = of_answer(Act::Ping, heard);
        assert!(!fault.refuses_at_proxy(), "{fault}");
        let sure = fault.refuses_token();
        (fault.to_string(), fault.mend().unwrap_or_default(), sure)
    };
    for (given_token, mine) in [(false, "portal.token"), (true, "portal.scope")] {
        let (said, mend, sure) = of(401, true, given_token, false);
        assert!(said.ends_with("the portal, or the proxy on the way to it, answered 401"));
        assert!(mend.contains(mine) && mend.contains("portal.proxy_password"));
        assert!(!sure);
        // Only the portal answers with a problem, and says so where no proxy asks who we are.
        for (status, by_proxy, problem) in
            [(401, true, true), (403, true, false), (401, false, false)]
        {
            let (said, mend, sure) = of(status, by_proxy, given_token, problem);
            assert!(said.contains("the portal answered"), "{said}");
            assert!(mend.contains(mine) && !mend.contains("proxy"), "{mend}");
            assert_eq!(sure, !given_token);
        }
    }
}

#[test]
fn a_server_in_front_that_holds_something_against_our_certificate_loses_no_ticket() {
    for (act, problem, want) in [
        (Act::Create, false, "later"),
        (Act::Ping, false, "link"),
        // The portal's own words are about this ticket.
        (Act::Create, true, "never"),
    ] {
        let heard = Heard {
            status: 400,
            problem,
            own_certificate: true,
            ..Heard::default()
        };
        assert_eq!(shape(&of_answer(act, heard)).0, want, "{act:?} {problem}");
    }
}
