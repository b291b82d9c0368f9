//! Routes for tests, beside the contract: no token, loopback only.
//!
//!   GET    /_admin/tickets          all tickets: id, key, message_id, subject, from, mailbox,
//!                                   user, company, about, token, unparsed, attachments,
//!                                   accepted_at, times_posted, replies, closed, merged_into
//!   GET    /_admin/tickets/ID       one body, as it was posted (also of a reply)
//!   DELETE /_admin/tickets/ID       a person deletes a ticket
//!   POST   /_admin/tickets/ID/close   a person closes it: replies get 410; {"takes": true}: are accepted
//!   POST   /_admin/tickets/ID/reopen  and opens it again
//!   POST   /_admin/tickets/ID/merge   {"into": ID}: replies go there; {..., "takes": false}: get 410
//!   POST   /_admin/tickets/ID/notify  a mail about it, as a customer gets it: {"eml", "message_id", "from",
//!                                   "reply_to", "to", "subject", "references": []}; `notice::Wish` says
//!                                   what can be left out
//!   GET    /_admin/count            tickets, replies, keys, doubled, times_posted, attachments
//!   GET    /_admin/attachments      digest: size
//!   GET    /_admin/log              the last requests: route, status, fault, ...
//!   GET    /_admin/faults           rules with their counts
//!   POST   /_admin/faults           add rules: a list of `faults::Rule`
//!   DELETE /_admin/faults           no more faults
//!   PUT    /_admin/directory        the directory from now on: {"users": [], "companies": []}
//!   DELETE /_admin/cursors          every cursor is lost
//!   DELETE /_admin/tokens           every token that was given is taken back
//!   GET    /_admin/tokens           `left_ms`: what the newest had left each time another was asked for
//!   PUT    /_admin/client           the OAuth client's new secret: {"secret": S}
//!   DELETE /_admin/keys             every idempotency key's time is over
//!   POST   /_admin/epoch            {"backup": true}            -> {"backup": B, "at": T}
//!                                   {"backup": B, "at": T}      restores that backup
//!                                   {"forget_last": N}          restores to before the last N
//!                                   {..., "silent": true}       without telling to which moment
//!
//! None of this is part of the contract, and the product never calls it.

use crate::answer::Answer;
use crate::faults::Rule;
use crate::notice::Wish;
use crate::problem::Problem;
use crate::serve::Portal;
use crate::state::State;
use hyper::Method;
use serde_json::{json, Value};
use std::io;

/// Answers a request whose path, behind `/_admin/`, is this.
pub fn answer(portal: &Portal, method: &Method, path: &str, body: &[u8]) -> Answer {
    match act(portal, method, path, body) {
        Ok(answer) => answer,
        Err(error) => Problem::new("invalid", 400, error.to_string()).into(),
    }
}

fn act(portal: &Portal, method: &Method, path: &str, body: &[u8]) -> io::Result<Answer> {
    let read = || -> io::Result<Value> { Ok(serde_json::from_slice(body)?) };
    let mut state = portal.state.borrow_mut();
    let document = match (method.as_str(), path) {
        ("GET", "tickets") => state.tickets().into(),
        ("GET", "count") => state.count(),
        ("GET", "attachments") => json!(state.attachments()),
        ("GET", "log") => json!(&*portal.log.borrow()),
        ("GET", "faults") => json!(portal.faults.borrow().rules()),
        ("POST", "faults") => {
            let rules: Vec<Rule> = serde_json::from_slice(body)?;
            portal.faults.borrow_mut().add(rules);
            json!({})
        }
        ("DELETE", "faults") => {
            portal.faults.borrow_mut().clear();
            json!({})
        }
        ("PUT", "directory") => {
            let changed = portal.directory.borrow_mut().replace(&read()?)?;
            json!({ "changed": changed })
        }
        ("DELETE", "cursors") => {
            portal.directory.borrow_mut().lose_cursors()?;
            json!({})
        }
        ("DELETE", "tokens") => {
            if let Some(tokens) = &mut *portal.tokens.borrow_mut() {
                tokens.forget();
            }
            json!({})
        }
        ("GET", "tokens") => {
            let tokens = portal.tokens.borrow();
            json!({ "left_ms": tokens.as_ref().map(|tokens| tokens.left_ms.clone()) })
        }
        ("PUT", "client") => {
            let secret = read()?["secret"].as_str().unwrap_or_default().to_owned();
            if let Some(tokens) = &mut *portal.tokens.borrow_mut() {
                tokens.client.1 = secret;
            }
            json!({})
        }
        ("DELETE", "keys") => {
            state.expire_keys();
            json!({})
        }
        ("POST", "epoch") => {
            let wish = read()?;
            if wish["backup"] == true {
                state.backup()
            } else {
                let mut backup = match wish["forget_last"].as_u64() {
                    Some(n) => state.backup_before(n as usize),
                    None => wish.clone(),
                };
                if wish["silent"] == true {
                    backup["at"] = Value::Null;
                }
                state.restore(&backup)?;
                portal.directory.borrow_mut().lose_cursors()?;
                state.ping()
            }
        }
        (method, path) => return one(&mut state, method, path, body),
    };
    Ok(Answer::json(200, &document))
}

fn one(state: &mut State, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
    let wish = |empty: Value| -> io::Result<Value> {
        match body.is_empty() {
            true => Ok(empty),
            false => Ok(serde_json::from_slice(body)?),
        }
    };
    let path = path.strip_prefix("tickets/").unwrap_or_default();
    let (id, what) = path.split_once('/').unwrap_or((path, ""));
    let found = match (method, what) {
        ("GET", "") => state.body(id)?,
        ("DELETE", "") => state.delete(id)?.then(|| json!({})),
        ("POST", "close") => {
            let takes = wish(json!({}))?["takes"] == true;
            state.close(id, takes)?.then(|| json!({}))
        }
        ("POST", "reopen") => state.reopen(id)?.then(|| json!({})),
        ("POST", "merge") => {
            let wish = wish(json!({}))?;
            let into = wish["into"].as_str().unwrap_or_default();
            let merged = state.merge(id, into, wish["takes"] != false)?;
            merged.then(|| json!({}))
        }
        ("POST", "notify") => {
            let wish: Wish = serde_json::from_value(wish(json!({}))?)?;
            state.notify(id, &wish)?.map(|notice| notice.document())
        }
        _ => None,
    };
    Ok(match found {
        Some(document) => Answer::json(200, &document),
        None => Problem::new("not-found", 404, "").into(),
    })
}
