//! A Dovecot of our own in a temporary folder, on loopback ports that the system picks.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postern::mailbox::{Account, Security};
use postern::world::{Secret, Trust};

/// The one user's password.
pub const PASSWORD: &str = "Gr\u{fc}n & \"wei\u{df}\"";
/// The one user.
pub const USER: &str = "support@example.org";

/// A running server; ends with its value.
pub struct Dovecot {
    dir: tempfile::TempDir,
    child: Child,
    pub imap: u16,
    pub imaps: u16,
    pub ca: String,
}

/// How a server differs from Debian's.
#[derive(Default)]
pub struct Odd {
    /// Replaces the capabilities offered after sign-in.
    pub capability: Option<&'static str>,
    /// Further configuration.
    pub more: &'static str,
}

impl Dovecot {
    pub fn start(odd: Odd) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| dir.path().join(name);
        certificates(dir.path());
        let (imap, imaps) = (free_port(), free_port());
        fs::write(at("users"), format!("{USER}:{{PLAIN}}{PASSWORD}\n")).unwrap();
        fs::create_dir_all(at("mail")).unwrap();
        fs::create_dir_all(at("run")).unwrap();
        run(Command::new("chown").args(["nobody", &show(&at("mail"))]));
        let capability = odd
            .capability
            .map(|c| format!("imap_capability = {c}\n"))
            .unwrap_or_default();
        let conf = format!(
            "base_dir = {run}\nstate_dir = {run}\nlog_path = {log}\nprotocols = imap\n\
             listen = 127.0.0.1\nssl = yes\nssl_cert = <{pem}\nssl_key = <{key}\n\
             disable_plaintext_auth = no\nauth_mechanisms = plain login\n\
             mail_location = maildir:{mail}/%u\nmail_uid = nobody\nmail_gid = nogroup\n\
             first_valid_uid = 1\nfirst_valid_gid = 1\nmail_max_userip_connections = 100\n\
             default_vsz_limit = 1G\nmaildir_very_dirty_syncs = yes\n\
             passdb {{\n driver = passwd-file\n args = scheme=PLAIN {users}\n}}\n\
             userdb {{\n driver = static\n args = uid=nobody gid=nogroup home={mail}/%u\n}}\n\
             namespace inbox {{\n inbox = yes\n separator = .\n prefix = INBOX.\n\
             mailbox Ablage {{\n special_use = \\Archive\n }}\n}}\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n port = {imap}\n }}\n\
             inet_listener imaps {{\n port = {imaps}\n ssl = yes\n }}\n}}\n\
             service anvil {{\n chroot =\n}}\n{capability}{more}\n",
            run = show(&at("run")),
            log = show(&at("log")),
            pem = show(&at("server.pem")),
            key = show(&at("server.key")),
            mail = show(&at("mail")),
            users = show(&at("users")),
            more = odd.more,
        );
        fs::write(at("dovecot.conf"), conf).unwrap();
        let child = Command::new("dovecot")
            .args(["-F", "-c", &show(&at("dovecot.conf"))])
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let ca = fs::read_to_string(at("ca.pem")).unwrap();
        let server = Self {
            dir,
            child,
            imap,
            imaps,
            ca,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.imap)) {
                let mut greeting = [0; 4];
                if stream.read_exact(&mut greeting).is_ok() {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        panic!("Dovecot does not answer:\n{log}");
    }

    /// How to sign in here.
    pub fn account(&self, security: Security) -> Account {
        Account {
            host: "localhost".to_owned(),
            port: match security {
                Security::Tls => self.imaps,
                Security::StartTls | Security::None => self.imap,
            },
            security,
            trust: Trust::Authorities(self.ca.clone()),
            username: USER.to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
            timeout: Duration::from_secs(20),
        }
    }

    fn maildir(&self, folder: &str) -> PathBuf {
        let home = self.dir.path().join("mail").join(USER);
        if folder == "INBOX" {
            home
        } else {
            home.join(format!(".{folder}"))
        }
    }

    /// Puts messages into a folder as a delivery would.
    pub fn deliver(&self, folder: &str, messages: impl IntoIterator<Item = Vec<u8>>) {
        use std::sync::atomic::{AtomicU64, Ordering};
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let dir = self.maildir(folder);
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.join(sub)).unwrap();
        }
        for octets in messages {
            let n = SERIAL.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}.M{n:07}P1.test", 1_700_000_000 + n);
            fs::write(dir.join("tmp").join(&name), octets).unwrap();
            fs::rename(dir.join("tmp").join(&name), dir.join("new").join(&name)).unwrap();
        }
        let home = self.dir.path().join("mail");
        run(Command::new("chown").args(["-R", "nobody:nogroup", &show(&home)]));
    }

    /// Runs `doveadm` on this server as the user.
    pub fn doveadm(&self, arguments: &[&str]) -> String {
        let conf = show(&self.dir.path().join("dovecot.conf"));
        let mut all = vec!["-c", &conf];
        let (verb, rest) = arguments.split_at(
            arguments
                .iter()
                .position(|a| *a == "-u")
                .unwrap_or(arguments.len()),
        );
        all.extend_from_slice(verb);
        all.extend_from_slice(rest);
        let output = Command::new("doveadm").args(&all).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let conf = show(&self.dir.path().join("dovecot.conf"));
        let _ = Command::new("doveadm").args(["-c", &conf, "stop"]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message of about `size` octets.
pub fn message(number: usize, size: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity(size + 200);
    write!(
        octets,
        "From: user{number}@example.net\r\nTo: {USER}\r\nSubject: Message {number}\r\n\
         Message-ID: <{number}@example.net>\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\r\n"
    )
    .unwrap();
    let line = format!("{number:08} what people write to a help desk, line by line for ever\r\n");
    while octets.len() < size {
        octets.extend_from_slice(line.as_bytes());
    }
    octets
}

fn show(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A port that nobody has now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A certificate authority and a certificate for localhost, made by it.
fn certificates(dir: &Path) {
    let script = r#"
        set -e
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 \
            -subj "/CN=Test authority" -addext "basicConstraints=critical,CA:TRUE"
        openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr \
            -subj "/CN=localhost"
        printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' > ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
            -days 30 -extfile ext -out server.pem
    "#;
    run(Command::new("sh").arg("-c").arg(script).current_dir(dir));
}
