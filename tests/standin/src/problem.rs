//! What an error looks like in the contract. Knows nothing of sockets and files.

use serde_json::{json, Value};

/// An error as RFC 9457 has it.
pub struct Problem {
    /// The last part of its type.
    pub kind: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// For people.
    pub detail: String,
    /// Digests of attachments that are not there.
    pub missing: Vec<String>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: &'static str, status: u16, detail: impl Into<String>) -> Self {
        Problem {
            kind,
            status,
            detail: detail.into(),
            missing: Vec::new(),
        }
    }

    /// As a document.
    pub fn document(&self) -> Value {
        let mut document = json!({
            "type": format!("urn:postern:problem:{}", self.kind),
            "title": title(self.kind),
            "status": self.status,
        });
        if !self.detail.is_empty() {
            document["detail"] = self.detail.clone().into();
        }
        if !self.missing.is_empty() {
            document["missing"] = self.missing.clone().into();
        }
        document
    }
}

fn title(kind: &str) -> &'static str {
    match kind {
        "invalid" => "The request cannot be read",
        "key-missing" => "A write needs an Idempotency-Key",
        "key-used" => "This key was used for another request",
        "key-in-progress" => "The first request with this key still runs",
        "attachment-missing" => "An attachment was not uploaded",
        "attachment-refused" => "This attachment is not taken",
        "digest-mismatch" => "The content has another digest",
        "length-required" => "Content-Length is missing",
        "too-large" => "The body is too large",
        "ticket-unknown" => "There is no such ticket",
        "ticket-closed" => "The ticket takes no more",
        "cursor-lost" => "This cursor is no longer known",
        "unauthorized" => "The token is missing or wrong",
        "not-found" => "There is nothing here",
        "method-not-allowed" => "This method is not offered here",
        "unsupported-media-type" => "This media type is not taken here",
        _ => "It did not work",
    }
}
