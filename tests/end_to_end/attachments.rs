//! What is attached: octet by octet at the portal; left out where a limit says so, and named there.

use std::fs;
use std::path::PathBuf;

use serde_json::{json, Value};
use sha2::Digest as _;

use crate::common::service::{text, Site};

/// A message of a user's with these files, each of so many octets.
fn with_files(subject: &str, files: &[(&str, usize)]) -> Vec<u8> {
    let mut raw = format!(
        "From: Priya Raman <priya.raman@northgate-dental.example>\r\nSubject: {subject}\r\n\
         Message-ID: <{subject}@yard.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nIt is attached.\r\n"
    );
    for (name, octets) in files {
        let content = content(name, *octets);
        raw.push_str(&format!(
            "--b\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{content}\r\n"
        ));
    }
    raw.push_str("--b--\r\n");
    raw.into_bytes()
}

fn content(name: &str, octets: usize) -> String {
    let lines = (0..).map(|n| format!("{name} {n:060}\r\n"));
    let mut content = String::new();
    for line in lines.take(octets / 60 + 1) {
        content.push_str(&line);
    }
    content.truncate(octets);
    content
}

fn digest(octets: &[u8]) -> String {
    let digest = sha2::Sha256::digest(octets);
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

fn names(ticket: &Value, list: &str) -> Vec<String> {
    let files = ticket[list].as_array().cloned().unwrap_or_default();
    files.iter().map(|f| text(f, "name").to_owned()).collect()
}

/// The one ticket of this subject.
#[track_caller]
fn ticket(site: &Site, subject: &str) -> Value {
    let found = site.tickets(subject);
    assert_eq!(found.len(), 1, "{found:?}\n{}", site.log());
    site.body(&found[0])
}

/// What the portal keeps of each of its attachments.
fn kept(site: &Site, ticket: &Value) -> Vec<Vec<u8>> {
    let files = ticket["attachments"].as_array().expect("a list").iter();
    files
        .map(|f| site.portal.octets(text(f, "sha256")))
        .collect()
}

/// A ticket that was decided by some limits is the same after a crash in the middle, whatever the settings say by
/// then; what it goes without is named in it, in `log` and by `explain`, and lies whole in the archive and here.
#[test]
fn what_is_over_a_limit_of_the_settings_is_left_out_named_and_kept() {
    let limits = "attachment_max = \"4 KiB\"\nattachment_types_refused = \".exe\"\n";
    let mut site = Site::ready_with(&[], &[], limits, "timeout_ms = 2000");
    let mail = with_files(
        "lists",
        &[("list.txt", 900), ("dump.bin", 6000), ("Setup.EXE", 50)],
    );
    let file = site.store().with_file_name("lists.eml");
    fs::write(&file, &mail).unwrap();
    site.start_read();
    let explained = site.asks(&["explain", file.to_str().unwrap()]);
    let said: Vec<&str> = explained["omitted"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| text(o, "reason"))
        .collect();
    assert_eq!(said, ["too-large", "type"], "{explained}");

    site.portal.kill();
    site.hand().append("INBOX", "", &mail);
    site.until("it is committed", |s| s.count("committed") == 1);
    site.kill();
    site.does(&[
        "settings",
        "set",
        "mailbox.support.attachment_max=",
        "--yes",
    ]);
    site.portal.start_again();
    site.start();
    site.until("it is archived", |s| s.count("archived") == 1);

    let ticket = ticket(&site, "lists");
    assert_eq!(names(&ticket, "attachments"), ["list.txt"]);
    assert_eq!(
        kept(&site, &ticket),
        [content("list.txt", 900).into_bytes()]
    );
    let omitted = &ticket["omitted"];
    assert_eq!(names(&ticket, "omitted"), ["dump.bin", "Setup.EXE"]);
    assert_eq!(
        (text(&omitted[0], "reason"), &omitted[0]["limit"]),
        ("too-large", &json!(4096))
    );
    assert_eq!(
        omitted[0]["sha256"],
        digest(content("dump.bin", 6000).as_bytes())
    );
    assert_eq!(
        (text(&omitted[1], "reason"), &omitted[1]["limit"]),
        ("type", &Value::Null)
    );
    let said = text(&ticket, "text");
    for words in [
        "dump.bin (5 KiB)",
        "4 KiB",
        "Setup.EXE",
        "take no .exe",
        "archive folder",
        "It is attached.",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let stored = site.portal.admin("GET", "/_admin/attachments", "");
    assert_eq!(stored.as_object().unwrap().len(), 1, "{stored}");

    let key = text(&ticket, "key");
    let log = site.does(&["log", key]);
    assert!(
        log.contains("without 2 files, by the mailbox's settings (too-large, type)"),
        "{log}"
    );
    let to = site.store().with_file_name("out");
    fs::create_dir(&to).unwrap();
    let command = said
        .rsplit("postern ")
        .next()
        .unwrap()
        .split(']')
        .next()
        .unwrap();
    let mut command: Vec<&str> = command.split(' ').collect();
    command.extend(["--to", to.to_str().unwrap()]);
    site.does(&command);
    let exported = fs::read_dir(&to).unwrap().map(|e| e.unwrap().path());
    let exported: Vec<PathBuf> = exported
        .filter(|p| p.extension().is_some_and(|e| e == "eml"))
        .collect();
    assert_eq!(fs::read(&exported[0]).unwrap(), mail);
    assert_eq!(site.hand().search("Archive", "SUBJECT lists").len(), 1);
}

#[test]
fn what_is_larger_than_the_portal_says_to_take_is_never_sent_and_sets_no_ticket_aside() {
    let mut site = Site::ready_with(&[], &["--attachment-bytes", "1000"], "", "");
    let mail = with_files("scan", &[("small.txt", 1000), ("large.bin", 1001)]);
    site.start_read();
    site.hand().append("INBOX", "", &mail);
    site.until("it is archived", |s| s.count("archived") == 1);
    let ticket = ticket(&site, "scan");
    assert_eq!(names(&ticket, "attachments"), ["small.txt"]);
    let omitted = &ticket["omitted"][0];
    assert_eq!(
        (text(omitted, "name"), text(omitted, "reason")),
        ("large.bin", "portal-too-large")
    );
    assert_eq!(omitted["limit"], 1000);
    assert!(text(&ticket, "text").contains("larger than the 1000 octets that the portal takes"));
    assert_eq!(site.requests("attachment").len(), 1);
    let log = site.does(&["log", text(&ticket, "key")]);
    assert!(
        log.contains("without 1 file, by the portal's limits (portal-too-large)"),
        "{log}"
    );
}

/// The portal tells of no limit, and refuses two of three files; its first answer to the ticket is lost, and the
/// service is killed behind it. One ticket comes of it, and no file is carried there again and again.
#[test]
fn what_the_portal_answers_not_to_take_is_left_out_once_and_for_all_across_a_crash() {
    let mut site = Site::ready_with(&[], &[], "", "timeout_ms = 2000");
    let files = [("fine.txt", 700), ("large.bin", 300_000), ("odd.js", 500)];
    let of = |at: usize| digest(content(files[at].0, files[at].1).as_bytes());
    let rules = json!([
        // As a proxy says it, before it has read the octets.
        {"route": "attachment", "key": of(1), "action": {"status": 413, "body": "html", "unread": true}},
        {"route": "attachment", "key": of(2),
         "action": {"status": 422, "body": "problem", "problem": "attachment-refused"}},
        {"route": "ticket", "subject": "trace", "count": 1, "action": {"status": 503, "body": "html"}},
        {"route": "ticket", "subject": "trace", "count": 1, "action": {"reset": "after_accept"}},
        // The second look-up, and those behind it.
        {"route": "find", "nth": 2, "count": 1000, "action": {"status": 503, "body": "html"}},
    ]);
    site.fault(&rules.to_string());
    site.start_read();
    site.hand()
        .append("INBOX", "", &with_files("trace", &files));
    site.until("it was accepted and nobody heard", |s| {
        s.tickets("trace").len() == 1
    });
    let carried = |site: &Site| {
        let mut requests = site.requests("attachment");
        requests.retain(|r| text(r, "key") != of(0));
        requests.len()
    };
    assert_eq!(
        carried(&site),
        2,
        "each once, whatever became of the ticket"
    );
    site.kill();
    let gone = json!([
        {"route": "attachment", "key": of(1), "action": {"status": 413, "body": "html", "unread": true}},
        {"route": "attachment", "key": of(2),
         "action": {"status": 422, "body": "problem", "problem": "attachment-refused"}},
    ]);
    site.no_faults();
    site.fault(&gone.to_string());
    site.start();
    site.until("it is archived", |s| s.count("archived") == 1);
    let ticket = ticket(&site, "trace");
    assert_eq!(names(&ticket, "attachments"), ["fine.txt"]);
    assert_eq!(names(&ticket, "omitted"), ["large.bin", "odd.js"]);
    assert_eq!(text(&ticket["omitted"][0], "reason"), "portal-too-large");
    assert_eq!(text(&ticket["omitted"][1], "reason"), "portal-type");
    let count = site.portal.admin("GET", "/_admin/count", "");
    assert_eq!(
        (&count["tickets"], &count["doubled"]),
        (&json!(1), &json!(0)),
        "{count}"
    );
    assert!(carried(&site) <= 4, "{}", carried(&site));
    assert_eq!(site.count("refused"), 0);
}

/// What lies inside is compared by its octets, not by its name alone.
#[test]
fn what_is_encrypted_attached_or_packed_arrives_octet_by_octet() {
    let mut site = Site::ready_with(&[], &[], "process_unknown_senders = true\n", "");
    let mail = |name: &str| {
        let file = format!("{}/tests/mail/{name}.eml", env!("CARGO_MANIFEST_DIR"));
        fs::read(file).unwrap()
    };
    let mails = [
        "smime-encrypted",
        "pgp-mime-encrypted",
        "attached-message-is-named-by-its-subject",
        "winmail-with-files-beside-a-text",
    ]
    .map(mail);
    site.start_read();
    for mail in &mails {
        site.hand().append("INBOX", "", mail);
    }
    site.until("all are archived", |s| s.count("archived") == 4);
    let [smime, pgp, attached, _] = &mails;

    let of_smime = ticket(&site, "Encrypted");
    assert_eq!(of_smime["protection"], "smime-encrypted");
    assert!(text(&of_smime, "text").starts_with("This message is encrypted (S/MIME)"));
    assert_eq!(
        names(&of_smime, "attachments"),
        ["smime.p7m", "original.eml"]
    );
    let part: String = String::from_utf8(smime.clone()).unwrap();
    let part = part.split_once("\r\n\r\n").unwrap().1.replace("\r\n", "");
    let part = data_encoding::BASE64.decode(part.as_bytes()).unwrap();
    assert!(kept(&site, &of_smime) == [part, smime.clone()]);

    let of_pgp = ticket(&site, "...");
    assert_eq!(of_pgp["protection"], "pgp-encrypted");
    assert!(text(&of_pgp, "text").starts_with("This message is encrypted (OpenPGP)"));
    let whole = String::from_utf8(pgp.clone()).unwrap();
    let armoured = &whole[whole.find("-----BEGIN PGP").unwrap()..whole.find("\r\n--p--").unwrap()];
    let octets = kept(&site, &of_pgp);
    assert_eq!(
        names(&of_pgp, "attachments")[1..],
        ["encrypted.asc", "original.eml"]
    );
    assert!(octets[1..] == [armoured.as_bytes(), pgp.as_slice()]);

    let of_attached = ticket(&site, "See attached");
    assert_eq!(
        names(&of_attached, "attachments"),
        ["Grüße_ alte_neue Mail.eml", "Old one.eml"]
    );
    let whole = String::from_utf8(attached.clone()).unwrap();
    let inner = &whole[whole.find("From: x@y").unwrap()..];
    let inner = &inner[..inner.find("\r\n--a").unwrap()];
    assert!(kept(&site, &of_attached) == [inner.as_bytes(), inner.as_bytes()]);

    let of_winmail = ticket(&site, "Rechnung");
    assert_eq!(
        names(&of_winmail, "attachments"),
        ["Rechnung für Größer.pdf", "plan.png"]
    );
    assert_eq!(of_winmail["text"], "Anbei die Rechnung.\n");
    assert!(
        kept(&site, &of_winmail)
            == [
                &b"%PDF-1.4\nrechnung\n"[..],
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
            ]
    );
}
