//! What keeps the process small, set once before anything else.
//!
//! Few arenas for the allocator: with one, the threads wait for each other at every turn (measured: a
//! third of a drain's processor time), and each one more keeps what it once had. And certificate
//! authorities by their hashed folder: each TLS connection has a context of its own, and the one large
//! file that OpenSSL would read for each costs 3 MiB, where the folder costs the one authority that is
//! needed.
//!
//! The one place with `unsafe` in this program: glibc's `mallopt` and `malloc_trim` have no safe face.
//! Other C libraries have no such arenas, and are left alone.

use std::env;
use std::fs;
use std::path::Path;

/// Where Debian keeps the authorities, one to a file, found by hash.
const AUTHORITIES: &str = "/etc/ssl/certs";

/// Sets all of it. To be called before the first thread is started.
pub fn keep_small() {
    keep_few_arenas();
    let said = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
    // What the operator said about authorities stands.
    if said.iter().all(|name| env::var_os(name).is_none()) && is_hashed(Path::new(AUTHORITIES)) {
        env::set_var("SSL_CERT_FILE", "/dev/null");
        env::set_var("SSL_CERT_DIR", AUTHORITIES);
    }
}

/// Whether the folder's certificates can be found by hash (`openssl rehash`).
fn is_hashed(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|e| e.path().extension().is_some_and(|x| x == "0"))
    })
}

/// Has the allocator keep few arenas, and give back what is free at its end beyond half a MiB.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn keep_few_arenas() {
    /// The executor's, the writer's, and one for all others.
    const ARENAS: libc::c_int = 3;
    const HALF_MIB: libc::c_int = 512 * 1024;
    // SAFETY: `mallopt` takes two integers, touches only the allocator's own parameters, and is
    // called while there is one thread. A refusal (0) leaves the defaults, which is no error.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        libc::mallopt(libc::M_TRIM_THRESHOLD, HALF_MIB);
    }
}

/// Gives back to the system what the allocator holds and nobody uses, some milliseconds' work: for
/// the end of something large.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
pub fn give_back() {
    // SAFETY: `malloc_trim` locks each arena in turn, and takes and returns integers only.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(target_env = "gnu"))]
fn keep_few_arenas() {}

/// Other C libraries give back by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    fn resident_pages() -> u64 {
        let statm = fs::read_to_string("/proc/self/statm").expect("the kernel's account");
        let mut fields = statm.split(' ').skip(1);
        fields.next().and_then(|n| n.parse().ok()).expect("pages")
    }

    #[test]
    fn what_nobody_uses_is_given_back_from_between_what_is_used() {
        let mut taken: Vec<Vec<u8>> = (0..16_384).map(|_| vec![7; 4_000]).collect();
        let mut number = 0;
        taken.retain(|_| {
            number += 1;
            number % 64 == 0
        });
        let before = resident_pages();
        give_back();
        let given = before.saturating_sub(resident_pages());
        // Of 64 MiB; other tests take and leave some meanwhile.
        assert!(given > 10_000, "{given} pages");
    }
}
