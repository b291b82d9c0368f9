//! The life of a message as text, and which messages were found.

use super::{clean, messages, table, table_within, Style};
use crate::control::{Life, Listed, Matches, MessageLine};

/// Characters of a word or a time that lines of a life are aligned by.
const COLUMN: usize = 30;

/// The life of one message.
pub(super) fn life(life: &Life, style: Style) -> String {
    let line = &life.line;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows = [
        ("Key", life.whole_key.clone()),
        ("Message-ID", text(&life.message_id)),
        ("Mailbox", line.mailbox.clone()),
        ("From", line.from.clone()),
        ("Subject", line.subject.clone()),
        ("Received", text(&line.received_at)),
        ("Stage", line.stage.clone()),
        ("Reason", text(&line.reason)),
        ("Ticket", text(&life.ticket)),
        ("Said", text(&line.said)),
        ("Mend", text(&life.mend)),
    ];
    let rows = rows.iter().filter(|(_, text)| !text.is_empty());
    let rows: Vec<Vec<String>> = rows
        .map(|(name, text)| vec![(*name).to_owned(), clean(text)])
        .collect();
    let mut out = table(&rows);
    out.push_str(&format!(
        "\n{}\n",
        style.bold("What happened, oldest first")
    ));
    let mut rows = Vec::new();
    for event in &life.events {
        rows.push(vec![
            clean(event.at.as_deref().unwrap_or("-")),
            clean(&event.event),
            clean(&event.said),
        ]);
        if let Some(mend) = &event.mend {
            rows.push(vec![
                String::new(),
                String::new(),
                format!("-> {}", clean(mend)),
            ]);
        }
    }
    out.push_str(&table_within(&rows, COLUMN));
    out.push_str(&remarks(&life.remarks, style));
    out
}

/// Several messages that have one Message-ID.
pub(super) fn matches(matches: &Matches, style: Style) -> String {
    let listed = Listed {
        items: matches.items.clone(),
        ..Listed::default()
    };
    let mut out = format!(
        "{} messages have the Message-ID <{}>:\n",
        matches.items.len(),
        clean(&matches.message_id)
    );
    out.push_str(&messages(&listed, style));
    out.push_str(&remarks(&matches.remarks, style));
    out.push_str("The life of each: postern log KEY\n");
    out
}

/// The newest messages of some reasons.
pub(super) fn newest(listed: &Listed<MessageLine>, style: Style) -> String {
    let mut out = messages(listed, style);
    if !listed.items.is_empty() {
        out.push_str("The newest decision stands first.\n");
    }
    out
}

fn remarks(remarks: &[String], style: Style) -> String {
    let said = remarks.iter().map(|remark| {
        let mark = style.warn("Mind:");
        format!("{mark} {}\n", clean(remark))
    });
    said.collect()
}
