//! Two appliances on one mailbox, with a portal that keeps keys.
//!
//! What protects: the delivery key is made of the mailbox's identity and the message, so both make
//! the same, and the portal takes it once.

use std::time::Duration;

use crate::common::scene::{settle, Plan, Scene};
use crate::common::Postern;

/// Two boxes on one mailbox, the second of which begins so much later.
struct Pair {
    scene: Scene,
    first: Postern,
    second: Postern,
}

impl Pair {
    #[track_caller]
    fn begin(fill: &[(usize, &str)], later: Duration) -> Pair {
        let scene = Scene::set(&Plan::default());
        let store = scene.folder.path().join("second");
        settle(&store, scene.folder.path(), &scene.mail, &scene.portal, "");
        for (count, size) in fill {
            scene.fill(*count, size);
        }
        let first = scene.begin();
        let words = scene.folder.path().join("second-words");
        std::fs::create_dir(&words).unwrap();
        let path = store.to_string_lossy().into_owned();
        std::thread::sleep(later);
        let second = Postern::start(&words, &["--store", &path, "run"], &[]);
        Pair {
            scene,
            first,
            second,
        }
    }

    /// Waits until all is done, and checks that nothing is lost or doubled.
    #[track_caller]
    fn check(self, limit: Duration) {
        let count = self.scene.count_when_settled(limit);
        let said = format!("{}\n-- second --\n{}", self.first.err(), self.second.err());
        assert!(!said.contains("panicked"), "{said}");
        assert!(!said.contains("ERROR"), "{said}");
        let open = count.of("waiting") + count.of("not_yet_archived");
        assert_eq!(open, 0, "{} {said}", count.said);
        // Dovecot's MOVE is a copy and a removal: two sessions that move one message at the same moment
        // leave two copies of it in the archive. The tickets are what must not double.
        let mut faults = count.faults();
        faults.retain(|f| !f.starts_with("copied"));
        assert_eq!(faults, Vec::<String>::new(), "{said}");
    }
}

/// Goes red when a large message that the other box moves away while it comes in is taken for a whole one:
/// it is another message then, under another key.
#[test]
fn a_large_message_that_another_appliance_takes_away_is_not_cut() {
    let pair = Pair::begin(&[(8, "12m")], Duration::from_millis(500));
    pair.check(Duration::from_secs(120));
}

#[test]
fn two_appliances_on_one_mailbox_double_nothing() {
    let pair = Pair::begin(&[(150, "4k"), (2, "300k")], Duration::ZERO);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(700));
        pair.scene.fill(40, "4k");
    }
    pair.check(Duration::from_secs(90));
}
