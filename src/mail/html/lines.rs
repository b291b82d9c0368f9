//! Text as it is laid out of HTML, line by line, and where in the HTML each line begins. Pure.
//!
//! Breaks are remembered and made when something is there to be shown, so that a hundred empty boxes are one
//! line break. Quotes get their `>`, items their mark, cells of a row that has one line stand beside each
//! other.

/// Of a line that begins nowhere in the HTML where anything could be set in front of it.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Blank lines that follow each other, at most, and the breaks that they take.
const BREAKS_MAX: usize = 3;

/// Marks of a quote that is deep, and of an item's indentation.
const QUOTE_MAX: usize = 8;
const INDENT_MAX: usize = 8;

/// The text under way.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) text: String,
    /// Where each line begins in the HTML, or [`NOWHERE`].
    pub(super) starts: Vec<u32>,
    /// Octets that the text may have, and whether it would have had more.
    room: usize,
    pub(super) full: bool,
    /// Something stands on the last line.
    open: bool,
    /// Breaks since then.
    breaks: usize,
    /// White space since then; and such that is to be seen.
    space: bool,
    hard_space: bool,
    /// Another cell begins on this line.
    beside: bool,
    /// Where the next line begins in the HTML, and the elements around that place.
    place: Option<(u32, usize)>,
    pub(super) quote: usize,
    /// The depth of the last line.
    quoted: usize,
    pub(super) indent: usize,
    pub(super) bullet: Option<String>,
    /// The line with which the row began, or [`NO_LINE`].
    pub(super) row: usize,
}

/// The row that is under way has no line yet.
pub(super) const NO_LINE: usize = usize::MAX;

impl Lines {
    pub(super) fn with_room(room: usize) -> Lines {
        Lines {
            room,
            ..Lines::default()
        }
    }

    /// Words in a line; `at` is where they stand in the HTML.
    pub(super) fn words(&mut self, text: &str, at: u32) {
        let blank = |c: char| c.is_ascii_whitespace() || c == '\u{a0}';
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest.find(blank).unwrap_or(rest.len());
            if word > 0 {
                let (word, behind) = rest.split_at(word);
                rest = behind;
                let word = word.trim_start_matches(['\u{feff}', '\u{200b}']);
                if is_filler(word) {
                    continue;
                }
                self.begin(at);
                self.put(word);
            } else {
                let behind = rest.trim_start_matches(blank);
                let blanks = rest.len() - behind.len();
                self.space = true;
                self.hard_space |= rest.get(..blanks).is_some_and(|b| b.contains('\u{a0}'));
                rest = behind;
            }
        }
    }

    /// Lines whose white space counts.
    pub(super) fn verbatim(&mut self, text: &str, at: u32) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.line_break();
            }
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            self.begin(at);
            match line.contains('\r') {
                true => self.put(&line.replace('\r', " ")),
                false => self.put(line),
            }
        }
    }

    fn put(&mut self, text: &str) {
        if self.text.len() + text.len() > self.room {
            self.full = true;
        }
        if !self.full {
            self.text.push_str(text);
        }
    }

    /// Something is about to be shown.
    fn begin(&mut self, at: u32) {
        if self.full {
            return;
        }
        self.hard_space = false;
        if self.open {
            let gap = match (self.beside, self.space) {
                (true, _) => " | ",
                (false, true) => " ",
                (false, false) => "",
            };
            self.put(gap);
            (self.beside, self.space) = (false, false);
            return;
        }
        if !self.starts.is_empty() {
            let blank = ">".repeat(self.quote.min(self.quoted).min(QUOTE_MAX));
            for nth in 0..self.breaks.clamp(1, BREAKS_MAX) {
                if nth > 0 {
                    self.put(&blank);
                    self.starts.push(NOWHERE);
                }
                self.put("\n");
            }
        }
        let place = self.place.take().map_or(at, |(place, _)| place);
        if self.row == NO_LINE {
            self.row = self.starts.len();
        }
        self.starts.push(place);
        self.quoted = self.quote;
        if self.quote > 0 {
            self.put(&">".repeat(self.quote.min(QUOTE_MAX)));
            self.put(" ");
        }
        if self.indent > 0 {
            self.put(&"  ".repeat(self.indent.min(INDENT_MAX) - 1));
            let bullet = self.bullet.take();
            self.put(bullet.as_deref().unwrap_or("  "));
        }
        (self.open, self.space, self.beside, self.breaks) = (true, false, false, 0);
    }

    /// A block begins or ends: so many breaks at least since something was shown.
    pub(super) fn at_least(&mut self, breaks: usize) {
        // A block in a cell that is beside another may begin on its line.
        if self.beside && self.open {
            return;
        }
        if self.hard_space && !self.open {
            // A paragraph with nothing in it is how many make a blank line.
            self.breaks += 1;
        }
        (self.open, self.space, self.hard_space, self.beside) = (false, false, false, false);
        self.breaks = self.breaks.max(breaks);
    }

    /// A line ends here.
    pub(super) fn line_break(&mut self) {
        self.breaks += 1;
        (self.open, self.space, self.hard_space, self.beside) = (false, false, false, false);
        // What begins behind a break begins there, and not with the block before it.
        self.place = None;
    }

    /// A row begins; what was the row before it.
    pub(super) fn begin_row(&mut self) -> usize {
        self.at_least(1);
        std::mem::replace(&mut self.row, NO_LINE)
    }

    /// A cell begins: beside the one before, where that has one line.
    pub(super) fn begin_cell(&mut self) {
        let one_line = self.row != NO_LINE && self.starts.len() == self.row + 1 && self.breaks <= 2;
        if one_line {
            (self.open, self.beside, self.breaks) = (true, true, 0);
        } else {
            self.at_least(1);
        }
    }

    /// An element begins at this place in the HTML, within so many others.
    pub(super) fn place(&mut self, at: u32, depth: usize) {
        if self.place.is_none() && !self.open {
            self.place = Some((at, depth));
        }
    }

    /// So many elements are open now: a place within one that closed is none.
    pub(super) fn closed(&mut self, depth: usize) {
        self.place = self.place.filter(|(_, within)| *within <= depth);
    }

    /// The line on which what comes now will stand.
    pub(super) fn next_line(&self) -> usize {
        self.starts.len() - usize::from(self.open)
    }

    /// Nothing of this section stands beside what comes now.
    pub(super) fn end_section(&mut self) {
        self.at_least(1);
        self.closed(0);
        (self.quote, self.indent, self.bullet, self.row) = (0, 0, None, NO_LINE);
    }

    /// The whole text: its lines end with LF.
    pub(super) fn finish(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }
}

/// Whether a word is nothing that is seen: what newsletters fill their previews with.
fn is_filler(word: &str) -> bool {
    let seen = |c: char| {
        !matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'
        )
    };
    word.is_empty() || (!word.is_ascii() && !word.contains(seen))
}
