//! The few fields that are read from the XML answers of S3 and STS.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The text of the first element at `path` (local names from below the root), unescaped.
///
/// Anything that is not well-formed up to there counts as "not there": the callers then say which
/// field is missing.
pub(crate) fn text_at(document: &[u8], path: &[&str]) -> Option<String> {
    let document = std::str::from_utf8(document).ok()?;
    let mut reader = Reader::from_str(document);
    let mut depth = 0; // how deep we are below the root
    let mut matched = 0; // how many steps of `path` the open elements match
    let mut text: Option<String> = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if depth > 0
                    && matched == depth - 1
                    && path
                        .get(matched)
                        .is_some_and(|step| start.local_name().as_ref() == *step)
                {
                    matched += 1;
                    if matched == path.len() {
                        text = Some(String::new());
                    }
                }
                depth += 1;
            }
            Event::Text(part) => {
                if let Some(text) = &mut text {
                    text.push_str(&part);
                }
            }
            Event::CData(part) => {
                if let Some(text) = &mut text {
                    text.push_str(&part);
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(text) = &mut text {
                    text.push_str(&resolve(&reference)?);
                }
            }
            Event::End(_) => {
                if text.is_some() && matched == path.len() && depth == path.len() + 1 {
                    return text;
                }
                depth = depth.checked_sub(1)?;
                matched = matched.min(depth.saturating_sub(1));
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(reference).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::text_at;

    #[test]
    fn finds_what_is_at_the_path_and_nothing_else() {
        let xml = b"<?xml version=\"1.0\"?><Error xmlns='x'><Nested><Code>no</Code></Nested>\
            <Code>Slow&amp;Down&#x21;</Code><Message><![CDATA[a<b]]></Message><Empty/></Error>";
        assert_eq!(text_at(xml, &["Code"]).as_deref(), Some("Slow&Down!"));
        assert_eq!(text_at(xml, &["Nested", "Code"]).as_deref(), Some("no"));
        assert_eq!(text_at(xml, &["Message"]).as_deref(), Some("a<b"));
        assert_eq!(text_at(xml, &["Absent"]), None);
        assert_eq!(text_at(b"<Error><Code>cut", &["Code"]), None);
        assert_eq!(text_at(b"\xff\xfe", &["Code"]), None);
        assert_eq!(text_at(b"</a></a>", &["Code"]), None);
    }
}
