//! From nothing to a signed-in session: dial, TLS, greeting, STARTTLS, sign-in.
//!
//! Nothing is sent before the greeting was read, STARTTLS never falls back, and what was learned
//! before it is forgotten. When something fails a second look may be taken, over a connection of
//! its own on which nothing is ever sent, to say why.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::capability::Abilities;
use super::commands::{pipeline, State};
use super::guard::{End, Guard};
use super::verdict;
use super::wire::Wire;
use super::{id, sign_in, Imap};
use crate::mailbox::{Account, Fault, Loss, Refusal, Security, Spoken};
use crate::world::tls::{explain, TlsFault};
use crate::world::{BoxConnection, Certificate, Clock, DialFault, Secured, Tick, Trust, World};

/// The least that an answer may take after sign-in, from its last octet on: a connection that is dead
/// is noticed within a minute.
const PATIENCE_MIN: Duration = Duration::from_secs(55);

/// How far a connection got, for whoever wants to show it.
pub(super) enum Reached {
    /// TCP is there.
    Connected,
    /// TLS is there.
    Secured(Option<Certificate>),
    /// The server greeted as an IMAP server does.
    Greeted(String),
}

/// The one deadline of everything up to sign-in.
struct Allowed {
    clock: Arc<dyn Clock>,
    deadline: Tick,
    timeout: Duration,
}

impl Allowed {
    /// So much, from now on.
    fn of(world: &World, timeout: Duration) -> Self {
        Self {
            clock: Arc::clone(&world.clock),
            deadline: world.clock.tick().plus(timeout),
            timeout,
        }
    }

    async fn within<T>(&self, doing: &str, work: impl Future<Output = T>) -> Result<T, Fault> {
        let left = self.deadline.since(self.clock.tick());
        self.clock
            .within(left, work)
            .await
            .ok_or_else(|| self.silent(doing))
    }

    fn silent(&self, doing: &str) -> Fault {
        Fault::Lost {
            doing: doing.to_owned(),
            why: Loss::Silent {
                after: self.timeout,
            },
        }
    }
}

/// Connects and signs in.
pub(in crate::mailbox) async fn connect(world: &World, account: &Account) -> Result<Imap, Fault> {
    connect_showing(world, account, &mut |_| {}).await
}

/// Connects and signs in, telling how far it got.
pub(super) async fn connect_showing(
    world: &World,
    account: &Account,
    reached: &mut dyn FnMut(Reached),
) -> Result<Imap, Fault> {
    let allowed = Allowed::of(world, account.timeout);
    let connection = dial(world, account, &allowed).await?;
    reached(Reached::Connected);
    let patience = account.timeout.max(PATIENCE_MIN);
    let clock = || Arc::clone(&world.clock);
    let (wire, greeted) = match account.security {
        Security::Tls => {
            let secured = secure(world, account, connection, &allowed).await?;
            reached(Reached::Secured(secured.certificate));
            let mut guard = Guard::new(secured.connection, clock());
            let greeting = greeting(world, account, &mut guard, &allowed).await?;
            reached(Reached::Greeted(greeting.clone()));
            (
                Wire::new(guard, clock(), patience),
                Abilities::in_greeting(&greeting),
            )
        }
        Security::StartTls => {
            let mut guard = Guard::new(connection, clock());
            let greeting = greeting(world, account, &mut guard, &allowed).await?;
            reached(Reached::Greeted(greeting));
            let wire = Wire::new(guard, clock(), patience);
            let doing = "starting TLS";
            let plain = allowed.within(doing, start_tls(wire)).await??;
            let secured = secure(world, account, plain, &allowed).await?;
            reached(Reached::Secured(secured.certificate));
            let guard = Guard::new(secured.connection, clock());
            (Wire::new(guard, clock(), patience), None)
        }
        Security::None => {
            let mut guard = Guard::new(connection, clock());
            let greeting = greeting(world, account, &mut guard, &allowed).await?;
            reached(Reached::Greeted(greeting.clone()));
            (
                Wire::new(guard, clock(), patience),
                Abilities::in_greeting(&greeting),
            )
        }
    };
    let mut wire = wire;
    let work = sign_in::sign_in(&mut wire, account, greeted);
    let abilities = allowed.within(sign_in::DOING, work).await??;
    let mut imap = Imap {
        wire,
        abilities,
        vendor: None,
        state: State::default(),
    };
    allowed
        .within(id::DOING, imap.introduce())
        .await
        .and_then(|done| done)?;
    Ok(imap)
}

async fn dial(world: &World, account: &Account, allowed: &Allowed) -> Result<BoxConnection, Fault> {
    let doing = format!("connecting to {} port {}", account.host, account.port);
    let dialled = allowed
        .within(&doing, world.net.dial(&account.host, account.port))
        .await?;
    dialled.map_err(|fault| Fault::Lost {
        doing,
        why: match fault {
            DialFault::Name { host, source } => Loss::Name {
                host,
                said: source.to_string(),
            },
            DialFault::Refused { address } => Loss::NothingListens { address },
            DialFault::Unreachable { address, source } => Loss::Unreachable {
                address,
                said: source.to_string(),
            },
        },
    })
}

async fn secure(
    world: &World,
    account: &Account,
    connection: BoxConnection,
    allowed: &Allowed,
) -> Result<Secured, Fault> {
    let doing = format!("securing the connection to {}", account.host);
    let work = world
        .net
        .secure(connection, &account.host, &account.trust, None);
    let fault = match allowed.within(&doing, work).await? {
        Ok(secured) => return Ok(secured),
        Err(fault) => fault,
    };
    let of_certificate = fault.is_of_certificate();
    let why = match fault {
        TlsFault::TooOld { .. } => Refusal::OldTls,
        TlsFault::NoTls { .. } => {
            // What waits for a request, as HTTP does, never says what it is: that is waited for briefly.
            let more = Allowed::of(world, allowed.timeout / 4);
            let spoken = match account.security {
                Security::Tls => spoken_plainly(world, account, &more).await.ok(),
                Security::StartTls | Security::None => None,
            };
            let port = account.port;
            spoken.map_or(Refusal::NoTls { port }, Refusal::OtherProtocol)
        }
        TlsFault::NotPinned { ref sha256, .. } => Refusal::NotPinned {
            said: fault.to_string(),
            sha256: sha256.clone(),
        },
        TlsFault::Authority { .. } => Refusal::Authority {
            said: fault.to_string(),
        },
        // No mail server is shown a certificate of ours; what wants one is told with its own words.
        TlsFault::Handshake { .. } | TlsFault::ClientRefused { .. } => {
            let said = match fault {
                TlsFault::Handshake { said, .. } => said,
                fault => fault.to_string(),
            };
            match second_look(world, account, allowed).await {
                Ok(Some(why)) if of_certificate || !matches!(why, Refusal::Certificate(..)) => why,
                // Nothing to be seen, or a handshake that was cut off and works now: the network.
                Ok(_) | Err(_) => {
                    return Err(Fault::Lost {
                        doing,
                        why: Loss::Handshake { said },
                    })
                }
            }
        }
    };
    Err(Fault::Refused { doing, why })
}

/// The certificate that the server shows, trusted or not; `None` where it shows none.
pub(in crate::mailbox) async fn certificate(
    world: &World,
    account: &Account,
) -> Result<Option<Certificate>, Fault> {
    match account.security {
        Security::None => Ok(None),
        Security::Tls | Security::StartTls => {
            look(world, account, &Allowed::of(world, account.timeout)).await
        }
    }
}

const LOOKING: &str = "looking at the certificate";

/// The certificate that a handshake shows, over a connection on which nothing follows.
async fn look(
    world: &World,
    account: &Account,
    allowed: &Allowed,
) -> Result<Option<Certificate>, Fault> {
    let doing = LOOKING;
    let mut connection = dial(world, account, allowed).await?;
    if account.security == Security::StartTls {
        let mut guard = Guard::new(connection, Arc::clone(&world.clock));
        first_line(&mut guard, allowed, doing).await?;
        let wire = Wire::new(guard, Arc::clone(&world.clock), allowed.timeout);
        connection = allowed.within(doing, start_tls(wire)).await??;
    }
    let shown = allowed
        .within(
            doing,
            world
                .net
                .secure(connection, &account.host, &Trust::ToShow, None),
        )
        .await?;
    Ok(shown.ok().and_then(|secured| secured.certificate))
}

/// Why a handshake failed: the certificate, or no TLS on that port at all.
async fn second_look(
    world: &World,
    account: &Account,
    allowed: &Allowed,
) -> Result<Option<Refusal>, Fault> {
    if let Some(certificate) = look(world, account, allowed).await? {
        let blemish = explain(&certificate, &account.host, world.clock.wall());
        return Ok(Some(Refusal::Certificate(blemish, Box::new(certificate))));
    }
    if account.security == Security::StartTls {
        return Ok(None);
    }
    let spoken = spoken_plainly(world, account, allowed).await?;
    Ok(Some(Refusal::OtherProtocol(spoken)))
}

/// What the server speaks to whoever says nothing.
async fn spoken_plainly(
    world: &World,
    account: &Account,
    allowed: &Allowed,
) -> Result<Spoken, Fault> {
    let connection = dial(world, account, allowed).await?;
    let mut guard = Guard::new(connection, Arc::clone(&world.clock));
    let line = first_line(&mut guard, allowed, LOOKING).await?;
    Ok(match spoken(&line) {
        Spoken::Unknown if begins(&line, "* ") => Spoken::PlainImap,
        other => other,
    })
}

/// Reads and judges the greeting (RFC 3501 §7.1); returns its line.
async fn greeting(
    world: &World,
    account: &Account,
    guard: &mut Guard,
    allowed: &Allowed,
) -> Result<String, Fault> {
    let doing = "reading the greeting";
    let line = match first_line(guard, allowed, doing).await {
        Ok(line) => line,
        Err(fault) => {
            let silent = matches!(
                &fault,
                Fault::Lost {
                    why: Loss::Silent { .. } | Loss::Closed,
                    ..
                }
            );
            // A server that waits for TLS says nothing, and closes in the end.
            if silent && account.security != Security::Tls {
                // All of its time belongs to the greeting: this look has a little more of its own.
                let more = Allowed::of(world, allowed.timeout / 4);
                if let Ok(true) = speaks_tls(world, account, &more).await {
                    return Err(Fault::Refused {
                        doing: doing.to_owned(),
                        why: Refusal::OtherProtocol(Spoken::Tls),
                    });
                }
            }
            return Err(fault);
        }
    };
    if begins(&line, "* OK") {
        return Ok(line);
    }
    if begins(&line, "* BYE") {
        let said = line.get("* BYE".len()..).unwrap_or("").trim();
        let code = said
            .strip_prefix('[')
            .and_then(|t| t.split([']', ' ']).next())
            .map(str::to_ascii_uppercase);
        return Err(verdict::turned_away(
            doing,
            code.as_deref(),
            verdict::cut(said),
        ));
    }
    if begins(&line, "* PREAUTH") {
        // Signed in already, as somebody: not as the account that the operator named, and with
        // STARTTLS no longer allowed (RFC 3501 §6.2.1).
        if account.security == Security::StartTls {
            return Err(Fault::Refused {
                doing: "starting TLS".to_owned(),
                why: Refusal::NoStartTls {
                    said: "it signs everyone in before (PREAUTH)".to_owned(),
                },
            });
        }
        return Err(Fault::Broken {
            doing: doing.to_owned(),
            said: "the server signs in whoever connects (PREAUTH): it can't be told which mailbox \
                   this is"
                .to_owned(),
        });
    }
    Err(Fault::Refused {
        doing: doing.to_owned(),
        why: Refusal::OtherProtocol(spoken(&line)),
    })
}

async fn first_line(guard: &mut Guard, allowed: &Allowed, doing: &str) -> Result<String, Fault> {
    let lost = |why| Fault::Lost {
        doing: doing.to_owned(),
        why,
    };
    let line = allowed.within(doing, guard.first_line()).await?;
    match line {
        Ok(line) if line.is_empty() => Err(lost(Loss::Closed)),
        Ok(line) => Ok(String::from_utf8_lossy(&line).trim_end().to_owned()),
        Err(e) => Err(lost(match guard.ended() {
            Some(End::Closed) => Loss::Closed,
            _ => Loss::Cut {
                said: e.to_string(),
            },
        })),
    }
}

async fn speaks_tls(world: &World, account: &Account, allowed: &Allowed) -> Result<bool, Fault> {
    let doing = "trying whether the port speaks TLS";
    let connection = dial(world, account, allowed).await?;
    let shown = allowed
        .within(
            doing,
            world
                .net
                .secure(connection, &account.host, &Trust::ToShow, None),
        )
        .await?;
    Ok(shown.is_ok())
}

/// Asks for TLS and gives the plain connection back. Octets that came already stand where an
/// attacker puts them: in front of the handshake, to be read after it.
async fn start_tls(mut wire: Wire) -> Result<BoxConnection, Fault> {
    let doing = "starting TLS";
    let mut state = State::default();
    let commands = ["STARTTLS".to_owned()];
    let dones = pipeline(&mut wire, &mut state, doing, &commands, &mut |_| {}).await?;
    for done in dones {
        done.map_err(|denial| Fault::Refused {
            doing: doing.to_owned(),
            why: Refusal::NoStartTls { said: denial.said },
        })?;
    }
    wire.into_clean_inner().ok_or_else(|| Fault::Broken {
        doing: doing.to_owned(),
        said: "octets came between the server's consent and the handshake: somebody may be \
               tampering with the connection"
            .to_owned(),
    })
}

fn begins(line: &str, with: &str) -> bool {
    line.get(..with.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// Which protocol begins with this line.
fn spoken(line: &str) -> Spoken {
    let upper = line.to_ascii_uppercase();
    if upper.starts_with("220") && upper.contains("FTP") && !upper.contains("SMTP") {
        Spoken::Ftp
    } else if upper.starts_with("220") || upper.starts_with("554") || upper.starts_with("421") {
        Spoken::Smtp
    } else if upper.starts_with("+OK") || upper.starts_with("-ERR") {
        Spoken::Pop3
    } else if upper.starts_with("HTTP/") || upper.starts_with('<') {
        Spoken::Http
    } else if upper.starts_with("SSH-") {
        Spoken::Ssh
    } else {
        Spoken::Unknown
    }
}

#[cfg(test)]
mod tests;
