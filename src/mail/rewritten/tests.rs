use proptest::prelude::*;

use super::super::understand;
use super::*;
use crate::mail::{Limits, Skim};

fn read_mail(head: &str) -> Option<Rewritten> {
    let mut skim = Skim::new(Limits::default());
    skim.feed(format!("{head}\r\n\r\ntext\r\n").as_bytes());
    understand::understand(&skim.finish()).rewritten
}

const VIA_LIST: &str = "From: 'Petra Lang' via Desk <desk@lists.example>\r\n";

/// Who wrote it, by which sign; nothing where it is not resolved.
#[track_caller]
fn check(head: &str, wanted: Option<(&str, Sign)>) {
    let found = read_mail(head);
    let found = found.as_ref().map(|r| (r.author.address.as_str(), r.sign));
    assert_eq!(found, wanted, "{head}");
}

#[test]
fn a_list_is_known_by_its_id_or_by_where_it_is_written_to() {
    let reply = "Reply-To: Petra Lang <p@x.example>";
    let found = Some(("p@x.example", Sign::ReplyTo));
    for (list, wanted) in [
        ("List-Id: <desk.lists.example>", found),
        ("List-Id: The desk <desk.lists.example>", found),
        ("List-Id: desk.lists.example", found),
        ("List-Id: <DESK.Lists.Example.>", found),
        ("List-Id: <other.lists.example>", found),
        ("List-Id: <desk.team.lists.example>", found),
        ("List-Post: <mailto:desk@lists.example>", found),
        (
            "List-Post: <https://x.example/p>, <mailto:Desk@Lists.example?subject=x>",
            found,
        ),
        // Signs of another domain, of one that only ends so, or none.
        ("List-Id: <desk.evil.example>", None),
        ("List-Id: <desk.notlists.example>", None),
        ("List-Id: lists", None),
        ("List-Post: <mailto:other@lists.example>", None),
        ("List-Post: NO", None),
        ("Precedence: list", None),
        ("List-Unsubscribe: <mailto:desk@lists.example>", None),
    ] {
        check(&format!("{VIA_LIST}{list}\r\n{reply}"), wanted);
    }
}

#[test]
fn the_author_is_where_the_list_says_and_signs_that_disagree_say_nothing() {
    let list = "List-Id: <desk.lists.example>\r\n";
    for (fields, wanted) in [
        (
            "X-Original-From: Petra <p@x.example>",
            Some(("p@x.example", Sign::OriginalFrom)),
        ),
        (
            "X-Original-Sender: p@x.example",
            Some(("p@x.example", Sign::OriginalSender)),
        ),
        (
            "X-Original-Sender: q@x.example\r\nX-Original-From: p@x.example",
            Some(("p@x.example", Sign::OriginalFrom)),
        ),
        (
            "Reply-To: p@x.example",
            Some(("p@x.example", Sign::ReplyTo)),
        ),
        (
            "Reply-To: PETRA LANG <p@x.example>, desk@lists.example",
            Some(("p@x.example", Sign::ReplyTo)),
        ),
        (
            "Reply-To: desk@lists.example\r\nCc: Petra Lang <p@x.example>, o@x.example",
            Some(("p@x.example", Sign::Cc)),
        ),
        // Others are named.
        ("Reply-To: Otto <o@x.example>", None),
        ("Reply-To: p@x.example, o@x.example", None),
        ("Cc: p@x.example", None),
        (
            "Cc: Petra Lang <p@x.example>, Petra Lang <q@x.example>",
            None,
        ),
        // The list itself, or no address.
        ("X-Original-From: desk@lists.example", None),
        ("X-Original-From: Petra", None),
        ("X-Original-From: p@localhost", None),
        ("", None),
    ] {
        check(&format!("{VIA_LIST}{list}{fields}"), wanted);
    }
}

#[test]
fn a_from_without_via_is_resolved_by_a_field_made_for_it_only() {
    let list = "From: Desk <desk@lists.example>\r\nList-Id: <desk.lists.example>\r\n";
    check(&format!("{list}Reply-To: p@x.example"), None);
    check(
        &format!("{list}X-Original-From: p@x.example"),
        Some(("p@x.example", Sign::OriginalFrom)),
    );
    let own = "From: Petra via Desk <p@x.example>\r\nList-Id: <desk.lists.example>\r\n";
    check(&format!("{own}X-Original-From: q@x.example"), None);
    let two = "From: desk@lists.example, p@x.example\r\nList-Id: <desk.lists.example>\r\n";
    check(&format!("{two}X-Original-From: q@x.example"), None);
}

#[test]
fn via_is_said_in_many_languages_and_the_name_stands_in_front_of_it() {
    for (name, wanted) in [
        ("'Petra Lang' via Desk", Some("Petra Lang")),
        ("\"Petra Lang\" via Desk", Some("Petra Lang")),
        ("Petra Lang (via users Mailing List)", Some("Petra Lang")),
        ("Petra Lang über Desk", Some("Petra Lang")),
        ("Petra Lang via Rail via Desk", Some("Petra Lang")),
        (" via Desk", None),
        ("Olivia Lang", None),
    ] {
        assert_eq!(via(name), wanted, "{name}");
    }
}

proptest! {
    /// Whatever the fields say, nobody is named where From is no list's.
    #[test]
    fn without_a_list_nobody_is_named(
        from in "[a-z]{1,5}@[a-z]{1,5}\\.example",
        original in "[a-z]{1,5}@[a-z]{1,5}\\.example",
        list in "[a-z]{1,5}\\.[a-z]{1,5}\\.test",
    ) {
        let head = format!(
            "From: A via B <{from}>\r\nX-Original-From: {original}\r\nReply-To: {original}\r\nList-Id: <{list}>"
        );
        prop_assert_eq!(read_mail(&head), None);
    }

    #[test]
    fn any_fields_are_read(
        list in "\\PC{0,40}", post in "\\PC{0,40}", reply in "\\PC{0,40}", name in "\\PC{0,20}",
    ) {
        let head = format!(
            "From: {name} via x <d@l.example>\r\nList-Id: {list}<d.l.example>\r\nList-Post: {post}\r\nReply-To: {reply}"
        );
        read_mail(&head);
    }
}
