//! What keeps the process small: set once before anything else, and given back at rest.
//!
//! The allocator is jemalloc (measured against glibc's: a sixth of a drain's processor time less, and
//! as much memory), with one arena for all threads. It must know the largest page that the kernel may
//! have: for aarch64 it takes 64 KiB unless it is told otherwise, and the scripts tell it 16 (`choose_cargo`).
//! And certificate authorities come by their hashed folder: each TLS connection has a context of its own, and
//! the one large file that OpenSSL would read for each costs 3 MiB, where the folder costs the one authority that
//! is needed.
//!
//! At rest the text and the constants of program and libraries are given back too. A start and a drain use
//! most of them, and waiting a small part: what is not used again stays unmapped (measured: 8 of 13 MiB), and is
//! the first that the kernel takes where others need room. What is used is mapped again from the file.
//!
//! The one place with `unsafe` in this program: `mallctl`, `mallopt`, `malloc_trim` and `madvise` have no safe
//! face. `mallopt` and `malloc_trim` are glibc's, for what OpenSSL takes; of another C library nothing is asked.

use std::env;
use std::ffi::{c_char, CStr};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::ptr;

/// Where Debian keeps the authorities, one to a file, found by hash.
const AUTHORITIES: &str = "/etc/ssl/certs";

/// Octets of program and libraries that waiting may need (measured: 5.2 MiB, where a look takes 7.2).
const WAITING: usize = 6 << 20;

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

/// The program's allocator, but for what C libraries take (OpenSSL), which is little and the system's.
#[cfg(not(feature = "inside"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The same, in a build whose tests count what is asked for.
#[cfg(feature = "inside")]
#[global_allocator]
static ALLOCATOR: counted::Counted = counted::Counted;

#[cfg(feature = "inside")]
pub mod counted;

/// How it is set, read before `main`: one arena, since each keeps what it once had; what is free goes back
/// after a second, and at once when `give_back` says so; and threads keep few and small pieces at
/// hand. No thread of its own: it would wake the box.
#[used]
#[allow(unsafe_code)]
// SAFETY: jemalloc declares this name as a pointer to a string that ends with a zero, for programs to set;
// nothing else has it.
#[export_name = "_rjem_malloc_conf"]
static SETTINGS: Option<&'static c_char> = Some(as_char(
    c"narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0,lg_tcache_max:9,tcache_nslots_small_max:20",
));

/// The first octet of a string, which the others follow.
#[allow(unsafe_code)]
const fn as_char(text: &'static CStr) -> &'static c_char {
    // SAFETY: a `CStr` has at least its zero, and lives as long.
    unsafe { &*text.as_ptr() }
}

/// Has the system's allocator, which C libraries use, keep one arena.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn keep_few_arenas() {
    const HALF_MIB: libc::c_int = 512 * 1024;
    // SAFETY: `mallopt` takes two integers, touches only the allocator's own parameters, and is
    // called while there is one thread. A refusal (0) leaves the defaults, which is no error.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_TRIM_THRESHOLD, HALF_MIB);
    }
}

/// Gives back to the system what both allocators hold and nobody uses, some milliseconds' work: for
/// the end of something large. Of what threads keep at hand only this one's goes.
#[allow(unsafe_code)]
pub fn give_back() {
    // All arenas.
    for order in [c"thread.tcache.flush", c"arena.4096.purge"] {
        // SAFETY: both take a name and nothing else; a refusal leaves everything as it is.
        unsafe {
            tikv_jemalloc_sys::mallctl(
                order.as_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                0,
            );
        }
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` locks each arena in turn, and takes and returns integers only.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Gives back what is not used any more: for the end of a start, and of a rush.
pub fn rest() {
    give_back();
    let_text_go();
}

/// Whether more of program and libraries is mapped than waiting needs: a look at the mailbox has brought it back,
/// or the end of a session.
pub fn is_large() -> bool {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let octets = file_pages(&statm).map(|pages| pages.saturating_mul(rustix::param::page_size()));
    octets.is_some_and(|octets| octets > WAITING)
}

/// Pages of files that are mapped, by proc(5): the third number.
fn file_pages(statm: &str) -> Option<usize> {
    statm.split_ascii_whitespace().nth(2)?.parse().ok()
}

#[allow(unsafe_code)]
fn let_text_go() {
    // Without it the process stays as large as it is: no reason to say anything.
    let Ok(maps) = fs::File::open("/proc/self/smaps") else {
        return;
    };
    // Line by line: whole it is a quarter of a MiB, which would stay.
    let lines = BufReader::new(maps).lines().map_while(Result::ok);
    for (from, octets) in texts(lines) {
        let from = ptr::with_exposed_provenance_mut(from);
        // SAFETY: the range is a whole mapping of a file, not writable, in which the kernel counts no page
        // of our own: nothing in it differs from the file, and the next call into it maps the file's
        // page again. It is still there: nothing in this program unloads a library.
        unsafe {
            libc::madvise(from, octets, libc::MADV_DONTNEED);
        }
    }
}

/// Where the mappings of program text and constants begin, and their octets, by proc(5): `from-to r-xp offset
/// device inode path`, and lines about each behind it, of which `Anonymous` tells what differs from the file. What has
/// no path is the kernel's own, or was made while the program ran.
fn texts(lines: impl Iterator<Item = String>) -> Vec<(usize, usize)> {
    let text = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let is_text = matches!(words.next()?, "r-xp" | "r--p") && words.nth(3)?.starts_with('/');
        let from = usize::from_str_radix(from, 16).ok()?;
        let to = usize::from_str_radix(to, 16).ok()?;
        is_text.then_some((from, to.checked_sub(from)?))
    };
    let (mut found, mut last) = (Vec::new(), None);
    for line in lines {
        match line.strip_prefix("Anonymous:").map(str::trim) {
            Some("0 kB") => found.extend(last.take()),
            Some(_) => last = None,
            // Other lines about a mapping are none of the next.
            None if line.starts_with(|c: char| c.is_ascii_uppercase()) => {}
            None => last = text(&line),
        }
    }
    found
}

#[cfg(not(target_env = "gnu"))]
fn keep_few_arenas() {}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    fn resident_pages() -> u64 {
        let statm = fs::read_to_string("/proc/self/statm").expect("the kernel's account");
        let mut fields = statm.split(' ').skip(1);
        fields.next().and_then(|n| n.parse().ok()).expect("pages")
    }

    #[test]
    fn text_is_what_a_file_has_and_nobody_writes() {
        let own = |line: &str, own: u32| {
            format!("{line}\nSize: 16 kB\nAnonymous:    {own} kB\nTHPeligible: 0\nVmFlags: rd ex\n")
        };
        let maps = [
            own(
                "55d0a000-55d0b000 r--p 00000000 fe:00 7 /usr/bin/postern",
                0,
            ),
            own(
                "55d0b000-55d0f000 r-xp 00001000 fe:00 7 /usr/bin/postern",
                0,
            ),
            own(
                "55d0f000-55d10000 rwxp 00005000 fe:00 7 /usr/bin/postern",
                0,
            ),
            own(
                "55d20000-55d21000 r-xp 00000000 fe:00 8 /usr/lib/patched.so",
                4,
            ),
            own("7f000000-7f002000 r-xp 00000000 00:00 0", 0),
            own("7f003000-7f004000 r-xp 00000000 00:00 0 [vdso]", 0),
            own("7f005000-7f006000 r-xs 00000000 fe:00 9 /tmp/other", 0),
            "damaged\n7f007000-7f008000 r-xp 00000000 fe:00 9 /tmp/cut\n".to_owned(),
        ]
        .concat();
        assert_eq!(
            texts(maps.lines().map(str::to_owned)),
            [(0x55d0_a000, 0x1000), (0x55d0_b000, 0x4000)]
        );
    }

    #[test]
    fn pages_of_files_are_read_from_what_the_kernel_tells() {
        assert_eq!(file_pages("9000 3004 1843 411 0 2500 0\n"), Some(1843));
        assert_eq!(file_pages(""), None);
        let now = fs::read_to_string("/proc/self/statm").expect("the kernel's account");
        assert!(file_pages(&now).is_some_and(|pages| pages > 0));
    }

    #[test]
    fn a_rest_gives_text_back_and_the_program_goes_on() {
        let file_pages = || {
            let status = fs::read_to_string("/proc/self/status").expect("the kernel's account");
            let line = status.lines().find(|l| l.starts_with("RssFile:"));
            let kib = line.and_then(|l| l.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
            kib.expect("KiB")
        };
        let before = file_pages();
        rest();
        let after = file_pages();
        // Other tests call some of it at the same moment.
        assert!(after < before, "{before} KiB, then {after}");
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

    /// Goes red where the allocator does not find its settings: it says nothing of that.
    #[test]
    #[allow(unsafe_code)]
    fn the_allocator_has_its_settings() {
        let mut arenas = 0_u32;
        let mut length = size_of::<u32>();
        // SAFETY: `opt.narenas` is an unsigned int (jemalloc(3)), which is read into one of that length.
        let code = unsafe {
            tikv_jemalloc_sys::mallctl(
                c"opt.narenas".as_ptr(),
                ptr::from_mut(&mut arenas).cast(),
                &raw mut length,
                ptr::null_mut(),
                0,
            )
        };
        assert_eq!((code, arenas), (0, 1));
        for (name, wanted) in [(c"opt.dirty_decay_ms", 1000), (c"opt.muzzy_decay_ms", 0)] {
            let mut set = -1_isize;
            let mut length = size_of::<isize>();
            // SAFETY: both are of the type `ssize_t` (jemalloc(3)), read into one of that length.
            let code = unsafe {
                tikv_jemalloc_sys::mallctl(
                    name.as_ptr(),
                    ptr::from_mut(&mut set).cast(),
                    &raw mut length,
                    ptr::null_mut(),
                    0,
                )
            };
            assert_eq!((code, set), (0, wanted), "{name:?}");
        }
    }
}
