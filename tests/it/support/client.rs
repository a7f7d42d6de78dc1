//! Sessions for the test servers, and the responses that servers give most.

use sagemaker_async_inference::credentials::Credentials;
use sagemaker_async_inference::sys::{Clock, Environment, ManualClock, Sys};
use sagemaker_async_inference::{
    AsyncPredictor, Bytes, Error, InvalidInput, S3Uri, Session, SessionBuilder,
};

use super::verifier::{Reply, Rules, Seen, Verifier};
use super::{ACCESS_KEY, SECRET_KEY};

pub const ENDPOINT: &str = "my-endpoint";
pub const ACCOUNT: &str = "123456789012";

/// Static credentials.
pub fn keys(access_key: &str, secret_key: &str, token: Option<String>) -> Credentials {
    Credentials::new(access_key, secret_key, token, None, "test")
}

/// The machine's clock and no environment.
pub fn sys() -> Sys {
    Sys::real().with_environment(Environment::empty())
}

/// With the documentation's keys, in us-east-1, in real time.
pub fn builder() -> SessionBuilder {
    Session::builder()
        .region("us-east-1")
        .credentials(keys(ACCESS_KEY, SECRET_KEY, None))
        .default_bucket("my-bucket")
        .sys(sys())
}

/// All services at `url`, in real time.
pub fn session_at(url: &str) -> Session {
    builder().endpoint_url(url).build().expect("a session")
}

/// All services at `url`, in the clock's time.
pub fn session_in(url: &str, clock: impl Clock) -> Session {
    let builder = builder().endpoint_url(url).sys(sys().with_clock(clock));
    builder.build().expect("a session")
}

/// Bytes in, bytes out.
pub fn predictor(session: &Session) -> AsyncPredictor<Bytes, Bytes> {
    AsyncPredictor::new(ENDPOINT, session)
        .with_serializer(Bytes::new())
        .with_deserializer(Bytes::new())
}

pub fn uri(text: &str) -> S3Uri {
    text.parse().expect("an S3 URI")
}

/// What the runtime responds to a submit.
pub fn accepted(output: &str) -> Reply {
    Reply::new(202, r#"{"InferenceId": "from-the-service"}"#)
        .header("content-type", "application/json")
        .header("X-Amzn-SageMaker-OutputLocation", output)
}

pub fn not_found() -> Reply {
    s3_error(404, "NoSuchKey", "The specified key does not exist.")
}

pub fn denied() -> Reply {
    s3_error(403, "AccessDenied", "Access Denied")
}

pub fn s3_error(status: u16, code: &str, message: &str) -> Reply {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>{message}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    );
    Reply::new(status, xml)
        .header("content-type", "application/xml")
        .header("x-amz-request-id", "4442587FB7D0A2F9")
}

/// What the runtime responds with an error's code.
pub fn refused(status: u16, code: &str, message: &str) -> Reply {
    Reply::new(status, format!(r#"{{"Message": "{message}"}}"#))
        .header("x-amzn-errortype", code)
        .header("x-amzn-requestid", "d1e5b0b4-request")
}

/// What STS responds to `GetCallerIdentity`.
pub fn caller_identity() -> Reply {
    Reply::new(
        200,
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/a</Arn>\
             <UserId>AIDA</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        ),
    )
    .header("content-type", "text/xml")
}

/// Whether it is a submit.
pub fn is_submit(seen: &Seen) -> bool {
    seen.path.ends_with("/async-invocations")
}

/// Whether it lists a bucket.
pub fn is_list(seen: &Seen) -> bool {
    seen.path.contains("list-type=2")
}

/// Takes every submit and every upload.
pub fn accepting() -> Verifier {
    Verifier::start(Rules::new(), |seen| {
        if is_submit(seen) {
            accepted("s3://my-bucket/out")
        } else if seen.path == "/" {
            caller_identity()
        } else {
            Reply::new(200, "")
        }
    })
}

/// Without a default bucket, so that it has to be derived.
pub fn session_without_bucket(url: &str) -> Session {
    Session::builder()
        .region("us-east-1")
        .credentials(keys(ACCESS_KEY, SECRET_KEY, None))
        .endpoint_url(url)
        .sys(sys().with_clock(ManualClock::new()))
        .build()
        .expect("a session")
}

/// The refusal of a value that breaks a limit.
pub fn invalid(error: Error) -> InvalidInput {
    match error {
        Error::InvalidInput(invalid) => *invalid,
        other => panic!("{other:?}"),
    }
}
