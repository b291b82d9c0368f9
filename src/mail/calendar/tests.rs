use super::*;
use proptest::prelude::*;

fn one(lines: &str) -> Event {
    let calendar =
        format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\n{lines}\r\nEND:VEVENT\r\n");
    events(calendar.as_bytes()).remove(0)
}

#[test]
fn a_rule_is_told_in_words_or_as_it_stands() {
    for (rule, words) in [
        ("FREQ=DAILY", "every day"),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=MO",
            "every 2 weeks on Monday, Wednesday",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=15;COUNT=3",
            "every month on day 15, 3 times",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1",
            "every month on the last of Monday, Tuesday",
        ),
        (
            "FREQ=YEARLY;BYMONTH=3;BYDAY=2SU;UNTIL=20300101",
            "every year on the second Sunday in March, until 2030-01-01",
        ),
        ("FREQ=HOURLY", "FREQ=HOURLY"),
        ("FREQ=DAILY;BYHOUR=9,17", "FREQ=DAILY;BYHOUR=9,17"),
        ("FREQ=YEARLY;BYMONTH=13", "FREQ=YEARLY;BYMONTH=13"),
    ] {
        assert_eq!(one(&format!("RRULE:{rule}")).recurs.as_deref(), Some(words));
    }
}

#[test]
fn moments_are_days_or_times_with_their_zone() {
    let moment = |line: &str| one(line).starts.map(|moment| (moment.at, moment.zone));
    let at = |at: &str, zone: Option<&str>| Some((at.to_owned(), zone.map(str::to_owned)));
    assert_eq!(
        moment("DTSTART:20260302T091500Z"),
        at("2026-03-02T09:15:00", Some("UTC"))
    );
    assert_eq!(
        moment("DTSTART;TZID=\"Europe/Berlin\":20260302T091500"),
        at("2026-03-02T09:15:00", Some("Europe/Berlin"))
    );
    assert_eq!(
        moment("DTSTART;VALUE=DATE:20260302"),
        at("2026-03-02", None)
    );
    for nonsense in ["20260302T09", "2026-03-02", "", "T", "20260302T0915000"] {
        assert_eq!(moment(&format!("DTSTART:{nonsense}")), None);
    }
}

#[test]
fn texts_are_without_their_escapes_and_people_with_their_answers() {
    let location = one("LOCATION:a\\, b\\; c\\\\ d\\nE").location;
    assert_eq!(location.as_deref(), Some("a, b; c\\ d\nE"));
    let line = "ATTENDEE;CN=\"Lang: Petra; x\";PARTSTAT=DECLINED:MAILTO:p@x.example";
    let invited = one(line).attendees.remove(0);
    assert_eq!(invited.name.as_deref(), Some("Lang: Petra; x"));
    assert_eq!(invited.address, "p@x.example");
    assert_eq!(invited.answer.as_deref(), Some("declined"));
}

#[test]
fn no_more_is_told_than_is_bearable() {
    let many = "ATTENDEE:mailto:a@b\r\n".repeat(3_000);
    assert_eq!(one(&many).attendees.len(), PEOPLE_MAX);
    let several = "BEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\n".repeat(3_000);
    assert_eq!(events(several.as_bytes()).len(), EVENTS_MAX);
    let long = format!("LOCATION:{}", "x".repeat(60_000));
    assert_eq!(one(&long).location.map(|text| text.len()), Some(TEXT_MAX));
}

proptest! {
    #[test]
    fn any_octets_are_read(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        lines in "[A-Z;:=\"\\\\,a-z0-9 \n]{0,200}",
    ) {
        in_words(&events(&octets));
        let within = format!("BEGIN:VEVENT\n{lines}\nDURATION:{lines}\nRRULE:{}", lines.replace('\n', ";"));
        in_words(&events(within.as_bytes()));
    }
}
