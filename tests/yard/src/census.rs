//! The outside count: what lies in the mailbox, what the portal holds, what was put in.
//!
//! It believes neither the appliance nor its store, and asks them nothing. Mails are matched by
//! Message-ID, which the yard makes unique. [`compare`] is pure, and is tested with planted
//! losses and doubles: a judge that can't find fault proves nothing.
//!
//! One thing only a person can know: that a mail was to get no ticket. Where somebody has worked
//! with what was held, [`Worked`] takes the operator's word for it, by delivery key, and the count
//! makes those keys itself from the octets that lie on the server.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use serde::Serialize;

use crate::fill::{hex, Expected, Manifest};
use crate::imap::{quoted, Imap};
use crate::{Failure, Outcome, While};

#[cfg(test)]
mod tests;

/// One message as the mail server shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lying {
    /// Folder that it lies in.
    pub folder: String,
    /// Whether it has \Seen.
    pub seen: bool,
    /// Message-ID without angle brackets; empty when there is none.
    pub message_id: String,
    /// Its field X-Yard-Id.
    pub yard_id: String,
    /// SHA-256 of its octets; empty when bodies were not read.
    pub sha256: String,
    /// Its delivery key, made from its octets; empty when bodies were not read.
    pub key: String,
}

/// What people did with mail that no ticket was made of by itself.
#[derive(Debug, Default)]
pub struct Worked {
    /// Beginnings of the keys of what was dismissed, or ignored with a reason.
    aside: BTreeSet<String>,
}

impl Worked {
    /// Reads the document of `postern held list --aside --json`.
    pub fn read(text: &str) -> Outcome<Worked> {
        let document: serde_json::Value =
            serde_json::from_str(text).during("parsing what was set aside")?;
        let lines = document["items"].as_array();
        let lines = lines.ok_or_else(|| Failure::new("what was set aside is no list"))?;
        let aside = lines
            .iter()
            .filter(|line| line["stage"] == "dismissed" || line["stage"] == "ignored")
            .filter_map(|line| line["key"].as_str())
            .filter(|key| key.len() >= KEY_DIGITS)
            .map(str::to_owned);
        Ok(Worked {
            aside: aside.collect(),
        })
    }

    fn set_aside(&self, mail: &Lying) -> bool {
        mail.key
            .get(..KEY_DIGITS)
            .is_some_and(|key| self.aside.iter().any(|a| a.starts_with(key)))
    }
}

/// Digits of a key as lists show it.
const KEY_DIGITS: usize = 12;

/// The delivery key of a message in the mailbox with this identity, by its definition.
pub fn key(identity: &str, octets: &[u8]) -> String {
    let identity = identity.trim().to_lowercase();
    let length = (identity.len() as u64).to_be_bytes();
    let domain = b"postern key 1 message\0";
    hex(&[domain, &length[..], identity.as_bytes(), octets].concat())
}

/// The count. Lists hold Message-IDs, at most [`LISTED`] of each; the numbers are whole.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Census {
    /// Different mails known from the manifest or seen on the server.
    pub found: usize,
    /// Of these, how many the portal has.
    pub at_portal: usize,
    /// Of these, how many lie outside the inbox.
    pub archived: usize,
    /// Unread in the inbox.
    pub inbox_unread: usize,
    /// Read in the inbox.
    pub inbox_read: usize,
    /// Unread in the inbox and not at the portal: held, left alone, or still to come.
    pub waiting: usize,
    /// In the inbox though the portal has it: still to be archived.
    pub not_yet_archived: usize,
    /// Neither on the server nor at the portal.
    pub lost: usize,
    /// More than once at the portal.
    pub doubled: usize,
    /// Outside the inbox without a ticket, on somebody's word, or since no person wrote it.
    pub set_aside: usize,
    /// Outside the inbox, and not at the portal.
    pub archived_not_at_portal: usize,
    /// Read in the inbox, and not at the portal: nobody will look at it again.
    pub read_not_at_portal: usize,
    /// At the portal, and nowhere on the server any more.
    pub gone_from_server: usize,
    /// More than one copy on the server.
    pub copied: usize,
    /// On the server with other octets than were put in.
    pub altered: usize,
    /// Tickets whose mail nobody knows.
    pub tickets_without_mail: usize,
    /// No loss, no double, nothing archived that the portal lacks, nothing altered.
    pub sound: bool,
    /// Sound, and in the inbox is only what the manifest expects to stay there.
    pub complete: bool,
    /// Message-IDs behind each number that is a problem.
    pub problems: BTreeMap<String, Vec<String>>,
}

/// Most ids that are listed for one kind of problem.
pub const LISTED: usize = 50;

/// Compares what was put in, what lies on the server and what the portal has; where people have
/// worked with what was held, also with what they did.
pub fn compare(
    manifest: &Manifest,
    server: &[Lying],
    portal: &[String],
    worked: Option<&Worked>,
) -> Census {
    let mut places: BTreeMap<&str, Vec<&Lying>> = BTreeMap::new();
    for mail in server {
        places.entry(&mail.message_id).or_default().push(mail);
    }
    let mut tickets: BTreeMap<&str, usize> = BTreeMap::new();
    for id in portal {
        *tickets.entry(id).or_insert(0) += 1;
    }
    let put_in: BTreeMap<&str, &crate::fill::Entry> = manifest
        .mails
        .iter()
        .map(|m| (m.message_id.as_str(), m))
        .collect();
    let mut known: BTreeSet<&str> = put_in.keys().copied().collect();
    known.extend(places.keys());

    let mut census = Census {
        found: known.len(),
        ..Census::default()
    };
    let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut problem = |kind: &str, id: &str| {
        let ids = problems.entry(kind.to_string()).or_default();
        if ids.len() < LISTED {
            ids.push(id.to_string());
        }
        1
    };
    let mut astray = 0;
    for id in known {
        let here = places.get(id).map(Vec::as_slice).unwrap_or_default();
        let count = tickets.get(id).copied().unwrap_or(0);
        let told = count > 0;
        let inbox = here.iter().any(|m| is_inbox(&m.folder));
        let unread = here.iter().any(|m| is_inbox(&m.folder) && !m.seen);
        let archived = here.iter().any(|m| !is_inbox(&m.folder));
        census.at_portal += usize::from(told);
        census.archived += usize::from(archived);
        census.inbox_unread += usize::from(unread);
        census.inbox_read += usize::from(inbox && !unread);
        census.waiting += usize::from(unread && !told);
        census.not_yet_archived += usize::from(inbox && told);
        if here.is_empty() {
            match told {
                true => census.gone_from_server += problem("gone_from_server", id),
                false => census.lost += problem("lost", id),
            }
        }
        if count > 1 {
            census.doubled += problem("doubled", id);
        }
        let expected = put_in.get(id).map(|mail| mail.expected);
        let ignored = expected == Some(Expected::Ignored) && archived;
        let on_a_word = || worked.is_some_and(|w| here.iter().any(|m| w.set_aside(m)));
        let aside = !told && !inbox && (ignored || on_a_word());
        census.set_aside += usize::from(aside);
        if archived && !told && !aside {
            census.archived_not_at_portal += problem("archived_not_at_portal", id);
        }
        if inbox && !unread && !told {
            census.read_not_at_portal += problem("read_not_at_portal", id);
        }
        if here.len() > 1 {
            census.copied += problem("copied", id);
        }
        let put = put_in.get(id);
        let differs =
            |m: &&Lying| !m.sha256.is_empty() && put.is_some_and(|e| e.sha256 != m.sha256);
        if here.iter().any(differs) {
            census.altered += problem("altered", id);
        }
        let stays = matches!(expected, Some(Expected::HeldUnknown | Expected::LeftOld));
        // A ticket's mail has left the inbox; what stays lies there unread. What was held may have
        // become a ticket on somebody's word.
        let stays = stays && !(told && worked.is_some());
        let unasked = told && expected == Some(Expected::Ignored) && worked.is_none();
        if !aside && (unasked || told == stays || inbox == told) {
            astray += problem("unexpected", id);
        }
    }
    for id in tickets.keys() {
        if !put_in.contains_key(id) && !places.contains_key(id) {
            census.tickets_without_mail += problem("tickets_without_mail", id);
        }
    }
    census.sound = census.lost + census.doubled + census.archived_not_at_portal == 0
        && census.read_not_at_portal + census.altered + census.copied == 0
        && census.gone_from_server + census.tickets_without_mail == 0;
    census.complete = census.sound && astray == 0;
    census.problems = problems;
    census
}

fn is_inbox(folder: &str) -> bool {
    folder.eq_ignore_ascii_case("INBOX")
}

/// Reads every folder, or those named, of the mailbox with this identity; without bodies it is
/// faster.
pub fn look(
    imap: &mut Imap,
    folders: &[String],
    bodies: bool,
    identity: &str,
) -> Outcome<Vec<Lying>> {
    let folders = match folders.is_empty() {
        true => all_folders(imap)?,
        false => folders.to_vec(),
    };
    let mut lying = Vec::new();
    for folder in folders {
        imap.command(&format!("EXAMINE {}", quoted(&folder)))?;
        let what = match bodies {
            true => "BODY.PEEK[]",
            false => "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID X-YARD-ID)]",
        };
        // By UIDs: of a folder in which nothing lies no server denies them all.
        let tag = imap.queue(&format!("UID FETCH 1:* (FLAGS {what})"));
        imap.flush()?;
        imap.until(&tag, |answer| {
            let Some(octets) = answer.literal() else {
                return Ok(());
            };
            let end = memchr::memmem::find(octets, b"\r\n\r\n").unwrap_or(octets.len());
            lying.push(Lying {
                folder: folder.clone(),
                seen: [answer.head(), answer.tail()]
                    .iter()
                    .any(|t| memchr::memmem::find(t, b"\\Seen").is_some()),
                message_id: field(&octets[..end], "message-id")
                    .trim_matches(['<', '>'])
                    .into(),
                yard_id: field(&octets[..end], "x-yard-id"),
                sha256: if bodies { hex(octets) } else { String::new() },
                key: if bodies {
                    key(identity, octets)
                } else {
                    String::new()
                },
            });
            Ok(())
        })?;
    }
    Ok(lying)
}

fn all_folders(imap: &mut Imap) -> Outcome<Vec<String>> {
    let lines = imap.command("LIST \"\" \"*\"")?;
    Ok(lines
        .iter()
        .filter(|l| l.starts_with("* LIST") && !l.contains("\\Noselect"))
        .filter_map(|l| {
            // * LIST (flags) "/" name
            let rest = l.split_once(") ")?.1;
            let name = rest.split_once(' ')?.1;
            Some(name.trim_matches('"').to_string())
        })
        .collect())
}

/// A field's value in a header section, unfolded.
fn field(head: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(head)
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    text.lines()
        .find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_string())
        })
        .unwrap_or_default()
}

/// Message-IDs of all tickets and replies that the stand-in portal at HOST:PORT lists.
pub fn portal_ids(address: &str) -> Outcome<Vec<String>> {
    let body = http_get(address, "/_admin/tickets")?;
    let tickets: serde_json::Value =
        serde_json::from_slice(&body).during("parsing the portal's list")?;
    let list = tickets.as_array().or_else(|| tickets["tickets"].as_array());
    let list = list.ok_or_else(|| Failure::new("the portal's list is no list"))?;
    let mut ids = Vec::new();
    for ticket in list {
        ids.push(id_of(ticket));
        for reply in ticket["replies"].as_array().into_iter().flatten() {
            if reply.is_object() {
                ids.push(id_of(reply));
            }
        }
    }
    Ok(ids)
}

fn id_of(ticket: &serde_json::Value) -> String {
    ticket["message_id"]
        .as_str()
        .unwrap_or_default()
        .trim_matches(['<', '>'])
        .to_string()
}

/// One GET on a connection of its own.
fn http_get(address: &str, path: &str) -> Outcome<Vec<u8>> {
    let address = address.trim_start_matches("http://");
    let address = address.split('/').next().unwrap_or(address);
    let doing = format!("asking {address}{path}");
    let mut tcp = TcpStream::connect(address).during(&doing)?;
    let ask = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    tcp.write_all(ask.as_bytes()).during(&doing)?;
    let mut all = Vec::new();
    tcp.read_to_end(&mut all).during(&doing)?;
    let end = memchr::memmem::find(&all, b"\r\n\r\n")
        .ok_or_else(|| Failure::new(format!("{doing}: no HTTP answer")))?;
    let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(Failure::new(format!(
            "{doing}: {}",
            head.lines().next().unwrap_or_default()
        )));
    }
    let body = &all[end + 4..];
    match head.contains("transfer-encoding: chunked") {
        true => Ok(unchunked(body)),
        false => Ok(body.to_vec()),
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = memchr::memmem::find(body, b"\r\n") {
        let size = String::from_utf8_lossy(&body[..end]);
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16);
        let Ok(size) = size else { break };
        if size == 0 {
            break;
        }
        let from = end + 2;
        out.extend_from_slice(body.get(from..from + size).unwrap_or_default());
        body = body.get(from + size + 2..).unwrap_or_default();
    }
    out
}
