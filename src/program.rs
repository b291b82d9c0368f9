//! The program: choose the command, build the real world, run, outcome -> exit code.
//!
//! Here and not in the binary's own crate: whatever is generic would be compiled for both, a sixth of
//! the file.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use env_logger::fmt::style::Style;
use env_logger::fmt::Formatter;

use crate::console::{self, Arguments, Exit};
use crate::control::{self, Kind, Refusal, Service};
use crate::world::clock::RealClock;
use crate::world::signals::Stop;
use crate::world::{driver, memory, worker, Clock, World};

/// Where whoever starts the program says whether the log has colours.
const STYLE: &str = "RUST_LOG_STYLE";

/// The whole of it, from the arguments to the exit code.
pub fn main() -> ExitCode {
    memory::keep_small();
    let exit = match console::parse(std::env::args_os()) {
        Ok(arguments) => {
            // Whoever types a command wants its answer, not an engine's diary.
            let filter = match console::run_wanted(&arguments) {
                Some(_) => "info",
                None => "warn",
            };
            let wishes = env_logger::Env::default().default_filter_or(filter);
            let mut log = env_logger::Builder::from_env(wishes);
            // Its trace would show mail; the level is not the operator's to raise.
            log.filter_module("async_imap", log::LevelFilter::Info)
                // Standard output is the answer's.
                .target(env_logger::Target::Stderr);
            let plain = !io::stderr().is_terminal() && std::env::var_os(STYLE).is_none();
            if plain {
                // Else the writer looks through every line for colours to take out.
                log.write_style(env_logger::WriteStyle::Always);
            }
            log.format(move |to, record| line(to, record, plain)).init();
            command(arguments)
        }
        Err(exit) => exit,
    };
    ExitCode::from(exit as u8)
}

/// A line of the log, as the writer would have it by itself; but its clock brings a second library of dates.
fn line(to: &mut Formatter, record: &log::Record<'_>, plain: bool) -> io::Result<()> {
    let (at, level) = (RealClock::new().wall(), record.level());
    let style = match plain {
        true => Style::new(),
        false => to.default_level_style(level),
    };
    let (target, said) = (record.target(), record.args());
    writeln!(to, "[{at} {style}{level:<5}{style:#} {target}] {said}")
}

fn command(arguments: Arguments) -> Exit {
    worker::doze_reactor();
    let world = World::real();
    let executor = Rc::new(smol::LocalExecutor::new());
    match console::run_wanted(&arguments) {
        None => driver::block_on(executor.run(console::run(&world, arguments))),
        Some((once, settings)) => {
            let json = arguments.json;
            let settings = settings.map(Path::to_owned);
            // A task: asked when something of its own has come, and not at each turn of the others.
            let tasks = Rc::clone(&executor);
            let service = executor.spawn(async move {
                service(&tasks, &world, &arguments, once, settings.as_deref()).await
            });
            match driver::block_on(executor.run(service)) {
                Ok(exit) => exit,
                Err(refusal) => console::refuse(&refusal, json),
            }
        }
    }
}

/// The service, from the opening of the store to its end.
async fn service(
    executor: &smol::LocalExecutor<'static>,
    world: &World,
    arguments: &Arguments,
    once: bool,
    settings: Option<&Path>,
) -> Result<Exit, Refusal> {
    let mut stop = Stop::listen()
        .map_err(|fault| Refusal::new(Kind::Failed, format!("listening for signals: {fault}")))?;
    let service = control::open_local(world, &arguments.store, &arguments.socket()).await?;
    if let Some(file) = settings {
        if let Err(refusal) = control::import_file(world, &service, file).await {
            service.close().await?;
            return Err(refusal);
        }
    }
    let socket = arguments.socket();
    let stop = async || stop.asked().await;
    let ended = control::serve_and_run(executor, world, service, &socket, once, stop).await?;
    log::info!("{}", ended.said);
    Ok(match ended.clean {
        true => Exit::Done,
        false => Exit::Failed,
    })
}
