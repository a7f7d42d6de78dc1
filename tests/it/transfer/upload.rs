//! Inputs that arrive.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use sagemaker_async_inference::local::Operation;
use sagemaker_async_inference::transfer::{TransferDirection, UploadChecksum};
use sagemaker_async_inference::{AsyncPredictor, Error};

use super::shared::{BUCKET, MIB, Place, bytes, other_s3, small_parts, transfer};
use super::support::client::{predictor, session_without_bucket, uri};

fn target() -> sagemaker_async_inference::S3Uri {
    uri(&format!("s3://{BUCKET}/in/big file+ü.bin"))
}

fn arrived(place: &Place) -> Vec<u8> {
    let object = place.endpoint.get_object(BUCKET, "in/big file+ü.bin");
    object.expect("an object").body().to_vec()
}

/// Gives little at a time, as sockets do.
struct Trickle<R>(R);

impl<R: Read> Read for Trickle<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(30_011);
        self.0.read(&mut buffer[..most])
    }
}

#[test]
fn another_servers_s3_takes_parts_and_single_uploads_under_either_checksum() {
    let (s3, _runtime, session) = other_s3();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("input.bin");
    for checksum in [UploadChecksum::SignedSha256, UploadChecksum::Crc32c] {
        for len in [3 * MIB, 11 * MIB + 3] {
            let content = bytes(len);
            std::fs::write(&path, &content).expect("an input");
            let how = transfer(|t| small_parts(t).upload_checksum(checksum));
            let predictor = predictor(&session);
            let file = predictor.request_file(&path).expect("a file");
            let reader = predictor.request_reader(Trickle(content.as_slice()));
            for (name, request) in [("file", file), ("reader", reader)] {
                let name = format!("{name}-{len}-{checksum:?}");
                let _ = request
                    .upload_to(uri(&format!("s3://my-bucket/{name}")))
                    .transfer(how.clone())
                    .submit()
                    .expect("submitted");
                let stored = s3.dir().join("my-bucket").join(&name);
                assert!(std::fs::read(stored).expect("stored") == content, "{name}");
            }
        }
    }
}

#[test]
fn each_size_goes_its_documented_way() {
    let place = Place::new();
    let part = 5 * MIB;
    // Length, requests of PutObject and of UploadPart.
    let cases = [
        (0, 1, 0),
        (1, 0, 0),
        (128_000, 0, 0),
        (128_001, 1, 0),
        (part - 1, 1, 0),
        (part, 1, 0),
        (part + 1, 0, 2),
        (2 * part, 0, 2),
        (2 * part + 1, 0, 3),
    ];
    for (len, puts, parts) in cases {
        let content = bytes(len);
        let path = place.file(&content);
        let predictor = place.predictor();
        let file = predictor.request_file(&path).expect("a file");
        let reader = predictor.request_reader(content.as_slice());
        for (what, request) in [("file", file), ("reader", reader)] {
            place.endpoint.clear_requests();
            let response = request.transfer(transfer(small_parts)).submit();
            let response = response.expect("submitted");
            let count = |operation| place.requests(operation).len();
            let found = (count(Operation::PutObject), count(Operation::UploadPart));
            assert_eq!(found, (puts, parts), "a {what} of {len} bytes");
            assert_eq!(
                count(Operation::CompleteMultipartUpload),
                usize::from(parts > 0)
            );
            let invoked = place.requests(Operation::InvokeEndpointAsync);
            let inline = puts + parts == 0;
            let body = if inline { len } else { 0 };
            assert_eq!(invoked[0].body_length, Some(body), "a {what} of {len}");
            assert_eq!(response.input_location().is_none(), inline);
            if let Some(location) = response.input_location() {
                let object = place.endpoint.get_object(BUCKET, location.key());
                assert!(object.expect("stored").body() == content, "{what} {len}");
            }
        }
    }
}

#[test]
fn what_is_over_the_services_limit_is_refused_before_anything_is_sent() {
    let place = Place::new();
    let path = place.path("huge.bin");
    let file = std::fs::File::create(&path).expect("a file");
    file.set_len(1 << 30).expect("sparse");
    assert!(place.predictor().request_file(&path).is_ok());
    file.set_len((1 << 30) + 1).expect("sparse");
    let Err(Error::InvalidInput(refused)) = place.predictor().request_file(&path) else {
        panic!("it is too long");
    };
    assert!(refused.value().is_some_and(|v| v.contains("1073741825")));
    assert!(refused.limit().contains("1073741824"), "{refused}");

    let empty = place
        .predictor()
        .request_reader(io::empty())
        .inline()
        .submit();
    assert!(matches!(empty, Err(Error::InvalidInput(_))), "{empty:?}");
    let long = io::repeat(7).take(128_001);
    let long = place.predictor().request_reader(long).inline().submit();
    assert!(matches!(long, Err(Error::InvalidInput(_))), "{long:?}");
    assert!(place.endpoint.requests().is_empty());
}

#[test]
fn parts_are_signed_over_plain_http_and_carry_checksums_where_that_is_wanted() {
    let place = Place::new();
    let content = bytes(11 * MIB);
    let path = place.file(&content);
    for (checksum, unsigned) in [
        (UploadChecksum::Auto, false),
        (UploadChecksum::SignedSha256, false),
        (UploadChecksum::Crc32c, true),
    ] {
        place.endpoint.clear_requests();
        let how = transfer(|t| small_parts(t).upload_checksum(checksum));
        let request = place.predictor().request_file(&path).expect("a file");
        let request = request.upload_to(target()).transfer(how);
        let _ = request.submit().expect("submitted");
        assert!(arrived(&place) == content);
        for part in place.requests(Operation::UploadPart) {
            let hash = part.header("x-amz-content-sha256").expect("a hash");
            assert_eq!(hash == "UNSIGNED-PAYLOAD", unsigned);
            assert_eq!(part.header("x-amz-checksum-crc32c").is_some(), unsigned);
            assert_eq!(
                part.header("content-length"),
                part.body_length.map(|n| n.to_string()).as_deref()
            );
            assert_eq!(part.header("transfer-encoding"), None);
            assert_eq!(part.header("expect"), None);
        }
    }
}

#[test]
fn a_large_single_upload_expects_100_continue() {
    let place = Place::new();
    for (len, expected) in [(MIB - 1, None), (MIB, Some("100-continue"))] {
        place.endpoint.clear_requests();
        let path = place.file(&bytes(len));
        let request = place.predictor().request_file(&path).expect("a file");
        let _ = request.submit().expect("submitted");
        let put = &place.requests(Operation::PutObject)[0];
        assert_eq!(put.header("expect"), expected);
    }
}

#[test]
fn type_and_key_of_encryption_go_with_an_upload_in_parts() {
    let place = Place::new();
    let path = place.file(&bytes(6 * MIB));
    let request = place.predictor().request_file(&path).expect("a file");
    let _ = request
        .content_type("image/tiff")
        .upload_kms_key_id("alias/k")
        .upload_to(target())
        .transfer(transfer(small_parts))
        .submit()
        .expect("submitted");
    let object = place.endpoint.get_object(BUCKET, "in/big file+ü.bin");
    let object = object.expect("stored");
    assert_eq!(object.content_type(), Some("image/tiff"));
    assert_eq!(
        object.header("x-amz-server-side-encryption"),
        Some("aws:kms")
    );
    let invoked = &place.requests(Operation::InvokeEndpointAsync)[0];
    assert_eq!(
        invoked.header("x-amzn-sagemaker-content-type"),
        Some("image/tiff")
    );
}

#[test]
fn a_default_bucket_is_created_for_files_and_readers_too() {
    for len in [MIB, 11 * MIB] {
        for from_reader in [false, true] {
            let place = Place::new();
            let session = session_without_bucket(place.endpoint.url());
            let predictor = AsyncPredictor::new(place.endpoint.name(), &session);
            let content = bytes(len);
            let path = place.file(&content);
            let request = if from_reader {
                predictor.request_reader(content.as_slice())
            } else {
                predictor.request_file(&path).expect("a file")
            };
            let request = request.transfer(transfer(small_parts));
            let response = request.submit().expect("submitted");
            let location = response.input_location().expect("in S3");
            assert_eq!(location.bucket(), "sagemaker-us-east-1-123456789012");
            let object = place.endpoint.get_object(location.bucket(), location.key());
            assert!(object.expect("stored").body() == content);
        }
    }
}

#[test]
fn progress_ends_at_the_total_and_comes_one_at_a_time() {
    let place = Place::new();
    let content = bytes(21 * MIB + 1);
    let path = place.file(&content);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let reported = seen.clone();
    let how = transfer(|t| {
        small_parts(t).progress(move |progress| {
            // A lock that is held already would mean two at once.
            let mut seen = reported.try_lock().expect("one at a time");
            assert_eq!(progress.direction(), TransferDirection::Upload);
            assert_eq!(progress.uri().bucket(), BUCKET);
            seen.push((progress.bytes(), progress.total()));
            ControlFlow::Continue(())
        })
    });
    let request = place.predictor().request_file(&path).expect("a file");
    let _ = request.transfer(how).submit().expect("submitted");
    let seen = seen.lock().expect("nobody panicked");
    let total = content.len() as u64;
    assert!(seen.is_sorted());
    assert!(seen.len() > 100);
    assert!(seen.iter().all(|(_, all)| *all == Some(total)));
    assert_eq!(seen.last(), Some(&(total, Some(total))));
}
