//! Who writes to the help desk: companies and their people, all on reserved example domains
//! (RFC 2606 §3), and the directory that the stand-in portal serves about them.

use serde_json::{json, Value};

/// A company that the portal knows.
pub struct Company {
    /// Id at the portal.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Domains of its people.
    pub domains: &'static [&'static str],
}

/// A person who writes.
#[derive(Clone, Copy)]
pub struct Person {
    /// Id at the portal; empty for strangers.
    pub id: &'static str,
    /// Name as it stands in From.
    pub name: &'static str,
    /// Address that mail comes from.
    pub address: &'static str,
    /// Company's id; empty for strangers.
    pub company: &'static str,
}

const fn company(
    id: &'static str,
    name: &'static str,
    domains: &'static [&'static str],
) -> Company {
    Company { id, name, domains }
}

const fn person(
    id: &'static str,
    name: &'static str,
    address: &'static str,
    company: &'static str,
) -> Person {
    Person {
        id,
        name,
        address,
        company,
    }
}

/// The portal's companies.
pub const COMPANIES: &[Company] = &[
    company("C-01", "Bäckerei Wölfle & Töchter", &["woelfle.example"]),
    company(
        "C-02",
        "Northgate Dental Partners",
        &["northgate-dental.example"],
    ),
    company(
        "C-03",
        "Hôtel du Vieux Phare",
        &["vieuxphare.example", "phare.example.org"],
    ),
    company(
        "C-04",
        "Kowalczyk Transport Sp. z o.o.",
        &["kowalczyk.example"],
    ),
    company("C-05", "さくら精機株式会社", &["sakura-seiki.example"]),
    company(
        "C-06",
        "Saddleback County Library",
        &["library.example.org"],
    ),
    company("C-07", "Талисман Логистика", &["talisman.example"]),
    company("C-08", "青山茶业有限公司", &["qingshan-tea.example"]),
    company(
        "C-09",
        "Llanfair Veterinary Surgery",
        &["llanfairvets.example"],
    ),
];

/// The portal's users.
pub const PEOPLE: &[Person] = &[
    person("U-01", "Jürgen Wölfle", "juergen@woelfle.example", "C-01"),
    person(
        "U-02",
        "Änne Größer",
        "aenne.groesser@woelfle.example",
        "C-01",
    ),
    person(
        "U-03",
        "Priya Raman",
        "priya.raman@northgate-dental.example",
        "C-02",
    ),
    person(
        "U-04",
        "Dr. Tom Okafor",
        "t.okafor@northgate-dental.example",
        "C-02",
    ),
    person(
        "U-05",
        "Reception",
        "reception@northgate-dental.example",
        "C-02",
    ),
    person(
        "U-06",
        "Élodie Lefèvre",
        "elodie@vieuxphare.example",
        "C-03",
    ),
    person(
        "U-07",
        "François Béranger",
        "f.beranger@vieuxphare.example",
        "C-03",
    ),
    person(
        "U-08",
        "Łukasz Kowalczyk",
        "lukasz@kowalczyk.example",
        "C-04",
    ),
    person(
        "U-09",
        "Małgorzata Świątek",
        "m.swiatek@kowalczyk.example",
        "C-04",
    ),
    person("U-10", "田中 健一", "tanaka@sakura-seiki.example", "C-05"),
    person("U-11", "鈴木 由美", "suzuki@sakura-seiki.example", "C-05"),
    person(
        "U-12",
        "Bea Whitlock",
        "bea.whitlock@library.example.org",
        "C-06",
    ),
    person(
        "U-13",
        "Marcus Oyelaran",
        "marcus.oyelaran@library.example.org",
        "C-06",
    ),
    person("U-14", "Ирина Соколова", "irina@talisman.example", "C-07"),
    person("U-15", "Павел Журавлёв", "pavel@talisman.example", "C-07"),
    person("U-16", "李文", "liwen@qingshan-tea.example", "C-08"),
    person(
        "U-17",
        "Gwen Prys-Jones",
        "gwen@llanfairvets.example",
        "C-09",
    ),
    person("U-18", "Siôn Ellis", "sion@llanfairvets.example", "C-09"),
    // A customer's mail server, which some portals list too: its bounces become tickets.
    person(
        "U-19",
        "Mail Delivery System",
        "MAILER-DAEMON@mx.vieuxphare.example",
        "C-03",
    ),
];

/// Nobody whom the portal knows.
pub const STRANGERS: &[Person] = &[
    person("", "Chip Lindqvist", "chip@toner-direct.example.net", ""),
    person("", "", "walk-in.customer@freemail.example.com", ""),
    person("", "Conference Team", "hello@cloudsummit.example.net", ""),
    person("", "Nadia Haddad", "nadia.haddad@freemail.example.com", ""),
];

/// The user with an id such as `U-03`; ids come from this crate only.
pub fn user(id: &str) -> Person {
    PEOPLE
        .iter()
        .copied()
        .find(|p| p.id == id)
        .unwrap_or(STRANGERS[0])
}

/// The directory document, in the shape that the stand-in portal reads.
pub fn directory() -> Value {
    let companies: Vec<Value> = COMPANIES
        .iter()
        .map(|c| json!({"id": c.id, "name": c.name, "domains": c.domains}))
        .collect();
    let users: Vec<Value> = PEOPLE
        .iter()
        .map(
            |p| json!({"id": p.id, "name": p.name, "addresses": [p.address], "company": p.company}),
        )
        .collect();
    json!({"companies": companies, "users": users})
}
