//! Just enough of Rust's grammar to see which paths a source names: comments, strings and code
//! for tests are left out, `use` trees are spread out, `self` and `super` are resolved.
//!
//! Expands no macro and knows no types: a path counts where it is written.

/// A word, `::` or a single sign, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A path as it is written, from the crate's root where it is one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Whether it begins at our own crate's root.
    pub ours: bool,
    pub parts: Vec<String>,
    pub line: usize,
}

impl Path {
    /// Whether it begins with `parts`, written with `::` between them.
    pub fn begins(&self, parts: &str) -> bool {
        let wanted: Vec<&str> = parts.split("::").collect();
        !self.ours && self.parts.len() >= wanted.len() && self.parts.iter().zip(wanted).all(same)
    }

    /// Whether it ends with `parts`.
    pub fn ends(&self, parts: &str) -> bool {
        let wanted: Vec<&str> = parts.split("::").collect();
        let tail = self.parts.len().checked_sub(wanted.len());
        tail.is_some_and(|at| self.parts[at..].iter().zip(wanted).all(same))
    }
}

fn same((one, other): (&String, &str)) -> bool {
    one == other
}

/// The tokens of `source`, without comments, strings and characters.
pub fn tokens(source: &str) -> Vec<Token> {
    let signs: Vec<char> = source.chars().collect();
    let at = |i: usize| signs.get(i).copied().unwrap_or('\0');
    let (mut i, mut line, mut found) = (0, 1, Vec::new());
    while i < signs.len() {
        let begun = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < signs.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                while i < signs.len() {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            '"' => i = string_end(&signs, i),
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < signs.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            c if c.is_alphanumeric() || c == '_' => {
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
                let word: String = signs[begun..i].iter().collect();
                let prefix = matches!(word.as_str(), "r" | "br" | "cr" | "b" | "c");
                let hashes = (i..).take_while(|&n| at(n) == '#').count();
                if prefix && at(i + hashes) == '"' {
                    i = match word.contains('r') {
                        true => raw_end(&signs, i, hashes),
                        false => string_end(&signs, i),
                    };
                } else {
                    found.push(Token { text: word, line });
                }
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                found.push(Token {
                    text: "::".to_owned(),
                    line,
                });
            }
            c => {
                i += 1;
                if !c.is_whitespace() {
                    found.push(Token {
                        text: c.to_string(),
                        line,
                    });
                }
            }
        }
        let end = i.min(signs.len());
        line += signs[begun..end].iter().filter(|c| **c == '\n').count();
    }
    found
}

/// Behind the string whose opening quote is at `i`.
fn string_end(signs: &[char], mut i: usize) -> usize {
    i += 1;
    while i < signs.len() && signs[i] != '"' {
        i += if signs[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Behind the raw string whose `hashes` begin at `i`.
fn raw_end(signs: &[char], i: usize, hashes: usize) -> usize {
    let mut i = i + hashes + 1;
    while i < signs.len() {
        let closes = signs[i] == '"' && signs[i + 1..].iter().take(hashes).all(|c| *c == '#');
        i += 1;
        if closes {
            return i + hashes;
        }
    }
    i
}

/// The tokens without the items that stand behind `#[cfg(test)]`.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let marked = tokens.len() - i >= MARK.len()
            && tokens[i..].iter().zip(MARK).all(|(t, mark)| t.text == mark);
        if !marked {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        i += MARK.len();
        let mut depth = 0;
        while i < tokens.len() {
            match tokens[i].text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            let over = depth == 0 && matches!(tokens[i].text.as_str(), ";" | "}");
            i += 1;
            if over {
                break;
            }
        }
    }
    kept
}

/// Every path of two parts and more that `file` names, `file` being relative to `src`.
pub fn paths(file: &str, tokens: &[Token]) -> Vec<Path> {
    let module = module_of(file);
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if tokens[i].text == "use" {
            i = tree(tokens, i + 1, &[], &mut found);
            continue;
        }
        let fresh = i == 0 || !matches!(tokens[i - 1].text.as_str(), "::" | ".");
        if fresh && is_word(&tokens[i].text) {
            let line = tokens[i].line;
            let mut parts = vec![tokens[i].text.clone()];
            while text(tokens, i + 1) == "::" && is_word(text(tokens, i + 2)) {
                parts.push(text(tokens, i + 2).to_owned());
                i += 2;
            }
            if parts.len() > 1 {
                found.push((parts, line));
            }
        }
        i += 1;
    }
    found
        .into_iter()
        .map(|(parts, line)| resolved(&module, parts, line))
        .collect()
}

/// Reads a `use` tree at `i`, and tells where it ends.
fn tree(
    tokens: &[Token],
    mut i: usize,
    before: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut parts = before.to_vec();
    let line = tokens.get(i).map_or(0, |t| t.line);
    loop {
        match text(tokens, i) {
            "::" => i += 1,
            "{" => {
                i += 1;
                while i < tokens.len() && text(tokens, i) != "}" {
                    i = tree(tokens, i, &parts, found);
                    if text(tokens, i) == "," {
                        i += 1;
                    }
                }
                return i + 1;
            }
            // The name that it gets here is not part of the path.
            "as" => i += 2,
            "self" if !parts.is_empty() => i += 1,
            word if is_word(word) || word == "*" => {
                parts.push(word.to_owned());
                i += 1;
            }
            _ => {
                found.push((parts, line));
                return i;
            }
        }
    }
}

fn text(tokens: &[Token], i: usize) -> &str {
    tokens.get(i).map_or("", |t| t.text.as_str())
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn module_of(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let mut parts: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if parts
        .last()
        .is_some_and(|p| matches!(p.as_str(), "mod" | "lib" | "main"))
    {
        parts.pop();
    }
    parts
}

fn resolved(module: &[String], parts: Vec<String>, line: usize) -> Path {
    let mut base = module.to_vec();
    let mut ours = false;
    let mut rest = parts.as_slice();
    loop {
        match rest.first().map(String::as_str) {
            Some("crate" | "postern") if !ours => base.clear(),
            Some("super") => {
                base.pop();
            }
            Some("self") => {}
            _ => break,
        }
        ours = true;
        rest = &rest[1..];
    }
    let parts = match ours {
        true => base.into_iter().chain(rest.iter().cloned()).collect(),
        false => parts,
    };
    Path { ours, parts, line }
}
