//! `CompleteMultipartUpload`.

use std::sync::OnceLock;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::{Part, Upload, find};
use crate::aws::s3::checksum::{Algorithm, Checksum};
use crate::local::http::answer::{Answer, Refusal};
use crate::local::http::payload::name;
use crate::local::s3::content::Content;
use crate::local::s3::listing;
use crate::local::s3::objects::{check_write_conditions, in_bucket, key};
use crate::local::s3::store::{ObjectChecksum, StoredObject};
use crate::local::server::{Request, Shared, storage_failed};
use crate::local::xml::{CompletedPart, Xml, completed_parts, malformed};

/// Every part but the last is at least this long.
const MIN_PART: u64 = 5 * 1024 * 1024;

pub(in crate::local) fn complete(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let wanted = completed_parts(&request.body).ok_or_else(malformed)?;
    let key = key(request)?;
    let now = shared.config.clock.now();
    let (etag, checksum) = in_bucket(shared, request, |bucket| {
        let upload = find(bucket, request)?;
        let object = assembled(upload, &wanted, now)?;
        // Without an algorithm the client knows of no checksum.
        let checksum = upload.algorithm.map(|_| object.checksum.clone());
        check_whole(request, checksum.as_ref())?;
        let etag = object.etag.clone();
        check_write_conditions(request, bucket, key)?;
        bucket
            .insert(key, object)
            .map_err(|error| storage_failed(&error))?;
        bucket
            .uploads
            .remove(request.target.parameter("uploadId").unwrap_or_default());
        Ok((etag, checksum))
    })?;
    let mut xml = Xml::document();
    xml.element(
        "CompleteMultipartUploadResult",
        Some(listing::NAMESPACE),
        |xml| {
            xml.text("Bucket", &request.target.container)
                .text("Key", key)
                .text("ETag", &etag);
            if let Some(checksum) = &checksum {
                xml.text(
                    &format!("Checksum{}", name(checksum.algorithm)),
                    &checksum.value,
                )
                .text("ChecksumType", checksum.kind());
            }
        },
    );
    Ok(Answer::xml(200, xml))
}

/// The checksum of the whole object that the client may send along.
fn check_whole(request: &Request, found: Option<&ObjectChecksum>) -> Result<(), Refusal> {
    let Some(found) = found else { return Ok(()) };
    match request.head.text(found.algorithm.header()) {
        Some(sent) if sent.trim() != found.value => Err(Refusal::new(
            400,
            "BadDigest",
            format!(
                "The {} you specified did not match the calculated checksum.",
                name(found.algorithm)
            ),
        )),
        _ => Ok(()),
    }
}

/// The object that the parts make. Its `ETag` is the MD5 of the parts' MD5s.
fn assembled(
    upload: &Upload,
    wanted: &[CompletedPart],
    now: SystemTime,
) -> Result<StoredObject, Refusal> {
    if !wanted.is_sorted_by(|one, next| one.number < next.number) {
        return Err(Refusal::new(
            400,
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ));
    }
    let mut parts = Vec::new();
    for (position, wanted_part) in wanted.iter().enumerate() {
        let part = wanted_one(upload, wanted_part)?;
        if part.content.len() < MIN_PART && position + 1 < wanted.len() {
            return Err(Refusal::new(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
            )
            .detail("ProposedSize", part.content.len().to_string())
            .detail("MinSizeAllowed", MIN_PART.to_string())
            .detail("PartNumber", wanted_part.number.to_string()));
        }
        parts.push(part);
    }
    let mut md5 = Md5::new();
    for part in &parts {
        md5.update(part.md5);
    }
    let md5 = hex::encode(md5.finalize());
    Ok(StoredObject {
        content: Content::joined(parts.iter().map(|part| &part.content)),
        read: OnceLock::new(),
        etag: format!("\"{md5}-{}\"", parts.len()),
        checksum: whole_checksum(upload, &parts),
        last_modified: now,
        headers: upload.headers.clone(),
    })
}

fn wanted_one<'a>(upload: &'a Upload, wanted: &CompletedPart) -> Result<&'a Part, Refusal> {
    let number = wanted.number.to_string();
    if let (Some(algorithm), None, false) =
        (upload.algorithm, &wanted.checksum, upload.of_the_whole)
    {
        return Err(Refusal::new(
            400,
            "InvalidRequest",
            format!(
                "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {number} in the request.",
                name(algorithm).to_lowercase()
            ),
        ));
    }
    let fits = |part: &&Part| {
        let announced = part.announced.as_ref().map(|announced| &announced.base64);
        part.etag().trim_matches('"') == wanted.etag
            && (wanted.checksum.is_none() || wanted.checksum.as_ref() == announced)
    };
    upload.parts.get(&wanted.number).filter(fits).ok_or_else(|| {
        Refusal::new(
            400,
            "InvalidPart",
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        )
        .detail("PartNumber", number)
    })
}

/// Of the parts' checksums, if there are such; else of the whole.
fn whole_checksum(upload: &Upload, parts: &[&Part]) -> ObjectChecksum {
    let Some(algorithm) = upload.algorithm else {
        let mut whole = Checksum::new(Algorithm::Crc64Nvme);
        for part in parts {
            whole.append(&part.crc64);
        }
        return ObjectChecksum::crc64(whole);
    };
    let sums: Option<Vec<_>> = parts
        .iter()
        .map(|part| part.announced_sum.as_ref())
        .collect();
    if upload.of_the_whole
        && let Some(sums) = sums
    {
        let mut whole = Checksum::new(algorithm);
        for sum in sums {
            whole.append(sum);
        }
        return ObjectChecksum {
            algorithm,
            value: whole.into_base64(),
            composite: false,
        };
    }
    let mut checksum = Checksum::new(algorithm);
    for announced in parts.iter().filter_map(|part| part.announced.as_ref()) {
        // They were found to be right, so they are Base64.
        checksum.update(&STANDARD.decode(&announced.base64).unwrap_or_default());
    }
    ObjectChecksum {
        algorithm,
        value: format!("{}-{}", checksum.into_base64(), parts.len()),
        composite: true,
    }
}
