//! The parts that an object was uploaded in, which reads may ask for by their numbers.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::multipart::part_number;
use super::store::StoredObject;
use crate::aws::s3::checksum::Algorithm;
use crate::local::http::response::{Refusal, Response};
use crate::local::server::Request;

/// A part of a completed upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::local) struct ObjectPart {
    /// As it was uploaded.
    pub(in crate::local) number: u32,
    pub(in crate::local) len: u64,
    /// By the algorithm of the object's checksum; `None` if the upload had none.
    pub(in crate::local) checksum: Option<String>,
}

/// The part that a read asks for.
pub(super) struct Requested {
    pub(super) range: Range<u64>,
    /// How many there are; `None` if the object was not uploaded in parts.
    pub(super) count: Option<usize>,
    algorithm: Algorithm,
    checksum: Option<String>,
}

impl Requested {
    pub(super) fn with_checksum(&self, response: Response) -> Response {
        match &self.checksum {
            Some(value) => response.header(self.algorithm.header(), value),
            None => response,
        }
    }
}

/// The part of `partNumber`. An object that was not uploaded in parts is its own first one.
pub(super) fn requested(
    request: &Request,
    object: &StoredObject,
) -> Result<Option<Requested>, Refusal> {
    if request.target.parameter("partNumber").is_none() {
        return Ok(None);
    }
    let number = part_number(request)?;
    if request.head.text("range").is_some() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(Refusal::new(400, "InvalidRequest", message));
    }
    let algorithm = object.checksum.algorithm;
    if object.parts.is_empty() && number == 1 {
        return Ok(Some(Requested {
            range: 0..object.len(),
            count: None,
            algorithm,
            checksum: Some(object.checksum.value.clone()),
        }));
    }
    let mut start = 0;
    for part in &object.parts {
        let range = start..start + part.len;
        if part.number == number {
            return Ok(Some(Requested {
                range,
                count: Some(object.parts.len()),
                algorithm,
                checksum: part.checksum.clone(),
            }));
        }
        start = range.end;
    }
    let message = "The requested partnumber is not satisfiable";
    Err(Refusal::new(416, "InvalidPartNumber", message)
        .detail("PartNumberRequested", number.to_string())
        .detail("ActualPartCount", object.parts.len().max(1).to_string()))
}
