//! libFuzzer's way in, where a nightly compiler and cargo-fuzz are. `POSTERN_FUZZ` names the target:
//!
//!     POSTERN_FUZZ=html cargo +nightly fuzz run --fuzz-dir tests/fuzz --features libfuzzer any tests/fuzz/corpus/html
//!
//! What it finds goes into the target's corpus, once it is mended.
#![no_main]

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    static RUN: OnceLock<fn(&[u8])> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        let name = std::env::var("POSTERN_FUZZ").unwrap_or_default();
        let target = fuzz::TARGETS.iter().find(|target| target.name == name);
        target.expect("POSTERN_FUZZ names a target").run
    });
    run(octets);
});
