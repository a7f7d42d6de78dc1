//! What the benches share: a server in a process of its own, and how the floor signs.

use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use sagemaker_async_inference::local::LocalEndpoint;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The arguments after `word`, if it is one of them.
pub fn arguments_after(word: &str) -> Option<Vec<String>> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == word)?;
    Some(arguments[at + 1..].to_vec())
}

/// The bench itself in another process, as a server, until this is dropped.
pub struct Served {
    child: Child,
    pub url: String,
    pub bucket: String,
}

impl Served {
    /// Starts it with these arguments; it is to call [`serve`].
    pub fn start(arguments: &[&str]) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut line = || -> Outcome<String> { Ok(lines.next().ok_or("the server ended")??) };
        Ok(Self {
            url: line()?,
            bucket: line()?,
            child,
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Tells where the endpoint is, and stays until whoever started this process closes its input.
pub fn serve(endpoint: &LocalEndpoint) -> Outcome<()> {
    println!("{}\n{}", endpoint.url(), endpoint.bucket());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The local endpoint's own.
pub fn credentials() -> Credentials {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "bench")
}

/// Signs as S3 wants it, or as all the other services do.
pub fn signed<B>(
    mut request: http::Request<B>,
    service: &str,
    body: SignableBody<'_>,
) -> Outcome<http::Request<B>> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let identity = credentials().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()?
        .into();
    let headers: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .map(|(name, value)| Ok((name.as_str(), value.to_str()?)))
        .collect::<Outcome<_>>()?;
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.uri().to_string(),
        headers.into_iter(),
        body,
    )?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}
