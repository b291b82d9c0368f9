use proptest::prelude::*;

use super::*;
use crate::mail::{Forwarded, How, Rewritten, Sign, Trace};

fn address(address: &str) -> Address {
    Address {
        name: None,
        address: address.to_owned(),
    }
}

fn from(authors: &[&str]) -> Message {
    Message {
        from: authors.iter().map(|a| address(a)).collect(),
        ..Message::default()
    }
}

fn forwards(authors: &[&str]) -> Vec<Forwarded> {
    let forwarded = |author: &&str| Forwarded {
        author: match author.contains('@') {
            true => address(author),
            false => Address {
                name: Some((*author).to_owned()),
                address: String::new(),
            },
        },
        how: How::Block,
    };
    authors.iter().map(forwarded).collect()
}

/// What the directory knows: technicians, users, a company's domain, and a public provider that a portal gave
/// to a company by mistake.
fn directory(form: &str) -> Sender {
    let known = |user: &str, technician| Sender::Known {
        user: user.to_owned(),
        company: Some("c1".to_owned()),
        technician,
    };
    match form {
        "tom@msp.example" => known("t1", true),
        "tina@msp.example" => known("t2", true),
        "petra@nordwind.example" => known("u1", false),
        "otto@nordwind.example" => known("u2", false),
        _ => Sender::Unknown {
            company_hint: ["nordwind.example", "gmail.com"]
                .iter()
                .any(|d| form.ends_with(d))
                .then(|| "c1".to_owned()),
        },
    }
}

/// Every setting on.
fn trusting() -> Senders {
    Senders {
        own: vec!["help@msp.example".to_owned(), "desk@msp.example".to_owned()],
        reply_to: true,
        ignore_plus: true,
        company_by_domain: Domains::Company,
        forwards: true,
        lists: vec!["help@groups.example".to_owned(), "lists.example".to_owned()],
        authentication_server: Some("mx.msp.example".to_owned()),
        failed_dmarc: Unproven::Mark,
    }
}

fn ask(message: &Message, senders: &Senders) -> Requester {
    let claims = claims(message, senders);
    let forms = claims.iter().flat_map(|claim| &claim.forms);
    let answers = forms.map(|form| directory(form)).collect();
    Requester::of(message, senders, claims, answers)
}

/// Who it is: the user or the address, by which way, and the technician.
#[track_caller]
fn check(message: &Message, senders: &Senders, wanted: &str) -> Requester {
    let requester = ask(message, senders);
    let who = match &requester.sender {
        Sender::Known { user, .. } => user.clone(),
        Sender::Unknown { company_hint } => {
            let address = requester.address(message).map(|a| a.address.clone());
            let company = company_hint.as_ref().map(|c| format!(" of {c}"));
            format!(
                "{}{}",
                address.unwrap_or_default(),
                company.unwrap_or_default()
            )
        }
        Sender::DirectoryNotRead => "?".to_owned(),
    };
    let by = requester.origin.by.code();
    let technician = requester.origin.technician.as_ref();
    let technician = technician.map(|t| format!(", {t}")).unwrap_or_default();
    assert_eq!(format!("{who} by {by}{technician}"), wanted, "{message:?}");
    requester
}

fn with_dmarc(message: Message, result: &str) -> Message {
    let domain = domain_form(&message.from[0].address).unwrap();
    let field = format!("mx.msp.example; dmarc={result} header.from={domain}");
    Message {
        trace: vec![Trace::Checked(crate::mail::authentication::checked_of(
            &field,
        ))],
        ..message
    }
}

#[test]
fn without_settings_the_author_is_the_requester_whatever_else_is_said() {
    let message = Message {
        reply_to: vec![address("petra@nordwind.example")],
        sender: Some(address("otto@nordwind.example")),
        rewritten: Some(Rewritten {
            author: address("petra@nordwind.example"),
            sign: Sign::OriginalFrom,
        }),
        forwarded: forwards(&["petra@nordwind.example"]),
        ..from(&["tom@msp.example"])
    };
    let none = Senders::default();
    assert_eq!(claims(&message, &none).len(), 1);
    check(&message, &none, "t1 by from");
    check(
        &from(&["nobody@far.example"]),
        &none,
        "nobody@far.example by from",
    );
    check(
        &from(&["tom+x@msp.example"]),
        &none,
        "tom+x@msp.example by from",
    );
    let sent = Message {
        sender: Some(address("otto@nordwind.example")),
        ..from(&[])
    };
    check(&sent, &none, "u2 by sender");
    check(&from(&[]), &none, " by sender");
}

#[test]
fn of_several_authors_the_one_who_sent_it_is_asked_first_then_the_first_who_is_known() {
    let none = Senders::default();
    let authors = [
        "x@far.example",
        "otto@nordwind.example",
        "petra@nordwind.example",
    ];
    let requester = check(&from(&authors), &none, "u2 by from");
    assert_eq!(requester.origin.requester, Some(address(authors[1])));
    let sent = |sender: &str| Message {
        sender: Some(address(sender)),
        ..from(&authors)
    };
    check(&sent("Petra@Nordwind.example"), &none, "u1 by from");
    check(&sent("secretary@far.example"), &none, "u2 by from");
    // Nobody known: the one who sent it.
    let strangers = Message {
        sender: Some(address("b@far.example")),
        ..from(&["a@far.example", "b@far.example"])
    };
    check(&strangers, &none, "b@far.example by from");
}

#[test]
fn a_technician_s_forward_is_the_customer_s_request() {
    let senders = trusting();
    let forwarded = |author: &str, chain: &[&str]| Message {
        forwarded: forwards(chain),
        ..from(&[author])
    };
    let tom = |chain: &[&str]| forwarded("Tom@MSP.example", chain);
    check(
        &tom(&["petra@nordwind.example"]),
        &senders,
        "u1 by forward, t1",
    );
    // What technicians forwarded to each other, and what came back from the desk.
    let chain = [
        "tina@msp.example",
        "desk@msp.example",
        "petra@nordwind.example",
        "x@far.example",
    ];
    check(&tom(&chain), &senders, "u1 by forward, t1");
    check(
        &tom(&["x@far.example"]),
        &senders,
        "x@far.example by forward, t1",
    );
    check(
        &tom(&["x@nordwind.example"]),
        &senders,
        "x@nordwind.example of c1 by forward, t1",
    );
    // Nobody else to be found, or only a name.
    check(&tom(&["tina@msp.example"]), &senders, "t1 by from");
    check(
        &tom(&["Petra Lang", "otto@nordwind.example"]),
        &senders,
        "t1 by from",
    );
    // Who is no technician forwards for themselves.
    check(
        &forwarded("petra@nordwind.example", &["otto@nordwind.example"]),
        &senders,
        "u1 by from",
    );
    check(
        &forwarded("x@far.example", &["otto@nordwind.example"]),
        &senders,
        "x@far.example by from",
    );
    // One of several authors is no proof of being one.
    let two = Message {
        forwarded: forwards(&["petra@nordwind.example"]),
        ..from(&["x@far.example", "tom@msp.example"])
    };
    check(&two, &senders, "t1 by from");
}

#[test]
fn a_forged_technician_forwards_nothing() {
    let senders = trusting();
    let message = Message {
        forwarded: forwards(&["petra@nordwind.example"]),
        ..from(&["tom@msp.example"])
    };
    let failed = check(&with_dmarc(message.clone(), "fail"), &senders, "t1 by from");
    assert!(failed.origin.doubtful);
    let passed = check(&with_dmarc(message, "pass"), &senders, "u1 by forward, t1");
    assert!(!passed.origin.doubtful);
}

#[test]
fn a_list_is_believed_where_the_settings_name_it() {
    let senders = trusting();
    let handed_on = |list: &str| Message {
        rewritten: Some(Rewritten {
            author: address("petra@nordwind.example"),
            sign: Sign::ReplyTo,
        }),
        ..from(&[list])
    };
    check(&handed_on("Help@groups.example"), &senders, "u1 by list");
    check(&handed_on("any@Lists.example"), &senders, "u1 by list");
    for list in [
        "other@groups.example",
        "any@sub.lists.example",
        "a@far.example",
    ] {
        check(&handed_on(list), &senders, &format!("{list} by from"));
    }
    let failed = with_dmarc(handed_on("any@lists.example"), "fail");
    check(&failed, &senders, "any@lists.example by from");
}

#[test]
fn answers_go_to_somebody_else_only_where_the_author_is_unknown() {
    let senders = trusting();
    let form = |author: &str, to: &[&str]| Message {
        reply_to: to.iter().map(|a| address(a)).collect(),
        ..from(&[author])
    };
    check(
        &form("web@far.example", &["petra@nordwind.example"]),
        &senders,
        "u1 by reply-to",
    );
    check(
        &form("web@far.example", &["x@far.example"]),
        &senders,
        "x@far.example by reply-to",
    );
    check(
        &form("otto@nordwind.example", &["petra@nordwind.example"]),
        &senders,
        "u2 by from",
    );
    let two = ["petra@nordwind.example", "otto@nordwind.example"];
    check(
        &form("web@far.example", &two),
        &senders,
        "web@far.example by from",
    );
    let failed = with_dmarc(form("web@far.example", &["petra@nordwind.example"]), "fail");
    check(&failed, &senders, "web@far.example by from");
}

#[test]
fn a_domain_names_a_company_but_a_public_provider_s_and_a_forged_one_s() {
    let mut senders = trusting();
    check(
        &from(&["x@nordwind.example"]),
        &senders,
        "x@nordwind.example of c1 by from",
    );
    check(&from(&["x@gmail.com"]), &senders, "x@gmail.com by from");
    let failed = with_dmarc(from(&["x@nordwind.example"]), "fail");
    let failed = check(&failed, &senders, "x@nordwind.example by from");
    // Nobody known, whose address could have been taken.
    assert!(!failed.origin.doubtful);
    senders.company_by_domain = Domains::Ignore;
    check(
        &from(&["x@nordwind.example"]),
        &senders,
        "x@nordwind.example by from",
    );
}

#[test]
fn what_our_own_server_found_is_kept_and_a_known_address_that_fails_is_doubtful() {
    let senders = trusting();
    for (result, doubtful) in [
        ("fail", true),
        ("pass", false),
        ("none", false),
        ("temperror", false),
    ] {
        let requester = ask(
            &with_dmarc(from(&["petra@nordwind.example"]), result),
            &senders,
        );
        assert_eq!(requester.origin.doubtful, doubtful, "{result}");
        let verdict = requester.origin.authentication.unwrap();
        assert_eq!(verdict.dmarc.code(), result);
    }
    // Of authors in several domains the server checked one.
    let mixed = with_dmarc(from(&["x@far.example", "petra@nordwind.example"]), "pass");
    assert!(ask(&mixed, &senders).origin.doubtful);
    // Nothing is believed where no server is set.
    let none = Senders::default();
    let requester = ask(
        &with_dmarc(from(&["petra@nordwind.example"]), "fail"),
        &none,
    );
    assert_eq!(requester.origin, Origin::default());
}

#[test]
fn a_plus_part_is_looked_past_by_setting_and_the_exact_address_comes_first() {
    let mut senders = trusting();
    check(
        &from(&["petra+printer@nordwind.example"]),
        &senders,
        "u1 by from",
    );
    let asked = claims(&from(&["petra+printer@nordwind.example"]), &senders);
    assert_eq!(
        asked[0].forms,
        ["petra+printer@nordwind.example", "petra@nordwind.example"]
    );
    senders.ignore_plus = false;
    check(
        &from(&["petra+printer@nordwind.example"]),
        &senders,
        "petra+printer@nordwind.example of c1 by from",
    );
    // Dots are not Gmail's to decide for everybody.
    check(
        &from(&["pe.tra@nordwind.example"]),
        &senders,
        "pe.tra@nordwind.example of c1 by from",
    );
}

#[test]
fn recipients_that_are_ours_are_told_but_the_mailbox_itself() {
    let message = Message {
        to: vec![address("Help@MSP.example"), address("Desk+2@msp.example")],
        cc: vec![
            address("desk@msp.example"),
            address("otto@nordwind.example"),
        ],
        ..from(&["petra@nordwind.example"])
    };
    let own = ask(&message, &trusting()).origin.own;
    assert_eq!(own, ["desk+2@msp.example", "desk@msp.example"]);
}

#[test]
fn nobody_is_anybody_before_the_directory_was_read() {
    let message = from(&["petra@nordwind.example"]);
    let senders = trusting();
    let claims = claims(&message, &senders);
    let unread = Requester::of(
        &message,
        &senders,
        claims,
        vec![Sender::DirectoryNotRead; 2],
    );
    assert_eq!(unread.sender, Sender::DirectoryNotRead);
    // An answer that is missing is none.
    let none = Requester::of(
        &message,
        &senders,
        super::claims(&message, &senders),
        vec![],
    );
    assert_eq!(none.sender, Sender::DirectoryNotRead);
}

#[test]
fn the_list_of_public_providers_is_in_order_and_in_the_form_that_is_compared() {
    let domains: Vec<&str> = include_str!("../providers.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(domains.len() > 300);
    assert!(domains.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(domains
        .iter()
        .all(|d| domain_form(d).as_deref() == Some(*d)));
    assert!(is_public("gmail.com") && is_public("t-online.de") && !is_public("#"));
    assert!(!is_public("nordwind.example") && !is_public(""));
}

proptest! {
    /// Whatever a mail says, without settings nobody but its own author is asked about, and no more than a
    /// bounded number with all of them.
    #[test]
    fn what_is_asked_is_bounded_and_by_setting(
        authors in proptest::collection::vec("[a-z]{0,3}(\\+[a-z])?@?[a-zü]{0,3}(\\.example)?", 0..20),
        chain in proptest::collection::vec("[a-z]{1,3}@[a-z]{1,3}\\.example", 0..20),
    ) {
        let authors: Vec<&str> = authors.iter().map(String::as_str).collect();
        let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
        let message = Message { forwarded: forwards(&chain), ..from(&authors) };
        let by_default = claims(&message, &Senders::default());
        prop_assert!((1..=ASKED_MAX).contains(&by_default.len()));
        prop_assert!(by_default.iter().all(|c| matches!(c.by, By::From | By::Sender)));
        let all = claims(&message, &trusting());
        prop_assert!(all.len() <= 2 * ASKED_MAX + 2);
        prop_assert!(all.iter().all(|c| (1..=2).contains(&c.forms.len())));
        let requester = ask(&message, &trusting());
        prop_assert!(requester.origin.technician.is_none() || authors.len() == 1);
    }
}
