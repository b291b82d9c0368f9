//! What is said on the control socket: requests, answers, lines of long work, refusals.
//!
//! Names here are kept: other programs read them. A request is `POST /v1/NAME` with its fields as a JSON object; the
//! answer is one JSON document, or, for long work, one document to a line, the last of them the answer. Times are
//! RFC 3339 in UTC. What came from outside (subjects, names, a server's words) is text as it came: who shows it cleans it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

pub use super::documents::{
    DirectoryLine, DirectoryPage, Happening, Listed, MailboxStatus, MessageLine, PortalStatus,
    Preview, ReasonCount, RevisionLine, SettingLine, Status, StoreStatus, Story,
};
use super::export::Octets;
use super::group::Together;
pub use super::life::{Life, LifeLine, Matches};
pub use super::page::{Codes, Page};
use crate::settings::{Change, Explained, Problem};
use crate::world::Secret;

mod reply;

pub use reply::Reply;

/// A secret on its way to where it is sealed. It has no Debug, and is wiped when dropped.
#[derive(Clone)]
pub struct Typed(Zeroizing<String>);

impl Serialize for Typed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Typed {
    /// Takes over what was typed.
    pub fn new(secret: &Secret) -> Self {
        Self(Zeroizing::new(secret.reveal().to_owned()))
    }

    /// Nothing: whoever was asked would rather not.
    pub fn none() -> Self {
        Self(Zeroizing::default())
    }

    /// The secret itself.
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.as_str().to_owned())
    }
}

/// How a change of settings is to be made.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct How {
    /// Secrets by key.
    pub secrets: BTreeMap<String, Typed>,
    /// What the secrets in the file that is imported are sealed under; empty to go without them.
    pub passphrase: Option<Typed>,
    /// The operator has been asked, or doesn't want to be.
    pub yes: bool,
    /// The mailbox is a dedicated one though its address is a portal user's.
    pub dedicated: bool,
    /// Neither try secrets nor look into the mailbox first.
    pub untried: bool,
    /// Undo the change unless it is confirmed within so many minutes.
    pub confirm_within_min: Option<u32>,
    /// A mailbox may go, or become another account's, although something of it is under way.
    pub leave_behind: bool,
    /// At a start nobody can be asked, and a server that is away must not prevent it.
    #[serde(skip)]
    pub unattended: bool,
}

/// What is asked of the service.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How everything is.
    Status,
    /// Messages under way to the portal.
    Queue(Page),
    /// The life of one message.
    Message {
        /// The message's key, or the beginning of it.
        key: String,
    },
    /// The life of one message as the journal tells it, or the newest messages of some reasons.
    Log {
        /// The message's key, or the beginning of it, or its Message-ID.
        #[serde(default)]
        message: Option<String>,
        /// Instead: reasons.
        #[serde(default)]
        reason: Codes,
        /// How many messages at most.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// A message's octets, and the ticket as the portal is sent it.
    Take {
        /// The message's key; all that are queued or refused when absent.
        #[serde(default)]
        key: Option<String>,
    },
    /// Try refused or waiting tickets again now.
    Retry {
        /// The message's key; all refused ones when absent.
        #[serde(default)]
        key: Option<String>,
    },
    /// Messages that were held, with their reasons.
    Held(Page),
    /// Make a held (or, again, an ignored or forwarded) message a ticket.
    Convert {
        /// The message's key.
        key: String,
        /// Also when it became a ticket before: this makes another.
        #[serde(default)]
        again: bool,
    },
    /// Do either with all messages of a storm's group.
    Group(Together),
    /// Archive a held message without a ticket.
    Dismiss {
        /// The message's key.
        key: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Settings at or below a key.
    Show {
        /// The key or section; all when empty.
        #[serde(default)]
        prefix: String,
    },
    /// One setting.
    Get {
        /// The key.
        key: String,
    },
    /// Change settings.
    Set {
        /// Keys and values, in order.
        #[serde(default)]
        pairs: Vec<(String, String)>,
        /// How.
        #[serde(default)]
        how: How,
    },
    /// Make a mailbox.
    Add {
        /// Its name.
        name: String,
        /// How.
        #[serde(default)]
        how: How,
    },
    /// Take a mailbox out.
    Remove {
        /// Its name.
        name: String,
        /// How.
        #[serde(default)]
        how: How,
    },
    /// Give a mailbox another name.
    Rename {
        /// Its name.
        name: String,
        /// The new one.
        to: String,
        /// How.
        #[serde(default)]
        how: How,
    },
    /// Make, take out, rename or move a rule.
    Rule(Box<super::rules::Change>),
    /// What of the mail of lately the rules in force match.
    Try,
    /// Put a file in force.
    Import {
        /// The file.
        toml: String,
        /// How.
        #[serde(default)]
        how: How,
    },
    /// The settings as a file.
    Export {
        /// With their secrets, sealed under it; without them when absent.
        #[serde(default)]
        passphrase: Option<Typed>,
    },
    /// Confirm the change that waits.
    Confirm,
    /// The revisions that are kept.
    History,
    /// What differs between two revisions.
    Diff {
        /// The earlier; the one before `to` when absent.
        #[serde(default)]
        from: Option<u64>,
        /// The later; the one in force when absent.
        #[serde(default)]
        to: Option<u64>,
    },
    /// Put an earlier revision in force, or undo the change that waits.
    Rollback {
        /// The revision; the waiting change is undone when absent.
        #[serde(default)]
        number: Option<u64>,
        /// How.
        #[serde(default)]
        how: How,
    },
    /// Test Connection, line by line.
    Test {
        /// The mailbox; all when absent.
        #[serde(default)]
        mailbox: Option<String>,
        /// Then follow the next message through its stages.
        #[serde(default)]
        wait: bool,
        /// When all passes, confirm the change that waits.
        #[serde(default)]
        confirm: bool,
    },
    /// What would become of a message, and why.
    Explain(Box<super::explain::Asked>),
    /// What of other settings decides about a mailbox's mail.
    Against(Box<super::compare::Against>),
    /// What becomes of a message, and what would by other settings.
    Compare(Box<super::compare::Compare>),
    /// People and companies, as the portal told them.
    Directory(Page),
    /// Read the directory's changes now.
    Sync,
    /// Read the whole store and say what is whole, line by line.
    Check,
}

impl Request {
    /// How a change of settings is to be made; `None` of every other request.
    pub fn how(&self) -> Option<&How> {
        match self {
            Self::Set { how, .. }
            | Self::Add { how, .. }
            | Self::Remove { how, .. }
            | Self::Rename { how, .. }
            | Self::Import { how, .. }
            | Self::Rollback { how, .. } => Some(how),
            Self::Rule(change) => Some(&change.how),
            _ => None,
        }
    }

    /// `how`, to change it.
    pub fn how_mut(&mut self) -> Option<&mut How> {
        match self {
            Self::Set { how, .. }
            | Self::Add { how, .. }
            | Self::Remove { how, .. }
            | Self::Rename { how, .. }
            | Self::Import { how, .. }
            | Self::Rollback { how, .. } => Some(how),
            Self::Rule(change) => Some(&mut change.how),
            _ => None,
        }
    }

    /// Whether it may be the first thing ever asked of a store: it sets something.
    pub fn makes_settings(&self) -> bool {
        matches!(
            self,
            Self::Set { .. } | Self::Add { .. } | Self::Import { .. }
        )
    }

    /// Whether it may take long, and may be broken off at any time.
    pub fn is_long(&self) -> bool {
        matches!(self, Self::Check | Self::Take { .. } | Self::Log { .. })
    }

    /// Whether it changes nothing.
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::Queue(_)
                | Self::Message { .. }
                | Self::Held(_)
                | Self::Log { .. }
                | Self::Show { .. }
                | Self::Get { .. }
                | Self::Export { .. }
                | Self::History
                | Self::Diff { .. }
                | Self::Try
                | Self::Directory(_)
                | Self::Explain(_)
                | Self::Against(_)
                | Self::Compare(_)
                | Self::Check
                | Self::Take { .. }
        )
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// How everything is.
    Status(Box<Status>),
    /// Messages, under way or held.
    Messages(Listed<MessageLine>),
    /// The life of one message.
    Message(Box<Story>),
    /// The life of one message, as the journal tells it.
    Life(Box<Life>),
    /// Several messages that have the Message-ID that was asked for.
    Matches(Box<Matches>),
    /// Messages, the newest decision first.
    Newest(Listed<MessageLine>),
    /// People and companies.
    Directory(Box<DirectoryPage>),
    /// What would become of a message.
    Explanation(Box<super::explain::Explanation>),
    /// A mailbox in the settings in force and in others.
    Both(Box<super::compare::Both>),
    /// What becomes of a message, and what would by other settings.
    Comparison(Box<super::compare::Comparison>),
    /// Settings.
    Settings {
        /// The revision in force.
        revision: u64,
        /// When it is undone unless confirmed.
        waits_until: Option<String>,
        /// Each setting.
        settings: Vec<SettingLine>,
    },
    /// One setting.
    Setting(SettingLine),
    /// What there is to say about settings.
    Explained {
        /// Each setting.
        settings: Vec<Explained>,
    },
    /// What of the mail of lately the rules match.
    Tried(super::rules::Tried),
    /// Settings as a file.
    File {
        /// The file.
        toml: String,
    },
    /// The revisions that are kept, oldest first.
    History {
        /// Each revision.
        revisions: Vec<RevisionLine>,
    },
    /// What differs.
    Diff {
        /// The earlier revision.
        from: u64,
        /// The later one.
        to: u64,
        /// What differs.
        changes: Vec<Change>,
    },
    /// A change is in force.
    Applied {
        /// Its revision.
        revision: u64,
        /// When it is undone unless confirmed.
        waits_until: Option<String>,
        /// What changed.
        changes: Vec<Change>,
        /// What was perhaps not meant.
        warnings: Vec<Problem>,
        /// What else there is to say.
        notes: Vec<String>,
    },
    /// Nothing was changed yet: ask the operator, and send it again with `yes`.
    Ask {
        /// What would change.
        changes: Vec<Change>,
        /// What was perhaps not meant.
        warnings: Vec<Problem>,
        /// What activation would do.
        previews: Vec<Preview>,
        /// What else there is to know.
        notes: Vec<String>,
    },
    /// Nothing was changed yet: these secrets must be typed first.
    NeedSecrets {
        /// Their keys.
        keys: Vec<String>,
        /// Why the file's own are not taken, where it carries some of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remarks: Vec<Problem>,
    },
    /// Nothing was changed yet: the passphrase of the file's secrets must be typed first, or an empty one.
    NeedPassphrase,
    /// A test came to its end.
    Tested {
        /// Whether nothing failed.
        passed: bool,
        /// How many steps failed.
        failed: u32,
        /// How many gave a warning.
        warned: u32,
        /// Whether a waiting change was confirmed by it.
        confirmed: bool,
    },
    /// A check of the store came to its end.
    Checked {
        /// Whether nothing is damaged.
        whole: bool,
        /// How many things are damaged.
        damaged: u32,
        /// How many are whole, but.
        warned: u32,
    },
    /// It was done.
    Done {
        /// What was done.
        said: String,
        /// To how many.
        count: u64,
    },
    /// There was nothing to do.
    Nothing {
        /// Why.
        said: String,
    },
}

/// How a step of a test went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Well.
    Passed,
    /// Well, but.
    Warned,
    /// Badly.
    Failed,
    /// It was not tried, since an earlier one failed or it makes no sense here.
    Skipped,
}

/// A line of long work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A step of a test, or a part of the store that was checked.
    Step {
        /// The mailbox that is tested; absent for what is common to all.
        mailbox: Option<String>,
        /// What was tried.
        step: String,
        /// How it went.
        outcome: Outcome,
        /// What was found, a plain sentence.
        said: String,
        /// The most likely mend.
        mend: Option<String>,
    },
    /// A message reached a stage.
    Stage {
        /// Its key, short.
        key: String,
        /// The stage.
        stage: String,
        /// Milliseconds since the first sign of it.
        after_ms: u64,
        /// What happened.
        said: String,
    },
    /// How far long work is.
    Progress {
        /// What is worked on.
        what: String,
        /// Octets that are done.
        done_bytes: u64,
        /// Octets in all.
        of_bytes: u64,
    },
    /// A message follows, by slices.
    Export {
        /// Its whole key.
        key: String,
        /// How many octets it has.
        octets: u64,
        /// The document that the portal is sent of it.
        ticket: String,
    },
    /// The next octets of the message.
    Slice {
        /// They.
        octets: Octets,
    },
    /// Something worth telling meanwhile.
    Note {
        /// What.
        said: String,
    },
}

/// What kind of no it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request itself is wrong.
    Usage,
    /// What was named is not there.
    Absent,
    /// The settings don't pass their checks.
    Wrong,
    /// It must not be done as things are.
    Refused,
    /// Somebody else changed the same meanwhile: look again.
    Conflict,
    /// It was tried and failed.
    Failed,
    /// The store is in use, or the service can't be reached.
    Unreachable,
}

/// A no, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{said}")]
pub struct Refusal {
    /// What kind.
    pub refused: Kind,
    /// Why, and how to mend it.
    pub said: String,
    /// All that is wrong with settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

impl Refusal {
    /// A no of `refused` kind.
    pub fn new(refused: Kind, said: impl Into<String>) -> Self {
        Self {
            refused,
            said: said.into(),
            problems: Vec::new(),
        }
    }
}

impl From<crate::settings::Fault> for Refusal {
    fn from(fault: crate::settings::Fault) -> Self {
        use crate::settings::Fault;
        let said = fault.to_string();
        match fault {
            Fault::Wrong(problems) => Self {
                refused: Kind::Wrong,
                said,
                problems,
            },
            Fault::Refused(_) => Self::new(Kind::Refused, said),
            Fault::Newer { .. } | Fault::Corrupt(_) | Fault::Shut(_) => {
                Self::new(Kind::Failed, said)
            }
        }
    }
}
