//! Strings that come from a message, made safe where they leave us.
//!
//! What comes in is kept as it is; each door has its own dangers, and its own function here.
//! HTML is the exception: it is made harmless where it is read (`html`).

/// Characters that reorder or hide what stands around them: bidirectional controls and marks,
/// zero-width ones, the byte order mark, line and paragraph separators.
fn is_treacherous(character: char) -> bool {
    matches!(
        character,
        '\u{061c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// For one line of a log or of a header: no line break, no control, nothing that reorders.
pub fn for_line(text: &str) -> String {
    // Most are so already.
    if text.bytes().all(|octet| (b' '..=b'~').contains(&octet)) {
        return text.trim().to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\r' || character == '\n' || character == '\t' {
            // A run of breaks is one gap: a folded subject reads as it was meant.
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else if character.is_control() {
            out.push('\u{fffd}');
        } else if !is_treacherous(character) {
            out.push(character);
        }
    }
    out.trim().to_owned()
}

/// For a terminal: lines stay, everything that a terminal could obey goes. C1 goes too: 0x9B
/// starts an escape sequence on terminals with eight bits.
pub fn for_terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\t' => out.push(character),
            '\r' if characters.peek() == Some(&'\n') => {}
            control if control.is_control() => out.push('\u{fffd}'),
            hidden if is_treacherous(hidden) => {}
            plain => out.push(plain),
        }
    }
    out
}

/// For text within HTML.
pub fn for_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            plain => out.push(plain),
        }
    }
    out
}

/// Octets of a file name that every file system takes.
const FILE_NAME_MAX: usize = 200;

/// For a file system: one name without a path, never hidden, never empty, never one that Windows
/// keeps for itself.
pub fn for_file_name(name: &str) -> String {
    let last = name
        .rsplit(['/', '\\'])
        .find(|piece| !piece.trim_matches([' ', '.']).is_empty())
        .unwrap_or_default();
    let mut out = String::with_capacity(last.len());
    for character in for_line(last).chars() {
        match character {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\u{fffd}' => out.push('_'),
            plain => out.push(plain),
        }
    }
    // Leading dots hide a file, trailing dots and blanks vanish on Windows.
    let trimmed = out
        .trim_start_matches(['.', ' '])
        .trim_end_matches(['.', ' ']);
    let stem = trimmed.split('.').next().unwrap_or_default().to_lowercase();
    let device = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4
            && (stem.starts_with("com") || stem.starts_with("lpt"))
            && stem.ends_with(|c: char| c.is_ascii_digit()));
    // Before it is cut: what is put in front counts too.
    let mut kept = match device {
        true => shorten(&format!("_{trimmed}")),
        false => shorten(trimmed),
    };
    if kept.is_empty() {
        kept.push_str("unnamed");
    }
    kept
}

/// Cut a name in its middle, so that the extension stays.
fn shorten(name: &str) -> String {
    if name.len() <= FILE_NAME_MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, extension),
        _ => (name, ""),
    };
    let room = FILE_NAME_MAX - extension.len() - 1;
    let stem = super::words::cut(stem, room).0.trim_end_matches(['.', ' ']);
    match extension {
        "" => stem.to_owned(),
        _ => format!("{stem}.{extension}"),
    }
}

#[cfg(test)]
mod tests;
