//! A Dovecot of one's own.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::server::{self, owner, wholly_as_owner, Address};
use crate::{Failure, Outcome, While};

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
    /// What every server is told
    #[command(flatten)]
    pub server: server::Options,
    /// How mail is kept
    #[arg(long, value_enum, default_value = "sdbox")]
    pub format: Format,
    /// All users have one mailbox
    #[arg(long)]
    pub shared: bool,
    /// Give the folder Archive its special use
    #[arg(long)]
    pub special_use: bool,
    /// When the server syncs its files: optimized (its default), never, always
    #[arg(long, default_value = "optimized")]
    pub fsync: String,
}

/// Everything Dovecot offers by default after sign-in, to take single words out of.
const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY \
    THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT \
    CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES \
    WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE \
    SAVEDATE LITERAL+ NOTIFY";

/// Writes the folder and starts the server; the child is Dovecot's master, and dies with us.
pub fn start(plan: &Plan) -> Outcome<(Child, Address)> {
    let dir = plan.server.folder(&["run", "state", "mail", "home"])?;
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
    plan.server.start(&dir, |ports| {
        write_config(plan, &dir, ports)?;
        launch(&dir, ports)
    })
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
    let plaintext = if plan.server.tls_only { "yes" } else { "no" };
    let namespace = match plan.server.inbox_prefix {
        Some(c) => format!("  separator = {c}\n  prefix = INBOX{c}\n"),
        None => String::new(),
    };
    let special = match plan.special_use {
        true => "  mailbox Archive {\n    special_use = \\Archive\n    auto = create\n  }\n",
        false => "",
    };
    let capability = match plan.server.without.is_empty() {
        true => String::new(),
        false => {
            let kept: Vec<&str> = CAPABILITIES
                .split_ascii_whitespace()
                .filter(|c| {
                    !plan
                        .server
                        .without
                        .iter()
                        .any(|w| w.eq_ignore_ascii_case(c))
                })
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
        plan.server.extra.join("\n"),
        fsync = plan.fsync,
    );
    fs::write(dir.join("dovecot.conf"), config).during("writing dovecot.conf")?;
    owner.takes(dir)
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
    if server::comes_up(&mut child, ports.0, Duration::from_secs(90))? {
        return Ok(child);
    }
    let _ = child.kill();
    let _ = child.wait();
    let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
    Err(Failure::new(format!(
        "Dovecot did not start; its log says:\n{log}"
    )))
}
