//! Documents that lie, each in one point: the judge must find it. What no lie is must stay unfound.

use serde_json::{json, Value};

use crate::answers::{told, unmet, wrong};
use crate::contract::{Contract, PATH};
use crate::wire::{key, message, Exchange};

fn document() -> Value {
    serde_yaml_ng::from_str(&std::fs::read_to_string(PATH).unwrap()).unwrap()
}

/// The shipped document with this put in at a place, or taken out of it.
fn doctored(pointer: &str, put: Option<Value>) -> Contract {
    let mut document = document();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/");
    let parent = document.pointer_mut(parent).unwrap().as_object_mut();
    match put {
        Some(value) => parent.unwrap().insert(name, value),
        None => parent.unwrap().remove(&name),
    };
    Contract::of(document)
}

#[test]
fn an_answer_that_a_doctored_document_does_not_describe_is_found() {
    let told = told();
    let directory = "/paths/~1directory/get/responses";
    let created = "/paths/~1tickets/post/responses/201";
    let schemas = "/components/schemas";
    for (pointer, put, said) in [
        (
            format!("{directory}/410"),
            None,
            "does not name this status",
        ),
        (
            format!("{schemas}/Ping/properties/epoch"),
            None,
            "Additional properties",
        ),
        (
            format!("{schemas}/Receipt/properties/id/type"),
            Some(json!("integer")),
            "is not of type \"integer\"",
        ),
        (
            format!("{schemas}/Conversation/properties/participants"),
            None,
            "is not valid under any",
        ),
        (
            "/paths/~1tickets~1{id}~1replies/post/responses/410".to_owned(),
            None,
            "createReply 410: POST",
        ),
        (
            format!("{schemas}/Stored/required"),
            Some(json!(["sha256", "size", "kept_until"])),
            "\"kept_until\" is a required property",
        ),
        (
            format!("{created}/headers/X-Trace"),
            Some(json!({ "required": true, "schema": { "type": "string" } })),
            "no X-Trace",
        ),
        (
            format!("{created}/content"),
            Some(json!({ "text/plain": {} })),
            "is no media type of it",
        ),
        (
            "/components/headers/IdempotencyReplayed/schema/const".to_owned(),
            Some(json!("yes")),
            "\"yes\" was expected",
        ),
    ] {
        let found = wrong(&mut doctored(&pointer, put), &told);
        assert!(
            found.iter().any(|f| f.contains(said)),
            "{pointer}: {found:?}"
        );
    }
    assert_eq!(
        wrong(&mut Contract::of(document()), &told),
        Vec::<String>::new()
    );
}

#[test]
fn a_promise_that_nobody_keeps_is_found() {
    let told = told();
    let forbidden = json!({ "$ref": "#/components/responses/Forbidden" });
    for (pointer, put, said) in [
        ("/paths/~1ping/get/responses/418", forbidden, "ping 418"),
        (
            "/components/schemas/Ping/properties/colour",
            json!({ "type": "string" }),
            "Ping.colour",
        ),
        (
            "/paths/~1ping/get/responses/200/headers",
            json!({ "X-Trace": { "schema": { "type": "string" } } }),
            "ping 200 X-Trace",
        ),
        (
            "/components/schemas/ProblemType/enum",
            json!(["urn:postern:problem:out-of-paper"]),
            "urn:postern:problem:out-of-paper",
        ),
    ] {
        let mut contract = doctored(pointer, Some(put));
        wrong(&mut contract, &told);
        assert_eq!(unmet(&contract), [said], "{pointer}");
    }
}

fn posted(change: impl Fn(&mut Value), fields: &[(&str, &str)]) -> Exchange {
    let mut body = message(1);
    change(&mut body);
    let own = [
        ("idempotency-key", key(1)),
        ("content-type", "application/json".to_owned()),
    ];
    let own = own.map(|(n, v)| (n.to_owned(), v));
    let given = fields
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Exchange {
        method: "POST".to_owned(),
        path: "/tickets".to_owned(),
        query: String::new(),
        fields: given.chain(own).collect(),
        body: body.to_string(),
        status: 201,
        answer_fields: Vec::new(),
        answer_body: String::new(),
    }
}

#[test]
fn a_request_that_the_document_does_not_describe_is_found() {
    let mut contract = Contract::shipped();
    let plain = posted(|_| (), &[]);
    assert_eq!(contract.judge_request(&plain), Vec::<String>::new());
    let mut elsewhere = plain.clone();
    elsewhere.path = "/events".to_owned();
    let mut asks_more = plain.clone();
    asks_more.query = "quick=yes".to_owned();
    let looked_for = |query: String| {
        let mut exchange = plain.clone();
        exchange.method = "GET".to_owned();
        (exchange.path, exchange.query) = ("/conversations".to_owned(), query);
        exchange
    };
    let token = format!("pt-{}", "a".repeat(32));
    let found = looked_for(format!(
        "token={token}&message_id=a%40b.example&message_id=c%25"
    ));
    assert_eq!(contract.judge_request(&found), Vec::<String>::new());
    for (exchange, said) in [
        (posted(|m| m["subject"] = Value::Null, &[]), "\"/subject\""),
        (posted(|m| m["colour"] = "red".into(), &[]), "colour"),
        (
            posted(|m| m["received_at"] = "2026-03-02".into(), &[]),
            "date-time",
        ),
        (
            posted(|m| m["key"] = key(2).into(), &[]),
            "differs from its field",
        ),
        (
            posted(|_| (), &[("idempotency-key", "7")]),
            "Idempotency-Key",
        ),
        (
            posted(|_| (), &[("content-type", "text/plain")]),
            "no media type",
        ),
        (posted(|m| m["token"] = "pt-1".into(), &[]), "\"/token\""),
        (posted(|m| m["about"] = "T-1".into(), &[]), "\"/about\""),
        (looked_for("token=pt-1".to_owned()), "conversations token"),
        (looked_for("ticket=x&".repeat(9)), "conversations ticket"),
        (elsewhere, "no operation"),
        (asks_more, "no parameter quick"),
    ] {
        let found = contract.judge_request(&exchange);
        assert!(found.iter().any(|f| f.contains(said)), "{said}: {found:?}");
    }
}
