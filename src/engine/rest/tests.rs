use super::*;

const NOW: Tick = Tick(Duration::ZERO);

/// Goes red where each mail costs a checkpoint, or a rush none.
#[test]
fn a_rest_is_worth_it_behind_many_changes() {
    let rest = Rest::default();
    for _ in 0..MANY / 2 - 1 {
        rest.changed(2, NOW);
    }
    rest.changed(1, NOW);
    assert!(!rest.bell.is_rung());
    rest.changed(1, NOW);
    assert!(rest.bell.is_rung());
}
