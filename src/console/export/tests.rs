use super::*;
use crate::control::Octets;
use crate::world::sim::SimDisk;

const KEY: &str = "4f2a91c0";

fn begin(octets: u64) -> Event {
    Event::Export {
        key: KEY.to_owned(),
        octets,
        ticket: "{\"a\":1}".to_owned(),
    }
}

fn slice(octets: &[u8]) -> Event {
    let octets = Octets(octets.to_vec());
    Event::Slice { octets }
}

fn names(disk: &SimDisk) -> Vec<String> {
    let listed = disk.list(Path::new("/to")).unwrap_or_default();
    listed.into_iter().map(|e| e.name).collect()
}

fn files(disk: &SimDisk, force: bool) -> Files {
    Files::new(Arc::new(disk.clone()), Path::new("/to"), force)
}

#[test]
fn a_message_has_its_name_only_when_it_is_whole_and_durable() {
    let disk = SimDisk::new();
    let mut files = files(&disk, false);
    assert!(files.take(begin(6)).unwrap().is_none());
    assert!(files.take(slice(b"abc")).unwrap().is_none());
    let parts = ["4f2a91c0.eml.part", "4f2a91c0.json.part"];
    assert_eq!(names(&disk), parts);
    let written = files.take(slice(b"def")).unwrap().unwrap();
    assert_eq!((written.key.as_str(), written.octets), (KEY, 6));
    assert_eq!(disk.octets(&written.eml), b"abcdef");
    assert_eq!(disk.octets(&written.json), b"{\"a\":1}");
    assert_eq!(names(&disk), ["4f2a91c0.eml", "4f2a91c0.json"]);
}

#[test]
fn what_is_there_is_written_over_only_by_force() {
    let disk = SimDisk::new();
    files(&disk, false).take(begin(0)).unwrap();
    let mut again = files(&disk, false);
    let Err(refusal) = again.take(begin(1)) else {
        panic!("it was written over");
    };
    assert_eq!(refusal.refused, Kind::Refused);
    assert!(refusal.said.contains("--force"), "{}", refusal.said);
    let mut forced = files(&disk, true);
    forced.take(begin(1)).unwrap();
    forced.take(slice(b"x")).unwrap().unwrap();
    assert_eq!(disk.octets(Path::new("/to/4f2a91c0.eml")), b"x");
}

#[test]
fn nothing_half_written_stays_when_the_disk_is_full_or_it_is_broken_off() {
    let disk = SimDisk::new();
    disk.limit(Some(100_000));
    let mut full = files(&disk, false);
    full.take(begin(200_000)).unwrap();
    full.take(slice(&[1; 60_000])).unwrap();
    let Err(refusal) = full.take(slice(&[1; 60_000])) else {
        panic!("the disk was not full");
    };
    assert!(refusal.said.contains("4f2a91c0.eml"), "{}", refusal.said);
    drop(full);
    assert_eq!(names(&disk), Vec::<String>::new());
    disk.limit(None);
    let mut broken_off = files(&disk, false);
    broken_off.take(begin(200_000)).unwrap();
    broken_off.take(slice(&[1; 60_000])).unwrap();
    drop(broken_off);
    assert_eq!(names(&disk), Vec::<String>::new());
}

#[test]
fn a_name_that_is_no_key_is_not_written() {
    let disk = SimDisk::new();
    for key in ["", "../../etc/passwd", ".hidden", "a/b"] {
        let export = Event::Export {
            key: key.to_owned(),
            octets: 1,
            ticket: String::new(),
        };
        assert!(files(&disk, true).take(export).is_err(), "{key}");
    }
    assert_eq!(names(&disk), Vec::<String>::new());
}
