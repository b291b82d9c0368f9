use proptest::prelude::*;

use super::*;
use crate::settings::tests::{put, ready, sealed, with_zones};
use crate::settings::{difference, Change};

fn read(text: &str, current: &Settings) -> Result<Import, Fault> {
    with_zones(|zones| import(text, current, zones))
}

#[track_caller]
fn refused(text: &str, want: &[&str]) {
    match read(text, &ready()) {
        Err(fault) => assert_eq!(fault.to_string().lines().collect::<Vec<_>>(), want),
        Ok(import) => panic!("was taken: {import:?}"),
    }
}

#[test]
fn the_shipped_file_is_the_one_that_the_schema_makes() {
    let shipped = include_str!("../../../config/postern.toml");
    assert!(
        shipped == template(),
        "config/postern.toml differs from the schema; it should read:\n{}",
        template()
    );
}

#[test]
fn the_shipped_file_gives_the_defaults() {
    let import = read(&template(), &Settings::default()).unwrap();
    let mut want = Settings::default();
    want.add_mailbox("support").unwrap();
    assert_eq!(import.settings, want);
    assert_eq!(import.missing, Vec::<String>::new());
    for line in template().lines() {
        assert!(line.len() <= 120, "{line}");
    }
}

#[test]
fn what_is_exported_comes_back_the_same_and_holds_no_secret() {
    let mut settings = ready();
    settings.add_mailbox("zeta").unwrap();
    settings.add_mailbox("alpha").unwrap();
    put(
        &mut settings,
        &[
            ("mailbox.support.active", "on"),
            (
                "mailbox.support.received_after",
                "2026-01-31T08:00:00.5+01:00",
            ),
            (
                "mailbox.support.ca_pem",
                include_str!("../fixtures/authority.pem"),
            ),
            ("mailbox.alpha.folder", "Ein \"Fach\" \\ 'x'"),
            ("store.quota", "3 GiB"),
        ],
    );
    let file = export(&settings, None);
    assert!(!file.contains("Sealed"));
    assert!(file.contains("# password is set"));
    let import = read(&file, &settings).unwrap();
    assert_eq!(difference(&settings, &import.settings), []);
    assert_eq!(import.settings, settings);
    // On another box: same settings, other ids perhaps, secrets to be typed.
    let elsewhere = read(&file, &Settings::default()).unwrap();
    assert_eq!(
        elsewhere.missing,
        ["mailbox.support.password", "portal.token"]
    );
    let identity = &elsewhere.settings.mailbox("support").unwrap().identity;
    assert_eq!(identity.as_deref(), Some("support@example.com"));
}

#[test]
fn what_the_portal_is_signed_in_with_is_kept_or_listed() {
    let mut settings = ready();
    put(
        &mut settings,
        &[
            ("portal.sign_in", "oauth"),
            ("portal.token_url", "https://login.example.com/token"),
            ("portal.client_id", "postern"),
            (
                "portal.client_cert_pem",
                include_str!("../fixtures/authority.pem"),
            ),
            ("portal.proxy", "http://proxy.example.com:3128"),
            ("portal.proxy_user", "branch"),
        ],
    );
    let without = read(&export(&settings, None), &settings).unwrap();
    let secrets = [
        "portal.client_secret",
        "portal.client_key_pem",
        "portal.proxy_password",
    ];
    assert_eq!(without.missing, secrets);
    for (key, octet) in secrets.iter().zip(1..) {
        let sealed = sealed(octet);
        assert_eq!(settings.set_sealed(key, sealed), Ok(()));
    }
    let with = read(&export(&settings, None), &settings).unwrap();
    assert_eq!(with.missing, [""; 0]);
    assert_eq!(with.settings, settings);
    // A proxy that asks for nobody's name needs no password.
    put(&mut settings, &[("portal.proxy_user", "")]);
    let nobody = read(&export(&settings, None), &Settings::default()).unwrap();
    assert!(!nobody.missing.iter().any(|key| key.contains("proxy")));
}

#[test]
fn every_problem_of_a_file_is_said_at_once_with_the_nearest_key() {
    refused(
        "[mailbox.support]\nhots = \"x\"\nport = 70000\nactive = \"perhaps\"\ntimeout_ms = \"5000\"\n\
         folder = 7\n[store]\nquota = \"small\"\n[portl]\n",
        &[
            "mailbox.support.hots: is no setting: did you mean `host`?",
            "mailbox.support.active = \"perhaps\": must be on or off",
            "mailbox.support.port = \"70000\": must be a whole number from 1 to 65535",
            "mailbox.support.timeout_ms = \"5000\": must be a number without quotes",
            "mailbox.support.folder = \"7\": must be text in quotes",
            "portl: is no setting: did you mean `portal`?",
            "store.quota = \"small\": must be a size of at least 64 MiB, such as 512 MiB or 2 GiB",
        ],
    );
}

#[test]
fn a_secret_in_a_file_is_refused_and_not_repeated() {
    refused(
        "[mailbox.support]\npassword = \"hunter2\"\n",
        &["mailbox.support.password: is a secret and is not read from a file: take the line out, \
           and type it when asked"],
    );
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    let said = read("[portal]\nurl = \n", &ready())
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("the file is no TOML: line 2: "), "{said}");
    assert!(read("mailbox = 1\n", &ready()).is_err());
    assert!(read("[mailbox]\nsupport = 1\n", &ready()).is_err());
    assert!(read("[mailbox.'Not This']\n", &ready()).is_err());
}

#[test]
fn a_file_renames_by_identity_and_never_changes_one() {
    let mut settings = ready();
    put(&mut settings, &[("mailbox.support.active", "on")]);
    let file = export(&settings, None);
    let renamed = file.replace("[mailbox.support]", "[mailbox.help]");
    let import = read(&renamed, &settings).unwrap();
    assert_eq!(
        difference(&settings, &import.settings),
        [Change {
            key: "mailbox.help.name".to_owned(),
            before: Some("support".to_owned()),
            after: Some("help".to_owned()),
        }]
    );
    let other = file.replace("identity = \"support@example.com\"", "identity = \"else\"");
    let said = read(&other, &settings).unwrap_err().to_string();
    assert!(said.contains("which is fixed"), "{said}");
    // The name of a renamed mailbox may go to a new one.
    let both = format!("{renamed}\n[mailbox.support]\nhost = \"other.example.com\"\n");
    let import = read(&both, &settings).unwrap();
    let ids: Vec<u32> = import.settings.mailboxes.iter().map(|m| m.id.0).collect();
    assert_eq!(ids, [1, 2]);
}

#[test]
fn dates_and_sizes_are_taken_in_the_file_s_own_types_too() {
    let file = "[mailbox.support]\nreceived_after = 2026-01-31T08:00:00+01:00\n\
                [store]\nquota = 1073741824\n";
    let import = read(file, &Settings::default()).unwrap();
    let mailbox = import.settings.mailbox("support").unwrap();
    assert_eq!(
        mailbox.received_after.map(|at| at.0),
        Some(1_769_842_800_000)
    );
    assert_eq!(import.settings.store.quota_bytes, 1 << 30);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_settings_survive_the_file(
        flags in any::<[bool; 4]>(),
        port in proptest::option::of(1_u16..),
        username in "[ -~]{0,40}",
        folder in "[a-zA-ZäöüÄ&\"'\\\\/.][ -$&-)+-~]{0,20}[a-z\"'\\\\]",
        timeout in 1_000_u64..=600_000,
        received in proptest::option::of(-1_000_000_000_000_i64..4_000_000_000_000),
        quota in (64_u64 << 20)..(1 << 45),
        words in (0_usize..3, 0_usize..2),
    ) {
        let mut settings = ready();
        put(&mut settings, &[("mailbox.support.active", "on")]);
        let mailbox = settings.mailbox_mut("support").unwrap();
        mailbox.process_unknown_senders = flags[0];
        mailbox.archive_by_copy = flags[1];
        mailbox.convert_read = flags[2];
        mailbox.dedicated = flags[3];
        mailbox.port = port;
        mailbox.username = username;
        mailbox.folder = folder;
        mailbox.timeout_ms = timeout;
        mailbox.received_after = received.map(crate::world::Wall);
        put(&mut settings, &[
            ("mailbox.support.security", ["tls", "starttls", "none"][words.0]),
            ("mailbox.support.archive_when", ["forwarded", "committed"][words.1]),
        ]);
        settings.store.quota_bytes = quota;
        let import = read(&export(&settings, None), &settings).unwrap();
        prop_assert_eq!(import.settings, settings);
    }

    #[test]
    fn no_text_makes_the_reading_of_a_file_fail_otherwise_than_by_its_answer(text in ".{0,200}") {
        let _either = read(&text, &ready());
        let mut settings = ready();
        for key in ["host", "port", "address", "received_after", "ca_pem", "pinned", "archive_folder"] {
            let key = format!("mailbox.support.{key}");
            let before = settings.clone();
            if with_zones(|zones| settings.set(&key, &text, zones)).is_err() {
                prop_assert_eq!(&settings, &before);
            } else {
                let shown = settings.get(&key).unwrap().text();
                put(&mut settings, &[(&key, &shown)]);
                prop_assert_eq!(settings.get(&key).unwrap().text(), shown);
            }
        }
    }
}
