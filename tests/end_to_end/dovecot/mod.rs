//! What only a Dovecot can play; everything else of these tests runs on any server.
//!
//! - `sessions`: a limit of sessions for an account, counted from its log and process ids.
//! - `files`: damage and renumbering, done by hand in its files.
//! - `restored`: a server that was brought back from a backup, by its files.
//! - here: octets that are no message; a Cyrus refuses to keep them ("Message contains invalid header").

use crate::common::service::Site;

mod files;
mod restored;
mod sessions;

#[test]
fn what_can_not_be_read_at_all_is_a_ticket_with_the_original() {
    use sha2::Digest as _;
    let mut site = Site::on_dovecot(&[]);
    let mail = b"this is no mail,\r\njust two lines of prose.\r\n";
    site.hand().append("INBOX", "", mail);
    site.start();
    site.until("it is archived", |s| s.count("archived") == 1);
    let body = site.body(&site.portal.tickets()[0]);
    assert_eq!(body["unparsed"], true, "{body}");
    let file = &body["attachments"][0];
    assert_eq!(file["name"], "original.eml");
    let digest: String = sha2::Sha256::digest(mail)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(file["sha256"], digest);
    let stored = site.portal.admin("GET", "/_admin/attachments", "");
    assert_eq!(stored[&digest], mail.len());
}
