//! Signing in by OAuth 2.0 client credentials: tokens that end, are taken back, or are not given.

use serde_json::Value;

use crate::common::service::{text, Site};
use crate::common::{PASSWORD, TOKEN};

const CLIENT: &[&str] = &["--client-id", "box:7", "--client-secret", TOKEN];

/// The portal's settings of such a site.
fn settings(site: &Site, more: &str) -> String {
    let url = &site.portal.url;
    let oauth = format!(
        "sign_in = \"oauth\"\ntoken_url = \"{url}/oauth/token\"\nclient_id = \"box:7\"\n\
         timeout_ms = 1000\n{more}"
    );
    site.settings("none", "", &oauth)
}

/// A site that signs in so; what is typed as the token is the client's secret here.
#[track_caller]
fn ready(more: &[&str]) -> Site {
    let site = Site::with(&[], &[CLIENT, more].concat());
    site.import(&settings(&site, ""));
    site
}

/// How often the portal answered requests of this route with 401.
fn refusals(site: &Site, route: &str) -> usize {
    let refused = |request: &&Value| request["status"] == 401;
    site.requests(route).iter().filter(refused).count()
}

fn pauses(site: &Site) -> usize {
    site.log().matches("is paused until").count()
}

#[track_caller]
fn all_are_there_once(site: &Site, tickets: usize) {
    site.complete();
    assert_eq!(site.portal.tickets().len(), tickets, "{}", site.log());
    let count = site.portal.admin("GET", "/_admin/count", "");
    assert_eq!(count["doubled"], 0, "{count}");
}

/// Goes red when a token is used until the portal refuses it, or until its end.
#[test]
fn a_token_that_ends_in_the_middle_of_a_drain_is_renewed_before_and_no_ticket_is_refused() {
    let site = ready(&["--token-seconds", "5"]);
    site.mail.fill(&["--count", "200", "--series", "renewed"]);
    site.fault(r#"[{"route": "ticket", "action": {"latency_ms": 400}}]"#);
    let before = site.requests("token").len();
    let left = |site: &Site| {
        let tokens = site.portal.admin("GET", "/_admin/tokens", "");
        tokens["left_ms"].as_array().cloned().expect("a list")
    };
    // The first of the drain's own comes when the import's trial has long ended.
    let others = left(&site).len() + 1;
    site.drains();
    all_are_there_once(&site, 200);
    let asked = site.requests("token").len() - before;
    assert!((2..=10).contains(&asked), "{asked}");
    assert_eq!(refusals(&site, "ticket"), 0);
    // A fifth of its time was left; half of that is what a busy machine may take of it.
    let left = left(&site).split_off(others);
    let late = left.iter().any(|left| left.as_u64() < Some(500));
    assert!(!left.is_empty() && !late, "{left:?}");
}

/// Goes red when a 401 in the middle is taken for the last word, or each ticket gets a token of its own.
#[test]
fn tokens_that_are_taken_back_in_the_middle_cost_one_fresh_one() {
    let mut site = ready(&[]);
    site.mail.fill(&["--count", "200", "--series", "back"]);
    site.fault(r#"[{"route": "ticket", "action": {"latency_ms": 100}}]"#);
    site.start_read();
    site.until("a part is there", |s| s.portal.tickets().len() >= 40);
    let before = site.requests("token").len();
    site.portal.admin("DELETE", "/_admin/tokens", "");
    all_are_there_once(&site, 200);
    assert_eq!(site.requests("token").len(), before + 1);
    assert!(refusals(&site, "ticket") >= 1, "it was never needed");
    assert_eq!(pauses(&site), 0, "{}", site.log());
}

#[test]
fn attachments_on_their_way_with_a_dead_token_are_sent_again() {
    let mut site = ready(&[]);
    site.mail
        .fill(&["--count", "40", "--size", "75k", "--series", "large"]);
    let slow = r#"[{"route": "attachment", "action": {"latency_ms": 100}}]"#;
    site.fault(slow);
    site.start_read();
    site.until("a part is there", |s| s.portal.tickets().len() >= 5);
    site.portal.admin("DELETE", "/_admin/tokens", "");
    all_are_there_once(&site, 40);
}

#[test]
fn a_portal_that_forgets_its_tokens_by_a_restart_is_signed_in_to_again() {
    let mut site = ready(&[]);
    site.start_read();
    site.send("before");
    site.until("it is a ticket", |s| s.tickets("before").len() == 1);
    site.portal.start_again();
    site.send("after");
    site.until("it is a ticket", |s| s.tickets("after").len() == 1);
    all_are_there_once(&site, 2);
}

#[test]
fn whatever_the_token_endpoint_does_once_delays_and_no_more() {
    for action in [
        r#"{"status": 503, "headers": {"retry-after": "1"}}"#,
        r#"{"status": 401}"#,
        r#"{"body": "html"}"#,
        r#"{"body": "garbage"}"#,
        r#"{"body": "endless"}"#,
        r#"{"redirect": "https://elsewhere.example/"}"#,
        r#"{"reset": "mid_answer"}"#,
        r#"{"stall_ms": 3000}"#,
        r#"{"lasts_ms": 1}"#,
    ] {
        let site = ready(&[]);
        site.fault(&format!(
            r#"[{{"route": "token", "count": 1, "action": {action}}}]"#
        ));
        site.send("one way or another");
        site.drains();
        all_are_there_once(&site, 1);
    }
}

/// Goes red when each ticket that waits asks for a token itself, or a refusal pauses nothing.
#[test]
fn a_wrong_client_secret_is_said_in_plain_words_not_hammered_and_its_successor_is_tried() {
    let mut site = ready(&[]);
    site.start_read();
    let other = r#"{"secret": "another & secret"}"#;
    site.portal.admin("PUT", "/_admin/client", other);
    site.portal.admin("DELETE", "/_admin/tokens", "");
    let senders = ["elodie@vieuxphare.example", "gwen@llanfairvets.example"];
    for number in 0..8 {
        site.send_from(senders[number % 2], &format!("locked out {number}"));
    }
    site.until("the link is paused again and again", |s| pauses(s) >= 3);
    let (asked, pauses) = (refusals(&site, "token"), pauses(&site));
    assert!(asked <= pauses + 1, "{asked} requests, {pauses} pauses");

    let status = site.status();
    let said = text(&status["portal"], "said");
    for words in [
        "asking the token endpoint for a token: it answered 401: invalid_client: no such client",
        "; again at ",
    ] {
        assert!(said.contains(words), "{words}: {status}");
    }
    let (_, tested, _) = site.command(&["test"], "");
    assert!(
        tested.contains("postern settings set portal.client_secret"),
        "{tested}"
    );

    let set = ["settings", "set", "portal.client_secret"];
    let (code, out, err) = site.command(&set, "a wrong one\n");
    assert_eq!(code, 1, "{out}{err}");
    let kept = "does not take the client secret, which is not kept";
    assert!(err.contains(kept), "{out}{err}");
    let (code, out, err) = site.command(&set, "another & secret\n");
    assert_eq!(code, 0, "{out}{err}");
    all_are_there_once(&site, 8);
}

/// Goes red when a fresh token is asked for again and again, or the second 401 pauses nothing.
#[test]
fn a_fresh_token_that_is_not_taken_either_pauses_the_link() {
    let mut site = ready(&[]);
    site.start_read();
    site.fault(r#"[{"route": "ticket", "action": {"status": 401}}]"#);
    let before = site.requests("token").len();
    site.send("let in");
    site.until("the link is paused", |s| pauses(s) >= 2);
    let (asked, pauses) = (site.requests("token").len() - before, pauses(&site));
    let sent = site.requests("ticket").len();
    assert!(
        (2..=pauses + 1).contains(&asked),
        "{asked}, {pauses} pauses"
    );
    assert!(
        (4..=2 * asked + 1).contains(&sent),
        "{sent} sent, {asked} tokens"
    );
    assert!(
        site.log().contains("the portal answered 401"),
        "{}",
        site.log()
    );
    site.no_faults();
    // It may have gone on by itself already.
    site.command(&["queue", "retry", "--all"], "");
    all_are_there_once(&site, 1);
}

#[test]
fn it_is_told_how_the_portal_is_signed_in_to_and_no_secret_is_ever_shown() {
    let mut site = Site::with(&[], &[CLIENT, &["--scope", "tickets"]].concat());
    let (code, said) = site.imports(&settings(&site, ""));
    assert_eq!(code, 1, "{said}");
    for words in ["could not be tried", "invalid_scope", "portal.scope"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    site.import(&settings(&site, "scope = \"tickets\""));
    site.start_read();
    site.send("shown");
    site.until("it is a ticket", |s| s.tickets("shown").len() == 1);
    let how = "signed in by OAuth as box:7 at ";
    let status = site.does(&["status"]);
    assert!(
        status.contains(how) && status.contains("holds until 20"),
        "{status}"
    );
    let tested = site.does(&["test"]);
    assert!(tested.contains(how), "{tested}");
    let seen = [
        status,
        tested,
        site.does(&["--json", "settings", "show", "portal"]),
        site.does(&["settings", "get", "portal.client_secret"]),
        site.does(&["settings", "export"]),
        site.does(&["settings", "history"]),
        site.does(&["store", "check"]),
        site.log(),
    ];
    for text in seen {
        assert!(!text.contains(TOKEN) && !text.contains("given-"), "{text}");
    }
}

#[test]
fn settings_that_are_not_whole_are_refused_and_a_file_asks_for_the_secret() {
    let site = Site::with(&[], CLIENT);
    let toml = settings(&site, "");
    let (code, said) = site.imports(&toml.replace("client_id", "# client_id"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("portal.client_id"), "{said}");
    let file = site.store().with_extension("toml");
    std::fs::write(&file, &toml).expect("a file");
    let import = ["settings", "import", &file.display().to_string(), "--yes"];
    let (code, _, said) = site.command(&import, &format!("{PASSWORD}\n"));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("portal.client_secret"), "{said}");
    site.import(&toml);
    let said = site.refuses(&["settings", "set", "portal.client_id", ""]);
    assert!(said.contains("is needed to sign in by oauth"), "{said}");
    // What is exported is what is in force, the secret with it.
    let (code, said) = site.imports(&site.does(&["settings", "export"]));
    assert_eq!(code, 4, "{said}");
    site.send("carried over");
    site.drains();
    all_are_there_once(&site, 1);
}
