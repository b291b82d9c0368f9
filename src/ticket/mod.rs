//! Tickets: what becomes of a message, and what the portal will be told of it.
//!
//! 1. [`KeyHasher`] makes the delivery [`Key`] from the mailbox's identity and the raw octets.
//! 2. [`claims()`] says whose request a message could be; the directory's answer about each is a [`Sender`], and
//!    [`Requester::of`] chooses among them, with the [`Origin`] that says how.
//! 3. What a message tells of the ticket that it answers are [`clues()`]; where they lead, and whose request it is,
//!    says [`answers()`]. A [`Token`] in it was ours before.
//! 4. [`decide()`] says ticket, held or ignored, with a [`Reason`] for the latter two; [`explain()`] says
//!    which questions were asked, and [`differing()`] which of them two rules answer otherwise.
//! 5. The operator's own rules, a [`Ruleset`], are asked behind that, of what would become a new ticket; and of what
//!    still would be one by [`Storms`], which counts what came before.
//! 6. [`compose()`] makes the [`Ticket`], once, from what was decided: the same input gives the
//!    same octets for ever. [`sources()`] says where its attachments lie; which of the message's files go along,
//!    say [`Limits`].
//!
//! This room is pure, and knows nothing of how a portal is spoken to or where tickets wait.

pub mod compose;
pub mod decision;
pub mod differ;
pub mod directory;
pub mod key;
pub mod limits;
pub mod origin;
pub mod reason;
pub mod requester;
pub mod rule;
pub mod storm;
pub mod thread;
pub mod token;

pub use compose::{
    compose, sources, Facts, File, LeftOut, Person, RawOriginal, Receipt, Source, Storm, Ticket,
};
pub use decision::{decide, explain, Because, Decision, Handling, Known, Rules};
pub use differ::differing;
pub use directory::{Company, Sender, User};
pub use key::{Key, KeyHasher};
pub use limits::{Limits, Omission, Why};
pub use origin::{By, Origin};
pub use reason::Reason;
pub use requester::{claims, Claim, Domains, Requester, Senders, Unproven};
pub use rule::{Letter, Marks, Rule, Ruleset};
pub use storm::{Alike, Groups, Guard, Met, Storms, Surge};
pub use thread::{
    answers, bears_sign, clues, is_ours, written, About, Belongs, Clue, Led, MessageId, Party,
    Sign, Signs, Thread, Way, Writer,
};
pub use token::{Seal, Token, TokenKey};
