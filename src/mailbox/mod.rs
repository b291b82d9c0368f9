//! Where mail comes from: one port (watch, list, fetch, archive), one protocol behind it so far.
//!
//! A `Session` is consumed by each call and given back only by success: a connection that lost its
//! step can't be used again by mistake. Faults are named by what the caller must do. Nothing in
//! here decides what becomes of a message, keeps anything on disk, or retries a connection.
//!
//! Reading order: this file, `fault`, `settings` (pure), `probe` (Test Connection), `imap`.
//!
//! # Decisions
//!
//! - *An enum, not a trait object.* There are three protocols at most, each method is generic in
//!   nothing, and a match costs no allocation. A fourth protocol would change our mind.
//! - *The session is a value that moves.* The alternative, a flag "unusable" inside, is checked by
//!   nobody. Its price is a rebinding at each call.

mod fault;
mod imap;
pub mod probe;
pub mod settings;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

pub use fault::{Answer, Fault, Loss, Refusal, Spoken};
pub use imap::capability::Abilities;
#[cfg(feature = "inside")]
pub use imap::inside;
pub use settings::Security;

use bytes::Bytes;

use crate::passage::{Uid, UidValidity};
use crate::world::{Secret, Trust, Wall, World};

/// What is being done from the password's first octet on to the answer to it, as faults name it.
pub const SIGNING_IN: &str = "signing in";

/// Whom to ask for mail, and how.
#[derive(Clone)]
pub struct Account {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// When TLS begins, if at all.
    pub security: Security,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// The name to sign in with.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// From the dial to the end of sign-in; a later answer may take the longer of this and a little
    /// less than a minute, counted from the last octet.
    pub timeout: Duration,
}

/// What a folder is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read and to archive.
    Watch,
    /// To look only: nothing on the server changes.
    Look,
}

/// A folder as it was when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The life of its UIDs.
    pub uid_validity: UidValidity,
    /// The UID that the next message will get, where the server tells.
    pub uid_next: Option<Uid>,
    /// How many messages it holds.
    pub exists: u32,
    /// Whether the server lets nothing be changed.
    pub read_only: bool,
}

/// A walk over the unread messages of the open folder, oldest first, window by window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    pub(crate) from: Option<Uid>,
    pub(crate) received_after: Option<Wall>,
    pub(crate) read_too: bool,
    /// Which walk of the session it is; zero before its first window.
    pub(crate) number: u64,
}

impl Pass {
    /// Over the whole folder; messages received before the day of `received_after` are left out
    /// (by a margin of a day: the caller compares the received time itself).
    pub fn whole(received_after: Option<Wall>) -> Self {
        Self {
            from: None,
            received_after,
            read_too: false,
            number: 0,
        }
    }

    /// The same walk, over messages that were read too.
    pub fn with_read(self) -> Self {
        Self {
            read_too: true,
            ..self
        }
    }

    /// Over the messages from `uid` on.
    pub fn from(uid: Uid, received_after: Option<Wall>) -> Self {
        Self {
            from: Some(uid),
            ..Self::whole(received_after)
        }
    }
}

/// One window of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Unread messages, in ascending order; one may come again in the next window.
    pub uids: Vec<Uid>,
    /// How to go on; `None` when the pass is over.
    pub pass: Option<Pass>,
}

/// What the server tells of a message without its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub uid: Uid,
    /// Its size as announced; some servers guess.
    pub size: u64,
    /// When the server received it (INTERNALDATE); now, where the server can't say.
    pub received_at: Wall,
    /// Whether the server said when.
    pub dated: bool,
    /// Whether it is marked read.
    pub seen: bool,
}

impl Looked {
    /// Adds what another look found.
    pub fn add(&mut self, other: Self) {
        if self.denied.is_empty() {
            self.said = other.said;
        }
        self.denied.extend(other.denied);
        self.denied.sort_unstable();
        self.items.extend(other.items);
        self.items.sort_unstable_by_key(|item| item.uid);
    }

    /// Whether what was told of a message differs from what it was known by, received time (Unix
    /// milliseconds) and size; not, where nothing was told.
    pub fn differs(&self, uid: Uid, (received_at, octets): (i64, u64)) -> bool {
        let at = self.items.binary_search_by_key(&uid, |item| item.uid);
        at.is_ok_and(|at| !self.items[at].is(received_at, octets))
    }
}

impl Item {
    /// Whether it is the message that was known by this received time (Unix milliseconds) and size; by
    /// its size alone, where the server does not say when it received it.
    pub fn is(&self, received_at: i64, octets: u64) -> bool {
        self.size == octets && (!self.dated || self.received_at.0 == received_at)
    }
}

/// What a look found. A message in neither list is not in the folder any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// What the server told, in ascending order of the UIDs.
    pub items: Vec<Item>,
    /// Messages that it tells nothing of, while it does of others: it may be unable to read them.
    pub denied: Vec<Uid>,
    /// The server's words for the first of `denied`.
    pub said: String,
}

/// Why a look ended with its session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Unlooked {
    /// What went wrong.
    pub fault: Fault,
    /// Where the connection was lost: the first message that was asked for and not told of. Servers
    /// tell in order, so it may be why.
    pub at: Option<Uid>,
}

impl From<Fault> for Unlooked {
    fn from(fault: Fault) -> Self {
        Self { fault, at: None }
    }
}

impl From<Unlooked> for Fault {
    fn from(unlooked: Unlooked) -> Self {
        unlooked.fault
    }
}

/// How a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Look again: something was added or marked unread.
    Something,
    /// The patience was over and nothing came.
    Nothing,
    /// The caller's `stop` came first.
    Stopped,
}

/// Which folder is to be the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This one; `/` stands for the server's hierarchy separator.
    Named(String),
    /// The server's `\Archive`; where it has none, `Archive`.
    BySpecialUse,
}

/// A folder to archive to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its full name on the server, in Unicode.
    pub name: String,
    /// Whether it was made just now.
    pub created: bool,
}

/// How messages get to the archive.
#[derive(Clone, Debug)]
pub enum How {
    /// `UID MOVE` (RFC 6851).
    Move,
    /// Copy, mark deleted, `UID EXPUNGE`: where MOVE is missing and the operator agreed. What can't be
    /// removed is taken note of, and left alone from then on.
    Copy(Copies),
}

/// What came of messages that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Whole messages, by UID. One in neither list is gone.
    pub messages: Vec<(Uid, Bytes)>,
    /// What the server has, and does not show.
    pub withheld: Vec<Uid>,
    /// The server's words for the first of them.
    pub said: String,
}

/// What became of a batch that was to be archived. A message in none of the lists is not in the folder
/// any more, and the server did not tell where it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// The life of the UIDs in the archive, where the server tells.
    pub uid_validity: Option<UidValidity>,
    /// Old and new UID.
    pub moved: Vec<(Uid, Uid)>,
    /// Still in the folder, although the server was asked to move them.
    pub left: Vec<Uid>,
    /// Not asked for, since everything before them was denied.
    pub untried: Vec<Uid>,
    /// The server's words for the first of `left`.
    pub said: Option<String>,
}

/// What a mailbox remembers where copying stands for moving: what is copied anew at each attempt fills
/// the archive. Nor is it removed later without a new copy: by then nobody knows whether the first one
/// is still there. Cloning shares it, so that it outlives an attempt that is broken off.
#[derive(Clone, Debug, Default)]
pub struct Copies(Rc<RefCell<Copied>>);

#[derive(Debug, Default)]
struct Copied {
    /// To be copied, and no answer heard.
    asked: BTreeSet<Uid>,
    /// Copied, as far as the server tells, and not removed.
    stuck: BTreeSet<Uid>,
}

impl Copies {
    /// Whether it may have been copied before.
    fn has(&self, uid: Uid) -> bool {
        let copied = self.0.borrow();
        copied.asked.contains(&uid) || copied.stuck.contains(&uid)
    }

    /// Whether it was copied, as far as the server tells.
    fn is_stuck(&self, uid: Uid) -> bool {
        self.0.borrow().stuck.contains(&uid)
    }

    /// They are about to be copied.
    fn asks(&self, uids: &[Uid]) {
        self.0.borrow_mut().asked.extend(uids);
    }

    /// They are not in the archive, or not in the folder any more.
    fn settles(&self, uids: &[Uid]) {
        let mut copied = self.0.borrow_mut();
        for uid in uids {
            copied.asked.remove(uid);
            copied.stuck.remove(uid);
        }
    }

    /// They are in both folders.
    fn sticks(&self, uids: &[Uid]) {
        self.settles(uids);
        self.0.borrow_mut().stuck.extend(uids);
    }

    /// Lets what broke off be tried again.
    pub fn forgive_broken(&self) {
        self.0.borrow_mut().asked.clear();
    }

    /// Lets everything be tried again.
    pub fn forgive(&self) {
        self.0.take();
    }
}

/// What to count in the open folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Unread messages.
    Unread,
    /// Unread messages received at this time or later.
    UnreadSince(Wall),
    /// Unread messages received before this time.
    UnreadBefore(Wall),
    /// Messages already read.
    Read,
    /// Messages already read, received at this time or later.
    ReadSince(Wall),
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slice {
    /// The next octets.
    Octets(Vec<u8>),
    /// There are no more.
    End,
    /// The message is not in the folder any more: what came of it is a piece.
    Gone,
}

/// A signed-in connection to a mailbox.
pub enum Session {
    /// IMAP4rev1 (RFC 3501).
    Imap(Box<imap::Imap>),
}

impl Session {
    /// Dials, secures and signs in.
    pub async fn connect(world: &World, account: &Account) -> Result<Self, Fault> {
        let imap = imap::dial::connect(world, account).await?;
        Ok(Self::Imap(Box::new(imap)))
    }

    /// What the server can do.
    pub fn abilities(&self) -> &Abilities {
        let Self::Imap(imap) = self;
        imap.abilities()
    }

    /// Opens `folder`, given in Unicode.
    pub async fn open(self, folder: &str, access: Access) -> Result<(Self, Opened), Fault> {
        let Self::Imap(mut imap) = self;
        let opened = imap.open(folder, access).await?;
        Ok((Self::Imap(imap), opened))
    }

    /// The next window of `pass`.
    pub async fn list(self, pass: Pass) -> Result<(Self, Listed), Fault> {
        let Self::Imap(mut imap) = self;
        let listed = imap.list(pass).await?;
        Ok((Self::Imap(imap), listed))
    }

    /// How many messages of the open folder are `what`.
    pub async fn count(self, what: Count) -> Result<(Self, u64), Fault> {
        let Self::Imap(mut imap) = self;
        let count = imap.count(what).await?;
        Ok((Self::Imap(imap), count))
    }

    /// Whether the open folder is so small that counting in it costs next to nothing.
    pub fn is_small(&self) -> bool {
        let Self::Imap(imap) = self;
        imap.is_small()
    }

    /// Sizes, received times and flags. One message that the server can't read keeps no other.
    pub async fn look(self, uids: &[Uid]) -> Result<(Self, Looked), Unlooked> {
        let Self::Imap(mut imap) = self;
        let looked = imap.look(uids).await?;
        Ok((Self::Imap(imap), looked))
    }

    /// Whole messages of at most `limit` octets each, of which the sizes are as announced. A message
    /// somewhat larger than announced is completed.
    pub async fn fetch(
        self,
        announced: &[(Uid, u64)],
        limit: u64,
    ) -> Result<(Self, Brought), Fault> {
        let Self::Imap(mut imap) = self;
        let brought = imap.fetch(announced, limit).await?;
        Ok((Self::Imap(imap), brought))
    }

    /// `length` octets of a message from `offset` on: fewer at its end, none past it, `None` when
    /// the server shows nothing, as of one that is gone.
    pub async fn slice(
        self,
        uid: Uid,
        offset: u64,
        length: u32,
    ) -> Result<(Self, Option<Vec<u8>>), Fault> {
        let Self::Imap(mut imap) = self;
        let octets = imap.slice(uid, offset, length).await?;
        Ok((Self::Imap(imap), octets))
    }

    /// A message from its first octet on in slices of `length`, the next one always on its way;
    /// `announced` is its size as announced.
    pub fn slices(self, uid: Uid, announced: u64, length: u32) -> Slices {
        let Self::Imap(imap) = self;
        Slices {
            walk: imap::slices::Walk::new(uid, announced, length),
            imap,
        }
    }

    /// Waits until something may be new, for `patience` at most.
    pub async fn watch(
        self,
        patience: Duration,
        stop: impl Future<Output = ()>,
    ) -> Result<(Self, News), Fault> {
        let Self::Imap(mut imap) = self;
        let news = imap.watch(patience, stop).await?;
        Ok((Self::Imap(imap), news))
    }

    /// Finds the archive folder; where it is absent, makes and subscribes it if `make`.
    pub async fn archive_folder(
        self,
        wanted: &Wanted,
        make: bool,
    ) -> Result<(Self, Option<Folder>), Fault> {
        let Self::Imap(mut imap) = self;
        let folder = imap.archive_folder(wanted, make).await?;
        Ok((Self::Imap(imap), folder))
    }

    /// Marks a batch read and moves it to `folder`.
    pub async fn archive(
        self,
        uids: &[Uid],
        folder: &Folder,
        how: &How,
    ) -> Result<(Self, Archived), Fault> {
        let Self::Imap(mut imap) = self;
        let archived = imap.archive(uids, folder, how).await?;
        Ok((Self::Imap(imap), archived))
    }

    /// Says goodbye; a server that doesn't answer is left without.
    pub async fn logout(self) {
        let Self::Imap(mut imap) = self;
        imap.logout().await;
    }
}

/// A message on its way in slices; it holds the session until `finish`.
pub struct Slices {
    imap: Box<imap::Imap>,
    walk: imap::slices::Walk,
}

impl Slices {
    /// The next slice. After a fault there is nothing but to drop this.
    pub async fn next(&mut self) -> Result<Slice, Fault> {
        self.walk.next(&mut self.imap).await
    }

    /// Takes what is still on its way and gives the session back.
    pub async fn finish(mut self) -> Result<Session, Fault> {
        self.walk.drain(&mut self.imap).await?;
        Ok(Session::Imap(self.imap))
    }
}
