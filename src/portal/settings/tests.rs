use super::*;

fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        ..Settings::default()
    }
}

#[track_caller]
fn check(settings: &Settings, want: &[&str]) {
    let got: Vec<_> = settings.mistakes().iter().map(|m| m.setting).collect();
    assert_eq!(got, want, "{:?}", settings.mistakes());
}

#[test]
fn the_defaults_lack_only_an_address() {
    check(&Settings::default(), &["url"]);
    check(&settings("https://portal.example/postern/v1"), &[]);
}

#[test]
fn every_setting_is_checked() {
    let mut odd = settings("portal.example");
    odd.ca = Some("nonsense".to_owned());
    odd.pin = Some("abc".to_owned());
    odd.proxy = Some("https://proxy.example".to_owned());
    odd.connect_ms = 999;
    odd.idle_ms = 600_001;
    odd.answer_ms = 0;
    odd.connections = 0;
    let all = [
        "url",
        "ca",
        "pin",
        "pin",
        "proxy",
        "connect_ms",
        "idle_ms",
        "answer_ms",
        "connections",
    ];
    check(&odd, &all);
}

#[test]
fn only_plain_http_off_this_machine_warns() {
    assert_eq!(settings("http://portal.example").warnings().len(), 1);
    for quiet in [
        "https://portal.example",
        "http://127.0.0.1:8080",
        "http://[::1]",
        "nonsense",
    ] {
        assert_eq!(settings(quiet).warnings(), []);
    }
}

#[test]
fn a_pin_may_be_written_as_other_programs_show_it() {
    let mut pinned = settings("https://portal.example");
    pinned.pin = Some("AB:".repeat(31) + "AB");
    check(&pinned, &[]);
    assert_eq!(pinned.pinned(), Some([0xab; 32]));
}

#[test]
fn settings_survive_toml_and_unknown_ones_are_refused() {
    let settings = settings("https://portal.example");
    let text = toml::to_string(&settings).unwrap();
    assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings);
    assert!(toml::from_str::<Settings>("urll = \"x\"").is_err());
}
