//! The service of a build without an engine: there is none, and so no value of this type.
//!
//! Goes when `local::open_local` opens the engine.

use super::port::{Applied, Caller, Candidate, Ended, Lines, Service, Tested};
use super::wire::{DirectoryLine, Listed, MessageLine, Page, Preview, Refusal, Status, Story};
use crate::passage::MailboxId;
use crate::settings::{History, Sealed, Settings, Zones};
use crate::world::{Secret, Wall};

/// No service.
pub(super) enum Unbuilt {}

#[rustfmt::skip]
impl Service for Unbuilt {
    fn now(&self) -> Wall { match *self {} }
    fn with_zones<R>(&self, _: impl FnOnce(&Zones) -> R) -> R { match *self {} }
    async fn status(&self) -> Result<Status, Refusal> { match *self {} }
    async fn queue(&self, _: &Page) -> Result<Listed<MessageLine>, Refusal> { match *self {} }
    async fn held(&self, _: &Page) -> Result<Listed<MessageLine>, Refusal> { match *self {} }
    async fn message(&self, _: &str) -> Result<Story, Refusal> { match *self {} }
    async fn retry(&self, _: Option<&str>) -> Result<u64, Refusal> { match *self {} }
    async fn convert(&self, _: &Caller, _: &str, _: bool) -> Result<(), Refusal> { match *self {} }
    async fn dismiss(&self, _: &Caller, _: &str, _: &str) -> Result<(), Refusal> { match *self {} }
    async fn directory(&self, _: &Page) -> Result<Listed<DirectoryLine>, Refusal> { match *self {} }
    async fn sync(&self) -> Result<u64, Refusal> { match *self {} }
    fn history(&self) -> History { match *self {} }
    fn seal(&self, _: &str, _: &Secret) -> Result<Sealed, Refusal> { match *self {} }
    async fn apply(&self, _: Candidate) -> Result<Applied, Refusal> { match *self {} }
    async fn confirm(&self) -> Result<u64, Refusal> { match *self {} }
    async fn undo(&self) -> Result<Option<u64>, Refusal> { match *self {} }
    async fn try_secret(&self, _: &Settings, _: &str) -> Result<(), Refusal> { match *self {} }
    async fn preview(&self, _: &Settings, _: MailboxId) -> Result<Preview, Refusal> { match *self {} }
    async fn under_way(&self, _: MailboxId) -> Result<u64, Refusal> { match *self {} }
    async fn test(&self, _: Option<&str>, _: &Lines) -> Result<Tested, Refusal> { match *self {} }
    async fn follow(&self, _: Option<&str>, _: &Lines) -> Result<(), Refusal> { match *self {} }
    async fn run(&self, _: bool) -> Result<Ended, Refusal> { match *self {} }
    async fn close(&self) -> Result<(), Refusal> { match *self {} }
}
