//! What `queue export` brings, into files: KEY.eml, the message octet by octet, and KEY.json, the ticket
//! as the portal is sent it. Readable by their owner only.
//!
//! Each is written under another name first, made durable and then renamed: a file that has its name is
//! whole. What is broken off leaves nothing behind.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::control::{Event, Kind, Refusal};
use crate::world::{Disk, File};

/// Takes what comes.
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    force: bool,
    now: Option<Pair>,
}

/// A message that is finished.
pub(super) struct Written {
    /// Its key.
    pub(super) key: String,
    /// Octets of the message.
    pub(super) octets: u64,
    /// Its file.
    pub(super) eml: PathBuf,
    /// Its ticket's file.
    pub(super) json: PathBuf,
}

impl Written {
    /// The document for programs.
    pub(super) fn document(&self) -> serde_json::Value {
        serde_json::json!({
            "event": "exported",
            "key": self.key,
            "octets": self.octets,
            "eml": self.eml.display().to_string(),
            "json": self.json.display().to_string(),
        })
    }
}

struct Pair {
    key: String,
    eml: Half,
    json: Half,
    octets: u64,
    of: u64,
}

/// A file that has not its name yet.
struct Half {
    disk: Arc<dyn Disk>,
    file: Box<dyn File>,
    fresh: PathBuf,
    path: PathBuf,
    named: bool,
}

impl Half {
    fn begin(disk: &Arc<dyn Disk>, path: PathBuf) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let fresh = path.with_file_name(name);
        // What a death without warning has left.
        match disk.remove(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        Ok(Self {
            disk: Arc::clone(disk),
            file: disk.create(&fresh, 0)?,
            fresh,
            path,
            named: false,
        })
    }

    fn name(&mut self) -> io::Result<()> {
        self.disk.rename(&self.fresh, &self.path)?;
        self.named = true;
        Ok(())
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if !self.named {
            if let Err(e) = self.disk.remove(&self.fresh) {
                log::warn!("removing {}: {e}", self.fresh.display());
            }
        }
    }
}

impl Files {
    /// Files in `dir`, which is made when absent.
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path, force: bool) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            force,
            now: None,
        }
    }

    /// Takes an event; gives what is finished by it.
    pub(super) fn take(&mut self, event: Event) -> Result<Option<Written>, Refusal> {
        match event {
            Event::Export {
                key,
                octets,
                ticket,
            } => {
                self.now = None;
                self.now = Some(self.begin(key, octets, &ticket)?);
            }
            Event::Slice { octets } => {
                let Some(pair) = &mut self.now else {
                    return Err(Refusal::new(
                        Kind::Failed,
                        "the service sent octets of no message",
                    ));
                };
                let written = pair.eml.file.write_at(&octets.0, pair.octets);
                written.map_err(|e| told(&pair.eml.path, &e))?;
                pair.octets += octets.0.len() as u64;
            }
            _ => return Ok(None),
        }
        match self.now.take_if(|pair| pair.octets >= pair.of) {
            Some(pair) => self.end(pair).map(Some),
            None => Ok(None),
        }
    }

    /// How far the message is that is written now: octets done, and in all.
    pub(super) fn progress(&self) -> Option<(&str, u64, u64)> {
        let pair = self.now.as_ref()?;
        Some((&pair.key, pair.octets, pair.of))
    }

    fn begin(&self, key: String, of: u64, ticket: &str) -> Result<Pair, Refusal> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        if key.is_empty() || key.starts_with('.') || !key.bytes().all(plain) {
            let said = "the service names a message by what is no key";
            return Err(Refusal::new(Kind::Failed, said));
        }
        self.disk
            .make_dir(&self.dir)
            .map_err(|e| told(&self.dir, &e))?;
        let eml = self.dir.join(format!("{key}.eml"));
        let json = self.dir.join(format!("{key}.json"));
        for path in [&eml, &json] {
            let free = self
                .disk
                .look(path)
                .is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
            if !free && !self.force {
                let said = format!(
                    "{} is there already: --force writes over it, --to names another folder",
                    path.display()
                );
                return Err(Refusal::new(Kind::Refused, said));
            }
        }
        let half =
            |path: PathBuf| Half::begin(&self.disk, path.clone()).map_err(|e| told(&path, &e));
        let (eml, json) = (half(eml)?, half(json)?);
        let written = json.file.write_at(ticket.as_bytes(), 0);
        written.map_err(|e| told(&json.path, &e))?;
        Ok(Pair {
            key,
            eml,
            json,
            octets: 0,
            of,
        })
    }

    /// Octets, then the names, then the folder: a name never shows a file that is not whole.
    fn end(&self, mut pair: Pair) -> Result<Written, Refusal> {
        for half in [&mut pair.eml, &mut pair.json] {
            half.file.sync().map_err(|e| told(&half.path, &e))?;
        }
        for half in [&mut pair.eml, &mut pair.json] {
            half.name().map_err(|e| told(&half.path, &e))?;
        }
        let synced = self.disk.sync_dir(&self.dir);
        synced.map_err(|e| told(&self.dir, &e))?;
        Ok(Written {
            octets: pair.octets,
            eml: pair.eml.path.clone(),
            json: pair.json.path.clone(),
            key: std::mem::take(&mut pair.key),
        })
    }
}

fn told(path: &Path, fault: &io::Error) -> Refusal {
    Refusal::new(
        Kind::Failed,
        format!(
            "writing {}: {fault}; nothing half-written was left",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests;
