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
