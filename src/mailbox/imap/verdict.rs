//! A status and its response code become a fault, by a table (RFC 3501 §7.1, RFC 5530). Pure.
//!
//! The server's words are carried along for people and never read.

use std::time::Duration;

use async_imap::imap_proto::{Outcome, ResponseCode};

use crate::mailbox::{Answer, Fault, Loss, Refusal};

/// How long a server that calls itself unavailable is left alone.
const UNAVAILABLE: Duration = Duration::from_secs(60);
/// How long a server that sets limits is left alone.
const LIMITED: Duration = Duration::from_secs(300);
/// More words than this help nobody.
const SAID_MAX: usize = 400;

/// Response codes that change what the caller must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    TryCreate,
    NonExistent,
    AlreadyExists,
    Unavailable,
    InUse,
    Limit,
    Throttled,
    OverQuota,
    NoPerm,
    /// Any other, and none.
    Other,
}

/// A status that is not OK, with its code and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) answer: Answer,
    pub(super) code: Code,
    /// The code as it came, in capitals.
    pub(super) name: Option<String>,
    pub(super) said: String,
}

/// The response code's name and the words, the code first.
pub(super) fn words(outcome: &Outcome<'_>) -> (Option<String>, String) {
    let text = outcome.information.as_deref().unwrap_or("").trim();
    let known = match &outcome.code {
        None => None,
        Some(ResponseCode::Alert) => Some("ALERT"),
        Some(ResponseCode::TryCreate) => Some("TRYCREATE"),
        Some(ResponseCode::ReadOnly) => Some("READ-ONLY"),
        Some(ResponseCode::BadCharset(_)) => Some("BADCHARSET"),
        Some(ResponseCode::Parse) => Some("PARSE"),
        // The others stand beside an OK and say nothing of a refusal.
        Some(_) => Some("CODE"),
    };
    match known {
        Some(name) => (Some(name.to_owned()), cut(&format!("[{name}] {text}"))),
        None => {
            let name = text
                .strip_prefix('[')
                .and_then(|t| t.split([']', ' ']).next())
                .filter(|n| !n.is_empty())
                .map(str::to_ascii_uppercase);
            let said = if text.is_empty() { "(no words)" } else { text };
            (name, cut(said))
        }
    }
}

/// Cleans and shortens a server's words.
pub(super) fn cut(said: &str) -> String {
    said.chars()
        .filter(|c| !c.is_control())
        .take(SAID_MAX)
        .collect()
}

/// What a code's name means.
pub(super) fn code(name: Option<&str>) -> Code {
    match name {
        Some("TRYCREATE") => Code::TryCreate,
        Some("NONEXISTENT") => Code::NonExistent,
        Some("ALREADYEXISTS") => Code::AlreadyExists,
        Some("UNAVAILABLE" | "SERVERBUG") => Code::Unavailable,
        Some("INUSE") => Code::InUse,
        Some("LIMIT") => Code::Limit,
        Some("THROTTLED") => Code::Throttled,
        Some("OVERQUOTA") => Code::OverQuota,
        Some("NOPERM") => Code::NoPerm,
        _ => Code::Other,
    }
}

/// Whether a denial may be about one message of those that were asked for. Limits are about the
/// session; a server that calls itself unavailable, or names a bug of its own, may have met one
/// file that it can't read (Dovecot 2.3 says SERVERBUG for a truncated one).
pub(super) fn may_be_one_message(code: Code) -> bool {
    match code {
        Code::Unavailable | Code::NoPerm | Code::Other => true,
        Code::TryCreate
        | Code::NonExistent
        | Code::AlreadyExists
        | Code::InUse
        | Code::Limit
        | Code::Throttled
        | Code::OverQuota => false,
    }
}

/// What the caller must do about a search by date that was denied.
pub(super) fn dated(doing: &str, denial: Denial) -> Fault {
    match may_be_one_message(denial.code) {
        true => dateless(doing, denial.said),
        false => command(doing, denial),
    }
}

/// A search by date fails where one without a date may not.
pub(super) fn dateless(doing: &str, said: String) -> Fault {
    Fault::Refused {
        doing: doing.to_owned(),
        why: Refusal::Dates { said },
    }
}

/// What the caller must do about a command that was denied.
pub(super) fn command(doing: &str, denial: Denial) -> Fault {
    let doing = doing.to_owned();
    let Denial { said, .. } = denial;
    match denial.code {
        Code::TryCreate | Code::NonExistent => Fault::Gone { doing, said },
        Code::Unavailable | Code::InUse => Fault::Throttled {
            doing,
            after: UNAVAILABLE,
            said,
        },
        Code::Limit | Code::Throttled => Fault::Throttled {
            doing,
            after: LIMITED,
            said,
        },
        Code::AlreadyExists | Code::OverQuota | Code::NoPerm | Code::Other => Fault::Refused {
            doing,
            why: Refusal::Command {
                status: denial.answer,
                code: denial.name,
                said,
            },
        },
    }
}

/// What the caller must do about a sign-in that was denied: only a server that says that it is not
/// the password's fault is believed to.
pub(super) fn sign_in(doing: &str, denial: Denial) -> Fault {
    match denial.code {
        code if is_crowded(code) => crowded(doing, denial.said),
        Code::Unavailable | Code::Throttled => command(doing, denial),
        _ => Fault::Refused {
            doing: doing.to_owned(),
            why: Refusal::SignIn { said: denial.said },
        },
    }
}

/// What the caller must do about a folder that was not opened.
pub(super) fn open(doing: &str, denial: Denial) -> Fault {
    match denial.code {
        code if is_crowded(code) => crowded(doing, denial.said),
        _ => command(doing, denial),
    }
}

/// What the caller must do about a server that says BYE instead of a greeting.
pub(super) fn turned_away(doing: &str, name: Option<&str>, said: String) -> Fault {
    match is_crowded(code(name)) {
        true => crowded(doing, said),
        false => bye(doing, name, said),
    }
}

/// Codes that stand for too many sessions where a session is to begin. Dovecot 2.3 says LIMIT to
/// the session beyond `mail_max_userip_connections`, earlier ones UNAVAILABLE as for a server that
/// is away, Gmail ALERT as for a wrong password: those can't be told apart here.
fn is_crowded(code: Code) -> bool {
    matches!(code, Code::Limit | Code::InUse)
}

fn crowded(doing: &str, said: String) -> Fault {
    Fault::Crowded {
        doing: doing.to_owned(),
        said,
    }
}

/// What the caller must do about a BYE.
pub(super) fn bye(doing: &str, name: Option<&str>, said: String) -> Fault {
    let doing = doing.to_owned();
    match code(name) {
        Code::Unavailable | Code::InUse => Fault::Throttled {
            doing,
            after: UNAVAILABLE,
            said,
        },
        Code::Limit | Code::Throttled => Fault::Throttled {
            doing,
            after: LIMITED,
            said,
        },
        _ => Fault::Lost {
            doing,
            why: Loss::Bye { said },
        },
    }
}

#[cfg(test)]
mod tests;
