use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::index::{Told, View};

fn open(dir: &Path) -> (Index, View) {
    let (index, _) = Index::open(dir, 1 << 20, [9; 8]).unwrap();
    let view = index.view();
    (index, view)
}

fn user(id: &str, company: Option<&str>, addresses: &[&str]) -> Change {
    Change::User(User {
        id: id.to_owned(),
        addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
        name: id.to_owned(),
        company: company.map(str::to_owned),
        technician: false,
    })
}

fn company(id: &str, domains: &[&str]) -> Change {
    Change::Company(Company {
        id: id.to_owned(),
        name: id.to_owned(),
        domains: domains.iter().map(|d| (*d).to_owned()).collect(),
    })
}

fn found(id: &str, company: Option<&str>) -> Found {
    Found::User {
        id: id.to_owned(),
        company: company.map(str::to_owned),
        technician: false,
    }
}

fn nobody(company: Option<&str>) -> Found {
    Found::Nobody {
        company: company.map(str::to_owned),
    }
}

#[test]
fn nobody_is_unknown_before_the_directory_was_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let at = Some("1".to_owned());
    index
        .learn_directory(&[user("u", None, &["A@x.org"])], at, false, 1)
        .unwrap();
    assert_eq!(view.find_address("a@x.org").unwrap(), Found::NotRead);
    index
        .learn_directory(&[company("c", &["X.org"])], None, true, 2)
        .unwrap();
    assert_eq!(view.find_address("a@x.org").unwrap(), found("u", None));
    assert_eq!(view.find_address("b@x.org").unwrap(), nobody(Some("c")));
    assert_eq!(view.find_address("b@y.org").unwrap(), nobody(None));
    let state = view.directory().unwrap();
    assert!(state.is_complete());
    assert_eq!(
        (state.users, state.companies, state.read_at),
        (1, 1, Some(2))
    );
}

#[test]
fn the_old_directory_serves_until_the_new_one_is_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let first = [user("u", None, &["a@x.org"]), user("v", None, &["b@x.org"])];
    index.learn_directory(&first, None, true, 1).unwrap();
    for _ in 0..3 {
        index.restart_directory().unwrap();
        let page = [user("w", None, &["c@x.org"])];
        index
            .learn_directory(&page, Some("1".to_owned()), false, 2)
            .unwrap();
        assert_eq!(view.find_address("a@x.org").unwrap(), found("u", None));
        assert_eq!(view.find_address("c@x.org").unwrap(), nobody(None));
    }
    // A filling that was given up leaves nothing in the next one.
    index.restart_directory().unwrap();
    let page = [user("v", None, &["b@x.org"])];
    index.learn_directory(&page, None, true, 3).unwrap();
    assert_eq!(view.find_address("a@x.org").unwrap(), nobody(None));
    assert_eq!(view.find_address("b@x.org").unwrap(), found("v", None));
    assert_eq!(view.find_address("c@x.org").unwrap(), nobody(None));
    assert_eq!(view.directory().unwrap().users, 1);
    assert_eq!(view.users("", 9).unwrap().len(), 1);
}

#[test]
fn who_is_gone_is_gone_with_all_addresses_and_domains() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let first = [
        user("u", Some("c"), &["a@x.org", "b@x.org"]),
        company("c", &["x.org", "y.org"]),
    ];
    index.learn_directory(&first, None, true, 1).unwrap();
    let fewer = [user("u", Some("c"), &["b@x.org"]), company("c", &["y.org"])];
    index.learn_directory(&fewer, None, true, 2).unwrap();
    assert_eq!(view.find_address("a@x.org").unwrap(), nobody(None));
    assert_eq!(view.find_address("a@y.org").unwrap(), nobody(Some("c")));
    let gone = [
        Change::UserGone("u".to_owned()),
        Change::CompanyGone("c".to_owned()),
        Change::UserGone("never-there".to_owned()),
    ];
    index.learn_directory(&gone, None, true, 3).unwrap();
    assert_eq!(view.find_address("b@x.org").unwrap(), nobody(None));
    assert_eq!(view.find_address("a@y.org").unwrap(), nobody(None));
    let state = view.directory().unwrap();
    assert_eq!((state.users, state.companies), (0, 0));
}

#[test]
fn an_address_that_moves_within_one_page_belongs_to_its_new_owner() {
    let old = || user("u", Some("c"), &["a@x.org"]);
    let loses = || user("u", Some("c"), &[]);
    let gains = || user("v", Some("d"), &["a@x.org"]);
    for page in [[loses(), gains()], [gains(), loses()]] {
        let dir = tempfile::tempdir().unwrap();
        let (mut index, view) = open(dir.path());
        index
            .learn_directory(
                &[old(), company("c", &["x.org"]), company("d", &[])],
                None,
                true,
                1,
            )
            .unwrap();
        index.learn_directory(&page, None, true, 2).unwrap();
        assert_eq!(view.find_address("a@x.org").unwrap(), found("v", Some("d")));
    }
    for page in [
        [company("c", &[]), company("d", &["x.org"])],
        [company("d", &["x.org"]), company("c", &[])],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut index, view) = open(dir.path());
        index
            .learn_directory(&[company("c", &["x.org"])], None, true, 1)
            .unwrap();
        index.learn_directory(&page, None, true, 2).unwrap();
        assert_eq!(view.find_address("b@x.org").unwrap(), nobody(Some("d")));
    }
}

#[test]
fn a_user_who_goes_to_another_company_takes_the_address_along() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let first = [
        user("u", Some("c"), &["a@x.org"]),
        company("c", &[]),
        company("d", &[]),
    ];
    index.learn_directory(&first, None, true, 1).unwrap();
    index
        .learn_directory(&[user("u", Some("d"), &["a@x.org"])], None, true, 2)
        .unwrap();
    assert_eq!(view.find_address("a@x.org").unwrap(), found("u", Some("d")));
    assert_eq!(view.directory().unwrap().users, 1);
}

/// Goes red where a user is said to have a company that the directory does not have: one that is gone, also
/// where nobody told of the user since, or was not told of yet.
#[test]
fn a_user_has_no_company_that_the_directory_has_not() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let there = [user("u", Some("c"), &["a@x.org"]), company("c", &["x.org"])];
    let gone = Change::CompanyGone("c".to_owned());
    let told: [(&[Change], Option<&str>); 5] = [
        (&there[..1], None),
        (&there[1..], Some("c")),
        (&[gone], None),
        (&there[..1], None),
        (&there[1..], Some("c")),
    ];
    for (at, (changes, has)) in told.into_iter().enumerate() {
        index.learn_directory(changes, None, true, 1).unwrap();
        assert_eq!(
            view.find_address("a@x.org").unwrap(),
            found("u", has),
            "{at}"
        );
    }
    // A whole reading tells of nothing that is gone.
    index.restart_directory().unwrap();
    index.learn_directory(&there[..1], None, true, 2).unwrap();
    assert_eq!(view.find_address("a@x.org").unwrap(), found("u", None));
}

#[test]
fn the_second_change_of_one_user_in_a_page_sees_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let page = [
        user("u", None, &["a@x.org", "b@x.org"]),
        user("u", None, &["b@x.org", "c@x.org"]),
        Change::UserGone("u".to_owned()),
        user("u", Some("c"), &["d@x.org"]),
    ];
    index.learn_directory(&page, None, true, 1).unwrap();
    let Change::User(only) = user("u", Some("c"), &["d@x.org"]) else {
        unreachable!()
    };
    assert_eq!(view.users("", 9).unwrap(), [only]);
    assert_eq!(view.directory().unwrap().users, 1);
}

/// What the directory should be after some changes, kept the simple way.
#[derive(Default)]
struct Model {
    users: BTreeMap<String, User>,
    companies: BTreeMap<String, Company>,
}

impl Model {
    fn learn(&mut self, change: &Change) {
        match change.clone() {
            Change::User(user) => drop(self.users.insert(user.id.clone(), user)),
            Change::Company(company) => {
                drop(self.companies.insert(company.id.clone(), company));
            }
            Change::UserGone(id) => drop(self.users.remove(&id)),
            Change::CompanyGone(id) => drop(self.companies.remove(&id)),
        }
    }

    /// Every table must say the same.
    fn check(&self, view: &View) {
        let users: Vec<User> = self.users.values().cloned().collect();
        assert_eq!(view.users("", 99).unwrap(), users);
        let of = |id: &str| {
            let users = users.iter().filter(|u| u.company.as_deref() == Some(id));
            users.map(|u| u.id.clone()).collect::<Vec<_>>()
        };
        let companies = self.companies.values();
        let counted: Vec<(Company, u64)> = companies
            .map(|c| (c.clone(), of(&c.id).len() as u64))
            .collect();
        assert_eq!(view.companies("", 99).unwrap(), counted);
        // The book holds what is true now, each once; in the order in which it was told.
        let by_id = |told: &Told| match told {
            Told::User(user) => (1, user.id.clone()),
            Told::Company(company) => (0, company.id.clone()),
        };
        let mut wanted: Vec<Told> = users.iter().cloned().map(Told::User).collect();
        wanted.extend(self.companies.values().cloned().map(Told::Company));
        wanted.sort_by_key(by_id);
        let searched = view.search(&[], (0, 0), 99, 99).unwrap();
        let mut found = searched.found;
        found.sort_by_key(by_id);
        assert_eq!((found, searched.next), (wanted, None));
    }
}

fn changes() -> impl Strategy<Value = Change> {
    let name = || "(anna|berta|lang|o'neil|Ö)( (anna|Lang|zorn)){0,2}";
    let company = || prop::option::of("c[0-2]");
    prop_oneof![
        4 => ("u[0-3]", name(), company(), any::<bool>()).prop_map(|(id, name, company, technician)| Change::User(User {
            addresses: vec![format!("{id}@x.org")],
            id,
            name,
            company,
            technician,
        })),
        2 => ("c[0-2]", name()).prop_map(|(id, name)| Change::Company(Company {
            id,
            name,
            domains: Vec::new(),
        })),
        1 => "u[0-3]".prop_map(Change::UserGone),
        1 => "c[0-2]".prop_map(Change::CompanyGone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lists_counts_and_book_follow_every_change(
        pages in prop::collection::vec(prop::collection::vec(changes(), 0..6), 1..6)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (mut index, view) = open(dir.path());
        let mut model = Model::default();
        for page in pages {
            index.learn_directory(&page, None, true, 1).unwrap();
            page.iter().for_each(|change| model.learn(change));
            model.check(&view);
        }
    }
}

#[test]
fn what_is_listed_comes_in_pages_behind_what_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let all: Vec<Change> = (0..50)
        .map(|n| user(&format!("u{n:02}"), Some("c"), &[&format!("p{n:02}@x.org")]))
        .collect();
    index.learn_directory(&all, None, true, 1).unwrap();
    #[track_caller]
    fn check(mut page: impl FnMut(&str) -> Vec<String>) {
        let (mut seen, mut after) = (0, String::new());
        loop {
            let ids = page(&after);
            let Some(last) = ids.last().cloned() else {
                break;
            };
            assert!(last > after);
            after = last;
            seen += ids.len();
        }
        assert_eq!(seen, 50);
    }
    check(|after| {
        let users = view.users(after, 7).unwrap().into_iter();
        users.map(|u| u.id).collect()
    });
    let (mut seen, mut from) = (Vec::new(), Some((0, 0)));
    while let Some(at) = from {
        let searched = view.search(&["u".to_owned()], at, 9, 7).unwrap();
        seen.extend(searched.found);
        from = searched.next;
    }
    assert_eq!(seen.len(), 50);
}

#[test]
fn the_book_is_searched_for_names_addresses_domains_and_ids() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let all = [
        company("c", &["Nord.example"]),
        user("u", Some("c"), &["A@nord.example"]),
        user("uu", Some("d"), &["b@süd.example"]),
    ];
    index.learn_directory(&all, None, true, 1).unwrap();
    #[track_caller]
    fn check(view: &View, words: &[&str], wanted: &[&str]) {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let found = view.search(&words, (0, 0), 9, 9).unwrap().found;
        let ids: Vec<&str> = found
            .iter()
            .map(|told| match told {
                Told::User(user) => user.id.as_str(),
                Told::Company(company) => company.id.as_str(),
            })
            .collect();
        assert_eq!(ids, wanted, "{words:?}");
    }
    check(&view, &["nord"], &["c", "u"]);
    check(&view, &["c"], &["c", "u"]);
    check(&view, &["a@nord.example"], &["u"]);
    check(&view, &["nord", "süd"], &[]);
    check(&view, &["uu"], &["uu"]);
    check(&view, &["d"], &["c", "u", "uu"]);
}

#[test]
fn what_was_told_again_unchanged_takes_no_room_and_a_worn_book_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let same: Vec<Change> = (0..100)
        .map(|n| user(&format!("u{n}"), None, &[]))
        .collect();
    for _ in 0..20 {
        index.learn_directory(&same, None, true, 1).unwrap();
    }
    let state = view.directory().unwrap();
    assert_eq!((state.written, state.is_worn()), (100, false));
    for n in 0..110 {
        let other = (0..100).map(|m| user(&format!("u{m}"), Some(&format!("c{n}")), &[]));
        index
            .learn_directory(&other.collect::<Vec<_>>(), None, true, 1)
            .unwrap();
    }
    assert!(view.directory().unwrap().is_worn());
    index.restart_directory().unwrap();
    index.learn_directory(&same, None, true, 1).unwrap();
    assert!(!view.directory().unwrap().is_worn());
    let book = view.search(&[], (0, 0), 99, 999).unwrap();
    assert_eq!(book.found.len(), 100);
}

#[test]
fn a_whole_reading_is_told_from_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let times = |view: &View| {
        let state = view.directory().unwrap();
        (state.whole_at, state.read_at)
    };
    index.learn_directory(&[], None, false, 1).unwrap();
    assert_eq!(times(&view), (None, None));
    index.learn_directory(&[], None, true, 2).unwrap();
    index.learn_directory(&[], None, true, 3).unwrap();
    assert_eq!(times(&view), (Some(2), Some(3)));
    index.restart_directory().unwrap();
    index.learn_directory(&[], None, true, 4).unwrap();
    assert_eq!(times(&view), (Some(4), Some(4)));
}

/// Goes red where an international domain is another one in its other spelling.
#[test]
fn a_domain_is_the_same_in_both_of_its_spellings() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let at = Some("1".to_owned());
    let page = [
        user("u", None, &["Anna@Bücher.example"]),
        company("c", &["xn--mller-kva.example", "Über.example"]),
    ];
    index.learn_directory(&page, at.clone(), true, 7).unwrap();
    let form = |address: &str| address_form(address);
    for spelling in ["anna@bücher.example", "ANNA@xn--bcher-kva.example."] {
        assert_eq!(
            view.find_address(&form(spelling)).unwrap(),
            found("u", None)
        );
    }
    for domain in ["x@müller.example", "x@xn--ber-goa.example"] {
        assert_eq!(view.find_address(&form(domain)).unwrap(), nobody(Some("c")));
    }
    let page = [
        user("u", None, &["a@xn--bcher-kva.example"]),
        Change::CompanyGone("c".to_owned()),
    ];
    index.learn_directory(&page, at, true, 8).unwrap();
    assert_eq!(
        view.find_address(&form("anna@bücher.example")).unwrap(),
        nobody(None)
    );
    assert_eq!(
        view.find_address(&form("x@über.example")).unwrap(),
        nobody(None)
    );
}

/// Goes red where a technician is not told from others, or stays one.
#[test]
fn a_technician_is_known_as_one_for_as_long_as_the_portal_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (mut index, view) = open(dir.path());
    let told = |technician| match user("u", None, &["a@x.org"]) {
        Change::User(user) => Change::User(User { technician, ..user }),
        other => other,
    };
    let is = |view: &View| match view.find_address("a@x.org").unwrap() {
        Found::User { technician, .. } => Some(technician),
        _ => None,
    };
    for technician in [false, true, true, false, true] {
        let page = [told(technician)];
        index.learn_directory(&page, None, true, 7).unwrap();
        assert_eq!(is(&view), Some(technician));
        assert_eq!(
            view.user("u").unwrap().map(|u| u.technician),
            Some(technician)
        );
    }
    let page = [Change::UserGone("u".to_owned())];
    index.learn_directory(&page, None, true, 7).unwrap();
    assert_eq!(is(&view), None);
    index
        .learn_directory(&[told(false)], None, true, 7)
        .unwrap();
    assert_eq!(is(&view), Some(false));
}
