use super::*;

const NOW: Wall = Wall(1_800_000_000_000);
const URL: &str = "https://portal.example";

fn ping(epoch: &str, restored_to: Option<i64>) -> Ping {
    Ping {
        time: Some(NOW),
        epoch: epoch.to_owned(),
        restored_to: restored_to.map(Wall),
        ..Ping::plain()
    }
}

fn heard(known: Option<&Known>, ping: &Ping) -> Option<Known> {
    hear(known, URL, ping, NOW, 42, 7)
}

#[test]
fn the_first_contact_and_another_portal_are_no_restore() {
    let first = heard(None, &ping("e1", Some(7))).unwrap();
    assert_eq!((first.before, &first.restore), (42, &None));
    let mut other = first.clone();
    other.url = "https://another.example".to_owned();
    other.before = 1;
    assert_eq!(
        heard(Some(&other), &ping("e2", None)),
        Some(Known {
            epoch: "e2".to_owned(),
            ..first.clone()
        })
    );
    // The same again says nothing new.
    assert_eq!(heard(Some(&first), &ping("e1", None)), None);
}

#[test]
fn another_epoch_puts_what_came_before_it_in_doubt() {
    let mut known = heard(None, &ping("e1", None)).unwrap();
    known.before = 3;
    let to = NOW.0 - 3_600_000;
    let after = heard(Some(&known), &ping("e2", Some(to))).unwrap();
    assert_eq!((after.before, after.epoch.as_str()), (42, "e2"));
    let restore = after.restore.unwrap();
    assert_eq!((restore.to, restore.since), (Some(to), to - SLACK_MS));
    assert!(!restore.done);
}

#[test]
fn the_portal_s_clock_is_not_ours() {
    let known = heard(None, &ping("e1", None)).unwrap();
    let to = NOW.0 - 3_600_000;
    let mut late = ping("e2", Some(to));
    // It is a day behind.
    late.time = Some(Wall(NOW.0 - DAY_MS));
    let restore = heard(Some(&known), &late).unwrap().restore.unwrap();
    assert_eq!(restore.since, to + DAY_MS - SLACK_MS);
    // Without a moment all is looked at whose octets may still be here.
    let restore = heard(Some(&known), &ping("e2", None)).unwrap().restore;
    assert_eq!(restore.unwrap().since, NOW.0 - 7 * DAY_MS);
}

#[test]
fn a_second_restore_takes_over_what_the_first_left_undone() {
    let known = heard(None, &ping("e1", None)).unwrap();
    let old = NOW.0 - 30 * DAY_MS;
    let mut first = heard(Some(&known), &ping("e2", Some(old))).unwrap();
    let since = |known: &Known| {
        let second = heard(Some(known), &ping("e3", Some(NOW.0))).unwrap();
        second.restore.unwrap().since
    };
    assert_eq!(since(&first), old - SLACK_MS);
    first.restore.as_mut().unwrap().done = true;
    assert_eq!(since(&first), NOW.0 - SLACK_MS);
}

#[test]
fn an_alarm_lasts_as_long_as_there_is_something_to_do() {
    let known = heard(None, &ping("e1", None)).unwrap();
    let restored = heard(Some(&known), &ping("e2", Some(NOW.0))).unwrap();
    let mut restore = restored.restore.unwrap();
    let alarm = |restore: &Restore, days: i64| restore.alarm(Wall(NOW.0 + days * DAY_MS));
    assert!(alarm(&restore, 0).unwrap().contains("looked up so far"));
    (restore.done, restore.looked_up, restore.again) = (true, 5, 2);
    assert_eq!(alarm(&restore, 0), None);
    assert!(restore
        .sentence()
        .contains("5 were looked up, 2 were missing and are sent again"));
    restore.gone = 1;
    let said = alarm(&restore, 29).unwrap();
    assert!(
        said.contains("1 are missing and no longer kept here"),
        "{said}"
    );
    assert!(said.contains("--reason lost-at-portal"), "{said}");
    assert_eq!(alarm(&restore, 31), None);
    (restore.gone, restore.unsettled) = (0, 3);
    let said = alarm(&restore, 0).unwrap();
    assert!(said.contains("3 can't be looked up"), "{said}");
}

#[test]
fn what_is_remembered_is_read_back_and_what_can_not_be_read_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::real();
    assert_eq!(open(&world, dir.path()), None);
    let mut known = heard(None, &ping("e1", None)).unwrap();
    known.restore = heard(Some(&known), &ping("e2", Some(1))).unwrap().restore;
    let octets = serde_json::to_vec(&known).unwrap();
    std::fs::write(path(dir.path()), &octets).unwrap();
    assert_eq!(open(&world, dir.path()), Some(known));
    std::fs::write(path(dir.path()), &octets[..20]).unwrap();
    assert_eq!(open(&world, dir.path()), None);
}
