//! Two words to the linker.
//!
//! - Addresses that are only moved by where the program lies are packed (DT_RELR), a thirtieth of their room.
//!   glibc 2.36 or newer reads them, which is Debian 12's; a linker that can't make them warns and makes the usual
//!   ones.
//! - Functions that came out the same are kept once: generic code has many. Of the linkers that compilers bring or
//!   find, LLVM's can; GNU's takes the word for an error, so a program of one line is tried first.

use std::path::Path;
use std::process::{Command, Stdio};

const FOLD: &str = "-Wl,--icf=all";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |what: &str, wanted: &str| std::env::var(what).is_ok_and(|found| found == wanted);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    if is("PROFILE", "release") && folds() == Some(true) {
        println!("cargo:rustc-link-arg-bins={FOLD}");
    }
}

/// Whether the linker folds.
fn folds() -> Option<bool> {
    let folder = std::env::var_os("OUT_DIR")?;
    let source = Path::new(&folder).join("fold.rs");
    std::fs::write(&source, "fn main() {}\n").ok()?;
    let mut compiler = Command::new(std::env::var_os("RUSTC")?);
    compiler
        .arg(&source)
        .arg("--out-dir")
        .arg(&folder)
        .args(["--target", &std::env::var("TARGET").ok()?])
        .arg(format!("-Clink-arg={FOLD}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        compiler.arg("-C").arg({
            let mut word = std::ffi::OsString::from("linker=");
            word.push(linker);
            word
        });
    }
    Some(compiler.status().ok()?.success())
}
