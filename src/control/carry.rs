//! Secrets that leave the box in a settings file, sealed under a passphrase, and that come in one.
//!
//! The passphrase comes over the socket as every typed secret does, and lives for one request; the
//! secrets themselves never leave the service in the open. What they look like on the way is
//! `settings/parcel`'s.

use std::collections::BTreeMap;

use super::port::{Caller, Service};
use super::wire::{Answer, Kind, Refusal, Typed};
use crate::settings::{
    check_passphrase, export, Carried, History, Lock, Parcel, Portal, Problem, SecretPlace,
    Settings,
};
use crate::world::Secret;

/// The settings in force as a file, with every secret that is set.
pub(super) async fn sealed<S: Service>(
    service: &S,
    caller: &Caller,
    passphrase: Secret,
) -> Result<Answer, Refusal> {
    // The group may change settings; what it may not read by itself it is not given to keep either.
    if !caller.owns {
        return Err(Refusal::new(
            Kind::Refused,
            format!(
                "only root and the user that the service runs as may take its secrets away, and \
                 {} is neither: use sudo",
                caller.name
            ),
        ));
    }
    check_passphrase(&passphrase)?;
    let history = service.history();
    let settings = history.base();
    let mut carried = Vec::new();
    for place in settings.secret_places() {
        // What makes reply tokens here goes along, whether or not an earlier box's are set.
        let secret = match place.key == Portal::REPLY_SECRETS {
            true => Some(service.reply_secrets()),
            false => held(service, &place)?,
        };
        if let Some(secret) = secret {
            let SecretPlace { key, to, .. } = place;
            carried.push(Carried { key, to, secret });
        }
    }
    if carried.iter().all(|c| c.key == Portal::REPLY_SECRETS) {
        return Err(Refusal::new(
            Kind::Refused,
            "no secret is set, so there is nothing to seal: export without --with-secrets",
        ));
    }
    let keys: Vec<String> = carried.iter().map(|c| c.key.clone()).collect();
    let lock = Lock::new(service.random());
    let key = service.derive(&lock, passphrase).await?;
    let parcel = Parcel::close(lock, &key, service.random(), carried);
    log::info!(
        "the settings are exported by {}, with {} sealed under a passphrase",
        caller.name,
        keys.join(", ")
    );
    Ok(Answer::File {
        toml: file(&history, Some(&parcel)),
    })
}

/// The settings in force as a file; a change that waits for its confirmation is part of them, and is told.
pub(super) fn file(history: &History, parcel: Option<&Parcel>) -> String {
    let toml = export(&history.base(), parcel);
    match history.waits_until() {
        None => toml,
        Some(until) => format!(
            "# Revision {} waits to be confirmed, and is undone at {until} if nobody does: this file has \
             it.\n{toml}",
            history.number()
        ),
    }
}

/// The secret of that place, where one is set.
fn held<S: Service>(service: &S, place: &SecretPlace<'_>) -> Result<Option<Secret>, Refusal> {
    let opened = place.sealed.map(|s| service.unseal(&place.label, s));
    opened.transpose().map_err(|_| {
        // It is sealed under a name that no operator knows.
        crate::settings::Fault::Shut(place.key.clone()).into()
    })
}

/// The secrets of a file.
pub(super) async fn opened<S: Service>(
    service: &S,
    parcel: &Parcel,
    passphrase: Secret,
) -> Result<Vec<Carried>, Refusal> {
    let key = service.derive(parcel.lock(), passphrase).await?;
    Ok(parcel.open(&key)?)
}

/// Puts what a file carried among the `typed` secrets, but for what was typed anyway, and for what
/// the box holds already. Gives a remark for each that has no place, or another than it had.
pub(super) fn take<S: Service>(
    service: &S,
    settings: &Settings,
    carried: Vec<Carried>,
    typed: &mut BTreeMap<String, Typed>,
) -> Vec<Problem> {
    let remark = |key: String, said: &str| Problem {
        key,
        value: None,
        said: said.to_owned(),
    };
    let places = settings.secret_places();
    let mut remarks = Vec::new();
    for Carried { key, to, secret } in carried {
        if typed.contains_key(&key) {
            continue;
        }
        match places.iter().find(|place| place.key == key) {
            None => remarks.push(remark(
                key,
                "the file carries this secret, and has no such setting: it is not taken",
            )),
            Some(place) if place.to != to => remarks.push(remark(
                key,
                "the secret in the file is for another server, or another way to it, than the file \
                 names now: it is not taken, so that nobody can have it sent elsewhere by editing \
                 the file; type it where that was meant",
            )),
            // Those of this box are added to, never replaced: mail with their tokens is still answered.
            Some(place) if place.key == Portal::REPLY_SECRETS => {
                if let Some(words) = joined(&service.reply_secrets(), &secret) {
                    typed.insert(key, Typed::new(&words));
                }
            }
            // One that can't be opened here is replaced as if there were none.
            Some(place) if held(service, place).is_ok_and(|h| h.as_ref() == Some(&secret)) => {}
            Some(_) => {
                typed.insert(key, Typed::new(&secret));
            }
        }
    }
    remarks
}

/// The reply secrets to be set where a file brings those: none where it brings nothing new. The first of
/// `ours` is made by this box itself, and never set.
fn joined(ours: &Secret, carried: &Secret) -> Option<Secret> {
    let known: Vec<&str> = ours.reveal().split_whitespace().collect();
    let carried = carried.reveal().split_whitespace();
    let new: Vec<&str> = carried.filter(|word| !known.contains(word)).collect();
    let set = known.into_iter().skip(1);
    (!new.is_empty()).then(|| Secret::new(set.chain(new).collect::<Vec<_>>().join(" ")))
}
