use super::*;
use crate::control::{DirectoryLine, DirectoryPage, Happening, Kind, Life, LifeLine};
use crate::control::{GroupLine, MailboxStatus, Matches};
use crate::control::{PortalStatus, Preview, Problem, ReasonCount, StoreStatus};

const HOSTILE: &str = "x\u{1b}[2J\u{9b}1m\r\u{202e}\u{7}";

fn hostile() -> String {
    HOSTILE.to_owned()
}

fn line() -> MessageLine {
    MessageLine {
        key: hostile(),
        mailbox: hostile(),
        stage: hostile(),
        reason: Some(hostile()),
        received_at: Some(hostile()),
        from: hostile(),
        subject: hostile(),
        attempts: 3,
        next_s: Some(5),
        said: Some(hostile()),
        group: Some(GroupLine {
            alike: hostile(),
            what: hostile(),
            count: 2,
            since: hostile(),
            until: hostile(),
        }),
    }
}

fn status_with(text: &str) -> Status {
    let text = || text.to_owned();
    Status {
        version: text(),
        running: true,
        at: text(),
        up_s: 1,
        mailboxes: vec![MailboxStatus {
            name: text(),
            active: true,
            state: text(),
            said: Some(text()),
            unread: Some(7),
            unread_at: Some(text()),
            left_out: None,
            already_read: Some(0),
            heard_at: Some(text()),
        }],
        portal: PortalStatus {
            url: text(),
            state: text(),
            said: Some(text()),
            sign_in: Some(text()),
            restored: Some(text()),
            ..PortalStatus::default()
        },
        store: StoreStatus {
            path: text(),
            start: Some(text()),
            ..StoreStatus::default()
        },
        counts: [(text(), 3)].into(),
        reasons: vec![ReasonCount {
            reason: text(),
            is: text(),
            count: 2,
            said: text(),
            mend: text(),
        }],
        revision: 1,
        waits_until: Some(text()),
        alarms: vec![text()],
    }
}

fn directory_with(text: &str) -> DirectoryPage {
    let text = || text.to_owned();
    let line = |kind: &str| DirectoryLine {
        kind: kind.to_owned(),
        id: text(),
        name: text(),
        company: Some(text()),
        company_name: Some(text()),
        known_by: vec![text()],
        people: Some(3),
        technician: true,
    };
    DirectoryPage {
        people: 3,
        companies: 1,
        whole: true,
        whole_at: Some(text()),
        read_at: Some(text()),
        trouble: Some(text()),
        said: Some(text()),
        listed: Listed {
            items: vec![line("company"), line("person"), line(&text())],
            next: Some(text()),
            total: None,
        },
    }
}

fn life_with(text: &str) -> Life {
    let text = || text.to_owned();
    Life {
        line: line(),
        whole_key: text(),
        message_id: Some(text()),
        ticket: Some(text()),
        mend: Some(text()),
        events: vec![LifeLine {
            at: Some(text()),
            event: text(),
            said: text(),
            mend: Some(text()),
            reason: Some(text()),
            mailbox: Some(text()),
            folder: Some(text()),
            uid: Some(1),
            uid_validity: Some(2),
            ticket: Some(text()),
            epoch: Some(text()),
            by: Some(text()),
        }],
        remarks: vec![text()],
    }
}

/// Every answer that carries text from outside, with hostile text in each of its fields.
fn answers() -> Vec<Answer> {
    let change = Change {
        key: hostile(),
        before: Some(hostile()),
        after: Some(hostile()),
    };
    let problem = Problem {
        key: hostile(),
        value: Some(hostile()),
        said: hostile(),
    };
    let setting = SettingLine {
        key: hostile(),
        label: hostile(),
        value: serde_json::Value::Null,
        text: hostile(),
    };
    vec![
        Answer::Status(Box::new(status_with(HOSTILE))),
        Answer::Messages(Listed {
            items: vec![line()],
            next: Some(hostile()),
            total: Some(1),
        }),
        Answer::Newest(Listed {
            items: vec![line()],
            next: Some(hostile()),
            total: Some(1),
        }),
        Answer::Life(Box::new(life_with(HOSTILE))),
        Answer::Matches(Box::new(Matches {
            message_id: hostile(),
            items: vec![line()],
            not_kept: 1,
            known: 2,
            remarks: vec![hostile()],
        })),
        Answer::Message(Box::new(Story {
            line: line(),
            whole_key: hostile(),
            place: hostile(),
            size: Some(1),
            ticket: Some(hostile()),
            happenings: vec![Happening {
                at: Some(hostile()),
                stage: hostile(),
                said: hostile(),
            }],
        })),
        Answer::Directory(Box::new(directory_with(HOSTILE))),
        Answer::Settings {
            revision: 1,
            waits_until: Some(hostile()),
            settings: vec![setting.clone()],
        },
        Answer::Setting(setting),
        Answer::History {
            revisions: vec![RevisionLine {
                number: 1,
                at: hostile(),
                author: hostile(),
                note: hostile(),
                standing: hostile(),
                waits_until: Some(hostile()),
            }],
        },
        Answer::Diff {
            from: 1,
            to: 2,
            changes: vec![change.clone()],
        },
        Answer::Applied {
            revision: 1,
            waits_until: Some(hostile()),
            changes: vec![change.clone()],
            warnings: vec![problem.clone()],
            notes: vec![hostile()],
        },
        Answer::Ask {
            changes: vec![change],
            warnings: vec![problem],
            previews: vec![Preview {
                mailbox: hostile(),
                address: hostile(),
                converts: 1,
                converts_read: 3,
                left_out: 2,
                moves: true,
                notes: vec![hostile()],
            }],
            notes: vec![hostile()],
        },
        Answer::NeedSecrets {
            keys: vec![hostile()],
            remarks: vec![Problem {
                key: hostile(),
                value: None,
                said: hostile(),
            }],
        },
        Answer::Done {
            said: hostile(),
            count: 1,
        },
        Answer::Nothing { said: hostile() },
    ]
}

#[track_caller]
fn harmless(text: &str) {
    let odd = text
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(odd, None, "{text:?}");
}

#[test]
fn no_answer_lets_text_from_outside_steer_the_terminal() {
    let style = Style::new(false);
    for shown in answers() {
        let text = answer(&shown, style);
        assert!(text.ends_with('\n'));
        harmless(&text);
    }
    for shown in [
        Event::Step {
            mailbox: Some(hostile()),
            step: hostile(),
            outcome: Outcome::Failed,
            said: hostile(),
            mend: Some(hostile()),
        },
        Event::Stage {
            key: hostile(),
            stage: hostile(),
            after_ms: 1,
            said: hostile(),
        },
        Event::Note { said: hostile() },
    ] {
        harmless(&event(&shown, style));
    }
    harmless(&refusal(&Refusal::new(Kind::Failed, HOSTILE), style));
}

#[test]
fn each_answer_comes_back_from_its_document() {
    use crate::control::Reply;
    for shown in answers() {
        let reply = Reply::Answer(shown);
        let back: Reply = serde_json::from_str(&reply.line()).unwrap();
        assert_eq!(back, reply);
    }
    let no = Reply::Refusal(Refusal::new(Kind::Conflict, "said"));
    assert_eq!(no.line(), r#"{"refused":"conflict","said":"said"}"#);
    assert_eq!(serde_json::from_str::<Reply>(&no.line()).unwrap(), no);
}

#[test]
fn a_status_says_alarms_first_and_counts_last() {
    let text = answer(
        &Answer::Status(Box::new(status_with("word"))),
        Style::new(false),
    );
    assert_eq!(
        text,
        "! word\n\
         Service running, version word, revision 1\n\
         It is undone at word unless confirmed: postern settings confirm\n\
         Portal  word word; directory: 0 people, 0 companies (not read whole yet)\n\
         \u{20}       word\n\
         \u{20}       word\n\
         \u{20}       word\n\
         Store   word: 0 B of 0 B used, 0 B free on the disk\n\
         \u{20}       word\n\
         \n\
         MAILBOX  STATE  UNREAD  COUNTED AT  LEFT OUT  READ BEFORE\n\
         word     word   7       word        -         0            word\n\
         \n\
         word  3\n\
         \n\
         REASON  IS    COUNT\n\
         word    word  2      word\n"
    );
}

#[test]
fn a_directory_says_how_it_stands_and_lists_companies_before_people() {
    let mut page = directory_with("word");
    let shown = |page: &DirectoryPage| {
        answer(
            &Answer::Directory(Box::new(page.clone())),
            Style::new(false),
        )
    };
    page.listed.items.truncate(2);
    assert_eq!(
        shown(&page),
        "1 company, 3 people; read whole at word, up to date at word\n\
         ! word\n\
         \n\
         word\n\
         \n\
         COMPANY  PEOPLE  DOMAINS  ID\n\
         word     3       word     word\n\
         \n\
         PERSON             COMPANY  ADDRESSES  ID\n\
         word (technician)  word     word       word\n\
         More: --after word\n"
    );
    let nothing = shown(&DirectoryPage::default());
    assert_eq!(
        nothing,
        "0 companies, 0 people; not read whole yet\n\nNothing was found.\n"
    );
}

#[test]
fn unread_messages_that_nobody_counted_are_said_to_be_unknown() {
    let mut status = status_with("word");
    status.mailboxes[0].unread = None;
    status.mailboxes[0].unread_at = None;
    let shown =
        |status: &Status| answer(&Answer::Status(Box::new(status.clone())), Style::new(false));
    let line = "word     word   not known yet  -           -         0            word\n";
    assert!(shown(&status).contains(line), "{}", shown(&status));
    // Nobody looks into a mailbox that is off.
    status.mailboxes[0].active = false;
    let line = "word     word   -       -           -         0            word\n";
    assert!(shown(&status).contains(line), "{}", shown(&status));
}
