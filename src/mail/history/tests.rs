/// Of plain text.
fn new_lines(text: &str, subject: &str) -> Option<u32> {
    super::new_lines(text, subject, &[])
}

/// How many lines are new in a reply of three lines, with this below them.
fn below(history: &str) -> Option<u32> {
    new_lines(
        &format!("Yes, it does.\n\nPetra\n\n{history}"),
        "Re: Printer",
    )
}

/// Goes red where a client's way to set off what was written before is not known.
#[test]
fn what_each_client_puts_below_an_answer_is_told_from_it() {
    for history in [
        // Thunderbird, Apple Mail, Gmail: who wrote when, and marks.
        "On 02/03/2026 09:15, Help Desk wrote:\n> Does it burn?\n",
        "On Mon, 2 Mar 2026 at 09:15, Help Desk <help@provider.example>\nwrote:\n\n> Does it burn?\n",
        "Am 02.03.26 um 09:15 schrieb Help Desk:\n> Brennt er?\n",
        "Am Mo., 2. März 2026 um 09:15 Uhr schrieb Help Desk <\nhelp@provider.example>:\n\n> Brennt er?\n>\n",
        "Le 02/03/2026 à 09:15, Help Desk a écrit\u{a0}:\n> Brûle-t-elle ?\n",
        "Le lun. 2 mars 2026 à 09:15, Help Desk <help@provider.example> a écrit :\n\n> Brûle-t-elle ?\n",
        "El 2/3/26 a las 9:15, Help Desk escribió:\n> ¿Arde?\n",
        "El lun, 2 mar 2026 a las 9:15, Help Desk (<help@provider.example>)\nescribió:\n\n> ¿Arde?\n",
        "Il 02/03/2026 09:15, Help Desk ha scritto:\n> Brucia?\n",
        "Il giorno lun 2 mar 2026 alle ore 09:15 Help Desk <\nhelp@provider.example> ha scritto:\n\n> Brucia?\n",
        "Op 02-03-2026 om 09:15 schreef Help Desk:\n> Brandt hij?\n",
        "Op ma 2 mrt 2026 om 09:15 schreef Help Desk <help@provider.example>:\n\n> Brandt hij?\n",
        "Em 02/03/2026 09:15, Help Desk escreveu:\n> Está a arder?\n",
        "Em seg., 2 de mar. de 2026 às 09:15, Help Desk <help@provider.example>\nescreveu:\n\n> Está a arder?\n",
        "W dniu 2.03.2026 o 09:15, Help Desk pisze:\n> Czy się pali?\n",
        "pon., 2 mar 2026 o 09:15 Help Desk <help@provider.example> napisał(a):\n\n> Czy się pali?\n",
        "Den mån 2 mars 2026 kl 09:15 skrev Help Desk <help@provider.example>:\n\n> Brinner den?\n",
        // Quoted without a word.
        "> Does it burn?\n> Really?\n",
        // The phone's Outlook marks nothing.
        "On 2 Mar 2026, at 09:15, Help Desk <help@provider.example> wrote:\n\nDoes it burn?\n",
        // The Outlooks: a block of fields, over which there may be a rule.
        "From: Help Desk <help@provider.example>\nSent: Monday, 2 March 2026 09:15\nTo: Petra Lang\nSubject: RE: Printer\n\nDoes it burn?\n",
        "________________________________\nVon: Help Desk <help@provider.example>\nGesendet: Montag, 2. März 2026 09:15\nAn: Petra Lang <p@x.example>\nBetreff: AW: Drucker\n\nBrennt er?\n",
        "*De :* Help Desk <help@provider.example>\n*Envoyé :* lundi 2 mars 2026 09:15\n*À :* Petra Lang\n*Objet :* RE: Imprimante\n\nBrûle-t-elle ?\n",
        "De: Help Desk\nEnviado el: lunes, 2 de marzo de 2026 9:15\nPara: Petra Lang\nAsunto: RE: Impresora\n\n¿Arde?\n",
        "Da: Help Desk\nInviato: lunedì 2 marzo 2026 09:15\nA: Petra Lang\nOggetto: R: Stampante\n\nBrucia?\n",
        "Van: Help Desk\nVerzonden: maandag 2 maart 2026 09:15\nAan: Petra Lang\nOnderwerp: RE: Printer\n\nBrandt hij?\n",
        "De: Help Desk\nEnviada em: segunda-feira, 2 de março de 2026 09:15\nPara: Petra Lang\nAssunto: RES: Impressora\n\nEstá a arder?\n",
        "Od: Help Desk\nWysłano: poniedziałek, 2 marca 2026 09:15\nDo: Petra Lang\nTemat: ODP: Drukarka\n\nCzy się pali?\n",
        // Older Outlooks, GMX, and others: a rule with words.
        "-----Original Message-----\nFrom: Help Desk\nDoes it burn?\n",
        "-----Ursprüngliche Nachricht-----\nVon: Help Desk\n\nBrennt er?\n",
        "----- Message d'origine -----\nBrûle-t-elle ?\n",
        "--- Mensaje original ---\n¿Arde?\n",
        "-----Messaggio originale-----\nBrucia?\n",
        "-----Oorspronkelijk bericht-----\nBrandt hij?\n",
        "-----Mensagem original-----\nEstá a arder?\n",
        "-----Wiadomość oryginalna-----\nCzy się pali?\n",
        // Signatures, with and without what was written before.
        "-- \nPetra Lang\nNordwind GmbH\n",
        "-- \nPetra Lang\n\nOn 02/03/2026 09:15, Help Desk wrote:\n> Does it burn?\n",
        "--\nPetra Lang | Nordwind GmbH\n",
        "Sent from my iPhone\n",
        "Von meinem iPhone gesendet\n\n> Am 02.03.2026 um 09:15 schrieb Help Desk <help@provider.example>:\n> \n> Brennt er?\n",
        "Get Outlook for Android<https://aka.example/x>\n",
    ] {
        assert_eq!(below(history), Some(3), "{history}");
    }
}

/// Goes red where a person would have to unfold a text to read what is new.
#[test]
fn answers_between_or_below_what_is_quoted_are_not_folded() {
    let between =
        "On 02/03/2026 09:15, Help Desk wrote:\n> Does it burn?\nYes.\n> Really?\nReally.\n";
    assert_eq!(new_lines(between, "Re: Printer"), None);
    assert_eq!(
        new_lines(&format!("Hello,\n\n{between}"), "Re: Printer"),
        None
    );
    let signed = format!("{between}\n-- \nPetra\n");
    assert_eq!(new_lines(&signed, "Re: Printer"), Some(5));
    // Between, and the rest of it below.
    let tail = format!("{between}> And smoke?\n> I see.\n");
    assert_eq!(new_lines(&tail, "Re: Printer"), Some(5));
}

#[test]
fn what_is_handed_on_is_the_message() {
    let block = "Please see below.\n\nVon: A <a@x.example>\nGesendet: Montag, 2. März 2026\nAn: B\nBetreff: Drucker\n\nEr brennt.\n";
    assert_eq!(new_lines(block, "AW: Drucker"), Some(1));
    assert_eq!(new_lines(block, "WG: Drucker"), None);
    assert_eq!(new_lines(block, "Fwd: AW: Drucker"), None);
    // An answer to one that was handed on is an answer.
    assert_eq!(new_lines(block, "AW: WG: Drucker"), Some(1));
    let signed = format!("{block}\nSent from my iPad\n");
    assert_eq!(new_lines(&signed, "Fwd: Drucker"), Some(8));
}

/// Goes red where a plain text is taken for an old one.
#[test]
fn what_people_write_of_themselves_stays() {
    for text in [
        "",
        "It burns.\n",
        "> Does it burn?\n",
        "-- \nPetra\n",
        "On Monday the printer wrote:\nPC LOAD LETTER\n",
        "Petra wrote:\n\nI need a new one.\n",
        "From: the roof\nto: the cellar it smells.\n",
        "De: it burns\n",
        "Three things --\n--\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n",
        "a\n-----\nb\n-----\nc\n",
        "__________\nit is a line\n",
        "Note: I wrote to x@y.example at 9:\nno answer.\n",
    ] {
        assert_eq!(new_lines(text, "Printer"), None, "{text}");
    }
}

/// Goes red where words that begin as a client's do fold what stands below them.
#[test]
fn what_only_begins_like_a_client_s_words_folds_nothing() {
    for rest in [
        "On 3 March they wrote as follows:\nnothing at all.\n",
        "On the roof somebody@y.example wrote:\nnothing at all.\n",
        "From: the roof\nTo: the cellar\nit smells.\n",
        "From: the roof\nSubject: smells\nit does.\n",
        "----- 8< -----\ncut here\n",
        "__________\nit is a line\n",
    ] {
        assert_eq!(
            new_lines(&format!("Hello,\n{rest}"), "Printer"),
            None,
            "{rest}"
        );
    }
}

thread_local! {
    static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts a look at a line.
pub(super) fn looked_at() {
    LOOKS.with(|looks| looks.set(looks.get() + 1));
}

/// Goes red where each line is looked at more often the longer the text is: counted, not timed.
#[test]
fn each_line_is_looked_at_a_few_times_however_long_the_text() {
    let marks = [
        "> x\n",
        "On 1 x@y\n",
        "On 1 x@y:\n",
        "From: a\n",
        "--\n",
        "-- \n",
        "Am 1\n",
        "a:\n",
        "\n",
        "____________\n",
        "____________\n\n",
        "> x\n\n",
        "On 1 x@y wrote:\n\n",
        "-----Original Message-----\n",
    ];
    for line in marks {
        for end in ["", "end\n", "> end\n"] {
            let text = format!("new\n\n{}{end}", line.repeat(20_000));
            let lines = text.lines().count();
            LOOKS.with(|looks| looks.set(0));
            new_lines(&text, "Re: x");
            let looks = LOOKS.with(std::cell::Cell::get);
            // Measured: 26 for each, where each may begin a block of fields.
            assert!(
                looks <= 40 * lines,
                "{line:?} {end:?}: {looks} looks at {lines} lines"
            );
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_odd(text in "(> |On |-- |From: |wrote:|@|1|\n|a|Subject: x|Date: y|____________){0,40}") {
        if let Some(new) = new_lines(&text, "") {
            let lines: Vec<&str> = text.lines().collect();
            let (new, rest) = lines.split_at(new as usize);
            proptest::prop_assert!(new.last().is_some_and(|line| !line.trim().is_empty()));
            proptest::prop_assert!(rest.iter().any(|line| !line.trim().is_empty()));
        }
    }
}
