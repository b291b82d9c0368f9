//! Secrets that the operator gives: typed without echo, as a line on standard input, or from a file.
//!
//! Never an argument; shown nowhere.

use std::path::Path;

use super::{read_file, text};
use crate::control::{Kind, Refusal, Typed, PASSPHRASE_MIN};
use crate::world::{terminal, Secret, World};

/// Octets of a secret: a token may have thousands, the key of a certificate with 16,384 bits has 13,000.
const SECRET_BYTES: usize = 16 << 10;

/// Asks for a secret. One that is PEM is too long to be typed: a terminal is asked for its file,
/// standard input has it whole.
pub(super) fn typed(world: &World, key: &str) -> Result<Typed, Refusal> {
    let shown = text::clean(key);
    if !is_pem(key) {
        return typed_as(key, &format!("{shown}: "));
    }
    match terminal::read_answer(&format!("{shown}, the file that holds it: ")) {
        Ok(Some(file)) => secret_file(world, key, &file),
        Ok(None) => taken(key, terminal::read_pem()),
        Err(fault) => taken(key, Err(fault)),
    }
}

/// Asks with this prompt: at the terminal without echo, else a line of standard input.
pub(super) fn typed_as(what: &str, prompt: &str) -> Result<Typed, Refusal> {
    taken(what, terminal::read_secret(prompt))
}

fn taken(what: &str, read: std::io::Result<Secret>) -> Result<Typed, Refusal> {
    let secret = read.map_err(|fault| match fault.kind() {
        std::io::ErrorKind::FileTooLarge => too_long(what),
        _ => Refusal::new(
            Kind::Usage,
            format!("{what} must be typed, or given as a line on standard input: {fault}"),
        ),
    })?;
    fitting(what, &secret)
}

/// Of a sensible length: what is longer is something else, by mistake, and no service would take it.
fn fitting(what: &str, secret: &Secret) -> Result<Typed, Refusal> {
    match secret.reveal().len() {
        ..=SECRET_BYTES => Ok(Typed::new(secret)),
        _ => Err(too_long(what)),
    }
}

fn too_long(what: &str) -> Refusal {
    Refusal::new(
        Kind::Usage,
        format!(
            "what was given for {what} has more than {SECRET_BYTES} octets, so it can't be that: nothing \
             was changed"
        ),
    )
}

/// A passphrase for secrets that are to be exported: twice where it is typed, since a slip would
/// only be noticed on the day when the file is needed.
pub(super) fn new_passphrase() -> Result<Typed, Refusal> {
    let what = "the passphrase";
    let prompt = format!("Passphrase for the secrets ({PASSPHRASE_MIN} characters or more): ");
    let first = typed_as(what, &prompt)?;
    if terminal::input_is_terminal()
        && typed_as(what, "The same again: ")?.secret() != first.secret()
    {
        return Err(Refusal::new(
            Kind::Usage,
            "the two passphrases differ: nothing was exported",
        ));
    }
    Ok(first)
}

/// Whether a setting holds PEM, which comes from files.
pub(super) fn is_pem(key: &str) -> bool {
    key.ends_with("_pem")
}

/// The secret in a file.
pub(super) fn secret_file(world: &World, key: &str, file: &str) -> Result<Typed, Refusal> {
    let secret = Secret::new(read_file(world, Path::new(file))?);
    fitting(key, &secret)
}
