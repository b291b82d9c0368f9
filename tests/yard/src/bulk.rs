//! Mail by the thousand for the bench: 4 KB notes, 75 KB mails with attachments, 25 MB ones.
//!
//! Made one at a time from (seed, number), so that ten thousand never lie in memory at once.

use std::str::FromStr;

use crate::mime::{Letter, Made, Part};
use crate::people::PEOPLE;
use crate::random::Random;

/// How large the mails are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// About so many octets, a quarter more or less.
    About(usize),
    /// Log-normal around this mean.
    LogNormal(usize),
    /// So many octets, to within a line.
    Exactly(usize),
}

impl FromStr for Size {
    type Err = String;

    /// Reads `4k`, `75k-lognormal`, `25m`.
    fn from_str(text: &str) -> Result<Size, String> {
        let (number, log_normal) = match text.strip_suffix("-lognormal") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let split = number
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(number.len());
        let (digits, unit) = number.split_at(split);
        let unit = match unit.to_ascii_lowercase().as_str() {
            "" => 1,
            "k" => 1 << 10,
            "m" => 1 << 20,
            _ => return Err(format!("{text} is no size; write 4k, 75k-lognormal or 25m")),
        };
        let octets = digits
            .parse::<usize>()
            .map_err(|e| format!("{text}: {e}"))?
            * unit;
        Ok(match log_normal {
            true => Size::LogNormal(octets),
            false if octets >= 1 << 20 => Size::Exactly(octets),
            false => Size::About(octets),
        })
    }
}

const TROUBLES: &[&str] = &[
    "the printer on the second floor",
    "my VPN connection",
    "the shared calendar",
    "the card reader at till 3",
    "our scanner-to-mail",
    "the guest Wi-Fi",
    "the phone in room 12",
    "the backup report",
    "two-factor sign-in",
    "the label printer",
    "the stock list",
];
const SYMPTOMS: &[&str] = &[
    "stopped working this morning",
    "asks for a password that nobody remembers",
    "is slow since the update",
    "shows error 0x80070035",
    "works for everybody but me",
    "makes a noise like a kettle",
    "comes and goes",
    "says it is offline, which it is not",
];
const SENTENCES: &[&str] = &[
    "I have already restarted it twice, once politely.",
    "It worked on Friday, and nobody has touched it since, as far as anybody admits.",
    "The light is amber, and blinks three times, then pauses.",
    "Could someone have a look before the delivery at four?",
    "My colleague has the same trouble, but only on the left screen.",
    "The cable is plugged in; I checked both ends.",
    "We can work around it today, but not on Monday.",
    "The serial number on the back is worn off, sorry.",
    "I attach what the screen said, as far as I could copy it.",
    "Please call the front desk, my own phone goes through the same box.",
    "There is a customer waiting, so sooner would be better than later.",
];

/// The mail with this number of a series; `series` sets it apart from other fillings.
pub fn mail(series: &str, seed: u64, number: usize, size: Size, received: i64) -> Made {
    let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
    let wanted = match size {
        Size::About(mean) => mean * 3 / 4 + random.below(mean / 2),
        Size::LogNormal(mean) => {
            (random.log_normal(mean as f64, 1.0) as usize).clamp(2_000, mean * 30)
        }
        Size::Exactly(octets) => octets,
    };
    let person = PEOPLE[number % PEOPLE.len()];
    let subject = format!(
        "{} {} (#{number})",
        random.pick(TROUBLES),
        random.pick(SYMPTOMS)
    );
    let id = format!("{series}-{seed}-{number:06}");
    let letter = Letter::new(id, person, &subject, received);
    // The header section takes about this much.
    let body = wanted.saturating_sub(700);
    if body < 8_000 {
        return letter.with(Part::text("plain", "UTF-8", &prose(&mut random, body)));
    }
    let text = Part::text("plain", "UTF-8", &prose(&mut random, 1_500));
    let html = format!(
        "<html><body><p>{}</p></body></html>",
        prose(&mut random, 1_500)
    );
    let both = Part::multi(
        "alternative",
        "=_yard_alt",
        &[text, Part::text("html", "UTF-8", &html)],
    );
    let octets = |left: usize| left / 78 * 57;
    let rest = body - 4_200;
    let mut parts = vec![both];
    if rest > 40_000 && rest < 1 << 20 {
        parts.push(Part::attachment(
            "image/png",
            "screen.png",
            &png(&mut random, octets(rest / 3)),
        ));
        let pdf = pdf(&mut random, octets(rest - rest / 3));
        parts.push(Part::attachment("application/pdf", "form.pdf", &pdf));
    } else {
        let zip = random.octets(octets(rest));
        parts.push(Part::attachment("application/zip", "logs.zip", &zip));
    }
    letter.with(Part::multi("mixed", "=_yard_mixed", &parts))
}

/// Help-desk prose of about this length, in lines that a mail program would make.
pub fn prose(random: &mut Random, length: usize) -> String {
    let mut out = String::with_capacity(length + 120);
    let mut width = 0;
    while out.len() < length {
        for word in random.pick(SENTENCES).split(' ') {
            if width + word.len() > 72 {
                out.push('\n');
                width = 0;
            } else if width > 0 {
                out.push(' ');
                width += 1;
            }
            out.push_str(word);
            width += word.len();
        }
    }
    out.push('\n');
    out
}

/// Octets that begin and end as a PNG file does.
pub fn png(random: &mut Random, length: usize) -> Vec<u8> {
    framed(
        random,
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        length,
        b"\0\0\0\0IEND\xaeB`\x82",
    )
}

/// Octets that begin and end as a PDF file does.
pub fn pdf(random: &mut Random, length: usize) -> Vec<u8> {
    framed(
        random,
        b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n",
        length,
        b"\n%%EOF\n",
    )
}

/// Octets between a beginning and an end.
pub fn framed(random: &mut Random, head: &[u8], length: usize, tail: &[u8]) -> Vec<u8> {
    let mut out = head.to_vec();
    out.extend(random.octets(length.saturating_sub(head.len() + tail.len())));
    out.extend_from_slice(tail);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(size: &str, count: usize, mean: std::ops::Range<usize>) {
        let size: Size = size.parse().unwrap();
        let sum: usize = (0..count)
            .map(|n| mail("t", 1, n, size, 0).octets.len())
            .sum();
        assert!(mean.contains(&(sum / count)), "{size:?}: {}", sum / count);
    }

    #[test]
    fn sizes_are_near_what_was_asked_for() {
        check("4k", 200, 3_700..4_500);
        check("75k-lognormal", 400, 60_000..90_000);
        check("1m", 1, 1_040_000..1_056_000);
    }

    #[test]
    fn a_size_without_a_known_unit_is_refused() {
        assert!("4q".parse::<Size>().is_err());
        assert!("k".parse::<Size>().is_err());
    }
}
