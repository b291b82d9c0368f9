//! Bearer tokens by OAuth 2.0 client credentials (RFC 6749 §4.4): got, kept, renewed in time.
//!
//! 1. `Tokens::new` takes a client for the token endpoint and who we are there; nothing is asked yet.
//! 2. `Tokens::token` gives the token that is held, or gets one. It is renewed well before its end, by
//!    one request however many wait; as long as the old one holds nobody waits for the new one.
//! 3. `Tokens::refused` takes back a token that was not accepted: the next one is a fresh one.
//!
//! A token lives in memory only, and its time is measured by the monotonic clock: a wall clock that
//! jumps can't keep a dead one. Refresh tokens are not used (RFC 6749 §4.4.3 gives none).
//!
//! Knows nothing of when it may be asked again: whoever gets a fault leaves the endpoint alone.

use super::{retry_after, Bytes, Client, Fault, Method, Payload, Request};
use crate::http::origin::encode;
use crate::world::{Clock, Secret, Tick, Wall, World};
use base64::prelude::{Engine, BASE64_STANDARD};
use serde::Deserialize;
use smol::lock::Mutex;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// How long a token is used whose end the endpoint doesn't tell.
const LIFETIME: Duration = Duration::from_secs(600);
/// It is renewed when this part of its time is left,
const RENEWED_WITHIN: u32 = 5;
/// but not earlier than so long before its end.
const RENEWED_WITHIN_MAX: Duration = Duration::from_secs(300);
/// The least time between two requests for a token while the last one got none and the old one holds,
/// and the least that any token is used: an endpoint that gives dead ones is not asked for each request.
const BETWEEN: Duration = Duration::from_secs(1);
/// Characters of the endpoint's words that are kept.
const WORDS: usize = 300;

/// The whole Authorization field of a bearer token (RFC 6750 §2.1).
pub fn bearer(token: &Secret) -> Secret {
    Secret::new(format!("Bearer {}", token.reveal()))
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum NoToken {
    /// There was no answer.
    #[error(transparent)]
    Silent(#[from] Fault),
    /// The endpoint gives none (RFC 6749 §5.2, or whatever else stands there).
    #[error("it answered {status}{}{words}", separated(error, words))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code of the error, empty where it says none.
        error: String,
        /// Its words for people.
        words: String,
        /// Retry-After.
        after: Option<Duration>,
    },
    /// It answers well, and not with a token.
    #[error("its answer is no token: {0}")]
    Unreadable(String),
}

fn separated(error: &str, words: &str) -> String {
    match (error, words) {
        ("", "") => String::new(),
        ("", _) => ": ".to_owned(),
        (error, "") => format!(": {error}"),
        (error, _) => format!(": {error}: "),
    }
}

/// A token, as the whole Authorization field, and its time.
struct Held {
    token: Rc<Secret>,
    renew_at: Tick,
    ends_at: Tick,
}

/// See the file's head.
pub struct Tokens {
    client: Client,
    clock: Arc<dyn Clock>,
    /// Behind the endpoint's base.
    path: &'static str,
    client_id: String,
    basic: Secret,
    form: Bytes,
    held: RefCell<Option<Held>>,
    /// Held by whoever gets a token.
    getting: Mutex<()>,
    /// How often one was got or refused.
    rounds: Cell<u64>,
    /// What came of the last round, where it was no token.
    failed: RefCell<Option<Rc<NoToken>>>,
}

impl Tokens {
    /// Signs in as `client_id` at the endpoint that `client` speaks to, whose address is `url`.
    pub fn new(
        world: &World,
        client: Client,
        url: &str,
        client_id: &str,
        secret: &Secret,
        scope: Option<&str>,
    ) -> Self {
        // RFC 6749 §2.3.1: each is encoded before the two are joined.
        let pair = format!("{}:{}", encode(client_id), encode(secret.reveal()));
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = scope {
            form.push_str(&format!("&scope={}", encode(scope)));
        }
        // An origin's base has no slash at its end, and some endpoints are nowhere without it.
        let path = match url.trim().ends_with('/') || client.origin().base.is_empty() {
            true => "/",
            false => "",
        };
        Self {
            client,
            clock: world.clock.clone(),
            path,
            client_id: client_id.to_owned(),
            basic: Secret::new(format!("Basic {}", BASE64_STANDARD.encode(pair))),
            form: form.into(),
            held: RefCell::default(),
            getting: Mutex::new(()),
            rounds: Cell::new(0),
            failed: RefCell::default(),
        }
    }

    /// The connections to the endpoint.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// As whom it signs in.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Until when the token holds that is held now.
    pub fn holds_until(&self) -> Option<Wall> {
        let now = self.clock.tick();
        let held = self.held.borrow();
        let held = held.as_ref().filter(|held| now < held.ends_at)?;
        Some(self.clock.wall().plus(held.ends_at.since(now)))
    }

    /// The Authorization field for the next request.
    pub async fn token(&self) -> Result<Rc<Secret>, Rc<NoToken>> {
        let round = self.rounds.get();
        let _one_at_a_time = match self.usable() {
            Some((token, true)) => return Ok(token),
            Some((token, false)) => match self.getting.try_lock() {
                Some(turn) => turn,
                None => return Ok(token),
            },
            None => self.getting.lock().await,
        };
        if self.rounds.get() != round {
            // Whoever waited takes what came of it, a refusal too: it is not asked again for each.
            if let Some(fault) = &*self.failed.borrow() {
                return Err(fault.clone());
            }
            if let Some((token, _)) = self.usable() {
                return Ok(token);
            }
        }
        self.get().await
    }

    /// The token was not accepted: it is not used any more.
    pub fn refused(&self, token: &Rc<Secret>) {
        let mut held = self.held.borrow_mut();
        // Another may have come in its place meanwhile.
        if held.as_ref().is_some_and(|h| Rc::ptr_eq(&h.token, token)) {
            *held = None;
        }
    }

    /// The token that is held, while it holds, and whether it need not be renewed yet.
    fn usable(&self) -> Option<(Rc<Secret>, bool)> {
        let now = self.clock.tick();
        let held = self.held.borrow();
        let held = held.as_ref().filter(|held| now < held.ends_at)?;
        Some((held.token.clone(), now < held.renew_at))
    }

    async fn get(&self) -> Result<Rc<Secret>, Rc<NoToken>> {
        let got = self.ask().await;
        self.rounds.set(self.rounds.get().wrapping_add(1));
        let fault = match got {
            Ok(held) => {
                let token = held.token.clone();
                self.held.replace(Some(held));
                self.failed.replace(None);
                return Ok(token);
            }
            Err(fault) => Rc::new(fault),
        };
        if let Some((token, _)) = self.usable() {
            let now = self.clock.tick();
            if let Some(held) = &mut *self.held.borrow_mut() {
                let rest = held.ends_at.since(now) / 4;
                held.renew_at = now.plus(rest.max(BETWEEN));
            }
            log::warn!("the token can't be renewed yet, and is used while it holds: {fault}");
            return Ok(token);
        }
        self.failed.replace(Some(fault.clone()));
        Err(fault)
    }

    async fn ask(&self) -> Result<Held, NoToken> {
        // Its time may begin at any moment from here on.
        let asked_at = self.clock.tick();
        let mut request = Request::new(Method::POST, self.path, Some(&self.basic));
        let media_type = "application/x-www-form-urlencoded";
        request.payload = Payload::Octets(media_type, self.form.clone());
        let answer = self.client.ask(request).await?;
        if let (200, Some(cut)) = (answer.status, &answer.cut) {
            return Err(NoToken::Unreadable(cut.clone()));
        }
        let said = serde_json::from_slice::<Said>(&answer.body);
        if let (200, Err(error)) = (answer.status, &said) {
            return Err(NoToken::Unreadable(error.to_string()));
        }
        let said = said.unwrap_or_default();
        // There are endpoints that say 200 to every error.
        if answer.status != 200 || (said.access_token.is_none() && said.error.is_some()) {
            let words = match answer.field("location") {
                Some(to) if (300..400).contains(&answer.status) => format!("it points to {to}"),
                _ => said.error_description.unwrap_or_default(),
            };
            let date = answer.field("date");
            let wall = self.clock.wall();
            return Err(NoToken::Refused {
                status: answer.status,
                error: short(&said.error.unwrap_or_default()),
                words: short(&words),
                after: answer
                    .field("retry-after")
                    .and_then(|after| retry_after(after, date, wall)),
            });
        }
        said.held(asked_at)
    }
}

/// An answer of the endpoint, of either kind (RFC 6749 §5.1 and §5.2).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    error: Option<String>,
    error_description: Option<String>,
}

/// A number; some write it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Whole(u64),
    Broken(f64),
    Text(String),
}

impl Seconds {
    fn read(&self) -> Option<Duration> {
        match self {
            Self::Whole(seconds) => Some(Duration::from_secs(*seconds)),
            Self::Broken(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
            Self::Text(text) => text.trim().parse().ok().map(Duration::from_secs),
        }
    }
}

impl Said {
    fn held(self, asked_at: Tick) -> Result<Held, NoToken> {
        let unreadable = |said: &str| NoToken::Unreadable(said.to_owned());
        let token = self.access_token.map(Secret::new);
        let token = token.ok_or_else(|| unreadable("it has no `access_token`"))?;
        // RFC 6750 §2.1 allows fewer; these are what a field can hold.
        if token.reveal().is_empty() || !token.reveal().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(unreadable("its `access_token` is none that can be sent"));
        }
        let kind = short(&self.token_type.unwrap_or_default());
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(NoToken::Unreadable(format!(
                "its `token_type` is {kind:?}, and only Bearer is spoken here"
            )));
        }
        let lifetime = self.expires_in.as_ref().and_then(Seconds::read);
        let lifetime = lifetime.unwrap_or(LIFETIME).max(BETWEEN);
        let margin = (lifetime / RENEWED_WITHIN).min(RENEWED_WITHIN_MAX);
        Ok(Held {
            token: Rc::new(bearer(&token)),
            renew_at: asked_at.plus(lifetime - margin),
            ends_at: asked_at.plus(lifetime),
        })
    }
}

fn short(words: &str) -> String {
    words.chars().take(WORDS).collect()
}
