//! The newest tickets, a row each, with the counts above them.

use super::html::{size, when, Html};
use crate::contract::Person;
use crate::directory::Directory;
use crate::state::{Shown, State};
use std::io;

/// How many tickets a page has.
const ROWS: usize = 50;

/// The page behind the newest `skip` tickets.
pub fn page(state: &State, directory: &Directory, skip: usize) -> io::Result<String> {
    let mut page = Html::begin("Tickets");
    page.ours("<header><h1>Tickets</h1>")
        .ours("<p class=\"quiet\">The stand-in portal of postern. Nobody&#39;s tickets should live here.</p>")
        .ours("</header>\n");
    counts(&mut page, state);
    let rows = state.newest(skip, ROWS)?;
    if rows.is_empty() {
        page.ours(
            "<p class=\"empty\">No tickets here yet. Load the page again once mail has come.</p>\n",
        );
        return Ok(page.end());
    }
    page.ours(
        "<table class=\"list\"><thead><tr><th>Received (UTC)</th><th>Sender</th><th>Company</th>",
    )
    .ours(
        "<th>Subject</th><th>Mailbox</th><th>Attachments</th><th>Marks</th></tr></thead><tbody>\n",
    );
    for shown in &rows {
        row(&mut page, directory, shown);
    }
    page.ours("</tbody></table>\n");
    turn(&mut page, state, skip, rows.len());
    Ok(page.end())
}

fn counts(page: &mut Html, state: &State) {
    let counts = state.count();
    page.ours("<dl class=\"counts\">");
    for (name, what) in [
        ("tickets", "tickets"),
        ("replies", "replies"),
        ("keys", "different keys"),
        ("doubled", "doubled"),
        ("times_posted", "times posted"),
        ("attachments", "attachments"),
    ] {
        let number = counts[name].as_u64().unwrap_or(0);
        let wrong = name == "doubled" && number > 0;
        page.ours(if wrong {
            "<div class=\"wrong\">"
        } else {
            "<div>"
        })
        .ours("<dt>")
        .ours(what)
        .ours("</dt><dd>")
        .number(number)
        .ours("</dd></div>");
    }
    page.ours("</dl>\n");
}

fn row(page: &mut Html, directory: &Directory, shown: &Shown) {
    let message = &shown.message;
    page.ours("<tr><td class=\"when\">")
        .text(minute(&when(&message.received_at)))
        .ours("</td><td class=\"sender\">");
    sender(page, message.from.as_ref());
    page.ours("</td><td class=\"company\">")
        .text(&company(directory, message.company.as_deref()))
        .ours("</td><td class=\"subject\"><a href=\"/_page/tickets/")
        .text(&shown.id)
        .ours("\"><bdi>")
        .text(subject(&message.subject))
        .ours("</bdi></a></td><td class=\"mailbox\"><bdi>")
        .text(&message.mailbox)
        .ours("</bdi></td><td class=\"files\">");
    if !message.attachments.is_empty() {
        let octets = message.attachments.iter().map(|a| a.size).sum();
        page.number(message.attachments.len() as u64)
            .ours(" <span class=\"quiet\">")
            .text(&size(octets))
            .ours("</span>");
    }
    page.ours("</td><td class=\"marks\">");
    marks(page, shown);
    page.ours("</td></tr>\n");
}

/// A time without its seconds.
fn minute(when: &str) -> &str {
    when.get(..16).unwrap_or(when)
}

/// Who wrote it: the name with the address behind it, or the address alone.
pub fn sender(page: &mut Html, from: Option<&Person>) {
    let Some(from) = from else {
        page.ours("<span class=\"quiet\">nobody named</span>");
        return;
    };
    match from.name.as_deref().filter(|n| !n.trim().is_empty()) {
        Some(name) => page
            .ours("<bdi>")
            .text(name)
            .ours("</bdi> <bdi class=\"address\">")
            .text(&from.address)
            .ours("</bdi>"),
        None => page.ours("<bdi>").text(&from.address).ours("</bdi>"),
    };
}

/// A company's name, or its id where the directory has it no more.
pub fn company(directory: &Directory, id: Option<&str>) -> String {
    let name = id.map(|id| directory.company(id).unwrap_or(id));
    name.unwrap_or_default().to_owned()
}

/// A subject to click at, also where there is none.
pub fn subject(subject: &str) -> &str {
    match subject.trim() {
        "" => "(no subject)",
        _ => subject,
    }
}

/// What is special about a ticket: not understood, odd, closed, merged, linked, answered, posted more than
/// once.
pub fn marks(page: &mut Html, shown: &Shown) {
    if shown.message.unparsed {
        page.ours("<span class=\"mark warn\">unparsed</span> ");
    }
    if shown.message.automatic {
        page.ours("<span class=\"mark\">automatic</span> ");
    }
    for oddity in &shown.message.oddities {
        page.ours("<span class=\"mark\">")
            .text(oddity)
            .ours("</span> ");
    }
    if shown.standing.closed {
        page.ours("<span class=\"mark\">closed</span> ");
    }
    if shown.standing.merged_into.is_some() {
        page.ours("<span class=\"mark\">merged</span> ");
    }
    if shown.about.is_some() && !shown.reply {
        page.ours("<span class=\"mark\">linked</span> ");
    }
    if !shown.replies.is_empty() {
        page.ours("<span class=\"mark\">")
            .number(shown.replies.len() as u64)
            .ours(" replied</span> ");
    }
    if shown.posted > 1 {
        page.ours("<span class=\"mark\">posted ")
            .number(shown.posted)
            .ours(" times</span> ");
    }
}

/// The ways to newer and older tickets.
fn turn(page: &mut Html, state: &State, skip: usize, rows: usize) {
    let all = state.count()["tickets"].as_u64().unwrap_or(0);
    page.ours("<nav>");
    if skip > 0 {
        page.ours("<a href=\"/?skip=")
            .number(skip.saturating_sub(ROWS) as u64)
            .ours("\">newer</a>");
    }
    page.ours("<span class=\"quiet\">")
        .number(skip as u64 + 1)
        .ours(" to ")
        .number((skip + rows) as u64)
        .ours(" of ")
        .number(all)
        .ours("</span>");
    if ((skip + rows) as u64) < all {
        page.ours("<a href=\"/?skip=")
            .number((skip + ROWS) as u64)
            .ours("\">older</a>");
    }
    page.ours("</nav>");
}
