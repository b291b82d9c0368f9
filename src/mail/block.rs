//! Blocks of fields that stand in a body: what a report tells in (RFC 3464 §2.1), and the beginning of
//! a message inside the message.
//!
//! Read leniently, as the programs write them that nobody tested: a line that is no field is stepped
//! over, white space before the first field is no continuation. Bounded by what `skim` keeps.

use super::message::Oddities;
use super::words;

/// Blocks of one part that we read.
const BLOCKS_MAX: usize = 200;

/// Fields of one block that we read.
const FIELDS_MAX: usize = 200;

/// Fields that stand together: each one's name in lower case, and its value as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block(Vec<(String, Vec<u8>)>);

impl Block {
    /// The text of the first field of that name (in lower case), where it says anything.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        // What is odd in there is another message's affair.
        let text = words::text(self.octets(name)?, &mut Oddities::default());
        Some(text).filter(|text| !text.is_empty())
    }

    /// The value of the first field of that name (in lower case), unfolded.
    pub(crate) fn octets(&self, name: &str) -> Option<&[u8]> {
        let field = self.0.iter().find(|(known, _)| known == name)?;
        Some(field.1.as_slice())
    }
}

/// The blocks of a text, parted by blank lines.
pub(crate) fn blocks(octets: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    for line in octets.split(|octet| *octet == b'\n') {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            if !block.0.is_empty() {
                blocks.push(std::mem::take(&mut block));
            }
            if blocks.len() >= BLOCKS_MAX {
                return blocks;
            }
            continue;
        }
        let folded = line.first().is_some_and(u8::is_ascii_whitespace);
        let room = block.0.len() < FIELDS_MAX;
        match block.0.last_mut() {
            Some((_, value)) if folded => value.extend_from_slice(line),
            _ if room => block.0.extend(field(line)),
            _ => {}
        }
    }
    if !block.0.is_empty() {
        blocks.push(block);
    }
    blocks
}

/// A field of one line.
fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, rest) = line.split_at(colon);
    let name = name.trim_ascii();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let value = rest.get(1..).unwrap_or_default().trim_ascii_start();
    Some((name, value.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_parted_by_blank_lines_and_folded_lines_joined() {
        let read = blocks(
            b"\r\nReporting-MTA: dns;a.example\r\n\r\n \r\nFinal-Recipient: rfc822;\r\n\tb@c.example\r\n\
              nonsense\r\nACTION :  failed\r\n",
        );
        assert_eq!(read.len(), 2);
        assert_eq!(
            read[0].text("reporting-mta").as_deref(),
            Some("dns;a.example")
        );
        assert_eq!(
            read[1].text("final-recipient").as_deref(),
            Some("rfc822;\tb@c.example")
        );
        assert_eq!(read[1].text("action").as_deref(), Some("failed"));
        assert_eq!(read[1].text("status"), None);
    }

    #[test]
    fn no_more_is_read_than_is_bearable() {
        let many = b"a: b\n\n".repeat(10_000);
        assert_eq!(blocks(&many).len(), BLOCKS_MAX);
        let wide = b"a: b\n".repeat(10_000);
        assert_eq!(blocks(&wide)[0].0.len(), FIELDS_MAX);
    }
}
