//! The help desk's sample: a week of mail as a small service provider gets it.
//!
//! Every kind of mail that the first run should show, at believable people's hands: `office`
//! has the everyday mail, `world` the other languages and character sets, `odd` what is not
//! a person's plain question. The same seed makes the same octets.

use crate::mime::{Letter, Made, Part};
use crate::people::{user, Person};
use crate::random::Random;

mod odd;
mod office;
#[cfg(test)]
mod tests;
mod world;

/// The cut-off that the sample is made for: 2026-01-01T00:00:00Z.
pub const CUTOFF: i64 = 1_767_225_600;
/// Its Monday morning: 2026-03-02T07:00:00Z.
pub const MONDAY: i64 = 1_772_434_800;

/// All mails of the sample, in the order of their arrival.
pub fn mails(seed: u64) -> Vec<Made> {
    let mut pen = Pen {
        seed,
        random: Random::new(seed),
        mails: Vec::new(),
    };
    odd::before_the_cutoff(&mut pen);
    office::write(&mut pen);
    world::write(&mut pen);
    odd::write(&mut pen);
    pen.mails
}

/// Writes one mail after the other, numbers them and lets time pass.
struct Pen {
    seed: u64,
    random: Random,
    mails: Vec<Made>,
}

impl Pen {
    /// A letter of a user's, as the next mail.
    fn letter(&self, id: &str, subject: &str) -> Letter {
        self.letter_of(user(id), subject)
    }

    /// A letter of anybody's, as the next mail.
    fn letter_of(&self, from: Person, subject: &str) -> Letter {
        let number = self.mails.len();
        let received = MONDAY + number as i64 * 37 * 60;
        self.letter_at(from, subject, received)
    }

    /// A letter that came at a time of its own.
    fn letter_at(&self, from: Person, subject: &str, received: i64) -> Letter {
        let id = format!("sample-{}-{:02}", self.seed, self.mails.len() + 1);
        Letter::new(id, from, subject, received)
    }

    /// Sends a letter.
    fn send(&mut self, letter: Letter, content: Part) {
        self.mails.push(letter.with(content));
    }

    /// Sends plain text.
    fn plain(&mut self, id: &str, subject: &str, text: &str) {
        let letter = self.letter(id, subject);
        self.send(letter, Part::text("plain", "UTF-8", text));
    }

    /// Sends plain text in another character set, the subject too.
    fn foreign(&mut self, id: &str, charset: &'static str, subject: &str, text: &str) {
        let letter = self.letter(id, subject).subject_charset(charset);
        self.send(letter, Part::text("plain", charset, text));
    }

    /// Sends text and files.
    fn files(&mut self, id: &str, subject: &str, text: &str, files: &[Part]) {
        let letter = self.letter(id, subject);
        let mut parts = vec![Part::text("plain", "UTF-8", text)];
        parts.extend_from_slice(files);
        let boundary = format!("=_{:016x}", self.random.draw());
        self.send(letter, Part::multi("mixed", &boundary, &parts));
    }

    /// Plain text and HTML, as most programs send it.
    fn both(&mut self, plain: &str, html: &str) -> Part {
        let boundary = format!("----=_Part_{:012x}", self.random.draw() >> 16);
        let parts = [
            Part::text("plain", "UTF-8", plain),
            Part::text("html", "UTF-8", html),
        ];
        Part::multi("alternative", &boundary, &parts)
    }

    /// The mail sent last.
    fn last(&self) -> Made {
        self.mails[self.mails.len() - 1].clone()
    }
}
