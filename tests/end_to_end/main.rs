//! From a real mail server to the portal, with the real binary, judged from outside: what lies in
//! the mailbox, what the portal holds, compared with what was put in.
//!
//! Each test has a mail server, a portal and a store of its own. What the portal does wrong on
//! request is `portal_faults`' business.
#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/wires.rs"]
mod wires;

mod altered;
mod apart;
mod attachments;
mod away;
mod compare;
mod conversations;
mod cyrus;
mod departed;
mod directory;
mod dovecot;
mod export;
mod held;
mod leave;
mod line;
mod log;
mod machines;
mod named;
mod notified;
mod pins;
mod places;
mod postfix;
mod proxy;
mod quota;
mod rules;
mod running;
mod sample;
mod sealed;
mod senders;
mod settings;
mod sign_in;
mod store;
mod storm;
mod torn;
