//! A true power cut: a loop-mounted ext4 whose unsynced writes are gone after the cut.
//!
//! The order of a cut is: SIGSTOP the program, then the ioctl, then SIGKILL. Without the stop, a
//! sync in flight may return success after the ioctl though nothing is durable, and the program
//! would acknowledge what the disk never had. ext4 can't show a missing sync of a folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{kill_process, Pid, Signal};

use crate::{Failure, Outcome, While};

/// An image file and the folder it is mounted on; unmounted when dropped.
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// Makes an image of so many MiB, formats it and mounts it. Needs root.
    pub fn make(image: &Path, mount: &Path, mib: u64) -> Outcome<Disk> {
        let doing = format!("making {}", image.display());
        let file = File::create(image).during(&doing)?;
        file.set_len(mib << 20).during(&doing)?;
        fs::create_dir_all(mount).during(&doing)?;
        let image_name = image.to_string_lossy().into_owned();
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &image_name])?;
        let disk = Disk {
            image: image.into(),
            mount: mount.into(),
        };
        disk.attach()?;
        Ok(disk)
    }

    /// Takes charge of an image that [`Disk::make`] made.
    pub fn existing(image: &Path, mount: &Path) -> Disk {
        Disk {
            image: image.into(),
            mount: mount.into(),
        }
    }

    /// Where the disk is mounted.
    pub fn mount(&self) -> &Path {
        &self.mount
    }

    /// Mounts the image; the journal of the file system is replayed, as after a real cut.
    pub fn attach(&self) -> Outcome<()> {
        let (image, mount) = (self.image.to_string_lossy(), self.mount.to_string_lossy());
        run("mount", &["-o", "loop", &image, &mount])
    }

    /// Unmounts the image.
    pub fn detach(&self) -> Outcome<()> {
        run("umount", &[&self.mount.to_string_lossy()])
    }

    /// Cuts the power under a running program, which is dead afterwards, and mounts again.
    /// The caller still waits for its child.
    pub fn cut(&self, pid: Option<u32>) -> Outcome<()> {
        let pid = pid.and_then(|p| Pid::from_raw(p as i32));
        if let Some(pid) = pid {
            kill_process(pid, Signal::STOP).during("stopping the program")?;
            stopped(pid)?;
        }
        let cut = shut_down(&self.mount);
        if let Some(pid) = pid {
            kill_process(pid, Signal::KILL).during("killing the program")?;
            gone(pid);
        }
        cut?;
        self.detach()?;
        self.attach()
    }

    /// Stays mounted when this value ends.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a program that still holds a file must not keep the test's folder busy.
        let _ = Command::new("umount").arg("-l").arg(&self.mount).output();
    }
}

/// Whether this machine lets us cut: root, loop devices, the ioctl. Tries it for real.
pub fn possible(scratch: &Path) -> Outcome<()> {
    if !rustix::process::getuid().is_root() {
        return Err(Failure::new("a power cut needs root"));
    }
    let disk = Disk::make(&scratch.join("probe.img"), &scratch.join("probe"), 16)?;
    disk.cut(None)
}

/// SIGSTOP takes effect when the program next returns from the kernel.
fn stopped(pid: Pid) -> Outcome<()> {
    for _ in 0..2000 {
        match state(pid) {
            Some('T') | Some('Z') | None => return Ok(()),
            // One thread in an uninterruptible write stops when the write ends.
            _ => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }
    Err(Failure::new("the program did not stop within two seconds"))
}

fn gone(pid: Pid) {
    for _ in 0..5000 {
        if matches!(state(pid), None | Some('Z')) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// The worst state among the program's threads: `T` only when all have stopped.
fn state(pid: Pid) -> Option<char> {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).ok()?;
    let mut states = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    });
    let first = states.next()?;
    let all = states.all(|one| one == first);
    Some(if all { first } else { 'R' })
}

/// `EXT4_IOC_SHUTDOWN`, `_IOR('X', 125, __u32)`.
const SHUTDOWN: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<u32>(b'X', 125);
/// Neither data nor the file system's log is written out.
const WITHOUT_LOG_FLUSH: u32 = 2;

#[allow(unsafe_code)]
fn shut_down(mount: &Path) -> Outcome<()> {
    let folder = File::open(mount).during(format!("opening {}", mount.display()))?;
    // SAFETY: the opcode is that of EXT4_IOC_SHUTDOWN, whose argument is a pointer to a u32 that
    // the kernel only reads (linux/fs/ext4/ioctl.c); `Setter` passes exactly that, alive for the
    // call. Other file systems answer ENOTTY or understand it likewise.
    let done = unsafe {
        let setter = rustix::ioctl::Setter::<SHUTDOWN, u32>::new(WITHOUT_LOG_FLUSH);
        rustix::ioctl::ioctl(&folder, setter)
    };
    done.during("cutting the power")
}

fn run(what: &str, args: &[&str]) -> Outcome<()> {
    let done = Command::new(what).args(args).output().during(what)?;
    match done.status.success() {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "{what}: {}",
            String::from_utf8_lossy(&done.stderr)
        ))),
    }
}
