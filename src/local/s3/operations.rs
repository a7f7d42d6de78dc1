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

const fn of_object(operation: Operation, method: &'static str) -> Offered {
    Offered {
        operation,
        method,
        of: Of::Object,
        marks: &[],
        copies: false,
        takes: &[],
    }
}

const fn of_bucket(operation: Operation, method: &'static str) -> Offered {
    Offered {
        of: Of::Bucket,
        ..of_object(operation, method)
    }
}

const fn of_tags(operation: Operation, method: &'static str) -> Offered {
    Offered {
        marks: &["tagging"],
        takes: &["versionId"],
        ..of_object(operation, method)
    }
}

/// Those with more marks come first.
const OFFERED: &[Offered] = &[
    Offered {
        marks: &["uploadId", "partNumber"],
        copies: true,
        ..of_object(Operation::UploadPartCopy, "PUT")
    },
    Offered {
        marks: &["uploadId", "partNumber"],
        ..of_object(Operation::UploadPart, "PUT")
    },
    Offered {
        marks: &["uploadId"],
        ..of_object(Operation::CompleteMultipartUpload, "POST")
    },
    Offered {
        marks: &["uploadId"],
        takes: &["max-parts", "part-number-marker"],
        ..of_object(Operation::ListParts, "GET")
    },
    Offered {
        marks: &["uploadId"],
        ..of_object(Operation::AbortMultipartUpload, "DELETE")
    },
    Offered {
        marks: &["uploads"],
        ..of_object(Operation::CreateMultipartUpload, "POST")
    },
    Offered {
        copies: true,
        ..of_object(Operation::CopyObject, "PUT")
    },
    of_tags(Operation::PutObjectTagging, "PUT"),
    of_tags(Operation::GetObjectTagging, "GET"),
    of_tags(Operation::DeleteObjectTagging, "DELETE"),
    Offered {
        marks: &["attributes"],
        takes: &["versionId"],
        ..of_object(Operation::GetObjectAttributes, "GET")
    },
    of_object(Operation::PutObject, "PUT"),
    Offered {
        takes: READ,
        ..of_object(Operation::GetObject, "GET")
    },
    Offered {
        takes: READ,
        ..of_object(Operation::HeadObject, "HEAD")
    },
    Offered {
        takes: &["versionId"],
        ..of_object(Operation::DeleteObject, "DELETE")
    },
    Offered {
        marks: &["location"],
        ..of_bucket(Operation::GetBucketLocation, "GET")
    },
    Offered {
        marks: &["versioning"],
        ..of_bucket(Operation::GetBucketVersioning, "GET")
    },
    Offered {
        marks: &["versions"],
        takes: &[
            "delimiter",
            "encoding-type",
            "key-marker",
            "max-keys",
            "prefix",
            "version-id-marker",
        ],
        ..of_bucket(Operation::ListObjectVersions, "GET")
    },
    Offered {
        marks: &["uploads"],
        takes: &[
            "delimiter",
            "encoding-type",
            "key-marker",
            "max-uploads",
            "prefix",
            "upload-id-marker",
        ],
        ..of_bucket(Operation::ListMultipartUploads, "GET")
    },
    Offered {
        marks: &["list-type=2"],
        takes: &[
            "continuation-token",
            "delimiter",
            "encoding-type",
            "fetch-owner",
            "max-keys",
            "prefix",
            "start-after",
        ],
        ..of_bucket(Operation::ListObjectsV2, "GET")
    },
    Offered {
        takes: &["delimiter", "encoding-type", "marker", "max-keys", "prefix"],
        ..of_bucket(Operation::ListObjects, "GET")
    },
    Offered {
        marks: &["delete"],
        ..of_bucket(Operation::DeleteObjects, "POST")
    },
    of_bucket(Operation::CreateBucket, "PUT"),
    of_bucket(Operation::HeadBucket, "HEAD"),
    of_bucket(Operation::DeleteBucket, "DELETE"),
    Offered {
        of: Of::Account,
        takes: &[
            "bucket-region",
            "continuation-token",
            "max-buckets",
            "prefix",
        ],
        ..of_bucket(Operation::ListBuckets, "GET")
    },
];

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
        };
        let mut query = self.query.iter();
        query
            .find(|(name, _)| !takes(name))
            .map(|(name, _)| name.as_str())
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
