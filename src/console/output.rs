//! What comes out of a command: its answer on standard output, the rest on standard error.
//!
//! Whoever reads may have read enough and be gone (`| head`), which is no fault of the command's.
//! Whatever else keeps an answer from being written is said: half an export must not pass for one.

use std::cell::Cell;
use std::io::{self, Write};

use super::Exit;
use crate::control::{Kind, Refusal};

/// Standard output, and whether it took all that it was given.
#[derive(Default)]
pub(super) struct Output {
    cut: Cell<bool>,
}

impl Output {
    /// Prints. The first failure is the caller's to say, at once: long work may go on behind it. What
    /// would follow it is left out, since nobody looks for a gap in the middle.
    pub(super) fn say(&self, text: &str) -> Result<(), Refusal> {
        if self.cut.get() {
            return Ok(());
        }
        self.wrote(write(&mut io::stdout().lock(), text))
    }

    /// The same of what somebody else has printed.
    pub(super) fn wrote(&self, written: io::Result<()>) -> Result<(), Refusal> {
        match written {
            Err(fault) if fault.kind() != io::ErrorKind::BrokenPipe => {
                self.cut.set(true);
                Err(unwritten(&fault))
            }
            _ => Ok(()),
        }
    }

    /// Whether something is missing in it.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.get()
    }

    /// How a command ends that would end with `exit` if all of its answer came out.
    pub(super) fn ends(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Done | Exit::Nothing if self.cut.get() => Exit::Failed,
            exit => exit,
        }
    }
}

/// Writes to the end: what a buffer still holds is not written.
fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

fn unwritten(fault: &io::Error) -> Refusal {
    Refusal::new(
        Kind::Failed,
        format!(
            "the answer could not be written to standard output: {fault}; what stands there is not \
             whole. Make room where it goes, or send it elsewhere, and ask again; what the command \
             changed stays changed"
        ),
    )
}

/// Prints on standard error; where that takes nothing there is nobody left to tell.
pub(super) fn err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests;
