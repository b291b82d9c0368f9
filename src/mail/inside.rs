//! Doors to the parsers of this room, for the fuzz targets of `tests/fuzz` and nobody else. They are there in
//! builds with the feature `inside` only. Nothing is decided here.

use super::message::{Address, Event, Oddities};
use super::{authentication, block, calendar as read_calendar, charset as sets, cms as object};
use super::{field as fields, flowed as lines, grammar, history, html as markup, tnef as winmail};
use super::{words as encoded, Skim};

/// Text in a character set, declared or not.
pub fn charset(label: Option<&str>, octets: &[u8]) -> String {
    let _named = sets::named_in_html(octets);
    match label {
        Some(_) => sets::decode(label, octets, &mut Oddities::default()),
        None => sets::undeclared(octets),
    }
}

/// A value with encoded words.
pub fn words(octets: &[u8]) -> String {
    encoded::text(octets, &mut Oddities::default())
}

/// The addresses of a field.
pub fn addresses(octets: &[u8]) -> Vec<Address> {
    grammar::addresses(octets, &mut Oddities::default()).list
}

/// A date, in milliseconds since 1970.
pub fn date(octets: &[u8]) -> Option<i64> {
    grammar::date(octets)
}

/// Message ids.
pub fn ids(octets: &[u8]) -> Vec<String> {
    grammar::ids(octets)
}

/// A structured field: its first word, and the parameters that are asked for.
pub fn field(octets: &[u8]) -> Vec<Option<String>> {
    let odd = &mut Oddities::default();
    let field = fields::Field::read(octets);
    fields::note(&field, odd);
    let names = ["name", "filename", "charset", "boundary", "format", "type"];
    let mut said: Vec<_> = names.iter().map(|name| field.text(name, odd)).collect();
    said.push(fields::media(&field).map(str::to_owned));
    said
}

/// HTML made harmless, its text, and the HTML with all behind the first line of it folded.
pub fn html(html: &str) -> (String, String, String) {
    let clean = || {
        let mut cleaner = markup::Cleaner::new();
        cleaner.html(html);
        cleaner.finish()
    };
    let first = clean();
    (first.html, first.text, clean().folded(Some(1)))
}

/// The paragraphs of a flowed text.
pub fn flowed(text: &str, delete_space: bool) -> String {
    lines::unwrap(text, delete_space)
}

/// How many lines of a text are new.
pub fn new_lines(text: &str, subject: &str) -> Option<u32> {
    history::new_lines(text, subject, &[])
}

/// What a calendar asks for, and the words for it.
pub fn calendar(octets: &[u8]) -> (Vec<Event>, String) {
    let events = read_calendar::events(octets);
    let words = read_calendar::in_words(&events);
    (events, words)
}

/// A cryptographic message in slices: what it is, and its content.
pub fn cms(octets: &[u8], slice: usize) -> (String, Vec<u8>) {
    let (mut cms, mut content) = (object::Cms::new(), Vec::new());
    for slice in octets.chunks(slice.max(1)) {
        cms.feed(slice, |octets| content.extend_from_slice(octets));
    }
    (format!("{:?}", cms.kind), content)
}

/// A winmail.dat in slices, as it was read.
pub fn tnef(octets: &[u8], slice: usize) -> String {
    let mut tnef = winmail::Tnef::new();
    for slice in octets.chunks(slice.max(1)) {
        tnef.feed(slice);
    }
    format!("{:?}", tnef.finish())
}

/// What servers put in front.
pub fn authentication(octets: &[u8]) {
    let _server = authentication::received(octets);
    let _checked = authentication::checked(octets);
}

/// Groups of fields in a report.
pub fn report_fields(octets: &[u8]) -> usize {
    block::blocks(octets).len()
}

/// Octets that a message holds while it is skimmed: bounded, whatever its size.
pub fn weight(octets: &[u8]) -> usize {
    let mut skim = Skim::new(super::Limits::default());
    skim.feed(octets);
    skim.finish().weight()
}
