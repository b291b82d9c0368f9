//! The settings as values: what the rest of the program reads.
//!
//! Fields hold what the operator said; where nothing was said, the methods answer with what follows
//! from the rest (the port from the security, the address from the username).

use serde::{Deserialize, Serialize};

use super::seal::Sealed;
use super::value::address_in;
use crate::passage::MailboxId;
use crate::ticket::rule::{Action, Then};
use crate::ticket::{Domains, Guard, Handling, Limits, Rule, Unproven};
use crate::world::{certificate, Wall};

/// A setting that is one of a few words.
pub(super) trait Words: Copy + PartialEq + 'static {
    /// Each value with its word.
    const ALL: &'static [(Self, &'static str)];

    /// The value's word.
    fn word(&self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(value, _)| value == self)
            .map_or("", |(_, word)| word)
    }

    /// The value of a word.
    fn of_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, w)| w.eq_ignore_ascii_case(word))
            .map(|(value, _)| *value)
    }
}

/// How the mailbox is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// IMAP (RFC 9051, RFC 3501).
    #[default]
    Imap,
    /// Exchange on premises, by its web services.
    Exchange,
    /// Office365.
    Office365,
}

impl Words for Protocol {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Imap, "imap"),
        (Self::Exchange, "exchange"),
        (Self::Office365, "office365"),
    ];
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first octet.
    #[default]
    Tls,
    /// Plain at first, then always TLS.
    Starttls,
    /// Not at all.
    None,
}

impl Words for Security {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Tls, "tls"),
        (Self::Starttls, "starttls"),
        (Self::None, "none"),
    ];
}

/// When a message leaves the inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArchiveWhen {
    /// Once the portal has its ticket.
    #[default]
    Forwarded,
    /// Once it is durable here.
    Committed,
}

impl Words for ArchiveWhen {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Forwarded, "forwarded"),
        (Self::Committed, "committed"),
    ];
}

impl Words for Handling {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Ignore, "ignore"),
        (Self::Ticket, "ticket"),
        (Self::Append, "append"),
    ];
}

impl Words for Domains {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Ignore, "ignore"),
        (Self::Company, "company"),
        (Self::Known, "known"),
    ];
}

impl Words for Unproven {
    const ALL: &'static [(Self, &'static str)] = &[(Self::Mark, "mark"), (Self::Hold, "hold")];
}

/// What revisions of formats 1 to 5 have not: more than a desk gets of one sender or subject, fewer than a loop of
/// two programs makes.
fn storm_limit() -> u64 {
    50
}

fn storm_minutes() -> u64 {
    60
}

impl Words for Action {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Set, "set"),
        (Self::Hold, "hold"),
        (Self::Ignore, "ignore"),
    ];
}

impl Words for Then {
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Stop, "stop"), (Self::Continue, "continue")];
}

/// One mailbox that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    /// Given when it is made, never used again.
    pub id: MailboxId,
    /// What the operator calls it; part of its settings' keys.
    pub name: String,
    /// Whether it is watched.
    pub active: bool,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// How the connection is protected.
    pub security: Security,
    /// The mail server.
    pub host: String,
    /// Its port, where it is not the usual one.
    pub port: Option<u16>,
    /// Who signs in.
    pub username: String,
    /// With which password.
    pub password: Option<Sealed>,
    /// What the mailbox is called in mail, where that isn't the username.
    pub address: Option<String>,
    /// What delivery keys are made from; fixed once it is there.
    pub identity: Option<String>,
    /// The operator has said that a portal user's address is a dedicated mailbox all the same.
    pub dedicated: bool,
    /// From the dial to the end of sign-in.
    pub timeout_ms: u64,
    /// Whether messages from senders whom the directory doesn't know become tickets.
    pub process_unknown_senders: bool,
    /// What becomes of answers that programs give.
    #[serde(default)]
    pub auto_replies: Handling,
    /// What becomes of reports that a message was not delivered, or not yet.
    #[serde(default)]
    pub bounces: Handling,
    /// What becomes of reports that a message was delivered, or read.
    #[serde(default)]
    pub receipts: Handling,
    /// What becomes of reports that a message was called abuse.
    #[serde(default = "Handling::ticket")]
    pub complaints: Handling,
    /// What becomes of what a list hands on.
    #[serde(default = "Handling::ticket")]
    pub mailing_lists: Handling,
    /// What becomes of what programs have to say by themselves, or to many.
    #[serde(default = "Handling::ticket")]
    pub notices: Handling,
    /// So many messages of one sender or subject become tickets within the window; 0: any number.
    #[serde(default = "storm_limit")]
    pub storm_limit: u64,
    /// That window.
    #[serde(default = "storm_minutes")]
    pub storm_minutes: u64,
    /// Senders who may write as many as they like: addresses and domains, with a space between.
    #[serde(default)]
    pub storm_exempt: Option<String>,
    /// Whether Reply-To is asked about where the author is unknown.
    #[serde(default)]
    pub reply_to_is_sender: bool,
    /// Whether what stands behind a plus is no part of an address.
    #[serde(default)]
    pub ignore_plus: bool,
    /// What a sender's domain is good for.
    #[serde(default)]
    pub company_by_domain: Domains,
    /// Whether the author of what a technician forwards is the requester.
    #[serde(default)]
    pub forwards_by_technicians: bool,
    /// Lists and groups that are believed about who wrote what they hand on: addresses and domains, with a
    /// space between.
    #[serde(default)]
    pub resolve_lists: Option<String>,
    /// Whose Authentication-Results are believed.
    #[serde(default)]
    pub authentication_server: Option<String>,
    /// What becomes of a known user's message that fails DMARC.
    #[serde(default)]
    pub failed_dmarc: Unproven,
    /// Octets of one attachment at most; without a limit where zero. The same for the next two.
    #[serde(default)]
    pub attachment_max: u64,
    /// Octets of a message's attachments together.
    #[serde(default)]
    pub attachment_sum_max: u64,
    /// Attachments of a message.
    #[serde(default)]
    pub attachment_count_max: u64,
    /// Endings of names and media types that are left out of tickets, with a space between.
    #[serde(default)]
    pub attachment_types_refused: Option<String>,
    /// What the server received before this is left alone.
    pub received_after: Option<Wall>,
    /// The zone of dates that are given without one (IANA); the system's, where unset.
    pub time_zone: Option<String>,
    /// The folder that is watched.
    pub folder: String,
    /// Where messages go; the server's own archive, where unset. May hold `%Y` and `%m`.
    pub archive_folder: Option<String>,
    /// When they go there.
    pub archive_when: ArchiveWhen,
    /// Whether copying and removing may stand in for a missing MOVE.
    pub archive_by_copy: bool,
    /// Whether messages that were read before they were processed are taken too.
    pub convert_read: bool,
    /// Seconds between two checks, also beneath IDLE.
    pub check_seconds: u64,
    /// Certificate authorities beside the system's, PEM.
    pub ca_pem: Option<String>,
    /// SHA-256 of the one certificate to accept, in hex.
    pub pinned: Option<String>,
}

impl Mailbox {
    /// A fresh mailbox: every setting at its default.
    pub fn new(id: MailboxId, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            active: false,
            protocol: Protocol::Imap,
            security: Security::Tls,
            host: String::new(),
            port: None,
            username: String::new(),
            password: None,
            address: None,
            identity: None,
            dedicated: false,
            timeout_ms: 30_000,
            process_unknown_senders: false,
            auto_replies: Handling::Ignore,
            bounces: Handling::Ignore,
            receipts: Handling::Ignore,
            complaints: Handling::Ticket,
            mailing_lists: Handling::Ticket,
            notices: Handling::Ticket,
            storm_limit: storm_limit(),
            storm_minutes: storm_minutes(),
            storm_exempt: None,
            reply_to_is_sender: false,
            ignore_plus: false,
            company_by_domain: Domains::Company,
            forwards_by_technicians: false,
            resolve_lists: None,
            authentication_server: None,
            failed_dmarc: Unproven::Mark,
            attachment_max: 0,
            attachment_sum_max: 0,
            attachment_count_max: 0,
            attachment_types_refused: None,
            received_after: None,
            time_zone: None,
            folder: "INBOX".to_owned(),
            archive_folder: None,
            archive_when: ArchiveWhen::Forwarded,
            archive_by_copy: false,
            convert_read: false,
            check_seconds: 300,
            ca_pem: None,
            pinned: None,
        }
    }

    /// The port to dial: the one set, else what follows from the security.
    pub fn dial_port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::Tls => 993,
            Security::Starttls | Security::None => 143,
        })
    }

    /// The address of the mailbox: the one set, else the username where that is one.
    pub fn mail_address(&self) -> Option<&str> {
        match &self.address {
            Some(address) => Some(address),
            None => address_in(&self.username),
        }
    }

    /// The lists and groups that are believed, each in the form in which addresses and domains are compared.
    pub fn trusted_lists(&self) -> Vec<String> {
        let lists = self.resolve_lists.as_deref().unwrap_or_default();
        lists.split_whitespace().map(str::to_owned).collect()
    }

    /// How many messages of one sender or subject become tickets within a while.
    pub fn storm_guard(&self) -> Guard {
        let exempt = self.storm_exempt.as_deref().unwrap_or_default();
        Guard {
            limit: self.storm_limit,
            minutes: self.storm_minutes,
            exempt: exempt.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// What goes along of a message's attachments.
    pub fn attachment_limits(&self) -> Limits {
        let types = self.attachment_types_refused.as_deref().unwrap_or_default();
        Limits {
            largest: self.attachment_max,
            sum: self.attachment_sum_max,
            count: self.attachment_count_max,
            types: types.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// Whether another says the same about whose request a message is.
    pub fn finds_senders_as(&self, other: &Self) -> bool {
        self.reply_to_is_sender == other.reply_to_is_sender
            && self.ignore_plus == other.ignore_plus
            && self.company_by_domain == other.company_by_domain
            && self.forwards_by_technicians == other.forwards_by_technicians
            && self.resolve_lists == other.resolve_lists
            && self.authentication_server == other.authentication_server
            && self.failed_dmarc == other.failed_dmarc
    }

    /// What delivery keys are made from: the identity once fixed, else the address in lower case.
    pub fn key_identity(&self) -> Option<String> {
        self.identity
            .clone()
            .or_else(|| self.mail_address().map(str::to_lowercase))
    }

    /// The digest of the pinned certificate.
    pub fn pin(&self) -> Option<[u8; 32]> {
        self.pinned.as_deref().and_then(super::value::digest_of)
    }

    /// What the server is known by, besides its name: authorities, or the one certificate.
    pub(super) fn known_by(&self) -> [&str; 2] {
        [&self.ca_pem, &self.pinned].map(|text| text.as_deref().unwrap_or_default())
    }

    /// The label under which the password is sealed.
    pub fn password_label(&self) -> String {
        format!("mailbox.#{}.password", self.id.0)
    }
}

/// How the portal is signed in to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// By a token that was given to us.
    #[default]
    Token,
    /// By tokens that a token endpoint gives to an OAuth client (RFC 6749 §4.4).
    Oauth,
}

impl Words for SignIn {
    const ALL: &'static [(Self, &'static str)] = &[(Self::Token, "token"), (Self::Oauth, "oauth")];
}

/// The portal. What revisions of format 1 have not (how it is signed in to by OAuth, our own
/// certificate), those of format 2 (as whom a proxy is asked), and those of format 4
/// (by what replies are known), has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Portal {
    /// Where its API begins; empty until set.
    pub url: String,
    /// How it is signed in there.
    pub sign_in: SignIn,
    /// The bearer token.
    pub token: Option<Sealed>,
    /// Who gives tokens to an OAuth client; empty until set.
    pub token_url: String,
    /// The OAuth client's id; empty until set.
    pub client_id: String,
    /// The OAuth client's secret.
    pub client_secret: Option<Sealed>,
    /// What tokens are asked for, where that must be said.
    pub scope: Option<String>,
    /// Our own certificate and its chain, PEM.
    pub client_cert_pem: Option<String>,
    /// Its key, PKCS #8 as PEM.
    pub client_key_pem: Option<Sealed>,
    /// How long a request may wait for its answer.
    pub timeout_ms: u64,
    /// Certificate authorities beside the system's, PEM.
    pub ca_pem: Option<String>,
    /// SHA-256 of the one certificate to accept, in hex.
    pub pinned: Option<String>,
    /// An HTTP proxy on the way.
    pub proxy: Option<String>,
    /// As whom that is asked, where it wants to know.
    pub proxy_user: Option<String>,
    /// The password that goes with it.
    pub proxy_password: Option<Sealed>,
    /// How it marks subjects with a ticket's id.
    pub ticket_tag: Option<String>,
    /// What made reply tokens on boxes before this one.
    pub reply_secrets: Option<Sealed>,
}

impl Default for Portal {
    fn default() -> Self {
        Self {
            url: String::new(),
            sign_in: SignIn::Token,
            token: None,
            token_url: String::new(),
            client_id: String::new(),
            client_secret: None,
            scope: None,
            client_cert_pem: None,
            client_key_pem: None,
            timeout_ms: 30_000,
            ca_pem: None,
            pinned: None,
            proxy: None,
            proxy_user: None,
            proxy_password: None,
            ticket_tag: None,
            reply_secrets: None,
        }
    }
}

impl Portal {
    /// The key of the token, under which it is sealed too. The same for the other secrets.
    pub const TOKEN: &'static str = "portal.token";
    /// The key of the OAuth client's secret.
    pub const CLIENT_SECRET: &'static str = "portal.client_secret";
    /// The key of the certificate's key.
    pub const CLIENT_KEY: &'static str = "portal.client_key_pem";

    /// The key of the proxy's password.
    pub const PROXY_PASSWORD: &'static str = "portal.proxy_password";

    /// The key of earlier boxes' reply secrets.
    pub const REPLY_SECRETS: &'static str = "portal.reply_secrets";

    /// Every secret that can be set, by its key.
    pub(super) fn secret_slots(&self) -> [(&'static str, &Option<Sealed>); 5] {
        [
            (Self::TOKEN, &self.token),
            (Self::CLIENT_SECRET, &self.client_secret),
            (Self::CLIENT_KEY, &self.client_key_pem),
            (Self::PROXY_PASSWORD, &self.proxy_password),
            (Self::REPLY_SECRETS, &self.reply_secrets),
        ]
    }

    /// The secrets that are set, by their keys.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &Sealed)> {
        let all = self.secret_slots().into_iter();
        all.filter_map(|(key, sealed)| Some((key, sealed.as_ref()?)))
    }

    /// What it is signed in with: the key of the secret, and the secret where it is set.
    pub fn sign_in_secret(&self) -> (&'static str, Option<&Sealed>) {
        match self.sign_in {
            SignIn::Token => (Self::TOKEN, self.token.as_ref()),
            SignIn::Oauth => (Self::CLIENT_SECRET, self.client_secret.as_ref()),
        }
    }

    /// Until when our own certificate is valid.
    pub fn client_cert_ends(&self) -> Option<Wall> {
        certificate::valid_until(self.client_cert_pem.as_deref()?)
    }

    /// What the portal is known by, besides its name: authorities, or the one certificate.
    pub(super) fn known_by(&self) -> [&str; 2] {
        [&self.ca_pem, &self.pinned].map(|text| text.as_deref().unwrap_or_default())
    }

    /// The digest of the pinned certificate.
    pub fn pin(&self) -> Option<[u8; 32]> {
        self.pinned.as_deref().and_then(super::value::digest_of)
    }
}

/// How much room the store may take, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// What the journal may take; then fetching stops.
    pub quota_bytes: u64,
    /// What must stay free on the file system; below it fetching stops.
    pub free_bytes_min: u64,
    /// How many days archived messages are kept here.
    pub retain_days: u64,
    /// How much room they may take; the oldest go first.
    pub retain_bytes_max: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            quota_bytes: 1 << 30,
            free_bytes_min: 128 << 20,
            retain_days: 7,
            retain_bytes_max: 256 << 20,
        }
    }
}

/// Everything that the operator decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The mailboxes, in the order in which they were made.
    pub mailboxes: Vec<Mailbox>,
    /// The portal.
    pub portal: Portal,
    /// The store.
    pub store: Store,
    /// The id that the next mailbox gets.
    pub next_mailbox: u32,
    /// The operator's own rules, in the order in which they are asked. Revisions of formats 1 to 5 have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

impl Settings {
    /// The mailbox of that name.
    pub fn mailbox(&self, name: &str) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|m| m.name == name)
    }

    /// The mailbox of that name, to change it.
    pub fn mailbox_mut(&mut self, name: &str) -> Option<&mut Mailbox> {
        self.mailboxes.iter_mut().find(|m| m.name == name)
    }

    /// The mailbox with that id.
    pub fn mailbox_by_id(&self, id: MailboxId) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|m| m.id == id)
    }

    /// The rule of that name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// Fixes the identity of every active mailbox that has none yet.
    pub(super) fn settle(&mut self) {
        for mailbox in &mut self.mailboxes {
            if mailbox.active && mailbox.identity.is_none() {
                mailbox.identity = mailbox.key_identity();
            }
        }
    }
}
