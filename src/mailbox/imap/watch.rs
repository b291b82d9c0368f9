//! Waiting for news: IDLE (RFC 2177), or NOOP now and then.
//!
//! IDLE is begun anew every few minutes by our own clock, whatever the server says meanwhile: that
//! is the probe that finds a dead connection, and what keeps address translators awake. "Still
//! here" from the server changes nothing.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use async_imap::imap_proto::Response;
use futures_lite::future::or;

use super::commands::done;
use super::Imap;
use crate::mailbox::{Fault, News};
use crate::world::Tick;

/// IDLE is begun anew after this; RFC 2177 allows 29 minutes, address translators often five.
const RENEW: Duration = Duration::from_secs(270);
/// Without IDLE the server is asked this often.
const CHECK: Duration = Duration::from_secs(60);
const DOING: &str = "waiting for mail";

enum Woken {
    Answer,
    Time,
    Stop,
}

impl Imap {
    pub(in crate::mailbox) async fn watch(
        &mut self,
        patience: Duration,
        stop: impl Future<Output = ()>,
    ) -> Result<News, Fault> {
        let mut stop = pin!(stop);
        let until = self.wire.clock().tick().plus(patience);
        loop {
            if self.state.news {
                return Ok(News::Something);
            }
            let now = self.wire.clock().tick();
            if now >= until {
                return Ok(News::Nothing);
            }
            let woken = if self.abilities.idle {
                let round = until.min(now.plus(RENEW));
                self.idle(round, stop.as_mut()).await?
            } else {
                let round = until.min(now.plus(CHECK));
                self.pause(round, stop.as_mut()).await?
            };
            if self.state.news {
                return Ok(News::Something);
            }
            if matches!(woken, Woken::Stop) {
                return Ok(News::Stopped);
            }
        }
    }

    /// One IDLE, until news, `round` or `stop`; ended in order each time.
    async fn idle(
        &mut self,
        round: Tick,
        mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Woken, Fault> {
        let tag = self.wire.queue("IDLE");
        self.wire.flush(DOING).await?;
        loop {
            let answer = self.wire.next(DOING).await?;
            let answer = answer.parsed();
            self.state.note(answer);
            match answer {
                Response::Continue(_) => break,
                Response::Done { tag: t, .. } if tag.is(&t.0) => {
                    // Offered and denied: this session does without.
                    log::warn!("the server offers IDLE and denies it");
                    self.abilities.idle = false;
                    return Ok(Woken::Time);
                }
                _ => {}
            }
        }
        let woken = loop {
            if self.state.news {
                break Woken::Answer;
            }
            let stopped = async {
                stop.as_mut().await;
                Ok(None)
            };
            let answer = or(
                async { self.wire.next_until(round, DOING).await.map(Some) },
                stopped,
            )
            .await?;
            match answer {
                None => break Woken::Stop,
                Some(None) => break Woken::Time,
                Some(Some(answer)) => self.state.note(answer.parsed()),
            }
        };
        self.wire.queue_line("DONE");
        self.wire.flush(DOING).await?;
        loop {
            let answer = self.wire.next(DOING).await?;
            let answer = answer.parsed();
            self.state.note(answer);
            if let Response::Done {
                tag: t,
                status,
                outcome,
            } = answer
            {
                if tag.is(&t.0) {
                    done(status, outcome)
                        .map_err(|denial| super::verdict::command(DOING, denial))?;
                    return Ok(woken);
                }
            }
        }
    }

    /// Sleeps until `round` or `stop`, then asks.
    async fn pause(
        &mut self,
        round: Tick,
        stop: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Woken, Fault> {
        let sleep = self.wire.clock().sleep_until(round);
        let woken = or(
            async {
                sleep.await;
                Woken::Time
            },
            async {
                stop.await;
                Woken::Stop
            },
        )
        .await;
        if matches!(woken, Woken::Time) {
            self.run(DOING, "NOOP", |_| {}).await?;
        }
        Ok(woken)
    }
}
