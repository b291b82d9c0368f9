//! The directory, kept up to date: pages of changes from the portal into the index.
//!
//! Read when the link comes up, every few minutes, and when the operator asks. What is held for
//! want of it is looked at again after each change; a look that a full disk had no room for is made up
//! for here too, whoever began it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::bell::Bell;
use super::{forward, held, Engine, StoreFault};
use crate::index::Change;
use crate::passage::retry::Backoff;
use crate::portal::{Changes, Contract, Fault, Page, Portal, Removed};
use crate::ticket::directory::address_form;
use crate::ticket::{Company, User};
use crate::world::{memory, Wall};

/// How often changes are asked for.
const EVERY: Duration = Duration::from_secs(300);
/// How soon it is tried again after trouble: mail is held as long as nobody can be known.
const AGAIN: Backoff = Backoff {
    first: Duration::from_secs(2),
    most: EVERY,
};
/// Entries asked for at once.
const PAGE: u32 = 500;
/// A reading of so many leaves memory behind that is worth giving back.
const LARGE: u64 = 2_000;

/// How the directory stands.
#[derive(Default)]
pub struct Live {
    /// Read it now.
    pub bell: Bell,
    /// The URL of the portal whose directory is known here.
    pub of: RefCell<String>,
    /// When it was last known to be up to date, and what was held for want of it was released.
    pub read_at: Cell<Option<Wall>>,
    /// The last trouble with it.
    pub trouble: RefCell<Option<String>>,
    /// Counts what was learned.
    learned: Cell<u64>,
    /// Up to which of it everything that is held was looked at again. None at first: an earlier start may
    /// have ended between the two.
    looked_at: Cell<Option<u64>>,
    /// Mailboxes whose address is a user's, by name, with the user's id.
    pub personal: RefCell<Vec<(String, String)>>,
}

/// The task.
pub async fn run(engine: Rc<Engine>) {
    let mut failures = 0_u32;
    loop {
        match turn(&engine).await {
            Ok(()) => failures = 0,
            Err(Failed::Portal(fault)) => {
                failures = failures.saturating_add(1);
                let said = fault.to_string();
                log::warn!("the directory could not be read: {said}");
                engine.directory.trouble.replace(Some(said));
            }
            Err(Failed::Store(StoreFault::Full { said })) => {
                failures = failures.saturating_add(1);
                let said = format!("{said}; {}", held::OWED);
                log::error!("{said}");
                engine.looks.owe();
                engine.directory.trouble.replace(Some(said));
            }
            Err(Failed::Store(fault)) => {
                engine.broke(fault);
                return;
            }
        }
        let wait = match failures {
            0 => EVERY,
            _ => AGAIN.after(failures, u64::from_le_bytes(engine.world.entropy.octets())),
        };
        let bell = engine.directory.bell.wait();
        engine.world.clock.within(wait, bell).await;
    }
}

/// One look at the portal's directory, and at what is held.
async fn turn(engine: &Rc<Engine>) -> Result<(), Failed> {
    // Also while the new portal is away.
    engine.forget_others().await?;
    if engine.looks.is_owed() {
        held::make_up_for(engine).await?;
        engine.directory.trouble.replace(None);
    }
    let portal = engine.link.portal.borrow().clone();
    let up = engine.link.ping.borrow().is_some();
    if let (Some(portal), true) = (portal, up) {
        // A portal that was restored is noticed also while no mail comes. Where it doesn't answer,
        // reading the directory says so.
        if let Err(fault) = forward::ask(engine, &portal).await {
            log::debug!("asking the portal how it is: {fault}");
        }
        sync(engine, &portal).await?;
    }
    Ok(())
}

/// Why the directory was not read.
pub enum Failed {
    /// The portal's reasons.
    Portal(Fault),
    /// The store's reasons.
    Store(StoreFault),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Failed::Portal(fault)
    }
}

impl From<StoreFault> for Failed {
    fn from(fault: StoreFault) -> Self {
        Failed::Store(fault)
    }
}

/// Begins a whole reading; gives back its cursor.
async fn begin_again(engine: &Engine) -> Result<Option<String>, StoreFault> {
    engine.writer.ask(|w| w.restart_directory()).await??;
    Ok(None)
}

/// Reads all changes there are now. Returns how many entries came: none where the portal is not, or not
/// any more, that of the settings.
pub async fn sync(engine: &Rc<Engine>, portal: &Contract) -> Result<u64, Failed> {
    if portal.url() != engine.settings().portal.url {
        return Ok(0);
    }
    engine.forget_others().await?;
    let mut state = engine
        .reader
        .ask(|r| r.view().directory())
        .await
        .map_err(StoreFault::from)?
        .map_err(StoreFault::from)?;
    let was_complete = state.is_complete();
    if was_complete && state.is_worn() {
        log::info!("the directory has changed so often that it is read whole again");
        state.cursor = begin_again(engine).await?;
    }
    let mut entries = 0;
    let mut lost = false;
    let at = loop {
        let page = match portal.directory(state.cursor.as_deref(), PAGE).await? {
            // A second time it is no accident: asked on and on it would be flooded.
            Changes::StartAgain if lost => {
                let said = "the portal lost our place in the directory twice in a row";
                return Err(Failed::Portal(Fault::Later {
                    said: said.to_owned(),
                    after: None,
                }));
            }
            Changes::StartAgain => {
                lost = true;
                log::warn!("the portal lost our place in the directory: it is read whole again");
                state.cursor = begin_again(engine).await?;
                continue;
            }
            Changes::Page(page) => page,
        };
        let last = !page.more;
        let cursor = Some(page.cursor.clone());
        let at = engine.world.clock.wall();
        let changes = changes(page);
        entries += changes.len() as u64;
        // At rest nothing is written: not even that nothing changed.
        if changes.is_empty() && last && was_complete && !lost && cursor == state.cursor {
            break at;
        }
        let of = portal.url().to_owned();
        // Before: whoever is cut off behind this has learned it all the same.
        if !changes.is_empty() {
            let learned = &engine.directory.learned;
            learned.set(learned.get() + 1);
        }
        state = engine
            .writer
            .ask(move |w| w.learn_directory(&of, &changes, cursor, last, at.0))
            .await
            .map_err(StoreFault::from)??;
        if state.of != portal.url() {
            return Ok(0);
        }
        if last {
            break at;
        }
    };
    engine.directory.trouble.replace(None);
    if entries >= LARGE {
        let given = engine.writer.ask(|_| memory::give_back()).await;
        given.map_err(StoreFault::from)?;
    }
    if entries > 0 {
        log::info!(
            "the directory: {entries} changes, now {} users and {} companies",
            state.users,
            state.companies
        );
    }
    look_for_personal(engine).await?;
    let learned = Some(engine.directory.learned.get());
    if !was_complete || engine.directory.looked_at.get() != learned {
        held::reconsider(engine, "directory").await?;
        engine.directory.looked_at.set(learned);
    }
    // Last: a run with an end waits for this, and for what is released then.
    engine.directory.read_at.set(Some(at));
    Ok(entries)
}

/// A mailbox whose address is a user's would turn a person's own mail into tickets: it is said.
async fn look_for_personal(engine: &Rc<Engine>) -> Result<(), StoreFault> {
    let settings = engine.settings();
    let mut personal = Vec::new();
    // Where the operator said that it is a dedicated one, that stands.
    for mailbox in settings.mailboxes.iter().filter(|m| !m.dedicated) {
        let Some(address) = mailbox.mail_address().map(address_form) else {
            continue;
        };
        if let Some(user) = engine.user_of(address).await? {
            personal.push((mailbox.name.clone(), user));
        }
    }
    if personal != *engine.directory.personal.borrow() {
        for (name, user) in &personal {
            log::warn!(
                "the address of mailbox {name} is that of the portal's user {user}: a dedicated mailbox is needed, or that person's own mail becomes tickets"
            );
        }
        engine.directory.personal.replace(personal);
    }
    Ok(())
}

fn changes(page: Page) -> Vec<Change> {
    let companies = page.companies.into_iter().map(|c| {
        Change::Company(Company {
            id: c.id,
            name: c.name,
            domains: c.domains,
        })
    });
    let users = page.users.into_iter().map(|u| {
        Change::User(User {
            id: u.id,
            addresses: u.addresses,
            name: u.name,
            company: u.company,
            technician: u.technician,
        })
    });
    let removed = page.removed.into_iter().map(|r| match r {
        Removed::User(id) => Change::UserGone(id),
        Removed::Company(id) => Change::CompanyGone(id),
    });
    companies.chain(users).chain(removed).collect()
}

impl Engine {
    /// Whether a directory of the portal at this URL serves, which is that of the settings.
    pub(crate) fn serves(&self, of: &str) -> bool {
        of == self.settings().portal.url
    }

    /// Forgets the people of any other portal than that of the settings: its ids may mean others here.
    async fn forget_others(&self) -> Result<(), StoreFault> {
        let url = self.settings().portal.url.clone();
        if *self.directory.of.borrow() == url {
            return Ok(());
        }
        self.directory.read_at.set(None);
        self.directory.personal.take();
        let of = url.clone();
        self.writer.ask(move |w| w.forget_directory(&of)).await??;
        self.directory.of.replace(url);
        Ok(())
    }

    /// The id of the portal's user who has this address, in its form.
    pub(crate) async fn user_of(&self, address: String) -> Result<Option<String>, StoreFault> {
        let of = self.directory.of.borrow().clone();
        let found = self
            .reader
            .ask(move |r| r.view().find_address(&address))
            .await??;
        Ok(match found {
            crate::index::Found::User { id, .. } if self.serves(&of) => Some(id),
            _ => None,
        })
    }
}
