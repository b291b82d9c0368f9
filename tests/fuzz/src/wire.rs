//! What the journal, the settings, mail servers and portals are read by.

use postern::mailbox::inside as imap_inside;
use postern::passage::record::{raw_start, Record};
use postern::portal::inside as portal_inside;
use postern::settings::{self, Settings, Zones};
use postern::spool::inside as spool_inside;

/// Records (postcard): what is read is written again, and read equal.
pub fn record(octets: &[u8]) {
    let (kind, payload) = octets.split_first().unwrap_or((&0, &[]));
    let _start = raw_start(payload);
    // Each kind, the first octet's before the others.
    for kind in std::iter::once(*kind).chain(1..=14) {
        let Ok(record) = Record::decode(kind, payload) else {
            continue;
        };
        let written = record.encode();
        let again = Record::decode(record.kind() as u8, &written);
        assert_eq!(again, Ok(record), "kind {kind} is read as another");
    }
}

/// The journal's own framing: what is sealed is read, and what has another octet is not.
pub fn journal(octets: &[u8]) {
    spool_inside::opening(octets);
    spool_inside::frame(octets);
}

/// Settings files: what is taken says itself again.
pub fn settings(octets: &[u8]) {
    let said = String::from_utf8_lossy(octets);
    let zones = Zones {
        named: &|_| None,
        system: jiff::tz::TimeZone::UTC,
    };
    let Ok(import) = settings::import(&said, &Settings::default(), &zones) else {
        return;
    };
    let written = settings::export(&import.settings, None);
    let again = settings::import(&written, &import.settings, &zones);
    let again =
        again.unwrap_or_else(|fault| panic!("what was exported is refused: {fault}\n{written}"));
    assert_eq!(again.settings, import.settings, "{written}");
}

/// Revisions of the settings, as they are kept.
pub fn revision(octets: &[u8]) {
    if let Ok(revision) = settings::Revision::decode(octets) {
        let again = settings::Revision::decode(&revision.encode());
        assert!(
            again.is_ok_and(|again| again == revision),
            "it is read as another"
        );
    }
}

/// A server's answers: through the guard, and what it lets through, through the parser.
pub fn imap(octets: &[u8]) {
    let whole = imap_inside::answers(octets, 1 << 16);
    let pieces = imap_inside::answers(octets, 7);
    assert_eq!(whole, pieces, "pieces make a difference");
}

/// Folder names, dates, capabilities and other words of IMAP.
pub fn folder(octets: &[u8]) {
    let said = String::from_utf8_lossy(octets);
    let wire = imap_inside::utf7(&said);
    assert!(wire.is_ascii());
    assert_eq!(
        imap_inside::of_utf7(&wire),
        said,
        "a name doesn't come back"
    );
    imap_inside::of_utf7(&said);
    imap_inside::words(&said);
}

/// A portal's answers, for everything that it is asked; the first octet chooses the status.
pub fn answer(octets: &[u8]) {
    let (first, body) = octets.split_first().unwrap_or((&0, &[]));
    const STATUSES: [u16; 16] = [
        200, 201, 202, 204, 301, 400, 401, 403, 404, 407, 409, 413, 422, 429, 500, 503,
    ];
    let status = STATUSES[usize::from(*first) % STATUSES.len()];
    let said = portal_inside::answers(status, body);
    for words in said {
        assert!(words.len() < 8_192, "{} octets of words", words.len());
    }
}

/// Fields of HTTP that are read here: Retry-After, and addresses.
pub fn http(octets: &[u8]) {
    use postern::http::origin::{encode, Origin};
    use postern::world::Wall;
    let said = String::from_utf8_lossy(octets);
    postern::http::retry_after::retry_after(&said, Some(&said), Wall(1_800_000_000_000));
    if let Ok(origin) = Origin::parse(&said) {
        let again = Origin::parse(&format!("https://{}/", origin.with_port()));
        assert!(
            again.is_ok(),
            "{said:?} is no address of its own: {}",
            origin.with_port()
        );
    }
    assert!(encode(&said).is_ascii());
}
