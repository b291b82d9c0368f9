//! TLS that is too old, and certificates that nobody should believe: `openssl s_server` shows them.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use native_tls::{Identity, TlsAcceptor};
use postern::mailbox::probe::{Outcome, What};
use postern::mailbox::{Account, Refusal, Security, Session, Spoken, Wanted};
use postern::world::tls::Blemish;
use postern::world::{Secret, Trust, World};

use crate::dovecot::{free_port, Dovecot, Odd};
use crate::{probed, refused};

/// An authority, and keys and certificates of several kinds for localhost; `weak` and `forged` are of
/// the authority, so that nothing else is wrong with them.
const CERTIFICATES: &str = r#"
    set -e
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 \
        -subj "/CN=Test authority" -addext "basicConstraints=critical,CA:TRUE"
    printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' > ext
    printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\n' > ca.cnf
    printf 'default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n' >> ca.cnf
    touch index
    openssl req -newkey rsa:2048 -nodes -keyout key -out csr -subj "/CN=localhost"
    openssl req -newkey rsa:1024 -nodes -keyout short.key -out short.csr -subj "/CN=localhost"
    sign() { openssl ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -extfile ext "$@"; }
    sign -in csr -out expired.pem -startdate 20200101000000Z -enddate 20210101000000Z
    sign -in csr -out early.pem -startdate 20480101000000Z -enddate 20490101000000Z
    sign -in csr -out forged.pem -days 30 -md sha1
    sign -in csr -out fine.pem -days 30
    sign -in short.csr -out weak.pem -days 30
    openssl req -x509 -key key -out own.pem -days 30 -subj "/CN=localhost" \
        -addext "subjectAltName=DNS:localhost"
    for name in expired early forged fine own; do cp key $name.key; done
    cp short.key weak.key
"#;

/// A server that shakes hands, and what it shows; ends with its value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(dir: &Path, name: &str, options: &[&str]) -> Option<Self> {
        let port = free_port();
        let child = Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-accept",
                &format!("127.0.0.1:{port}"),
            ])
            .args([
                "-cert",
                &format!("{name}.pem"),
                "-key",
                &format!("{name}.key"),
            ])
            .args(options)
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { child, port };
        let limit = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > limit || server.child.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with the certificates, and how to reach whoever shows one.
fn scene() -> (tempfile::TempDir, Account) {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("sh")
        .args(["-c", CERTIFICATES])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{said}");
    let account = Account {
        host: "localhost".to_owned(),
        port: 0,
        security: Security::Tls,
        trust: Trust::Authorities(fs::read_to_string(dir.path().join("ca.pem")).unwrap()),
        username: "user".to_owned(),
        password: Secret::new("secret".to_owned()),
        timeout: Duration::from_secs(10),
    };
    (dir, account)
}

/// Whether this OpenSSL can shake hands by so old a version at all.
fn speaks(port: u16, version: &str) -> bool {
    let done = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            version,
        ])
        .args(["-cipher", "ALL:@SECLEVEL=0"])
        .stdin(Stdio::null())
        .output();
    done.is_ok_and(|d| d.status.success())
}

#[test]
fn a_server_that_speaks_only_older_tls_is_named_with_a_mend() {
    let (dir, mut account) = scene();
    for version in ["-tls1", "-tls1_1"] {
        let options = [version, "-cipher", "ALL:@SECLEVEL=0"];
        let server = Server::start(dir.path(), "fine", &options);
        let Some(server) = server.filter(|s| speaks(s.port, version)) else {
            // A line that the summary of scripts/test.sh looks for.
            println!(
                "POSTERN-TEST-SKIPPED older TLS: this OpenSSL can't speak {version}, so no server here \
                 is too old"
            );
            continue;
        };
        account.port = server.port;
        assert_eq!(refused(&account), Refusal::OldTls, "{version}");
        let (_, steps) = probed(&account, &Wanted::BySpecialUse, None);
        let last = steps.into_iter().next_back().unwrap();
        assert_eq!(last.what, What::Tls);
        let Outcome::Bad { said, mend } = last.outcome else {
            panic!("{:?}", last.outcome);
        };
        assert!(
            said.contains("older than 1.2") && mend.contains("TLS 1.2"),
            "{said}: {mend}"
        );
    }
}

/// Goes red when the library's words are all that is said of it.
#[test]
fn a_port_that_speaks_no_tls_is_named_with_what_to_set() {
    // As web servers do: nothing before they are asked, and this to what is no request.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
            }
        }
    });
    let mail = Dovecot::start(Odd::default());
    let plain = mail.account(Security::None).port;
    for (port, wanted, said, mend) in [
        (
            port,
            Refusal::NoTls { port },
            format!("the server does not speak TLS on port {port}"),
            "mailbox.NAME.port to the server's port for IMAP over TLS (993",
        ),
        (
            plain,
            Refusal::OtherProtocol(Spoken::PlainImap),
            "the port speaks IMAP without TLS".to_owned(),
            "mailbox.NAME.security to starttls",
        ),
    ] {
        let mut account = mail.account(Security::Tls);
        account.port = port;
        account.timeout = Duration::from_secs(4);
        assert_eq!(refused(&account), wanted);
        let (_, steps) = probed(&account, &Wanted::BySpecialUse, None);
        let Some(Outcome::Bad {
            said: is,
            mend: is_mend,
        }) = steps.into_iter().next_back().map(|s| s.outcome)
        else {
            panic!("{wanted:?} is the end");
        };
        assert!(is.contains(&said) && !is.contains("SSL"), "{is}");
        assert!(is_mend.contains(mend), "{is_mend}");
    }
}

#[test]
fn each_blemish_of_a_certificate_is_told_and_pinning_settles_it() {
    let (dir, mut account) = scene();
    for (name, wanted) in [
        ("expired", Blemish::Expired),
        ("early", Blemish::NotYetValid),
        ("own", Blemish::SelfSigned),
        ("weak", Blemish::Weak),
        ("forged", Blemish::Weak),
    ] {
        // The server would not show it otherwise.
        let options = ["-cipher", "DEFAULT:@SECLEVEL=0"];
        let server = Server::start(dir.path(), name, &options).expect(name);
        account.port = server.port;
        let Refusal::Certificate(blemish, shown) = refused(&account) else {
            panic!("{name}: a refused certificate was expected");
        };
        assert_eq!(blemish, wanted, "{name}");
        drop(server);
        let mut server = Server::start(dir.path(), name, &options).expect(name);
        let greeting = b"* BYE only a handshake was wanted\r\n";
        let mut typed = server.child.stdin.take().unwrap();
        let pinned = Account {
            port: server.port,
            trust: Trust::Pinned(shown.sha256),
            ..account.clone()
        };
        // It sends what is typed to whoever is connected, which we are sooner or later.
        let said = smol::block_on(async {
            let world = World::real();
            let typing = async {
                loop {
                    typed.write_all(greeting).unwrap();
                    smol::Timer::after(Duration::from_millis(100)).await;
                }
            };
            futures_lite::future::or(
                async { Session::connect(&world, &pinned).await.err() },
                typing,
            )
            .await
        });
        let said = said.expect("no session").to_string();
        assert!(
            said.contains("only a handshake was wanted"),
            "{name}: {said}"
        );
    }
}

/// Goes red when what was offered before the upgrade is believed after it: whoever stands in between
/// could offer a way to sign in that the server doesn't take over TLS.
#[test]
fn what_was_offered_before_starttls_is_forgotten_after_it() {
    let (dir, mut account) = scene();
    let file = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let identity = Identity::from_pkcs8(&file("fine.pem"), &file("key")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    account.port = listener.local_addr().unwrap().port();
    account.security = Security::StartTls;
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let offered = b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR] hello\r\n";
        stream.write_all(offered).unwrap();
        assert_eq!(line(&mut stream), "p1 STARTTLS");
        stream.write_all(b"p1 OK go\r\n").unwrap();
        let acceptor = TlsAcceptor::new(identity).unwrap();
        let mut stream = acceptor.accept(stream).unwrap();
        assert_eq!(line(&mut stream), "p1 CAPABILITY");
        let answer = b"* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI\r\np1 OK\r\n";
        stream.write_all(answer).unwrap();
        assert_eq!(line(&mut stream), "", "no password may be sent");
    });
    let wanted = Refusal::NoSignIn {
        offered: "LOGINDISABLED AUTH=GSSAPI".to_owned(),
    };
    assert_eq!(refused(&account), wanted);
    server.join().unwrap();
}

/// A line, octet by octet, so that nothing behind it is taken; empty at the end.
fn line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut octet = [0];
    while line.last() != Some(&b'\n') && matches!(stream.read(&mut octet), Ok(1)) {
        line.push(octet[0]);
    }
    String::from_utf8_lossy(&line).trim_end().to_owned()
}
