//! The token endpoint (RFC 6749 §4.4): bearer tokens that last a while, for one client.
//!
//!   POST /oauth/token   behind the portal's base; HTTP Basic, `grant_type=client_credentials`
//!
//! Tokens live in memory: a stand-in that is started again takes none of before.

use crate::answer::Answer;
use crate::ask::{form, value};
use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The one client, and the tokens that it was given.
pub struct Tokens {
    /// Its id and its secret.
    pub client: (String, String),
    /// The one scope that there is; any when absent.
    pub scope: Option<String>,
    /// How long a token is said to last.
    pub seconds: u64,
    given: BTreeMap<String, Instant>,
    count: u64,
    /// What the newest token had left to live each time another was asked for, milliseconds.
    pub left_ms: Vec<u64>,
}

impl Tokens {
    /// None given yet.
    pub fn new(client: (String, String), scope: Option<String>, seconds: u64) -> Self {
        Tokens {
            client,
            scope,
            seconds,
            given: BTreeMap::new(),
            count: 0,
            left_ms: Vec::new(),
        }
    }

    /// Takes every token back.
    pub fn forget(&mut self) {
        self.given.clear();
    }

    /// Whether this Authorization field holds a token that was given and lasts.
    pub fn takes(&self, authorization: &str) -> bool {
        let ends = authorization
            .strip_prefix("Bearer ")
            .and_then(|token| self.given.get(token));
        ends.is_some_and(|ends| Instant::now() < *ends)
    }

    /// Answers a request; the token really lasts `lasts_ms` where that is given, whatever is said.
    pub fn answer(&mut self, authorization: &str, body: &[u8], lasts_ms: Option<u64>) -> Answer {
        let error = |status: u16, error: &str, words: &str| {
            let document = json!({ "error": error, "error_description": words });
            Answer::json(status, &document).with("cache-control", "no-store")
        };
        if basic(authorization).as_ref() != Some(&self.client) {
            return error(401, "invalid_client", "no such client, or another secret")
                .with("www-authenticate", "Basic");
        }
        let body = form(&String::from_utf8_lossy(body));
        if value(&body, "grant_type") != Some("client_credentials") {
            return error(400, "unsupported_grant_type", "client_credentials only");
        }
        if self.scope.is_some() && value(&body, "scope") != self.scope.as_deref() {
            return error(400, "invalid_scope", "there is no such scope");
        }
        self.count += 1;
        if let Some(ends) = self.given.values().max() {
            let left = ends.saturating_duration_since(Instant::now()).as_millis();
            self.left_ms.push(u64::try_from(left).unwrap_or(u64::MAX));
        }
        let token = format!("given-{}-{}", std::process::id(), self.count);
        let lasts = lasts_ms.unwrap_or(self.seconds * 1000);
        let ends = Instant::now() + Duration::from_millis(lasts);
        self.given.insert(token.clone(), ends);
        let document = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": self.seconds,
        });
        Answer::json(200, &document).with("cache-control", "no-store")
    }
}

/// Id and secret of HTTP Basic, each encoded by itself (RFC 6749 §2.3.1).
fn basic(authorization: &str) -> Option<(String, String)> {
    let pair = BASE64_STANDARD.decode(authorization.strip_prefix("Basic ")?);
    let pair = String::from_utf8(pair.ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    form(&format!("id={id}&secret={secret}"))
        .into_iter()
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .try_into()
        .ok()
        .map(|[id, secret]: [String; 2]| (id, secret))
}
