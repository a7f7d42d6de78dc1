//! S3: objects in one request, and buckets.

use std::time::Duration;

use sagemaker_async_inference::AsyncInferenceResponse;
use sagemaker_async_inference::response::CleanUp;
use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::waiter::AccessDenied;
use sagemaker_async_inference::{Error, WaiterConfig, as_completed};

use crate::fault_matrix::operation::{Column, Dialect, Operation, RESULT};
use crate::fault_matrix::response::{Response, refusal};
use crate::fault_matrix::responses::{empty_page, no_such_bucket, usual};
use crate::fault_matrix::setup::OUTPUT;
use crate::support::client::{predictor, uri};

pub fn operations() -> Vec<Operation> {
    vec![
        get_object(),
        get_object_range(),
        put_object(),
        delete_object(),
        list_objects(),
        create_bucket(),
        wait(),
        wait_for_many(),
    ]
}

fn is_get(head: &str) -> bool {
    head.starts_with("GET /my-bucket/out ")
}

fn get_object() -> Operation {
    let healthy = |_| Response::new(200, "result");
    Operation::new("GetObject", Column::S3, is_get, healthy, |setup| {
        let response = AsyncInferenceResponse::new(&predictor(&setup.session), uri(OUTPUT), None)
            .expect("valid locations");
        match response.try_get_result::<Vec<u8>>()? {
            Some(_) => Ok(RESULT),
            None => Ok("pending"),
        }
    })
}

/// The first response breaks off; the rest is requested as a range, as the ranges of a large
/// download are.
fn get_object_range() -> Operation {
    Operation::new(
        "GetObject of a range",
        Column::S3,
        |head| is_get(head) && head.contains("\r\nrange: bytes=6-"),
        |_| {
            Response::new(206, "result")
                .header("content-range", "bytes 6-11/12")
                .header("etag", ETAG)
        },
        |setup| {
            let response =
                AsyncInferenceResponse::new(&predictor(&setup.session), uri(OUTPUT), None)
                    .expect("valid locations");
            let mut written = Vec::new();
            response.write_result(&mut written, &WaiterConfig::default())?;
            assert_eq!(written, b"resultresult");
            Ok(RESULT)
        },
    )
    .after(1)
    .while_others(|head, carried_out| {
        if is_get(head) {
            Response::new(200, "result").header("etag", ETAG).cut_of(12)
        } else {
            usual(head, carried_out)
        }
    })
}

const ETAG: &str = "\"of-this-version\"";

fn put_object() -> Operation {
    Operation::new(
        "PutObject",
        Column::S3,
        |head| head.starts_with("PUT /my-bucket/in "),
        |_| Response::new(200, ""),
        |setup| {
            let predictor = predictor(&setup.session);
            let request = predictor.request("x").upload_to(uri("s3://my-bucket/in"));
            let _ = request.submit()?;
            Ok(RESULT)
        },
    )
}

fn delete_object() -> Operation {
    Operation::new(
        "DeleteObject",
        Column::S3,
        |head| head.starts_with("DELETE "),
        |_| Response::new(204, ""),
        |setup| {
            let response =
                AsyncInferenceResponse::new(&predictor(&setup.session), uri(OUTPUT), None)
                    .expect("valid locations");
            response.try_get_result::<Vec<u8>>()?;
            let report = response.clean_up(&CleanUp::nothing().output())?;
            assert_eq!(report.removed().len() + report.failures().len(), 1);
            match report.into_failures().pop() {
                Some(failure) => Err(failure.into_error().into()),
                None => Ok(RESULT),
            }
        },
    )
    .after(1)
}

fn list_objects() -> Operation {
    Operation::new(
        "ListObjectsV2",
        Column::S3,
        |head| head.contains("list-type=2"),
        |_| empty_page(),
        |setup| {
            let response =
                AsyncInferenceResponse::new(&predictor(&setup.session), uri(OUTPUT), None)
                    .expect("valid locations");
            match response.try_get_result::<Vec<u8>>() {
                // Who may list is denied permanently.
                Err(Error::Service(fault)) if fault.operation() == "GetObject" => Ok(RESULT),
                Err(error) => Err(error.into()),
                Ok(_) => Ok("may not list"),
            }
        },
    )
    .after(1)
    .while_others(|_, _| refusal(Dialect::S3, 403, Some("AccessDenied")))
}

fn create_bucket() -> Operation {
    Operation::new(
        "CreateBucket",
        Column::S3,
        |head| head.starts_with("PUT /sagemaker-us-east-1-123456789012/ "),
        |_| Response::new(200, ""),
        |setup| {
            let predictor = predictor(&setup.without_bucket());
            match predictor.request("x").via_s3().submit() {
                // The upload after the creation: the server still knows no bucket.
                Err(Error::Service(fault)) if fault.operation() == "PutObject" => Ok(RESULT),
                Err(error) => Err(error.into()),
                Ok(_) => Ok("it was there"),
            }
        },
    )
    .after(2)
    .while_others(no_such_bucket)
}

fn wait() -> Operation {
    let healthy = |_| Response::new(200, "result");
    Operation::new("GetObject", Column::Wait, is_get, healthy, |setup| {
        let waiter = WaiterConfig::builder()
            .max_attempts(3)
            .delay(Duration::from_secs(15))
            .access_denied(AccessDenied::Pending)
            .retry(RetryConfig::off())
            .build()?;
        let response = AsyncInferenceResponse::new(&predictor(&setup.session), uri(OUTPUT), None)
            .expect("valid locations");
        response.get_result::<Vec<u8>>(&waiter)?;
        Ok(RESULT)
    })
}

/// Enough handles for a listing to be used. If it fails, each is found by a GET of its own.
fn wait_for_many() -> Operation {
    Operation::new(
        "ListObjectsV2 for 12 handles",
        Column::Wait,
        |head| head.contains("list-type=2"),
        |_| {
            let found = (0..12).map(|number| {
                format!("<Contents><Key>many/{number:02}.out</Key><Size>6</Size></Contents>")
            });
            let found: String = found.collect();
            let page = format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
            );
            Response::new(200, page)
        },
        |setup| {
            let predictor = predictor(&setup.session);
            let responses = (0..12).map(|number| {
                let output = format!("s3://my-bucket/many/{number:02}.out");
                AsyncInferenceResponse::new(&predictor, uri(&output), None)
                    .expect("valid locations")
            });
            let waiter = WaiterConfig::new(3, Duration::from_secs(15))?;
            let mut done = 0;
            for outcome in as_completed(responses.collect::<Vec<_>>(), &waiter) {
                assert_eq!(outcome.result::<Vec<u8>>()?, b"result");
                done += 1;
            }
            assert_eq!(done, 12);
            Ok(RESULT)
        },
    )
    // Where no connection comes about, three polls of each handle.
    .with_at_most(3 * 12)
    .while_others(|head, carried_out| {
        if head.starts_with("GET /my-bucket/many/") {
            Response::new(200, "result")
        } else {
            usual(head, carried_out)
        }
    })
}
