//! One ticket: what the portal was told of the message, its text, its HTML body in a frame, what was
//! attached, and its replies.

use super::html::{size, when, Html};
use super::list::{company, marks, sender, subject};
use crate::contract::{Alike, Attachment, By, Finding, Invited, Message, Moment, Person};
use crate::directory::Directory;
use crate::state::{Shown, State};
use std::io;

/// The page of a ticket.
pub fn page(state: &State, directory: &Directory, shown: &Shown) -> io::Result<String> {
    let mut page = Html::begin(subject(&shown.message.subject));
    page.ours("<p class=\"back\"><a href=\"/\">All tickets</a></p>\n<article>");
    page.ours("<header><p class=\"quiet\">")
        .text(&shown.id)
        .ours("</p><h1><bdi>")
        .text(subject(&shown.message.subject))
        .ours("</bdi></h1><p class=\"marks\">");
    marks(&mut page, shown);
    page.ours("</p></header>\n");
    told(&mut page, directory, shown);
    thread(&mut page, state, shown);
    content(&mut page, shown);
    page.ours("</article>\n");
    for id in &shown.replies {
        let Some(reply) = state.shown(id)? else {
            continue;
        };
        page.ours("<article><header><p class=\"quiet\">Reply ")
            .text(&reply.id)
            .ours("</p><h2><bdi>")
            .text(subject(&reply.message.subject))
            .ours("</bdi></h2><p class=\"marks\">");
        marks(&mut page, &reply);
        page.ours("</p></header>\n");
        told(&mut page, directory, &reply);
        content(&mut page, &reply);
        page.ours("</article>\n");
    }
    Ok(page.end())
}

/// Everything but the bodies.
fn told(page: &mut Html, directory: &Directory, shown: &Shown) {
    let message = &shown.message;
    page.ours("<dl class=\"told\"><dt>From</dt><dd>");
    sender(page, message.from.as_ref());
    page.ours("</dd>");
    if let Some(person) = &message.sender {
        people(page, "Sent by", std::slice::from_ref(person));
    }
    if let Some(requester) = &message.requester {
        let same = message.from.as_ref().map(|from| &from.address);
        if same != Some(&requester.address) {
            people(page, "Requester", std::slice::from_ref(requester));
        }
    }
    line(page, "Requester by", message.requester_by.map_or("", by));
    line(
        page,
        "Forwarded by",
        message.technician.as_deref().unwrap_or_default(),
    );
    people(page, "To", &message.to);
    people(page, "Cc", &message.cc);
    people(page, "Reply to", &message.reply_to);
    people(page, "Participants", &message.participants);
    if let Some(said) = &message.authentication {
        let found = format!(
            "{}: DMARC {}, DKIM {}, SPF {}",
            said.server,
            finding(said.dmarc),
            finding(said.dkim),
            finding(said.spf)
        );
        line(page, "Authentication", &found);
    }
    if message.doubtful {
        line(page, "Doubtful", "the sender's address may be forged");
    }
    if let Some(storm) = &message.storm {
        let alike = match storm.alike {
            Alike::Sender => "sender",
            Alike::Subject => "subject",
        };
        line(page, "Storm", &format!("{} (one {alike})", storm.said));
    }
    let company = company(directory, message.company.as_deref());
    let claimed = message.date.as_deref().map(when).unwrap_or_default();
    line(page, "Company", &company);
    line(page, "Queue", message.queue.as_deref().unwrap_or_default());
    line(
        page,
        "Priority",
        message.priority.as_deref().unwrap_or_default(),
    );
    line(
        page,
        "Category",
        message.category.as_deref().unwrap_or_default(),
    );
    line(page, "Tags", &message.tags.join(" "));
    line(page, "By the rules", &message.rules.join(" "));
    line(page, "User", message.user.as_deref().unwrap_or_default());
    line(page, "Mailbox", &message.mailbox);
    line(page, "Received (UTC)", &when(&message.received_at));
    line(page, "Sender's date (UTC)", &claimed);
    line(page, "Accepted (UTC)", &when(&shown.at));
    let id = message.message_id.as_deref().unwrap_or_default();
    line(page, "Message-ID", id);
    line(page, "In reply to", &message.in_reply_to.join(" "));
    line(page, "References", &message.references.join(" "));
    line(page, "Key", &message.key);
    page.ours("</dl>\n");
}

/// What the ticket has to do with others, who takes part in it, and what was sent about it.
fn thread(page: &mut Html, state: &State, shown: &Shown) {
    page.ours("<dl class=\"told\">");
    if let Some((key, ticket)) = &shown.about {
        page.ours("<dt>About</dt><dd>");
        match ticket {
            Some(id) => link(page, id),
            None => page
                .text(key)
                .ours(" <span class=\"quiet\">not here</span>"),
        };
        page.ours("</dd>");
    }
    let standing = &shown.standing;
    for (name, ids) in [
        ("Merged into", standing.merged_into.as_slice()),
        ("Merged into it", &standing.merged),
    ] {
        for id in ids {
            page.ours("<dt>").ours(name).ours("</dt><dd>");
            link(page, id).ours("</dd>");
        }
    }
    line(page, "Take part", &state.participants(&shown.id).join(", "));
    let token = shown.message.token.as_deref().unwrap_or_default();
    line(page, "Reply token", token);
    for sent in &standing.sent {
        let id = &sent.message_id;
        line(page, "Sent (UTC)", &format!("{} {id}", when(&sent.at)));
    }
    page.ours("</dl>\n");
}

fn link<'p>(page: &'p mut Html, id: &str) -> &'p mut Html {
    page.ours("<a href=\"/_page/tickets/")
        .text(id)
        .ours("\">")
        .text(id)
        .ours("</a>")
}

fn by(by: By) -> &'static str {
    match by {
        // What everybody expects need not be said.
        By::From => "",
        By::Sender => "Sender",
        By::ReplyTo => "Reply-To",
        By::List => "what a list says of the author",
        By::Forward => "what a technician forwarded",
    }
}

fn finding(finding: Finding) -> String {
    format!("{finding:?}").to_lowercase()
}

fn line(page: &mut Html, name: &'static str, value: &str) {
    if !value.is_empty() {
        page.ours("<dt>")
            .ours(name)
            .ours("</dt><dd><bdi>")
            .text(value)
            .ours("</bdi></dd>");
    }
}

fn people(page: &mut Html, name: &'static str, people: &[Person]) {
    if people.is_empty() {
        return;
    }
    page.ours("<dt>").ours(name).ours("</dt><dd>");
    for person in people {
        page.ours("<div>");
        sender(page, Some(person));
        page.ours("</div>");
    }
    page.ours("</dd>");
}

/// The lines of a text that are new, and the others.
fn folded(text: &str, new_lines: Option<u64>) -> (&str, &str) {
    let at = new_lines.and_then(|new| {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        ends.take(new as usize).last()
    });
    text.split_at(at.unwrap_or(text.len()))
}

/// What the text was made from, how the message is protected, and what it wants in a calendar.
fn told_of(page: &mut Html, message: &Message) {
    if message.text_from.is_none() && message.protection.is_none() && message.events.is_empty() {
        return;
    }
    page.ours("<dl class=\"told\">");
    line(
        page,
        "Text made from",
        message.text_from.as_deref().unwrap_or_default(),
    );
    line(
        page,
        "Protection",
        message.protection.as_deref().unwrap_or_default(),
    );
    for event in &message.events {
        let moment = |moment: &Option<Moment>| {
            let moment = moment.as_ref()?;
            let zone = moment.zone.as_deref().unwrap_or_default();
            Some(format!("{} {zone}", moment.at))
        };
        let person = |person: &Invited| {
            let (name, answer) = (person.name.as_deref(), person.answer.as_deref());
            let (name, answer) = (name.unwrap_or_default(), answer.unwrap_or_default());
            format!("{name} {} {answer}", person.address)
        };
        let texts = [
            ("Calendar", &event.method),
            ("Event", &event.summary),
            ("Repeats", &event.recurs),
            ("Lasts", &event.lasts),
            ("Where", &event.location),
            ("About", &event.about),
            ("Comment", &event.comment),
            ("Event id", &event.uid),
        ];
        for (name, text) in texts {
            line(page, name, text.as_deref().unwrap_or_default());
        }
        let moments = [
            ("From", &event.starts),
            ("Until", &event.ends),
            ("Instead of", &event.instead),
        ];
        for (name, at) in moments {
            line(page, name, &moment(at).unwrap_or_default());
        }
        let organizer = event.organizer.as_ref().map(person);
        line(page, "Organizer", &organizer.unwrap_or_default());
        for attendee in &event.attendees {
            line(page, "Invited", &person(attendee));
        }
    }
    page.ours("</dl>\n");
}

/// Text, HTML body, attachments.
fn content(page: &mut Html, shown: &Shown) {
    let message = &shown.message;
    if let Some(text) = message.text.as_deref().filter(|t| !t.is_empty()) {
        let (new, rest) = folded(text, message.new_lines);
        page.ours("<section><h3>Text</h3><pre dir=\"auto\">")
            // A line break right behind the tag would be swallowed.
            .ours("\n")
            .text(new)
            .ours("</pre>");
        if !rest.is_empty() {
            page.ours("<details><summary>Signature, and what was written before</summary>")
                .ours("<pre dir=\"auto\">\n")
                .text(rest)
                .ours("</pre></details>");
        }
        page.ours("</section>\n");
    }
    told_of(page, message);
    if message.html.is_some() {
        page.ours("<section><h3>HTML <span class=\"quiet\">shown without scripts and without ")
            .ours("anything from elsewhere; its links lead nowhere</span></h3>")
            .ours("<iframe sandbox=\"\" referrerpolicy=\"no-referrer\" title=\"HTML body\" src=\"/_page/tickets/")
            .text(&shown.id)
            .ours("/body\"></iframe></section>\n");
    }
    if !message.attachments.is_empty() {
        page.ours("<section><h3>Attachments</h3><ul class=\"files\">\n");
        for (n, attachment) in message.attachments.iter().enumerate() {
            file(page, &shown.id, n, attachment);
        }
        page.ours("</ul></section>\n");
    }
    if !message.omitted.is_empty() {
        page.ours("<section><h3>Not attached</h3><ul class=\"files\">\n");
        for omitted in &message.omitted {
            page.ours("<li><bdi>")
                .text(&omitted.file.name)
                .ours("</bdi> <span class=\"quiet\"><bdi>")
                .text(&omitted.file.content_type)
                .ours("</bdi>, ")
                .text(&size(omitted.file.size))
                .ours(": ")
                .text(&omitted.reason);
            if let Some(limit) = omitted.limit {
                page.ours(", limit ").number(limit);
            }
            page.ours("</span></li>\n");
        }
        page.ours("</ul></section>\n");
    }
    page.ours("<p class=\"quiet\"><a href=\"/_page/tickets/")
        .text(&shown.id)
        .ours("/json\">the document that was posted (JSON)</a></p>\n");
}

fn file(page: &mut Html, id: &str, n: usize, attachment: &Attachment) {
    page.ours("<li><a download href=\"/_page/tickets/")
        .text(id)
        .ours("/attachments/")
        .number(n as u64)
        .ours("\"><bdi>")
        .text(match attachment.name.trim() {
            "" => "(no name)",
            _ => &attachment.name,
        })
        .ours("</bdi></a> <span class=\"quiet\"><bdi>")
        .text(&attachment.content_type)
        .ours("</bdi>, ")
        .text(&size(attachment.size));
    if attachment.inline {
        page.ours(", within the HTML body");
    }
    page.ours("</span></li>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes red where a line of a text is shown twice, or not at all.
    #[test]
    fn what_is_old_is_folded_and_nothing_is_lost() {
        let text = "Yes.\n\n-- \nPetra\n";
        assert_eq!(folded(text, Some(1)), ("Yes.\n", "\n-- \nPetra\n"));
        assert_eq!(folded(text, None), (text, ""));
        assert_eq!(folded("Yes.", Some(1)), ("Yes.", ""));
    }
}
