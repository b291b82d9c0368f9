//! The contract's documents as this side sees them: what a message must look like. Knows nothing of sockets and files.

use serde::de::{Deserializer, Error as _};
use serde::Deserialize;
use serde_json::Value;

/// The longest `text` and `html` of the document, in characters; `text` has no more lines than that.
const LONGEST_TEXT: usize = 4 * 1024 * 1024;

/// Largest body of a ticket or reply.
pub const TICKET_BYTES: u64 = 16 * 1024 * 1024;
/// Largest attachment.
pub const ATTACHMENT_BYTES: u64 = 256 * 1024 * 1024;
/// How long idempotency keys are kept unless the command line says otherwise: 30 days.
pub const KEYS_KEPT_SECONDS: u64 = 30 * 24 * 3600;

/// Somebody named in a message.
#[derive(Deserialize)]
pub struct Person {
    /// The display name.
    #[serde(default)]
    pub name: Option<String>,
    /// The address, as the message has it.
    pub address: String,
}

/// One attachment that a message refers to.
#[derive(Deserialize)]
pub struct Attachment {
    /// A bare file name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Octets after decoding.
    #[serde(deserialize_with = "whole")]
    pub size: u64,
    /// Digest of the decoded content.
    pub sha256: String,
    /// Shown within the HTML body.
    pub inline: bool,
    /// What the HTML body calls it.
    #[serde(default)]
    pub content_id: Option<String>,
}

/// A file that the ticket goes without.
#[derive(Deserialize)]
pub struct Omitted {
    /// The file.
    #[serde(flatten)]
    pub file: Attachment,
    /// Why, as a code.
    pub reason: String,
    /// The limit that it is over.
    #[serde(default, deserialize_with = "whole_or_none")]
    pub limit: Option<u64>,
}

/// What the operator's own mail server found out about the author.
#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Authentication {
    pub server: String,
    pub dmarc: Finding,
    pub dkim: Finding,
    pub spf: Finding,
}

#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Storm {
    pub alike: Alike,
    #[serde(deserialize_with = "whole")]
    pub count: u64,
    #[serde(deserialize_with = "whole")]
    pub minutes: u64,
    pub said: String,
}

/// What messages of a storm have in common.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Alike {
    Sender,
    Subject,
}

/// A result of RFC 8601.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Finding {
    None,
    Pass,
    Fail,
    Softfail,
    Neutral,
    Policy,
    Temperror,
    Permerror,
    Unknown,
}

/// By which way the requester was found.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum By {
    From,
    Sender,
    ReplyTo,
    List,
    Forward,
}

/// A day, or a time in its zone.
#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Moment {
    pub at: String,
    #[serde(default)]
    pub zone: Option<String>,
}

/// Somebody in a calendar.
#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Invited {
    #[serde(default)]
    pub name: Option<String>,
    pub address: String,
    #[serde(default)]
    pub answer: Option<String>,
}

/// An event of an invitation.
#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Event {
    #[serde(default)]
    pub method: Option<String>,
    #[serde(default)]
    pub uid: Option<String>,
    #[serde(default)]
    pub summary: Option<String>,
    #[serde(default)]
    pub starts: Option<Moment>,
    #[serde(default)]
    pub ends: Option<Moment>,
    #[serde(default)]
    pub lasts: Option<String>,
    #[serde(default)]
    pub instead: Option<Moment>,
    #[serde(default)]
    pub recurs: Option<String>,
    #[serde(default)]
    pub location: Option<String>,
    #[serde(default)]
    pub organizer: Option<Invited>,
    #[serde(default)]
    pub attendees: Vec<Invited>,
    #[serde(default)]
    pub about: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
}

/// The body of a ticket or a reply.
#[derive(Deserialize)]
#[allow(missing_docs)]
pub struct Message {
    pub key: String,
    pub mailbox: String,
    pub received_at: String,
    #[serde(default)]
    pub date: Option<String>,
    #[serde(default)]
    pub from: Option<Person>,
    #[serde(default)]
    pub sender: Option<Person>,
    #[serde(default)]
    pub reply_to: Vec<Person>,
    #[serde(default)]
    pub to: Vec<Person>,
    #[serde(default)]
    pub cc: Vec<Person>,
    pub subject: String,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default, deserialize_with = "whole_or_none")]
    pub new_lines: Option<u64>,
    #[serde(default)]
    pub text_from: Option<String>,
    #[serde(default)]
    pub html: Option<String>,
    #[serde(default)]
    pub events: Vec<Event>,
    #[serde(default)]
    pub protection: Option<String>,
    #[serde(default)]
    pub message_id: Option<String>,
    #[serde(default)]
    pub in_reply_to: Vec<String>,
    #[serde(default)]
    pub references: Vec<String>,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub company: Option<String>,
    #[serde(default)]
    pub about: Option<String>,
    #[serde(default)]
    pub automatic: bool,
    #[serde(default)]
    pub token: Option<String>,
    #[serde(default)]
    pub requester: Option<Person>,
    #[serde(default)]
    pub requester_by: Option<By>,
    #[serde(default)]
    pub technician: Option<String>,
    #[serde(default)]
    pub participants: Vec<Person>,
    #[serde(default)]
    pub authentication: Option<Authentication>,
    #[serde(default)]
    pub doubtful: bool,
    #[serde(default)]
    pub storm: Option<Storm>,
    #[serde(default)]
    pub queue: Option<String>,
    #[serde(default)]
    pub priority: Option<String>,
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub rules: Vec<String>,
    pub attachments: Vec<Attachment>,
    #[serde(default)]
    pub omitted: Vec<Omitted>,
    pub unparsed: bool,
    pub oddities: Vec<String>,
}

impl Message {
    /// Reads and checks a body; the error is the problem's detail.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let message: Message = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        // What reads a document into ours takes a list for an object, too.
        let value: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        if !are_objects(&value) {
            return Err("a list stands where an object must".into());
        }
        message.check()?;
        Ok(message)
    }

    fn check(&self) -> Result<(), String> {
        if !is_digest(&self.key) {
            return Err("key: not 64 lower-case hexadecimal digits".into());
        }
        longest("mailbox", &self.mailbox, 320)?;
        time("received_at", &self.received_at)?;
        if let Some(date) = &self.date {
            time("date", date)?;
        }
        longest("subject", &self.subject, 4000)?;
        let people = self.from.iter().chain(&self.sender).chain(&self.reply_to);
        let people = people.chain(&self.requester).chain(&self.participants);
        for person in people.chain(&self.to).chain(&self.cc) {
            longest("address", &person.address, 2000)?;
            longest("name", person.name.as_deref().unwrap_or(""), 2000)?;
        }
        for (field, list) in [
            ("reply_to", &self.reply_to),
            ("to", &self.to),
            ("cc", &self.cc),
        ] {
            most(field, list.len(), 1000)?;
        }
        most("participants", self.participants.len(), 2000)?;
        if let Some(authentication) = &self.authentication {
            longest("authentication.server", &authentication.server, 255)?;
        }
        if let Some(storm) = &self.storm {
            longest("storm.said", &storm.said, 1000)?;
            let fits = |number| (1..=u64::from(u32::MAX)).contains(&number);
            if !fits(storm.count) || !fits(storm.minutes) {
                return Err("storm: count and minutes are 1 to 4294967295".into());
            }
        }
        for (field, body) in [("text", &self.text), ("html", &self.html)] {
            longest(field, body.as_deref().unwrap_or(""), LONGEST_TEXT)?;
        }
        // How many lines `text` has is no part of the document's schema, and so no reason to refuse one.
        if self
            .new_lines
            .is_some_and(|new| !(1..=LONGEST_TEXT as u64).contains(&new))
        {
            return Err("new_lines: 1 to 4194304, or none".into());
        }
        for (field, code) in [
            ("text_from", &self.text_from),
            ("protection", &self.protection),
        ] {
            longest(field, code.as_deref().unwrap_or(""), 40)?;
        }
        most("events", self.events.len(), 10)?;
        for event in &self.events {
            event.check()?;
        }
        longest("message_id", self.message_id.as_deref().unwrap_or(""), 1000)?;
        for (field, list) in [
            ("in_reply_to", &self.in_reply_to),
            ("references", &self.references),
        ] {
            most(field, list.len(), 1000)?;
            for id in list {
                longest(field, id, 1000)?;
            }
        }
        most("attachments", self.attachments.len(), 10_000)?;
        for attachment in &self.attachments {
            attachment.check()?;
        }
        most("omitted", self.omitted.len(), 10_001)?;
        for omitted in &self.omitted {
            omitted.file.check()?;
            longest("omitted.reason", &omitted.reason, 40)?;
        }
        most("oddities", self.oddities.len(), 100)?;
        for oddity in &self.oddities {
            longest("oddities", oddity, 100)?;
        }
        for (field, id) in [
            ("user", &self.user),
            ("company", &self.company),
            ("technician", &self.technician),
        ] {
            longest(field, id.as_deref().unwrap_or(""), 128)?;
        }
        for (field, mark) in [
            ("queue", &self.queue),
            ("priority", &self.priority),
            ("category", &self.category),
        ] {
            longest(field, mark.as_deref().unwrap_or(""), 100)?;
        }
        for (field, list, count, length) in [
            ("tags", &self.tags, 2000, 50),
            ("rules", &self.rules, 100, 40),
        ] {
            most(field, list.len(), count)?;
            for word in list {
                longest(field, word, length)?;
            }
        }
        if self.about.as_ref().is_some_and(|key| !is_digest(key)) {
            return Err("about: not 64 lower-case hexadecimal digits".into());
        }
        if self.token.as_ref().is_some_and(|token| !is_token(token)) {
            return Err("token: not pt- and 32 of a to z and 2 to 7".into());
        }
        Ok(())
    }
}

/// Whether objects stand where the document has them. Members that it doesn't have are nobody's.
fn are_objects(value: &Value) -> bool {
    const LISTS: [&str; 8] = [
        "reply_to",
        "to",
        "cc",
        "participants",
        "attachments",
        "omitted",
        "events",
        "attendees",
    ];
    const SINGLE: [&str; 9] = [
        "from",
        "sender",
        "requester",
        "authentication",
        "storm",
        "starts",
        "ends",
        "instead",
        "organizer",
    ];
    let Value::Object(members) = value else {
        return false;
    };
    members.iter().all(|(name, member)| match member {
        Value::Array(items) if LISTS.contains(&name.as_str()) => items.iter().all(are_objects),
        member if SINGLE.contains(&name.as_str()) => member.is_null() || are_objects(member),
        _ => true,
    })
}

impl Event {
    fn check(&self) -> Result<(), String> {
        for (text, max) in [
            (&self.method, 40),
            (&self.uid, 2000),
            (&self.summary, 2000),
            (&self.lasts, 200),
            (&self.recurs, 1000),
            (&self.location, 2000),
            (&self.about, 10_000),
            (&self.comment, 10_000),
        ] {
            longest("events", text.as_deref().unwrap_or(""), max)?;
        }
        for moment in [&self.starts, &self.ends, &self.instead]
            .into_iter()
            .flatten()
        {
            longest("events.zone", moment.zone.as_deref().unwrap_or(""), 200)?;
            if !is_moment(&moment.at) {
                return Err("events: neither a day nor a time of one".into());
            }
        }
        most("events.attendees", self.attendees.len(), 100)?;
        for person in self.organizer.iter().chain(&self.attendees) {
            longest("events.address", &person.address, 2000)?;
            longest("events.name", person.name.as_deref().unwrap_or(""), 2000)?;
            longest("events.answer", person.answer.as_deref().unwrap_or(""), 40)?;
        }
        Ok(())
    }
}

/// `2026-03-02`, or `2026-03-02T09:15:00`: digits where digits stand here.
fn is_moment(text: &str) -> bool {
    let like = |pattern: &str| {
        text.len() == pattern.len()
            && text
                .bytes()
                .zip(pattern.bytes())
                .all(|(octet, wanted)| match wanted {
                    b'0' => octet.is_ascii_digit(),
                    other => octet == other,
                })
    };
    like("0000-00-00") || like("0000-00-00T00:00:00")
}

impl Attachment {
    fn check(&self) -> Result<(), String> {
        longest("attachments.name", &self.name, 255)?;
        if self.name.contains(['/', '\\', '\0']) {
            return Err("attachments.name: not a bare file name".into());
        }
        longest("attachments.content_type", &self.content_type, 255)?;
        longest(
            "attachments.content_id",
            self.content_id.as_deref().unwrap_or(""),
            1000,
        )?;
        if !is_digest(&self.sha256) {
            return Err("attachments.sha256: not 64 lower-case hexadecimal digits".into());
        }
        Ok(())
    }
}

/// A whole number that every reader of JSON has exactly; to a schema `5.0` is one too.
fn whole<'de, D: Deserializer<'de>>(number: D) -> Result<u64, D::Error> {
    const MAX: u64 = (1 << 53) - 1;
    let number = serde_json::Number::deserialize(number)?;
    let float = number.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0);
    let whole = number.as_u64().or(float.map(|n| n as u64));
    whole
        .filter(|n| *n <= MAX)
        .ok_or_else(|| D::Error::custom("not a whole number from 0 to 9007199254740991"))
}

fn whole_or_none<'de, D: Deserializer<'de>>(number: D) -> Result<Option<u64>, D::Error> {
    struct Whole(u64);
    impl<'de> Deserialize<'de> for Whole {
        fn deserialize<D: Deserializer<'de>>(number: D) -> Result<Self, D::Error> {
            whole(number).map(Whole)
        }
    }
    Ok(Option::<Whole>::deserialize(number)?.map(|whole| whole.0))
}

/// Whether this is a SHA-256 in lower-case hexadecimal.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether this is a reply token.
pub fn is_token(text: &str) -> bool {
    let digits = text.strip_prefix("pt-").unwrap_or_default();
    digits.len() == 32
        && digits
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
}

fn longest(field: &str, text: &str, max: usize) -> Result<(), String> {
    // The contract counts characters; octets are counted first because they are free.
    if text.len() > max && text.chars().count() > max {
        return Err(format!("{field}: over {max} characters"));
    }
    Ok(())
}

fn most(field: &str, count: usize, max: usize) -> Result<(), String> {
    if count > max {
        return Err(format!("{field}: over {max} entries"));
    }
    Ok(())
}

fn time(field: &str, text: &str) -> Result<(), String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(_) if is_rfc3339(text) => Ok(()),
        _ => Err(format!("{field}: not an RFC 3339 time")),
    }
}

/// Whether a time has the one shape that RFC 3339 §5.6 takes of ISO 8601; the parser knows more.
fn is_rfc3339(text: &str) -> bool {
    let shaped = |part: &str, shape: &str| {
        part.len() == shape.len()
            && shape.bytes().zip(part.bytes()).all(|(s, p)| match s {
                b'd' => p.is_ascii_digit(),
                s => s.eq_ignore_ascii_case(&p),
            })
    };
    let Some((moment, rest)) = text.split_at_checked(19) else {
        return false;
    };
    let digits = |c: char| c.is_ascii_digit();
    let zone = rest
        .strip_prefix('.')
        .map_or(rest, |r| r.trim_start_matches(digits));
    shaped(moment, "dddd-dd-ddTdd:dd:dd")
        && ["Z", "+dd:dd", "-dd:dd"].iter().any(|z| shaped(zone, z))
}
