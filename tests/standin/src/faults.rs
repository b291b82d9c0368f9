//! Faults on request: rules that a test posts, and which request each of them meets.
//!
//! A rule matches by route, key, subject and how many came before; its action says what goes
//! wrong. The first rule that matches is the only one that acts. Carrying an action out is the
//! business of `serve`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is asked of the contract; also a route's name in a rule.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Route {
    Ping,
    Directory,
    Find,
    Ticket,
    Reply,
    Conversation,
    HasAttachment,
    Attachment,
    Token,
    Other,
}

/// When a connection is reset.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// The head was read, the body was not.
    BeforeBody,
    /// The body was read, nothing was accepted.
    AfterBody,
    /// It was accepted, the answer is lost.
    AfterAccept,
    /// It was accepted, half of the answer's body arrives.
    MidAnswer,
}

/// What stands in an answer instead of the contract's document.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A problem document; its type is in `problem`.
    Problem,
    /// A page for people, as proxies send it.
    Html,
    /// Octets that are no text, called JSON.
    Garbage,
    /// Nothing.
    Empty,
    /// JSON that never ends.
    Endless,
}

/// What goes wrong.
#[derive(Serialize, Deserialize, Clone, Default, Debug)]
#[serde(deny_unknown_fields, default)]
pub struct Action {
    /// Wait before the body is read.
    pub stall_ms: u64,
    /// Wait after the body was read, before it is accepted; the key counts as in progress, and the
    /// work goes on when the client hangs up meanwhile.
    pub latency_ms: u64,
    /// Answer with this status; 200 when only `body` is given.
    pub status: Option<u16>,
    /// Put these fields into the answer.
    pub headers: BTreeMap<String, String>,
    /// Put this into the answer.
    pub body: Option<Body>,
    /// Type of the problem document.
    pub problem: Option<String>,
    /// Do what was asked first, then answer with `status` and `body`.
    pub accept: bool,
    /// Answer with `status` and `body` without reading the request's body.
    pub unread: bool,
    /// Reset the connection.
    pub reset: Option<Reset>,
    /// Send the answer's body one octet at a time, with this pause after each.
    pub slow_ms: Option<u64>,
    /// A token that is given really lasts so long, whatever is said of it.
    pub lasts_ms: Option<u64>,
    /// Answer 301 with this location.
    pub redirect: Option<String>,
}

impl Action {
    /// Whether the answer is another than the contract's.
    pub fn replaces_answer(&self) -> bool {
        self.status.is_some() || self.body.is_some() || self.redirect.is_some()
    }
}

/// One rule.
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Only this route; any when absent.
    #[serde(default)]
    pub route: Option<Route>,
    /// Only this idempotency key, searched key or digest.
    #[serde(default)]
    pub key: Option<String>,
    /// Only tickets and replies whose subject contains this.
    #[serde(default)]
    pub subject: Option<String>,
    /// Only from the n-th matching request on, counted from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Act this often, then no more; without a limit when absent (once with `nth`).
    #[serde(default)]
    pub count: Option<u64>,
    /// Act with this probability.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Where the draws begin.
    #[serde(default)]
    pub seed: u64,
    /// What goes wrong.
    pub action: Action,
    /// How many requests matched.
    #[serde(default)]
    pub seen: u64,
    /// How often it acted.
    #[serde(default)]
    pub acted: u64,
}

/// The rules in force.
#[derive(Default)]
pub struct Faults {
    rules: Vec<Rule>,
}

impl Faults {
    /// Adds rules behind those in force.
    pub fn add(&mut self, rules: Vec<Rule>) {
        self.rules.extend(rules);
    }

    /// Takes all rules away.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules with their counts.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The action for a request whose body is not known yet.
    pub fn at_head(&mut self, route: Route, key: Option<&str>) -> Option<Action> {
        let rules = self.rules.iter_mut().filter(|r| r.subject.is_none());
        first(rules, route, key)
    }

    /// The action for a ticket or reply with this subject.
    pub fn at_subject(&mut self, route: Route, key: Option<&str>, subject: &str) -> Option<Action> {
        let holds = |r: &&mut Rule| r.subject.as_deref().is_some_and(|s| subject.contains(s));
        first(self.rules.iter_mut().filter(holds), route, key)
    }
}

fn first<'a>(
    rules: impl Iterator<Item = &'a mut Rule>,
    route: Route,
    key: Option<&str>,
) -> Option<Action> {
    for rule in rules {
        let here = rule.route.is_none_or(|r| r == route);
        let this = rule.key.as_deref().is_none_or(|k| Some(k) == key);
        if here && this && rule.fires() {
            return Some(rule.action.clone());
        }
    }
    None
}

impl Rule {
    fn fires(&mut self) -> bool {
        self.seen += 1;
        let limit = self.count.or(self.nth.map(|_| 1));
        if self.nth.is_some_and(|n| self.seen < n) || limit.is_some_and(|l| self.acted >= l) {
            return false;
        }
        if self.probability.is_some_and(|p| self.draw() >= p) {
            return false;
        }
        self.acted += 1;
        true
    }

    /// A number from 0 to 1, the same for the same seed and count (splitmix64).
    fn draw(&self) -> f64 {
        let mut z = self
            .seed
            .wrapping_add(self.seen.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}
