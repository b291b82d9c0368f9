//! What the client of a portal is told, made of the operator's settings, which have their checks.
//!
//! Pure. Token and client secret are secrets and live elsewhere, sealed.

use crate::http::origin::Origin;
use data_encoding::HEXLOWER;

#[cfg(test)]
mod tests;

/// How the appliance signs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SignIn {
    /// A long-lived bearer token.
    #[default]
    Token,
    /// Bearer tokens that last a while, by OAuth 2.0 client credentials (RFC 6749 §4.4).
    Oauth {
        /// The token endpoint's address.
        token_url: String,
        /// As whom.
        client_id: String,
        /// For what, where that must be said.
        scope: Option<String>,
    },
}

/// The portal's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the contract's routes begin; empty until it is set.
    pub url: String,
    /// How to sign in.
    pub sign_in: SignIn,
    /// Certificate authorities to believe besides the system's, as PEM.
    pub ca: Option<String>,
    /// SHA-256 of the one certificate to believe instead, in hexadecimal. A token endpoint at another
    /// host or port has another one, and is judged by its authority.
    pub pin: Option<String>,
    /// An HTTP proxy on the way, as `http://host:port`.
    pub proxy: Option<String>,
    /// As whom it is asked, where it wants to know; the password is a secret and lives elsewhere.
    pub proxy_user: Option<String>,
    /// Longest wait for a connection, in milliseconds.
    pub connect_ms: u64,
    /// Longest wait while nothing moves, in milliseconds.
    pub idle_ms: u64,
    /// Longest wait for a whole answer, in milliseconds; a large body gets more.
    pub answer_ms: u64,
    /// How many connections are used at once.
    pub connections: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            sign_in: SignIn::Token,
            ca: None,
            pin: None,
            proxy: None,
            proxy_user: None,
            connect_ms: 30_000,
            idle_ms: 60_000,
            answer_ms: 120_000,
            connections: 8,
        }
    }
}

impl Settings {
    /// The pinned certificate's digest, when there is one and it can be read.
    pub fn pinned(&self) -> Option<[u8; 32]> {
        let pin = self.pin.as_deref()?.to_ascii_lowercase().replace(':', "");
        parse_digest(&pin)
    }
}

/// Reads a proxy's address: one without TLS and without a path.
pub fn parse_proxy(text: &str) -> Option<Origin> {
    let origin = Origin::parse(text).ok()?;
    (!origin.tls && origin.base.is_empty()).then_some(origin)
}

/// Reads a SHA-256 in lower-case hexadecimal.
pub fn parse_digest(text: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
