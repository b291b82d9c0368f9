//! Values as text: reading what an operator typed, and showing it whole.
//!
//! Each reader takes text and gives the value in its one form, or a sentence that says what it must
//! look like. Knows no key.

use std::net::IpAddr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::Timestamp;
use serde::Serialize;

use crate::mail::authentication::server_form;
use crate::mail::Address;
use crate::ticket::thread::TAG_PLACE;
use crate::ticket::TokenKey;
use crate::world::{certificate, Wall};

mod files;

pub(super) use files::file_types;

/// Time zones, which are files and so the caller's to look up.
pub struct Zones<'a> {
    /// The zone of an IANA name, where this machine knows it.
    pub named: &'a dyn Fn(&str) -> Option<TimeZone>,
    /// The machine's own.
    pub system: TimeZone,
}

impl Zones<'_> {
    /// The zone of that name, or the system's where there is none.
    pub fn of(&self, name: Option<&str>) -> TimeZone {
        name.and_then(|name| (self.named)(name))
            .unwrap_or_else(|| self.system.clone())
    }
}

/// What a setting holds, for showing; a secret only says that it is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing.
    Unset,
    /// On or off.
    Flag(bool),
    /// A number.
    Number(u64),
    /// A number of octets, with its unit.
    Octets(String),
    /// One of a few words.
    Word(&'static str),
    /// Text.
    Text(String),
    /// A moment, RFC 3339.
    Moment(String),
    /// A secret that is set.
    Secret {
        /// Changes with each sealing.
        set: String,
    },
}

impl Value {
    /// For a person who looks at many: of certificates subject and SHA-256, else the text itself.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) if text.starts_with("-----BEGIN CERTIFICATE-----") => {
                certificate::subjects(text)
            }
            value => value.text(),
        }
    }

    /// As the operator would type it; empty when unset. A secret gives "(set, fingerprint)".
    pub fn text(&self) -> String {
        match self {
            Self::Unset => String::new(),
            Self::Flag(true) => "on".to_owned(),
            Self::Flag(false) => "off".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Word(word) => (*word).to_owned(),
            Self::Octets(text) | Self::Text(text) | Self::Moment(text) => text.clone(),
            Self::Secret { set } => format!("(set, {set})"),
        }
    }
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" => Ok(true),
        "off" | "false" | "no" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}

pub(super) fn number(text: &str, least: u64, most: u64, unit: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {most}{unit}"))
}

const UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
];

pub(super) fn octets(text: &str, least: u64) -> Result<u64, String> {
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let unit = unit.trim();
    let scale = match unit {
        "" => Some(1),
        _ => UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, scale)| *scale),
    };
    digits
        .parse::<u64>()
        .ok()
        .zip(scale)
        .and_then(|(number, scale)| number.checked_mul(scale))
        // The file format's integers end there.
        .filter(|octets| *octets >= least && i64::try_from(*octets).is_ok())
        .ok_or_else(|| {
            format!(
                "must be a size of at least {}, such as 512 MiB or 2 GiB",
                octets_text(least)
            )
        })
}

pub(super) fn octets_text(octets: u64) -> String {
    for (name, scale) in UNITS.iter().take(4) {
        if octets >= *scale && octets.is_multiple_of(*scale) {
            return format!("{} {name}", octets / scale);
        }
    }
    octets.to_string()
}

/// RFC 3339; or a date, or a date and a time, in `zone`.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Result<Wall, String> {
    let ambiguous = || {
        "must be a date and time such as 2026-01-31 08:00 (in the mailbox's time_zone, else the \
         system's) or 2026-01-31T08:00:00+01:00"
            .to_owned()
    };
    if let Some(whole) = whole_moment(text) {
        return Ok(whole);
    }
    let local: DateTime = text.parse().map_err(|_| ambiguous())?;
    let at = zone.to_timestamp(local).map_err(|_| ambiguous())?;
    Ok(Wall(at.as_millisecond()))
}

/// Whether a moment's text names its own offset, so that no zone has to be guessed.
pub fn moment_is_whole(text: &str) -> bool {
    text.is_empty() || whole_moment(text).is_some()
}

/// A moment whose text names its own offset.
pub fn whole_moment(text: &str) -> Option<Wall> {
    let at = text.parse::<Timestamp>().ok()?;
    Some(Wall(at.as_millisecond()))
}

/// RFC 3339 in UTC, with milliseconds only where there are any: what `moment` reads back exactly.
pub(super) fn moment_text(at: Wall) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(at) => at.to_string(),
        Err(_) => at.to_string(),
    }
}

/// A moment whole, for people: local time with its zone, and UTC.
pub fn moment_shown(at: Wall, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(utc) => {
            let local = utc.to_zoned_datetime(zone.clone());
            let name = zone.iana_name().unwrap_or("local time");
            format!(
                "{} {name} ({})",
                local.strftime("%A %Y-%m-%d %H:%M:%S %:z"),
                moment_text(at)
            )
        }
        Err(_) => at.to_string(),
    }
}

/// One line without control characters.
pub(super) fn line(text: &str, _: &Zones) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("must be one line without control characters".to_owned());
    }
    if text.len() > 255 {
        return Err("must not be longer than 255 octets".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn host(text: &str, _: &Zones) -> Result<String, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    if text.contains("://") || text.contains('/') {
        return Err(
            "must be the name alone, without `imap://` before it or a path behind it".to_owned(),
        );
    }
    if text.contains(':') {
        return Err("must be the name alone: the port is a setting of its own".to_owned());
    }
    if text.contains('@') {
        return Err("must be the mail server's name, not an address".to_owned());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c == '-' || c == '_' || c.is_alphanumeric())
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err("must be a host name such as mail.example.com, or an IP address".to_owned());
    }
    Ok(text.to_owned())
}

/// The text itself where it is an address.
pub(super) fn address_in(text: &str) -> Option<&str> {
    let (local, domain) = text.rsplit_once('@')?;
    let fits = !local.is_empty()
        && !local.contains('@')
        && text.len() <= 254
        && domain.split('.').all(|label| !label.is_empty())
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || "<>,;:\\\"()".contains(c));
    fits.then_some(text)
}

pub(super) fn address(text: &str, _: &Zones) -> Result<String, String> {
    address_in(text)
        .map(str::to_owned)
        .ok_or_else(|| "must be an address such as support@example.com".to_owned())
}

/// Addresses and domains, each in the form in which they are compared.
pub(super) fn lists(text: &str, _: &Zones) -> Result<String, String> {
    let words = text.split([' ', ',', ';', '\t', '\n']);
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let read = |word: &&str| match word.contains('@') {
        true => address_in(word).map(Address::fold),
        false => domain(word),
    };
    let read: Option<Vec<String>> = words.iter().map(read).collect();
    match read {
        Some(lists) if (1..=100).contains(&lists.len()) => Ok(lists.join(" ")),
        _ => Err(
            "must be addresses or domains with a space between, such as \
             support@example.com lists.example.org"
                .to_owned(),
        ),
    }
}

/// A domain in the form in which domains are compared.
fn domain(text: &str) -> Option<String> {
    let domain = Address::fold_domain(text);
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let fits = domain.len() <= 253
        && domain.bytes().all(fits)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty());
    fits.then_some(domain)
}

/// The name that a mail server gives itself in Authentication-Results.
pub(super) fn server(text: &str, _: &Zones) -> Result<String, String> {
    let name = server_form(text);
    let fits = |b: u8| b.is_ascii_graphic() && !b"\"();=<>@,".contains(&b);
    match !name.is_empty() && name.len() <= 253 && name.bytes().all(fits) {
        true => Ok(name),
        false => Err(
            "must be what stands first in your mail server's Authentication-Results fields, such as \
             mx.example.com, or the word unnamed"
                .to_owned(),
        ),
    }
}

pub(super) fn folder(text: &str, zones: &Zones) -> Result<String, String> {
    let text = line(text, zones)?;
    if text.trim() != text {
        return Err("must not begin or end with a space".to_owned());
    }
    if text.contains(['*', '%']) {
        return Err("must not hold * or %, which stand for many folders".to_owned());
    }
    Ok(if text.eq_ignore_ascii_case("inbox") {
        // RFC 9051 §5.1: the one name without case.
        "INBOX".to_owned()
    } else {
        text
    })
}

pub(super) fn archive_folder(text: &str, zones: &Zones) -> Result<String, String> {
    // By what they become: without them `Archive %Y` would end with a space.
    let bare = text.replace("%Y", "2026").replace("%m", "01");
    if bare.contains('%') {
        return Err("may hold %Y (year) and %m (month), and no other %".to_owned());
    }
    folder(&bare, zones).map_err(|said| said.replace("* or %, which stand", "*, which stands"))?;
    Ok(if text.eq_ignore_ascii_case("inbox") {
        "INBOX".to_owned()
    } else {
        text.to_owned()
    })
}

pub(super) fn zone(text: &str, zones: &Zones) -> Result<String, String> {
    match (zones.named)(text) {
        Some(zone) => Ok(zone.iana_name().unwrap_or(text).to_owned()),
        None => Err(
            "is no time zone that this machine knows: use a name such as Europe/Berlin".to_owned(),
        ),
    }
}

/// Scheme, authority and path of an HTTP URL; `None` for what isn't one.
pub(super) fn url_parts(text: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    (known && !authority.is_empty()).then_some((scheme, authority, path))
}

/// The host of an authority, without port and brackets.
pub(super) fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn http_url<'a>(text: &'a str, zones: &Zones) -> Result<(&'a str, &'a str, &'a str), String> {
    let wrong = || "must be a URL such as https://portal.example.com/api".to_owned();
    let (scheme, authority, path) = url_parts(text).ok_or_else(wrong)?;
    if authority.contains('@') {
        return Err("must not hold a user name or password".to_owned());
    }
    if text.contains(['?', '#']) {
        return Err("must end with the path: no `?` and no `#`".to_owned());
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    host(host_of(authority), zones).map_err(|_| wrong())?;
    let behind = match authority.rfind(']') {
        Some(at) => authority.get(at + 1..).unwrap_or(""),
        None => authority
            .find(':')
            .map_or("", |at| authority.split_at(at).1),
    };
    let port_fits = match behind.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => behind.is_empty(),
    };
    port_fits
        .then_some((scheme, authority, path))
        .ok_or_else(wrong)
}

pub(super) fn url(text: &str, zones: &Zones) -> Result<String, String> {
    http_url(text, zones)?;
    Ok(text.trim_end_matches('/').to_owned())
}

/// A URL of which each octet counts: there are endpoints that are nowhere without a slash at the end.
pub(super) fn endpoint(text: &str, zones: &Zones) -> Result<String, String> {
    http_url(text, zones)
        .map_err(|said| said.replace("portal.example.com/api", "login.example.com/oauth/token"))?;
    Ok(text.to_owned())
}

pub(super) fn proxy(text: &str, zones: &Zones) -> Result<String, String> {
    let wrong = || "must be a URL such as http://proxy.example.com:3128".to_owned();
    if text.contains('@') {
        return Err(
            "must not hold a user name or password: they are portal.proxy_user and \
             portal.proxy_password"
                .to_owned(),
        );
    }
    let (scheme, _, path) = http_url(text, zones).map_err(|_| wrong())?;
    let fits = scheme.eq_ignore_ascii_case("http") && path.trim_matches('/').is_empty();
    fits.then(|| text.trim_end_matches('/').to_owned())
        .ok_or_else(wrong)
}

/// A user of Basic (RFC 7617 §2).
pub(super) fn proxy_user(text: &str, zones: &Zones) -> Result<String, String> {
    if text.contains(':') {
        return Err("must not hold a colon: what follows it would be the password".to_owned());
    }
    line(text, zones)
}

/// PEM with at least one certificate and nothing else (RFC 7468).
pub(super) fn pem(text: &str, _: &Zones) -> Result<String, String> {
    if text.contains("PRIVATE KEY") {
        return Err(
            "holds a private key, which is not needed here: give the certificate of the \
                    authority alone"
                .to_owned(),
        );
    }
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(odd) {
        return Err("holds control characters: it is no PEM text".to_owned());
    }
    match certificate::count(text) {
        None => Err("holds a block that is no certificate".to_owned()),
        Some(0) => Err(
            "must be PEM, beginning with -----BEGIN CERTIFICATE----- (at the command line: \
             @FILE takes it from a file)"
                .to_owned(),
        ),
        Some(_) => Ok(format!("{}\n", text.trim())),
    }
}

/// A certificate of our own with its chain: what `pem` takes.
pub(super) fn chain(text: &str, zones: &Zones) -> Result<String, String> {
    if text.contains("PRIVATE KEY") {
        return Err(
            "holds a private key too, which is a secret: give the certificates alone, and the \
             key to portal.client_key_pem"
                .to_owned(),
        );
    }
    pem(text, zones)
}

/// A secret of any form.
/// A pattern that only the portal's own tags have.
pub(super) fn ticket_tag(text: &str, zones: &Zones) -> Result<String, String> {
    let text = line(text, zones)?;
    match text.split_once(TAG_PLACE) {
        Some((before, behind)) if !behind.contains(TAG_PLACE) => {
            let letters = before
                .chars()
                .chain(behind.chars())
                .filter(|c| c.is_alphanumeric());
            match (before.trim().is_empty(), letters.count()) {
                (true, _) => Err(format!(
                    "must begin with something of its own before {TAG_PLACE}"
                )),
                (false, 0 | 1) => Err(format!(
                    "must have two letters or more beside {TAG_PLACE}: other help desks mark \
                     their subjects too, and [#123] may be anybody's"
                )),
                _ => Ok(text),
            }
        }
        _ => Err(format!(
            "must have {TAG_PLACE} once, where the ticket's id stands"
        )),
    }
}

/// Words of which each is a secret.
pub(super) fn reply_secrets(text: &str) -> Result<&str, String> {
    let text = text.trim();
    match text
        .split_whitespace()
        .all(|word| TokenKey::of_text(word).is_some())
    {
        true => Ok(text),
        false => Err("are words of 52 letters and digits, as an export carries them".to_owned()),
    }
}

/// The keys in such words.
pub fn token_keys(text: &str) -> Vec<TokenKey> {
    text.split_whitespace()
        .filter_map(TokenKey::of_text)
        .collect()
}

pub(super) fn any_secret(text: &str) -> Result<&str, String> {
    Ok(text)
}

/// The one private key of a PEM text, PKCS #8 and not encrypted, without what stands around it.
pub(super) fn private_key(text: &str) -> Result<&str, String> {
    const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
    const END: &str = "-----END PRIVATE KEY-----";
    let found = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (key, _) = rest.split_once(END)?;
        let begin = before.len();
        text.get(begin..begin + BEGIN.len() + key.len() + END.len())
    });
    match found {
        Some(key) => Ok(key),
        None if text.contains("ENCRYPTED") => Err(
            "is locked by a password, which nobody could type at a start: unlock it with `openssl \
             pkcs8 -in client.key -out unlocked.key`; it is sealed here"
                .to_owned(),
        ),
        None if text.contains("PRIVATE KEY-----") => Err(
            "must be PKCS #8: `openssl pkcs8 -topk8 -nocrypt -in client.key -out pkcs8.key` makes \
             it that"
                .to_owned(),
        ),
        None => Err(
            "must be a private key as PEM, beginning with -----BEGIN PRIVATE KEY----- (at the \
             command line: @FILE takes it from a file)"
                .to_owned(),
        ),
    }
}

/// 32 octets in hexadecimal, with or without colons.
pub(super) fn digest_of(text: &str) -> Option<[u8; 32]> {
    let hex: Vec<u8> = text.bytes().filter(|b| *b != b':').collect();
    HEXLOWER_PERMISSIVE.decode(&hex).ok()?.try_into().ok()
}

pub(super) fn digest(text: &str, _: &Zones) -> Result<String, String> {
    digest_of(text)
        .map(|octets| HEXLOWER.encode(&octets))
        .ok_or_else(|| "must be the SHA-256 of a certificate: 64 hexadecimal digits".to_owned())
}

mod rule;

pub(super) use rule::{field_name, kinds, mark, pattern, tags};

#[cfg(test)]
mod tests;
