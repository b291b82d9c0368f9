//! Whether a person or a program wrote a message, and by which sign.
//!
//! RFC 3834 says how a program shows itself (`Auto-Submitted`), and most do; older autoresponders have
//! fields of their own, and some have nothing but the subject that their maker gave them. What a program
//! sends by itself (a scanner, a monitoring system) is told apart from what it sends because somebody
//! wrote to it: the first is news, the second an echo.

use super::field::Field;
use super::message::{Machine, MachineKind, Message};
use super::skim::{Name, Part, Skimmed};
use super::words;

/// How subjects of automatic replies begin (in lower case), as the large systems write them. A colon, or a
/// dash, must follow, unless the beginning has one.
const SUBJECTS: &[&str] = &[
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto-response",
    "autoresponse",
    "automatic response",
    "automated reply",
    "automated response",
    "out of office",
    "out of office autoreply",
    "out of the office",
    "out-of-office",
    "ooo",
    "vacation",
    "on vacation",
    "vacation reply",
    "away from my mail",
    "i am out of the office",
    "i'm out of the office",
    "automatische antwort",
    "automatische rückantwort",
    "autoantwort",
    "auto-antwort",
    "abwesenheitsnotiz",
    "abwesenheitsnachricht",
    "abwesenheitsmeldung",
    "abwesenheit",
    "abwesenheitsassistent",
    "réponse automatique",
    "reponse automatique",
    "absence du bureau",
    "message d'absence",
    "respuesta automática",
    "respuesta automatica",
    "fuera de la oficina",
    "fuera de oficina",
    "risposta automatica",
    "fuori sede",
    "fuori ufficio",
    "assente dall'ufficio",
    "automatisch antwoord",
    "afwezigheidsbericht",
    "afwezig",
    "niet aanwezig",
    "resposta automática",
    "resposta automatica",
    "fora do escritório",
    "ausência temporária",
    "odpowiedź automatyczna",
    "automatyczna odpowiedź",
    "autosvar",
    "automatisk svar",
    "automatiskt svar",
    "frånvaro",
    "fraværsmelding",
    "ikke til stede",
    "automaattinen vastaus",
    "poissaoloviesti",
    "automatická odpověď",
    "automatická odpoveď",
    "automatikus válasz",
    "răspuns automat",
    "automatski odgovor",
    "samodejni odgovor",
    "otomatik yanıt",
    "αυτόματη απάντηση",
    "автоответ",
    "автоматический ответ",
    "автоматична відповідь",
    "自動応答",
    "自動返信",
    "自动答复",
    "自动回复",
    "자동 회신",
    "תשובה אוטומטית",
    "رد تلقائي",
];

/// What wrote the message, where it was no person. A report is not asked about here.
pub(super) fn read(skimmed: &Skimmed, root: &Part, message: &Message) -> Option<Machine> {
    let first = |name| skimmed.values(root, name).next();
    let machine = |kind, sign: String| Some(Machine { kind, sign });
    let value = |name| first(name).map(|value| Field::read(value).token);
    let vacation = vacation(message.subject.as_deref().unwrap_or_default());
    let answers = !message.in_reply_to.is_empty() || !message.references.is_empty();
    match value(Name::AutoSubmitted).as_deref() {
        // Said by whoever submitted it, and it knows best (RFC 3834 §5).
        Some("no") => return None,
        Some("") | None => {}
        Some(word) => {
            let sign = format!("Auto-Submitted: {}", shown(word));
            // Exchange calls its absence notes auto-generated.
            let suppresses = value(Name::AutoResponseSuppress).is_some();
            let kind = match word {
                "auto-replied" => MachineKind::Reply,
                _ if vacation.is_some() || (suppresses && answers) => MachineKind::Reply,
                _ => MachineKind::Notice,
            };
            return machine(kind, sign);
        }
    }
    if let Some(says) = value(Name::AutoReply).filter(|says| says != "no" && says != "false") {
        return machine(MachineKind::Reply, format!("X-Autoreply: {}", shown(&says)));
    }
    let precedence = value(Name::Precedence).unwrap_or_default();
    if matches!(precedence.as_str(), "auto_reply" | "auto-reply") {
        return machine(MachineKind::Reply, format!("Precedence: {precedence}"));
    }
    if let Some(begins) = vacation {
        return machine(MachineKind::Reply, format!("Subject: {begins}"));
    }
    let nobody = first(Name::ReturnPath).is_some_and(|path| path.trim_ascii() == b"<>");
    if nobody && answers {
        // Nobody may answer an answer: what a responder does (RFC 3834 §3.3), and no person can.
        return machine(MachineKind::Reply, "Return-Path: <>".to_owned());
    }
    let listed = [Name::ListId, Name::ListPost, Name::List];
    if listed.into_iter().any(|name| first(name).is_some()) || precedence == "list" {
        return machine(MachineKind::List, "List-Id".to_owned());
    }
    if precedence == "junk" && answers {
        // procmail's recipes answer so (`procmail-answers`). Help desks send what people write as bulk.
        return machine(MachineKind::Reply, "Precedence: junk".to_owned());
    }
    if matches!(precedence.as_str(), "bulk" | "junk") {
        return machine(MachineKind::Notice, format!("Precedence: {precedence}"));
    }
    None
}

/// The beginning by which a subject is one of an automatic reply.
fn vacation(subject: &str) -> Option<&'static str> {
    let subject = subject.to_lowercase();
    let subject = subject.trim_start_matches(['[', '*', '"', ' ']);
    let begins = |begins: &&&str| {
        subject.strip_prefix(**begins).is_some_and(|rest| {
            let rest = rest.trim_start_matches([' ', '\u{a0}']);
            // With the subject that is answered in brackets, as vacation(1)'s manual has it (`vacation`).
            let answered = rest.starts_with("(re:");
            answered
                || rest.is_empty()
                || rest.starts_with([':', '-', ']', '\u{2013}', '\u{ff1a}', '!'])
        })
    };
    let mut found = SUBJECTS.iter().filter(begins);
    found.next().copied()
}

/// A word of the sender's, of bearable length.
fn shown(word: &str) -> &str {
    words::cut(word, 60).0
}

#[cfg(test)]
mod tests;
