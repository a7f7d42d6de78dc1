//! S3: `GetObjectAttributes`.

use super::listing::{NAMESPACE, count};
use super::objects::found;
use super::parts::ObjectPart;
use super::store::StoredObject;
use crate::local::dates::http_date;
use crate::local::http::payload::name;
use crate::local::http::response::{Refusal, Response};
use crate::local::s3::S3;
use crate::local::server::Request;
use crate::local::xml::Xml;

const HEADER: &str = "x-amz-object-attributes";
const ALL: [&str; 5] = [
    "ETag",
    "Checksum",
    "ObjectParts",
    "StorageClass",
    "ObjectSize",
];
/// As many parts are in a page at most.
const MAX_PARTS: usize = 1000;

pub(super) fn get(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let wanted = wanted(request)?;
    let page = PartsPage::of(request)?;
    let object = found(s3, request)?;
    let mut xml = Xml::document();
    // The elements are in the order of the model, whatever order is asked for.
    xml.element("GetObjectAttributesResponse", Some(NAMESPACE), |xml| {
        for attribute in ALL.into_iter().filter(|one| wanted.contains(one)) {
            write(xml, attribute, &object, &page);
        }
    });
    Ok(Response::xml(200, xml).header("last-modified", http_date(object.last_modified)))
}

/// The attributes of the header, which may be there several times.
fn wanted(request: &Request) -> Result<Vec<&'static str>, Refusal> {
    let values = request.head.headers.get_all(HEADER).iter();
    let text: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let names = text.iter().flat_map(|value| value.split(','));
    let names: Vec<_> = names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() {
        let message = "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty";
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    let known = names.into_iter().map(|name| {
        let mut all = ALL.into_iter();
        all.find(|known| *known == name).ok_or_else(|| {
            Refusal::new(400, "InvalidArgument", "Invalid attribute name specified.")
                .detail("ArgumentName", HEADER)
                .detail("ArgumentValue", name)
        })
    });
    known.collect()
}

fn write(xml: &mut Xml, attribute: &str, object: &StoredObject, page: &PartsPage) {
    let checksum = &object.checksum;
    match attribute {
        "ETag" => {
            xml.text("ETag", object.etag.trim_matches('"'));
        }
        "Checksum" => {
            // Unlike in headers, the number of parts does not follow a composite one.
            let (value, _) = checksum
                .value
                .split_once('-')
                .unwrap_or((&checksum.value, ""));
            xml.element("Checksum", None, |xml| {
                let element = format!("Checksum{}", name(checksum.algorithm));
                xml.text(&element, value)
                    .text("ChecksumType", checksum.kind());
            });
        }
        "StorageClass" => {
            let class = object.header("x-amz-storage-class");
            xml.text("StorageClass", class.unwrap_or("STANDARD"));
        }
        "ObjectSize" => {
            xml.text("ObjectSize", &object.len().to_string());
        }
        // Of an object that was not uploaded in parts there is no element.
        _ if !object.parts.is_empty() => page.write(xml, object),
        _ => {}
    }
}

/// Which of the parts are listed.
struct PartsPage {
    after: usize,
    most: usize,
}

impl PartsPage {
    fn of(request: &Request) -> Result<Self, Refusal> {
        let number = |name: &str, default| match request.head.text(name) {
            Some(text) => count(name, text),
            None => Ok(default),
        };
        Ok(Self {
            after: number("x-amz-part-number-marker", 0)?,
            most: number("x-amz-max-parts", MAX_PARTS)?.min(MAX_PARTS),
        })
    }

    /// The parts themselves are listed if they have checksums.
    fn write(&self, xml: &mut Xml, object: &StoredObject) {
        let follows = |part: &&ObjectPart| {
            let number = usize::try_from(part.number);
            number.is_ok_and(|number| number > self.after) && part.checksum.is_some()
        };
        let mut rest = object.parts.iter().filter(follows);
        let page: Vec<_> = rest.by_ref().take(self.most).collect();
        let truncated = self.most > 0 && rest.next().is_some();
        let element = format!("Checksum{}", name(object.checksum.algorithm));
        xml.element("ObjectParts", None, |xml| {
            xml.text("PartsCount", &object.parts.len().to_string());
            if object.parts.iter().all(|part| part.checksum.is_none()) {
                return;
            }
            let last = page
                .last()
                .map_or_else(|| self.after.to_string(), |part| part.number.to_string());
            xml.text("PartNumberMarker", &self.after.to_string())
                .text("NextPartNumberMarker", &last)
                .text("MaxParts", &self.most.to_string())
                .text("IsTruncated", if truncated { "true" } else { "false" });
            for part in page {
                xml.element("Part", None, |xml| {
                    xml.text("PartNumber", &part.number.to_string())
                        .text("Size", &part.len.to_string())
                        .text(&element, part.checksum.as_deref().unwrap_or_default());
                });
            }
        });
    }
}
