//! People and companies as the portal names them, and what they say about a sender.
//!
//! Plain values: looking somebody up is the index's. A domain alone never makes anybody known:
//! whoever can write a From field could have any domain. It may say which company a ticket is about.

use serde::{Deserialize, Serialize};

/// A user of the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The portal's id.
    pub id: String,
    /// The addresses that are this user's.
    pub addresses: Vec<String>,
    /// How the portal calls the user.
    pub name: String,
    /// The company's id.
    pub company: Option<String>,
    /// Works for the portal's operator, and forwards what customers write.
    pub technician: bool,
}

/// A company that the portal's operator serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// The portal's id.
    pub id: String,
    /// How the portal calls it.
    pub name: String,
    /// Its mail domains.
    pub domains: Vec<String>,
}

/// The form in which the directory keeps and is asked for addresses: trimmed, lower case, the domain in ASCII.
pub fn address_form(address: &str) -> String {
    crate::mail::Address::fold(address)
}

/// The form in which the directory keeps and is asked for domains: an address gives its own.
pub fn domain_form(address_or_domain: &str) -> Option<String> {
    let folded = address_form(address_or_domain);
    let domain = folded.rsplit('@').next().unwrap_or_default();
    let domain = crate::mail::Address::fold_domain(domain);
    (!domain.is_empty()).then_some(domain)
}

/// What the directory says of a message's author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sender {
    /// The address is a user's.
    Known {
        /// The user's id.
        user: String,
        /// The user's company's id.
        company: Option<String>,
        /// Works for the portal's operator.
        #[serde(default)]
        technician: bool,
    },
    /// Nobody's address.
    Unknown {
        /// The company whose domain it is: a hint for whoever looks at what is held, no more.
        company_hint: Option<String>,
    },
    /// The directory has never been read whole, so nobody can be called unknown.
    DirectoryNotRead,
}

#[cfg(test)]
mod tests;
