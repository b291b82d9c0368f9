//! Fills a mailbox with the sample or with mail by the thousand, and writes the manifest.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use yard::bulk::Size;
use yard::fill::{append, entry, Manifest};
use yard::imap::{quoted, Imap, Target};
use yard::mime::{Letter, Part};
use yard::{bulk, finish, people, sample, Outcome, While};

/// Appends mail to a mailbox. Example: yard-fill --port 10143 --count 10000 --size 4k
/// --manifest m.json
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The help-desk sample: about sixty mails of every kind
    #[arg(long)]
    sample: bool,
    /// How many generated mails
    #[arg(long, default_value_t = 0)]
    count: usize,
    /// Their size: 4k, 75k-lognormal, 25m
    #[arg(long, default_value = "4k")]
    size: Size,
    /// Draws the content; the same seed makes the same mails
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Begins the ids; another series makes other Message-IDs
    #[arg(long, default_value = "bulk")]
    series: String,
    /// Number of the first generated mail
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Also send one mail with this subject, received now
    #[arg(long)]
    send: Option<String>,
    /// Address in From of the mail to send
    #[arg(long, default_value = "priya.raman@northgate-dental.example")]
    from: String,
    /// Text of the mail to send
    #[arg(
        long,
        default_value = "It happened again. No, nobody touched it.\n\nPriya\n"
    )]
    body: String,
    /// Folder to append to, created when absent
    #[arg(long, default_value = "INBOX")]
    folder: String,
    /// Manifest to write, or to add to when it exists
    #[arg(long)]
    manifest: Option<PathBuf>,
    /// Begin the manifest anew
    #[arg(long)]
    fresh: bool,
    /// Write the directory of the known senders for the stand-in portal
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Write the mails as files into this folder instead of a mailbox
    #[arg(long)]
    files: Option<PathBuf>,
}

fn main() -> ExitCode {
    finish("yard-fill", fill(&Arguments::parse()))
}

fn fill(arguments: &Arguments) -> Outcome<()> {
    let begun = Instant::now();
    if let Some(path) = &arguments.directory {
        let text = serde_json::to_vec_pretty(&people::directory()).during("the directory")?;
        std::fs::write(path, text).during(format!("writing {}", path.display()))?;
    }
    let mut manifest = match &arguments.manifest {
        Some(path) if !arguments.fresh => Manifest::read(path)?,
        _ => Manifest::default(),
    };
    manifest.cutoff = yard::mime::iso_date(sample::CUTOFF);
    let generated = (arguments.first..arguments.first + arguments.count).map(|number| {
        // So far apart that nobody writes a storm, over a month and a half.
        let received = sample::MONDAY + number as i64 * 10 % 4_000_000;
        bulk::mail(
            &arguments.series,
            arguments.seed,
            number,
            arguments.size,
            received,
        )
    });
    let sampled = match arguments.sample {
        true => sample::mails(arguments.seed),
        false => Vec::new(),
    };
    let mails = sampled.into_iter().chain(generated).chain(sent(arguments));
    let note = |mail: &yard::mime::Made| manifest.mails.push(entry(mail, sample::CUTOFF));
    let (count, octets) = if let Some(folder) = &arguments.files {
        write_files(folder, mails, note)?
    } else if arguments.sample || arguments.count > 0 || arguments.send.is_some() {
        let mut imap = Imap::sign_in(&arguments.target)?;
        if !arguments.folder.eq_ignore_ascii_case("INBOX") {
            // Fails when the folder is there, which is as good.
            let _ = imap.command(&format!("CREATE {}", quoted(&arguments.folder)));
        }
        append(&mut imap, &arguments.folder, mails, note)?
    } else {
        (0, 0)
    };
    if let Some(path) = &arguments.manifest {
        manifest.write(path)?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let report = serde_json::json!({
        "mails": count, "octets": octets, "seconds": seconds,
        "cutoff": manifest.cutoff, "expected": manifest.counts(),
    });
    println!("{report}");
    Ok(())
}

/// The one mail of --send; its id is the time, so that each is another.
fn sent(arguments: &Arguments) -> Option<yard::mime::Made> {
    let subject = arguments.send.as_ref()?;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let known = people::PEOPLE.iter().find(|p| p.address == arguments.from);
    // The address of a stranger lives as long as this short program.
    let stranger = people::Person {
        id: "",
        name: "",
        address: Box::leak(arguments.from.clone().into_boxed_str()),
        company: "",
    };
    let id = format!("sent-{}", now.as_nanos());
    let person = known.copied().unwrap_or(stranger);
    let letter = Letter::new(id, person, subject, now.as_secs() as i64);
    Some(letter.with(Part::text("plain", "UTF-8", &arguments.body)))
}

fn write_files(
    folder: &std::path::Path,
    mails: impl Iterator<Item = yard::mime::Made>,
    mut note: impl FnMut(&yard::mime::Made),
) -> Outcome<(usize, usize)> {
    std::fs::create_dir_all(folder).during("creating the folder")?;
    let (mut count, mut octets) = (0, 0);
    for mail in mails {
        note(&mail);
        std::fs::write(folder.join(format!("{}.eml", mail.id)), &mail.octets)
            .during(format!("writing {}", mail.id))?;
        count += 1;
        octets += mail.octets.len();
    }
    Ok((count, octets))
}
