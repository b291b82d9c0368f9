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
        doubt: None,
    }
}

const NOW: Tick = Tick(Duration::ZERO);

/// Reads the window's wishes from a list that stands for the index, then takes what may be sent.
fn pump(window: &mut Window, index: &[Queued], now: Tick) -> Vec<u64> {
    let mut sent = Vec::new();
    loop {
        while let Some(after) = window.ask_page() {
            let page: Vec<Queued> = index
                .iter()
                .filter(|r| r.sequence > after)
                .take(4)
                .copied()
                .collect();
            window.take_page(after, &page, 4);
        }
        match window.next(now, 0) {
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
fn what_is_kept_back_holds_its_lanes_and_nothing_else() {
    let mut window = Window::new();
    window.ask_page();
    window.take_page(0, &[row(1, 7), row(2, 8), row(3, 7), row(4, 9)], 4);
    let mut sent = |held| {
        std::iter::from_fn(|| window.next(NOW, held))
            .map(|(row, _)| row.sequence)
            .collect::<Vec<u64>>()
    };
    assert_eq!(sent(2), [4]);
    assert_eq!(sent(0), [1, 2]);
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
fn what_is_committed_while_a_page_is_on_its_way_is_looked_for() {
    let mut window = Window::new();
    let after = window.ask_page().expect("it has read nothing");
    // The page was read before the commit, and arrives behind it.
    window.appeared(1);
    window.take_page(after, &[], 4);
    assert!(!window.is_idle(NOW));
    assert_eq!(pump(&mut window, &[row(1, 1)], NOW), [1]);
}

#[test]
fn a_window_that_waits_for_a_page_or_for_the_index_is_not_idle() {
    let mut window = Window::new();
    let after = window.ask_page().expect("it has read nothing");
    assert_eq!(window.ask_page(), None);
    assert!(!window.is_idle(NOW));
    window.take_page(after, &[row(1, 1)], 4);
    window.next(NOW, 0).expect("it may be sent");
    window.settle(row(1, 1));
    assert!(!window.is_idle(NOW));
    window.learned(1);
    assert!(window.is_idle(NOW));
}

/// What a commit tells the window once its answer is heard: in any order, and long after the index
/// showed it.
#[derive(Clone, Copy)]
enum News {
    Appeared(Queued),
    Learned(Queued),
}

/// The queue as it should be, beside the window, and what is under way between the two.
struct Model {
    seed: u64,
    now: Tick,
    window: Window,
    /// What the index shows.
    queue: Vec<Queued>,
    next: u64,
    page: Option<(u64, Vec<Queued>)>,
    unheard: Vec<News>,
    flying: Vec<Queued>,
    /// Settled, and not yet learned by the index.
    settled: Vec<Queued>,
    /// Refused ones that may be tried again.
    refused: Vec<Queued>,
    /// In order of settling.
    done: Vec<Queued>,
    /// Tried again after a refusal: the order of their lanes was broken by that.
    again: Vec<u64>,
}

impl Model {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            now: NOW,
            window: Window::new(),
            queue: Vec::new(),
            next: 1,
            page: None,
            unheard: Vec::new(),
            flying: Vec::new(),
            settled: Vec::new(),
            refused: Vec::new(),
            done: Vec::new(),
            again: Vec::new(),
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        // Splitmix64.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn pick<T>(&mut self, from: fn(&mut Self) -> &mut Vec<T>) -> Option<T> {
        let count = from(self).len();
        match count {
            0 => None,
            _ => {
                let at = self.below(count);
                Some(from(self).remove(at))
            }
        }
    }

    fn ask(&mut self) {
        if let Some(after) = self.window.ask_page() {
            let behind = self.queue.iter().filter(|r| r.sequence > after);
            self.page = Some((after, behind.take(4).copied().collect()));
        }
    }

    fn take(&mut self) {
        if let Some((after, page)) = self.page.take() {
            self.window.take_page(after, &page, 4);
        }
    }

    fn send(&mut self) {
        let Some((row, _)) = self.window.next(self.now, 0) else {
            return;
        };
        assert!(self.queue.contains(&row), "{row:?} has left the queue");
        assert!(!self.settled.contains(&row), "{row:?} is sent twice");
        assert!(self.flying.iter().all(|r| r.lane != row.lane), "{row:?}");
        let overtaken = self.queue.iter().find(|r| {
            let same = r.lane == row.lane && r.sequence < row.sequence;
            same && !self.settled.contains(r) && !self.again.contains(&r.sequence)
        });
        assert_eq!(overtaken, None, "{row:?} goes first");
        self.flying.push(row);
    }

    fn learn(&mut self) {
        for row in std::mem::take(&mut self.settled) {
            self.queue.retain(|r| r.sequence != row.sequence);
            self.unheard.push(News::Learned(row));
        }
    }

    fn hear(&mut self) {
        match self.pick(|m| &mut m.unheard) {
            Some(News::Appeared(row)) => self.window.appeared(row.sequence),
            Some(News::Learned(row)) => self.window.learned(row.sequence),
            None => {}
        }
    }

    /// One step of any of those who work on the window at the same time.
    fn step(&mut self) {
        match self.below(16) {
            0 => {
                for _ in 0..=self.below(6) {
                    let lane = self.below(5) as u32;
                    self.appear(row(self.next, lane));
                    self.next += 1;
                }
            }
            1 | 2 => self.ask(),
            3 | 4 => self.take(),
            5 | 6 => self.send(),
            7 | 8 => {
                if let Some(row) = self.pick(|m| &mut m.flying) {
                    self.window.settle(row);
                    self.settled.push(row);
                    self.done.push(row);
                    if self.below(4) == 0 {
                        self.refused.push(row);
                    }
                }
            }
            9 => self.learn(),
            10 => {
                if let Some(row) = self.pick(|m| &mut m.flying) {
                    let due = self.now.plus(Duration::from_secs(self.below(9) as u64));
                    let mut waits = deferred(row, 0);
                    waits.due = due;
                    self.window.defer(waits);
                }
            }
            11 => {
                if let Some(row) = self.pick(|m| &mut m.flying) {
                    self.window.put_back(row);
                }
            }
            12..=14 => self.hear(),
            _ => {
                self.now = self.now.plus(Duration::from_secs(1));
                self.again();
            }
        }
    }

    fn appear(&mut self, row: Queued) {
        self.queue.push(row);
        self.unheard.push(News::Appeared(row));
    }

    /// A refused one is tried again, once the index has learned that it was.
    fn again(&mut self) {
        let unlearned: Vec<u64> = self.queue.iter().map(|r| r.sequence).collect();
        let Some(at) = (self.refused.iter()).position(|r| !unlearned.contains(&r.sequence)) else {
            return;
        };
        let row = self.refused.remove(at);
        self.done.retain(|r| r.sequence != row.sequence);
        self.again.push(row.sequence);
        self.appear(row);
        self.queue.sort_by_key(|r| r.sequence);
    }

    /// Goes on without anything new until the window says that it has nothing left.
    fn drain(&mut self) {
        for _ in 0..20_000 {
            self.ask();
            self.take();
            self.send();
            if let Some(row) = self.flying.pop() {
                self.window.settle(row);
                self.settled.push(row);
                self.done.push(row);
            }
            self.learn();
            self.hear();
            self.now = self.now.plus(Duration::from_secs(1));
            if self.unheard.is_empty()
                && self.window.is_idle(self.now)
                && self.window.due().is_none()
            {
                return;
            }
        }
        panic!("the window never says that it is idle");
    }
}

#[test]
fn whatever_happens_at_the_same_time_no_row_of_the_queue_is_lost_from_sight() {
    for seed in 0..2_000 {
        let mut model = Model::new(seed);
        for _ in 0..300 {
            model.step();
            let idle = model.window.is_idle(model.now) && model.window.due().is_none();
            assert!(
                !idle || !model.unheard.is_empty() || model.queue.is_empty(),
                "seed {seed}: idle with {:?}",
                model.queue
            );
        }
        model.drain();
        assert!(model.queue.is_empty(), "seed {seed}: {:?}", model.queue);
        assert_eq!(model.done.len() as u64, model.next - 1, "seed {seed}");
    }
}

#[test]
fn composed_tickets_stay_within_their_room() {
    let mut window = Window::new();
    for n in 0..100 {
        window.offer(
            n,
            Outgoing {
                lane: 0,
                root: None,
                asks: None,
                body: vec![0; 100_000].into(),
                files: vec![File {
                    start: 0,
                    octets: vec![0; 100_000],
                }],
                sources: Rc::default(),
                subject: String::new(),
                sender: String::new(),
                decided_at: 0,
                doubt: false,
            },
        );
    }
    assert!(window.composed_octets <= COMPOSED_OCTETS);
    let files = |outgoing: Option<Outgoing>| outgoing.map(|o| o.files.len());
    assert_eq!(files(window.composed(0)), Some(1));
    // What is attached can be had again at less cost than the whole.
    assert_eq!(files(window.composed(3)), Some(0));
    assert_eq!(files(window.composed(99)), None);
}
