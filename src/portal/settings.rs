//! What the operator sets about the portal, with its checks.
//!
//! Pure. Token and client secret are secrets and live elsewhere, sealed.

use crate::http::origin::{self, Origin};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// How the appliance signs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
            connect_ms: 30_000,
            idle_ms: 60_000,
            answer_ms: 120_000,
            connections: 8,
        }
    }
}

/// A setting that can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {said}")]
pub struct Mistake {
    /// Its key, without `portal.`.
    pub setting: &'static str,
    /// What is wrong, and what would be right.
    pub said: String,
}

impl Settings {
    /// Everything that is wrong, in the order of the settings.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut wrong = |setting, said: String| mistakes.push(Mistake { setting, said });
        if let Err(mistake) = Origin::parse(&self.url) {
            wrong("url", mistake_in(&self.url, mistake));
        }
        if let SignIn::Oauth { token_url, .. } = &self.sign_in {
            if let Err(mistake) = Origin::parse(token_url) {
                wrong("token_url", mistake.to_string());
            }
        }
        if self.ca.as_deref().is_some_and(|ca| !is_pem(ca)) {
            let said = "it must hold certificates as PEM, from -----BEGIN CERTIFICATE----- on";
            wrong("ca", said.to_owned());
        }
        if let Some(pin) = &self.pin {
            if parse_digest(&pin.to_ascii_lowercase().replace(':', "")).is_none() {
                wrong(
                    "pin",
                    "it must be a SHA-256: 64 hexadecimal digits".to_owned(),
                );
            }
            if self.ca.is_some() {
                wrong(
                    "pin",
                    "a pinned certificate and a ca exclude each other".to_owned(),
                );
            }
        }
        if self
            .proxy
            .as_deref()
            .is_some_and(|p| parse_proxy(p).is_none())
        {
            let said = "it must be a plain address such as http://proxy.example.com:3128";
            wrong("proxy", said.to_owned());
        }
        for (setting, value) in [
            ("connect_ms", self.connect_ms),
            ("idle_ms", self.idle_ms),
            ("answer_ms", self.answer_ms),
        ] {
            if !(1000..=600_000).contains(&value) {
                wrong(setting, "it must be from 1000 to 600000".to_owned());
            }
        }
        if !(1..=16).contains(&self.connections) {
            wrong("connections", "it must be from 1 to 16".to_owned());
        }
        mistakes
    }

    /// What is allowed, but should be known.
    pub fn warnings(&self) -> Vec<Mistake> {
        let plain = Origin::parse(&self.url).is_ok_and(|o| !o.tls && !is_loopback(&o.host));
        let said = "the token and all mail go over the network in clear; use https";
        let warning = Mistake {
            setting: "url",
            said: said.to_owned(),
        };
        plain.then_some(warning).into_iter().collect()
    }

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

fn mistake_in(url: &str, mistake: origin::Mistake) -> String {
    match url.trim() {
        "" => "it is not set; it is the address of the portal's interface".to_owned(),
        _ => mistake.to_string(),
    }
}

fn is_pem(text: &str) -> bool {
    let begin = text.find("-----BEGIN CERTIFICATE-----");
    let end = text.find("-----END CERTIFICATE-----");
    matches!((begin, end), (Some(begin), Some(end)) if begin < end)
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}

/// Reads a SHA-256 in lower-case hexadecimal.
pub fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    for (octet, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let (&[high, low], _) = pair.split_first_chunk()?;
        *octet = digit(high)? << 4 | digit(low)?;
    }
    Some(digest)
}
