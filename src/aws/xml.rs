//! Reads single elements of the XML responses of S3 and STS.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// The unescaped text of the elements `names` below the elements `parents` (local names, without the root), in one
/// pass. Of an element that occurs twice, the first one's.
///
/// Anything after malformed XML counts as absent: callers report which element is missing.
pub(crate) fn texts<const N: usize>(
    document: &[u8],
    parents: &[&str],
    names: [&str; N],
) -> [Option<String>; N] {
    let mut found = [const { None }; N];
    if let Ok(document) = std::str::from_utf8(document) {
        collect(document, parents, &names, &mut found);
    }
    found
}

/// Whether the root element has this local name. Reads no further than that.
pub(crate) fn has_root(document: &[u8], name: &str) -> bool {
    /// More than a declaration and comments take in a service's response.
    const BEGINNING: usize = 1024;
    let beginning = &document[..document.len().min(BEGINNING)];
    let text = beginning.utf8_chunks().next();
    let mut reader = Reader::from_str(text.map_or("", |chunk| chunk.valid()));
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => {
                return start.local_name().as_ref() == name;
            }
            Ok(Event::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// `None` if the document is malformed.
fn collect(
    document: &str,
    parents: &[&str],
    names: &[&str],
    found: &mut [Option<String>],
) -> Option<()> {
    let mut reader = Reader::from_str(document);
    // The number of open elements including the root, and how many of them match `parents`.
    let (mut open, mut matched) = (0, 0);
    let mut current: Option<(usize, String)> = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name();
                let name = name.as_ref();
                if open > 0 && matched == open - 1 && parents.get(matched) == Some(&name) {
                    matched += 1;
                } else if open == parents.len() + 1 && matched == parents.len() {
                    let wanted = names.iter().position(|wanted| *wanted == name);
                    current = wanted.map(|index| (index, String::new()));
                }
                open += 1;
            }
            Event::Text(part) => push(&mut current, &part),
            Event::CData(part) => push(&mut current, &part),
            Event::GeneralRef(reference) => push(&mut current, &resolve(&reference)?),
            Event::End(_) => {
                open = usize::checked_sub(open, 1)?;
                matched = matched.min(open.saturating_sub(1));
                if open == parents.len() + 1
                    && let Some((index, text)) = current.take()
                {
                    found.get_mut(index)?.get_or_insert(text);
                }
            }
            Event::Eof => return Some(()),
            _ => {}
        }
    }
}

fn push(current: &mut Option<(usize, String)>, part: &str) {
    if let Some((_, text)) = current {
        text.push_str(part);
    }
}

/// The character of a reference.
pub(crate) fn resolve(reference: &BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(reference).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{has_root, texts};

    #[test]
    fn finds_what_is_at_the_path_and_nothing_else() {
        let xml = b"<?xml version=\"1.0\"?><Error xmlns='x'><Nested><Code>no</Code></Nested>\
            <Code>Slow&amp;Down&#x21;</Code><Message><![CDATA[a<b]]></Message><Empty/>\
            <Code>second</Code></Error>";
        let found = texts(xml, &[], ["Message", "Code", "Absent", "Empty"]);
        assert_eq!(found[0].as_deref(), Some("a<b"));
        assert_eq!(found[1].as_deref(), Some("Slow&Down!"));
        assert_eq!(found[2..], [None, None]);
        assert_eq!(texts(xml, &["Nested"], ["Code"]), [Some("no".into())]);
        assert_eq!(texts(xml, &["Code"], ["Nested"]), [None]);
    }

    #[test]
    fn what_is_cut_off_or_broken_is_not_there() {
        assert_eq!(texts(b"<Error><Code>cut", &[], ["Code"]), [None]);
        assert_eq!(
            texts(b"<Error><Code>whole</Code><Mess", &[], ["Code", "Message"]),
            [Some("whole".into()), None]
        );
        assert_eq!(texts(b"\xff\xfe", &[], ["Code"]), [None]);
        assert_eq!(texts(b"</a></a>", &["a"], ["Code"]), [None]);
        assert_eq!(texts(b"", &[], ["Code"]), [None]);
    }

    #[test]
    fn the_root_is_found_behind_what_may_precede_it() {
        for (document, is_error) in [
            ("<Error><Code>x</Code></Error>", true),
            ("<?xml version=\"1.0\"?>\n<!-- x --><Error xmlns='y'>", true),
            ("\u{feff}<?xml version=\"1.0\"?><s3:Error/>", true),
            ("<ListBucketResult><Contents><Error/></Contents>", false),
            ("<Errors/>", false),
            ("Error", false),
            ("", false),
        ] {
            assert_eq!(
                has_root(document.as_bytes(), "Error"),
                is_error,
                "{document}"
            );
        }
        assert!(has_root(b"<Error>\xff", "Error"));
        let long = ["<Error>", &"x".repeat(5000)].concat();
        assert!(has_root(long.as_bytes(), "Error"));
    }
}
