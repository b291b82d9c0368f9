//! Signing in with a password: AUTHENTICATE PLAIN (RFC 4616), else LOGIN.
//!
//! One attempt by one mechanism: a second one after a denial would count twice towards a lock.

use async_imap::imap_proto::{Response, ResponseCode};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use zeroize::Zeroizing;

use super::capability::Abilities;
use super::commands::{done, pipeline, State};
use super::folders::quoted;
use super::verdict;
use super::wire::{Tag, Wire};
use crate::mailbox::{Account, Fault, Refusal};

pub(super) use crate::mailbox::SIGNING_IN as DOING;

/// Signs in and learns what the server can do for one who has. `known` is what its greeting told
/// over the same connection, nothing after STARTTLS.
pub(super) async fn sign_in(
    wire: &mut Wire,
    account: &Account,
    known: Option<Abilities>,
) -> Result<Abilities, Fault> {
    let before = match known {
        Some(abilities) => abilities,
        None => ask(wire).await?,
    };
    let (user, password) = (&account.username, account.password.reveal());
    if user.contains('\0') || password.contains('\0') {
        return Err(refused(Refusal::SignIn {
            said: "(not sent: a NUL can't be part of a username or password)".to_owned(),
        }));
    }
    let mut after = None;
    if before.auth_plain {
        let message = Zeroizing::new(format!("\0{user}\0{password}"));
        let response = Zeroizing::new(STANDARD.encode(message.as_bytes()));
        if before.sasl_ir {
            let line = Zeroizing::new(format!("AUTHENTICATE PLAIN {}", *response));
            let tag = wire.queue(&line);
            finish(wire, tag, Vec::new(), &mut after).await?;
        } else {
            let tag = wire.queue("AUTHENTICATE PLAIN");
            finish(wire, tag, vec![response], &mut after).await?;
        }
    } else if before.login_disabled {
        return Err(refused(Refusal::NoSignIn {
            offered: before.ways(),
        }));
    } else if is_plain(user) && is_plain(password) {
        let password = Zeroizing::new(quoted(password));
        let line = Zeroizing::new(format!("LOGIN {} {}", quoted(user), *password));
        let tag = wire.queue(&line);
        finish(wire, tag, Vec::new(), &mut after).await?;
    } else {
        // 8-bit octets and line ends go as literals (RFC 3501 §4.3), each when asked for.
        let tag = wire.queue(&format!("LOGIN {{{}}}", user.len()));
        let more = Zeroizing::new(format!("{user} {{{}}}", password.len()));
        let last = Zeroizing::new(password.to_owned());
        finish(wire, tag, vec![more, last], &mut after).await?;
    }
    match after {
        Some(abilities) => Ok(abilities),
        None => ask(wire).await,
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| (' '..='~').contains(&c))
}

fn refused(why: Refusal) -> Fault {
    Fault::Refused {
        doing: DOING.to_owned(),
        why,
    }
}

async fn ask(wire: &mut Wire) -> Result<Abilities, Fault> {
    let doing = "asking what the server can do";
    let mut abilities = None;
    let commands = ["CAPABILITY".to_owned()];
    let dones = pipeline(
        wire,
        &mut State::default(),
        doing,
        &commands,
        &mut |answer| {
            read(answer.parsed(), &mut abilities);
        },
    )
    .await?;
    for done in dones {
        done.map_err(|denial| verdict::command(doing, denial))?;
    }
    abilities.ok_or_else(|| Fault::Broken {
        doing: doing.to_owned(),
        said: "the server did not say".to_owned(),
    })
}

fn read(answer: &Response<'_>, abilities: &mut Option<Abilities>) {
    let list = match answer {
        Response::Capabilities(list) => list,
        Response::Data { outcome, .. } | Response::Done { outcome, .. } => match &outcome.code {
            Some(ResponseCode::Capabilities(list)) => list,
            _ => return,
        },
        _ => return,
    };
    *abilities = Some(Abilities::parsed(list));
}

/// Sends the command and, at each continuation, the next of `lines`; reads its status.
async fn finish(
    wire: &mut Wire,
    tag: Tag,
    lines: Vec<Zeroizing<String>>,
    abilities: &mut Option<Abilities>,
) -> Result<(), Fault> {
    let mut lines = lines.into_iter();
    wire.flush(DOING).await?;
    loop {
        let answer = wire.next(DOING).await?;
        let answer = answer.parsed();
        read(answer, abilities);
        match answer {
            Response::Continue(_) => {
                // More than asked for is cancelled (RFC 3501 §6.2.2); the denial follows.
                match lines.next() {
                    Some(line) => wire.queue_line(&line),
                    None => wire.queue_line("*"),
                }
                wire.flush(DOING).await?;
            }
            Response::Done {
                tag: t,
                status,
                outcome,
            } if tag.is(&t.0) => {
                return done(status, outcome).map_err(|denial| verdict::sign_in(DOING, denial));
            }
            _ => {}
        }
    }
}
