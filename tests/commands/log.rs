//! `log`: what may be asked, and what is shown of the answer.

use super::{ends, fails, ready};

#[test]
fn a_life_is_shown_by_key_or_by_message_id() {
    let running = ready();
    let folder = running.folder();
    // The fake has one message, by this key, and as many with a Message-ID as that begins with.
    let by_key = ends(folder, "", &["log", "00000001"], 0);
    assert!(by_key.contains("What happened, oldest first"), "{by_key}");
    assert!(by_key.contains("fetched  from evil?[31m"), "{by_key}");
    let by_id = ends(folder, "", &["log", "<1@x>"], 0);
    for words in ["Message-ID  1@x", "fetched", "Mind: of 7 of 9"] {
        assert!(by_id.contains(words), "{words}: {by_id}");
    }
    let several = ends(folder, "", &["log", "3@x"], 0);
    assert!(
        several.starts_with("3 messages have the Message-ID <3@x>:"),
        "{several}"
    );
    assert!(several.contains("00000003"), "{several}");
    let said = fails(folder, "", &["log", "<0@x>"], 1);
    assert!(
        said.contains("has the Message-ID <0@x>; of 7 of 9"),
        "{said}"
    );
    assert!(said.contains("`postern held list`"), "{said}");
    let said = fails(folder, "", &["log", "00000002"], 1);
    assert!(said.contains("no message has the key 00000002"), "{said}");
    let document = ends(folder, "", &["--json", "log", "<1@x>"], 0);
    let last: serde_json::Value = serde_json::from_str(document.lines().last().unwrap()).unwrap();
    assert_eq!(last["answer"], "life");
    assert_eq!(last["message_id"], "1@x");
    assert_eq!(last["events"][0]["event"], "fetched");
}

#[test]
fn what_names_no_message_and_no_reason_is_wrong_usage() {
    let running = ready();
    let folder = running.folder();
    for arguments in [
        &["log"][..],
        &["log", "00000001", "--reason", "gone"],
        &["log", "--reason", "gone", "--limit", "0"],
    ] {
        fails(folder, "", arguments, 2);
    }
    for text in ["no key", "<>", "4f2"] {
        let said = fails(folder, "", &["log", text], 2);
        assert!(said.contains("or by its Message-ID in quotes"), "{said}");
    }
    let said = fails(folder, "", &["log", "--reason", "gone,bogus"], 2);
    for words in ["bogus is no reason", "unknown-sender", "lost-at-portal"] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn the_newest_of_several_reasons_are_asked_for_once_for_each_or_with_commas() {
    let running = ready();
    let folder = running.folder();
    for arguments in [
        &["log", "--reason", "gone", "--reason", "bounce"][..],
        &["log", "--reason", "gone,bounce"],
    ] {
        let said = ends(folder, "", arguments, 0);
        assert!(
            said.contains("2 of 2 messages\nThe newest decision stands first."),
            "{said}"
        );
    }
    let one = ["log", "--reason", "gone,bounce", "--limit", "1"];
    let said = ends(folder, "", &one, 0);
    assert!(said.contains("1 of 2 messages"), "{said}");
}
