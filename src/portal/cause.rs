//! Why no ticket can be sent at all, and the mend that is most likely: sentences for the operator.
//!
//! Pure. Which failure has which cause is `verdict`'s to say.

use crate::world::tls::{mend_not_pinned, Blemish};
use crate::world::Certificate;

/// What keeps the portal out of reach until somebody changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The portal takes no token, or not this one.
    Token,
    /// What answers is no portal, or not at this path.
    Address,
    /// The portal's name has no address, or no name server answered.
    Name,
    /// The same of the proxy's name.
    ProxyName,
    /// The proxy opens no way there.
    Proxy,
    /// The portal's certificate is not trusted.
    Certificate(Blemish, Box<Certificate>),
    /// The portal shows another certificate than the pinned one.
    NotPinned {
        /// SHA-256 of what it shows, in hex.
        sha256: String,
    },
    /// The configured certificate authority can't be read.
    Authority,
    /// No TLS came about, and no certificate was shown that could be why.
    Handshake,
    /// The portal speaks no version of TLS that is safe.
    OldTls,
}

impl Cause {
    /// The most likely mend.
    pub fn mend(&self) -> String {
        match self {
            Self::Token => "type the token again: `postern settings set portal.token`".to_owned(),
            Self::Address => {
                "check `portal.url`: something answers there that is no portal of this interface"
                    .to_owned()
            }
            Self::Name => {
                "check the name in `portal.url`, and whether this box has a working name server"
                    .to_owned()
            }
            Self::ProxyName => {
                "check the name in `portal.proxy`, and whether this box has a working name server"
                    .to_owned()
            }
            Self::Proxy => {
                "check `portal.proxy`, and ask whoever runs the proxy to let this box through \
                 without a password"
                    .to_owned()
            }
            Self::Certificate(blemish, certificate) => blemish.mend(certificate, "portal", "url"),
            Self::NotPinned { sha256 } => mend_not_pinned("portal", sha256),
            Self::Authority => {
                "give the authority as PEM: `postern settings set portal.ca_pem @authority.pem`"
                    .to_owned()
            }
            Self::OldTls => "have TLS 1.2 or newer enabled at the portal".to_owned(),
            Self::Handshake => {
                "check the port in `portal.url`, and whether TLS (1.2 or newer) is spoken there"
                    .to_owned()
            }
        }
    }
}
