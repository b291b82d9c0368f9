//! A document of an answer, whatever it is.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Answer, Event, Refusal};

/// One document of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// More will follow.
    Event(Event),
    /// The end.
    Answer(Answer),
    /// The end: a no.
    Refusal(Refusal),
}

impl<'de> Deserialize<'de> for Reply {
    /// By the member that says which it is. Derived, each document would be read by a code of its own for trying
    /// (a quarter of a megabyte).
    fn deserialize<D: Deserializer<'de>>(reply: D) -> Result<Self, D::Error> {
        let document = Value::deserialize(reply)?;
        let read = match &document {
            _ if document.get("event").is_some() => Event::deserialize(document).map(Self::Event),
            _ if document.get("answer").is_some() => {
                Answer::deserialize(document).map(Self::Answer)
            }
            _ => Refusal::deserialize(document).map(Self::Refusal),
        };
        read.map_err(serde::de::Error::custom)
    }
}

impl Reply {
    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        !matches!(self, Self::Event(_))
    }

    /// The document, on one line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("replies have only strings for map keys")
    }
}
