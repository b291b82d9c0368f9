//! The wish to stop: SIGTERM and SIGINT.

use std::io;

use async_signal::{Signal, Signals};
use futures_lite::StreamExt;

/// Both signals, from now on: they no longer end the process by themselves.
pub struct Stop(Signals);

impl Stop {
    /// Begins to listen.
    pub fn listen() -> io::Result<Self> {
        Signals::new([Signal::Term, Signal::Int]).map(Self)
    }

    /// Waits for the next one.
    pub async fn asked(&mut self) {
        if self.0.next().await.is_none() {
            // No more can come: nobody will ask.
            std::future::pending::<()>().await;
        }
    }
}
