//! Everyday mail: plain questions, HTML with pictures, files, and answers to earlier mail.

use super::Pen;
use crate::bulk::{framed, pdf, png};
use crate::mime::Part;

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

pub(super) fn write(pen: &mut Pen) {
    plain(pen);
    html(pen);
    files(pen);
    threads(pen);
}

fn plain(pen: &mut Pen) {
    pen.plain("U-03", "X-ray viewer will not open", "Good morning,\n\nsince the restart last night the X-ray viewer in surgery 2 shows\n\"licence server not found\". Surgery 1 is fine. We have patients from 9:30\nand Dr. Okafor would rather look at teeth than at an hourglass.\n\nKind regards\nPriya Raman\nPractice manager, Northgate Dental Partners\n");
    pen.plain("U-12", "Self-checkout 3 has opinions", "Hi,\n\nself-checkout 3 greets every reader with \"unexpected item in bagging\narea\". There is no bagging area. It is a library.\n\nNot urgent, but the children have started to answer it.\n\nBea Whitlock\n-- \nSaddleback County Library, Front Desk\n");
    pen.plain("U-17", "New starter on Monday", "Hello,\n\nplease set up an account for our new vet nurse, Carys Morgan, from Monday:\n\n  - e-mail carys@llanfairvets.example\n  - access to the appointment book and the X-ray share\n  - no access to payroll (she asked; everybody asks)\n\nDiolch,\nGwen\n");
    pen.plain("U-05", "phone at reception dead", "phone at reception is dead. writing from my own. please call back on the mobile\n\nSent from my phone\n");
    pen.plain("U-13", "VPN drops every 20 minutes", "Hello help desk,\n\nfrom home the VPN drops every twenty minutes, to the minute. I have timed\nit with the egg timer. Log from the client:\n\n  14:02:11 tunnel up\n  14:22:11 rekey failed: no proposal chosen\n  14:22:12 tunnel down\n\nIt began after Thursday's update.\n\nMarcus\n");
    pen.plain("U-18", "Re-order label printer drivers?", "The label printer in the dispensary prints \"1 tablet\" as \"l tablet\" again.\nSame as in autumn, when you changed the driver. Could you change it back,\nor forward, or sideways?\n\nSion\n");
    pen.plain(
        "U-04",
        "",
        "no subject because the subject is everything: nothing works in surgery 1\n",
    );
    pen.plain("U-03", "Leaver: remove access for J. Tate by 17:00 today", "Jordan Tate leaves us today. Please block sign-in at 17:00, keep the mailbox\nfor 90 days and forward it to me.\n\nPriya\n");
}

fn html(pen: &mut Pen) {
    let body = pen.both(
        "Hallo,\n\ndie Kasse in der Filiale Marktplatz druckt keine Bons mehr. Papier ist neu,\ndie Klappe ist zu.\n\nViele Grüße\nÄnne Größer\n",
        "<html><body><p>Hallo,</p><p>die Kasse in der Filiale <b>Marktplatz</b> druckt keine Bons mehr. Papier ist neu, die Klappe ist zu.</p><p>Viele Grüße<br>Änne Größer</p></body></html>\n",
    );
    let letter = pen.letter("U-02", "Kasse druckt keine Bons – Filiale Marktplatz");
    pen.send(letter, body);

    let body = pen.both(
        "Bonjour,\n\nle Wi-Fi des chambres 10 à 14 est coupé depuis hier soir. Les clients sont\npolis, mais bretons : cela ne durera pas.\n\nÉlodie Lefèvre\n",
        "<html><head><style>p{font-family:Georgia}</style></head><body><p>Bonjour,</p><p>le Wi-Fi des chambres <em>10 à 14</em> est coupé depuis hier soir. Les clients sont polis, mais bretons&nbsp;: cela ne durera pas.</p><p>Élodie Lefèvre</p></body></html>\n",
    );
    let letter = pen
        .letter("U-06", "Wi-Fi coupé, chambres 10 à 14")
        .field("X-Priority: 1");
    pen.send(letter, body);

    let letter = pen.letter("U-09", "Stock list as table");
    let table = "<html><body><p>Please load this into the stock program:</p><table border=1><tr><th>Item</th><th>Qty</th></tr><tr><td>Pallet, EUR</td><td>120</td></tr><tr><td>Strap, 5&nbsp;m</td><td>64</td></tr><tr><td>Coffee (urgent)</td><td>0</td></tr></table></body></html>\n";
    pen.send(letter, Part::text("html", "UTF-8", table));

    // Pictures inside the text: two in one mail, then a logo in a signature.
    let text = pen.both(
        "See the two screens below.\n",
        "<html><body><p>This is what I see:</p><img src=\"cid:one@yard\"><p>and this is what Siôn sees:</p><img src=\"cid:two@yard\"></body></html>\n",
    );
    let one = png(&mut pen.random, 48_000);
    let two = png(&mut pen.random, 61_000);
    let parts = [
        text,
        Part::inline("image/png", "image001.png", "one@yard", &one),
        Part::inline("image/png", "image002.png", "two@yard", &two),
    ];
    let letter = pen.letter("U-17", "Two screens, one appointment book, no agreement");
    pen.send(
        letter,
        Part::multi(
            "related; type=\"multipart/alternative\"",
            "=_rel_screens",
            &parts,
        ),
    );

    let text = pen.both(
        "Please reset my password, it expired during my holidays.\n\nMarcus\n",
        "<html><body><p>Please reset my password, it expired during my holidays.</p><p>Marcus</p><hr><img src=\"cid:logo@library\" alt=\"Library\"></body></html>\n",
    );
    let logo = framed(&mut pen.random, b"GIF89a", 3_100, b";");
    let parts = [
        text,
        Part::inline("image/gif", "logo.gif", "logo@library", &logo),
    ];
    let letter = pen.letter("U-13", "Password expired");
    pen.send(letter, Part::multi("related", "=_rel_logo", &parts));

    let letter = pen.letter("U-03", "Newsletter form on our web site");
    let script = "<html><body onload=\"alert(1)\"><p>Visitors tell us that the form on our page shows this:</p><pre>&lt;script&gt;alert('x')&lt;/script&gt;</pre><script>document.title='hello'</script><a href=\"https://northgate-dental.example/form\">the form</a></body></html>\n";
    pen.send(letter, Part::text("html", "UTF-8", script));
}

fn files(pen: &mut Pen) {
    let form = pdf(&mut pen.random, 182_000);
    pen.files("U-08", "Faktura 2026/03/117 - błąd w PDF", "Dzień dobry,\n\nfaktura w załączniku nie otwiera się na telefonie kierowcy. Na komputerze\ndziała. Kierowca twierdzi, że telefon też działa.\n\nŁukasz Kowalczyk\n", &[Part::attachment("application/pdf", "Faktura 2026-03-117 (błędna).pdf", &form)]);

    let word = framed(
        &mut pen.random,
        b"PK\x03\x04",
        38_400,
        b"PK\x05\x06\0\0\0\0",
    );
    pen.files("U-01", "Angebot: Word stürzt beim Drucken ab", "Guten Morgen,\n\nanbei das Dokument, an dem Word beim Drucken jedes Mal stirbt. Bitte nicht\nan der Schriftart rütteln, die hat meine Tochter ausgesucht.\n\nJ. Wölfle\n", &[Part::attachment(DOCX, "Angebot Hochzeitstorte Müller & Söhne, dreistöckig, mit Änderungswünschen.docx", &word)]);

    let sheet = framed(
        &mut pen.random,
        b"PK\x03\x04",
        91_000,
        b"PK\x05\x06\0\0\0\0",
    );
    let shot = png(&mut pen.random, 120_000);
    pen.files("U-13", "Budget sheet: #REF! everywhere", "Sheet and a picture of my face when I opened it (just kidding, it is the\nscreen).\n\nMarcus\n", &[Part::attachment(XLSX, "Budget 2026 FINAL v7 (really final).xlsx", &sheet), Part::attachment("image/png", "Screenshot 2026-03-02 at 09.14.22.png", &shot)]);

    let photo = framed(
        &mut pen.random,
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        1_900_000,
        b"\xff\xd9",
    );
    pen.files("U-18", "Photo of the server cupboard", "You asked what colour the light is. See photo. The cat is not part of the\ninstallation.\n\nSiôn\n", &[Part::attachment("image/jpeg", "IMG_2041.JPG", &photo)]);

    let log = crate::bulk::prose(&mut pen.random, 24_000);
    pen.files(
        "U-12",
        "Log file as you asked",
        "Here it is, all of it.\n\nBea\n",
        &[Part::attachment(
            "text/plain; charset=utf-8",
            "catalogue.log",
            log.as_bytes(),
        )],
    );

    let list = "name;room;phone\r\nLefèvre;Réception;12\r\nBéranger;Cuisine;14\r\n";
    pen.files(
        "U-07",
        "Liste des postes téléphoniques",
        "Voici la liste corrigée.\n\nF. Béranger\n",
        &[Part::attachment(
            "text/csv; charset=utf-8",
            "téléphones.csv",
            list.as_bytes(),
        )],
    );

    let small = pdf(&mut pen.random, 9_000);
    pen.files(
        "U-05",
        "3 scans, all of them upside down",
        "the scanner turns every page upside down since friday, see files\n\nReception\n",
        &[
            Part::attachment("application/pdf", "scan0001.pdf", &small),
            Part::attachment("application/pdf", "scan0001.pdf", &small),
            Part::attachment("application/octet-stream", "../../scan0003", &small),
        ],
    );

    // The large one: 20 MB on the wire.
    let video = framed(
        &mut pen.random,
        b"\0\0\0\x18ftypmp42",
        (20 << 20) / 78 * 57,
        b"free",
    );
    pen.files(
        "U-16",
        "Video of the noise the server makes",
        "It is the third noise from the left. Please listen with headphones.\n\nLi Wen\n",
        &[Part::attachment("video/mp4", "noise.mp4", &video)],
    );

    pen.files(
        "U-04",
        "Empty attachment?",
        "The imaging program says it exported a file. It did, in a way.\n\nTom Okafor\n",
        &[Part::attachment("application/dicom", "export.dcm", b"")],
    );
}

fn threads(pen: &mut Pen) {
    pen.plain("U-06", "Réservation en ligne en panne", "Le calendrier affiche tout l'hiver comme complet. Ce serait formidable, mais\nc'est faux.\n\nÉlodie\n");
    let first = pen.last();
    let letter = pen
        .letter("U-07", "Re: Réservation en ligne en panne")
        .in_reply_to(&first);
    pen.send(letter, Part::text("plain", "UTF-8", "Je confirme, et j'ajoute : le printemps aussi.\n\nF. Béranger\n\n> Le calendrier affiche tout l'hiver comme complet. Ce serait formidable, mais\n> c'est faux.\n"));
    let letter = pen
        .letter("U-06", "RE: Réservation en ligne en panne")
        .in_reply_to(&first);
    pen.send(
        letter,
        Part::text(
            "plain",
            "UTF-8",
            "C'était le fuseau horaire. Vous pouvez fermer.\n\nÉlodie\n",
        ),
    );
    // An answer to something that was never mailed here.
    let letter = pen
        .letter("U-09", "Odp: [#4711] Drukarka etykiet")
        .field("In-Reply-To: <ticket-4711@portal.yard.example>")
        .field("References: <ticket-4711@portal.yard.example>\r\n <note-4712@portal.yard.example>");
    pen.send(
        letter,
        Part::text(
            "plain",
            "UTF-8",
            "Nadal nie drukuje. Teraz przynajmniej mruga.\n\nMałgorzata\n",
        ),
    );
    // Octets beyond ASCII in a field without encoding (RFC 6532), next to an encoded word.
    let letter = pen.letter("U-01", "AW: AW: AW: Backup").field("Cc: =?UTF-8?Q?=C3=84nne_Gr=C3=B6=C3=9Fer?= <aenne.groesser@woelfle.example>,\r\n \"Wölfle, Büro\" <buero@woelfle.example>");
    pen.send(
        letter,
        Part::text(
            "plain",
            "UTF-8",
            "Passt. Danke!\n\n> > > Läuft das Backup?\n> > Ja.\n> Auch das zweite?\n",
        ),
    );
}
