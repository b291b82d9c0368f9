//! What was written before, in a box of its own in cleaned HTML, so that whoever shows it can fold it.
//!
//! The HTML is the writer's own: each tag is closed, each `<` begins one, and each `>` ends one. So the
//! elements that were open where the box begins can be told by counting: it ends with each of them, and
//! begins again behind it.

use super::tags;
use memchr::memchr;

/// The box.
const BEGIN: &str = "<div data-postern=\"history\">";
const END: &str = "</div>";

/// The HTML with all from `at` on, where a tag or text begins, in boxes.
pub(super) fn fold(html: &str, at: usize) -> String {
    let Some((new, mut rest)) = html.split_at_checked(at) else {
        return html.to_owned();
    };
    let mut out = String::with_capacity(html.len() + 200);
    out.push_str(new);
    // Elements that opened in the box; and whether it is open.
    let mut depth = 0usize;
    let mut boxed = false;
    while !rest.is_empty() {
        let text = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(text);
        let end = memchr(b'>', behind.as_bytes()).map_or(behind.len(), |end| end + 1);
        let (tag, behind) = behind.split_at(end);
        rest = behind;
        if !boxed && !text.trim().is_empty() {
            out.push_str(BEGIN);
            boxed = true;
        }
        out.push_str(text);
        let closes = tag.starts_with("</");
        if closes && depth == 0 {
            if boxed {
                out.push_str(END);
                boxed = false;
            }
        } else if closes {
            depth -= 1;
        } else if !tag.is_empty() {
            if !boxed {
                out.push_str(BEGIN);
                boxed = true;
            }
            depth += usize::from(!is_void(tag));
        }
        out.push_str(tag);
    }
    if boxed {
        out.push_str(END);
    }
    out
}

fn is_void(tag: &str) -> bool {
    let name = tag
        .trim_start_matches('<')
        .split([' ', '>'])
        .next()
        .unwrap_or_default();
    tags::find(name.as_bytes()).is_some_and(|(_, tag)| tag.kind.is_void())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(html: &str) -> String {
        let at = html.find('|').unwrap();
        fold(&html.replace('|', ""), at)
            .replace(BEGIN, "[")
            .replace(END, "]")
            .replace("</div", "]")
    }

    /// Goes red where a box ends within an element that began before it, or takes an element's end along.
    #[test]
    fn a_box_ends_with_each_element_that_was_open_before_it() {
        assert_eq!(folded("<p>a</p>|<p>b<br>c</p>"), "<p>a</p>[<p>b<br>c</p>]");
        assert_eq!(
            folded("<b><i>a|b</i>c</b>\n<i>d</i>"),
            "<b><i>a[b]</i>[c]</b>\n[<i>d</i>]"
        );
        assert_eq!(folded("a|</b>\n</i>"), "a</b>\n</i>");
        assert_eq!(folded("a|"), "a");
    }
}
