//! From a request to its answer, the same behind the socket and within a command's own process.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use async_channel::bounded;
use futures_lite::{stream, Stream};

use super::carry;
use super::change::Draft;
use super::check;
use super::compare;
use super::group::Together;
use super::life;
use super::port::{Caller, Lines, Service};
use super::rules;
use super::wire::{Answer, Event, Kind, Refusal, Reply, Request, RevisionLine, SettingLine};
use crate::settings::{
    difference, moment_shown, Confirmed, Entry, Explained, History, Settings, Standing, Value,
};

/// Characters of the reason for a dismissal, which is kept long.
const REASON_MAX: usize = 1000;

/// The documents that answer `request`: lines of long work as they come, then the last one.
/// Dropping the stream stops the work.
pub fn replies<S: Service>(
    service: Rc<S>,
    caller: Caller,
    request: Request,
) -> impl Stream<Item = Reply> {
    // A few lines may wait; then the work does.
    let (sender, lines) = bounded::<Event>(16);
    let mut work = Some(Box::pin(async move {
        let lines = Lines::new(sender);
        match dispatch(&*service, &caller, request, &lines).await {
            Ok(answer) => Reply::Answer(answer),
            Err(refusal) => Reply::Refusal(refusal),
        }
    }));
    let mut lines = Box::pin(lines);
    let mut last = None;
    stream::poll_fn(move |context| {
        if let Some(running) = &mut work {
            if let Poll::Ready(reply) = running.as_mut().poll(context) {
                last = Some(reply);
                work = None;
            }
        }
        // Lines before the last: what was said is told before the end is.
        match lines.as_mut().poll_next(context) {
            Poll::Ready(Some(event)) => Poll::Ready(Some(Reply::Event(event))),
            Poll::Ready(None) => Poll::Ready(last.take()),
            Poll::Pending => Poll::Pending,
        }
    })
}

/// Answers one request.
pub async fn dispatch<S: Service>(
    service: &S,
    caller: &Caller,
    request: Request,
    lines: &Lines,
) -> Result<Answer, Refusal> {
    match request {
        Request::Status => Ok(Answer::Status(Box::new(service.status().await?))),
        Request::Queue(page) => Ok(Answer::Messages(service.queue(&page).await?)),
        Request::Held(page) => Ok(Answer::Messages(service.held(&page).await?)),
        Request::Directory(page) => {
            Ok(Answer::Directory(Box::new(service.directory(&page).await?)))
        }
        Request::Explain(asked) => Ok(Answer::Explanation(Box::new(
            service.explain(&asked).await?,
        ))),
        Request::Against(against) => Ok(Answer::Both(Box::new(compare::both(service, &against)?))),
        Request::Compare(compare) => Ok(Answer::Comparison(Box::new(
            service.compare(&compare).await?,
        ))),
        Request::Message { key } => {
            let story = service.message(&whole(&key)?).await?;
            Ok(Answer::Message(Box::new(story)))
        }
        Request::Log {
            message,
            reason,
            limit,
        } => life::answer(service, message.as_deref(), &reason, limit, lines).await,
        Request::Retry { key: Some(key) } => {
            let said = service.retry(&whole(&key)?).await?;
            Ok(done(&said, 1))
        }
        Request::Retry { key: None } => Ok(match service.retry_all().await? {
            0 => done(
                "no ticket waits; the mailboxes and the portal are tried again now",
                0,
            ),
            1 => done("1 ticket is tried again now", 1),
            count => done(&format!("{count} tickets are tried again now"), count),
        }),
        Request::Take { key } => {
            let key = key.as_deref().map(whole).transpose()?;
            Ok(match service.export(key.as_deref(), lines).await? {
                0 => nothing("no ticket is queued or refused"),
                1 => done("1 message was exported", 1),
                count => done(&format!("{count} messages were exported"), count),
            })
        }
        Request::Convert { key, again } => {
            let said = service.convert(caller, &whole(&key)?, again).await?;
            Ok(done(&said, 1))
        }
        Request::Dismiss { reason, .. }
        | Request::Group(Together {
            dismiss: Some(reason),
            ..
        }) if reason.chars().count() > REASON_MAX => Err(Refusal::new(
            Kind::Usage,
            format!("a reason has {REASON_MAX} characters at most: say it in fewer words"),
        )),
        Request::Group(asked) => {
            let key = whole(&asked.key)?;
            service.together(caller, &Together { key, ..asked }).await
        }
        Request::Dismiss { key, reason } => {
            let said = service.dismiss(caller, &whole(&key)?, &reason).await?;
            Ok(done(&said, 1))
        }
        Request::Sync => Ok(match service.sync().await? {
            0 => nothing("the directory has not changed"),
            1 => done("1 directory entry was read", 1),
            count => done(&format!("{count} directory entries were read"), count),
        }),
        Request::Check => Ok(check::answer(service.check(lines).await?)),
        Request::Test {
            mailbox,
            wait,
            confirm,
        } => test(service, mailbox.as_deref(), wait, confirm, lines).await,
        request => settings(service, caller, request).await,
    }
}

async fn settings<S: Service>(
    service: &S,
    caller: &Caller,
    request: Request,
) -> Result<Answer, Refusal> {
    match request {
        Request::Show { prefix } => show(service, &prefix),
        Request::Get { key } => get(service, &key),
        Request::Export { passphrase: None } => Ok(Answer::File {
            toml: carry::file(&service.history(), None),
        }),
        Request::Export {
            passphrase: Some(passphrase),
        } => carry::sealed(service, caller, passphrase.secret()).await,
        Request::History => Ok(history(&service.history())),
        Request::Diff { from, to } => diff(&service.history(), from, to),
        Request::Confirm if service.history().waits_until().is_none() => {
            Ok(nothing("no change waits to be confirmed"))
        }
        Request::Confirm => {
            let number = service.confirm().await?;
            Ok(done(&format!("revision {number} is confirmed"), 1))
        }
        Request::Set { pairs, how } => {
            let keys = pairs.iter().map(|(key, _)| key.as_str());
            let keys: Vec<&str> = keys.chain(how.secrets.keys().map(String::as_str)).collect();
            let mut draft = Draft::new(service, short(&format!("set {}", keys.join(", "))));
            draft.set(service, &pairs)?;
            draft.finish(service, caller, how).await
        }
        Request::Add { name, how } => {
            let mut draft = Draft::new(service, format!("add {name}"));
            draft.settings.add_mailbox(&name)?;
            draft.finish(service, caller, how).await
        }
        Request::Remove { name, how } => {
            let mut draft = Draft::new(service, format!("remove {name}"));
            draft.settings.remove_mailbox(&name)?;
            draft.finish(service, caller, how).await
        }
        Request::Rename { name, to, how } => {
            let mut draft = Draft::new(service, format!("rename {name} to {to}"));
            draft.settings.rename_mailbox(&name, &to)?;
            draft.finish(service, caller, how).await
        }
        Request::Rule(change) => {
            let rules::Change { edit, how } = *change;
            let mut draft = Draft::new(service, short(&edit.note()));
            rules::edit(service, &mut draft, &edit)?;
            draft.finish(service, caller, how).await
        }
        Request::Try => {
            let settings = service.history().base();
            match settings.rules.iter().any(|rule| rule.active) {
                true => Ok(Answer::Tried(service.tried(&settings).await?)),
                false => Ok(nothing(
                    "there is no active rule: `postern rules add NAME` makes one",
                )),
            }
        }
        Request::Import { toml, mut how } => {
            let mut draft = Draft::new(service, "import");
            match draft.import(service, &toml, &mut how).await? {
                Some(missing) => Ok(missing),
                None => draft.finish(service, caller, how).await,
            }
        }
        Request::Rollback { number, how } => match number {
            Some(number) => {
                let mut draft = Draft::new(service, format!("rollback to {number}"));
                draft.roll_back(number)?;
                draft.finish(service, caller, how).await
            }
            None => Ok(match service.undo().await? {
                Some(number) => done(&format!("revision {number} is undone"), 1),
                None => nothing(
                    "no change waits: name the revision to go back to (`postern settings history`)",
                ),
            }),
        },
        // `dispatch` answers the others.
        _ => Err(Refusal::new(Kind::Usage, "no such request")),
    }
}

fn done(said: &str, count: u64) -> Answer {
    Answer::Done {
        said: said.to_owned(),
        count,
    }
}

fn nothing(said: &str) -> Answer {
    Answer::Nothing {
        said: said.to_owned(),
    }
}

/// A note for the history, cut where nobody would read on.
fn short(note: &str) -> String {
    match note.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", note.get(..at).unwrap_or(note)),
        None => note.to_owned(),
    }
}

/// A key, or enough of its beginning to mean one.
pub(super) fn whole(key: &str) -> Result<String, Refusal> {
    let fits = (4..=80).contains(&key.len())
        && key
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b == b'.' || b == b'-');
    match fits {
        true => Ok(key.to_ascii_lowercase()),
        false => Err(Refusal::new(
            Kind::Usage,
            "a message is named by its key, as the lists show it, or by at least 4 digits of it",
        )),
    }
}

async fn test<S: Service>(
    service: &S,
    mailbox: Option<&str>,
    wait: bool,
    confirm: bool,
    lines: &Lines,
) -> Result<Answer, Refusal> {
    if let Some(name) = mailbox {
        // For its sentence.
        service
            .history()
            .base()
            .entries(&format!("mailbox.{name}"))?;
    }
    let waited = service.history().number();
    let tested = service.test(mailbox, lines).await?;
    let passed = tested.failed == 0;
    let history = service.history();
    // Only the change that was tested: another one may have come meanwhile.
    let confirmed =
        passed && confirm && history.waits_until().is_some() && history.number() == waited;
    if confirmed {
        service.confirm().await?;
    }
    if passed && wait {
        service.follow(mailbox, lines).await?;
    }
    Ok(Answer::Tested {
        passed,
        failed: tested.failed,
        warned: tested.warned,
        confirmed,
    })
}

fn line<S: Service>(service: &S, settings: &Settings, entry: Entry) -> SettingLine {
    let mailbox = entry
        .key
        .split('.')
        .nth(1)
        .and_then(|n| settings.mailbox(n));
    let text = match (&entry.value, mailbox.and_then(|m| m.received_after)) {
        (Value::Moment(_), Some(at)) => {
            let zone = mailbox.and_then(|m| m.time_zone.as_deref());
            moment_shown(at, &service.with_zones(|zones| zones.of(zone)))
        }
        (value, _) => value.shown(),
    };
    SettingLine {
        label: entry.label.to_owned(),
        value: serde_json::to_value(&entry.value).unwrap_or_default(),
        text,
        key: entry.key,
    }
}

fn show<S: Service>(service: &S, prefix: &str) -> Result<Answer, Refusal> {
    let history = service.history();
    let settings = history.base();
    let entries = settings.entries(prefix)?;
    Ok(Answer::Settings {
        revision: history.number(),
        waits_until: history.waits_until().map(|at| at.to_string()),
        settings: entries
            .into_iter()
            .map(|entry| line(service, &settings, entry))
            .collect(),
    })
}

fn get<S: Service>(service: &S, key: &str) -> Result<Answer, Refusal> {
    let settings = service.history().base();
    let value = settings.get(key)?;
    let label = Settings::explain(key)?
        .pop()
        .map_or_else(String::new, |explained: Explained| explained.label);
    Ok(Answer::Setting(SettingLine {
        key: key.to_owned(),
        label,
        text: value.text(),
        value: serde_json::to_value(&value).unwrap_or_default(),
    }))
}

fn history(history: &History) -> Answer {
    let revisions = history.revisions().iter().map(|revision| {
        let standing = history.standing(revision);
        RevisionLine {
            number: revision.number,
            at: revision.at.to_string(),
            author: revision.author.clone(),
            note: revision.note.clone(),
            standing: match standing {
                Standing::Current => "current",
                Standing::Waiting => "waiting",
                Standing::Past => "past",
                Standing::Undone => "undone",
            }
            .to_owned(),
            waits_until: match (standing, revision.confirmed) {
                (Standing::Waiting, Confirmed::Until(at)) => Some(at.to_string()),
                _ => None,
            },
        }
    });
    Answer::History {
        revisions: revisions.collect(),
    }
}

fn diff(history: &History, from: Option<u64>, to: Option<u64>) -> Result<Answer, Refusal> {
    let to = to.unwrap_or_else(|| history.number());
    let from = from.map_or_else(|| history.before(to), Ok)?;
    // 0 is what there was before the first.
    let at = |number: u64| match number {
        0 => Ok(Settings::default()),
        number => history.revision(number).map(|r| r.settings.clone()),
    };
    Ok(Answer::Diff {
        from,
        to,
        changes: difference(&at(from)?, &at(to)?),
    })
}

/// A stream of replies, boxed.
pub(super) type Replies = Pin<Box<dyn Stream<Item = Reply>>>;
