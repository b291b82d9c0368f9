//! Small documents beside journal and index: each a file of its own, replaced safely, and worth some work
//! anew where it is lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::Serialize;

use super::Engine;
use crate::world::Disk;

/// Some hundred octets are usual.
const OCTETS_MAX: u64 = 64 * 1024;

/// What a document says; `None` where there is none, a sentence where it can't be read.
pub(super) fn read<T: DeserializeOwned>(disk: &dyn Disk, path: &Path) -> Result<Option<T>, String> {
    let octets = match disk.read(path, OCTETS_MAX) {
        Ok(octets) => octets,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("reading {}: {e}", path.display())),
    };
    let document = serde_json::from_slice(&octets);
    document
        .map(Some)
        .map_err(|e| format!("{} can't be read ({e})", path.display()))
}

impl Engine {
    /// Replaces a document. Where that fails the old one stays, which is said; what that costs is the
    /// caller's to know.
    pub(super) async fn replace(&self, path: PathBuf, document: &impl Serialize) {
        let octets = serde_json::to_vec(document).unwrap_or_default();
        let disk = Arc::clone(&self.world.disk);
        let doing = format!("writing {}", path.display());
        let replaced = self.writer.ask(move |_| disk.replace(&path, &octets));
        match replaced.await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => log::warn!("{doing}: {fault}"),
            Err(stopped) => log::warn!("{doing}: {stopped}"),
        }
    }
}
