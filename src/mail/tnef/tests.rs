use super::*;
use proptest::prelude::*;

fn attribute(level: u8, id: u32, value: &[u8]) -> Vec<u8> {
    let mut out = vec![level];
    out.extend(id.to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
    out.extend([0, 0]);
    out
}

fn whole(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend([1, 0]);
    out.extend(attributes.concat());
    out
}

/// A property whose value has a length.
fn sized(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = tag.to_le_bytes().to_vec();
    out.extend(1u32.to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
    out.resize(out.len() + (4 - value.len() % 4) % 4, 0);
    out
}

fn file(name: &str, octets: &[u8]) -> Vec<u8> {
    let mut out = attribute(2, FILE_BEGINS, &[0; 14]);
    out.extend(attribute(2, FILE_NAME, format!("{name}\0").as_bytes()));
    out.extend(attribute(2, FILE_OCTETS, octets));
    out
}

fn read(octets: &[u8], slice: usize) -> Winmail {
    let mut tnef = Tnef::new();
    octets
        .chunks(slice.max(1))
        .for_each(|slice| tnef.feed(slice));
    tnef.finish()
}

#[test]
fn files_are_found_where_they_lie() {
    let octets = whole(&[
        attribute(1, BODY, b"Text\0"),
        file("a.txt", b"first"),
        file("b.txt", b""),
    ]);
    let winmail = read(&octets, 7);
    assert_eq!(winmail.text.as_deref(), Some("Text"));
    let [first, second] = winmail.files.as_slice() else {
        panic!("{:?}", winmail.files);
    };
    assert_eq!(first.name.as_deref(), Some("a.txt"));
    assert_eq!(
        &octets[first.range.start as usize..first.range.end as usize],
        b"first"
    );
    assert_eq!(first.digest, Digest::of(b"first"));
    assert_eq!(
        (second.range.end - second.range.start, second.digest),
        (0, Digest::of(b""))
    );
    assert!(!winmail.left);
}

#[test]
fn the_longest_name_counts_and_properties_that_are_not_known_are_stepped_over() {
    let wide: Vec<u8> = "Größe.pdf\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut named = 0x8005_0003u32.to_le_bytes().to_vec();
    named.extend([7; 16]);
    named.extend([0, 0, 0, 0, 5, 0, 0, 0, 9, 9, 9, 9]);
    let mut several = 0x8006_101eu32.to_le_bytes().to_vec();
    several.extend([7; 16]);
    several.extend([0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0]);
    several.extend([1, 0, 0, 0, b'x', 0, 0, 0, 2, 0, 0, 0, b'y', b'z', 0, 0]);
    let mut time = 0x3007_0040u32.to_le_bytes().to_vec();
    time.extend([1; 8]);
    let names = [
        sized(0x3707_001f, &wide),
        named,
        several,
        time,
        sized(0x3704_001e, b"GR~1.PDF\0"),
        sized(0x3712_001e, b"<id@x>\0"),
    ];
    let mut value = (names.len() as u32).to_le_bytes().to_vec();
    value.extend(names.concat());
    let octets = whole(&[file("G.PDF", b"x"), attribute(2, FILE_PROPERTIES, &value)]);
    let winmail = read(&octets, 3);
    assert_eq!(winmail.files[0].name.as_deref(), Some("Größe.pdf"));
    // It stands behind all that had to be stepped over.
    assert_eq!(winmail.files[0].content_id.as_deref(), Some("id@x"));
}

#[test]
fn more_files_than_are_taken_out_are_left_and_said() {
    let files: Vec<Vec<u8>> = (0..FILES_MAX + 5)
        .map(|n| file(&n.to_string(), b"x"))
        .collect();
    let winmail = read(&whole(&files), 1000);
    assert_eq!(winmail.files.len(), FILES_MAX);
    assert_eq!(winmail.files[FILES_MAX - 1].name.as_deref(), Some("99"));
    assert!(winmail.left);
}

#[test]
fn a_length_that_lies_is_said() {
    let mut octets = whole(&[file("a", b"first")]);
    octets.extend([2, 0x0f, 0x80, 6, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    let winmail = read(&octets, 5);
    assert_eq!((winmail.files.len(), winmail.left), (1, true));
}

proptest! {
    /// Damaged at random, and cut into slices of any size, it is read the same, and what is found lies there.
    #[test]
    fn slices_make_no_difference_and_damage_no_panic(
        at in 0usize..300,
        octets in prop::collection::vec(any::<u8>(), 0..12),
        slice in 1usize..50,
    ) {
        let rich = b"\x20\0\0\0\x30\0\0\0MELA....{\\rtf1 hello \\u8364?{\\*\\htmltag x}}";
        let mut texts = 1u32.to_le_bytes().to_vec();
        texts.extend(sized(0x1009_0102, rich));
        let parts = [attribute(1, PROPERTIES, &texts), file("a.txt", b"first"), file("b.txt", b"second")];
        let mut damaged = whole(&parts);
        let at = at.min(damaged.len());
        let end = (at + octets.len()).min(damaged.len());
        damaged.splice(at..end, octets);
        let winmail = read(&damaged, slice);
        prop_assert_eq!(&winmail, &read(&damaged, damaged.len()));
        for file in &winmail.files {
            let lies = damaged.get(file.range.start as usize..file.range.end as usize);
            prop_assert_eq!(lies.map(Digest::of), Some(file.digest));
        }
    }
}
