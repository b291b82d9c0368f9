//! Two appliances on one mailbox, with a portal that keeps keys.
//!
//! What protects: the delivery key is made of the mailbox's identity and the message, so both make
//! the same, and the portal takes it once.

use std::time::Duration;

use crate::common::scene::{settle, Plan, Scene};
use crate::common::Postern;

/// Goes red when a large message that the other box moves away while it comes in is taken for a whole one:
/// it is another message then, under another key.
#[test]
fn a_large_message_that_another_appliance_takes_away_is_not_cut() {
    let scene = Scene::set(&Plan::default());
    let store = scene.folder.path().join("second");
    settle(&store, scene.folder.path(), &scene.mail, &scene.portal, "");
    scene.fill(8, "12m");
    let first = scene.begin();
    let words = scene.folder.path().join("second-words");
    std::fs::create_dir(&words).unwrap();
    let path = store.to_string_lossy().into_owned();
    std::thread::sleep(Duration::from_millis(500));
    let second = Postern::start(&words, &["--store", &path, "run"], &[]);
    let count = scene.count_when_settled(Duration::from_secs(120));
    let said = format!("{}\n-- second --\n{}", first.err(), second.err());
    let mut faults = count.faults();
    faults.retain(|f| !f.starts_with("copied"));
    assert_eq!(faults, Vec::<String>::new(), "{} {said}", count.said);
    drop((first, second));
}

#[test]
fn two_appliances_on_one_mailbox_double_nothing() {
    let scene = Scene::set(&Plan::default());
    let store = scene.folder.path().join("second");
    settle(&store, scene.folder.path(), &scene.mail, &scene.portal, "");
    scene.fill(150, "4k");
    scene.fill(2, "300k");
    let first = scene.begin();
    let words = scene.folder.path().join("second-words");
    std::fs::create_dir(&words).unwrap();
    let path = store.to_string_lossy().into_owned();
    let second = Postern::start(&words, &["--store", &path, "run"], &[]);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(700));
        scene.fill(40, "4k");
    }
    let count = scene.count_when_settled(Duration::from_secs(90));
    let said = format!("{}\n-- second --\n{}", first.err(), second.err());
    assert!(!said.contains("panicked"), "{said}");
    assert!(!said.contains("ERROR"), "{said}");
    let open = count.of("waiting") + count.of("not_yet_archived");
    assert_eq!(open, 0, "{} {said}", count.said);
    // Dovecot's MOVE is a copy and a removal: two sessions that move one message at the same moment
    // leave two copies of it in the archive. The tickets are what must not double.
    let mut faults = count.faults();
    faults.retain(|f| !f.starts_with("copied"));
    assert_eq!(faults, Vec::<String>::new(), "{said}");
    drop((first, second));
}
