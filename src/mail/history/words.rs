//! The words by which clients set off what was written before, in the languages that they speak.

/// What a rule says over the message that is answered.
pub(super) const ORIGINAL: &[&str] = &[
    "original message",
    "original appointment",
    "reply message",
    "ursprüngliche nachricht",
    "urspruengliche nachricht",
    "originalnachricht",
    "original-nachricht",
    "ursprünglicher termin",
    "message d'origine",
    "message d’origine",
    "message original",
    "mensaje original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "origineel bericht",
    "mensagem original",
    "mensagem de origem",
    "wiadomość oryginalna",
    "oryginalna wiadomość",
    "ursprungligt meddelande",
    "originalmeddelande",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "alkuperäinen viesti",
    "původní zpráva",
    "eredeti üzenet",
    "mesaj original",
    "исходное сообщение",
];

/// How a line begins that says who wrote when.
pub(super) const OPENERS: &[&str] = &[
    "On ", "Am ", "Le ", "El ", "Il ", "Op ", "Em ", "No dia ", "W dniu ", "Dnia ", "Den ", "Dne ",
    "În ", "La ", "Vào ",
];

/// What it says that they did.
pub(super) const WROTE: &[&str] = &[
    "wrote",
    "writes",
    "schrieb",
    "geschrieben",
    "a écrit",
    "écrit :",
    "escribió",
    "escribio",
    "ha scritto",
    "scrive",
    "schreef",
    "escreveu",
    "napisał",
    "pisze",
    "skrev",
    "kirjoitti",
    "napsal",
    "írta",
    "a scris",
    "написал",
    "пишет",
    "yazdı",
    "έγραψε",
];

/// How telephones, and programs that think as they do, sign.
pub(super) const PHONES: &[&str] = &[
    "sent from my ",
    "sent from outlook",
    "sent from mail for windows",
    "sent from yahoo mail",
    "sent from proton mail",
    "sent with proton mail",
    "get outlook for ",
    "von meinem iphone gesendet",
    "von meinem ipad gesendet",
    "gesendet von meinem ",
    "gesendet von mail für windows",
    "gesendet von outlook",
    "diese nachricht wurde von meinem ",
    "outlook für ios",
    "outlook für android",
    "holen sie sich outlook für ",
    "envoyé de mon ",
    "envoyé depuis mon ",
    "envoyé à partir de ",
    "obtenez outlook pour ",
    "télécharger outlook pour ",
    "enviado desde mi ",
    "enviado desde outlook",
    "obtener outlook para ",
    "obtén outlook para ",
    "inviato da iphone",
    "inviato da ipad",
    "inviato dal mio ",
    "ottieni outlook per ",
    "scarica outlook per ",
    "verzonden vanaf mijn ",
    "verstuurd vanaf mijn ",
    "outlook voor ",
    "download outlook voor ",
    "enviado do meu ",
    "enviado a partir do ",
    "obter o outlook para ",
    "obtenha o outlook para ",
    "wysłane z iphone",
    "wysłane z ipad",
    "wysłano z iphone",
    "wysłane z mojego ",
    "pobierz program outlook dla ",
    "skickat från min ",
    "sendt fra min ",
];

/// How a subject begins that hands a message on.
const FORWARDS: &[&str] = &[
    "fw",
    "fwd",
    "forw",
    "wg",
    "tr",
    "rv",
    "doorst",
    "enc",
    "pd",
    "vs",
    "vb",
    "i",
    "továbbítás",
    "tov",
    "vl",
    "ilt",
    "redir.",
    "redirecționare",
    "videresend",
    "πρθ",
    "πρ",
    "пер",
    "edasi",
    "pārsūtīts",
    "persiųsti",
    "posredovano",
];

/// mutt's `[gwen@branch.example: Drucker im 2. Stock]`: whose message it is, and its subject
/// (`mutt-forwards-as-a-part`).
fn is_of_mutt(subject: &str) -> bool {
    let inside = subject
        .trim()
        .strip_prefix('[')
        .and_then(|s| s.strip_suffix(']'));
    inside
        .and_then(|inside| inside.split_once(": "))
        .is_some_and(|(author, _)| author.contains('@') && !author.contains(char::is_whitespace))
}

/// pine's and nmh's `Drucker im 2. Stock (fwd)` (`nmh-forwards-as-a-digest`).
fn is_of_pine(subject: &str) -> bool {
    subject.trim_end().ends_with("(fwd)")
}

/// Whether a subject says that a message is handed on, behind as many marks of answers as there are.
pub(in crate::mail) fn forwards(subject: &str) -> bool {
    if is_of_mutt(subject) || is_of_pine(subject) {
        return true;
    }
    // The last mark that was put in front is the first: only that one is this message's.
    let mark = subject
        .split_once(':')
        .map(|(mark, _)| mark.trim().to_lowercase().replace('\u{307}', ""));
    mark.is_some_and(|mark| FORWARDS.contains(&mark.as_str()))
}
