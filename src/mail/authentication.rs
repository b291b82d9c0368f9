//! What mail servers found out about who sent a message (RFC 8601), and through whose hands it went.
//!
//! Anybody can write an Authentication-Results field. [`believed`] says which one counts: the topmost that
//! bears the operator's own server's name, and that one only where nothing else stands between it and that
//! server. A field that came along with the message lies below the `Received` lines of the servers that it
//! came through; whoever's name it bears, it was there before ours looked. What can't be told from a field of
//! ours is one that the sender put in front of everything: a server must take such fields out (RFC 8601 §5),
//! and they do.
//!
//! Read leniently: comments, quoted strings and white space wherever RFC 8601 §2.2 has room for them, and
//! values with a `=` in them that should have been quoted. A field with a version that is not 1 says nothing.

use serde::{Deserialize, Serialize};

use super::message::Address;

/// Fields of both kinds that are kept, topmost first.
pub(super) const TRACE_MAX: usize = 32;
/// Results of one field that are read.
const RESULTS_MAX: usize = 32;
/// Results of one field that count.
const COUNTED_MAX: usize = 8;
/// Properties of one result that are read.
const PROPERTIES_MAX: usize = 16;
/// Octets of a name or value.
const WORD_MAX: usize = 255;

/// What is taken for the name of a server that gives none, as Microsoft 365 does.
pub const UNNAMED: &str = "unnamed";

/// Labels under which a country's domains are given out, of more than two letters.
const SECOND_LEVEL: &[&str] = &["com", "edu", "gov", "mil", "net", "org"];

/// Whose lines stand around the field of a server that gives no name.
const UNNAMED_SERVERS: &str = "outlook.com";

/// A field that a server put in front of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trace {
    /// It passed this server (the `by` of a Received field), in lower case.
    Received(String),
    /// A server's findings.
    Checked(Checked),
}

/// A server's findings: one Authentication-Results field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Which server says so (authserv-id), in lower case; [`UNNAMED`] where it doesn't tell.
    pub server: String,
    /// What it found.
    pub results: Vec<Found>,
}

impl Checked {
    /// Of it what [`verdict`] looks at.
    pub fn what_counts(&self) -> Checked {
        let counts = |found: &&Found| matches!(found.method.as_str(), "dmarc" | "dkim" | "spf");
        let results = self.results.iter().filter(counts).take(COUNTED_MAX);
        let results = results.map(|found| Found {
            properties: found
                .properties
                .iter()
                .filter(|(name, _)| name == "header.from")
                .take(1)
                .cloned()
                .collect(),
            ..found.clone()
        });
        Checked {
            server: self.server.clone(),
            results: results.collect(),
        }
    }
}

/// What one method found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The method: `dmarc`, `dkim`, `spf`, ...
    pub method: String,
    /// Its result.
    pub result: Finding,
    /// What was looked at, such as `header.from`; names in lower case.
    pub properties: Vec<(String, String)>,
}

impl Found {
    fn property(&self, name: &str) -> Option<&str> {
        let mut all = self.properties.iter();
        all.find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A result's code (RFC 8601 §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// Nothing was said, or there was nothing to check.
    None,
    /// It is as it should be.
    Pass,
    /// It is not.
    Fail,
    /// It is probably not.
    Softfail,
    /// It can't be said.
    Neutral,
    /// It is, and is not wanted.
    Policy,
    /// It could not be checked then.
    Temperror,
    /// It can't be checked.
    Permerror,
    /// A code that we don't know.
    Unknown,
}

impl Finding {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Finding::None => "none",
            Finding::Pass => "pass",
            Finding::Fail => "fail",
            Finding::Softfail => "softfail",
            Finding::Neutral => "neutral",
            Finding::Policy => "policy",
            Finding::Temperror => "temperror",
            Finding::Permerror => "permerror",
            Finding::Unknown => "unknown",
        }
    }

    fn of(word: &str) -> Finding {
        match word {
            "none" => Finding::None,
            "pass" => Finding::Pass,
            // The older word (RFC 7601, appendix).
            "fail" | "hardfail" => Finding::Fail,
            "softfail" => Finding::Softfail,
            "neutral" => Finding::Neutral,
            "policy" => Finding::Policy,
            "temperror" => Finding::Temperror,
            "permerror" => Finding::Permerror,
            // Microsoft's: there is no policy, and there would be a pass if there were one.
            "bestguesspass" => Finding::None,
            _ => Finding::Unknown,
        }
    }
}

/// What the believed server says about an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The server.
    pub server: String,
    /// Whether the domain stands behind the message (RFC 7489).
    pub dmarc: Finding,
    /// Whether a signature is good.
    pub dkim: Finding,
    /// Whether the sending host may send for its domain.
    pub spf: Finding,
}

/// The findings that count: those of the operator's own `server`, or none.
pub fn believed<'a>(trace: &'a [Trace], server: &str) -> Option<&'a Checked> {
    let server = server_form(server);
    let mut ours = false;
    for field in trace {
        match field {
            Trace::Received(by) if is_beside(by, &server) => ours = true,
            // It came to ours from here: what stands below was there before.
            Trace::Received(_) if ours => return None,
            Trace::Received(_) => {}
            Trace::Checked(checked) if checked.server == server => return Some(checked),
            Trace::Checked(_) => {}
        }
    }
    None
}

/// What `checked` says about a message that has this author.
pub fn verdict(checked: &Checked, author: &Address) -> Verdict {
    let author = author.folded();
    let domain = author.rsplit_once('@').map(|(_, domain)| domain);
    let checked = checked.what_counts();
    let all = |method: &'static str| checked.results.iter().filter(move |f| f.method == method);
    let about = |found: &&Found| {
        let from = found.property("header.from").map(domain_of);
        from.is_none() || from.as_deref() == domain
    };
    let best = |method: &'static str| {
        let passed = all(method).find(|found| found.result == Finding::Pass);
        let found = passed.or_else(|| all(method).next());
        found.map_or(Finding::None, |found| found.result)
    };
    Verdict {
        server: checked.server.clone(),
        dmarc: all("dmarc")
            .find(about)
            .map_or(Finding::None, |found| found.result),
        dkim: best("dkim"),
        spf: best("spf"),
    }
}

/// The form in which names of servers are compared.
pub fn server_form(server: &str) -> String {
    Address::fold_domain(server.trim())
}

fn domain_of(address: &str) -> String {
    let domain = address.rsplit('@').next().unwrap_or(address);
    Address::fold_domain(domain)
}

/// Whether a host is the server's, or in the same domain.
fn is_beside(host: &str, server: &str) -> bool {
    let server = match server {
        UNNAMED => UNNAMED_SERVERS,
        server => server,
    };
    // `provider.co.uk` is not beside everybody in `co.uk`.
    let registered = |domain: &str| match domain.split_once('.') {
        Some((first, _)) => first.len() > 2 && !SECOND_LEVEL.contains(&first),
        None => false,
    };
    let domain = match server.split_once('.') {
        Some((_, domain)) if registered(domain) => domain,
        _ => server,
    };
    let within = host.strip_suffix(domain);
    host == server || within.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The server that a Received field (RFC 5321 §4.4) was written by.
pub(super) fn received(value: &[u8]) -> Option<String> {
    let mut reader = Reader { rest: value };
    // Up to the semicolon, behind which there is the date.
    let mut word = reader.word(b";");
    while !word.is_empty() {
        if word.eq_ignore_ascii_case(b"by") {
            let by = reader.word(b";");
            let by = server_form(&String::from_utf8_lossy(&by));
            return Some(cut(by)).filter(|by| !by.is_empty());
        }
        word = reader.word(b";");
    }
    None
}

/// What an Authentication-Results field says.
pub(super) fn checked(value: &[u8]) -> Checked {
    let mut reader = Reader { rest: value };
    let mut first = Reader { rest: value };
    let name = first.word(b";=");
    first.space();
    // Without a name the first thing is a result.
    let server = match first.rest.first() {
        Some(b'=') => UNNAMED.to_owned(),
        _ => {
            reader = first;
            cut(server_form(&String::from_utf8_lossy(&name)))
        }
    };
    let mut checked = Checked {
        server,
        results: Vec::new(),
    };
    if checked.server != UNNAMED || !name.is_empty() {
        let version = Reader { rest: reader.rest }.word(b";=");
        if !version.is_empty() && version.iter().all(u8::is_ascii_digit) && version != b"1" {
            return checked;
        }
    }
    if checked.server.is_empty() {
        checked.server = UNNAMED.to_owned();
    }
    let mut current: Option<Found> = None;
    let mut begins = checked.server == UNNAMED;
    while let Some(step) = reader.step() {
        let (key, value) = match step {
            Step::Next => {
                keep(&mut checked.results, current.take());
                begins = true;
                continue;
            }
            Step::Pair(key, value) => (key, value),
        };
        match &mut current {
            None if begins => {
                begins = false;
                current = Some(Found {
                    method: key,
                    result: Finding::of(&value.to_ascii_lowercase()),
                    properties: Vec::new(),
                });
            }
            Some(found) if found.properties.len() < PROPERTIES_MAX => {
                found.properties.push((key, value));
            }
            _ => {}
        }
    }
    keep(&mut checked.results, current);
    checked
}

/// What a field of this text says.
#[cfg(test)]
pub(crate) fn checked_of(field: &str) -> Checked {
    checked(field.as_bytes())
}

fn keep(results: &mut Vec<Found>, found: Option<Found>) {
    if results.len() < RESULTS_MAX {
        results.extend(found);
    }
}

fn cut(mut word: String) -> String {
    let end = super::words::cut(&word, WORD_MAX).0.len();
    word.truncate(end);
    word
}

enum Step {
    /// A semicolon: another result begins.
    Next,
    /// `key = value`.
    Pair(String, String),
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// The next pair or semicolon; what is neither is stepped over.
    fn step(&mut self) -> Option<Step> {
        // The words of a key: `header . from`, `dmarc / 1`.
        let mut key: Vec<u8> = Vec::new();
        loop {
            let gap = self.space();
            let (&octet, tail) = self.rest.split_first()?;
            match octet {
                b';' => {
                    self.rest = tail;
                    return Some(Step::Next);
                }
                b'=' => {
                    self.rest = tail;
                    let value = self.value();
                    let end = key.iter().position(|b| *b == b'/').unwrap_or(key.len());
                    key.truncate(end);
                    let key = String::from_utf8_lossy(&key).to_ascii_lowercase();
                    let value = String::from_utf8_lossy(&value).into_owned();
                    return Some(Step::Pair(cut(key), cut(value)));
                }
                b'"' => {
                    self.quoted();
                    key.clear();
                }
                _ => {
                    let joins =
                        matches!(octet, b'.' | b'/') || matches!(key.last(), Some(b'.' | b'/'));
                    if gap && !joins {
                        key.clear();
                    }
                    key.push(octet);
                    self.rest = tail;
                }
            }
        }
    }

    /// What stands behind a `=`: up to white space, or a semicolon, or a comment.
    fn value(&mut self) -> Vec<u8> {
        self.space();
        let mut value = Vec::new();
        while let Some((&octet, tail)) = self.rest.split_first() {
            match octet {
                b'"' => value.extend(self.quoted()),
                b';' | b'(' => break,
                octet if octet.is_ascii_whitespace() => break,
                octet => {
                    value.push(octet);
                    self.rest = tail;
                }
            }
        }
        value
    }

    /// A word that ends at white space, a comment, or one of these.
    fn word(&mut self, ends: &[u8]) -> Vec<u8> {
        self.space();
        let mut word = Vec::new();
        while let Some((&octet, tail)) = self.rest.split_first() {
            match octet {
                b'"' => word.extend(self.quoted()),
                b'(' => break,
                octet if octet.is_ascii_whitespace() || ends.contains(&octet) => break,
                octet => {
                    word.push(octet);
                    self.rest = tail;
                }
            }
        }
        word
    }

    /// Step over white space and comments, which may hold comments; whether there were any.
    fn space(&mut self) -> bool {
        let before = self.rest.len();
        let mut depth = 0usize;
        while let Some((&octet, tail)) = self.rest.split_first() {
            match octet {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b'\\' if depth > 0 => {
                    self.rest = tail.get(1..).unwrap_or_default();
                    continue;
                }
                octet if depth == 0 && !octet.is_ascii_whitespace() => break,
                _ => {}
            }
            self.rest = tail;
        }
        self.rest.len() < before
    }

    /// A quoted string, whose opening quote is next.
    fn quoted(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        self.rest = self.rest.get(1..).unwrap_or_default();
        while let Some((&octet, tail)) = self.rest.split_first() {
            self.rest = tail;
            match (octet, tail.split_first()) {
                (b'"', _) => break,
                (b'\\', Some((&escaped, after))) => {
                    value.push(escaped);
                    self.rest = after;
                }
                _ => value.push(octet),
            }
        }
        value
    }
}

#[cfg(test)]
mod tests;
