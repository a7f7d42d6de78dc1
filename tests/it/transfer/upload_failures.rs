//! Inputs that do not arrive, or not at the first attempt.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::service_code;
use sagemaker_async_inference::error::TransferErrorKind;
use sagemaker_async_inference::local::{Fault, Operation};
use sagemaker_async_inference::sys::{Clock, SystemClock};
use sagemaker_async_inference::transfer::UploadChecksum;
use sagemaker_async_inference::{Error, TransferConfig};

use super::shared::{BUCKET, MIB, Place, bytes, failed, small_parts, transfer};
use super::support::HANG;
use super::support::client::uri;

/// Sends a file in parts.
fn send(place: &Place, path: &Path, how: TransferConfig) -> Result<(), Error> {
    let request = place.predictor().request_file(path).expect("a file");
    let to = uri(&format!("s3://{BUCKET}/in/1"));
    request.upload_to(to).transfer(how).submit().map(drop)
}

/// Nothing was submitted and nothing is left.
fn assert_undone(place: &Place) {
    assert_eq!(place.endpoint.multipart_uploads(BUCKET), [""; 0]);
    assert!(place.endpoint.get_object(BUCKET, "in/1").is_none());
    assert!(place.requests(Operation::InvokeEndpointAsync).is_empty());
}

#[test]
fn a_part_that_fails_is_sent_again_alone() {
    let place = Place::new();
    let content = bytes(21 * MIB);
    let path = place.file(&content);
    let part = || Fault::on(Operation::UploadPart);
    place.endpoint.fault(part().skip(1).status(500));
    place.endpoint.fault(part().skip(2).drop_connection());
    place.endpoint.fault(part().skip(3).drop_after_handling());
    let last = AtomicU64::new(0);
    let how = transfer(|t| {
        small_parts(t).progress(move |progress| {
            // Goes back by what has to be sent again, and never past the total.
            assert!(progress.bytes() <= 21 << 20);
            last.store(progress.bytes(), Ordering::SeqCst);
            ControlFlow::Continue(())
        })
    });
    send(&place, &path, how).expect("submitted");
    let stored = place.endpoint.get_object(BUCKET, "in/1").expect("stored");
    assert!(stored.body() == content);
    assert_eq!(place.requests(Operation::UploadPart).len(), 5 + 3);
    // A part that is struck twice pauses up to 1 s and up to 2 s, the other one up to 1 s; parts that
    // pause at a time each move the clock on, by one check more than they need.
    assert!(place.clock.slept() <= Duration::from_secs(5));
}

#[test]
fn what_arrived_as_something_else_is_hashed_and_sent_again() {
    for code in ["BadDigest", "XAmzContentSHA256Mismatch"] {
        let place = Place::new();
        let content = bytes(11 * MIB);
        let path = place.file(&content);
        let other = Fault::on(Operation::UploadPart).error(400, code);
        place.endpoint.fault(other.clone());
        send(&place, &path, transfer(small_parts)).expect("submitted");
        let stored = place.endpoint.get_object(BUCKET, "in/1").expect("stored");
        assert!(stored.body() == content);
        assert_eq!(place.requests(Operation::UploadPart).len(), 3 + 1);

        let place = Place::new();
        let path = place.file(&content);
        place.endpoint.fault(other.always());
        let error = send(&place, &path, transfer(small_parts)).expect_err("never right");
        assert!(service_code(&error) == Some(code), "{error:?}");
        assert_undone(&place);
    }
}

/// The store computes a checksum of what it received, and need not have compared it.
#[test]
fn an_upload_of_which_the_store_reports_another_checksum_is_no_input() {
    let place = Place::new();
    for (operation, len) in [
        (Operation::PutObject, MIB),
        (Operation::UploadPart, 11 * MIB),
    ] {
        let path = place.file(&bytes(len));
        let headers = [("etag", "\"1\""), ("x-amz-checksum-crc32c", "AAAAAA==")];
        place
            .endpoint
            .fault(Fault::on(operation).respond(200, headers, ""));
        let how = transfer(|t| small_parts(t).upload_checksum(UploadChecksum::Crc32c));
        let error = send(&place, &path, how.clone()).expect_err("another content");
        let cause = std::error::Error::source(&error)
            .expect("a cause")
            .to_string();
        assert!(cause.contains("x-amz-checksum"), "{cause}");
        assert!(place.requests(Operation::InvokeEndpointAsync).is_empty());
        send(&place, &path, how).expect("an upload");
        place.endpoint.clear_requests();
    }
}

#[test]
fn an_end_that_fails_after_it_began_well_is_tried_again() {
    let place = Place::new();
    let path = place.file(&bytes(6 * MIB));
    let error = "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code>\
                 <Message>We encountered an internal error.</Message></Error>";
    let hidden = || {
        Fault::on(Operation::CompleteMultipartUpload).respond(
            200,
            [("content-type", "application/xml")],
            error,
        )
    };
    place.endpoint.fault(hidden());
    send(&place, &path, transfer(small_parts)).expect("submitted");

    let place = Place::new();
    let path = place.file(&bytes(6 * MIB));
    place.endpoint.fault(hidden().always());
    let error = send(&place, &path, transfer(small_parts)).expect_err("it never ends well");
    assert!(service_code(&error) == Some("InternalError"), "{error:?}");
    assert_undone(&place);
}

#[test]
fn a_complete_request_whose_response_is_lost_is_checked() {
    let end = || Fault::on(Operation::CompleteMultipartUpload);
    let place = Place::new();
    let content = bytes(6 * MIB);
    let path = place.file(&content);
    place.endpoint.fault(end().drop_after_handling());
    send(&place, &path, transfer(small_parts)).expect("submitted");
    assert_eq!(place.requests(Operation::CompleteMultipartUpload).len(), 2);
    assert_eq!(place.requests(Operation::AbortMultipartUpload).len(), 0);
    let object = place.endpoint.get_object(BUCKET, "in/1");
    assert!(object.is_some_and(|object| object.body() == content));

    // Something else is there, and the upload is not: it was not this upload's end.
    let place = Place::new();
    place.endpoint.put_object(BUCKET, "in/1", "an older one");
    let path = place.file(&content);
    place.endpoint.fault(end().drop_connection());
    let gone = end().error(404, "NoSuchUpload");
    place.endpoint.fault(gone);
    let error = send(&place, &path, transfer(small_parts)).expect_err("no such upload");
    assert!(service_code(&error) == Some("NoSuchUpload"), "{error:?}");
    assert!(place.requests(Operation::InvokeEndpointAsync).is_empty());
}

#[test]
fn a_complete_response_without_an_object_is_an_error() {
    for page in ["", "<html><p>a proxy's page</html>"] {
        let place = Place::new();
        let path = place.file(&bytes(6 * MIB));
        let end = Fault::on(Operation::CompleteMultipartUpload);
        let headers = [("content-type", "text/html")];
        place.endpoint.fault(end.respond(200, headers, page));
        let error = send(&place, &path, transfer(small_parts)).expect_err("no object");
        assert!(matches!(error, Error::Transport(_)), "{error:?}");
        assert_undone(&place);
    }
}

#[test]
fn an_upload_that_fails_for_good_is_aborted() {
    for operation in [Operation::UploadPart, Operation::CompleteMultipartUpload] {
        let place = Place::new();
        let path = place.file(&bytes(21 * MIB));
        place
            .endpoint
            .fault(Fault::on(operation).skip(0).always().access_denied());
        let error = send(&place, &path, transfer(small_parts)).expect_err("denied");
        assert!(service_code(&error) == Some("AccessDenied"), "{error:?}");
        assert_eq!(place.requests(Operation::AbortMultipartUpload).len(), 1);
        assert_undone(&place);
    }
}

#[test]
fn an_abort_without_a_response_does_not_delay_the_caller() {
    let place = Place::new();
    let path = place.file(&bytes(6 * MIB));
    place
        .endpoint
        .fault(Fault::on(Operation::UploadPart).always().access_denied());
    place
        .endpoint
        .fault(Fault::on(Operation::AbortMultipartUpload).always().hang());
    let started = SystemClock.monotonic();
    let error = send(&place, &path, transfer(small_parts)).expect_err("denied");
    assert!(service_code(&error) == Some("AccessDenied"), "{error:?}");
    let took = SystemClock.monotonic().saturating_sub(started);
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// Acts once a third is through.
fn meanwhile(act: impl Fn() + Send + Sync + 'static) -> TransferConfig {
    let done = AtomicBool::new(false);
    transfer(|t| {
        small_parts(t).progress(move |progress| {
            if progress.bytes() > 7 << 20 && !done.swap(true, Ordering::SeqCst) {
                act();
            }
            ControlFlow::Continue(())
        })
    })
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let append = |path: &Path| {
        let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
        file.write_all(b"more")
    };
    let truncate = |path: &Path| {
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(8 << 20)
    };
    let overwrite = |path: &Path| std::fs::write(path, &bytes(21 * MIB + 1)[1..]);
    for (what, change) in [
        (
            "appended",
            Box::new(append) as Box<dyn Fn(&Path) -> io::Result<()> + Send + Sync>,
        ),
        ("truncated", Box::new(truncate)),
        ("overwritten", Box::new(overwrite)),
    ] {
        let place = Place::new();
        let path = place.file(&bytes(21 * MIB));
        let changed = path.clone();
        let how = meanwhile(move || {
            // Whatever the file system's clock counts in.
            std::thread::yield_now();
            change(&changed).expect("changed");
        });
        let error = failed(send(&place, &path, how), TransferErrorKind::Changed);
        assert!(error.resource().ends_with("input.bin"), "{what}: {error}");
        assert_undone(&place);
    }
}

#[test]
fn a_small_file_that_shrinks_before_it_is_sent_is_an_error() {
    for len in [100, MIB] {
        let place = Place::new();
        let path = place.file(&bytes(len));
        let request = place.predictor().request_file(&path).expect("a file");
        std::fs::write(&path, b"short").expect("changed");
        failed(request.submit(), TransferErrorKind::Changed);
        assert!(place.requests(Operation::InvokeEndpointAsync).is_empty());
    }
}

#[test]
fn the_progress_callback_can_stop_it() {
    let place = Place::new();
    let path = place.file(&bytes(21 * MIB));
    let how = transfer(|t| {
        small_parts(t).progress(|progress| {
            if progress.bytes() > 7 << 20 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
    });
    // Several times: whatever the threads of the other parts are doing, the stop is what is reported.
    for _ in 0..4 {
        failed(send(&place, &path, how.clone()), TransferErrorKind::Stopped);
        assert_undone(&place);
    }
    // And in one request.
    let how = transfer(|t| t.progress(|_| ControlFlow::Break(())));
    failed(send(&place, &path, how), TransferErrorKind::Stopped);
    assert_undone(&place);
}

/// Panics after some good bytes.
struct Panicking(usize);

impl Read for Panicking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.0 < 12 * MIB, "the reader's");
        self.0 += buffer.len();
        Ok(buffer.len())
    }
}

#[test]
fn a_panic_of_the_callers_code_leaves_nothing_behind() {
    let place = Place::new();
    let path = place.file(&bytes(21 * MIB));
    let how = meanwhile(|| panic!("the callback's"));
    let outcome = catch_unwind(AssertUnwindSafe(|| send(&place, &path, how)));
    assert!(outcome.is_err());
    assert_undone(&place);

    let request = place.predictor().request_reader(Panicking(0));
    let request = request
        .upload_to(uri(&format!("s3://{BUCKET}/in/1")))
        .transfer(transfer(small_parts));
    let outcome = catch_unwind(AssertUnwindSafe(|| request.submit()));
    assert!(outcome.is_err());
    assert_eq!(
        place.requests(Operation::CreateMultipartUpload).len(),
        1 + 1
    );
    assert_undone(&place);
}

#[test]
fn a_reader_that_fails_is_an_error_with_its_cause() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionReset,
                    "the peer is gone",
                ));
            }
            let read = self.0.min(buffer.len());
            self.0 -= read;
            Ok(read)
        }
    }
    for good in [0, 1000, MIB, 12 * MIB] {
        let place = Place::new();
        let request = place.predictor().request_reader(Failing(good));
        let request = request
            .upload_to(uri(&format!("s3://{BUCKET}/in/1")))
            .transfer(transfer(small_parts));
        let error = failed(request.submit(), TransferErrorKind::Read);
        let cause = std::error::Error::source(&error).expect("a cause");
        assert_eq!(cause.to_string(), "the peer is gone");
        assert_eq!(error.resource(), "the reader");
        assert_undone(&place);
    }
}

#[test]
fn what_is_no_file_is_an_error_at_once() {
    let place = Place::new();
    for path in [place.path("none"), place.dir().to_owned()] {
        let refused = place.predictor().request_file(&path);
        let error = failed(refused, TransferErrorKind::Read);
        assert_eq!(error.resource(), path.display().to_string());
    }
}

/// Opening one waits for a writer, who may never come.
#[cfg(unix)]
#[test]
fn a_named_pipe_is_refused_without_waiting_for_its_writer() {
    let place = Place::new();
    let path = place.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo").success());
    let (sender, refused) = std::sync::mpsc::channel();
    let (predictor, pipe) = (place.predictor(), path.clone());
    std::thread::spawn(move || sender.send(predictor.request_file(&pipe).map(drop)));
    let refused = refused.recv_timeout(HANG).expect("no wait for a writer");
    let error = failed(refused, TransferErrorKind::Read);
    assert_eq!(error.resource(), path.display().to_string());
    let cause = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert!(cause.contains("not a regular file"), "{cause}");
}

/// The length of such files is 0 whatever they hold.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_the_kernels_is_not_sent_as_an_empty_one() {
    let place = Place::new();
    let refused = place.predictor().request_file("/proc/version");
    let error = failed(refused, TransferErrorKind::Read);
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert!(source.is_some_and(|text| text.contains("its length is 0")));
    // An empty file is an input.
    let empty = place.file(b"");
    assert!(place.predictor().request_file(empty).is_ok());
}

#[test]
fn neither_debug_nor_errors_show_what_is_sent() {
    let place = Place::new();
    let path = place.file(b"do not show this");
    let file = place.predictor().request_file(&path).expect("a file");
    let predictor = place.predictor();
    let reader = predictor.request_reader(&b"do not show this"[..]);
    let shown = format!("{file:?} {reader:?}");
    assert!(!shown.contains("do not show"), "{shown}");
    assert!(shown.contains("input.bin"), "{shown}");
}
