use super::*;
use hyper::header::{HeaderMap, HeaderName};

fn answer(status: u16, fields: &[(&'static str, &str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    Answer {
        status,
        fields: map,
        body: body.as_bytes().to_vec(),
        cut: None,
    }
}

const PROBLEM: (&str, &str) = ("content-type", "application/problem+json; charset=utf-8");

#[test]
fn a_problem_is_heard_with_type_words_and_digests() {
    let digest = "ab".repeat(32);
    let body = format!(
        r#"{{"type":"urn:postern:problem:attachment-missing","title":"T","detail":"D",
            "status":422,"missing":["{digest}","nonsense"]}}"#
    );
    let heard = heard(
        &answer(422, &[PROBLEM, ("retry-after", "9")], &body),
        Wall(0),
    );
    assert_eq!(
        (heard.kind.as_str(), heard.problem),
        ("attachment-missing", true)
    );
    assert_eq!(heard.words, "T: D");
    assert_eq!(heard.missing, [[0xab; 32]]);
    assert_eq!(heard.after, Some(Duration::from_secs(9)));
}

#[test]
fn somebody_elses_page_has_no_words() {
    let page = "<html>502 Bad Gateway</html>";
    for body in [page, "{\"title\":\"T\"}"] {
        let heard = heard(
            &answer(502, &[("content-type", "text/html")], body),
            Wall(0),
        );
        assert_eq!((heard.problem, heard.words.as_str()), (false, ""));
    }
    let heard = heard(&answer(502, &[PROBLEM], page), Wall(0));
    assert!(!heard.problem);
}

#[test]
fn words_without_end_are_cut() {
    let body = format!(
        "{{\"type\":\"about:blank\",\"title\":\"{}\"}}",
        "ä".repeat(9000)
    );
    let heard = heard(&answer(400, &[PROBLEM], &body), Wall(0));
    assert_eq!(heard.words.chars().count(), WORDS);
    assert_eq!(heard.kind, "");
}

const PING: &str = r#"{"api":"1.7","time":"2026-03-02T08:15:30Z","epoch":"e1",
    "keys_kept_seconds":2592000,"new":1,
    "capabilities":{"idempotency_keys":true,"find_by_key":true}}"#;

fn ping(body: &str) -> Result<Ping, Fault> {
    read::<PingSaid>(Act::Ping, &answer(200, &[], body))?.checked()
}

#[test]
fn a_ping_says_how_the_portal_behaves() {
    let good = ping(PING).unwrap();
    assert_eq!(good.keeps_keys, Some(Duration::from_secs(2_592_000)));
    assert_eq!((good.epoch.as_str(), good.restored_to), ("e1", None));
    assert_eq!(good.time, Some(Wall(1_772_439_330_000)));
    let forgetful = ping(&PING.replace("keys\":true", "keys\":false")).unwrap();
    assert_eq!(forgetful.keeps_keys, None);
}

#[test]
fn a_ping_of_something_else_pauses_the_link() {
    for odd in [
        PING.replace("1.7", "2.0"),
        PING.replace("\"e1\"", "\"\""),
        "<html>".to_owned(),
        String::new(),
    ] {
        assert!(matches!(ping(&odd), Err(Fault::Link { .. })), "{odd}");
    }
}

#[test]
fn a_page_that_leads_nowhere_is_refused() {
    let body = r#"{"users":[],"companies":[],"removed":[{"kind":"user","id":"u"}],
        "cursor":"c","more":true}"#;
    let page: PageSaid = read(Act::Directory, &answer(200, &[], body)).unwrap();
    assert_eq!(page.removed, [Removed::User("u".to_owned())]);
    assert!(matches!(page.checked(Some("c")), Err(Fault::Later { .. })));
    let page: PageSaid = read(Act::Directory, &answer(200, &[], body)).unwrap();
    assert_eq!(page.checked(None).unwrap().cursor, "c");
}

#[test]
fn an_entry_without_an_id_is_refused() {
    let body = r#"{"users":[],"companies":[{"id":"","name":"N","domains":[]}],"removed":[],
        "cursor":"c","more":false}"#;
    let page: PageSaid = read(Act::Directory, &answer(200, &[], body)).unwrap();
    assert!(matches!(page.checked(None), Err(Fault::Later { .. })));
}

#[test]
fn a_receipt_of_another_key_leaves_the_write_in_doubt() {
    let body = r#"{"kind":"reply","id":"R-1","ticket":"T-1","key":"k","accepted_at":"x"}"#;
    let said = || read::<ReceiptSaid>(Act::Create, &answer(201, &[], body)).unwrap();
    let other = said().checked(Act::Create, "other");
    assert!(matches!(other, Err(Fault::Unsure { .. })));
    let receipt = said().checked(Act::Create, "k").unwrap();
    assert_eq!(receipt.reply.as_deref(), Some("R-1"));
    assert_eq!(receipt.ticket, "T-1");
}

#[test]
fn a_cut_answer_is_not_believed_even_when_what_came_can_be_read() {
    let mut cut = answer(200, &[], PING);
    cut.cut = Some("the time is up".to_owned());
    assert!(read::<PingSaid>(Act::Ping, &cut).is_err());
}

#[test]
fn a_contract_cannot_be_made_of_settings_that_cannot_be() {
    let world = World::real();
    let mut settings = Settings::default();
    let token = || Secret::new("t".to_owned());
    let make = |settings: &Settings| Contract::new(&world, settings, &token(), None, None).err();
    assert!(matches!(make(&settings), Some(Unusable::Address(_))));
    settings.url = "https://portal.example".to_owned();
    assert!(make(&settings).is_none());
    settings.ca = Some("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----".to_owned());
    assert!(matches!(make(&settings), Some(Unusable::Authorities(_))));
    settings.pin = Some("zz".to_owned());
    assert!(matches!(make(&settings), Some(Unusable::Pin)));
}
