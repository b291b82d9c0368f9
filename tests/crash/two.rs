//! Two appliances on one mailbox, with a portal that keeps keys.
//!
//! What protects: the delivery key is made of the mailbox's identity and the message, so both make
//! the same, and the portal takes it once.

use std::time::Duration;

use crate::common::scene::{settle, Plan, Scene};
use crate::common::Postern;

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
    let count = scene.count_when_complete(90);
    let said = format!("{}\n-- second --\n{}", first.err(), second.err());
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(count.faults(), Vec::<String>::new(), "{said}");
    count.check_complete("with two appliances");
    drop((first, second));
}
