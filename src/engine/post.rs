//! The live state of one mailbox: how it stands, in words and numbers, and its bells.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use smol::lock::Mutex;

use super::bell::Bell;
use super::failed::Failed;
use super::gate::Gate;
use super::loan::{self, Loan};
use crate::mailbox::{Copies, Fault, Item, Looked, Session};
use crate::passage::{Origin, Uid, UidValidity};
use crate::ticket::Key;
use crate::world::{Tick, Wall};

/// Messages that are remembered for a lost connection.
const LOST_MAX: usize = 1_000;
/// After so many messages that cost a connection each, it is the server.
const FOUND_OUT_MAX: u32 = 64;
/// How often what may have been an accident is forgotten.
const FORGIVEN_EVERY: Duration = Duration::from_secs(3600);

/// The session that watches, with its folder open, and the life of the folder's UIDs.
pub type Watching = (Session, UidValidity);

/// By place and message, its received time and size.
type GaveUp = BTreeMap<(Uid, Key), (i64, u64)>;

/// How a mailbox stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not active.
    Off,
    /// On the way to its server.
    Connecting,
    /// Listing or fetching.
    Fetching,
    /// Waiting for news.
    Watching,
    /// Fetching waits for room in the store.
    NoRoom(String),
    /// In trouble, with a sentence; tried again at this time.
    Trouble {
        /// What happened and what to do.
        said: String,
        /// When it is tried again.
        again_at: Wall,
    },
}

/// See the file's head.
pub struct Post {
    /// The folder of an account that all of it is of.
    pub origin: Origin,
    /// The life of its UIDs, once it was opened.
    validity: Cell<Option<UidValidity>>,
    standing: RefCell<Standing>,
    /// Look at the whole mailbox again, now.
    pub look_bell: Bell,
    /// Something is to be archived.
    pub archive_bell: Bell,
    /// The same for who already archives, and gathers more: what rings there for who rests must not be heard
    /// by another.
    pub gather_bell: Bell,
    /// Whether the archiver may have something to do that it was not told of by the bell.
    pub archiving: Cell<bool>,
    /// Try archiving again, now.
    pub retry_bell: Bell,
    /// Held while a batch is on its way to the archive, which outlives its task.
    pub archiving_now: Arc<Mutex<()>>,
    /// Whether the password may be tried.
    pub gate: Gate,
    /// Who signs in; empty before the settings are known.
    who: RefCell<String>,
    /// Unread messages in the folder, and when they were counted; none as long as nobody has.
    pub unread: Cell<Option<(u64, Wall)>>,
    /// Unread messages that the date leaves out, at the last pass.
    pub before_date: Cell<u64>,
    /// How many lie read and unprocessed, at the last pass: as many as `read` has, or all that were
    /// read, where those are too many to be listed.
    pub already_read: Cell<u64>,
    /// Decisions up to this one are older than the session that watches.
    pub since: Cell<u64>,
    /// Messages in the folder.
    pub exists: Cell<u64>,
    /// When a pass was last complete.
    pub passed_at: Cell<Option<Wall>>,
    /// Passes that were complete since the start.
    pub passes: Cell<u64>,
    /// Whether the server does not search by date now: it may be unable to read a message.
    pub undated: Cell<bool>,
    /// Messages that could not be fetched.
    pub failed: RefCell<Failed<Uid>>,
    /// When what may have been an accident was last forgotten.
    forgiven_at: Cell<Option<Tick>>,
    /// Messages over which a look lost its connection.
    stuck: RefCell<BTreeSet<Uid>>,
    /// Messages that were found to cost a connection, or an attempt, since a pass was last complete.
    pub found_out: Cell<u32>,
    /// Messages that lie read and unprocessed: what `held` shows of them.
    pub read: RefCell<Vec<Item>>,
    /// Those of them that the operator wants a ticket of.
    wanted: RefCell<BTreeMap<Uid, Item>>,
    suspects: RefCell<BTreeSet<Uid>>,
    /// The session that watches, where the server gives no second one.
    pub loan: Loan<Watching>,
    /// What was copied to the archive and could not be removed.
    pub copies: Copies,
    /// What the archiver gave up in the session that is younger than this decision, and what each was
    /// known by: places where something else seemed to lie.
    gave_up: RefCell<(u64, GaveUp)>,
    /// What the archiver last had trouble with.
    pub archive_trouble: RefCell<Option<String>>,
}

impl Post {
    /// A mailbox that nothing is known of yet.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            validity: Cell::new(None),
            standing: RefCell::new(Standing::Off),
            look_bell: Bell::new(),
            archive_bell: Bell::new(),
            gather_bell: Bell::new(),
            archiving: Cell::new(true),
            retry_bell: Bell::new(),
            archiving_now: Arc::default(),
            gate: Gate::default(),
            who: RefCell::default(),
            unread: Cell::new(None),
            before_date: Cell::new(0),
            already_read: Cell::new(0),
            since: Cell::new(0),
            exists: Cell::new(0),
            passed_at: Cell::new(None),
            passes: Cell::new(0),
            undated: Cell::new(false),
            failed: RefCell::default(),
            forgiven_at: Cell::new(None),
            stuck: RefCell::default(),
            found_out: Cell::new(0),
            read: RefCell::default(),
            wanted: RefCell::default(),
            suspects: RefCell::default(),
            loan: Loan::new(),
            copies: Copies::default(),
            gave_up: RefCell::default(),
            archive_trouble: RefCell::default(),
        }
    }

    /// Whether something of this mailbox waits to be archived, as far as is known.
    pub fn archives(&self) -> bool {
        self.archiving.get() || self.archive_bell.is_rung()
    }

    /// The settings changed: what was counted may have been another folder's. What was refused counts no
    /// more for somebody else. Whether it is somebody of whom nothing is known yet.
    pub fn renew(&self, who: &str) -> bool {
        let before = self.who.replace(who.to_owned());
        if before != who {
            self.gate.forget();
        }
        self.unread.set(None);
        self.passed_at.set(None);
        before != who
    }

    /// Who signs in.
    pub fn who(&self) -> String {
        self.who.borrow().clone()
    }

    /// The folder was opened. In another life of its UIDs each stands for another message: what was
    /// known by them is forgotten. Returns how many wishes of the operator's that concerns.
    pub fn opened(&self, validity: UidValidity) -> usize {
        let before = self.validity.replace(Some(validity));
        if before.is_none_or(|before| before == validity) {
            return 0;
        }
        self.failed.take();
        self.stuck.take();
        self.suspects.take();
        self.read.take();
        self.already_read.set(0);
        self.copies.forgive();
        self.wanted.take().len()
    }

    /// Looks at messages, and remembers where the connection was lost: that one is asked for last and
    /// alone from then on, so that it keeps no other.
    pub async fn look(&self, session: Session, uids: &[Uid]) -> Result<(Session, Looked), Fault> {
        session.look(uids).await.map_err(|unlooked| {
            let mut stuck = self.stuck.borrow_mut();
            if stuck.len() < LOST_MAX && unlooked.at.is_some_and(|at| stuck.insert(at)) {
                self.finds_out();
            }
            unlooked.fault
        })
    }

    /// Looks at one message that may be why a connection was lost.
    pub async fn look_alone(
        &self,
        session: Session,
        uid: Uid,
        now: Tick,
    ) -> Result<(Session, Looked), Fault> {
        let looked = session.look(&[uid]).await.map_err(|unlooked| {
            if unlooked.at.is_none() {
                return unlooked.fault;
            }
            let said = unlooked.to_string();
            self.failed.borrow_mut().put_off(uid, &said, now);
            self.finds_out();
            Fault::withheld("looking at messages", vec![uid], said)
        })?;
        // The server tells of it after all.
        self.stuck.borrow_mut().remove(&uid);
        Ok(looked)
    }

    /// One message more is known to cost a connection, or an attempt.
    pub fn finds_out(&self) {
        self.found_out.set(self.found_out.get().saturating_add(1));
    }

    /// Whether a connection, at whose begin so many `before` were known, was some way forward by finding out
    /// one more.
    pub fn has_found_out(&self, before: u32) -> bool {
        let now = self.found_out.get();
        now > before && now <= FOUND_OUT_MAX
    }

    /// Whether the place of `key`, which was known by this received time and size, is given up, since
    /// another message seems to lie there. Not where that was done before in the same session (which
    /// began after the decision `since`) and it is known by others now: then it was fetched again
    /// meanwhile, its octets are the same, and the server tells others at each look.
    pub fn gives_up(&self, since: u64, uid: Uid, key: Key, known_as: (i64, u64)) -> bool {
        let mut gave_up = self.gave_up.borrow_mut();
        if gave_up.0 != since {
            *gave_up = (since, BTreeMap::new());
        }
        *gave_up.1.entry((uid, key)).or_insert(known_as) == known_as
    }

    /// Whether a look lost its connection at this message.
    pub fn is_stuck(&self, uid: Uid) -> bool {
        self.stuck.borrow().contains(&uid)
    }

    /// The operator wants a ticket of a message that lies read: it is fetched at the next look.
    pub fn want(&self, item: Item) {
        self.failed.borrow_mut().remove(item.uid);
        self.wanted.borrow_mut().insert(item.uid, item);
        self.look_bell.ring();
    }

    /// The operator wants everything tried again, now, the password too.
    pub fn retry(&self) {
        self.gate.open();
        self.copies.forgive();
        self.failed.borrow_mut().clear();
        self.stuck.borrow_mut().clear();
        if matches!(*self.standing.borrow(), Standing::Trouble { .. }) {
            // Who archives waits for who watches: otherwise both would try the password.
            self.say(Standing::Connecting);
        }
        self.look_bell.ring();
        self.retry_bell.ring();
    }

    /// Whether the operator wants a ticket of it although it was read: of this message, not of another
    /// that has its number now.
    pub fn is_wanted(&self, item: &Item) -> bool {
        let wanted = self.wanted.borrow();
        let Some(asked) = wanted.get(&item.uid) else {
            return false;
        };
        let same = item.is(asked.received_at.0, asked.size);
        if !same {
            log::warn!(
                "UID {} is another message than the one that was to be converted, which is gone: \
                 `postern held list` names what lies there now",
                item.uid
            );
        }
        same
    }

    /// Those messages, to be fetched now.
    pub fn wanted(&self) -> Vec<Uid> {
        self.wanted.borrow().keys().copied().collect()
    }

    /// These were fetched, or are gone, but for those that fail.
    pub fn served(&self, uids: &[Uid]) {
        let failed = self.failed.borrow();
        let mut wanted = self.wanted.borrow_mut();
        for uid in uids.iter().filter(|uid| !failed.has(**uid)) {
            wanted.remove(uid);
        }
    }

    /// Takes note of messages that were under way when a connection was lost: one of them may be
    /// why, so they go one at a time until it is known which.
    pub fn suspect(&self, uids: &[Uid]) {
        let mut suspects = self.suspects.borrow_mut();
        suspects.clear();
        suspects.extend(uids.iter().take(LOST_MAX));
    }

    /// Whether a message was under way when a connection was lost.
    pub fn is_suspect(&self, uid: Uid) -> bool {
        self.suspects.borrow().contains(&uid)
    }

    /// A message came through.
    pub fn clear(&self, uid: Uid) {
        self.suspects.borrow_mut().remove(&uid);
        self.failed.borrow_mut().remove(uid);
    }

    /// Once an hour, however many connections that takes, gives what may have been an accident another
    /// chance.
    pub fn forgive(&self, now: Tick) {
        let last = self.forgiven_at.get();
        if last.is_some_and(|last| now.since(last) < FORGIVEN_EVERY) {
            return;
        }
        self.forgiven_at.set(Some(now));
        if last.is_some() {
            self.copies.forgive_broken();
            self.stuck.borrow_mut().clear();
            self.undated.set(false);
        }
    }

    /// There is one more to archive.
    pub fn archive_one_more(&self) {
        self.archive_bell.ring();
        self.gather_bell.ring();
    }

    /// The session that watches found no place beside others, of which one may be the archiver's:
    /// that one ends, and from now on there is one for both.
    pub fn give_way(&self, now: Tick, said: String) {
        self.loan.share(now.plus(loan::ALONE), said);
        self.archive_bell.ring();
    }

    /// Says how it stands now.
    pub fn say(&self, standing: Standing) {
        *self.standing.borrow_mut() = standing;
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Whether the session that watches is still on its way.
    pub fn is_connecting(&self) -> bool {
        *self.standing.borrow() == Standing::Connecting
    }

    /// Whether the session that watches is there.
    pub fn is_signed_in(&self) -> bool {
        matches!(
            *self.standing.borrow(),
            Standing::Fetching | Standing::Watching | Standing::NoRoom(_)
        )
    }

    /// Whether messages are coming in just now.
    pub fn is_fetching(&self) -> bool {
        *self.standing.borrow() == Standing::Fetching
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(uid: u32) -> Item {
        Item {
            uid: Uid(uid),
            size: 10,
            received_at: Wall(7),
            dated: true,
            seen: true,
        }
    }

    /// Goes red when a server that tells another time at each look makes a message be fetched again and
    /// again, or when a place is believed that nobody has fetched from since.
    #[test]
    fn a_place_is_given_up_until_the_same_message_was_fetched_from_it_again() {
        let post = Post::new(Origin([1; 8]));
        let key = Key([5; 32]);
        let gives_up = |since, known_as| post.gives_up(since, Uid(1), key, known_as);
        assert!(gives_up(3, (7, 10)));
        assert!(gives_up(3, (7, 10)), "nobody has fetched it since");
        assert!(
            !gives_up(3, (8, 10)),
            "fetched again, and told of otherwise"
        );
        assert!(gives_up(4, (8, 10)), "another session");
    }

    /// Goes red when what is known by UIDs outlives them: it would be done to other messages.
    #[test]
    fn what_is_known_by_uids_is_forgotten_with_their_life() {
        let post = Post::new(Origin([1; 8]));
        assert_eq!(post.opened(UidValidity(7)), 0);
        post.want(item(1));
        let mut failed = post.failed.borrow_mut();
        failed.add(&[Uid(1)], "it was denied", Tick(Duration::ZERO));
        drop(failed);
        post.suspect(&[Uid(1)]);
        assert_eq!(post.opened(UidValidity(7)), 0);
        assert!(post.is_wanted(&item(1)) && post.is_suspect(Uid(1)));
        assert_eq!(post.opened(UidValidity(8)), 1);
        assert!(post.wanted().is_empty() && !post.is_suspect(Uid(1)));
        assert!(!post.failed.borrow().has(Uid(1)));
    }

    /// Goes red where a server that drops every connection is dialled without a growing wait for each of its
    /// messages.
    #[test]
    fn what_is_found_out_is_a_way_forward_up_to_a_bound() {
        let post = Post::new(Origin([1; 8]));
        assert!(!post.has_found_out(0));
        for known in 0..FOUND_OUT_MAX {
            post.finds_out();
            assert!(post.has_found_out(known) && !post.has_found_out(known + 1));
        }
        post.finds_out();
        assert!(!post.has_found_out(FOUND_OUT_MAX));
    }

    /// Goes red where no connection lasts for an hour, and nothing is ever forgotten.
    #[test]
    fn what_may_have_been_an_accident_is_forgotten_once_an_hour_however_many_connections_that_takes(
    ) {
        let post = Post::new(Origin([1; 8]));
        let at = |minutes: u64| Tick(Duration::from_secs(minutes * 60));
        post.forgive(at(5));
        post.undated.set(true);
        for minutes in (6..=64).step_by(2) {
            post.forgive(at(minutes));
            assert!(post.undated.get(), "after {minutes} minutes");
        }
        post.forgive(at(65));
        assert!(!post.undated.get());
    }

    /// Goes red where a wish for a read message ends with the first attempt that fails.
    #[test]
    fn a_wish_that_fails_is_still_one() {
        let post = Post::new(Origin([1; 8]));
        post.want(item(1));
        post.want(item(2));
        let failed = &post.failed;
        failed
            .borrow_mut()
            .add(&[Uid(1)], "lost", Tick(Duration::ZERO));
        post.served(&post.wanted());
        assert_eq!(post.wanted(), [Uid(1)]);
    }

    /// Goes red when a pass takes back what was wished while it went on.
    #[test]
    fn what_is_wanted_during_a_pass_is_still_wanted_after_it() {
        let post = Post::new(Origin([1; 8]));
        post.want(item(1));
        let taken = post.wanted();
        post.want(item(2));
        post.served(&taken);
        assert_eq!(post.wanted(), [Uid(2)]);
        assert!(post.is_wanted(&item(2)) && !post.is_wanted(&item(1)));
        let other = Item {
            size: 11,
            ..item(2)
        };
        assert!(!post.is_wanted(&other), "it has the number only");
    }
}
