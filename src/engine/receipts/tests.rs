use std::future::ready;

use futures_lite::future::block_on;

use super::*;
use crate::passage::record::Receipt;

fn receipt(n: u8) -> (Key, Record) {
    let receipt = Receipt {
        ticket: format!("T-{n}"),
        number: None,
        at: 0,
        epoch: String::new(),
        omitted: Vec::new(),
    };
    (Key([n; 32]), Record::Receipt(receipt))
}

fn full<T>() -> Result<T, StoreFault> {
    Err(StoreFault::Full {
        said: "no room".to_owned(),
    })
}

fn keys(records: &[(Key, Record)]) -> Vec<Key> {
    records.iter().map(|(key, _)| *key).collect()
}

/// Goes red when receipts that a commit took along are lost with it.
#[test]
fn what_could_not_be_written_waits_again_in_front_and_is_not_forgotten() {
    let receipts = Receipts::new();
    let (key, record) = receipt(1);
    receipts.push(key, record);
    receipts.some.hush();
    let carried = receipts.carry(vec![receipt(9)], |records| {
        assert_eq!(keys(&records), [receipt(1).0, receipt(9).0]);
        // One more comes while they are being written.
        let (key, record) = receipt(2);
        receipts.push(key, record);
        receipts.some.hush();
        ready(Ok((full::<()>(), records)))
    });
    assert!(matches!(block_on(carried), Err(StoreFault::Full { .. })));
    assert!(receipts.some.is_rung(), "nobody will write them");
    assert_eq!(
        keys(&receipts.waiting.borrow()),
        [receipt(1).0, receipt(2).0]
    );
    receipts.some.hush();
    let carried = receipts.carry(Vec::new(), |records| ready(Ok((Ok(()), records))));
    assert!(block_on(carried).is_ok());
    assert_eq!(receipts.waiting(), 0);
    let carried = receipts.carry(vec![receipt(9)], |own| ready(Ok((full::<()>(), own))));
    assert!(block_on(carried).is_err());
    assert!(
        !receipts.some.is_rung(),
        "there is nothing of ours to write"
    );
}

/// Goes red when the archiver is told of what a full disk did not take, or is never told.
#[test]
fn who_waits_for_what_was_pushed_hears_when_it_is_durable() {
    let receipts = Receipts::new();
    let closed = receipts.push_all(vec![receipt(1)]);
    let carried = receipts.carry(Vec::new(), |records| ready(Ok((full::<()>(), records))));
    assert!(block_on(carried).is_err());
    assert!(!closed.is_closed());
    let carried = receipts.carry(Vec::new(), |records| {
        assert!(!closed.is_closed());
        ready(Ok((Ok(()), records)))
    });
    assert!(block_on(carried).is_ok());
    assert!(closed.is_closed());
}

/// Goes red when whoever moved nothing waits for a sync that nobody makes.
#[test]
fn where_nothing_waits_it_is_written_already() {
    let receipts = Receipts::new();
    assert!(receipts.push_all(Vec::new()).is_closed());
    block_on(receipts.written());
    // What others left waiting counts.
    let (key, record) = receipt(1);
    receipts.push(key, record);
    assert!(!receipts.push_all(Vec::new()).is_closed());
}
