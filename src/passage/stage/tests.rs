use super::*;

const EVENTS: [Event; 12] = [
    Event::Ticket,
    Event::Hold,
    Event::Ignore,
    Event::Receipt,
    Event::Refuse,
    Event::Retry,
    Event::Release,
    Event::Dismiss,
    Event::Close,
    Event::Refetch,
    Event::Lost,
    Event::LostForGood,
];

#[test]
fn stages_are_numbered_in_the_order_of_the_list() {
    for (n, stage) in Stage::ALL.into_iter().enumerate() {
        assert_eq!(stage as usize, n);
    }
}

#[test]
fn only_a_committed_or_refused_message_takes_a_receipt() {
    for stage in Stage::ALL {
        let legal = step(Some(stage), Event::Receipt).is_some();
        assert_eq!(
            legal,
            matches!(stage, Stage::Committed | Stage::Refused),
            "{stage}"
        );
    }
    assert_eq!(step(None, Event::Receipt), None);
}

#[test]
fn nothing_leaves_forwarded_but_by_the_portal_s_loss() {
    for event in EVENTS {
        let lost = matches!(event, Event::Lost | Event::LostForGood);
        let legal = step(Some(Stage::Forwarded), event).is_some();
        assert_eq!(legal, lost, "{event:?}");
        for stage in Stage::ALL.into_iter().filter(|s| *s != Stage::Forwarded) {
            assert!(
                !lost || step(Some(stage), event).is_none(),
                "{stage} {event:?}"
            );
        }
    }
}

#[test]
fn a_decided_ticket_is_never_decided_again() {
    for event in [Event::Ticket, Event::Hold, Event::Ignore] {
        for stage in [Stage::Committed, Stage::Forwarded, Stage::Refused] {
            assert_eq!(step(Some(stage), event), None, "{stage} {event:?}");
        }
    }
}

#[test]
fn counters_balance_over_any_walk_of_legal_edges() {
    let mut counters = Counters::default();
    let mut seed = 7_u64;
    let mut stages: Vec<Option<Stage>> = vec![None; 50];
    for _ in 0..5_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let which = (seed >> 33) as usize % stages.len();
        let event = EVENTS[(seed >> 20) as usize % EVENTS.len()];
        if let Some(to) = step(stages[which], event) {
            counters.moved(stages[which], to);
            stages[which] = Some(to);
        }
    }
    for stage in Stage::ALL {
        let counted = stages.iter().filter(|s| **s == Some(stage)).count() as u64;
        assert_eq!(counters.of(stage), counted, "{stage}");
    }
    assert_eq!(counters.total(), stages.iter().flatten().count() as u64);
}
