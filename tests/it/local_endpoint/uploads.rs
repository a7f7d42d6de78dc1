//! Multipart uploads.

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::{Client, client};

const MIB: usize = 1024 * 1024;

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

fn create(client: &Client) -> String {
    let created = client
        .s3("POST", "/b/k%20k?uploads=")
        .header("content-type", "text/plain")
        .send();
    assert_eq!(created.xml("Key"), "k k");
    created.xml("UploadId").to_owned()
}

fn part(client: &Client, id: &str, number: u32, length: usize) -> String {
    let target = format!("/b/k%20k?partNumber={number}&uploadId={id}");
    let body = vec![b'0' + u8::try_from(number).expect("small"); length];
    let put = client.put(&target, body).send();
    assert_eq!(put.status, 200, "{}", put.text());
    put.header("etag").to_owned()
}

fn complete(
    client: &Client,
    id: &str,
    parts: &[(u32, &str)],
) -> crate::local_endpoint::client::Reply {
    let parts: Vec<_> = parts
        .iter()
        .map(|(number, etag)| {
            let etag = etag.replace('"', "&quot;");
            format!("<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>")
        })
        .collect();
    let parts = parts.concat();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let target = format!("/b/k%20k?uploadId={id}");
    client.s3("POST", &target).body(body).send()
}

#[test]
fn parts_make_an_object() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    assert_eq!(endpoint.multipart_uploads("b"), ["k k"]);
    let two = part(&client, &id, 2, 3);
    let one = part(&client, &id, 1, 5 * MIB);
    let listed = client.get(&format!("/b/k%20k?uploadId={id}")).send();
    assert_eq!(listed.all_xml("PartNumber"), ["1", "2"]);
    let done = complete(&client, &id, &[(1, &one), (2, &two)]);
    assert_eq!(done.status, 200, "{}", done.text());
    let object = endpoint.get_object("b", "k k").expect("an object");
    assert_eq!(object.body().len(), 5 * MIB + 3);
    assert!(object.body().ends_with(b"11222"));
    assert_eq!(object.content_type(), Some("text/plain"));
    assert!(object.etag().ends_with("-2\""), "{}", object.etag());
    assert!(endpoint.multipart_uploads("b").is_empty());
    complete(&client, &id, &[(1, &one)]).is_error(404, "NoSuchUpload");
}

#[test]
fn rules_of_completion() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    let one = part(&client, &id, 1, 3);
    let two = part(&client, &id, 2, 3);
    complete(&client, &id, &[(2, &two), (1, &one)]).is_error(400, "InvalidPartOrder");
    complete(&client, &id, &[(1, &two)]).is_error(400, "InvalidPart");
    complete(&client, &id, &[(3, &one)]).is_error(400, "InvalidPart");
    complete(&client, &id, &[(1, &one), (2, &two)]).is_error(400, "EntityTooSmall");
    complete(&client, &id, &[]).is_error(400, "MalformedXML");
    let target = format!("/b/k%20k?partNumber=10001&uploadId={id}");
    client
        .put(&target, "x")
        .send()
        .is_error(400, "InvalidArgument");
    assert_eq!(complete(&client, &id, &[(2, &two)]).status, 200);
}

#[test]
fn aborted() {
    let endpoint = start();
    let client = client(&endpoint);
    let id = create(&client);
    let target = format!("/b/k%20k?uploadId={id}");
    assert_eq!(client.s3("DELETE", &target).send().status, 204);
    assert!(endpoint.multipart_uploads("b").is_empty());
    client
        .s3("DELETE", &target)
        .send()
        .is_error(404, "NoSuchUpload");
    client.get(&target).send().is_error(404, "NoSuchUpload");
}
