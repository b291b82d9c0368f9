use async_imap::imap_proto::rfc4315::UidSetMember;
use proptest::prelude::*;

use super::*;

fn uids(numbers: impl IntoIterator<Item = u32>) -> Vec<Uid> {
    numbers.into_iter().map(Uid).collect()
}

#[track_caller]
fn check(numbers: &[u32], most: usize, wanted: &[&str]) {
    let sets = sets(&uids(numbers.iter().copied()), most);
    let texts: Vec<&str> = sets.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts, wanted);
}

#[test]
fn neighbours_become_ranges() {
    check(&[], 10, &[]);
    check(&[7], 10, &["7"]);
    check(&[3, 1, 2, 9, 2], 10, &["1:3,9"]);
    check(&[1, 2, 3, 4, 5], 2, &["1:2", "3:4", "5"]);
    check(&[u32::MAX, u32::MAX - 1], 10, &["4294967294:4294967295"]);
}

proptest! {
    #[test]
    fn sets_hold_each_uid_once_and_stay_short(
        numbers in prop::collection::vec(1_u32.., 0..2000),
        most in 1_usize..600,
    ) {
        let sets = sets(&uids(numbers.iter().copied()), most);
        let mut all: Vec<Uid> = Vec::new();
        for (text, members) in &sets {
            prop_assert!(text.len() < 8000 && members.len() <= most && !members.is_empty());
            let mut read = Vec::new();
            for range in text.split(',') {
                let (from, to) = range.split_once(':').unwrap_or((range, range));
                let (from, to): (u32, u32) = (from.parse().unwrap(), to.parse().unwrap());
                read.extend((from..=to).map(Uid));
            }
            prop_assert_eq!(&read, members);
            all.extend(members);
        }
        let mut wanted = uids(numbers);
        wanted.sort_unstable();
        wanted.dedup();
        prop_assert_eq!(all, wanted);
    }
}

fn copy_uid(from: Vec<UidSetMember>, to: Vec<UidSetMember>) -> ResponseCode<'static> {
    ResponseCode::CopyUid(9, from, to)
}

#[test]
fn copyuid_pairs_old_and_new() {
    let code = copy_uid(
        vec![UidSetMember::UidRange(4..=5), UidSetMember::Uid(9)],
        vec![UidSetMember::UidRange(101..=103)],
    );
    let copied = copied(&code, 3).unwrap();
    assert_eq!(copied.uid_validity, Some(UidValidity(9)));
    assert_eq!(
        copied.pairs,
        [(Uid(4), Uid(101)), (Uid(5), Uid(102)), (Uid(9), Uid(103))]
    );
}

#[test]
fn a_copyuid_that_lies_is_not_believed_and_costs_nothing() {
    let all = || UidSetMember::UidRange(0..=u32::MAX);
    assert_eq!(copied(&copy_uid(vec![all()], vec![all()]), 500), None);
    let uneven = copy_uid(
        vec![UidSetMember::UidRange(1..=3)],
        vec![UidSetMember::Uid(8)],
    );
    assert_eq!(copied(&uneven, 500), None);
    assert_eq!(copied(&ResponseCode::Alert, 500), None);
}
