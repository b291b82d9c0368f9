//! Whose request a message is.
//!
//! 1. [`claims()`] says who it could be by what the message says of itself and the settings make of that, in
//!    the order in which they are asked about; each in the forms that the directory is asked for.
//! 2. The directory's answers, one for each form, go into [`Requester::of`], which chooses.
//!
//! The order: From (of several the one who sent it, then the others; the first whom the directory knows); what
//! a trusted list says of the author instead; Reply-To, by setting and where the author is unknown; and where
//! the author is a technician, by setting, the first whom the technician forwards and who is no technician.
//!
//! Everything beside From is anybody's word. So it counts only by setting, only as far as the setting names
//! whose word it is (lists by name, technicians by the directory), and never where the operator's own mail
//! server found that From's domain does not stand behind the message. The company by a domain likewise.

use serde::{Deserialize, Serialize};

use super::decision::Because;
use super::directory::{domain_form, Sender};
use super::origin::{By, Origin};
use crate::mail::authentication::{believed, verdict, Finding};
use crate::mail::{Address, Message};

/// Authors and forwarded messages that are asked about.
const ASKED_MAX: usize = 8;
/// Recipients that are found to be ours.
const OWN_MAX: usize = 64;

/// What a sender's domain is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domains {
    /// Nothing.
    Ignore,
    /// The company of a ticket that an unknown sender's message becomes.
    #[default]
    Company,
    /// The same, and such a message becomes a ticket whatever becomes of other unknown senders'.
    Known,
}

/// What becomes of a known user's message that fails DMARC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unproven {
    /// Its ticket says so.
    #[default]
    Mark,
    /// It is held.
    Hold,
}

/// The settings that say how the requester is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Senders {
    /// The addresses of our mailboxes in the form in which they are compared; first the one that the message
    /// came by.
    pub own: Vec<String>,
    /// Reply-To is asked about where the author is unknown.
    pub reply_to: bool,
    /// What stands behind a plus is no part of an address.
    pub ignore_plus: bool,
    /// What a sender's domain is good for.
    pub company_by_domain: Domains,
    /// Of what a technician forwards the author is the requester.
    pub forwards: bool,
    /// Lists and groups that are believed about who wrote what they hand on: addresses, or domains.
    pub lists: Vec<String>,
    /// The name by which our own mail server says what it found out.
    pub authentication_server: Option<String>,
    /// What becomes of a known user's message that fails DMARC there.
    pub failed_dmarc: Unproven,
}

impl Senders {
    /// The forms of an address that the directory is asked for: as it is, and what it is without its plus.
    pub fn forms(&self, folded: &str) -> Vec<String> {
        let mut forms = vec![folded.to_owned()];
        if self.ignore_plus {
            let plain = Address::without_plus(folded);
            if plain != folded {
                forms.push(plain);
            }
        }
        forms
    }

    /// Whether an address, in the form in which they are compared, is a mailbox of ours; behind a plus there may be
    /// a reply token, whatever plus parts are elsewhere.
    pub(super) fn is_own(&self, folded: &str) -> bool {
        let is = |address: &str| self.own.iter().any(|own| own == address);
        is(folded) || folded.contains('+') && is(&Address::without_plus(folded))
    }

    pub(super) fn trusts_list(&self, from: &str) -> bool {
        let domain = domain_form(from).unwrap_or_default();
        let mut lists = self.lists.iter();
        lists.any(|list| match list.contains('@') {
            true => list == from,
            false => *list == domain,
        })
    }
}

/// Somebody whose request it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// By which way.
    pub by: By,
    /// Who.
    pub author: Address,
    /// What the directory is asked for.
    pub forms: Vec<String>,
}

/// Everybody whose request it could be. Never empty: where there is nobody, nobody is asked about, which
/// tells whether the directory can tell.
pub fn claims(message: &Message, senders: &Senders) -> Vec<Claim> {
    let mut claims = Vec::with_capacity(1);
    let mut claim = |by, author: &Address| {
        claims.push(Claim {
            by,
            author: author.clone(),
            forms: senders.forms(&author.folded()),
        });
    };
    let sent_by = message.sender.as_ref().map(Address::folded);
    if message.from.len() > 1 {
        // Of several authors the Sender is the one who sent it (RFC 5322 §3.6.2).
        let (sent, others): (Vec<_>, Vec<_>) = message
            .from
            .iter()
            .take(ASKED_MAX)
            .partition(|author| Some(author.folded()) == sent_by);
        sent.into_iter()
            .take(1)
            .chain(others)
            .for_each(|author| claim(By::From, author));
    } else if let [author] = message.from.as_slice() {
        claim(By::From, author);
    } else {
        let nobody = Address {
            name: None,
            address: String::new(),
        };
        claim(By::Sender, message.sender.as_ref().unwrap_or(&nobody));
    }
    if let (Some(rewritten), [from]) = (&message.rewritten, message.from.as_slice()) {
        if senders.trusts_list(&from.folded()) {
            claim(By::List, &rewritten.author);
        }
    }
    if let (true, [one]) = (senders.reply_to, message.reply_to.as_slice()) {
        claim(By::ReplyTo, one);
    }
    if senders.forwards {
        let told = message.forwarded.iter().take(ASKED_MAX);
        told.for_each(|forwarded| claim(By::Forward, &forwarded.author));
    }
    claims
}

/// Whose request a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// What the directory says.
    pub sender: Sender,
    /// How that was found, and what was trusted: kept with the decision.
    pub origin: Origin,
    /// The questions that were asked on the way.
    pub because: Vec<Because>,
}

impl Requester {
    /// Chooses among the claims by the answers to their forms, in the same order.
    pub fn of(
        message: &Message,
        senders: &Senders,
        claims: Vec<Claim>,
        answers: Vec<Sender>,
    ) -> Self {
        let mut answers = answers.into_iter();
        let answered = claims.into_iter().map(|claim| {
            let all: Vec<Sender> = answers.by_ref().take(claim.forms.len()).collect();
            let known = all.iter().position(|s| matches!(s, Sender::Known { .. }));
            let sender = all.into_iter().nth(known.unwrap_or(0));
            (claim, sender.unwrap_or(Sender::DirectoryNotRead))
        });
        Choice::among(message, senders, answered.collect()).requester
    }

    /// The author of the message, as the directory answers.
    #[cfg(test)]
    pub(crate) fn plain(sender: &Sender) -> Self {
        Self {
            sender: sender.clone(),
            origin: Origin::default(),
            because: Vec::new(),
        }
    }

    /// The address that is shown in lists, and looked at again while the message is held.
    pub fn address<'a>(&'a self, message: &'a Message) -> Option<&'a Address> {
        self.origin.requester.as_ref().or(message.author())
    }
}

/// A choice that is being made.
struct Choice<'a> {
    message: &'a Message,
    senders: &'a Senders,
    claims: Vec<(Claim, Sender)>,
    requester: Requester,
}

impl<'a> Choice<'a> {
    fn among(message: &'a Message, senders: &'a Senders, claims: Vec<(Claim, Sender)>) -> Self {
        let not_read = |(_, sender): &(Claim, Sender)| *sender == Sender::DirectoryNotRead;
        let unread = claims.is_empty() || claims.iter().any(not_read);
        let mut choice = Choice {
            message,
            senders,
            claims,
            requester: Requester {
                sender: Sender::DirectoryNotRead,
                origin: Origin::default(),
                because: Vec::new(),
            },
        };
        choice.own();
        let author = choice.author();
        let failed = choice.authenticated(author);
        let mut chosen = author;
        if !failed {
            chosen = choice.list(chosen);
            chosen = choice.reply_to(chosen);
            chosen = choice.technician(chosen);
        }
        choice.choose(chosen, failed);
        if unread {
            choice.requester.sender = Sender::DirectoryNotRead;
        }
        choice
    }

    fn by(&self, by: By) -> impl Iterator<Item = (usize, &(Claim, Sender))> {
        let all = self.claims.iter().enumerate();
        all.filter(move |(_, (claim, _))| claim.by == by)
    }

    fn knows(&self, at: usize) -> bool {
        matches!(self.claims.get(at), Some((_, Sender::Known { .. })))
    }

    /// Which recipients are ours.
    fn own(&mut self) {
        let here = self.senders.own.first();
        let all = self.message.to.iter().chain(&self.message.cc);
        for recipient in all {
            let folded = recipient.folded();
            let own = &mut self.requester.origin.own;
            if own.len() < OWN_MAX
                && Some(&folded) != here
                && !own.contains(&folded)
                && self.senders.is_own(&folded)
            {
                own.push(folded);
            }
        }
    }

    /// Of several authors the first who is known.
    fn author(&self) -> usize {
        let known = self.by(By::From).find(|(at, _)| self.knows(*at));
        known.map_or(0, |(at, _)| at)
    }

    /// What our own mail server says about the author; whether it says that the domain does not stand behind it.
    fn authenticated(&mut self, author: usize) -> bool {
        let Some(server) = self.senders.authentication_server.as_deref() else {
            return false;
        };
        let Some((claim, _)) = self.claims.get(author) else {
            return false;
        };
        let requester = &mut self.requester;
        let Some(checked) = believed(&self.message.trace, server) else {
            requester.because.push(Because::NotChecked {
                server: server.to_owned(),
            });
            return false;
        };
        let verdict = verdict(checked, &claim.author);
        // Of authors in several domains a server checks one: the others are who they say by nobody's word.
        let mut domains = self.message.from.iter().map(|a| domain_form(&a.address));
        let first = domains.next();
        let mixed = domains.any(|domain| Some(domain) != first);
        let failed = verdict.dmarc == Finding::Fail || (mixed && verdict.dmarc != Finding::Pass);
        requester.because.push(Because::Checked {
            address: claim.author.folded(),
            verdict: verdict.clone(),
        });
        requester.origin.authentication = Some(verdict);
        failed
    }

    /// Whom a trusted list names in the author's place.
    fn list(&mut self, author: usize) -> usize {
        let Some((at, (claim, _))) = self.by(By::List).next() else {
            return author;
        };
        let because = Because::ListNames {
            address: claim.author.folded(),
            sign: self.message.rewritten.as_ref().map(|r| r.sign),
        };
        self.requester.because.push(because);
        at
    }

    /// Whom answers go to, where the author is unknown.
    fn reply_to(&mut self, author: usize) -> usize {
        let named = self.claims.get(author);
        let by_list = named.is_some_and(|(claim, _)| claim.by == By::List);
        if by_list || self.knows(author) {
            return author;
        }
        let Some((at, (claim, _))) = self.by(By::ReplyTo).next() else {
            return author;
        };
        let address = claim.author.folded();
        self.requester
            .because
            .push(Because::AnswersGoTo { address });
        at
    }

    /// Whose message a technician forwards.
    fn technician(&mut self, author: usize) -> usize {
        let technician = match self.claims.get(author) {
            Some((
                Claim { by: By::From, .. },
                Sender::Known {
                    user,
                    technician: true,
                    ..
                },
                // Of several authors only one need be genuine.
            )) if self.message.from.len() == 1 => user.clone(),
            _ => return author,
        };
        if self.by(By::Forward).next().is_none() {
            return author;
        }
        let mut links = self.by(By::Forward).filter(|(_, (claim, sender))| {
            let ours = matches!(
                sender,
                Sender::Known {
                    technician: true,
                    ..
                }
            );
            !ours && !self.senders.is_own(&claim.author.folded())
        });
        // One who is only named can't be asked about; and whoever stands further in wrote to that one.
        let found = links
            .next()
            .filter(|(_, (claim, _))| !claim.author.address.is_empty())
            .map(|(at, (claim, _))| (at, claim.author.folded()));
        drop(links);
        self.requester.because.push(Because::Forwards {
            technician: technician.clone(),
            address: found.as_ref().map(|(_, address)| address.clone()),
        });
        match found {
            Some((at, _)) => {
                self.requester.origin.technician = Some(technician);
                at
            }
            None => author,
        }
    }

    fn choose(&mut self, at: usize, failed: bool) {
        let Some((claim, sender)) = self.claims.get(at).cloned() else {
            return;
        };
        let Requester {
            sender: chosen,
            origin,
            because,
        } = &mut self.requester;
        origin.by = claim.by;
        origin.doubtful = failed && matches!(sender, Sender::Known { .. });
        if self.message.author() != Some(&claim.author) && !claim.author.address.is_empty() {
            origin.requester = Some(claim.author.clone());
        }
        *chosen = match sender {
            Sender::Unknown {
                company_hint: Some(company),
            } => {
                let domain = domain_form(&claim.author.address).unwrap_or_default();
                let public = is_public(&domain);
                if public {
                    because.push(Because::PublicProvider { domain });
                }
                let counts =
                    !public && !failed && self.senders.company_by_domain != Domains::Ignore;
                Sender::Unknown {
                    company_hint: Some(company).filter(|_| counts),
                }
            }
            sender => sender,
        };
    }
}

/// Whether anybody can have a mailbox at this domain (in the form in which domains are compared).
pub fn is_public(domain: &str) -> bool {
    let domains = include_str!("providers.txt").lines();
    domains
        .filter(|line| !line.starts_with('#'))
        .any(|known| known == domain)
}

#[cfg(test)]
mod tests;
