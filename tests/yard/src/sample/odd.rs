//! What is not a person's plain question: machines, strangers, forwarded and signed mail, and
//! what came before the cut-off.

use super::{Pen, CUTOFF};
use crate::mime::{base64_lines, Letter, Part};
use crate::people::{user, Person, STRANGERS};

pub(super) fn write(pen: &mut Pen) {
    strangers(pen);
    machines(pen);
    wrapped(pen);
}

/// Mail that lay unread in the mailbox long before the appliance came.
pub(super) fn before_the_cutoff(pen: &mut Pen) {
    const DAY: i64 = 86_400;
    let old: [(&str, i64, &str, &str); 4] = [
        ("U-03", 92 * DAY, "Old: toner for the second floor", "Still out of toner. No rush, but the pages have become philosophical.\n\nPriya\n"),
        ("U-01", 60 * DAY, "Alt: Zeiterfassung", "Die Zeiterfassung rechnet den Nachtdienst doppelt. Die Bäcker schweigen.\n\nJ. Wölfle\n"),
        ("U-12", 17 * DAY, "Old: microfilm reader", "The microfilm reader hums in B flat. The choir has noticed.\n\nBea\n"),
        ("U-17", 2 * 3600, "Happy New Year to the help desk", "Two hours early, because the year is always quicker than we are.\n\nGwen\n"),
    ];
    for (id, before, subject, text) in old {
        let letter = pen.letter_at(user(id), subject, CUTOFF - before);
        pen.send(letter, Part::text("plain", "UTF-8", text));
    }
    // The sender's clock is years behind; the server's received time decides.
    let letter: Letter = pen
        .letter("U-18", "The clock in this computer is wrong")
        .field("X-Comment: battery empty");
    let mut mail = letter.with(Part::text(
        "plain",
        "UTF-8",
        "It says 2009. It has felt like that, too.\n\nSiôn\n",
    ));
    let text = String::from_utf8_lossy(&mail.octets).into_owned();
    let at = text.find("\r\nDate: ").map_or(0, |at| at + 2);
    let end = text[at..].find("\r\n").map_or(at, |n| at + n);
    mail.octets
        .splice(at..end, *b"Date: Thu, 01 Jan 2009 00:03:12 +0000");
    pen.mails.push(mail);
}

fn strangers(pen: &mut Pen) {
    let texts = [
        ("Toner at prices that make us cry", "Dear Sir or Madam,\n\nwe sell toner. We know that you need toner. Everybody needs toner.\n\nChip Lindqvist\nToner Direct\n"),
        ("do you repair laptops?", "hi i saw your sign, do you also repair laptops? mine had a meeting with a latte\n"),
        ("Your badge for CloudSummit is waiting", "Hello there,\n\nyour badge is waiting. It is getting cold.\n\nThe Conference Team\n"),
        ("Question about an invoice", "Hello,\n\nI was a customer of Northgate Dental until last year and need a copy of an\ninvoice. They told me their IT has the archive?\n\nNadia Haddad\n"),
    ];
    for (stranger, (subject, text)) in STRANGERS.iter().zip(texts) {
        let letter = pen.letter_of(*stranger, subject);
        pen.send(letter, Part::text("plain", "UTF-8", text));
    }
    // Bulk mail that answers nobody's question.
    let intern = Person {
        id: "",
        name: "Intern",
        address: "intern@toner-direct.example.net",
        company: "",
    };
    let letter = pen
        .letter_of(intern, "Re: Toner at prices that make us cry")
        .field("List-Unsubscribe: <mailto:off@toner-direct.example.net>")
        .field("Precedence: bulk");
    pen.send(
        letter,
        Part::text(
            "html",
            "UTF-8",
            "<html><body><h1>LAST CHANCE</h1><p>until the next one</p></body></html>\n",
        ),
    );
}

fn machines(pen: &mut Pen) {
    let letter = pen
        .letter(
            "U-04",
            "Automatic reply: [#4688] Planned maintenance on Saturday",
        )
        .field("Auto-Submitted: auto-replied")
        .field("X-Auto-Response-Suppress: All")
        .field("In-Reply-To: <ticket-4688@portal.yard.example>");
    pen.send(letter, Part::text("plain", "UTF-8", "I am away until 16 March and will not read this. For teeth please call\nreception; for everything else, please be brave.\n\nDr. Tom Okafor\n"));

    let letter = pen
        .letter("U-19", "Undelivered Mail Returned to Sender")
        .field("Auto-Submitted: auto-replied");
    let parts = [
        Part::text("plain", "us-ascii", "This is the mail system at host mx.vieuxphare.example.\n\nI'm sorry to have to inform you that your message could not be delivered.\n\n<comptabilite@vieuxphare.example>: host mx.vieuxphare.example said:\n    550 5.1.1 User unknown\n"),
        Part::raw("Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.vieuxphare.example\nArrival-Date: Wed, 04 Mar 2026 09:12:40 +0000\n\nFinal-Recipient: rfc822; comptabilite@vieuxphare.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n"),
        Part::raw("Content-Type: text/rfc822-headers\n\nFrom: Help Desk <helpdesk@yard.example>\nTo: comptabilite@vieuxphare.example\nSubject: [#4690] Your invoice program\nMessage-ID: <ticket-4690@portal.yard.example>\n"),
    ];
    pen.send(
        letter,
        Part::multi("report; report-type=delivery-status", "=_bounce_01", &parts),
    );

    let letter = pen
        .letter("U-08", "ALERT: rack temperature 31 C (warning)")
        .field("Auto-Submitted: auto-generated")
        .field("X-Mailer: TempWatch 2.1");
    pen.send(
        letter,
        Part::text(
            "plain",
            "us-ascii",
            "sensor: rack-1 front\nvalue: 31.2 C\nlimit: 30.0 C\nadvice: open a window\n",
        ),
    );

    let invite = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Yard//Sample//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:visit-0311@library.example.org\r\nDTSTAMP:20260304T090000Z\r\nDTSTART:20260311T100000Z\r\nDTEND:20260311T110000Z\r\nSUMMARY:Visit: the checkout that talks\r\nLOCATION:Front desk\r\nORGANIZER:mailto:bea.whitlock@library.example.org\r\nATTENDEE;RSVP=TRUE:mailto:helpdesk@yard.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let parts = [
        Part::text("plain", "UTF-8", "You are invited: Visit: the checkout that talks\nWednesday 11 March, 10:00\n"),
        Part::raw(&format!("Content-Type: text/calendar; method=REQUEST; charset=UTF-8\nContent-Transfer-Encoding: 7bit\n\n{invite}")),
        Part::attachment("application/ics", "invite.ics", invite.as_bytes()),
    ];
    let letter = pen.letter("U-12", "Invitation: the checkout that talks");
    pen.send(letter, Part::multi("mixed", "=_invite", &parts));
}

fn wrapped(pen: &mut Pen) {
    let inner = Letter::new("inner-of-forwarded", STRANGERS[3], "Cannot sign in to the patient portal", pen.last().received)
        .with(Part::text("plain", "UTF-8", "Your patient portal says that I do not exist. I have a tooth that disagrees.\n\nNadia Haddad\n"));
    // The inner mail keeps its own Message-ID; only the outer one is counted.
    let inner: Vec<u8> = String::from_utf8_lossy(&inner.octets)
        .replace("X-Yard-Id: inner-of-forwarded\r\n", "")
        .into_bytes();
    let letter = pen.letter("U-05", "Fwd: Cannot sign in to the patient portal");
    let parts = [
        Part::text(
            "plain",
            "UTF-8",
            "see below, what do i tell her\n\nReception\n",
        ),
        Part::message(&inner),
    ];
    pen.send(letter, Part::multi("mixed", "=_forwarded", &parts));

    let signature = crate::bulk::framed(&mut pen.random, b"\x30\x82", 2_600, b"\0\0");
    let parts = [
        Part::text("plain", "us-ascii", "Please delete the account of the former bookkeeper, today. This mail is\nsigned so that you know that it is me.\n\nGwen Prys-Jones\n"),
        Part::attachment("application/pkcs7-signature; name=\"smime.p7s\"", "smime.p7s", &signature),
    ];
    let letter = pen.letter("U-17", "Signed: delete an account");
    pen.send(
        letter,
        Part::multi(
            "signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256",
            "=_signed",
            &parts,
        ),
    );

    let tnef = crate::bulk::framed(&mut pen.random, b"\x78\x9f\x3e\x22", 7_000, b"\0");
    pen.files(
        "U-15",
        "winmail.dat, again",
        "Клиент прислал вложение, а видим только winmail.dat.\n\nПавел\n",
        &[Part::attachment(
            "application/ms-tnef",
            "winmail.dat",
            &tnef,
        )],
    );

    let encrypted = crate::bulk::framed(&mut pen.random, b"\x30\x80", 5_400, b"\0\0");
    let coded = String::from_utf8_lossy(&base64_lines(&encrypted)).into_owned();
    let letter = pen.letter("U-04", "Confidential");
    pen.send(letter, Part::raw(&format!("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"smime.p7m\"\n\n{coded}")));

    // Nothing but a picture.
    let letter = pen.letter("U-18", "see picture");
    let photo = crate::bulk::framed(
        &mut pen.random,
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        240_000,
        b"\xff\xd9",
    );
    pen.send(
        letter,
        Part::attachment("image/jpeg", "IMG_2042.JPG", &photo),
    );

    // No content at all.
    let letter = pen.letter("U-02", "Bitte um Rückruf");
    pen.send(letter, Part::raw("\n"));

    // A boundary that is announced and never comes.
    let letter = pen.letter("U-09", "Broken by our old mail gateway");
    pen.send(letter, Part::raw("Content-Type: multipart/mixed; boundary=\"never\"\n\nThe gateway lost the parts, this is what is left.\n\nM.\n"));
}
