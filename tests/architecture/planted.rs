//! Sources that break a rule, one each, and sources that look as if they did and don't.

/// File, source, and what must be said about it.
pub const VIOLATIONS: &[(&str, &str, &str)] = &[
    // The table.
    (
        "mail/x.rs",
        "use crate::ticket::Key;",
        "mail may not import ticket",
    ),
    (
        "ticket/x.rs",
        "use crate::passage::Stage;",
        "ticket may not import passage",
    ),
    (
        "passage/x.rs",
        "use crate::world::Wall;",
        "passage may not import world",
    ),
    (
        "spool/x.rs",
        "use crate::passage::Record;",
        "spool may not import passage",
    ),
    (
        "http/x.rs",
        "use crate::portal::Portal;",
        "http may not import portal",
    ),
    (
        "world/x.rs",
        "use crate::mail::clean;",
        "world may not import mail",
    ),
    (
        "engine/x.rs",
        "use crate::control::Reply;",
        "engine may not import control",
    ),
    (
        "console/x.rs",
        "use crate::engine::Engine;",
        "console may not import engine",
    ),
    (
        "control/x.rs",
        "use crate::spool::Journal;",
        "control may not import spool",
    ),
    (
        "program.rs",
        "use crate::engine::Engine;",
        "program may not import engine",
    ),
    (
        "main.rs",
        "use postern::engine::Engine;",
        "main may not import engine",
    ),
    // Rim rooms and each other.
    (
        "portal/x.rs",
        "use crate::index::View;",
        "portal may not import index",
    ),
    (
        "mailbox/x.rs",
        "use crate::spool::Journal;",
        "mailbox may not import spool",
    ),
    (
        "index/x.rs",
        "use crate::spool::Journal;",
        "index may not import spool",
    ),
    // However it is written.
    (
        "mail/x.rs",
        "use crate::{ticket::Key};",
        "mail may not import ticket",
    ),
    (
        "mail/x.rs",
        "use super::super::ticket::Key;",
        "mail may not import ticket",
    ),
    (
        "mail/x.rs",
        "fn f() { crate::ticket::decide() }",
        "mail may not import ticket",
    ),
    (
        "spool/a/b.rs",
        "use super::super::super::index as i;",
        "spool may not import index",
    ),
    (
        "console/x.rs",
        "use crate::{\n    control::{self, Reply},\n    settings::{Mailbox as M},\n};",
        "console may not import settings",
    ),
    // The departures are narrow.
    (
        "settings/x.rs",
        "use crate::world::{Wall, Disk};",
        "settings may not import world",
    ),
    (
        "settings/x.rs",
        "use crate::passage::Record;",
        "settings may not import passage",
    ),
    (
        "settings/x.rs",
        "use crate::mailbox::Session;",
        "settings may not import mailbox",
    ),
    (
        "control/service.rs",
        "use crate::mailbox::Session;",
        "control may not import mailbox",
    ),
    (
        "control/trial.rs",
        "use crate::portal::Contract;",
        "control may not import portal",
    ),
    // Pure rooms.
    ("mail/x.rs", "async fn f() {}", "`async` in a pure room"),
    (
        "ticket/x.rs",
        "fn f() { g().await }",
        "`await` in a pure room",
    ),
    (
        "passage/x.rs",
        "use std::io::Read;",
        "`std::io::Read` in a pure room",
    ),
    (
        "settings/x.rs",
        "use smol::LocalExecutor;",
        "in a pure room",
    ),
    (
        "mail/x.rs",
        "fn f() { log::info!(\"\"); }",
        "in a pure room",
    ),
    (
        "mailbox/settings.rs",
        "use std::io::Read;",
        "in a pure room",
    ),
    ("mail/x.rs", "use std::fs;", "`std::fs` is at home"),
    (
        "mail/x.rs",
        "use std::net::TcpStream;",
        "`std::net` is at home",
    ),
    ("ticket/x.rs", "use std::time::SystemTime;", "is at home"),
    (
        "passage/x.rs",
        "fn f() { std::thread::yield_now() }",
        "is at home",
    ),
    (
        "settings/x.rs",
        "fn f() { std::env::var(\"A\"); }",
        "is at home",
    ),
    // Homes.
    ("engine/x.rs", "fn f(d: sled::Db) {}", "`sled` is at home"),
    (
        "engine/x.rs",
        "use mail_parser::Message;",
        "`mail_parser` is at home",
    ),
    (
        "mail/skim.rs",
        "use mail_parser::Message;",
        "`mail_parser` is at home",
    ),
    (
        "mailbox/mod.rs",
        "use async_imap::Client;",
        "`async_imap` is at home",
    ),
    (
        "engine/x.rs",
        "use std::{fmt, fs::File};",
        "`std::fs` is at home",
    ),
    ("index/mod.rs", "use std::fs;", "`std::fs` is at home"),
    (
        "mailbox/imap/x.rs",
        "use std::net::TcpStream;",
        "`std::net` is at home",
    ),
    (
        "console/x.rs",
        "fn f() { std::env::args(); }",
        "`std::env` is at home",
    ),
    (
        "engine/x.rs",
        "use std::thread;",
        "`std::thread` is at home",
    ),
    ("engine/x.rs", "use std::time::Instant;", "is at home"),
    (
        "engine/x.rs",
        "fn f() { SystemTime::now(); }",
        "`SystemTime::now` is at home",
    ),
    (
        "engine/x.rs",
        "fn f() { jiff::Timestamp::now(); }",
        "`Timestamp::now` is at home",
    ),
    (
        "settings/x.rs",
        "fn f() { TimeZone::system(); }",
        "`TimeZone::system` is at home",
    ),
    (
        "mailbox/imap/x.rs",
        "fn f() { smol::Timer::after(D); }",
        "`smol::Timer` is at home",
    ),
    ("portal/x.rs", "use hyper::Request;", "`hyper` is at home"),
    (
        "http/x.rs",
        "use async_native_tls::TlsStream;",
        "is at home",
    ),
    ("spool/x.rs", "use rustix::fs;", "`rustix` is at home"),
    // Durability.
    (
        "spool/x.rs",
        "fn f(x: &File) { x.sync_data(); }",
        "`sync_data` outside of its home",
    ),
    (
        "engine/forward.rs",
        "fn f(d: &D) { d.sync_all(p); }",
        "`sync_all` outside of its home",
    ),
    (
        "index/mod.rs",
        "fn f() { rusty::syncfs(d); }",
        "`syncfs` outside of its home",
    ),
    // Names.
    ("engine/util.rs", "", "a name that says nothing"),
    ("helpers/x.rs", "", "a name that says nothing"),
];

/// File and source.
pub const LEGAL: &[(&str, &str)] = &[
    (
        "mail/x.rs",
        "// use crate::ticket::Key;\n/* std::fs /* sled:: */ async */",
    ),
    (
        "mail/x.rs",
        "const A: &str = \"crate::ticket::Key \\\" std::fs\"; fn f() {}",
    ),
    (
        "mail/x.rs",
        "const A: &str = r#\"async \" std::fs::File\"#; const B: &[u8] = b\"\\\"\";",
    ),
    (
        "mail/x.rs",
        "fn f<'a>(x: &'a str) -> char { match x { _ => '\"' } }\nfn g() {}",
    ),
    (
        "mail/x.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::ticket::Key;\n}",
    ),
    (
        "spool/x.rs",
        "#[cfg(test)]\nuse crate::passage::Record;\nuse crate::world::Disk;",
    ),
    ("mail/skim/tests.rs", "use crate::ticket::Key;"),
    (
        "mail/a/b.rs",
        "use super::super::skim::Skim; use crate::mail::Digest;",
    ),
    (
        "passage/x.rs",
        "use std::time::Duration; use crate::ticket::{self, Key};",
    ),
    (
        "settings/x.rs",
        "use crate::world::{Secret, Wall}; use crate::passage::MailboxId;",
    ),
    (
        "settings/x.rs",
        "use std::net::IpAddr; fn f() { std::net::Ipv6Addr::from(1); }",
    ),
    (
        "control/trial.rs",
        "use crate::mailbox::{Fault, Session}; use crate::portal::Portal as _;",
    ),
    ("world/clock.rs", "fn f() { std::time::Instant::now(); }"),
    ("world/timers.rs", "fn f() { smol::Timer::after(D); }"),
    (
        "world/disk.rs",
        "use std::fs::File; fn f(x: &File) { x.sync_data(); }",
    ),
    ("engine/writer.rs", "fn f(d: &D) { d.sync_all(p); }"),
];
