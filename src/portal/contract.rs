//! The port for portals that keep our own contract, `config/portal.openapi.yaml`.
//!
//! One method, one request. What the documents say is checked here; what a failure means is
//! decided in `verdict`.

use super::settings::{parse_digest, parse_proxy, Settings};
use super::sign_in::SignedIn;
use super::verdict::{
    of_answer, of_certificate, of_no_token, of_silence, of_unreadable, Act, Heard,
};
use super::{
    Changes, Company, Conversation, Fault, Page, Ping, Portal, Receipt, Removed, Signs, User,
};
use crate::http::oauth::NoToken;
use crate::http::origin::{self, encode, Origin};
use crate::http::proxy::Proxy;
use crate::http::{self, Answer, Bytes, Client, Method, Patience, Payload, Request};
use crate::world::switches::{flipped, Switch};
use crate::world::tls::check_authorities;
use crate::world::{
    Body, Certificate, Clock, Entropy, Identity, LocalFuture, Secret, Trust, Wall, World,
};
use data_encoding::HEXLOWER;
use serde::de::DeserializeOwned;
use serde::Deserialize;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "inside")]
pub mod inside;
mod query;
#[cfg(test)]
mod tests;

/// Octets of any document that are taken in; a page of 500 entries has some hundred KiB.
const DOCUMENT_BYTES: usize = 1024 * 1024;
/// Characters of the portal's words that are kept.
const WORDS: usize = 1000;

/// Why no portal can be spoken to at all.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The address is none.
    #[error("portal.url: {0}")]
    Address(#[from] origin::Mistake),
    /// The certificate authorities can't be read.
    #[error("portal.ca_pem: {0}")]
    Authorities(String),
    /// The proxy's address is none.
    #[error("portal.proxy: it is no address such as http://proxy.example.com:3128")]
    Proxy,
    /// The pin can't be read.
    #[error("portal.pinned: it is not a SHA-256")]
    Pin,
    /// The token endpoint's address is none.
    #[error("portal.token_url: {0}")]
    TokenAddress(origin::Mistake),
}

/// A portal that keeps the contract.
pub struct Contract {
    url: String,
    client: Client,
    sign_in: SignedIn,
    identity: Option<Identity>,
    /// Whether an answer may be a proxy's that asks who we are.
    by_proxy: bool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Contract {
    /// Prepares; nothing is dialled yet. `secret` is the token, or that of the OAuth client; whoever asks
    /// for a certificate of ours is shown `identity`; a proxy that knows us by a user is told
    /// `proxy_password` (none counts as an empty one).
    pub fn new(
        world: &World,
        settings: &Settings,
        secret: &Secret,
        identity: Option<Identity>,
        proxy_password: Option<Secret>,
    ) -> Result<Self, Unusable> {
        let origin = Origin::parse(&settings.url)?;
        let pinned = match &settings.pin {
            Some(_) => Some(settings.pinned().ok_or(Unusable::Pin)?),
            None => None,
        };
        let by_issuer = match &settings.ca {
            Some(pem) => {
                check_authorities(pem).map_err(Unusable::Authorities)?;
                Trust::Authorities(pem.clone())
            }
            None => Trust::System,
        };
        let trust = pinned.map_or_else(|| by_issuer.clone(), Trust::Pinned);
        let patience = Patience {
            connect: Duration::from_millis(settings.connect_ms),
            idle: Duration::from_millis(settings.idle_ms),
            answer: Duration::from_millis(settings.answer_ms),
            ..Patience::default()
        };
        let proxy = match &settings.proxy {
            Some(proxy) => {
                let proxy = Proxy::new(parse_proxy(proxy).ok_or(Unusable::Proxy)?);
                let password = proxy_password.unwrap_or_else(|| Secret::new(String::new()));
                Some(match &settings.proxy_user {
                    Some(user) => proxy.signed_in(user, &password),
                    None => proxy,
                })
            }
            None => None,
        };
        let client = |origin: Origin, trust: Trust, connections: usize| {
            Client::new(world, origin, trust, patience, connections, DOCUMENT_BYTES)
                .through(proxy.clone())
                .showing(identity.clone())
        };
        let sign_in = SignedIn::new(world, &settings.sign_in, secret, |endpoint| {
            // A pin is of one certificate, and another server has another.
            let same = (&endpoint.host, endpoint.port) == (&origin.host, origin.port);
            let trust = if same { &trust } else { &by_issuer };
            client(endpoint, trust.clone(), 1)
        })?;
        let connections = usize::from(settings.connections);
        let by_proxy = !origin.tls && settings.proxy.is_some() && settings.proxy_user.is_some();
        Ok(Self {
            url: settings.url.clone(),
            client: client(origin, trust, connections),
            sign_in,
            identity,
            by_proxy,
            clock: world.clock.clone(),
            entropy: world.entropy.clone(),
        })
    }

    /// Where it is, as the settings say it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the portal showed at the last handshake.
    pub fn certificate(&self) -> Option<Certificate> {
        self.client.certificate()
    }

    /// The certificate that it shows now, trusted or not; `None` where it shows none, or can't be
    /// reached. Nothing is sent.
    pub async fn shown(&self) -> Option<Certificate> {
        self.client.shown().await
    }

    /// Closes the connections that nobody uses.
    pub fn rest(&self) {
        self.client.rest();
        if let Some(client) = self.sign_in.client() {
            client.rest();
        }
    }

    /// How it signs in, and until when what it has for that holds; for people.
    pub fn signed_in(&self) -> String {
        let own = self.identity.as_ref();
        let shows = own.map(|own| format!(", showing the client certificate {}", own.named()));
        format!("{}{}", self.sign_in.said(), shows.unwrap_or_default())
    }

    /// Makes sure that there is something to sign in with.
    pub async fn sign_in(&self) -> Result<(), Fault> {
        self.token().await.map(|_| ())
    }

    async fn token(&self) -> Result<Rc<Secret>, Fault> {
        let fault = match self.sign_in.token().await {
            Ok(token) => return Ok(token),
            Err(fault) => fault,
        };
        if let (NoToken::Silent(fault), Some(client)) = (&*fault, self.sign_in.client()) {
            if let Some(fault) = self.of_blemish(Act::SignIn, client, fault).await {
                return Err(fault);
            }
        }
        Err(of_no_token(&fault))
    }

    /// The answer when its status is one of `good`, else what the failure means.
    async fn ask(
        &self,
        act: Act,
        request: Request<'static>,
        good: &[u16],
    ) -> Result<Answer, Fault> {
        let once_more = request.again();
        let token = self.token().await?;
        let mut answer = self.send(act, request, &token).await?;
        // It should hold still, but the portal knows better (it was restarted, or a key was changed):
        // one fresh one, and one more try. Nothing was accepted by the first.
        if answer.status == 401 && self.sign_in.renews(&token) {
            let Some(request) = once_more else {
                let said = format!("{}: the portal takes the token no more", act.name());
                return Err(Fault::Later { said, after: None });
            };
            let token = self.token().await?;
            answer = self.send(act, request, &token).await?;
        }
        if good.contains(&answer.status) {
            return Ok(answer);
        }
        let mut heard = heard(&answer, self.clock.wall());
        heard.given_token = self.sign_in.client().is_some();
        heard.own_certificate = self.identity.is_some();
        heard.by_proxy = self.by_proxy;
        Err(of_answer(act, heard))
    }

    async fn send(
        &self,
        act: Act,
        mut request: Request<'_>,
        token: &Secret,
    ) -> Result<Answer, Fault> {
        request.authorization = Some(token);
        let fault = match self.client.ask(request).await {
            Ok(answer) => return Ok(answer),
            Err(fault) => fault,
        };
        let blemish = self.of_blemish(act, &self.client, &fault).await;
        Err(blemish.unwrap_or_else(|| of_silence(act, &fault)))
    }

    /// The verdict where no TLS came about and the certificate is why: a second look, on which nothing
    /// is sent, tells that.
    async fn of_blemish(&self, act: Act, client: &Client, fault: &http::Fault) -> Option<Fault> {
        let http::Fault::Tls(fault) = fault else {
            return None;
        };
        if !fault.is_of_certificate() {
            return None;
        }
        let certificate = client.shown().await?;
        let host = &client.origin().host;
        Some(of_certificate(act, certificate, host, self.clock.wall()))
    }

    async fn write(
        &self,
        act: Act,
        path: String,
        key: &str,
        document: Bytes,
    ) -> Result<Receipt, Fault> {
        let (key, document) = self.keyed(key, document);
        let mut request = Request::new(Method::POST, path, None);
        request.fields.push(("idempotency-key", key.to_string()));
        request.payload = Payload::Octets("application/json", document);
        let answer = self.ask(act, request, &[201]).await?;
        let receipt: ReceiptSaid = read(act, &answer)?;
        receipt.checked(act, &key)
    }

    /// The key and the document as they are, unless a test wants to see the damage without.
    fn keyed<'k>(&self, key: &'k str, document: Bytes) -> (Cow<'k, str>, Bytes) {
        if !flipped(Switch::NoKey) {
            return (key.into(), document);
        }
        let fresh = HEXLOWER.encode(&self.entropy.octets::<32>());
        let document = String::from_utf8_lossy(&document).replace(key, &fresh);
        (fresh.into(), document.into())
    }
}

impl Portal for Contract {
    fn ping(&self) -> LocalFuture<'_, Result<Ping, Fault>> {
        Box::pin(async move {
            let request = Request::new(Method::GET, "/ping", None);
            let answer = self.ask(Act::Ping, request, &[200]).await?;
            read::<PingSaid>(Act::Ping, &answer)?.checked()
        })
    }

    fn directory<'a>(
        &'a self,
        cursor: Option<&'a str>,
        limit: u32,
    ) -> LocalFuture<'a, Result<Changes, Fault>> {
        Box::pin(async move {
            let mut path = format!("/directory?limit={limit}");
            if let Some(cursor) = cursor {
                path = format!("{path}&cursor={}", encode(cursor));
            }
            let request = Request::new(Method::GET, path, None);
            // Without a cursor none can be lost: a 410 then is a refusal like any other.
            let good: &[u16] = if cursor.is_some() {
                &[200, 410]
            } else {
                &[200]
            };
            let answer = self.ask(Act::Directory, request, good).await?;
            if answer.status == 410 {
                return Ok(Changes::StartAgain);
            }
            let page: PageSaid = read(Act::Directory, &answer)?;
            page.checked(cursor).map(Changes::Page)
        })
    }

    fn find<'a>(&'a self, key: &'a str) -> LocalFuture<'a, Result<Vec<Receipt>, Fault>> {
        Box::pin(async move {
            let request = Request::new(Method::GET, format!("/tickets?key={}", encode(key)), None);
            let answer = self.ask(Act::Find, request, &[200]).await?;
            let said: FoundSaid = read(Act::Find, &answer)?;
            let found = said.found.into_iter();
            found.map(|r| r.checked(Act::Find, key)).collect()
        })
    }

    fn conversation<'a>(
        &'a self,
        signs: &'a Signs,
    ) -> LocalFuture<'a, Result<Option<Conversation>, Fault>> {
        Box::pin(async move {
            let query = query::of_signs(signs);
            if query.is_empty() {
                return Ok(None);
            }
            let path = format!("/conversations?{query}");
            let request = Request::new(Method::GET, path, None);
            let answer = self.ask(Act::Conversation, request, &[200]).await?;
            let said: ConversationSaid = read(Act::Conversation, &answer)?;
            let is_id = |c: &Conversation| (1..=128).contains(&c.ticket.chars().count());
            match said.found {
                Some(found) if !is_id(&found) => {
                    let what = "the ticket's id is empty or too long";
                    Err(of_unreadable(Act::Conversation, what))
                }
                found => Ok(found),
            }
        })
    }

    fn create<'a>(
        &'a self,
        key: &'a str,
        document: Bytes,
    ) -> LocalFuture<'a, Result<Receipt, Fault>> {
        Box::pin(self.write(Act::Create, "/tickets".to_owned(), key, document))
    }

    fn reply<'a>(
        &'a self,
        ticket: &'a str,
        key: &'a str,
        document: Bytes,
    ) -> LocalFuture<'a, Result<Receipt, Fault>> {
        let path = format!("/tickets/{}/replies", encode(ticket));
        Box::pin(self.write(Act::Reply, path, key, document))
    }

    fn has<'a>(&'a self, digest: &'a [u8; 32]) -> LocalFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            let path = format!("/attachments/{}", HEXLOWER.encode(digest));
            let request = Request::new(Method::HEAD, path, None);
            // An answer to HEAD has no document to tell one 404 from another; where the address is
            // wrong, sending will find that out.
            let answer = self.ask(Act::Has, request, &[200, 404]).await?;
            Ok(answer.status == 200)
        })
    }

    fn attach(&self, body: Body) -> LocalFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let digest = HEXLOWER.encode(&body.digest);
            let mut request = Request::new(Method::PUT, format!("/attachments/{digest}"), None);
            request.fields.push(("idempotency-key", digest));
            request.payload = Payload::Stream(body);
            self.ask(Act::Attach, request, &[200, 201]).await?;
            Ok(())
        })
    }
}

/// What a verdict needs of an answer.
fn heard(answer: &Answer, now: Wall) -> Heard {
    let media_type = answer.field("content-type").unwrap_or("");
    let problem: Option<ProblemSaid> = match media_type.starts_with("application/problem+json") {
        true => serde_json::from_slice(&answer.body).ok(),
        false => None,
    };
    let mut heard = Heard {
        status: answer.status,
        problem: problem.is_some(),
        after: answer.retry_after(now),
        ..Heard::default()
    };
    if (300..400).contains(&heard.status) {
        let to = answer.field("location").unwrap_or("nowhere");
        heard.words = short(&format!("it points to {to}"));
    }
    if let Some(problem) = problem {
        let kind = problem.kind.strip_prefix("urn:postern:problem:");
        heard.kind = kind.unwrap_or("").to_owned();
        heard.words = match (problem.title.as_str(), problem.detail.as_str()) {
            ("", words) | (words, "") => short(words),
            (title, detail) => short(&format!("{title}: {detail}")),
        };
        let digests = problem.missing.iter();
        heard.missing = digests.filter_map(|d| parse_digest(d)).collect();
    }
    heard
}

fn short(words: &str) -> String {
    words.chars().take(WORDS).collect()
}

fn read<T: DeserializeOwned>(act: Act, answer: &Answer) -> Result<T, Fault> {
    if let Some(cut) = &answer.cut {
        return Err(of_unreadable(act, cut));
    }
    let said = serde_json::from_slice(&answer.body);
    said.map_err(|error| of_unreadable(act, &error.to_string()))
}

#[derive(Deserialize)]
struct ProblemSaid {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    missing: Vec<String>,
}

#[derive(Deserialize)]
struct PingSaid {
    api: String,
    #[serde(default)]
    portal: Option<String>,
    time: String,
    epoch: String,
    #[serde(default)]
    restored_to: Option<String>,
    keys_kept_seconds: u64,
    capabilities: CapabilitiesSaid,
    #[serde(default)]
    limits: LimitsSaid,
}

#[derive(Deserialize)]
struct CapabilitiesSaid {
    idempotency_keys: bool,
    find_by_key: bool,
    #[serde(default)]
    find_conversations: bool,
    #[serde(default)]
    ticket_marks: bool,
}

#[derive(Deserialize, Default)]
struct LimitsSaid {
    #[serde(default)]
    ticket_bytes: Option<u64>,
    #[serde(default)]
    attachment_bytes: Option<u64>,
}

impl PingSaid {
    fn checked(self) -> Result<Ping, Fault> {
        if self.api.split('.').next() != Some("1") {
            let what = format!(
                "it speaks version {} of the contract, not 1",
                short(&self.api)
            );
            return Err(of_unreadable(Act::Ping, &what));
        }
        if self.epoch.is_empty() || self.epoch.len() > 64 {
            return Err(of_unreadable(Act::Ping, "its epoch is empty or too long"));
        }
        let kept = Duration::from_secs(self.keys_kept_seconds);
        Ok(Ping {
            portal: self.portal.as_deref().map(short),
            api: self.api,
            time: time(&self.time),
            epoch: self.epoch,
            restored_to: self.restored_to.as_deref().and_then(time),
            keeps_keys: self.capabilities.idempotency_keys.then_some(kept),
            finds_keys: self.capabilities.find_by_key,
            finds_conversations: self.capabilities.find_conversations,
            takes_marks: self.capabilities.ticket_marks,
            ticket_bytes: self.limits.ticket_bytes,
            attachment_bytes: self.limits.attachment_bytes,
        })
    }
}

fn time(text: &str) -> Option<Wall> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Wall(time.as_millisecond()))
}

#[derive(Deserialize)]
struct PageSaid {
    users: Vec<User>,
    companies: Vec<Company>,
    removed: Vec<Removed>,
    cursor: String,
    more: bool,
}

impl PageSaid {
    /// A page that promises more and leads nowhere would be asked for again for ever.
    fn checked(self, asked: Option<&str>) -> Result<Page, Fault> {
        if self.cursor.is_empty() || self.cursor.len() > 512 {
            return Err(of_unreadable(
                Act::Directory,
                "its cursor is empty or too long",
            ));
        }
        if self.more && asked == Some(self.cursor.as_str()) {
            return Err(of_unreadable(Act::Directory, "its cursor leads nowhere"));
        }
        let users = self.users.iter().map(|u| &u.id);
        let mut ids = users.chain(self.companies.iter().map(|c| &c.id));
        if ids.any(|id| id.is_empty() || id.len() > 128) {
            return Err(of_unreadable(
                Act::Directory,
                "an id in it is empty or too long",
            ));
        }
        Ok(Page {
            users: self.users,
            companies: self.companies,
            removed: self.removed,
            cursor: self.cursor,
            more: self.more,
        })
    }
}

#[derive(Deserialize)]
struct ConversationSaid {
    found: Option<Conversation>,
}

#[derive(Deserialize)]
struct FoundSaid {
    found: Vec<ReceiptSaid>,
}

#[derive(Deserialize)]
struct ReceiptSaid {
    kind: KindSaid,
    id: String,
    ticket: String,
    key: String,
    #[serde(default)]
    url: Option<String>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum KindSaid {
    Ticket,
    Reply,
}

impl ReceiptSaid {
    fn checked(self, act: Act, key: &str) -> Result<Receipt, Fault> {
        if self.key != key {
            return Err(of_unreadable(act, "it is the receipt of another key"));
        }
        for id in [&self.id, &self.ticket] {
            if id.is_empty() || id.len() > 128 {
                return Err(of_unreadable(act, "its id is empty or too long"));
            }
        }
        Ok(Receipt {
            ticket: self.ticket,
            reply: (self.kind == KindSaid::Reply).then_some(self.id),
            url: self.url.filter(|url| url.len() <= 2000),
        })
    }
}
