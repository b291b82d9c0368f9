//! The command line: what was typed becomes a request, the answer becomes text and an exit code.
//!
//! Speaks only control's wire types. Asks the operator where a change needs it; a secret is typed
//! without echo or comes on standard input, and is never taken as an argument, where the process
//! list and the shell's history would show it.
//!
//! Knows nothing of mail, the store or the portal.

mod arguments;
mod compare;
mod explain;
mod export;
mod output;
mod repeats;
mod rules;
mod show;
mod text;
mod typed;

use std::io::Write;
use std::path::Path;

use clap::Parser;
use futures_lite::future;

use crate::control::{
    explain as explain_setting, is_secret, Answer, Codes, Event, How, Kind, Link, Page, Refusal,
    Reply, Request, Together, Typed,
};
use crate::world::signals::Stop;
use crate::world::{terminal, World};
pub use arguments::Arguments;
use arguments::{Command, Directory, Held, Manner, Part, Queue, Settings, Store};
use export::Files;
use output::{err, Output};
use repeats::without_repeats;
use text::Style;
use typed::{is_pem, new_passphrase, secret_file, typed, typed_as};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was done.
    Done = 0,
    /// It failed, or was refused.
    Failed = 1,
    /// What was typed is wrong.
    Usage = 2,
    /// The store is in use, or the service can't be reached.
    Unreachable = 3,
    /// There was nothing to do.
    Nothing = 4,
}

/// What was typed, or the exit after help or a wrong usage was printed.
pub fn parse(arguments: impl Iterator<Item = std::ffi::OsString>) -> Result<Arguments, Exit> {
    let arguments: Vec<_> = arguments.collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    Arguments::try_parse_from(arguments).map_err(|fault| {
        if json && fault.exit_code() != 0 {
            let said = fault.to_string();
            let said = said.trim_start_matches("error:").trim();
            return refuse(&Refusal::new(Kind::Usage, said), true);
        }
        // Help goes to standard output, the rest to standard error.
        let printed = fault.print().and_then(|()| std::io::stdout().flush());
        let console = Console::new(json, Style::new(false));
        console.said(console.output.wrote(printed));
        console.output.ends(match fault.exit_code() {
            0 => Exit::Done,
            _ => Exit::Usage,
        })
    })
}

/// What `postern run` was asked for; `None` for every other command.
pub fn run_wanted(arguments: &Arguments) -> Option<(bool, Option<&Path>)> {
    match &arguments.command {
        Command::Run { once, settings } => Some((*once, settings.as_deref())),
        _ => None,
    }
}

/// Does the command, and says how it ended.
pub async fn run(world: &World, arguments: Arguments) -> Exit {
    let style = Style::new(terminal::output_has_colours());
    let console = Console::new(arguments.json, style);
    let exit = match console.command(world, arguments).await {
        Ok(exit) => exit,
        Err(refusal) => console.refuse(&refusal),
    };
    console.output.ends(exit)
}

/// Says a no, and gives its exit code.
pub fn refuse(refusal: &Refusal, json: bool) -> Exit {
    Console::new(json, Style::new(false)).refuse(refusal)
}

struct Console {
    json: bool,
    style: Style,
    output: Output,
}

impl Console {
    fn new(json: bool, style: Style) -> Self {
        Self {
            json,
            style,
            output: Output::default(),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Exit {
        if self.json {
            self.out(&format!("{}\n", Reply::Refusal(refusal.clone()).line()));
        }
        // Where the document finds no room, the sentence still does.
        if !self.json || self.output.is_cut() {
            err(&show::refusal(refusal, self.style));
        }
        exit_of(refusal.refused)
    }

    fn out(&self, text: &str) {
        self.said(self.output.say(text));
    }

    fn said(&self, written: Result<(), Refusal>) {
        if let Err(refusal) = written {
            err(&show::refusal(&refusal, self.style));
        }
    }

    async fn command(&self, world: &World, arguments: Arguments) -> Result<Exit, Refusal> {
        let (store, socket) = (arguments.store.clone(), arguments.socket());
        if let Command::Explain {
            files,
            mailbox,
            received,
            against,
            anew,
        } = arguments.command
        {
            let link = Link::find(world, &store, &socket).await?;
            let wanted = explain::Wanted {
                mailbox,
                received,
                anew,
            };
            return match against {
                Some(against) => self.compare(world, &link, &files, wanted, &against).await,
                None => self.explain(world, &link, &files, wanted).await,
            };
        }
        let mut files = files(world, &arguments.command);
        let Some(mut request) = request(world, arguments.command)? else {
            return Ok(Exit::Done);
        };
        // The same everywhere: needs no service.
        if let Request::Show { prefix } = &request {
            if let Some(key) = prefix.strip_prefix(EXPLAIN) {
                return Ok(self.end(&explain_setting(key)?));
            }
        }
        let link = Link::find(world, &store, &socket).await?;
        let mut asked = None;
        // Each question (passphrase, secrets, whether to go ahead) is asked once: a service that asks
        // for ever doesn't get its way.
        for _ in 0..4 {
            let Some(answer) = self
                .ask(&link, &request, asked.as_ref(), files.as_mut())
                .await?
            else {
                return Ok(Exit::Failed);
            };
            let again = match (&answer, request.yes_mut()) {
                (Answer::Ask { .. }, Some(yes)) => self.go_ahead(yes)?,
                (answer, _) => match (answer, request.how_mut()) {
                    (Answer::NeedPassphrase, Some(how)) => self.type_passphrase(how)?,
                    (Answer::NeedSecrets { keys, .. }, Some(how)) => {
                        self.type_secrets(world, keys, how)?
                    }
                    _ => return Ok(self.end(answer)),
                },
            };
            if !again {
                return Ok(Exit::Failed);
            }
            asked = Some(answer);
        }
        Err(Refusal::new(
            Kind::Failed,
            "the service keeps asking the same",
        ))
    }

    /// Asks, and shows every document as it comes, without what the question before showed already.
    /// Gives the answer; a refusal is an error.
    async fn ask(
        &self,
        link: &Link,
        request: &Request,
        before: Option<&Answer>,
        mut files: Option<&mut Files>,
    ) -> Result<Option<Answer>, Refusal> {
        let mut last = None;
        let progress = terminal::shows_progress();
        let (fail, failed) = async_channel::bounded(1);
        let mut drawn = false;
        let mut each = |line: &str| {
            let reply = serde_json::from_str::<Reply>(line);
            if std::mem::take(&mut drawn) {
                err("\r\x1b[K");
            }
            if let (Some(files), Ok(Reply::Event(event))) = (files.as_mut(), &reply) {
                if let Event::Export { .. } | Event::Slice { .. } = event {
                    drawn = self.file(files, event, &fail, progress);
                    return;
                }
            }
            match (&reply, self.json) {
                (Ok(Reply::Event(Event::Progress { .. })), false) if !progress => {}
                (Ok(Reply::Event(event @ Event::Progress { .. })), false) => {
                    err(&show::event(event, self.style));
                    drawn = true;
                }
                // A refusal is shown by whoever ends the command, once.
                (Ok(Reply::Refusal(_)), _) => {}
                (_, true) => self.out(&format!("{line}\n")),
                (Ok(Reply::Event(event)), false) => self.out(&show::event(event, self.style)),
                (Ok(Reply::Answer(answer)), false) => {
                    let new = without_repeats(answer, before);
                    self.out(&show::answer(new.as_ref().unwrap_or(answer), self.style));
                }
                (Err(_), false) => err("postern: a newer service answers in words unknown here\n"),
            }
            last = Some(reply);
        };
        let asked = link.ask(request, &mut each);
        match request.is_long() {
            true => unless_stopped(asked, failed).await?,
            false => asked.await?,
        }
        match last {
            Some(Ok(Reply::Answer(answer))) => Ok(Some(answer)),
            Some(Ok(Reply::Refusal(refusal))) => Err(refusal),
            Some(Ok(Reply::Event(_))) | None => Err(Refusal::new(
                Kind::Failed,
                "the service ended its answer in the middle",
            )),
            Some(Err(_)) => Ok(None),
        }
    }

    /// Writes what came into files; tells whether it has drawn how far that is.
    fn file(
        &self,
        files: &mut Files,
        event: &Event,
        fail: &async_channel::Sender<Refusal>,
        progress: bool,
    ) -> bool {
        match files.take(event.clone()) {
            Ok(Some(written)) => match self.json {
                true => self.out(&format!("{}\n", written.document())),
                false => self.out(&show::written(&written)),
            },
            Ok(None) => {
                if let (Some((key, done, of)), true) = (files.progress(), progress && !self.json) {
                    err(&show::under_way(key, done, of));
                    return true;
                }
            }
            // Whoever waits for the answer breaks off at the first; what follows is of no use.
            Err(refusal) => {
                let _ = fail.try_send(refusal);
            }
        }
        false
    }

    fn end(&self, answer: &Answer) -> Exit {
        if let Answer::Explained { .. } = answer {
            match self.json {
                true => self.out(&format!("{}\n", Reply::Answer(answer.clone()).line())),
                false => self.out(&show::answer(answer, self.style)),
            }
        }
        match answer {
            Answer::Nothing { .. } => Exit::Nothing,
            Answer::Tested { passed: false, .. } | Answer::Checked { whole: false, .. } => {
                Exit::Failed
            }
            _ => Exit::Done,
        }
    }

    fn type_passphrase(&self, how: &mut How) -> Result<bool, Refusal> {
        how.passphrase = Some(typed_as(
            "the passphrase of the secrets in the file",
            "Passphrase of the secrets in the file (return: without them): ",
        )?);
        Ok(true)
    }

    fn type_secrets(&self, world: &World, keys: &[String], how: &mut How) -> Result<bool, Refusal> {
        for key in keys {
            how.secrets.insert(key.clone(), typed(world, key)?);
        }
        Ok(true)
    }

    fn go_ahead(&self, yes: &mut bool) -> Result<bool, Refusal> {
        let answer = terminal::read_answer("Go ahead? [y/N] ")
            .map_err(|fault| Refusal::new(Kind::Failed, format!("reading the answer: {fault}")))?;
        match answer.as_deref().map(str::trim) {
            Some("y" | "Y" | "yes") => {
                *yes = true;
                Ok(true)
            }
            Some(_) => {
                err("Nothing was changed.\n");
                Ok(false)
            }
            None => {
                err("Nothing was changed: repeat it with --yes to go ahead.\n");
                Ok(false)
            }
        }
    }
}

/// Does it, unless Ctrl-C comes first: then it is dropped, and takes away what it has left somewhere.
async fn unless_stopped(
    work: impl std::future::Future<Output = Result<(), Refusal>>,
    failed: async_channel::Receiver<Refusal>,
) -> Result<(), Refusal> {
    let mut stop = Stop::listen()
        .map_err(|fault| Refusal::new(Kind::Failed, format!("listening for signals: {fault}")))?;
    let stopped = async {
        stop.asked().await;
        Err(Refusal::new(Kind::Failed, "broken off"))
    };
    let failed = async {
        match failed.recv().await {
            Ok(refusal) => Err(refusal),
            Err(_) => future::pending().await,
        }
    };
    // A fault of ours before the answer, which may say that all was told.
    future::or(failed, future::or(work, stopped)).await
}

/// Where a command's files go.
fn files(world: &World, command: &Command) -> Option<Files> {
    match command {
        Command::Queue(Queue::Export { to, force, .. }) => {
            Some(Files::new(world.disk.clone(), to, *force))
        }
        _ => None,
    }
}

/// Marks a `Show` that is to explain; not a character of any key.
const EXPLAIN: &str = "?";

fn exit_of(kind: Kind) -> Exit {
    match kind {
        Kind::Usage => Exit::Usage,
        Kind::Unreachable => Exit::Unreachable,
        Kind::Absent | Kind::Wrong | Kind::Refused | Kind::Conflict | Kind::Failed => Exit::Failed,
    }
}

fn page(part: Part) -> Page {
    Page {
        after: part.after,
        limit: Some(part.limit),
        ..Page::default()
    }
}

fn how(manner: Manner) -> How {
    How {
        yes: manner.yes,
        dedicated: manner.dedicated,
        untried: manner.untried,
        leave_behind: manner.leave_behind,
        confirm_within_min: manner.confirm_within,
        ..How::default()
    }
}

/// The request that a command means; `None` for `run`, which is no request.
fn request(world: &World, command: Command) -> Result<Option<Request>, Refusal> {
    Ok(Some(match command {
        Command::Run { .. } | Command::Explain { .. } => return Ok(None),
        Command::Test {
            mailbox,
            wait,
            confirm,
        } => Request::Test {
            mailbox,
            wait,
            confirm,
        },
        Command::Status => Request::Status,
        Command::Queue(Queue::List { part, mailbox }) => Request::Queue(Page {
            mailbox,
            ..page(part)
        }),
        Command::Queue(Queue::Show { key }) | Command::Held(Held::Show { key }) => {
            Request::Message { key }
        }
        Command::Queue(Queue::Export { key, .. }) => Request::Take { key },
        Command::Queue(Queue::Retry { key, .. }) => Request::Retry { key },
        Command::Held(Held::List {
            part,
            mailbox,
            reason,
            aside,
            group,
        }) => Request::Held(Page {
            mailbox,
            reason: Codes(reason),
            aside,
            group,
            ..page(part)
        }),
        Command::Held(Held::Convert {
            key,
            group: true,
            yes,
            ..
        }) => Request::Group(Together {
            key,
            dismiss: None,
            yes,
        }),
        Command::Held(Held::Dismiss {
            key,
            reason,
            group: true,
            yes,
        }) => Request::Group(Together {
            key,
            dismiss: Some(reason),
            yes,
        }),
        Command::Held(Held::Convert { key, again, .. }) => Request::Convert { key, again },
        Command::Held(Held::Dismiss { key, reason, .. }) => Request::Dismiss { key, reason },
        Command::Log {
            message,
            reason,
            limit,
        } => Request::Log {
            limit: message.is_none().then_some(limit),
            message,
            reason: Codes(reason),
        },
        Command::Directory(Directory::Show { what, part }) => Request::Directory(Page {
            find: what,
            ..page(part)
        }),
        Command::Directory(Directory::Sync) => Request::Sync,
        Command::Store(Store::Check) => Request::Check,
        Command::Settings(settings) => change(world, settings)?,
        Command::Rules(rules) => rules::request(rules)?,
    }))
}

fn change(world: &World, settings: Settings) -> Result<Request, Refusal> {
    Ok(match settings {
        Settings::Show { prefix } => Request::Show { prefix },
        Settings::Explain { key } => Request::Show {
            prefix: format!("{EXPLAIN}{key}"),
        },
        Settings::Get { key } => Request::Get { key },
        Settings::Set { words, manner } => set(world, words, how(manner))?,
        Settings::Add { name } => Request::Add {
            name,
            how: How::default(),
        },
        Settings::Remove { name, manner } => Request::Remove {
            name,
            how: how(manner),
        },
        Settings::Rename { name, to } => Request::Rename {
            name,
            to,
            how: How::default(),
        },
        Settings::Import {
            file,
            without_secrets,
            manner,
        } => Request::Import {
            toml: read_file(world, &file)?,
            how: How {
                passphrase: without_secrets.then(Typed::none),
                ..how(manner)
            },
        },
        Settings::Export { with_secrets } => Request::Export {
            passphrase: with_secrets.then(new_passphrase).transpose()?,
        },
        Settings::Confirm => Request::Confirm,
        Settings::History => Request::History,
        Settings::Diff { from, to } => Request::Diff { from, to },
        Settings::Rollback { number, manner } => Request::Rollback {
            number,
            how: how(manner),
        },
    })
}

fn set(world: &World, words: Vec<String>, mut how: How) -> Result<Request, Refusal> {
    let usage = |said: String| Refusal::new(Kind::Usage, said);
    let mut pairs = Vec::new();
    let split = |word: &String| match word.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (word.clone(), None),
    };
    let given: Vec<(String, Option<String>)> = match words.as_slice() {
        [key, value] if !key.contains('=') && !is_secret(value) => {
            vec![(key.clone(), Some(value.clone()))]
        }
        words => words.iter().map(split).collect(),
    };
    for (key, value) in given {
        match (is_secret(&key), value) {
            // Empty takes the secret away, which gives nothing away.
            (_, Some(value)) if value.is_empty() => pairs.push((key, value)),
            (true, Some(value)) if is_pem(&key) && value.starts_with('@') => {
                let secret = secret_file(world, &key, value.trim_start_matches('@'))?;
                how.secrets.insert(key, secret);
            }
            (true, Some(_)) => {
                return Err(usage(format!(
                    "{key} is a secret: as an argument it would stand in the process list and in \
                     the shell's history; leave the value out and type it, or give it on standard \
                     input"
                )))
            }
            (true, None) => {
                let secret = typed(world, &key)?;
                how.secrets.insert(key, secret);
            }
            (false, Some(value)) => match value.strip_prefix('@') {
                Some(file) if is_pem(&key) => {
                    let pem = read_file(world, Path::new(file))?;
                    pairs.push((key, pem));
                }
                _ => pairs.push((key, value)),
            },
            (false, None) => {
                return Err(usage(format!(
                    "{key} needs a value: `postern settings set {key} VALUE` ('' gives the default)"
                )))
            }
        }
    }
    Ok(Request::Set { pairs, how })
}

fn read_file(world: &World, file: &Path) -> Result<String, Refusal> {
    // As much as the service takes of a file.
    let octets = world.disk.read(file, 900 << 10).map_err(|fault| {
        Refusal::new(Kind::Failed, format!("reading {}: {fault}", file.display()))
    })?;
    String::from_utf8(octets)
        .map_err(|_| Refusal::new(Kind::Failed, format!("{} is no UTF-8 text", file.display())))
}

#[cfg(test)]
mod tests;
