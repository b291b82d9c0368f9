//! What postern sends: a drain of the sample mail, recorded by the stand-in, each request held against
//! the document; and nothing in the document's message that is never sent.

use serde_json::json;

use crate::common::folder;
use crate::common::service::Site;
use crate::contract::{judge_all, Contract};
use crate::wire::recorded;

#[test]
fn what_a_drain_sends_is_what_the_document_says() {
    let folder = folder();
    let record = folder.path().join("record.jsonl");
    let site = Site::with(&[], &["--record", record.to_str().unwrap()]);
    site.mail.fill(&["--sample"]);
    // Sent by another than its author, as nothing in the sample is.
    let by_another =
        b"From: Gwen <gwen@llanfairvets.example>\r\nSender: Kim <kim@yard.example>\r\n\
        Message-ID: <by-another@yard.example>\r\nSubject: For Gwen\r\n\r\nHello.\r\n";
    site.hand().append("INBOX", "", by_another);
    site.import(&site.settings("none", "", ""));
    // One answer is lost, so that its ticket is looked up by its key.
    let lost = json!([{ "route": "ticket", "nth": 3, "action": { "reset": "after_accept" } }]);
    let _ = site
        .portal
        .admin("POST", "/_admin/faults", &lost.to_string());
    site.drains();
    // Two of them answer others, which are here.
    assert_eq!(site.portal.tickets().len(), 52);
    let mut exchanges = recorded(&record);
    exchanges.retain(|e| e.status != 0);
    let mut contract = Contract::shipped();
    let wrong = judge_all(&mut contract, &exchanges);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let asked = contract.operations().into_iter().map(|(name, _)| name);
    let never: Vec<String> = asked
        .filter(|name| !contract.has_met(&format!("asked {name}")))
        .collect();
    assert_eq!(never, Vec::<String>::new());
    let mut unsent = contract.members(&["Message", "Person", "Attachment"]);
    unsent.retain(|member| !contract.has_met(member));
    assert_eq!(unsent, Vec::<String>::new());
}
