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
    // By a technician, as our own mail server found.
    let mut people = site.portal.admin("GET", "/directory?limit=1000", "");
    let users = people["users"].as_array_mut().expect("a list");
    users.push(json!({
        "id": "T-1", "name": "Tom", "addresses": ["tom@provider.example"], "technician": true
    }));
    let _ = site
        .portal
        .admin("PUT", "/_admin/directory", &people.to_string());
    let forwarded = b"Authentication-Results: mx.provider.example; dmarc=pass\r\n\
        From: Tom <tom@provider.example>\r\nCc: tina@provider.example\r\n\
        Message-ID: <forwarded@provider.example>\r\nSubject: Fwd: For Gwen\r\n\r\n\
        Begin forwarded message:\r\n\r\n> From: Gwen <gwen@llanfairvets.example>\r\n\
        > Subject: For Gwen\r\n> To: tom@provider.example\r\n>\r\n> Hello.\r\n";
    site.hand().append("INBOX", "", forwarded);
    // So many of one sender's that the last of them says so; two are of hers already.
    for number in 0..4 {
        let more = format!(
            "From: Gwen <gwen@llanfairvets.example>\r\nMessage-ID: <more-{number}@yard.example>\r\n\
             Subject: {number}\r\n\r\nHello.\r\n"
        );
        site.hand().append("INBOX", "", more.as_bytes());
    }
    // With a file too many, which has an id.
    let file = "--b\r\nContent-Type: application/x-a\r\nContent-ID: <a@yard.example>\r\n\
        Content-Disposition: attachment; filename=a.b\r\n\r\nabc\r\n";
    let too_many = format!(
        "From: Priya Raman <priya.raman@northgate-dental.example>\r\nMessage-ID: <left-out@yard.example>\r\n\
         Subject: left out\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
        file.repeat(5)
    );
    site.hand().append("INBOX", "", too_many.as_bytes());
    let set = "forwards_by_technicians = true\nauthentication_server = \"mx.provider.example\"\n\
        storm_limit = 6\nattachment_count_max = 4\n";
    // What rules set is optional: one that sets all of it, on what is for Gwen.
    let rule =
        "\n[[rule]]\nname = \"gwen\"\nsubject = \"for gwen\"\nqueue = \"q\"\npriority = \"p\"\n\
                category = \"c\"\ntags = \"t u\"\n";
    site.import(&(site.settings("none", set, "") + rule));
    // One answer is lost, so that its ticket is looked up by its key.
    let lost = json!([{ "route": "ticket", "nth": 3, "action": { "reset": "after_accept" } }]);
    let _ = site
        .portal
        .admin("POST", "/_admin/faults", &lost.to_string());
    site.drains();
    // Two of them answer others, which are here.
    assert_eq!(site.portal.tickets().len(), 58);
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
    let mut unsent = contract.members(&[
        "Message",
        "Person",
        "Attachment",
        "Omitted",
        "Authentication",
    ]);
    unsent.retain(|member| !contract.has_met(member));
    assert_eq!(unsent, Vec::<String>::new());
}
