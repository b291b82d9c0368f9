//! What may be said of a mailbox in the settings, and what a wrong value gets. Pure.
//!
//! No dialling: what only the server can tell is `probe`'s.

use serde::{Deserialize, Serialize};

/// When TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// From the first octet.
    #[default]
    Tls,
    /// By STARTTLS, without which nothing else is sent.
    StartTls,
    /// Never: password and mail go in clear.
    None,
}

impl Security {
    /// The port that is meant where none is given.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Tls => 993,
            Self::StartTls | Self::None => 143,
        }
    }
}

/// The port that was probably meant instead of one that sends mail (or reads it by POP3): ports
/// are forwarded sometimes, so this is a warning and the greeting decides.
pub fn port_hint(port: u16) -> Option<u16> {
    match port {
        465 | 995 => Some(993),
        25 | 587 | 110 => Some(143),
        _ => None,
    }
}

/// Why a value can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// It is longer than any such name can be.
    #[error("it is longer than {0} characters")]
    TooLong(usize),
    /// It holds a character that no such name holds.
    #[error("it holds {0:?}, which it may not")]
    Character(char),
    /// It looks like a URL.
    #[error("it is a URL: the host name alone is wanted")]
    Url,
    /// It holds a port.
    #[error("it holds a port: that is a setting of its own")]
    Port,
    /// A `%` is followed by something else than `Y`, `m` or `%`.
    #[error("after % only Y (year), m (month) or % may stand")]
    Pattern,
    /// The hierarchy has an empty level.
    #[error("a level between two separators is empty")]
    EmptyLevel,
    /// The archive is the watched folder.
    #[error("the archive can't be the watched folder itself")]
    Watched,
}

/// Checks a host name, an IPv4 or an IPv6 address (with brackets or without).
pub fn check_host(host: &str) -> Result<(), Wrong> {
    if host.is_empty() {
        return Err(Wrong::Empty);
    }
    if host.contains("://") {
        return Err(Wrong::Url);
    }
    if host.len() > 253 {
        return Err(Wrong::TooLong(253));
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    if bare.contains(':') {
        return match bare.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(Wrong::Port),
        };
    }
    match bare
        .chars()
        .find(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_'))
    {
        Some(c) => Err(Wrong::Character(c)),
        None if bare.split('.').any(str::is_empty) && !bare.ends_with('.') => {
            Err(Wrong::EmptyLevel)
        }
        None => Ok(()),
    }
}

/// Checks a folder's name.
pub fn check_folder(name: &str) -> Result<(), Wrong> {
    if name.trim().is_empty() {
        return Err(Wrong::Empty);
    }
    if name.chars().count() > 255 {
        return Err(Wrong::TooLong(255));
    }
    if let Some(c) = name.chars().find(|c| c.is_control()) {
        return Err(Wrong::Character(c));
    }
    if name.split('/').any(str::is_empty) {
        return Err(Wrong::EmptyLevel);
    }
    Ok(())
}

/// Checks the pattern of an archive folder against the watched folder.
pub fn check_archive(pattern: &str, watched: &str) -> Result<(), Wrong> {
    let name = expand(pattern, 2000, 1)?;
    check_folder(&name)?;
    // INBOX is the one name without case (RFC 3501 §5.1).
    let same = name == watched
        || (name.eq_ignore_ascii_case("INBOX") && watched.eq_ignore_ascii_case("INBOX"));
    if same {
        return Err(Wrong::Watched);
    }
    Ok(())
}

/// The archive folder of a month: `%Y` is the year, `%m` the month in two digits, `%%` a percent
/// sign.
pub fn expand(pattern: &str, year: i16, month: i8) -> Result<String, Wrong> {
    let mut name = String::with_capacity(pattern.len() + 4);
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            name.push(c);
            continue;
        }
        match characters.next() {
            Some('Y') => name.push_str(&format!("{year:04}")),
            Some('m') => name.push_str(&format!("{month:02}")),
            Some('%') => name.push('%'),
            _ => return Err(Wrong::Pattern),
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
