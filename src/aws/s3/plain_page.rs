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
                let object = match cursor.usual_contents() {
                    Some(object) => object,
                    None => cursor.contents()?,
                };
                if page.objects.is_empty() {
                    page.objects.reserve(MAX_KEYS);
                }
                page.objects.push(object);
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
    /// The key and size of an object with the elements of most pages. Takes a fourth of the time of
    /// [`contents`](Self::contents). `None` if anything differs; the cursor then stays where it is.
    fn usual_contents(&mut self) -> Option<(&'d str, u64)> {
        let mut rest = Self(self.0);
        rest.passes("<Key>").then_some(())?;
        let key = rest.text("</Key><LastModified>")?;
        rest.plain::<24>("</LastModified><ETag>&quot;")?;
        rest.plain::<32>("&quot;</ETag>")?;
        if rest.passes("<ChecksumAlgorithm>") {
            rest.text("</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>")?;
        }
        rest.passes("<Size>").then_some(())?;
        let size = rest.number()?;
        let end = "</Size><StorageClass>STANDARD</StorageClass></Contents>";
        rest.passes(end).then_some(())?;
        *self = rest;
        Some((key, size))
    }

    /// The key and size of an object, up to the end of its element.
    fn contents(&mut self) -> Option<(&'d str, u64)> {
        let (mut key, mut size) = (None, 0);
        // In the order in which they come.
        while !self.passes("</Contents>") {
            if self.passes("<Key>") {
                key = Some(self.text("</Key>")?);
            } else if self.passes("<LastModified>") {
                self.skip("</LastModified>")?;
            } else if self.passes("<ETag>") {
                self.skip("</ETag>")?;
            } else if self.passes("<ChecksumAlgorithm>") {
                self.skip("</ChecksumAlgorithm>")?;
            } else if self.passes("<ChecksumType>") {
                self.skip("</ChecksumType>")?;
            } else if self.passes("<Size>") {
                size = size_of(self.text("</Size>")?);
            } else if self.passes("<StorageClass>") {
                self.skip("</StorageClass>")?;
            } else {
                return None;
            }
        }
        Some((key?, size))
    }

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

    /// Passes over a text of this many bytes, none of which is markup, and what follows it.
    #[inline]
    fn plain<const LENGTH: usize>(&mut self, end: &str) -> Option<()> {
        let (text, _) = self.0.as_bytes().split_first_chunk::<LENGTH>()?;
        // Without an early end, the compiler compares all bytes at once.
        let is_markup = |byte: &u8| matches!(byte, b'<' | b'&');
        let markup = text.iter().fold(false, |any, byte| any | is_markup(byte));
        let rest = self.0.get(LENGTH..).filter(|_| !markup)?;
        self.0 = rest.strip_prefix(end)?;
        Some(())
    }

    /// A number of a few digits.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        const MOST: usize = 18;
        let digits = self.0.bytes().take(MOST).take_while(u8::is_ascii_digit);
        let (mut number, mut length) = (0, 0);
        for digit in digits {
            number = 10 * number + u64::from(digit - b'0');
            length += 1;
        }
        self.0 = &self.0[length..];
        (length > 0).then_some(number)
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
