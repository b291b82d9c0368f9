use super::*;

fn denial(answer: Answer, line: &str) -> Denial {
    let line = format!("p1 {answer} {line}\r\n");
    let parsed = async_imap::imap_proto::Response::parse(line.as_bytes());
    let Ok((_, async_imap::imap_proto::Response::Done { outcome, .. })) = parsed else {
        panic!("{line} is no answer");
    };
    let (name, said) = words(&outcome);
    Denial {
        answer,
        code: code(name.as_deref()),
        name,
        said,
    }
}

fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Lost { .. } => "lost",
        Fault::Refused { why, .. } => match why {
            Refusal::SignIn { .. } => "sign-in",
            _ => "refused",
        },
        Fault::Moved { .. } => "moved",
        Fault::Gone { .. } => "gone",
        Fault::Throttled { .. } => "throttled",
        Fault::Broken { .. } => "broken",
    }
}

#[test]
fn each_denial_has_its_verdict() {
    for (line, of_command, of_sign_in) in [
        ("[NONEXISTENT] no such folder", "gone", "sign-in"),
        ("[TRYCREATE] no such folder", "gone", "sign-in"),
        ("[UNAVAILABLE] database is away", "throttled", "throttled"),
        ("[INUSE] locked", "throttled", "throttled"),
        ("[LIMIT] too many connections", "throttled", "throttled"),
        ("[THROTTLED] slow down", "throttled", "throttled"),
        ("[OVERQUOTA] full", "refused", "sign-in"),
        ("[NOPERM] not yours", "refused", "sign-in"),
        ("[AUTHENTICATIONFAILED] no", "refused", "sign-in"),
        ("[ALERT] call us", "refused", "sign-in"),
        ("throttled, unavailable, quota", "refused", "sign-in"),
        ("", "refused", "sign-in"),
    ] {
        for answer in [Answer::No, Answer::Bad] {
            let fault = command("testing", denial(answer, line));
            assert_eq!(kind(&fault), of_command, "{answer} {line}");
            let fault = sign_in("testing", denial(answer, line));
            assert_eq!(kind(&fault), of_sign_in, "{answer} {line}");
        }
    }
}

#[test]
fn the_servers_words_are_kept_with_their_code() {
    let known = denial(Answer::No, "[TRYCREATE] make it first");
    assert_eq!(known.said, "[TRYCREATE] make it first");
    let other = denial(Answer::No, "[CONTACTADMIN] call 555");
    assert_eq!(other.name.as_deref(), Some("CONTACTADMIN"));
    assert_eq!(other.said, "[CONTACTADMIN] call 555");
    let odd = denial(Answer::Bad, "a\u{1b}[31mred");
    assert_eq!(odd.said, "a[31mred");
}

#[test]
fn a_bye_is_a_loss_unless_its_code_asks_for_patience() {
    assert_eq!(kind(&bye("x", None, "too many".to_owned())), "lost");
    assert_eq!(
        kind(&bye("x", Some("UNAVAILABLE"), String::new())),
        "throttled"
    );
}
