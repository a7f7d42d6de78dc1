//! `CompleteMultipartUpload`.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::conditions::check_write;
use super::{Part, Upload, find};
use crate::aws::s3::checksum::{Algorithm, Checksum};
use crate::local::http::head::Head;
use crate::local::http::payload::name;
use crate::local::http::response::{Refusal, Response};
use crate::local::s3::S3;
use crate::local::s3::checksums;
use crate::local::s3::content::Content;
use crate::local::s3::listing;
use crate::local::s3::objects::{in_bucket, key, with_encryption};
use crate::local::s3::parts::ObjectPart;
use crate::local::s3::store::{ObjectChecksum, StoredObject, checksum_kind};
use crate::local::server::{Request, storage_failed};
use crate::local::xml::{CompletedPart, Xml, completed_parts, malformed};

/// Every part but the last is at least this long.
const MIN_PART: u64 = 5 * 1024 * 1024;
/// Number of completed uploads of a bucket that are remembered.
const MAX_COMPLETED: usize = 1000;

/// Completed uploads: a client that lost the response repeats the request and gets the same response.
#[derive(Debug, Default)]
pub(in crate::local) struct Completed(VecDeque<Done>);

#[derive(Debug)]
struct Done {
    id: String,
    key: String,
    parts: Vec<CompletedPart>,
    result: Outcome,
}

/// What a completed upload became.
#[derive(Debug, Clone)]
struct Outcome {
    etag: String,
    /// `None` if the upload was created without an algorithm: the response has no checksum then.
    checksum: Option<ObjectChecksum>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Completed {
    fn again(&self, id: &str, key: &str, parts: &[CompletedPart]) -> Option<Outcome> {
        let mut all = self.0.iter();
        let done = all.find(|done| done.id == id && done.key == key && done.parts == parts)?;
        Some(done.result.clone())
    }

    fn add(&mut self, done: Done) {
        if self.0.len() == MAX_COMPLETED {
            self.0.pop_front();
        }
        self.0.push_back(done);
    }
}

pub(in crate::local::s3) fn complete(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let wanted = completed_parts(&request.body).ok_or_else(malformed)?;
    let key = key(request)?;
    let now = s3.common.clock.now();
    let id = request.target.parameter("uploadId").unwrap_or_default();
    let outcome = in_bucket(s3, request, |bucket| {
        if let Some(outcome) = bucket.completed.again(id, key, &wanted) {
            return Ok(outcome);
        }
        let upload = find(bucket, request)?;
        check_kind(&request.head, upload)?;
        let object = assembled(upload, &wanted, now)?;
        check_whole(&request.head, &object, upload.algorithm)?;
        let outcome = Outcome {
            etag: object.etag.clone(),
            checksum: upload.algorithm.map(|_| object.checksum.clone()),
            headers: upload.headers.clone(),
        };
        check_write(&request.head, bucket, key)?;
        bucket
            .insert(key, object)
            .map_err(|error| storage_failed(&error))?;
        bucket.uploads.remove(id);
        bucket.completed.add(Done {
            id: id.to_owned(),
            key: key.to_owned(),
            parts: wanted,
            result: outcome.clone(),
        });
        Ok(outcome)
    })?;
    let response = Response::xml(200, result(request, key, &outcome));
    Ok(with_encryption(response, &outcome.headers))
}

fn result(request: &Request, key: &str, outcome: &Outcome) -> Xml {
    let host = request.head.text("host").unwrap_or_default();
    let mut xml = Xml::document();
    xml.element(
        "CompleteMultipartUploadResult",
        Some(listing::NAMESPACE),
        |xml| {
            xml.text("Location", &format!("http://{host}{}", request.head.path))
                .text("Bucket", &request.target.container)
                .text("Key", key)
                .text("ETag", &outcome.etag);
            if let Some(checksum) = &outcome.checksum {
                let element = format!("Checksum{}", name(checksum.algorithm));
                xml.text(&element, &checksum.value)
                    .text("ChecksumType", checksum.kind());
            }
        },
    );
    xml
}

fn invalid(message: String) -> Refusal {
    Refusal::new(400, "InvalidRequest", message)
}

/// `x-amz-checksum-type` must be as it was when the upload began.
fn check_kind(head: &Head, upload: &Upload) -> Result<(), Refusal> {
    let composite = upload.algorithm.is_some() && !upload.of_the_whole;
    let kind = checksum_kind(composite);
    match head.text("x-amz-checksum-type") {
        Some(sent) if sent != kind => Err(invalid(format!(
            "The upload was created using the {kind} checksum mode. The complete request must use the same checksum mode."
        ))),
        _ => Ok(()),
    }
}

/// Checks the length and the checksum of the whole object, if the client sent them.
fn check_whole(
    head: &Head,
    object: &StoredObject,
    algorithm: Option<Algorithm>,
) -> Result<(), Refusal> {
    if let Some(sent) = head.text("x-amz-mp-object-size") {
        let length = object.len();
        if sent.trim().parse() != Ok(length) {
            return Err(invalid(format!(
                "The provided 'x-amz-mp-object-size' header value {sent} does not match what was computed: {length}"
            )));
        }
    }
    let found = &object.checksum;
    for sent in Algorithm::ALL {
        let Some(value) = head.text(sent.header()).map(str::trim) else {
            continue;
        };
        let (value, found_value) = (value, found.value.as_str());
        let plain = found_value.split('-').next();
        let holds = value == found_value || (found.composite && Some(value) == plain);
        if sent == found.algorithm && !holds {
            return Err(checksums::bad_digest(sent));
        }
        if sent != found.algorithm {
            let wanted = algorithm.map_or("null", name).to_lowercase();
            let sent = name(sent).to_lowercase();
            return Err(invalid(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {wanted}, actual checksum Type: {sent}"
            )));
        }
    }
    Ok(())
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
    let parts = wanted.iter().map(|wanted| wanted_one(upload, wanted));
    let parts: Vec<_> = parts.collect::<Result<_, _>>()?;
    let all_but_last = &parts[..parts.len().saturating_sub(1)];
    for (part, wanted_part) in all_but_last.iter().zip(wanted) {
        if part.content.len() < MIN_PART {
            return Err(Refusal::new(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
            )
            .detail("ProposedSize", part.content.len().to_string())
            .detail("MinSizeAllowed", MIN_PART.to_string())
            .detail("PartNumber", wanted_part.number.to_string()));
        }
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
        parts: wanted
            .iter()
            .zip(&parts)
            .map(|(wanted, part)| part.of_object(wanted.number, upload))
            .collect(),
    })
}

fn wanted_one<'a>(upload: &'a Upload, wanted: &CompletedPart) -> Result<&'a Part, Refusal> {
    let number = wanted.number.to_string();
    if let Some(algorithm) = upload.algorithm
        && wanted.checksums.is_empty()
        && !upload.of_the_whole
    {
        return Err(invalid(format!(
            "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {number} in the request.",
            name(algorithm).to_lowercase()
        )));
    }
    let fits = |part: &&Part| {
        part.etag().trim_matches('"') == wanted.etag
            && wanted
                .checksums
                .iter()
                .all(|(algorithm, value)| part.has_checksum(algorithm, value))
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

impl Part {
    fn of_object(&self, number: u32, upload: &Upload) -> ObjectPart {
        let checksum = upload.algorithm.and_then(|_| self.checksum());
        ObjectPart {
            number,
            len: self.content.len(),
            checksum: checksum.map(|checksum| checksum.value),
        }
    }

    fn has_checksum(&self, algorithm: &str, value: &str) -> bool {
        let named = checksums::named(algorithm);
        let known = match &self.sum {
            Some((known, sum)) if named == Some(*known) => sum,
            _ if named == Some(Algorithm::Crc64Nvme) => &self.crc64,
            _ => return false,
        };
        known.clone().into_base64() == value
    }
}

/// Composite or of the full object, as the upload was created.
fn whole_checksum(upload: &Upload, parts: &[&Part]) -> ObjectChecksum {
    let Some(algorithm) = upload.algorithm else {
        return whole(Algorithm::Crc64Nvme, parts.iter().map(|part| &part.crc64));
    };
    let sums = parts.iter().filter_map(|part| part.sum.as_ref());
    let sums = sums.map(|(_, sum)| sum);
    if upload.of_the_whole {
        return whole(algorithm, sums);
    }
    let mut checksum = Checksum::new(algorithm);
    for sum in sums {
        // It was encoded here, so it is Base64.
        let bytes = STANDARD.decode(sum.clone().into_base64());
        checksum.update(&bytes.unwrap_or_default());
    }
    ObjectChecksum {
        algorithm,
        value: format!("{}-{}", checksum.into_base64(), parts.len()),
        composite: true,
    }
}

fn whole<'a>(algorithm: Algorithm, sums: impl Iterator<Item = &'a Checksum>) -> ObjectChecksum {
    let mut whole = Checksum::new(algorithm);
    sums.for_each(|sum| whole.append(sum));
    ObjectChecksum {
        algorithm,
        value: whole.into_base64(),
        composite: false,
    }
}
