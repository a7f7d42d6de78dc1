//! Writing and reading the little XML that S3 and STS exchange.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::http::answer::Refusal;

/// An XML document as it is written.
#[derive(Debug)]
pub(super) struct Xml(String);

impl Xml {
    /// Begins with the XML declaration, as S3 does.
    pub(super) fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// Begins without it, as STS does.
    pub(super) fn bare() -> Self {
        Self(String::new())
    }

    /// An element with others inside.
    pub(super) fn element(
        &mut self,
        name: &str,
        namespace: Option<&str>,
        inside: impl FnOnce(&mut Self),
    ) -> &mut Self {
        match namespace {
            Some(namespace) => self.0.extend(["<", name, " xmlns=\"", namespace, "\">"]),
            None => self.0.extend(["<", name, ">"]),
        }
        inside(self);
        self.0.extend(["</", name, ">"]);
        self
    }

    /// An element with text inside.
    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        // A bare carriage return would come out of the reader as a line feed.
        let mut text = escape(text);
        if text.contains('\r') {
            text = text.replace('\r', "&#13;").into();
        }
        self.0.extend(["<", name, ">", &text, "</", name, ">"]);
        self
    }

    /// Text of the element that is open.
    pub(super) fn plain(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escape(text));
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

/// The text of a body that is one whole document with this root element, and without a DTD.
pub(super) fn document<'a>(body: &'a [u8], root: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(text);
    let (mut depth, mut roots) = (0_usize, 0);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start)
                if depth == 0 && start.local_name().as_ref() != root =>
            {
                return None;
            }
            Event::Start(_) => {
                roots += usize::from(depth == 0);
                depth += 1;
            }
            Event::Empty(_) => roots += usize::from(depth == 0),
            Event::End(_) => depth = depth.checked_sub(1)?,
            Event::Text(text) if depth == 0 => {
                let text = text.xml10_content();
                if !text.trim().trim_start_matches('\u{feff}').is_empty() {
                    return None;
                }
            }
            Event::CData(_) | Event::GeneralRef(_) if depth == 0 => return None,
            Event::DocType(_) => return None,
            Event::Eof => return (depth == 0 && roots == 1).then_some(text),
            _ => {}
        }
    }
}

/// What a `CompleteMultipartUpload` body says of a part.
#[derive(Debug)]
pub(super) struct CompletedPart {
    pub(super) number: u32,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) checksum: Option<String>,
}

/// The parts of a `CompleteMultipartUpload` body; `None` if it is not one.
pub(super) fn completed_parts(body: &[u8]) -> Option<Vec<CompletedPart>> {
    let mut reader = Reader::from_str(document(body, "CompleteMultipartUpload")?);
    let mut parts = Vec::new();
    let (mut number, mut etag, mut checksum, mut text) = (None, None, None, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(_) => text.clear(),
            // References are passed over: the only one here is the quote around an ETag.
            Event::Text(content) => text.push_str(&content.xml10_content()),
            Event::End(end) => match end.local_name().as_ref() {
                "PartNumber" => number = Some(text.trim().parse().ok()?),
                "ETag" => etag = Some(text.trim().trim_matches('"').to_owned()),
                "Part" => parts.push(CompletedPart {
                    number: number.take()?,
                    etag: etag.take()?,
                    checksum: checksum.take(),
                }),
                name if name.starts_with("Checksum") => checksum = Some(text.trim().to_owned()),
                _ => {}
            },
            Event::Eof => return (!parts.is_empty()).then_some(parts),
            _ => {}
        }
    }
}

/// The keys of a `DeleteObjects` body, and whether only what fails is to be told; `None` if it is not one.
pub(super) fn keys_to_delete(body: &[u8]) -> Option<(Vec<String>, bool)> {
    let mut reader = Reader::from_str(document(body, "Delete")?);
    let (mut keys, mut quiet, mut text) = (Vec::new(), false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(_) => text.clear(),
            Event::Text(content) => text.push_str(&content.xml10_content()),
            Event::CData(content) => text.push_str(&content),
            Event::GeneralRef(reference) => text.push_str(&crate::aws::xml::resolve(&reference)?),
            Event::End(end) => match end.local_name().as_ref() {
                "Key" => keys.push(std::mem::take(&mut text)),
                "Quiet" => quiet = text.trim() == "true",
                _ => {}
            },
            Event::Eof => return (1..=1000).contains(&keys.len()).then_some((keys, quiet)),
            _ => {}
        }
    }
}

/// What S3 says of a document that is none.
pub(super) fn malformed() -> Refusal {
    Refusal::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}
