//! Which requests are accepted: hosts, web pages of other sites, and other machines.

use std::net::{Ipv4Addr, SocketAddr};

use sagemaker_async_inference::local::{
    LocalEndpoint, LocalEndpointBuilder, LocalError, ModelResponse,
};

use crate::local_endpoint::client::{HANG_GUARD, client};
use crate::local_endpoint::http1::raw;

fn builder() -> LocalEndpointBuilder {
    LocalEndpoint::builder().bucket("b")
}

/// A request without a signature, whose connection ends with the response.
fn request(endpoint: &LocalEndpoint, start: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    raw(
        endpoint,
        &format!(
            "{start} HTTP/1.1\r\n{fields}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

#[test]
fn a_name_that_was_rebound_to_this_machine_reaches_nothing() {
    let endpoint = builder().start().expect("start");
    let signed = client(&endpoint);
    // A page that knows the keys, for they are published, signs for its own host.
    for (method, target) in [("PUT", "/b/k"), ("GET", "/b"), ("DELETE", "/b/there")] {
        endpoint.put_object("b", "there", "x");
        let call = signed
            .s3(method, target)
            .with(|call| call.url = "http://evil.example:4566".to_owned());
        let mut head = String::new();
        for (name, value) in call.signed().headers() {
            let value = value.to_str().expect("text");
            head.extend([name.as_str(), ": ", value, "\r\n"]);
        }
        let head = format!("host: evil.example:4566\r\n{head}");
        let response = raw(
            &endpoint,
            &format!("{method} {target} HTTP/1.1\r\n{head}connection: close\r\n\r\n"),
        );
        assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
        assert!(
            response.contains("evil.example") && response.contains("--host-name"),
            "{response}"
        );
        assert_eq!(endpoint.objects("b"), ["there"]);
    }
}

#[test]
fn pages_of_other_sites_reach_neither_objects_nor_the_model() {
    let endpoint = builder()
        .verify_signatures(false)
        .model(|_| ModelResponse::ok("ran"))
        .start()
        .expect("start");
    endpoint.put_object("b", "k", "x");
    let host = endpoint.url().trim_start_matches("http://").to_owned();
    let delete = "<Delete><Object><Key>k</Key></Object></Delete>";
    let from = |fields: &str| format!("host: {host}\r\ncontent-type: text/plain\r\n{fields}");
    for fields in [
        from("origin: https://evil.example\r\n"),
        from("origin: null\r\n"),
        from("origin: http://localhost:3000\r\n"),
        from("sec-fetch-site: cross-site\r\n"),
        from("sec-fetch-site: same-site\r\n"),
        from(&format!(
            "origin: http://{host}\r\nsec-fetch-site: cross-site\r\n"
        )),
        "host: evil.example\r\n".to_owned(),
    ] {
        for (start, body) in [
            ("POST /b?delete", delete),
            ("POST /endpoints/local-endpoint/async-invocations", "input"),
            ("GET /b/k", ""),
            ("OPTIONS /b/k", ""),
            ("POST /", "Action=GetCallerIdentity&Version=2011-06-15"),
        ] {
            let response = request(&endpoint, start, &fields, body);
            assert!(
                response.starts_with("HTTP/1.1 403 "),
                "{start} {fields}: {response}"
            );
        }
    }
    assert!(endpoint.wait_until_idle(HANG_GUARD));
    assert!(endpoint.jobs().is_empty());
    assert_eq!(endpoint.objects("b"), ["k"]);
    // A page of the endpoint's own, a user's address bar, and no page at all.
    for fields in [
        from(&format!(
            "origin: http://{host}\r\nsec-fetch-site: same-origin\r\n"
        )),
        from("sec-fetch-site: none\r\n"),
        from(""),
    ] {
        let response = request(&endpoint, "GET /b/k", &fields, "");
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
    // A link to a presigned URL shows an object to the user, not to the page.
    let link = from(
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n",
    );
    for signed in [
        "X-Amz-Signature=00",
        "AWSAccessKeyId=a&Signature=00&Expires=1",
    ] {
        let response = request(&endpoint, &format!("GET /b/k?{signed}"), &link, "");
        assert!(!response.contains("other sites"), "{response}");
    }
    for unsigned in ["", "?Signature=00", "?AWSAccessKeyId=a"] {
        let response = request(&endpoint, &format!("GET /b/k{unsigned}"), &link, "");
        assert!(response.contains("other sites"), "{response}");
    }
}

#[test]
fn names_are_known_when_they_are_given() {
    let endpoint = builder()
        .verify_signatures(false)
        .host_name("Sagemaker")
        .host_name("s3.test")
        .start()
        .expect("start");
    endpoint.put_object("b", "k", "of b");
    endpoint.put_object("b.c", "k", "of b.c");
    for (host, target, body) in [
        ("127.0.0.1", "/b/k", "of b"),
        ("[::1]:80", "/b/k", "of b"),
        ("LocalHost:1", "/b/k", "of b"),
        ("sagemaker:4566", "/b/k", "of b"),
        ("s3.test.", "/b/k", "of b"),
        ("b.s3.test", "/k", "of b"),
        ("b.c.localhost:1", "/k", "of b.c"),
    ] {
        let response = request(
            &endpoint,
            &format!("GET {target}"),
            &format!("host: {host}\r\n"),
            "",
        );
        assert!(
            response.starts_with("HTTP/1.1 200 ") && response.ends_with(body),
            "{host}: {response}"
        );
    }
    let created = request(&endpoint, "PUT /", "host: new.s3.test\r\n", "");
    assert!(created.starts_with("HTTP/1.1 200 "), "{created}");
    endpoint.put_object("new", "k", "x");
    for name in ["http://a", "a:80", "", "a b", "a..b", "a/b"] {
        let refused = builder().host_name(name).start();
        assert!(
            matches!(refused, Err(LocalError::Setting(_))),
            "{name:?}: {refused:?}"
        );
    }
}

#[test]
fn names_that_no_request_can_have_are_refused_at_the_start() {
    let refused = |builder: LocalEndpointBuilder, value: &str| match builder.start() {
        Err(LocalError::Setting(problem)) => {
            assert!(problem.contains(&format!("{value:?}")), "{problem}");
        }
        other => panic!("{value:?}: {other:?}"),
    };
    for region in ["", "nowhere!", "US-EAST-1", "us east", "1st", "a/b"] {
        refused(builder().region(region), region);
    }
    for account in ["", "12", "1234567890123", "12345678901x", "arn:aws:iam"] {
        refused(builder().account_id(account), account);
    }
    for bucket in ["", "a/b", "a b", "a?b", "s3://b", "\u{fc}"] {
        refused(LocalEndpoint::builder().bucket(bucket), bucket);
    }
    let odd = builder().region("local").account_id("000000000000");
    assert!(odd.start().is_ok());
}

/// Some signers put the scheme into `Host`. HTTP asks for 400, and the remedy is not another name of the endpoint.
#[test]
fn a_host_that_is_a_url_is_malformed() {
    let endpoint = builder().verify_signatures(false).start().expect("start");
    let own = endpoint.url().trim_start_matches("http://").to_owned();
    for host in [
        endpoint.url().to_owned(),
        format!("{own}/b"),
        format!("me@{own}"),
        format!("{own}:80"),
    ] {
        let response = request(&endpoint, "GET /b", &format!("host: {host}\r\n"), "");
        assert!(response.starts_with("HTTP/1.1 400 "), "{host}: {response}");
        assert!(
            response.contains("HOST or HOST:PORT") && !response.contains("--host-name"),
            "{response}"
        );
    }
    for host in [own, "localhost:".to_owned()] {
        let response = request(&endpoint, "GET /b", &format!("host: {host}\r\n"), "");
        assert!(response.starts_with("HTTP/1.1 200 "), "{host}: {response}");
    }
}

/// A bucket may have the name that an address begins with.
#[test]
fn a_bucket_does_not_capture_the_endpoints_own_address() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || {
        builder()
            .data_directory(directory.path())
            .start()
            .expect("start")
    };
    {
        let endpoint = start();
        let client = client(&endpoint);
        for bucket in ["127", "127.0.0"] {
            endpoint.put_object(bucket, "k", "captured");
        }
        assert_eq!(client.put("/b/k", "kept").send().status, 200);
        assert_eq!(client.invoke(endpoint.name()).body("x").send().status, 202);
        assert_eq!(client.sts().send().status, 200);
        assert!(endpoint.wait_until_idle(HANG_GUARD));
    }
    let endpoint = start();
    let client = client(&endpoint);
    assert_eq!(client.get("/b/k").send().text(), "kept");
    assert_eq!(client.get("/127/k").send().text(), "captured");
    assert_eq!(endpoint.objects("127.0.0"), ["k"]);
}

/// A variable of a Compose file that is not set is empty, and everyone could sign with it.
#[test]
fn an_empty_key_lets_nobody_in() {
    let open = || builder().listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    for (builder, what) in [
        (open().credentials("AKIDMINE", ""), "secret key"),
        (open().credentials("AKIDMINE", " \n"), "secret key"),
        (builder().credentials("AKIDMINE", ""), "secret key"),
        (open().credentials("", "own"), "access key"),
        (open().credentials("AKID,MINE", "own"), "access key"),
        (
            open().credentials("AKIDMINE", "own").session_token(""),
            "session token",
        ),
    ] {
        let Err(LocalError::Setting(problem)) = builder.start() else {
            panic!("it started");
        };
        assert!(problem.contains(what), "{problem}");
    }
}

#[test]
fn other_machines_are_let_in_with_keys_of_its_own_or_on_demand() {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let open = || builder().listen(everywhere);
    for builder in [
        open(),
        open().credentials("AKIDMINE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        open()
            .credentials("AKIDMINE", "own")
            .verify_signatures(false),
    ] {
        let Err(LocalError::Setting(problem)) = builder.start() else {
            panic!("it started");
        };
        assert!(problem.contains("--allow-insecure"), "{problem}");
    }
    drop(
        open()
            .credentials("AKIDMINE", "own")
            .start()
            .expect("start"),
    );
    let endpoint = open().allow_insecure(true).start().expect("start");
    let response = request(&endpoint, "GET /", "host: 10.0.0.1:80\r\n", "");
    assert!(
        response.contains("<Code>AccessDenied</Code>") && !response.contains("host"),
        "{response}"
    );
    let response = request(&endpoint, "GET /", "host: evil.example\r\n", "");
    assert!(response.contains("--host-name"), "{response}");
}
