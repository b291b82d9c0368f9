//! What the commands need of whoever runs the passages: the engine, or a test's stand-in.

use async_channel::Sender;

use super::compare::{Compare, Comparison};
use super::explain::{Asked, Explanation};
use super::group::Together;
use super::life::{Life, Matches};
use super::rules::Tried;
use super::wire::{
    Answer, DirectoryPage, Event, Listed, MessageLine, Page, Preview, Refusal, Status, Story,
};
use crate::engine::owner::Owner;
use crate::passage::MailboxId;
use crate::settings::{History, Lock, SealKey, Sealed, Settings, Zones};
use crate::ticket::Reason;
use crate::world::{Certificate, Secret, Wall};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's name, for the history.
    pub name: String,
    /// Whether it could read the store's files by itself: the user that the service runs as, or root.
    pub owns: bool,
}

/// Takes the lines of long work; bounded, so that a slow reader slows the work.
#[derive(Clone)]
pub struct Lines(Sender<Event>);

impl Lines {
    pub(super) fn new(sender: Sender<Event>) -> Self {
        Self(sender)
    }

    /// Hands a line over. A reader that went away ends the work by dropping it, so nothing is lost
    /// by not telling here.
    pub async fn say(&self, event: Event) {
        let _ = self.0.send(event).await;
    }
}

/// A change of settings that has passed its checks.
pub struct Candidate {
    /// The whole settings.
    pub settings: Settings,
    /// The revision that they were made from.
    pub base: u64,
    /// Who made them.
    pub author: String,
    /// What was done.
    pub note: String,
    /// Undo unless confirmed in time.
    pub limit_ms: Option<u64>,
}

/// What a mailbox that goes, or becomes another account's, has here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// Messages that are queued, to be fetched again, or to be archived.
    pub under_way: u64,
    /// Messages that are held.
    pub held: u64,
    /// Messages whose ticket the portal refused.
    pub refused: u64,
}

/// What came of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub revision: u64,
    /// When it is undone unless confirmed.
    pub waits_until: Option<Wall>,
    /// What else there is to say, such as what is still finished for a mailbox that was taken out.
    pub notes: Vec<String>,
}

/// The counts of a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tested {
    /// Steps that failed.
    pub failed: u32,
    /// Steps that gave a warning.
    pub warned: u32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether all that was found is accounted for.
    pub clean: bool,
    /// What there is to say at the end.
    pub said: String,
}

/// The service behind the commands.
///
/// All of it runs on one executor thread, so no future needs to be `Send`. A future that is dropped
/// stops its work: the caller went away.
#[allow(async_fn_in_trait)]
pub trait Service: 'static {
    /// The wall clock.
    fn now(&self) -> Wall;
    /// Time zones; hands them to `work`.
    fn with_zones<R>(&self, work: impl FnOnce(&Zones) -> R) -> R;

    /// How everything is.
    async fn status(&self) -> Result<Status, Refusal>;
    /// A page of what is under way.
    async fn queue(&self, page: &Page) -> Result<Listed<MessageLine>, Refusal>;
    /// A page of what is held.
    async fn held(&self, page: &Page) -> Result<Listed<MessageLine>, Refusal>;
    /// The life of the one message whose key begins so.
    async fn message(&self, key: &str) -> Result<Story, Refusal>;
    /// What the journal tells of the one message whose key begins so.
    async fn life(&self, key: &str, lines: &Lines) -> Result<Life, Refusal>;
    /// The messages that have this Message-ID, as far as they are kept.
    async fn seek(&self, id: &str, lines: &Lines) -> Result<Matches, Refusal>;
    /// The newest messages that are no ticket for one of these reasons, newest decision first.
    async fn newest(
        &self,
        reasons: &[Reason],
        limit: usize,
    ) -> Result<Listed<MessageLine>, Refusal>;
    /// Tells octets and ticket of one message, or of all that are queued or refused; says how many.
    async fn export(&self, key: Option<&str>, lines: &Lines) -> Result<u64, Refusal>;
    /// Makes the ticket of one message due now. Says what becomes of it.
    async fn retry(&self, key: &str) -> Result<String, Refusal>;
    /// Makes all that wait and all refused ones due now; says how many.
    async fn retry_all(&self) -> Result<u64, Refusal>;
    /// Makes a message a ticket after all; `again` makes another of one that was, or one of what was
    /// archived without. Says what becomes of it.
    async fn convert(&self, caller: &Caller, key: &str, again: bool) -> Result<String, Refusal>;
    /// Archives a held message without a ticket. Says what becomes of it.
    async fn dismiss(&self, caller: &Caller, key: &str, reason: &str) -> Result<String, Refusal>;
    /// The same with all messages of a storm's group; asks first.
    async fn together(&self, caller: &Caller, asked: &Together) -> Result<Answer, Refusal>;
    /// A page of the directory.
    async fn directory(&self, page: &Page) -> Result<DirectoryPage, Refusal>;
    /// Reads the directory's changes now; says how many.
    async fn sync(&self) -> Result<u64, Refusal>;
    /// What would become of a message, and why.
    async fn explain(&self, asked: &Asked) -> Result<Explanation, Refusal>;
    /// What becomes of a message, and what would by other settings.
    async fn compare(&self, compare: &Compare) -> Result<Comparison, Refusal>;

    /// What of the mail of lately the rules of `settings` match, in their order.
    async fn tried(&self, settings: &Settings) -> Result<Tried, Refusal>;

    /// The revisions that are kept.
    fn history(&self) -> History;
    /// Seals a secret with the box's key and a fresh nonce.
    fn seal(&self, label: &str, secret: &Secret) -> Result<Sealed, Refusal>;
    /// Opens what `seal` sealed.
    fn unseal(&self, label: &str, sealed: &Sealed) -> Result<Secret, Refusal>;
    /// What makes reply tokens here, and what made those that are still good; words, the first is this
    /// box's own.
    fn reply_secrets(&self) -> Secret;
    /// Octets that nobody can guess.
    fn random<const N: usize>(&self) -> [u8; N];
    /// The key that a lock makes of a passphrase. One at a time, beside everything else: it takes a
    /// second or more, and memory.
    async fn derive(&self, lock: &Lock, passphrase: Secret) -> Result<SealKey, Refusal>;
    /// Whether the portal's client certificate and its key are a pair; nothing where one is not set.
    fn pair(&self, settings: &Settings) -> Result<(), Refusal>;
    /// Makes a change durable and puts it in force; `Conflict` when `base` is not in force any more.
    /// One with a limit is the service's to undo when its time is up.
    async fn apply(&self, candidate: Candidate) -> Result<Applied, Refusal>;
    /// Confirms the change that waits; gives its number.
    async fn confirm(&self) -> Result<u64, Refusal>;
    /// Undoes the change that waits; gives its number, `None` when none waits.
    async fn undo(&self) -> Result<Option<u64>, Refusal>;
    /// Signs in at the mail server (asks the portal) with the secret of `key` as `settings` have it.
    async fn try_secret(&self, settings: &Settings, key: &str) -> Result<(), Refusal>;
    /// The certificate that a mailbox's server, or the portal without one, shows now as `settings`
    /// have it, trusted or not. Sends nothing that is secret.
    async fn certificate(
        &self,
        settings: &Settings,
        mailbox: Option<MailboxId>,
    ) -> Result<Certificate, Refusal>;
    /// What activating the mailbox as `settings` have it would do now. Touches no message.
    async fn preview(&self, settings: &Settings, mailbox: MailboxId) -> Result<Preview, Refusal>;
    /// Whose own address the mailbox has, as `settings` have it.
    async fn owner(&self, settings: &Settings, mailbox: MailboxId) -> Result<Owner, Refusal>;
    /// What the mailbox would leave behind.
    async fn left_behind(&self, mailbox: MailboxId) -> Result<LeftBehind, Refusal>;
    /// How many tickets wait for the portal.
    fn queued(&self) -> u64;

    /// Test Connection of one mailbox, or of all and the portal, step by step.
    async fn test(&self, mailbox: Option<&str>, lines: &Lines) -> Result<Tested, Refusal>;
    /// Follows the next message through its stages until it is forwarded and archived, or held.
    async fn follow(&self, mailbox: Option<&str>, lines: &Lines) -> Result<(), Refusal>;

    /// Reads the whole store and says what is whole, part by part. Changes nothing.
    async fn check(&self, lines: &Lines) -> Result<Tested, Refusal>;

    /// Does the work until it is dropped, or `stop` was called; with `once`, until nothing is left to do.
    async fn run(&self, once: bool) -> Result<Ended, Refusal>;
    /// Has `run` end cleanly, within some seconds: what is on its way to the portal gets its answer.
    fn stop(&self);
    /// Ends cleanly: what is under way is made durable, nothing new is begun.
    async fn close(&self) -> Result<(), Refusal>;
}
