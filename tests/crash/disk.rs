//! Disks that fail, fill up, or turn read-only under the running binary.
//!
//! What protects: nothing counts before its sync has returned; a failed sync is never retried in
//! place; what was not committed is still unread on its server.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::scene::{long, skipped, Plan, Scene};
use crate::common::{eventually, Disk, Postern};

/// strace on a running binary, so that its n-th call of a kind fails; ends with its value.
struct Injection(Child);

impl Injection {
    fn begin(postern: &Postern, what: &str) -> Option<Injection> {
        let call = what.split(':').next().unwrap_or_default();
        let child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("trace={call}"))
            .args(["-e", &format!("inject={what}"), "-p"])
            .arg(postern.id().to_string())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let injection = Injection(child);
        // Attached once the tracer's number stands in the status of the traced.
        let status = format!("/proc/{}/status", postern.id());
        let limit = Instant::now() + Duration::from_secs(10);
        loop {
            let said = fs::read_to_string(&status).unwrap_or_default();
            if said.contains(&format!("TracerPid:\t{}", injection.0.id())) {
                return Some(injection);
            }
            if Instant::now() > limit {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A call fails while a drain goes on; it is said, and nothing is lost or doubled.
#[track_caller]
fn check(test: &str, what: &str) {
    let scene = Scene::set(&Plan::default());
    scene.fill(20, "4k");
    let mut postern = scene.begin();
    eventually("a first part is archived", Duration::from_secs(60), || {
        scene.count_quickly().of("archived") >= 20
    });
    let Some(injection) = Injection::begin(&postern, what) else {
        skipped(test, "strace is not here, or may not trace");
        return;
    };
    scene.fill(150, "4k");
    // More than a segment takes: some have segments of their own, and the current one fills up.
    scene.fill(8, "700k");
    let limit = Instant::now() + Duration::from_secs(20);
    while postern.runs() && Instant::now() < limit && scene.count_quickly().of("waiting") > 0 {
        std::thread::sleep(Duration::from_millis(100));
    }
    let said = postern.err();
    assert!(!said.contains("panicked"), "{said}");
    assert!(
        said.contains("Input/output error") || said.contains("No space left"),
        "it was not said: {said}"
    );
    scene.count().check("while the disk failed");
    drop(injection);
    postern.kill();
    scene.finish(Duration::from_secs(120));
    scene.count().check_complete("on a mended disk");
}

/// Each call that fails, one after the other; the full run takes further ones.
#[track_caller]
fn check_each(test: &str, always: &str, further: &[&str]) {
    check(test, always);
    for what in further.iter().filter(|_| long()) {
        eprintln!("{test}: {what}");
        check(test, what);
    }
}

#[test]
fn a_sync_that_fails_is_said_and_nothing_is_lost() {
    check_each(
        "a_sync_that_fails_is_said_and_nothing_is_lost",
        "fdatasync:error=EIO:when=3",
        &["fdatasync:error=EIO:when=1", "fdatasync:error=EIO:when=2"],
    );
}

#[test]
fn a_write_that_fails_is_said_and_nothing_is_lost() {
    check_each(
        "a_write_that_fails_is_said_and_nothing_is_lost",
        "pwrite64:error=EIO:when=5",
        &["pwrite64:error=EIO:when=1", "pwrite64:error=EIO:when=9+7"],
    );
}

#[test]
fn a_disk_without_room_for_a_write_is_said_and_nothing_is_lost() {
    check_each(
        "a_disk_without_room_for_a_write_is_said_and_nothing_is_lost",
        "pwrite64:error=ENOSPC:when=4..6",
        &["fallocate:error=ENOSPC:when=1+"],
    );
}

#[test]
fn a_full_disk_is_said_and_work_resumes_when_there_is_room() {
    let test = "a_full_disk_is_said_and_work_resumes_when_there_is_room";
    let Some(disk) = Disk::make(96) else {
        skipped(test, "it needs root and ext4 on a loop device");
        return;
    };
    let scene = Scene::set(&Plan {
        store: Some(disk.path().join("store")),
        ..Plan::default()
    });
    let mut postern = scene.begin();
    scene.fill(20, "4k");
    eventually("a first part is archived", Duration::from_secs(60), || {
        scene.count_quickly().of("archived") >= 20
    });
    // The portal is away, so that all must be kept here; somebody else takes the rest of the disk.
    scene.portal_fault(json!({ "route": "ticket", "action": { "status": 503 } }));
    let hog = disk.path().join("hog");
    fill_up(&hog);
    scene.fill(300, "4k");
    scene.fill(20, "700k");
    eventually("it says so", Duration::from_secs(60), || {
        let said = postern.err();
        said.contains("MiB free") || said.contains("full") || said.contains("No space left")
    });
    std::thread::sleep(Duration::from_secs(2));
    assert!(postern.runs(), "a full disk ended it: {}", postern.err());
    scene.count().check("on a full disk");
    // The tickets that are here go out although the disk is full.
    let before = scene.tickets();
    scene.portal_mends();
    eventually("tickets go out", Duration::from_secs(60), || {
        scene.tickets() > before
    });
    scene.count().check("on a full disk, the portal back");
    fs::remove_file(&hog).expect("the hog goes");
    let count = scene.count_when_complete(100);
    assert!(postern.runs(), "it ended by itself: {}", postern.err());
    assert_eq!(count.faults(), Vec::<String>::new(), "{}", postern.err());
    let astray = &count.said["problems"]["unexpected"];
    assert!(astray.is_null(), "{astray} {}", postern.err());
}

/// Takes all that is free.
fn fill_up(hog: &std::path::Path) {
    use std::io::Write;
    let mut file = fs::File::create(hog).expect("the hog");
    let block = vec![7_u8; 64 << 10];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&block[..512]).is_ok() {}
}

#[test]
fn a_disk_that_turns_read_only_is_said_and_nothing_is_lost() {
    let test = "a_disk_that_turns_read_only_is_said_and_nothing_is_lost";
    let Some(disk) = Disk::make(96) else {
        skipped(test, "it needs root and ext4 on a loop device");
        return;
    };
    let scene = Scene::set(&Plan {
        store: Some(disk.path().join("store")),
        ..Plan::default()
    });
    scene.fill(20, "4k");
    let mut postern = scene.begin();
    eventually("a first part is archived", Duration::from_secs(60), || {
        scene.count_quickly().of("archived") >= 20
    });
    turn_read_only(&disk);
    scene.fill(100, "4k");
    eventually("it says so", Duration::from_secs(60), || {
        let said = postern.err();
        said.contains("Read-only file system") || said.contains("Input/output error")
    });
    std::thread::sleep(Duration::from_millis(500));
    assert!(!postern.err().contains("panicked"), "{}", postern.err());
    scene.count().check("on a read-only disk");
    disk.cut(&mut postern);
    scene.finish(Duration::from_secs(120));
    scene
        .count()
        .check_complete("on a disk that can be written again");
}

/// What ext4 does by itself when its medium fails; a disk in use can't be remounted `ro`.
fn turn_read_only(disk: &Disk) {
    let done = Command::new("mount")
        .args(["-o", "remount,abort"])
        .arg(disk.path())
        .status();
    assert!(done.is_ok_and(|s| s.success()), "the disk was not aborted");
}
