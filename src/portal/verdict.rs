//! What a failure means: for the ticket, for the link, for the next attempt.
//!
//! Pure, and the only place that decides it; everything is judged by phase, status and problem
//! type, never by words. `tests.rs` holds the whole table.

use super::cause::Peer;
use super::Cause;
use crate::http::{self, oauth::NoToken};
use crate::world::tls::{explain, TlsFault};
use crate::world::{Certificate, DialFault, Wall};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Why a request did not do what it was for, by what the caller must do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing was accepted: try this again, after that time where one is given.
    #[error("{said}")]
    Later {
        /// What happened.
        said: String,
        /// What the portal asked for.
        after: Option<Duration>,
    },
    /// Nothing was accepted, and everything to this portal slows down.
    #[error("{said}")]
    Throttled {
        /// What happened.
        said: String,
        /// What the portal asked for.
        after: Option<Duration>,
    },
    /// Refused for good: set this one aside, with the portal's words; the others go on.
    #[error("{said}")]
    Never {
        /// The HTTP status.
        status: u16,
        /// The portal's words.
        said: String,
    },
    /// Sent, and nobody knows: send the same again where keys are kept, else look the key up.
    #[error("{said}")]
    Unsure {
        /// What happened.
        said: String,
        /// What the portal asked for.
        after: Option<Duration>,
    },
    /// Not this ticket's fault: pause the whole link and tell the operator.
    #[error("{said}")]
    Link {
        /// What happened.
        said: String,
        /// What is to be mended.
        cause: Cause,
    },
    /// The key was used with another body: the portal has it. Find it by key.
    #[error("the portal has it already")]
    AlreadyThere,
    /// Send these first, then the same again; all of them when the list is empty.
    #[error("{} attachments are not at the portal", digests.len())]
    MissingAttachment {
        /// Digests of what is missing.
        digests: Vec<[u8; 32]>,
    },
    /// This attachment is not taken, for good: the ticket goes without it.
    #[error("{said}")]
    AttachmentRefused {
        /// What happened.
        said: String,
        /// It is its size.
        too_large: bool,
    },
    /// The ticket that this is a reply on no longer exists, or takes no more.
    #[error("{said}")]
    TicketGone {
        /// The portal's words.
        said: String,
    },
    /// Our own octets could not be read, or not be put into a request; nothing was accepted.
    #[error("{said}")]
    Local {
        /// What happened.
        said: String,
    },
}

impl Fault {
    /// The most likely mend, where only a person can mend it.
    pub fn mend(&self) -> Option<String> {
        match self {
            Self::Link { cause, .. } => Some(cause.mend()),
            _ => None,
        }
    }

    /// Whether the token is what the portal doesn't take.
    pub fn refuses_token(&self) -> bool {
        matches!(self, Self::Link { cause, .. } if *cause == Cause::Token)
    }

    /// Whether the client's id or secret is what the token endpoint doesn't take.
    pub fn refuses_client(&self) -> bool {
        matches!(self, Self::Link { cause, .. } if *cause == Cause::Client)
    }

    /// Whether user or password are what the proxy does not take.
    pub fn refuses_at_proxy(&self) -> bool {
        matches!(self, Self::Link { cause, .. } if *cause == Cause::ProxyPassword)
    }

    /// Whether our own certificate is what is not taken.
    pub fn refuses_certificate(&self) -> bool {
        matches!(self, Self::Link { cause, .. } if *cause == Cause::ClientCertificate)
    }
}

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask how the portal is.
    Ping,
    /// Read the directory.
    Directory,
    /// Find by key.
    Find,
    /// Find a ticket by what was sent and answered in it.
    Conversation,
    /// Make a ticket.
    Create,
    /// Make a reply.
    Reply,
    /// Ask for an attachment.
    Has,
    /// Send an attachment.
    Attach,
    /// Get a token.
    SignIn,
}

impl Act {
    /// Whom it is asked of.
    fn peer(self) -> Peer {
        match self {
            Self::SignIn => Peer::TokenEndpoint,
            _ => Peer::Portal,
        }
    }

    /// Whether doing it twice may make something twice. Sending an attachment does not.
    fn doubles(self) -> bool {
        matches!(self, Self::Create | Self::Reply)
    }

    /// What is being done.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ping => "asking the portal how it is",
            Self::Directory => "reading the directory",
            Self::Find => "looking for a ticket by its key",
            Self::Conversation => "looking for the ticket that a message answers",
            Self::Create => "creating a ticket",
            Self::Reply => "adding a reply",
            Self::Has => "asking for an attachment",
            Self::Attach => "sending an attachment",
            Self::SignIn => "asking the token endpoint for a token",
        }
    }
}

/// An answer that is not the wished one, as far as a verdict needs it.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The HTTP status.
    pub status: u16,
    /// The problem's type behind `urn:postern:problem:`, or empty.
    pub kind: String,
    /// Whether there was a problem document at all.
    pub problem: bool,
    /// The portal's words.
    pub words: String,
    /// Retry-After.
    pub after: Option<Duration>,
    /// Digests that an `attachment-missing` names.
    pub missing: Vec<[u8; 32]>,
    /// Whether the token was a fresh one of a token endpoint's.
    pub given_token: bool,
    /// Whether a certificate of our own was there to be shown.
    pub own_certificate: bool,
    /// Whether a proxy that asks who we are may have answered, and not the portal: without TLS it is the
    /// proxy that gets the request.
    pub by_proxy: bool,
}

/// How long a key in progress is waited for when the portal doesn't say.
const IN_PROGRESS: Duration = Duration::from_secs(1);

/// The verdict on an answer that is not the wished one.
pub fn of_answer(act: Act, heard: Heard) -> Fault {
    let Heard { status, after, .. } = heard;
    // Some proxies say 401 where they do not take the password (tinyproxy), and none says a problem.
    let by_proxy = status == 401 && heard.by_proxy && !heard.problem;
    let who = match by_proxy {
        true => "the portal, or the proxy on the way to it,",
        false => "the portal",
    };
    let said = match heard.words.is_empty() {
        true => format!("{}: {who} answered {status}", act.name()),
        false => format!("{}: {who} answered {status}: {}", act.name(), heard.words),
    };
    match (status, heard.kind.as_str()) {
        (422, "key-used") if act.doubles() => Fault::AlreadyThere,
        (422 | 409, "attachment-missing") if act.doubles() => Fault::MissingAttachment {
            digests: heard.missing,
        },
        (404, "ticket-unknown") | (410, "ticket-closed") if act == Act::Reply => {
            Fault::TicketGone { said }
        }
        (413, _) | (400..=499, "too-large") if act == Act::Attach => Fault::AttachmentRefused {
            said,
            too_large: true,
        },
        (415, _) | (400..=499, "attachment-refused") if act == Act::Attach => {
            Fault::AttachmentRefused {
                said,
                too_large: false,
            }
        }
        (401 | 403, _) => {
            let cause = match heard.given_token {
                true => Cause::GivenToken,
                false => Cause::Token,
            };
            let either = |cause| Cause::OrProxyPassword(Box::new(cause));
            link(said, if by_proxy { either(cause) } else { cause })
        }
        (407, _) => link(said, Cause::ProxyPassword),
        (511, _) => link(said, Cause::Proxy),
        (300..=399, _) => link(said, Cause::Address(act.peer())),
        // Nothing is there at all: the configured address is wrong, for every ticket alike.
        (404 | 405, "not-found" | "method-not-allowed") => link(said, Cause::Address(act.peer())),
        (404 | 405, _) if !heard.problem => link(said, Cause::Address(act.peer())),
        (429, _) => Fault::Throttled { said, after },
        (409, _) => maybe(act, said, after.or(Some(IN_PROGRESS))),
        // What comes too early was not looked at (RFC 8470 §5.2).
        (425, _) => Fault::Later { said, after },
        (408 | 500..=599, _) => maybe(act, said, after),
        // So servers in front of a portal say (nginx does) that our certificate is over or not theirs.
        // It may as well be this one ticket: where the ping is answered so too, the link is paused.
        (400, _) if heard.own_certificate && !heard.problem => match act {
            Act::Ping => link(said, Cause::ClientCertificate),
            _ => Fault::Later { said, after },
        },
        (400..=499, _) => Fault::Never { status, said },
        _ => of_unreadable(act, &format!("its status is {status}")),
    }
}

/// The verdict on an answer that does not say what became of the request. Whoever stands in front of
/// the portal and hears nothing more of it answers 408 or 5xx, whatever was accepted behind it (Envoy
/// makes a 503 of a connection that is reset); 409 says that an attempt under this key is at work.
fn maybe(act: Act, said: String, after: Option<Duration>) -> Fault {
    match act.doubles() {
        true => Fault::Unsure { said, after },
        false => Fault::Later { said, after },
    }
}

/// The verdict on a good status whose document is not the contract's.
pub fn of_unreadable(act: Act, what: &str) -> Fault {
    let said = format!("{}: the answer can't be read: {what}", act.name());
    match act {
        Act::Create | Act::Reply => Fault::Unsure { said, after: None },
        // Whoever answers a ping with something else is not the portal.
        Act::Ping => link(said, Cause::Address(act.peer())),
        _ => Fault::Later { said, after: None },
    }
}

/// The verdict when there is no answer.
pub fn of_silence(act: Act, fault: &http::Fault) -> Fault {
    let said = format!("{}: {fault}", act.name());
    match fault {
        http::Fault::Dial(DialFault::Name { .. }) => link(said, Cause::Name(act.peer())),
        http::Fault::Proxy {
            source: DialFault::Name { .. },
            ..
        } => link(said, Cause::ProxyName),
        http::Fault::Tls(fault) => {
            let cause = match fault {
                TlsFault::NotPinned { sha256, .. } => Cause::NotPinned {
                    sha256: sha256.clone(),
                },
                TlsFault::ClientRefused { .. } => Cause::ClientCertificate,
                TlsFault::Authority { .. } => Cause::Authority,
                TlsFault::Handshake { .. } => Cause::Handshake(act.peer()),
                TlsFault::NoTls { .. } => Cause::NoTls(act.peer()),
                TlsFault::TooOld { .. } => Cause::OldTls(act.peer()),
            };
            link(said, cause)
        }
        // Some say 401 where they take the password for none (tinyproxy).
        http::Fault::NoWay {
            status: 401 | 407, ..
        } => link(said, Cause::ProxyPassword),
        // The proxy doesn't want us; anything else it says is about now.
        http::Fault::NoWay {
            status: 400..=499, ..
        } => link(said, Cause::Proxy),
        http::Fault::NoWay { .. } => Fault::Later { said, after: None },
        http::Fault::Dial(_)
        | http::Fault::Proxy { .. }
        | http::Fault::Slow { .. }
        | http::Fault::NotSent { .. } => Fault::Later { said, after: None },
        http::Fault::Unanswered { .. } if act.doubles() => Fault::Unsure { said, after: None },
        http::Fault::Unanswered { .. } => Fault::Later { said, after: None },
        http::Fault::Source(_) | http::Fault::Unspeakable { .. } => Fault::Local { said },
    }
}

/// The verdict when the certificate of `host` was refused at `now`.
pub fn of_certificate(act: Act, certificate: Certificate, host: &str, now: Wall) -> Fault {
    let blemish = explain(&certificate, host, now);
    let said = format!(
        "{}: the {}'s certificate {}",
        act.name(),
        act.peer().name(),
        blemish.said(&certificate)
    );
    link(
        said,
        Cause::Certificate(act.peer(), blemish, Box::new(certificate)),
    )
}

/// The verdict where the token endpoint gives no token. Nothing was sent to the portal, and no other
/// ticket could be: all of them wait.
pub fn of_no_token(fault: &NoToken) -> Fault {
    let said = format!("{}: {fault}", Act::SignIn.name());
    match fault {
        NoToken::Silent(fault) => match of_silence(Act::SignIn, fault) {
            Fault::Later { said, after } => Fault::Throttled { said, after },
            fault => fault,
        },
        NoToken::Unreadable(_) => link(said, Cause::Address(Peer::TokenEndpoint)),
        NoToken::Refused {
            status,
            error,
            after,
            ..
        } => match (status, error.as_str()) {
            (429 | 408 | 425 | 500..=510 | 512..=599, _) => Fault::Throttled {
                said,
                after: *after,
            },
            (407, _) => link(said, Cause::ProxyPassword),
            (511, _) => link(said, Cause::Proxy),
            (_, "invalid_client") | (401, _) => link(said, Cause::Client),
            // Whatever else it calls by a name it has understood.
            (400..=499 | 200, error) if !error.is_empty() => link(said, Cause::Grant),
            (403, _) => link(said, Cause::Grant),
            _ => link(said, Cause::Address(Peer::TokenEndpoint)),
        },
    }
}

fn link(said: String, cause: Cause) -> Fault {
    Fault::Link { said, cause }
}
