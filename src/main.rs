//! The binary: choose the command, build the real world, run, outcome -> exit code.

fn main() {}
