//! Why a message didn't become a ticket: the one closed list.
//!
//! Codes are stable: they stand in journals, logs, filters and documents. A new reason is added
//! at the end; none is ever renamed or used again.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a reason does to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// It stays where it is, unread, until something changes.
    Held,
    /// It is archived without a ticket.
    Ignored,
    /// It is over without our doing: nothing is left to archive.
    Closed,
    /// The portal won't have its ticket; it is kept.
    Refused,
}

impl Verdict {
    /// Its word, as people and machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::Ignored => "ignored",
            Verdict::Closed => "closed",
            Verdict::Refused => "refused",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $verdict:ident,
        $sentence:literal, $mend:literal;)+) => {
        /// Why a message didn't become a ticket.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $variant,)+
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)+];

            /// Its code: stable, kebab-case.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$variant => $code,)+ }
            }

            /// What it does to a message.
            pub fn verdict(self) -> Verdict {
                match self { $(Reason::$variant => Verdict::$verdict,)+ }
            }

            /// A sentence for the operator: what happened.
            pub fn explain(self) -> &'static str {
                match self { $(Reason::$variant => $sentence,)+ }
            }

            /// A sentence for the operator: what can be done.
            pub fn mend(self) -> &'static str {
                match self { $(Reason::$variant => $mend,)+ }
            }
        }
    };
}

reasons! {
    /// The author is nobody in the directory, and such mail is not processed.
    UnknownSender = "unknown-sender", Held,
        "The sender is not in the portal's directory.",
        "Add the sender to the portal, convert this message by hand, or turn on \"Process messages from unknown users\".";
    /// The directory has not been read whole yet.
    DirectoryNotRead = "directory-not-read", Held,
        "The portal's directory has not been read yet, so nobody can be called unknown.",
        "Nothing needs to be done: it is looked at again as soon as the directory has been read.";
    /// The server received it before the date from which messages are processed.
    ReceivedBefore = "received-before", Held,
        "The message was received before the date from which messages are processed.",
        "Convert it by hand, or set \"Do not process messages received before the specified date\" to an earlier date.";
    /// Somebody read it before it was processed.
    AlreadyRead = "already-read", Held,
        "The message was marked as read before it was processed.",
        "Convert it by hand, mark it as unread in the mailbox, or turn on convert_read.";
    /// The same key has been committed already.
    Duplicate = "duplicate", Ignored,
        "The same message has been processed before.",
        "If a second ticket is wanted, convert it again by hand.";
    /// The operator wants no ticket of it.
    Dismissed = "dismissed", Ignored,
        "The operator dismissed the message.",
        "It lies in the archive folder. If that was a mistake: `held convert KEY --again`, and move it back unread.";
    /// It has vanished from the server.
    Gone = "gone", Closed,
        "The message was moved or deleted on the server before it was processed.",
        "Move it back into the watched folder and mark it as unread.";
    /// It was read on the server while it was held.
    ReadWhileHeld = "read-while-held", Closed,
        "Somebody read the message on the server while it was held here.",
        "Convert it by hand, or mark it as unread in the mailbox.";
    /// The portal won't have its ticket.
    Refused = "refused", Refused,
        "The portal refused the ticket for good.",
        "See the portal's own words, mend their cause, then retry or export the ticket.";
    /// It is larger than the space that is left for any message.
    TooLarge = "too-large", Held,
        "The message is larger than the store can take.",
        "Raise the store's quota, or free space on the disk; it is looked at again then.";
    /// The portal lost its ticket, and it is not kept here any more.
    LostAtPortal = "lost-at-portal", Closed,
        "The portal lost the ticket when it was restored, and the message is no longer kept here.",
        "Move it from the archive folder back into the watched folder and mark it as unread.";
    /// Its mailbox is gone, or watches another account or folder.
    MailboxGone = "mailbox-gone", Closed,
        "Its mailbox was taken out here, or became another account's or folder's.",
        "It lies where it lay, unread; a mailbox that watches that place takes it up again.";
    /// Its octets were lost here after it was archived, and before the portal had its ticket.
    LostHere = "lost-here", Closed,
        "The message can't be read from this disk any more, and was archived before its ticket was made.",
        "Move it from the archive folder back into the watched folder and mark it as unread.";
    /// A program answered by itself.
    AutoReply = "auto-reply", Ignored,
        "A program answered by itself: an absence note, or an acknowledgement.",
        "It lies in the archive folder. If such messages are wanted, set auto_replies to ticket; for this one: `held convert KEY --again`, and move it back unread.";
    /// A mail system reports that a message was not delivered.
    Bounce = "bounce", Ignored,
        "A mail system reports that a message could not be delivered.",
        "It lies in the archive folder. If such reports are wanted, set bounces to ticket; for this one: `held convert KEY --again`, and move it back unread.";
    /// A mail system reports that a message was not delivered yet.
    DeliveryDelayed = "delivery-delayed", Ignored,
        "A mail system reports that a message could not be delivered yet, and that it goes on trying.",
        "It lies in the archive folder. If such reports are wanted, set bounces to ticket; for this one: `held convert KEY --again`, and move it back unread.";
    /// A report that a message was delivered, or read.
    Receipt = "receipt", Ignored,
        "A report says that a message was delivered or read.",
        "It lies in the archive folder. If such reports are wanted, set receipts to ticket; for this one: `held convert KEY --again`, and move it back unread.";
    /// A report that a message was called abuse.
    Complaint = "complaint", Ignored,
        "A report says that somebody called a message abuse.",
        "It lies in the archive folder. If such reports are wanted, set complaints to ticket; for this one: `held convert KEY --again`, and move it back unread.";
    /// The portal's own mail came back.
    Loop = "loop", Ignored,
        "The portal's own mail came back: somebody forwards it here.",
        "It lies in the archive folder. Look who gets the portal's mail and sends it to this mailbox; for this one: `held convert KEY --again`, and move it back unread.";
    /// The address is a known user's, and our own mail server says that DMARC failed.
    AuthenticationFailed = "authentication-failed", Held,
        "The sender's address is a known user's, and your mail server found that DMARC failed: it may be forged.",
        "Ask the sender another way; convert this message by hand if it is genuine, or set failed_dmarc to mark.";
    /// Too many came of one sender, or of one subject, within a while.
    Storm = "storm", Held,
        "Too many messages of one sender, or of one subject, came within a while.",
        "`held list` shows them as one group: `held convert KEY --group` makes tickets of all of them, `held dismiss KEY --group` archives them. Exempt the sender by storm_exempt where it may write so much; what is held stays held until you decide.";
    /// A list handed it on.
    MailingList = "mailing-list", Ignored,
        "A mailing list handed it on.",
        "It lies in the archive folder. If such messages are wanted, set mailing_lists to ticket; for this one: `held convert KEY --again`, and move it back unread.";
    /// A program had something to say by itself, or told it to many.
    Notice = "notice", Ignored,
        "A program wrote it by itself, or to many: a notice.",
        "It lies in the archive folder. If such messages are wanted, set notices to ticket; for this one: `held convert KEY --again`, and move it back unread.";
    /// A rule of the operator's holds it.
    HeldByRule = "held-by-rule", Held,
        "A rule of yours holds the message.",
        "Convert it by hand, dismiss it, or change the rule: it is looked at again then.";
    /// A rule of the operator's ignores it.
    IgnoredByRule = "ignored-by-rule", Ignored,
        "A rule of yours archives such messages without a ticket.",
        "It lies in the archive folder. If such messages are wanted, change the rule; for this one: `held convert KEY --again`, and move it back unread.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// No reason has this code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no reason with the code \"{0}\"")]
pub struct NoReason(pub String);

impl FromStr for Reason {
    type Err = NoReason;

    fn from_str(code: &str) -> Result<Reason, NoReason> {
        Reason::ALL
            .iter()
            .find(|reason| reason.code() == code)
            .copied()
            .ok_or_else(|| NoReason(code.to_owned()))
    }
}
