//! What the operator decides: mailboxes, portal, store; checked, compared, sealed, remembered.
//!
//! One table (`schema`) knows every setting: its key, the label of the page that technicians know,
//! its type, its line of help, its check. From it come getting and setting by key, the file in both
//! directions, the shipped `config/postern.toml`, differences and the document for programs.
//!
//! How a caller changes something:
//! 1. take `History::base()`, the settings that a change starts from;
//! 2. change it: `set`, `set_sealed`, `add_mailbox`, `import` and so on; each says all its problems;
//! 3. `check` the whole; problems refuse it, warnings are shown;
//! 4. `History::add` makes the revision; `Revision::encode` gives the octets to keep.
//!
//! Pure: reads no file, no clock, no time zone database and no randomness. Zones come in as
//! `Zones`, keys and nonces as octets. Of the rim it knows two plain types: `Wall` and `Secret`.
//!
//! # Decisions
//!
//! *Revisions are JSON under a line with format and digest*, not postcard: a person with nothing but
//! `cat` can see what a box was told to do, and a flipped bit is still noticed. Ten small files
//! don't need to be smaller.
//!
//! *A secret is sealed under the mailbox's id, not its name*, so that renaming keeps it readable,
//! and a sealed password that was copied to another mailbox stays shut.
//!
//! *The identity is fixed when it is first needed*, at the first activation, or earlier when it is
//! set: before that a mailbox has no address yet, and no key has been made from it.
//!
//! *Exported secrets are one sealed text*, not one for each: a part that is taken from another file,
//! or left out, does not open. The rest of the file stays open to be read and edited; what guards a
//! password against an edited host is that each names the server which it is for.
//!
//! *An undone revision is not rewritten*: which one counts follows from the files alone, so that
//! undoing needs no write that could fail.

mod check;
mod difference;
mod file;
mod keys;
mod model;
mod parcel;
mod revision;
mod rules;
mod schema;
mod seal;
mod value;

pub use check::{check, ending, Checked};
pub use difference::{difference, Change};
pub use file::{export, import, template, Import};
pub use keys::{Entry, Explained};
pub use model::{ArchiveWhen, Mailbox, Portal, Protocol, Security, Settings, SignIn, Store};
pub use parcel::{check_passphrase, Carried, Lock, Parcel, SecretPlace, PASSPHRASE_MIN};
pub use revision::{Confirmed, History, Revision, Standing, REVISIONS_KEPT};
pub use rules::Whither;
pub use seal::{open, seal, SealKey, Sealed, NONCE_LENGTH};
pub use value::{moment_is_whole, moment_shown, token_keys, whole_moment, Value, Zones};

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that is wrong, or worth a second look, with one setting: a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The whole key.
    pub key: String,
    /// What was given, unless it is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is wrong and how to mend it.
    pub said: String,
}

impl Problem {
    fn new(key: impl Into<String>, value: Option<String>, said: impl Into<String>) -> Self {
        let key = key.into();
        Self {
            value: value.map(|value| without_user(&key, value)),
            key,
            said: said.into(),
        }
    }
}

/// The value of a setting that is a URL, without user name and password: they stand before its last
/// `@`, and no refusal may repeat them.
fn without_user(key: &str, value: String) -> String {
    if !key.ends_with("url") && !key.ends_with(".proxy") {
        return value;
    }
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), value.as_str()),
    };
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}***@{rest}"),
        None => value,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            // A certificate or a pasted page would bury the sentence.
            Some(value) if value.chars().count() > 80 || value.contains('\n') => {
                write!(f, "{} (the value given): {}", self.key, self.said)
            }
            Some(value) => write!(f, "{} = {value:?}: {}", self.key, self.said),
            None => write!(f, "{}: {}", self.key, self.said),
        }
    }
}

/// Why settings were not taken, by what the caller must do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Show the operator all of these.
    #[error("{}", joined(.0))]
    Wrong(Vec<Problem>),
    /// Leave the file as it is: a newer postern wrote it.
    #[error("the settings were written by a newer postern (format {found}; this one reads up to {known}): install that version again, or remove the newer revision")]
    Newer {
        /// The format that was found.
        found: u32,
        /// The newest one known here.
        known: u32,
    },
    /// Keep the file aside and take the revision before it.
    #[error("the settings revision can't be read: {0}")]
    Corrupt(String),
    /// Ask the operator for the secret again: it was sealed under another key or for another use.
    #[error("the secret of {0} can't be opened with this box's key: set it again")]
    Shut(String),
    /// Tell the operator; nothing was changed.
    #[error("{0}")]
    Refused(String),
}

fn joined(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
