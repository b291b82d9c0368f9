use super::*;

/// The values themselves: what is in the field must stay what it was.
#[track_caller]
fn check(key: Key, golden: &str) {
    assert_eq!(key.to_string(), golden);
}

fn of_message(identity: &str, slices: &[&[u8]]) -> Key {
    let mut hasher = KeyHasher::new(identity);
    slices.iter().for_each(|slice| hasher.update(slice));
    hasher.finish()
}

const RAW: &[u8] = b"From: a@x.example\r\nSubject: s\r\n\r\nbody\r\n";

#[test]
fn keys_are_frozen() {
    check(
        of_message("support@msp.example", &[RAW]),
        "2f2e2e69d566d3c4b57c0e7c51ff99d52773228525be0eeea2be20443b4f3fa6",
    );
    check(
        of_message("support@msp.example", &[]),
        "a3cddbcbcfb8e9b382c257adf067d11de64867c329b86a6ea31a11651f652f6f",
    );
    check(
        Key::of_facts(
            "support@msp.example",
            "m@x",
            1_760_425_951_000,
            "a@x",
            "s",
            "d",
        ),
        "276dfe4a82c81ea5a09d0e52887e755ae4ce4e20db81701d23c8550ef0e22fee",
    );
    check(
        Key([7; 32]).again(1),
        "1ade9306839e52e09af0063d0c91c9e88c9d41c7c8e8839750ab2bc47a869a91",
    );
}

#[test]
fn a_key_is_what_its_definition_says() {
    use sha2::Digest as _;
    let mut whole = b"postern key 1 message\0".to_vec();
    whole.extend_from_slice(&19u64.to_be_bytes());
    whole.extend_from_slice(b"support@msp.example");
    whole.extend_from_slice(RAW);
    let defined = Key(sha2::Sha256::digest(&whole).into());
    assert_eq!(of_message("support@msp.example", &[RAW]), defined);
}

#[test]
fn slices_and_the_identity_s_case_make_no_difference() {
    let whole = of_message("support@msp.example", &[RAW]);
    let (one, two) = RAW.split_at(11);
    assert_eq!(of_message("support@msp.example", &[one, b"", two]), whole);
    assert_eq!(of_message(" Support@MSP.example ", &[RAW]), whole);
}

#[test]
fn whatever_differs_makes_another_key() {
    let facts = |id: &str, message: &str, at, from: &str, subject: &str, date: &str| {
        Key::of_facts(id, message, at, from, subject, date)
    };
    let mut keys = vec![
        of_message("a", &[b"bc"]),
        of_message("ab", &[b"c"]),
        of_message("a", &[b"bd"]),
        facts("a", "b", 1, "c", "d", "e"),
        facts("ab", "", 1, "c", "d", "e"),
        facts("a", "b", 2, "c", "d", "e"),
        facts("a", "b", 1, "cd", "", "e"),
        facts("a", "b", 1, "c", "", "de"),
        facts("a", "b", 1, "c", "D", "e"),
        of_message("a", &[b"bc"]).again(0),
        of_message("a", &[b"bc"]).again(1),
        of_message("a", &[b"bc"]).again(1).again(1),
    ];
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

#[test]
fn a_key_is_written_and_read_as_64_digits() {
    let key = of_message("a", &[b"b"]);
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(key.to_string().to_uppercase().parse(), Ok(key));
    assert_eq!(key.short(), key.to_string()[..12]);
    assert_eq!("".parse::<Key>(), Err(NoKey));
    assert_eq!("x".repeat(64).parse::<Key>(), Err(NoKey));
    assert_eq!("é".repeat(32).parse::<Key>(), Err(NoKey));
    assert_eq!("0".repeat(66).parse::<Key>(), Err(NoKey));
    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(json, format!("\"{key}\""));
    assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key);
    assert!(serde_json::from_str::<Key>("\"12\"").is_err());
    let octets = postcard::to_stdvec(&key).unwrap();
    assert_eq!(octets, key.0);
    assert_eq!(postcard::from_bytes::<Key>(&octets).unwrap(), key);
}
