//! How long the portal is waited for: not longer than the operator said while it keeps silent, and
//! as long as it takes while something moves.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::common::service::Site;

#[test]
fn a_portal_that_keeps_silent_is_given_up_after_the_time_that_was_set() {
    let mut site = Site::ready_with(&[], &[], "", "timeout_ms = 3000");
    site.start_read();
    site.fault(r#"[{"route": "ticket", "count": 1, "action": {"stall_ms": 120000}}]"#);
    site.send("patience");
    site.until("it was sent", |s| {
        s.portal.admin("GET", "/_admin/faults", "")[0]["acted"] == 1
    });
    let since = Instant::now();
    site.until("it was given up", |s| {
        s.list("queue").iter().any(|l| l["attempts"] == 1)
    });
    let waited = since.elapsed();
    assert!(waited > Duration::from_secs(2), "{waited:?}");
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    site.complete();
}

/// A line to the portal that takes so many octets a second, and holds few of them.
fn slow_line(to: &str, octets: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    // Before anybody connects: it is inherited.
    set_socket_recv_buffer_size(&listener, 32 << 10).expect("a small buffer");
    let address = listener.local_addr().expect("its address").to_string();
    let to = to.to_owned();
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(&to) else {
                return;
            };
            let (Ok(mut back), Ok(mut answers)) = (near.try_clone(), far.try_clone()) else {
                return;
            };
            thread::spawn(move || {
                let _ = std::io::copy(&mut answers, &mut back);
                let _ = back.shutdown(Shutdown::Both);
            });
            thread::spawn(move || crawl(near, far, octets));
        }
    });
    address
}

fn crawl(mut near: TcpStream, mut far: TcpStream, octets: usize) {
    let mut slice = vec![0; octets / 20];
    while let Ok(read) = near.read(&mut slice) {
        if read == 0 || far.write_all(&slice[..read]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let _ = far.shutdown(Shutdown::Write);
}

#[test]
fn a_large_attachment_over_a_slow_line_is_not_cut_off() {
    let mut site = Site::ready_with(&[], &[], "", "timeout_ms = 1000");
    let line = slow_line(&site.portal.address, 400 << 10);
    site.does(&[
        "settings",
        "set",
        &format!("portal.url=http://{line}"),
        "--yes",
    ]);
    let octets: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 251) as u8).collect();
    let coded = base64::engine::general_purpose::STANDARD.encode(&octets);
    let lines: Vec<&[u8]> = coded.as_bytes().chunks(76).collect();
    let mail = format!(
        "From: priya.raman@northgate-dental.example\r\nSubject: a large one\r\n\
         Message-ID: <large@yard.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=f.bin\r\n\r\n{}\r\n",
        String::from_utf8_lossy(&lines.join(&b"\r\n"[..]))
    );
    site.hand().append("INBOX", "", mail.as_bytes());
    site.start();
    site.until("it is a ticket", |s| !s.tickets("a large one").is_empty());
    site.complete();
    // Once: whatever is cut off begins anew, and may never come to an end.
    let sent = site.requests("attachment");
    assert_eq!(sent.len(), 1, "{sent:?}");
}
