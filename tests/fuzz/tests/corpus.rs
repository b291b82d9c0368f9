//! Each fuzz target over its corpus (`corpus/TARGET/*`), over the mails of `tests/mail`, and over mutations of
//! both that are the same at each run. What is allocated is counted: a parser whose work grows faster than its
//! input is seen here, without a clock.
//!
//! `POSTERN_TEST_LONG=1` makes many more mutations. A failure names the target, the seed's file and the octets,
//! which lie in the corpus once it is mended.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};

mod dice;

use dice::Dice;
use fuzz::{Target, TARGETS};
use postern::world::memory::counted::allocated;

/// Octets of a seed that are taken: the mutations of a long one would only take time.
const SEED_MAX: usize = 64 * 1024;

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, Vec<u8>)> = paths
        .filter(|path| path.is_file() && wanted(path))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// The corpus of a target.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    files(&home().join("corpus").join(target.name), |_| true)
}

fn mails() -> Vec<(String, Vec<u8>)> {
    let is_mail = |path: &Path| path.extension().is_some_and(|end| end == "eml");
    files(&home().join("../mail"), is_mail)
}

/// Runs the target, and holds what it allocated against what it may.
fn run(target: &Target, name: &str, octets: &[u8]) {
    let before = allocated();
    let held = catch_unwind(AssertUnwindSafe(|| (target.run)(octets)));
    let taken = allocated().wrapping_sub(before);
    if held.is_err() {
        panic!("{} with {name}: {}", target.name, octets.escape_ascii());
    }
    let (each, beside) = target.costs;
    let most = each * octets.len() + beside;
    assert!(
        taken <= most,
        "{} allocated {taken} octets for {} of {name}, and may {most}: {}",
        target.name,
        octets.len(),
        octets.escape_ascii()
    );
}

fn targets(half: usize) -> impl Iterator<Item = &'static Target> {
    TARGETS
        .iter()
        .enumerate()
        .filter(move |(at, _)| at % 2 == half)
        .map(|(_, target)| target)
}

fn holds(half: usize) {
    let long = std::env::var_os("POSTERN_TEST_LONG").is_some_and(|long| !long.is_empty());
    let mails = mails();
    assert!(mails.len() >= 250, "only {} mails were found", mails.len());
    for target in targets(half) {
        let own = corpus(target);
        assert!(!own.is_empty(), "{} has no corpus", target.name);
        for (name, octets) in own.iter().chain(&mails) {
            run(target, name, octets);
        }
        // Few of the mails at a time: each target sees all of them whole, and some of them changed.
        let rounds = if long { 20_000 } else { 400 };
        let mut dice = Dice::of(target.name);
        for _ in 0..rounds {
            let from = if dice.below(4) == 0 { &mails } else { &own };
            let (name, seed) = &from[dice.below(from.len())];
            let other = &from[dice.below(from.len())].1;
            let octets = dice.changed(&seed[..seed.len().min(SEED_MAX)], other);
            run(target, name, &octets);
        }
    }
}

// Two, so that two processors have work.
#[test]
fn every_target_holds_over_its_corpus_and_changes_of_it_the_first_half() {
    holds(0);
}

#[test]
fn every_target_holds_over_its_corpus_and_changes_of_it_the_second_half() {
    holds(1);
}

/// Goes red where what a parser allocates grows faster than its input: one octet pattern, in two lengths.
#[test]
fn what_is_allocated_follows_the_octets() {
    let patterns: &[&str] = &[
        "<div>",
        "<b><div></b>",
        "<ul><li>",
        "<table><tr><td>",
        "<p a=b ",
        "&#60;",
        "<a href='x'>y",
        "</p>",
        "<b>",
        "<blockquote>",
        "> x\n",
        "On 1 x@y\n",
        "From: a\n",
        "--\n",
        "Am 1\n",
        "a:\n",
        "____________\n\n",
        "=?utf-8?q?a?= ",
        "\"a\" <b@c>, ",
        "a; b=c; ",
        "a*0*=x; ",
        "(((",
        "\r\n--x\r\n",
        "Content-Type: message/rfc822\r\n\r\n",
        "BEGIN:VEVENT\r\n",
        "Final-Recipient: rfc822; a@b\r\n\r\n",
        "\x30\x22",
        "dkim=pass ",
        "[mailbox.a]\n",
        "{\"a\":",
        "pt-a",
        "* LIST () \"/\" a\r\n",
        "begin 644 a\n",
        "x \r\n",
        "-----BEGIN PGP MESSAGE-----\n",
        "<http://a.example/>",
        "\t\t",
    ];
    for target in TARGETS {
        for pattern in patterns {
            let taken = |length: usize| {
                let octets = pattern.repeat(length / pattern.len() + 1);
                let before = allocated();
                (target.run)(octets.as_bytes());
                allocated().wrapping_sub(before)
            };
            let (short, long) = (taken(4 << 10), taken(32 << 10));
            // Eight times the octets: a square would be sixty-four times as much.
            assert!(
                long <= 16 * short + (4 << 20),
                "{} of {pattern:?}: {short} octets, then {long}",
                target.name
            );
        }
    }
}

/// A target that keeps nothing would say so by never failing: each must see what is wrong in its own measure.
#[test]
fn a_target_that_costs_too_much_is_seen() {
    let greedy = Target {
        name: "greedy",
        run: |octets| drop(vec![0_u8; octets.len() * octets.len()]),
        costs: (64, 1024),
    };
    run(&greedy, "short", &[0; 10]);
    let seen = catch_unwind(|| run(&greedy, "long", &[0; 10_000]));
    assert!(seen.is_err(), "a square of its input went through");
}
