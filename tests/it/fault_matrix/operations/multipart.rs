//! S3: an input that is sent in parts, of which there is one.

use sagemaker_async_inference::{Error, TransferConfig};

use crate::fault_matrix::operation::{Column, Dialect, Effect, Operation, Outcome, RESULT};
use crate::fault_matrix::response::{Response, refusal};
use crate::fault_matrix::responses::{
    is_upload, part_stored, upload_begun, upload_completed, usual,
};
use crate::fault_matrix::setup::Setup;
use crate::support::client::{predictor, uri};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "CreateMultipartUpload",
            Column::Multipart,
            |head| is_upload(head, "POST", "?uploads="),
            |_| upload_begun(),
            upload,
        )
        // The id is unknown if the response was lost: the bucket's lifecycle rule ends the upload.
        .with_effect(Effect::Each("begun")),
        Operation::new(
            "UploadPart",
            Column::Multipart,
            |head| is_upload(head, "PUT", "?partNumber=1&uploadId="),
            |_| part_stored(),
            upload,
        )
        .after(1),
        Operation::new(
            "CompleteMultipartUpload",
            Column::Multipart,
            |head| is_upload(head, "POST", "?uploadId="),
            |carried_out| match carried_out {
                0 => upload_completed(),
                _ => refusal(Dialect::S3, 404, Some("NoSuchUpload")),
            },
            upload,
        )
        .with_effect(Effect::Once)
        .looked_up_by(is_lookup)
        .after(2)
        .while_others(|head, carried_out| match carried_out {
            1 if is_lookup(head) => Response::new(206, "t").header("content-range", "bytes 0-0/9"),
            _ if is_lookup(head) => refusal(Dialect::S3, 404, Some("NoSuchKey")),
            _ => usual(head, carried_out),
        }),
        Operation::new(
            "AbortMultipartUpload",
            Column::Multipart,
            |head| is_upload(head, "DELETE", "?uploadId="),
            |_| Response::new(204, ""),
            |setup| match upload(setup) {
                // The outcome of aborting a failed upload does not replace the reason of the failure.
                Err(failure) if is_of_part(failure.error()) => Ok(RESULT),
                outcome => outcome,
            },
        )
        .after(2)
        .while_others(|head, carried_out| {
            if is_upload(head, "PUT", "?partNumber=1&uploadId=") {
                refusal(Dialect::S3, 400, Some("EntityTooLarge"))
            } else {
                usual(head, carried_out)
            }
        }),
    ]
}

fn upload(setup: &Setup) -> Outcome {
    let in_parts = TransferConfig::builder().multipart_threshold(0).build()?;
    let predictor = predictor(&setup.session);
    let request = predictor.request_reader(&b"the input"[..]);
    let request = request.upload_to(uri("s3://my-bucket/in"));
    let _ = request.transfer(in_parts).submit()?;
    Ok(RESULT)
}

fn is_lookup(head: &str) -> bool {
    is_upload(head, "GET", " ")
}

fn is_of_part(error: &Error) -> bool {
    matches!(error, Error::Service(fault) if fault.operation() == "UploadPart")
}
