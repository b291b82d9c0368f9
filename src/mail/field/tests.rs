use super::*;

fn text(value: &str, name: &str) -> Option<String> {
    Field::read(value.as_bytes()).text(name, &mut Oddities::default())
}

#[test]
fn a_media_type_is_read_without_comments_and_blanks() {
    let media = |value: &str| {
        let field = Field::read(value.as_bytes());
        super::media(&field).map(str::to_owned)
    };
    assert_eq!(
        media("Text/PLAIN; charset=x").as_deref(),
        Some("text/plain")
    );
    assert_eq!(
        media(" text (a (b) c) / html (x)").as_deref(),
        Some("text/html")
    );
    assert_eq!(media("text"), None);
    assert_eq!(media("text/"), None);
    assert_eq!(media("a/b/c"), None);
    assert_eq!(media(""), None);
}

#[test]
fn parameters_are_read_in_every_form_that_is_met() {
    assert_eq!(text("a/b; name=x", "name").as_deref(), Some("x"));
    assert_eq!(
        text("a/b;NAME = \"x;y\" junk; z=1", "name").as_deref(),
        Some("x;y")
    );
    assert_eq!(
        text("a/b; name=my file.pdf ; z=1", "name").as_deref(),
        Some("my file.pdf")
    );
    assert_eq!(
        text("a/b; name=\"never closed", "name").as_deref(),
        Some("never closed")
    );
    assert_eq!(
        text("a/b; (comment; name=n) name=x", "name").as_deref(),
        Some("x")
    );
    assert_eq!(text("a/b; name", "name"), None);
    assert_eq!(
        text("a/b; name*=utf-8'en'%C3%BC; name=u", "name").as_deref(),
        Some("ü")
    );
    assert_eq!(text("a/b; name*=%41%zz", "name").as_deref(), Some("A%zz"));
}

#[test]
fn continuations_are_joined_by_their_numbers_up_to_a_gap() {
    let joined = |value| text(value, "name");
    assert_eq!(
        joined("a/b; name*1=b; name*0=a; name*3=d").as_deref(),
        Some("ab")
    );
    assert_eq!(joined("a/b; name*1=b"), None);
    assert_eq!(joined("a/b; name*99999999999=b"), None);
    // In one character set, though it is named once only, and cut in the middle of a character.
    assert_eq!(
        joined("a/b; name*0*=iso-8859-1''Gr%FC; name*1*=%DFe").as_deref(),
        Some("Grüße")
    );
    assert_eq!(
        joined("a/b; name*0*=utf-8''%C3; name*1*=%BC").as_deref(),
        Some("ü")
    );
}

#[test]
fn parameters_by_the_ten_thousand_are_not_read() {
    let mut value = String::from("a/b");
    for number in 0..10_000 {
        value.push_str(&format!("; name*{number}=x"));
    }
    let field = Field::read(value.as_bytes());
    assert!(field.excess);
    assert_eq!(field.parameters.len(), PARAMETERS_MAX);
    let name = field.text("name", &mut Oddities::default()).unwrap();
    assert_eq!(name.len(), PARAMETERS_MAX);
}
