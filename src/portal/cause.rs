//! Why no ticket can be sent at all, and the mend that is most likely: sentences for the operator.
//!
//! Pure. Which failure has which cause is `verdict`'s to say.

use crate::world::tls::{mend_not_pinned, Blemish};
use crate::world::Certificate;

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The portal itself.
    Portal,
    /// Whoever gives the tokens for it.
    TokenEndpoint,
}

impl Peer {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::TokenEndpoint => "token endpoint",
        }
    }

    /// The setting, of the section `portal`, that holds its address.
    fn address(self) -> &'static str {
        match self {
            Self::Portal => "url",
            Self::TokenEndpoint => "token_url",
        }
    }
}

/// What keeps the portal out of reach until somebody changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The portal takes no token, or not this one.
    Token,
    /// The portal takes no token that the token endpoint gives for it.
    GivenToken,
    /// The token endpoint doesn't take the client's id or secret.
    Client,
    /// It gives this client no token this way, or not for this scope.
    Grant,
    /// What answers is no portal (no token endpoint), or not at this path.
    Address(Peer),
    /// The name has no address, or no name server answered.
    Name(Peer),
    /// The same of the proxy's name.
    ProxyName,
    /// The proxy opens no way there.
    Proxy,
    /// The proxy wants a user and a password, or other ones.
    ProxyPassword,
    /// This one, unless it was the proxy that spoke, and the same as above.
    OrProxyPassword(Box<Cause>),
    /// The certificate is not trusted.
    Certificate(Peer, Blemish, Box<Certificate>),
    /// Another certificate is shown than the pinned one.
    NotPinned {
        /// SHA-256 of what is shown, in hex.
        sha256: String,
    },
    /// Another certificate of ours is wanted, or one at all.
    ClientCertificate,
    /// The configured certificate authority can't be read.
    Authority,
    /// No TLS came about, and no certificate was shown that could be why.
    Handshake(Peer),
    /// What answers on that port speaks no TLS.
    NoTls(Peer),
    /// No version of TLS is spoken that is safe.
    OldTls(Peer),
}

impl Cause {
    /// The most likely mend.
    pub fn mend(&self) -> String {
        match self {
            Self::Token => "type the token again: `postern settings set portal.token`".to_owned(),
            Self::GivenToken => "have the client let in at the portal, with what `portal.scope` \
                 asks for; if the token is one for something else, `portal.scope` is to name the portal"
                .to_owned(),
            Self::Client => "check `portal.client_id`, and type the secret again: `postern settings \
                 set portal.client_secret`"
                .to_owned(),
            Self::Grant => "check `portal.scope` and `portal.client_id`, and have the client allowed \
                 client credentials there"
                .to_owned(),
            Self::Address(peer) => format!(
                "check `portal.{}`: something answers there that is no {}",
                peer.address(),
                match peer {
                    Peer::Portal => "portal of this interface",
                    Peer::TokenEndpoint => "token endpoint of OAuth 2.0",
                }
            ),
            Self::Name(peer) => format!(
                "check the name in `portal.{}`, and whether this box has a working name server",
                peer.address()
            ),
            Self::ProxyName => {
                "check the name in `portal.proxy`, and whether this box has a working name server"
                    .to_owned()
            }
            Self::Proxy => {
                "check `portal.proxy`, and ask whoever runs the proxy to let this box through"
                    .to_owned()
            }
            Self::ProxyPassword => {
                "set user and password of the proxy at `portal.proxy`: `postern settings set \
                 portal.proxy_user=NAME portal.proxy_password`"
                    .to_owned()
            }
            Self::OrProxyPassword(cause) => format!(
                "{}; or, where it was the proxy that said so, {}",
                cause.mend(),
                Self::ProxyPassword.mend()
            ),
            // A pin is of the portal's certificate alone.
            Self::Certificate(peer, blemish, certificate) => {
                let can_be_pinned = *peer == Peer::Portal;
                blemish.mend(certificate, "portal", peer.address(), can_be_pinned)
            }
            Self::NotPinned { sha256 } => mend_not_pinned("portal", sha256),
            Self::Authority => {
                "give the authority as PEM: `postern settings set portal.ca_pem @authority.pem`"
                    .to_owned()
            }
            Self::ClientCertificate => "have the portal believe it, or give another one: `postern \
                 settings set portal.client_cert_pem=@client.pem portal.client_key_pem=@client.key`"
                .to_owned(),
            Self::NoTls(peer) => format!(
                "check the port in `portal.{0}`: https:// is for one that speaks TLS (443, most often); \
                 http:// sends all of it in clear",
                peer.address()
            ),
            Self::OldTls(peer) => format!("have TLS 1.2 or newer enabled at the {}", peer.name()),
            Self::Handshake(peer) => format!(
                "check the port in `portal.{}`, and whether TLS (1.2 or newer) is spoken there; where a \
                 client certificate is wanted, give it as `portal.client_cert_pem` and \
                 `portal.client_key_pem`",
                peer.address()
            ),
        }
    }
}
