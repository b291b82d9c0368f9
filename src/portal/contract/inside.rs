//! A door to what reads a portal's answers, for the fuzz targets of `tests/fuzz` and nobody else. It is there in
//! builds with the feature `inside` only.

use super::{heard, read, ConversationSaid, FoundSaid, PageSaid, PingSaid, ReceiptSaid};
use crate::http::Answer;
use crate::portal::verdict::{of_answer, Act};
use crate::world::Wall;

/// What is made of an answer, whatever was asked: the words of each fault.
pub fn answers(status: u16, body: &[u8]) -> Vec<String> {
    let mut answer = Answer {
        status,
        fields: Default::default(),
        body: body.to_vec(),
        cut: None,
    };
    if let Ok(media_type) = "application/problem+json".parse() {
        answer.fields.insert("content-type", media_type);
    }
    let mut said = Vec::new();
    let acts = [
        Act::Ping,
        Act::Directory,
        Act::Find,
        Act::Conversation,
        Act::Create,
        Act::Reply,
        Act::Has,
        Act::Attach,
        Act::SignIn,
    ];
    for act in acts {
        said.push(of_answer(act, heard(&answer, Wall(1_800_000_000_000))).to_string());
    }
    let mut note = |fault: Option<super::Fault>| said.extend(fault.map(|fault| fault.to_string()));
    note(
        read::<PingSaid>(Act::Ping, &answer)
            .and_then(PingSaid::checked)
            .err(),
    );
    let page = read::<PageSaid>(Act::Directory, &answer);
    note(page.and_then(|page| page.checked(Some("a"))).err());
    let found = read::<FoundSaid>(Act::Find, &answer);
    note(found.map(|found| found.found.len()).err());
    note(read::<ConversationSaid>(Act::Conversation, &answer).err());
    let receipt = read::<ReceiptSaid>(Act::Create, &answer);
    note(
        receipt
            .and_then(|receipt| receipt.checked(Act::Create, "k"))
            .err(),
    );
    said
}
