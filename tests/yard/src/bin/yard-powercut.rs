//! Cuts the power under a program whose files lie on a disk of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use yard::powercut::{possible, Disk};
use yard::{finish, Outcome};

/// A loop-mounted ext4 that can lose its power. Needs root.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Tries everything in a scratch folder; status 0 if this machine can do it
    Probe {
        /// Folder to try in
        scratch: PathBuf,
    },
    /// Makes an image, formats and mounts it
    Make {
        /// Image file
        image: PathBuf,
        /// Folder to mount on
        mount: PathBuf,
        /// Size in MiB
        #[arg(long, default_value_t = 256)]
        mib: u64,
    },
    /// Stops the program, cuts, kills it, and mounts again
    Cut {
        /// Image file
        image: PathBuf,
        /// Folder that it is mounted on
        mount: PathBuf,
        /// The program
        #[arg(long)]
        pid: Option<u32>,
    },
    /// Unmounts the image
    Drop {
        /// Image file
        image: PathBuf,
        /// Folder that it is mounted on
        mount: PathBuf,
    },
}

fn main() -> ExitCode {
    finish("yard-powercut", act(&Arguments::parse().command))
}

fn act(act: &Act) -> Outcome<()> {
    match act {
        Act::Probe { scratch } => possible(scratch),
        Act::Make { image, mount, mib } => {
            Disk::make(image, mount, *mib)?.keep();
            Ok(())
        }
        Act::Cut { image, mount, pid } => {
            let disk = Disk::existing(image, mount);
            let done = disk.cut(*pid);
            disk.keep();
            done
        }
        Act::Drop { image, mount } => {
            let disk = Disk::existing(image, mount);
            let done = disk.detach();
            disk.keep();
            done
        }
    }
}
