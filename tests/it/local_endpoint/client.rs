//! A client for tests: signs with `aws-sigv4`, sends with `ureq`.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use md5::{Digest as _, Md5};
use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::{Clock, SystemClock};

/// Long enough for any machine; nothing waits for it to pass.
pub(crate) const HANG_GUARD: Duration = Duration::from_secs(20);

/// A client that speaks to one endpoint, over connections of its own.
pub(crate) struct Client {
    url: String,
    agent: ureq::Agent,
    region: String,
    access_key: String,
    secret_key: String,
    token: Option<String>,
}

pub(crate) fn client(endpoint: &LocalEndpoint) -> Client {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(HANG_GUARD))
        .build()
        .new_agent();
    Client {
        url: endpoint.url().to_owned(),
        agent,
        region: endpoint.region().to_owned(),
        access_key: endpoint.access_key().to_owned(),
        secret_key: endpoint.secret_key().to_owned(),
        token: endpoint.session_token().map(str::to_owned),
    }
}

impl Client {
    pub(crate) fn s3(&self, method: &str, target: &str) -> Call<'_> {
        self.call("s3", method, target)
    }

    pub(crate) fn put(&self, target: &str, body: impl Into<Vec<u8>>) -> Call<'_> {
        self.s3("PUT", target).body(body)
    }

    pub(crate) fn get(&self, target: &str) -> Call<'_> {
        self.s3("GET", target)
    }

    pub(crate) fn invoke(&self, endpoint: &str) -> Call<'_> {
        let target = format!("/endpoints/{endpoint}/async-invocations");
        self.call("sagemaker", "POST", &target)
    }

    pub(crate) fn sts(&self) -> Call<'_> {
        self.call("sts", "POST", "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("Action=GetCallerIdentity&Version=2011-06-15")
    }

    /// Sends a request to a URL as it is.
    pub(crate) fn plain(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = if body.is_empty() {
            self.agent.run(request.body(()).expect("a request"))
        } else {
            self.agent
                .run(request.body(body.to_owned()).expect("a request"))
        };
        Reply::of(sent.expect("a response")).expect("a body")
    }

    pub(crate) fn call(&self, service: &'static str, method: &str, target: &str) -> Call<'_> {
        Call {
            client: self,
            url: self.url.clone(),
            service,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            unsigned_headers: Vec::new(),
            body: Vec::new(),
            signed_body: None,
            unsigned_payload: false,
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            token: self.token.clone(),
            region: self.region.clone(),
            scope: service,
            time: SystemClock.now(),
        }
    }
}

/// One request; every part of its signature can be made wrong.
pub(crate) struct Call<'a> {
    client: &'a Client,
    service: &'static str,
    /// Scheme and host.
    pub(crate) url: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    pub(crate) unsigned_headers: Vec<(String, String)>,
    body: Vec<u8>,
    pub(crate) signed_body: Option<Vec<u8>>,
    pub(crate) unsigned_payload: bool,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) token: Option<String>,
    pub(crate) region: String,
    pub(crate) scope: &'static str,
    pub(crate) time: SystemTime,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With the digest of the body, which some operations want.
    pub(crate) fn with_md5(self) -> Self {
        let digest = STANDARD.encode(Md5::digest(&self.body));
        self.header("content-md5", &digest)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Sends it, and reads the whole response.
    pub(crate) fn send(self) -> Reply {
        self.try_send().expect("a response")
    }

    /// Sends it; an error is one of the connection.
    pub(crate) fn try_send(self) -> Result<Reply, ureq::Error> {
        let (client, method) = (self.client, self.method.clone());
        let request = self.signed();
        let response = if matches!(method.as_str(), "GET" | "HEAD" | "DELETE") {
            client.agent.run(request.map(|_| ()))?
        } else {
            client.agent.run(request)?
        };
        Reply::of(response)
    }

    /// A URL that is the request, for so long.
    pub(crate) fn presigned(self, expires: Duration) -> String {
        let request = self.signed_in(SignatureLocation::QueryParams, Some(expires));
        request.uri().to_string()
    }

    /// The request as it would be sent.
    pub(crate) fn signed(self) -> Request<Vec<u8>> {
        self.signed_in(SignatureLocation::Headers, None)
    }

    fn signed_in(self, location: SignatureLocation, expires: Option<Duration>) -> Request<Vec<u8>> {
        let uri = format!("{}{}", self.url, self.target);
        let identity = Credentials::new(self.access_key, self.secret_key, self.token, None, "test");
        let identity = identity.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = location;
        settings.expires_in = expires;
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            if expires.is_none() {
                settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            }
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.scope)
            .time(self.time)
            .settings(settings)
            .build()
            .expect("parameters")
            .into();
        let body = if self.unsigned_payload {
            SignableBody::UnsignedPayload
        } else {
            SignableBody::Bytes(self.signed_body.as_deref().unwrap_or(&self.body))
        };
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let signable =
            SignableRequest::new(&self.method, uri.as_str(), headers, body).expect("signable");
        let (instructions, _) = sign(signable, &params).expect("signed").into_parts();
        let mut builder = Request::builder().method(self.method.as_str()).uri(&uri);
        for (name, value) in self.headers.iter().chain(&self.unsigned_headers) {
            builder = builder.header(name, value.as_bytes());
        }
        let mut request = builder.body(self.body).expect("request");
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn of(mut response: http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let body = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_vec()?;
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(http::HeaderValue::as_bytes);
        std::str::from_utf8(value.unwrap_or_default()).expect("text")
    }

    /// The text of the first element of that name.
    pub(crate) fn xml(&self, element: &str) -> &str {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let inside = self.text().split_once(&open).map(|(_, rest)| rest);
        inside
            .and_then(|rest| rest.split_once(&close))
            .map_or("", |(text, _)| text)
    }

    /// The texts of all elements of that name.
    pub(crate) fn all_xml(&self, element: &str) -> Vec<&str> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let pieces = self.text().split(open.as_str()).skip(1);
        pieces
            .filter_map(|piece| piece.split_once(&close))
            .map(|(text, _)| text)
            .collect()
    }

    /// Asserts an S3 or STS error.
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.xml("Code")),
            (status, code),
            "{}",
            self.text()
        );
    }

    /// Asserts a SageMaker error, and returns its message.
    #[track_caller]
    pub(crate) fn is_json_error(&self, status: u16, code: &str) -> String {
        let code_sent = self.header("x-amzn-errortype");
        assert_eq!((self.status, code_sent), (status, code), "{}", self.text());
        assert!(!self.header("x-amzn-requestid").is_empty());
        let json: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        let message = json.get("message").or_else(|| json.get("Message"));
        message
            .and_then(|m| m.as_str())
            .expect("message")
            .to_owned()
    }
}
