use proptest::prelude::*;

use super::*;
use crate::settings::schema::{Setting, MAILBOX, PORTAL, STORE};
use crate::settings::tests::{put, ready, with_zones};
use crate::settings::{export, import};

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// Cheap, where the cost is not what is tested.
fn lock() -> Lock {
    Lock {
        cost: LEAST,
        salt: [3; SALT_LENGTH],
    }
}

fn carried(key: &str, text: &str) -> Carried {
    Carried {
        key: key.to_owned(),
        to: format!("{key}'s server"),
        secret: secret(text),
    }
}

fn closed(passphrase: &str, secrets: Vec<Carried>) -> Parcel {
    let key = lock().key(&secret(passphrase)).unwrap();
    Parcel::close(lock(), &key, [5; NONCE_LENGTH], secrets)
}

/// The file of `ready()` with this parcel.
fn file(parcel: &Parcel) -> String {
    export(&ready(), Some(parcel))
}

fn read(file: &str) -> Result<Parcel, Fault> {
    let read = with_zones(|zones| import(file, &ready(), zones))?;
    Ok(read.parcel.expect("the file has the section"))
}

/// As an import does it: what comes out, unless it is refused.
fn opened(file: &str, passphrase: &str) -> Result<Vec<(String, String)>, Fault> {
    let parcel = read(file)?;
    let key = parcel.lock().key(&secret(passphrase))?;
    let carried = parcel.open(&key)?.into_iter();
    Ok(carried
        .map(|c| (c.key, c.secret.reveal().to_owned()))
        .collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_sealed_under_a_passphrase_opens_with_it_and_with_no_other(
        secrets in proptest::collection::btree_map("[a-z.]{1,20}", "\\PC{0,60}", 0..5),
        passphrase in "\\PC{12,40}",
        other in "\\PC{12,40}",
    ) {
        let all = secrets.iter().map(|(key, text)| carried(key, text)).collect();
        let file = file(&closed(&passphrase, all));
        prop_assert_eq!(opened(&file, &passphrase).unwrap(), secrets.into_iter().collect::<Vec<_>>());
        if other != passphrase {
            prop_assert!(opened(&file, &other).is_err());
        }
    }

    #[test]
    fn no_section_makes_the_reader_panic_or_repeat_what_stands_there(
        rows in proptest::collection::vec(("[a-z_]{1,10}", "[a-z0-9\"=]{0,20}"), 0..6),
        numbers in proptest::collection::vec(any::<i64>(), 3),
    ) {
        let mut table = Table::new();
        for (key, text) in rows {
            table.insert(key, Toml::String(text));
        }
        for (key, number) in ["format", "memory_kib", "passes"].iter().zip(numbers) {
            table.insert((*key).to_owned(), Toml::Integer(number));
        }
        let problem = Parcel::read(&table).unwrap_err();
        prop_assert_eq!(problem.value, None);
    }
}

#[test]
fn one_changed_octet_anywhere_in_the_section_and_nothing_opens() {
    let passphrase = "correct horse battery";
    let file = file(&closed(
        passphrase,
        vec![carried("portal.token", "hunter2")],
    ));
    assert!(opened(&file, passphrase).is_ok());
    let section = file.find("\nformat = 1\n").unwrap() + 1;
    let mut changed = 0;
    for at in section..file.len() {
        // Names, numbers and base64 alike; a line that ends elsewhere is another test's.
        let octet = file.as_bytes()[at];
        for other in [b'A', b'5', octet ^ 1] {
            if octet == other || octet == b'\n' || other.is_ascii_control() {
                continue;
            }
            let mut octets = file.clone().into_bytes();
            octets[at] = other;
            let other = String::from_utf8(octets).unwrap();
            // Blanks around `=` mean nothing to TOML: the section is the same.
            let same = other.parse::<Table>().is_ok_and(|table| {
                let sealed = |table: &Table| table.get("sealed").cloned();
                sealed(&table) == sealed(&file.parse().unwrap())
            });
            if !same {
                assert!(opened(&other, passphrase).is_err(), "octet {at}: {other}");
                changed += 1;
            }
        }
    }
    assert!(changed > 500, "{changed}");
}

#[test]
fn a_file_that_asks_for_too_much_is_refused_before_a_key_is_made() {
    let usual = file(&Parcel {
        lock: Lock::new([3; SALT_LENGTH]),
        ..closed("correct horse battery", Vec::new())
    });
    assert!(
        usual.contains("memory_kib = 19456\npasses = 2\n"),
        "{usual}"
    );
    for (line, hostile, want) in [
        (
            "memory_kib = 19456",
            "memory_kib = 4294967295",
            "sealed.memory_kib: must be a number from 8 to 65536",
        ),
        (
            "memory_kib = 19456",
            "memory_kib = 65537",
            "sealed.memory_kib: must be",
        ),
        (
            "memory_kib = 19456",
            "memory_kib = -1",
            "sealed.memory_kib: must be",
        ),
        (
            "memory_kib = 19456",
            "memory_kib = 0",
            "sealed.memory_kib: must be",
        ),
        (
            "memory_kib = 19456",
            "memory_kib = \"19456\"",
            "sealed.memory_kib: must be",
        ),
        (
            "passes = 2",
            "passes = 17",
            "sealed.passes: must be a number from 1 to 16",
        ),
        ("passes = 2", "passes = 0", "sealed.passes: must be"),
        (
            "format = 1",
            "format = 2",
            "sealed.format: is none that this version opens",
        ),
        (
            "\"argon2id\"",
            "\"md5\"",
            "sealed.format: is none that this version opens",
        ),
        (
            "passes = 2",
            "passes = 2\nlanes = 9999",
            "sealed.lanes: does not belong here",
        ),
        ("passes = 2\n", "", "sealed.passes: must be"),
        ("salt = \"", "salt = \"AA", "sealed.salt: must be 16 octets"),
        (
            "secrets = \"",
            "secrets = \"?",
            "sealed.secrets: is not base64",
        ),
    ] {
        let other = usual.replacen(line, hostile, 1);
        assert_ne!(other, usual, "{line}");
        let said = read(&other).unwrap_err().to_string();
        assert!(said.starts_with(want), "{hostile}: {said}");
    }
    assert!(read(&usual.replacen("[sealed]", "[sealde]", 1))
        .unwrap_err()
        .to_string()
        .contains("did you mean `sealed`?"));
}

/// Goes red where files of this version would not open any more. Another implementation of Argon2id
/// and XChaCha20-Poly1305 opened the text below.
#[test]
fn format_1_is_frozen() {
    let lock = Lock::new(*b"sixteen octets..");
    let key = lock.key(&secret("correct horse battery")).unwrap();
    let parcel = Parcel::close(
        lock,
        &key,
        [5; NONCE_LENGTH],
        vec![carried("portal.token", "hunter2")],
    );
    let mut section = String::new();
    parcel.write(&mut section);
    let lines: Vec<&str> = section.lines().filter(|l| l.contains('=')).collect();
    assert_eq!(lines, FROZEN);
}

const FROZEN: [&str; 6] = [
    "format = 1",
    "derivation = \"argon2id\"",
    "memory_kib = 19456",
    "passes = 2",
    "salt = \"c2l4dGVlbiBvY3RldHMuLg==\"",
    "secrets = \"AQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBb3zaaD5llPA9QttTYgmtdop2rAgHL0M/QEXMJzZzMlpfKsww0tjrSqiNVP\
     8vadxcfb9rMfqA5unJpCS+h1lk1h44Hn9uInWHb8WUfnBpK//Dts=\"",
];

#[test]
fn a_short_passphrase_is_refused_in_a_sentence_by_characters_not_octets() {
    for (passphrase, good) in [
        ("", false),
        ("elevenchars", false),
        ("twelve chars", true),
        ("äöüäöüäöüäö", false),
        ("äöüäöüäöüäöü", true),
    ] {
        let checked = check_passphrase(&secret(passphrase));
        assert_eq!(checked.is_ok(), good, "{passphrase}");
        if let Err(fault) = checked {
            let said = fault.to_string();
            assert!(said.contains("12 characters at least"), "{said}");
            assert!(passphrase.is_empty() || !said.contains(passphrase));
        }
    }
}

/// The settings of a box that shows its portal a certificate and has all kinds of secrets.
fn with_oauth() -> Settings {
    let mut settings = ready();
    put(
        &mut settings,
        &[
            ("portal.sign_in", "oauth"),
            ("portal.token_url", "https://idp.example.com/oauth/token"),
            ("portal.client_id", "box-7"),
        ],
    );
    settings
}

/// Goes red where a new secret stays behind when a box moves.
#[test]
fn every_setting_for_a_secret_has_its_place() {
    fn of<T>(section: &str, rows: &[Setting<T>]) -> Vec<String> {
        let secrets = rows.iter().filter(|row| row.is_secret());
        secrets
            .map(|row| format!("{section}.{}", row.key))
            .collect()
    }
    let secrets = [
        of("mailbox.support", MAILBOX),
        of("portal", PORTAL),
        of("store", STORE),
    ];
    let settings = ready();
    let places = settings.secret_places().into_iter();
    let places: Vec<String> = places.map(|place| place.key).collect();
    assert_eq!(places, secrets.concat());
}

/// What a box of before there was OAuth wrote into its file; counted by another program.
#[test]
fn where_a_secret_goes_is_said_as_ever() {
    let settings = ready();
    let places = settings.secret_places();
    let to = |at: usize| places[at].to.as_str();
    assert_eq!(
        [to(0), to(1)],
        [
            "e58a2756566a0c847481ec4cc4d80a676a5cb5a4396fc6afce51c6cb120ac00a",
            "14f83af4494584345865cc86e0ebe4d4e42802b106c07c0f9b6047b03887c814"
        ]
    );
}

#[test]
fn where_a_secret_goes_is_told_from_every_other_place() {
    const PASSWORD: &str = "mailbox.support.password";
    let pin = "ab".repeat(32);
    let authority = include_str!("../fixtures/authority.pem");
    let base = with_oauth();
    let to = |pairs: &[(&str, &str)]| {
        let mut settings = base.clone();
        put(&mut settings, pairs);
        let places = settings.secret_places();
        places.into_iter().map(|p| p.to).collect::<Vec<_>>()
    };
    let here = to(&[]);
    let all_of_portal = &[Portal::TOKEN, Portal::CLIENT_SECRET, Portal::CLIENT_KEY][..];
    for (key, value, concerned) in [
        ("mailbox.support.host", "evil.example.com", &[PASSWORD][..]),
        ("mailbox.support.port", "1993", &[PASSWORD]),
        ("mailbox.support.security", "none", &[PASSWORD]),
        ("mailbox.support.username", "o@example.com", &[PASSWORD]),
        ("mailbox.support.pinned", &pin, &[PASSWORD]),
        // The token endpoint would give a token that goes there.
        ("portal.url", "https://evil.example.com", all_of_portal),
        (
            "portal.proxy",
            "http://evil.example.com:3128",
            &[
                Portal::TOKEN,
                Portal::CLIENT_SECRET,
                Portal::CLIENT_KEY,
                Portal::PROXY_PASSWORD,
            ],
        ),
        ("portal.proxy_user", "somebody", &[Portal::PROXY_PASSWORD]),
        ("portal.pinned", &pin, all_of_portal),
        ("portal.ca_pem", authority, all_of_portal),
        (
            "portal.token_url",
            "https://evil.example.com/oauth/token",
            &[Portal::CLIENT_SECRET, Portal::CLIENT_KEY],
        ),
        // Another's, behind the same host.
        (
            "portal.token_url",
            "https://idp.example.com/evil/token",
            &[Portal::CLIENT_SECRET, Portal::CLIENT_KEY],
        ),
        ("portal.client_id", "box-8", &[Portal::CLIENT_SECRET]),
        // What has no part in where it goes.
        ("mailbox.support.folder", "Other", &[]),
        ("portal.sign_in", "token", &[]),
        ("portal.scope", "more", &[]),
        ("store.retain_days", "3", &[]),
    ] {
        let there = to(&[(key, value)]);
        let places = base.secret_places();
        let moved = places.iter().zip(&here).zip(&there);
        let moved = moved.filter(|((_, here), there)| here != there);
        let moved: Vec<_> = moved.map(|((place, _), _)| place.key.as_str()).collect();
        assert_eq!(moved, concerned, "{key}");
    }
}
