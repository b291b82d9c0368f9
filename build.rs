//! One word to the linker: addresses that are only moved by where the program lies are packed
//! (DT_RELR), a thirtieth of their room.
//!
//! glibc 2.36 or newer reads them, which is Debian 12's; a linker that can't make them warns and
//! makes the usual ones.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |what: &str, wanted: &str| std::env::var(what).is_ok_and(|found| found == wanted);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
