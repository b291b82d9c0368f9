//! The rows of a rule: what it asks, and what it does.

use super::*;
use crate::ticket::rule::{Action, Then};
use crate::ticket::Rule;

pub(in crate::settings) static RULE: &[Setting<Rule>] = &[
    Setting {
        key: "active",
        label: "Active",
        help: "Whether the rule is asked.",
        slot: Slot::Flag(field!(active)),
    },
    Setting {
        key: "mailbox",
        label: "Mailbox",
        help: "The one mailbox whose mail it is asked about; unset: every one's.",
        slot: Slot::Maybe(field!(mailbox), value::line),
    },
    Setting {
        key: "sender",
        label: "Sender",
        help: "Addresses and domains, compared whole; one of them is whose request it is.",
        slot: Slot::Maybe(field!(sender), value::lists),
    },
    Setting {
        key: "sender_regex",
        label: "Sender (regular expression)",
        help: "The same as a pattern, over the address in lower case.",
        slot: Slot::Maybe(field!(sender_regex), value::pattern),
    },
    Setting {
        key: "recipient",
        label: "Recipient",
        help: "Addresses and domains, compared whole; one of them is in To or Cc.",
        slot: Slot::Maybe(field!(recipient), value::lists),
    },
    Setting {
        key: "recipient_regex",
        label: "Recipient (regular expression)",
        help: "The same as a pattern, over each address in lower case.",
        slot: Slot::Maybe(field!(recipient_regex), value::pattern),
    },
    Setting {
        key: "subject",
        label: "Subject",
        help: "Plain text that stands in the subject, in any case.",
        slot: Slot::Maybe(field!(subject), value::line),
    },
    Setting {
        key: "subject_regex",
        label: "Subject (regular expression)",
        help: "A pattern; (?i) in front: in any case, of the letters A to Z.",
        slot: Slot::Maybe(field!(subject_regex), value::pattern),
    },
    Setting {
        key: "header",
        label: "Header",
        help: "The name of a field of the header, which must be there.",
        slot: Slot::Maybe(field!(header), value::field_name),
    },
    Setting {
        key: "header_value",
        label: "Header says",
        help: "Plain text that stands in that field, in any case.",
        slot: Slot::Maybe(field!(header_value), value::line),
    },
    Setting {
        key: "header_regex",
        label: "Header says (regular expression)",
        help: "The same as a pattern.",
        slot: Slot::Maybe(field!(header_regex), value::pattern),
    },
    Setting {
        key: "attachment",
        label: "Attachment",
        help: "Endings and types, such as .pdf application/zip image/*; one attachment is of one.",
        slot: Slot::Maybe(field!(attachment), value::kinds),
    },
    Setting {
        key: "size_min",
        label: "Size at least",
        help: "Of the whole message; 0: any.",
        slot: Slot::Octets {
            field: field!(size_min),
            least: 0,
        },
    },
    Setting {
        key: "size_max",
        label: "Size at most",
        help: "Of the whole message; 0: any.",
        slot: Slot::Octets {
            field: field!(size_max),
            least: 0,
        },
    },
    Setting {
        key: "action",
        label: "Action",
        help:
            "set: what is below, on the ticket; hold: it waits; ignore: archived without a ticket.",
        slot: choice!(Action, action),
    },
    Setting {
        key: "reason",
        label: "Reason",
        help: "Why it is held or ignored, for whoever asks later.",
        slot: Slot::Maybe(field!(reason), value::line),
    },
    Setting {
        key: "queue",
        label: "Queue",
        help: "The ticket's queue, as the portal names it.",
        slot: Slot::Maybe(field!(queue), value::mark),
    },
    Setting {
        key: "priority",
        label: "Priority",
        help: "The ticket's priority, as the portal names it.",
        slot: Slot::Maybe(field!(priority), value::mark),
    },
    Setting {
        key: "category",
        label: "Category",
        help: "The ticket's category, as the portal names it.",
        slot: Slot::Maybe(field!(category), value::mark),
    },
    Setting {
        key: "company",
        label: "Company",
        help: "The company's id in the portal's directory, instead of the requester's own.",
        slot: Slot::Maybe(field!(company), value::mark),
    },
    Setting {
        key: "tags",
        label: "Tags",
        help: "Words with a space between; those of several rules add up.",
        slot: Slot::Maybe(field!(tags), value::tags),
    },
    Setting {
        key: "then",
        label: "Then",
        help:
            "stop: no further rule is asked; continue: those behind it are, for what it left unset.",
        slot: choice!(Then, then),
    },
];
