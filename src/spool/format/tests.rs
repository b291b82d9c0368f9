use proptest::prelude::*;

use super::*;

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn header() -> SegmentHeader {
    SegmentHeader {
        number: 7,
        salt: *b"sixteen octets!!",
        life: *b"one life",
        before: Position {
            segment: 6,
            offset: 4_194_000,
        },
        large: false,
    }
}

fn frame() -> Frame {
    Frame {
        kind: 3,
        length: 5,
        sequence: 41,
        synced: 4096,
        key: [0xAB; 32],
    }
}

// These octets lie on disks in the field: a change here is a new version, never a new expectation.
#[test]
fn the_layout_of_version_1_is_frozen() {
    let seals = Seals::new(7, &header().salt);
    let block = header().encode();
    assert_eq!(block.len() as u64, HEAD);
    assert_eq!(hex(&block[..HEADER]), "7073746e2073656701000000e3ab399107000000000000007369787465656e206f637465747321216f6e65206c6966650600000000000000d0fe3f00000000000000000000000000000000008a829f3f");
    assert_eq!(block[COPY..COPY + HEADER], block[..HEADER]);
    assert_eq!(hex(&frame().encode(&seals, 8192)), "b7520300050000002900000000100000ababababababababababababababababababababababababababababababababba8950ca");
    assert_eq!(
        format!("{:08x}", crc32c::crc32c_append(seals.body(8192), b"hello")),
        "0dfb4705"
    );
    assert_eq!(hex(&encode_end(&seals, 1024, 70_000, &[0xCD; 32])), "7073746e20656e647011010000000000cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd00000000a7e9b854");
    assert_eq!(
        hex(&slice_trailer(&seals, 4096, b"a slice")),
        "0700000002ae1f18"
    );
}

#[test]
fn a_header_is_read_from_either_copy() {
    let mut block = header().encode();
    assert_eq!(SegmentHeader::decode(&block), Opening::Sound(header()));
    block[30] ^= 1;
    assert_eq!(SegmentHeader::decode(&block), Opening::Sound(header()));
    block[COPY + 30] ^= 1;
    assert_eq!(SegmentHeader::decode(&block), Opening::Damaged);
    assert_eq!(SegmentHeader::decode(&[0; 600]), Opening::Blank);
    assert_eq!(SegmentHeader::decode(&[]), Opening::Blank);
}

#[test]
fn one_flipped_bit_of_the_version_is_not_taken_for_newer_code() {
    let mut block = header().encode();
    block[8] ^= 2;
    assert_eq!(SegmentHeader::decode(&block), Opening::Sound(header()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_header_comes_back_and_only_where_it_belongs(
        kind: u8, length: u32, sequence: u32, synced: u32, key: [u8; 32],
        number: u64, salt: [u8; 16], other: [u8; 16], at in 0u64..1 << 40,
    ) {
        let frame = Frame { kind, length, sequence, synced, key };
        let seals = Seals::new(number, &salt);
        let octets = frame.encode(&seals, at);
        prop_assert_eq!(Frame::decode(&seals, at, &octets), Some(frame));
        prop_assert_eq!(Frame::decode(&seals, at + 8, &octets), None);
        prop_assert_eq!(Frame::decode(&Seals::new(number ^ 1, &salt), at, &octets), None);
        if other[..8] != salt[..8] {
            prop_assert_eq!(Frame::decode(&Seals::new(number, &other), at, &octets), None);
        }
        prop_assert_eq!(Frame::decode(&seals, at, &octets[..FRAME - 1]), None);
    }

    #[test]
    fn no_single_flip_of_a_header_passes(bit in 0usize..FRAME * 8, at in 0u64..1 << 32) {
        let seals = Seals::new(1, &[9; 16]);
        let mut octets = frame().encode(&seals, at);
        octets[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(Frame::decode(&seals, at, &octets), None);
    }

    #[test]
    fn any_octets_are_looked_at_without_a_panic(octets: Vec<u8>, at: u64) {
        let seals = Seals::new(1, &[9; 16]);
        let _ = SegmentHeader::decode(&octets);
        prop_assert_eq!(Frame::decode(&seals, at, &octets), None);
        prop_assert_eq!(decode_end(&seals, at, &octets), None);
    }

    #[test]
    fn a_span_holds_the_record_and_little_more(length in 0u64..1 << 40) {
        let span = span(length);
        prop_assert!(span.is_multiple_of(STEP));
        prop_assert!((56 + length..56 + length + STEP).contains(&span));
    }
}
