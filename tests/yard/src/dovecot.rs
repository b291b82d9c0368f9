//! A Dovecot of one's own: config, certificates and mail in one folder, high ports on loopback.
//!
//! It runs wholly as one ordinary user. Dovecot's sign-in process refuses to be root, so when
//! root starts it, the whole of it becomes `nobody`, keeping only the right to pass through
//! folders closed to others (the folder may lie below /root). No service of the system, no user
//! and no file outside the folder is touched.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{Failure, Outcome, While};

const NOBODY: u32 = 65534;
const LONGEST_FOLDER: usize = 72;

/// How the server keeps its mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Dovecot's own format, a file for each message
    Sdbox,
    /// Dovecot's own format, many messages to a file
    Mdbox,
    /// A file for each message, delivery by dropping a file
    Maildir,
}

/// What the server should be like.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Folder for everything; created when absent, mail in it is kept
    #[arg(long)]
    pub dir: PathBuf,
    /// How mail is kept
    #[arg(long, value_enum, default_value = "sdbox")]
    pub format: Format,
    /// A user as NAME:PASSWORD; may be repeated
    #[arg(long = "user", default_value = "helpdesk@yard.example:yard-secret")]
    pub users: Vec<String>,
    /// All users have one mailbox
    #[arg(long)]
    pub shared: bool,
    /// Give the folder Archive its special use
    #[arg(long)]
    pub special_use: bool,
    /// A capability not to offer (the server would still obey); may be repeated
    #[arg(long)]
    pub without: Vec<String>,
    /// Refuse sign-in before TLS
    #[arg(long)]
    pub tls_only: bool,
    /// Hierarchy separator, and INBOX as the prefix of all other folders
    #[arg(long)]
    pub inbox_prefix: Option<char>,
    /// When the server syncs its files: optimized (its default), never, always
    #[arg(long, default_value = "optimized")]
    pub fsync: String,
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
    /// Process id of Dovecot's master
    pub pid: u32,
    /// Log of the server
    pub log: PathBuf,
}

/// Everything Dovecot offers by default after sign-in, to take single words out of.
const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY \
    THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT \
    CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES \
    WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE \
    SAVEDATE LITERAL+ NOTIFY";

/// Writes the folder and starts the server; the child is Dovecot's master, and dies with us.
pub fn start(plan: &Plan) -> Outcome<(Child, Address)> {
    fs::create_dir_all(&plan.dir).during(format!("creating {}", plan.dir.display()))?;
    let dir = plan.dir.canonicalize().during("finding the folder")?;
    // Dovecot's sockets lie below it, and a socket's path has an end (unix(7): 108 octets).
    if dir.as_os_str().len() > LONGEST_FOLDER {
        let length = dir.as_os_str().len();
        return Err(Failure::new(format!(
            "{} is {length} characters long, and Dovecot's sockets leave room for {LONGEST_FOLDER}",
            dir.display()
        )));
    }
    if master(&dir).is_some() {
        return Err(Failure::new(format!(
            "a server already runs in {}",
            dir.display()
        )));
    }
    for sub in ["run", "state", "mail", "home"] {
        fs::create_dir_all(dir.join(sub)).during(format!("creating {sub}"))?;
    }
    certificates(&dir)?;
    let mut last = Failure::new("no attempt was made");
    // A free port may be taken by somebody else before Dovecot binds it.
    for _ in 0..4 {
        let ports = (free_port(plan.imap_port)?, free_port(plan.imaps_port)?);
        write_config(plan, &dir, ports)?;
        match launch(&dir, ports) {
            Ok(child) => {
                let (users, passwords) = plan.users.iter().map(|u| split_user(u)).unzip();
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

/// Stops the server of a folder, if one runs, and waits until it is gone.
pub fn stop(dir: &Path) -> Outcome<bool> {
    let Some(pid) = master(dir) else {
        return Ok(false);
    };
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).during("stopping Dovecot")?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while alive(pid) {
        if Instant::now() > deadline {
            return Err(Failure::new("Dovecot did not stop within ten seconds"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(true)
}

/// A running master of this folder. The id in the file may belong to another program by now,
/// so its command line must name our config.
fn master(dir: &Path) -> Option<rustix::process::Pid> {
    let pid: i32 = fs::read_to_string(dir.join("run/master.pid"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let config = dir.canonicalize().ok()?.join("dovecot.conf");
    memchr::memmem::find(&command, config.as_os_str().as_encoded_bytes())?;
    rustix::process::Pid::from_raw(pid)
}

fn alive(pid: rustix::process::Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|s| !s.contains(") Z "))
}

pub(crate) fn split_user(user: &str) -> (String, String) {
    let (name, password) = user.split_once(':').unwrap_or((user, "yard-secret"));
    (name.to_string(), password.to_string())
}

pub(crate) fn free_port(wanted: u16) -> Outcome<u16> {
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
pub(crate) fn certificates(dir: &Path) -> Outcome<()> {
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

fn write_config(plan: &Plan, dir: &Path, ports: (u16, u16)) -> Outcome<()> {
    let owner = owner()?;
    let (uid, gid, user, group) = (owner.uid, owner.gid, &owner.user, &owner.group);
    let at = dir.display();
    let format = match plan.format {
        Format::Sdbox => "sdbox",
        Format::Mdbox => "mdbox",
        Format::Maildir => "maildir",
    };
    let whose = if plan.shared { "all" } else { "%u" };
    let plaintext = if plan.tls_only { "yes" } else { "no" };
    let namespace = match plan.inbox_prefix {
        Some(c) => format!("  separator = {c}\n  prefix = INBOX{c}\n"),
        None => String::new(),
    };
    let special = match plan.special_use {
        true => "  mailbox Archive {\n    special_use = \\Archive\n    auto = create\n  }\n",
        false => "",
    };
    let capability = match plan.without.is_empty() {
        true => String::new(),
        false => {
            let kept: Vec<&str> = CAPABILITIES
                .split_ascii_whitespace()
                .filter(|c| !plan.without.iter().any(|w| w.eq_ignore_ascii_case(c)))
                .collect();
            format!("imap_capability = {}\n", kept.join(" "))
        }
    };
    let config = format!(
        "# Written anew at each start.\n\
         base_dir = {at}/run\nstate_dir = {at}/state\ninstance_name = yard\nprotocols = imap\n\
         log_path = {at}/log\nlisten = 127.0.0.1\n\
         default_login_user = {user}\ndefault_internal_user = {user}\ndefault_internal_group = {group}\n\
         first_valid_uid = {uid}\nfirst_valid_gid = {gid}\nmail_uid = {uid}\nmail_gid = {gid}\n\
         mail_location = {format}:{at}/mail/{whose}\nmail_fsync = {fsync}\n\
         mail_max_userip_connections = 1000\n\
         ssl = yes\nssl_cert = <{at}/server.pem\nssl_key = <{at}/server.key\n\
         disable_plaintext_auth = {plaintext}\nauth_mechanisms = plain login\nauth_verbose = yes\nauth_failure_delay = 0\n\
         passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u {at}/users\n}}\n\
         userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={at}/home/%u\n}}\n\
         service anvil {{\n  chroot =\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n\
         service stats {{\n  chroot =\n}}\n\
         service imap-login {{\n  chroot =\n  service_count = 0\n  process_min_avail = 1\n\
         \x20 inet_listener imap {{\n    port = {}\n  }}\n\
         \x20 inet_listener imaps {{\n    port = {}\n    ssl = yes\n  }}\n}}\n\
         namespace inbox {{\n  inbox = yes\n{namespace}{special}}}\n{capability}{}\n",
        ports.0,
        ports.1,
        plan.extra.join("\n"),
        fsync = plan.fsync,
    );
    fs::write(dir.join("dovecot.conf"), config).during("writing dovecot.conf")?;
    let mut users = String::new();
    for user in &plan.users {
        let (name, password) = split_user(user);
        users.push_str(&format!("{name}:{{PLAIN}}{password}\n"));
    }
    fs::write(dir.join("users"), users).during("writing users")?;
    owner.takes(dir)
}

/// As whom the servers run.
pub(crate) struct Owner {
    uid: u32,
    gid: u32,
    pub(crate) user: String,
    group: String,
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

fn launch(dir: &Path, ports: (u16, u16)) -> Outcome<Child> {
    let _ = fs::remove_file(dir.join("log"));
    let program = if Path::new("/usr/sbin/dovecot").exists() {
        "/usr/sbin/dovecot"
    } else {
        "dovecot"
    };
    let mut command = wholly_as_owner(Path::new(program));
    command.arg("-F").arg("-c").arg(dir.join("dovecot.conf"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().during("starting Dovecot")?;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if greets(ports.0) {
            return Ok(child);
        }
        let ended = child.try_wait().during("waiting for Dovecot")?.is_some();
        if ended || Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
            return Err(Failure::new(format!(
                "Dovecot did not start; its log says:\n{log}"
            )));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn greets(port: u16) -> bool {
    let Ok(mut tcp) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut greeting = [0; 4];
    tcp.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && tcp.read_exact(&mut greeting).is_ok()
        && greeting.starts_with(b"* OK")
}
