//! The response of `ListObjectsV2`: a page of keys.

use std::borrow::Cow;

use memchr::memchr2;
use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::plain_page::{PlainPage, size_of};
use crate::aws::xml::resolve;

/// A page, without its objects.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// The greatest key or common prefix on it: the page is complete up to there.
    pub(crate) last: String,
    /// Whether there are more pages.
    pub(crate) truncated: bool,
    /// The continuation token.
    pub(crate) next: Option<String>,
}

/// Reads a page and calls `found` with the key and size of each object.
///
/// A truncated or malformed page is an error, since the missing objects would count as absent. `found` may have
/// been called for some of its objects by then.
pub(crate) fn read_page(
    document: &[u8],
    found: impl FnMut(&str, u64),
) -> Result<Page, &'static str> {
    let document = std::str::from_utf8(document).map_err(|_| "the listing is not UTF-8")?;
    match PlainPage::read(document) {
        Some(plain) => finish(&plain, found).ok_or(MALFORMED),
        None => read_xml(document, found),
    }
}

const MALFORMED: &str = "the listing is not well-formed XML";

/// Decodes the texts of a page. `None` if that is not possible.
fn finish(plain: &PlainPage<'_>, mut found: impl FnMut(&str, u64)) -> Option<Page> {
    let mut last = Cow::Borrowed("");
    for (key, size) in &plain.objects {
        let key = decode(key, plain.encoded)?;
        if key.is_empty() {
            continue;
        }
        found(&key, *size);
        if key > last {
            last = key;
        }
    }
    for prefix in &plain.prefixes {
        last = last.max(decode(prefix, plain.encoded)?);
    }
    Some(Page {
        last: last.into_owned(),
        truncated: plain.truncated,
        next: plain.next.map(str::to_owned),
    })
}

/// With `encoding-type=url` a space is a plus, and a plus is `%2B`.
fn decode(text: &str, encoded: bool) -> Option<Cow<'_, str>> {
    if !encoded || memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(Cow::Owned(decoded.into_owned()))
}

/// As [`read_page`], by an XML reader, whatever the page's form is.
pub(crate) fn read_xml(document: &str, found: impl FnMut(&str, u64)) -> Result<Page, &'static str> {
    let mut page = PageReader {
        // No key can contain this, because in XML its brackets are escaped.
        encoded: document.contains("<EncodingType>url</EncodingType>"),
        element: Element::Other,
        text: String::new(),
        key: String::new(),
        size: 0,
        page: Page::default(),
        found,
    };
    page.read(document)
        .ok_or(MALFORMED)?
        .then_some(page.page)
        .ok_or("the response is not a ListBucketResult")
}

/// The elements whose text is read.
#[derive(Clone, Copy, PartialEq)]
enum Element {
    Key,
    Size,
    CommonPrefix,
    IsTruncated,
    Next,
    Other,
}

struct PageReader<F> {
    encoded: bool,
    element: Element,
    text: String,
    key: String,
    size: u64,
    page: Page,
    found: F,
}

impl<F: FnMut(&str, u64)> PageReader<F> {
    /// Whether it is a listing; `None` if it is malformed.
    fn read(&mut self, document: &str) -> Option<bool> {
        let mut reader = Reader::from_str(document);
        let mut depth = 0_usize;
        let (mut root, mut parent) = (false, Element::Other);
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    let name = start.local_name();
                    let name = name.as_ref();
                    match depth {
                        0 => root = name == "ListBucketResult",
                        1 => parent = self.begin_second_level(name),
                        2 => self.element = third_level(parent, name),
                        _ => self.element = Element::Other,
                    }
                    self.text.clear();
                    depth += 1;
                }
                Event::Text(part) => self.push(&part),
                Event::CData(part) => self.push(&part),
                Event::GeneralRef(reference) => {
                    let resolved = resolve(&reference)?;
                    self.push(&resolved);
                }
                Event::End(_) => {
                    depth = depth.checked_sub(1)?;
                    self.end(depth, parent)?;
                }
                Event::Eof => return (depth == 0).then_some(root),
                _ => {}
            }
        }
    }

    fn begin_second_level(&mut self, name: &str) -> Element {
        self.element = match name {
            "IsTruncated" => Element::IsTruncated,
            "NextContinuationToken" => Element::Next,
            _ => Element::Other,
        };
        self.key.clear();
        self.size = 0;
        match name {
            "Contents" => Element::Key,
            "CommonPrefixes" => Element::CommonPrefix,
            _ => Element::Other,
        }
    }

    fn push(&mut self, part: &str) {
        if self.element != Element::Other {
            self.text.push_str(part);
        }
    }

    fn end(&mut self, depth: usize, parent: Element) -> Option<()> {
        match std::mem::replace(&mut self.element, Element::Other) {
            Element::Key => self.decode()?,
            Element::CommonPrefix => {
                self.decode()?;
                self.reach();
            }
            Element::Size => self.size = size_of(&self.text),
            Element::IsTruncated => self.page.truncated = self.text.trim() == "true",
            Element::Next => self.page.next = Some(std::mem::take(&mut self.text)),
            Element::Other => {}
        }
        if depth == 1 && parent == Element::Key && !self.key.is_empty() {
            (self.found)(&self.key, self.size);
            self.reach();
        }
        Some(())
    }

    /// The key is complete. Its buffer is reused, since a page has a thousand keys.
    fn reach(&mut self) {
        if self.key > self.page.last {
            std::mem::swap(&mut self.key, &mut self.page.last);
        }
        self.key.clear();
    }

    fn decode(&mut self) -> Option<()> {
        self.key.clear();
        self.key.push_str(&decode(&self.text, self.encoded)?);
        Some(())
    }
}

fn third_level(parent: Element, name: &str) -> Element {
    match (parent, name) {
        (Element::Key, "Key") => Element::Key,
        (Element::Key, "Size") => Element::Size,
        (Element::CommonPrefix, "Prefix") => Element::CommonPrefix,
        _ => Element::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, read_page, read_xml};
    use crate::aws::s3::plain_page::PlainPage;

    type Objects = Vec<(String, u64)>;

    fn read(document: &str) -> Result<(Page, Objects), &'static str> {
        let mut objects = Vec::new();
        let page = read_page(document.as_bytes(), |key, size| {
            objects.push((key.to_owned(), size));
        })?;
        Ok((page, objects))
    }

    #[test]
    fn keys_are_decoded_as_the_service_encodes_them() {
        let document = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3\">\
            <Contents><Key>a/b+c%2B%C3%BC</Key><ETag>&quot;e&quot;</ETag><Size>7</Size>\
            <Owner><Key>not this</Key></Owner></Contents>\
            <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
            <NextContinuationToken>1+/=</NextContinuationToken>\
            <CommonPrefixes><Prefix>a/z%26/</Prefix></CommonPrefixes></ListBucketResult>";
        let (page, objects) = read(document).expect("a page");
        assert_eq!(objects, [("a/b c+ü".to_owned(), 7)]);
        assert_eq!(page.last, "a/z&/");
        assert!(page.truncated);
        assert_eq!(page.next.as_deref(), Some("1+/="));
    }

    #[test]
    fn without_an_encoding_keys_are_as_they_are() {
        let document = "<ListBucketResult><IsTruncated>false</IsTruncated>\
            <Contents><Size>1</Size><Key>100%+&amp;&#x41;</Key></Contents></ListBucketResult>";
        let (page, objects) = read(document).expect("a page");
        assert_eq!(objects, [("100%+&A".to_owned(), 1)]);
        assert!(!page.truncated);
        assert_eq!(page.next, None);
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_an_error() {
        assert!(read("<ListBucketResult><Contents><Key>a</Key></Contents>").is_err());
        assert!(read("<Error><Code>x</Code></Error>").is_err());
        assert!(read("").is_err());
        assert!(read("<ListBucketResult></Other>").is_err());
        assert!(read_page(b"\xff", |_, _| ()).is_err());
    }

    /// As the documentation of `ListObjectsV2` shows them, and what the API's model has besides.
    #[test]
    fn pages_of_the_usual_form_need_no_xml_reader() {
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>quotes</Name>\
            <Prefix>E</Prefix><StartAfter>ExampleGuide.pdf</StartAfter><KeyCount>1</KeyCount>\
            <MaxKeys>3</MaxKeys><Delimiter>%2F</Delimiter><EncodingType>url</EncodingType>\
            <IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcx==</NextContinuationToken>\
            <Contents><Key>Example+Object.txt</Key><LastModified>2013-09-17T18:07:53.000Z</LastModified>\
            <ETag>&quot;599bab3ed2c697f1d26842727561fd94&quot;</ETag>\
            <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>\
            <Size>857</Size><StorageClass>REDUCED_REDUNDANCY</StorageClass></Contents>\
            <CommonPrefixes><Prefix>Ex/</Prefix></CommonPrefixes></ListBucketResult>";
        assert!(PlainPage::read(document).is_some());
        let (page, objects) = read(document).expect("a page");
        assert_eq!(objects, [("Example Object.txt".to_owned(), 857)]);
        assert_eq!((&*page.last, page.truncated), ("Example Object.txt", true));
        assert_eq!(page.next.as_deref(), Some("1ueGcx=="));

        let with_owner = document.replace("</Contents>", "<Owner><ID>x</ID></Owner></Contents>");
        assert!(PlainPage::read(&with_owner).is_none());
        assert_eq!(read(&with_owner), read(document));
    }

    /// As S3 writes a page with `encoding-type=url`; some of its objects have what most have, and others do not.
    fn written(objects: &Objects, truncated: bool) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

        let document = "<ListBucketResult>".to_owned();
        let contents = objects.iter().map(|(key, size)| {
            let key = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
            let key = key.replace("%20", "+").replace("%2F", "/");
            let etag = "d41d8cd98f00b204e9800998ecf8427e";
            let etag = if size % 5 == 0 { &etag[..8] } else { etag };
            let checksum = "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>";
            let checksum = if size % 2 == 0 { checksum } else { "" };
            let class = ["STANDARD", "GLACIER"][usize::from(size % 3 == 0)];
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-25T00:00:00.000Z</LastModified>\
                 <ETag>&quot;{etag}&quot;</ETag>{checksum}<Size>{size}</Size>\
                 <StorageClass>{class}</StorageClass></Contents>"
            )
        });
        let end = format!(
            "<EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated></ListBucketResult>"
        );
        document + &contents.collect::<String>() + &end
    }

    proptest::proptest! {
        #[test]
        fn any_keys_are_read_as_they_are(
            objects in proptest::collection::vec((".{1,60}", proptest::num::u64::ANY), 0..20),
            truncated in proptest::bool::ANY,
        ) {
            let (page, read) = read(&written(&objects, truncated)).expect("a page");
            let last = objects.iter().map(|(key, _)| key.as_str()).max();
            proptest::prop_assert_eq!(&*page.last, last.unwrap_or_default());
            proptest::prop_assert_eq!(page.truncated, truncated);
            proptest::prop_assert_eq!(&read, &objects);
            let mut by_xml = Vec::new();
            let document = written(&objects, truncated);
            proptest::prop_assert!(PlainPage::read(&document).is_some());
            let expected = read_xml(&document, |key, size| by_xml.push((key.to_owned(), size)));
            proptest::prop_assert_eq!((Ok(page), read), (expected, by_xml));
        }

        /// Cut anywhere it is an error, and damaged anywhere no reason to panic.
        #[test]
        fn what_is_cut_off_is_an_error_and_nothing_makes_it_panic(
            objects in proptest::collection::vec((".{1,9}", 0_u64..99), 1..4),
            at in proptest::num::usize::ANY,
            byte in proptest::num::u8::ANY,
            noise in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        ) {
            let whole = written(&objects, false).into_bytes();
            let at = at % whole.len();
            proptest::prop_assert!(read_page(&whole[..at], |_, _| ()).is_err());
            let mut damaged = whole;
            damaged[at] = byte;
            let _ = read_page(&damaged, |_, _| ());
            let _ = read_page(&noise, |_, _| ());
        }
    }
}
