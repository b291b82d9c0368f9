use super::*;

#[test]
fn five_refusals_take_longer_than_half_an_hour_whatever_is_drawn() {
    for jitter in [0, 1, u64::MAX] {
        let gate = Gate::default();
        let mut now = Tick(Duration::ZERO);
        // The first attempt is at no time; four waits lie between five attempts.
        for _ in 0..4 {
            gate.shuts(now, jitter, &refusal("no"));
            let (wait, fault) = gate.shut(now).expect("shut");
            assert!(is_refusal(&fault));
            now = now.plus(wait);
            assert!(gate.shut(now).is_none());
        }
        assert!(now.0 > Duration::from_secs(1800), "{jitter}: {now:?}");
    }
}

#[test]
fn opened_for_an_attempt_it_remembers_and_after_a_success_it_does_not() {
    let gate = Gate::default();
    let now = Tick(Duration::ZERO);
    let wait = |gate: &Gate| gate.shut(now).expect("shut").0;
    gate.shuts(now, 0, &refusal("no"));
    let first = wait(&gate);
    gate.open();
    assert!(gate.shut(now).is_none());
    gate.shuts(now, 0, &refusal("no"));
    assert!(wait(&gate) > first);
    gate.forget();
    gate.shuts(now, 0, &refusal("no"));
    assert_eq!(wait(&gate), first);
}

/// Goes red where a server that hangs up on whom it refuses has the password tried at the pace of a lost connection.
#[test]
fn sessions_that_end_behind_the_password_are_a_refusal_the_second_time() {
    let gate = Gate::default();
    let lost = Fault::Lost {
        doing: SIGNING_IN.to_owned(),
        why: crate::mailbox::Loss::Closed,
    };
    assert!(is_unanswered(&lost));
    assert_eq!(gate.unanswered(&lost), None);
    assert!(is_refusal(&gate.unanswered(&lost).expect("a refusal")));
    assert!(is_refusal(&gate.unanswered(&lost).expect("a refusal")));
    gate.forget();
    assert_eq!(gate.unanswered(&lost), None);
    let elsewhere = Fault::Lost {
        doing: "listing".to_owned(),
        why: crate::mailbox::Loss::Closed,
    };
    assert!(!is_unanswered(&elsewhere));
}
