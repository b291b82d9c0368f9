//! The operator's terminal: whether there is one, and a prompt without echo.
//!
//! Draws nothing; what is written where is the console's.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{self, LocalModes, OptionalActions};

use super::Secret;

/// Whether standard input is a terminal.
pub fn input_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Whether standard output is a terminal that may show colours (`NO_COLOR` and `TERM=dumb` are
/// obeyed).
pub fn output_has_colours() -> bool {
    io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none()
        && std::env::var_os("TERM").is_some_and(|t| t != "dumb")
}

/// Reads a line without echo from a terminal, or the first line of standard input where that is
/// none.
pub fn read_secret(prompt: &str) -> io::Result<Secret> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read_first_line().map(Secret::new);
    }
    let mut err = io::stderr();
    write!(err, "{prompt}")?;
    err.flush()?;
    let before = termios::tcgetattr(&stdin)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
    let line = read_first_line();
    // Echo comes back whatever the reading gave.
    let restored = termios::tcsetattr(&stdin, OptionalActions::Now, &before);
    writeln!(err)?;
    restored?;
    line.map(Secret::new)
}

/// Asks on a terminal and reads a line; `None` where standard input is none, since nobody is asked.
pub fn read_answer(prompt: &str) -> io::Result<Option<String>> {
    if !input_is_terminal() {
        return Ok(None);
    }
    let mut err = io::stderr();
    write!(err, "{prompt}")?;
    err.flush()?;
    read_first_line().map(Some)
}

fn read_first_line() -> io::Result<String> {
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "standard input ended before a line was read",
        ));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
