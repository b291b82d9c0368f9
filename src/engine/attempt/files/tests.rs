use super::*;

fn source(size: u64) -> Source {
    Source {
        file: 3,
        range: Range { start: 0, end: 1 },
        encoding: Encoding::Base64,
        size,
        sha256: [0; 32],
        inside: None,
    }
}

#[test]
fn what_is_larger_than_the_portal_says_to_take_is_known_before_an_octet_is_sent() {
    assert_eq!(too_large(&source(64), Some(64)), None);
    assert_eq!(too_large(&source(64), None), None);
    let why = Some(Why::PortalLarge(Some(64)));
    assert_eq!(too_large(&source(65), Some(64)), why);
}

/// Goes red where the octets of one attachment are sent for another.
#[test]
fn an_attachment_at_hand_is_taken_by_its_place_and_its_size() {
    let file = |start, octets: &[u8]| File {
        start,
        octets: octets.to_vec(),
    };
    let source = |start, size| Source {
        file: 0,
        range: Range { start, end: 90 },
        encoding: Encoding::Base64,
        size,
        sha256: [0; 32],
        inside: None,
    };
    let mut files = vec![file(10, b"ab"), file(20, b"cde")];
    assert_eq!(take(&mut files, &source(20, 2)), None);
    assert_eq!(take(&mut files, &source(15, 3)), None);
    assert_eq!(take(&mut files, &source(20, 3)), Some(b"cde".to_vec()));
    assert_eq!(take(&mut files, &source(20, 3)), None, "it was taken");
    assert_eq!(files.len(), 1);
    // What is packed in it begins where it does.
    let packed = Source {
        inside: Some(crate::mail::Inside::Decoded(0..2)),
        ..source(10, 2)
    };
    assert_eq!(take(&mut files, &packed), None);
}
