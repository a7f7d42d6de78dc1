//! An inventory of S3, as the service writes one.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sagemaker_async_inference::local::LocalEndpoint;
use serde_json::json;

/// A key as it stands in a list: encoded as a form's value, its slashes left.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

pub fn encoded(key: &str) -> String {
    utf8_percent_encode(key, PLAIN)
        .to_string()
        .replace(' ', "+")
}

pub fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

pub fn md5(content: &[u8]) -> String {
    hex::encode(Md5::digest(content))
}

/// Puts the lists and their manifest in the bucket `lists`; the manifest's URI.
pub fn put(endpoint: &LocalEndpoint, schema: &str, lists: &[(&str, Vec<u8>)]) -> String {
    let files: Vec<_> = lists
        .iter()
        .map(|(name, content)| {
            endpoint.put_object("lists", &format!("inv/data/{name}"), content.clone());
            json!({
                "key": format!("inv/data/{name}"),
                "size": content.len(),
                "MD5checksum": md5(content),
            })
        })
        .collect();
    put_manifest(endpoint, "CSV", schema, &json!(files))
}

pub fn put_manifest(
    endpoint: &LocalEndpoint,
    format: &str,
    schema: &str,
    files: &serde_json::Value,
) -> String {
    let manifest = json!({
        "sourceBucket": "bucket",
        "destinationBucket": "arn:aws:s3:::lists",
        "version": "2016-11-30",
        "creationTimestamp": "1514944800000",
        "fileFormat": format,
        "fileSchema": schema,
        "files": files,
    });
    let key = "inv/2026-11-28T01-00Z/manifest.json";
    endpoint.put_object("lists", key, manifest.to_string());
    format!("s3://lists/{key}")
}
