//! What the tests of this room share: a zone, a sealed secret, a mailbox that could be active.

use jiff::tz::TimeZone;

use super::*;
use crate::world::Secret;

/// Berlin's rules, without a file.
pub(super) fn berlin(name: &str) -> Option<TimeZone> {
    let zone = || TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").ok();
    match name {
        "Europe/Berlin" => {
            // Without a file a zone has no name; the wire form gives it one.
            named(name).or_else(zone)
        }
        _ => None,
    }
}

fn named(name: &str) -> Option<TimeZone> {
    let mut tzif = Vec::from(*b"TZif2");
    tzif.extend([0; 15]);
    tzif.extend([
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
    ]);
    tzif.extend([0, 0, 0, 0, 0, 0, 0]);
    let head = tzif.get(..44)?.to_vec();
    tzif.extend(head);
    tzif.extend([0, 0, 0x0e, 0x10, 0, 0, 0]);
    tzif.extend(b"\nCET-1CEST,M3.5.0,M10.5.0/3\n");
    TimeZone::tzif(name, &tzif).ok()
}

pub(super) fn with_zones<R>(work: impl FnOnce(&Zones) -> R) -> R {
    work(&Zones {
        named: &berlin,
        system: TimeZone::UTC,
    })
}

pub(super) fn sealed(nonce: u8) -> Sealed {
    let key = SealKey::new([1; 32]);
    seal(
        &key,
        [nonce; NONCE_LENGTH],
        "x",
        &Secret::new("s".to_owned()),
    )
}

/// Sets each pair, in order.
#[track_caller]
pub(super) fn put(settings: &mut Settings, pairs: &[(&str, &str)]) {
    for (key, text) in pairs {
        let done = with_zones(|zones| settings.set(key, text, zones));
        assert_eq!(done, Ok(()), "{key} = {text}");
    }
}

/// One mailbox `support`, ready to be active.
pub(super) fn ready() -> Settings {
    let mut settings = Settings::default();
    assert!(settings.add_mailbox("support").is_ok());
    put(
        &mut settings,
        &[
            ("mailbox.support.host", "mail.example.com"),
            ("mailbox.support.username", "Support@Example.com"),
            ("portal.url", "https://portal.example.com/api"),
        ],
    );
    assert_eq!(
        settings.set_sealed("mailbox.support.password", sealed(1)),
        Ok(())
    );
    assert_eq!(settings.set_sealed("portal.token", sealed(2)), Ok(()));
    settings
}
