//! An HTML body as its sender wrote it, with the pictures that it refers to put into it.
//!
//! Nothing is cleaned here: what such a body may do is fixed by the policy of its answer and by the
//! frame's sandbox. Pictures come as `data:` so that the policy can forbid every fetch, also from
//! this very address.

use crate::ask::decode;
use crate::contract::{Attachment, Message};
use base64::prelude::{Engine, BASE64_STANDARD};
use std::io;

/// So much of pictures goes into one page; what is over it is left out.
const PICTURES_MAX: u64 = 24 * 1024 * 1024;

/// In front of the sender's words: paper and a plain font, where they ask for nothing else.
const BEFORE: &str = "<!doctype html><style>:root{color-scheme:light;background:#fff}\
    body{font:15px/1.5 system-ui,sans-serif;color:#1c2024;margin:14px;overflow-wrap:anywhere}\
    img{max-width:100%;height:auto}\
    [data-postern=history]{border-left:3px solid #d0d4d8;padding-left:12px;color:#5c646c}</style>\n";

/// The page; nothing where the message has no HTML body.
pub fn page(
    message: &Message,
    content: impl Fn(&Attachment) -> io::Result<Vec<u8>>,
) -> io::Result<Option<String>> {
    let Some(html) = &message.html else {
        return Ok(None);
    };
    let mut room = PICTURES_MAX;
    let mut page = BEFORE.to_owned();
    let mut rest = html.as_str();
    while let Some(at) = find_link(rest) {
        let (before, link) = rest.split_at(at);
        page.push_str(before);
        let end = link.find(|c: char| "\"'<>()".contains(c) || c.is_whitespace());
        let (link, behind) = link.split_at(end.unwrap_or(link.len()));
        match picture(message, link).filter(|p| p.attachment.size <= room) {
            Some(picture) => {
                room -= picture.attachment.size;
                let octets = content(picture.attachment)?;
                page.push_str(&format!("data:{};base64,", picture.media_type));
                BASE64_STANDARD.encode_string(octets, &mut page);
            }
            None => page.push_str(link),
        }
        rest = behind;
    }
    page.push_str(rest);
    Ok(Some(page))
}

/// Where the next `cid:` stands (RFC 2392), in either case.
fn find_link(html: &str) -> Option<usize> {
    let octets = html.as_bytes();
    octets
        .windows(4)
        .position(|four| four.eq_ignore_ascii_case(b"cid:"))
}

struct Picture<'a> {
    attachment: &'a Attachment,
    media_type: &'static str,
}

/// The attachment that a link means, if it is a picture that browsers draw and nothing more.
fn picture<'a>(message: &'a Message, link: &str) -> Option<Picture<'a>> {
    let id = decode(link.get(4..)?);
    let attachment = message
        .attachments
        .iter()
        .find(|a| a.content_id.as_deref() == Some(id.as_str()))?;
    // From a list of ours, since it is written into the page.
    let media_type = ["image/png", "image/jpeg", "image/gif", "image/webp"]
        .into_iter()
        .find(|known| attachment.content_type.eq_ignore_ascii_case(known))?;
    Some(Picture {
        attachment,
        media_type,
    })
}

#[cfg(test)]
mod tests;
