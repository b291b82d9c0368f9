//! Writing a page so that nobody else's words can become markup.
//!
//! `ours` takes only what stands in our own source (`&'static str`); everything else goes through
//! `text`, which escapes. So a forgotten escape does not compile.

use std::borrow::Cow;

/// A page, as far as it is written.
#[derive(Default)]
pub struct Html(String);

impl Html {
    /// A page with this title, up to where its content begins.
    pub fn begin(title: &str) -> Self {
        let mut page = Html::default();
        page.ours("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
            .ours("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            .ours("<meta name=\"color-scheme\" content=\"light dark\">")
            .ours("<link rel=\"icon\" href=\"data:,\">")
            .ours("<link rel=\"stylesheet\" href=\"/_page/style.css\"><title>")
            .text(title)
            .ours("</title></head><body><main>\n");
        page
    }

    /// The page is done.
    pub fn end(mut self) -> String {
        self.ours("</main></body></html>\n");
        self.0
    }

    /// Markup of our own.
    pub fn ours(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Anybody's words, as text or within a quoted attribute.
    pub fn text(&mut self, words: &str) -> &mut Self {
        for c in visible(words).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// A number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.text(&number.to_string())
    }
}

/// The same with a mark for each character that shows nothing or turns the direction of what
/// follows it: a file name must not look like another one.
pub fn visible(words: &str) -> Cow<'_, str> {
    let hides = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (c.is_control() && !matches!(c, '\n' | '\t'))
    };
    match words.contains(hides) {
        true => Cow::Owned(words.replace("\r\n", "\n").replace(hides, "\u{fffd}")),
        false => Cow::Borrowed(words),
    }
}

/// The page for what isn't there.
pub fn nothing_here() -> String {
    let mut page = Html::begin("Nothing here");
    page.ours("<h1>Nothing here</h1><p>There is no such ticket, or it was deleted. ")
        .ours("<a href=\"/\">All tickets</a></p>");
    page.end()
}

/// A time as people read it, in UTC; as it stands when it is none.
pub fn when(time: &str) -> String {
    match time.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => time.to_owned(),
    }
}

/// A size as people read it.
pub fn size(octets: u64) -> String {
    match octets {
        0..1000 => format!("{octets} B"),
        1000..1_000_000 => format!("{:.1} kB", octets as f64 / 1e3),
        _ => format!("{:.1} MB", octets as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests;
