//! A server that does as the test says, on a loopback port: one thread, one connection after the
//! other.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use postern::mailbox::{Account, Security};
use postern::world::{Secret, Trust};

/// How long a client may keep a script waiting.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection, seen from the server.
pub struct Peer {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Peer {
    /// Sends octets as they are.
    pub fn say(&mut self, octets: impl AsRef<[u8]>) {
        // The client may be gone already: that is what some tests are about.
        let _ = self.stream.write_all(octets.as_ref());
    }

    /// Reads a line; empty at the end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.lines.read_line(&mut line);
        line.trim_end().to_owned()
    }

    /// Reads a command that begins with `verb`; returns its tag.
    pub fn hear(&mut self, verb: &str) -> String {
        let line = self.line();
        let (tag, command) = line.split_once(' ').unwrap_or(("", ""));
        assert!(command.starts_with(verb), "{verb} expected, heard: {line}");
        tag.to_owned()
    }

    /// Reads a command and answers it.
    pub fn answer(&mut self, verb: &str, data: &str, status: &str) {
        let tag = self.hear(verb);
        self.say(format!("{data}{tag} {status}\r\n"));
    }

    /// Greets and lets everyone in.
    pub fn sign_in(&mut self, abilities: &str) {
        self.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello\r\n");
        let status = format!("OK [CAPABILITY IMAP4rev1 ENABLE {abilities}")
            .trim_end()
            .to_owned()
            + "] in";
        self.answer("AUTHENTICATE PLAIN ", "", &status);
    }

    /// Opens a folder with that many messages.
    pub fn select(&mut self, exists: u32) {
        let data = format!("* {exists} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n");
        self.answer("SELECT ", &data, "OK [READ-WRITE] open");
    }

    /// Says that it is still here, several times a second, and answers nothing, until a line comes;
    /// empty when the client hung up.
    pub fn keep_alive(&mut self) -> String {
        let often = Duration::from_millis(50);
        self.stream.set_read_timeout(Some(often)).unwrap();
        let mut line = String::new();
        while let Err(e) = self.lines.read_line(&mut line) {
            if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                break;
            }
            self.say("* OK Still here\r\n");
        }
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits until the client hangs up.
    pub fn until_gone(&mut self) {
        while !self.line().is_empty() {}
    }
}

/// Starts a server that runs `script` for each connection, with its number; returns how to get
/// there.
pub fn scripted(script: impl Fn(usize, &mut Peer) + Send + 'static) -> Account {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap());
            script(number, &mut Peer { stream, lines });
        }
    });
    Account {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        trust: Trust::System,
        username: "user".to_owned(),
        password: Secret::new("secret".to_owned()),
        timeout: Duration::from_secs(4),
    }
}
