//! S3: multipart uploads.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::answer::{Answer, Refusal};
use super::content::Content;
use super::payload::{Announced, name};
use super::s3::{check_write_conditions, in_bucket, kept_headers, key};
use super::server::{Request, Shared, random_hex, storage_failed};
use super::store::{Bucket, ObjectChecksum, StoredObject, checksum_kind, quoted};
use super::xml::{CompletedPart, Xml, completed_parts, malformed};
use super::{dates, listing};
use crate::aws::checksum::{Algorithm, Checksum};

/// Every part but the last is at least this long.
const MIN_PART: u64 = 5 * 1024 * 1024;
const MAX_PARTS: u32 = 10_000;

/// A multipart upload that is not complete.
pub(super) struct Upload {
    pub(super) key: String,
    headers: Vec<(String, Vec<u8>)>,
    /// `x-amz-checksum-algorithm`.
    algorithm: Option<Algorithm>,
    /// `x-amz-checksum-type`: the object's checksum is that of the whole, not of the parts' checksums.
    of_the_whole: bool,
    begun: SystemTime,
    parts: BTreeMap<u32, Part>,
}

/// A part that was stored.
struct Part {
    content: Content,
    md5: [u8; 16],
    crc64: Checksum,
    /// What came along, verified, and its sum to go on from.
    announced: Option<Announced>,
    announced_sum: Option<Checksum>,
    last_modified: SystemTime,
}

impl Part {
    fn etag(&self) -> String {
        quoted(&self.md5)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("key", &self.key)
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

pub(super) fn create(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let key = key(request)?;
    let id = random_hex(32);
    let algorithm = Algorithm::ALL
        .into_iter()
        .find(|algorithm| request.head.text("x-amz-checksum-algorithm") == Some(name(*algorithm)));
    let kind = request.head.text("x-amz-checksum-type");
    let of_the_whole = match algorithm {
        Some(Algorithm::Crc64Nvme) => true,
        Some(algorithm) => algorithm.combines() && kind == Some("FULL_OBJECT"),
        None => false,
    };
    let upload = Upload {
        key: key.to_owned(),
        headers: kept_headers(request),
        algorithm,
        of_the_whole,
        begun: shared.config.clock.now(),
        parts: BTreeMap::new(),
    };
    in_bucket(shared, request, |bucket| {
        bucket.uploads.insert(id.clone(), upload);
        Ok(())
    })?;
    let mut xml = Xml::document();
    xml.element(
        "InitiateMultipartUploadResult",
        Some(listing::NAMESPACE),
        |xml| {
            xml.text("Bucket", &request.target.container)
                .text("Key", key)
                .text("UploadId", &id);
        },
    );
    let mut answer = Answer::xml(200, xml);
    if let Some(algorithm) = algorithm {
        answer = answer
            .header("x-amz-checksum-algorithm", name(algorithm))
            .header("x-amz-checksum-type", checksum_kind(!of_the_whole));
    }
    Ok(answer)
}

pub(super) fn upload_part(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    let number = part_number(request)?;
    let content = shared.config.disk.settle(&request.content);
    let content = content.map_err(|error| storage_failed(&error))?;
    let announced = request.sums.verified(&request.head)?.cloned();
    let part = Part {
        content,
        md5: request.sums.md5,
        crc64: request.sums.crc64.clone(),
        announced,
        announced_sum: request.sums.announced_sum(),
        last_modified: shared.config.clock.now(),
    };
    let mut answer = Answer::empty(200).header("etag", part.etag());
    if let Some(Announced { algorithm, base64 }) = &part.announced {
        answer = answer.header(algorithm.header(), base64);
    }
    in_upload(shared, request, |upload| {
        check_algorithm(upload, part.announced.as_ref())?;
        upload.parts.insert(number, part);
        Ok(())
    })?;
    Ok(answer)
}

fn part_number(request: &Request) -> Result<u32, Refusal> {
    request
        .target
        .parameter("partNumber")
        .and_then(|number| number.parse().ok())
        .filter(|number| (1..=MAX_PARTS).contains(number))
        .ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidArgument",
                "Part number must be an integer between 1 and 10000, inclusive",
            )
            .detail("ArgumentName", "partNumber")
        })
}

/// Adds a part that was copied from an object. Gives its `ETag` and its time.
pub(super) fn add_copied(
    shared: &Shared,
    request: &Request,
    content: Content,
) -> Result<(String, SystemTime), Refusal> {
    let number = part_number(request)?;
    let algorithm = in_upload(shared, request, |upload| Ok(upload.algorithm))?;
    let mut sums = Copied {
        md5: Md5::new(),
        crc64: Checksum::new(Algorithm::Crc64Nvme),
        other: algorithm.map(Checksum::new),
    };
    let summed = content.copy(0..content.len(), &mut sums);
    summed.map_err(|error| storage_failed(&error))?;
    let announced = algorithm.zip(sums.other.clone());
    let part = Part {
        content,
        md5: sums.md5.finalize().into(),
        crc64: sums.crc64,
        announced: announced.map(|(algorithm, sum)| Announced {
            algorithm,
            base64: sum.into_base64(),
        }),
        announced_sum: sums.other,
        last_modified: shared.config.clock.now(),
    };
    let told = (part.etag(), part.last_modified);
    in_upload(shared, request, |upload| {
        upload.parts.insert(number, part);
        Ok(told)
    })
}

/// The sums of what is copied.
struct Copied {
    md5: Md5,
    crc64: Checksum,
    other: Option<Checksum>,
}

impl io::Write for Copied {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.md5.update(bytes);
        self.crc64.update(bytes);
        if let Some(other) = &mut self.other {
            other.update(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Parts carry the checksum that the upload was begun for, and no other.
fn check_algorithm(upload: &Upload, announced: Option<&Announced>) -> Result<(), Refusal> {
    let actual = announced.map(|announced| announced.algorithm);
    if actual.is_none() || actual == upload.algorithm {
        return Ok(());
    }
    let named = |algorithm: Option<Algorithm>| {
        algorithm.map_or_else(|| "null".to_owned(), |one| name(one).to_lowercase())
    };
    Err(Refusal::new(
        400,
        "InvalidRequest",
        format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            named(upload.algorithm),
            named(actual)
        ),
    ))
}

pub(super) fn complete(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
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

pub(super) fn abort(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
    in_bucket(shared, request, |bucket| {
        find(bucket, request)?;
        let id = request.target.parameter("uploadId").unwrap_or_default();
        bucket.uploads.remove(id);
        Ok(())
    })?;
    Ok(Answer::empty(204))
}

pub(super) fn list_parts(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
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

fn in_upload<T>(
    shared: &Shared,
    request: &Request,
    act: impl FnOnce(&mut Upload) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    in_bucket(shared, request, |bucket| {
        find(bucket, request)?;
        let id = request.target.parameter("uploadId").unwrap_or_default();
        bucket
            .uploads
            .get_mut(id)
            .map_or_else(|| Err(no_such_upload(id)), act)
    })
}

/// The upload that the request names; it must be one of the request's key.
fn find<'a>(bucket: &'a Bucket, request: &Request) -> Result<&'a Upload, Refusal> {
    let id = request.target.parameter("uploadId").unwrap_or_default();
    bucket
        .uploads
        .get(id)
        .filter(|upload| Some(&upload.key) == request.target.key.as_ref())
        .ok_or_else(|| no_such_upload(id))
}

fn no_such_upload(id: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchUpload",
        "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed.",
    )
    .detail("UploadId", id)
}

/// All that were begun and neither completed nor aborted, in one page.
pub(super) fn list_uploads(shared: &Shared, request: &Request) -> Result<Answer, Refusal> {
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
