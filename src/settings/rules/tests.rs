use super::*;
use crate::settings::tests::{put, ready, with_zones};
use crate::settings::{check as check_all, difference, export, import, template};
use crate::world::Wall;

fn with_rules(names: &[&str]) -> Settings {
    let mut settings = ready();
    for name in names {
        settings.add_rule(name).unwrap();
        put(&mut settings, &[(&format!("rule.{name}.queue"), "q")]);
        let key = format!("rule.{name}.subject");
        put(&mut settings, &[(&key, name)]);
    }
    settings
}

fn names(settings: &Settings) -> Vec<&str> {
    settings
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect()
}

#[track_caller]
fn refused(settings: &mut Settings, key: &str, text: &str, said: &str) {
    let done = with_zones(|zones| settings.set(key, text, zones));
    let fault = done.unwrap_err().to_string();
    assert!(fault.contains(said), "{fault}");
}

/// Problems and warnings that are about rules, each on a line.
fn found(settings: &Settings) -> (String, String) {
    let checked = with_zones(|zones| check_all(settings, zones, Wall(0)));
    let said = |all: &[Problem]| {
        let about = all.iter().filter(|problem| problem.key.starts_with("rule"));
        about
            .map(|problem| format!("{problem}\n"))
            .collect::<String>()
    };
    (said(&checked.problems), said(&checked.warnings))
}

#[test]
fn rules_keep_their_order_until_they_are_moved() {
    let mut settings = with_rules(&["a", "b", "c"]);
    settings.move_rule("c", &Whither::First).unwrap();
    assert_eq!(names(&settings), ["c", "a", "b"]);
    settings
        .move_rule("c", &Whither::After("a".to_owned()))
        .unwrap();
    assert_eq!(names(&settings), ["a", "c", "b"]);
    settings
        .move_rule("b", &Whither::Before("a".to_owned()))
        .unwrap();
    assert_eq!(names(&settings), ["b", "a", "c"]);
    settings.move_rule("b", &Whither::Last).unwrap();
    assert_eq!(names(&settings), ["a", "c", "b"]);
    settings.rename_rule("c", "d").unwrap();
    assert_eq!(names(&settings), ["a", "d", "b"]);
    settings.remove_rule("d").unwrap();
    assert_eq!(names(&settings), ["a", "b"]);
    // What names nobody moves nobody.
    let said = |done: Result<(), Fault>| done.unwrap_err().to_string();
    let nobody = Whither::Before("x".to_owned());
    assert!(said(settings.move_rule("a", &nobody)).contains("there is no rule `x`"));
    let itself = Whither::After("a".to_owned());
    assert!(said(settings.move_rule("a", &itself)).contains("itself"));
    assert!(said(settings.add_rule("a")).contains("already"));
    assert!(said(settings.add_rule("A b")).contains("small letters"));
    assert_eq!(names(&settings), ["a", "b"]);
}

#[test]
fn a_file_gives_the_same_rules_in_the_same_order() {
    let mut settings = with_rules(&["zebra", "apple", "mule"]);
    put(
        &mut settings,
        &[
            ("rule.zebra.subject_regex", "^\"a\\d+\" (?i)x$"),
            ("rule.zebra.attachment", ".PDF, image/*"),
            ("rule.zebra.size_min", "2 MiB"),
            ("rule.apple.active", "off"),
            ("rule.apple.sender", "anna@example.com, Example.ORG"),
            ("rule.mule.action", "ignore"),
            ("rule.mule.reason", "advertising"),
            ("rule.mule.mailbox", "support"),
            ("rule.mule.then", "continue"),
            ("rule.mule.tags", "a  b"),
        ],
    );
    let file = export(&settings, None);
    let read = with_zones(|zones| import(&file, &settings, zones)).unwrap();
    assert_eq!(read.settings.rules, settings.rules, "{file}");
    assert_eq!(names(&read.settings), ["zebra", "apple", "mule"]);
    assert!(difference(&settings, &read.settings).is_empty());
}

#[test]
fn what_a_file_has_wrong_is_said_all_at_once_with_each_rule_s_name() {
    let file =
        "[[rule]]\nname = \"a\"\nsubject_regex = \"a[\"\nfrom = \"x\"\n[[rule]]\nqueue = \"q\"\n\
                [[rule]]\nname = \"B\"\n";
    let said = with_zones(|zones| import(file, &Settings::default(), zones));
    let said = said.unwrap_err().to_string();
    for what in [
        "rule.a.from: is no setting",
        "rule.a.subject_regex = \"a[\": is no regular expression: at character 2",
        "rule number 2 needs its name",
        "rule.B: a name is up to 40",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
    let said = with_zones(|zones| import("[rule.a]\nqueue = \"q\"\n", &Settings::default(), zones));
    assert!(said.unwrap_err().to_string().contains("[[rule]]"));
}

#[test]
fn the_template_shows_a_rule_and_makes_none() {
    let file = template();
    let read = with_zones(|zones| import(&file, &Settings::default(), zones)).unwrap();
    assert!(read.settings.rules.is_empty());
    let shown = file.split("# [[rule]]").nth(1).unwrap();
    let one: String = shown
        .lines()
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    for setting in ["sender_regex", "attachment", "size_max", "action", "then"] {
        assert!(one.contains(&format!("\n{setting} =")), "{setting}: {one}");
    }
}

#[test]
fn a_moved_rule_is_one_line_of_difference() {
    let before = with_rules(&["a", "b", "c"]);
    let mut after = before.clone();
    after.move_rule("c", &Whither::First).unwrap();
    put(&mut after, &[("rule.b.priority", "high")]);
    let changes = difference(&before, &after);
    let lines: Vec<String> = changes
        .iter()
        .map(|c| format!("{}: {:?} -> {:?}", c.key, c.before, c.after))
        .collect();
    assert_eq!(
        lines,
        [
            "rule.b.priority: None -> Some(\"high\")",
            "rule (order): Some(\"a, b, c\") -> Some(\"c, a, b\")"
        ]
    );
    // Another one more, or fewer, moves nobody.
    after = before.clone();
    after.remove_rule("a").unwrap();
    let keys: Vec<String> = difference(&before, &after)
        .into_iter()
        .map(|c| c.key)
        .collect();
    assert_eq!(keys, ["rule.a"]);
}

#[test]
fn what_can_t_be_meant_is_refused() {
    let mut settings = with_rules(&["a"]);
    refused(
        &mut settings,
        "rule.a.subject_regex",
        "a{2,1}",
        "at character 2, \"{2,1}\"",
    );
    refused(
        &mut settings,
        "rule.a.attachment",
        "pdf",
        "endings or types",
    );
    refused(&mut settings, "rule.a.header", "X-A:", "without its colon");
    refused(
        &mut settings,
        "rule.a.sender",
        "anna",
        "addresses or domains",
    );
    refused(&mut settings, "rule.a.action", "drop", "set, hold, ignore");
    refused(&mut settings, "rule.a.form", "x", "is no setting");
    refused(&mut settings, "rule.b.queue", "x", "there is no rule `b`");
    put(
        &mut settings,
        &[
            ("rule.a.mailbox", "sales"),
            ("rule.a.header_value", "x"),
            ("rule.a.action", "hold"),
        ],
    );
    let (problems, _) = found(&settings);
    for what in [
        "rule.a.mailbox: there is no mailbox `sales`",
        "rule.a.header_value: says what must stand in a field",
        "rule.a.reason: must be set",
    ] {
        assert!(problems.contains(what), "{what}: {problems}");
    }
}

#[test]
fn a_rule_that_would_archive_all_mail_is_refused() {
    let mut settings = ready();
    settings.add_rule("all").unwrap();
    put(
        &mut settings,
        &[("rule.all.action", "ignore"), ("rule.all.reason", "r")],
    );
    let (problems, _) = found(&settings);
    assert!(
        problems.contains("would archive every new message"),
        "{problems}"
    );
    put(&mut settings, &[("rule.all.active", "off")]);
    assert_eq!(found(&settings).0, "");
    put(
        &mut settings,
        &[("rule.all.active", "on"), ("rule.all.subject", "x")],
    );
    assert_eq!(found(&settings).0, "");
}

#[test]
fn what_can_never_match_or_is_never_reached_is_warned_of() {
    let mut settings = with_rules(&["a", "b"]);
    assert_eq!(found(&settings), (String::new(), String::new()));
    put(
        &mut settings,
        &[("rule.a.size_min", "2 MiB"), ("rule.a.size_max", "1 MiB")],
    );
    assert!(found(&settings).1.contains("matches no message"));
    put(
        &mut settings,
        &[
            ("rule.a.size_min", ""),
            ("rule.a.size_max", ""),
            ("rule.b.subject", "a"),
        ],
    );
    // It asks the same, and ends the asking.
    assert!(found(&settings)
        .1
        .contains("rule.b: is never reached: rule `a`"));
    put(&mut settings, &[("rule.a.then", "continue")]);
    assert_eq!(found(&settings).1, "");
    // It asks nothing, and holds all: of that mailbox.
    put(
        &mut settings,
        &[
            ("rule.a.subject", ""),
            ("rule.a.action", "hold"),
            ("rule.a.reason", "r"),
            ("rule.a.queue", ""),
        ],
    );
    assert!(found(&settings).1.contains("rule.b: is never reached"));
    put(&mut settings, &[("rule.a.mailbox", "support")]);
    assert_eq!(found(&settings).1, "");
    put(&mut settings, &[("rule.b.queue", "")]);
    assert!(found(&settings).1.contains("rule.b.action: sets nothing"));
}

#[test]
fn a_renamed_mailbox_keeps_its_rules() {
    let mut settings = with_rules(&["a"]);
    put(&mut settings, &[("rule.a.mailbox", "support")]);
    settings.rename_mailbox("support", "helpdesk").unwrap();
    assert_eq!(settings.rules[0].mailbox.as_deref(), Some("helpdesk"));
    assert_eq!(found(&settings).0, "");
}

#[test]
fn no_more_rules_are_made_than_are_asked() {
    let mut settings = Settings::default();
    for number in 0..RULES_MAX {
        settings.add_rule(&format!("r{number}")).unwrap();
    }
    let said = settings.add_rule("more").unwrap_err().to_string();
    assert!(said.contains("100 rules already"), "{said}");
}
