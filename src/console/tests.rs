use super::*;
use crate::control::Change;

#[test]
fn what_was_shown_with_the_question_is_not_shown_again_with_the_answer() {
    let change = |key: &str| Change {
        key: key.to_owned(),
        before: None,
        after: Some("on".to_owned()),
    };
    let applied = Answer::Applied {
        revision: 2,
        waits_until: None,
        changes: vec![change("mailbox.a.active"), change("mailbox.a.identity")],
        warnings: Vec::new(),
        notes: vec!["something new".to_owned()],
    };
    let asked = Answer::Ask {
        changes: vec![change("mailbox.a.active")],
        warnings: Vec::new(),
        previews: Vec::new(),
        notes: Vec::new(),
    };
    assert_eq!(without_repeats(&applied, None), None);
    let Some(Answer::Applied { changes, notes, .. }) = without_repeats(&applied, Some(&asked))
    else {
        panic!("it is another answer now");
    };
    assert_eq!(changes, [change("mailbox.a.identity")]);
    assert_eq!(notes, ["something new"]);
}
