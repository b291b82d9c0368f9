//! What can go wrong with a mailbox, by what the caller must do about it.
//!
//! Texts are for people: nothing in the appliance reads them. Passwords never get here.

use std::net::SocketAddr;
use std::time::Duration;

use crate::passage::{Uid, UidValidity};
use crate::world::tls::Blemish;
use crate::world::Certificate;

/// Why a mailbox could not be used; a session that met one is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The connection was lost, or could not be made: connect again, with back-off.
    #[error("{doing}: {why}")]
    Lost {
        /// What was being done.
        doing: String,
        /// How it was lost.
        why: Loss,
    },
    /// Trying again changes nothing until somebody changes something: try rarely, and say so.
    #[error("{doing}: {why}")]
    Refused {
        /// What was being done.
        doing: String,
        /// Who refused, and why.
        why: Refusal,
    },
    /// The folder's UIDs have a new life: list everything again.
    #[error("the folder was made anew: its UIDVALIDITY was {was} and is {now}")]
    Moved {
        /// What it was when the folder was opened.
        was: UidValidity,
        /// What it is now.
        now: UidValidity,
    },
    /// The folder does not exist: make it, or ask the operator for another.
    #[error("{doing}: the folder does not exist: {said}")]
    Gone {
        /// What was being done.
        doing: String,
        /// The server's words.
        said: String,
    },
    /// The server is busy or has had enough: leave it alone for a while.
    #[error("{doing}: the server wants to be left alone for {} s: {said}", .after.as_secs())]
    Throttled {
        /// What was being done.
        doing: String,
        /// How long to wait at least.
        after: Duration,
        /// The server's words.
        said: String,
    },
    /// The server allows the account no session beside those there are: do with the one at hand, or
    /// wait until another has ended.
    #[error("{doing}: the server allows the account no further session now: {said}")]
    Crowded {
        /// What was being done.
        doing: String,
        /// The server's words.
        said: String,
    },
    /// The server did what no server may: the connection was dropped; connect again, rarely.
    #[error("{doing}: {said}")]
    Broken {
        /// What was being done.
        doing: String,
        /// What the server did.
        said: String,
    },
}

/// How a connection was lost, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// The host name has no address, or no name server answered.
    #[error("the name {host} was not found: {said}")]
    Name {
        /// The name.
        host: String,
        /// The resolver's words.
        said: String,
    },
    /// Nothing listens on the port.
    #[error("nothing listens on {address}")]
    NothingListens {
        /// The address that was tried last.
        address: SocketAddr,
    },
    /// There is no way to the address.
    #[error("{address} can't be reached: {said}")]
    Unreachable {
        /// The address that was tried last.
        address: SocketAddr,
        /// The system's words.
        said: String,
    },
    /// Nothing came within the time allowed.
    #[error("no answer within {} ms", .after.as_millis())]
    Silent {
        /// The time allowed.
        after: Duration,
    },
    /// The server said goodbye.
    #[error("the server closed the session: {said}")]
    Bye {
        /// Its words.
        said: String,
    },
    /// The connection ended without a word.
    #[error("the connection was closed")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {said}")]
    Cut {
        /// The system's words.
        said: String,
    },
    /// The TLS handshake failed, and a second look could not tell why.
    #[error("{said}")]
    Handshake {
        /// The library's words.
        said: String,
    },
}

/// Who refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Username or password were refused: a fast second attempt may lock the account.
    #[error("the server refused the username or the password: {said}")]
    SignIn {
        /// Its words, response code first.
        said: String,
    },
    /// The server's certificate is not trusted.
    #[error("{}", blemish_text(.0, .1))]
    Certificate(Blemish, Box<Certificate>),
    /// The server shows another certificate than the pinned one.
    #[error("{said}")]
    NotPinned {
        /// Which is pinned, and what it shows.
        said: String,
        /// SHA-256 of what it shows, in hex.
        sha256: String,
    },
    /// The configured certificate authority can't be read.
    #[error("{said}")]
    Authority {
        /// The library's words.
        said: String,
    },
    /// The server speaks no version of TLS that is safe.
    #[error("the server speaks only TLS older than 1.2, which is not safe")]
    OldTls,
    /// What the server answers is no TLS, and no protocol that could be told either.
    #[error("the server does not speak TLS on port {port}")]
    NoTls {
        /// The port.
        port: u16,
    },
    /// The port speaks another protocol.
    #[error("the port speaks {0}, not IMAP as it was asked for")]
    OtherProtocol(Spoken),
    /// STARTTLS is asked for, and the server doesn't offer or allow it here.
    #[error("the server does not offer STARTTLS: {said}")]
    NoStartTls {
        /// Its words.
        said: String,
    },
    /// The server takes no password over this connection, or none that we can give.
    #[error("the server offers no way to sign in with a password here (it offers {offered})")]
    NoSignIn {
        /// What it offers.
        offered: String,
    },
    /// A command was answered NO or BAD.
    #[error("the server answered {status}: {said}")]
    Command {
        /// NO or BAD.
        status: Answer,
        /// The response code, when there was one, in capitals.
        code: Option<String>,
        /// Its words, response code first.
        said: String,
    },
    /// The server refuses to show these messages, while it shows others.
    #[error("the server does not show {} message(s), the first is UID {}: {said}", .uids.len(), .uids.first().map_or(0, |u| u.0))]
    Messages {
        /// Their UIDs.
        uids: Vec<Uid>,
        /// Its words for the first.
        said: String,
    },
    /// The server does not search by date; without a date it may.
    #[error("the server does not search by date: {said}")]
    Dates {
        /// Its words, response code first.
        said: String,
    },
    /// The server can't do what was asked, and there is no safe substitute.
    #[error("the server lacks {ability}")]
    Lacking {
        /// The capability's name.
        ability: &'static str,
    },
    /// The server lets nothing be changed in a folder.
    #[error("the server lets this account change nothing in the folder {folder} (READ-ONLY)")]
    ReadOnly {
        /// Its name.
        folder: String,
    },
    /// The account lacks rights on a folder (RFC 4314).
    #[error("the account lacks rights on the folder {folder}: {}", rights_text(.lacking))]
    Rights {
        /// Its name.
        folder: String,
        /// Those that are missing, a letter each.
        lacking: String,
    },
    /// A folder's name holds, within a level, what the server puts between levels.
    #[error("the server has no folder {folder}, and can't have one: a `{separator}` begins a new level there; write `/` between levels and another character within one, such as `Archive/%Y-%m`")]
    FolderName {
        /// Its name, as the operator wrote it.
        folder: String,
        /// The server's hierarchy separator.
        separator: char,
    },
    /// The archive folder would be the watched one.
    #[error("{folder} is the watched folder itself")]
    ArchiveIsWatched {
        /// Its name.
        folder: String,
    },
}

/// What is said of a message that the server has, and leaves out of its answer.
pub(super) const LEFT_OUT: &str = "it answers OK, and leaves the message out";

impl Fault {
    /// Of messages that the server has and does not show, with what it says of the first.
    pub fn withheld(doing: &str, uids: Vec<Uid>, said: String) -> Self {
        Self::Refused {
            doing: doing.to_owned(),
            why: Refusal::Messages { uids, said },
        }
    }

    /// Of messages that the server has, and shows nothing of while it answers OK.
    pub fn left_out(doing: &str, uids: Vec<Uid>) -> Self {
        Self::withheld(doing, uids, LEFT_OUT.to_owned())
    }
}

/// The status of a tagged answer that is not OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The command was understood and not done.
    No,
    /// The command was not understood.
    Bad,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::No => "NO",
            Self::Bad => "BAD",
        })
    }
}

/// What a port speaks, judged by its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// SMTP: the port sends mail and can't read it.
    Smtp,
    /// POP3.
    Pop3,
    /// HTTP.
    Http,
    /// SSH.
    Ssh,
    /// FTP.
    Ftp,
    /// TLS, where a plain connection was asked for.
    Tls,
    /// IMAP without TLS, where TLS was asked for.
    PlainImap,
    /// None that is known here.
    Unknown,
}

impl std::fmt::Display for Spoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Smtp => "SMTP (it sends mail and can't read it)",
            Self::Pop3 => "POP3",
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
            Self::Ftp => "FTP",
            Self::Tls => "TLS from the first octet",
            Self::PlainImap => "IMAP without TLS",
            Self::Unknown => "a protocol that is not known here",
        })
    }
}

fn rights_text(lacking: &str) -> String {
    let each = lacking.chars().map(|right| match right {
        'i' => "`i` (put messages into it)".to_owned(),
        't' => "`t` (mark messages as deleted)".to_owned(),
        'e' => "`e` (remove messages)".to_owned(),
        other => format!("`{other}`"),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn blemish_text(blemish: &Blemish, certificate: &Certificate) -> String {
    format!("the server's certificate {}", blemish.said(certificate))
}
