//! What only a Dovecot can play; everything else of these tests runs on any server.
//!
//! - `sessions`: a limit of sessions for an account, counted from its log and process ids.
//! - `files`: damage and renumbering, done by hand in its files.

mod files;
mod sessions;
