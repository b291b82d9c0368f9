use super::token::LOOKED;
use super::*;
use html5gum::{Token as Read, Tokenizer};
use proptest::prelude::*;

fn clean(html: &str) -> Clean {
    let mut cleaner = Cleaner::new();
    cleaner.html(html);
    cleaner.finish()
}

#[track_caller]
fn check(html: &str, wanted: &str, text: &str) {
    let clean = clean(html);
    assert_eq!((clean.html.as_str(), clean.text.as_str()), (wanted, text));
}

/// What a reader that knows HTML by the letter finds in it that must not be there.
fn found(html: &str) -> Option<String> {
    let allowed = [
        "align",
        "alt",
        "border",
        "cellpadding",
        "cellspacing",
        "color",
        "colspan",
        "data-src",
        "data-postern",
        "dir",
        "height",
        "hidden",
        "href",
        "lang",
        "rel",
        "rowspan",
        "span",
        "src",
        "start",
        "style",
        "title",
        "type",
        "valign",
        "value",
        "width",
    ];
    let mut open = Vec::new();
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        match token {
            Read::StartTag(tag) => {
                let Some((_, known)) = tags::find(&tag.name) else {
                    return Some(text(&tag.name));
                };
                for (name, value) in &tag.attributes {
                    let (name, value) = (text(name), text(value));
                    let fetches = match name.as_str() {
                        "src" => {
                            !value.starts_with("cid:")
                                && !value.to_lowercase().starts_with("data:image/")
                        }
                        "href" => !["http:", "https:", "mailto:", "tel:", "ftp:"]
                            .iter()
                            .any(|scheme| value.to_lowercase().starts_with(scheme)),
                        "style" => value.contains("url") || value.contains("expression"),
                        _ => false,
                    };
                    if fetches || !allowed.contains(&name.as_str()) {
                        return Some(format!("{name}={value}"));
                    }
                }
                if !known.kind.is_void() {
                    open.push(tag.name);
                }
            }
            Read::EndTag(tag) => {
                if open.pop() != Some(tag.name.clone()) {
                    return Some(format!("/{}", text(&tag.name)));
                }
            }
            Read::String(_) => {}
            other => return Some(format!("{other:?}")),
        }
    }
    open.pop().map(|name| format!("{name:?} not closed"))
}

#[test]
fn elements_end_where_browsers_end_them() {
    check("<p>a<p>b", "<p>a</p><p>b</p>", "a\n\nb\n");
    check(
        "<ul><li>a<li>b</ul>c",
        "<ul><li>a</li><li>b</li></ul>c",
        "- a\n- b\nc\n",
    );
    check("<p>a<div>b</div>", "<p>a</p><div>b</div>", "a\n\nb\n");
    check(
        "<table><tr><td>a<td>b<tr><td>c</table>d",
        "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>d",
        "a | b\nc\nd\n",
    );
    check("<td>a</td><tr>b", "ab", "a\nb\n");
    check("<b><i>a</b>b</i>", "<b><i>a</i></b>b", "ab\n");
    check("<div><b>a</div>b</b>", "<div><b>a</b></div>b", "a\nb\n");
    check(
        "<a href='https://x.example'>a<a href='https://y.example'>b</a>",
        "<a href=\"https://x.example\" rel=\"noopener noreferrer\">a</a><a href=\"https://y.example\" rel=\"noopener noreferrer\">b</a>",
        "a <https://x.example>b <https://y.example>\n",
    );
    // No end tag reaches out of its cell.
    check(
        "<div><table><tr><td>a</div>b</td></tr></table>c</div>",
        "<div><table><tr><td>ab</td></tr></table>c</div>",
        "ab\nc\n",
    );
}

#[test]
fn blank_lines_are_where_a_person_sees_them() {
    check(
        "<div>a</div><div><br></div><div>b</div>",
        "<div>a</div><div><br></div><div>b</div>",
        "a\n\nb\n",
    );
    check("a<br>b<br><br>c", "a<br>b<br><br>c", "a\nb\n\nc\n");
    check(
        "<p class=MsoNormal>a</p>\n<p class=MsoNormal>&nbsp;</p>\n<p class=MsoNormal>b</p>\n<p class=MsoNormal>c</p>",
        "<p>a</p>\n<p>\u{a0}</p>\n<p>b</p>\n<p>c</p>",
        "a\n\nb\nc\n",
    );
    check(
        "<div><div><div></div></div>  <div>a</div></div>",
        "<div><div><div></div></div> <div>a</div></div>",
        "a\n",
    );
    check(
        "a<p></p><p></p><p></p><p></p>b",
        "a<p></p><p></p><p></p><p></p>b",
        "a\n\nb\n",
    );
    check(
        "a<br><br><br><br><br><br>b",
        "a<br><br><br><br><br><br>b",
        "a\n\n\nb\n",
    );
}

#[test]
fn quotes_lists_and_pre_are_laid_out() {
    check(
        "a<blockquote>b<blockquote>c</blockquote></blockquote>d",
        "a<blockquote>b<blockquote>c</blockquote></blockquote>d",
        "a\n> b\n>> c\nd\n",
    );
    check(
        "<pre>a\n\n  b\n</pre>c",
        "<pre>a\n\n  b\n</pre>c",
        "a\n\n  b\nc\n",
    );
    check(
        "<ol start=9><li>a<br>b<li><ul><li>c</ul></ol>",
        "<ol start=\"9\"><li>a<br>b</li><li><ul><li>c</li></ul></li></ol>",
        "9. a\n  b\n  - c\n",
    );
}

#[test]
fn a_row_whose_cells_have_lines_of_their_own_is_set_line_by_line() {
    check(
        "<table><tr><td>a<br>b</td><td>c</td></tr></table>",
        "<table><tr><td>a<br>b</td><td>c</td></tr></table>",
        "a\nb\nc\n",
    );
    check(
        "<p>x</p><table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr><tr><td>c</td><td><p>d</p></td></tr></table>",
        "<p>x</p><table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr><tr><td>c</td><td><p>d</p></td></tr></table>",
        "x\n\na | b\nc | d\n",
    );
}

/// Goes red where the same mail would be another ticket after an update: whoever changes this on purpose says so
/// in the list of changes.
#[test]
fn the_same_html_gives_the_same_octets_for_ever() {
    let html = include_str!("tests/frozen.html");
    let mut clean = clean(html);
    let text = std::mem::take(&mut clean.text);
    assert_eq!(text, include_str!("tests/frozen.txt"));
    assert_eq!(clean.html, include_str!("tests/frozen.want.html"));
    assert_eq!(found(&clean.html), None);
}

/// Of so many octets, more or less.
fn hostile(octets: usize) -> Vec<String> {
    let many = |piece: &str| piece.repeat(octets / piece.len());
    let fonts: String = (0..octets / 50)
        .map(|n| format!("<font color=a{n}>"))
        .collect();
    vec![
        many("<div>"),
        many("<b>"),
        many("<i></i>"),
        format!("{fonts}{}", many("<p>x")),
        many("<table><tr><td>"),
        many("<a "),
        many("<a b='\""),
        many("<a b=\">\" "),
        many("<!--"),
        many("<!-- -"),
        many("<style>"),
        many("<title></titl"),
        many("<select><svg>"),
        many("</div>"),
        many("<div class='gmail_quote'>a"),
        many("<blockquote>a"),
        many("<li>a"),
        many("&"),
        many("&#"),
        many("\""),
        many("<br>a"),
        many("<"),
        many("<td>a"),
        format!("{}{}", "<i>".repeat(255), many("</b>x")),
        format!("<b>{}{}", "<div>".repeat(250), many("</b>x")),
        format!("{}{}", "<b>".repeat(300), many("<li>")),
        format!("<a href='https://x.example/{}'>", "y".repeat(400)).repeat(octets / 400),
        format!("<ul>{}", many("<li><ul>")),
        format!("<p {}>", many("a=b ")),
        format!("<p style='{}'>", many("color:red;")),
    ]
}

/// Goes red where a mail of a megabyte holds the box up, or takes its stack. These stop readers that build a tree.
#[test]
fn what_is_looked_at_in_hostile_html_follows_its_octets() {
    // The reader by the letter takes its time, too.
    for html in hostile(1 << 13) {
        let clean = clean(&html);
        assert_eq!(found(&clean.html), None, "{}", &html[..40]);
        assert_eq!(found(&clean.folded(Some(1))), None, "{}", &html[..40]);
    }
    for html in hostile(1 << 17) {
        LOOKED.with(|looked| looked.set(0));
        let clean = clean(&html);
        assert!(clean.html.len() <= BODY_MAX, "{}", &html[..40]);
        assert!(clean.text.len() <= 2 * TEXT_MAX, "{}", &html[..40]);
        clean.folded(Some(1));
        // Counted, not timed: a search that is made again at each tag would be thousands of times as much.
        let looked = LOOKED.with(std::cell::Cell::get);
        assert!(
            looked <= 4 * html.len(),
            "{looked} octets were looked at, of {}, in {}",
            html.len(),
            &html[..40]
        );
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<",
        ">",
        "</",
        "/>",
        "=",
        "'",
        "\"",
        "&",
        ";",
        "#",
        "!",
        "--",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        " ",
        "\n",
        "a",
        "x_",
        "<div",
        "<p",
        "<b",
        "<i>",
        "<a href=",
        "<img src=",
        "<table>",
        "<tr>",
        "<td>",
        "<li>",
        "<ul>",
        "<pre>",
        "<br>",
        "<hr>",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "<svg>",
        "<math>",
        "<title>",
        "</title>",
        "<textarea>",
        "</textarea>",
        "<plaintext>",
        "<noscript>",
        "<xmp>",
        "<template>",
        "<iframe>",
        "<select>",
        "<form>",
        "<blockquote>",
        "<span",
        "<font",
        "</div>",
        "</p>",
        "</b>",
        "</i>",
        "</a>",
        "</table>",
        "</tr>",
        "</td>",
        "</li>",
        "</ul>",
        "</pre>",
        "</blockquote>",
        " onclick=x",
        " style='color:red'",
        " style=\"background:url(x)\"",
        " class=gmail_quote",
        " hidden",
        " class=MsoNormal",
        "javascript:",
        "https://x.example/",
        "cid:",
        "data:image/png;base64,",
        "&lt;",
        "&#60;",
        "&quot;",
        "&nbsp;",
        "\u{0}",
        "ß",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// What goes out is harmless to a reader that knows HTML by the letter, also where a box was set into it; and
    /// the text's lines are those of which it is known where they begin.
    #[test]
    fn whatever_comes_in_what_goes_out_is_harmless(html in pieces(), new in 0u32..6) {
        let clean = clean(&html);
        prop_assert_eq!(found(&clean.html), None);
        prop_assert_eq!(clean.text.lines().count(), clean.starts.len());
        for start in clean.starts.iter().filter(|start| **start != lines::NOWHERE) {
            prop_assert!(clean.html.is_char_boundary(*start as usize));
        }
        let (whole, folded) = (clean.html.clone(), clean.folded(Some(new)));
        prop_assert_eq!(found(&folded), None);
        // Nothing is lost by it, and nothing but boxes added.
        let bare = |html: &str| html.replace("<div data-postern=\"history\">", "").replace("</div>", "");
        prop_assert_eq!(bare(&folded), bare(&whole));
    }

    /// Made harmless once more it is what it was.
    #[test]
    fn what_is_harmless_stays_as_it_is(html in pieces()) {
        let once = clean(&html).html;
        let twice = clean(&once).html;
        prop_assert_eq!(&clean(&twice).html, &twice);
        prop_assert_eq!(clean(&once).text, clean(&twice).text);
    }

    /// No word that a person would see is lost.
    #[test]
    fn every_word_is_still_there(words in prop::collection::vec("[a-z]{1,5}", 1..20), tags in prop::collection::vec(0usize..8, 20)) {
        let wraps = ["p", "div", "b", "td", "li", "blockquote", "span", "h1"];
        let html: String = words.iter().zip(&tags).map(|(word, tag)| {
            let tag = wraps[*tag];
            format!("<{tag}>{word}</{tag}> ")
        }).collect();
        let text = clean(&html).text;
        let seen: Vec<&str> = text.split(|c: char| !c.is_ascii_lowercase()).filter(|w| !w.is_empty()).collect();
        prop_assert_eq!(seen.concat(), words.concat());
    }
}
