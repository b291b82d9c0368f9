//! A model: whatever sled was told when the process died, a replay makes the whole of it.

use super::*;

/// The whole life of message `n`, up to a step. Some lie where another lay, or will lie: one that is
/// held, or one that is archived.
fn life(n: u64) -> Vec<Record> {
    let place = match n % 5 {
        2 | 4 => n - 1,
        _ => n,
    };
    let uid = u32::try_from(place).expect("few");
    match n % 5 {
        0..=2 => vec![decision(n + 1, uid, ticket()), receipt(), archived(uid)],
        3 => vec![
            decision(n + 1, uid, held()),
            act(ActKind::Release),
            // Another number, so that all of its rows lie elsewhere.
            decision(n + 1000, uid, ticket()),
        ],
        _ => vec![decision(n + 1, uid, ticket()), receipt()],
    }
}

/// Everything that a reader can ask for.
fn seen(index: &Index, messages: u64) -> String {
    let view = index.view();
    let mut out = format!("{:?}", view.counters().expect("read"));
    for n in 0..messages {
        let uid = u32::try_from(n).expect("few");
        let entry = view.entry(&key(n)).expect("read");
        out += &format!(
            "\n{n} {entry:?} {:?}",
            view.place(&place(uid)).expect("read")
        );
    }
    out += &format!("\n{:?}", view.queue(0, 1000).expect("read"));
    out += &format!("\n{:?}", view.to_archive(1, 0, 1000).expect("read"));
    for stage in [Stage::Held, Stage::Released, Stage::Ignored, Stage::Refused] {
        out += &format!("\n{:?}", view.list(stage, 0, 1000).expect("read"));
    }
    out
}

/// Whatever sled was told and wasn't when the process died: a replay from the position that it has
/// makes the same of it. Goes red when a partial telling keeps the position or the counters of now.
#[test]
fn what_sled_was_not_told_is_told_again_and_counted_once() {
    for seed in 0..40_u64 {
        let mut state = seed;
        let mut below = move |end: usize| {
            // Knuth's multiplier; the upper bits are the good ones.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).expect("31 bits") % end
        };
        let messages = 60;
        // All lives, woven into each other.
        let mut left: Vec<(u64, std::vec::IntoIter<Record>)> =
            (0..messages).map(|n| (n, life(n).into_iter())).collect();
        let mut told: Vec<Durable> = Vec::new();
        while !left.is_empty() {
            let at = below(left.len().min(12));
            let (n, rest) = &mut left[at];
            match rest.next() {
                Some(record) => {
                    let offset = 100 * (told.len() as u64 + 1);
                    let stored = Stored {
                        segment: 1,
                        offset,
                        length: 10,
                    };
                    told.push(Durable {
                        key: key(*n),
                        stored,
                        record,
                    });
                }
                None => drop(left.remove(at)),
            }
        }
        let position = |n: usize| Position {
            segment: 1,
            offset: 100 * (n as u64 + 1),
        };
        let whole = tempfile::tempdir().expect("a folder");
        let (mut reference, _) = Index::open(whole.path(), CACHE, LIFE).expect("opens");
        reference
            .apply(&told, position(told.len()))
            .expect("applied");

        let dir = tempfile::tempdir().expect("a folder");
        let db = sled::open(dir.path()).expect("sled opens");
        let again = || {
            let (index, found) = Index::over(db.clone(), LIFE, 40, 3).expect("opens");
            let known = |p: Position| {
                told.iter()
                    .take_while(|d| d.stored.offset < p.offset)
                    .count()
            };
            (index, found.map_or(0, known))
        };
        let mut from = 0;
        for _ in 0..6 {
            let (mut index, begin) = again();
            assert!(
                begin <= from,
                "seed {seed}: it knows what it was never told"
            );
            // Some die between two of the batches that sled is told in one go.
            index.table.die_after(below(16));
            from = (from + 5 + below(40)).min(told.len());
            let mut at = begin;
            while at < from {
                let next = (at + 1 + below(12)).min(from);
                let lives = index.learn_all(&told[at..next], position(next)).is_ok()
                    && (below(9) > 0 || index.flush_settled().is_ok());
                if !lives {
                    break;
                }
                at = next;
            }
            // Dropped without a checkpoint: what has gathered is gone.
        }
        let (mut index, begin) = again();
        index
            .apply(&told[begin..], position(told.len()))
            .expect("applied");
        assert_eq!(
            seen(&index, messages),
            seen(&reference, messages),
            "seed {seed}"
        );
        index.flush().expect("flushed");
        assert_eq!(index.told, index.meta.counters, "seed {seed}");
    }
}
