//! What becomes of a message is a function of its inputs alone: whenever it is asked, in whatever order, and
//! whatever was asked in between, the answer is the same, its reasons and the ticket's octets too.

#![allow(clippy::unwrap_used)] // a missing fixture is a failed test

use postern::mail::{understand, Limits, Skim};
use postern::ticket::{claims, clues, decide, explain, is_ours, written};
use postern::ticket::{Belongs, Known, Requester, Rules, Sender, Signs, TokenKey};
use std::fs;
use std::path::PathBuf;

/// When all of them were received, in milliseconds since 1970.
const AT: i64 = 1_800_000_000_000;

fn mails() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "eml"))
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Everybody's own: odd mails from people in the directory, from others, and where it was not read.
fn senders() -> [Sender; 3] {
    [
        Sender::Known {
            user: "u1".to_owned(),
            company: Some("c1".to_owned()),
            technician: true,
        },
        Sender::Unknown {
            company_hint: Some("c2".to_owned()),
        },
        Sender::DirectoryNotRead,
    ]
}

/// All that is said of a message, in words.
fn decided(octets: &[u8], rules: &Rules, signs: &Signs) -> String {
    let mut skim = Skim::new(Limits::default());
    skim.feed(octets);
    let message = understand(&skim.finish());
    let mut said = format!(
        "{:?} {:?} {:?} {:?}",
        claims(&message, &rules.senders),
        clues(&message, signs),
        written(&message, signs),
        is_ours(&message, signs)
    );
    for sender in senders() {
        for known in [Known::New, Known::Elsewhere, Known::Wanted] {
            let claims = claims(&message, &rules.senders);
            let answers = vec![sender.clone(); claims.iter().map(|c| c.forms.len()).sum()];
            let requester = &Requester::of(&message, &rules.senders, claims, answers);
            let none = Belongs::default;
            let (decision, because) = explain(&message, AT, requester, rules, known, none());
            let again = decide(&message, AT, requester, rules, known, none());
            assert_eq!(decision, again, "explaining it decides otherwise");
            said.push_str(&format!("{requester:?} {decision:?} {because:?}"));
        }
    }
    said
}

/// Goes red where anything is remembered from one message to the next, or looked up outside: a cache that is
/// filled by others, an order of hashes, a clock.
#[test]
fn a_decision_is_a_function_of_its_inputs_alone() {
    let mails = mails();
    assert!(mails.len() >= 300, "only {} mails were found", mails.len());
    let signs = || Signs::new(vec![TokenKey::new([7; 32])], Some("[#{ticket}]"));
    for process_unknown_senders in [false, true] {
        let rules = Rules {
            process_unknown_senders,
            ..Rules::default()
        };
        let ask = |octets: &Vec<u8>| decided(octets, &rules, &signs());
        let first: Vec<String> = mails.iter().map(ask).collect();
        let mut backwards: Vec<String> = mails.iter().rev().map(ask).collect();
        backwards.reverse();
        assert!(first == backwards, "the order makes a difference");
        // Each between two others, by the same signs as all the others.
        let kept = signs();
        for (at, octets) in mails.iter().enumerate() {
            let other = &mails[(at * 7 + 3) % mails.len()];
            decided(other, &rules, &kept);
            let now = decided(octets, &rules, &kept);
            assert_eq!(now, first[at], "what was asked before makes a difference");
        }
        // On another thread, which has hash keys and a stack of its own.
        let there = std::thread::scope(|scope| {
            let asked = scope.spawn(|| mails.iter().map(ask).collect::<Vec<String>>());
            asked.join().unwrap()
        });
        assert!(first == there, "another thread decides otherwise");
    }
}
