//! The bare sink: takes what is posted, as fast as this machine can, and keeps nothing.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use yard::sink::{ceiling, serve, Counts, Documents};
use yard::{finish, people, Outcome, While};

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
    /// Answer to GET directory; the yard's people when absent
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
    let documents = Documents {
        ping: ping(arguments)?,
        directory: directory(arguments)?,
    };
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

fn ping(arguments: &Arguments) -> Outcome<String> {
    if let Some(path) = &arguments.ping_file {
        return read(path);
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs() as i64);
    let ping = serde_json::json!({
        "api": "1.0", "portal": "bare sink", "time": yard::mime::iso_date(now), "epoch": "sink",
        "restored_to": null, "keys_kept_seconds": 2_592_000,
        "capabilities": {"idempotency_keys": true, "find_by_key": true},
    });
    Ok(ping.to_string())
}

fn directory(arguments: &Arguments) -> Outcome<String> {
    let mut page = match &arguments.directory_file {
        Some(path) => serde_json::from_str(&read(path)?).during("parsing the directory")?,
        None => people::directory(),
    };
    if let Some(page) = page.as_object_mut() {
        page.entry("removed")
            .or_insert_with(|| serde_json::json!([]));
        page.entry("cursor")
            .or_insert_with(|| serde_json::json!("1"));
        page.entry("more")
            .or_insert_with(|| serde_json::json!(false));
    }
    Ok(page.to_string())
}
