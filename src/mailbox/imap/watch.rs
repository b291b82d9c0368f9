//! Waiting for news: IDLE (RFC 2177), or NOOP now and then.
//!
//! IDLE is begun anew every 44 seconds by our own clock, whatever the server says meanwhile, and the
//! answer to that must come in time: so a connection that is dead, or a server that keeps it and does
//! nothing any more, is noticed within a minute. "Still here" from the server puts neither off.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_imap::imap_proto::Response;
use futures_lite::future::or;

use super::commands::done;
use super::wire::Tag;
use super::Imap;
use crate::mailbox::{Fault, Loss, News};
use crate::world::{Clock, Tick};

/// IDLE is begun anew after this, and without IDLE the server is asked this often; RFC 2177 allows 29
/// minutes, address translators often five.
const RENEW: Duration = Duration::from_secs(44);
/// What the answer to that may take. Both together stay under a minute.
const PROBE: Duration = Duration::from_secs(15);
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
                self.idle(until, stop.as_mut()).await?
            } else {
                let round = until.min(now.plus(RENEW));
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

    /// IDLE, begun anew in between, until news, `until` or `stop`; ended in order each time.
    async fn idle(
        &mut self,
        until: Tick,
        mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Woken, Fault> {
        let clock = Arc::clone(self.wire.clock());
        let mut begun = in_time(&clock, self.begin_idle()).await?;
        while let Some(tag) = begun {
            let round = until.min(clock.tick().plus(RENEW));
            let woken = self.idle_round(round, stop.as_mut()).await?;
            if matches!(woken, Woken::Time) && round < until {
                begun = in_time(&clock, self.renew_idle(tag)).await?;
            } else {
                in_time(&clock, self.end_idle(tag)).await?;
                return Ok(woken);
            }
        }
        Ok(Woken::Time)
    }

    /// Listens until news, `round` or `stop`.
    async fn idle_round(
        &mut self,
        round: Tick,
        mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Woken, Fault> {
        loop {
            if self.state.news {
                return Ok(Woken::Answer);
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
                None => return Ok(Woken::Stop),
                Some(None) => return Ok(Woken::Time),
                Some(Some(answer)) => self.state.note(answer.parsed()),
            }
        }
    }

    /// Begins IDLE; `None` where the server denies it.
    async fn begin_idle(&mut self) -> Result<Option<Tag>, Fault> {
        let tag = self.wire.queue("IDLE");
        self.wire.flush(DOING).await?;
        self.idle_begun(None, tag).await
    }

    /// Ends IDLE and begins it anew in one write (RFC 9051, section 5.5: no answer to the one changes
    /// the other): most servers answer both at once, which wakes this box once.
    async fn renew_idle(&mut self, ended: Tag) -> Result<Option<Tag>, Fault> {
        self.wire.queue_line("DONE");
        let tag = self.wire.queue("IDLE");
        self.wire.flush(DOING).await?;
        self.idle_begun(Some(ended), tag).await
    }

    /// Reads on to where the IDLE of `tag` has begun, past the end of the one before.
    async fn idle_begun(&mut self, mut ended: Option<Tag>, tag: Tag) -> Result<Option<Tag>, Fault> {
        loop {
            let answer = self.wire.next(DOING).await?;
            let answer = answer.parsed();
            self.state.note(answer);
            match answer {
                Response::Continue(_) if ended.is_none() => return Ok(Some(tag)),
                Response::Done {
                    tag: t,
                    status,
                    outcome,
                } if ended.as_ref().is_some_and(|ended| ended.is(&t.0)) => {
                    done(status, outcome)
                        .map_err(|denial| super::verdict::command(DOING, denial))?;
                    ended = None;
                }
                Response::Done { tag: t, .. } if tag.is(&t.0) => {
                    // Offered and denied: this session does without.
                    log::warn!("the server offers IDLE and denies it");
                    self.abilities.idle = false;
                    return Ok(None);
                }
                _ => {}
            }
        }
    }

    async fn end_idle(&mut self, tag: Tag) -> Result<(), Fault> {
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
                    return done(status, outcome)
                        .map_err(|denial| super::verdict::command(DOING, denial));
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
            let clock = Arc::clone(self.wire.clock());
            in_time(&clock, self.run(DOING, "NOOP", |_| {})).await?;
        }
        Ok(woken)
    }
}

/// `work` within `PROBE`, however many octets come meanwhile: a server whose one half says "still
/// here" for ever and whose other half answers no more would never be given up otherwise.
async fn in_time<T>(
    clock: &Arc<dyn Clock>,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    clock.within(PROBE, work).await.unwrap_or_else(|| {
        Err(Fault::Lost {
            doing: DOING.to_owned(),
            why: Loss::Silent { after: PROBE },
        })
    })
}
