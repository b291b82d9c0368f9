//! What the mail servers of the yard have in common: config, certificates and mail in one folder, high
//! ports on loopback.
//!
//! Each runs wholly as one ordinary user. Dovecot's sign-in process refuses to be root, and so does a
//! Cyrus, so when root starts one, the whole of it becomes `nobody`, keeping only the right to pass
//! through folders closed to others (the folder may lie below /root). No service of the system, no user
//! and no file outside the folder is touched.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{Failure, Outcome, While};

const NOBODY: u32 = 65534;

/// What a server should be like, whichever it is.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Folder for everything; created when absent, mail in it is kept
    #[arg(long)]
    pub dir: PathBuf,
    /// A user as NAME:PASSWORD; may be repeated
    #[arg(long = "user", default_value = "helpdesk@yard.example:yard-secret")]
    pub users: Vec<String>,
    /// A capability not to offer (the server would still obey); may be repeated
    #[arg(long)]
    pub without: Vec<String>,
    /// Refuse sign-in before TLS
    #[arg(long)]
    pub tls_only: bool,
    /// Hierarchy separator, and INBOX as the prefix of all other folders
    #[arg(long)]
    pub inbox_prefix: Option<char>,
    /// Lines to add to the end of the config; may be repeated
    #[arg(long)]
    pub extra: Vec<String>,
    /// Port of the plain listener; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub imap_port: u16,
    /// Port of the TLS listener; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub imaps_port: u16,
}

impl Options {
    /// The folder by its full name, with these folders, certificates and the file of users.
    pub(crate) fn folder(&self, folders: &[&str]) -> Outcome<PathBuf> {
        fs::create_dir_all(&self.dir).during(format!("creating {}", self.dir.display()))?;
        let dir = self.dir.canonicalize().during("finding the folder")?;
        for sub in folders {
            fs::create_dir_all(dir.join(sub)).during(format!("creating {sub}"))?;
        }
        certificates(&dir)?;
        let mut users = String::new();
        for user in &self.users {
            let (name, password) = split_user(user);
            users.push_str(&format!("{name}:{{PLAIN}}{password}\n"));
        }
        fs::write(dir.join("users"), users).during("writing users")?;
        Ok(dir)
    }

    /// Starts a server by `launch`, which is given its ports, and tells where it is reached.
    pub(crate) fn start(
        &self,
        dir: &Path,
        mut launch: impl FnMut((u16, u16)) -> Outcome<Child>,
    ) -> Outcome<(Child, Address)> {
        let mut last = Failure::new("no attempt was made");
        // A free port may be taken by somebody else before the server binds it.
        for _ in 0..4 {
            let ports = (free_port(self.imap_port)?, free_port(self.imaps_port)?);
            match launch(ports) {
                Ok(child) => {
                    let (users, passwords) = self.users.iter().map(|u| split_user(u)).unzip();
                    let address = Address {
                        host: "localhost".into(),
                        imap: ports.0,
                        imaps: ports.1,
                        ca: dir.join("ca.pem"),
                        users,
                        passwords,
                        pid: child.id(),
                        log: dir.join("log"),
                    };
                    return Ok((child, address));
                }
                Err(e) => last = e,
            }
        }
        Err(last)
    }
}

/// Where a started server is reached.
#[derive(Clone, Debug, Serialize)]
pub struct Address {
    /// Name the certificate is made out to
    pub host: String,
    /// Plain listener with STARTTLS
    pub imap: u16,
    /// TLS listener
    pub imaps: u16,
    /// The CA's certificate
    pub ca: PathBuf,
    /// Names of the users
    pub users: Vec<String>,
    /// Passwords, in the order of the users
    pub passwords: Vec<String>,
    /// Process id of the server's master
    pub pid: u32,
    /// Log of the server
    pub log: PathBuf,
}

/// Waits until the server greets on this port; whether it did, before it ended and before the time was up.
pub(crate) fn comes_up(child: &mut Child, port: u16, patience: Duration) -> Outcome<bool> {
    let deadline = Instant::now() + patience;
    while !greets(port) {
        let ended = child.try_wait().during("waiting for the server")?.is_some();
        if ended || Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(true)
}

fn greets(port: u16) -> bool {
    let Ok(mut tcp) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut greeting = [0; 4];
    tcp.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && tcp.read_exact(&mut greeting).is_ok()
        && greeting.starts_with(b"* OK")
}

fn split_user(user: &str) -> (String, String) {
    let (name, password) = user.split_once(':').unwrap_or((user, "yard-secret"));
    (name.to_string(), password.to_string())
}

fn free_port(wanted: u16) -> Outcome<u16> {
    if wanted != 0 {
        return Ok(wanted);
    }
    let probe = TcpListener::bind(("127.0.0.1", 0)).during("looking for a free port")?;
    Ok(probe.local_addr().during("looking for a free port")?.port())
}

fn run(what: &str, args: &[&str], dir: &Path) -> Outcome<()> {
    let done = Command::new(what)
        .args(args)
        .current_dir(dir)
        .output()
        .during(what)?;
    if done.status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{what}: {}",
        String::from_utf8_lossy(&done.stderr)
    )))
}

/// A CA and a certificate for localhost, made once for a folder.
fn certificates(dir: &Path) -> Outcome<()> {
    if dir.join("server.pem").exists() {
        return Ok(());
    }
    fs::write(
        dir.join("server.ext"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n",
    )
    .during("writing server.ext")?;
    let curve = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let mut ca = vec!["req", "-x509"];
    ca.extend(curve);
    ca.extend([
        "-days",
        "3650",
        "-subj",
        "/CN=Yard CA",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    ]);
    run("openssl", &ca, dir)?;
    let mut request = vec!["req", "-new"];
    request.extend(curve);
    request.extend([
        "-subj",
        "/CN=localhost",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ]);
    run("openssl", &request, dir)?;
    run(
        "openssl",
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "3600",
            "-extfile",
            "server.ext",
            "-out",
            "server.pem",
        ],
        dir,
    )
}

/// As whom the servers run.
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) user: String,
    pub(crate) group: String,
}

impl Owner {
    /// Gives it what a server reads and writes.
    pub(crate) fn takes(&self, dir: &Path) -> Outcome<()> {
        if rustix::process::getuid().is_root() {
            run("chown", &["-R", &format!("{NOBODY}:{NOBODY}"), "."], dir)?;
        }
        Ok(())
    }
}

pub(crate) fn owner() -> Outcome<Owner> {
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    Ok(match uid.is_root() {
        true => Owner {
            uid: NOBODY,
            gid: NOBODY,
            user: "nobody".to_string(),
            group: "nogroup".to_string(),
        },
        false => Owner {
            uid: uid.as_raw(),
            gid: gid.as_raw(),
            user: own_name("-un")?,
            group: own_name("-gn")?,
        },
    })
}

/// A command that runs a program as that user, and ends it, and its children, when its starter dies in
/// whatever way.
pub(crate) fn wholly_as_owner(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]);
    if rustix::process::getuid().is_root() {
        let nobody = NOBODY.to_string();
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
        command.args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]);
    }
    command.arg(program);
    command
}

/// Our own user or group by name, as Dovecot's settings want it; also from a directory service.
fn own_name(what: &str) -> Outcome<String> {
    let said = Command::new("id").arg(what).output().during("id")?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_string())
}
