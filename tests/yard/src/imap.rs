//! A small blocking IMAP client: sign in, send commands (several in flight), frame the answers.
//!
//! It frames literals (RFC 9051 §4.3) and reads the status of tagged lines, and knows nothing
//! else of the grammar. It trusts the server, which is always our own: no limits, no recovery.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Failure, Outcome, While};

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Security {
    /// TLS from the first octet.
    Tls,
    /// STARTTLS on the plain port.
    Starttls,
    /// Nothing.
    None,
}

/// Where a mailbox is and who reads it.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// Host name, also checked against the certificate
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// Port of the IMAP server
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// tls, starttls or none
    #[arg(long, value_enum, default_value = "none")]
    pub security: Security,
    /// File with the CA certificate (PEM) to trust
    #[arg(long)]
    pub ca: Option<PathBuf>,
    /// User to sign in as
    #[arg(long, default_value = "helpdesk@yard.example")]
    pub user: String,
    /// Password; only ever one of a yard server
    #[arg(long, default_value = "yard-secret")]
    pub password: String,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<native_tls::TlsStream<TcpStream>>),
}

impl Wire {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(s) => s.read(into),
            Wire::Tls(s) => s.read(into),
        }
    }

    fn write_all(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match self {
            Wire::Plain(s) => s.write_all(octets),
            Wire::Tls(s) => s.write_all(octets),
        }
    }
}

/// One answer: a line, or several joined by literals. Borrowed from the connection's buffer.
pub struct Answer<'a> {
    octets: &'a [u8],
    literals: &'a [Range<usize>],
}

impl<'a> Answer<'a> {
    /// The text up to the first literal (its announcement included), or the whole line.
    pub fn head(&self) -> &'a [u8] {
        match self.literals.first() {
            Some(first) => &self.octets[..first.start],
            None => self.octets,
        }
    }

    /// The first literal.
    pub fn literal(&self) -> Option<&'a [u8]> {
        self.literals.first().map(|r| &self.octets[r.clone()])
    }

    /// The text behind the last literal, or nothing.
    pub fn tail(&self) -> &'a [u8] {
        self.literals
            .last()
            .map_or(&[], |last| &self.octets[last.end..])
    }

    /// The number that follows `word ` in the text around the literals.
    pub fn number(&self, word: &str) -> Option<u64> {
        number_after(self.head(), word).or_else(|| number_after(self.tail(), word))
    }

    /// The head as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.head()).into_owned()
    }
}

fn number_after(text: &[u8], word: &str) -> Option<u64> {
    let at = memchr::memmem::find(text, word.as_bytes())?;
    let rest = text.get(at + word.len() + 1..)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// A signed-in connection.
pub struct Imap {
    wire: Wire,
    buffer: Vec<u8>,
    taken: usize,
    filled: usize,
    literals: Vec<Range<usize>>,
    out: Vec<u8>,
    tags: u32,
    capabilities: String,
}

impl Imap {
    /// Dials, protects, signs in and reads the capabilities.
    pub fn sign_in(target: &Target) -> Outcome<Imap> {
        if target.port == 0 {
            return Err(Failure::new("say where the mailbox is: --port"));
        }
        let doing = format!("connecting to {}:{}", target.host, target.port);
        let tcp = TcpStream::connect((target.host.as_str(), target.port)).during(&doing)?;
        tcp.set_nodelay(true).during(&doing)?;
        tcp.set_read_timeout(Some(Duration::from_secs(120)))
            .during(&doing)?;
        let mut imap = Imap {
            wire: Wire::Plain(tcp),
            buffer: vec![0; 64 * 1024],
            taken: 0,
            filled: 0,
            literals: Vec::new(),
            out: Vec::new(),
            tags: 0,
            capabilities: String::new(),
        };
        if target.security == Security::Tls {
            imap = imap.protect(target)?;
        }
        imap.answer()?;
        if target.security == Security::Starttls {
            imap.command("STARTTLS")?;
            imap = imap.protect(target)?;
        }
        imap.command(&format!(
            "LOGIN {} {}",
            quoted(&target.user),
            quoted(&target.password)
        ))?;
        imap.capabilities = imap.command("CAPABILITY")?.join(" ");
        Ok(imap)
    }

    fn protect(mut self, target: &Target) -> Outcome<Imap> {
        let mut builder = native_tls::TlsConnector::builder();
        if let Some(ca) = &target.ca {
            let pem = fs::read(ca).during(format!("reading {}", ca.display()))?;
            let root = native_tls::Certificate::from_pem(&pem).during("parsing the CA")?;
            builder.add_root_certificate(root);
        }
        let connector = builder.build().during("setting up TLS")?;
        self.wire = match self.wire {
            Wire::Plain(tcp) => Wire::Tls(Box::new(
                connector
                    .connect(&target.host, tcp)
                    .during("the TLS handshake")?,
            )),
            tls => tls,
        };
        Ok(self)
    }

    /// Whether the server offers a capability after sign-in.
    pub fn offers(&self, capability: &str) -> bool {
        self.capabilities
            .split_ascii_whitespace()
            .any(|c| c.eq_ignore_ascii_case(capability))
    }

    /// Queues a command and returns its tag; nothing is sent before [`Imap::flush`].
    pub fn queue(&mut self, command: &str) -> String {
        let tag = self.tag();
        self.push(format!("{tag} {command}\r\n").as_bytes());
        tag
    }

    /// The next tag, for a command that the caller frames itself.
    pub fn tag(&mut self) -> String {
        self.tags += 1;
        format!("y{}", self.tags)
    }

    /// Queues octets as they are.
    pub fn push(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// Sends what is queued.
    pub fn flush(&mut self) -> Outcome<()> {
        self.wire
            .write_all(&self.out)
            .during("sending to the mail server")?;
        self.out.clear();
        Ok(())
    }

    /// Reads one answer.
    pub fn answer(&mut self) -> Outcome<Answer<'_>> {
        self.literals.clear();
        self.make_room();
        let mut line = self.taken;
        let mut seen = line;
        loop {
            let end = loop {
                if let Some(at) = memchr::memchr(b'\n', &self.buffer[seen..self.filled]) {
                    break seen + at + 1;
                }
                seen = self.filled;
                self.more()?;
            };
            let Some(length) = announced(&self.buffer[line..end]) else {
                let mut octets = &self.buffer[self.taken..end];
                self.taken = end;
                octets = octets.strip_suffix(b"\n").unwrap_or(octets);
                octets = octets.strip_suffix(b"\r").unwrap_or(octets);
                return Ok(Answer {
                    octets,
                    literals: &self.literals,
                });
            };
            if self.buffer.len() < end + length {
                self.buffer.resize(end + length + 4096, 0);
            }
            while self.filled < end + length {
                self.more()?;
            }
            self.literals
                .push(end - self.taken..end + length - self.taken);
            line = end + length;
            seen = line;
        }
    }

    /// Reads answers up to the tagged one, whose status must be OK; hands over the others.
    pub fn until(
        &mut self,
        tag: &str,
        mut each: impl FnMut(&Answer<'_>) -> Outcome<()>,
    ) -> Outcome<()> {
        loop {
            let answer = self.answer()?;
            let head = answer.head();
            match head
                .strip_prefix(tag.as_bytes())
                .and_then(|r| r.strip_prefix(b" "))
            {
                Some(status) if status.starts_with(b"OK") => return Ok(()),
                Some(status) => {
                    let said = String::from_utf8_lossy(status);
                    return Err(Failure::new(format!(
                        "the mail server refused {tag}: {said}"
                    )));
                }
                None => each(&answer)?,
            }
        }
    }

    /// Sends one command and returns the untagged lines before its OK.
    pub fn command(&mut self, command: &str) -> Outcome<Vec<String>> {
        let tag = self.queue(command);
        self.flush()?;
        let mut lines = Vec::new();
        let verb = command.split(' ').next().unwrap_or(command);
        self.until(&tag, |answer| {
            lines.push(answer.text());
            Ok(())
        })
        .during(verb)?;
        Ok(lines)
    }

    /// Room behind what was read: unread octets move to the front when that costs less than
    /// they are long, so the moves never add up.
    fn make_room(&mut self) {
        let unread = self.filled - self.taken;
        if self.taken >= unread && self.taken > 0 {
            self.buffer.copy_within(self.taken..self.filled, 0);
            self.taken = 0;
            self.filled = unread;
        }
    }

    fn more(&mut self) -> Outcome<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self
            .wire
            .read(&mut self.buffer[self.filled..])
            .during("reading from the mail server")?;
        if read == 0 {
            return Err(Failure::new("the mail server closed the connection"));
        }
        self.filled += read;
        Ok(())
    }
}

/// The length in a line that ends by announcing a literal.
fn announced(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', line)?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

/// A quoted string (RFC 9051 §4.3); our own names hold neither CR nor LF.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
