//! The directory as text: how it stands, what an address would be, companies, people.

use super::super::text::{clean, cut, table, Style};
use super::{heading, more, plural};
use crate::control::{DirectoryLine, DirectoryPage};

pub(super) fn page(page: &DirectoryPage, style: Style) -> String {
    let mut out = standing(page, style);
    if let Some(said) = &page.said {
        out.push_str(&format!("\n{}\n", style.bold(&clean(said))));
    }
    let of = |kind: &str| {
        let lines = page.listed.items.iter();
        lines.filter(|l| l.kind == kind).collect::<Vec<_>>()
    };
    let (companies, people) = (of("company"), of("person"));
    if !companies.is_empty() {
        let mut rows = vec![heading(&["COMPANY", "PEOPLE", "DOMAINS", "ID"])];
        rows.extend(companies.into_iter().map(company));
        out.push_str(&format!("\n{}", table(&rows)));
    }
    if !people.is_empty() {
        let mut rows = vec![heading(&["PERSON", "COMPANY", "ADDRESSES", "ID"])];
        rows.extend(people.into_iter().map(person));
        out.push_str(&format!("\n{}", table(&rows)));
    }
    if page.listed.items.is_empty() && page.said.is_none() {
        out.push_str("\nNothing was found.\n");
    }
    out.push_str(&more(page.listed.next.as_deref(), style));
    out
}

fn standing(page: &DirectoryPage, style: Style) -> String {
    let time = |at: &Option<String>| clean(at.as_deref().unwrap_or("an unknown time"));
    let read = match page.whole {
        true => format!(
            "read whole at {}, up to date at {}",
            time(&page.whole_at),
            time(&page.read_at)
        ),
        false => style.warn("not read whole yet"),
    };
    let mut out = format!(
        "{} {}, {} {}; {read}\n",
        page.companies,
        plural(page.companies, "company", "companies"),
        page.people,
        plural(page.people, "person", "people"),
    );
    if let Some(trouble) = &page.trouble {
        out.push_str(&format!("{} {}\n", style.bad("!"), clean(trouble)));
    }
    out
}

fn company(line: &DirectoryLine) -> Vec<String> {
    vec![
        cut(&clean(&line.name), 40),
        line.people.unwrap_or(0).to_string(),
        known_by(line),
        clean(&line.id),
    ]
}

fn person(line: &DirectoryLine) -> Vec<String> {
    let company = line.company_name.as_deref().or(line.company.as_deref());
    let name = cut(&clean(&line.name), 40);
    vec![
        match line.technician {
            true => format!("{name} (technician)"),
            false => name,
        },
        cut(&clean(company.unwrap_or("-")), 32),
        known_by(line),
        clean(&line.id),
    ]
}

fn known_by(line: &DirectoryLine) -> String {
    match line.known_by.is_empty() {
        true => "-".to_owned(),
        false => cut(&clean(&line.known_by.join(", ")), 80),
    }
}
