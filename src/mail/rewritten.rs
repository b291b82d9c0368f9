//! Who wrote what a mailing list or a group hands on under its own address.
//!
//! Where the author's domain lets nobody else send for it (DMARC), lists put their own address into From and
//! the author's elsewhere. Where, each does otherwise:
//!
//! | who | From | the author |
//! |---|---|---|
//! | Google Groups | `'NAME' via LIST <list>` | X-Original-From, X-Original-Sender, Reply-To |
//! | Mailman 2 and 3, munged | `NAME via LIST <list>` | Reply-To, or Cc where answers go to the list |
//! | Mailman, wrapped | the same | From of the message inside |
//! | Sympa | `"NAME (via LIST)" <list>` | X-Original-From, Reply-To |
//! | groups.io | `"NAME via ..." <user=domain@groups.io>` | in the address itself |
//!
//! All of it is the sender's word, so this says only what a message *claims*, and only where its signs agree:
//! From is one address, it is the list's by List-Id or List-Post, or within its domain, and what names the
//! author says one thing. Whether such a list is trusted is not asked here.

use serde::{Deserialize, Serialize};

use super::grammar;
use super::message::{Address, Message, Oddities};
use super::skim::{Content, Kind, Leaf, Name, Part, Skimmed};
use super::words;

/// Octets of a List-Id or List-Post that are read.
const LIST_MAX: usize = 2_000;

/// Where the author was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// X-Original-From.
    OriginalFrom,
    /// X-Original-Sender.
    OriginalSender,
    /// From of the message that is wrapped in this one.
    Wrapped,
    /// Reply-To.
    ReplyTo,
    /// Cc.
    Cc,
    /// The From address itself.
    Address,
}

impl Sign {
    /// The field, for people.
    pub fn field(self) -> &'static str {
        match self {
            Sign::OriginalFrom => "X-Original-From",
            Sign::OriginalSender => "X-Original-Sender",
            Sign::Wrapped => "From of the message inside",
            Sign::ReplyTo => "Reply-To",
            Sign::Cc => "Cc",
            Sign::Address => "the address itself",
        }
    }
}

/// The author whom a list names in other places than From.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewritten {
    /// The author.
    pub author: Address,
    /// Where that stands.
    pub sign: Sign,
}

/// How "NAME via LIST" says "via", in the languages that lists speak.
const VIA: &[&str] = &[
    " via ",
    " (via ",
    " über ",
    " par ",
    " tramite ",
    " través de ",
    " através de ",
    " mediante ",
    " przez ",
    " prin ",
    " через ",
    " μέσω ",
    " aracılığıyla ",
    " kautta ",
    " prostřednictvím ",
    " keresztül ",
];

/// The author behind a list's From; none where it is no list's, or its signs don't agree.
pub(super) fn read(skimmed: &Skimmed, root: &Part, message: &Message) -> Option<Rewritten> {
    let [from] = message.from.as_slice() else {
        return None;
    };
    let address = from.folded();
    let lists = Lists::read(skimmed, root);
    if !lists.own(&address) {
        return None;
    }
    let via = from.name.as_deref().and_then(via);
    let named = |name, sign| {
        let value = skimmed.values(root, name).next()?;
        let found = grammar::addresses(value, &mut Oddities::default()).list;
        match found.as_slice() {
            [author] => Some((author.clone(), sign)),
            _ => None,
        }
    };
    // A name in front of "via" speaks of one of several addresses there; without it nothing does.
    let alone = |list: &[Address], sign| {
        let via = via?;
        let mut others = list.iter().filter(|a| !lists.is_list(&a.folded()));
        let (first, further) = (others.next()?, others.next());
        let agrees = |a: &Address| a.name.as_deref().map(bare).is_none_or(|n| same(n, via));
        match sign {
            Sign::ReplyTo => (further.is_none() && agrees(first)).then(|| (first.clone(), sign)),
            _ => {
                let speaks = |a: &&Address| a.name.as_deref().is_some_and(|n| same(bare(n), via));
                let mut speaking = list.iter().filter(speaks);
                let found = speaking.next()?;
                speaking.next().is_none().then(|| (found.clone(), sign))
            }
        }
    };
    let wrapped = || {
        let inner = wrapped(skimmed)?;
        let author = inner.first()?.clone();
        (inner.len() == 1).then_some((author, Sign::Wrapped))
    };
    let (author, sign) = named(Name::OriginalFrom, Sign::OriginalFrom)
        .or_else(|| named(Name::OriginalSender, Sign::OriginalSender))
        .or_else(wrapped)
        .or_else(|| alone(&message.reply_to, Sign::ReplyTo))
        .or_else(|| alone(&message.cc, Sign::Cc))
        .or_else(|| encoded(&from.address).map(|author| (author, Sign::Address)))?;
    let folded = author.folded();
    let proper = folded
        .split_once('@')
        .is_some_and(|(l, d)| !l.is_empty() && d.contains('.'));
    if !proper || folded == address || lists.is_list(&folded) {
        return None;
    }
    let name = author.name.clone().map(|name| bare(&name).to_owned());
    let name = name.or_else(|| via.map(str::to_owned));
    Some(Rewritten {
        author: Address {
            name: name.filter(|name| !name.is_empty()),
            address: author.address,
        },
        sign,
    })
}

/// The list's own addresses, as its fields have them.
struct Lists {
    /// What is written to.
    post: Vec<String>,
    /// The label of List-Id: the list's name and domain, with dots between.
    id: Option<String>,
}

impl Lists {
    fn read(skimmed: &Skimmed, root: &Part) -> Lists {
        let field = |name| {
            let value = skimmed.values(root, name).next().unwrap_or_default();
            String::from_utf8_lossy(value.get(..LIST_MAX).unwrap_or(value)).into_owned()
        };
        let id = field(Name::ListId);
        let id = id.rsplit_once('<').map_or(id.as_str(), |(_, label)| label);
        let id = id.split('>').next().unwrap_or_default();
        let id = Address::fold_domain(id);
        let post = field(Name::ListPost);
        let post = post.split('<').filter_map(|part| {
            let part = part.split('>').next()?.trim();
            let address = part.strip_prefix("mailto:")?;
            let address = address.split('?').next()?;
            Some(Address::fold(address))
        });
        Lists {
            post: post.take(4).collect(),
            id: Some(id).filter(|id| id.contains('.')),
        }
    }

    /// Whether this is where the list is written to.
    fn is_list(&self, address: &str) -> bool {
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let by_id = self.id.as_deref().is_some_and(|id| {
            let rest = id.strip_prefix(local);
            rest.and_then(|rest| rest.strip_prefix('.')) == Some(domain)
        });
        by_id || self.post.iter().any(|post| post == address)
    }

    /// Whether this address is the list's, or in its domain.
    fn own(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let within = |id: &str| {
            let rest = id.strip_suffix(domain);
            !domain.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.is_list(address) || self.id.as_deref().is_some_and(within)
    }
}

/// The name in front of "via".
fn via(name: &str) -> Option<&str> {
    let at = VIA.iter().filter_map(|via| name.find(via)).min()?;
    let name = bare(name.get(..at)?);
    (!name.is_empty()).then_some(name)
}

/// A name without the marks around it.
fn bare(name: &str) -> &str {
    name.trim_matches(['\'', '"', ' ', '\u{2018}', '\u{2019}', '\u{a0}'])
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The authors of the one message that is all there is in this one.
fn wrapped(skimmed: &Skimmed) -> Option<Vec<Address>> {
    let mut inner: Option<&Leaf> = None;
    for part in &skimmed.parts {
        let Kind::Leaf(leaf) = &part.kind else {
            continue;
        };
        match (&leaf.content, leaf.media.as_str()) {
            (Content::Passed(_), "message/rfc822" | "message/global") if inner.is_none() => {
                inner = Some(leaf);
            }
            // The list's own words above it, and below.
            (Content::Text(_), "text/plain") => {}
            _ => return None,
        }
    }
    let header = super::forwarded::header(&inner?.beginning);
    Some(header.from)
}

/// The address that a list hid in its own: `user=domain@list`.
fn encoded(address: &str) -> Option<Address> {
    let (local, _) = address.rsplit_once('@')?;
    let (user, domain) = local.rsplit_once('=')?;
    let proper = !user.is_empty() && domain.contains('.') && !domain.ends_with('.');
    proper.then(|| Address {
        name: None,
        address: words::cut(&format!("{user}@{domain}"), 1_000).0.to_owned(),
    })
}

#[cfg(test)]
mod tests;
