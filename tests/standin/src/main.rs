//! A portal that keeps postern's whole contract, with its state on disk, and goes wrong on
//! request. For tests and for the first run; nobody's tickets should live here.
//!
//! 1. `standin --listen 127.0.0.1:0 --state DIR --token T` prints one line of JSON with its
//!    address, then serves until it is killed; killing it loses nothing that it answered for.
//! 2. The contract is in `config/portal.openapi.yaml`; the routes beside it, for tests, are under
//!    `/_admin/` and listed at the top of `admin.rs`.
//! 3. A browser on this machine sees the tickets at `/` (`page`).

mod admin;
mod answer;
mod ask;
mod contract;
mod conversation;
mod directory;
mod faults;
mod notice;
mod page;
mod problem;
mod record;
mod serve;
mod state;
mod tls;
mod tokens;

use clap::Parser;
use smol::LocalExecutor;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;

/// A stand-in portal for tests.
#[derive(Parser)]
#[command(name = "standin")]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Folder that keeps everything; made when absent.
    #[arg(long)]
    state: PathBuf,
    /// The bearer token that requests must carry; none is taken but given ones with --client-id.
    #[arg(long)]
    token: String,
    /// Have a token endpoint, `/oauth/token`, for the client with this id.
    #[arg(long, requires = "client_secret")]
    client_id: Option<String>,
    /// The client's secret.
    #[arg(long, requires = "client_id")]
    client_secret: Option<String>,
    /// How long its tokens last.
    #[arg(long, default_value_t = 3600)]
    token_seconds: u64,
    /// The one scope that it may ask for; any when absent.
    #[arg(long)]
    scope: Option<String>,
    /// Path in front of the contract's routes.
    #[arg(long, default_value = "")]
    base: String,
    /// Directory to begin with, as {"users": [], "companies": []}; only for a new state.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Certificate chain; https when given.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, PKCS #8.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Authorities of which each client must show a certificate, PEM.
    #[arg(long, requires = "tls_cert")]
    tls_clients: Option<PathBuf>,
    /// Speak TLS 1.2 and nothing newer.
    #[arg(long, requires = "tls_cert")]
    tls_old: bool,
    /// Also listen without TLS, on a port of 127.0.0.1, for the routes for tests.
    #[arg(long)]
    admin: bool,
    /// Write the port here once it is listened on.
    #[arg(long)]
    port_file: Option<PathBuf>,
    /// Be a portal that keeps no idempotency keys: each post makes a new ticket.
    #[arg(long)]
    no_keys: bool,
    /// How long keys are kept, in seconds.
    #[arg(long, default_value_t = contract::KEYS_KEPT_SECONDS)]
    keep_keys: u64,
    /// Be a portal that finds no ticket by its key.
    #[arg(long)]
    no_find: bool,
    /// Be a portal that finds no ticket by what was sent and answered in it.
    #[arg(long)]
    no_conversations: bool,
    /// Largest ticket, in octets.
    #[arg(long, default_value_t = contract::TICKET_BYTES)]
    ticket_bytes: u64,
    /// Largest attachment, in octets.
    #[arg(long, default_value_t = contract::ATTACHMENT_BYTES)]
    attachment_bytes: u64,
    /// Digest of an attachment that it does not take; may be repeated.
    #[arg(long)]
    refuses: Vec<String>,
    /// Write each exchange here, a line of JSON each: for a judge of both sides.
    #[arg(long)]
    record: Option<PathBuf>,
    /// Sync each accepted write before it is answered.
    #[arg(long)]
    sync: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let manners = state::Manners {
        keeps_keys: !options.no_keys,
        keys_kept_seconds: options.keep_keys,
        finds: !options.no_find,
        finds_conversations: !options.no_conversations,
        ticket_bytes: options.ticket_bytes,
        attachment_bytes: options.attachment_bytes,
        refuses: options.refuses.clone(),
        sync: options.sync,
    };
    let state = state::State::open(&options.state, manners)?;
    let directory = directory::Directory::open(&options.state, options.directory.as_deref())?;
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(cert), Some(key)) => {
            let server = tls::Server {
                chain: fs::read(cert)?,
                key: fs::read(key)?,
                clients: options.tls_clients.as_ref().map(fs::read).transpose()?,
                old: options.tls_old,
            };
            Some(server.context()?)
        }
        _ => None,
    };
    let record = options.record.as_ref().map(fs::File::create).transpose()?;
    let listener = smol::Async::<TcpListener>::bind(options.listen)?;
    let address = listener.get_ref().local_addr()?;
    let executor = Rc::new(LocalExecutor::new());
    let portal = Rc::new(serve::Portal {
        state: RefCell::new(state),
        directory: RefCell::new(directory),
        faults: RefCell::new(faults::Faults::default()),
        log: RefCell::new(VecDeque::new()),
        record: record.map(|file| RefCell::new(record::Record(file))),
        token: options.token.clone(),
        tokens: RefCell::new(tokens(&options)),
        base: options.base.trim_end_matches('/').to_owned(),
        executor: executor.clone(),
    });
    let admin = match options.admin {
        true => Some(smol::Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?),
        false => None,
    };
    let beside = admin.as_ref().map(|a| a.get_ref().local_addr());
    announce(&options, address, beside.transpose()?)?;
    if let Some(admin) = admin {
        let serving = listen(admin, None, portal.clone());
        executor.spawn(async { drop(serving.await) }).detach();
    }
    smol::block_on(executor.run(listen(listener, tls, portal)))
}

fn tokens(options: &Options) -> Option<tokens::Tokens> {
    let client = options
        .client_id
        .clone()
        .zip(options.client_secret.clone())?;
    Some(tokens::Tokens::new(
        client,
        options.scope.clone(),
        options.token_seconds,
    ))
}

/// Says where it listens: on standard output, and in the port file.
fn announce(
    options: &Options,
    address: SocketAddr,
    admin: Option<SocketAddr>,
) -> std::io::Result<()> {
    let scheme = if options.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    let url = format!("{scheme}://{address}{}", options.base.trim_end_matches('/'));
    if let Some(path) = &options.port_file {
        // Renamed into place, so that nobody reads half a number.
        let new = path.with_extension("new");
        fs::write(&new, address.port().to_string())?;
        fs::rename(new, path)?;
    }
    println!(
        "{}",
        serde_json::json!({
            "url": url,
            "address": address.to_string(),
            "admin": admin.unwrap_or(address).to_string(),
        })
    );
    Ok(())
}

async fn listen(
    listener: smol::Async<TcpListener>,
    tls: Option<openssl::ssl::SslContext>,
    portal: Rc<serve::Portal>,
) -> Result<(), Box<dyn Error>> {
    let mut number = 0;
    loop {
        let (stream, peer): (smol::Async<TcpStream>, SocketAddr) = listener.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        number += 1;
        let connection = serve::Connection {
            number,
            local: peer.ip().is_loopback(),
            socket: stream.into(),
        };
        let portal = portal.clone();
        let executor = portal.executor.clone();
        executor
            .spawn(serve::connection(connection, tls.clone(), portal))
            .detach();
    }
}
