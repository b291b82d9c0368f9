//! Fuzz targets: one function for each parser of ours that reads what others wrote.
//!
//! A target takes any octets, lets its parser read them, and holds what must be true of whatever comes out.
//! It panics where that isn't so, and says nothing otherwise. `tests/corpus.rs` runs each over its corpus, over
//! all mails of `tests/mail`, and over mutations of both; libFuzzer drives the same functions (`any`).
//! Nothing here looks at a clock, or at anything but its octets.

mod mail;
mod wire;

/// One parser, and what must be true of it.
pub struct Target {
    /// As its corpus is called.
    pub name: &'static str,
    /// Reads the octets; panics where what came out may not be so.
    pub run: fn(&[u8]),
    /// Octets that it may allocate in all, for each octet that it is given, and beside those. As measured
    /// over its corpus and its mutations, and half as much again.
    pub costs: (usize, usize),
}

const fn target(name: &'static str, run: fn(&[u8]), costs: (usize, usize)) -> Target {
    Target { name, run, costs }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("mail", mail::mail, (900, 4 << 20)),
    target("decode", mail::decode, (64, 1 << 20)),
    target("charset", mail::charset, (64, 1 << 20)),
    target("words", mail::words, (64, 1 << 20)),
    target("address", mail::address, (64, 1 << 20)),
    target("field", mail::field, (64, 1 << 20)),
    target("html", mail::html, (64, 1 << 20)),
    target("flowed", mail::flowed, (64, 1 << 20)),
    target("history", mail::history, (64, 1 << 20)),
    target("calendar", mail::calendar, (64, 1 << 20)),
    target("cms", mail::cms, (64, 1 << 20)),
    target("tnef", mail::tnef, (64, 1 << 20)),
    target("authentication", mail::authentication, (64, 1 << 20)),
    target("report", mail::report, (64, 1 << 20)),
    target("clean", mail::clean, (64, 1 << 20)),
    target("token", mail::token, (64, 1 << 20)),
    target("record", wire::record, (64, 1 << 20)),
    target("journal", wire::journal, (64, 1 << 20)),
    target("settings", wire::settings, (64, 1 << 20)),
    target("revision", wire::revision, (64, 1 << 20)),
    target("imap", wire::imap, (64, 1 << 20)),
    target("folder", wire::folder, (64, 1 << 20)),
    target("answer", wire::answer, (64, 1 << 20)),
    target("http", wire::http, (64, 1 << 20)),
];
