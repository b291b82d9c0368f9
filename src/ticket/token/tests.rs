use proptest::prelude::*;

use super::*;

fn keys() -> (TokenKey, TokenKey) {
    (TokenKey::new([1; 32]), TokenKey::new([2; 32]))
}

/// A token is in mail that was sent years ago: goes red where what is made now can't be compared with it.
#[test]
fn a_token_is_what_its_definition_says() {
    let (ours, _) = keys();
    let token = Token::new(&Key([7; 32]), ours.seal(&Key([7; 32])));
    assert_eq!(token.to_string(), FROZEN);
    assert_eq!(FROZEN.parse(), Ok(token));
}

/// Made by another program, from the definition.
const FROZEN: &str = "pt-a4dqobyha4dqobyhbhlix6ny5d7sc5co";

#[test]
fn only_the_key_that_made_a_token_knows_it() {
    let (ours, theirs) = keys();
    let token = Token::new(&Key([7; 32]), ours.seal(&Key([7; 32])));
    assert!(ours.made(&token) && !theirs.made(&token));
    // Not of another ticket, and not with a bit of the hash changed.
    let other = Token::new(&Key([8; 32]), token.seal);
    assert!(!ours.made(&other));
    for bit in 0..80 {
        let mut bent = token;
        bent.seal.0[bit / 8] ^= 1 << (bit % 8);
        assert!(!ours.made(&bent), "bit {bit}");
    }
}

#[test]
fn tokens_are_found_wherever_an_answer_brings_them_back() {
    let (ours, _) = keys();
    let token = Token::new(&Key([7; 32]), ours.seal(&Key([7; 32])));
    let text = token.to_string();
    let upper = text.to_uppercase();
    for found in [
        format!("{text}.1@portal.example"),
        format!("help+{text}@desk.example"),
        format!("Re: [{upper}] printer"),
        format!("x {text}"),
        // As mailers fold and quote.
        format!("<{text}@x>"),
    ] {
        assert_eq!(Token::find(&found).collect::<Vec<_>>(), [token], "{found}");
    }
    for none in [
        text[..34].to_owned(),
        format!("{text}a"),
        format!("a{text}"),
        text.replace("pt-", "pt"),
        "pt-".to_owned(),
        "pt-11111111111111111111111111111111".to_owned(),
        format!("pt-{}é", &text[3..33]),
    ] {
        assert_eq!(Token::find(&none).count(), 0, "{none}");
    }
    let two = format!("{text} {upper}");
    assert_eq!(Token::find(&two).count(), 2);
}

proptest! {
    #[test]
    fn any_text_is_looked_through(text in any::<String>()) {
        let _ = Token::find(&text).count();
    }

    #[test]
    fn what_is_written_is_read(key in any::<[u8; 32]>(), seal in any::<[u8; 10]>()) {
        let token = Token::new(&Key(key), Seal(seal));
        prop_assert_eq!(token.to_string().parse(), Ok(token));
    }
}
