//! Where the octets of one body go: into a text, into a digest, and into a file where there is room.

use super::{Content, Leaf, Unpacker};
use crate::mail::decode::{Decoder, Encoding};
use crate::mail::digest::{Digest, Digester};
use crate::mail::message::{Oddities, Oddity};

/// Octets decoded at a time: the scratch buffer's size.
const BLOCK: usize = 16 * 1024;

/// An attachment as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where its encoded octets begin in the message.
    pub start: u64,
    /// Decoded, all of them.
    pub octets: Vec<u8>,
}

/// A body under way.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) start: u64,
    pub(super) leaf: Leaf,
    /// Octets of its beginning that are still kept.
    pub(super) beginning: usize,
    decoder: Decoder,
    pub(super) digester: Digester,
    /// Reads what is packed in it.
    pub(super) unpacker: Option<Unpacker>,
    /// What was decoded of an attachment; none where that would be too much.
    pub(super) file: Option<Vec<u8>>,
    /// Octets that it may have.
    file_room: usize,
}

impl Sink {
    pub(super) fn new(leaf: Leaf, start: u64, file_room: usize) -> Sink {
        let is_file = matches!(leaf.content, Content::Passed(_));
        Sink {
            start,
            beginning: 0,
            decoder: Decoder::new(leaf.encoding),
            leaf,
            digester: Digester::default(),
            unpacker: None,
            file: (is_file && file_room > 0).then(Vec::new),
            file_room,
        }
    }

    /// Octets as they come; `room` is what a text may have.
    pub(super) fn pour(
        &mut self,
        octets: &[u8],
        scratch: &mut Vec<u8>,
        room: usize,
        odd: &mut Oddities,
    ) {
        if let Some(mut file) = self.file.take() {
            // Decoded nothing is longer than it was, but for what was held back.
            file.reserve(match self.leaf.encoding {
                Encoding::Base64 => octets.len() / 4 * 3 + 8,
                _ => octets.len(),
            });
            for block in octets.chunks(BLOCK) {
                let from = file.len();
                self.decoder.feed(block, &mut file);
                self.keep(file.get(from..).unwrap_or_default(), room, odd);
            }
            self.file = (file.len() <= self.file_room).then_some(file);
            return;
        }
        if self.leaf.encoding == Encoding::Identity {
            self.keep(octets, room, odd);
            return;
        }
        for block in octets.chunks(BLOCK) {
            scratch.clear();
            self.decoder.feed(block, scratch);
            self.keep(scratch, room, odd);
        }
    }

    /// The body is over: what was held back is content.
    pub(super) fn end(&mut self, scratch: &mut Vec<u8>, room: usize, odd: &mut Oddities) {
        scratch.clear();
        self.decoder.finish(scratch);
        self.keep(scratch, room, odd);
        if let Some(file) = &mut self.file {
            file.extend_from_slice(scratch);
        }
        let fits = |file: &Vec<u8>| file.len() <= self.file_room;
        self.file = self.file.take().filter(fits);
    }

    /// Whether anything was met that the encoding doesn't allow.
    pub(super) fn is_damaged(&self) -> bool {
        self.decoder.damaged()
    }

    /// Decoded octets: kept while they are a text of bearable length, else counted and hashed.
    fn keep(&mut self, octets: &[u8], room: usize, odd: &mut Oddities) {
        let begins = octets.get(..self.beginning).unwrap_or(octets);
        self.leaf.beginning.extend_from_slice(begins);
        self.beginning -= begins.len();
        if let Content::Text(text) = &mut self.leaf.content {
            if text.len() + octets.len() <= room {
                text.extend_from_slice(octets);
                return;
            }
            odd.note(Oddity::LongText);
            self.digester.update(text);
            self.leaf.content = Content::Passed(Digest::of(&[]));
        }
        if let Some(unpacker) = &mut self.unpacker {
            unpacker.feed(octets);
        }
        self.digester.update(octets);
    }
}
