//! The one file that names mail-parser: field values become addresses, dates and ids.
//!
//! It is given one unfolded value at a time, bounded by `skim`, with encoded words already turned
//! into UTF-8 by `words`. It never sees a whole message, so neither its recursion nor its
//! quadratic corners can be reached from outside.

use super::message::{Address, Oddities, Oddity};
use super::words;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};

/// What an address field holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) list: Vec<Address>,
    pub(crate) grouped: bool,
}

/// Octets of one address or one display name that we keep; RFC 5321 §4.5.3.1 allows 254.
const ADDRESS_MAX: usize = 1000;

/// Read an address field (RFC 5322 §3.4).
pub(crate) fn addresses(value: &[u8], odd: &mut Oddities) -> Addresses {
    let value = line(words::in_utf8(value, odd));
    let mut found = Addresses::default();
    match MessageStream::new(&value).parse_address() {
        HeaderValue::Address(mail_parser::Address::List(list)) => {
            found
                .list
                .extend(list.iter().filter_map(|addr| address(addr, odd)));
        }
        HeaderValue::Address(mail_parser::Address::Group(groups)) => {
            found.grouped = groups.iter().any(|group| group.name.is_some());
            for group in &groups {
                found
                    .list
                    .extend(group.addresses.iter().filter_map(|addr| address(addr, odd)));
            }
        }
        _ => {}
    }
    found
}

fn address(addr: &Addr<'_>, odd: &mut Oddities) -> Option<Address> {
    let whole = addr.address.as_deref().map(str::trim).unwrap_or_default();
    let name = addr.name.as_deref().map(str::trim).unwrap_or_default();
    // A lone word (`From: root`) comes as a name; it is all the address there is.
    // A source route (RFC 5322 §4.4) is to be left out.
    let whole = match whole.rsplit_once(':') {
        Some((route, rest)) if route.starts_with('@') => rest,
        _ => whole,
    };
    // A quoted local part (RFC 5322 §3.4.1) comes as a name, and the domain as the address.
    let quoted;
    let (whole, name) = match (whole, name) {
        ("", "") => return None,
        ("", word) if !word.contains(char::is_whitespace) => (word, ""),
        ("", _) => return None,
        (whole, name) if whole.starts_with('@') && !name.is_empty() => {
            quoted = format!("\"{name}\"{whole}");
            (quoted.as_str(), "")
        }
        both => both,
    };
    let (address, cut) = words::cut(whole, ADDRESS_MAX);
    let (name, name_cut) = words::cut(name, ADDRESS_MAX);
    if cut || name_cut {
        odd.note(Oddity::LongField);
    }
    Some(Address {
        // What `words` took apart so that the parser won't look for a word there.
        name: Some(name.replace("= ?", "=?")).filter(|name| !name.is_empty()),
        address: address.to_owned(),
    })
}

/// Read a date (RFC 5322 §3.3) as milliseconds since 1970.
pub(crate) fn date(value: &[u8]) -> Option<i64> {
    let value = line(value.to_vec());
    match MessageStream::new(&value).parse_date() {
        HeaderValue::DateTime(date) if date.is_valid() => date.to_timestamp().checked_mul(1000),
        _ => None,
    }
}

/// Read message ids (RFC 5322 §3.6.4), without their angle brackets.
pub(crate) fn ids(value: &[u8]) -> Vec<String> {
    let value = line(value.to_vec());
    let mut ids = match MessageStream::new(&value).parse_id() {
        HeaderValue::Text(id) => vec![id.into_owned()],
        HeaderValue::TextList(ids) => ids.into_iter().map(String::from).collect(),
        _ => Vec::new(),
    };
    ids.retain_mut(|id| {
        *id = id.trim().to_owned();
        !id.is_empty() && id.len() <= ADDRESS_MAX
    });
    ids
}

/// Text in a character set that encoding_rs doesn't have: UTF-7, IBM850 and the like.
pub(crate) fn rare_charset(label: &str, octets: &[u8]) -> Option<String> {
    // The parser answers with U+FFFD alone where it knows a name but has no table.
    charset_decoder(label.as_bytes())
        .map(|decode| decode(octets))
        .filter(|text| octets.is_empty() || text != "\u{fffd}")
}

/// The parser ends a value at a line feed that no white space follows, and needs to see it.
fn line(mut value: Vec<u8>) -> Vec<u8> {
    value.retain(|octet| !matches!(octet, b'\n' | b'\r'));
    value.push(b'\n');
    value
}

#[cfg(test)]
mod tests;
