use proptest::prelude::*;

use super::*;

/// A field, briefly: the server, then each method with its result and how many properties were read.
#[track_caller]
fn check(field: &str, wanted: &str) {
    let checked = checked(field.as_bytes());
    let mut said = checked.server.clone();
    for found in &checked.results {
        let (method, result) = (&found.method, found.result.code());
        said.push_str(&format!("; {method} {result} {}", found.properties.len()));
    }
    assert_eq!(said, wanted, "{field}");
}

#[test]
fn a_field_is_read_in_every_spelling_that_the_grammar_has_room_for() {
    for (field, wanted) in [
        ("mx.example.com; none", "mx.example.com"),
        ("mx.example.com 1; none", "mx.example.com"),
        (
            "MX.Example.com;dmarc=pass header.from=x.example;spf=fail smtp.mailfrom=a@x.example",
            "mx.example.com; dmarc pass 1; spf fail 1",
        ),
        (
            "(comment (in comment; dmarc=fail)) \"mx.example.com\" (1) 1 (x) ; (y) dmarc (z) = (q) pass \
             (p=none dis=none) header . from (w) = x.example",
            "mx.example.com; dmarc pass 1",
        ),
        (
            "mx.example.com; dkim / 1 = pass reason=\"good; signature\" header.d=x.example \
             header.b=AbC/dE+=; auth=none",
            "mx.example.com; dkim pass 3; auth none 0",
        ),
        (
            "mx.example.com;\r\n\tspf=softfail (google.com: domain of a@x.example does not designate \
             1.2.3.4 as permitted; sender) smtp.mailfrom=\"a b\"@x.example",
            "mx.example.com; spf softfail 1",
        ),
        // Microsoft 365, which gives no name.
        (
            "spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=x.example; dkim=pass (signature was \
             verified) header.d=x.example;dmarc=bestguesspass action=none header.from=x.example;compauth=pass reason=100",
            "unnamed; spf pass 1; dkim pass 1; dmarc none 2; compauth pass 1",
        ),
        // A version that nobody knows yet says nothing.
        ("mx.example.com 2; dmarc=pass", "mx.example.com"),
        // What never ends.
        ("mx.example.com; dmarc=pass (never closed header.from=x", "mx.example.com; dmarc pass 0"),
        ("mx.example.com; dmarc=\"pass", "mx.example.com; dmarc pass 0"),
        ("mx.example.com; dkim=hardfail; dkim=perhaps", "mx.example.com; dkim fail 0; dkim unknown 0"),
        ("mx.example.com; stray words dkim=pass", "mx.example.com; dkim pass 0"),
        ("", "unnamed"),
        (";;;", "unnamed"),
    ] {
        check(field, wanted);
    }
}

#[test]
fn a_received_field_says_which_server_wrote_it() {
    for (field, by) in [
        (
            "from a.example (b [1.2.3.4]) by MX.Example.com (Postfix) with ESMTP id 1; Mon",
            Some("mx.example.com"),
        ),
        (
            "by 2002:a05:6f02:1b0d:b0:1 with SMTP id x; Mon, 2 Mar 2026",
            Some("2002:a05:6f02:1b0d:b0:1"),
        ),
        (
            "from a.example (by fake.example) by mx.example.com.; x",
            Some("mx.example.com"),
        ),
        ("from a.example; Mon, 2 Mar 2026 by 9", None),
        ("from a.example", None),
    ] {
        assert_eq!(received(field.as_bytes()).as_deref(), by, "{field}");
    }
}

fn trace(fields: &[&str]) -> Vec<Trace> {
    let read = |field: &&str| match field.strip_prefix("by ") {
        Some(by) => Trace::Received(by.to_owned()),
        None => Trace::Checked(checked(field.as_bytes())),
    };
    fields.iter().map(read).collect()
}

/// What the server `mx.example.com` is believed to have found by DMARC.
#[track_caller]
fn believe(fields: &[&str], wanted: Option<Finding>) {
    let trace = trace(fields);
    let author = Address {
        name: None,
        address: "a@X.example".to_owned(),
    };
    let found = believed(&trace, "MX.example.com").map(|c| verdict(c, &author).dmarc);
    assert_eq!(found, wanted, "{fields:?}");
}

const PASS: &str = "mx.example.com; dmarc=pass header.from=x.example";
const FAIL: &str = "mx.example.com; dmarc=fail header.from=x.example";
const OTHERS: &str = "mx.elsewhere.example; dmarc=pass header.from=x.example";

#[test]
fn only_the_topmost_field_of_our_own_server_is_believed() {
    let (pass, fail) = (Some(Finding::Pass), Some(Finding::Fail));
    believe(&[PASS], pass);
    believe(&[FAIL, PASS], fail);
    believe(&["by mx.example.com", FAIL, "by out.x.example", PASS], fail);
    // In a network of one's own the field lies below the last hops.
    believe(&["by store.example.com", "by 10.0.0.1", PASS], None);
    believe(&["by 10.0.0.1", PASS, "by mx.example.com"], pass);
    believe(
        &["by store.example.com", "by filter.example.com", PASS],
        pass,
    );
    // Others' are not, wherever they stand.
    believe(&[OTHERS], None);
    believe(&[OTHERS, FAIL, "by mx.example.com"], fail);
    // One that came along: it lies below the servers that it came through.
    believe(
        &["by mx.example.com", "by out.provider.example", PASS],
        None,
    );
    believe(
        &["by mx.example.com", OTHERS, "by out.provider.example", PASS],
        None,
    );
    believe(&["by notexample.com", "by evil.example", PASS], pass);
    // The topmost says nothing about it: the one below does not count in its place.
    believe(&["mx.example.com; spf=pass", PASS], Some(Finding::None));
    believe(&["mx.example.com 2; dmarc=pass", PASS], Some(Finding::None));
}

#[test]
fn a_result_counts_for_the_domain_that_it_is_about() {
    let none = Some(Finding::None);
    believe(
        &["mx.example.com; dmarc=pass header.from=other.example"],
        none,
    );
    believe(
        &["mx.example.com; dmarc=pass header.from=sub.x.example"],
        none,
    );
    believe(&["mx.example.com; dmarc=pass"], Some(Finding::Pass));
    let both =
        "mx.example.com; dmarc=pass header.from=other.example; dmarc=fail header.from=X.EXAMPLE.";
    believe(&[both], Some(Finding::Fail));
}

#[test]
fn a_host_is_beside_a_server_in_the_same_domain_and_not_in_the_same_country() {
    for (host, server, wanted) in [
        ("mx.example.com", "mx.example.com", true),
        ("store.example.com", "mx.example.com", true),
        ("a.b.example.com", "mx.example.com", true),
        ("example.com", "mx.example.com", true),
        ("notexample.com", "mx.example.com", false),
        ("evil.example", "mx.example.com", false),
        ("other.com", "example.com", false),
        ("mx.provider.co.uk", "provider.co.uk", true),
        ("evil.co.uk", "provider.co.uk", false),
        ("evil.com.tr", "provider.com.tr", false),
        ("store.provider.co.uk", "mx.provider.co.uk", true),
        ("mailhost", "mailhost", true),
        ("other", "mailhost", false),
    ] {
        assert_eq!(is_beside(host, server), wanted, "{host} {server}");
    }
}

#[test]
fn a_server_without_a_name_is_believed_beside_its_own_only() {
    let field = "spf=pass; dmarc=fail header.from=x.example";
    let ours = trace(&[
        "by am5.eurprd01.prod.outlook.com",
        field,
        "by out.x.example",
    ]);
    assert!(believed(&ours, "unnamed").is_some());
    assert!(believed(&ours, "mx.example.com").is_none());
    let theirs = trace(&[
        "by am5.eurprd01.prod.outlook.com",
        "by out.x.example",
        field,
    ]);
    assert!(believed(&theirs, "unnamed").is_none());
}

proptest! {
    #[test]
    fn any_octets_are_read_within_bounds(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        let checked = checked(&octets);
        prop_assert!(checked.results.len() <= RESULTS_MAX);
        prop_assert!(checked.server.len() <= WORD_MAX && !checked.server.is_empty());
        for found in &checked.results {
            prop_assert!(found.properties.len() <= PROPERTIES_MAX);
        }
        prop_assert!(received(&octets).is_none_or(|by| by.len() <= WORD_MAX));
    }

    #[test]
    fn what_counts_of_a_field_says_the_same(field in "mx; ((dmarc|dkim|x)=(pass|fail)( header.from=[xy].example)?;){0,12}") {
        let author = Address { name: None, address: "a@x.example".to_owned() };
        let whole = checked(field.as_bytes());
        prop_assert_eq!(verdict(&whole, &author), verdict(&whole.what_counts(), &author));
    }

    #[test]
    fn a_field_that_only_others_wrote_is_never_believed(
        fields in proptest::collection::vec("(by )?[a-z]{1,3}\\.example(; dmarc=pass)?", 0..8),
    ) {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        prop_assert!(believed(&trace(&fields), "mx.example.com").is_none());
    }
}
