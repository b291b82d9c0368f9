//! Whose own address a mailbox has, by the portal's directory: a person's mail must not become
//! tickets.
//!
//! Before the directory was ever read whole the portal itself is asked, page by page, and nothing
//! is kept of its answer: the settings that it is asked by may never come in force.

use std::time::Duration;

use super::{Engine, StoreFault};
use crate::index::Found;
use crate::portal::{Changes, Fault, Portal, Removed};
use crate::settings::{Mailbox, Settings};
use crate::ticket::directory::address_form;

/// Entries asked for at once.
const PAGE: u32 = 500;
/// How long the portal may take for all of them: somebody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whose own address a mailbox has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's at the portal.
    Nobody,
    /// That of the portal's user with this id.
    User(String),
    /// Nobody can say: the directory was never read, and the portal could not be asked, for this
    /// reason.
    Unchecked(String),
}

/// Whose address the mailbox has: by the directory, where that is of the portal that `settings` name
/// and was read, else by that portal itself.
pub async fn owner(
    engine: &Engine,
    settings: &Settings,
    mailbox: &Mailbox,
) -> Result<Owner, StoreFault> {
    let Some(address) = mailbox.mail_address().map(address_form) else {
        return Ok(Owner::Nobody);
    };
    if engine.settings().portal.url != settings.portal.url {
        return Ok(ask(engine, settings, &address).await);
    }
    let sought = address.clone();
    let found = engine
        .reader
        .ask(move |r| r.view().find_address(&sought))
        .await?;
    match found? {
        Found::User { id, .. } => Ok(Owner::User(id)),
        Found::Nobody { .. } => Ok(Owner::Nobody),
        Found::NotRead => Ok(ask(engine, settings, &address).await),
    }
}

async fn ask(engine: &Engine, settings: &Settings, address: &str) -> Owner {
    let portal = match engine.portal_of(&settings.portal) {
        Ok(Some(portal)) => portal,
        Ok(None) => return Owner::Unchecked("no portal is set".to_owned()),
        Err(said) => return Owner::Unchecked(said),
    };
    let clock = &engine.world.clock;
    match clock.within(PATIENCE, look(&portal, address)).await {
        Some(Ok(Some(id))) => Owner::User(id),
        Some(Ok(None)) => Owner::Nobody,
        Some(Err(fault)) => Owner::Unchecked(fault.to_string()),
        None => Owner::Unchecked(format!(
            "the portal did not tell it within {} s",
            PATIENCE.as_secs()
        )),
    }
}

/// Reads the directory from its beginning to its end; gives the id of the user with this address.
async fn look(portal: &impl Portal, address: &str) -> Result<Option<String>, Fault> {
    let mut cursor: Option<String> = None;
    let mut owner = None;
    loop {
        let page = match portal.directory(cursor.as_deref(), PAGE).await? {
            Changes::Page(page) => page,
            Changes::StartAgain => {
                (cursor, owner) = (None, None);
                continue;
            }
        };
        for user in page.users {
            let has = user.addresses.iter().any(|a| a.to_lowercase() == address);
            // A user may come twice: what comes later is what counts.
            if has {
                owner = Some(user.id);
            } else if owner.as_ref() == Some(&user.id) {
                owner = None;
            }
        }
        for removed in page.removed {
            if matches!(&removed, Removed::User(id) if owner.as_ref() == Some(id)) {
                owner = None;
            }
        }
        if !page.more {
            return Ok(owner);
        }
        cursor = Some(page.cursor);
    }
}

/// That nobody can say whose address it is.
pub fn unchecked(why: &str) -> String {
    format!("not checked: the directory was never read ({why})")
}
