//! What a rule asks of a message, one thing at a time; and the readers of what the operator writes there.
//!
//! Each is of one kind, which its setting's name says: an address or domain, compared whole; a text that stands
//! somewhere, in any case; or a regular expression. A rule's conditions are asked in the order of [`conditions`],
//! cheap ones first.

use super::pattern::Pattern;
use super::Rule;
use crate::mail::{Address, Attachment, Message};

/// Octets of a text that a pattern is run over.
const TEXT_MAX: usize = 4 * 1024;
/// Addresses of recipients that are compared.
const RECIPIENTS_MAX: usize = 1_000;

/// A message, as rules see it.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// What it says.
    pub message: &'a Message,
    /// Whose request it is.
    pub sender: Option<&'a Address>,
    /// Octets of it.
    pub octets: u64,
    /// It bears a sign of a ticket, which perhaps only the portal knows.
    pub answers: bool,
}

/// Somebody, or everybody of a domain: in the form in which they are compared.
#[derive(Clone, Debug)]
struct Those(Vec<String>);

impl Those {
    fn read(text: &str) -> Those {
        Those(text.split_whitespace().map(str::to_owned).collect())
    }

    fn have(&self, address: &Address) -> bool {
        let folded = address.folded();
        let domain = folded.rsplit_once('@').map(|(_, domain)| domain);
        let mut all = self.0.iter();
        all.any(|one| *one == folded || Some(one.as_str()) == domain)
    }
}

/// Kinds of attachments: endings (`.pdf`), media types (`application/pdf`) and families of them (`image/*`).
#[derive(Clone, Debug)]
struct Kinds(Vec<String>);

impl Kinds {
    fn have(&self, attachment: &Attachment) -> bool {
        let name = attachment.name.as_deref().unwrap_or_default().trim_end();
        self.0.iter().any(|kind| match kind.strip_suffix('*') {
            Some(family) => attachment.content_type.starts_with(family),
            None if kind.starts_with('.') => {
                let start = name.len().checked_sub(kind.len());
                let ending = start.and_then(|start| name.get(start..));
                ending.is_some_and(|ending| ending.eq_ignore_ascii_case(kind))
            }
            None => attachment.content_type == *kind,
        })
    }
}

/// What the text of a field must be like.
#[derive(Clone, Debug)]
enum Like {
    /// Anything.
    There,
    /// This stands in it, whatever the case.
    Has(String),
    /// It is of this pattern.
    Of(Pattern),
    /// It is of a pattern that can't be compiled any more: nothing is.
    Nothing,
}

impl Like {
    fn has(text: &str) -> Like {
        Like::Has(text.to_lowercase())
    }

    fn of(text: &str) -> Like {
        Pattern::new(text).map_or(Like::Nothing, Like::Of)
    }

    fn holds(&self, text: &str) -> bool {
        match self {
            Like::There => true,
            Like::Has(part) => text.to_lowercase().contains(part),
            Like::Of(pattern) => pattern.is_in(beginning(text)),
            Like::Nothing => false,
        }
    }
}

fn beginning(text: &str) -> &str {
    let end = (0..=TEXT_MAX.min(text.len())).rev();
    let end = end.into_iter().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[derive(Clone, Debug)]
enum Asks {
    SizeMin(u64),
    SizeMax(u64),
    Sender(Those),
    Recipient(Those),
    Attachment(Kinds),
    Subject(Like),
    SenderLike(Like),
    RecipientLike(Like),
    Header(String, Like),
}

/// One condition.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// The setting that it stands in.
    pub(super) key: &'static str,
    asks: Asks,
}

impl Condition {
    /// Whether it holds of the message.
    pub(super) fn holds(&self, letter: &Letter<'_>) -> bool {
        let message = letter.message;
        let mut recipients = message.to.iter().chain(&message.cc).take(RECIPIENTS_MAX);
        match &self.asks {
            Asks::SizeMin(least) => letter.octets >= *least,
            Asks::SizeMax(most) => letter.octets <= *most,
            Asks::Sender(those) => letter.sender.is_some_and(|sender| those.have(sender)),
            Asks::Recipient(those) => recipients.any(|address| those.have(address)),
            Asks::Attachment(kinds) => message.attachments.iter().any(|a| kinds.have(a)),
            Asks::Subject(like) => like.holds(message.subject.as_deref().unwrap_or_default()),
            Asks::SenderLike(like) => letter.sender.is_some_and(|s| like.holds(&s.folded())),
            Asks::RecipientLike(like) => recipients.any(|address| like.holds(&address.folded())),
            Asks::Header(name, like) => {
                let mut fields = message.fields.iter().filter(|field| field.name == *name);
                fields.any(|field| like.holds(&field.value))
            }
        }
    }

    /// The field of the header that must be at hand for it.
    pub(super) fn field(&self) -> Option<&str> {
        match &self.asks {
            Asks::Header(name, _) => Some(name),
            _ => None,
        }
    }

    /// Whether sender, subject and size are enough to tell.
    pub(super) fn is_of_record(&self) -> bool {
        matches!(
            self.asks,
            Asks::SizeMin(_)
                | Asks::SizeMax(_)
                | Asks::Sender(_)
                | Asks::SenderLike(_)
                | Asks::Subject(_)
        )
    }
}

/// All that a rule asks, cheap ones first.
pub(super) fn conditions(rule: &Rule) -> Vec<Condition> {
    let those = |text: &Option<String>| text.as_deref().map(Those::read);
    let has = |text: &Option<String>| text.as_deref().map(Like::has);
    let of = |text: &Option<String>| text.as_deref().map(Like::of);
    let field = rule.header.as_deref();
    let field = field.map(str::to_ascii_lowercase);
    let header = |like: Option<Like>| Some(Asks::Header(field.clone()?, like?));
    let said = rule.header_value.is_some() || rule.header_regex.is_some();
    let kinds = rule.attachment.as_deref().map(|text| {
        let kinds = text.split_whitespace().map(str::to_ascii_lowercase);
        Asks::Attachment(Kinds(kinds.collect()))
    });
    let all = [
        (
            "size_min",
            (rule.size_min > 0).then_some(Asks::SizeMin(rule.size_min)),
        ),
        (
            "size_max",
            (rule.size_max > 0).then_some(Asks::SizeMax(rule.size_max)),
        ),
        ("sender", those(&rule.sender).map(Asks::Sender)),
        ("recipient", those(&rule.recipient).map(Asks::Recipient)),
        ("attachment", kinds),
        ("header", header((!said).then_some(Like::There))),
        ("subject", has(&rule.subject).map(Asks::Subject)),
        ("header_value", header(has(&rule.header_value))),
        ("sender_regex", of(&rule.sender_regex).map(Asks::SenderLike)),
        (
            "recipient_regex",
            of(&rule.recipient_regex).map(Asks::RecipientLike),
        ),
        ("subject_regex", of(&rule.subject_regex).map(Asks::Subject)),
        ("header_regex", header(of(&rule.header_regex))),
    ];
    let all = all.into_iter();
    all.filter_map(|(key, asks)| Some(Condition { key, asks: asks? }))
        .collect()
}
