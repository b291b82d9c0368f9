//! What rules ask and do; what they may not; and that no pattern takes long.

use proptest::prelude::*;

use super::*;
use crate::mail::{Address, Attachment, Encoding, Field, Message};
use crate::ticket::{About, Key, Way};

fn address(address: &str) -> Address {
    Address {
        name: None,
        address: address.to_owned(),
    }
}

fn attachment(name: &str, content_type: &str) -> Attachment {
    Attachment {
        name: Some(name.to_owned()),
        content_type: content_type.to_owned(),
        inline: false,
        content_id: None,
        range: 0..0,
        encoding: Encoding::Identity,
        size: 0,
        sha256: [0; 32],
        inside: None,
    }
}

fn mail() -> Message {
    Message {
        from: vec![address("Anna@Nordwind.example")],
        to: vec![address("help@provider.example")],
        cc: vec![address("Billing@provider.example")],
        subject: Some("ÜBERFÄLLIGE Rechnung 4711".to_owned()),
        attachments: vec![attachment("Rechnung.PDF", "application/pdf")],
        fields: vec![Field {
            name: "x-room".to_owned(),
            value: "Küche, EG".to_owned(),
        }],
        ..Message::default()
    }
}

fn rule(name: &str, change: impl Fn(&mut Rule)) -> Rule {
    let mut rule = Rule::new(name);
    change(&mut rule);
    rule
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn ticket(about: Option<About>) -> Decision {
    Decision::Ticket {
        user: text("u"),
        company: text("c"),
        about,
    }
}

type Judged = (Decision, Option<Box<Marks>>, Vec<Asked>);

fn judge_of(rules: &[Rule], message: &Message, decided: Decision, wanted: bool) -> Judged {
    judge_as(rules, message, decided, wanted, false)
}

fn judge_as(
    rules: &[Rule],
    message: &Message,
    decided: Decision,
    wanted: bool,
    answers: bool,
) -> Judged {
    let letter = Letter {
        message,
        sender: message.author(),
        octets: 1000,
        answers,
    };
    let mut asked = Vec::new();
    let set = Ruleset::of(rules, "support");
    let (decision, marks) = set.judge(decided, &letter, wanted, |because| {
        if let Because::Rule(one) = because() {
            asked.push(one);
        }
    });
    (decision, marks, asked)
}

fn judge(rules: &[Rule], message: &Message) -> Judged {
    judge_of(rules, message, ticket(None), false)
}

/// Whether the one condition holds of the mail, by the rule that it is alone in.
#[track_caller]
fn check(holds: bool, change: impl Fn(&mut Rule)) {
    let one = rule("one", |rule| {
        rule.queue = text("q");
        change(rule);
    });
    let (_, marks, asked) = judge(std::slice::from_ref(&one), &mail());
    assert_eq!(marks.is_some(), holds, "{one:?}");
    assert_eq!(asked[0].fails.is_none(), holds, "{asked:?}");
}

#[test]
fn an_address_or_domain_is_compared_whole() {
    check(true, |r| r.sender = text("anna@nordwind.example"));
    check(true, |r| r.sender = text("other.example nordwind.example"));
    check(false, |r| r.sender = text("wind.example"));
    check(false, |r| r.sender = text("bert@nordwind.example"));
    check(false, |r| r.sender = text("provider.example"));
    check(true, |r| r.recipient = text("billing@provider.example"));
    check(true, |r| r.recipient = text("provider.example"));
    check(false, |r| r.recipient = text("nordwind.example"));
}

#[test]
fn plain_text_stands_somewhere_in_any_case_and_is_no_pattern() {
    check(true, |r| r.subject = text("überfällige"));
    check(false, |r| r.subject = text("Rechnung.4711"));
    check(true, |r| r.subject_regex = text("Rechnung.4711$"));
    check(false, |r| r.subject_regex = text("rechnung"));
    check(true, |r| r.subject_regex = text("(?i)rechnung"));
    check(true, |r| r.sender_regex = text("^anna@.*\\.example$"));
    check(false, |r| r.sender_regex = text("^nna@"));
    check(true, |r| r.recipient_regex = text("^billing@"));
}

#[test]
fn a_header_is_there_says_something_or_is_of_a_pattern() {
    check(true, |r| r.header = text("X-Room"));
    check(false, |r| r.header = text("X-Floor"));
    let says = |r: &mut Rule, value: &str| {
        r.header = text("x-room");
        r.header_value = text(value);
    };
    check(true, |r| says(r, "küche"));
    check(false, |r| says(r, "bad"));
    check(true, |r| {
        r.header = text("X-ROOM");
        r.header_regex = text("^K.che, (EG|OG)$");
    });
    let asked = rule("one", |r| r.header = text("X-Room"));
    assert_eq!(Ruleset::of(&[asked], "support").fields(), ["x-room"]);
}

#[test]
fn an_attachment_is_known_by_its_ending_or_type_and_a_message_by_its_size() {
    check(true, |r| r.attachment = text(".zip .pdf"));
    check(true, |r| r.attachment = text("application/pdf"));
    check(true, |r| r.attachment = text("application/*"));
    check(false, |r| {
        r.attachment = text("image/* .pd .xpdf application/pd")
    });
    check(true, |r| r.size_min = 1000);
    check(false, |r| r.size_min = 1001);
    check(true, |r| r.size_max = 1000);
    check(false, |r| r.size_max = 999);
}

#[test]
fn all_conditions_are_needed_and_the_first_that_fails_is_told() {
    let one = rule("one", |r| {
        r.size_min = 1;
        r.sender = text("nordwind.example");
        r.subject = text("nothing of it");
        r.subject_regex = text("Rechnung");
        r.queue = text("q");
    });
    let (_, marks, asked) = judge(&[one], &mail());
    assert_eq!(marks, None);
    assert_eq!(asked[0].holds, ["size_min", "sender"]);
    assert_eq!(asked[0].fails.as_deref(), Some("subject"));
}

#[test]
fn the_first_match_ends_the_asking_unless_it_says_otherwise_and_what_is_set_first_counts() {
    let set = |name: &str, queue: &str, tags: &str, then| {
        rule(name, |r| {
            r.queue = text(queue);
            r.tags = text(tags);
            r.then = then;
        })
    };
    let mut second = set("second", "b", "y x", Then::Stop);
    second.priority = text("high");
    let rules = [
        set("first", "a", "x", Then::Continue),
        second,
        set("third", "c", "z", Then::Stop),
    ];
    let (decision, marks, asked) = judge(&rules, &mail());
    assert_eq!(decision, ticket(None));
    let marks = marks.unwrap();
    assert_eq!(marks.rules, ["first", "second"]);
    assert_eq!(marks.queue.as_deref(), Some("a"));
    assert_eq!(marks.priority.as_deref(), Some("high"));
    assert_eq!(marks.tags, ["x", "y"]);
    let asked: Vec<&str> = asked.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!(asked, ["first", "second"], "the third is not asked");
}

fn ends(name: &str, action: Action) -> Rule {
    rule(name, |r| {
        r.action = action;
        r.reason = text("because");
    })
}

#[test]
fn a_rule_holds_or_ignores_in_its_own_words() {
    for (action, wanted) in [
        (Action::Hold, Decision::Held(Reason::HeldByRule)),
        (Action::Ignore, Decision::Ignored(Reason::IgnoredByRule)),
    ] {
        let (decision, marks, _) = judge(&[ends("mine", action)], &mail());
        assert_eq!(decision, wanted);
        let said = marks.unwrap().said();
        assert_eq!(said.as_deref(), Some("rule mine: because"));
    }
}

/// Goes red where a rule has a say on what goes into a ticket.
#[test]
fn a_reply_is_not_asked_about() {
    let about = |append| About {
        root: Key([1; 32]),
        way: Way::Token,
        append,
    };
    for action in [Action::Set, Action::Hold, Action::Ignore] {
        let rules = [rule("mine", |r| {
            r.action = action;
            r.queue = text("q");
            r.reason = text("because");
        })];
        let reply = ticket(Some(about(true)));
        let (decision, marks, asked) = judge_of(&rules, &mail(), reply.clone(), false);
        assert_eq!((decision, marks, asked.len()), (reply, None, 0));
        // What only points at another ticket begins one, whatever signs it bears.
        for answers in [false, true] {
            let begins = ticket(Some(about(false)));
            let (_, marks, asked) = judge_as(&rules, &mail(), begins, false, answers);
            assert_eq!((marks.is_some(), asked.len()), (true, 1));
        }
        // Of a ticket that only the portal knows nothing is known here but the sign.
        for decided in [ticket(None), Decision::Held(Reason::UnknownSender)] {
            let (decision, marks, asked) = judge_as(&rules, &mail(), decided.clone(), false, true);
            assert_eq!((decision, marks, asked.len()), (decided, None, 0));
        }
    }
}

/// Goes red where a rule makes a ticket of what a protection holds, or hides it.
#[test]
fn no_protection_is_lifted() {
    for reason in Reason::ALL.iter().filter(|r| **r != Reason::UnknownSender) {
        let decided = match reason.verdict() {
            crate::ticket::reason::Verdict::Held => Decision::Held(*reason),
            _ => Decision::Ignored(*reason),
        };
        for action in [Action::Set, Action::Hold, Action::Ignore] {
            let rules = [ends("mine", action)];
            let (decision, marks, asked) = judge_of(&rules, &mail(), decided.clone(), false);
            assert_eq!((decision, marks, asked.len()), (decided.clone(), None, 0));
        }
    }
}

#[test]
fn an_unknown_sender_s_mail_may_only_be_ignored() {
    let held = Decision::Held(Reason::UnknownSender);
    for action in [Action::Set, Action::Hold] {
        let rules = [rule("mine", |r| {
            r.action = action;
            r.reason = text("because");
            r.then = Then::Continue;
        })];
        let (decision, marks, asked) = judge_of(&rules, &mail(), held.clone(), false);
        assert_eq!((decision, marks), (held.clone(), None));
        assert!(asked[0].passed_over);
    }
    let (decision, ..) = judge_of(
        &[ends("mine", Action::Ignore)],
        &mail(),
        held.clone(),
        false,
    );
    assert_eq!(decision, Decision::Ignored(Reason::IgnoredByRule));
    // In front of it one that ends the asking: known or not, it is not ignored.
    let rules = [
        rule("vip", |r| r.queue = text("q")),
        ends("mine", Action::Ignore),
    ];
    let (decision, ..) = judge_of(&rules, &mail(), held.clone(), false);
    assert_eq!(decision, held);
}

/// Goes red where the operator's word, or what nobody can read, is held by a rule.
#[test]
fn what_is_wanted_or_unreadable_is_neither_held_nor_ignored() {
    let unparsed = Message {
        unparsed: true,
        ..Message::default()
    };
    for action in [Action::Hold, Action::Ignore] {
        let rules = [
            ends("mine", action),
            rule("behind", |r| r.queue = text("q")),
        ];
        for (message, wanted) in [(&mail(), true), (&unparsed, false)] {
            let (decision, marks, asked) = judge_of(&rules, message, ticket(None), wanted);
            assert_eq!(decision, ticket(None));
            assert_eq!(marks.unwrap().queue.as_deref(), Some("q"));
            assert!(asked[0].passed_over);
        }
    }
}

#[test]
fn only_active_rules_of_the_mailbox_are_asked() {
    let rules = [
        rule("off", |r| r.active = false),
        rule("other", |r| r.mailbox = text("sales")),
        rule("ours", |r| r.mailbox = text("support")),
        rule("all", |_| ()),
    ];
    let set = Ruleset::of(&rules, "support");
    let names: Vec<&str> = set.rules().iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["ours", "all"]);
}

#[test]
fn a_ruleset_is_known_by_its_rules_and_their_order() {
    let (a, b) = (rule("a", |_| ()), rule("b", |_| ()));
    let of = |rules: &[&Rule]| {
        let rules: Vec<Rule> = rules.iter().map(|r| (*r).clone()).collect();
        Ruleset::from(rules).digest()
    };
    assert_eq!(of(&[&a, &b]), of(&[&a, &b]));
    assert_ne!(of(&[&a, &b]), of(&[&b, &a]));
    assert_ne!(of(&[&a]), of(&[&b]));
    assert_eq!(Ruleset::default().digest(), 0);
}

/// As another process would get it.
#[test]
fn a_ruleset_goes_over_the_wire_as_its_rules() {
    let set = Ruleset::from(vec![rule("a", |r| r.subject_regex = text("a+"))]);
    let json = serde_json::to_string(&set).unwrap();
    assert_eq!(serde_json::from_str::<Ruleset>(&json).unwrap(), set);
}

#[track_caller]
fn refused(pattern: &str, said: &str) {
    let fault = Pattern::new(pattern).err().unwrap_or_default();
    assert!(fault.contains(said), "{pattern}: {fault}");
}

#[test]
fn a_faulty_pattern_is_refused_with_its_place() {
    refused("abc[de", "at character 4, \"[de\"");
    refused("a(b{2,1})c", "at character 4, \"{2,1})c\"");
    refused("(abc", "at its end: found open group without closing ')'");
    refused("abc)", "at character 4, \")\"");
    refused("über*\\p{L}", "at character 6, \"\\\\p{L}\"");
    refused("(?=a)", "look-around is not supported");
    refused("(a)\\1", "at character 4");
    refused(&"a".repeat(501), "500 octets");
}

/// Goes red where a pattern may take any memory.
#[test]
fn a_pattern_s_program_is_bounded() {
    refused("(((a{100}){100}){100}){100}", "more than 32 KiB");
    refused(&format!("{}a{}", "(".repeat(100), ")".repeat(100)), "nest");
    assert!(Pattern::new("^(alert|warning|error) [0-9]{1,10} on .*$").is_ok());
}

/// An engine that tries one way after the other would not come back from these: 2 to the power of a million
/// steps.
#[test]
fn patterns_made_to_blow_up_end_on_a_mebibyte() {
    let text = "a".repeat(1 << 20);
    for pattern in [
        "(a*)*b",
        "(a|a)*b",
        "(a|aa)+$b",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
    ] {
        assert!(!Pattern::new(pattern).unwrap().is_in(&text), "{pattern}");
    }
}

/// Goes red where a pattern is run over all of a text, however long.
#[test]
fn a_pattern_sees_the_beginning_of_a_long_text_only() {
    let mut message = mail();
    message.subject = Some(format!("{}end", "x".repeat(5000)));
    let one = rule("one", |r| r.subject_regex = text("end"));
    assert_eq!(judge(&[one], &message).1, None);
}

fn texts() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[a-zÄß.*+?()@ ]{0,8}")
}

fn rules() -> impl Strategy<Value = Rule> {
    let actions = prop::sample::select(vec![Action::Set, Action::Hold, Action::Ignore]);
    let thens = prop::sample::select(vec![Then::Stop, Then::Continue]);
    (
        texts(),
        texts(),
        texts(),
        texts(),
        0..2000_u64,
        actions,
        thens,
    )
        .prop_map(
            |(sender, subject, subject_regex, header, size_min, action, then)| Rule {
                sender,
                subject,
                subject_regex,
                header,
                size_min,
                action,
                then,
                queue: text("q"),
                ..Rule::new("rule")
            },
        )
}

proptest! {
    /// Whatever the rules: no panic, the same twice, and a decision only where one may be made.
    #[test]
    fn what_rules_say_is_a_function_of_what_they_are_asked(
        all in prop::collection::vec(rules(), 0..6),
        subject in ".{0,40}",
        wanted: bool,
        unparsed: bool,
    ) {
        let message = Message { subject: Some(subject), unparsed, ..mail() };
        for decided in [
            ticket(None),
            Decision::Held(Reason::UnknownSender),
            Decision::Held(Reason::AuthenticationFailed),
        ] {
            let first = judge_of(&all, &message, decided.clone(), wanted);
            prop_assert_eq!(&first, &judge_of(&all, &message, decided.clone(), wanted));
            if wanted || unparsed {
                prop_assert_eq!(&first.0, &decided);
            }
            if let (Decision::Held(_), Decision::Ticket { .. }) = (&decided, &first.0) {
                prop_assert!(false, "a protection was lifted");
            }
        }
    }
}
