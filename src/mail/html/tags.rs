//! The elements that are let through, and what each means for the text. A closed list: what is not on it
//! is left out, and its content stays.

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What an element is to who lays it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In a line.
    Inline,
    /// An inline element that breaks paragraphs' rules: what it begins may end in another block.
    Link,
    /// Lines of its own.
    Block,
    /// Lines of its own, with a blank one around them.
    Paragraph,
    /// Not to be in a paragraph, and its white space counts.
    Pre,
    Quote,
    List,
    Item,
    Table,
    /// Rows together.
    Rows,
    Row,
    Cell,
    /// Nothing in it, and nothing for the text.
    Void,
    Break,
    Rule,
    Picture,
}

const fn tag(name: &'static str, kind: Kind) -> Tag {
    Tag { name, kind }
}

use Kind::*;

/// By name, in order.
const TAGS: &[Tag] = &[
    tag("a", Link),
    tag("abbr", Inline),
    tag("acronym", Inline),
    tag("address", Block),
    tag("article", Block),
    tag("aside", Block),
    tag("b", Inline),
    tag("bdi", Inline),
    tag("bdo", Inline),
    tag("big", Inline),
    tag("blockquote", Quote),
    tag("br", Break),
    tag("caption", Cell),
    tag("center", Block),
    tag("cite", Inline),
    tag("code", Inline),
    tag("col", Void),
    tag("colgroup", Rows),
    tag("dd", Item),
    tag("del", Inline),
    tag("dfn", Inline),
    tag("div", Block),
    tag("dl", List),
    tag("dt", Item),
    tag("em", Inline),
    tag("figcaption", Block),
    tag("figure", Paragraph),
    tag("font", Inline),
    tag("footer", Block),
    tag("h1", Paragraph),
    tag("h2", Paragraph),
    tag("h3", Paragraph),
    tag("h4", Paragraph),
    tag("h5", Paragraph),
    tag("h6", Paragraph),
    tag("header", Block),
    tag("hr", Rule),
    tag("i", Inline),
    tag("img", Picture),
    tag("ins", Inline),
    tag("kbd", Inline),
    tag("li", Item),
    tag("main", Block),
    tag("mark", Inline),
    tag("nav", Block),
    tag("ol", List),
    tag("p", Paragraph),
    tag("pre", Pre),
    tag("q", Inline),
    tag("rp", Inline),
    tag("rt", Inline),
    tag("ruby", Inline),
    tag("s", Inline),
    tag("samp", Inline),
    tag("section", Block),
    tag("small", Inline),
    tag("span", Inline),
    tag("strike", Inline),
    tag("strong", Inline),
    tag("sub", Inline),
    tag("sup", Inline),
    tag("table", Table),
    tag("tbody", Rows),
    tag("td", Cell),
    tag("tfoot", Rows),
    tag("th", Cell),
    tag("thead", Rows),
    tag("tr", Row),
    tag("tt", Inline),
    tag("u", Inline),
    tag("ul", List),
    tag("var", Inline),
    tag("wbr", Void),
];

/// The longest name that is known, in octets.
const NAME_MAX: usize = 10;

/// How many elements there are.
pub(super) const COUNT: usize = TAGS.len();

/// A name in lower case, where it is short enough to be anybody's.
pub(super) fn lower(name: &str) -> Option<([u8; NAME_MAX], usize)> {
    let mut lower = [0; NAME_MAX];
    lower
        .get_mut(..name.len())?
        .copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    Some((lower, name.len()))
}

/// The element of a name in lower case, and its index.
pub(super) fn find(name: &[u8]) -> Option<(usize, Tag)> {
    let at = TAGS
        .binary_search_by_key(&name, |tag| tag.name.as_bytes())
        .ok()?;
    Some((at, *TAGS.get(at)?))
}

impl Kind {
    /// Whether it has lines of its own, so that a paragraph ends where it begins.
    pub(super) fn is_block(self) -> bool {
        !matches!(self, Inline | Link | Break | Picture | Void)
    }

    /// Whether nothing can be in it.
    pub(super) fn is_void(self) -> bool {
        matches!(self, Void | Break | Rule | Picture)
    }

    /// Whether it is nothing without a table around it.
    pub(super) fn is_of_table(self) -> bool {
        matches!(self, Rows | Row | Cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_is_found_by_its_name() {
        for tag in TAGS {
            assert_eq!(
                find(tag.name.as_bytes()).map(|(_, found)| found),
                Some(*tag)
            );
            assert!(tag.name.len() <= NAME_MAX);
        }
        assert_eq!(find(b"script"), None);
    }

    /// Goes red where an element gets onto the list whose content browsers read by other rules: then text
    /// that we wrote could become a tag.
    #[test]
    fn no_element_is_on_the_list_whose_content_is_no_html() {
        for raw in [
            "script",
            "style",
            "title",
            "textarea",
            "xmp",
            "iframe",
            "noembed",
            "noframes",
            "noscript",
            "plaintext",
            "svg",
            "math",
            "template",
            "form",
            "input",
            "object",
            "embed",
            "base",
            "meta",
            "link",
            "select",
        ] {
            assert_eq!(find(raw.as_bytes()), None, "{raw}");
        }
    }
}
