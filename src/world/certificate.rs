//! Certificates as they are read, from PEM or DER: names, dates, and what is weak in them.
//!
//! OpenSSL reads them, which holds the connections too: what one of the two understands, the other does.
//! Deliberately judges nothing (`tls::explain` does), and opens no file.

use std::fmt;

use data_encoding::HEXLOWER;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::x509::{X509NameRef, X509Ref, X509};
use sha2::{Digest, Sha256};

use super::Wall;

/// The shortest RSA key that OpenSSL believes in at its level 2, which Debian sets.
pub const RSA_BITS_MIN: u32 = 2048;

/// What a peer's certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the DER form: what a pin holds.
    pub sha256: [u8; 32],
    /// Host names and addresses that it is for.
    pub names: Vec<String>,
    /// Whose it is, as one line.
    pub subject: String,
    /// Who issued it, as one line.
    pub issuer: String,
    /// Whether it was issued by itself.
    pub self_signed: bool,
    /// Whether its key is too short, or its signature of a kind that can be forged.
    pub weak: bool,
    /// Not valid before.
    pub not_before: Wall,
    /// Not valid after.
    pub not_after: Wall,
}

/// On one line, what somebody needs who is to believe it: to be compared with what its owner says.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "subject {}, issuer {}, valid from {} to {}, SHA-256 {}",
            self.subject,
            self.issuer,
            self.not_before,
            self.not_after,
            HEXLOWER.encode(&self.sha256)
        )
    }
}

/// Reads a certificate in DER form; `None` when it can't be understood.
pub fn read(der: &[u8]) -> Option<Certificate> {
    let x509 = X509::from_der(der).ok()?;
    let (subject, issuer) = (x509.subject_name(), x509.issuer_name());
    Some(Certificate {
        sha256: Sha256::digest(der).into(),
        names: names(&x509),
        subject: short(subject),
        issuer: short(issuer),
        self_signed: issuer.try_cmp(subject).is_ok_and(|order| order.is_eq()),
        weak: is_weak(&x509),
        not_before: moment(x509.not_before())?,
        not_after: moment(x509.not_after())?,
    })
}

/// How many certificates a PEM text holds; `None` when it holds anything else in a block, or one that can't
/// be read (RFC 7468).
pub fn count(pem: &str) -> Option<usize> {
    // The library passes over what it wasn't asked for.
    let blocks = pem.matches("-----BEGIN ").count();
    let named = pem.matches("-----BEGIN CERTIFICATE-----").count();
    let read = X509::stack_from_pem(pem.as_bytes()).ok()?.len();
    (blocks == named && named == read).then_some(read)
}

/// Until when the first certificate of a PEM text is valid.
pub fn valid_until(pem: &str) -> Option<Wall> {
    let x509 = X509::from_pem(pem.as_bytes()).ok()?;
    moment(x509.not_after())
}

/// Each certificate of a PEM text by subject and SHA-256.
pub fn subjects(pem: &str) -> String {
    let read = X509::stack_from_pem(pem.as_bytes()).unwrap_or_default();
    let each = read
        .iter()
        .filter_map(|x509| Some(named(&x509.to_der().ok()?)));
    each.collect::<Vec<_>>().join(", ")
}

/// A certificate in DER form by subject and SHA-256.
pub fn named(der: &[u8]) -> String {
    let subject = X509::from_der(der).map(|x509| line(x509.subject_name()));
    let digest = HEXLOWER.encode(&Sha256::digest(der));
    format!("{} (SHA-256 {digest})", subject.unwrap_or_default())
}

fn names(x509: &X509Ref) -> Vec<String> {
    let mut names = Vec::new();
    for name in x509.subject_alt_names().iter().flatten() {
        if let Some(host) = name.dnsname() {
            names.push(host.to_owned());
        } else if let Some(octets) = name.ipaddress() {
            if let Ok(v4) = <[u8; 4]>::try_from(octets) {
                names.push(std::net::Ipv4Addr::from(v4).to_string());
            } else if let Ok(v6) = <[u8; 16]>::try_from(octets) {
                names.push(std::net::Ipv6Addr::from(v6).to_string());
            }
        }
    }
    // A damaged extension stays behind as an error of this thread, and the next connection would be said to
    // have failed by it.
    drop(ErrorStack::get());
    names
}

/// A name on one line, in the order in which it is written.
fn line(name: &X509NameRef) -> String {
    let parts = name.entries().map(|entry| {
        let (kind, value) = (entry.object(), entry.data().to_string());
        let value = value.unwrap_or_default();
        match kind.nid() {
            Nid::UNDEF => format!("{kind}={value}"),
            known => format!("{}={value}", known.short_name().unwrap_or_default()),
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A name as it says itself, cut where nobody would read on: whoever made it could fill a page.
fn short(name: &X509NameRef) -> String {
    let name = line(name);
    match name.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", name.get(..at).unwrap_or_default()),
        None => name,
    }
}

fn moment(time: &Asn1TimeRef) -> Option<Wall> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    let seconds = i64::from(since.days) * 86_400 + i64::from(since.secs);
    Some(Wall(seconds * 1000))
}

fn is_weak(x509: &X509Ref) -> bool {
    let key = x509.public_key();
    let short = key.is_ok_and(|key| key.id() == Id::RSA && key.bits() < RSA_BITS_MIN);
    let signed_by = x509.signature_algorithm().object().nid();
    short || [Nid::SHA1WITHRSAENCRYPTION, Nid::MD5WITHRSAENCRYPTION].contains(&signed_by)
}

#[cfg(test)]
mod tests;
