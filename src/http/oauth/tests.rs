//! Tokens of a scripted endpoint, in virtual time.

use super::*;
use crate::http::client::tests::{client_of, world, Peer};
use futures_lite::future::{block_on, or, zip};
use std::sync::Mutex as Lock;

/// An endpoint that gives these answers, and what it hears.
struct Endpoint {
    tokens: Tokens,
    clock: Arc<dyn Clock>,
    heard: Arc<Lock<Vec<u8>>>,
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn token(name: &str, expires_in: &str) -> String {
    let body =
        format!(r#"{{"access_token":"{name}","token_type":"bearer","expires_in":{expires_in}}}"#);
    answer("200 OK", &body)
}

fn endpoint_at(url: &str, scope: Option<&str>, answers: &[String]) -> Endpoint {
    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
    // A connection that was idle for long is not used again, so there is one for each.
    let heard = Arc::<Lock<Vec<u8>>>::default();
    let peers = answers.iter().enumerate().map(|(before, answer)| {
        let mut peer = Peer::saying(&[answer]);
        (peer.heard, peer.given) = (heard.clone(), before);
        peer.closes = true;
        peer
    });
    let world = world(peers.collect());
    let client = client_of(&world, url);
    let secret = Secret::new("s p&c:ret".to_owned());
    Endpoint {
        tokens: Tokens::new(&world, client, url, "box:7", &secret, scope),
        clock: world.clock,
        heard,
    }
}

fn endpoint(answers: &[String]) -> Endpoint {
    endpoint_at("http://idp.example/oauth/token", None, answers)
}

impl Endpoint {
    fn get(&self) -> Result<String, Rc<NoToken>> {
        let token = block_on(self.tokens.token())?;
        Ok(token.reveal().to_owned())
    }

    #[track_caller]
    fn gives(&self, name: &str) {
        assert_eq!(self.get().ok(), Some(format!("Bearer {name}")));
    }

    fn passes(&self, ms: u64) {
        block_on(self.clock.sleep(Duration::from_millis(ms)));
    }

    fn asked(&self) -> usize {
        let heard = self.heard.lock().unwrap();
        String::from_utf8_lossy(&heard).matches("POST ").count()
    }
}

#[test]
fn it_asks_as_the_rfc_has_it() {
    for (url, scope, first, form) in [
        (
            "http://idp.example/oauth/token",
            Some("tickets:write a"),
            "POST /oauth/token HTTP/1.1",
            "grant_type=client_credentials&scope=tickets%3Awrite%20a",
        ),
        (
            "http://idp.example/o/token/",
            None,
            "POST /o/token/ HTTP/1.1",
            "grant_type=client_credentials",
        ),
        (
            "http://idp.example",
            None,
            "POST / HTTP/1.1",
            "grant_type=client_credentials",
        ),
    ] {
        let endpoint = endpoint_at(url, scope, &[token("a", "60")]);
        endpoint.gives("a");
        let heard = String::from_utf8(endpoint.heard.lock().unwrap().clone()).unwrap();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.lines().next(), Some(first));
        assert_eq!(body, form);
        let basic = BASE64_STANDARD.encode("box%3A7:s%20p%26c%3Aret");
        let field = format!("authorization: Basic {basic}");
        assert!(head.lines().any(|l| l == field), "{head}");
        assert!(head.contains("content-type: application/x-www-form-urlencoded"));
    }
}

#[test]
fn a_token_serves_until_shortly_before_its_end_and_is_then_renewed() {
    for (expires_in, good_ms, over_ms) in [
        ("3600", 3_299_000, 2_000),
        ("\"100\"", 79_000, 2_000),
        ("10.0", 7_900, 200),
        // Nothing is said: ten minutes.
        ("null", 479_000, 2_000),
        // No token is got anew for every single request.
        ("0", 700, 200),
        ("18446744073709551615", 3_600_000, 0),
    ] {
        let endpoint = endpoint(&[token("a", expires_in), token("b", "60")]);
        endpoint.gives("a");
        endpoint.passes(good_ms);
        endpoint.gives("a");
        assert_eq!(endpoint.asked(), 1, "{expires_in}");
        endpoint.passes(over_ms);
        let (want, asked) = if over_ms > 0 { ("b", 2) } else { ("a", 1) };
        endpoint.gives(want);
        assert_eq!(endpoint.asked(), asked, "{expires_in}");
    }
}

#[test]
fn however_many_want_a_token_one_is_asked_for_and_a_refusal_is_for_all() {
    let good = endpoint(&[token("a", "60"), token("b", "60")]);
    let three = zip(
        good.tokens.token(),
        zip(good.tokens.token(), good.tokens.token()),
    );
    let (first, (second, third)) = block_on(three);
    let names = [first, second, third].map(|t| t.unwrap().reveal().to_owned());
    assert_eq!(names, ["Bearer a", "Bearer a", "Bearer a"]);
    assert_eq!(good.asked(), 1);

    let refusal = answer("401 Unauthorized", r#"{"error":"invalid_client"}"#);
    let bad = endpoint(&[refusal, token("b", "60")]);
    let (first, second) = block_on(zip(bad.tokens.token(), bad.tokens.token()));
    assert!(first.is_err() && second.is_err());
    assert_eq!(bad.asked(), 1);
    // Whoever comes later asks anew.
    bad.gives("b");
}

#[test]
fn a_token_that_still_holds_is_used_while_it_is_renewed_or_can_not_be() {
    let busy = || answer("503 Busy", "");
    let endpoint = endpoint(&[token("a", "100"), busy(), busy(), token("b", "60")]);
    endpoint.gives("a");
    endpoint.passes(85_000);
    // While one renews it (and is given up by this test) another does not wait.
    let renewing = async { endpoint.tokens.token().await.map(|_| "renewed") };
    let meanwhile = async { endpoint.tokens.token().await.map(|_| "meanwhile") };
    let first = block_on(or(renewing, meanwhile));
    assert_eq!(first.ok(), Some("meanwhile"));
    assert_eq!(endpoint.asked(), 2);
    endpoint.gives("a");
    assert_eq!(endpoint.asked(), 3);
    // It is not asked again at once, and in time.
    endpoint.gives("a");
    assert_eq!(endpoint.asked(), 3);
    endpoint.passes(5_000);
    endpoint.gives("b");
}

#[test]
fn an_end_is_an_end_when_no_new_one_comes() {
    let busy = || answer("503 Busy", "");
    let endpoint = endpoint(&[token("a", "100"), busy(), busy()]);
    endpoint.gives("a");
    assert!(endpoint.tokens.holds_until().is_some());
    endpoint.passes(90_000);
    endpoint.gives("a");
    endpoint.passes(10_000);
    assert_eq!(endpoint.tokens.holds_until(), None);
    let fault = endpoint.get().unwrap_err();
    assert!(matches!(&*fault, NoToken::Refused { status: 503, .. }));
}

#[test]
fn a_refused_token_is_not_used_again_and_its_successor_is_not_thrown_away() {
    let endpoint = endpoint(&[token("a", "100"), token("b", "100")]);
    let old = block_on(endpoint.tokens.token()).ok().unwrap();
    endpoint.tokens.refused(&old);
    endpoint.gives("b");
    // Told by another request that was on its way with the old one.
    endpoint.tokens.refused(&old);
    endpoint.gives("b");
    assert_eq!(endpoint.asked(), 2);
}

#[test]
fn what_is_no_token_is_told_in_its_own_words_and_never_repeats_one() {
    for (status, body, want) in [
        (
            "400 Bad Request",
            r#"{"error":"invalid_scope","error_description":"no such scope"}"#,
            "it answered 400: invalid_scope: no such scope",
        ),
        (
            "200 OK",
            r#"{"error":"invalid_client"}"#,
            "it answered 200: invalid_client",
        ),
        ("502 Bad Gateway", "<html>", "it answered 502"),
        ("200 OK", "<html>", "its answer is no token"),
        (
            "200 OK",
            r#"{"access_token":"sesame","token_type":"mac"}"#,
            "only Bearer is spoken here",
        ),
        (
            "200 OK",
            r#"{"access_token":"ses\r\name","token_type":"bearer"}"#,
            "none that can be sent",
        ),
        ("200 OK", r#"{"token_type":"bearer"}"#, "no `access_token`"),
    ] {
        let said = endpoint(&[answer(status, body)]).get().unwrap_err();
        let said = format!("{said} {said:?}");
        assert!(said.contains(want), "{said}");
        assert!(!said.contains("ses"), "{said}");
    }
}

#[test]
fn a_redirect_is_not_followed_and_an_endless_answer_is_cut() {
    let moved =
        "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n";
    let said = endpoint(&[moved.to_owned()]).get().unwrap_err().to_string();
    assert!(said.contains("https://elsewhere.example/"), "{said}");
    let long = answer("200 OK", &"x".repeat(2000));
    let fault = endpoint(&[long]).get().unwrap_err();
    assert!(matches!(&*fault, NoToken::Unreadable(said) if said.contains("too long")));
}
