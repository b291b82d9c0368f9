//! Answers as text: plain words and aligned tables.
//!
//! Every text that came from outside goes through `clean` here, once.

mod directory;
mod life;

use super::export::Written;
use super::text::{clean, clean_lines, cut, octets, table, table_within, Style};
use crate::control::{
    Answer, Change, Event, Explained, Listed, MessageLine, Outcome, Refusal, RevisionLine,
    SettingLine, Status, Story,
};

/// What there is to see of an answer; ends with a newline unless empty.
pub fn answer(answer: &Answer, style: Style) -> String {
    match answer {
        Answer::Status(status) => self::status(status, style),
        Answer::Messages(listed) => messages(listed, style),
        Answer::Message(story) => self::story(story, style),
        Answer::Life(told) => life::life(told, style),
        Answer::Matches(matches) => life::matches(matches, style),
        Answer::Newest(listed) => life::newest(listed, style),
        Answer::Directory(page) => directory::page(page, style),
        Answer::Explanation(explanation) => super::explain::judged(explanation, style),
        Answer::Both(both) => remarks(&[] as &[String], &both.notes, style),
        Answer::Comparison(comparison) => super::compare::differs("", comparison, style),
        Answer::Settings {
            revision,
            waits_until,
            settings,
        } => {
            let mut out = settings_table(settings, style);
            out.push_str(&format!("\nRevision {revision}\n"));
            out.push_str(&waits(waits_until.as_deref(), style));
            out
        }
        Answer::Setting(line) => match line.text.as_str() {
            "" => "\n".to_owned(),
            text => format!("{}\n", clean_lines(text)),
        },
        Answer::Explained { settings } => explained(settings, style),
        Answer::File { toml } => toml.clone(),
        Answer::History { revisions } => history(revisions, style),
        Answer::Tried(tried) => super::rules::tried(tried),
        Answer::Diff { from, to, changes } => match changes.is_empty() {
            true => format!("Revisions {from} and {to} are equal.\n"),
            false => format!("From revision {from} to {to}:\n{}", self::changes(changes)),
        },
        Answer::Applied {
            revision,
            waits_until,
            changes,
            warnings,
            notes,
        } => {
            let mut out = self::changes(changes);
            out.push_str(&remarks(warnings, notes, style));
            out.push_str(&style.good(&format!("Revision {revision} is in force.")));
            out.push('\n');
            out.push_str(&waits(waits_until.as_deref(), style));
            out
        }
        Answer::Ask {
            changes,
            warnings,
            previews,
            notes,
        } => {
            let mut out = self::changes(changes);
            out.push_str(&remarks(warnings, notes, style));
            for preview in previews {
                let tickets = match (preview.converts, preview.converts_read) {
                    (0, 0) => "no unread message would become a ticket now".to_owned(),
                    (1, 0) => "1 unread message may become a ticket now".to_owned(),
                    (many, 0) => format!("up to {many} unread messages would become tickets now"),
                    (unread, read) => format!(
                        "up to {unread} unread and {read} read messages would become tickets now"
                    ),
                };
                out.push_str(&format!(
                    "Activating mailbox {} ({}): {tickets}",
                    style.bold(&clean(&preview.mailbox)),
                    clean(&preview.address),
                ));
                match preview.left_out {
                    0 => out.push_str(".\n"),
                    left => out.push_str(&format!("; the date leaves {left} out.\n")),
                }
                for note in &preview.notes {
                    out.push_str(&format!("  {}\n", clean(note)));
                }
            }
            out
        }
        Answer::NeedPassphrase => {
            "The file carries its secrets under a passphrase, which must be typed first.\n"
                .to_owned()
        }
        Answer::NeedSecrets { keys, remarks } => {
            let mut out = format!(
                "These secrets must be typed first: {}\n",
                clean(&keys.join(", "))
            );
            for remark in remarks {
                out.push_str(&format!("  {}\n", clean(&remark.to_string())));
            }
            out
        }
        Answer::Tested {
            passed,
            failed,
            warned,
            confirmed,
        } => {
            let mut out = match (passed, warned) {
                (true, 0) => style.good("All passed."),
                (true, n) => style.good(&format!(
                    "Passed, with {n} {}.",
                    plural(u64::from(*n), "warning", "warnings")
                )),
                (false, _) => style.bad(&format!(
                    "{failed} {} failed.",
                    plural(u64::from(*failed), "step", "steps")
                )),
            };
            out.push('\n');
            if *confirmed {
                out.push_str("The waiting change of settings is confirmed.\n");
            }
            out
        }
        Answer::Checked {
            whole,
            damaged,
            warned,
        } => {
            let said = match (whole, warned) {
                (true, 0) => style.good("The store is whole."),
                (true, _) => style.good("The store is whole; mind what is said above."),
                (false, _) => style.bad(&format!(
                    "The store is damaged: {damaged} {} said above.",
                    plural(u64::from(*damaged), "thing is", "things are")
                )),
            };
            format!("{said}\n")
        }
        Answer::Done { said, .. } => format!("{}.\n", clean(said)),
        Answer::Nothing { said } => format!("Nothing to do: {}.\n", clean(said)),
    }
}

/// A line of long work.
pub fn event(event: &Event, style: Style) -> String {
    match event {
        Event::Step {
            mailbox,
            step,
            outcome,
            said,
            mend,
        } => {
            let word = match outcome {
                Outcome::Passed => style.good("ok  "),
                Outcome::Warned => style.warn("warn"),
                Outcome::Failed => style.bad("FAIL"),
                Outcome::Skipped => "--  ".to_owned(),
            };
            let whose = mailbox
                .as_deref()
                .map_or(String::new(), |m| format!("{}: ", clean(m)));
            let mut out = format!("{word}  {whose}{}: {}\n", clean(step), clean(said));
            if let Some(mend) = mend {
                out.push_str(&format!("      -> {}\n", clean(mend)));
            }
            out
        }
        Event::Stage {
            key,
            stage,
            after_ms,
            said,
        } => format!(
            "{:>6}.{:03} s  {}  {:<10}  {}\n",
            after_ms / 1000,
            after_ms % 1000,
            clean(key),
            clean(stage),
            clean(said)
        ),
        // Without an end of line: the next one is written over it.
        Event::Progress {
            what,
            done_bytes,
            of_bytes,
        } => format!(
            "      {}: {} of {}",
            clean(what),
            octets(*done_bytes),
            octets(*of_bytes)
        ),
        // Goes into files.
        Event::Export { .. } | Event::Slice { .. } => String::new(),
        Event::Note { said } => format!("{}\n", clean(said)),
    }
}

/// A message that was written into files.
pub fn written(written: &Written) -> String {
    format!(
        "{}  {}\n{}\n",
        written.eml.display(),
        octets(written.octets),
        written.json.display()
    )
}

/// How far a message is that is written into a file; without an end of line.
pub fn under_way(key: &str, done: u64, of: u64) -> String {
    let key = cut(&clean(key), 12);
    format!("      {key}: {} of {}", octets(done), octets(of))
}

/// A no.
pub fn refusal(refusal: &Refusal, style: Style) -> String {
    format!("{} {}\n", style.bad("postern:"), clean_lines(&refusal.said))
}

fn plural<'a>(count: u64, one: &'a str, many: &'a str) -> &'a str {
    match count {
        1 => one,
        _ => many,
    }
}

fn waits(until: Option<&str>, style: Style) -> String {
    until.map_or(String::new(), |until| {
        format!(
            "{}\n",
            style.warn(&format!(
                "It is undone at {} unless confirmed: postern settings confirm",
                clean(until)
            ))
        )
    })
}

fn remarks(warnings: &[impl ToString], notes: &[String], style: Style) -> String {
    let mut out = String::new();
    for warning in warnings {
        let said = clean_lines(&warning.to_string());
        out.push_str(&format!("{} {said}\n", style.warn("Warning:")));
    }
    for note in notes {
        out.push_str(&format!("{}\n", clean(note)));
    }
    out
}

fn changes(changes: &[Change]) -> String {
    let unset = |value: Option<&str>| match value {
        Some(value) => cut(&clean(value), 160),
        None => "(unset)".to_owned(),
    };
    changes
        .iter()
        .map(|change| {
            let (before, after) = (change.before.as_deref(), change.after.as_deref());
            format!(
                "  {}: {} -> {}\n",
                clean(&change.key),
                unset(before),
                unset(after)
            )
        })
        .collect()
}

fn status(status: &Status, style: Style) -> String {
    let mut out = String::new();
    for alarm in &status.alarms {
        out.push_str(&format!("{} {}\n", style.bad("!"), clean(alarm)));
    }
    let running = match status.running {
        true => style.good("running"),
        false => style.warn("not running"),
    };
    out.push_str(&format!(
        "Service {running}, version {}, revision {}\n",
        clean(&status.version),
        status.revision
    ));
    out.push_str(&waits(status.waits_until.as_deref(), style));
    let portal = &status.portal;
    out.push_str(&format!(
        "Portal  {}; directory: {} people, {} companies{}\n",
        clean(format!("{} {}", portal.url, portal.state).trim_start()),
        portal.people,
        portal.companies,
        match portal.directory_read {
            true => "",
            false => " (not read whole yet)",
        }
    ));
    let lines = [&portal.said, &portal.sign_in, &portal.restored];
    for said in lines.into_iter().flatten() {
        out.push_str(&format!("        {}\n", clean(said)));
    }
    let store = &status.store;
    out.push_str(&format!(
        "Store   {}: {} of {} used, {} free on the disk\n",
        clean(&store.path),
        octets(store.used_bytes),
        octets(store.quota_bytes),
        octets(store.free_bytes)
    ));
    if let Some(start) = &store.start {
        out.push_str(&format!("        {}\n", clean(start)));
    }
    if !status.mailboxes.is_empty() {
        let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let mut rows = vec![heading(&[
            "MAILBOX",
            "STATE",
            "UNREAD",
            "COUNTED AT",
            "LEFT OUT",
            "READ BEFORE",
            "",
        ])];
        rows.extend(status.mailboxes.iter().map(|mailbox| {
            vec![
                clean(&mailbox.name),
                clean(&mailbox.state),
                match (mailbox.unread, mailbox.active) {
                    (None, true) => "not known yet".to_owned(),
                    (unread, _) => count(unread),
                },
                clean(mailbox.unread_at.as_deref().unwrap_or("-")),
                count(mailbox.left_out),
                count(mailbox.already_read),
                clean(mailbox.said.as_deref().unwrap_or("")),
            ]
        }));
        out.push_str(&format!("\n{}", table(&rows)));
    }
    if !status.counts.is_empty() {
        let rows: Vec<Vec<String>> = status
            .counts
            .iter()
            .map(|(name, count)| vec![clean(name), count.to_string()])
            .collect();
        out.push_str(&format!("\n{}", table(&rows)));
    }
    if !status.reasons.is_empty() {
        let mut rows = vec![heading(&["REASON", "IS", "COUNT", ""])];
        rows.extend(status.reasons.iter().map(|counted| {
            vec![
                clean(&counted.reason),
                clean(&counted.is),
                counted.count.to_string(),
                clean(&counted.said),
            ]
        }));
        out.push_str(&format!("\n{}", table(&rows)));
    }
    out
}

fn heading(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn messages(listed: &Listed<MessageLine>, style: Style) -> String {
    let mut rows = vec![heading(&[
        "KEY", "MAILBOX", "STAGE", "RECEIVED", "FROM", "SUBJECT",
    ])];
    for line in &listed.items {
        let stage = match (&line.reason, line.attempts) {
            // By whom, and why: the reason's code says no more than the stage.
            (Some(_), _) if line.stage == "dismissed" => match &line.said {
                Some(said) => format!("{} {}", line.stage, cut(said, 40)),
                None => line.stage.clone(),
            },
            (Some(reason), _) => match &line.group {
                Some(group) => format!(
                    "{} ({reason}, {} of one {})",
                    line.stage, group.count, group.alike
                ),
                None => format!("{} ({reason})", line.stage),
            },
            (None, 0) => line.stage.clone(),
            (None, attempts) => format!("{} (tried {attempts})", line.stage),
        };
        let since = line.group.as_ref().map(|group| group.since.as_str());
        let received = since.or(line.received_at.as_deref());
        rows.push(vec![
            clean(&line.key),
            clean(&line.mailbox),
            clean(&stage),
            clean(received.unwrap_or("-")),
            cut(&clean(&line.from), 32),
            cut(&clean(&line.subject), 48),
        ]);
    }
    page(rows, listed, "messages", style)
}

fn page<T>(rows: Vec<Vec<String>>, listed: &Listed<T>, what: &str, style: Style) -> String {
    let mut out = match listed.items.is_empty() {
        true => format!("No {what}.\n"),
        false => table(&rows),
    };
    if let (Some(total), false) = (listed.total, listed.items.is_empty()) {
        out.push_str(&format!("{} of {total} {what}\n", listed.items.len()));
    }
    out.push_str(&more(listed.next.as_deref(), style));
    out
}

fn more(next: Option<&str>, style: Style) -> String {
    next.map_or(String::new(), |next| {
        format!(
            "{}\n",
            style.bold(&format!("More: --after {}", clean(next)))
        )
    })
}

fn story(story: &Story, style: Style) -> String {
    let line = &story.line;
    let mut rows = vec![
        ("Key", story.whole_key.clone()),
        ("Mailbox", line.mailbox.clone()),
        ("From", line.from.clone()),
        ("Subject", line.subject.clone()),
        ("Received", line.received_at.clone().unwrap_or_default()),
        ("Place", story.place.clone()),
        ("Stage", line.stage.clone()),
        ("Reason", line.reason.clone().unwrap_or_default()),
        ("Ticket", story.ticket.clone().unwrap_or_default()),
        ("Said", line.said.clone().unwrap_or_default()),
    ];
    if let Some(size) = story.size {
        rows.insert(5, ("Size", octets(size)));
    }
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| vec![name.to_owned(), clean(&text)])
        .collect();
    let mut out = table(&rows);
    if !story.happenings.is_empty() {
        out.push_str(&format!("\n{}\n", style.bold("What happened")));
        let rows: Vec<Vec<String>> = story
            .happenings
            .iter()
            .map(|happening| {
                vec![
                    clean(happening.at.as_deref().unwrap_or("-")),
                    clean(&happening.stage),
                    clean(&happening.said),
                ]
            })
            .collect();
        out.push_str(&table(&rows));
    }
    out
}

fn settings_table(settings: &[SettingLine], style: Style) -> String {
    let mut out = String::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut section = "";
    for line in settings {
        let (this, key) = line.key.rsplit_once('.').unwrap_or(("", &line.key));
        if this != section {
            out.push_str(&section_text(section, &rows, style));
            rows.clear();
            section = this;
        }
        let first = line.text.lines().next().unwrap_or("");
        rows.push(vec![
            format!("  {}", clean(key)),
            match first {
                "" => "-".to_owned(),
                text => cut(&clean(text), 160),
            },
            clean(&line.label),
        ]);
    }
    out.push_str(&section_text(section, &rows, style));
    out
}

fn section_text(section: &str, rows: &[Vec<String>], style: Style) -> String {
    match rows.is_empty() {
        true => String::new(),
        false => format!(
            "{}\n{}",
            style.bold(&clean(section)),
            table_within(rows, 30)
        ),
    }
}

fn explained(settings: &[Explained], style: Style) -> String {
    let mut out = String::new();
    for setting in settings {
        out.push_str(&format!(
            "{} ({})\n  {}\n  Values: {}. Default: {}.\n",
            style.bold(&setting.key),
            setting.label,
            setting.help,
            setting.kind,
            match setting.default.as_str() {
                "" => "unset",
                default => default,
            }
        ));
    }
    out
}

fn history(revisions: &[RevisionLine], style: Style) -> String {
    if revisions.is_empty() {
        return "Nothing has been set yet.\n".to_owned();
    }
    let mut rows = vec![heading(&["REVISION", "AT", "AUTHOR", "STANDING", "WHAT"])];
    rows.extend(revisions.iter().map(|revision| {
        vec![
            revision.number.to_string(),
            clean(&revision.at),
            clean(&revision.author),
            clean(&revision.standing),
            clean(&revision.note),
        ]
    }));
    let mut out = table(&rows);
    for revision in revisions {
        out.push_str(&waits(revision.waits_until.as_deref(), style));
    }
    out
}

#[cfg(test)]
mod tests;
