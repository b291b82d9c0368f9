//! schemathesis, a judge from outside: it makes requests out of the document, good and bad ones, and
//! holds each answer of the stand-in against it.
//!
//! It lies where `scripts/test.sh` puts it (`.tools/schemathesis`), or is named in
//! `POSTERN_SCHEMATHESIS`; where it is not to be had the tests skip themselves, and say so. Its seed
//! is fixed, so that a run can be repeated; `POSTERN_TEST_LONG` makes it ask twice as much.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{json, Value};

use crate::answers::wrong;
use crate::common::scene::{long, skipped};
use crate::common::{folder, Portal, TOKEN};
use crate::contract::Contract;
use crate::wire::{recorded, Exchange};

/// Where the program is, if anywhere.
fn program() -> Option<PathBuf> {
    let installed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/.tools/schemathesis/bin/schemathesis"
    );
    let named = std::env::var_os("POSTERN_SCHEMATHESIS").map(PathBuf::from);
    let program = named.unwrap_or_else(|| PathBuf::from(installed));
    program.exists().then_some(program)
}

/// Runs it with this document against a stand-in of its own; gives also what went over the line.
fn judge(program: &Path, document: &Value, options: &[&str]) -> (Output, Vec<Exchange>) {
    let folder = folder();
    let record = folder.path().join("record.jsonl");
    let portal = Portal::start(&["--record", record.to_str().unwrap()]);
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, document.to_string()).expect("a file can be written");
    let mut command = Command::new(program);
    command
        .arg("run")
        .arg(&file)
        .args(["--url", &portal.url, "--header"])
        .arg(format!("Authorization: Bearer {TOKEN}"))
        .args(["--seed", "20260302", "--generation-database", "none"])
        .args(["--no-color", "--warnings", "off", "--request-timeout", "20"])
        .args(options);
    // Its own settings and leavings stay out of the checkout.
    command
        .current_dir(folder.path())
        .env(
            "PYTHONPATH",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("STANDIN", &portal.url)
        .env("TOKEN", TOKEN);
    let output = command.output().expect("schemathesis can be started");
    (output, recorded(&record))
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

#[test]
fn requests_that_nobody_here_thought_of_get_answers_of_the_document() {
    let Some(program) = program() else {
        return skipped(
            "requests made by schemathesis",
            "scripts/test.sh installs it",
        );
    };
    let count = if long() { "50" } else { "25" };
    let document = Contract::shipped().for_outsiders();
    let (output, exchanges) = judge(&program, &document, &["--max-examples", count]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("Tested: 8"), "{}", said(&output));
    // Our own judge has a look at the same answers; and the story was not one of refusals only.
    let mut contract = Contract::shipped();
    let found: BTreeSet<String> = wrong(&mut contract, &exchanges).into_iter().collect();
    assert_eq!(found, BTreeSet::new());
    for (met, times) in [
        ("createTicket 201", 30),
        ("createReply 201", 30),
        ("findConversation 200", 30),
        ("putAttachment 201", 10),
    ] {
        let (name, status) = met.split_once(' ').unwrap();
        let of = |e: &&Exchange| e.status.to_string() == status && contract.name(e) == name;
        let count = exchanges.iter().filter(of).count();
        assert!(count >= times, "{met} only {count} times");
    }
}

#[test]
fn schemathesis_finds_what_a_doctored_document_does_not_describe() {
    let Some(program) = program() else {
        return skipped(
            "doctored documents before schemathesis",
            "scripts/test.sh installs it",
        );
    };
    let honest = Contract::shipped().for_outsiders();
    let mut narrow = honest.clone();
    narrow["paths"]["/directory"]["get"]["responses"] = json!({
        "200": honest["paths"]["/directory"]["get"]["responses"]["200"],
    });
    let mut wrong = honest.clone();
    wrong["components"]["schemas"]["Ping"]["properties"]["epoch"] = json!({ "type": "integer" });
    let mut loose = honest.clone();
    let message = &mut loose["components"]["schemas"]["Message"]["properties"];
    message["subject"] = json!({ "type": ["string", "integer"] });
    for (operation, document, words) in [
        ("directoryChanges", narrow, "Undocumented status code"),
        ("ping", wrong, "Response violates schema"),
        ("createTicket", loose, "Schema-valid request rejected"),
    ] {
        let options = ["--max-examples", "10", "--include-operation-id", operation];
        let (output, _) = judge(&program, &document, &options);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains(words),
            "{operation}: {}",
            said(&output)
        );
    }
}
