//! The way to a service: the socket where one listens, else an engine within this process.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::{future, StreamExt};
use smol::LocalExecutor;

use super::check;
use super::client;
use super::dispatch::{dispatch, replies};
use super::port::{Caller, Ended, Lines, Service};
use super::server::{serve, Limits};
use super::service::Running;
use super::wire::{Answer, How, Kind, Refusal, Request};
use crate::engine::writer::Sizes;
use crate::engine::{Engine, StoreFault};
use crate::world::socket::{listener_of, own_name, Listener};
use crate::world::World;

/// How long a store that another process has is waited for: a command that looks into it lets go soon.
const TURN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// Where requests go.
pub enum Link {
    /// To the service that listens on this socket.
    Socket(PathBuf),
    /// To an engine of this process, opened for this command.
    Within {
        /// The world it lives in.
        world: World,
        /// Its store.
        store: PathBuf,
        /// Where a service would listen that has only just begun.
        socket: PathBuf,
    },
}

impl Link {
    /// Finds the service of `store`: at `socket` where one listens, else within this process.
    pub async fn find(world: &World, store: &Path, socket: &Path) -> Result<Self, Refusal> {
        Ok(match client::connect(socket).await? {
            Some(_) => Self::Socket(socket.to_owned()),
            None => Self::Within {
                world: world.clone(),
                store: store.to_owned(),
                socket: socket.to_owned(),
            },
        })
    }

    /// Asks; `each` gets every document of the answer, as text on one line.
    pub async fn ask(&self, request: &Request, each: &mut dyn FnMut(&str)) -> Result<(), Refusal> {
        let (world, store, socket) = match self {
            Self::Socket(socket) => return client::ask(socket, request, each).await,
            Self::Within {
                world,
                store,
                socket,
            } => (world, store, socket),
        };
        match within(world, store, socket, request, each).await {
            // A service was at its start, and listens by now.
            Err(refusal)
                if refusal.refused == Kind::Unreachable
                    && client::connect(socket).await?.is_some() =>
            {
                client::ask(socket, request, each).await
            }
            ended => ended,
        }
    }
}

/// Asks an engine that is opened for this, unless a service has the store.
async fn within(
    world: &World,
    store: &Path,
    socket: &Path,
    request: &Request,
    each: &mut dyn FnMut(&str),
) -> Result<(), Refusal> {
    // It would be undone by the very next command: unconfirmed at a start.
    if request
        .how()
        .is_some_and(|how| how.confirm_within_min.is_some())
    {
        return Err(Refusal::new(
            Kind::Refused,
            "--confirm-within needs the running service, which undoes the change when \
             its time is up: start the service, or leave the limit out",
        ));
    }
    if !request.makes_settings() {
        is_there(world, store)?;
    }
    // To open the store is to change it: it would mend before it is looked at.
    if let Request::Check = request {
        return check::without_service(world, store, each).await;
    }
    let service = Rc::new(open(world, store, socket).await?);
    let caller = own();
    {
        let mut replies = Box::pin(replies(service.clone(), caller, request.clone()));
        while let Some(reply) = replies.next().await {
            each(&reply.line());
        }
    }
    let closed = service.close().await;
    // A command that asks a second time opens the store again: it must be free by then.
    if let Some(service) = Rc::into_inner(service) {
        service.end();
    }
    closed
}

/// This process: it has opened the store by itself.
fn own() -> Caller {
    Caller {
        name: own_name(),
        owns: true,
    }
}

/// Whether there is a store: whoever only asks must not make one where a path was mistyped.
fn is_there(world: &World, store: &Path) -> Result<(), Refusal> {
    // Either is enough: what became of the other is the opening's to say.
    let absent = |part: &str| {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        let listed = world.disk.list(&store.join(part));
        listed.is_err_and(|e| matches!(e.kind(), NotFound | NotADirectory))
    };
    let other = world.disk.other_owner(store);
    match absent("journal") && absent("settings") && !matches!(other, Ok(Some(_))) {
        true => Err(Refusal::new(
            Kind::Unreachable,
            format!(
                "there is no store at {}, and no service answers: check --store, or begin with \
                 `postern settings add NAME`",
                store.display()
            ),
        )),
        false => Ok(()),
    }
}

/// The refusal when another process has the store.
pub fn in_use(store: &Path) -> Refusal {
    Refusal::new(
        Kind::Unreachable,
        format!(
            "the store {} is in use by another process whose control socket can't be reached: \
             is the service just starting or ending? try again, or name its socket with --socket",
            store.display()
        ),
    )
}

/// Runs the service on `store`, answering at `socket`, until `stop` or, with `once`, until nothing
/// is left to do. What is on its way to the portal then has some seconds, unless `stop` comes again.
pub async fn serve_and_run<S: Service + 'static>(
    executor: &LocalExecutor<'static>,
    world: &World,
    service: S,
    socket: &Path,
    once: bool,
    mut stop: impl AsyncFnMut(),
) -> Result<Ended, Refusal> {
    let listener =
        Listener::bind(socket).map_err(|fault| client::failed("making", socket, &fault))?;
    let service = Rc::new(service);
    let limits = Limits::default();
    let answering = async {
        serve(
            executor,
            &listener,
            service.clone(),
            world.clock.clone(),
            limits,
        )
        .await;
        future::pending().await
    };
    let stopped = async {
        stop().await;
        service.stop();
        stop().await;
        Ok(Ended {
            clean: true,
            said: "stopped".to_owned(),
        })
    };
    // A task of its own: what it wakes for, many thousand times a second, is no reason to ask the
    // others.
    let running = service.clone();
    let mut run = executor.spawn(async move { running.run(once).await });
    // The run is asked first: an end of its own has more to say than the wish to stop.
    let ended = future::or(&mut run, future::or(stopped, answering)).await;
    run.cancel().await;
    service.close().await?;
    ended
}

/// Opens the engine on `store` within this process: takes its lock, replays what must be replayed.
/// Refused when another process has it; a service that answers at `socket` is named.
pub async fn open_local(
    world: &World,
    store: &Path,
    socket: &Path,
) -> Result<impl Service, Refusal> {
    let refusal = match open(world, store, socket).await {
        Ok(running) => return Ok(running),
        Err(refusal) => refusal,
    };
    match listener_of(socket).await {
        Ok(pid) if refusal.refused == Kind::Unreachable => Err(Refusal::new(
            Kind::Unreachable,
            format!(
                "a service runs here already{}, listening at {}: see `postern status`",
                pid.map_or(String::new(), |pid| format!(" (process {pid})")),
                socket.display()
            ),
        )),
        _ => Err(refusal),
    }
}

/// Opens the engine on `store`, waiting its turn, unless a service listens at `socket`.
async fn open(world: &World, store: &Path, socket: &Path) -> Result<Running, Refusal> {
    let made = world.disk.make_dir(store);
    if made.is_err_and(|fault| fault.kind() == std::io::ErrorKind::PermissionDenied) {
        return Err(Refusal::new(
            Kind::Failed,
            format!(
                "the store {} may not be made or opened by this user: use sudo, or name a store of \
                 your own with --store",
                store.display()
            ),
        ));
    }
    let since = world.clock.tick();
    loop {
        let executor = Rc::new(LocalExecutor::new());
        match Engine::open(world.clone(), executor, store, Sizes::default()) {
            Ok((engine, endings)) => return Ok(Running::new(engine, endings)),
            Err(StoreFault::Locked { .. }) => {}
            Err(fault) => return Err(fault.into()),
        }
        let listens = listener_of(socket).await.is_ok();
        if listens || world.clock.tick().since(since) >= TURN {
            return Err(in_use(store));
        }
        world.clock.sleep(LOOK).await;
    }
}

/// Puts the settings of `file` in force, at a start: nobody is asked, the file is the operator's word.
/// A mailbox that it activates is looked into where its server can be reached, and refused where it
/// could not archive; whose address it has, the portal is asked where we don't know.
pub async fn import_file<S: Service>(
    world: &World,
    service: &S,
    file: &Path,
) -> Result<(), Refusal> {
    let reading =
        |said: String| Refusal::new(Kind::Failed, format!("reading {}: {said}", file.display()));
    let limit = Limits::default().import_bytes as u64;
    let octets = world
        .disk
        .read(file, limit)
        .map_err(|fault| reading(fault.to_string()))?;
    let toml = String::from_utf8(octets).map_err(|_| reading("it is no UTF-8 text".to_owned()))?;
    let how = How {
        yes: true,
        unattended: true,
        ..How::default()
    };
    let caller = own();
    // Nothing of an import is said line by line.
    let (sender, _unread) = async_channel::bounded(1);
    let lines = Lines::new(sender);
    match dispatch(service, &caller, Request::Import { toml, how }, &lines).await? {
        Answer::NeedSecrets { keys, .. } => Err(Refusal::new(
            Kind::Refused,
            format!(
                "{} needs secrets that were never typed ({}): type them first with `postern \
                 settings import {}`",
                file.display(),
                keys.join(", "),
                file.display()
            ),
        )),
        Answer::Applied { warnings, .. } => {
            for warning in warnings {
                log::warn!("{warning}");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
