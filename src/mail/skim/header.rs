//! Header sections: lines become fields (RFC 5322 §2.2), folded ones are joined (§2.2.3).
//!
//! In the message's own header section a line that is no field is stepped over, because the
//! fields behind it matter more. In a part's section such a line is where the body begins: that
//! loses nothing.

use super::*;

/// The fields that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// Any of the fields by which autoresponders say that they are one.
    AutoReply,
    AutoSubmitted,
    AutoResponseSuppress,
    /// What a server found out about the sender (RFC 8601).
    AuthenticationResults,
    Cc,
    ContentDisposition,
    ContentId,
    ContentTransferEncoding,
    ContentType,
    Date,
    FailedRecipients,
    From,
    InReplyTo,
    /// Any other of the fields of mailing lists (RFC 2369).
    List,
    /// Which list (RFC 2919).
    ListId,
    /// Where it is written to (RFC 2369).
    ListPost,
    MessageId,
    /// The author, where a list put itself in that place.
    OriginalFrom,
    /// The author's address likewise.
    OriginalSender,
    Precedence,
    Received,
    References,
    ReplyTo,
    ReturnPath,
    Sender,
    Subject,
    To,
}

impl Name {
    const ALL: [(&'static str, Name); 44] = [
        ("from", Name::From),
        ("to", Name::To),
        ("subject", Name::Subject),
        ("date", Name::Date),
        ("message-id", Name::MessageId),
        ("content-type", Name::ContentType),
        ("content-transfer-encoding", Name::ContentTransferEncoding),
        ("content-disposition", Name::ContentDisposition),
        ("content-id", Name::ContentId),
        ("cc", Name::Cc),
        ("reply-to", Name::ReplyTo),
        ("sender", Name::Sender),
        ("in-reply-to", Name::InReplyTo),
        ("references", Name::References),
        ("return-path", Name::ReturnPath),
        ("auto-submitted", Name::AutoSubmitted),
        ("precedence", Name::Precedence),
        ("x-precedence", Name::Precedence),
        ("x-auto-response-suppress", Name::AutoResponseSuppress),
        ("x-failed-recipients", Name::FailedRecipients),
        ("received", Name::Received),
        ("authentication-results", Name::AuthenticationResults),
        ("x-original-from", Name::OriginalFrom),
        ("x-original-sender", Name::OriginalSender),
        ("list-id", Name::ListId),
        ("list-post", Name::ListPost),
        ("list-unsubscribe", Name::List),
        ("list-help", Name::List),
        ("list-owner", Name::List),
        ("mailing-list", Name::List),
        ("x-mailing-list", Name::List),
        ("x-autoreply", Name::AutoReply),
        ("x-auto-reply", Name::AutoReply),
        ("x-autoreply-from", Name::AutoReply),
        ("x-auto-reply-from", Name::AutoReply),
        ("x-autorespond", Name::AutoReply),
        ("x-autoresponder", Name::AutoReply),
        ("x-autoresponder-version", Name::AutoReply),
        ("x-mail-autoreply", Name::AutoReply),
        ("x-mail-autoresponder", Name::AutoReply),
        ("x-vacation", Name::AutoReply),
        ("x-posted-by-autoresponder", Name::AutoReply),
        ("x-out-of-office", Name::AutoReply),
        ("x-is-autoreply", Name::AutoReply),
    ];

    fn of(name: &[u8]) -> Option<Name> {
        Name::ALL
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
            .map(|(_, name)| *name)
    }

    /// Fields that servers put in front of a message.
    pub(crate) fn is_trace(self) -> bool {
        matches!(self, Name::Received | Name::AuthenticationResults)
    }

    /// Fields of parts; the others count in the message's own header section only.
    fn is_content(self) -> bool {
        matches!(
            self,
            Name::ContentDisposition
                | Name::ContentId
                | Name::ContentTransferEncoding
                | Name::ContentType
        )
    }
}

/// Octets that a kept field costs besides its value.
const FIELD_COST: usize = 64;

/// A field's name and colon stand within so many octets of its line, or it is no field.
const NAME_MAX: usize = DELIMITER_MAX;

/// What a line of a header section is.
enum Line<'a> {
    Blank,
    Delimiter(Delimiter),
    Continuation(&'a [u8]),
    Field(&'a [u8], &'a [u8]),
    Other,
}

impl Skim {
    /// Take octets of a header section, at most to the end of one line; none when they turn out
    /// to be a body's.
    pub(super) fn header(&mut self, octets: &[u8]) -> usize {
        let end = memchr(b'\n', octets);
        let taken = end.map_or(octets.len(), |end| end + 1);
        let line = octets.get(..taken).unwrap_or(octets);
        let earlier = self.line.len();
        if earlier == 0 {
            self.line_at = self.at;
            if end.is_some() {
                return self.header_line(line, 0, taken);
            }
        }
        // What is dropped here lies beyond what any field keeps.
        let room = (self.limits.field + NAME_MAX + 2).saturating_sub(earlier);
        self.line
            .extend_from_slice(line.get(..room).unwrap_or(line));
        // A part's line that is no field is the body's: its octets can't wait to be dropped.
        let long = self.parts.len() > 1 && self.line.len() > NAME_MAX;
        if end.is_some() || (long && matches!(self.read_line(&self.line), Line::Other)) {
            let whole = std::mem::take(&mut self.line);
            return self.header_line(&whole, earlier, taken);
        }
        taken
    }

    /// The message ended within a header section.
    pub(super) fn header_end_of_input(&mut self) {
        if self.state != State::Header {
            return;
        }
        let last = std::mem::take(&mut self.line);
        if !last.is_empty() {
            self.header_line(&last, last.len(), 0);
        }
        if self.state == State::Header {
            self.begin_body(self.at);
        }
    }

    /// A whole line, the first `earlier` octets of which came with earlier slices. Answers how
    /// much of what is being fed was taken: all of the line, or nothing.
    fn header_line(&mut self, line: &[u8], earlier: usize, taken: usize) -> usize {
        let after = self.at + taken as u64;
        match self.read_line(line) {
            Line::Blank => self.begin_body(after),
            Line::Delimiter(delimiter) => {
                self.begin_body(self.line_at);
                self.delimit(delimiter, self.line_at, after);
            }
            Line::Continuation(more) => self.append(more),
            Line::Field(name, value) => {
                self.end_field();
                self.section_fields += 1;
                self.begin_field(name, value);
            }
            Line::Other if self.parts.len() == 1 => {
                self.end_field();
                // The line in front of a message in an mbox file is nobody's fault.
                let mbox = line.starts_with(b"From ") || line.starts_with(b">From ");
                if !(mbox && self.line_at == 0) {
                    self.oddities.note(Oddity::UnreadableHeaderLine);
                }
            }
            Line::Other => {
                self.oddities.note(Oddity::UnreadableHeaderLine);
                self.begin_body(self.line_at);
                self.replay(line.get(..earlier).unwrap_or(line));
                return 0;
            }
        }
        taken
    }

    fn read_line<'a>(&self, line: &'a [u8]) -> Line<'a> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            [] => return Line::Blank,
            [b' ' | b'\t', ..] if self.parts.len() == 1 || self.section_fields > 0 => {
                return Line::Continuation(line)
            }
            [b'-', b'-', ..] => {
                if let Some(delimiter) = self.delimiter(line) {
                    return Line::Delimiter(delimiter);
                }
            }
            _ => {}
        }
        let colon = memchr(b':', line.get(..NAME_MAX).unwrap_or(line));
        let Some(colon) = colon else {
            return Line::Other;
        };
        let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Line::Other;
        }
        Line::Field(name, line.get(colon + 1..).unwrap_or_default())
    }

    fn begin_field(&mut self, name: &[u8], value: &[u8]) {
        let Some(name) = Name::of(name) else { return };
        if self.parts.len() > 1 && !name.is_content() {
            return;
        }
        if name.is_trace() {
            // The topmost count; what is below them must not cost the fields that say what the mail is.
            if self.trace_left < FIELD_COST {
                return;
            }
            self.trace_left -= FIELD_COST;
        } else if self.header_left < FIELD_COST {
            self.oddities.note(Oddity::LongHeader);
            return;
        } else {
            self.header_left -= FIELD_COST;
        }
        self.field = Some((name, self.values.len()));
        if value.len() > self.limits.field && !name.is_trace() {
            self.oddities.note(Oddity::LongField);
        }
        // Cut before trimming: a line that came in pieces holds no more than this.
        let value = value.get(..self.limits.field).unwrap_or(value);
        self.append(value.trim_ascii_start());
    }

    /// More of the field under way.
    fn append(&mut self, piece: &[u8]) {
        let Some((name, start)) = self.field else {
            return;
        };
        let room = self.limits.field.saturating_sub(self.values.len() - start);
        if name.is_trace() {
            let piece = piece.get(..room.min(self.trace_left)).unwrap_or(piece);
            self.values.extend_from_slice(piece);
            self.trace_left -= piece.len();
            return;
        }
        if piece.len() > room {
            self.oddities.note(Oddity::LongField);
        }
        let piece = piece.get(..room).unwrap_or(piece);
        if piece.len() > self.header_left {
            self.oddities.note(Oddity::LongHeader);
        }
        let piece = piece.get(..self.header_left).unwrap_or(piece);
        self.values.extend_from_slice(piece);
        self.header_left -= piece.len();
    }

    /// No more of the field under way.
    pub(super) fn end_field(&mut self) {
        if let (Some((name, start)), Some(part)) = (self.field.take(), self.parts.last_mut()) {
            part.fields.push(Kept {
                name,
                range: start..self.values.len(),
            });
        }
    }
}
