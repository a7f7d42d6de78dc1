//! Reads objects into memory.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::CHUNK;
use super::stream::ObjectStream;
use crate::aws::s3::Object;
use crate::aws::s3::objects::OpenObject;
use crate::error::Result;
use crate::session::Session;
use crate::uri::S3Uri;

/// The complete object, if it has at most `max` bytes, verified against its checksum.
pub(crate) fn read_whole(
    session: &Session,
    uri: &S3Uri,
    object: OpenObject,
    max: u64,
    stop: Option<&Arc<AtomicBool>>,
) -> Result<Object> {
    let (content_type, expected) = (object.content_type.clone(), object.checksum.clone());
    let total = object.total;
    let mut stream = ObjectStream::new(session, uri, object);
    if total.is_some_and(|total| total > max) {
        return Err(stream.too_long(max));
    }
    // One byte more than allowed shows an object without a length that is too long.
    let body = read_up_to(&mut stream, total, max.saturating_add(1), stop)?;
    if body.len() as u64 > max {
        return Err(stream.too_long(max));
    }
    if let Some(expected) = expected {
        let mut checksum = expected.start();
        checksum.update(&body);
        expected.check(checksum, uri)?;
    }
    Ok(Object { body, content_type })
}

/// The object's first bytes, at most `max`; a longer one is cut, and its connection closed.
pub(crate) fn read_start(
    session: &Session,
    uri: &S3Uri,
    object: OpenObject,
    max: u64,
    stop: Option<&Arc<AtomicBool>>,
) -> Result<Vec<u8>> {
    let total = object.total;
    let mut stream = ObjectStream::new(session, uri, object);
    read_up_to(&mut stream, total, max, stop)
}

fn read_up_to(
    stream: &mut ObjectStream,
    total: Option<u64>,
    max: u64,
    stop: Option<&Arc<AtomicBool>>,
) -> Result<Vec<u8>> {
    // A length that the service announces is not believed beyond a megabyte before its bytes are there.
    let capacity = total.unwrap_or(0).min(max).min(1 << 20);
    let mut body = Vec::with_capacity(usize::try_from(capacity).unwrap_or(0));
    let mut filled = 0;
    while (filled as u64) < max {
        if filled == body.len() {
            let left = usize::try_from(max - filled as u64).unwrap_or(usize::MAX);
            body.resize(filled + left.min(CHUNK), 0);
        }
        let read = stream.read(&mut body[filled..], stop)?;
        filled += read;
        if read == 0 {
            break;
        }
    }
    body.truncate(filled);
    Ok(body)
}
