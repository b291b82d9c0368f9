use super::*;
use crate::passage::record::Receipt;

fn receipt(n: u8) -> (Key, Record) {
    let receipt = Receipt {
        ticket: format!("T-{n}"),
        number: None,
        at: 0,
        epoch: String::new(),
    };
    (Key([n; 32]), Record::Receipt(receipt))
}

#[test]
fn what_could_not_be_written_waits_again_in_front_and_is_not_forgotten() {
    let receipts = Receipts::new();
    let (key, record) = receipt(1);
    receipts.push(key, record);
    let taken = receipts.take();
    receipts.some.hush();
    let (key, record) = receipt(2);
    receipts.push(key, record);
    receipts.some.hush();
    receipts.put_back(taken);
    assert!(receipts.some.is_rung(), "nobody will write them");
    let waiting: Vec<Key> = receipts.take().into_iter().map(|(key, _)| key).collect();
    assert_eq!(waiting, [receipt(1).0, receipt(2).0]);
    receipts.some.hush();
    receipts.put_back(Vec::new());
    assert!(!receipts.some.is_rung(), "there is nothing to write");
}
