//! Folders: their names on the wire, and which one is the archive.

use async_imap::imap_proto::{MailboxDatum, NameAttribute, Response};

use super::verdict::{self, Code};
use super::{utf7, Imap};
use crate::mailbox::{Fault, Folder, Refusal, Wanted};

const DOING: &str = "looking for the archive folder";

/// A folder as LIST shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    name: String,
    separator: Option<char>,
    selectable: bool,
    archive: bool,
    all: bool,
}

/// `name`, given in Unicode, as a quoted string of modified UTF-7.
pub(super) fn quote(name: &str) -> String {
    // INBOX is the one name without case (RFC 3501 §5.1).
    if name.eq_ignore_ascii_case("INBOX") {
        return "INBOX".to_owned();
    }
    quoted(&utf7::encode(name))
}

/// A quoted string (RFC 3501 §9); `text` holds neither CR nor LF nor 8-bit octets.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Oddity: imap-proto 0.17 leaves the backslashes of quoted strings where they are.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => plain.extend(characters.next()),
            c => plain.push(c),
        }
    }
    plain
}

/// The server's name for what the operator calls `name`: `/` stands between levels. A name without
/// one is the server's own already. A level that holds the separator can't be on that server.
fn own_name(name: &str, separator: Option<char>) -> Result<String, Refusal> {
    match separator {
        Some(separator) if separator != '/' && name.contains('/') => {
            if name.contains(separator) {
                return Err(Refusal::FolderName {
                    folder: name.to_owned(),
                    separator,
                });
            }
            Ok(name.replace('/', &separator.to_string()))
        }
        _ => Ok(name.to_owned()),
    }
}

/// Where the folder with the server's name `own` may be on a server with this separator and personal
/// prefix, and the one to make where neither exists: prefixed, since elsewhere the user may not make
/// any.
fn candidates(own: String, separator: Option<char>, prefix: &str) -> Vec<String> {
    let begins = own.get(..prefix.len());
    if begins == Some(prefix) {
        vec![own]
    } else if begins.is_some_and(|b| is_inbox(prefix, separator) && b.eq_ignore_ascii_case(prefix))
    {
        // INBOX is the one name without case (RFC 3501 §5.1), also where others lie below it.
        vec![format!("{prefix}{}", own.get(prefix.len()..).unwrap_or(""))]
    } else {
        vec![format!("{prefix}{own}"), own]
    }
}

/// Whether a prefix is INBOX and its separator.
fn is_inbox(prefix: &str, separator: Option<char>) -> bool {
    let name = separator.map_or(prefix, |s| prefix.trim_end_matches(s));
    name.eq_ignore_ascii_case("INBOX")
}

/// Prefix and separator of the first personal namespace (RFC 2342 §5): `(("INBOX." ".")) NIL NIL`.
fn personal(line: &str) -> Option<(String, Option<char>)> {
    let mut strings = strings(line.split_once("((")?.1).into_iter();
    let prefix = utf7::decode(&strings.next()??);
    let separator = strings.next().flatten().and_then(|s| s.chars().next());
    Some((prefix, separator))
}

/// Quoted strings, and `None` for NIL, up to the next closing parenthesis.
pub(super) fn strings(inside: &str) -> Vec<Option<String>> {
    let mut strings = Vec::new();
    let mut text: Option<String> = None;
    let mut characters = inside.chars();
    while let Some(c) = characters.next() {
        match (&mut text, c) {
            (None, '"') => text = Some(String::new()),
            (None, ')') => break,
            // The only atom there may be, told by its first letter.
            (None, 'N' | 'n') => strings.push(None),
            (None, _) => {}
            (Some(_), '"') => strings.push(text.take()),
            (Some(t), '\\') => t.extend(characters.next()),
            (Some(t), c) => t.push(c),
        }
    }
    strings
}

impl Imap {
    pub(in crate::mailbox) async fn archive_folder(
        &mut self,
        wanted: &Wanted,
        make: bool,
    ) -> Result<Option<Folder>, Fault> {
        let name = match wanted {
            Wanted::Named(name) => name.as_str(),
            Wanted::BySpecialUse => {
                if let Some(name) = self.special_use().await? {
                    return self.not_watched(name, false).map(Some);
                }
                "Archive"
            }
        };
        let (prefix, separator) = self.namespace().await?;
        let own = own_name(name, separator).map_err(|why| Fault::Refused {
            doing: DOING.to_owned(),
            why,
        })?;
        let names = candidates(own, separator, &prefix);
        for name in &names {
            if self.exists(name).await? {
                return self.not_watched(name.clone(), false).map(Some);
            }
        }
        let Some(name) = names.into_iter().next().filter(|_| make) else {
            return Ok(None);
        };
        let folder = self.not_watched(name, true)?;
        self.make(&folder.name).await?;
        Ok(Some(folder))
    }

    /// Whether there is a folder of this name that can be opened.
    pub(super) async fn exists(&mut self, name: &str) -> Result<bool, Fault> {
        let shown = self.folders(&format!("LIST \"\" {}", quote(name))).await?;
        Ok(shown.iter().any(|s| s.selectable && same(&s.name, name)))
    }

    /// Makes a folder and subscribes to it, so that people's mail programs show it.
    pub(super) async fn make(&mut self, name: &str) -> Result<(), Fault> {
        let doing = format!("making the folder {name}");
        let made = self
            .ask(&doing, &format!("CREATE {}", quote(name)), |_| {})
            .await?;
        match made {
            Err(denial) if denial.code != Code::AlreadyExists => {
                return Err(verdict::command(&doing, denial));
            }
            _ => {}
        }
        let subscribed = self
            .ask(&doing, &format!("SUBSCRIBE {}", quote(name)), |_| {})
            .await?;
        if let Err(denial) = subscribed {
            log::warn!("the folder {name} could not be subscribed: {}", denial.said);
        }
        Ok(())
    }

    fn not_watched(&self, name: String, created: bool) -> Result<Folder, Fault> {
        let watched = self.state.opened.as_deref();
        if watched.is_some_and(|watched| same(watched, &name)) {
            return Err(Fault::Refused {
                doing: DOING.to_owned(),
                why: Refusal::ArchiveIsWatched { folder: name },
            });
        }
        Ok(Folder { name, created })
    }

    /// The folder with the attribute `\Archive`; Gmail's archive is `\All`.
    async fn special_use(&mut self) -> Result<Option<String>, Fault> {
        let command = if self.abilities.special_use {
            "LIST (SPECIAL-USE) \"\" \"*\""
        } else if self.abilities.gmail {
            "LIST \"\" \"*\""
        } else {
            return Ok(None);
        };
        let shown = self.folders(command).await?;
        let archive = shown.iter().find(|s| s.archive && s.selectable);
        let all = shown
            .iter()
            .find(|s| self.abilities.gmail && s.all && s.selectable);
        Ok(archive.or(all).map(|s| s.name.clone()))
    }

    async fn namespace(&mut self) -> Result<(String, Option<char>), Fault> {
        if self.abilities.namespace {
            // Offered and denied: LIST below tells the separator.
            let _ = self.ask(DOING, "NAMESPACE", |_| {}).await?;
            let line = self.wire.guard().take_namespace();
            if let Some(found) = line.as_deref().and_then(personal) {
                return Ok(found);
            }
        }
        // RFC 3501 §6.3.8: the empty name asks for the separator alone.
        let shown = self.folders("LIST \"\" \"\"").await?;
        let separator = shown.first().and_then(|s| s.separator);
        Ok((String::new(), separator))
    }

    async fn folders(&mut self, command: &str) -> Result<Vec<Shown>, Fault> {
        let mut shown = Vec::new();
        self.run(DOING, command, |answer| {
            let Response::MailboxData(MailboxDatum::List(list)) = answer else {
                return;
            };
            let has = |wanted: &NameAttribute<'_>| list.name_attributes.contains(wanted);
            let nowhere = list.name_attributes.iter().any(|a| {
                matches!(a, NameAttribute::Extension(e) if e.eq_ignore_ascii_case("\\NonExistent"))
            });
            shown.push(Shown {
                name: utf7::decode(&unescape(&list.name)),
                separator: list
                    .delimiter
                    .as_deref()
                    .and_then(|d| unescape(d).chars().next()),
                selectable: !nowhere && !has(&NameAttribute::NoSelect),
                archive: has(&NameAttribute::Archive),
                all: has(&NameAttribute::All),
            });
        })
        .await?;
        Ok(shown)
    }
}

/// Whether two names are one folder's.
fn same(one: &str, other: &str) -> bool {
    one == other || (one.eq_ignore_ascii_case("INBOX") && other.eq_ignore_ascii_case("INBOX"))
}

#[cfg(test)]
mod tests;
