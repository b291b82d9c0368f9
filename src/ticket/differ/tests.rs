use super::*;
use crate::mail::ReportKind;
use crate::ticket::Handling;

fn known() -> Because {
    Because::Known {
        user: "u1".to_owned(),
        company: None,
    }
}

fn bounce(handling: Handling) -> Because {
    Because::Report {
        kind: ReportKind::Failed,
        handling,
    }
}

#[test]
fn a_question_that_both_answer_alike_is_left_out_and_one_that_only_one_came_to_is_not() {
    let in_time = Because::InTime { after: None };
    let now = [in_time.clone(), bounce(Handling::Ignore)];
    let then = [in_time, bounce(Handling::Ticket), known()];
    let want = [(Some(&now[1]), Some(&then[1])), (None, Some(&then[2]))];
    assert_eq!(differing(&now, &then), want);
    let turned: Vec<_> = want.iter().map(|(a, b)| (*b, *a)).collect();
    assert_eq!(differing(&then, &now), turned);
    assert_eq!(differing(&now, &now), []);
}

#[test]
fn dates_differ_where_one_lets_the_message_pass_and_the_other_does_not() {
    let (early, late) = (
        [Because::InTime { after: Some(5) }],
        [Because::TooOld { after: 9 }],
    );
    assert_eq!(
        differing(&early, &late),
        [(Some(&early[0]), Some(&late[0]))]
    );
    assert_eq!(differing(&early, &[Because::InTime { after: None }]), []);
    assert_eq!(differing(&late, &[Because::TooOld { after: 10 }]), []);
}

#[test]
fn what_has_been_here_before_is_a_question_of_its_own() {
    let now = [Because::SeenBefore];
    let then = [Because::InTime { after: None }, Because::Person, known()];
    let asked: Vec<_> = differing(&now, &then);
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[0], (Some(&now[0]), None));
    assert_eq!(asked[3], (None, Some(&then[2])));
}
