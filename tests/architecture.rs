//! The rooms, held by a test: who may import whom, what pure rooms never touch, and what has its
//! home in one place only. Each rule is shown a planted violation and must see it.
//!
//! Reads the sources as text and judges no types; what a file is for is not its business.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "architecture/planted.rs"]
mod planted;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scan.rs"]
mod scan;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust source under `dir`: its path from there, and its text.
fn sources(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_sources_keep_the_rules() {
    let all = sources(&root().join("src"));
    assert!(all.len() > 100, "only {} sources were found", all.len());
    let broken: Vec<String> = all
        .iter()
        .flat_map(|(file, text)| rules::broken(file, text))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_rule_sees_its_planted_violation() {
    for (file, source, said) in planted::VIOLATIONS {
        let source = format!("//! A file.\n{source}");
        let broken = rules::broken(file, &source);
        assert!(
            broken.len() == 1 && broken[0].contains(said),
            "{file}, planted {source:?}: wanted \"{said}\", found {broken:?}"
        );
    }
}

#[test]
fn a_file_without_a_purpose_or_too_long_is_seen() {
    let broken = rules::broken("mail/x.rs", "use std::fmt;\n");
    assert!(broken[0].contains("says not what it is for"), "{broken:?}");
    let long = format!("//! A file.\n{}", "\n".repeat(600));
    let broken = rules::broken("mail/x.rs", &long);
    assert!(broken[0].contains("601 lines"), "{broken:?}");
}

#[test]
fn what_is_allowed_is_not_called_a_violation() {
    for (file, source) in planted::LEGAL {
        let broken = rules::broken(file, &format!("//! A file.\n{source}"));
        assert_eq!(broken, Vec::<String>::new(), "{file}: {source}");
    }
}

#[test]
fn every_folder_is_a_room_of_the_table() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_str().unwrap().to_owned();
        let room = name.trim_end_matches(".rs");
        let known = rules::room(room).is_some();
        let rest = matches!(name.as_str(), "README.md" | "lib.rs" | "main.rs");
        assert!(known || rest, "src/{name} is no room of the table");
    }
}

/// Rows of the safety table, each with the tests that it names.
fn guards(map: &str) -> Vec<(String, Vec<String>)> {
    let section = map.split("\n## ").find(|s| s.starts_with("Safety"));
    let rows = section
        .unwrap()
        .lines()
        .filter(|l| l.starts_with("| ") && !l.starts_with("| loss"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let last = cells.last().unwrap();
        let named = last.split('`').skip(1).step_by(2).map(str::to_owned);
        (row.to_owned(), named.collect())
    })
    .collect()
}

/// The tests that `section` names and `sources` don't have.
fn missing(map: &str, sources: &[(String, String)]) -> Vec<String> {
    let mut missing = Vec::new();
    for (row, tests) in guards(map) {
        if tests.is_empty() {
            missing.push(format!("no test in: {row}"));
        }
        for test in tests {
            let face = format!("fn {test}(");
            if !sources.iter().any(|(_, text)| text.contains(&face)) {
                missing.push(test);
            }
        }
    }
    missing
}

#[test]
fn every_test_that_the_safety_table_names_exists() {
    let map = fs::read_to_string(root().join("src/README.md")).unwrap();
    assert!(guards(&map).len() >= 10, "the safety table was not found");
    let mut all = sources(&root().join("src"));
    all.extend(sources(&root().join("tests")));
    assert_eq!(missing(&map, &all), Vec::<String>::new());
}

#[test]
fn a_test_that_went_away_is_missed_in_the_safety_table() {
    let map = "# Map\n\n## Safety\n\n| loss | test |\n|---|---|\n| a | `is_there` |\n\
               | b | `went_away` |\n| c | |\n";
    let sources = [("a.rs".to_owned(), "fn is_there() {}".to_owned())];
    assert_eq!(missing(map, &sources), ["went_away", "no test in: | c | |"]);
}
