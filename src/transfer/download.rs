//! Results to files and writers.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::CHUNK;
use super::plan::Plan;
use super::progress::Meter;
use super::ranges::{Ranges, unwritable};
use super::stream::ObjectStream;
use crate::aws::s3::checksum::Expected;
use crate::aws::s3::objects::OpenObject;
use crate::error::{Result, TransferError, TransferErrorKind};
use crate::session::Session;
use crate::session::transfer_config::TransferConfig;
use crate::session::transfer_progress::TransferDirection;
use crate::sys::payload::OutputFile;
use crate::uri::S3Uri;

/// The source of a result.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) session: &'a Session,
    pub(crate) uri: &'a S3Uri,
    pub(crate) config: &'a TransferConfig,
    pub(crate) cancel: Option<&'a Arc<AtomicBool>>,
}

impl<'a> Origin<'a> {
    fn meter(&self, total: Option<u64>) -> Meter<'a> {
        let direction = TransferDirection::Download;
        Meter::new(self.config, direction, self.uri, total, self.cancel)
    }

    /// To a file, which is complete or absent. Returns its length.
    pub(crate) fn to_file(self, object: OpenObject, path: &Path) -> Result<u64> {
        let named = |mut error: TransferError| {
            if error.kind == TransferErrorKind::Write {
                error.resource = path.display().to_string();
            }
            error
        };
        let file = OutputFile::create(path)
            .map_err(unwritable)
            .map_err(named)?;
        let fetched = if let Some((plan, len, etag)) = in_ranges(self.config, &object) {
            self.by_ranges(object, &file, plan, len, &etag)
        } else {
            let mut at = 0;
            self.in_order(object, |bytes| {
                file.write_all_at(bytes, at).map_err(unwritable)?;
                at += bytes.len() as u64;
                Ok(())
            })
        };
        let len = fetched.map_err(|error| match error {
            crate::Error::Transfer(transfer) => named(*transfer).into(),
            other => other,
        })?;
        file.finish().map_err(unwritable).map_err(named)?;
        Ok(len)
    }

    /// To a writer, in order. Returns the number of bytes.
    pub(crate) fn to_writer(self, object: OpenObject, writer: &mut dyn Write) -> Result<u64> {
        let failed =
            |error| TransferError::new(TransferErrorKind::Write, "the writer").with_source(error);
        let len = self.in_order(object, |bytes| writer.write_all(bytes).map_err(failed))?;
        writer.flush().map_err(failed)?;
        Ok(len)
    }

    fn in_order(
        self,
        object: OpenObject,
        mut sink: impl FnMut(&[u8]) -> Result<(), TransferError>,
    ) -> Result<u64> {
        let meter = self.meter(object.total);
        let expected = object.checksum.clone();
        let mut checksum = expected.as_ref().map(Expected::start);
        let mut stream = ObjectStream::new(self.session, self.uri, object);
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = stream.read(&mut buffer, self.cancel)?;
            if read == 0 {
                break;
            }
            if let Some(checksum) = &mut checksum {
                checksum.update(&buffer[..read]);
            }
            sink(&buffer[..read])?;
            meter.add(read)?;
        }
        if let (Some(expected), Some(checksum)) = (expected, checksum) {
            expected.check(checksum, self.uri)?;
        }
        Ok(stream.position())
    }

    fn by_ranges(
        self,
        object: OpenObject,
        file: &OutputFile,
        plan: Plan,
        len: u64,
        etag: &str,
    ) -> Result<u64> {
        let meter = self.meter(Some(len));
        let expected = object.checksum.clone();
        let first = ObjectStream::new(self.session, self.uri, object);
        let ranges = Ranges {
            session: self.session,
            uri: self.uri,
            etag,
            len,
            plan,
            expected: expected.as_ref(),
            meter: &meter,
            file,
        };
        ranges.fetch(first)?;
        Ok(len)
    }
}

/// Whether the object is fetched in ranges: it is large enough, and everything needed is known.
fn in_ranges(config: &TransferConfig, object: &OpenObject) -> Option<(Plan, u64, String)> {
    let (len, etag) = (object.total?, object.version()?.to_owned());
    let plan = Plan::of(config, len).filter(|plan| plan.parallelism > 1)?;
    let takes_pieces = object
        .checksum
        .as_ref()
        .is_none_or(|expected| expected.algorithm.combines());
    takes_pieces.then_some((plan, len, etag))
}
