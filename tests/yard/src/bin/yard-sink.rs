//! The bare sink: takes what is posted, as fast as this machine can, and keeps nothing.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use yard::sink::{ceiling, serve, Counts, Documents};
use yard::{finish, Outcome, While};

/// Serves a portal that is only fast. Prints one JSON line with its address;
/// GET /_counts tells what it has seen.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Answer to GET ping; a usual one when absent
    #[arg(long)]
    ping_file: Option<PathBuf>,
    /// Answer to GET directory, a whole page; the yard's people when absent
    #[arg(long)]
    directory_file: Option<PathBuf>,
    /// Measure how many posts a second it takes, print that, and end
    #[arg(long)]
    ceiling: bool,
    /// Posts of the measurement
    #[arg(long, default_value_t = 50_000)]
    posts: usize,
    /// Octets of each body of the measurement
    #[arg(long, default_value_t = 4096)]
    size: usize,
    /// Connections of the measurement
    #[arg(long, default_value_t = 1)]
    connections: usize,
}

fn main() -> ExitCode {
    finish("yard-sink", sink(&Arguments::parse()))
}

fn sink(arguments: &Arguments) -> Outcome<()> {
    let documents = documents(arguments)?;
    let listener = TcpListener::bind(&arguments.listen).during("listening")?;
    let address = listener.local_addr().during("listening")?.to_string();
    let counts = Arc::new(Counts::default());
    if arguments.ceiling {
        std::thread::spawn(move || serve(&listener, documents, &counts));
        let rate = ceiling(
            &address,
            arguments.posts,
            arguments.size,
            arguments.connections,
        )?;
        let (size, connections) = (arguments.size, arguments.connections);
        let line = serde_json::json!({"rate": rate, "size": size, "connections": connections});
        println!("{line}");
        return Ok(());
    }
    println!(
        "{}",
        serde_json::json!({"address": address, "url": format!("http://{address}")})
    );
    std::io::stdout().flush().during("writing the address")?;
    serve(&listener, documents, &counts)
}

fn read(path: &PathBuf) -> Outcome<String> {
    std::fs::read_to_string(path).during(format!("reading {}", path.display()))
}

/// The usual documents, with those of the command line in their place.
fn documents(arguments: &Arguments) -> Outcome<Documents> {
    let mut documents = Documents::usual();
    if let Some(path) = &arguments.ping_file {
        documents.ping = read(path)?;
    }
    if let Some(path) = &arguments.directory_file {
        documents.directory = read(path)?;
    }
    Ok(documents)
}
