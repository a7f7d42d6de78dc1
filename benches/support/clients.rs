//! This crate and the floor, doing the same.

use std::ops::ControlFlow;

use aws_sigv4::http_request::SignableBody;
use sagemaker_async_inference::sys::{Environment, Sys};
use sagemaker_async_inference::{
    AsyncInferenceResponse, AsyncPredictor, Bytes, Json, S3Uri, Session, SessionBuilder,
    WaiterConfig, as_completed,
};

use super::{Outcome, credentials, signed};

/// One request, or what takes its place.
pub trait Client {
    /// A poll of a key that is not there.
    fn poll(&self) -> Outcome<()>;
    /// `InvokeEndpointAsync` of an input in S3.
    fn invoke(&self) -> Outcome<()>;
    /// A submit of this input. Gives back how many requests it takes.
    fn submit(&self, input: &[u8]) -> Outcome<u32>;
    /// A poll of some keys that are not there, beside [`LISTED`] that are: one page.
    fn list(&self) -> Outcome<()>;
}

/// The floor, or this crate.
pub fn client(who: &str, url: &str, bucket: &str) -> Outcome<Box<dyn Client>> {
    Ok(match who {
        "floor" => Box::new(Floor::new(url, bucket)),
        _ => Box::new(Ours::new(url, bucket)?),
    })
}

/// How many objects the folder `listed/` has.
pub const LISTED: usize = 1000;
const PENDING: usize = 20;

pub fn listed_key(number: usize) -> String {
    format!("listed/b-{number:08}-0000-4000-8000-000000000000.out")
}

/// This crate.
pub struct Ours {
    predictor: AsyncPredictor<Bytes>,
    response: AsyncInferenceResponse<Json>,
    input: S3Uri,
    pending: Vec<S3Uri>,
}

impl Ours {
    pub fn new(url: &str, bucket: &str) -> Outcome<Self> {
        Self::of(Self::session(url), bucket)
    }

    /// With nothing of this machine's environment.
    pub fn session(url: &str) -> SessionBuilder {
        Session::builder()
            .region("us-east-1")
            .endpoint_url(url)
            .credentials(credentials())
            .sys(Sys::real().with_environment(Environment::empty()))
    }

    pub fn of(session: SessionBuilder, bucket: &str) -> Outcome<Self> {
        let session = session.build()?;
        let predictor = AsyncPredictor::new("bench", &session).with_serializer(Bytes::default());
        let at = |key: &str| format!("s3://{bucket}/{key}").parse::<S3Uri>();
        Ok(Self {
            response: AsyncInferenceResponse::new(&predictor, at("missing.out")?, None)?,
            input: at("input")?,
            pending: (0..PENDING)
                .map(|number| at(&format!("listed/a-{number:02}.out")))
                .collect::<Result<_, _>>()?,
            predictor,
        })
    }
}

impl Client for Ours {
    fn poll(&self) -> Outcome<()> {
        match self.response.try_get_result::<String>()? {
            None => Ok(()),
            Some(_) => Err("the key is there".into()),
        }
    }

    fn invoke(&self) -> Outcome<()> {
        let _ = self.predictor.request_at(self.input.clone()).submit()?;
        Ok(())
    }

    fn submit(&self, input: &[u8]) -> Outcome<u32> {
        let _ = self.predictor.predict_async(input)?;
        Ok(1)
    }

    fn list(&self) -> Outcome<()> {
        let pending = self.pending.iter().cloned();
        let responses = pending.map(|uri| AsyncInferenceResponse::new(&self.predictor, uri, None));
        let responses = responses.collect::<Result<Vec<_>, _>>()?;
        let mut waiting =
            as_completed(responses, &WaiterConfig::default()).progress(|_| ControlFlow::Break(()));
        match waiting.next() {
            None => Ok(()),
            Some(_) => Err("a key is there".into()),
        }
    }
}

/// Plain `ureq` and `aws-sigv4`, with a kept connection.
pub struct Floor {
    agent: ureq::Agent,
    poll: http::Uri,
    invoke: http::Uri,
    input: http::Uri,
    location: String,
    list: http::Uri,
    wants_checksum: bool,
}

impl Floor {
    pub fn new(url: &str, bucket: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build();
        Self::with_agent(config.new_agent(), url, bucket)
    }

    pub fn with_agent(agent: ureq::Agent, url: &str, bucket: &str) -> Self {
        let uri = |path: String| path.parse().expect("a URI");
        Self {
            agent,
            poll: uri(format!("{url}/{bucket}/missing.out")),
            invoke: uri(format!("{url}/endpoints/bench/async-invocations")),
            input: uri(format!("{url}/{bucket}/input")),
            location: format!("s3://{bucket}/input"),
            list: uri(format!("{url}/{bucket}?list-type=2&prefix=listed%2F")),
            wants_checksum: false,
        }
    }

    /// Its polls ask for the checksum of the output, as those of this crate do, by a header that is signed.
    pub fn with_checksums(self) -> Self {
        Self {
            wants_checksum: true,
            ..self
        }
    }

    fn send(&self, request: http::Request<&[u8]>, service: &str, status: u16) -> Outcome<()> {
        let body = SignableBody::Bytes(request.body());
        let request = signed(request.map(|body| body), service, body)?;
        finish(self.agent.run(request)?, status)
    }
}

impl Client for Floor {
    fn poll(&self) -> Outcome<()> {
        let mut request = http::Request::get(&self.poll);
        if self.wants_checksum {
            request = request.header("x-amz-checksum-mode", "ENABLED");
        }
        let request = signed(request.body(())?, "s3", SignableBody::Bytes(&[]))?;
        finish(self.agent.run(request)?, 404)
    }

    fn invoke(&self) -> Outcome<()> {
        let request = http::Request::post(&self.invoke)
            .header("x-amzn-sagemaker-inputlocation", &self.location)
            .header("x-amzn-sagemaker-accept", "application/json")
            .header(
                "x-amzn-sagemaker-inference-id",
                "00000000-0000-4000-8000-000000000000",
            )
            .body(b"".as_slice())?;
        self.send(request, "sagemaker", 202)
    }

    fn submit(&self, input: &[u8]) -> Outcome<u32> {
        let request = http::Request::put(&self.input)
            .header("content-type", "application/octet-stream")
            .body(input)?;
        self.send(request, "s3", 200)?;
        self.invoke()?;
        Ok(2)
    }

    fn list(&self) -> Outcome<()> {
        let request = http::Request::get(&self.list).body(())?;
        let mut response = self
            .agent
            .run(signed(request, "s3", SignableBody::Bytes(&[]))?)?;
        let page = response.body_mut().read_to_string()?;
        let keys = page
            .split("<Key>")
            .skip(1)
            .filter_map(|rest| rest.split_once("</Key>"));
        if keys.filter(|(key, _)| key.starts_with("listed/b-")).count() == LISTED {
            Ok(())
        } else {
            Err("the page has other keys".into())
        }
    }
}

fn finish(mut response: http::Response<ureq::Body>, status: u16) -> Outcome<()> {
    response.body_mut().read_to_vec()?;
    if response.status() == status {
        Ok(())
    } else {
        Err(format!("HTTP {}", response.status()).into())
    }
}
