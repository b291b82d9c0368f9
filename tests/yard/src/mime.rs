//! Composes mail as offices send it: header fields, character sets, parts and encodings.
//!
//! A composer for samples, not a library: it makes well-formed mail from trusted text, and what
//! should be odd is put in by hand with [`Letter::field`] and [`Part::raw`].

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use encoding_rs::Encoding;

use crate::people::Person;

/// A finished mail and what the census should know about it.
#[derive(Clone, Debug)]
pub struct Made {
    /// Id of this mail in the yard, also in its field X-Yard-Id.
    pub id: String,
    /// Its Message-ID, without the angle brackets.
    pub message_id: String,
    /// Subject in Unicode.
    pub subject: String,
    /// Address in From.
    pub from: String,
    /// The whole of it, CRLF lines.
    pub octets: Vec<u8>,
    /// When the server is told that it came, in seconds since 1970.
    pub received: i64,
    /// Whether the directory knows the sender.
    pub known: bool,
}

/// One MIME entity.
#[derive(Clone, Debug)]
pub struct Part(Vec<u8>);

impl Part {
    /// Text in a character set; the transfer encoding is chosen as mail programs do.
    pub fn text(kind: &str, charset: &str, text: &str) -> Part {
        let octets = encode(charset, text);
        let mut out = format!("Content-Type: text/{kind}; charset={charset}\r\n").into_bytes();
        let long = text.lines().any(|l| l.len() > 900);
        if octets.is_ascii() && !long {
            out.extend_from_slice(b"Content-Transfer-Encoding: 7bit\r\n\r\n");
            out.extend_from_slice(&crlf(&octets));
        } else if matches!(charset, "Shift_JIS" | "GB18030" | "KOI8-R") {
            out.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n\r\n");
            out.extend_from_slice(&base64_lines(&crlf(&octets)));
        } else {
            out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
            out.extend_from_slice(&quoted_printable(&crlf(&octets)));
        }
        Part(out)
    }

    /// An attachment; a name beyond ASCII goes out in RFC 2231 form.
    pub fn attachment(kind: &str, name: &str, octets: &[u8]) -> Part {
        Part::disposed(
            kind,
            &format!("attachment; {}", parameter("filename", name)),
            octets,
        )
    }

    /// A picture that the HTML shows by `cid:`.
    pub fn inline(kind: &str, name: &str, cid: &str, octets: &[u8]) -> Part {
        let how = format!(
            "inline; {}\r\nContent-ID: <{cid}>",
            parameter("filename", name)
        );
        Part::disposed(kind, &how, octets)
    }

    fn disposed(kind: &str, disposition: &str, octets: &[u8]) -> Part {
        let mut out = format!(
            "Content-Type: {kind}\r\nContent-Disposition: {disposition}\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n"
        )
        .into_bytes();
        out.extend_from_slice(&base64_lines(octets));
        Part(out)
    }

    /// Several parts in one, such as `alternative`, `mixed`, `related`, `report; report-type=...`.
    pub fn multi(kind: &str, boundary: &str, parts: &[Part]) -> Part {
        let mut out =
            format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n").into_bytes();
        for part in parts {
            out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            out.extend_from_slice(&part.0);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Part(out)
    }

    /// Header section and body written by hand, LF or CRLF.
    pub fn raw(text: &str) -> Part {
        Part(crlf(text.as_bytes()))
    }

    /// A whole mail within a mail (RFC 2046 §5.2.1).
    pub fn message(inner: &[u8]) -> Part {
        let mut out = b"Content-Type: message/rfc822\r\nContent-Disposition: attachment; \
            filename=\"forwarded.eml\"\r\n\r\n"
            .to_vec();
        out.extend_from_slice(inner);
        Part(out)
    }
}

/// A mail being written.
pub struct Letter {
    id: String,
    from: Person,
    to: String,
    subject: String,
    subject_charset: &'static str,
    message_id: String,
    received: i64,
    fields: Vec<String>,
}

impl Letter {
    /// Begins a mail from a person to the help desk; `id` makes its Message-ID unique.
    pub fn new(id: impl Into<String>, from: Person, subject: &str, received: i64) -> Letter {
        let id = id.into();
        let domain = from.address.split('@').nth(1).unwrap_or("yard.example");
        Letter {
            message_id: format!("{id}@{domain}"),
            id,
            from,
            to: "Help Desk <helpdesk@yard.example>".into(),
            subject: subject.into(),
            subject_charset: "UTF-8",
            received,
            fields: Vec::new(),
        }
    }

    /// Encodes the subject in another character set.
    pub fn subject_charset(mut self, charset: &'static str) -> Letter {
        self.subject_charset = charset;
        self
    }

    /// Another field, as it is.
    pub fn field(mut self, line: impl Into<String>) -> Letter {
        self.fields.push(line.into());
        self
    }

    /// Answers an earlier mail.
    pub fn in_reply_to(self, earlier: &Made) -> Letter {
        let id = &earlier.message_id;
        self.field(format!("In-Reply-To: <{id}>"))
            .field(format!("References: <{id}>"))
    }

    /// Finishes the mail with its content.
    pub fn with(self, content: Part) -> Made {
        let name = match self.from.name {
            "" => self.from.address.to_string(),
            name if name.is_ascii() => format!("\"{name}\" <{}>", self.from.address),
            _ => format!("{} <{}>", word(self.from.name, "UTF-8"), self.from.address),
        };
        let date = mail_date(self.received - 41);
        let domain = self
            .from
            .address
            .split('@')
            .nth(1)
            .unwrap_or("yard.example");
        let mut head = format!(
            "Return-Path: <{}>\r\n\
             Received: from mx.{domain} (mx.{domain} [192.0.2.25])\r\n\
             \tby mail.yard.example with ESMTPS for <helpdesk@yard.example>;\r\n\t{}\r\n\
             From: {name}\r\nTo: {}\r\nSubject: {}\r\nDate: {date}\r\n\
             Message-ID: <{}>\r\nX-Yard-Id: {}\r\nMIME-Version: 1.0\r\n",
            self.from.address,
            mail_date(self.received),
            self.to,
            word(&self.subject, self.subject_charset),
            self.message_id,
            self.id,
        )
        .into_bytes();
        for field in &self.fields {
            head.extend_from_slice(field.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(&content.0);
        Made {
            id: self.id,
            message_id: self.message_id,
            subject: self.subject,
            from: self.from.address.into(),
            octets: head,
            received: self.received,
            known: !self.from.id.is_empty(),
        }
    }
}

/// Text in a character set by its MIME name.
pub fn encode(charset: &str, text: &str) -> Vec<u8> {
    let encoding = Encoding::for_label(charset.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    encoding.encode(text).0.into_owned()
}

/// LF lines as CRLF lines.
pub fn crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    let mut last = 0;
    for &octet in octets {
        if octet == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        out.push(octet);
        last = octet;
    }
    out
}

/// Base64 in lines of 76 (RFC 2045 §6.8).
pub fn base64_lines(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() / 57 * 78 + 80);
    let mut line = [0; 76];
    for chunk in octets.chunks(57) {
        if let Ok(length) = STANDARD.encode_slice(chunk, &mut line) {
            out.extend_from_slice(&line[..length]);
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Quoted-printable of CRLF text (RFC 2045 §6.7).
fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() * 2);
    for line in octets.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut width = 0;
        for (at, &octet) in line.iter().enumerate() {
            let last = at + 1 == line.len();
            let plain = (33..=126).contains(&octet) && octet != b'=';
            let coded = if plain || (matches!(octet, b' ' | b'\t') && !last) {
                (octet as char).to_string()
            } else {
                format!("={octet:02X}")
            };
            if width + coded.len() > 75 {
                out.extend_from_slice(b"=\r\n");
                width = 0;
            }
            width += coded.len();
            out.extend_from_slice(coded.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    // split() sees an empty line behind the final line break.
    out.truncate(out.len() - 2);
    out
}

/// A phrase or subject as encoded words where needed (RFC 2047 §2), folded between them.
pub fn word(text: &str, charset: &str) -> String {
    if text.is_ascii() {
        return text.into();
    }
    // Stateful charsets must begin and end in ASCII within each word, so each piece is
    // encoded on its own, and pieces end between characters.
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunks(12)
        .map(|piece| {
            let piece: String = piece.iter().collect();
            format!(
                "=?{charset}?B?{}?=",
                STANDARD.encode(encode(charset, &piece))
            )
        })
        .collect::<Vec<_>>()
        .join("\r\n ")
}

/// A parameter, in RFC 2231 §4 form when it is not ASCII.
fn parameter(name: &str, value: &str) -> String {
    if value.is_ascii() {
        return format!("{name}=\"{value}\"");
    }
    let coded: String = value
        .bytes()
        .map(|b| match b.is_ascii_alphanumeric() || b"-._".contains(&b) {
            true => (b as char).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect();
    if coded.len() < 60 {
        return format!("{name}*=UTF-8''{coded}");
    }
    // Long names go in continuations (RFC 2231 §4.1), cut where no %XX is torn.
    let mut pieces = vec![String::new()];
    for unit in coded.split('%').enumerate() {
        let unit = if unit.0 == 0 {
            unit.1.to_string()
        } else {
            format!("%{}", unit.1)
        };
        match pieces.last_mut() {
            Some(last) if last.len() + unit.len() <= 54 => last.push_str(&unit),
            _ => pieces.push(unit),
        }
    }
    pieces
        .iter()
        .enumerate()
        .map(|(n, p)| format!("{name}*{n}*={}{p}", if n == 0 { "UTF-8''" } else { "" }))
        .collect::<Vec<_>>()
        .join(";\r\n\t")
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Year, month, day, hour, minute, second in UTC, by the usual civil calendar arithmetic.
fn civil(at: i64) -> (i64, usize, i64, i64, i64, i64) {
    let (days, rest) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (
        year,
        month as usize,
        doy - (153 * mp + 2) / 5 + 1,
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
    )
}

/// A Date field's value (RFC 5322 §3.3).
pub fn mail_date(at: i64) -> String {
    let (y, mo, d, h, mi, s) = civil(at);
    let day = DAYS[at.div_euclid(86_400).rem_euclid(7) as usize];
    format!(
        "{day}, {d:02} {} {y} {h:02}:{mi:02}:{s:02} +0000",
        MONTHS[mo - 1]
    )
}

/// An IMAP date-time (RFC 9051 §9).
pub fn imap_date(at: i64) -> String {
    let (y, mo, d, h, mi, s) = civil(at);
    format!("{d:02}-{}-{y} {h:02}:{mi:02}:{s:02} +0000", MONTHS[mo - 1])
}

/// RFC 3339, for people and JSON.
pub fn iso_date(at: i64) -> String {
    let (y, mo, d, h, mi, s) = civil(at);
    format!("{y}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(mail_date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(imap_date(1_709_210_096), "29-Feb-2024 12:34:56 +0000");
        assert_eq!(iso_date(1_767_225_600), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn quoted_printable_keeps_its_lines_short_and_its_end() {
        let coded = quoted_printable("ä".repeat(60).as_bytes());
        assert!(coded.split(|&b| b == b'\n').all(|l| l.len() <= 77));
        assert_eq!(quoted_printable(b"a =\r\nb \r\n"), b"a =3D\r\nb=20\r\n");
    }

    #[test]
    fn a_long_name_goes_in_numbered_pieces() {
        let coded = parameter("filename", "図面_第三版_最終_修正済み_確認用.pdf");
        assert!(coded.starts_with("filename*0*=UTF-8''"));
        assert!(coded.contains(";\r\n\tfilename*1*="));
    }
}
