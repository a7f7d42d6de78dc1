//! S3's operations: each is recognised by its method, its resource and its parameters.
//!
//! The offered operations are a list. A request that matches none of them, or has a parameter that the operation
//! does not accept, is refused and never treated as another operation.

use super::refused_operations::REFUSED;
use crate::local::auth::presigned_v2;
use crate::local::operation::Operation;

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) enum Of {
    Account,
    Bucket,
    Object,
}

/// An operation that is offered.
struct Offered {
    operation: Operation,
    method: &'static str,
    of: Of,
    /// Parameters that make a request this operation, as `name` or `name=value`.
    marks: &'static [&'static str],
    /// Whether `x-amz-copy-source` makes it this operation.
    copies: bool,
    /// Further parameters that it takes.
    takes: &'static [&'static str],
}

const READ: &[&str] = &[
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "versionId",
];

/// Headers that SDKs repeat in the URLs that they presign. S3 does not read them there.
const REPEATED: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
];

/// A row each: resource, method, operation, the parameters that select it, `copies` if `x-amz-copy-source` is needed
/// too, and the other parameters that it accepts.
macro_rules! offered {
    ($($of:ident $method:ident $operation:ident [$($mark:literal),*] $($copies:ident)? => $takes:expr;)+) => {
        &[$(Offered {
            operation: Operation::$operation,
            method: stringify!($method),
            of: Of::$of,
            marks: &[$($mark),*],
            copies: !concat!($(stringify!($copies))?).is_empty(),
            takes: $takes,
        }),+]
    };
}

/// Those with more marks come first.
const OFFERED: &[Offered] = offered! {
    Object PUT UploadPartCopy ["uploadId", "partNumber"] copies => &[];
    Object PUT UploadPart ["uploadId", "partNumber"] => &[];
    Object POST CompleteMultipartUpload ["uploadId"] => &[];
    Object GET ListParts ["uploadId"] => &["max-parts", "part-number-marker"];
    Object DELETE AbortMultipartUpload ["uploadId"] => &[];
    Object POST CreateMultipartUpload ["uploads"] => &[];
    Object PUT CopyObject [] copies => &[];
    Object PUT PutObjectTagging ["tagging"] => &["versionId"];
    Object GET GetObjectTagging ["tagging"] => &["versionId"];
    Object DELETE DeleteObjectTagging ["tagging"] => &["versionId"];
    Object GET GetObjectAttributes ["attributes"] => &["versionId"];
    Object PUT PutObject [] => &[];
    Object GET GetObject [] => READ;
    Object HEAD HeadObject [] => READ;
    Object DELETE DeleteObject [] => &["versionId"];
    Bucket GET GetBucketLocation ["location"] => &[];
    Bucket GET GetBucketVersioning ["versioning"] => &[];
    Bucket GET ListObjectVersions ["versions"]
        => &["delimiter", "encoding-type", "key-marker", "max-keys", "prefix", "version-id-marker"];
    Bucket GET ListMultipartUploads ["uploads"]
        => &["delimiter", "encoding-type", "key-marker", "max-uploads", "prefix", "upload-id-marker"];
    Bucket GET ListObjectsV2 ["list-type=2"]
        => &["continuation-token", "delimiter", "encoding-type", "fetch-owner", "max-keys", "prefix", "start-after"];
    Bucket GET ListObjects [] => &["delimiter", "encoding-type", "marker", "max-keys", "prefix"];
    Bucket POST DeleteObjects ["delete"] => &[];
    Bucket PUT CreateBucket [] => &[];
    Bucket HEAD HeadBucket [] => &[];
    Bucket DELETE DeleteBucket [] => &[];
    Account GET ListBuckets [] => &["bucket-region", "continuation-token", "max-buckets", "prefix"];
};

/// The parts of a request that determine the operation.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) struct Asked<'a> {
    pub(in crate::local) method: &'a str,
    pub(in crate::local) of: Of,
    pub(in crate::local) query: &'a [(String, String)],
    /// It has `x-amz-copy-source`.
    pub(in crate::local) copies: bool,
}

impl Asked<'_> {
    /// The operation, or the name of what is not offered.
    pub(in crate::local) fn operation(self) -> Result<Operation, String> {
        let offered = OFFERED.iter().find(|offered| {
            offered.method == self.method
                && offered.of == self.of
                && (!offered.copies || self.copies)
                && offered.marks.iter().all(|mark| self.has(mark))
        });
        let surplus = offered.map(|offered| self.surplus(offered));
        match (offered, surplus) {
            (Some(offered), Some(None)) => Ok(offered.operation),
            (Some(offered), Some(Some(parameter))) => Err(self.refused().map_or_else(
                || format!("the parameter {parameter} of {:?}", offered.operation),
                str::to_owned,
            )),
            _ => Err(self.refused().map_or_else(
                || format!("{} of this resource with these parameters", self.method),
                str::to_owned,
            )),
        }
    }

    fn has(&self, mark: &str) -> bool {
        let (name, value) = match mark.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (mark, None),
        };
        let mut query = self.query.iter();
        query.any(|(found, is)| found == name && value.is_none_or(|value| value == is))
    }

    /// The first parameter that an operation does not accept. S3 accepts any that begins with `x-`, such as those of a
    /// signature.
    fn surplus(&self, offered: &Offered) -> Option<&str> {
        let takes = |name: &str| {
            let marks = offered.marks.iter();
            let mut marks = marks.map(|mark| mark.split_once('=').map_or(*mark, |(name, _)| name));
            marks.any(|mark| mark == name)
                || offered.takes.contains(&name)
                || name
                    .get(..2)
                    .is_some_and(|start| start.eq_ignore_ascii_case("x-"))
                || presigned_v2::is_of_signature(name, self.query)
                || self.repeats_header(name)
        };
        let mut query = self.query.iter();
        query
            .find(|(name, _)| !takes(name))
            .map(|(name, _)| name.as_str())
    }

    /// Whether a parameter is one of [`REPEATED`] in a URL that holds its signature.
    fn repeats_header(&self, name: &str) -> bool {
        let mut headers = REPEATED.iter();
        headers.any(|header| name.eq_ignore_ascii_case(header))
            && (self.has("Signature") || self.has("X-Amz-Signature"))
    }

    fn refused(&self) -> Option<&'static str> {
        let fitting = REFUSED
            .iter()
            .rev()
            .filter(|(of, marks, _)| *of == self.of && marks.iter().all(|mark| self.has(mark)));
        fitting
            .flat_map(|(_, _, operations)| *operations)
            .find(|(method, _)| *method == self.method)
            .map(|(_, name)| *name)
    }
}
