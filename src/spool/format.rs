//! How the octets of a segment are laid out: encode and recognise, nothing else.
//!
//! The picture is at the top of `spool/mod.rs`. All numbers are little-endian. Pure: knows no file.

use super::Position;

/// Version of the layout that this code writes.
pub(super) const VERSION: u32 = 1;
/// Octets of the block that opens each segment; the first record or slice begins behind it.
pub(super) const HEAD: u64 = 4096;
/// Octets of a segment's header.
pub(super) const HEADER: usize = 80;
/// Where the header's second copy stands: another sector, so that one bad sector is survived.
pub(super) const COPY: usize = 512;
/// Where the copy of a large segment's end record stands in the opening block.
pub(super) const END_COPY: u64 = 1024;
/// Octets of a record's header, key and header check included.
pub(super) const FRAME: usize = 52;
/// Records begin at multiples of this.
pub(super) const STEP: u64 = 8;
/// Octets of a large segment's slice on the disk.
pub(super) const SLICE: u64 = 65_536;
/// Octets of the message in a slice.
pub(super) const SLICE_PAYLOAD: u64 = SLICE - SLICE_TRAILER;
/// Octets behind a slice: its length and its check.
pub(super) const SLICE_TRAILER: u64 = 8;
/// Octets of a large segment's end record.
pub(super) const END: usize = 56;

const MAGIC: &[u8; 8] = b"pstn seg";
const END_MAGIC: &[u8; 8] = b"pstn end";
const RECORD_MAGIC: [u8; 2] = [0xB7, 0x52];

fn take<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    take(octets, at).map(u32::from_le_bytes)
}

fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    take(octets, at).map(u64::from_le_bytes)
}

/// The starting values of a segment's checks: its number and salt, folded in. Headers and payloads
/// each take one half of the salt, so that a guess at one tells nothing of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seals {
    head: u32,
    body: u32,
}

impl Seals {
    /// The seals of segment `number` with `salt`.
    pub(super) fn new(number: u64, salt: &[u8; 16]) -> Self {
        let (first, second) = salt.split_at(8);
        let number = number.to_le_bytes();
        Self {
            head: crc32c::crc32c_append(crc32c::crc32c(first), &number),
            body: crc32c::crc32c_append(crc32c::crc32c(second), &number),
        }
    }

    /// The check of a header that stands at `at`. The offset is folded in too: octets copied to
    /// another place of the same segment (a mail that carries a dump of it) do not pass.
    pub(super) fn head(&self, at: u64, octets: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.head, &at.to_le_bytes()), octets)
    }

    /// The beginning of the check of a payload that stands at `at`; go on with `crc32c_append`.
    pub(super) fn body(&self, at: u64) -> u32 {
        crc32c::crc32c_append(self.body, &at.to_le_bytes())
    }
}

/// What a segment's opening block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) number: u64,
    pub(super) salt: [u8; 16],
    /// Which journal this is: drawn when the first segment of a folder is made.
    pub(super) life: [u8; 8],
    /// Where the ordinary segment before this one ended, durably; offset 0 when that isn't known.
    pub(super) before: Position,
    pub(super) large: bool,
}

/// What was found where a segment's header should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A header whose check holds.
    Sound(SegmentHeader),
    /// Written by newer code, of this version.
    Newer(u32),
    /// All zeros or shorter: never written.
    Blank,
    /// Neither copy's check holds.
    Damaged,
}

impl SegmentHeader {
    fn encode_one(&self) -> [u8; HEADER] {
        let mut octets = Vec::with_capacity(HEADER);
        octets.extend_from_slice(MAGIC);
        octets.extend_from_slice(&VERSION.to_le_bytes());
        let check = crc32c::crc32c(&octets);
        octets.extend_from_slice(&check.to_le_bytes());
        octets.extend_from_slice(&self.number.to_le_bytes());
        octets.extend_from_slice(&self.salt);
        octets.extend_from_slice(&self.life);
        octets.extend_from_slice(&self.before.segment.to_le_bytes());
        octets.extend_from_slice(&self.before.offset.to_le_bytes());
        octets.push(u8::from(self.large));
        octets.resize(HEADER - 4, 0);
        let check = crc32c::crc32c(&octets);
        octets.extend_from_slice(&check.to_le_bytes());
        let mut header = [0; HEADER];
        header.copy_from_slice(&octets);
        header
    }

    /// The opening block: the header twice, the rest zeros.
    pub(super) fn encode(&self) -> Vec<u8> {
        let one = self.encode_one();
        let mut block = one.to_vec();
        block.resize(COPY, 0);
        block.extend_from_slice(&one);
        block.resize(HEAD as usize, 0);
        block
    }

    fn parse(octets: &[u8]) -> Opening {
        let found = || -> Option<Opening> {
            if take::<8>(octets, 0)? != *MAGIC
                || crc32c::crc32c(octets.get(..12)?) != u32_at(octets, 12)?
            {
                return None;
            }
            // These sixteen octets keep their shape in every version, so that the sentence about a
            // newer one can always be said.
            let version = u32_at(octets, 8)?;
            if version > VERSION {
                return Some(Opening::Newer(version));
            }
            if crc32c::crc32c(octets.get(..HEADER - 4)?) != u32_at(octets, HEADER - 4)? {
                return None;
            }
            Some(Opening::Sound(SegmentHeader {
                number: u64_at(octets, 16)?,
                salt: take(octets, 24)?,
                life: take(octets, 40)?,
                before: Position {
                    segment: u64_at(octets, 48)?,
                    offset: u64_at(octets, 56)?,
                },
                large: take::<1>(octets, 64)? == [1],
            }))
        };
        found().unwrap_or(Opening::Damaged)
    }

    /// Reads an opening block; the second copy serves where the first is damaged.
    pub(super) fn decode(block: &[u8]) -> Opening {
        match Self::parse(block) {
            Opening::Damaged => {}
            told => return told,
        }
        match Self::parse(block.get(COPY..).unwrap_or_default()) {
            Opening::Damaged if block.iter().all(|octet| *octet == 0) => Opening::Blank,
            told => told,
        }
    }
}

/// A record's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    /// Octets of the payload.
    pub(super) length: u32,
    /// The how-manieth record of its segment this is, from 0.
    pub(super) sequence: u32,
    /// Up to which offset of its segment everything was durable when this record was appended.
    pub(super) synced: u32,
    pub(super) key: [u8; 32],
}

impl Frame {
    /// The header's octets, for a record that stands at `at`.
    pub(super) fn encode(&self, seals: &Seals, at: u64) -> [u8; FRAME] {
        let mut octets = [0; FRAME];
        let (told, check) = octets.split_at_mut(FRAME - 4);
        let parts: [&[u8]; 6] = [
            &RECORD_MAGIC,
            &[self.kind, 0],
            &self.length.to_le_bytes(),
            &self.sequence.to_le_bytes(),
            &self.synced.to_le_bytes(),
            &self.key,
        ];
        let mut rest = &mut *told;
        for part in parts {
            let (here, behind) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = behind;
        }
        check.copy_from_slice(&seals.head(at, told).to_le_bytes());
        octets
    }

    /// The header that stands at `at`, if these octets are one.
    pub(super) fn decode(seals: &Seals, at: u64, octets: &[u8]) -> Option<Self> {
        if octets.first_chunk::<2>()? != &RECORD_MAGIC {
            return None;
        }
        let told = octets.get(..FRAME - 4)?;
        if seals.head(at, told) != u32_at(octets, FRAME - 4)? {
            return None;
        }
        Some(Self {
            kind: take::<1>(octets, 2)?[0],
            length: u32_at(octets, 4)?,
            sequence: u32_at(octets, 8)?,
            synced: u32_at(octets, 12)?,
            key: take(octets, 16)?,
        })
    }
}

/// Octets that a record with a payload of `length` takes, padding included.
pub(super) fn span(length: u64) -> u64 {
    (FRAME as u64 + 4)
        .saturating_add(length)
        .checked_next_multiple_of(STEP)
        .unwrap_or(u64::MAX)
}

/// The end record of a large segment, for the place `at`.
pub(super) fn encode_end(seals: &Seals, at: u64, total: u64, key: &[u8; 32]) -> Vec<u8> {
    let mut octets = END_MAGIC.to_vec();
    octets.extend_from_slice(&total.to_le_bytes());
    octets.extend_from_slice(key);
    octets.resize(END - 4, 0);
    let check = seals.head(at, &octets);
    octets.extend_from_slice(&check.to_le_bytes());
    octets
}

/// Total and key, if `octets` are a large segment's end record that belongs at `at`.
pub(super) fn decode_end(seals: &Seals, at: u64, octets: &[u8]) -> Option<(u64, [u8; 32])> {
    if take::<8>(octets, 0)? != *END_MAGIC
        || seals.head(at, octets.get(..END - 4)?) != u32_at(octets, END - 4)?
    {
        return None;
    }
    Some((u64_at(octets, 8)?, take(octets, 16)?))
}

/// What stands behind a slice at `at`: its length and its check, which covers both.
pub(super) fn slice_trailer(seals: &Seals, at: u64, octets: &[u8]) -> [u8; 8] {
    let length = (octets.len() as u32).to_le_bytes();
    let check = crc32c::crc32c_append(crc32c::crc32c_append(seals.body(at), octets), &length);
    (u64::from(u32::from_le_bytes(length)) | u64::from(check) << 32).to_le_bytes()
}

/// Octets of a large segment that holds a message of `total`, its end record included.
pub(super) fn large_octets(total: u64) -> u64 {
    let slices = total.div_ceil(SLICE_PAYLOAD);
    HEAD.saturating_add(total)
        .saturating_add(slices.saturating_mul(SLICE_TRAILER))
        .saturating_add(END as u64)
}

#[cfg(test)]
mod tests;
