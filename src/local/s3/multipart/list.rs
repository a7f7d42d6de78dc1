//! `ListParts` and `ListMultipartUploads`.

use super::{Upload, in_upload};
use crate::local::dates;
use crate::local::http::payload::name;
use crate::local::http::response::{Refusal, Response};
use crate::local::operation::Target;
use crate::local::s3::S3;
use crate::local::s3::buckets::owner_id;
use crate::local::s3::listing::{NAMESPACE, check_encoding, count, encoded, number};
use crate::local::s3::objects::in_bucket;
use crate::local::s3::store::checksum_kind;
use crate::local::server::Request;
use crate::local::xml::Xml;

pub(in crate::local::s3) fn list_parts(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let max = number(&request.target, "max-parts")?;
    let marker = match request.target.parameter("part-number-marker") {
        Some(text) => u32::try_from(count("part-number-marker", text)?).unwrap_or(u32::MAX),
        None => 0,
    };
    let owner = owner_id(&s3.common);
    let xml = in_upload(s3, request, |upload| {
        let mut rest = upload.parts.range(marker.saturating_add(1)..);
        let page: Vec<_> = rest.by_ref().take(max).collect();
        let truncated = max > 0 && rest.next().is_some();
        let mut xml = Xml::document();
        xml.element("ListPartsResult", Some(NAMESPACE), |xml| {
            xml.text("Bucket", &request.target.container)
                .text("Key", &upload.key)
                .text(
                    "UploadId",
                    request.target.parameter("uploadId").unwrap_or_default(),
                );
            for element in ["Initiator", "Owner"] {
                write_owner(xml, element, &owner);
            }
            let last = page.last().map_or(marker, |(number, _)| **number);
            xml.text("StorageClass", class(upload))
                .text("PartNumberMarker", &marker.to_string())
                .text("NextPartNumberMarker", &last.to_string())
                .text("MaxParts", &max.to_string())
                .text("IsTruncated", if truncated { "true" } else { "false" });
            write_algorithm(xml, upload);
            for (number, part) in &page {
                xml.element("Part", None, |xml| {
                    xml.text("PartNumber", &number.to_string())
                        .text("LastModified", &dates::iso(part.last_modified))
                        .text("ETag", &part.etag())
                        .text("Size", &part.content.len().to_string());
                    if let Some(checksum) = part.checksum() {
                        let element = format!("Checksum{}", name(checksum.algorithm));
                        xml.text(&element, &checksum.value);
                    }
                });
            }
        });
        Ok(xml)
    })?;
    Ok(Response::xml(200, xml))
}

fn write_owner(xml: &mut Xml, element: &str, owner: &str) {
    xml.element(element, None, |xml| {
        xml.text("ID", owner);
    });
}

fn write_algorithm(xml: &mut Xml, upload: &Upload) {
    if let Some(algorithm) = upload.algorithm {
        xml.text("ChecksumAlgorithm", name(algorithm))
            .text("ChecksumType", checksum_kind(!upload.of_the_whole));
    }
}

fn class(upload: &Upload) -> &str {
    let mut headers = upload.headers.iter();
    let found = headers.find(|(name, _)| name == "x-amz-storage-class");
    found
        .and_then(|(_, value)| std::str::from_utf8(value).ok())
        .unwrap_or("STANDARD")
}

/// A page of the uploads in progress.
#[derive(Default)]
struct Page<'a> {
    uploads: Vec<(&'a str, &'a Upload)>,
    prefixes: Vec<String>,
    /// The key, and the id if it is an upload's, of the last entry if more follow.
    next: Option<(String, &'a str)>,
}

impl<'a> Page<'a> {
    /// Sorted by key, then by age, starting after the markers.
    fn of(mut uploads: Vec<(&'a str, &'a Upload)>, target: &Target, max: usize) -> Self {
        let parameter = |name| target.parameter(name).unwrap_or_default();
        let (prefix, delimiter) = (parameter("prefix"), parameter("delimiter"));
        let (key_marker, id_marker) = (parameter("key-marker"), parameter("upload-id-marker"));
        uploads.retain(|(_, upload)| upload.key.starts_with(prefix));
        uploads.sort_by_key(|(id, upload)| (&upload.key, upload.begun, *id));
        // If the marker's upload is gone, uploads of its key are compared by id.
        let at_marker = uploads
            .iter()
            .position(|(id, upload)| upload.key == key_marker && *id == id_marker);
        let mut page = Self::default();
        let mut last = None;
        for (position, (id, upload)) in uploads.into_iter().enumerate() {
            let key = upload.key.as_str();
            let is_before = match at_marker {
                Some(marker) if !id_marker.is_empty() => position <= marker,
                _ if id_marker.is_empty() => key <= key_marker && !key_marker.is_empty(),
                _ => key < key_marker || (key == key_marker && id <= id_marker),
            };
            let common = (!delimiter.is_empty())
                .then(|| key[prefix.len()..].find(delimiter))
                .flatten()
                .map(|end| &key[..prefix.len() + end + delimiter.len()]);
            let is_listed = common.is_some()
                && (common == page.prefixes.last().map(String::as_str)
                    || common == Some(key_marker));
            if is_before || is_listed {
                continue;
            }
            if page.uploads.len() + page.prefixes.len() == max {
                page.next = last;
                break;
            }
            if let Some(common) = common {
                page.prefixes.push(common.to_owned());
                last = Some((common.to_owned(), ""));
            } else {
                page.uploads.push((id, upload));
                last = Some((key.to_owned(), id));
            }
        }
        page
    }
}

pub(in crate::local::s3) fn list_uploads(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let target = &request.target;
    let max = number(target, "max-uploads")?;
    check_encoding(target)?;
    let owner = owner_id(&s3.common);
    let xml = in_bucket(s3, request, |bucket| {
        let uploads = bucket.uploads.iter();
        let uploads = uploads.map(|(id, upload)| (id.as_str(), upload)).collect();
        let page = Page::of(uploads, target, max);
        let mut xml = Xml::document();
        xml.element("ListMultipartUploadsResult", Some(NAMESPACE), |xml| {
            xml.text("Bucket", &target.container);
            write_head(xml, &page, target, max);
            for (id, upload) in &page.uploads {
                xml.element("Upload", None, |xml| {
                    xml.text("Key", &encoded(target, &upload.key))
                        .text("UploadId", id);
                    for element in ["Initiator", "Owner"] {
                        write_owner(xml, element, &owner);
                    }
                    xml.text("StorageClass", class(upload))
                        .text("Initiated", &dates::iso(upload.begun));
                    write_algorithm(xml, upload);
                });
            }
            for prefix in &page.prefixes {
                xml.element("CommonPrefixes", None, |xml| {
                    xml.text("Prefix", &encoded(target, prefix));
                });
            }
        });
        Ok(xml)
    })?;
    Ok(Response::xml(200, xml))
}

fn write_head(xml: &mut Xml, page: &Page<'_>, target: &Target, max: usize) {
    let parameter = |name| target.parameter(name).unwrap_or_default();
    xml.text("KeyMarker", &encoded(target, parameter("key-marker")))
        .text("UploadIdMarker", parameter("upload-id-marker"));
    if let Some((key, id)) = &page.next {
        xml.text("NextKeyMarker", &encoded(target, key))
            .text("NextUploadIdMarker", id);
    }
    xml.text("Prefix", &encoded(target, parameter("prefix")));
    if !parameter("delimiter").is_empty() {
        xml.text("Delimiter", &encoded(target, parameter("delimiter")));
    }
    if !parameter("encoding-type").is_empty() {
        xml.text("EncodingType", "url");
    }
    let truncated = page.next.is_some();
    xml.text("MaxUploads", &max.to_string())
        .text("IsTruncated", if truncated { "true" } else { "false" });
}
