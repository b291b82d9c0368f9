use super::*;

/// Takes everything, and fails where it is to hand it on.
struct Buffered(io::ErrorKind);

impl Write for Buffered {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

#[track_caller]
fn ends(fault: io::ErrorKind, exit: Exit, want: Exit, said: bool) {
    let output = Output::default();
    let wrote = output.wrote(write(&mut Buffered(fault), "text"));
    assert_eq!(wrote.is_err(), said, "{fault:?}");
    assert_eq!(output.ends(exit), want, "{fault:?}");
}

#[test]
fn what_only_fails_at_the_flush_is_a_failure_and_a_reader_that_went_is_none() {
    ends(io::ErrorKind::StorageFull, Exit::Done, Exit::Failed, true);
    ends(
        io::ErrorKind::StorageFull,
        Exit::Nothing,
        Exit::Failed,
        true,
    );
    ends(io::ErrorKind::StorageFull, Exit::Usage, Exit::Usage, true);
    ends(io::ErrorKind::BrokenPipe, Exit::Done, Exit::Done, false);
}
