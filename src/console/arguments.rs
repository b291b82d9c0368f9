//! The command line: what may be typed, with help and an example for each command.
//!
//! Gives what was meant; does nothing.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

/// Help that stands below each command's own: its example and the exit codes.
macro_rules! example {
    ($($line:literal),+) => {
        concat!(
            "Example:\n",
            $("  ", $line, "\n",)+
            "\nExit codes: 0 done; 1 failed or refused; 2 wrong usage; 3 the store is in use\n\
             or the service can't be reached; 4 nothing to do"
        )
    };
}

/// The gate between a mailbox and a ticket system: one message, one ticket.
#[derive(Debug, Parser)]
#[command(name = "postern", version, after_help = example!("postern status"))]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    /// The store
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/lib/postern",
        global = true
    )]
    pub store: PathBuf,
    /// The socket [default: control.sock in the store]
    #[arg(long, value_name = "PATH", global = true)]
    pub socket: Option<PathBuf>,
    /// Print documents for programs instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// Where the control socket is.
    pub fn socket(&self) -> PathBuf {
        let beside = || self.store.join("control.sock");
        self.socket.clone().unwrap_or_else(beside)
    }
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service
    #[command(after_help = example!("postern run", "postern run --once --store ./store --settings mine.toml"))]
    Run {
        /// Exit once nothing is left to do
        #[arg(long)]
        once: bool,
        /// Put this settings file in force first
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
    },
    /// Test Connection: try every step, touch nothing
    #[command(after_help = example!("postern test support --wait"))]
    Test {
        /// The mailbox; all when left out
        mailbox: Option<String>,
        /// Then follow the next message through its stages
        #[arg(long)]
        wait: bool,
        /// Confirm the settings change that waits, when all passes
        #[arg(long)]
        confirm: bool,
    },
    /// How everything is
    #[command(after_help = example!("postern status --json"))]
    Status,
    /// Messages on their way to the portal
    #[command(subcommand, after_help = example!("postern queue list"))]
    Queue(Queue),
    /// Messages that were held, with their reasons
    #[command(subcommand, after_help = example!("postern held list --reason unknown-sender"))]
    Held(Held),
    /// The life of one message, or the newest messages of a reason
    #[command(group(ArgGroup::new("what").required(true).args(["message", "reason"])))]
    #[command(after_help = example!(
        "postern log 4f2a91c0",
        "postern log '<4711@example.com>'",
        "postern log --reason bounce --limit 10"
    ))]
    Log {
        /// Its key, or the beginning of it, or its Message-ID
        #[arg(value_name = "KEY | MESSAGE-ID")]
        message: Option<String>,
        /// Instead: the newest of this reason; several: repeat it
        #[arg(long, value_name = "CODE", value_delimiter = ',')]
        reason: Vec<String>,
        /// How many of them at most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Look at settings and change them
    #[command(subcommand, after_help = example!("postern settings show mailbox.support"))]
    Settings(Settings),
    /// Your own rules: hold, ignore, set queue and more
    #[command(subcommand, after_help = example!("postern rules add invoices recipient=billing@example.com queue=Billing"))]
    Rules(Rules),
    /// People and companies, as the portal told them
    #[command(subcommand, after_help = example!("postern directory show anna@example.com"))]
    Directory(Directory),
    /// What would become of a mail in a file, and why; changes nothing
    #[command(after_help = example!(
        "postern explain odd.eml",
        "postern explain --mailbox support --json ./mails",
        "# Which would go elsewhere, and why; ends with 0 also where some would:",
        "postern explain ./mails --against mine.toml",
        "# The same by revision 6 of the history, of mails that have been here:",
        "postern explain ./mails --against 6 --anew"
    ))]
    Explain {
        /// Mails as they came (.eml), or folders of them
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The mailbox it came into; else the only one
        #[arg(long, value_name = "NAME")]
        mailbox: Option<String>,
        /// When it was received (2026-11-02T08:00:00Z); else now
        #[arg(long, value_name = "TIME")]
        received: Option<String>,
        /// Compare with this settings file, or a revision's number
        #[arg(long, value_name = "FILE")]
        against: Option<String>,
        /// As if it had never been here before
        #[arg(long)]
        anew: bool,
    },
    /// Look after the store itself
    #[command(subcommand, after_help = example!("postern store check"))]
    Store(Store),
}

/// Which part of a list.
#[derive(Clone, Debug, Default, Args)]
pub struct Part {
    /// How many to show
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Go on behind this one (the list's last line names it)
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

/// `queue`.
#[derive(Debug, Subcommand)]
pub enum Queue {
    /// List messages that are under way
    #[command(after_help = example!("postern queue list --limit 20"))]
    List {
        /// Which part
        #[command(flatten)]
        part: Part,
        /// Only this mailbox
        #[arg(long, value_name = "NAME")]
        mailbox: Option<String>,
    },
    /// The life of one message
    #[command(after_help = example!("postern queue show 4f2a91c0"))]
    Show {
        /// Its key, or the beginning of it
        key: String,
    },
    /// Write messages and their tickets into files
    #[command(group(ArgGroup::new("those").required(true).args(["key", "all"])))]
    #[command(after_help = example!("postern queue export 4f2a91c0", "postern queue export --all --to ./rescued"))]
    Export {
        /// Its key, or the beginning of it
        key: Option<String>,
        /// All that are queued or refused
        #[arg(long)]
        all: bool,
        /// Where the files go, KEY.eml and KEY.json
        #[arg(long, value_name = "DIR", default_value = ".")]
        to: PathBuf,
        /// Write over files that are there
        #[arg(long)]
        force: bool,
    },
    /// Try again now what the portal refused
    #[command(group(ArgGroup::new("which").required(true).args(["key", "all"])))]
    #[command(after_help = example!("postern queue retry 4f2a91c0", "postern queue retry --all"))]
    Retry {
        /// Its key, or the beginning of it
        key: Option<String>,
        /// All that were refused
        #[arg(long)]
        all: bool,
    },
}

/// `held`.
#[derive(Debug, Subcommand)]
pub enum Held {
    /// List messages that are held
    #[command(after_help = example!("postern held list --mailbox support", "postern held list --aside"))]
    List {
        /// Which part
        #[command(flatten)]
        part: Part,
        /// Only this mailbox
        #[arg(long, value_name = "NAME")]
        mailbox: Option<String>,
        /// Only this reason; several: repeat it
        #[arg(long, value_name = "CODE", value_delimiter = ',')]
        reason: Vec<String>,
        /// Instead: what was ignored, dismissed or closed
        #[arg(long)]
        aside: bool,
        /// Instead: each of the storm's group of this key
        #[arg(long, value_name = "KEY", conflicts_with_all = ["aside", "mailbox", "reason"])]
        group: Option<String>,
    },
    /// The life of one message
    #[command(after_help = example!("postern held show 4f2a91c0"))]
    Show {
        /// Its key, or the beginning of it
        key: String,
    },
    /// Make a held message a ticket after all
    #[command(after_help = example!("postern held convert 4f2a91c0", "postern held convert 4f2a91c0 --group"))]
    Convert {
        /// Its key, or the beginning of it
        key: String,
        /// Make another of what became one, or was ignored
        #[arg(long)]
        again: bool,
        /// All messages of its storm's group
        #[arg(long, conflicts_with = "again")]
        group: bool,
        /// With --group: don't ask
        #[arg(long, requires = "group")]
        yes: bool,
    },
    /// Archive a held message without a ticket
    #[command(after_help = example!("postern held dismiss 4f2a91c0 --reason 'advertising'"))]
    Dismiss {
        /// Its key, or the beginning of it
        key: String,
        /// Why, for the record
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// All messages of its storm's group
        #[arg(long)]
        group: bool,
        /// With --group: don't ask
        #[arg(long, requires = "group")]
        yes: bool,
    },
}

/// How a change is made.
#[derive(Clone, Debug, Default, Args)]
pub struct Manner {
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// It is dedicated, though its address is a user's
    #[arg(long)]
    pub dedicated: bool,
    /// Neither try secrets nor look into the mailbox
    #[arg(long)]
    pub untried: bool,
    /// Leave what is under way where it is
    #[arg(long)]
    pub leave_behind: bool,
    /// Undo it unless confirmed within so many minutes
    #[arg(long, value_name = "MIN", value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub confirm_within: Option<u32>,
}

/// `settings`.
#[derive(Debug, Subcommand)]
pub enum Settings {
    /// Show settings
    #[command(after_help = example!("postern settings show mailbox.support"))]
    Show {
        /// A key, or a section such as portal; all when left out
        #[arg(default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Print one setting's value
    #[command(after_help = example!("postern settings get portal.url"))]
    Get {
        /// The key
        key: String,
    },
    /// Change settings
    #[command(after_help = example!(
        "postern settings set mailbox.support.host mail.example.com",
        "postern settings set mailbox.support.port=993 mailbox.support.security=tls",
        "# Asks; or give it on standard input:",
        "postern settings set mailbox.support.password",
        "postern settings set mailbox.support.ca_pem @authority.pem",
        "postern settings set mailbox.support.active on"
    ))]
    Set {
        /// Pairs, or one KEY VALUE; a secret's KEY alone
        #[arg(required = true, value_name = "KEY [VALUE] | KEY=VALUE")]
        words: Vec<String>,
        /// How
        #[command(flatten)]
        manner: Manner,
    },
    /// Make a mailbox, not active yet
    #[command(after_help = example!("postern settings add support"))]
    Add {
        /// Its name
        name: String,
    },
    /// Take a mailbox out; asks, and says what is under way
    #[command(after_help = example!("postern settings remove support"))]
    Remove {
        /// Its name
        name: String,
        /// How
        #[command(flatten)]
        manner: Manner,
    },
    /// Give a mailbox another name
    #[command(after_help = example!("postern settings rename support helpdesk"))]
    Rename {
        /// Its name
        name: String,
        /// The new name
        to: String,
    },
    /// Put a settings file in force: it says the whole
    #[command(after_help = example!("postern settings import mine.toml --confirm-within 10"))]
    Import {
        /// The file
        file: PathBuf,
        /// Go without the secrets in it
        #[arg(long)]
        without_secrets: bool,
        /// How
        #[command(flatten)]
        manner: Manner,
    },
    /// Print the settings as a file
    #[command(after_help = example!(
        "postern settings export > mine.toml",
        "postern settings export --with-secrets > box.toml  # asks for a passphrase"
    ))]
    Export {
        /// With passwords and token, sealed under a passphrase
        #[arg(long)]
        with_secrets: bool,
    },
    /// Confirm the change that waits
    #[command(after_help = example!("postern settings confirm"))]
    Confirm,
    /// List the changes that are kept
    #[command(after_help = example!("postern settings history"))]
    History,
    /// What differs between two changes
    #[command(after_help = example!("postern settings diff 3 5"))]
    Diff {
        /// The earlier; the one before the later when left out
        from: Option<u64>,
        /// The later; the one in force when left out
        to: Option<u64>,
    },
    /// Go back to an earlier change, or undo the one that waits
    #[command(after_help = example!("postern settings rollback 3"))]
    Rollback {
        /// The change to go back to; without it the one that waits is undone
        number: Option<u64>,
        /// How
        #[command(flatten)]
        manner: Manner,
    },
    /// Explain settings: values, default, meaning
    #[command(after_help = example!("postern settings explain mailbox.support.security"))]
    Explain {
        /// A key or section; all when left out
        #[arg(default_value = "", hide_default_value = true)]
        key: String,
    },
}

/// `rules`.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Show the rules, in the order in which they are asked
    #[command(after_help = example!("postern rules list"))]
    List,
    /// Make a rule, behind the others; keys as `settings explain rule` lists them
    #[command(after_help = example!(
        "postern rules add invoices subject=invoice attachment=.pdf queue=Billing tags='money urgent'",
        "postern rules add adverts header=List-Unsubscribe sender=shop.example action=ignore reason=adverts",
        "postern settings set rule.invoices.then continue"
    ))]
    Add {
        /// Its name
        name: String,
        /// What it asks and does
        #[arg(value_name = "KEY=VALUE")]
        pairs: Vec<String>,
        /// How
        #[command(flatten)]
        manner: Manner,
    },
    /// Take a rule out
    #[command(after_help = example!("postern rules remove invoices"))]
    Remove {
        /// Its name
        name: String,
        /// How
        #[command(flatten)]
        manner: Manner,
    },
    /// Give a rule another name
    #[command(after_help = example!("postern rules rename invoices bills"))]
    Rename {
        /// Its name
        name: String,
        /// The new name
        to: String,
        /// How
        #[command(flatten)]
        manner: Manner,
    },
    /// Move a rule among the others
    #[command(group(ArgGroup::new("where").required(true).args(["first", "last", "before", "behind"])))]
    #[command(after_help = example!("postern rules move invoices --before adverts"))]
    Move {
        /// Its name
        name: String,
        /// In front of all others
        #[arg(long)]
        first: bool,
        /// Behind all others
        #[arg(long)]
        last: bool,
        /// In front of this one
        #[arg(long, value_name = "NAME")]
        before: Option<String>,
        /// Behind this one
        #[arg(long, value_name = "NAME")]
        behind: Option<String>,
        /// How
        #[command(flatten)]
        manner: Manner,
    },
    /// Which mail of lately each rule matches; changes nothing
    #[command(after_help = example!("postern rules try", "postern explain odd.eml  # one mail, rule by rule"))]
    Try,
}

/// `directory`.
#[derive(Debug, Subcommand)]
pub enum Directory {
    /// List companies and people, or say what an address leads to
    #[command(after_help = example!(
        "postern directory show --limit 200",
        "postern directory show anna@example.com  # who would this sender be?",
        "postern directory show lang              # in names, addresses and domains",
        "postern directory show example.com       # the company, and its people"
    ))]
    Show {
        /// An address; or part of a name, address or domain; or an id
        what: Option<String>,
        /// Which part
        #[command(flatten)]
        part: Part,
    },
    /// Read the portal's changes now
    #[command(after_help = example!("postern directory sync"))]
    Sync,
}

/// `store`.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Read the whole store and say what is whole; changes nothing
    #[command(after_help = example!("postern store check", "postern store check --json"))]
    Check,
}
