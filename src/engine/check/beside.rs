//! What lies beside journal and index: settings, the sealing key, what is remembered of the portal,
//! the ballast, and room.
//!
//! Small files, read whole. What a running service replaces meanwhile is never seen half.

use std::io::ErrorKind;
use std::path::Path;

use super::{counted, Line, Outcome};
use crate::engine::compose::mib;
use crate::engine::{epoch, revisions, StoreFault};
use crate::settings::{self, Fault, History, Revision, SealKey, Settings};
use crate::world::Disk;

/// What there is beside journal and index in the store's `dir`, of which the journal takes so much.
pub fn beside(disk: &dyn Disk, dir: &Path, journal_octets: u64) -> Result<Vec<Line>, StoreFault> {
    let mut lines = Vec::new();
    let (found, line) = revisions_in(disk, dir)?;
    lines.extend(line);
    let (history, _) = History::found(found);
    let current = history.current().map(|r| r.settings.clone());
    let settings = current.unwrap_or_default();
    lines.push(key(disk, dir, &settings));
    lines.push(portal(disk, dir));
    lines.push(ballast(disk, dir));
    lines.push(room(disk, dir, &settings, journal_octets));
    Ok(lines)
}

fn revisions_in(disk: &dyn Disk, dir: &Path) -> Result<(Vec<Revision>, Vec<Line>), StoreFault> {
    const PART: &str = "settings";
    let dir = dir.join("settings");
    let mut found = Vec::new();
    let mut lines = Vec::new();
    let listed = match disk.list(&dir) {
        Ok(listed) => listed,
        Err(e) => {
            let said = format!("{} can't be listed: {e}", dir.display());
            let mend = "put a settings file in force again (`postern settings import FILE`)";
            return Ok((
                found,
                vec![Line::new(PART, Outcome::Damaged, said, Some(mend))],
            ));
        }
    };
    for entry in listed.iter().filter(|e| e.name.ends_with(".json")) {
        let path = dir.join(&entry.name);
        let said = match disk.read(&path, revisions::REVISION_OCTETS_MAX) {
            // Past what is kept, and removed meanwhile.
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => e.to_string(),
            Ok(octets) => match Revision::decode(&octets) {
                Ok(revision) => {
                    found.push(revision);
                    continue;
                }
                Err(Fault::Newer { .. }) => {
                    return Err(StoreFault::Newer {
                        said: path.display().to_string(),
                    })
                }
                Err(fault) => fault.to_string(),
            },
        };
        let said = format!("the revision {} can't be read: {said}", entry.name);
        let mend = "the newest that can be read is in force after the next start: compare it (`postern settings show`), and change what is missing";
        lines.push(Line::new(PART, Outcome::Damaged, said, Some(mend)));
    }
    if lines.is_empty() {
        let said = match found.len() as u64 {
            0 => "none were made yet".to_owned(),
            count => counted(count, "revision"),
        };
        lines.push(Line::whole(PART, said));
    }
    Ok((found, lines))
}

fn key(disk: &dyn Disk, dir: &Path, settings: &Settings) -> Line {
    const PART: &str = "sealing key";
    let secrets = sealed(settings);
    let damaged = |said: String, mend: &str| Line::new(PART, Outcome::Damaged, said, Some(mend));
    let octets = match disk.read(&dir.join("settings").join("key"), 32) {
        Ok(octets) => octets,
        Err(e) if e.kind() == ErrorKind::NotFound && secrets.is_empty() => {
            return Line::whole(PART, "not made yet, and nothing is sealed")
        }
        Err(e) => {
            let said = format!("it can't be read: {e}");
            return damaged(said, "restore settings/key, or type every secret again");
        }
    };
    let Ok(octets) = <[u8; 32]>::try_from(octets.as_slice()) else {
        let mend = "restore settings/key; or remove it and type every secret again";
        return damaged("it is not 32 octets long".to_owned(), mend);
    };
    let key = SealKey::new(octets);
    let shut: Vec<&str> = secrets
        .iter()
        .filter(|(label, _, sealed)| settings::open(&key, label, sealed).is_err())
        .map(|(_, name, _)| name.as_str())
        .collect();
    match shut.is_empty() {
        true => {
            let count = counted(secrets.len() as u64, "secret");
            Line::whole(PART, format!("it opens {count}"))
        }
        false => damaged(
            format!("it does not open {}", shut.join(", ")),
            "type those secrets again (`postern settings set KEY`)",
        ),
    }
}

/// Label, key and octets of each secret.
fn sealed(settings: &Settings) -> Vec<(String, String, &settings::Sealed)> {
    let mailboxes = settings.mailboxes.iter().filter_map(|m| {
        let sealed = m.password.as_ref()?;
        let key = format!("mailbox.{}.password", m.name);
        Some((m.password_label(), key, sealed))
    });
    let portal = settings.portal.secrets();
    let portal = portal.map(|(key, sealed)| (key.to_owned(), key.to_owned(), sealed));
    mailboxes.chain(portal).collect()
}

fn portal(disk: &dyn Disk, dir: &Path) -> Line {
    const PART: &str = "portal.json";
    match epoch::look(disk, dir) {
        Ok(Some(known)) => Line::whole(PART, format!("the portal's epoch is {}", known.epoch)),
        Ok(None) => Line::whole(PART, "not there yet: the portal was never heard"),
        Err(said) => {
            let mend = "nothing need be done: it is written anew when the portal answers; until then tickets in doubt are looked up before they are sent again";
            Line::new(PART, Outcome::Damaged, said, Some(mend))
        }
    }
}

fn ballast(disk: &dyn Disk, dir: &Path) -> Line {
    const PART: &str = "ballast";
    let listed = disk.list(&dir.join("journal")).unwrap_or_default();
    match listed.iter().find(|e| e.name == "ballast") {
        Some(entry) => Line::whole(
            PART,
            format!("{} are kept for a full disk", mib(entry.length)),
        ),
        None => {
            let mend = "make room on the disk: the next start puts it back";
            Line::new(PART, Outcome::Odd, "it was let go", Some(mend))
        }
    }
}

fn room(disk: &dyn Disk, dir: &Path, settings: &Settings, journal: u64) -> Line {
    const PART: &str = "room";
    let store = &settings.store;
    let free = match disk.room(dir) {
        Ok(room) => room.free,
        Err(e) => {
            let said = format!("it can't be told: {e}");
            return Line::new(PART, Outcome::Skipped, said, None);
        }
    };
    let said = format!(
        "the journal takes {} of {}; {} are free on the disk, of which {} must stay so",
        mib(journal),
        mib(store.quota_bytes),
        mib(free),
        mib(store.free_bytes_min)
    );
    let mend = match (journal >= store.quota_bytes, free < store.free_bytes_min) {
        (_, true) => "make room on the disk: fetching waits until then, and the mailbox is the queue",
        (true, false) => "fetching waits until tickets are forwarded, and the mailbox is the queue; `store.quota` is the limit",
        (false, false) => return Line::whole(PART, said),
    };
    Line::new(PART, Outcome::Odd, said, Some(mend))
}
