//! The rules, as tables, and the one function that holds a source against them.

use crate::scan::{self, Path, Token};

/// What a room may import. The order is that of `src/README.md`.
pub struct Room {
    pub name: &'static str,
    /// Decides only: see `PURE`.
    pub pure: bool,
    /// Touches the world: imports no other such room but `world` and `http`.
    pub rim: bool,
    pub imports: &'static [&'static str],
    /// Departures: from files that begin so, this room, and of it these items only.
    pub narrow: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const fn pure(name: &'static str, imports: &'static [&'static str]) -> Room {
    Room {
        name,
        pure: true,
        rim: false,
        imports,
        narrow: &[],
    }
}

const fn rim(name: &'static str, imports: &'static [&'static str]) -> Room {
    Room {
        name,
        pure: false,
        rim: true,
        imports,
        narrow: &[],
    }
}

const fn inner(name: &'static str, imports: &'static [&'static str]) -> Room {
    Room {
        name,
        pure: false,
        rim: false,
        imports,
        narrow: &[],
    }
}

pub const ROOMS: &[Room] = &[
    pure("mail", &[]),
    pure("ticket", &["mail"]),
    pure("passage", &["mail", "ticket"]),
    Room {
        narrow: &[
            // A mailbox's number is given by the settings and written into records.
            ("settings/", "passage", &["MailboxId"]),
            // Without a clock or a door: a moment, octets that can't be shown, what a certificate says.
            ("settings/", "world", &["Wall", "Secret", "certificate"]),
            ("settings/", "mailbox", &["settings"]),
            ("settings/", "portal", &["settings"]),
        ],
        ..pure("settings", &["mail", "ticket"])
    },
    rim("world", &[]),
    rim("http", &["world"]),
    rim("spool", &["world"]),
    rim("index", &["mail", "ticket", "passage", "world"]),
    rim("mailbox", &["mail", "passage", "world", "http"]),
    rim("portal", &["mail", "ticket", "world", "http"]),
    inner(
        "engine",
        &[
            "mail", "ticket", "passage", "settings", "world", "http", "spool", "index", "mailbox",
            "portal",
        ],
    ),
    Room {
        narrow: &[
            // Test Connection tries settings that no engine runs (yet), so it asks the ports
            // themselves.
            (
                "control/trial.rs",
                "mailbox",
                &["probe", "Fault", "Session"],
            ),
            ("control/trial.rs", "portal", &["Portal", "Fault"]),
        ],
        ..inner(
            "control",
            &[
                "mail", "ticket", "passage", "settings", "engine", "world", "http",
            ],
        )
    },
    inner("console", &["control", "world"]),
    inner("program", &["console", "control", "world"]),
    inner("main", &["program"]),
];

/// The room with this name.
pub fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|r| r.name == name)
}

/// Paths that have a home: outside of it nothing begins so.
const HOMES: &[(&str, &[&str])] = &[
    ("sled", &["index/"]),
    ("crossbeam_epoch", &["index/"]),
    ("mail_parser", &["mail/grammar.rs"]),
    ("encoding_rs", &["mail/"]),
    ("async_imap", &["mailbox/imap/"]),
    (
        "hyper",
        &["http/", "control/client.rs", "control/server.rs"],
    ),
    (
        "smol_hyper",
        &["http/", "control/client.rs", "control/server.rs"],
    ),
    ("native_tls", &["world/tls.rs"]),
    ("openssl", &["world/certificate"]),
    ("async_native_tls", &["world/tls.rs"]),
    ("async_signal", &["world/signals.rs"]),
    ("getrandom", &["world/entropy.rs"]),
    ("rustix", &["world/"]),
    ("chacha20poly1305", &["settings/seal.rs"]),
    ("argon2", &["settings/parcel.rs"]),
    ("toml", &["settings/"]),
    ("clap", &["console/"]),
    ("env_logger", &["program.rs"]),
    ("std::fs", &["world/"]),
    ("std::os", &["world/"]),
    ("std::env", &["world/", "program.rs"]),
    ("std::process", &["program.rs", "main.rs"]),
    ("std::thread", &["world/worker.rs"]),
    ("std::time::Instant", &["world/clock.rs"]),
    ("std::time::SystemTime", &["world/clock.rs"]),
    ("std::net", &["world/"]),
    ("smol::Timer", &["world/driver.rs", "world/timers.rs"]),
    ("smol::net", &["world/"]),
    ("smol::fs", &["world/"]),
    ("smol::process", &["world/"]),
    ("smol::unblock", &["world/"]),
    ("smol::Async", &["world/"]),
];

/// Ends of paths that have a home: whoever imported the front, the call is seen.
const CALLS: &[(&str, &[&str])] = &[
    ("Instant::now", &["world/clock.rs"]),
    ("SystemTime::now", &["world/clock.rs"]),
    ("Timestamp::now", &["world/clock.rs"]),
    ("Zoned::now", &["world/clock.rs"]),
    ("TimeZone::system", &["world/"]),
    ("TimeZone::get", &["world/"]),
    ("Timer::after", &["world/driver.rs", "world/timers.rs"]),
    ("Timer::at", &["world/driver.rs", "world/timers.rs"]),
];

/// Words of durability: whoever says them promises something, so they have few homes.
const SYNCS: &[(&str, &[&str])] = &[
    ("sync_data", &["world/disk.rs"]),
    ("fdatasync", &["world/disk.rs"]),
    ("fsync", &["world/disk.rs"]),
    ("syncfs", &["world/disk.rs"]),
    // The disk's door to the file system's sync; a checkpoint is the one that goes through it.
    (
        "sync_all",
        &[
            "world/disk.rs",
            "world/sim.rs",
            // Refuses it.
            "world/untouched.rs",
            "engine/writer.rs",
        ],
    ),
];

/// Of `std::net` these are plain values.
const ADDRESSES: &[&str] = &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr"];

/// What pure rooms, and the pure settings of rim rooms, never name.
const IMPURE: &[&str] = &[
    "std::io",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "std::sync::mpsc",
    "std::future",
    "std::time::Instant",
    "std::time::SystemTime",
    "smol",
    "futures_lite",
    "async_channel",
    "async_io",
    "log",
    "rustix",
    "getrandom",
];

/// Files of rim rooms that the operator's settings may rest on.
const PURE_FILES: &[&str] = &["mailbox/settings.rs", "portal/settings.rs"];

/// Names for a room or a file that say nothing.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "stuff",
];

const LINES_MAX: usize = 600;

/// What `file`, relative to `src`, breaks: a sentence each.
pub fn broken(file: &str, source: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let is_test = file.ends_with("/tests.rs") || file.contains("/tests/");
    let lines = source.lines().count();
    if lines > LINES_MAX {
        broken.push(format!("src/{file}: {lines} lines, more than {LINES_MAX}"));
    }
    let empty = |part: &str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"));
    if file.split('/').any(empty) {
        broken.push(format!("src/{file}: a name that says nothing"));
    }
    if is_test {
        return broken;
    }
    let tells = source.starts_with("//!") || source.starts_with("#![doc = include_str!");
    if !tells {
        broken.push(format!("src/{file}: says not what it is for"));
    }
    let tokens = scan::without_tests(&scan::tokens(source));
    let paths = scan::paths(file, &tokens);
    let name = file.split('/').next().unwrap_or_default();
    let room = room(name.trim_end_matches(".rs"));
    if let Some(room) = room {
        for path in paths.iter().filter(|p| p.ours) {
            broken.extend(edge(file, room, path));
        }
    }
    for path in paths.iter().filter(|p| !p.ours) {
        broken.extend(foreign(file, path));
    }
    for token in &tokens {
        if let Some((word, homes)) = SYNCS.iter().find(|(w, _)| *w == token.text) {
            if !at_home(file, homes) {
                let line = token.line;
                broken.push(format!(
                    "src/{file}:{line}: `{word}` outside of its home {homes:?}"
                ));
            }
        }
    }
    if room.is_some_and(|r| r.pure) || PURE_FILES.contains(&file) {
        broken.extend(impure(file, &tokens, &paths));
    }
    broken
}

fn at_home(file: &str, homes: &[&str]) -> bool {
    homes.iter().any(|home| file.starts_with(home))
}

/// An import of another room that the table doesn't have.
fn edge(file: &str, room: &Room, path: &Path) -> Option<String> {
    let to = path.parts.first()?;
    let other = self::room(to)?;
    if to == room.name {
        return None;
    }
    let item = path.parts.get(1).map_or("", String::as_str);
    let narrow = room
        .narrow
        .iter()
        .any(|(from, name, items)| file.starts_with(from) && name == to && items.contains(&item));
    // Said twice on purpose: a slip in the table must not open a way between rim rooms.
    let rims = room.rim && other.rim && !matches!(other.name, "world" | "http");
    let legal = room.imports.contains(&other.name) && !rims;
    (!legal && !narrow).then(|| {
        let line = path.line;
        let named = path.parts.join("::");
        format!(
            "src/{file}:{line}: `{named}`: {} may not import {to}",
            room.name
        )
    })
}

/// A path that has its home elsewhere.
fn foreign(file: &str, path: &Path) -> Option<String> {
    let named = path.parts.join("::");
    let line = path.line;
    let value = |p: &Path| {
        p.parts
            .get(2)
            .is_some_and(|t| ADDRESSES.contains(&t.as_str()))
    };
    let (start, homes) = HOMES
        .iter()
        .filter(|(start, _)| path.begins(start) && !(*start == "std::net" && value(path)))
        .chain(CALLS.iter().filter(|(end, _)| path.ends(end)))
        .find(|(_, homes)| !at_home(file, homes))?;
    Some(format!(
        "src/{file}:{line}: `{named}`: `{start}` is at home in {homes:?} only"
    ))
}

fn impure(file: &str, tokens: &[Token], paths: &[Path]) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens {
        if matches!(token.text.as_str(), "async" | "await") {
            let line = token.line;
            found.push(format!(
                "src/{file}:{line}: `{}` in a pure room",
                token.text
            ));
        }
    }
    for path in paths.iter().filter(|p| !p.ours) {
        // What has a home was said already.
        let housed = HOMES.iter().any(|(start, _)| path.begins(start));
        if !housed && IMPURE.iter().any(|start| path.begins(start)) {
            let named = path.parts.join("::");
            found.push(format!(
                "src/{file}:{}: `{named}` in a pure room",
                path.line
            ));
        }
    }
    found
}
