//! A Cyrus of one's own, with what every [`server`] is told.
//!
//! It is taken from the system (`cyrus-imapd`), or from a folder that its packages were unpacked into
//! (`dpkg -x`), named by `POSTERN_CYRUS`.
//!
//! Cyrus asks others about passwords and tells its deeds to syslog alone. So this process is also its
//! `saslauthd`: it answers from the file `users`, which a test may change, and writes into `log` who
//! was let in. So nobody can sign in to a server whose starter has ended.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{
    getpid, kill_process, kill_process_group, set_child_subreaper, waitpgid, Pid, Signal,
    WaitOptions,
};

use crate::server::{self, owner, wholly_as_owner, Address, Options, Owner};
use crate::{Failure, Outcome, While};

/// Where the programs are.
struct Programs {
    master: PathBuf,
    imapd: PathBuf,
    idled: PathBuf,
    /// Folders of libraries that the system doesn't know.
    libraries: Option<String>,
}

/// Writes the folder and starts the server; the child is its master, and dies with us.
pub fn start(plan: &Options) -> Outcome<(Child, Address)> {
    let programs = programs()?;
    let dir = plan.folder(&["conf/socket", "spool", "sock"])?;
    let _ = fs::remove_file(dir.join("log"));
    fs::write(dir.join("log"), "").during("beginning the log")?;
    serve_passwords(&dir)?;
    plan.start(&dir, |ports| {
        let owner = owner()?;
        write_config(plan, &programs, &dir, &owner, ports)?;
        owner.takes(&dir)?;
        launch(&programs, &dir, ports)
    })
}

/// Ends a server with all its processes, which are a process group of their own, at once: sessions are
/// cut, as they are with Dovecot, and its databases outlive that.
pub fn stop(child: &mut Child) -> Outcome<()> {
    let group = i32::try_from(child.id()).ok();
    let group = group.and_then(Pid::from_raw);
    let group = group.ok_or_else(|| Failure::new("Cyrus has no process id"))?;
    // The master first: it would start anew whatever ends before it.
    let _ = kill_process(group, Signal::KILL);
    child.wait().during("waiting for Cyrus")?;
    let _ = kill_process_group(group, Signal::KILL);
    while waitpgid(group, WaitOptions::empty()).is_ok() {}
    Ok(())
}

/// Whether there is a Cyrus on this machine; where there is none, why.
pub fn look() -> Outcome<()> {
    programs().map(drop)
}

fn programs() -> Outcome<Programs> {
    let unpacked = std::env::var_os("POSTERN_CYRUS").map(PathBuf::from);
    let root = unpacked.clone().unwrap_or_else(|| PathBuf::from("/"));
    let found = Programs {
        master: root.join("usr/sbin/cyrmaster"),
        imapd: root.join("usr/lib/cyrus/bin/imapd"),
        idled: root.join("usr/lib/cyrus/bin/idled"),
        libraries: unpacked.map(|root| {
            let mut folders = BTreeSet::new();
            folders_of_libraries(&root, &mut folders);
            folders.into_iter().collect::<Vec<_>>().join(":")
        }),
    };
    let missing = [&found.master, &found.imapd, &found.idled]
        .into_iter()
        .find(|p| !p.exists());
    match missing {
        None => Ok(found),
        Some(path) => Err(Failure::new(format!(
            "no Cyrus here ({} is missing): install cyrus-imapd, or unpack it with its libraries \
             (dpkg -x) and name the folder in POSTERN_CYRUS",
            path.display()
        ))),
    }
}

fn folders_of_libraries(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            folders_of_libraries(&entry.path(), into);
        } else if entry.file_name().to_string_lossy().contains(".so") {
            into.insert(folder.display().to_string());
        }
    }
}

fn write_config(
    plan: &Options,
    programs: &Programs,
    dir: &Path,
    owner: &Owner,
    ports: (u16, u16),
) -> Outcome<()> {
    let at = dir.display();
    let user = &owner.user;
    // The layout of a new Cyrus (folders beside INBOX, slashes), or that of an old one.
    let (alt, slashes) = match plan.inbox_prefix {
        None => ("yes", "yes"),
        Some('/') => ("no", "yes"),
        Some(_) => ("no", "no"),
    };
    let plaintext = if plan.tls_only { "no" } else { "yes" };
    let without = match plan.without.is_empty() {
        true => String::new(),
        false => format!("suppress_capabilities: {}\n", plan.without.join(" ")),
    };
    // By itself it writes an X for each octet beyond ASCII in a header section (`munge8bit`), before
    // anybody sees the message; here mail must lie as it was put in.
    let settings = format!(
        "configdirectory: {at}/conf\npartition-default: {at}/spool\ndefaultpartition: default\n\
         cyrus_user: {user}\nservername: localhost\nallowplaintext: {plaintext}\n\
         sasl_pwcheck_method: saslauthd\nsasl_saslauthd_path: {at}/sock/auth\nsasl_mech_list: PLAIN\n\
         altnamespace: {alt}\nunixhierarchysep: {slashes}\nvirtdomains: userid\ndefaultdomain: localhost\nautocreate_quota: 0\n\
         tls_server_cert: {at}/server.pem\ntls_server_key: {at}/server.key\n\
         idlesocket: {at}/sock/idle\nlmtpsocket: {at}/sock/lmtp\nnotifysocket: {at}/sock/notify\n\
         failedloginpause: 0\nmunge8bit: no\n{without}{}\n",
        plan.extra.join("\n")
    );
    fs::write(dir.join("imapd.conf"), settings).during("writing imapd.conf")?;
    let imapd = programs.imapd.display();
    let config = format!("-C {at}/imapd.conf");
    let services = format!(
        "START {{\n}}\nSERVICES {{\n\
         \x20 imap cmd=\"{imapd} {config}\" listen=\"127.0.0.1:{}\" prefork=0\n\
         \x20 imaps cmd=\"{imapd} -s {config}\" listen=\"127.0.0.1:{}\" prefork=0\n}}\n\
         DAEMON {{\n idled cmd=\"{} {config}\"\n}}\nEVENTS {{\n}}\n",
        ports.0,
        ports.1,
        programs.idled.display(),
    );
    fs::write(dir.join("cyrus.conf"), services).during("writing cyrus.conf")
}

fn launch(programs: &Programs, dir: &Path, ports: (u16, u16)) -> Outcome<Child> {
    use std::os::unix::process::CommandExt as _;
    let mut command = wholly_as_owner(&programs.master);
    command
        .args(["-D", "-C", "imapd.conf", "-M", "cyrus.conf", "-p", "pid"])
        .current_dir(dir)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(libraries) = &programs.libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    // What its master leaves behind is ours to wait for.
    set_child_subreaper(Some(getpid())).during("adopting what Cyrus starts")?;
    let mut child = command.spawn().during("starting Cyrus")?;
    if server::comes_up(&mut child, ports.0, Duration::from_secs(90))? {
        return Ok(child);
    }
    let _ = stop(&mut child);
    Err(Failure::new("Cyrus did not start; syslog has its words"))
}

/// Answers Cyrus's questions about passwords for as long as this process lives.
fn serve_passwords(dir: &Path) -> Outcome<()> {
    let socket = dir.join("sock/auth");
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).during("listening for questions about passwords")?;
    let dir = dir.to_path_buf();
    std::thread::spawn(move || {
        for asked in listener.incoming().flatten() {
            // An asker that hangs up has its answer: none.
            let _ = answer(asked, &dir);
        }
    });
    Ok(())
}

/// One question in the protocol of `saslauthd`: four strings, each behind its length in two octets
/// (user, password, service, realm), and a string in answer.
fn answer(mut asked: UnixStream, dir: &Path) -> std::io::Result<()> {
    let mut strings = Vec::new();
    for _ in 0..4 {
        let mut length = [0; 2];
        asked.read_exact(&mut length)?;
        let mut string = vec![0; usize::from(u16::from_be_bytes(length))];
        asked.read_exact(&mut string)?;
        strings.push(String::from_utf8_lossy(&string).into_owned());
    }
    let (user, password, realm) = (&strings[0], &strings[1], &strings[3]);
    let user = match realm.is_empty() {
        true => user.clone(),
        false => format!("{user}@{realm}"),
    };
    let users = fs::read_to_string(dir.join("users"))?;
    let right = format!("{user}:{{PLAIN}}{password}");
    let (said, line) = match users.lines().any(|l| l == right) {
        true => ("OK", format!("Login: user=<{user}>\n")),
        false => ("NO", format!("Password mismatch: user=<{user}>\n")),
    };
    let mut log = fs::File::options().append(true).open(dir.join("log"))?;
    log.write_all(line.as_bytes())?;
    asked.write_all(&[0, said.len() as u8])?;
    asked.write_all(said.as_bytes())
}
