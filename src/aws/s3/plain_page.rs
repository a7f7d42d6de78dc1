//! Pages of `ListObjectsV2` in the form that S3 writes them in, read where they are. A page has 8,000 elements, of
//! which an XML reader makes 24,000 events: five times as much work as everything else that a LIST costs here.
//!
//! Anything unusual (an element that is not known here, an attribute, a comment, a reference in a text that counts,
//! spaces between elements) is left to the XML reader. Whatever is read here, it reads in the same way.

use memchr::memchr2;

/// A page whose texts are still as they are written.
#[derive(Debug, Default)]
pub(super) struct PlainPage<'d> {
    /// Whether keys and prefixes are percent-encoded.
    pub(super) encoded: bool,
    /// Keys and sizes.
    pub(super) objects: Vec<(&'d str, u64)>,
    pub(super) prefixes: Vec<&'d str>,
    pub(super) truncated: bool,
    pub(super) next: Option<&'d str>,
}

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
const ROOTS: [&str; 2] = [
    r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#,
    "<ListBucketResult>",
];

/// No page has more.
const MAX_KEYS: usize = 1000;

impl<'d> PlainPage<'d> {
    /// `None` if the document is anything but a whole page in the usual form.
    pub(super) fn read(document: &'d str) -> Option<Self> {
        let rest = document.strip_prefix(DECLARATION).unwrap_or(document);
        let rest = rest.trim_ascii_start();
        let root = ROOTS.iter().find_map(|root| rest.strip_prefix(root));
        let mut page = Self::default();
        let mut cursor = Cursor(root?);
        loop {
            if cursor.passes("<Contents>") {
                page.read_contents(&mut cursor)?;
            } else if cursor.passes("<CommonPrefixes><Prefix>") {
                page.prefixes.push(cursor.text("</Prefix>")?);
                cursor.passes("</CommonPrefixes>").then_some(())?;
            } else if cursor.passes("</ListBucketResult>") {
                return cursor.0.trim_ascii().is_empty().then_some(page);
            } else {
                page.read_property(&mut cursor)?;
            }
        }
    }

    fn read_contents(&mut self, cursor: &mut Cursor<'d>) -> Option<()> {
        let (mut key, mut size) = (None, 0);
        // In the order in which they come.
        while !cursor.passes("</Contents>") {
            if cursor.passes("<Key>") {
                key = Some(cursor.text("</Key>")?);
            } else if cursor.passes("<LastModified>") {
                cursor.skip("</LastModified>")?;
            } else if cursor.passes("<ETag>") {
                cursor.skip("</ETag>")?;
            } else if cursor.passes("<ChecksumAlgorithm>") {
                cursor.skip("</ChecksumAlgorithm>")?;
            } else if cursor.passes("<ChecksumType>") {
                cursor.skip("</ChecksumType>")?;
            } else if cursor.passes("<Size>") {
                size = size_of(cursor.text("</Size>")?);
            } else if cursor.passes("<StorageClass>") {
                cursor.skip("</StorageClass>")?;
            } else {
                return None;
            }
        }
        if self.objects.is_empty() {
            self.objects.reserve(MAX_KEYS);
        }
        self.objects.push((key?, size));
        Some(())
    }

    /// What a page has once.
    fn read_property(&mut self, cursor: &mut Cursor<'d>) -> Option<()> {
        if cursor.passes("<EncodingType>url</EncodingType>") {
            self.encoded = true;
        } else if cursor.passes("<IsTruncated>") {
            self.truncated = cursor.text("</IsTruncated>")?.trim() == "true";
        } else if cursor.passes("<NextContinuationToken>") {
            self.next = Some(cursor.text("</NextContinuationToken>")?);
        } else if cursor.passes("<Name>") {
            cursor.skip("</Name>")?;
        } else if cursor.passes("<Prefix>") {
            cursor.skip("</Prefix>")?;
        } else if cursor.passes("<Delimiter>") {
            cursor.skip("</Delimiter>")?;
        } else if cursor.passes("<KeyCount>") {
            cursor.skip("</KeyCount>")?;
        } else if cursor.passes("<MaxKeys>") {
            cursor.skip("</MaxKeys>")?;
        } else if cursor.passes("<ContinuationToken>") {
            cursor.skip("</ContinuationToken>")?;
        } else if cursor.passes("<StartAfter>") {
            cursor.skip("</StartAfter>")?;
        } else {
            return None;
        }
        Some(())
    }
}

/// What a `Size` says.
pub(super) fn size_of(text: &str) -> u64 {
    text.trim().parse().unwrap_or(0)
}

/// What is still to be read.
struct Cursor<'d>(&'d str);

impl<'d> Cursor<'d> {
    /// Whether this comes next, and is passed over.
    #[inline]
    fn passes(&mut self, tag: &str) -> bool {
        match self.0.strip_prefix(tag) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// The text up to the tag that ends it, if it is written as it is meant.
    #[inline]
    fn text(&mut self, end: &str) -> Option<&'d str> {
        let text = self.before_markup()?;
        self.passes(end).then_some(text)
    }

    /// Passes over a text that does not count, and the tag that ends it.
    #[inline]
    fn skip(&mut self, end: &str) -> Option<()> {
        self.before_markup()?;
        while self.passes("&quot;") {
            self.before_markup()?;
        }
        self.passes(end).then_some(())
    }

    /// What comes before a tag, or before what stands for another character.
    #[inline]
    fn before_markup(&mut self) -> Option<&'d str> {
        let (text, rest) = self.0.split_at(memchr2(b'<', b'&', self.0.as_bytes())?);
        self.0 = rest;
        Some(text)
    }
}
