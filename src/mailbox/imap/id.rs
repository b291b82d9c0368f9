//! Who serves and who asks (RFC 2971): said once after sign-in, where the server offers it.
//!
//! We give name and version, and nothing that tells of the site. Its answer is for people, who see it
//! in Test Connection; nothing is decided by it, and whatever it is, the session goes on.

use super::folders::{quoted, strings};
use super::{verdict, Imap};
use crate::mailbox::Fault;

pub(super) const DOING: &str = "telling the server who asks";
/// Longer names help nobody.
const NAME_MAX: usize = 80;

impl Imap {
    /// Tells name and version, and takes note of the server's.
    pub(super) async fn introduce(&mut self) -> Result<(), Fault> {
        if !self.abilities.id {
            return Ok(());
        }
        let version = quoted(env!("CARGO_PKG_VERSION"));
        let command = format!("ID (\"name\" \"postern\" \"version\" {version})");
        // Denied although offered: it was a courtesy.
        let _ = self.ask(DOING, &command, |_| {}).await?;
        let line = self.wire.guard().take_id();
        self.vendor = line.as_deref().and_then(vendor);
        Ok(())
    }
}

/// Name and version in an ID answer: `* ID ("name" "Dovecot" "version" NIL)`.
fn vendor(line: &str) -> Option<String> {
    let inside = line.split_once('(')?.1;
    let fields = strings(inside);
    let field = |wanted: &str| {
        let mut pairs = fields.chunks_exact(2);
        let value = pairs.find_map(|pair| match pair {
            [Some(name), Some(value)] if name.eq_ignore_ascii_case(wanted) => Some(value),
            _ => None,
        })?;
        let clean = verdict::cut(value.trim());
        let short: String = clean.chars().take(NAME_MAX).collect();
        (!short.is_empty()).then_some(short)
    };
    match (field("name").or_else(|| field("vendor")), field("version")) {
        (Some(name), Some(version)) => Some(format!("{name} {version}")),
        (name, version) => name.or(version),
    }
}

#[cfg(test)]
mod tests;
