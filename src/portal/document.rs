//! A ticket as the contract's document: `Message` of `config/portal.openapi.yaml`.
//!
//! The same ticket gives the same octets each time: the portal compares bodies by them.

use serde::Serialize;

use crate::http::Bytes;
use crate::mail::authentication::Verdict;
use crate::mail::{Event, Protection, TextFrom};
use crate::ticket::{By, File, Key, LeftOut, Person, Storm, Ticket};
use crate::world::Wall;

#[derive(Serialize)]
struct Document<'a> {
    key: &'a Key,
    mailbox: &'a str,
    received_at: Time,
    date: Option<Time>,
    from: Option<&'a Person>,
    sender: Option<&'a Person>,
    reply_to: &'a [Person],
    to: &'a [Person],
    cc: &'a [Person],
    subject: &'a str,
    text: Option<&'a str>,
    new_lines: Option<u32>,
    text_from: Option<&'static str>,
    html: Option<&'a str>,
    message_id: Option<&'a str>,
    in_reply_to: &'a [String],
    references: &'a [String],
    user: Option<&'a str>,
    company: Option<&'a str>,
    about: Option<&'a Key>,
    token: Option<&'a str>,
    automatic: bool,
    requester: Option<&'a Person>,
    requester_by: Option<By>,
    technician: Option<&'a str>,
    participants: &'a [Person],
    authentication: Option<&'a Verdict>,
    doubtful: bool,
    /// Not said of nearly all.
    #[serde(skip_serializing_if = "Option::is_none")]
    storm: Option<&'a Storm>,
    // What no rule says is left out: most tickets are the same octets as where there are no rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    rules: &'a [String],
    attachments: &'a [File],
    #[serde(skip_serializing_if = "<[LeftOut]>::is_empty")]
    omitted: &'a [LeftOut],
    events: &'a [Event],
    protection: Option<&'static str>,
    unparsed: bool,
    oddities: &'a [String],
}

/// Unix milliseconds, written as RFC 3339 in UTC.
struct Time(i64);

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Wall(self.0))
    }
}

/// From the year 1 to two hours before the last day of 9999: what RFC 3339 and our own writer of
/// times can both write. A Date field may claim any other.
const FIRST: i64 = -62_135_596_800_000;
const LAST: i64 = 253_402_207_200_000;

/// The contract's document of a ticket.
pub fn encode(ticket: &Ticket) -> Bytes {
    let marks = ticket.marks.as_deref();
    let document = Document {
        key: &ticket.key,
        mailbox: &ticket.mailbox,
        received_at: Time(ticket.received_at.clamp(FIRST, LAST)),
        date: ticket
            .date
            .filter(|ms| (FIRST..=LAST).contains(ms))
            .map(Time),
        // The contract knows one author; further ones stand in the original and in `oddities`.
        from: ticket.from.first(),
        sender: ticket.sender.as_ref(),
        reply_to: &ticket.reply_to,
        to: &ticket.to,
        cc: &ticket.cc,
        subject: &ticket.subject,
        text: ticket.text.as_deref(),
        new_lines: ticket.new_lines,
        text_from: ticket.text_from.map(TextFrom::code),
        html: ticket.html.as_deref(),
        message_id: ticket.message_id.as_deref(),
        in_reply_to: &ticket.in_reply_to,
        references: &ticket.references,
        user: ticket.user.as_deref(),
        company: ticket.company.as_deref(),
        about: ticket.about.as_ref(),
        token: ticket.token.as_deref(),
        automatic: ticket.automatic,
        requester: ticket.requester.as_ref(),
        requester_by: ticket.requester_by,
        technician: ticket.technician.as_deref(),
        participants: &ticket.participants,
        authentication: ticket.authentication.as_ref(),
        doubtful: ticket.doubtful,
        storm: ticket.storm.as_ref(),
        queue: marks.and_then(|marks| marks.queue.as_deref()),
        priority: marks.and_then(|marks| marks.priority.as_deref()),
        category: marks.and_then(|marks| marks.category.as_deref()),
        tags: marks.map_or(&[], |marks| &marks.tags),
        rules: marks.map_or(&[], |marks| &marks.rules),
        attachments: &ticket.attachments,
        omitted: &ticket.omitted,
        events: &ticket.events,
        protection: ticket.protection.map(Protection::code),
        unparsed: ticket.unparsed,
        oddities: &ticket.oddities,
    };
    serde_json::to_vec(&document)
        .expect("strings, numbers and lists of them are always JSON")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{understand, Limits, Skim};
    use crate::ticket::{compose, Facts, Origin, Seal, Token};

    fn document(raw: &str) -> serde_json::Value {
        let mut skim = Skim::new(Limits::default());
        skim.feed(raw.as_bytes());
        let facts = Facts {
            key: Key([7; 32]),
            mailbox: "help@example.org".to_owned(),
            received_at: 1_772_439_330_000,
            user: Some("u-7".to_owned()),
            company: None,
            origin: Origin::default(),
            marks: None,
            raw: None,
            about: Some(Key([8; 32])),
            token: Some(Token::new(&Key([8; 32]), Seal([1; 10]))),
            storm: None,
            omitted: Vec::new(),
        };
        let ticket = compose(&understand(&skim.finish()), &facts);
        assert_eq!(encode(&ticket), encode(&ticket.clone()));
        serde_json::from_slice(&encode(&ticket)).unwrap()
    }

    #[test]
    fn a_ticket_is_written_as_the_contract_has_it() {
        let said = document(
            "From: Petra <p@nordwind.example>\r\nDate: Mon, 2 Mar 2026 09:15:00 +0100\r\nSubject: Printer\r\n\r\nIt burns.\r\n-- \r\nPetra\r\n",
        );
        assert_eq!(said["key"], "07".repeat(32));
        assert_eq!(said["received_at"], "2026-03-02T08:15:30Z");
        assert_eq!(said["date"], "2026-03-02T08:15:00Z");
        assert_eq!(said["from"]["address"], "p@nordwind.example");
        assert_eq!(said["user"], "u-7");
        assert!(said["company"].is_null());
        assert_eq!(
            (&said["text"], &said["new_lines"]),
            (&"It burns.\n-- \nPetra\n".into(), &1.into())
        );
        assert_eq!(said["unparsed"], false);
        assert_eq!(said["about"], "08".repeat(32));
        assert_eq!(said["token"], "pt-baeaqcaibaeaqcaiaeaqcaibaeaqcaib");
    }

    #[test]
    fn a_message_without_an_author_has_none() {
        assert!(document("Subject: x\r\n\r\ny\r\n")["from"].is_null());
    }
}
