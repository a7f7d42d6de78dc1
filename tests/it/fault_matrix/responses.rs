//! Successful responses of the services, and their refusals.

use crate::fault_matrix::operation::Dialect;
use crate::fault_matrix::response::{Response, refusal};
use crate::fault_matrix::setup::OUTPUT;

pub fn is_submit(head: &str) -> bool {
    head.contains("/async-invocations ")
}

pub fn accepted() -> Response {
    Response::new(202, r#"{"InferenceId": "from-the-service"}"#)
        .header("X-Amzn-SageMaker-OutputLocation", OUTPUT)
}

/// The successful responses of every service.
pub fn usual(head: &str, _carried_out: usize) -> Response {
    if is_submit(head) {
        accepted()
    } else if head.starts_with("POST / ") {
        caller_identity()
    } else if head.starts_with("GET /federation/") {
        role_credentials()
    } else if head.contains("list-type=2") {
        empty_page()
    } else if is_upload(head, "POST", "?uploads=") {
        upload_begun()
    } else if is_upload(head, "PUT", "?partNumber=") {
        part_stored()
    } else if is_upload(head, "POST", "?uploadId=") {
        upload_completed()
    } else if head.starts_with("PUT /latest/api/token ") {
        metadata_token()
    } else if head.starts_with("GET /latest/meta-data/iam/security-credentials/ ") {
        metadata_role()
    } else if head.starts_with("GET /latest/") {
        metadata_credentials()
    } else {
        Response::new(200, "result")
    }
}

/// Whether it is a request of this operation, for the services that speak JSON.
pub fn is_target(head: &str, target: &str) -> bool {
    head.lines()
        .any(|line| line.strip_prefix("x-amz-target: ") == Some(target))
}

/// A request about the input that is sent in parts.
pub fn is_upload(head: &str, method: &str, query: &str) -> bool {
    let of_method = head.strip_prefix(method).unwrap_or_default();
    let target = of_method.strip_prefix(" /my-bucket/in").unwrap_or_default();
    target.starts_with(query)
}

pub fn empty_page() -> Response {
    let page = "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>";
    Response::new(200, page)
}

pub fn upload_begun() -> Response {
    let body =
        "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
    Response::new(200, body)
}

pub fn part_stored() -> Response {
    Response::new(200, "").header("etag", "\"of-the-part\"")
}

pub fn upload_completed() -> Response {
    let etag = "<ETag>\"of-all-1\"</ETag>";
    let body = format!("<CompleteMultipartUploadResult>{etag}</CompleteMultipartUploadResult>");
    Response::new(200, body)
}

pub fn metadata_token() -> Response {
    Response::new(200, "hush-token")
}

pub fn metadata_role() -> Response {
    Response::new(200, "invoker")
}

/// Of a container or an instance.
pub fn metadata_credentials() -> Response {
    Response::new(
        200,
        r#"{"Code": "Success", "AccessKeyId": "ASIA1", "SecretAccessKey": "hush-secret",
            "Token": "hush-token", "Expiration": "2999-01-01T00:00:00Z"}"#,
    )
}

/// `SageMaker`'s code for a request that does not fit the existing resources.
pub fn validation(message: &str) -> Response {
    Response::new(400, format!(r#"{{"message": "{message}"}}"#))
        .header("x-amzn-errortype", "ValidationException")
}

/// Application Auto Scaling's code for a resource that does not exist.
pub fn not_registered() -> Response {
    refusal(Dialect::Json, 400, Some("ObjectNotFoundException"))
}

pub fn no_such_bucket(head: &str, carried_out: usize) -> Response {
    if head.starts_with("PUT /sagemaker-") {
        refusal(Dialect::S3, 404, Some("NoSuchBucket"))
    } else {
        usual(head, carried_out)
    }
}

pub fn caller_identity() -> Response {
    Response::new(200, crate::support::client::caller_identity().body)
}

pub fn role_response(action: &str) -> Response {
    Response::new(
        200,
        format!(
            "<{action}Response><{action}Result><Credentials><AccessKeyId>ASIA1</AccessKeyId>\
             <SecretAccessKey>hush-secret</SecretAccessKey><SessionToken>hush-token</SessionToken>\
             <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></{action}Result>\
             </{action}Response>"
        ),
    )
}

pub fn role_credentials() -> Response {
    Response::new(
        200,
        r#"{"roleCredentials": {"accessKeyId": "ASIA1", "secretAccessKey": "hush-secret",
            "sessionToken": "hush-token", "expiration": 32472144000000}}"#,
    )
}

pub fn new_token() -> Response {
    Response::new(
        200,
        r#"{"accessToken": "hush-access-1", "expiresIn": 3600, "tokenType": "Bearer"}"#,
    )
}
