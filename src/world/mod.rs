//! The one door to everything outside the process: clock, disk, network, entropy, threads.
//!
//! Each part is a small trait with a real implementation here, so that a test can hold it: time
//! that jumps, a disk that loses what was not synced, a peer that lies. No other room of ours makes
//! a system call (sled's own files, in `index`, are the one exception).
//!
//! Knows nothing of mail, tickets or records.

pub mod body;
pub mod certificate;
pub mod clock;
pub mod disk;
pub mod driver;
pub mod entropy;
pub mod memory;
pub mod net;
pub mod secret;
pub mod signals;
#[cfg(test)]
pub mod sim;
pub mod socket;
pub mod switches;
pub mod terminal;
mod timers;
pub mod tls;
pub mod untouched;
pub mod worker;
pub mod zones;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use body::Body;
pub use certificate::Certificate;
pub use clock::{Clock, Tick, Wall};
pub use disk::{Disk, File};
pub use entropy::Entropy;
pub use net::{BoxConnection, Connection, DialFault, Net};
pub use secret::Secret;
pub use tls::{Identity, Secured, TlsFault, Trust};
pub use worker::Worker;

/// A boxed future that lives on the executor's thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The world as the engine sees it; cloning shares it.
#[derive(Clone)]
pub struct World {
    /// Wall and monotonic time, and every sleep.
    pub clock: Arc<dyn Clock>,
    /// Files, folders and the sync function.
    pub disk: Arc<dyn Disk>,
    /// Dialling and TLS.
    pub net: Arc<dyn Net>,
    /// Random octets.
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// The real machine.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(clock::RealClock::new()),
            disk: Arc::new(disk::RealDisk),
            net: Arc::new(net::RealNet),
            entropy: Arc::new(entropy::RealEntropy),
        }
    }
}
