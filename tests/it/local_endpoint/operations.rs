//! Every operation of S3's published model: offered, or refused under its name without any effect.

use std::collections::BTreeMap;

use sagemaker_async_inference::local::{LocalEndpoint, Operation};
use serde_json::Value;

use crate::local_endpoint::client::{Client, Reply, client};

const GUIDE: &str = include_str!("../../../src/guide/local_endpoint_operations.md");

fn model() -> Vec<Value> {
    let text = include_str!("../../fixtures/s3_operations/operations.json");
    let model: Value = serde_json::from_str(text).expect("JSON");
    model["operations"].as_array().expect("operations").clone()
}

fn texts<'a>(operation: &'a Value, member: &str) -> Vec<&'a str> {
    let texts = operation[member].as_array().expect(member).iter();
    texts.map(|text| text.as_str().expect("text")).collect()
}

/// What the guide's table says of each operation of S3's.
fn guide() -> BTreeMap<&'static str, &'static str> {
    let (table, _) = GUIDE
        .split_once("### Presigned URLs")
        .expect("the next part");
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let name = cells.next()?.trim().trim_end_matches('`');
        Some((name, cells.next()?.trim()))
    });
    rows.filter(|(_, status)| ["offered", "partial", "refused"].contains(status))
        .collect()
}

/// The smallest request of an operation on the object `b/k`.
fn send(client: &Client, operation: &Value) -> Reply {
    let name = operation["name"].as_str().expect("name");
    let path = operation["path"].as_str().expect("path");
    let path = path.replace("{Bucket}", "b").replace("{Key+}", "k");
    let mut query: Vec<String> = texts(operation, "query")
        .into_iter()
        .map(|mark| {
            let end = if mark.contains('=') { "" } else { "=" };
            format!("{mark}{end}")
        })
        .collect();
    let required = texts(operation, "required_query").into_iter();
    query.extend(required.map(|name| format!("{name}=1")));
    if name == "ListDirectoryBuckets" {
        // Without it the request is ListBuckets, but for its host.
        query.push("max-directory-buckets=1".to_owned());
    }
    query.sort();
    let separator = if query.is_empty() { "" } else { "?" };
    let target = format!("{path}{separator}{}", query.join("&"));
    let mut call = client.s3(operation["method"].as_str().expect("method"), &target);
    for header in texts(operation, "required_headers") {
        let value = if header.ends_with("source") {
            "/b/k"
        } else {
            "x"
        };
        call = call.header(&header.to_lowercase(), value);
    }
    call.send()
}

#[test]
fn the_guide_has_every_operation_of_the_model_and_no_other() {
    let guide = guide();
    let model = model();
    let mut names: Vec<_> = model
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(guide.keys().copied().collect::<Vec<_>>(), names);
}

#[test]
fn the_guide_names_what_the_other_services_have() {
    for operation in Operation::ALL {
        let named = format!("`{operation:?}`");
        let is_one = !matches!(operation, Operation::Unsupported | Operation::Any);
        assert_eq!(GUIDE.contains(&named), is_one, "{operation:?}");
    }
}

#[test]
fn every_header_of_an_offered_operation_is_in_the_guide() {
    let guide = guide();
    for operation in model() {
        let name = operation["name"].as_str().expect("name");
        if guide[name] == "refused" {
            continue;
        }
        for header in texts(&operation, "optional_headers") {
            let named = format!("`{}`", header.to_lowercase());
            assert!(GUIDE.contains(&named), "{name} has {header}");
        }
    }
}

#[test]
fn what_is_refused_is_named_and_changes_nothing() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "k", "as it was");
    let client = client(&endpoint);
    let begun = client.s3("POST", "/b/k?uploads=").send();
    assert_eq!(begun.status, 200);
    let state = || {
        let object = endpoint.get_object("b", "k").expect("the object");
        (
            object.body().to_vec(),
            object.last_modified(),
            endpoint.objects("b"),
            endpoint.multipart_uploads("b"),
            client.get("/").send().all_xml("Name").len(),
        )
    };
    let before = state();
    let guide = guide();
    let mut refused = 0;
    for operation in model() {
        let name = operation["name"].as_str().expect("name");
        if guide[name] != "refused" {
            continue;
        }
        refused += 1;
        let reply = send(&client, &operation);
        reply.is_error(501, "NotImplemented");
        let message = reply.xml("Message");
        let names = texts(&operation, "same_request");
        let is_named = names
            .iter()
            .chain([&name])
            .any(|name| message.ends_with(&format!("does not offer {name}.")));
        assert!(is_named, "{name}: {message}");
    }
    assert!(refused > 80, "{refused}");
    assert_eq!(state(), before);
}

#[test]
fn what_is_offered_is_not_refused() {
    let guide = guide();
    let mut offered = 0;
    for operation in model() {
        let name = operation["name"].as_str().expect("name");
        if guide[name] == "refused" {
            continue;
        }
        offered += 1;
        // Each with a bucket of its own, for one of them deletes it.
        let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
        endpoint.put_object("b", "k", "x");
        send(&client(&endpoint), &operation);
        let request = endpoint.requests().pop().expect("a request");
        assert_eq!(format!("{:?}", request.operation), name);
        assert_ne!(request.status, Some(501), "{name}");
    }
    assert!(offered >= 26, "{offered}");
}

#[test]
fn a_parameter_that_is_not_known_is_refused() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    endpoint.put_object("b", "k", "x");
    let client = client(&endpoint);
    for (method, target, named) in [
        (
            "DELETE",
            "/b/k?futureThing=",
            "the parameter futureThing of DeleteObject",
        ),
        (
            "PUT",
            "/b/k?futureThing=",
            "the parameter futureThing of PutObject",
        ),
        (
            "DELETE",
            "/b?futureThing=1",
            "the parameter futureThing of DeleteBucket",
        ),
        ("GET", "/b/k?uploads=", "the parameter uploads of GetObject"),
        (
            "DELETE",
            "/b/k?annotation=",
            "the parameter annotation of DeleteObject",
        ),
        ("POST", "/b", "PostObject"),
        ("PATCH", "/b/k", "PATCH of this resource"),
    ] {
        let reply = client.s3(method, target).send();
        reply.is_error(501, "NotImplemented");
        assert!(reply.xml("Message").contains(named), "{}", reply.text());
    }
    // SDKs sign what they do with directory buckets for a service of its own.
    for (method, target, named) in [
        ("GET", "/", "ListDirectoryBuckets"),
        ("PUT", "/new", "CreateBucket of directory buckets"),
        ("GET", "/b/k", "GetObject of directory buckets"),
        ("GET", "/b?session=", "CreateSession"),
    ] {
        let call = client.s3(method, target);
        let reply = call.with(|call| call.scope = "s3express").send();
        reply.is_error(501, "NotImplemented");
        let message = reply.xml("Message");
        assert!(
            message.ends_with(&format!("does not offer {named}.")),
            "{message}"
        );
    }
    // A browser's form has its signature in the body, and is refused before that is taken.
    let url = format!("{}/b", endpoint.url());
    let form = [("content-type", "multipart/form-data; boundary=x")];
    let form = client.plain("POST", &url, &form, "--x--");
    form.is_error(501, "NotImplemented");
    assert!(form.xml("Message").contains("PostObject"));
    assert_eq!(endpoint.objects("b"), ["k"]);
    // S3 leaves those that begin with x- to its clients.
    assert_eq!(client.get("/b/k?x-note=1").send().text(), "x");
}
