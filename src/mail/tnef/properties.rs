//! Properties as they stand in an attribute (MS-OXTNEF §2.1.3.4): a count, then tag and value of each.
//!
//! A value that can't be stepped over ends the reading: what was read before it counts.

use std::ops::Range;

/// Properties of one attribute, and values of one property, that we step through.
const COUNT_MAX: usize = 4_000;

/// Octets of a name that are kept.
const NAME_MAX: usize = 1_000;

/// The texts of a message.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The plain text, and as it is where it isn't Unicode.
    pub(super) body: Option<String>,
    pub(super) narrow: Option<Vec<u8>>,
    pub(super) html: Option<Vec<u8>>,
    /// Compressed RTF.
    pub(super) rich: Option<Vec<u8>>,
    /// The code page of `html` and `narrow`.
    pub(super) page: Option<u32>,
}

/// What is told of a file.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) name: Option<String>,
    pub(super) narrow_name: Option<Vec<u8>>,
    pub(super) media: Option<String>,
    pub(super) content_id: Option<String>,
    /// Where the message stands that it is, among these octets.
    pub(super) object: Option<Range<usize>>,
}

pub(super) fn texts(octets: &[u8]) -> Texts {
    let mut texts = Texts::default();
    each(octets, |id, value| match (id, value) {
        (0x1000, Value::Text(text)) => {
            texts.body = Some(text).filter(|text| !text.trim().is_empty())
        }
        (0x1000, Value::Octets(_, octets)) => texts.narrow = Some(octets.to_vec()),
        (0x1013, Value::Octets(_, octets)) => texts.html = Some(octets.to_vec()),
        (0x1009, Value::Octets(_, octets)) => texts.rich = Some(octets.to_vec()),
        (0x3fde, Value::Number(page)) => texts.page = Some(page),
        _ => {}
    });
    texts
}

pub(super) fn names(octets: &[u8]) -> Names {
    let mut names = Names::default();
    // A longer name wins over the one of eight letters and three, and over what is shown.
    let (mut rank, mut method) = (0, 0);
    each(octets, |id, value| {
        let of = match id {
            0x3707 => 3,
            0x3704 => 2,
            0x3001 => 1,
            _ => 0,
        };
        match (id, value) {
            (_, Value::Text(text)) if of > rank => {
                rank = of;
                (names.name, names.narrow_name) = (Some(short(&text)), None);
            }
            (_, Value::Octets(_, octets)) if of > rank => {
                rank = of;
                let octets = octets.get(..NAME_MAX).unwrap_or(octets);
                (names.name, names.narrow_name) = (None, Some(octets.to_vec()));
            }
            (0x370e, value) => names.media = value.ascii().map(|media| media.to_ascii_lowercase()),
            (0x3712, value) => {
                names.content_id = value
                    .ascii()
                    .map(|id| id.trim_matches(['<', '>']).to_owned());
            }
            (0x3705, Value::Number(said)) => method = said,
            // Sixteen octets say what it is.
            (0x3701, Value::Octets(range, _)) if range.len() > 16 => {
                names.object = Some(range.start + 16..range.end);
            }
            _ => {}
        }
    });
    // 5: a message within.
    names.object = names.object.filter(|_| method == 5);
    names.media = names
        .media
        .filter(|media| media.contains('/') && !media.contains(|c: char| c.is_whitespace()));
    names
}

fn short(text: &str) -> String {
    crate::mail::words::cut(text, NAME_MAX).0.to_owned()
}

/// A property's value, where it is of a kind that says something here.
enum Value<'a> {
    Number(u32),
    Text(String),
    Octets(Range<usize>, &'a [u8]),
}

impl Value<'_> {
    /// A short value that is ASCII, however it is written.
    fn ascii(&self) -> Option<String> {
        let text = match self {
            Value::Text(text) => text.clone(),
            Value::Octets(_, octets) => String::from_utf8_lossy(octets).into_owned(),
            Value::Number(_) => return None,
        };
        let text = text.trim_end_matches('\0').trim();
        (!text.is_empty() && text.len() <= 255 && text.bytes().all(|o| o.is_ascii_graphic()))
            .then(|| text.to_owned())
    }
}

struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.octets.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn word(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// A value with its length, and what fills it up to whole words.
    fn sized(&mut self) -> Option<(Range<usize>, &'a [u8])> {
        let length = self.word()? as usize;
        let begin = self.at;
        let octets = self.take(length)?;
        // The last one may lack it.
        self.at = (self.at + (4 - length % 4) % 4).min(self.octets.len());
        Some((begin..begin + length, octets))
    }
}

/// Each property's id and value, as far as they can be read.
fn each<'a>(octets: &'a [u8], mut take: impl FnMut(u32, Value<'a>)) {
    let mut reader = Reader { octets, at: 0 };
    let count = reader.word().unwrap_or_default() as usize;
    for _ in 0..count.min(COUNT_MAX) {
        if one(&mut reader, &mut take).is_none() {
            return;
        }
    }
}

fn one<'a>(reader: &mut Reader<'a>, take: &mut impl FnMut(u32, Value<'a>)) -> Option<()> {
    let tag = reader.word()?;
    let (id, kind) = (tag >> 16, tag & 0xffff);
    if id >= 0x8000 {
        // A name instead of a number: a set, and a number or a text in it.
        reader.take(16)?;
        if reader.word()? == 0 {
            reader.word()?;
        } else {
            reader.sized()?;
        }
    }
    let many = kind & 0x1000 != 0;
    let kind = kind & !0x1000;
    let fixed = match kind {
        0x02 | 0x03 | 0x04 | 0x0a | 0x0b => Some(4),
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => Some(8),
        0x48 => Some(16),
        0x0d | 0x1e | 0x1f | 0x102 => None,
        _ => return None,
    };
    // Values without a length of their own have a count even where they are one.
    let count = if many || fixed.is_none() {
        reader.word()? as usize
    } else {
        1
    };
    for nth in 0..count.min(COUNT_MAX) {
        let value = match (fixed, kind) {
            (Some(4), _) => Value::Number(reader.word()?),
            (Some(size), _) => {
                reader.take(size)?;
                continue;
            }
            (None, 0x1f) => {
                let units = reader
                    .sized()?
                    .1
                    .chunks_exact(2)
                    .map(|two| u16::from_le_bytes([two[0], two[1]]));
                let text: String = char::decode_utf16(units)
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect();
                Value::Text(text.trim_end_matches('\0').to_owned())
            }
            (None, _) => {
                let (range, octets) = reader.sized()?;
                Value::Octets(range, octets)
            }
        };
        if nth == 0 && !many {
            take(id, value);
        }
    }
    (count <= COUNT_MAX).then_some(())
}
