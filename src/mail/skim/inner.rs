//! Parts that have others packed in them: read as they pass, while their own octets go on into a digest.
//!
//! What was signed as one object is skimmed like a message; a winmail.dat is read by its own reader. What lies
//! within these is not looked into once more.

use super::{Content, Field, Leaf, Limits, Skim, Skimmed};
use crate::mail::cms::{Cms, Kind};
use crate::mail::tnef::{Tnef, Winmail};
use crate::mail::{Digest, Encoding};

/// What a part has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inner {
    /// Signed content, which is a message's.
    Signed(Skimmed),
    /// Something for who has the key.
    Encrypted,
    /// What an Outlook packed for another.
    Winmail(Winmail),
}

/// How it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Cms,
    Tnef,
}

/// Parts of a message that are looked into.
pub(super) const PACKED_MAX: usize = 4;

impl Packing {
    /// How a part of that type and name is packed.
    pub(super) fn of(media: &str, content_type: &Field, disposition: &Field) -> Option<Packing> {
        match media {
            "application/ms-tnef" | "application/vnd.ms-tnef" => return Some(Packing::Tnef),
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => return Some(Packing::Cms),
            "application/octet-stream" => {}
            _ => return None,
        }
        let name = disposition
            .octets("filename")
            .or_else(|| content_type.octets("name"))?;
        match name.to_ascii_lowercase().as_slice() {
            b"winmail.dat" | b"win.dat" => Some(Packing::Tnef),
            b"smime.p7m" => Some(Packing::Cms),
            _ => None,
        }
    }
}

/// Reads what is packed.
#[derive(Debug)]
pub(super) enum Unpacker {
    Cms(Box<(Cms, Skim)>),
    Tnef(Box<Tnef>),
}

impl Unpacker {
    /// `texts`: octets that texts may have, all together.
    pub(super) fn new(packing: Packing, texts: usize) -> Unpacker {
        match packing {
            Packing::Tnef => Unpacker::Tnef(Box::new(Tnef::new())),
            Packing::Cms => {
                let mut skim = Skim::new(Limits {
                    parts: 200,
                    depth: 16,
                    texts,
                    ..Limits::default()
                });
                skim.packed_left = 0;
                Unpacker::Cms(Box::new((Cms::new(), skim)))
            }
        }
    }

    pub(super) fn feed(&mut self, octets: &[u8]) {
        match self {
            Unpacker::Tnef(tnef) => tnef.feed(octets),
            Unpacker::Cms(both) => {
                let (cms, skim) = &mut **both;
                cms.feed(octets, |content| skim.feed(content));
            }
        }
    }

    pub(super) fn finish(self) -> Option<Inner> {
        match self {
            Unpacker::Tnef(tnef) => Some(Inner::Winmail(tnef.finish())),
            Unpacker::Cms(both) => {
                let (cms, skim) = *both;
                match cms.kind {
                    Kind::Other => None,
                    Kind::Encrypted => Some(Inner::Encrypted),
                    Kind::Signed => Some(skim.finish())
                        .filter(|skimmed| skimmed.length > 0)
                        .map(Inner::Signed),
                }
            }
        }
    }
}

impl Inner {
    /// Octets of texts in it, and all that it holds on to.
    pub(super) fn weight(&self) -> usize {
        match self {
            Inner::Signed(skimmed) => skimmed.weight(),
            Inner::Encrypted => 0,
            Inner::Winmail(winmail) => {
                let texts = [&winmail.text, &winmail.html].into_iter().flatten();
                texts.map(String::capacity).sum()
            }
        }
    }
}

impl Leaf {
    /// A multipart's body where its boundary doesn't help.
    pub(super) fn text_of_multipart() -> Leaf {
        Leaf {
            media: "text/plain".to_owned(),
            typed: false,
            range: 0..0,
            encoding: Encoding::Identity,
            content: Content::Text(Vec::new()),
            beginning: Vec::new(),
            inner: None,
        }
    }

    /// What is handed on as it stands.
    pub(super) fn opaque() -> Leaf {
        Leaf {
            media: "application/octet-stream".to_owned(),
            content: Content::Passed(Digest::of(&[])),
            ..Leaf::text_of_multipart()
        }
    }
}
