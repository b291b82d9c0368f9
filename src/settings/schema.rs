//! The one table of settings: key, label, type, help, check. Defaults are those of `model`.
//!
//! A setting is added by a field in `model` and a row here; everything else follows from the row.

use super::model::{ArchiveWhen, Mailbox, Portal, Protocol, Security, SignIn, Store, Words};
use super::seal::Sealed;
use super::value::{self, Value, Zones};
use crate::ticket::{Domains, Handling, Unproven};
use crate::world::{Secret, Wall};

/// A way to one field, for looking and for changing.
pub(super) struct Field<T: 'static, V: 'static> {
    pub(super) of: fn(&T) -> &V,
    pub(super) to: fn(&mut T) -> &mut V,
}

macro_rules! field {
    ($name:ident) => {
        Field {
            of: |t| &t.$name,
            to: |t| &mut t.$name,
        }
    };
}

macro_rules! choice {
    ($kind:ty, $name:ident) => {
        Slot::Choice {
            of: |t| t.$name.word(),
            to: |t, word| match <$kind>::of_word(word) {
                Some(value) => {
                    t.$name = value;
                    true
                }
                None => false,
            },
            words: || <$kind>::ALL.iter().map(|(_, word)| *word).collect(),
        }
    };
}

mod rule;
mod store;

pub(super) use rule::RULE;
pub(super) use store::STORE;

/// Reads text into its one form, or says what it must look like.
type Reader = fn(&str, &Zones) -> Result<String, String>;

/// Takes of a secret what is to be sealed, or says what it must look like; never with any of it.
pub(super) type SecretReader = fn(&str) -> Result<&str, String>;

/// A setting's type, and the field that holds it.
pub(super) enum Slot<T: 'static> {
    Flag(Field<T, bool>),
    Number {
        field: Field<T, u64>,
        least: u64,
        most: u64,
        unit: &'static str,
    },
    Octets {
        field: Field<T, u64>,
        least: u64,
    },
    Port(Field<T, Option<u16>>),
    Choice {
        of: fn(&T) -> &'static str,
        to: fn(&mut T, &str) -> bool,
        words: fn() -> Vec<&'static str>,
    },
    Text(Field<T, String>, Reader),
    Maybe(Field<T, Option<String>>, Reader),
    Moment {
        field: Field<T, Option<Wall>>,
        zone: Field<T, Option<String>>,
    },
    Secret(Field<T, Option<Sealed>>, SecretReader),
}

/// One row of the table.
pub(super) struct Setting<T: 'static> {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) help: &'static str,
    pub(super) slot: Slot<T>,
}

mod portal;

pub(super) use portal::PORTAL;

pub(super) static MAILBOX: &[Setting<Mailbox>] = &[
    Setting {
        key: "active",
        label: "Active",
        help: "Watch this mailbox and make its unread messages tickets.",
        slot: Slot::Flag(field!(active)),
    },
    Setting {
        key: "protocol",
        label: "Protocol type",
        help: "imap; exchange and office365 are for a later version.",
        slot: choice!(Protocol, protocol),
    },
    Setting {
        key: "security",
        label: "Enable SSL",
        help: "tls from the first octet, starttls (never falls back to plain), or none.",
        slot: choice!(Security, security),
    },
    Setting {
        key: "host",
        label: "Host name",
        help: "The mail server's name or IP address.",
        slot: Slot::Text(field!(host), value::host),
    },
    Setting {
        key: "port",
        label: "Port",
        help: "Unset: 993 with tls, 143 without.",
        slot: Slot::Port(field!(port)),
    },
    Setting {
        key: "username",
        label: "Username",
        help: "Who signs in.",
        slot: Slot::Text(field!(username), value::line),
    },
    Setting {
        key: "password",
        label: "Password",
        help: "Typed at a prompt or given on standard input; kept sealed, never shown.",
        slot: Slot::Secret(field!(password), value::any_secret),
    },
    Setting {
        key: "address",
        label: "Address",
        help: "What the mailbox is called in mail; unset: the username, where that is an address.",
        slot: Slot::Maybe(field!(address), value::address),
    },
    Setting {
        key: "identity",
        label: "Identity",
        help: "What delivery keys are made from; unset: the address in lower case, fixed at the first activation.",
        slot: Slot::Maybe(field!(identity), value::line),
    },
    Setting {
        key: "dedicated",
        label: "Dedicated",
        help: "This mailbox is a dedicated one although the portal knows its address as a user's.",
        slot: Slot::Flag(field!(dedicated)),
    },
    Setting {
        key: "timeout_ms",
        label: "Timeout (ms)",
        help: "From the dial to the end of sign-in, 1000 to 600000.",
        slot: Slot::Number {
            field: field!(timeout_ms),
            least: 1_000,
            most: 600_000,
            unit: " milliseconds",
        },
    },
    Setting {
        key: "process_unknown_senders",
        label: "Process messages from unknown users",
        help: "on: a ticket without a user; off: held until the sender is known.",
        slot: Slot::Flag(field!(process_unknown_senders)),
    },
    Setting {
        key: "auto_replies",
        label: "Automatic replies",
        help: "ignore: absence notes are archived; ticket: they become tickets; append: they go into theirs.",
        slot: choice!(Handling, auto_replies),
    },
    Setting {
        key: "bounces",
        label: "Undeliverable reports",
        help: "ignore: bounces are archived; ticket: they become tickets; append: they go into theirs.",
        slot: choice!(Handling, bounces),
    },
    Setting {
        key: "receipts",
        label: "Receipts",
        help: "ignore: reports of what was read are archived; ticket: they become tickets; append: they go into theirs.",
        slot: choice!(Handling, receipts),
    },
    Setting {
        key: "complaints",
        label: "Complaints",
        help: "ticket: reports of abuse become tickets; ignore: they are archived; append: they go into theirs.",
        slot: choice!(Handling, complaints),
    },
    Setting {
        key: "mailing_lists",
        label: "Mailing lists",
        help: "ticket: what lists hand on becomes tickets; ignore: it is archived; append: it goes into its ticket.",
        slot: choice!(Handling, mailing_lists),
    },
    Setting {
        key: "notices",
        label: "Notices",
        help: "ticket: what programs send by themselves, or to many; ignore: archived; append: into its ticket.",
        slot: choice!(Handling, notices),
    },
    Setting {
        key: "storm_limit",
        label: "Storm limit",
        help: "More than so many messages of one sender or subject within the window are held; 0: any number pass.",
        slot: Slot::Number {
            field: field!(storm_limit),
            least: 0,
            most: 1_000,
            unit: " messages",
        },
    },
    Setting {
        key: "storm_minutes",
        label: "Storm window (min)",
        help: "By when the server received them; 1 to 1440.",
        slot: Slot::Number {
            field: field!(storm_minutes),
            least: 1,
            most: 1_440,
            unit: " minutes",
        },
    },
    Setting {
        key: "storm_exempt",
        label: "Exempt from storms",
        help: "Monitoring systems and others (addresses, domains) that may send as much as they like.",
        slot: Slot::Maybe(field!(storm_exempt), value::lists),
    },
    Setting {
        key: "reply_to_is_sender",
        label: "Reply-To is the sender",
        help: "on: where the author is unknown, the address in Reply-To is asked about.",
        slot: Slot::Flag(field!(reply_to_is_sender)),
    },
    Setting {
        key: "ignore_plus",
        label: "Ignore plus parts",
        help: "on: anna+anything@example.com is also looked up as anna@example.com.",
        slot: Slot::Flag(field!(ignore_plus)),
    },
    Setting {
        key: "company_by_domain",
        label: "Company by domain",
        help: "company: of an unknown sender's ticket; known: and it is no unknown sender.",
        slot: choice!(Domains, company_by_domain),
    },
    Setting {
        key: "forwards_by_technicians",
        label: "Forwards by technicians",
        help: "on: what a technician forwards is the request of whoever wrote it.",
        slot: Slot::Flag(field!(forwards_by_technicians)),
    },
    Setting {
        key: "resolve_lists",
        label: "Resolve lists",
        help: "Lists and groups (addresses, domains) believed to name who wrote a mail.",
        slot: Slot::Maybe(field!(resolve_lists), value::lists),
    },
    Setting {
        key: "authentication_server",
        label: "Authentication server",
        help: "Your server's name in Authentication-Results; unnamed: Microsoft 365.",
        slot: Slot::Maybe(field!(authentication_server), value::server),
    },
    Setting {
        key: "failed_dmarc",
        label: "Failed DMARC",
        help: "Of a user's address, by that server. mark: the ticket says so; hold: held.",
        slot: choice!(Unproven, failed_dmarc),
    },
    Setting {
        key: "attachment_max",
        label: "Largest attachment",
        help: "A larger one is left out of its ticket, which says so; the archive keeps it. 0: no limit.",
        slot: Slot::Octets {
            field: field!(attachment_max),
            least: 0,
        },
    },
    Setting {
        key: "attachment_sum_max",
        label: "Attachments together",
        help: "Of one message; those over it are left out likewise. 0: no limit.",
        slot: Slot::Octets {
            field: field!(attachment_sum_max),
            least: 0,
        },
    },
    Setting {
        key: "attachment_count_max",
        label: "Number of attachments",
        help: "Of one message; those behind it are left out likewise, 0 to 10000. 0: no limit.",
        slot: Slot::Number {
            field: field!(attachment_count_max),
            least: 0,
            most: 10_000,
            unit: " attachments",
        },
    },
    Setting {
        key: "attachment_types_refused",
        label: "Refused attachments",
        help: "Left out likewise: endings of names and media types, such as .exe .js video/*.",
        slot: Slot::Maybe(field!(attachment_types_refused), value::file_types),
    },
    Setting {
        key: "time_zone",
        label: "Time zone",
        help: "Of dates that are given without one, such as Europe/Berlin; unset: the system's.",
        slot: Slot::Maybe(field!(time_zone), value::zone),
    },
    // After `time_zone`, which its reading needs.
    Setting {
        key: "received_after",
        label: "Do not process messages received before the specified date",
        help: "Date and time; the server's received time decides.",
        slot: Slot::Moment {
            field: field!(received_after),
            zone: field!(time_zone),
        },
    },
    Setting {
        key: "folder",
        label: "Folder",
        help: "The folder that is watched.",
        slot: Slot::Text(field!(folder), value::folder),
    },
    Setting {
        key: "archive_folder",
        label: "Archive folder",
        help: "Where messages go; unset: the server's archive, else Archive. %Y and %m: year and month (UTC).",
        slot: Slot::Maybe(field!(archive_folder), value::archive_folder),
    },
    Setting {
        key: "archive_when",
        label: "Archive when",
        help: "forwarded: once the portal has the ticket; committed: once it is durable here.",
        slot: choice!(ArchiveWhen, archive_when),
    },
    Setting {
        key: "archive_by_copy",
        label: "Archive by copy",
        help: "Where the server has no MOVE: copy the message, then remove the original.",
        slot: Slot::Flag(field!(archive_by_copy)),
    },
    Setting {
        key: "convert_read",
        label: "Convert read messages",
        help: "Also take messages that somebody read before they were processed.",
        slot: Slot::Flag(field!(convert_read)),
    },
    Setting {
        key: "check_seconds",
        label: "Check every (s)",
        help: "Look for new messages this often, also where the server announces them; 5 to 86400.",
        slot: Slot::Number {
            field: field!(check_seconds),
            least: 5,
            most: 86_400,
            unit: " seconds",
        },
    },
    Setting {
        key: "ca_pem",
        label: "Certificate authority",
        help: "Your own, as PEM, believed beside the system's.",
        slot: Slot::Maybe(field!(ca_pem), value::pem),
    },
    Setting {
        key: "pinned",
        label: "Pinned certificate",
        help: "SHA-256 of the one certificate to accept, instead of every other check.",
        slot: Slot::Maybe(field!(pinned), value::digest),
    },
];

impl<T> Setting<T> {
    /// What the setting holds.
    pub(super) fn read(&self, from: &T) -> Value {
        let text = |text: &str| match text {
            "" => Value::Unset,
            text => Value::Text(text.to_owned()),
        };
        match &self.slot {
            Slot::Flag(field) => Value::Flag(*(field.of)(from)),
            Slot::Number { field, .. } => Value::Number(*(field.of)(from)),
            Slot::Octets { field, .. } => Value::Octets(value::octets_text(*(field.of)(from))),
            Slot::Port(field) => {
                (field.of)(from).map_or(Value::Unset, |port| Value::Number(port.into()))
            }
            Slot::Choice { of, .. } => Value::Word(of(from)),
            Slot::Text(field, _) => text((field.of)(from)),
            Slot::Maybe(field, _) => text((field.of)(from).as_deref().unwrap_or("")),
            Slot::Moment { field, .. } => {
                (field.of)(from).map_or(Value::Unset, |at| Value::Moment(value::moment_text(at)))
            }
            Slot::Secret(field, _) => match (field.of)(from) {
                Some(sealed) => Value::Secret {
                    set: sealed.fingerprint(),
                },
                None => Value::Unset,
            },
        }
    }

    /// Reads `text` into the setting; empty text gives it the value that it has in `fresh`.
    pub(super) fn write(
        &self,
        to: &mut T,
        text: &str,
        fresh: &T,
        zones: &Zones,
    ) -> Result<(), String> {
        let unset = text.is_empty();
        match &self.slot {
            Slot::Flag(field) => {
                *(field.to)(to) = match unset {
                    true => *(field.of)(fresh),
                    false => value::flag(text)?,
                }
            }
            Slot::Number {
                field,
                least,
                most,
                unit,
            } => {
                *(field.to)(to) = match unset {
                    true => *(field.of)(fresh),
                    false => value::number(text, *least, *most, unit)?,
                }
            }
            Slot::Octets { field, least } => {
                *(field.to)(to) = match unset {
                    true => *(field.of)(fresh),
                    false => value::octets(text, *least)?,
                }
            }
            Slot::Port(field) => {
                *(field.to)(to) = match unset {
                    true => None,
                    false => u16::try_from(value::number(text, 1, 65_535, "")?).ok(),
                }
            }
            Slot::Choice { of, to: put, words } => {
                let word = if unset { of(fresh) } else { text };
                if !put(to, word) {
                    return Err(format!("must be one of {}", words().join(", ")));
                }
            }
            Slot::Text(field, reader) => {
                *(field.to)(to) = match unset {
                    true => (field.of)(fresh).clone(),
                    false => reader(text, zones)?,
                }
            }
            Slot::Maybe(field, reader) => {
                *(field.to)(to) = match unset {
                    true => None,
                    false => Some(reader(text, zones)?),
                }
            }
            Slot::Moment { field, zone } => {
                let zone = zones.of((zone.of)(to).as_deref());
                *(field.to)(to) = match unset {
                    true => None,
                    false => Some(value::moment(text, &zone)?),
                }
            }
            Slot::Secret(field, _) if unset => *(field.to)(to) = None,
            Slot::Secret(..) => {
                return Err(
                    "is a secret: it is typed at a prompt or given on standard input, \
                            never as an argument or in a file"
                        .to_owned(),
                )
            }
        }
        Ok(())
    }

    /// Whether it is a secret.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self.slot, Slot::Secret(..))
    }

    /// Puts a sealed secret in; `false` where it is none.
    pub(super) fn put_sealed(&self, to: &mut T, sealed: Sealed) -> bool {
        match &self.slot {
            Slot::Secret(field, _) => {
                *(field.to)(to) = Some(sealed);
                true
            }
            _ => false,
        }
    }

    /// What of a secret is to be sealed; `None` where it is none.
    pub(super) fn read_secret(&self, typed: &Secret) -> Option<Result<Secret, String>> {
        match &self.slot {
            Slot::Secret(_, reader) => {
                let read = reader(typed.reveal());
                Some(read.map(|text| Secret::new(text.to_owned())))
            }
            _ => None,
        }
    }

    /// Its type in a word or two.
    pub(super) fn kind(&self) -> String {
        match &self.slot {
            Slot::Flag(_) => "on or off".to_owned(),
            Slot::Number {
                least, most, unit, ..
            } => format!("{least} to {most}{unit}"),
            Slot::Octets { .. } => "a size".to_owned(),
            Slot::Port(_) => "1 to 65535".to_owned(),
            Slot::Choice { words, .. } => words().join(", "),
            Slot::Text(..) | Slot::Maybe(..) => "text".to_owned(),
            Slot::Moment { .. } => "date and time".to_owned(),
            Slot::Secret(..) => "secret".to_owned(),
        }
    }
}
