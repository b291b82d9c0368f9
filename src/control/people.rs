//! The directory as commands see it: a page of companies and people, and what becomes of a sender.

use super::service::Running;
use super::wire::{DirectoryLine, DirectoryPage, Kind, Listed, Page, Refusal};
use crate::engine::people::{self, Cursor, Line, Wanted};
use crate::settings::Settings;
use crate::ticket::Sender;
use crate::world::Wall;

/// A page of the directory.
pub(super) async fn page(running: &Running, page: &Page) -> Result<DirectoryPage, Refusal> {
    let limit = page.limit.unwrap_or(50).clamp(1, 500) as usize;
    let after: Option<Cursor> = match page.after.as_deref().map(str::parse) {
        None => None,
        Some(Ok(cursor)) => Some(cursor),
        Some(Err(())) => {
            return Err(Refusal::new(
                Kind::Usage,
                "the page's beginning is not one of ours",
            ))
        }
    };
    let find = page.find.as_deref().unwrap_or_default();
    let wanted = Wanted::of(find);
    let found = steps(running, &wanted, after, limit).await?;
    let engine = &running.engine;
    let at = |at: Option<i64>| at.map(|at| Wall(at).to_string());
    let said = found
        .sender
        .as_ref()
        .map(|sender| verdict(find.trim(), sender, &found.lines, &engine.settings()));
    Ok(DirectoryPage {
        people: found.state.users,
        companies: found.state.companies,
        whole: found.state.is_complete(),
        whole_at: at(found.state.whole_at),
        read_at: at(engine
            .directory
            .read_at
            .get()
            .map(|at| at.0)
            .or(found.state.read_at)),
        trouble: engine.directory.trouble.borrow().clone(),
        said,
        listed: Listed {
            items: found.lines.into_iter().map(line).collect(),
            next: found.next.map(|cursor| cursor.to_string()),
            total: None,
        },
    })
}

/// As many steps as a page takes.
async fn steps(
    running: &Running,
    wanted: &Wanted,
    mut after: Option<Cursor>,
    limit: usize,
) -> Result<people::Page, Refusal> {
    let mut lines = Vec::new();
    loop {
        let (wanted, from) = (wanted.clone(), after);
        let room = limit.saturating_sub(lines.len());
        let mut page = running
            .read(move |r| people::step(r, &wanted, from, room))
            .await?;
        lines.append(&mut page.lines);
        if lines.len() < limit && page.next.is_some() {
            after = page.next;
            continue;
        }
        page.lines = lines;
        return Ok(page);
    }
}

fn line(line: Line) -> DirectoryLine {
    match line {
        Line::Company { company, users } => DirectoryLine {
            kind: "company".to_owned(),
            id: company.id,
            name: company.name,
            known_by: company.domains,
            people: Some(users),
            ..DirectoryLine::default()
        },
        Line::User { user, company } => DirectoryLine {
            kind: "person".to_owned(),
            id: user.id,
            name: user.name,
            known_by: user.addresses,
            company: user.company,
            company_name: company,
            people: None,
            technician: user.technician,
        },
    }
}

/// Who a sender with this address would be, and what would become of the mail.
fn verdict(address: &str, sender: &Sender, lines: &[Line], settings: &Settings) -> String {
    let company = |id: &str| {
        let named = lines.iter().find_map(|line| match line {
            Line::Company { company, .. } if company.id == id => Some(company.name.as_str()),
            _ => None,
        });
        match named {
            Some(name) => format!("{name} ({id})"),
            None => id.to_owned(),
        }
    };
    match sender {
        Sender::Known {
            user, company: of, ..
        } => {
            let name = lines.iter().find_map(|line| match line {
                Line::User { user, .. } => Some(user.name.as_str()),
                Line::Company { .. } => None,
            });
            let of = of.as_deref().map(|id| format!(" of {}", company(id)));
            format!(
                "{address} is the address of {} ({user}){}: mail from it becomes a ticket of theirs.",
                name.unwrap_or("a person"),
                of.unwrap_or_else(|| ", who has no company".to_owned())
            )
        }
        Sender::Unknown { company_hint } => {
            let hint = match company_hint {
                Some(id) => format!(
                    "; the domain is that of {}, which makes nobody known, but names the company where \
                     company_by_domain says so",
                    company(id)
                ),
                None => String::new(),
            };
            format!(
                "{address} is nobody's address in the directory{hint}. {}",
                unknown(settings)
            )
        }
        Sender::DirectoryNotRead => format!(
            "Nobody can say whose address {address} is: the directory was never read whole. Mail is held as directory-not-read until it has been."
        ),
    }
}

/// What becomes of mail from unknown senders, by the settings.
fn unknown(settings: &Settings) -> String {
    let (on, off): (Vec<_>, Vec<_>) = settings
        .mailboxes
        .iter()
        .partition(|m| m.process_unknown_senders);
    let names: Vec<&str> = on.iter().map(|m| m.name.as_str()).collect();
    let ticket = "becomes a ticket without a user";
    match (on.is_empty(), off.is_empty()) {
        (true, _) => "Mail from it is held as unknown-sender.".to_owned(),
        (false, true) => format!("Mail from it {ticket}."),
        (false, false) => format!(
            "Mail from it is held as unknown-sender; in mailbox {} it {ticket}.",
            names.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests;
