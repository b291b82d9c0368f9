//! Trying things out: Test Connection, secrets, the preview of an activation.
//!
//! Nothing here changes anything at the mail server or the portal.

use super::port::{Lines, Tested};
use super::service::Running;
use super::wire::{Event, Kind, Outcome, Preview, Refusal};
use crate::engine::owner::{self, Owner};
use crate::engine::promises::{promises, Promise};
use crate::engine::{account, directory, forward};
use crate::mailbox::probe::{self, Step, Trial, What};
use crate::mailbox::{Fault, Session};
use crate::passage::MailboxId;
use crate::portal::{Fault as PortalFault, Portal as _};
use crate::settings::{ending, Mailbox, Portal, Protocol, Settings};
use crate::world::{Certificate, Secret, Wall};

/// The newest time that this program could have been built at is after this: an earlier clock is
/// wrong.
const BUILT: Wall = Wall(1_790_000_000_000);

fn refused(said: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Failed, said)
}

/// Reads the directory's changes now.
pub(super) async fn sync(running: &Running) -> Result<u64, Refusal> {
    let portal =
        running.engine.portal().map_err(refused)?.ok_or_else(|| {
            refused("no portal is set: set `portal.url` and `portal.token` first")
        })?;
    match directory::sync(&running.engine, &portal).await {
        Ok(count) => Ok(count),
        Err(directory::Failed::Portal(fault)) => Err(refused(match fault.mend() {
            Some(mend) => format!("{fault}\n{mend}"),
            None => fault.to_string(),
        })),
        Err(directory::Failed::Store(fault)) => Err(fault.into()),
    }
}

/// Signs in with a secret that is about to be kept.
pub(super) async fn secret(
    running: &Running,
    settings: &Settings,
    key: &str,
) -> Result<(), Refusal> {
    let engine = &running.engine;
    if key.starts_with("portal.") {
        let (who, what, refuses): (_, _, fn(&PortalFault) -> bool) = match key {
            Portal::CLIENT_SECRET => ("portal", "client secret", PortalFault::refuses_client),
            Portal::CLIENT_KEY => (
                "portal",
                "client certificate with this key",
                PortalFault::refuses_certificate,
            ),
            Portal::PROXY_PASSWORD => ("proxy", "password", PortalFault::refuses_at_proxy),
            _ => ("portal", "token", PortalFault::refuses_token),
        };
        let portal = engine.portal_of(&settings.portal).map_err(refused)?;
        let Some(portal) = portal else { return Ok(()) };
        return match portal.ping().await {
            Ok(_) => Ok(()),
            Err(fault) if refuses(&fault) => Err(refused(format!(
                "the {who} does not take the {what}, which is not kept: {fault}"
            ))),
            Err(fault) => {
                let later = || "try again when the portal answers".to_owned();
                let mend = fault.mend().unwrap_or_else(later);
                Err(refused(format!(
                    "the {what} could not be tried, and nothing was changed: {fault}\n{mend}; or \
                     keep the {what} without a try: `--untried`"
                )))
            }
        };
    }
    let mailbox = key
        .strip_prefix("mailbox.")
        .and_then(|rest| rest.strip_suffix(".password"))
        .and_then(|name| settings.mailbox(name));
    let Some(mailbox) = mailbox else {
        return Ok(());
    };
    if mailbox.host.is_empty() || mailbox.username.is_empty() {
        return Ok(());
    }
    let account = account::account(engine, mailbox, None).map_err(refused)?;
    match Session::connect(&engine.world, &account).await {
        Ok(session) => {
            session.logout().await;
            Ok(())
        }
        Err(fault) => Err(refused(format!(
            "the password was tried and is not kept: {fault}\n{}",
            of_mailbox(&probe::mend(&fault, &account), mailbox)
        ))),
    }
}

/// The certificate that a mailbox's server, or the portal, shows now.
pub(super) async fn certificate(
    running: &Running,
    settings: &Settings,
    id: Option<MailboxId>,
) -> Result<Certificate, Refusal> {
    let engine = &running.engine;
    // Whoever only looks needs no secret, and may not have typed it yet.
    let nothing = Secret::new(String::new());
    let shown = match id.map(|id| settings.mailbox_by_id(id)) {
        Some(None) => None,
        Some(Some(mailbox)) => {
            let account = account::account(engine, mailbox, Some(nothing)).map_err(refused)?;
            probe::certificate(&engine.world, &account).await?
        }
        None => {
            let portal = engine.portal_with(&settings.portal, &nothing);
            portal.map_err(refused)?.shown().await
        }
    };
    shown.ok_or_else(|| refused("no certificate was shown"))
}

/// What an activation would do now.
pub(super) async fn preview(
    running: &Running,
    settings: &Settings,
    id: MailboxId,
) -> Result<Preview, Refusal> {
    let engine = &running.engine;
    let mailbox = settings
        .mailbox_by_id(id)
        .ok_or_else(|| Refusal::new(Kind::Absent, "there is no such mailbox"))?;
    let address = mailbox
        .mail_address()
        .unwrap_or(&mailbox.username)
        .to_owned();
    let account = account::account(engine, mailbox, None).map_err(refused)?;
    let archive = account::archive_wanted(mailbox, engine.world.clock.wall()).map_err(refused)?;
    let trial = Trial {
        account: &account,
        folder: &mailbox.folder,
        archive: &archive,
        received_after: mailbox.received_after,
        archive_by_copy: mailbox.archive_by_copy,
        convert_read: mailbox.convert_read,
    };
    let mut bad = Vec::new();
    let mut no_move = None;
    let mut notes = Vec::new();
    let found = probe::probe(&engine.world, &trial, &mut |step: Step| {
        match step.outcome {
            probe::Outcome::Bad { said, mend } => {
                // The server's own words end as they like.
                let mend = of_mailbox(&mend, mailbox);
                let said = format!("{}: {mend}", said.trim_end_matches('.'));
                match step.what {
                    What::Move => no_move = Some(said),
                    _ => bad.push(said),
                }
            }
            // How many there are at most, and why that is not known better.
            probe::Outcome::Warn { said, .. } if step.what == What::CutOff => notes.push(said),
            probe::Outcome::Warn { .. } | probe::Outcome::Ok { .. } => {}
        }
    })
    .await;
    // Where more is missing, copying is no way out, and the test's own words say what is.
    bad.extend(no_move.take_if(|_| !found.may_copy));
    if !bad.is_empty() {
        return Err(refused(bad.join("\n")));
    }
    let converts = found.would_convert.unwrap_or(0);
    let converts_read = found.would_convert_read;
    if settings.portal.url.is_empty() {
        notes.push("no portal is set yet: the tickets wait here until one is".to_owned());
    }
    if converts + converts_read > 0 && !mailbox.process_unknown_senders {
        notes.push(
            "those of senders whom the portal's directory doesn't know are held instead, unread where they are: `postern held list`".to_owned(),
        );
    }
    Ok(Preview {
        mailbox: mailbox.name.clone(),
        address,
        converts,
        converts_read,
        left_out: found.left_out,
        moves: no_move.is_none(),
        notes,
    })
}

/// Says steps and counts them.
struct Teller<'a> {
    lines: &'a Lines,
    tested: Tested,
    /// Why the portal could not be asked for its directory, once it was.
    unasked: Option<String>,
}

impl Teller<'_> {
    async fn say(
        &mut self,
        mailbox: Option<&str>,
        step: &str,
        outcome: Outcome,
        said: String,
        mend: Option<String>,
    ) {
        match outcome {
            Outcome::Failed => self.tested.failed += 1,
            Outcome::Warned => self.tested.warned += 1,
            Outcome::Passed | Outcome::Skipped => {}
        }
        self.lines
            .say(Event::Step {
                mailbox: mailbox.map(str::to_owned),
                step: step.to_owned(),
                outcome,
                said,
                mend,
            })
            .await;
    }

    /// A step of the portal's that failed.
    async fn failed(&mut self, step: &str, said: &str, mend: &str) {
        let said = format!("{}.", said.trim_end_matches('.'));
        let mend = Some(format!("{mend}."));
        self.say(None, step, Outcome::Failed, said, mend).await;
    }
}

/// Test Connection.
pub(super) async fn test(
    running: &Running,
    name: Option<&str>,
    lines: &Lines,
) -> Result<Tested, Refusal> {
    let settings = running.engine.settings();
    let mut teller = Teller {
        lines,
        tested: Tested::default(),
        unasked: None,
    };
    clock(running, &mut teller).await;
    for mailbox in &settings.mailboxes {
        if name.is_none_or(|n| n == mailbox.name) {
            test_mailbox(running, &settings, mailbox, &mut teller).await?;
        }
    }
    if settings.mailboxes.is_empty() {
        let mend = "make one: `postern settings add NAME`".to_owned();
        let said = "no mailbox is set.".to_owned();
        teller
            .say(None, "mailbox", Outcome::Failed, said, Some(mend))
            .await;
    }
    test_portal(running, &settings, &mut teller).await;
    Ok(teller.tested)
}

async fn clock(running: &Running, teller: &mut Teller<'_>) {
    let now = running.engine.world.clock.wall();
    if now < BUILT {
        teller
            .say(
                None,
                "clock",
                Outcome::Failed,
                format!("the clock says {now}, which can't be."),
                Some("set it (`timedatectl set-time`) or give the box a time server; TLS fails until then.".to_owned()),
            )
            .await;
    } else {
        teller
            .say(
                None,
                "clock",
                Outcome::Passed,
                format!("the clock says {now}."),
                None,
            )
            .await;
    }
}

async fn test_mailbox(
    running: &Running,
    settings: &Settings,
    mailbox: &Mailbox,
    teller: &mut Teller<'_>,
) -> Result<(), Refusal> {
    let engine = &running.engine;
    let name = Some(mailbox.name.as_str());
    let account = account::account(engine, mailbox, None);
    let archive = account::archive_wanted(mailbox, engine.world.clock.wall());
    let (account, archive) = match (account, archive) {
        (Ok(account), Ok(archive)) => (account, archive),
        (Err(said), _) | (_, Err(said)) => {
            teller
                .say(name, "settings", Outcome::Failed, said, None)
                .await;
            return Ok(());
        }
    };
    if mailbox.protocol != Protocol::Imap {
        let said = "this version reads imap only.".to_owned();
        let mend = format!(
            "`postern settings set mailbox.{}.protocol imap`",
            mailbox.name
        );
        teller
            .say(name, "protocol", Outcome::Failed, said, Some(mend))
            .await;
        return Ok(());
    }
    if mailbox.host.is_empty() {
        let said = "no host is set.".to_owned();
        let mend = format!("`postern settings set mailbox.{}.host NAME`", mailbox.name);
        teller
            .say(name, "settings", Outcome::Failed, said, Some(mend))
            .await;
        return Ok(());
    }
    let trial = Trial {
        account: &account,
        folder: &mailbox.folder,
        archive: &archive,
        received_after: mailbox.received_after,
        archive_by_copy: mailbox.archive_by_copy,
        convert_read: mailbox.convert_read,
    };
    // The steps are told as they happen: they go through a queue, since telling may wait.
    let (sender, steps) = async_channel::unbounded();
    let work = async {
        let sender = sender;
        probe::probe(&engine.world, &trial, &mut |step| {
            // Unbounded: a dozen steps.
            let _ = sender.try_send(step);
        })
        .await
    };
    let telling = async {
        while let Ok(Step { what, outcome }) = steps.recv().await {
            let (outcome, said, mend) = match outcome {
                probe::Outcome::Ok { said } => (Outcome::Passed, said, None),
                probe::Outcome::Warn { said, mend } => (Outcome::Warned, said, Some(mend)),
                probe::Outcome::Bad { said, mend } => (Outcome::Failed, said, Some(mend)),
            };
            let mend = mend.map(|mend| of_mailbox(&mend, mailbox));
            teller.say(name, step_name(what), outcome, said, mend).await;
        }
    };
    futures_lite::future::zip(work, telling).await;
    dedicated(running, settings, mailbox, teller).await
}

/// A mend that names the settings of this mailbox: which one it is, the mailbox's room can't know.
fn of_mailbox(mend: &str, mailbox: &Mailbox) -> String {
    mend.replace("mailbox.NAME", &format!("mailbox.{}", mailbox.name))
}

/// Whether the mailbox's address is nobody's own.
async fn dedicated(
    running: &Running,
    settings: &Settings,
    mailbox: &Mailbox,
    teller: &mut Teller<'_>,
) -> Result<(), Refusal> {
    let Some(address) = mailbox.mail_address() else {
        return Ok(());
    };
    let owner = match teller.unasked.clone() {
        Some(why) => Owner::Unchecked(why),
        None => owner::owner(&running.engine, settings, mailbox).await?,
    };
    let (outcome, said, mend) = match owner {
        Owner::User(user) => (
            match mailbox.dedicated {
                true => Outcome::Warned,
                false => Outcome::Failed,
            },
            format!("{address} is the address of the portal's user {user}: that person's own mail would become tickets."),
            Some("use a dedicated mailbox; `--dedicated` at activation overrides this."),
        ),
        Owner::Nobody => (
            Outcome::Passed,
            format!("{address} is nobody's own address at the portal, as far as is known."),
            None,
        ),
        Owner::Unchecked(why) => {
            let said = format!("{}.", owner::unchecked(why.trim_end_matches('.')));
            // Asked again for the next mailbox, the portal would be as slow again.
            teller.unasked = Some(why);
            let mend = "test again once the portal answers; if the address is a portal user's, that person's own mail would become tickets.";
            (Outcome::Warned, said, Some(mend))
        }
    };
    let name = Some(mailbox.name.as_str());
    teller
        .say(name, "dedicated", outcome, said, mend.map(str::to_owned))
        .await;
    Ok(())
}

fn step_name(what: What) -> &'static str {
    match what {
        What::Port => "port",
        What::Name => "name",
        What::Connection => "connection",
        What::Tls => "tls",
        What::Greeting => "greeting",
        What::SignIn => "sign-in",
        What::Folder => "folder",
        What::CutOff => "date",
        What::Move => "move",
        What::Archive => "archive",
        What::Quota => "quota",
    }
}

async fn test_portal(running: &Running, settings: &Settings, teller: &mut Teller<'_>) {
    let portal = match running.engine.portal_of(&settings.portal) {
        Ok(Some(portal)) => portal,
        Ok(None) => {
            let said = "no portal is set: tickets would wait here.".to_owned();
            let mend =
                Some("`postern settings set portal.url URL`, then `portal.token`".to_owned());
            teller
                .say(None, "portal", Outcome::Warned, said, mend)
                .await;
            return;
        }
        Err(said) => {
            teller
                .say(None, "portal", Outcome::Failed, said, None)
                .await;
            return;
        }
    };
    if let Some(said) = ends(running, settings) {
        let said = format!("the client certificate {said}.");
        let mend = "`postern settings set portal.client_cert_pem=@client.pem \
                    portal.client_key_pem=@client.key`";
        let (step, mend) = ("client certificate", Some(mend.to_owned()));
        teller.say(None, step, Outcome::Warned, said, mend).await;
    }
    let at_endpoint =
        "check `portal.token_url`; if that is right, it is away or busy: try again in a minute";
    if let Err(fault) = portal.sign_in().await {
        let (said, mend) = (fault.to_string(), fault.mend());
        teller
            .failed(
                "portal sign-in",
                &said,
                mend.as_deref().unwrap_or(at_endpoint),
            )
            .await;
        return;
    }
    match portal.ping().await {
        Ok(ping) => {
            let said = format!("{}.", portal.signed_in());
            teller
                .say(None, "portal sign-in", Outcome::Passed, said, None)
                .await;
            let said = format!("{}.", forward::ping_sentence(&ping));
            teller
                .say(None, "portal", Outcome::Passed, said, None)
                .await;
            for Promise { what, said, mend } in promises(&ping) {
                let outcome = match mend {
                    None => Outcome::Passed,
                    Some(_) => Outcome::Warned,
                };
                let mend = mend.map(str::to_owned);
                teller.say(None, what, outcome, said, mend).await;
            }
        }
        Err(fault) => {
            let away =
                "check `portal.url`; if that is right, it is away or busy: try again in a minute";
            let (said, mend) = (fault.to_string(), fault.mend());
            teller
                .failed("portal", &said, mend.as_deref().unwrap_or(away))
                .await;
        }
    }
}

/// That the client certificate is over, or will be soon.
fn ends(running: &Running, settings: &Settings) -> Option<String> {
    let ends = settings.portal.client_cert_ends()?;
    ending(ends, running.engine.world.clock.wall())
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        refused(fault.to_string())
    }
}
