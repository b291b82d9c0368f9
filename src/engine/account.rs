//! Settings to what the rim is told: accounts, portals, folders. Opens sealed secrets on the way.

use std::rc::Rc;
use std::time::Duration;

use super::Engine;
use crate::mailbox::{self, Account, Wanted};
use crate::passage::Origin;
use crate::portal::{self, Contract};
use crate::settings::{token_keys, Fault, Mailbox, Portal, Security, SignIn};
use crate::ticket::{Signs, TokenKey};
use crate::world::{Identity, Secret, Trust, Wall};

/// Where a mailbox's messages are, as a digest.
pub fn origin(mailbox: &Mailbox) -> Origin {
    Origin::of(&mailbox.host, &mailbox.username, &mailbox.folder)
}

/// The account of a mailbox, with `password` instead of the one set where there is one.
pub fn account(
    engine: &Engine,
    mailbox: &Mailbox,
    password: Option<Secret>,
) -> Result<Account, String> {
    let password = match password {
        Some(password) => password,
        None => engine
            .secret(&mailbox.password_label(), mailbox.password.as_ref())
            .map_err(|fault| match fault {
                // It is sealed under a name that no operator knows.
                Fault::Shut(_) => Fault::Shut(format!("mailbox.{}.password", mailbox.name)),
                fault => fault,
            })
            .map_err(|fault| fault.to_string())?
            .ok_or_else(|| {
                format!(
                    "no password is set for {0}: set it with `postern settings set mailbox.{0}.password`",
                    mailbox.name
                )
            })?,
    };
    Ok(Account {
        host: mailbox.host.clone(),
        port: mailbox.dial_port(),
        security: match mailbox.security {
            Security::Tls => mailbox::Security::Tls,
            Security::Starttls => mailbox::Security::StartTls,
            Security::None => mailbox::Security::None,
        },
        trust: trust(mailbox.pin(), mailbox.ca_pem.as_deref()),
        username: mailbox.username.clone(),
        password,
        timeout: Duration::from_millis(mailbox.timeout_ms),
    })
}

fn trust(pin: Option<[u8; 32]>, ca: Option<&str>) -> Trust {
    match (pin, ca) {
        (Some(pin), _) => Trust::Pinned(pin),
        (None, Some(pem)) => Trust::Authorities(pem.to_owned()),
        (None, None) => Trust::System,
    }
}

/// The archive folder that the settings mean at `now`.
pub fn archive_wanted(mailbox: &Mailbox, now: Wall) -> Result<Wanted, String> {
    let Some(pattern) = &mailbox.archive_folder else {
        return Ok(Wanted::BySpecialUse);
    };
    let now = jiff::Timestamp::from_millisecond(now.0).map_err(|e| e.to_string())?;
    let date = jiff::tz::TimeZone::UTC.to_datetime(now);
    mailbox::settings::expand(pattern, date.year(), date.month())
        .map(Wanted::Named)
        .map_err(|e| format!("the archive folder {pattern:?}: {e}"))
}

/// For what the key of reply tokens is made from the box's own.
const TOKENS: &str = "postern reply tokens 1";

impl Engine {
    /// By what it is known which ticket a message belongs to, as the settings have it.
    pub(crate) fn signs(&self) -> Rc<Signs> {
        let settings = self.settings();
        if let Some((of, signs)) = &*self.signs.borrow() {
            if Rc::ptr_eq(of, &settings) {
                return Rc::clone(signs);
            }
        }
        let mut keys = vec![TokenKey::new(self.seal_key.derived(TOKENS))];
        match self.secret(
            Portal::REPLY_SECRETS,
            settings.portal.reply_secrets.as_ref(),
        ) {
            Ok(secrets) => {
                let others = secrets.iter().flat_map(|s| token_keys(s.reveal()));
                let others: Vec<TokenKey> = others.filter(|key| *key != keys[0]).collect();
                keys.extend(others);
            }
            // Tokens of earlier boxes are not known then: a reply finds its ticket by its Message-IDs.
            Err(fault) => log::error!("{fault}"),
        }
        let signs = Rc::new(Signs::new(keys, settings.portal.ticket_tag.as_deref()));
        *self.signs.borrow_mut() = Some((settings, Rc::clone(&signs)));
        signs
    }

    /// What makes reply tokens here, and what made those that are still good, for another box.
    pub(crate) fn reply_secrets(&self) -> Secret {
        let keys = self.signs();
        let words: Vec<String> = keys.keys.iter().map(TokenKey::text).collect();
        Secret::new(words.join(" "))
    }

    /// The portal as the settings have it; none where it isn't set.
    pub(crate) fn portal(&self) -> Result<Option<Contract>, String> {
        let settings = self.settings();
        self.portal_of(&settings.portal)
    }

    /// A portal by these settings; none where it isn't set.
    pub(crate) fn portal_of(&self, settings: &Portal) -> Result<Option<Contract>, String> {
        if settings.url.is_empty() {
            return Ok(None);
        }
        let (key, sealed) = settings.sign_in_secret();
        let what = match settings.sign_in {
            SignIn::Token => "token",
            SignIn::Oauth => "client secret",
        };
        let unset =
            || format!("no {what} is set for the portal: set it with `postern settings set {key}`");
        let opened = self.secret(key, sealed).map_err(|e| e.to_string())?;
        let secret = opened.ok_or_else(unset)?;
        self.portal_with(settings, &secret).map(Some)
    }

    /// A portal by these settings, with this secret whatever is set.
    pub(crate) fn portal_with(
        &self,
        settings: &Portal,
        secret: &Secret,
    ) -> Result<Contract, String> {
        let defaults = portal::Settings::default();
        let wanted = portal::Settings {
            url: settings.url.clone(),
            ca: settings.ca_pem.clone(),
            pin: settings.pinned.clone(),
            sign_in: match settings.sign_in {
                SignIn::Token => portal::settings::SignIn::Token,
                SignIn::Oauth => portal::settings::SignIn::Oauth {
                    token_url: settings.token_url.clone(),
                    client_id: settings.client_id.clone(),
                    scope: settings.scope.clone(),
                },
            },
            proxy: settings.proxy.clone(),
            proxy_user: settings.proxy_user.clone(),
            connect_ms: settings.timeout_ms,
            idle_ms: settings.timeout_ms,
            // Of an answer that keeps coming, and of what is sent besides: never less than what a
            // slow line takes.
            answer_ms: settings.timeout_ms.max(defaults.answer_ms),
            ..defaults
        };
        let identity = self.identity_of(settings)?;
        let proxy_password = self
            .secret(Portal::PROXY_PASSWORD, settings.proxy_password.as_ref())
            .map_err(|e| e.to_string())?;
        Contract::new(&self.world, &wanted, secret, identity, proxy_password)
            .map_err(|e| e.to_string())
    }

    /// The certificate that these settings show the portal, with its key; none where either is not set.
    pub(crate) fn identity_of(&self, settings: &Portal) -> Result<Option<Identity>, String> {
        let sealed = settings.client_key_pem.as_ref();
        let key = self
            .secret(Portal::CLIENT_KEY, sealed)
            .map_err(|e| e.to_string())?;
        let (Some(chain), Some(key)) = (&settings.client_cert_pem, key) else {
            return Ok(None);
        };
        Identity::read(chain, &key).map(Some).map_err(|fault| {
            format!(
                "portal.client_cert_pem and portal.client_key_pem: {fault}; set both at once: \
                 `postern settings set portal.client_cert_pem=@client.pem \
                 portal.client_key_pem=@client.key`"
            )
        })
    }
}
