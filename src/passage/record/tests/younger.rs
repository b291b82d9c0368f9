//! What versions behind the first have in the journal.

use super::*;

fn of_2() -> Decision {
    Decision {
        thread: thread(),
        about: Some(About {
            root: Key([4; 32]),
            way: Way::References,
            append: true,
        }),
        token: Some(Seal([5; 10])),
        origin: ticket::Origin {
            technician: Some("t".to_owned()),
            ..ticket::Origin::default()
        },
        ..sample()
    }
}

const OF_2: &str = "0501000102030405060708ac0207020206010440090000010175000161060173017400010102020202020202020202020202020202010303030303030303010404040404040404040404040404040404040404040404040404040404040404020101050505050505050505050000010174000000";

#[test]
fn version_2_is_frozen() {
    let octets = format!("02{OF_2}");
    check_read(Record::Decision(Box::new(of_2())), &octets);
    check_read(Record::Copied(Box::new(of_2())), &octets);
    check_frozen(
        Record::Receipt(Receipt {
            ticket: "T".to_owned(),
            number: Some("1".to_owned()),
            at: 1,
            epoch: "e".to_owned(),
            omitted: vec![Omission {
                file: 1,
                why: Why::PortalLarge(Some(3)),
            }],
        }),
        "0201540101310201650101040103",
    );
}

#[test]
fn version_3_is_frozen() {
    let calm = format!("03{OF_2}00000000");
    check_frozen(Record::Decision(Box::new(of_2())), &calm);
    check_frozen(Record::Copied(Box::new(of_2())), &calm);
    let storm = Some(Surge {
        alike: Alike::Subject,
        count: 50,
        minutes: 60,
        sender_only: false,
    });
    let whys = [
        Why::Type(".x".to_owned()),
        Why::Large(1),
        Why::Many(2),
        Why::Sum(3),
        Why::PortalLarge(None),
        Why::PortalType,
    ];
    let omitted = whys.into_iter().zip(0..);
    let stormy = Decision {
        storm,
        omitted: omitted.map(|(why, file)| Omission { file, why }).collect(),
        ..of_2()
    };
    let octets = format!("03{OF_2}0101323c00060000022e7801010102020203030304040005050000");
    check_frozen(Record::Decision(Box::new(stormy)), &octets);
    let word = |word: &str| Some(word.to_owned());
    let marked = Decision {
        marks: Some(Box::new(ticket::Marks {
            rules: vec!["r".to_owned()],
            queue: word("q"),
            priority: word("p"),
            category: word("c"),
            company: word("o"),
            tags: vec!["t".to_owned()],
            why: word("w"),
        })),
        held_by: 300,
        ..of_2()
    };
    let octets = format!("03{OF_2}00000101017201017101017001016301016f010174010177ac02");
    check_frozen(Record::Decision(Box::new(marked.clone())), &octets);
    check_frozen(Record::Copied(Box::new(marked)), &octets);
}
