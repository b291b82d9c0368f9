//! The steps of Test Connection over IMAP, and their sentences for people.
//!
//! Mends name a setting as `mailbox.NAME.key`: the mailbox's name is the caller's to put in.

use async_imap::imap_proto::rfc2087::QuotaResourceName;
use async_imap::imap_proto::{MailboxDatum, Response, StatusAttribute};

use super::dial::{connect_showing, Reached};
use super::folders::quote;
use super::rights::{INSERT, MOVE_AWAY, REMOVE};
use super::Imap;
use crate::mailbox::probe::{Found, Outcome, Step, Trial, What};
use crate::mailbox::settings::port_hint;
use crate::mailbox::{Access, Account, Count, Fault, Loss, Refusal, Security, Spoken, Wanted};
use crate::world::tls::mend_not_pinned;
use crate::world::{Certificate, Trust, Wall, World};

/// A certificate with fewer days left is worth a word.
const DAYS_MIN: i64 = 21;
/// What the rights that Test Connection asks about are for.
const ARCHIVING: &str = "archiving messages";
/// A folder fuller than this, in per cent, is worth a word.
const FULL: u64 = 90;
/// A quota below this, in KiB, is told in KiB.
const SMALL: u64 = 10 << 10;

/// Collects what the steps say, and whether one was bad.
struct Teller<'a> {
    tell: &'a mut dyn FnMut(Step),
    bad: bool,
}

impl Teller<'_> {
    fn ok(&mut self, what: What, said: impl Into<String>) {
        let outcome = Outcome::Ok { said: said.into() };
        (self.tell)(Step { what, outcome });
    }

    fn warn(&mut self, what: What, said: impl Into<String>, mend: impl Into<String>) {
        let outcome = Outcome::Warn {
            said: said.into(),
            mend: mend.into(),
        };
        (self.tell)(Step { what, outcome });
    }

    fn bad(&mut self, what: What, said: impl Into<String>, mend: impl Into<String>) {
        self.bad = true;
        let outcome = Outcome::Bad {
            said: said.into(),
            mend: mend.into(),
        };
        (self.tell)(Step { what, outcome });
    }
}

pub(in crate::mailbox) async fn probe(
    world: &World,
    trial: &Trial<'_>,
    tell: &mut dyn FnMut(Step),
) -> Found {
    let mut teller = Teller { tell, bad: false };
    let mut found = Found::default();
    if let Some(imap) = connected(world, trial.account, &mut teller).await {
        // The rest ends early only when the connection does.
        if let Err(fault) = inside(world, imap, trial, &mut teller, &mut found).await {
            teller.bad(What::Folder, fault.to_string(), mend(&fault, trial.account));
        }
    }
    found.passed = !teller.bad;
    found
}

/// Everything up to sign-in.
async fn connected(world: &World, account: &Account, teller: &mut Teller<'_>) -> Option<Imap> {
    if let Some(meant) = port_hint(account.port) {
        teller.warn(
            What::Port,
            format!("port {} is not one that mail is read by", account.port),
            format!("unless the port is forwarded, {meant} was probably meant"),
        );
    }
    let now = world.clock.wall();
    let mut next = What::Name;
    let mut tell_reached = |reached: Reached| match reached {
        Reached::Connected => {
            teller.ok(What::Name, format!("{} was found", account.host));
            teller.ok(What::Connection, format!("port {} answers", account.port));
            next = match account.security {
                Security::Tls => What::Tls,
                Security::StartTls | Security::None => What::Greeting,
            };
        }
        Reached::Secured(certificate) => {
            let pinned = matches!(account.trust, Trust::Pinned(_));
            certificate_step(teller, certificate.as_ref(), pinned, now);
            next = match account.security {
                Security::Tls => What::Greeting,
                Security::StartTls | Security::None => What::SignIn,
            };
        }
        Reached::Greeted(line) => {
            let words = line.trim_start_matches("* OK").trim();
            teller.ok(
                What::Greeting,
                format!("an IMAP server: {}", super::verdict::cut(words)),
            );
            next = match account.security {
                Security::StartTls => What::Tls,
                Security::None => {
                    teller.warn(
                        What::Tls,
                        "none: password and mail go in clear",
                        "set mailbox.NAME.security to tls or starttls",
                    );
                    What::SignIn
                }
                Security::Tls => What::SignIn,
            };
        }
    };
    match connect_showing(world, account, &mut tell_reached).await {
        Ok(imap) => {
            let mut said = format!("{} is signed in", account.username);
            if let Some(vendor) = &imap.vendor {
                said.push_str(&format!("; the server calls itself {vendor}"));
            }
            teller.ok(What::SignIn, said);
            Some(imap)
        }
        Err(fault) => {
            let what = match &fault {
                Fault::Lost {
                    why: Loss::NothingListens { .. } | Loss::Unreachable { .. },
                    ..
                } => {
                    teller.ok(What::Name, format!("{} was found", account.host));
                    What::Connection
                }
                _ => next,
            };
            teller.bad(what, fault.to_string(), mend(&fault, account));
            None
        }
    }
}

fn certificate_step(
    teller: &mut Teller<'_>,
    certificate: Option<&Certificate>,
    pinned: bool,
    now: Wall,
) {
    let Some(certificate) = certificate else {
        teller.ok(What::Tls, "encrypted");
        return;
    };
    let days = (certificate.not_after.0 - now.0) / 86_400_000;
    if pinned {
        // Its dates are none of the checks that it has to pass.
        teller.ok(
            What::Tls,
            format!("encrypted; the certificate is the pinned one ({certificate})"),
        );
        return;
    }
    let said = format!(
        "encrypted; the certificate is for {}, issued by {}, {days} days left",
        certificate.names.join(", "),
        certificate.issuer
    );
    if days < DAYS_MIN {
        teller.warn(
            What::Tls,
            said,
            "have the server's certificate renewed in time",
        );
    } else {
        teller.ok(What::Tls, said);
    }
}

/// Everything after sign-in.
async fn inside(
    world: &World,
    mut imap: Imap,
    trial: &Trial<'_>,
    teller: &mut Teller<'_>,
    found: &mut Found,
) -> Result<(), Fault> {
    // Asked before the folder is open: some servers deny STATUS on the open one.
    let told = imap.unseen(trial.folder).await?;
    imap.open(trial.folder, Access::Look).await?;
    let unread = imap.count(Count::Unread).await?;
    let read = imap.count(Count::Read).await?;
    found.unread = Some(unread);
    let said = format!("{} is there, {unread} unread", trial.folder);
    match told {
        Some(told) if told != unread && (unread == 0 || told == 0) => teller.warn(
            What::Folder,
            format!("{said} by search, {told} by the server's own count"),
            "wait some minutes and test again: the server may still be building its index",
        ),
        _ => teller.ok(
            What::Folder,
            match trial.convert_read {
                true => format!("{said} and {read} read, which are taken too (convert_read)"),
                false => format!("{said} and {read} read"),
            },
        ),
    }
    let (mut young, mut young_read) = (unread, read);
    let mut undated = None;
    if let Some(at) = trial.received_after {
        match since(&mut imap, at).await {
            Ok(counted) => (young, young_read) = counted,
            Err(
                fault @ Fault::Refused {
                    why: Refusal::Dates { .. },
                    ..
                },
            ) => {
                imap = still(world, trial, imap).await?;
                undated = Some(fault);
            }
            Err(fault) => return Err(fault),
        }
    }
    let (old, old_read) = (
        unread.saturating_sub(young),
        read.saturating_sub(young_read),
    );
    found.would_convert = Some(young);
    found.left_out = old;
    if trial.convert_read {
        found.would_convert_read = young_read;
        found.left_out += old_read;
    }
    match (trial.received_after, undated) {
        (None, _) => {}
        (Some(at), Some(fault)) => {
            let those = match trial.convert_read {
                true => format!("{young} unread and {young_read} read"),
                false => format!("{young} unread"),
            };
            teller.warn(
                What::CutOff,
                format!(
                    "at most {those} were received at {at} or later, which is seen when each is \
                     fetched: {fault}"
                ),
                mend(&fault, trial.account),
            );
        }
        (Some(at), None) => {
            let left_out = found.left_out;
            teller.ok(
                What::CutOff,
                match trial.convert_read {
                    true => format!(
                        "{young} of {unread} unread and {young_read} of {read} read were received at {at} \
                         or later; {left_out} are left out"
                    ),
                    false => format!(
                        "{young} of {unread} unread were received at {at} or later; {left_out} are left \
                         out, {young_read} newer ones are read already"
                    ),
                },
            );
        }
    }
    found.may_copy = move_step(&mut imap, trial, teller).await?;
    match imap.archive_folder(trial.archive, false).await {
        Ok(Some(folder)) => match imap.may(ARCHIVING, &folder.name, INSERT).await {
            Err(fault @ Fault::Refused { .. }) => {
                teller.bad(
                    What::Archive,
                    fault.to_string(),
                    mend(&fault, trial.account),
                );
            }
            other => {
                other?;
                teller.ok(What::Archive, format!("{} is there", folder.name));
            }
        },
        Ok(None) => {
            let name = match trial.archive {
                Wanted::Named(name) => name.as_str(),
                Wanted::BySpecialUse => "Archive",
            };
            teller.ok(What::Archive, format!("{name} is absent and will be made"));
        }
        Err(
            fault @ Fault::Refused {
                why: Refusal::ArchiveIsWatched { .. },
                ..
            },
        ) => teller.bad(
            What::Archive,
            fault.to_string(),
            "choose another archive folder",
        ),
        Err(
            fault @ Fault::Refused {
                why: Refusal::FolderName { .. },
                ..
            },
        ) => teller.bad(
            What::Archive,
            fault.to_string(),
            "change it: `postern settings set mailbox.NAME.archive_folder FOLDER`",
        ),
        Err(fault) => return Err(fault),
    }
    quota_step(&mut imap, trial.folder, teller).await?;
    imap.logout().await;
    Ok(())
}

/// How many unread and how many read messages were received at that time or later.
async fn since(imap: &mut Imap, at: Wall) -> Result<(u64, u64), Fault> {
    let young = imap.count(Count::UnreadSince(at)).await?;
    let young_read = imap.count(Count::ReadSince(at)).await?;
    Ok((young, young_read))
}

/// The session behind a search by date that failed: the same, or another one where the server hung up.
async fn still(world: &World, trial: &Trial<'_>, mut imap: Imap) -> Result<Imap, Fault> {
    if imap.refresh().await.is_ok() {
        return Ok(imap);
    }
    drop(imap);
    let mut imap = connect_showing(world, trial.account, &mut |_| {}).await?;
    imap.open(trial.folder, Access::Look).await?;
    Ok(imap)
}

/// Tells how messages can be moved; whether MOVE is all that is missing.
async fn move_step(
    imap: &mut Imap,
    trial: &Trial<'_>,
    teller: &mut Teller<'_>,
) -> Result<bool, Fault> {
    let wanted = match imap.abilities().moves {
        true => MOVE_AWAY,
        false => REMOVE,
    };
    match imap.may(ARCHIVING, trial.folder, wanted).await {
        Err(fault @ Fault::Refused { .. }) => {
            teller.bad(What::Move, fault.to_string(), mend(&fault, trial.account));
            return Ok(false);
        }
        other => other?,
    }
    let abilities = imap.abilities();
    if abilities.moves {
        teller.ok(What::Move, "the server can move messages");
    } else if !abilities.uidplus {
        teller.bad(
            What::Move,
            "the server can neither move messages nor remove single ones (no MOVE, no UIDPLUS)",
            "ask whoever runs the server to enable MOVE",
        );
    } else if trial.archive_by_copy {
        teller.warn(
            What::Move,
            "the server can't move messages: they will be copied and then removed",
            "ask whoever runs the server to enable MOVE",
        );
    } else {
        teller.bad(
            What::Move,
            "the server can't move messages (no MOVE)",
            "ask whoever runs the server to enable it, or turn mailbox.NAME.archive_by_copy on",
        );
        return Ok(true);
    }
    Ok(false)
}

async fn quota_step(imap: &mut Imap, folder: &str, teller: &mut Teller<'_>) -> Result<(), Fault> {
    if !imap.abilities().quota {
        return Ok(());
    }
    let mut storage = None;
    let command = format!("GETQUOTAROOT {}", quote(folder));
    let asked = imap
        .ask("asking for the quota", &command, |answer| {
            if let Response::Quota(quota) = answer {
                for resource in &quota.resources {
                    if resource.name == QuotaResourceName::Storage && resource.limit > 0 {
                        storage = Some((resource.usage, resource.limit));
                    }
                }
            }
        })
        .await?;
    match (asked, storage) {
        (Ok(()), Some((usage, limit))) => {
            let said = match limit {
                ..SMALL => format!("{usage} of {limit} KiB used"),
                _ => format!("{} of {} MiB used", usage / 1024, limit / 1024),
            };
            if usage.saturating_mul(100) / limit >= FULL {
                teller.warn(
                    What::Quota,
                    said,
                    "make room on the server: a full mailbox takes no mail, and nothing can be \
                     moved in it",
                );
            } else {
                teller.ok(What::Quota, said);
            }
        }
        (Ok(()), None) => teller.ok(What::Quota, "the server sets no limit"),
        (Err(denial), _) => teller.warn(
            What::Quota,
            format!("the server does not tell: {}", denial.said),
            "nothing has to be done",
        ),
    }
    Ok(())
}

impl Imap {
    /// The server's own count of unread messages (RFC 3501 §6.3.10), where it tells: Microsoft's
    /// has been seen to answer SEARCH with nothing for a while.
    pub(super) async fn unseen(&mut self, folder: &str) -> Result<Option<u64>, Fault> {
        let command = format!("STATUS {} (UNSEEN)", quote(folder));
        let mut unseen = None;
        let asked = self
            .ask("counting unread messages", &command, |answer| {
                if let Response::MailboxData(MailboxDatum::Status { status, .. }) = answer {
                    for value in status {
                        if let StatusAttribute::Unseen(n) = value {
                            unseen = Some(u64::from(*n));
                        }
                    }
                }
            })
            .await?;
        Ok(asked.ok().and(unseen))
    }
}

/// The most likely mend for a fault.
pub(in crate::mailbox) fn mend(fault: &Fault, account: &Account) -> String {
    match fault {
        Fault::Lost { why, .. } => mend_loss(why, account),
        Fault::Refused { why, .. } => mend_refusal(why, account),
        Fault::Gone { .. } => "check the folder's name, or make it on the server".to_owned(),
        Fault::Throttled { after, .. } => {
            format!("wait {} s and test again", after.as_secs())
        }
        Fault::Crowded { .. } => {
            "the account has as many sessions as it may, perhaps the service's own: test again \
             while the service is stopped, or have the server allow two"
                .to_owned()
        }
        Fault::Moved { .. } => "test again".to_owned(),
        Fault::Broken { .. } => {
            "check host and port; if they are right, show this line to whoever runs the server"
                .to_owned()
        }
    }
}

fn mend_loss(why: &Loss, account: &Account) -> String {
    match why {
        Loss::Name { .. } => {
            "check the host name, and whether this box has a working name server".to_owned()
        }
        Loss::NothingListens { .. } | Loss::Unreachable { .. } => format!(
            "check host and port ({} for {}), and whether a firewall stands between",
            account.security.default_port(),
            match account.security {
                Security::Tls => "tls",
                Security::StartTls => "starttls",
                Security::None => "none",
            }
        ),
        Loss::Silent { .. } => {
            "check host, port and mailbox.NAME.security; a firewall may swallow the connection"
                .to_owned()
        }
        Loss::Bye { .. } => {
            "the server's words tell why; too many connections is the usual reason".to_owned()
        }
        Loss::Closed | Loss::Cut { .. } | Loss::Handshake { .. } => {
            "check port and mailbox.NAME.security, then test again".to_owned()
        }
    }
}

fn mend_refusal(why: &Refusal, account: &Account) -> String {
    match why {
        Refusal::SignIn { .. } => "type the password again; check whether the account is locked, \
             wants an app password, or has IMAP turned off"
            .to_owned(),
        Refusal::Certificate(blemish, certificate) => {
            blemish.mend(certificate, "mailbox.NAME", "host", true)
        }
        Refusal::NotPinned { sha256, .. } => mend_not_pinned("mailbox.NAME", sha256),
        Refusal::Authority { .. } => "give the authority as PEM text".to_owned(),
        Refusal::OldTls => {
            "have TLS 1.2 or newer enabled on the server, which has had it since about \
             2012: an update or a line of its settings brings it"
                .to_owned()
        }
        Refusal::NoTls { .. } => {
            "set mailbox.NAME.port to the server's port for IMAP over TLS (993, \
             most often); or mailbox.NAME.security to starttls, with its port for that (143)"
                .to_owned()
        }
        Refusal::OtherProtocol(spoken) => match spoken {
            Spoken::Tls => "set mailbox.NAME.security to tls".to_owned(),
            Spoken::PlainImap => {
                "set mailbox.NAME.security to starttls, or use the port for tls (993)".to_owned()
            }
            Spoken::Smtp => format!(
                "use the server's IMAP port ({})",
                port_hint(account.port).unwrap_or_else(|| account.security.default_port())
            ),
            _ => format!(
                "use the server's IMAP port ({})",
                account.security.default_port()
            ),
        },
        Refusal::NoStartTls { .. } => "set mailbox.NAME.security to tls, with port 993".to_owned(),
        Refusal::NoSignIn { .. } if account.security == Security::None => {
            "set mailbox.NAME.security to tls or starttls: the server takes no password in clear"
                .to_owned()
        }
        Refusal::NoSignIn { .. } => {
            "ask whoever runs the server to allow sign-in with a password".to_owned()
        }
        Refusal::Command { .. } => "the server's words tell why".to_owned(),
        Refusal::Messages { .. } => {
            "open these messages with a mail program; they may be damaged".to_owned()
        }
        Refusal::FolderName { .. } => "choose another name".to_owned(),
        Refusal::Dates { .. } => {
            "it may be unable to read one of the messages: the server's own log names it".to_owned()
        }
        Refusal::Rights { folder, lacking } => format!(
            "have whoever runs the server give {} the rights `{lacking}` on {folder} (Cyrus: \
             `setacl` in `cyradm`)",
            account.username
        ),
        Refusal::ReadOnly { .. } => {
            "ask whoever runs the server to let the account change it".to_owned()
        }
        Refusal::Lacking { .. } => "ask whoever runs the server to enable it".to_owned(),
        Refusal::ArchiveIsWatched { .. } => "choose another archive folder".to_owned(),
    }
}
