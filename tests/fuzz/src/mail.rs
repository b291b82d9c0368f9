//! What people's and programs' mail is read by.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use postern::mail::inside;
use postern::mail::{clean as cleaned, understand, Decoder, Digest, Encoding, Limits, Message};
use postern::mail::{Skim, Skimmed, Unpack, BODY_MAX};
use postern::ticket::{Key, Token, TokenKey};

fn skim(octets: &[u8], slice: usize) -> Skimmed {
    let mut skim = Skim::new(Limits::default());
    octets
        .chunks(slice.max(1))
        .for_each(|slice| skim.feed(slice));
    skim.finish()
}

/// A number that the octets themselves give, for what may be cut anywhere.
fn some(octets: &[u8], below: usize) -> usize {
    let sum = |sum: usize, octet: &u8| sum.wrapping_mul(31).wrapping_add(usize::from(*octet));
    octets.iter().take(64).fold(7, sum) % below.max(1)
}

/// Elements that no HTML of ours may have, whatever came in.
fn is_harmless(html: &str) {
    let html = html.to_ascii_lowercase();
    for tag in [
        "<script", "<style", "<iframe", "<object", "<form", "<meta", "<svg", "<base",
    ] {
        assert!(!html.contains(tag), "{tag} came through");
    }
}

/// The whole way of a message: the same in slices of any size, nothing said that isn't in its octets.
pub fn mail(octets: &[u8]) {
    let whole = skim(octets, octets.len());
    assert_eq!(
        whole,
        skim(octets, 1 + some(octets, 100)),
        "slices make a difference"
    );
    let message = understand(&whole);
    assert_eq!(message, understand(&whole), "another time it is another");
    holds(octets, &message);
}

fn holds(octets: &[u8], message: &Message) {
    let bodies = [message.text.as_deref(), message.html.as_deref()];
    for body in bodies.into_iter().flatten() {
        // A little more than the measure: the last element is closed.
        assert!(body.len() <= BODY_MAX + BODY_MAX / 4, "a body without end");
    }
    if let Some(html) = &message.html {
        is_harmless(html);
    }
    let lines = message.text.as_deref().unwrap_or_default().lines().count();
    let new = message.new_lines.unwrap_or_default() as usize;
    assert!(new <= lines, "{new} new lines of {lines}");
    for attachment in &message.attachments {
        let (from, to) = (
            attachment.range.start as usize,
            attachment.range.end as usize,
        );
        assert!(
            from <= to && to <= octets.len(),
            "an attachment lies elsewhere"
        );
        let mut unpack = Unpack::new(attachment.encoding, attachment.inside.as_ref());
        let mut content = Vec::new();
        unpack.feed(&octets[from..to], &mut content);
        unpack.finish(&mut content);
        let digest = Digest::of(&content);
        assert_eq!(
            (digest.size, digest.sha256),
            (attachment.size, attachment.sha256),
            "an attachment is not what was measured"
        );
    }
}

/// Transfer encodings: slices make no difference, and what was encoded comes back.
pub fn decode(octets: &[u8]) {
    for encoding in [
        Encoding::Base64,
        Encoding::QuotedPrintable,
        Encoding::Identity,
    ] {
        let decoded = |slice: usize| {
            let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
            octets
                .chunks(slice.max(1))
                .for_each(|slice| decoder.feed(slice, &mut out));
            decoder.finish(&mut out);
            (out, decoder.damaged())
        };
        let whole = decoded(octets.len());
        assert_eq!(
            whole,
            decoded(1 + some(octets, 50)),
            "{encoding:?} in slices"
        );
        assert!(whole.0.len() <= octets.len() + 8, "{encoding:?} grew");
    }
    let lines: Vec<u8> = STANDARD.encode(octets).into_bytes();
    let lines = lines.chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..]);
    let quoted: Vec<u8> = octets
        .iter()
        .flat_map(|octet| format!("={octet:02X}").into_bytes())
        .collect();
    for (encoding, encoded) in [
        (Encoding::Base64, lines),
        (Encoding::QuotedPrintable, quoted),
    ] {
        let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
        decoder.feed(&encoded, &mut out);
        decoder.finish(&mut out);
        assert!(out == octets, "{encoding:?} doesn't come back");
    }
}

/// Character sets, the first octet choosing one.
pub fn charset(octets: &[u8]) {
    const LABELS: &[&str] = &[
        "utf-8",
        "us-ascii",
        "iso-8859-1",
        "windows-1252",
        "utf-7",
        "utf-16",
        "iso-2022-jp",
        "gb18030",
        "big5",
        "ibm850",
        "ibm437",
        "ibm852",
        "macintosh",
        "koi8-r",
        "nonsense",
        "x-user-defined",
        "",
    ];
    let (first, rest) = octets.split_first().unwrap_or((&0, &[]));
    let label = LABELS[usize::from(*first) % LABELS.len()];
    let text = inside::charset(Some(label), rest);
    assert!(
        text.len() <= 8 * rest.len() + 16,
        "{label} grew to {}",
        text.len()
    );
    if let (Ok(said), "utf-8") = (std::str::from_utf8(rest), label) {
        // What is UTF-8 that was taken for another set is mended; what is plain stays.
        if said.is_ascii() && !said.contains('\u{1b}') {
            assert_eq!(text, said);
        }
    }
    inside::charset(None, rest);
}

/// Encoded words (RFC 2047).
pub fn words(octets: &[u8]) {
    let text = inside::words(octets);
    assert!(text.len() <= 8 * octets.len() + 16, "words grew");
}

/// Addresses, dates and ids.
pub fn address(octets: &[u8]) {
    for address in inside::addresses(octets) {
        let folded = address.folded();
        assert_eq!(
            postern::mail::Address::fold(&folded),
            folded,
            "folded twice it is another"
        );
    }
    inside::date(octets);
    inside::ids(octets);
}

/// Structured fields with their parameters (RFC 2045, RFC 2231).
pub fn field(octets: &[u8]) {
    inside::field(octets);
}

/// HTML: harmless, and the same when it is cleaned once more.
pub fn html(octets: &[u8]) {
    let said = String::from_utf8_lossy(octets);
    let (html, text, folded) = inside::html(&said);
    is_harmless(&html);
    is_harmless(&folded);
    assert!(
        html.len() <= 16 * said.len() + 4096,
        "{} octets of HTML made of {}",
        html.len(),
        said.len()
    );
    assert!(
        text.len() <= 16 * said.len() + 4096,
        "{} octets of text made of {}",
        text.len(),
        said.len()
    );
    let (again, _, _) = inside::html(&html);
    // Around what was left out there may be one space more.
    let same = |html: &str| html.split_whitespace().collect::<String>();
    assert_eq!(
        same(&again),
        same(&without_our_own(&html)),
        "cleaned again it is another"
    );
}

/// Where a picture was is kept in an attribute of our own, which no mail may bring along.
fn without_our_own(html: &str) -> String {
    let mut pieces = html.split(" data-src=\"");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str(piece.split_once('"').map_or("", |(_, behind)| behind));
    }
    out
}

/// format=flowed (RFC 3676).
pub fn flowed(octets: &[u8]) {
    let said = String::from_utf8_lossy(octets);
    for delete_space in [false, true] {
        let text = inside::flowed(&said, delete_space);
        // A mark of quoting may get a space behind it.
        assert!(text.len() <= 2 * said.len() + 2, "it grew");
        let words = |text: &str| text.matches(char::is_alphanumeric).count();
        assert_eq!(words(&text), words(&said), "a word is lost");
    }
}

/// Where what is new ends.
pub fn history(octets: &[u8]) {
    let said = String::from_utf8_lossy(octets);
    let Some(new) = inside::new_lines(&said, "Re: x") else {
        return;
    };
    let lines: Vec<&str> = said.lines().collect();
    let (new, rest) = lines.split_at(new as usize);
    let says = |line: &&str| !line.trim().is_empty();
    assert!(new.last().is_some_and(says), "it ends with nothing");
    assert!(rest.iter().any(says), "nothing is behind it");
}

/// Calendars (RFC 5545).
pub fn calendar(octets: &[u8]) {
    let (events, words) = inside::calendar(octets);
    assert!(events.len() <= 1_000, "{} events", events.len());
    assert!(words.len() <= 64 * octets.len() + 4096, "words without end");
}

/// Cryptographic messages (RFC 5652): slices make no difference.
pub fn cms(octets: &[u8]) {
    let whole = inside::cms(octets, octets.len());
    assert_eq!(
        whole,
        inside::cms(octets, 1 + some(octets, 20)),
        "slices make a difference"
    );
    assert!(whole.1.len() <= octets.len(), "more content than there is");
}

/// winmail.dat: slices make no difference.
pub fn tnef(octets: &[u8]) {
    let whole = inside::tnef(octets, octets.len());
    assert_eq!(
        whole,
        inside::tnef(octets, 1 + some(octets, 20)),
        "slices make a difference"
    );
}

/// What servers put in front (RFC 8601, RFC 5321 §4.4).
pub fn authentication(octets: &[u8]) {
    inside::authentication(octets);
}

/// Groups of fields in reports (RFC 3464), and the words of the older systems.
pub fn report(octets: &[u8]) {
    inside::report_fields(octets);
    let mut mail = b"From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered mail\r\n\r\n".to_vec();
    mail.extend_from_slice(octets);
    let message = understand(&skim(&mail, mail.len()));
    holds(&mail, &message);
}

/// Names and lines for the outside: nothing in them moves a cursor or leaves a folder.
pub fn clean(octets: &[u8]) {
    let said = String::from_utf8_lossy(octets);
    let line = cleaned::for_line(&said);
    assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    assert_eq!(cleaned::for_line(&line), line);
    let name = cleaned::for_file_name(&said);
    assert!(
        !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != ".." && name != ".",
        "{name:?}"
    );
    assert_eq!(cleaned::for_file_name(&name), name);
    let shown = cleaned::for_terminal(&said);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

/// Reply tokens: what is minted is found, wherever it stands; nothing else is ours.
pub fn token(octets: &[u8]) {
    let said = String::from_utf8_lossy(octets);
    let keys = TokenKey::new([7; 32]);
    for found in Token::find(&said) {
        let made = keys.made(&found);
        let again: Token = found.to_string().parse().expect("what is shown is read");
        assert_eq!((again, keys.made(&again)), (found, made));
    }
    let mut key = Key([0; 32]);
    for (at, octet) in octets.iter().take(32).enumerate() {
        key.0[at] = *octet;
    }
    let token = Token::new(&key, keys.seal(&key));
    assert!(keys.made(&token));
    assert!(
        !TokenKey::new([8; 32]).made(&token),
        "another's key made it"
    );
    let text = format!("{said} <{token}@desk.example>");
    assert_eq!(Token::find(&text).last(), Some(token), "it is not found");
}
