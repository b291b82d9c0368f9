//! Who is spoken to: scheme, host, port, and the path in front of every request.
//!
//! Pure. Stricter than RFC 3986: an address with a user, a query or a fragment is no origin.

use std::fmt;

#[cfg(test)]
mod tests;

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path in front, without a slash at its end; empty when there is none.
    pub base: String,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Mistake {
    #[error("it must begin with https:// or http://")]
    Scheme,
    #[error("it has no host name")]
    Host,
    #[error("its host name must be written in ASCII letters, digits, dots and hyphens")]
    HostLetters,
    #[error("its port must be a number from 1 to 65535")]
    Port,
    #[error("a user name or password does not belong into it")]
    User,
    #[error("a question mark or hash sign does not belong into it")]
    Query,
    #[error("its path holds a character that must be percent-encoded")]
    Path,
}

impl Origin {
    /// Takes an address such as `https://portal.example:8443/api/v1` apart.
    pub fn parse(address: &str) -> Result<Self, Mistake> {
        let address = address.trim();
        let (scheme, rest) = address.split_once("://").ok_or(Mistake::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(Mistake::Scheme),
        };
        if rest.contains(['?', '#']) {
            return Err(Mistake::Query);
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(Mistake::User);
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            Some(port) => port,
            None if tls => 443,
            None => 80,
        };
        if !path.bytes().all(is_path) {
            return Err(Mistake::Path);
        }
        Ok(Self {
            tls,
            host,
            port,
            base: path.trim_end_matches('/').to_owned(),
        })
    }

    /// Host and port, the port always.
    pub fn with_port(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// What goes into the Host field (RFC 9110 §7.2): the port only when it isn't the usual one.
    pub fn authority(&self) -> String {
        let whole = self.with_port();
        let usual = if self.tls { ":443" } else { ":80" };
        match whole.strip_suffix(usual) {
            Some(host) => host.to_owned(),
            None => whole,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.base)
    }
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), Mistake> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(Mistake::HostLetters)?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(Mistake::HostLetters);
            }
            match port.strip_prefix(':') {
                None if !port.is_empty() => return Err(Mistake::Port),
                port => (host, port),
            }
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            if host.is_empty() {
                return Err(Mistake::Host);
            }
            let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            if !host.bytes().all(letter) {
                return Err(Mistake::HostLetters);
            }
            (host, port)
        }
    };
    let port = match port {
        None => None,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(Mistake::Port),
        },
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// RFC 3986 §3.3, with the slash.
fn is_path(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&octet)
}

/// Percent-encodes what does not stand for itself in one segment of a path or in a query's value.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    encoded
}
