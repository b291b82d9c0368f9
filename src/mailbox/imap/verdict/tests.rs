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
        Fault::Crowded { .. } => "crowded",
        Fault::Broken { .. } => "broken",
    }
}

#[test]
fn each_denial_has_its_verdict() {
    for (line, of_command, of_sign_in, of_open) in [
        ("[NONEXISTENT] no such folder", "gone", "sign-in", "gone"),
        ("[TRYCREATE] no such folder", "gone", "sign-in", "gone"),
        (
            "[UNAVAILABLE] database is away",
            "throttled",
            "throttled",
            "throttled",
        ),
        ("[INUSE] locked", "throttled", "crowded", "crowded"),
        // Dovecot 2.3, mail_max_userip_connections.
        (
            "[LIMIT] Maximum number of connections from user+IP exceeded",
            "throttled",
            "crowded",
            "crowded",
        ),
        (
            "[THROTTLED] slow down",
            "throttled",
            "throttled",
            "throttled",
        ),
        ("[OVERQUOTA] full", "refused", "sign-in", "refused"),
        ("[NOPERM] not yours", "refused", "sign-in", "refused"),
        ("[AUTHENTICATIONFAILED] no", "refused", "sign-in", "refused"),
        // Gmail, for too many sessions and for a wrong password alike.
        ("[ALERT] call us", "refused", "sign-in", "refused"),
        (
            "throttled, unavailable, quota",
            "refused",
            "sign-in",
            "refused",
        ),
        ("", "refused", "sign-in", "refused"),
    ] {
        for answer in [Answer::No, Answer::Bad] {
            let fault = command("testing", denial(answer, line));
            assert_eq!(kind(&fault), of_command, "{answer} {line}");
            let fault = sign_in("testing", denial(answer, line));
            assert_eq!(kind(&fault), of_sign_in, "{answer} {line}");
            let fault = open("testing", denial(answer, line));
            assert_eq!(kind(&fault), of_open, "{answer} {line}");
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

#[test]
fn a_server_that_turns_a_session_away_for_its_number_says_so_by_its_code() {
    for (name, verdict) in [
        (Some("LIMIT"), "crowded"),
        (Some("INUSE"), "crowded"),
        (Some("UNAVAILABLE"), "throttled"),
        (Some("ALERT"), "lost"),
        (None, "lost"),
    ] {
        let fault = turned_away("x", name, "too many connections".to_owned());
        assert_eq!(kind(&fault), verdict, "{name:?}");
    }
    // Within a session the same code is about what the session asked for.
    let fault = bye("x", Some("LIMIT"), String::new());
    assert_eq!(kind(&fault), "throttled");
}
