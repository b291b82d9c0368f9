//! Ways between two programs, and what may become of them.
#![allow(dead_code, clippy::unwrap_used)] // Each test program uses its own part of it.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Passes octets both ways until one end has no more.
pub fn join(mut near: TcpStream, mut far: TcpStream) {
    let (mut far_in, mut near_out) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut far_in, &mut near_out));
    let _ = std::io::copy(&mut near, &mut far);
}

/// A way to `to` that ends with the first octets of the first connection, and stands from then on.
pub fn cut_once(to: SocketAddr) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        first.read_exact(&mut [0]).unwrap();
        drop(first);
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect(to).unwrap());
            join(near, far);
        }
    });
    port
}
