//! `ListParts` and `ListMultipartUploads`.

use super::in_upload;
use crate::local::dates;
use crate::local::http::answer::{Answer, Refusal};
use crate::local::s3::listing;
use crate::local::s3::objects::in_bucket;
use crate::local::server::{Request, Shared};
use crate::local::xml::Xml;

pub(in crate::local) fn list_parts(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let number = |name| {
        request
            .target
            .parameter(name)
            .and_then(|number| number.parse::<u32>().ok())
    };
    let marker = number("part-number-marker").unwrap_or(0);
    let max = number("max-parts").unwrap_or(1000).min(1000) as usize;
    let xml = in_upload(shared, request, |upload| {
        let mut rest = upload.parts.range(marker.saturating_add(1)..);
        let page: Vec<_> = rest.by_ref().take(max).collect();
        let truncated = rest.next().is_some();
        let mut xml = Xml::document();
        xml.element("ListPartsResult", Some(listing::NAMESPACE), |xml| {
            xml.text("Bucket", &request.target.container)
                .text("Key", &upload.key)
                .text(
                    "UploadId",
                    request.target.parameter("uploadId").unwrap_or_default(),
                )
                .text("PartNumberMarker", &marker.to_string());
            if let Some((last, _)) = page.last() {
                xml.text("NextPartNumberMarker", &last.to_string());
            }
            xml.text("MaxParts", &max.to_string())
                .text("IsTruncated", if truncated { "true" } else { "false" });
            for (number, part) in &page {
                xml.element("Part", None, |xml| {
                    xml.text("PartNumber", &number.to_string())
                        .text("LastModified", &dates::iso(part.last_modified))
                        .text("ETag", &part.etag())
                        .text("Size", &part.content.len().to_string());
                });
            }
        });
        Ok(xml)
    })?;
    Ok(Answer::xml(200, xml))
}

/// All that were begun and neither completed nor aborted, in one page.
pub(in crate::local) fn list_uploads(
    shared: &Shared,
    request: &Request,
) -> Result<Answer, Refusal> {
    let prefix = request.target.parameter("prefix").unwrap_or_default();
    let xml = in_bucket(shared, request, |bucket| {
        let mut uploads: Vec<_> = bucket.uploads.iter().collect();
        uploads.retain(|(_, upload)| upload.key.starts_with(prefix));
        uploads
            .sort_by(|(_, one), (_, other)| (&one.key, one.begun).cmp(&(&other.key, other.begun)));
        let mut xml = Xml::document();
        xml.element(
            "ListMultipartUploadsResult",
            Some(listing::NAMESPACE),
            |xml| {
                xml.text("Bucket", &request.target.container)
                    .text("Prefix", prefix)
                    .text("IsTruncated", "false");
                for (id, upload) in uploads {
                    xml.element("Upload", None, |xml| {
                        xml.text("Key", &upload.key)
                            .text("UploadId", id)
                            .text("StorageClass", "STANDARD")
                            .text("Initiated", &dates::iso(upload.begun));
                    });
                }
            },
        );
        Ok(xml)
    })?;
    Ok(Answer::xml(200, xml))
}
