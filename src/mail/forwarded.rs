//! Whose messages a message forwards: what its text says of them, or the messages that lie in it.
//!
//! | who | what stands over it | the block |
//! |---|---|---|
//! | Apple Mail | `Begin forwarded message:` | From, Subject, Date, To; quoted |
//! | Gmail | `---------- Forwarded message ---------` | From (in the reader's language), Date, Subject, To |
//! | Outlook | nothing, a line of `_`, or `-----Original Message-----` | From, Sent, To, Subject; bold |
//! | Outlook for Mac | nothing | `On WHEN, "NAME" <address> wrote:` or From, Date, To, Subject |
//! | Thunderbird | `-------- Forwarded Message --------` | Subject, Date, From, To |
//! | Yahoo | `----- Forwarded Message -----` | From, To, Sent, Subject; at times all in one line |
//! | web mailers | a rule of their own | any order |
//! | mutt, Horde | `----- Forwarded message from NAME <address> -----` | Date, From, To, Subject |
//!
//! A quoted answer looks the same as a forwarded message where nothing stands over the block. So such a
//! block counts only where the subject says that this message forwards another; a rule or a line that says so
//! counts by itself, but in what an answer quotes. What stands below is looked at too: a message that was
//! forwarded before.
//!
//! All of it is text that anybody can write. Whether it is believed is not asked here.

use serde::{Deserialize, Serialize};

use super::history;
use super::labels::{label, Label};
use super::message::{Address, Message};
use super::skim::{Kind, Limits, Skim, Skimmed};
use super::words;
use words::cut;

mod names;

use names::{OPENERS, RULES, RULES_FROM};

/// Lines and octets of a text that are looked at.
const LINES_MAX: usize = 4_000;
const TEXT_MAX: usize = 128 * 1024;
/// Messages in each other that are told.
const CHAIN_MAX: usize = 6;
/// Messages that lie in each other that are opened.
const DEPTH_MAX: u32 = 3;
/// Lines of a block.
const BLOCK_MAX: usize = 30;
/// Lines between what says that a message follows, and its block.
const GAP_MAX: usize = 4;
/// Octets of a line that may say so, and of a field's name.
const WORDS_MAX: usize = 300;
const NAME_MAX: usize = 40;
/// Octets of an address or a name that are kept.
const PERSON_MAX: usize = 320;

/// How a message was forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Its fields stand in the text.
    Block,
    /// It lies in this one as a part.
    Part,
}

/// A message that another one forwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarded {
    /// Who wrote it; the address is empty where only a name stands there.
    pub author: Address,
    /// How it was forwarded.
    pub how: How,
}

/// The messages that this one forwards, outermost first; `made` is the text of its HTML, and `depth` how many
/// messages it lies in itself.
pub(super) fn read(
    skimmed: &Skimmed,
    message: &Message,
    made: Option<&str>,
    depth: u32,
) -> Vec<Forwarded> {
    let subject = message.subject.as_deref().unwrap_or_default();
    let mut marked = history::forwards(subject);
    if marked && lower(subject).starts_with("vs:") {
        // In Norway and Denmark that is a message that is handed on, in Finland an answer.
        let finnish = |line: &str| bare(line).starts_with("Lähettäjä");
        let text = message.text.as_deref().unwrap_or_default();
        marked = !text.lines().take(LINES_MAX).any(finnish);
    }
    let mut chain = part(skimmed, subject, marked, depth);
    for text in [message.text.as_deref(), made.filter(|_| marked)] {
        if chain.is_empty() {
            chain = text.map(|text| blocks(text, marked)).unwrap_or_default();
        }
    }
    chain.truncate(CHAIN_MAX);
    chain
}

/// What the beginning of a message that lies in another one says.
pub(super) fn header(beginning: &[u8]) -> Message {
    inner(beginning, DEPTH_MAX)
}

fn inner(beginning: &[u8], depth: u32) -> Message {
    let mut skim = Skim::new(Limits::default());
    skim.feed(beginning);
    super::understand::within(&skim.finish(), depth)
}

/// The one message that lies in this one, and what that forwards. With several, or where neither subject nor
/// text say what it is for, nothing can be told: it may be there to be looked at.
fn part(skimmed: &Skimmed, subject: &str, marked: bool, depth: u32) -> Vec<Forwarded> {
    if depth >= DEPTH_MAX {
        return Vec::new();
    }
    let mut inside = skimmed.parts.iter().filter_map(|part| match &part.kind {
        Kind::Leaf(leaf) if matches!(leaf.media.as_str(), "message/rfc822" | "message/global") => {
            Some(leaf)
        }
        _ => None,
    });
    let (Some(leaf), None) = (inside.next(), inside.next()) else {
        return Vec::new();
    };
    let message = inner(&leaf.beginning, depth + 1);
    let same = message
        .subject
        .as_deref()
        .is_some_and(|inner| inner.trim() == subject.trim());
    let Some(author) = message
        .author()
        .filter(|_| marked || same || subject.trim().is_empty())
    else {
        return Vec::new();
    };
    let mut chain = vec![Forwarded {
        author: author.clone(),
        how: How::Part,
    }];
    chain.extend(message.forwarded);
    chain
}

/// The forwarded messages whose fields stand in a text.
fn blocks(text: &str, marked: bool) -> Vec<Forwarded> {
    let text = cut(text, TEXT_MAX).0;
    // Nothing counts but below words that say so: most mail has none.
    let says_so = |line: &str| could_open(line) && opener(bare(line)).is_some();
    if !marked && !text.lines().take(LINES_MAX).any(says_so) {
        return Vec::new();
    }
    let whole: Vec<&str> = text.lines().take(LINES_MAX).collect();
    let lines: Vec<&str> = whole.iter().map(|line| bare(line)).collect();
    let mut chain = Vec::new();
    // Behind the last line that said that a message follows.
    let mut said: Option<usize> = None;
    let mut at = 0;
    while at < lines.len() && chain.len() < CHAIN_MAX {
        let line = lines.get(at).copied().unwrap_or_default();
        let near = said.is_some_and(|said| at - said <= GAP_MAX);
        if !marked && chain.is_empty() && said.is_none() && answers(line) {
            // What is answered was the other's to write: words in it are nobody's here.
            break;
        }
        let quoted = whole
            .get(at)
            .is_some_and(|line| line.trim_start().starts_with('>'));
        let believed = marked || !quoted || !chain.is_empty();
        if let Some(opener) = opener(line).filter(|_| believed) {
            said = Some(at + 1);
            if let Some(author) = opener {
                chain.push(block_of(author));
                said = None;
            }
            at += 1;
            continue;
        }
        if let Some(block) = Block::read(&lines, at) {
            // Below one that is forwarded all others are its own.
            let counts = block.counts(near, marked || !chain.is_empty());
            if let (true, Some(author)) = (counts, block.author) {
                // Below a rule that named the author the block says the same once more.
                let again = |last: &Forwarded| last.author.folded() == author.folded();
                if !chain.last().is_some_and(again) {
                    chain.push(block_of(author));
                }
                said = None;
            }
            if chain.is_empty() && block.subject && block.others > 0 {
                // An answer's block, as the Outlooks write it.
                break;
            }
            at = block.ends.max(at + 1);
            continue;
        }
        if chain.is_empty() && (near || marked) {
            if let Some(author) = attribution(&lines, at) {
                chain.push(block_of(author));
                said = None;
            }
        }
        if near && line.is_empty() {
            // An empty line is none between the two.
            said = said.map(|said| said + 1);
        }
        at += 1;
    }
    chain
}

fn block_of(author: Address) -> Forwarded {
    Forwarded {
        author,
        how: How::Block,
    }
}

/// A line without the marks of what is quoted or bold, and without what nobody sees.
fn bare(line: &str) -> &str {
    let marks = |c: char| {
        matches!(
            c,
            ' ' | '\t'
                | '*'
                | '|'
                | '\r'
                | '\u{a0}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{202f}'
                | '\u{feff}'
        )
    };
    line.trim_start_matches(|c| c == '>' || marks(c))
        .trim_end_matches(marks)
}

/// Whether a line may say that a forwarded message follows, by its ends as they are: what begins with a letter
/// and ends without a colon is told from that at a glance.
fn could_open(line: &str) -> bool {
    let line = line.as_bytes();
    let unmarked = |octet: &&u8| !matches!(octet, b' ' | b'\t' | b'*' | b'|' | b'\r' | b'>');
    let first = line.iter().find(unmarked).copied().unwrap_or(b'a');
    let last = line.iter().rev().find(unmarked).copied().unwrap_or(b'a');
    !first.is_ascii_alphanumeric() || !last.is_ascii() || last == b':'
}

/// Whether a line says that a forwarded message follows, and who wrote that where it says so itself.
fn opener(line: &str) -> Option<Option<Address>> {
    // By its ends most lines are none.
    let hyphens = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '=' | '_' | '~');
    if line.len() > WORDS_MAX || !line.starts_with(hyphens) && !line.ends_with([':', '\u{ff1a}']) {
        return None;
    }
    if let Some(words) = line.strip_suffix([':', '\u{ff1a}']) {
        let words = lower(words.trim_end_matches([' ', '\u{a0}', '\u{202f}']));
        return OPENERS.contains(&words.as_str()).then_some(None);
    }
    let inside = line.trim_start_matches(hyphens);
    if line.len() - inside.len() < 2 {
        return None;
    }
    let inside = inside.trim_start();
    let lower = lower(inside);
    if let Some(words) = RULES_FROM.iter().find(|words| lower.starts_with(**words)) {
        let rest = inside.get(words.len()..).unwrap_or_default();
        return Some(person(rest.trim_end_matches(hyphens)));
    }
    // Up to the hyphens behind them: some write the first field into the same line.
    let end = lower
        .match_indices([' ', '-', '\u{2014}', '/'])
        .map(|(at, _)| at)
        .chain([lower.len()])
        .find(|end| {
            let words = lower.get(..*end).unwrap_or_default().trim_end();
            RULES.contains(&words)
        })?;
    let rest = inside.get(end..).unwrap_or_default();
    let rest = rest.trim_start_matches(|c: char| hyphens(c) || c == ' ');
    let author = field(rest).filter(|(label, _)| *label == Label::From);
    Some(author.and_then(|(_, value)| person(value)))
}

/// Lower case, in which the Turkish capital I with a dot is an i.
fn lower(text: &str) -> String {
    text.to_lowercase().replace('\u{307}', "")
}

/// The field that a line holds, and its value.
fn field(line: &str) -> Option<(Label, &str)> {
    let colon = line
        .char_indices()
        .take_while(|(at, _)| *at <= NAME_MAX)
        .find(|(_, c)| matches!(c, ':' | '\u{ff1a}'))?;
    let (name, value) = (
        line.get(..colon.0)?,
        line.get(colon.0 + colon.1.len_utf8()..)?,
    );
    let name = name.trim_end_matches(['*', ' ', '\t', '\u{a0}', '\u{202f}', '_']);
    let label = label(&lower(name))?;
    // A table's cells have bars between them.
    let value = value.trim_matches(['*', '|', ' ', '\t', '\u{a0}', '\u{202f}', '_']);
    Some((label, value))
}

/// The fields that say of a message what it was.
struct Block {
    author: Option<Address>,
    subject: bool,
    others: usize,
    /// Behind its last line.
    ends: usize,
}

impl Block {
    /// The block that begins at this line.
    fn read(lines: &[&str], begins: usize) -> Option<Block> {
        let line = |at: usize| lines.get(at).copied().unwrap_or_default();
        field(line(begins))?;
        let mut block = Block {
            author: None,
            subject: false,
            others: 0,
            ends: begins,
        };
        let mut seen: Vec<Label> = Vec::new();
        let mut at = begins;
        let mut last = None;
        while at < (begins + BLOCK_MAX).min(lines.len()) {
            let Some((label, value)) = field(line(at)) else {
                // Lists and long subjects go on in the next lines; one empty line between two fields is
                // a client's own.
                let more = |at: usize| field(line(at)).is_some_and(|(l, _)| !seen.contains(&l));
                let full = |at: usize| !line(at).is_empty();
                let goes_on = match full(at) {
                    false => more(at + 1),
                    true => {
                        let listed = matches!(last, Some(Label::To | Label::Cc));
                        (listed && line(at).contains('@'))
                            || more(at + 1)
                            || (full(at + 1) && more(at + 2))
                    }
                };
                if !goes_on {
                    break;
                }
                at += 1;
                continue;
            };
            if seen.contains(&label) {
                break;
            }
            seen.push(label);
            last = Some(label);
            at += 1;
            block.ends = at;
            match label {
                Label::From => {
                    let next = line(at);
                    // What is too long for a line, and what stands below its name.
                    let wraps = value.is_empty() || (!value.contains('@') && field(next).is_none());
                    let joined;
                    let whole = match wraps && next.contains('@') && field(next).is_none() {
                        true => {
                            at += 1;
                            block.ends = at;
                            joined = format!("{value} {next}");
                            joined.as_str()
                        }
                        false => value,
                    };
                    block.author = person(whole);
                }
                Label::Subject => block.subject = true,
                Label::ReplyTo => {}
                Label::To | Label::Cc | Label::Date => block.others += 1,
            }
        }
        block.author.is_some().then_some(block)
    }

    /// Whether it is that of a forwarded message: `said` is that something stood over it that says so,
    /// `marked` that the subject does.
    fn counts(&self, said: bool, marked: bool) -> bool {
        match said {
            true => self.subject || self.others > 0,
            false => marked && self.subject && self.others > 0,
        }
    }
}

/// Whether a line says who wrote when, over what is answered.
fn answers(line: &str) -> bool {
    let dated = || line.bytes().any(|octet| octet.is_ascii_digit());
    line.len() <= WORDS_MAX && line.ends_with(':') && dated() && history::says_who_wrote(line)
}

/// The author in a line that says who wrote when, which may take three.
fn attribution(lines: &[&str], at: usize) -> Option<Address> {
    let mut said = String::new();
    for line in lines.get(at..)?.iter().take(3) {
        if line.is_empty() || said.len() + line.len() > WORDS_MAX {
            return None;
        }
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(line);
        let Some(whole) = said.strip_suffix([':', '\u{ff1a}']) else {
            continue;
        };
        let dated = whole.bytes().any(|octet| octet.is_ascii_digit());
        let around = whole.find(['<', '[']).zip(whole.rfind(['>', ']']));
        let name = around
            .filter(|_| dated && whole.contains('@'))
            .map(|(from, to)| {
                let before = whole.get(..from).unwrap_or_default();
                // The words and the date are in front of a name in quotes.
                let name = before
                    .rsplit(['"', '„', '“', '”', '«', '»', ','])
                    .map(str::trim);
                let name = name.filter(|name| !name.is_empty()).take(1).next();
                let address = whole.get(from..=to).unwrap_or_default();
                let quoted = before.trim_end().ends_with(['"', '”', '“', '»']);
                (name.filter(|_| quoted), address)
            });
        let (name, address) = name?;
        let mut author = person(address).filter(|author| !author.address.is_empty())?;
        author.name = author.name.or_else(|| name.map(str::to_owned));
        return Some(author);
    }
    None
}

/// Who a field names first: `NAME <address>`, `NAME [mailto:address]`, `address`, or a name alone.
fn person(value: &str) -> Option<Address> {
    let value = cut(value.trim(), 2_000).0;
    let around = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '<' | '>'
                    | '['
                    | ']'
                    | '('
                    | ')'
                    | '"'
                    | '\''
                    | ','
                    | ';'
                    | ':'
                    | '\u{ab}'
                    | '\u{bb}'
            )
    };
    let found = value.match_indices('@').find_map(|(at, _)| {
        let start = value.get(..at)?.rfind(around).map_or(0, |start| {
            start
                + value
                    .get(start..)
                    .and_then(|s| s.chars().next())
                    .map_or(1, char::len_utf8)
        });
        let end = value
            .get(at..)?
            .find(around)
            .map_or(value.len(), |end| at + end);
        let address = value.get(start..end)?.trim_end_matches('.');
        let (local, domain) = address.rsplit_once('@')?;
        let proper = !local.is_empty() && domain.contains('.') && !domain.starts_with('.');
        (proper && address.len() <= PERSON_MAX).then_some((start, address))
    });
    let (name, address) = match found {
        Some((start, address)) => (value.get(..start)?, address),
        None => (value, ""),
    };
    let name = name.trim_end_matches("mailto:");
    let name = name.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '[' | '(' | '"' | '\'' | '*' | ',' | '\u{200e}')
    });
    let name = cut(name, PERSON_MAX).0.trim_end();
    let named = !name.is_empty() && name != address && name.chars().any(char::is_alphabetic);
    if address.is_empty() && !named {
        return None;
    }
    Some(Address {
        name: named.then(|| name.to_owned()),
        address: address.to_owned(),
    })
}

#[cfg(test)]
mod tests;
