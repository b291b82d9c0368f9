//! The operator's terminal: whether there is one, and a prompt without echo.
//!
//! Draws nothing; what is written where is the console's.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex};

use zeroize::Zeroizing;

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

/// Whether somebody looks at standard error and sees there how far long work is.
pub fn shows_progress() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|t| t != "dumb")
}

/// Reads a line without echo from a terminal, or the first line of standard input where that is
/// none.
pub fn read_secret(prompt: &str) -> io::Result<Secret> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read_first_line().map(Secret::new);
    }
    let before = termios::tcgetattr(&stdin)?;
    let mut quiet = before.clone();
    // Key by key, Ctrl-C too: as a signal it would end this program before echo is back.
    let off = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    quiet.local_modes.remove(off);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    // Before the prompt: whoever types at once must not see it either.
    termios::tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
    let mut err = io::stderr();
    let asked = write!(err, "{prompt}").and_then(|()| err.flush());
    let line = asked.and_then(|()| read_keys(&mut stdin.lock()));
    // Echo comes back whatever the reading gave.
    let restored = termios::tcsetattr(&stdin, OptionalActions::Now, &before);
    writeln!(err)?;
    restored?;
    line.map(Secret::new)
}

/// Reads standard input to the end of the first PEM block in it, or to its own end.
pub fn read_pem() -> io::Result<Secret> {
    let mut text = Zeroizing::new(String::new());
    loop {
        let line = Zeroizing::new(match read_first_line() {
            Ok(line) => line,
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof && !text.is_empty() => break,
            Err(e) => return Err(e),
        });
        text.push_str(&line);
        text.push('\n');
        if line.starts_with("-----END ") || text.len() > PEM_BYTES {
            break;
        }
    }
    Ok(Secret::new(std::mem::take(&mut *text)))
}

/// Octets of a PEM block that are read; one key has some thousand.
const PEM_BYTES: usize = 64 * 1024;

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

/// A line from a terminal that gives each key as it is pressed.
fn read_keys(keys: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut key = [0];
    loop {
        if keys.read(&mut key)? == 0 {
            break;
        }
        match key[0] {
            b'\r' | b'\n' => break,
            // Ctrl-C; Ctrl-D where nothing was typed.
            0x03 => return Err(io::Error::other("broken off with Ctrl-C")),
            0x04 if line.is_empty() => return Err(ended()),
            0x04 => break,
            // Backspace, as terminals send it: the last character, however many octets it has.
            0x08 | 0x7f => while line.pop().is_some_and(|octet| octet & 0xc0 == 0x80) {},
            // Ctrl-U.
            0x15 => line.clear(),
            // No other key of the kind is part of a secret by intent.
            0x00..=0x1f => {}
            octet => line.push(octet),
        }
    }
    String::from_utf8(line).map_err(|_| no_text())
}

fn ended() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "standard input ended before a line was read",
    )
}

/// Octets of a line that are read: whoever pipes a disk into us gets no memory for it.
const LINE_BYTES: usize = 64 * 1024;

fn read_first_line() -> io::Result<String> {
    read_line(io::stdin().lock())
}

fn read_line(from: impl BufRead) -> io::Result<String> {
    let mut line = Zeroizing::new(Vec::new());
    // One octet more than is taken tells that there are more.
    let most = u64::try_from(LINE_BYTES + 1).unwrap_or(u64::MAX);
    match from.take(most).read_until(b'\n', &mut line)? {
        0 => return Err(ended()),
        1..=LINE_BYTES => {}
        _ => return Err(io::ErrorKind::FileTooLarge.into()),
    }
    let line = std::str::from_utf8(&line).map_err(|_| no_text())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn no_text() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what was typed is no UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Result<String, String> {
        read_keys(&mut &*keys).map_err(|e| e.to_string())
    }

    #[test]
    fn a_line_has_a_largest_length() {
        let fits = [&b"x".repeat(LINE_BYTES - 1)[..], b"\nrest"].concat();
        assert_eq!(
            read_line(&*fits).map(|l| l.len()).ok(),
            Some(LINE_BYTES - 1)
        );
        let long = read_line(&*b"x".repeat(LINE_BYTES + 1));
        assert!(long.is_err_and(|e| e.kind() == io::ErrorKind::FileTooLarge));
        assert!(read_line(&b""[..]).is_err());
    }

    #[test]
    fn a_secret_is_typed_key_by_key() {
        assert_eq!(typed(b"s3cret\r").as_deref(), Ok("s3cret"));
        assert_eq!(
            typed("paßx\x7f\x7fss\nrest".as_bytes()).as_deref(),
            Ok("pass")
        );
        assert_eq!(typed(b"wrong\x15right\x04").as_deref(), Ok("right"));
        assert_eq!(typed(b"\x7f\x1c\x1b\n").as_deref(), Ok(""));
        assert!(typed(b"half\x03").is_err_and(|said| said.contains("Ctrl-C")));
        assert!(typed(b"\x04").is_err_and(|said| said.contains("ended")));
    }
}
