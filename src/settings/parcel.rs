//! Secrets on their way to another box: in the settings file, sealed under a passphrase.
//!
//!   [sealed]
//!   format = 1
//!   derivation = "argon2id"   RFC 9106, version 0x13, one lane
//!   memory_kib = 19456        these two and the salt make the key from the passphrase
//!   passes = 2
//!   salt = "..."              base64, 16 octets, fresh for each file
//!   secrets = "..."           base64, as `seal` lays it out: a JSON object, key -> {to, secret}
//!
//! All of the table is authenticated with the secrets: with one octet changed nothing opens. `to`
//! says where a secret went when it was sealed, so that a file whose server somebody has changed
//! doesn't send the old server's password there.
//!
//! Draws no randomness, and runs nothing apart: a key takes a second and its memory, and where that
//! is done is the caller's to choose.

use std::collections::BTreeMap;
use std::fmt::Write;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::prelude::{Engine, BASE64_STANDARD};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::{Table, Value as Toml};
use zeroize::{Zeroize, Zeroizing};

use super::model::{Mailbox, Portal, Settings, Words};
use super::seal::{open, seal, SealKey, Sealed, NONCE_LENGTH};
use super::{Fault, Problem};
use crate::world::Secret;

/// Octets of a salt.
pub const SALT_LENGTH: usize = 16;

/// The fewest characters of a passphrase: who has the file can try as many as they like.
pub const PASSPHRASE_MIN: usize = 12;

const FORMAT: i64 = 1;
const DERIVATION: &str = "argon2id";
/// What OWASP asks of Argon2id where memory is dear: a box of 512 MB has it to spare for a second.
const USUAL: Cost = Cost {
    memory_kib: 19_456,
    passes: 2,
};
/// What a file may ask of whoever imports it: beyond what a later version will need, and what the
/// smallest box can still give.
const MOST: Cost = Cost {
    memory_kib: 65_536,
    passes: 16,
};
/// Argon2's own least.
const LEAST: Cost = Cost {
    memory_kib: 8,
    passes: 1,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
}

/// How a passphrase becomes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    cost: Cost,
    salt: [u8; SALT_LENGTH],
}

impl Lock {
    /// The lock of a new file. `salt` must be random.
    pub fn new(salt: [u8; SALT_LENGTH]) -> Self {
        Self { cost: USUAL, salt }
    }

    /// The key of `passphrase`: a second's work or more on a small box, in as much memory as the
    /// lock asks for, which is wiped and given back.
    pub fn key(&self, passphrase: &Secret) -> Result<SealKey, Fault> {
        let no = |said: String| Fault::Refused(format!("no key can be made: {said}"));
        let Cost { memory_kib, passes } = self.cost;
        let params =
            Params::new(memory_kib, passes, 1, Some(32)).map_err(|fault| no(fault.to_string()))?;
        let blocks = params.block_count();
        // The key could be told from it.
        let mut memory = Zeroizing::new(Vec::new());
        memory
            .try_reserve_exact(blocks)
            .map_err(|_| no(format!("{memory_kib} KiB of memory are not to be had")))?;
        memory.resize(blocks, Block::new());
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.reveal().as_bytes(),
                &self.salt,
                &mut *key,
                memory.as_mut_slice(),
            )
            .map_err(|fault| no(fault.to_string()))?;
        Ok(SealKey::new(*key))
    }

    /// What is authenticated with the secrets.
    fn label(&self) -> String {
        let Cost { memory_kib, passes } = self.cost;
        format!(
            "postern settings, sealed, format {FORMAT}: {DERIVATION} {memory_kib} {passes} {}",
            HEXLOWER.encode(&self.salt)
        )
    }
}

/// Whether `passphrase` may seal; a sentence where not.
pub fn check_passphrase(passphrase: &Secret) -> Result<(), Fault> {
    match passphrase.reveal().chars().count() {
        PASSPHRASE_MIN.. => Ok(()),
        _ => Err(Fault::Refused(format!(
            "the passphrase is too short: {PASSPHRASE_MIN} characters at least, such as five words, \
             since whoever gets hold of the file can try as many as they like"
        ))),
    }
}

/// A secret, and where it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Carried {
    /// The key of its setting.
    pub key: String,
    /// Where it went when it was sealed (see `SecretPlace`).
    pub to: String,
    /// The secret.
    pub secret: Secret,
}

/// A setting that holds a secret, or could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlace<'a> {
    /// The whole key.
    pub key: String,
    /// The label under which it is sealed here.
    pub label: String,
    /// A digest of where it goes: the server and the account, how it is reached, and by what it is
    /// known.
    pub to: String,
    /// The secret, where one is set.
    pub sealed: Option<&'a Sealed>,
}

impl Settings {
    /// Every setting for a secret.
    pub fn secret_places(&self) -> Vec<SecretPlace<'_>> {
        let of_mailbox = |mailbox: &Mailbox| {
            let host = mailbox.host.to_lowercase();
            let port = mailbox.dial_port().to_string();
            let (protocol, security) = (mailbox.protocol.word(), mailbox.security.word());
            let parts = [protocol, security, &host, &port, &mailbox.username];
            digest(&parts, mailbox.known_by())
        };
        let mailboxes = self.mailboxes.iter().map(|mailbox| SecretPlace {
            key: format!("mailbox.{}.password", mailbox.name),
            label: mailbox.password_label(),
            to: of_mailbox(mailbox),
            sealed: mailbox.password.as_ref(),
        });
        let portal = &self.portal;
        let proxy = portal.proxy.as_deref().unwrap_or_default();
        let (url, token_url) = (portal.url.as_str(), portal.token_url.as_str());
        let of_portal = |(key, sealed): (&str, _)| SecretPlace {
            key: key.to_owned(),
            label: key.to_owned(),
            to: match key {
                // What is got with it goes on to the portal: as good as the secret, while it holds.
                Portal::CLIENT_SECRET => digest(
                    &[token_url, &portal.client_id, url, proxy],
                    portal.known_by(),
                ),
                // Both are shown what belongs to it.
                Portal::CLIENT_KEY => digest(&[url, token_url, proxy], portal.known_by()),
                Portal::PROXY_PASSWORD => {
                    let user = portal.proxy_user.as_deref().unwrap_or_default();
                    digest(&[proxy, user], ["", ""])
                }
                // It is sent nowhere.
                Portal::REPLY_SECRETS => digest(&[], ["", ""]),
                _ => digest(&[url, proxy], portal.known_by()),
            },
            sealed,
        };
        let portals = portal
            .secret_slots()
            .map(|(key, slot)| (key, slot.as_ref()));
        mailboxes.chain(portals.map(of_portal)).collect()
    }
}

/// Each part with its length, so that no two ways of cutting them look the same.
fn digest(parts: &[&str], known_by: [&str; 2]) -> String {
    let mut digest = Sha256::new();
    for part in parts.iter().chain(&known_by) {
        digest.update(format!("{} ", part.len()));
        digest.update(part);
    }
    HEXLOWER.encode(&digest.finalize())
}

/// One secret inside the seal.
#[derive(Serialize, Deserialize)]
struct Inside {
    to: String,
    secret: String,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// Sealed secrets as a file carries them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    lock: Lock,
    sealed: Sealed,
}

impl Parcel {
    /// Seals `secrets` with the key that `lock` made. `nonce` must be random.
    pub fn close(
        lock: Lock,
        key: &SealKey,
        nonce: [u8; NONCE_LENGTH],
        secrets: Vec<Carried>,
    ) -> Self {
        let inside: BTreeMap<String, Inside> = secrets
            .into_iter()
            .map(|Carried { key, to, secret }| {
                let secret = secret.reveal().to_owned();
                (key, Inside { to, secret })
            })
            .collect();
        let json = serde_json::to_string(&inside)
            .expect("the map's keys are strings, which is all that JSON asks");
        let sealed = seal(key, nonce, &lock.label(), &Secret::new(json));
        Self { lock, sealed }
    }

    /// What makes its key.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The secrets, in the order of their keys.
    pub fn open(&self, key: &SealKey) -> Result<Vec<Carried>, Fault> {
        let wrong = || {
            Fault::Refused(
                "the passphrase is not the one that the secrets in the file were sealed under, or \
                 the file's section [sealed] is damaged; nothing was changed"
                    .to_owned(),
            )
        };
        let json = open(key, &self.lock.label(), &self.sealed).map_err(|_| wrong())?;
        let inside: BTreeMap<String, Inside> =
            serde_json::from_str(json.reveal()).map_err(|_| wrong())?;
        let carried = inside.into_iter().map(|(key, mut inside)| Carried {
            key,
            to: std::mem::take(&mut inside.to),
            secret: Secret::new(std::mem::take(&mut inside.secret)),
        });
        Ok(carried.collect())
    }

    /// Appends the section to a file.
    pub(super) fn write(&self, out: &mut String) {
        let Cost { memory_kib, passes } = self.lock.cost;
        let salt = BASE64_STANDARD.encode(self.lock.salt);
        let secrets = self.sealed.text();
        let _infallible = write!(
            out,
            "\n[sealed]\n\n\
             # The secrets of this file, sealed under a passphrase, which `postern settings import`\n\
             # asks for. One changed character, and they don't open. Without this section the\n\
             # secrets are typed.\n\
             format = {FORMAT}\nderivation = \"{DERIVATION}\"\nmemory_kib = {memory_kib}\n\
             passes = {passes}\nsalt = \"{salt}\"\nsecrets = \"{secrets}\"\n"
        );
    }

    /// Reads the section. What it holds is never repeated.
    pub(super) fn read(rows: &Table) -> Result<Self, Problem> {
        let wrong = |name: &str, said: String| Problem::new(format!("sealed.{name}"), None, said);
        let text = |name: &str| {
            let text = rows.get(name).and_then(Toml::as_str);
            text.ok_or_else(|| wrong(name, "must be text in quotes".to_owned()))
        };
        let number = |name: &str| rows.get(name).and_then(Toml::as_integer);
        let within = |name: &str, least: u32, most: u32| {
            let number = number(name).and_then(|number| u32::try_from(number).ok());
            number
                .filter(|number| (least..=most).contains(number))
                .ok_or_else(|| wrong(name, format!("must be a number from {least} to {most}")))
        };
        match (number("format"), text("derivation")?) {
            (Some(FORMAT), DERIVATION) => {}
            _ => {
                let said = format!(
                    "is none that this version opens (it knows {FORMAT}, with {DERIVATION}): import \
                     it with the version that wrote it, or take the section out and type the secrets"
                );
                return Err(wrong("format", said));
            }
        }
        let cost = Cost {
            memory_kib: within("memory_kib", LEAST.memory_kib, MOST.memory_kib)?,
            passes: within("passes", LEAST.passes, MOST.passes)?,
        };
        let salt = BASE64_STANDARD.decode(text("salt")?).ok();
        let salt = salt.and_then(|salt| salt.try_into().ok()).ok_or_else(|| {
            let said = format!("must be {SALT_LENGTH} octets in base64");
            wrong("salt", said)
        })?;
        let sealed = Sealed::of_text(text("secrets")?)
            .ok_or_else(|| wrong("secrets", "is not base64".to_owned()))?;
        let known = [
            "format",
            "derivation",
            "memory_kib",
            "passes",
            "salt",
            "secrets",
        ];
        match rows.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(wrong(name, "does not belong here".to_owned())),
            None => Ok(Self {
                lock: Lock { cost, salt },
                sealed,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
