//! A thread that owns a value and does one job after the other on it.
//!
//! The executor never calls the disk: it hands a closure to a worker and awaits the answer. The
//! queue is bounded, so a slow disk is felt by whoever asks. A job that panics ends the worker, and
//! every later question is answered with `Stopped`.

use std::io;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use async_channel::{Receiver, Sender, TrySendError};

use super::clock::now;

/// Lets the timers of this thread, and of those that it starts, be late by up to an hour: for
/// threads that wake by the clock and find nothing to do (sled starts seven of those; what they do they are
/// woken for).
pub fn doze_timers() {
    slacken(NonZeroU64::new(3_600_000_000_000));
}

/// Starts the thread that moves sockets while nobody else does, with timers that may be late by two
/// milliseconds: the executor moves them itself, and that thread would look after it ten thousand
/// times a second, and now and then wait for sockets in its place, which costs a change of threads
/// for each answer. No later than that: when the executor has left it the sockets, it must soon be
/// back at them. To be called by the executor's thread before anything uses the network.
pub fn doze_reactor() {
    slacken(NonZeroU64::new(2_000_000));
    smol::block_on(std::future::ready(()));
    slacken(None);
}

/// Sets by how much the timers of this thread may be late, in nanoseconds; `None` is the usual.
fn slacken(slack: Option<NonZeroU64>) {
    // Without it the box wakes more often than it need: no reason to stop.
    if let Err(e) = rustix::thread::set_current_timer_slack(slack) {
        log::debug!("setting the timer slack: {e}");
    }
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The worker's thread has ended, by a panic or because it was shut down.
#[derive(Debug, thiserror::Error)]
#[error("the thread `{0}` has ended")]
pub struct Stopped(pub &'static str);

/// A handle on the thread; cloning shares it. The thread ends when the last handle is dropped.
pub struct Worker<T> {
    name: &'static str,
    jobs: Sender<Job<T>>,
}

/// Lets go of every job that will not be done any more, also while a panic unwinds: whoever waits
/// for its answer is told that way.
struct Closing<T>(Receiver<Job<T>>);

impl<T> Drop for Closing<T> {
    fn drop(&mut self) {
        self.0.close();
        while self.0.try_recv().is_ok() {}
    }
}

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            jobs: self.jobs.clone(),
        }
    }
}

/// Joins the thread of a worker whose handles are all dropped.
pub struct Ending(thread::JoinHandle<()>);

impl Ending {
    /// Waits for the thread's end; true if it ended without a panic.
    pub fn join(self) -> bool {
        self.0.join().is_ok()
    }
}

impl<T: 'static> Worker<T> {
    /// Starts a thread that makes its value with `make` and then takes jobs, `depth` of them queued
    /// at most. Returns once the value is made, with what else `make` had to tell.
    pub fn spawn<A: Send + 'static, E: From<io::Error> + Send + 'static>(
        name: &'static str,
        depth: usize,
        make: impl FnOnce() -> Result<(T, A), E> + Send + 'static,
    ) -> Result<(Self, A, Ending), E> {
        let (jobs, queue) = async_channel::bounded::<Job<T>>(depth);
        let (told, tell) = std::sync::mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut value = match make() {
                    Ok((value, aside)) => {
                        // The asker waits below for exactly this.
                        let _ = told.send(Ok(aside));
                        value
                    }
                    Err(fault) => {
                        let _ = told.send(Err(fault));
                        return;
                    }
                };
                let queue = Closing(queue);
                while let Ok(job) = queue.0.recv_blocking() {
                    job(&mut value);
                }
            })
            .map_err(E::from)?;
        match tell.recv() {
            Ok(Ok(aside)) => Ok((Self { name, jobs }, aside, Ending(thread))),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(E::from(io::Error::other(Stopped(name)))),
        }
    }

    /// Runs `job` on the value and returns its answer.
    pub async fn ask<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        // The answer lies apart from the word that it is there: so that word is the same for every question,
        // and how it is sent and awaited is compiled once.
        let answer = Arc::new(Mutex::new(None));
        let (there, told) = async_channel::bounded(1);
        let place = Arc::clone(&answer);
        let job = Box::new(move |value: &mut T| {
            let done = job(value);
            *held(&place) = Some(done);
            // An asker that went away does not want the answer.
            let _ = there.try_send(());
        });
        self.done(job, told).await?;
        let answer = held(&answer).take();
        answer.ok_or(Stopped(self.name))
    }

    async fn done(&self, job: Job<T>, told: Receiver<()>) -> Result<(), Stopped> {
        let sent = self.jobs.send(job).await;
        sent.map_err(|_| Stopped(self.name))?;
        told.recv().await.map_err(|_| Stopped(self.name))
    }

    /// Has `job` done some time, for whoever can't wait: where many wait already a thread does.
    pub fn leave(&self, job: impl FnOnce(&mut T) + Send + 'static) {
        let Err(TrySendError::Full(job)) = self.jobs.try_send(Box::new(job)) else {
            return;
        };
        let jobs = self.jobs.clone();
        let waits = thread::Builder::new().spawn(move || {
            // An end of the worker ends this too.
            let _ = jobs.send_blocking(job);
        });
        if let Err(fault) = waits {
            log::warn!("leaving work to the thread `{}`: {fault}", self.name);
        }
    }

    /// Runs `job` and blocks until it is done: for programs without an executor.
    pub fn ask_blocking<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        futures_lite::future::block_on(self.ask(job))
    }
}

/// What is in it: nobody panics while holding it.
fn held<R>(answer: &Mutex<Option<R>>) -> MutexGuard<'_, Option<R>> {
    answer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tries again until it gets something, `limit` long at most: for what other threads hold for a moment. Awake,
/// since a thread whose timers doze would not come back in time.
pub fn insist<T>(limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = now();
    loop {
        let got = attempt();
        if got.is_some() || now().since(begun) > limit {
            return got;
        }
        thread::yield_now();
    }
}

/// Runs `job` on a thread that ends with it.
pub async fn apart<R: Send + 'static>(
    name: &str,
    job: impl FnOnce() -> R + Send + 'static,
) -> io::Result<R> {
    let (answer, answered) = async_channel::bounded(1);
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Who asked may have lost patience.
            let _ = answer.try_send(job());
        })?;
    answered.recv().await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
