use super::*;
use std::time::Duration;

fn row(sequence: u64, lane: u32) -> Queued {
    Queued {
        sequence,
        key: Key([sequence as u8; 32]),
        lane,
    }
}

fn deferred(row: Queued, due: u64) -> Deferred {
    Deferred {
        row,
        due: Tick(Duration::from_secs(due)),
        attempts: 1,
        said: "500".to_owned(),
        doubt: false,
    }
}

const NOW: Tick = Tick(Duration::ZERO);

/// Reads the window's wishes from a list that stands for the index, then takes what may be sent.
fn pump(window: &mut Window, index: &[Queued], now: Tick) -> Vec<u64> {
    let mut sent = Vec::new();
    loop {
        while let Some(after) = window.wants() {
            let page: Vec<Queued> = index
                .iter()
                .filter(|r| r.sequence > after)
                .take(4)
                .copied()
                .collect();
            window.take_page(after, &page, 4);
        }
        match window.next(now) {
            Some((row, _)) => sent.push(row.sequence),
            None => return sent,
        }
    }
}

#[test]
fn one_lane_is_sent_in_order_one_at_a_time() {
    let index = [row(1, 7), row(2, 7), row(3, 8)];
    let mut window = Window::new();
    assert_eq!(pump(&mut window, &index, NOW), [1, 3]);
    window.settle(row(1, 7));
    assert_eq!(pump(&mut window, &index, NOW), [2]);
}

#[test]
fn a_deferred_ticket_holds_its_lane_and_nothing_else() {
    let index: Vec<Queued> = (1..=20).map(|n| row(n, (n % 2) as u32)).collect();
    let mut window = Window::new();
    assert_eq!(pump(&mut window, &index, NOW), [1, 2]);
    window.defer(deferred(row(1, 1), 60));
    let mut others = vec![2];
    window.settle(row(2, 0));
    loop {
        let sent = pump(&mut window, &index, NOW);
        let Some(&only) = sent.first() else { break };
        assert_eq!(sent.len(), 1);
        others.push(only);
        window.settle(row(only, 0));
    }
    assert_eq!(others, (1..=10).map(|n| n * 2).collect::<Vec<u64>>());
    // Its time comes: it goes first, and its lane follows in order.
    let later = Tick(Duration::from_secs(60));
    let mut lane = Vec::new();
    loop {
        let sent = pump(&mut window, &index, later);
        let Some(&only) = sent.first() else { break };
        assert_eq!(sent.len(), 1);
        lane.push(only);
        window.settle(row(only, 1));
    }
    assert_eq!(lane, (0..10).map(|n| n * 2 + 1).collect::<Vec<u64>>());
}

#[test]
fn a_settled_row_that_the_index_still_shows_is_not_sent_again() {
    let index = [row(1, 1)];
    let mut window = Window::new();
    assert_eq!(pump(&mut window, &index, NOW), [1]);
    window.settle(row(1, 1));
    window.more = true;
    window.cursor = 0;
    assert_eq!(pump(&mut window, &index, NOW), [] as [u64; 0]);
}

#[test]
fn composed_tickets_stay_within_their_room() {
    let mut window = Window::new();
    for n in 0..100 {
        window.offer(
            n,
            Outgoing {
                lane: 0,
                body: vec![0; 100_000].into(),
                raw: None,
                sources: Rc::default(),
                subject: String::new(),
                sender: String::new(),
                decided_at: 0,
                doubt: false,
            },
        );
    }
    assert!(window.composed_octets <= COMPOSED_OCTETS);
    assert!(window.composed(0).is_some());
    assert!(window.composed(99).is_none());
}
