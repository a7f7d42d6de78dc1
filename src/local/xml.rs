//! Writing and reading the little XML that S3 and STS exchange.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::http::response::Refusal;

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

    /// An element with child elements.
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

    /// An element with text.
    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.0
            .extend(["<", name, ">", &escaped(text), "</", name, ">"]);
        self
    }

    /// Text of the open element.
    pub(super) fn plain(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escaped(text));
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

/// Text as it stands in a document. Characters that readers refuse or change become references, as in S3's lists of
/// keys: XML has no control characters but tabs and line feeds, and a bare carriage return is read as a line feed.
fn escaped(text: &str) -> Cow<'_, str> {
    let is_lost = |character: char| match character {
        '\t' | '\n' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        other => other < ' ',
    };
    let text = escape(text);
    if !text.contains(is_lost) {
        return text;
    }
    let mut safe = String::new();
    for character in text.chars() {
        if is_lost(character) {
            safe.extend(["&#", &u32::from(character).to_string(), ";"]);
        } else {
            safe.push(character);
        }
    }
    safe.into()
}

/// An element of a received document.
#[derive(Debug)]
pub(super) struct Element {
    name: String,
    /// Its own text, without that of child elements.
    text: String,
    inside: Vec<Element>,
}

/// S3 has no deeper document.
const MAX_DEPTH: usize = 16;

impl Element {
    /// The root of a document; `None` if it is malformed or truncated.
    pub(super) fn root(document: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(document).ok()?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let (mut open, mut root) = (Vec::<Self>::new(), None);
        loop {
            let mut closed = None;
            match reader.read_event().ok()? {
                Event::Start(_) | Event::Empty(_) if root.is_some() || open.len() == MAX_DEPTH => {
                    return None;
                }
                Event::Start(start) => open.push(Self::empty(start.local_name().as_ref())),
                Event::Empty(start) => closed = Some(Self::empty(start.local_name().as_ref())),
                Event::End(_) => closed = Some(open.pop()?),
                Event::Text(text) => add(&mut open, &text.xml10_content())?,
                Event::CData(text) => add(&mut open, &text)?,
                Event::GeneralRef(reference) => {
                    add(&mut open, &crate::aws::xml::resolve(&reference)?)?;
                }
                Event::DocType(_) => return None,
                Event::Eof => return if open.is_empty() { root } else { None },
                _ => {}
            }
            if let Some(closed) = closed {
                match open.last_mut() {
                    Some(around) => around.inside.push(closed),
                    None => root = Some(closed),
                }
            }
        }
    }

    fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: String::new(),
            inside: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn inside(&self) -> &[Self] {
        &self.inside
    }

    /// The text of the first child with that name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.inside.iter().find(|inside| inside.name == name);
        found.map(|found| found.text.as_str())
    }
}

/// Outside of the root there is only white space.
fn add(open: &mut [Element], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

/// A part in a `CompleteMultipartUpload` body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CompletedPart {
    pub(super) number: u32,
    /// Without quotes.
    pub(super) etag: String,
    /// The algorithms, as the elements' names spell them after `Checksum`, and the values.
    pub(super) checksums: Vec<(String, String)>,
}

/// The parts of a `CompleteMultipartUpload` body; `None` if it is not one.
pub(super) fn completed_parts(body: &[u8]) -> Option<Vec<CompletedPart>> {
    let root = Element::root(body).filter(|root| root.name == "CompleteMultipartUpload")?;
    let parts = root.inside.iter().filter(|inside| inside.name == "Part");
    let parts = parts.map(|part| {
        let checksums = part.inside.iter().filter_map(|inside| {
            let algorithm = inside.name.strip_prefix("Checksum")?;
            Some((algorithm.to_owned(), inside.text.trim().to_owned()))
        });
        let number = part.text("PartNumber")?.trim();
        Some(CompletedPart {
            number: number.parse().ok().filter(|_| !number.starts_with('+'))?,
            etag: part.text("ETag")?.trim().trim_matches('"').to_owned(),
            checksums: checksums.collect(),
        })
    });
    let parts = parts.collect::<Option<Vec<_>>>()?;
    (1..=10_000).contains(&parts.len()).then_some(parts)
}

/// An object in a `DeleteObjects` body.
#[derive(Debug)]
pub(super) struct ToDelete {
    pub(super) key: String,
    pub(super) version: Option<String>,
    pub(super) etag: Option<String>,
    /// A condition that only directory buckets have.
    pub(super) unknown: Option<&'static str>,
}

/// The objects of a `DeleteObjects` body, and whether only what fails is to be listed; `None` if it is
/// not one.
pub(super) fn objects_to_delete(body: &[u8]) -> Option<(Vec<ToDelete>, bool)> {
    let root = Element::root(body).filter(|root| root.name == "Delete")?;
    let objects = root.inside.iter().filter(|inside| inside.name == "Object");
    let objects = objects.map(|object| {
        let unknown = ["LastModifiedTime", "Size"];
        Some(ToDelete {
            key: object.text("Key").filter(|key| !key.is_empty())?.to_owned(),
            version: object.text("VersionId").map(|id| id.trim().to_owned()),
            etag: object.text("ETag").map(|etag| etag.trim().to_owned()),
            unknown: unknown.into_iter().find(|name| object.text(name).is_some()),
        })
    });
    let objects = objects.collect::<Option<Vec<_>>>()?;
    let quiet = root
        .text("Quiet")
        .is_some_and(|quiet| quiet.trim() == "true");
    (1..=1000)
        .contains(&objects.len())
        .then_some((objects, quiet))
}

/// S3's error for an invalid document.
pub(super) fn malformed() -> Refusal {
    Refusal::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}
