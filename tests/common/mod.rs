//! What the integration tests stand on: a real mail server, the stand-in portal, the binary itself,
//! an outside count, a disk that can lose its power.
//!
//! Everything started here dies with its value, with a panicking test, and with a test process
//! that is killed: a mail server's keeper ends when its standard input closes, everything else gets
//! SIGKILL when the thread that started it ends. So keep these values in the test that made
//! them; a static would outlive its thread. Deliberately holds no checks of its own.
#![allow(dead_code, clippy::panic, clippy::unwrap_used)]

mod mail_server;
pub mod scene;
pub mod service;

pub use mail_server::MailServer;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;

/// Bearer token between the binary and the stand-in portal.
pub const TOKEN: &str = "yard-token";
/// The mailbox that every test server has.
pub const USER: &str = "helpdesk@yard.example";
/// Its password.
pub const PASSWORD: &str = "yard-secret";

/// The program of a workspace member, built first when it is absent or older than its source.
pub fn tool(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let folder = binaries();
    BUILT.call_once(|| {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let source = ["yard", "standin"]
            .iter()
            .filter_map(|m| newest(&tests.join(m)))
            .max();
        let programs = [
            "yard-dovecot",
            "yard-cyrus",
            "yard-fill",
            "yard-census",
            "yard-powercut",
            "standin",
        ];
        let oldest = programs
            .iter()
            .map(|p| modified(&folder.join(p)))
            .min()
            .flatten();
        if oldest.is_none() || oldest < source {
            build(&folder);
        }
    });
    folder.join(name)
}

fn binaries() -> PathBuf {
    let postern = Path::new(env!("CARGO_BIN_EXE_postern"));
    postern
        .parent()
        .expect("a program lies in a folder")
        .to_path_buf()
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let target = folder
        .parent()
        .expect("a profile's folder lies in the target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "-p",
            "yard",
            "-p",
            "standin",
            "--bins",
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(
        done.is_ok_and(|s| s.success()),
        "the yard's programs did not build"
    );
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    entries
        .filter_map(|e| {
            if e.path().is_dir() {
                newest(&e.path())
            } else {
                modified(&e.path())
            }
        })
        .max()
}

/// A command whose process gets SIGKILL when the calling thread ends; the id stays the same.
fn leashed(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// A folder that is removed with the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("postern-test-")
        .tempdir()
        .expect("a temporary folder")
}

/// Asks again and again until it is so, or panics with what was waited for.
#[track_caller]
pub fn eventually(what: &str, limit: Duration, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !so() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn first_line(stdout: &mut BufReader<ChildStdout>, who: &str) -> Value {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a pipe can be read");
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{who} did not say its address: {e}"))
}

/// Where a server allows few sessions it may not have noticed yet that our last one has ended.
fn output(command: &mut Command, what: &str) -> Output {
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let output = command
            .output()
            .unwrap_or_else(|e| panic!("{what} could not be started: {e}"));
        let crowded = String::from_utf8_lossy(&output.stderr).contains("NO [LIMIT]");
        if !crowded || Instant::now() >= limit {
            return output;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn json(output: &Output, what: &str) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{what}: {e}: {said}"))
}

/// The stand-in portal.
pub struct Portal {
    child: Child,
    stdout: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    options: Vec<String>,
    listen: String,
    /// HOST:PORT of its routes for tests.
    pub address: String,
    /// What the binary is told.
    pub url: String,
}

impl Portal {
    /// Starts one that knows the yard's people, with further options of `standin`.
    pub fn start(options: &[&str]) -> Portal {
        let folder = folder();
        let directory = folder.path().join("people.json");
        let mut write = Command::new(tool("yard-fill"));
        let output = output(write.arg("--directory").arg(&directory), "yard-fill");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let options: Vec<String> = options.iter().map(|o| o.to_string()).collect();
        let (child, stdout, said) = standin(folder.path(), "127.0.0.1:0", &options);
        let text = |name: &str| said[name].as_str().expect("an address").to_string();
        let (address, url) = (text("admin"), text("url"));
        let listen = text("address");
        Portal {
            child,
            stdout,
            folder,
            options,
            listen,
            address,
            url,
        }
    }

    /// Ends the portal at once; its state stays.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again at the same address.
    pub fn start_again(&mut self) {
        self.kill();
        let (child, stdout, said) = standin(self.folder.path(), &self.listen, &self.options);
        self.address = said["admin"].as_str().expect("an address").to_string();
        self.child = child;
        self.stdout = stdout;
    }

    /// Starts it again at the same address with other options.
    pub fn start_again_with(&mut self, options: &[&str]) {
        self.options = options.iter().map(|o| o.to_string()).collect();
        self.start_again();
    }

    /// One request to its own controls, such as `POST /_admin/faults`.
    pub fn admin(&self, method: &str, path: &str, body: &str) -> Value {
        let mut tcp = TcpStream::connect(&self.address).expect("the portal listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        tcp.write_all(head.as_bytes())
            .and_then(|()| tcp.write_all(body.as_bytes()))
            .expect("sent");
        let mut all = String::new();
        tcp.read_to_string(&mut all).expect("the portal answers");
        assert!(all.starts_with("HTTP/1.1 2"), "{method} {path}: {all}");
        let (_, body) = all.split_once("\r\n\r\n").unwrap_or_default();
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// The octets that it keeps under this digest.
    pub fn octets(&self, digest: &str) -> Vec<u8> {
        let file = self.folder.path().join("state/attachments").join(digest);
        std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }

    /// All tickets that it has.
    pub fn tickets(&self) -> Vec<Value> {
        let all = self.admin("GET", "/_admin/tickets", "");
        all.as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.kill();
    }
}

fn standin(
    folder: &Path,
    listen: &str,
    options: &[String],
) -> (Child, BufReader<ChildStdout>, Value) {
    let mut command = leashed(&tool("standin"));
    command.args(["--listen", listen, "--token", TOKEN]);
    command.arg("--state").arg(folder.join("state"));
    command
        .arg("--directory")
        .arg(folder.join("people.json"))
        .args(options);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("the stand-in can be started");
    let mut stdout = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let said = first_line(&mut stdout, "standin");
    (child, stdout, said)
}

/// The binary under test, running.
pub struct Postern {
    child: Child,
    out: PathBuf,
}

impl Postern {
    /// Starts it; what it says goes to files in `folder`, each start to new ones.
    pub fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Postern {
        let number = fs::read_dir(folder).map_or(0, |entries| entries.count());
        let out = folder.join(format!("postern-{number}"));
        let file = |ending: &str| File::create(out.with_extension(ending)).expect("a file for it");
        let mut command = leashed(Path::new(env!("CARGO_BIN_EXE_postern")));
        command.args(arguments).envs(environment.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"));
        let child = command.spawn().expect("the binary can be started");
        Postern { child, out }
    }

    /// Runs it to its end.
    pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        Postern::run_with_input(arguments, environment, "")
    }

    /// Runs it to its end with something on its standard input.
    pub fn run_with_input(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
        let mut command = leashed(Path::new(env!("CARGO_BIN_EXE_postern")));
        command.args(arguments).envs(environment.iter().copied());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be started");
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without reading what it did not ask for.
            let _ = stdin.write_all(input.as_bytes());
        }
        child
            .wait_with_output()
            .expect("the binary can be waited for")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a child has an id");
        let _ = kill_process(pid, signal);
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and waits.
    #[track_caller]
    pub fn stop(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended(limit)
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        eventually("the binary ends", limit, || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written to standard output so far.
    pub fn out(&self) -> String {
        fs::read_to_string(self.out.with_extension("out")).unwrap_or_default()
    }

    /// What it has written to standard error so far.
    pub fn err(&self) -> String {
        fs::read_to_string(self.out.with_extension("err")).unwrap_or_default()
    }
}

impl Drop for Postern {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A disk that can lose its power; unmounted with its value.
pub struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// Makes and mounts one, or says loudly why this machine can't.
    pub fn make(mib: u64) -> Option<Disk> {
        let disk = Disk { folder: folder() };
        let size = mib.to_string();
        let done = disk.powercut("make", &["--mib", &size]);
        if !done.status.success() {
            let why = String::from_utf8_lossy(&done.stderr).into_owned();
            eprintln!("\n*** SKIPPED: no power cut on this machine (root and ext4 on a loop device are needed): {why}");
            return None;
        }
        Some(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Cuts the power under the binary, which is dead afterwards, and mounts the disk again.
    #[track_caller]
    pub fn cut(&self, postern: &mut Postern) {
        let done = self.powercut("cut", &["--pid", &postern.id().to_string()]);
        postern.kill();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn powercut(&self, act: &str, options: &[&str]) -> Output {
        let mut command = Command::new(tool("yard-powercut"));
        command
            .arg(act)
            .arg(self.folder.path().join("image"))
            .arg(self.path())
            .args(options);
        output(&mut command, "yard-powercut")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.powercut("drop", &[]);
    }
}
