//! winmail.dat: what an Outlook makes of a mail that it takes for another Outlook's (MS-OXTNEF), as a stream.
//!
//!   78 9f 3e 22 | key u16 | attribute | attribute | ...
//!   attribute   | level u8 | id u32 | length u32 | value | sum u16 |      all little-endian
//!
//! A value that is attached passes through a digest, and its range stays, so that it can be sent from where it
//! lies. Of the others those that say something are kept, up to a bound. Sums are not looked at: what is damaged
//! shows in the structure. A message within is a file of this form itself, and handed on as one.
//! Not read: who it is from and to, which the mail says itself, and what a program keeps for itself.

use super::charset;
use super::digest::{Digest, Digester};
use super::message::Oddities;
use std::ops::Range;

mod properties;
mod rtf;

/// Files that are taken out.
const FILES_MAX: usize = 100;

/// Octets of an attribute that holds texts, and of one that names a file, which may hold a message.
const TEXTS_MAX: usize = 1024 * 1024;
const NAMES_MAX: usize = 256 * 1024;

/// Octets of a short one.
const SHORT_MAX: usize = 4 * 1024;

const SIGNATURE: [u8; 4] = [0x78, 0x9f, 0x3e, 0x22];

/// Attributes that say something (MS-OXTNEF §2.1.3.2).
const SUBJECT: u32 = 0x0001_8004;
const BODY: u32 = 0x0002_800c;
const PROPERTIES: u32 = 0x0006_9003;
const CODE_PAGE: u32 = 0x0006_9007;
const FILE_BEGINS: u32 = 0x0006_9002;
const FILE_NAME: u32 = 0x0001_8010;
const FILE_OCTETS: u32 = 0x0006_800f;
const FILE_PROPERTIES: u32 = 0x0006_9005;

/// A file that lies within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) name: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) content_id: Option<String>,
    /// Where it lies, in the part as decoded.
    pub(crate) range: Range<u64>,
    pub(crate) digest: Digest,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Winmail {
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) files: Vec<Packed>,
    /// Something in it was left there.
    pub(crate) left: bool,
}

/// Reads one.
#[derive(Debug)]
pub(crate) struct Tnef {
    /// Octets that went by.
    at: u64,
    /// The head of the file, or of an attribute, as far as it is read.
    head: Vec<u8>,
    head_length: usize,
    /// The value under way: its attribute, what is left of it, and what is kept.
    id: u32,
    left: u64,
    kept: Vec<u8>,
    room: usize,
    begin: u64,
    digester: Option<Digester>,
    over: bool,
    /// What was found.
    page: Option<u32>,
    body: Vec<u8>,
    properties: properties::Texts,
    files: Vec<File>,
    damaged: bool,
    cut: bool,
    /// There were too many files: the one under way is left where it is.
    passing: bool,
}

/// A file as it is told of.
#[derive(Debug, Default)]
struct File {
    short_name: Vec<u8>,
    names: properties::Names,
    octets: Option<(Range<u64>, Digest)>,
}

/// Octets of the file's head, and of an attribute's.
const FILE_HEAD: usize = 6;
const HEAD: usize = 9;

impl Tnef {
    pub(crate) fn new() -> Tnef {
        Tnef {
            at: 0,
            head: Vec::with_capacity(HEAD),
            head_length: FILE_HEAD,
            id: 0,
            left: 0,
            kept: Vec::new(),
            room: 0,
            begin: 0,
            digester: None,
            over: false,
            page: None,
            body: Vec::new(),
            properties: properties::Texts::default(),
            files: Vec::new(),
            damaged: false,
            cut: false,
            passing: false,
        }
    }

    /// Take the next octets.
    pub(crate) fn feed(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() && !self.over {
            let wanted = match self.left {
                0 => self.head_length - self.head.len(),
                left => usize::try_from(left).unwrap_or(usize::MAX),
            };
            let (some, behind) = rest.split_at(wanted.min(rest.len()));
            rest = behind;
            self.at += some.len() as u64;
            if self.left == 0 {
                self.head.extend_from_slice(some);
                if self.head.len() == self.head_length {
                    self.begins();
                }
                continue;
            }
            self.left -= some.len() as u64;
            if let Some(digester) = &mut self.digester {
                digester.update(some);
            }
            let fits = self.room - self.kept.len().min(self.room);
            self.kept
                .extend_from_slice(some.get(..fits).unwrap_or(some));
            if self.left == 0 {
                self.ends();
            }
        }
    }

    /// A head is whole.
    fn begins(&mut self) {
        let head = std::mem::take(&mut self.head);
        if self.head_length == FILE_HEAD {
            self.over = !head.starts_with(&SIGNATURE);
            self.damaged |= self.over;
            self.head_length = HEAD;
            return;
        }
        // The sum of the value before stands in front, but for the first.
        let head = head.get(self.head_length - HEAD..).unwrap_or_default();
        let word = |at: usize| {
            head.get(at..at + 4)
                .and_then(|four| four.try_into().ok())
                .map(u32::from_le_bytes)
        };
        let (Some(level), Some(id), Some(length)) = (head.first(), word(1), word(5)) else {
            return;
        };
        self.head_length = HEAD + 2;
        if !matches!(level, 1 | 2) {
            (self.over, self.damaged) = (true, true);
            return;
        }
        self.id = id;
        self.left = u64::from(length);
        self.begin = self.at;
        self.digester = (id == FILE_OCTETS).then(Digester::default);
        self.room = match id {
            PROPERTIES | BODY => TEXTS_MAX,
            FILE_PROPERTIES => NAMES_MAX,
            SUBJECT | CODE_PAGE | FILE_NAME => SHORT_MAX,
            _ => 0,
        };
        self.cut |= self.room > 0 && self.left > self.room as u64;
        if self.left == 0 {
            self.ends();
        }
    }

    /// A value is over.
    fn ends(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        let full = self.files.len() >= FILES_MAX;
        // Of one that is left where it is nothing is another's.
        let file = self.files.last_mut().filter(|_| !self.passing);
        match self.id {
            CODE_PAGE => self.page = kept.first_chunk().map(|page| u32::from_le_bytes(*page)),
            BODY => self.body = kept,
            PROPERTIES => self.properties = properties::texts(&kept),
            FILE_BEGINS if !full => self.files.push(File::default()),
            FILE_BEGINS => (self.cut, self.passing) = (true, true),
            FILE_NAME => {
                if let Some(file) = file {
                    file.short_name = kept;
                }
            }
            FILE_OCTETS => {
                if let (Some(file), Some(digester)) = (file, self.digester.take()) {
                    file.octets = Some((self.begin..self.at, digester.finish()));
                }
            }
            FILE_PROPERTIES => {
                if let Some(file) = file {
                    file.names = properties::names(&kept);
                    // A message stands among the names.
                    if let Some(object) =
                        file.names.object.clone().filter(|_| file.octets.is_none())
                    {
                        let digest = kept.get(object.clone()).map(Digest::of);
                        let range =
                            self.begin + object.start as u64..self.begin + object.end as u64;
                        file.octets = digest.map(|digest| (range, digest));
                    }
                }
            }
            _ => {}
        }
    }

    /// The part is over.
    pub(crate) fn finish(self) -> Winmail {
        let page = self.properties.page.or(self.page);
        // The names of files are in the code page of the whole.
        let (label, names_label) = (label(page), label(self.page));
        let read = |label: &'static str, octets: &[u8]| {
            let end = octets
                .iter()
                .position(|octet| *octet == 0)
                .unwrap_or(octets.len());
            let octets = octets.get(..end).unwrap_or_default();
            let text = charset::decode(Some(label), octets, &mut Oddities::default());
            Some(text).filter(|text| !text.trim().is_empty())
        };
        let mut left = self.damaged || self.cut || self.left > 0;
        let html = self
            .properties
            .html
            .as_deref()
            .and_then(|html| read(label, html));
        let plain = self.properties.body.clone();
        let plain = plain.or_else(|| {
            read(
                label,
                self.properties.narrow.as_deref().unwrap_or(&self.body),
            )
        });
        let (mut text, mut html) = (plain, html);
        if html.is_none() && (text.is_none() || self.properties.rich.is_some()) {
            let rich = self.properties.rich.as_deref().and_then(rtf::decompress);
            match rich.and_then(|rich| rtf::read(&rich)) {
                Some(rtf::Read::Html(said)) => html = Some(said),
                Some(rtf::Read::Text(said)) => text = text.or(Some(said)),
                None => left |= self.properties.rich.is_some(),
            }
        }
        let mut files = Vec::new();
        for file in self.files {
            let Some((range, digest)) = file.octets else {
                left = true;
                continue;
            };
            let names = file.names;
            let name = names.name.or_else(|| {
                read(
                    names_label,
                    names.narrow_name.as_deref().unwrap_or(&file.short_name),
                )
            });
            let within = names.object.is_some();
            files.push(Packed {
                name: match within {
                    true => Some(format!("{}.tnef", name.as_deref().unwrap_or("message"))),
                    false => name,
                },
                content_type: match within {
                    true => Some("application/ms-tnef".to_owned()),
                    false => names.media,
                },
                content_id: names.content_id,
                range,
                digest,
            });
        }
        Winmail {
            text,
            html,
            files,
            left,
        }
    }
}

/// The name of a code page's character set.
fn label(page: Option<u32>) -> &'static str {
    match page {
        Some(874) => "windows-874",
        Some(932) => "shift_jis",
        Some(936) => "gbk",
        Some(949) => "euc-kr",
        Some(950) => "big5",
        Some(1250) => "windows-1250",
        Some(1251) => "windows-1251",
        Some(1253) => "windows-1253",
        Some(1254) => "windows-1254",
        Some(1255) => "windows-1255",
        Some(1256) => "windows-1256",
        Some(1257) => "windows-1257",
        Some(1258) => "windows-1258",
        Some(20866) => "koi8-r",
        Some(28592) => "iso-8859-2",
        Some(28605) => "iso-8859-15",
        Some(50220..=50222) => "iso-2022-jp",
        Some(65001) => "utf-8",
        _ => "windows-1252",
    }
}

#[cfg(test)]
mod tests;
