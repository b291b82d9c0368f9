use super::*;
use crate::engine::tests::{self, SIZES};
use crate::engine::writer::Writer;
use crate::index::Change;

fn user(id: &str, name: &str, company: Option<&str>, addresses: &[&str]) -> Change {
    Change::User(User {
        id: id.to_owned(),
        addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
        name: name.to_owned(),
        company: company.map(str::to_owned),
        technician: false,
    })
}

fn company(id: &str, name: &str, domains: &[&str]) -> Change {
    Change::Company(Company {
        id: id.to_owned(),
        name: name.to_owned(),
        domains: domains.iter().map(|d| (*d).to_owned()).collect(),
    })
}

/// A directory with these changes learned, and how it is read.
fn directory(changes: &[Change]) -> (tempfile::TempDir, Writer, Reader) {
    let dir = tempfile::tempdir().unwrap();
    let tests::Opened {
        mut writer, reader, ..
    } = tests::open(dir.path(), SIZES);
    writer.learn_directory("", changes, None, true, 7).unwrap();
    (dir, writer, reader)
}

fn some() -> Vec<Change> {
    vec![
        company("c-1", "Nordwind GmbH", &["nordwind.example", "nw.example"]),
        company("c-2", "Lange & Söhne", &["lange.example"]),
        user(
            "u-1",
            "Petra Lang",
            Some("c-1"),
            &["Petra@Nordwind.example"],
        ),
        user(
            "u-2",
            "Anna Anders",
            Some("c-1"),
            &["anna@nordwind.example"],
        ),
        user("u-3", "Langer Lulatsch", None, &["lulatsch@far.example"]),
        user("u-4", "Otto", Some("c-9"), &["otto@nowhere.example"]),
    ]
}

fn ids(page: &Page) -> Vec<&str> {
    let id = |line: &'_ Line| match line {
        Line::Company { company, .. } => company.id.clone(),
        Line::User { user, .. } => user.id.clone(),
    };
    let lines = page.lines.iter();
    // Ids are short: leaked, they make the tests easy to read.
    lines.map(|l| &*Box::leak(id(l).into_boxed_str())).collect()
}

#[track_caller]
fn check(text: &str, wanted: &[&str]) -> Page {
    let (_dir, _writer, reader) = directory(&some());
    let page = step(&reader, &Wanted::of(text), None, 50).unwrap();
    assert_eq!(ids(&page), wanted, "{text}");
    assert_eq!(page.next, None);
    page
}

#[test]
fn everything_is_companies_and_then_users() {
    let page = check("", &["c-1", "c-2", "u-1", "u-2", "u-3", "u-4"]);
    assert_eq!((page.state.users, page.state.companies), (4, 2));
    let Line::Company { users, .. } = &page.lines[0] else {
        panic!("{:?}", page.lines)
    };
    assert_eq!(*users, 2);
    let company = |at: usize| match &page.lines[at] {
        Line::User { company, .. } => company.clone(),
        line => panic!("{line:?}"),
    };
    assert_eq!(company(2).as_deref(), Some("Nordwind GmbH"));
    // A company that the portal never told of has no name.
    assert_eq!((company(4), company(5)), (None, None));
}

#[test]
fn words_find_whoever_has_all_of_them() {
    check("lang", &["c-2", "u-1", "u-3"]);
    check("LANG pet", &["u-1"]);
    check("söhne", &["c-2"]);
    check("petra otto", &[]);
    check("?!", &[]);
}

#[test]
fn a_domain_and_an_id_lead_to_the_company_and_its_users() {
    check("Nordwind.example", &["c-1", "u-1", "u-2"]);
    check("@nordwind.example", &["u-1", "u-2"]);
    check("nw.example", &["c-1"]);
    check("C-1", &["c-1", "u-1", "u-2"]);
    check("u-3", &["u-3"]);
}

#[test]
fn an_address_tells_who_a_sender_would_be() {
    let known = check("PETRA@nordwind.example", &["c-1", "u-1"]);
    let sender = Sender::Known {
        user: "u-1".to_owned(),
        company: Some("c-1".to_owned()),
        technician: false,
    };
    assert_eq!(known.sender, Some(sender));
    let hinted = check("otto@nw.example", &["c-1"]);
    let sender = Sender::Unknown {
        company_hint: Some("c-1".to_owned()),
    };
    assert_eq!(hinted.sender, Some(sender));
    let unknown = check("otto@far.example", &[]);
    let sender = Sender::Unknown { company_hint: None };
    assert_eq!(unknown.sender, Some(sender));
    assert_eq!(check("otto", &["u-4"]).sender, None);
}

#[test]
fn before_the_directory_was_read_whole_nobody_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let tests::Opened {
        mut writer, reader, ..
    } = tests::open(dir.path(), SIZES);
    writer.learn_directory("", &some(), None, false, 7).unwrap();
    let asked = step(&reader, &Wanted::of("otto@far.example"), None, 50).unwrap();
    assert_eq!(asked.sender, Some(Sender::DirectoryNotRead));
    let all = step(&reader, &Wanted::All, None, 50).unwrap();
    assert_eq!((all.lines.len(), all.state.is_complete()), (6, false));
}

/// Every page of what is wanted, one after the other, by the cursors as people type them.
fn walk(reader: &Reader, wanted: &Wanted, limit: usize) -> Vec<String> {
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = step(reader, wanted, after, limit).unwrap();
        assert!(page.lines.len() <= limit, "{limit}: {:?}", page.lines);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        match page.next {
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return seen,
        }
    }
}

#[test]
fn pages_of_any_size_hold_each_line_once() {
    let mut changes = vec![
        company("many", "The Many", &[]),
        company("c-0", "Other", &[]),
    ];
    changes.extend((0..23).map(|n| user(&format!("u{n:02}"), "Man Manning", Some("many"), &[])));
    let (_dir, _writer, reader) = directory(&changes);
    for limit in [1, 2, 3, 7, 12, 24, 25, 26, 100] {
        let mut wanted: Vec<String> = vec!["c-0".to_owned(), "many".to_owned()];
        wanted.extend((0..23).map(|n| format!("u{n:02}")));
        assert_eq!(walk(&reader, &Wanted::All, limit), wanted, "{limit}");
        let found = walk(&reader, &Wanted::of("man"), limit);
        assert_eq!(found, wanted[1..], "{limit}");
    }
}

#[test]
fn a_step_reads_a_bounded_part_of_the_book() {
    let mut changes: Vec<Change> = (0..20_000)
        .map(|n| user(&format!("u{n:05}"), "Common Name of some length", None, &[]))
        .collect();
    changes.push(user("z", "Common Zorn", None, &[]));
    let (_dir, _writer, reader) = directory(&changes);
    let wanted = Wanted::of("common zorn");
    let first = step(&reader, &wanted, None, 50).unwrap();
    assert!(first.lines.is_empty());
    assert_eq!(first.next, Some(Cursor::Book(BOOK_PAGES as u32, 0)));
    assert_eq!(walk(&reader, &wanted, 50), ["z"]);
}

#[test]
fn what_is_no_cursor_of_ours_is_refused() {
    for text in ["", "c6", "x61", "uzz", "uff", "ü", "12-3", "b1", "b1-x"] {
        assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
    }
    for odd in [Cursor::User("ä\0-1".to_owned()), Cursor::Book(7, 0)] {
        assert_eq!(odd.to_string().parse(), Ok(odd));
    }
}
