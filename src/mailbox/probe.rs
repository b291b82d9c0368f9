//! Test Connection, the mailbox's part: each step from the name to the quota, told as it happens.
//!
//! It changes nothing on the server: the folder is opened to look, and no folder is made. What the
//! portal and the clock have to say is the engine's to add.

use super::{imap, Account, Fault, Wanted};
use crate::world::{Certificate, Wall, World};

/// What a step is about; also its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The port, judged by its number.
    Port,
    /// Name and addresses.
    Name,
    /// TCP.
    Connection,
    /// TLS and the certificate.
    Tls,
    /// The server's first words.
    Greeting,
    /// Username and password.
    SignIn,
    /// The watched folder and its unread messages.
    Folder,
    /// What the date lets through.
    CutOff,
    /// How messages can be moved.
    Move,
    /// The archive folder.
    Archive,
    /// Space on the server.
    Quota,
}

/// How a step went: a sentence, and the most likely mend for what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Ok {
        /// What was found.
        said: String,
    },
    /// It works, but somebody should look.
    Warn {
        /// What was found.
        said: String,
        /// What to do about it.
        mend: String,
    },
    /// It doesn't work.
    Bad {
        /// What was found.
        said: String,
        /// What to do about it.
        mend: String,
    },
}

/// One line of Test Connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is about.
    pub what: What,
    /// How it went.
    pub outcome: Outcome,
}

/// What is to be tried.
#[derive(Clone)]
pub struct Trial<'a> {
    /// Whom to connect to.
    pub account: &'a Account,
    /// The folder to watch.
    pub folder: &'a str,
    /// The archive folder, its pattern filled in.
    pub archive: &'a Wanted,
    /// The cut-off, when there is one.
    pub received_after: Option<Wall>,
    /// Whether the operator allows copying where MOVE is missing.
    pub archive_by_copy: bool,
    /// Whether messages that were read are taken too.
    pub convert_read: bool,
}

/// What was found, for whoever decides by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// No step was bad.
    pub passed: bool,
    /// Unread messages in the folder.
    pub unread: Option<u64>,
    /// Those of them that the date lets through, or all where the server does not search by date: who
    /// sent them is not looked at.
    pub would_convert: Option<u64>,
    /// Read messages that the date lets through, where such are taken.
    pub would_convert_read: u64,
    /// What the date leaves out of those that would be taken.
    pub left_out: u64,
    /// Whether MOVE is all that is missing, so that copying may stand in for it.
    pub may_copy: bool,
}

/// The certificate that the server shows now, trusted or not; `None` where it shows none. Signs in
/// nowhere.
pub async fn certificate(world: &World, account: &Account) -> Result<Option<Certificate>, Fault> {
    imap::dial::certificate(world, account).await
}

/// The most likely mend for a fault of that account; names settings as `mailbox.NAME.key`.
pub fn mend(fault: &Fault, account: &Account) -> String {
    imap::probe::mend(fault, account)
}

/// Walks through all steps; stops where none can follow. `tell` gets each as it happens.
pub async fn probe(world: &World, trial: &Trial<'_>, tell: &mut dyn FnMut(Step)) -> Found {
    imap::probe::probe(world, trial, tell).await
}
