//! Doors to the journal's framing, for the fuzz targets of `tests/fuzz` and nobody else. They are there in
//! builds with the feature `inside` only.

use super::format::{decode_end, encode_end, Frame, Opening, Seals, SegmentHeader, FRAME};
use super::Position;

/// Any octets as a segment's beginning, and a sound one of ours with one octet changed in both copies' place.
pub fn opening(octets: &[u8]) {
    if let Opening::Sound(header) = SegmentHeader::decode(octets) {
        assert_eq!(
            SegmentHeader::decode(&header.encode()),
            Opening::Sound(header)
        );
    }
    let header = SegmentHeader {
        number: octets.len() as u64,
        salt: [3; 16],
        life: [4; 8],
        before: Position {
            segment: 1,
            offset: 2,
        },
        large: octets.len() % 2 == 1,
    };
    assert_eq!(
        SegmentHeader::decode(&header.encode()),
        Opening::Sound(header)
    );
}

/// Any octets as a record's header and as an end record; and ours, whole and with an octet changed.
pub fn frame(octets: &[u8]) {
    let seals = Seals::new(7, &[5; 16]);
    let _frame = Frame::decode(&seals, 4096, octets);
    let _end = decode_end(&seals, 4096, octets);
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(octets) {
        *to = *from;
    }
    let frame = Frame {
        kind: octets.first().copied().unwrap_or_default(),
        length: octets.len() as u32,
        sequence: 1,
        synced: 2,
        key,
    };
    let mut sealed = frame.encode(&seals, 4096);
    assert_eq!(Frame::decode(&seals, 4096, &sealed), Some(frame));
    assert_eq!(
        Frame::decode(&seals, 8192, &sealed),
        None,
        "it is another place's"
    );
    let at = octets.len() % FRAME;
    if let Some(octet) = sealed.get_mut(at) {
        *octet ^= 1 << (octets.len() % 8);
    }
    assert_eq!(
        Frame::decode(&seals, 4096, &sealed),
        None,
        "octet {at} was changed"
    );
    let end = encode_end(&seals, 4096, octets.len() as u64, &key);
    assert_eq!(
        decode_end(&seals, 4096, &end),
        Some((octets.len() as u64, key))
    );
}
