//! Requests to the services' own hosts over TLS: a proxy on loopback responds in their place, with certificates that
//! the session's CA bundle trusts.

use crate::support;

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use sagemaker_async_inference::session::RetryConfig;
use sagemaker_async_inference::sys::{Environment, Files, Sys};
use sagemaker_async_inference::{AsyncInferenceResponse, Session, SessionBuilder};
use support::{
    ACCESS_KEY, SECRET_KEY,
    client::{caller_identity, keys, predictor, uri},
    raw::{Raw, read_only_head, read_request},
    tls::{Authority, accept, close},
    verifier::{Reply, Rules, Verifier},
};

/// The whole of AWS, as far as these tests go.
struct Aws {
    server: Raw,
    root: String,
    /// Hosts that were connected to, and the region and service that each request was signed for.
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Aws {
    /// Buckets are in `home`.
    fn start(home: &'static str) -> Self {
        let authority = Authority::new();
        let names: Vec<String> = ["us-east-1", "eu-west-1", "us-gov-west-1", "us-gov-east-1"]
            .iter()
            .flat_map(|region| {
                ["s3", "s3-fips", "s3.dualstack", "s3-fips.dualstack"].map(|prefix| {
                    let host = format!("{prefix}.{region}.amazonaws.com");
                    [format!("*.{host}"), host]
                })
            })
            .flatten()
            .chain([
                "*.amazonaws.com".to_owned(),
                "*.us-east-1.amazonaws.com".to_owned(),
            ])
            .chain([
                "*.us-east-1.api.aws".to_owned(),
                "sts.us-gov-west-1.amazonaws.com".to_owned(),
            ])
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let config = authority.server(&names);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let server = Raw::start(move |mut stream| {
            let connect = read_only_head(&mut stream)?;
            write!(stream, "HTTP/1.1 200 Connected\r\n\r\n")?;
            let target = connect.split_whitespace().nth(1).unwrap_or_default();
            let mut stream = accept(&config, stream)?;
            let head = read_request(&mut stream)?;
            let scope = scope(&head);
            kept.lock()
                .unwrap()
                .push((target.to_owned(), scope.clone()));
            respond(&mut stream, home, &scope)?;
            close(stream)
        });
        Self {
            server,
            root: authority.root(),
            seen,
        }
    }

    fn builder(&self, variables: &[(&str, &str)]) -> SessionBuilder {
        let proxy = self.server.url();
        let proxy = [("HTTPS_PROXY", proxy.as_str())].into_iter();
        let environment = Environment::from_pairs(proxy.chain(variables.iter().copied()));
        Session::builder()
            .credentials(keys(ACCESS_KEY, SECRET_KEY, None))
            .retry(RetryConfig::off())
            .ca_bundle_pem(self.root.as_str())
            .sys(
                Sys::real()
                    .with_environment(environment)
                    .with_files(Files::none()),
            )
    }

    /// Those since the last call.
    fn seen(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// `REGION/SERVICE` of the signature.
fn scope(head: &str) -> String {
    let scope = head.split("Credential=").nth(1).unwrap_or_default();
    scope
        .split('/')
        .skip(2)
        .take(2)
        .collect::<Vec<_>>()
        .join("/")
}

/// S3 without a body where the bucket is elsewhere: only the header names it.
fn respond(stream: &mut impl Write, home: &str, scope: &str) -> io::Result<()> {
    let (status, headers, body) = match scope.split_once('/') {
        Some((region, "s3")) if region == home => ("200 OK", "", b"result".to_vec()),
        Some((_, "s3")) => ("301 Moved", "x-amz-bucket-region: ", Vec::new()),
        _ => ("200 OK", "", caller_identity().body),
    };
    let headers = if headers.is_empty() {
        String::new()
    } else {
        format!("{headers}{home}\r\n")
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)?;
    stream.flush()
}

fn result(session: &Session, output: &str) -> Vec<u8> {
    let response = AsyncInferenceResponse::new(&predictor(session), uri(output), None)
        .expect("valid locations");
    let result: Option<Vec<u8>> = response.try_get_result().expect("a response");
    result.expect("a result")
}

#[test]
fn requests_to_a_bucket_in_another_region_go_there_with_the_same_settings() {
    let aws = Aws::start("eu-west-1");
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let dual_stack = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[], "s3"),
        (&[fips], "s3-fips"),
        (&[dual_stack], "s3.dualstack"),
        (&[fips, dual_stack], "s3-fips.dualstack"),
    ];
    for (variables, prefix) in cases {
        for (bucket, label) in [("my-bucket", "my-bucket."), ("my.bucket", "")] {
            let session = aws.builder(variables).region("us-east-1").build().unwrap();
            let host = |region: &str| format!("{label}{prefix}.{region}.amazonaws.com");
            let seen = |region: &str| (format!("{}:443", host(region)), format!("{region}/s3"));
            let output = format!("s3://{bucket}/out");
            assert_eq!(result(&session, &output), b"result");
            assert_eq!(aws.seen(), [seen("us-east-1"), seen("eu-west-1")]);
            assert_eq!(result(&session, &output), b"result");
            assert_eq!(aws.seen(), [seen("eu-west-1")]);
            let endpoint = session.bucket_endpoint(bucket).unwrap();
            assert!(
                endpoint
                    .url()
                    .starts_with(&format!("https://{}", host("eu-west-1")))
            );
            assert_eq!(endpoint.signing_region(), "eu-west-1");
            let other = session.bucket_endpoint("other-bucket").unwrap();
            assert_eq!(other.signing_region(), "us-east-1");
        }
    }
}

#[test]
fn the_path_style_holds_in_the_other_region() {
    let aws = Aws::start("eu-west-1");
    let builder = aws.builder(&[]).region("us-east-1").force_path_style(true);
    assert_eq!(
        result(&builder.build().unwrap(), "s3://my-bucket/out"),
        b"result"
    );
    let hosts: Vec<_> = aws.seen().into_iter().map(|(host, _)| host).collect();
    assert_eq!(
        hosts,
        [
            "s3.us-east-1.amazonaws.com:443",
            "s3.eu-west-1.amazonaws.com:443"
        ]
    );
}

#[test]
fn requests_to_global_hosts_are_signed_for_a_region() {
    let aws = Aws::start("us-east-1");
    let session = aws.builder(&[]).region("aws-global").build().unwrap();
    session.default_bucket().unwrap();
    assert_eq!(
        aws.seen(),
        [(
            "sts.amazonaws.com:443".to_owned(),
            "us-east-1/sts".to_owned()
        )]
    );
    assert_eq!(result(&session, "s3://my.bucket/out"), b"result");
    assert_eq!(
        aws.seen(),
        [("s3.amazonaws.com:443".to_owned(), "us-east-1/s3".to_owned())]
    );
}

#[test]
fn sts_is_called_in_the_region_and_its_variant() {
    let aws = Aws::start("us-east-1");
    let cases = [
        ("us-east-1", false, false, "sts.us-east-1.amazonaws.com:443"),
        (
            "us-east-1",
            true,
            false,
            "sts-fips.us-east-1.amazonaws.com:443",
        ),
        ("us-east-1", false, true, "sts.us-east-1.api.aws:443"),
        (
            "us-gov-west-1",
            true,
            false,
            "sts.us-gov-west-1.amazonaws.com:443",
        ),
    ];
    for (region, fips, dual_stack, host) in cases {
        let builder = aws.builder(&[]).region(region);
        let session = builder
            .use_fips(fips)
            .use_dual_stack(dual_stack)
            .build()
            .unwrap();
        session.default_bucket().unwrap();
        assert_eq!(aws.seen(), [(host.to_owned(), format!("{region}/sts"))]);
    }
}

/// A proxy that sends every request to one server.
fn forward_to(server: &Verifier) -> Raw {
    let address = server.url().replace("http://", "");
    Raw::start(move |mut stream| {
        let head = read_only_head(&mut stream)?.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let target = head.split_once(" http://");
        let path = target.and_then(|(method, target)| Some((method, target.split_once('/')?.1)));
        let (method, path) = path.ok_or(io::ErrorKind::InvalidData)?;
        let mut server = TcpStream::connect(&address)?;
        write!(server, "{method} /{path}")?;
        io::copy(&mut server, &mut stream).map(drop)
    })
}

#[test]
fn requests_with_the_bucket_in_the_host_are_signed_as_they_are_sent() {
    let cases = [
        (
            "http://minio.invalid:9000",
            "my-bucket.minio.invalid:9000",
            "/a%2Bb/%20",
        ),
        (
            "http://minio.invalid:80",
            "my-bucket.minio.invalid",
            "/a%2Bb/%20",
        ),
        (
            "http://Minio.invalid:080/base/",
            "my-bucket.Minio.invalid",
            "/base/a%2Bb/%20",
        ),
    ];
    for (url, host, path) in cases {
        let server = Verifier::start(Rules::new(), |_| Reply::new(200, "result"));
        let proxy = forward_to(&server);
        let environment = Environment::from_pairs([("HTTP_PROXY", proxy.url())]);
        let session = Session::builder()
            .region("us-east-1")
            .credentials(keys(ACCESS_KEY, SECRET_KEY, None))
            .endpoint_url(url)
            .sys(
                Sys::real()
                    .with_environment(environment)
                    .with_files(Files::none()),
            )
            .build()
            .unwrap();
        assert_eq!(result(&session, "s3://my-bucket/a+b/ "), b"result");
        let seen = &server.seen()[0];
        assert_eq!(seen.verified, Ok(()));
        assert_eq!((seen.header("host"), &*seen.path), (Some(host), path));
    }
}

/// A server that has moved to https, or a proxy that wants a login: requests are signed for one host, so that none is
/// followed.
#[test]
fn a_redirect_is_not_followed_and_names_the_server_that_it_leads_to() {
    use crate::support::client::{predictor, session_at};
    use crate::support::verifier::{Reply, Rules, Verifier};
    use crate::support::wait::{response, waiter};

    for (status, location, named) in [
        (
            301,
            "https://minio.example.com/out?X-Amz-Signature=hush",
            "https://minio.example.com",
        ),
        (
            308,
            "https://user:hush@minio.example.com:9000/out",
            "https://minio.example.com:9000",
        ),
        (
            302,
            "http://login.example.com?back=hush",
            "http://login.example.com",
        ),
        // To the same server.
        (307, "/hush", ""),
    ] {
        let server = Verifier::start(Rules::new(), move |_| {
            Reply::new(status, "<html>moved</html>").header("location", location)
        });
        let session = session_at(&server.url());
        let result = response(&session).get_result::<Vec<u8>>(&waiter(|w| w.max_attempts(2)));
        let submit = predictor(&session).predict_async("x").map(drop);
        for error in [result.expect_err("refused"), submit.expect_err("refused")] {
            let shown = format!("{error:#} {error:?}");
            assert!(shown.contains(named) && !shown.contains("hush"), "{shown}");
            let remedy = error.remedy().expect("a remedy");
            assert_eq!(
                remedy.contains("as the endpoint URL"),
                !named.is_empty(),
                "{remedy}"
            );
            assert!(remedy.contains(named), "{remedy}");
        }
        assert_eq!(server.seen().len(), 2, "{status}");
    }
}
