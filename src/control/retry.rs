//! Tickets that are tried again on the operator's word, and what is said of it.

use super::service::Running;
use super::wire::{Kind, Refusal};
use crate::engine::held;
use crate::passage::record::{ActKind, Record};
use crate::passage::Stage;
use crate::ticket::Key;

impl Running {
    /// Makes the ticket of one message due now. Says what becomes of it.
    pub(super) async fn retry_one(&self, key: &str) -> Result<String, Refusal> {
        let (key, entry) = self.find(key).await?;
        let (acts, what) = match entry.stage {
            Stage::Refused => (vec![self.word(key)], "the refused ticket of"),
            Stage::Committed => (Vec::new(), "the waiting ticket of"),
            stage => {
                return Err(Refusal::new(
                    Kind::Refused,
                    format!(
                        "{} is {stage}: there is no ticket to try again",
                        key.short()
                    ),
                ))
            }
        };
        self.due_now(acts).await?;
        let when = match self.serves.get() {
            true => "now",
            false => "by the next `postern run`",
        };
        Ok(format!("{what} {} is tried again {when}", key.short()))
    }

    /// Makes all refused tickets due now, and all that wait; says how many those are.
    pub(super) async fn retry_all(&self) -> Result<u64, Refusal> {
        let mut acts = Vec::new();
        let mut after = 0;
        while let Some(page) = self.engine.page(Stage::Refused, &mut after).await? {
            acts.extend(page.into_iter().map(|listed| self.word(listed.key)));
        }
        let waiting = self.engine.counters.borrow().of(Stage::Committed);
        let count = acts.len() as u64 + waiting;
        self.due_now(acts).await?;
        for post in self.engine.posts.borrow().values() {
            post.retry();
        }
        self.engine.forget_refusals().await;
        Ok(count)
    }

    fn word(&self, key: Key) -> (Key, Record) {
        (key, held::act(&self.engine, ActKind::Retry, "operator"))
    }

    /// What waits for the portal is tried at once. The mailboxes have nothing to do with one ticket,
    /// their passwords least of all.
    async fn due_now(&self, acts: Vec<(Key, Record)>) -> Result<(), Refusal> {
        self.engine.act(acts).await?;
        self.engine.link.retry_now();
        Ok(())
    }
}
