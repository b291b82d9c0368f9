//! An answer to a change, without what was shown already when the operator was asked about it.

use crate::control::Answer;

/// What is in force now, without what was shown when it was asked about; none where all of it is new.
pub(super) fn without_repeats(answer: &Answer, before: Option<&Answer>) -> Option<Answer> {
    let (
        Answer::Applied {
            revision,
            waits_until,
            changes,
            warnings,
            notes,
        },
        Some(Answer::Ask {
            changes: asked,
            warnings: warned,
            notes: noted,
            ..
        }),
    ) = (answer, before)
    else {
        return None;
    };
    Some(Answer::Applied {
        revision: *revision,
        waits_until: waits_until.clone(),
        changes: new(changes, asked),
        warnings: new(warnings, warned),
        notes: new(notes, noted),
    })
}

/// Those that are not among the others.
fn new<T: Clone + PartialEq>(these: &[T], others: &[T]) -> Vec<T> {
    let new = these.iter().filter(|this| !others.contains(this));
    new.cloned().collect()
}
