//! SIGKILL at random moments of a drain, again and again on the same store, with new mail coming in.
//!
//! What protects: every durable act is repeatable, and a start replays the journal. Taking out the
//! idempotency key or the order of sync and move turns this red in `tests/switches`.

use std::time::{Duration, Instant};

use crate::common::scene::{long, Dice, Plan, Scene};

/// What the next kill waits for.
#[derive(Debug)]
enum Moment {
    /// So long after the start.
    After(Duration),
    /// The portal has this many tickets more.
    Tickets(u64),
    /// The archive begins to grow.
    Move(Duration),
}

#[test]
fn a_hundred_kills_lose_and_double_nothing() {
    let kills = if long() { 110 } else { 12 };
    let mut dice = Dice::new("a_hundred_kills_lose_and_double_nothing");
    let scene = Scene::set(&Plan::default());
    // Slow enough that a kill meets work under way.
    scene.portal_fault(serde_json::json!({
        "route": "ticket", "probability": 0.3, "seed": dice.below(1000),
        "action": { "latency_ms": 15 }
    }));
    let mut happened = 0;
    for kill in 0..kills {
        feed(&scene, &mut dice, kill);
        let moment = match dice.below(5) {
            0 | 1 => Moment::After(Duration::from_millis(5 + dice.below(600))),
            2 | 3 => Moment::Tickets(1 + dice.below(60)),
            _ => Moment::Move(Duration::from_millis(dice.below(30))),
        };
        let mut postern = scene.begin();
        let begun = Instant::now();
        wait_for(&moment, &scene);
        assert!(
            postern.runs(),
            "before kill {kill} it ended by itself: {}",
            postern.err()
        );
        postern.kill();
        happened += 1;
        let said = postern.err();
        assert!(!said.contains("damaged"), "kill {kill}: {said}");
        assert!(!said.contains("panicked"), "kill {kill}: {said}");
        assert!(!said.contains("did not fit"), "kill {kill}: {said}");
        let count = scene.count();
        let when = format!("after kill {kill} at {moment:?}, {:?}", begun.elapsed());
        eprintln!(
            "{when}: {} at the portal, {} waiting, {} not yet archived",
            count.of("at_portal"),
            count.of("waiting"),
            count.of("not_yet_archived")
        );
        count.check(&when);
    }
    assert_eq!(happened, kills);
    let said = scene.finish(Duration::from_secs(180));
    assert!(!said.contains("damaged"), "{said}");
    scene.count().check_complete("after the last run");
}

/// New mail of every kind, so that there is something to interrupt.
fn feed(scene: &Scene, dice: &mut Dice, kill: u64) {
    let many = if kill % 25 == 20 { 700 } else { 0 };
    scene.fill(20 + many + dice.below(60) as usize, "4k");
    if dice.below(4) == 0 {
        scene.fill_twins(3, "4k");
    }
    if dice.below(3) == 0 {
        scene.fill(2, "300k");
    }
    if kill % 10 == 3 {
        scene.fill(1, "2m");
    }
    if dice.below(5) == 0 {
        scene.fill_stranger();
    }
}

fn wait_for(moment: &Moment, scene: &Scene) {
    let limit = Instant::now() + Duration::from_secs(5);
    let tickets = |more: u64| {
        let wanted = scene.tickets() + more;
        while scene.tickets() < wanted && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(3));
        }
    };
    match moment {
        Moment::After(time) => std::thread::sleep(*time),
        Moment::Tickets(more) => tickets(*more),
        Moment::Move(time) => {
            // Dovecot moves within milliseconds of the command; its own count would be too slow
            // to see that. A first ticket opens the archive's session, moves follow it.
            tickets(1);
            std::thread::sleep(Duration::from_millis(150) + *time);
        }
    }
}
