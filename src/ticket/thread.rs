//! Conversations: which ticket a message answers, and who may write into it.
//!
//! A message tells of others by reply tokens ([`Token`]), by Message-IDs (In-Reply-To and References,
//! RFC 5322 §3.6.4), and by the portal's ticket tag in its subject. [`clues`] puts them in the order in which
//! they are believed; whoever has an index finds what each leads to ([`Led`]), and [`answers`] chooses.
//!
//! To be led to a ticket is not to be let in: its requester, whoever took part, and people of the requester's
//! company may write into it. Anybody else gets a ticket of their own, that points at the old one.
//!
//! Pure: what was found comes in as values.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::directory::Sender;
use super::key::Key;
use super::origin::Origin;
use super::requester::{Requester, Senders};
use super::token::{Token, TokenKey};
use crate::mail::{Address, Message};

/// Message-IDs of a message that are looked up, of each kind.
const IDS_MAX: usize = 8;
/// Tokens and tags likewise.
const SIGNS_MAX: usize = 4;
/// People that are kept of a message. Of a mail to more nobody knows who answers by right.
const PARTIES_MAX: usize = 24;
/// Characters of a portal's ticket id, by the contract.
const TICKET_MAX: usize = 128;
/// Where the id stands in a tag's pattern.
pub const TAG_PLACE: &str = "{ticket}";

/// A Message-ID, digested: the first 16 octets of SHA-256 of what stands between its brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub [u8; 16]);

impl MessageId {
    /// Of a Message-ID, with or without brackets; none of an empty one.
    pub fn of(id: &str) -> Option<Self> {
        let id = id.trim_matches(|c: char| c.is_whitespace() || c == '<' || c == '>');
        (!id.is_empty()).then(|| Self(digest(&[id])))
    }
}

/// Somebody who may write into a ticket: an address, a user or a company, digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Party(pub [u8; 8]);

impl Party {
    /// Whoever has this address.
    pub fn address(address: &str) -> Self {
        Self::folded(&Address::fold(address))
    }

    /// The same of an address that is in the form in which they are compared.
    fn folded(address: &str) -> Self {
        Self(digest(&["address", address]))
    }

    /// The user with this id.
    pub fn user(id: &str) -> Self {
        Self(digest(&["user", id]))
    }

    /// Everybody of the company with this id.
    pub fn company(id: &str) -> Self {
        Self(digest(&["company", id]))
    }
}

/// The first octets of SHA-256, of parts that can't run into each other.
fn digest<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut digest = [0; N];
    digest.copy_from_slice(&hash.finalize()[..N]);
    digest
}

/// What is kept of a message, so that answers to it are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Its Message-ID.
    pub id: Option<MessageId>,
    /// Who may write into its ticket on its account: its author, their user and company, and to whom else
    /// it went.
    pub parties: Vec<Party>,
}

impl Thread {
    /// Of a message that is the request of `requester`, whom the directory knows as `user` of `company`. The
    /// desk's own addresses take no part, nor does whoever reports of other mail.
    pub fn of(
        message: &Message,
        requester: Option<&Address>,
        user: Option<&str>,
        company: Option<&str>,
        senders: &Senders,
    ) -> Self {
        let authors = message
            .from
            .iter()
            .chain(&message.sender)
            .chain(&message.reply_to);
        let authors = authors
            .chain(requester)
            .filter(|_| message.report.is_none());
        let addresses = authors
            .chain(message.to.iter().chain(&message.cc))
            .map(Address::folded)
            .filter(|address| address.contains('@') && !senders.is_own(address))
            .map(|address| Party::folded(&address));
        let known = user
            .map(Party::user)
            .into_iter()
            .chain(company.map(Party::company));
        let mut parties = Vec::new();
        for party in known.chain(addresses) {
            if parties.len() < PARTIES_MAX && !parties.contains(&party) {
                parties.push(party);
            }
        }
        Self {
            id: message.message_id.as_deref().and_then(MessageId::of),
            parties,
        }
    }
}

/// By what a message tells of its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// One of our reply tokens.
    Token,
    /// In-Reply-To.
    InReplyTo,
    /// References.
    References,
    /// The portal's tag in the subject.
    Tag,
    /// The message that it reports of.
    Report,
}

impl Way {
    /// As people know it.
    pub fn word(self) -> &'static str {
        match self {
            Way::Token => "a reply token",
            Way::InReplyTo => "In-Reply-To",
            Way::References => "References",
            Way::Tag => "the ticket tag in its subject",
            Way::Report => "the message that it reports of",
        }
    }
}

/// What a message says of its ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The ticket whose key begins so.
    Key([u8; 10]),
    /// The ticket of the message with this Message-ID.
    Message(MessageId),
    /// The ticket that the portal calls so.
    Ticket(String),
}

impl Sign {
    /// The Message-ID that it says.
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Sign::Message(id) => Some(*id),
            Sign::Key(_) | Sign::Ticket(_) => None,
        }
    }
}

/// A sign, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clue {
    /// Where it stands.
    pub way: Way,
    /// What it says.
    pub sign: Sign,
}

/// By what clues are read.
#[derive(Clone, Default)]
pub struct Signs {
    /// The keys whose tokens are ours.
    pub keys: Vec<TokenKey>,
    /// The portal's tag, around `{ticket}`.
    pub tag: Option<(String, String)>,
}

impl Signs {
    /// With the tag's pattern as it is set; none of a pattern that has no place for the ticket.
    pub fn new(keys: Vec<TokenKey>, tag: Option<&str>) -> Self {
        let tag = tag.and_then(|tag| tag.split_once(TAG_PLACE));
        Self {
            keys,
            tag: tag.map(|(before, behind)| (before.to_lowercase(), behind.to_lowercase())),
        }
    }
}

/// What a message tells of its ticket, in the order in which it is believed; the newest reference first.
pub fn clues(message: &Message, signs: &Signs) -> Vec<Clue> {
    let subject = message.subject.as_deref().unwrap_or_default();
    let mut clues: Vec<Clue> = tokens(message, signs)
        .map(|token| Clue {
            way: Way::Token,
            sign: Sign::Key(token.key),
        })
        .collect();
    let of_ids = |way, ids: &mut dyn Iterator<Item = &String>| -> Vec<Clue> {
        let ids = ids.take(IDS_MAX).filter_map(|id| MessageId::of(id));
        ids.map(|id| Clue {
            way,
            sign: Sign::Message(id),
        })
        .collect()
    };
    clues.extend(of_ids(Way::InReplyTo, &mut message.in_reply_to.iter()));
    clues.extend(of_ids(
        Way::References,
        &mut message.references.iter().rev(),
    ));
    clues.extend(of_ids(Way::Report, &mut reported(message).into_iter()));
    let tickets = signs.tag.iter().flat_map(|tag| tagged(subject, tag));
    clues.extend(tickets.take(SIGNS_MAX).map(|ticket| Clue {
        way: Way::Tag,
        sign: Sign::Ticket(ticket),
    }));
    let mut seen: Vec<Sign> = Vec::new();
    clues.retain(|clue| {
        let new = !seen.contains(&clue.sign);
        seen.push(clue.sign.clone());
        new
    });
    clues
}

/// The Message-ID of the message that this one reports of.
fn reported(message: &Message) -> Option<&String> {
    message.report.as_ref()?.original.as_ref()
}

/// Tokens of ours, wherever an answer or a report brings them back.
fn tokens<'a>(message: &'a Message, signs: &'a Signs) -> impl Iterator<Item = Token> + 'a {
    let ids = message
        .in_reply_to
        .iter()
        .chain(message.references.iter().rev());
    let ids = ids
        .take(2 * IDS_MAX)
        .chain(reported(message))
        .map(String::as_str);
    let to = message
        .to
        .iter()
        .chain(&message.cc)
        .map(|a| a.address.as_str());
    let texts = ids
        .chain(to.take(PARTIES_MAX))
        .chain(message.subject.as_deref());
    let is_ours = |token: &Token| signs.keys.iter().any(|key| key.made(token));
    texts.flat_map(Token::find).filter(is_ours).take(SIGNS_MAX)
}

/// The tokens of ours that a message has, the Message-IDs that it answers, and the tickets that its subject
/// names: as they are written, for whoever knows more than these digests.
pub fn written(message: &Message, signs: &Signs) -> (Vec<String>, Vec<String>, Vec<String>) {
    let tokens = tokens(message, signs).map(|token| token.to_string());
    let ids = message.in_reply_to.iter().take(IDS_MAX);
    let ids = ids.chain(message.references.iter().rev().take(IDS_MAX));
    let ids = reported(message).into_iter().chain(ids);
    let mut written: Vec<String> = Vec::new();
    for id in ids.filter(|id| !id.is_empty()) {
        if !written.contains(id) {
            written.push(id.clone());
        }
    }
    written.truncate(IDS_MAX);
    let subject = message.subject.as_deref().unwrap_or_default();
    let tickets = signs.tag.iter().flat_map(|tag| tagged(subject, tag));
    (tokens.collect(), written, tickets.take(SIGNS_MAX).collect())
}

/// What stands in the place of the ticket wherever the tag is in a subject.
fn tagged(subject: &str, (before, behind): &(String, String)) -> Vec<String> {
    // Lower case may have other lengths: what is found is cut from the same text.
    let subject = subject.to_lowercase();
    if before.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, _) in subject.match_indices(before.as_str()).take(SIGNS_MAX) {
        let rest = &subject[at + before.len()..];
        let end = match behind.as_str() {
            "" => rest
                .find(|c: char| !c.is_alphanumeric() && c != '-')
                .unwrap_or(rest.len()),
            behind => match rest.find(behind) {
                Some(end) => end,
                None => continue,
            },
        };
        let ticket = &rest[..end];
        let is_id = !ticket.is_empty()
            && ticket.chars().count() <= TICKET_MAX
            && !ticket.contains(char::is_whitespace);
        if is_id {
            found.push(ticket.to_owned());
        }
    }
    found
}

/// A ticket that a clue led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Led {
    /// The delivery key of the message that the ticket began with.
    pub root: Key,
    /// The lane in which its messages keep their order.
    pub lane: u32,
    /// Who may write into it, by what is known of the message that was found and of the first one.
    pub parties: Vec<Party>,
}

/// The ticket that a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The delivery key of the message that the ticket began with.
    pub root: Key,
    /// By what it is known.
    pub way: Way,
    /// Whether the message goes into that ticket; else it becomes one of its own, that points there.
    pub append: bool,
}

/// How a message stands to what is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Belongs {
    /// The ticket that it belongs to.
    pub about: Option<About>,
    /// Its own Message-ID has one of our tokens: the portal sent it.
    pub ours: bool,
}

/// Whether it bears a reply token of ours, or the portal's tag: a sign of a ticket, known here or not.
pub fn bears_sign(message: &Message, signs: &Signs) -> bool {
    let subject = message.subject.as_deref().unwrap_or_default();
    let tagged = |tag| !tagged(subject, tag).is_empty();
    tokens(message, signs).next().is_some() || signs.tag.as_ref().is_some_and(tagged)
}

/// Whether the portal sent it: the mark by which a loop is known.
pub fn is_ours(message: &Message, signs: &Signs) -> bool {
    let id = message.message_id.as_deref().unwrap_or_default();
    Token::find(id).any(|token| signs.keys.iter().any(|key| key.made(&token)))
}

/// Who writes, as far as it counts for where they may.
pub struct Writer {
    proofs: Vec<Party>,
    anywhere: bool,
    nowhere: bool,
}

impl Writer {
    /// Whoever wrote a message, and whose request it is: a technician of the portal's may write into each
    /// ticket; nobody may whose address may be forged.
    pub fn new(author: Option<&Address>, sender: &Sender, origin: &Origin) -> Self {
        let author = author.map(Address::folded);
        let author = author.filter(|address| address.contains('@'));
        let mut writer = Self {
            proofs: author.iter().map(|a| Party::folded(a)).collect(),
            anywhere: origin.technician.is_some(),
            nowhere: origin.may_be_forged(),
        };
        if let Sender::Known {
            user,
            company,
            technician,
        } = sender
        {
            writer.proofs.push(Party::user(user));
            writer.proofs.extend(company.as_deref().map(Party::company));
            writer.anywhere |= technician;
        }
        writer
    }

    /// Whether they may write into a ticket in which these take part.
    pub fn may_write(&self, parties: impl IntoIterator<Item = Party>) -> bool {
        let mut parties = parties.into_iter();
        !self.nowhere && (self.anywhere || parties.any(|party| self.proofs.contains(&party)))
    }
}

/// The ticket that a message answers, by what each of its clues led to, and the lane of that ticket. The first
/// that led anywhere counts; who may write is told by all that led to the same.
pub fn answers(
    message: &Message,
    requester: &Requester,
    led: &[(Clue, Option<Led>)],
) -> Option<(About, u32)> {
    let mut found = led
        .iter()
        .filter_map(|(clue, led)| Some((clue, led.as_ref()?)));
    let (clue, first) = found.next()?;
    let of_it = led.iter().filter_map(|(_, led)| led.as_ref());
    let of_it = of_it.filter(|led| led.root == first.root);
    let writer = Writer::new(message.author(), &requester.sender, &requester.origin);
    let about = About {
        root: first.root,
        way: clue.way,
        append: writer.may_write(of_it.flat_map(|led| led.parties.iter().copied())),
    };
    Some((about, first.lane))
}

#[cfg(test)]
mod tests;
