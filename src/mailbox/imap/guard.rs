//! What stands between the wire and the parser: it hands on whole lines that are short and shallow
//! enough, literals that were asked for, and nothing else.
//!
//! The parser allocates what a literal announces, starts a long line again at each read, overflows
//! the stack on some hundreds of parentheses, and panics or gives up on answers that it doesn't
//! know. So: lines outside literals end at 64 KiB, nesting at 40, literals at what the session
//! allows for the command in flight; an untagged answer of an unknown kind is left out, as RFC 3501
//! §2.2.2 wants; the rest is refused as a `Breach`, after which nothing more is read.
//!
//! At most one line is handed out at a read. Thus the parser never holds octets behind the answer
//! that it gave, and what came behind STARTTLS too early is still here to be seen.
//!
//! Writing collects octets until a flush: one write, one TLS record.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use futures_lite::{AsyncRead, AsyncWrite};
use zeroize::Zeroize;

use crate::world::{BoxConnection, Clock, Tick};

/// The longest line outside literals.
pub(super) const LINE_MAX: usize = 64 * 1024;
/// The deepest nesting of parentheses.
pub(super) const DEPTH_MAX: u32 = 40;
/// What all lines of one answer may hold together, beside literals.
const ANSWER_MAX: usize = 4 * LINE_MAX;
/// What may be read at once; a TLS record holds no more.
const READ: usize = 16 * 1024;
/// The largest literal when no command in flight asks for one: a folder's name.
pub(super) const LITERAL_SMALL: u64 = 4096;

/// What a server did that no server may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Breach {
    #[error("the server announced a literal of {announced} octets where {allowed} were asked for")]
    Literal { announced: u64, allowed: u64 },
    #[error("the server sent a line of more than {LINE_MAX} octets")]
    Line,
    #[error("the server nested its answer deeper than {DEPTH_MAX} parentheses")]
    Depth,
    #[error("the server ended a line without CR")]
    NoCr,
    #[error("the server sent one answer without end")]
    Answer,
    #[error("the server left a parenthesis or a quoted string open")]
    Open,
}

/// How the octets below came to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Cut(String),
}

pub(super) struct Guard {
    inner: BoxConnection,
    clock: Arc<dyn Clock>,
    heard_at: Tick,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Octets from `start` on that were checked and may be handed out.
    checked: usize,
    /// Octets of a literal that follow what was checked.
    literal: u64,
    /// Whether the answer under way is left out.
    dropping: bool,
    /// Whether the next line begins an answer.
    fresh: bool,
    depth: u32,
    answer: usize,
    literals: u64,
    allowed: u64,
    breach: Option<Breach>,
    ended: Option<End>,
    namespace: Option<String>,
    id: Option<String>,
    out: Vec<u8>,
    written: usize,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The buffers hold mail and passwords.
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl Guard {
    pub(super) fn new(inner: BoxConnection, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner,
            heard_at: clock.tick(),
            clock,
            buffer: vec![0; READ],
            start: 0,
            end: 0,
            checked: 0,
            literal: 0,
            dropping: false,
            fresh: true,
            depth: 0,
            answer: 0,
            literals: 0,
            allowed: LITERAL_SMALL,
            breach: None,
            ended: None,
            namespace: None,
            id: None,
            out: Vec::new(),
            written: 0,
        }
    }

    /// Sets the largest literal that the commands in flight asked for.
    pub(super) fn allow(&mut self, octets: u64) {
        self.allowed = octets.max(LITERAL_SMALL);
    }

    /// When the last octet came, or the last command went.
    pub(super) fn heard_at(&self) -> Tick {
        self.heard_at
    }

    /// Starts the wait for an answer now.
    pub(super) fn asked(&mut self) {
        self.heard_at = self.clock.tick();
    }

    pub(super) fn breach(&self) -> Option<Breach> {
        self.breach
    }

    pub(super) fn ended(&self) -> Option<&End> {
        self.ended.as_ref()
    }

    /// The last NAMESPACE answer (RFC 2342), which the parser doesn't know.
    pub(super) fn take_namespace(&mut self) -> Option<String> {
        self.namespace.take()
    }

    /// The last ID answer (RFC 2971), read here since the parser gives up on some that servers send.
    pub(super) fn take_id(&mut self) -> Option<String> {
        self.id.take()
    }

    /// Adds octets to what the next flush sends.
    pub(super) fn queue(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// The connection itself, or `None` when octets came that nobody waits for.
    pub(super) fn into_clean_inner(self) -> Option<BoxConnection> {
        (self.start == self.end).then_some(self.inner)
    }

    /// The first line, as it came: whatever protocol it is.
    pub(super) async fn first_line(&mut self) -> io::Result<Vec<u8>> {
        std::future::poll_fn(|cx| loop {
            if let Some(line) = self.whole_line() {
                let octets = self.buffer.get(self.start..line).unwrap_or(&[]).to_vec();
                self.consume(line - self.start);
                return Poll::Ready(Ok(octets));
            }
            if self.end - self.start >= 1024 {
                // Longer than any greeting: what there is tells the protocol as well.
                let octets = self
                    .buffer
                    .get(self.start..self.end)
                    .unwrap_or(&[])
                    .to_vec();
                self.consume(self.end - self.start);
                return Poll::Ready(Ok(octets));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                let octets = self
                    .buffer
                    .get(self.start..self.end)
                    .unwrap_or(&[])
                    .to_vec();
                self.consume(self.end - self.start);
                return Poll::Ready(Ok(octets));
            }
        })
        .await
    }

    /// Where the first line in the buffer ends, past its LF.
    fn whole_line(&self) -> Option<usize> {
        let waiting = self.buffer.get(self.start..self.end)?;
        memchr::memchr(b'\n', waiting).map(|at| self.start + at + 1)
    }

    fn consume(&mut self, octets: usize) {
        self.start += octets;
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buffer.len() - self.end < READ / 4 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() - self.end < READ / 4 {
                // Bounded: a line longer than LINE_MAX is refused before the next growth.
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or(&mut []);
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, free));
        Poll::Ready(self.note(read).inspect(|n| self.end += n))
    }

    fn note(&mut self, read: io::Result<usize>) -> io::Result<usize> {
        match &read {
            Ok(0) => self.ended = Some(End::Closed),
            Ok(_) => self.heard_at = self.clock.tick(),
            Err(e) => self.ended = Some(End::Cut(e.to_string())),
        }
        read
    }

    /// Judges the line that ends at `line`, and says what may be handed out.
    fn check(&mut self, line: usize) -> Result<(), Breach> {
        let length = line - self.start;
        if length > LINE_MAX {
            return Err(Breach::Line);
        }
        let Some(octets) = self.buffer.get_mut(self.start..line) else {
            return Err(Breach::Line);
        };
        let Some(text) = octets.len().checked_sub(2).and_then(|at| {
            let (text, end) = octets.split_at_mut(at);
            (end == b"\r\n").then_some(text)
        }) else {
            return Err(Breach::NoCr);
        };
        let mut kind = Kind::Data;
        if self.fresh {
            kind = classify(text);
            self.dropping = matches!(kind, Kind::Unknown | Kind::Namespace | Kind::Id);
            self.depth = 0;
            self.answer = 0;
            self.literals = 0;
        }
        self.answer += length;
        if self.answer > ANSWER_MAX {
            return Err(Breach::Answer);
        }
        let literal = match kind {
            Kind::Status => {
                mend_status(text);
                None
            }
            Kind::Data | Kind::Unknown | Kind::Namespace | Kind::Id => {
                let quoted = nest(text, &mut self.depth)?;
                mend_internal_date(text);
                let literal = announced(text);
                // The parser would read on into the next answer.
                if quoted || (literal.is_none() && self.depth > 0) {
                    return Err(Breach::Open);
                }
                literal
            }
        };
        if literal.is_none() {
            let line = || Some(String::from_utf8_lossy(text).into_owned());
            match kind {
                Kind::Namespace => self.namespace = line(),
                Kind::Id => self.id = line(),
                Kind::Status | Kind::Data | Kind::Unknown => {}
            }
        }
        if let Some(announced) = literal {
            self.literals = self.literals.saturating_add(announced);
            // A message's octets and a name or two beside them.
            let allowed = self.allowed;
            if announced > allowed || self.literals > allowed.saturating_add(LITERAL_SMALL) {
                return Err(Breach::Literal { announced, allowed });
            }
        }
        self.checked = length;
        self.literal = literal.unwrap_or(0);
        self.fresh = literal.is_none();
        Ok(())
    }
}

/// What a line at the beginning of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A status, tagged or not, or a continuation: free text, no literal.
    Status,
    /// Data that the parser knows.
    Data,
    /// NAMESPACE, read here.
    Namespace,
    /// ID, read here.
    Id,
    /// Untagged data of a kind that the parser gives up on.
    Unknown,
}

fn classify(line: &[u8]) -> Kind {
    let Some(rest) = line.strip_prefix(b"* ") else {
        return Kind::Status;
    };
    let mut words = rest.split(|&o| o == b' ');
    let first = words.next().unwrap_or(&[]);
    let numbered = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
    let word = if numbered {
        words.next().unwrap_or(&[])
    } else {
        first
    };
    let is = |names: &[&str]| {
        names
            .iter()
            .any(|n| word.eq_ignore_ascii_case(n.as_bytes()))
    };
    if numbered {
        if is(&["EXISTS", "EXPUNGE", "FETCH", "RECENT"]) {
            return Kind::Data;
        }
        return Kind::Unknown;
    }
    if is(&["OK", "NO", "BAD", "BYE", "PREAUTH"]) {
        Kind::Status
    } else if is(&["NAMESPACE"]) {
        Kind::Namespace
    } else if is(&["ID"]) {
        Kind::Id
    } else if is(&[
        "CAPABILITY",
        "FLAGS",
        "LIST",
        "LSUB",
        "STATUS",
        "SEARCH",
        "QUOTA",
        "QUOTAROOT",
        "MYRIGHTS",
        "VANISHED",
    ]) {
        Kind::Data
    } else {
        Kind::Unknown
    }
}

/// Counts parentheses outside quoted strings; tells whether the line ends inside one.
fn nest(text: &[u8], depth: &mut u32) -> Result<bool, Breach> {
    let mut quoted = false;
    let mut escaped = false;
    for octet in text {
        if quoted {
            match (escaped, octet) {
                (false, b'\\') => escaped = true,
                (false, b'"') => quoted = false,
                _ => escaped = false,
            }
            continue;
        }
        match octet {
            b'"' => quoted = true,
            b'(' => {
                *depth += 1;
                if *depth > DEPTH_MAX {
                    return Err(Breach::Depth);
                }
            }
            b')' => *depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(quoted)
}

/// The length of the literal that `text` ends with (RFC 3501 §4.3; RFC 3516 §4.2 for the tilde).
fn announced(text: &[u8]) -> Option<u64> {
    let inside = text.strip_suffix(b"}")?;
    let inside = inside.strip_suffix(b"+").unwrap_or(inside);
    let brace = memchr::memrchr(b'{', inside)?;
    let digits = inside.get(brace + 1..)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A number beyond u64 is larger than anything allowed.
    let number = std::str::from_utf8(digits).ok()?.parse();
    Some(number.unwrap_or(u64::MAX))
}

/// Oddity: text right behind a response code. imap-proto 0.17 cuts the octet behind `]` off as if
/// it were a space, and panics where it begins a longer character. Only words for people follow.
fn mend_status(text: &mut [u8]) {
    let mut behind = false;
    for octet in text {
        if behind && *octet >= 0x80 {
            *octet = b' ';
        }
        behind = *octet == b']';
    }
}

/// Oddity: `INTERNALDATE NIL`, sent for damaged messages. imap-proto 0.17 panics on it; a date that
/// can't be read is told from it by `date::parse`.
fn mend_internal_date(text: &mut [u8]) {
    const NAME: &[u8] = b"INTERNALDATE";
    const NIL: &[u8] = b" NIL";
    // By the space: a comparison at each octet is a twelfth of a drain's work.
    let found = memchr::memchr_iter(b' ', text).find(|&at| {
        let (before, behind) = text.split_at(at);
        let begins = |with: &[u8]| {
            behind
                .get(..with.len())
                .is_some_and(|b| b.eq_ignore_ascii_case(with))
        };
        let ends = before.get(before.len().saturating_sub(NAME.len())..);
        begins(NIL) && ends.is_some_and(|e| e.eq_ignore_ascii_case(NAME))
    });
    if let Some(nil) = found.and_then(|at| text.get_mut(at + 1..at + NIL.len())) {
        nil.copy_from_slice(b"\"0\"");
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            if let Some(breach) = this.breach {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, breach)));
            }
            let waiting = this.end - this.start;
            if this.checked > 0 || (this.literal > 0 && waiting > 0) {
                let line = this.checked > 0;
                let left = if line {
                    this.checked
                } else {
                    usize::try_from(this.literal).unwrap_or(usize::MAX)
                };
                let mut n = left.min(waiting);
                if !this.dropping {
                    n = n.min(into.len());
                    let from = this.buffer.get(this.start..this.start + n);
                    if let (Some(to), Some(from)) = (into.get_mut(..n), from) {
                        to.copy_from_slice(from);
                    }
                }
                this.consume(n);
                if line {
                    this.checked -= n;
                } else {
                    this.literal -= n as u64;
                }
                if this.dropping {
                    continue;
                }
                return Poll::Ready(Ok(n));
            }
            if this.literal >= READ as u64 && !this.dropping {
                // Large octets go straight to where they belong.
                let n = usize::try_from(this.literal).map_or(into.len(), |l| l.min(into.len()));
                let to = into.get_mut(..n).unwrap_or(&mut []);
                let read = ready!(Pin::new(&mut this.inner).poll_read(cx, to));
                let read = this.note(read)?;
                this.literal -= read as u64;
                return Poll::Ready(Ok(read));
            }
            if this.literal == 0 {
                if let Some(line) = this.whole_line() {
                    if let Err(breach) = this.check(line) {
                        this.breach = Some(breach);
                    }
                    continue;
                }
                if waiting > LINE_MAX {
                    this.breach = Some(Breach::Line);
                    continue;
                }
            }
            if ready!(this.poll_fill(cx))? == 0 {
                return Poll::Ready(Ok(0));
            }
        }
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().queue(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while let Some(rest) = this.out.get(this.written..).filter(|r| !r.is_empty()) {
            let written = ready!(Pin::new(&mut this.inner).poll_write(cx, rest));
            match written {
                Ok(0) => {
                    this.ended = Some(End::Closed);
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                Ok(n) => this.written += n,
                Err(e) => {
                    this.ended = Some(End::Cut(e.to_string()));
                    return Poll::Ready(Err(e));
                }
            }
        }
        // Among the lines there was a password, once.
        this.out.zeroize();
        this.written = 0;
        let flushed = ready!(Pin::new(&mut this.inner).poll_flush(cx));
        if let Err(e) = &flushed {
            this.ended = Some(End::Cut(e.to_string()));
        }
        Poll::Ready(flushed)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests;
