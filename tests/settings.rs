//! Settings from outside the room: what is shipped, what a box keeps of a secret, what another
//! version finds.

use postern::settings::{
    check, export, import, open, seal, template, Fault, History, Revision, SealKey, Settings,
    Zones, NONCE_LENGTH,
};
use postern::world::{zones, Secret, Wall};

const SHIPPED: &str = include_str!("../config/postern.toml");
const UNIT: &str = include_str!("../config/postern.service");

fn with_zones<R>(work: impl FnOnce(&Zones) -> R) -> R {
    work(&Zones {
        named: &zones::named,
        system: zones::system(),
    })
}

#[test]
fn the_shipped_file_names_every_setting_and_can_be_imported() {
    assert!(
        SHIPPED == template(),
        "made from the schema by `settings::template`"
    );
    let import = with_zones(|zones| import(SHIPPED, &Settings::default(), zones)).unwrap();
    let checked = with_zones(|zones| check(&import.settings, zones, Wall(0)));
    assert_eq!((checked.problems, checked.warnings), (vec![], vec![]));
    for explained in Settings::explain("").unwrap() {
        let name = explained.key.rsplit('.').next().unwrap();
        let set = SHIPPED.contains(&format!("\n{name} = "));
        let unset = SHIPPED.contains(&format!("\n# {name} "));
        assert!(set || unset, "{}", explained.key);
        assert!(SHIPPED.contains(&explained.help), "{}", explained.key);
    }
}

#[test]
fn the_unit_runs_the_service_as_its_own_user_and_gives_it_nothing_else() {
    for line in [
        "ExecStart=/usr/bin/postern run",
        "User=postern",
        "StateDirectory=postern",
        "Restart=on-failure",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "LimitCORE=0",
    ] {
        assert!(UNIT.lines().any(|l| l == line), "{line}");
    }
}

#[test]
fn a_password_goes_from_typing_to_a_revision_and_back_without_being_seen() {
    let key = SealKey::new([9; 32]);
    let mut settings = Settings::default();
    settings.add_mailbox("support").unwrap();
    let name = "mailbox.support.password";
    let secret = Secret::new("hunter2 hunter2".to_owned());
    let (label, secret) = settings.secret(name, &secret).unwrap().unwrap();
    settings
        .set_sealed(name, seal(&key, [1; NONCE_LENGTH], &label, &secret))
        .unwrap();
    settings.rename_mailbox("support", "help").unwrap();
    let revision = History::default()
        .next(settings, Wall(0), "anna", "set", None)
        .unwrap();
    let octets = revision.encode();
    let seen = [
        String::from_utf8_lossy(&octets).into_owned(),
        format!("{revision:?}"),
        export(&revision.settings, None),
        serde_json::to_string(&revision.settings.entries("").unwrap()).unwrap(),
    ];
    assert!(seen.iter().all(|text| !text.contains("hunter2")));
    let read = Revision::decode(&octets).unwrap();
    let mailbox = read.settings.mailbox("help").unwrap();
    let sealed = mailbox.password.as_ref().unwrap();
    let opened = open(&key, &mailbox.password_label(), sealed).unwrap();
    assert_eq!(opened.reveal(), "hunter2 hunter2");
}

#[test]
fn zones_of_this_machine_are_known_by_name_and_others_are_refused() {
    let mut settings = Settings::default();
    settings.add_mailbox("support").unwrap();
    let key = "mailbox.support.time_zone";
    let wrong = with_zones(|zones| settings.set(key, "Middle/Earth", zones));
    assert!(matches!(wrong, Err(Fault::Wrong(problems)) if problems[0].key == key));
    with_zones(|zones| settings.set(key, "UTC", zones)).unwrap();
}
