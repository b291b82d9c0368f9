//! TLS over any connection: whom to trust, and what the peer's certificate says.
//!
//! A refused certificate is explained from the certificate itself, not from the library's error
//! text: `explain` is the one place that says "expired", "wrong name", "not yet valid".

use data_encoding::HEXLOWER;
use native_tls::{Certificate as Anchor, Protocol, TlsConnector};
use sha2::{Digest, Sha256};

use super::certificate::{self, RSA_BITS_MIN};
use super::net::BoxConnection;
use super::{Certificate, Secret, Wall};

/// Whose certificates are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The system's certificate authorities.
    #[default]
    System,
    /// The system's, and these (PEM, one or many).
    Authorities(String),
    /// Exactly the certificate with this SHA-256, whatever its name, dates and issuer.
    Pinned([u8; 32]),
    /// Any: to read the certificate and show it. Nothing else may be sent over such a connection.
    ToShow,
}

/// A certificate of our own with its key, shown to a peer that asks for one.
#[derive(Clone)]
pub struct Identity {
    pair: native_tls::Identity,
    named: String,
}

/// Why no identity can be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityFault {
    /// The certificates can't be read.
    #[error("the certificate can't be read: {0}")]
    Certificate(String),
    /// The key can't be read.
    #[error("the key can't be read: {0}")]
    Key(String),
    /// Each can be read, and they are no pair.
    #[error("the key does not belong to the first certificate of the chain")]
    NoPair,
}

impl Identity {
    /// Takes a chain (PEM, our own certificate first) and its key (PKCS #8 as PEM, not encrypted).
    pub fn read(chain: &str, key: &Secret) -> Result<Self, IdentityFault> {
        let certificates = anchors(chain).map_err(IdentityFault::Certificate)?;
        let own = certificates.first().and_then(|own| own.to_der().ok());
        let pair = native_tls::Identity::from_pkcs8(chain.as_bytes(), key.reveal().as_bytes())
            .map_err(|e| IdentityFault::Key(e.to_string()))?;
        // The library compares the two where they are put to use.
        let mut builder = TlsConnector::builder();
        builder
            .identity(pair.clone())
            .build()
            .map_err(|_| IdentityFault::NoPair)?;
        Ok(Self {
            pair,
            named: own.as_deref().map(certificate::named).unwrap_or_default(),
        })
    }

    /// What the certificate is called: its subject and SHA-256.
    pub fn named(&self) -> &str {
        &self.named
    }
}

/// A connection after its handshake.
pub struct Secured {
    /// The stream.
    pub connection: BoxConnection,
    /// The peer's certificate, where it could be read.
    pub certificate: Option<Certificate>,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// The handshake did not complete; the certificate may be why (see `explain`).
    #[error("TLS handshake with {host}: {said}")]
    Handshake {
        /// The name that was asked for.
        host: String,
        /// The library's words.
        said: String,
    },
    /// What the peer said is no TLS.
    #[error("{host} does not speak TLS on this port")]
    NoTls {
        /// The name that was asked for.
        host: String,
    },
    /// The peer speaks TLS, and no version of it that is safe.
    #[error("{host} speaks only TLS older than 1.2, which is not safe")]
    TooOld {
        /// The name that was asked for.
        host: String,
    },
    /// The peer shows another certificate than the pinned one.
    #[error(
        "the certificate of {host} has changed: the one with SHA-256 {pinned} is pinned, and it \
         shows another now ({shown})"
    )]
    NotPinned {
        /// The name that was asked for.
        host: String,
        /// SHA-256 of the pinned one, in hex.
        pinned: String,
        /// What it shows, in words.
        shown: String,
        /// SHA-256 of what it shows, in hex.
        sha256: String,
    },
    /// The peer wants a certificate of ours, and another one than it was shown.
    #[error("{}", refusal(host, shown.as_deref(), alert))]
    ClientRefused {
        /// The name that was asked for.
        host: String,
        /// The certificate that it was shown, by subject and SHA-256.
        shown: Option<String>,
        /// Its reason, as TLS calls it.
        alert: &'static str,
    },
    /// The configured certificate authority is no PEM certificate.
    #[error("the certificate authority given for {host} can't be read: {said}")]
    Authority {
        /// The name that was asked for.
        host: String,
        /// The library's words.
        said: String,
    },
}

impl TlsFault {
    /// Whether the handshake ended over the peer's certificate, and not because the connection was cut
    /// or the peer speaks no TLS: then a second look tells what is wrong with it.
    pub fn is_of_certificate(&self) -> bool {
        // OpenSSL's reason string, for whatever it holds against a certificate.
        matches!(self, Self::Handshake { said, .. } if said.contains("certificate verify failed"))
    }
}

fn refusal(host: &str, shown: Option<&str>, alert: &str) -> String {
    match shown {
        Some(shown) => format!("{host} refuses our client certificate {shown}: {alert}"),
        None => format!("{host} wants a client certificate, and none is set: {alert}"),
    }
}

/// The alerts by which a peer tells what it holds against our certificate (RFC 8446 §6.2), as they stand
/// in OpenSSL's reason strings.
const CLIENT_ALERTS: &[&str] = &[
    "certificate required",
    "bad certificate",
    "unsupported certificate",
    "certificate revoked",
    "certificate expired",
    "certificate unknown",
    "unknown ca",
    "access denied",
];

/// The peer's alert about our certificate, where the library's words `said` tell of one. With TLS 1.3 it
/// comes after our side of the handshake is over, in the place of the first answer: the peer has then
/// looked at nothing of what was sent.
pub fn client_alert(said: &str) -> Option<&'static str> {
    let told = |alert: &&&str| {
        said.split_once(" alert ")
            .is_some_and(|(_, rest)| rest.starts_with(**alert))
    };
    CLIENT_ALERTS.iter().find(told).copied()
}

/// What is wrong with a certificate, judged by its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blemish {
    /// Its time is over.
    Expired,
    /// Its time has not come: perhaps the box's clock is wrong.
    NotYetValid,
    /// It is for other names.
    WrongName,
    /// It vouches for itself.
    SelfSigned,
    /// Its key or its signature is too weak to be believed.
    Weak,
    /// Its own words are in order: the issuer is not known here.
    UnknownIssuer,
}

impl Blemish {
    /// What is said of the certificate behind whose it is.
    pub fn said(self, certificate: &Certificate) -> String {
        let what = match self {
            Self::Expired => format!("has been invalid since {}", certificate.not_after),
            Self::NotYetValid => format!(
                "is valid from {} on only: perhaps the clock is wrong here",
                certificate.not_before
            ),
            Self::WrongName => format!("is for {}", certificate.names.join(", ")),
            Self::SelfSigned => "vouches only for itself".to_owned(),
            Self::Weak => format!(
                "is too weak to be believed: its key has fewer than {RSA_BITS_MIN} bits, or SHA-1 or \
                 MD5 signed it"
            ),
            Self::UnknownIssuer => {
                format!("was issued by {}, not trusted here", certificate.issuer)
            }
        };
        format!("{what} ({certificate})")
    }

    /// The most likely mend, where the settings of whoever shows it are those of `section`, with the
    /// name that was dialled in its `address`; where it can't be pinned that is no way out.
    pub fn mend(
        self,
        certificate: &Certificate,
        section: &str,
        address: &str,
        can_be_pinned: bool,
    ) -> String {
        let pin = pin_it(section, &HEXLOWER.encode(&certificate.sha256));
        let or_pin = match can_be_pinned {
            true => format!("; or {pin}"),
            false => String::new(),
        };
        match self {
            Self::Expired => format!("have the certificate renewed there{or_pin}"),
            Self::Weak => format!(
                "have another one put in there, with an RSA key of {RSA_BITS_MIN} bits or more and \
                 signed with SHA-256{or_pin}"
            ),
            Self::NotYetValid => "set this box's clock (`timedatectl set-time`)".to_owned(),
            Self::WrongName => format!(
                "use a name in {section}.{address} that the certificate is for ({}){or_pin}",
                certificate.names.join(", ")
            ),
            Self::SelfSigned if can_be_pinned => pin,
            Self::SelfSigned => format!(
                "`postern settings set {section}.ca_pem @certificate.pem` with that certificate, once its \
                 SHA-256 was compared there; one file may hold several"
            ),
            Self::UnknownIssuer => format!(
                "`postern settings set {section}.ca_pem @authority.pem` with the issuer's \
                 certificate{or_pin}"
            ),
        }
    }
}

/// How the certificate with this SHA-256 is pinned.
pub fn pin_it(section: &str, sha256: &str) -> String {
    format!("compare its SHA-256 there, then `postern settings set {section}.pinned {sha256}`")
}

/// What to do where another certificate is shown than the pinned one.
pub fn mend_not_pinned(section: &str, sha256: &str) -> String {
    format!(
        "if it was renewed there: {}; if it was not, somebody is in between, and nothing must be sent",
        pin_it(section, sha256)
    )
}

/// The most likely reason why `certificate` was refused for `host` at `now`.
pub fn explain(certificate: &Certificate, host: &str, now: Wall) -> Blemish {
    if now < certificate.not_before {
        Blemish::NotYetValid
    } else if now > certificate.not_after {
        Blemish::Expired
    } else if certificate.self_signed {
        Blemish::SelfSigned
    } else if !certificate.names.iter().any(|n| name_matches(n, host)) {
        Blemish::WrongName
    } else if certificate.weak {
        Blemish::Weak
    } else {
        Blemish::UnknownIssuer
    }
}

/// RFC 6125 §6.4.3: a wildcard stands for the whole left-most label only.
fn name_matches(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    match (pattern.strip_prefix("*."), host.split_once('.')) {
        (Some(rest), Some((_, parent))) => rest.eq_ignore_ascii_case(parent),
        _ => false,
    }
}

/// Checks that `pem` holds at least one certificate and nothing that can't be read.
pub fn check_authorities(pem: &str) -> Result<(), String> {
    anchors(pem).map(|_| ())
}

fn anchors(pem: &str) -> Result<Vec<Anchor>, String> {
    let anchors = Anchor::stack_from_pem(pem.as_bytes()).map_err(|e| e.to_string())?;
    if anchors.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(anchors)
}

/// Whether the handshake ended over the version: OpenSSL's reason strings for the peer's alert (RFC 5246
/// §7.2.2) and for an answer in an older version. We offer 1.2 and all that is newer.
fn is_of_version(said: &str) -> bool {
    said.contains("alert protocol version") || said.contains("unsupported protocol")
}

/// Whether what came was no TLS: OpenSSL's reason strings for a first record that has no version of it,
/// whatever else it may be, and for one that begins as a request of HTTP does.
fn is_no_tls(said: &str) -> bool {
    [
        "wrong version number",
        "http request",
        "https proxy request",
    ]
    .iter()
    .any(|reason| said.contains(reason))
}

/// Shakes hands with `host` over `connection`.
pub(super) async fn connect(
    connection: BoxConnection,
    host: &str,
    trust: &Trust,
    identity: Option<&Identity>,
) -> Result<Secured, TlsFault> {
    let handshake = |said: String| {
        let host = host.to_owned();
        match client_alert(&said) {
            Some(alert) => TlsFault::ClientRefused {
                host,
                shown: identity.map(|i| i.named.clone()),
                alert,
            },
            None if is_of_version(&said) => TlsFault::TooOld { host },
            None if is_no_tls(&said) => {
                log::debug!("TLS handshake with {host}: {said}");
                TlsFault::NoTls { host }
            }
            None => TlsFault::Handshake { host, said },
        }
    };
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    if let Some(identity) = identity {
        builder.identity(identity.pair.clone());
    }
    match trust {
        Trust::System => {}
        Trust::Authorities(pem) => {
            let anchors = anchors(pem).map_err(|said| TlsFault::Authority {
                host: host.to_owned(),
                said,
            })?;
            for anchor in anchors {
                builder.add_root_certificate(anchor);
            }
        }
        // The pin below takes the place of every other check, before an octet is sent.
        Trust::Pinned(_) | Trust::ToShow => {
            builder
                .danger_accept_invalid_certs(true)
                .danger_accept_invalid_hostnames(true);
        }
    }
    let stream = async_native_tls::TlsConnector::from(builder)
        .connect(host, connection)
        .await
        .map_err(|e| handshake(e.to_string()))?;
    let der = stream
        .peer_certificate()
        .ok()
        .flatten()
        .and_then(|c| c.to_der().ok());
    let certificate = der.as_deref().and_then(certificate::read);
    if let Trust::Pinned(pin) = trust {
        let shown: Option<[u8; 32]> = der.as_deref().map(|d| Sha256::digest(d).into());
        if shown.as_ref() != Some(pin) {
            let sha256 = shown.map_or_else(|| "(none)".to_owned(), |s| HEXLOWER.encode(&s));
            return Err(TlsFault::NotPinned {
                host: host.to_owned(),
                pinned: HEXLOWER.encode(pin),
                shown: match &certificate {
                    Some(certificate) => certificate.to_string(),
                    None => format!("SHA-256 {sha256}"),
                },
                sha256,
            });
        }
    }
    Ok(Secured {
        connection: Box::new(stream),
        certificate,
    })
}

#[cfg(test)]
mod tests;
