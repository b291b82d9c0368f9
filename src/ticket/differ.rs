//! Where two judgements of one message part: the questions that they answer otherwise.
//!
//! A question that only one of them came to is among them: the other had decided before.

use super::decision::Because;

/// What a step of a judgement answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Seen,
    Date,
    Writer,
    Trust,
    List,
    Answers,
    Forward,
    Provider,
    Sender,
    Doubt,
    Company,
    Thread,
    /// Asked of whatever would be a ticket, and answered by who decides for real alone.
    Storm,
    Rules,
}

/// In the order in which they are asked; without what has no answer here.
const ASKED: [Question; 12] = [
    Question::Seen,
    Question::Date,
    Question::Writer,
    Question::Trust,
    Question::List,
    Question::Answers,
    Question::Forward,
    Question::Provider,
    Question::Sender,
    Question::Doubt,
    Question::Company,
    Question::Thread,
];

/// The answers that differ, by question, in the order in which they were asked; none where the question
/// was not asked.
pub fn differing<'a>(
    now: &'a [Because],
    then: &'a [Because],
) -> Vec<(Option<&'a Because>, Option<&'a Because>)> {
    let both = ASKED.iter().map(|asked| {
        let answer = |steps: &'a [Because]| steps.iter().find(|step| question(step) == *asked);
        (answer(now), answer(then))
    });
    // Each rule is a question of its own, known by its name.
    let fresh = |step: &&Because| rule(step).is_some_and(|name| asked(now, name).is_none());
    let rules = now.iter().chain(then.iter().filter(fresh)).filter_map(rule);
    let rules = rules.map(|name| (asked(now, name), asked(then, name)));
    both.chain(rules)
        .filter(|pair| match pair {
            (Some(now), Some(then)) => !agree(now, then),
            (None, None) => false,
            _ => true,
        })
        .collect()
}

fn rule(because: &Because) -> Option<&str> {
    match because {
        Because::Rule(asked) => Some(&asked.rule),
        _ => None,
    }
}

fn asked<'a>(steps: &'a [Because], name: &str) -> Option<&'a Because> {
    steps.iter().find(|step| rule(step) == Some(name))
}

fn question(because: &Because) -> Question {
    match because {
        Because::SeenBefore | Because::AskedFor => Question::Seen,
        Because::TooOld { .. } | Because::InTime { .. } => Question::Date,
        Because::Ours
        | Because::Unparsed
        | Because::Report { .. }
        | Because::Machine { .. }
        | Because::Person => Question::Writer,
        Because::Answers { .. } => Question::Thread,
        Because::Checked { .. } | Because::NotChecked { .. } => Question::Trust,
        Because::ListNames { .. } => Question::List,
        Because::AnswersGoTo { .. } => Question::Answers,
        Because::Forwards { .. } => Question::Forward,
        Because::PublicProvider { .. } => Question::Provider,
        Because::Known { .. }
        | Because::DirectoryNotRead
        | Because::Unknown { .. }
        | Because::UnknownCustomer => Question::Sender,
        Because::Doubtful { .. } => Question::Doubt,
        Because::Storm { .. } => Question::Storm,
        Because::CompanyByDomain { .. } => Question::Company,
        Because::Rule(_) => Question::Rules,
    }
}

/// Whether both say the same of the message: two dates that both let it pass decide nothing.
fn agree(now: &Because, then: &Because) -> bool {
    match (now, then) {
        (Because::TooOld { .. }, Because::TooOld { .. })
        | (Because::InTime { .. }, Because::InTime { .. }) => true,
        (now, then) => now == then,
    }
}

#[cfg(test)]
mod tests;
