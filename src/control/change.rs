//! Changes of settings: checked as a whole, secrets tried, the operator asked, then applied.
//!
//! The order matters. What can be judged here comes first, then what a server must be asked, then
//! what a person must be asked; the change itself is last, and is refused when somebody else was
//! faster.

use data_encoding::HEXLOWER;

use super::carry;
use super::port::{Caller, Candidate, LeftBehind, Service};
use super::rules;
use super::wire::{Answer, How, Kind, Preview, Refusal, Typed};
use crate::engine::owner::{unchecked, Owner};
use crate::settings::{
    check, difference, import, moment_is_whole, moment_shown, History, Mailbox, Portal, Problem,
    Settings,
};

/// Settings in the making.
pub(super) struct Draft {
    history: History,
    base: Settings,
    /// What they are to be.
    pub(super) settings: Settings,
    note: String,
    /// What the operator must be asked about besides activation.
    questions: Vec<String>,
    /// What was perhaps not meant, besides what the checks find.
    remarks: Vec<Problem>,
    /// Rules change, and the notes say what they match.
    rules_change: bool,
    /// What else is worth telling.
    notes: Vec<String>,
}

impl Draft {
    /// A draft that changes nothing yet; `note` says in a few words what it does.
    pub(super) fn new<S: Service>(service: &S, note: impl Into<String>) -> Self {
        let history = service.history();
        let base = history.base();
        Self {
            settings: base.clone(),
            base,
            history,
            note: note.into(),
            questions: Vec::new(),
            remarks: Vec::new(),
            notes: Vec::new(),
            rules_change: false,
        }
    }

    /// Sets each pair; all problems are said at once.
    pub(super) fn set<S: Service>(
        &mut self,
        service: &S,
        pairs: &[(String, String)],
    ) -> Result<(), Refusal> {
        let mut refusals = Vec::new();
        for (key, text) in pairs {
            let done = service.with_zones(|zones| self.settings.set(key, text, zones));
            if let Err(fault) = done {
                refusals.push(Refusal::from(fault));
            } else if key.ends_with(".received_after") && !moment_is_whole(text) {
                if let Some(said) = self.moment(service, key) {
                    self.questions.push(said);
                }
            }
        }
        match refusals.len() {
            0 => Ok(()),
            1 => Err(refusals.remove(0)),
            _ => Err(Refusal {
                refused: Kind::Wrong,
                said: refusals
                    .iter()
                    .map(|refusal| refusal.said.as_str())
                    .collect::<Vec<_>>()
                    .join("\n"),
                problems: refusals.into_iter().flat_map(|r| r.problems).collect(),
            }),
        }
    }

    /// Reads a file; `Some` when secrets, or the passphrase of those in the file, must be typed
    /// first. What the file's secrets are goes into `how`, as if it had been typed.
    pub(super) async fn import<S: Service>(
        &mut self,
        service: &S,
        toml: &str,
        how: &mut How,
    ) -> Result<Option<Answer>, Refusal> {
        let read = service.with_zones(|zones| import(toml, &self.base, zones))?;
        self.settings = read.settings;
        for key in read.zoneless {
            let name = key.split('.').nth(1).unwrap_or_default();
            let of = |settings: &Settings| settings.mailbox(name).and_then(|m| m.received_after);
            if of(&self.base) != of(&self.settings) {
                let said = self.moment(service, &key);
                self.questions.extend(said);
            }
        }
        if let Some(parcel) = read.parcel {
            match how.passphrase.as_ref().map(Typed::secret) {
                // A start asks nobody, and says which secrets are missing.
                None if !how.unattended => return Ok(Some(Answer::NeedPassphrase)),
                Some(passphrase) if !passphrase.reveal().is_empty() => {
                    let carried = carry::opened(service, &parcel, passphrase).await?;
                    let taken = carry::take(service, &self.settings, carried, &mut how.secrets);
                    self.remarks.extend(taken);
                }
                _ => {}
            }
        }
        let keys: Vec<String> = read
            .missing
            .into_iter()
            .filter(|key| !how.secrets.contains_key(key))
            .collect();
        let about = |remark: &&Problem| keys.contains(&remark.key);
        let remarks = self.remarks.iter().filter(about).cloned().collect();
        Ok((!keys.is_empty()).then_some(Answer::NeedSecrets { keys, remarks }))
    }

    /// Takes the settings of an earlier revision.
    pub(super) fn roll_back(&mut self, number: u64) -> Result<(), Refusal> {
        self.settings = self.history.rollback(number)?;
        Ok(())
    }

    /// The rest of the way.
    pub(super) async fn finish<S: Service>(
        mut self,
        service: &S,
        caller: &Caller,
        how: How,
    ) -> Result<Answer, Refusal> {
        for (key, typed) in &how.secrets {
            if typed.secret().reveal().is_empty() {
                return Err(Refusal::new(
                    Kind::Usage,
                    format!("{key}: nothing was typed, so nothing was changed"),
                ));
            }
            let read = self.settings.secret(key, &typed.secret())?;
            let (label, secret) = read.ok_or_else(|| {
                Refusal::new(
                    Kind::Usage,
                    format!("{key} is no secret: give it as a value"),
                )
            })?;
            let sealed = service.seal(&label, &secret)?;
            self.settings.set_sealed(key, sealed)?;
        }
        let activated = self.activated();
        if how.dedicated {
            self.dedicate(&activated)?;
        }
        let mut warnings = self.checked(service)?;
        let changes = difference(&self.base, &self.settings);
        if changes.is_empty() {
            let remarks = self.remarks.iter().map(|remark| format!("; {remark}"));
            return Ok(Answer::Nothing {
                said: format!(
                    "the settings hold that already{}",
                    remarks.collect::<String>()
                ),
            });
        }
        if shows_another(&self.base, &self.settings) {
            service.pair(&self.settings)?;
        }
        warnings.append(&mut self.remarks);
        if !how.untried {
            for key in how.secrets.keys().filter(|key| self.can_be_tried(key)) {
                service.try_secret(&self.settings, key).await?;
            }
        }
        let mut previews = Vec::new();
        for mailbox in &activated {
            let unseen = || Preview {
                mailbox: mailbox.name.clone(),
                address: mailbox.mail_address().unwrap_or("").to_owned(),
                moves: true,
                notes: vec!["the mailbox was not looked into (untried)".to_owned()],
                ..Preview::default()
            };
            let preview = match how.untried {
                true => unseen(),
                false => match service.preview(&self.settings, mailbox.id).await {
                    Err(refusal) if how.unattended => {
                        log::warn!("mailbox {}: not looked into: {refusal}", mailbox.name);
                        unseen()
                    }
                    seen => seen?,
                },
            };
            self.may_archive(&preview)?;
            // Where the operator has said so it is not asked again.
            if !mailbox.dedicated && !how.dedicated {
                let owner = service.owner(&self.settings, mailbox.id).await?;
                warnings.extend(may_be_watched(mailbox, owner)?);
            }
            if how.unattended {
                log::info!(
                    "mailbox {} is activated: up to {} unread and {} read messages become tickets, {} are left out by their date",
                    preview.mailbox,
                    preview.converts,
                    preview.converts_read,
                    preview.left_out
                );
            }
            previews.push(preview);
        }
        if !how.untried && !how.unattended {
            warnings.extend(self.compare_pins(service).await);
        }
        if !how.unattended {
            warnings.extend(self.try_rules(service).await?);
        }
        self.ask_about_departures(service, how.leave_behind).await?;
        let asks = !previews.is_empty() || !self.questions.is_empty() || self.rules_change;
        if asks && !how.yes {
            return Ok(Answer::Ask {
                changes,
                warnings,
                previews,
                notes: [self.questions, self.notes].concat(),
            });
        }
        let limit_ms = how.confirm_within_min.map(|min| u64::from(min) * 60_000);
        let applied = service
            .apply(Candidate {
                settings: self.settings,
                base: self.history.number(),
                author: caller.name.clone(),
                note: self.note,
                limit_ms,
            })
            .await?;
        Ok(Answer::Applied {
            revision: applied.revision,
            waits_until: applied.waits_until.map(|at| at.to_string()),
            changes,
            warnings,
            notes: [self.notes, applied.notes].concat(),
        })
    }

    /// Shows which mail of lately each rule that changes would match: the operator is asked whether that was
    /// meant.
    async fn try_rules<S: Service>(&mut self, service: &S) -> Result<Vec<Problem>, Refusal> {
        let changed = rules::changed(&self.base, &self.settings);
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let tried = service.tried(&self.settings).await?;
        let rules = tried.rules.iter().filter(|one| changed.contains(&one.rule));
        self.notes
            .extend(rules.map(|one| one.sentence(tried.looked)));
        self.rules_change = true;
        let about = |problem: &Problem| problem.key.split('.').nth(1).map(str::to_owned);
        let mut warnings = tried.warnings;
        warnings.retain(|problem| about(problem).is_some_and(|rule| changed.contains(&rule)));
        Ok(warnings)
    }

    /// Warnings of the whole, or what is wrong. What was wrong before is not this change's fault,
    /// and must not keep another mailbox from being mended.
    fn checked<S: Service>(&self, service: &S) -> Result<Vec<Problem>, Refusal> {
        let now = service.now();
        let (before, after) = service.with_zones(|zones| {
            (
                check(&self.base, zones, now),
                check(&self.settings, zones, now),
            )
        });
        let fresh: Vec<Problem> = after
            .problems
            .into_iter()
            .filter(|problem| !before.problems.contains(problem))
            .collect();
        match fresh.is_empty() {
            true => Ok(after.warnings),
            false => Err(crate::settings::Fault::Wrong(fresh).into()),
        }
    }

    /// Mailboxes that this change turns on, or of which it may make a person's own: by another address,
    /// or since they are no longer said to be dedicated; or that may not be able to archive any more; or
    /// from which it would take, all at once, what was read before, or was too old.
    fn activated(&self) -> Vec<Mailbox> {
        let was_on = |mailbox: &Mailbox| {
            let before = self.base.mailbox_by_id(mailbox.id);
            before.is_some_and(|before| {
                before.active
                    && same_account(before, mailbox)
                    && before.mail_address() == mailbox.mail_address()
                    && before.dedicated <= mailbox.dedicated
                    && before.archive_by_copy <= mailbox.archive_by_copy
                    && before.archive_folder == mailbox.archive_folder
                    && before.convert_read >= mailbox.convert_read
                    && before.received_after <= mailbox.received_after
            })
        };
        let mailboxes = self.settings.mailboxes.iter();
        mailboxes
            .filter(|mailbox| mailbox.active && !was_on(mailbox))
            .cloned()
            .collect()
    }

    fn dedicate(&mut self, activated: &[Mailbox]) -> Result<(), Refusal> {
        if activated.is_empty() {
            return Err(Refusal::new(
                Kind::Usage,
                "--dedicated goes with an activation: this change activates no mailbox",
            ));
        }
        for mailbox in activated {
            if let Some(mailbox) = self.settings.mailbox_mut(&mailbox.name) {
                mailbox.dedicated = true;
            }
        }
        Ok(())
    }

    fn may_archive(&self, preview: &Preview) -> Result<(), Refusal> {
        let Some(mailbox) = self.settings.mailbox(&preview.mailbox) else {
            return Ok(());
        };
        if !preview.moves && !mailbox.archive_by_copy {
            return Err(Refusal::new(
                Kind::Refused,
                format!(
                    "the mail server has no MOVE (RFC 6851), so mailbox `{0}` could not archive; \
                     set mailbox.{0}.archive_by_copy to on to copy and remove instead",
                    mailbox.name
                ),
            ));
        }
        Ok(())
    }

    /// Whether there is a server to try the secret at.
    fn can_be_tried(&self, key: &str) -> bool {
        match key.strip_prefix("mailbox.").and_then(|k| k.split_once('.')) {
            Some((name, _)) => self
                .settings
                .mailbox(name)
                .is_some_and(|m| !m.host.is_empty() && !m.username.is_empty()),
            // A secret that goes with the other way to sign in is asked for by nobody.
            None => {
                let portal = &self.settings.portal;
                let used = key == portal.sign_in_secret().0
                    || (key == Portal::CLIENT_KEY && portal.client_cert_pem.is_some())
                    || (key == Portal::PROXY_PASSWORD
                        && portal.proxy.is_some()
                        && portal.proxy_user.is_some());
                used && !portal.url.is_empty() && portal.sign_in_secret().1.is_some()
            }
        }
    }

    /// What is under way in mailboxes that go, or that become another account's: it is finished first,
    /// unless the operator would rather `leave` it behind.
    async fn ask_about_departures<S: Service>(
        &mut self,
        service: &S,
        leave: bool,
    ) -> Result<(), Refusal> {
        for old in &self.base.mailboxes {
            let new = self.settings.mailbox_by_id(old.id);
            let (goes, what) = match new {
                None => (true, "is taken out"),
                Some(new) if old.folder != new.folder && same_sign_in(old, new) => {
                    (true, "watches another folder")
                }
                Some(new) => (!same_account(old, new), "becomes another account's"),
            };
            // Drafts that never were active have nothing under way, and nobody needs to be asked.
            if !goes || old.identity.is_none() {
                continue;
            }
            let LeftBehind {
                under_way,
                held,
                refused,
            } = service.left_behind(old.id).await?;
            let name = &old.name;
            if under_way > 0 && !leave {
                return Err(Refusal::new(
                    Kind::Refused,
                    format!(
                        "mailbox `{name}` {what}, and {under_way} of its messages are queued or to be \
                         archived: set mailbox.{name}.active to off, and come back when `postern \
                         status` shows nothing queued or to be archived. --leave-behind does it now: \
                         their tickets are still forwarded, but the messages stay unread where they \
                         lie, and become tickets once more where they are watched under another \
                         identity; `postern queue export --all` writes what is queued into files first"
                    ),
                ));
            }
            let mut said = match under_way {
                0 => format!("mailbox `{name}` {what}; nothing of it is queued or to be archived"),
                _ => format!(
                    "mailbox `{name}` {what}; {under_way} of its messages that are queued or to be \
                     archived are left behind, unread where they lie"
                ),
            };
            if held > 0 {
                said.push_str(&format!(
                    "; {held} that are held stay unread where they lie, and count here as gone"
                ));
            }
            if refused > 0 {
                said.push_str(&format!(
                    "; {refused} whose tickets the portal refused stay here, to retry or export"
                ));
            }
            self.questions.push(said);
        }
        if !self.base.portal.url.is_empty() && self.base.portal.url != self.settings.portal.url {
            let count = service.queued();
            let queued = match count {
                0 => "nothing is queued".to_owned(),
                count => format!(
                    "{count} queued tickets go to the new one, also those of which the old one's answer \
                     was lost: to have them finished there first, say no and wait until `postern \
                     status` shows none"
                ),
            };
            self.questions.push(format!(
                "the portal becomes another, whose people are read anew; tickets that the old one has \
                 acknowledged are not sent again; {queued}"
            ));
        }
        Ok(())
    }

    /// Holds each certificate that is newly pinned, or for another server, against what is shown
    /// there now: a slip would keep the mailbox, or all tickets, waiting. Warnings where it can't be
    /// seen.
    async fn compare_pins<S: Service>(&mut self, service: &S) -> Vec<Problem> {
        let mut pins = Vec::new();
        for mailbox in &self.settings.mailboxes {
            let of = |m: &Mailbox| (m.pin(), m.host.clone(), m.dial_port());
            let before = self.base.mailbox_by_id(mailbox.id);
            let new = before.is_none_or(|before| of(before) != of(mailbox));
            if let (Some(pin), true, false) = (mailbox.pin(), new, mailbox.host.is_empty()) {
                let key = format!("mailbox.{}.pinned", mailbox.name);
                pins.push((Some(mailbox.id), key, mailbox.host.clone(), pin));
            }
        }
        let (old, new) = (&self.base.portal, &self.settings.portal);
        if let (Some(pin), false) = (new.pin(), new.url.is_empty()) {
            if (old.pin(), &old.url) != (new.pin(), &new.url) {
                pins.push((None, "portal.pinned".to_owned(), new.url.clone(), pin));
            }
        }
        let mut unseen = Vec::new();
        for (mailbox, key, server, pin) in pins {
            match service.certificate(&self.settings, mailbox).await {
                Ok(shown) if shown.sha256 == pin => self.notes.push(format!(
                    "{key} is the certificate that {server} shows now: {shown}"
                )),
                Ok(shown) => self.questions.push(format!(
                    "{key} is SHA-256 {}, and {server} shows another certificate now, so nothing \
                     would connect there: {shown}",
                    HEXLOWER.encode(&pin)
                )),
                Err(fault) => unseen.push(Problem {
                    key,
                    value: None,
                    said: format!("could not be compared with what {server} shows now: {fault}"),
                }),
            }
        }
        unseen
    }

    fn moment<S: Service>(&self, service: &S, key: &str) -> Option<String> {
        let name = key.split('.').nth(1)?;
        let mailbox = self.settings.mailbox(name)?;
        let at = mailbox.received_after?;
        let zone = service.with_zones(|zones| zones.of(mailbox.time_zone.as_deref()));
        Some(format!("{key} means {}", moment_shown(at, &zone)))
    }
}

/// Refuses a person's own mailbox; a warning where nobody can say whose it is.
fn may_be_watched(mailbox: &Mailbox, owner: Owner) -> Result<Option<Problem>, Refusal> {
    match owner {
        Owner::Nobody => Ok(None),
        Owner::User(user) => Err(Refusal::new(
            Kind::Refused,
            format!(
                "{} is the address of {user}, a user of the portal: a person's own mail would \
                 become tickets; use a mailbox of its own, or say --dedicated when this one is (in \
                 a file: dedicated = true)",
                mailbox.mail_address().unwrap_or_default()
            ),
        )),
        Owner::Unchecked(why) => Ok(Some(Problem {
            key: format!("mailbox.{}.dedicated", mailbox.name),
            value: None,
            said: format!(
                "{}; should the address be a portal user's, that person's own mail becomes tickets, \
                 and it is said as soon as the directory is read",
                unchecked(&why)
            ),
        })),
    }
}

/// Whether the portal is to be shown another certificate, or with another key.
fn shows_another(before: &Settings, after: &Settings) -> bool {
    let of = |settings: &Settings| {
        let portal = &settings.portal;
        (
            portal.client_cert_pem.clone(),
            portal.client_key_pem.clone(),
        )
    };
    of(before) != of(after)
}

fn same_account(a: &Mailbox, b: &Mailbox) -> bool {
    same_sign_in(a, b) && a.folder == b.folder
}

fn same_sign_in(a: &Mailbox, b: &Mailbox) -> bool {
    a.protocol == b.protocol
        && a.host.eq_ignore_ascii_case(&b.host)
        && a.username.eq_ignore_ascii_case(&b.username)
}
