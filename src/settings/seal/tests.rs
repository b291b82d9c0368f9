use super::*;

fn key(octet: u8) -> SealKey {
    SealKey::new([octet; 32])
}

#[test]
fn a_sealed_secret_opens_with_its_key_and_label_only() {
    let secret = Secret::new("päss wörd".to_owned());
    let sealed = seal(&key(1), [7; NONCE_LENGTH], "mailbox.#1.password", &secret);
    let opened = open(&key(1), "mailbox.#1.password", &sealed).map(|s| s.reveal().to_owned());
    assert_eq!(opened.as_deref(), Ok("päss wörd"));
    for (key, label) in [
        (key(2), "mailbox.#1.password"),
        (key(1), "mailbox.#2.password"),
    ] {
        let fault = open(&key, label, &sealed).err();
        assert_eq!(fault, Some(Fault::Shut(label.to_owned())));
    }
}

#[test]
fn a_changed_or_cut_seal_never_opens() {
    let sealed = seal(
        &key(1),
        [7; NONCE_LENGTH],
        "x",
        &Secret::new("s".to_owned()),
    );
    for at in 0..sealed.0.len() {
        let mut other = sealed.clone();
        other.0[at] ^= 1;
        assert!(open(&key(1), "x", &other).is_err(), "octet {at}");
        let cut = Sealed(sealed.0[..at].to_vec());
        assert!(open(&key(1), "x", &cut).is_err(), "cut at {at}");
    }
}

#[test]
fn a_sealed_secret_shows_nothing_and_survives_json() {
    let sealed = seal(
        &key(1),
        [7; NONCE_LENGTH],
        "x",
        &Secret::new("hunter2".to_owned()),
    );
    let json = serde_json::to_string(&sealed).unwrap();
    assert!(!json.contains("hunter2"));
    assert!(!format!("{sealed:?}").contains("hunter2"));
    assert_eq!(serde_json::from_str::<Sealed>(&json).unwrap(), sealed);
    assert!(serde_json::from_str::<Sealed>("\"?\"").is_err());
    let again = seal(
        &key(1),
        [8; NONCE_LENGTH],
        "x",
        &Secret::new("hunter2".to_owned()),
    );
    assert_ne!(sealed.fingerprint(), again.fingerprint());
}
