//! `rules`: what was typed becomes a request, and what came of trying them is shown.

use super::arguments::Rules;
use super::how;
use super::text::clean;
use crate::control::{Edit, How, Kind, Refusal, Request, RuleChange, Tried, Whither};

/// The request that a command means.
pub(super) fn request(rules: Rules) -> Result<Request, Refusal> {
    let (edit, how): (Edit, How) = match rules {
        Rules::List => {
            return Ok(Request::Show {
                prefix: "rule".to_owned(),
            })
        }
        Rules::Try => return Ok(Request::Try),
        Rules::Add {
            name,
            pairs,
            manner,
        } => {
            let pair = |word: &String| match word.split_once('=') {
                Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
                None => Err(Refusal::new(
                    Kind::Usage,
                    format!("{word:?} is no KEY=VALUE, such as queue=Billing"),
                )),
            };
            let pairs = pairs.iter().map(pair).collect::<Result<_, _>>()?;
            (Edit::Add { name, pairs }, how(manner))
        }
        Rules::Remove { name, manner } => (Edit::Remove { name }, how(manner)),
        Rules::Rename { name, to, manner } => (Edit::Rename { name, to }, how(manner)),
        Rules::Move {
            name,
            first,
            before,
            behind,
            manner,
            ..
        } => {
            let whither = match (first, before, behind) {
                (true, ..) => Whither::First,
                (_, Some(other), _) => Whither::Before(other),
                (_, _, Some(other)) => Whither::After(other),
                _ => Whither::Last,
            };
            (Edit::Move { name, whither }, how(manner))
        }
    };
    Ok(Request::Rule(Box::new(RuleChange { edit, how })))
}

/// What came of trying them.
pub(super) fn tried(tried: &Tried) -> String {
    let mut out = String::new();
    for rule in &tried.rules {
        out.push_str(&format!("{}\n", clean(&rule.sentence(tried.looked))));
    }
    for warning in &tried.warnings {
        out.push_str(&format!("{}\n", clean(&warning.to_string())));
    }
    out
}
