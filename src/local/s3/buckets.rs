//! S3: buckets.

use sha2::{Digest, Sha256};

use super::listing::NAMESPACE;
use super::objects::{in_bucket, no_such_bucket};
use crate::local::config::Common;
use crate::local::dates;
use crate::local::http::response::{Refusal, Response};
use crate::local::s3::S3;
use crate::local::server::{Request, storage_failed};
use crate::local::xml::{Element, Xml, malformed};

/// Maximum length of a bucket's configuration or a set of tags.
const MAX_DOCUMENT: u64 = 64 << 10;
/// Maximum number of buckets in a page, as in S3.
const MAX_BUCKETS: usize = 10_000;

pub(super) fn create(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let name = &request.target.container;
    if !is_bucket_name(name) {
        let message = "The specified bucket is not valid.";
        return Err(Refusal::new(400, "InvalidBucketName", message).detail("BucketName", name));
    }
    check_location(&s3.common, constraint(request)?.as_deref())?;
    let created = s3.store.create_bucket(name);
    let created = created.map_err(|error| storage_failed(&error))?;
    // Only us-east-1 responds with 200 to the owner of a bucket that exists.
    if !created && s3.common.region != "us-east-1" {
        return Err(Refusal::new(
            409,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        )
        .detail("BucketName", name));
    }
    Ok(Response::empty(200).header("location", format!("/{name}")))
}

/// The document that is the body of a `PUT`.
pub(super) fn document(request: &Request, root: &str) -> Result<Element, Refusal> {
    if request.content.len() > MAX_DOCUMENT {
        return Err(malformed());
    }
    let body = request.content.to_vec();
    let body = body.map_err(|error| storage_failed(&error))?;
    Element::root(&body)
        .filter(|found| found.name() == root)
        .ok_or_else(malformed)
}

/// `LocationConstraint` of the body, which may be left out.
fn constraint(request: &Request) -> Result<Option<String>, Refusal> {
    if request.content.len() == 0 {
        return Ok(None);
    }
    let root = document(request, "CreateBucketConfiguration")?;
    let mut inside = root.inside().iter().map(Element::name);
    if let Some(unknown) = inside.find(|name| *name != "LocationConstraint") {
        return Err(Refusal::not_offered(&format!("{unknown} of CreateBucket")));
    }
    let constraint = root.text("LocationConstraint").map(str::trim);
    Ok(constraint
        .filter(|text| !text.is_empty())
        .map(str::to_owned))
}

/// A bucket is in the endpoint's region; us-east-1 is the one region that must not be named.
fn check_location(common: &Common, constraint: Option<&str>) -> Result<(), Refusal> {
    let region = common.region.as_str();
    match constraint {
        Some("us-east-1") if region == "us-east-1" => Err(Refusal::new(
            400,
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
        )
        .detail("LocationConstraint", "us-east-1")),
        None if region == "us-east-1" => Ok(()),
        Some(constraint) if constraint == region => Ok(()),
        other => {
            let other = other.unwrap_or("unspecified");
            Err(Refusal::new(
                400,
                "IllegalLocationConstraintException",
                format!(
                    "The {other} location constraint is incompatible for the region specific endpoint this request was sent to."
                ),
            ))
        }
    }
}

/// S3's rules for the names of new buckets.
pub(in crate::local) fn is_bucket_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let numbers = name.split('.').collect::<Vec<_>>();
    let is_address = numbers.len() == 4
        && numbers
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"]
        .iter()
        .any(|start| name.starts_with(start))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|end| name.ends_with(end));
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| plain(byte) || b"-.".contains(&byte))
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
        && !["..", ".-", "-."].iter().any(|pair| name.contains(pair))
        && !is_address
        && !reserved
}

pub(super) fn delete(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let name = &request.target.container;
    let deleted = s3.store.delete_bucket(name);
    match deleted.map_err(|error| storage_failed(&error))? {
        Some(true) => Ok(Response::empty(204)),
        Some(false) => {
            let message = "The bucket you tried to delete is not empty";
            Err(Refusal::new(409, "BucketNotEmpty", message).detail("BucketName", name))
        }
        None => Err(no_such_bucket(name)),
    }
}

/// For us-east-1 the element is empty.
pub(super) fn location(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    in_bucket(s3, request, |_| Ok(()))?;
    let region = match s3.common.region.as_str() {
        "us-east-1" => "",
        region => region,
    };
    let mut xml = Xml::document();
    xml.element("LocationConstraint", Some(NAMESPACE), |xml| {
        xml.plain(region);
    });
    Ok(Response::xml(200, xml))
}

/// For a bucket that never had versions the document is empty.
pub(super) fn versioning(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    in_bucket(s3, request, |_| Ok(()))?;
    let mut xml = Xml::document();
    xml.element("VersioningConfiguration", Some(NAMESPACE), |_| {});
    Ok(Response::xml(200, xml))
}

/// The canonical user id of the account, in S3's format.
pub(super) fn owner_id(common: &Common) -> String {
    hex::encode(Sha256::digest(&common.account))
}

pub(super) fn list(s3: &S3, request: &Request) -> Result<Response, Refusal> {
    let parameter = |name| request.target.parameter(name);
    let max = match parameter("max-buckets") {
        None => MAX_BUCKETS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|max| (1..=MAX_BUCKETS).contains(max))
            .ok_or_else(|| {
                let message = "Argument max-buckets must be an integer between 1 and 10000";
                Refusal::new(400, "InvalidArgument", message).detail("ArgumentName", "max-buckets")
            })?,
    };
    let prefix = parameter("prefix").unwrap_or_default();
    let after = parameter("continuation-token").unwrap_or_default();
    let region = &s3.common.region;
    let elsewhere = parameter("bucket-region").is_some_and(|wanted| wanted != region);
    let mut names = s3.store.bucket_names();
    names.retain(|name| name.starts_with(prefix) && name.as_str() > after && !elsewhere);
    let more = names.len() > max;
    names.truncate(max);
    let mut xml = Xml::document();
    xml.element("ListAllMyBucketsResult", Some(NAMESPACE), |xml| {
        xml.element("Owner", None, |xml| {
            xml.text("ID", &owner_id(&s3.common));
        })
        .element("Buckets", None, |xml| {
            for name in &names {
                xml.element("Bucket", None, |xml| {
                    // Creation dates are not stored; the endpoint's start is returned.
                    xml.text("Name", name)
                        .text("CreationDate", &dates::iso(s3.started))
                        .text("BucketRegion", region);
                });
            }
        });
        if parameter("prefix").is_some() {
            xml.text("Prefix", prefix);
        }
        if more && let Some(last) = names.last() {
            xml.text("ContinuationToken", last);
        }
    });
    Ok(Response::xml(200, xml))
}
