//! Inputs to S3: in one request, or in parts.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::parts::{Content, Share};
use super::plan::Plan;
use super::progress::Meter;
use super::source::{ReaderInput, unreadable};
use crate::aws::s3::checksum::Algorithm;
use crate::aws::s3::objects;
use crate::aws::s3::objects::{Part, Piece, Upload};
use crate::aws::s3::{self, PutOptions};
use crate::aws::{CallError, RequestPolicy};
use crate::error::{Error, Result, TransferError, TransferErrorKind};
use crate::limits::MAX_PAYLOAD_BYTES;
use crate::session::Session;
use crate::session::transfer_config::{TransferConfig, UploadChecksum};
use crate::session::transfer_progress::TransferDirection;
use crate::sys::lock;
use crate::sys::payload::InputFile;
use crate::uri::S3Uri;

/// How long the abort of a failed upload may take: parts that stay cost money, but the caller waits for the
/// error.
const ABORT_TIME: Duration = Duration::from_secs(5);

/// The destination of an input.
#[derive(Clone, Copy)]
pub(crate) struct Destination<'a> {
    pub(crate) session: &'a Session,
    pub(crate) uri: &'a S3Uri,
    pub(crate) options: &'a PutOptions<'a>,
    pub(crate) config: &'a TransferConfig,
    /// Cancels the upload once it is set.
    pub(crate) cancel: Option<&'a Arc<AtomicBool>>,
    /// The deadline, on the monotonic clock.
    pub(crate) deadline: Option<Duration>,
}

/// How an upload failed: the caller may be able to correct what S3 reports.
pub(crate) type Outcome<T> = Result<T, CallError>;

/// Sends a file.
pub(crate) fn upload_file(to: Destination<'_>, file: &InputFile) -> Outcome<()> {
    let len = file.len();
    let meter = to.meter(Some(len));
    let sending = Sending::new(to, &meter, Some(file));
    if len == 0 {
        return s3::put_object(to.session.s3(), to.uri, &[], to.options, sending.policy());
    }
    let Some(plan) = Plan::of(to.config, len) else {
        let content = Content::File {
            file,
            start: 0,
            len,
        };
        return sending.whole(content);
    };
    let (next, parts) = (AtomicU64::new(0), plan.parts(len));
    sending.in_parts(plan.parallelism, &|_| {
        let index = next.fetch_add(1, Ordering::SeqCst);
        if index >= parts {
            return Ok(None);
        }
        let (start, len) = plan.part(index, len);
        Ok(Some((index, Place::File { start, len })))
    })
}

/// Sends the rest of a reader.
pub(crate) fn upload_reader(to: Destination<'_>, input: &mut ReaderInput<'_>) -> Outcome<()> {
    let meter = to.meter(None);
    let sending = Sending::new(to, &meter, None);
    let mut first = Vec::new();
    input.fill(&mut first, to.config.multipart_threshold())?;
    if input.is_over() {
        let outcome = match first.as_slice() {
            [] => s3::put_object(to.session.s3(), to.uri, &[], to.options, sending.policy()),
            bytes => sending.whole(Content::Bytes(bytes)),
        };
        if outcome.is_err() {
            input.unread(first);
        }
        return outcome;
    }
    input.unread(first);
    let plan = Plan::of_unknown(to.config, MAX_PAYLOAD_BYTES);
    let next = Mutex::new((input, 0));
    sending.in_parts(plan.parallelism, &|buffer| {
        // One thread reads a part while the others send theirs.
        let (input, parts) = &mut *lock(&next);
        input.fill(buffer, plan.part_size)?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let index = *parts;
        *parts += 1;
        Ok(Some((index, Place::Buffer)))
    })
}

/// Where the bytes of a part are.
enum Place {
    File {
        start: u64,
        len: u64,
    },
    /// In the buffer that was given out.
    Buffer,
}

/// Gives out the parts, each with its index from 0, until there are no more.
type NextPart<'a> = dyn Fn(&mut Vec<u8>) -> Result<Option<(u64, Place)>> + Sync + 'a;

/// An upload in progress.
struct Sending<'a> {
    to: Destination<'a>,
    meter: &'a Meter<'a>,
    /// Where the bytes come from, unless from a reader.
    file: Option<&'a InputFile>,
    checksum: UploadChecksum,
}

impl<'a> Destination<'a> {
    fn meter(&self, total: Option<u64>) -> Meter<'a> {
        let direction = TransferDirection::Upload;
        Meter::new(self.config, direction, self.uri, total, self.cancel)
    }
}

impl<'a> Sending<'a> {
    fn new(to: Destination<'a>, meter: &'a Meter<'a>, file: Option<&'a InputFile>) -> Self {
        let checksum = match to.config.upload_checksum() {
            UploadChecksum::Auto
                if to.session.endpoints().s3_is_encrypted()
                    && to.session.s3().checksums.of_uploads =>
            {
                UploadChecksum::Crc32c
            }
            UploadChecksum::Auto => UploadChecksum::SignedSha256,
            chosen => chosen,
        };
        Self {
            to,
            meter,
            file,
            checksum,
        }
    }

    fn policy(&self) -> RequestPolicy<'a> {
        RequestPolicy {
            cancel: Some(self.meter.stopper()),
            deadline: self.to.deadline,
            ..RequestPolicy::default()
        }
    }

    /// In one request.
    fn whole(&self, content: Content<'_>) -> Outcome<()> {
        let Destination {
            session,
            uri,
            options,
            ..
        } = self.to;
        self.verified_alone(content, |share| {
            let verified = share.verified.as_ref();
            objects::put_object(session.s3(), uri, share, verified, options, self.policy())
        })
    }

    /// Hashes and sends; both again if the service found other content than was hashed.
    fn verified_alone<T>(
        &self,
        content: Content<'_>,
        send: impl Fn(&Share<'_>) -> Result<T, CallError>,
    ) -> Outcome<T> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let share = Share::new(content, self.checksum, self.meter)
                .map_err(|error| self.unreadable(error))?;
            // From here on the service refuses content that differs from what was hashed.
            self.check_unchanged()?;
            match send(&share) {
                Ok(done) => return Ok(done),
                Err(CallError::Payload(error)) => return Err(self.unreadable(error).into()),
                Err(CallError::Response(response))
                    if matches!(
                        response.error.code(),
                        Some("BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest")
                    ) && attempts < self.to.session.client().retry.max_attempts() =>
                {
                    self.check_unchanged()?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn check_unchanged(&self) -> Result<()> {
        match self.file.map(|file| (file.has_changed(), file)) {
            None | Some((Ok(false), _)) => Ok(()),
            Some((Ok(true), file)) => Err(changed(file).into()),
            Some((Err(error), _)) => Err(self.unreadable(error)),
        }
    }

    fn unreadable(&self, error: io::Error) -> Error {
        // A stop of the meter arrives as an error of the source.
        let error = match error.downcast::<TransferError>() {
            Ok(stopped) => return stopped.into(),
            Err(error) => error,
        };
        match self.file {
            Some(file) if error.kind() == io::ErrorKind::UnexpectedEof => changed(file).into(),
            Some(file) => TransferError::new(TransferErrorKind::Read, file.path().display())
                .with_source(error)
                .into(),
            None => unreadable(error).into(),
        }
    }

    /// In parts, several at a time. If it ends early, uploaded parts are discarded.
    fn in_parts(&self, parallelism: usize, next: &NextPart<'_>) -> Outcome<()> {
        let Destination {
            session,
            uri,
            options,
            ..
        } = self.to;
        let algorithm = (self.checksum == UploadChecksum::Crc32c).then_some(Algorithm::Crc32c);
        let policy = self.policy();
        let upload =
            objects::create_multipart_upload(session.s3(), uri, algorithm, options, policy)?;
        let mut begun = Begun {
            session,
            upload,
            completed: false,
        };
        let mut parts = self.send_all(&begun.upload, parallelism, next)?;
        parts.sort_unstable_by_key(|part| part.number);
        self.check_unchanged()?;
        match objects::complete_multipart_upload(session.s3(), &begun.upload, &parts, policy) {
            Err(failed) if !self.is_there(&failed, &parts) => return Err(failed),
            _ => begun.completed = true,
        }
        Ok(())
    }

    /// A completed upload no longer exists: a repeated request does not find it if the response to the one before
    /// was lost. So the object is looked up.
    fn is_there(&self, failed: &CallError, parts: &[Part]) -> bool {
        let lost = matches!(failed, CallError::Response(response)
            if response.error.perhaps_done && response.error.code() == Some("NoSuchUpload"));
        let first_byte = Piece {
            end: Some(1),
            ..Piece::WHOLE
        };
        let look =
            || objects::open_object(self.to.session.s3(), self.to.uri, first_byte, self.policy());
        let total = parts.iter().map(|part| part.len).sum();
        lost && look().is_ok_and(|object| object.total == Some(total))
    }

    fn send_all(
        &self,
        upload: &Upload,
        parallelism: usize,
        next: &NextPart<'_>,
    ) -> Result<Vec<Part>> {
        let done = Mutex::new(Vec::new());
        let failed = Mutex::new(None);
        let work = || {
            let mut buffer = Vec::new();
            while !self.meter.stop.load(Ordering::SeqCst) {
                match self.send_next(upload, &mut buffer, next) {
                    Ok(None) => break,
                    Ok(Some(part)) => lock(&done).push(part),
                    Err(error) => {
                        // The first error is reported; the others follow from it.
                        lock(&failed).get_or_insert(error);
                        self.meter.stop.store(true, Ordering::SeqCst);
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..parallelism {
                let spawned = thread::Builder::new()
                    .name("sagemaker-async-upload".to_owned())
                    .spawn_scoped(scope, || {
                        // The parts of the others are useless if this thread panics.
                        let _stop = StopOnPanic(self.meter);
                        work();
                    });
                // The existing threads do all of it.
                if spawned.is_err() {
                    break;
                }
            }
            let _stop = StopOnPanic(self.meter);
            work();
        });
        match lock(&failed).take() {
            None => Ok(std::mem::take(&mut *lock(&done))),
            Some(error) => Err(error),
        }
    }

    fn send_next(
        &self,
        upload: &Upload,
        buffer: &mut Vec<u8>,
        next: &NextPart<'_>,
    ) -> Result<Option<Part>> {
        let Some((index, place)) = next(buffer)? else {
            return Ok(None);
        };
        let content = match (place, self.file) {
            (Place::File { start, len }, Some(file)) => Content::File { file, start, len },
            _ => Content::Bytes(buffer),
        };
        // Plans have at most 10,000 parts.
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let (session, policy) = (self.to.session, self.policy());
        self.verified_alone(content, |share| {
            let verified = share.verified.clone();
            objects::upload_part(session.s3(), upload, number, share, verified, policy)
        })
        .map(Some)
        .map_err(Error::from)
    }
}

fn changed(file: &InputFile) -> TransferError {
    TransferError::new(TransferErrorKind::Changed, file.path().display())
}

struct StopOnPanic<'a>(&'a Meter<'a>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop.store(true, Ordering::SeqCst);
        }
    }
}

/// An upload in parts that is aborted when it is dropped before it is complete: after an error, and
/// during a panic of the caller's reader or callback.
struct Begun<'a> {
    session: &'a Session,
    upload: Upload,
    completed: bool,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if self.completed {
            return;
        }
        let now = self.session.sys().clock().monotonic();
        let policy = RequestPolicy {
            deadline: Some(now + ABORT_TIME),
            ..RequestPolicy::default()
        };
        // The caller gets the first error; remaining parts are left to the bucket's lifecycle
        // rule.
        drop(objects::abort_multipart_upload(
            self.session.s3(),
            &self.upload,
            policy,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::{Destination, InputFile, Sending};
    use crate::aws::s3::PutOptions;
    use crate::credentials::Credentials;
    use crate::sys::{Environment, Sys};
    use crate::transfer::UploadChecksum;
    use crate::{Session, TransferConfig};

    #[test]
    fn over_tls_a_checksum_will_do_and_over_plain_http_the_payload_is_signed() {
        use UploadChecksum::{Auto, Crc32c, SignedSha256};
        let session = |url: Option<&str>| {
            let builder = Session::builder()
                .region("us-east-1")
                .credentials(Credentials::new("AKID", "secret", None, None, "test"))
                .sys(Sys::real().with_environment(Environment::empty()));
            match url {
                Some(url) => builder.endpoint_url(url).build(),
                None => builder.build(),
            }
        };
        for (url, wanted, taken) in [
            (None, Auto, Crc32c),
            (Some("https://s3.example.com"), Auto, Crc32c),
            (Some("http://127.0.0.1:9000"), Auto, SignedSha256),
            (Some("http://127.0.0.1:9000"), Crc32c, Crc32c),
            (None, SignedSha256, SignedSha256),
        ] {
            let session = session(url).expect("a session");
            let config = TransferConfig::builder().upload_checksum(wanted).build();
            let to = Destination {
                cancel: None,
                deadline: None,
                session: &session,
                uri: &"s3://my-bucket/in".parse().expect("a URI"),
                options: &PutOptions::default(),
                config: &config.expect("a way of transfer"),
            };
            let meter = to.meter(None);
            let sending = Sending::new(to, &meter, None::<&InputFile>);
            assert_eq!(sending.checksum, taken, "{url:?} {wanted:?}");
        }
    }
}
