//! A shell on a terminal of its own (`script`), as an operator has it.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What was typed in it runs, and what its screen showed so far.
pub struct Terminal {
    shell: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    seen: String,
}

impl Terminal {
    /// Types one line of commands.
    pub fn start(typed: &str) -> Self {
        let mut shell = Command::new("script")
            .args(["--quiet", "--command", typed, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Debian's bsdutils have it");
        let keys = shell.stdin.take().expect("keys");
        let screen = shell.stdout.take().expect("a screen");
        Self {
            shell,
            keys,
            screen,
            seen: String::new(),
        }
    }

    /// Waits until the screen showed these words, and then types those.
    #[track_caller]
    pub fn types(&mut self, after: &str, typed: &[u8]) {
        let mut octets = [0; 1024];
        while !self.seen.contains(after) {
            let read = self.screen.read(&mut octets).expect("a screen");
            assert_ne!(read, 0, "{after}: {}", self.seen);
            self.seen
                .push_str(&String::from_utf8_lossy(&octets[..read]));
        }
        self.keys.write_all(typed).expect("keys");
    }

    /// All that the screen showed, once the shell has ended well.
    #[track_caller]
    pub fn ends(mut self) -> String {
        let mut rest = Vec::new();
        self.screen.read_to_end(&mut rest).expect("a screen");
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        assert!(
            self.shell.wait().expect("it ends").success(),
            "{}",
            self.seen
        );
        self.seen
    }
}
