use futures_lite::future::{block_on, poll_once, zip};

use super::*;

#[test]
fn what_nobody_asked_for_stays_where_it_is() {
    let loan = Loan::new();
    assert_eq!(block_on(loan.lend(7)), Some(7));
}

#[test]
fn what_was_asked_for_is_lent_once_and_comes_back() {
    let loan = Loan::new();
    let archiver = async {
        let Lent { thing, back } = loan.ask().await.expect("it is lent");
        back.give(thing + 1);
    };
    let watcher = async {
        loan.wanted().await;
        loan.lend(7).await
    };
    let ((), back) = block_on(zip(archiver, watcher));
    assert_eq!(back, Some(8));
    assert_eq!(block_on(loan.lend(9)), Some(9));
    assert!(block_on(poll_once(loan.wanted())).is_none());
}

#[test]
fn what_is_lost_while_lent_is_known_to_be_lost() {
    let loan = Loan::new();
    let archiver = async {
        drop(loan.ask().await);
    };
    let ((), back) = block_on(zip(archiver, loan_after_asked(&loan)));
    assert_eq!(back, None);
}

async fn loan_after_asked(loan: &Loan<u32>) -> Option<u32> {
    loan.wanted().await;
    loan.lend(7).await
}

#[test]
fn who_asked_and_went_away_takes_nothing_along() {
    let loan = Loan::new();
    assert!(block_on(poll_once(loan.ask())).is_none());
    assert_eq!(block_on(loan.lend(7)), Some(7));
}

#[test]
fn who_goes_away_with_the_thing_on_its_way_leaves_no_one_waiting() {
    let loan = Loan::new();
    let mut asking = Box::pin(loan.ask());
    assert!(block_on(poll_once(&mut asking)).is_none());
    let mut lending = Box::pin(loan.lend(7));
    assert!(block_on(poll_once(&mut lending)).is_none());
    drop(asking);
    // Looked at once: red, and not for ever waiting, when the thing stays on its way.
    assert_eq!(block_on(poll_once(lending)), Some(None));
}

#[test]
fn one_session_is_remembered_for_its_time() {
    let loan: Loan<u32> = Loan::new();
    let at = |secs| Tick(Duration::from_secs(secs));
    assert_eq!(loan.shared(at(1)), None);
    loan.share(at(10), "only one".to_owned());
    assert_eq!(loan.shared(at(9)), Some(at(10)));
    assert_eq!(loan.shared(at(10)), None);
    // What is tried again next time is still so until it was tried.
    assert_eq!(loan.said().as_deref(), Some("only one"));
    loan.forget();
    assert_eq!((loan.shared(at(9)), loan.said()), (None, None));
}
