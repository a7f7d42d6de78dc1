//! Fetches an object that is stored with a `Content-Encoding`, in every way: each must fail with the name of the
//! feature, and write nothing.

use std::error::Error;

use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Bytes, Session, WaiterConfig,
};

const FEATURE: &str = if cfg!(feature = "gzip") {
    "gzip"
} else {
    "brotli"
};
/// `hello`, compressed.
const GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 72, 205, 201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0, 0,
];
const BROTLI: &[u8] = &[11, 2, 128, 104, 101, 108, 108, 111, 3];

fn check(session: &Session, endpoint: &LocalEndpoint) -> Result<(), Box<dyn Error>> {
    let predictor = AsyncPredictor::new(endpoint.name(), session).with_deserializer(Bytes::new());
    let location = format!("s3://{}/out", endpoint.bucket());
    let response = || AsyncInferenceResponse::new(&predictor, &*location, None);
    let waiter = WaiterConfig::new(1, std::time::Duration::from_millis(1))?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("out");
    let mut written = Vec::new();
    let errors = [
        response()?.download(&file, &waiter).err(),
        response()?.write_result(&mut written, &waiter).err(),
        response()?.get_result::<Vec<u8>>(&waiter).err(),
    ];
    for error in errors {
        let error = error.ok_or("decoded bytes were taken for the object")?;
        let text = format!("{error:#}");
        assert!(
            text.contains(&format!("the feature `{FEATURE}` of ureq")),
            "{text}"
        );
    }
    assert!(written.is_empty() && !file.exists());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    assert!(
        cfg!(feature = "gzip") != cfg!(feature = "brotli"),
        "enable one of gzip and brotli"
    );
    let (encoding, body) = match FEATURE {
        "gzip" => ("gzip", GZIP),
        _ => ("br", BROTLI),
    };
    let endpoint = LocalEndpoint::builder().start()?;
    let headers = [
        ("content-encoding", encoding),
        ("etag", "\"1\""),
        ("content-type", "text/plain"),
    ];
    endpoint.fault(
        Fault::on(Operation::GetObject)
            .always()
            .respond(200, headers, body),
    );
    let agent = ureq::Agent::new_with_defaults();
    let with_agent = endpoint.session_builder().agent(agent).build()?;
    check(&endpoint.session()?, &endpoint)?;
    check(&with_agent, &endpoint)?;
    println!("an object with {encoding} is refused by the feature's name");
    Ok(())
}
