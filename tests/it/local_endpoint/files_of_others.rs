//! The data directory with files in it that the endpoint did not write, and without those that it did.
#![allow(clippy::disallowed_methods)] // files are what is tested here

use std::fs;

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::client;
use crate::local_endpoint::data_directory::{at, body, directory, refusal, tree};

/// Deleting a bucket removes no file that was not written here, and a directory of another name is no bucket.
#[test]
fn files_that_others_put_beside_documents_stay() {
    let directory = directory();
    let root = directory.path();
    let endpoint = at(root);
    let writer = client(&endpoint);
    writer.put("/b/k", vec![7; 9 << 20]).send();
    writer.s3("PUT", "/other").send();
    fs::write(root.join("buckets/other/notes.new"), "mine").expect("write");
    let refused = writer.s3("DELETE", "/other").send();
    refused.is_error(409, "BucketNotEmpty");
    drop(endpoint);
    assert!(root.join("buckets/other/notes.new").is_file());
    fs::remove_file(root.join("buckets/other/notes.new")).expect("remove");
    // Moved away by its user, who may move it back.
    fs::rename(root.join("buckets/b"), root.join("buckets/b-before")).expect("rename");
    let before = tree(root);
    let endpoint = LocalEndpoint::builder().bucket("other");
    let endpoint = endpoint.data_directory(root).start().expect("start");
    let client = client(&endpoint);
    let buckets = client.s3("GET", "/").send();
    assert_eq!(buckets.xml("Buckets").matches("<Name>").count(), 1);
    drop((client, endpoint));
    assert_eq!(tree(root), before);
    fs::rename(root.join("buckets/b-before"), root.join("buckets/b")).expect("rename");
    assert_eq!(body(&at(root), "k"), vec![7; 9 << 20]);
}

#[test]
fn a_directory_that_lost_its_documents_is_refused_and_keeps_its_pieces() {
    let directory = directory();
    let root = directory.path();
    client(&at(root)).put("/b/k", vec![7; 9 << 20]).send();
    let saved = root.with_extension("saved");
    fs::rename(root.join("buckets"), &saved).expect("rename");
    let before = tree(root);
    let refused = refusal(root);
    assert!(refused.contains("buckets/"), "{refused}");
    assert_eq!(tree(root), before);
    fs::rename(&saved, root.join("buckets")).expect("rename");
    assert_eq!(body(&at(root), "k"), vec![7; 9 << 20]);
    fs::remove_dir_all(root.join("buckets")).expect("remove");
    fs::remove_dir_all(root.join("blobs")).expect("remove");
    assert!(at(root).objects("b").is_empty());
}
