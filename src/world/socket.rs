//! The Unix socket on which the service is spoken to: binding, dialling, and who is at the other
//! end. What is said over it is `control`'s.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use smol::net::unix::{UnixListener, UnixStream};

use super::net::BoxConnection;

/// Octets of a socket's path (unix(7): 108, the last of which is zero).
const PATH_BYTES: usize = 107;

/// A path that is too long is an `InvalidFilename`, whatever the libraries would call it.
fn fits(path: &Path) -> io::Result<()> {
    match path.as_os_str().len() {
        ..=PATH_BYTES => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidFilename,
            format!("the path of a socket has {PATH_BYTES} octets at most"),
        )),
    }
}

/// A bound socket; its name goes when this is dropped.
pub struct Listener {
    inner: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Binds `path` for the owner and its group (mode 0660). A socket that an earlier run left is
    /// replaced: the caller holds the store's lock, so nobody listens on it; anything else is not.
    pub fn bind(path: &Path) -> io::Result<Self> {
        fits(path)?;
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        // Nobody may come in between the binding and the mode.
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let bound = UnixListener::bind(path);
        rustix::process::umask(before);
        let inner = bound?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Self {
            inner,
            path: path.to_owned(),
        })
    }

    /// The next caller, and the user that it runs as.
    pub async fn accept(&self) -> io::Result<(BoxConnection, u32)> {
        let (stream, _) = self.inner.accept().await?;
        let caller = rustix::net::sockopt::socket_peercred(&stream)?;
        Ok((Box::new(stream), caller.uid.as_raw()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A name that stays is replaced by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Connects to the socket at `path`.
pub async fn dial(path: &Path) -> io::Result<BoxConnection> {
    fits(path)?;
    Ok(Box::new(UnixStream::connect(path).await?))
}

/// The process that listens on the socket at `path`, where one answers there; without its number
/// where the kernel doesn't tell.
pub async fn listener_of(path: &Path) -> io::Result<Option<u32>> {
    let stream = UnixStream::connect(path).await?;
    let peer = rustix::net::sockopt::socket_peercred(&stream).ok();
    Ok(peer.map(|peer| peer.pid.as_raw_nonzero().get().unsigned_abs()))
}

/// The name of the user with that number, or the number where it has none here.
pub fn user_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

/// The user that this process runs as.
pub fn own_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The name of the user that this process runs as.
pub fn own_name() -> String {
    user_name(own_id())
}
