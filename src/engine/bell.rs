//! A bell: rung any number of times, it wakes its one listener once.

use async_channel::{Receiver, Sender};

/// See the file's head.
pub struct Bell {
    ring: Sender<()>,
    heard: Receiver<()>,
}

impl Bell {
    /// A bell that has not been rung.
    pub fn new() -> Self {
        let (ring, heard) = async_channel::bounded(1);
        Self { ring, heard }
    }

    /// Wakes the listener, or lets its next wait return at once.
    pub fn ring(&self) {
        // Full means that it is rung already.
        let _ = self.ring.try_send(());
    }

    /// Waits for the next ring.
    pub async fn wait(&self) {
        // The sender lives as long as the bell.
        let _ = self.heard.recv().await;
    }

    /// Whether it was rung and nobody has heard it yet.
    pub fn is_rung(&self) -> bool {
        !self.heard.is_empty()
    }

    /// Takes back a ring that nobody has heard yet.
    pub fn hush(&self) {
        let _ = self.heard.try_recv();
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}
