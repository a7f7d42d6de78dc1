//! The data directory: what it keeps, what it loses, and which directories are left alone.
#![allow(clippy::disallowed_methods)] // files are what is tested here

use std::fs;
use std::path::{Path, PathBuf};

use sagemaker_async_inference::local::{DamagedObject, LocalEndpoint, LocalError};
use tempfile::TempDir;

use crate::local_endpoint::client::{HANG_GUARD, client};

const MARKER: &str = "sagemaker-async-local";

pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

pub(crate) fn at(directory: &Path) -> LocalEndpoint {
    let builder = LocalEndpoint::builder().bucket("b");
    builder.data_directory(directory).start().expect("start")
}

fn blobs(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("blobs")).expect("blobs");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// The document of the only object.
fn document(directory: &Path) -> PathBuf {
    let mut entries = fs::read_dir(directory.join("buckets/b")).expect("documents");
    entries.next().expect("one").expect("an entry").path()
}

pub(crate) fn body(endpoint: &LocalEndpoint, key: &str) -> Vec<u8> {
    let reply = client(endpoint).get(&format!("/b/{key}")).send();
    assert_eq!(
        reply.status,
        200,
        "{key}: {}",
        String::from_utf8_lossy(&reply.body)
    );
    reply.body
}

/// Why the directory is refused.
pub(crate) fn refusal(directory: &Path) -> String {
    match LocalEndpoint::builder().data_directory(directory).start() {
        Err(LocalError::Storage { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Every file below it with its content, links unfollowed.
pub(crate) fn tree(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).expect("a directory") {
        let entry = entry.expect("an entry");
        let path = entry.path();
        if entry.file_type().expect("a type").is_dir() {
            found.push((path.clone(), Vec::new()));
            found.extend(tree(&path));
        } else if entry.file_type().expect("a type").is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            found.push((path, target.into_os_string().into_encoded_bytes()));
        } else {
            let content = fs::read(&path).expect("a file");
            found.push((path, content));
        }
    }
    found.sort();
    found
}

/// Objects that are made of the same pieces: copies, parts copied whole, results of the echo model.
fn make_sharers(endpoint: &LocalEndpoint, content: &[u8]) -> String {
    let client = client(endpoint);
    client.put("/b/first", content).send();
    let copy = client
        .put("/b/copy", "")
        .header("x-amz-copy-source", "b/first");
    assert_eq!(copy.send().status, 200);
    let begun = client.s3("POST", "/b/parts?uploads").send();
    let id = begun.xml("UploadId");
    let mut list = String::new();
    for number in [1, 2] {
        let target = format!("/b/parts?partNumber={number}&uploadId={id}");
        let part = client
            .put(&target, "")
            .header("x-amz-copy-source", "b/first")
            .send();
        list.extend([
            format!("<Part><PartNumber>{number}</PartNumber>"),
            format!("<ETag>{}</ETag></Part>", part.xml("ETag")),
        ]);
    }
    let completed = client
        .s3("POST", &format!("/b/parts?uploadId={id}"))
        .body(format!(
            "<CompleteMultipartUpload>{list}</CompleteMultipartUpload>"
        ))
        .send();
    assert_eq!(completed.status, 200, "{}", completed.text());
    let invoked = client
        .invoke(endpoint.name())
        .header("x-amzn-sagemaker-inputlocation", "s3://b/first")
        .send();
    assert_eq!(invoked.status, 202);
    assert!(endpoint.wait_until_idle(HANG_GUARD));
    let location = invoked.header("x-amzn-sagemaker-outputlocation");
    location
        .strip_prefix("s3://b/")
        .expect("in the bucket")
        .to_owned()
}

#[test]
fn objects_that_share_content_outlast_each_other_across_restarts() {
    let directory = directory();
    let content: Vec<u8> = (0..6 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
    let output = make_sharers(&at(directory.path()), &content);
    assert_eq!(blobs(directory.path()).len(), 1, "they share one piece");
    {
        let endpoint = at(directory.path());
        client(&endpoint).s3("DELETE", "/b/first").send();
        client(&endpoint).put("/b/copy", "another").send();
        assert_eq!(body(&endpoint, &output), content);
        assert_eq!(body(&endpoint, "parts"), content.repeat(2));
    }
    {
        let endpoint = at(directory.path());
        assert!(endpoint.damaged_objects().is_empty());
        assert_eq!(body(&endpoint, "copy"), b"another");
        assert_eq!(body(&endpoint, "parts"), content.repeat(2));
        assert_eq!(body(&endpoint, &output), content);
        client(&endpoint).s3("DELETE", "/b/parts").send();
        assert_eq!(body(&endpoint, &output), content);
        client(&endpoint)
            .s3("DELETE", &format!("/b/{output}"))
            .send();
    }
    let endpoint = at(directory.path());
    assert_eq!(endpoint.objects("b"), ["copy"]);
    assert_eq!(
        blobs(directory.path()).len(),
        1,
        "what nobody needs is gone"
    );
}

#[test]
fn parts_that_do_not_make_up_their_object_damage_it() {
    let directory = directory();
    make_sharers(&at(directory.path()), &vec![b'x'; 5 << 20]);
    let mut changed = 0;
    for entry in fs::read_dir(directory.path().join("buckets/b")).expect("documents") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a document");
        let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        if value["key"] == "parts" {
            assert_eq!(value["parts"][1]["len"], 5 << 20);
            value["parts"][1]["len"] = u64::MAX.into();
            fs::write(&path, value.to_string()).expect("written");
            changed += 1;
        }
    }
    assert_eq!(changed, 1);
    let endpoint = at(directory.path());
    let [damaged] = endpoint.damaged_objects() else {
        panic!("{:?}", endpoint.damaged_objects())
    };
    assert_eq!(damaged.key.as_deref(), Some("parts"));
    assert!(damaged.reason.contains("parts"), "{damaged:?}");
    assert_eq!(body(&endpoint, "first").len(), 5 << 20);
}

#[test]
fn a_lost_or_damaged_piece_costs_its_object_only() {
    let directory = directory();
    let root = directory.path();
    {
        let endpoint = at(root);
        for key in ["lost", "cut", "unreadable", "whole"] {
            client(&endpoint)
                .put(&format!("/b/{key}"), key.repeat(1000))
                .send();
        }
    }
    let mut documents = Vec::new();
    for entry in fs::read_dir(root.join("buckets/b")).expect("documents") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a document");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let piece = value["pieces"][0][0].as_str().expect("a piece").to_owned();
        match value["key"].as_str().expect("a key") {
            "lost" => fs::remove_file(root.join("blobs").join(piece)).expect("removed"),
            "cut" => fs::write(root.join("blobs").join(piece), "short").expect("cut"),
            "unreadable" => fs::write(&path, &text[..text.len() / 2]).expect("cut"),
            _ => continue,
        }
        documents.push(path);
    }
    documents.sort();
    let before = blobs(root).len();
    for _ in 0..2 {
        let endpoint = at(root);
        let mut damaged: Vec<_> = endpoint
            .damaged_objects()
            .iter()
            .map(|object| object.document.clone())
            .collect();
        damaged.sort();
        assert_eq!(damaged, documents);
        let keys: Vec<_> = endpoint
            .damaged_objects()
            .iter()
            .filter_map(|one| one.key.as_deref())
            .collect();
        assert!(keys.contains(&"lost") && keys.contains(&"cut"), "{keys:?}");
        assert_eq!(endpoint.objects("b"), ["whole"]);
        assert_eq!(body(&endpoint, "whole"), "whole".repeat(1000).into_bytes());
        assert_eq!(blobs(root).len(), before, "what is left of them stays");
    }
    {
        let endpoint = at(root);
        let client = client(&endpoint);
        client.s3("DELETE", "/b/whole").send();
        client
            .s3("DELETE", "/b")
            .send()
            .is_error(409, "BucketNotEmpty");
        client.put("/b/lost", "again").send();
        for key in ["cut", "unreadable"] {
            client.s3("DELETE", &format!("/b/{key}")).send();
        }
    }
    let endpoint = at(root);
    assert_eq!(endpoint.damaged_objects(), [] as [DamagedObject; 0]);
    assert_eq!(body(&endpoint, "lost"), b"again");
    assert_eq!(blobs(root).len(), 1);
}

#[test]
fn a_piece_that_is_lost_while_the_endpoint_runs_is_an_error_response() {
    let directory = directory();
    let endpoint = at(directory.path());
    client(&endpoint).put("/b/k", vec![7; 3 << 20]).send();
    fs::remove_file(blobs(directory.path()).pop().expect("one")).expect("removed");
    client(&endpoint)
        .get("/b/k")
        .send()
        .is_error(500, "InternalError");
}

#[test]
fn documents_name_no_file_outside_the_directory() {
    for outside in [false, true] {
        let directory = directory();
        let root = directory.path().join("data");
        {
            let endpoint = at(&root);
            client(&endpoint).put("/b/k", "content").send();
            client(&endpoint).put("/b/other", "other").send();
        }
        let secret = directory.path().join("secret.txt");
        fs::write(&secret, "content").expect("write");
        let named = if outside {
            secret.display().to_string()
        } else {
            "../../secret.txt".to_owned()
        };
        for entry in fs::read_dir(root.join("buckets/b")).expect("documents") {
            let path = entry.expect("an entry").path();
            let text = fs::read_to_string(&path).expect("a document");
            let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            if value["key"] == "k" {
                value["pieces"][0][0] = named.as_str().into();
                fs::write(path, value.to_string()).expect("write");
            }
        }
        let endpoint = at(&root);
        assert_eq!(endpoint.damaged_objects().len(), 1);
        assert_eq!(body(&endpoint, "other"), b"other");
        let client = client(&endpoint);
        client.get("/b/k").send().is_error(404, "NoSuchKey");
        client.s3("DELETE", "/b/k").send();
        drop(endpoint);
        drop(at(&root));
        assert_eq!(fs::read(&secret).expect("it is there"), b"content");
    }
}

#[test]
fn a_directory_of_something_else_is_refused_and_stays_as_it_is() {
    type Fill = fn(&Path);
    let cases: [(&str, Fill); 7] = [
        ("sha256-aaaa", |root| {
            fs::create_dir(root.join("blobs")).expect("a directory");
            fs::write(root.join("blobs/sha256-aaaa"), "weights").expect("write");
        }),
        ("blobs", |root| {
            fs::create_dir(root.join("blobs")).expect("a directory");
            fs::write(root.join("blobs").join("0".repeat(32)), "whose?").expect("write");
        }),
        ("lock", |root| {
            fs::write(root.join("lock"), "4711").expect("write");
        }),
        ("notes.txt", |root| {
            fs::write(root.join("notes.txt"), "mine").expect("write");
        }),
        ("readme", |root| {
            fs::create_dir_all(root.join("buckets/b")).expect("a directory");
            fs::write(root.join("buckets/b/readme"), "mine").expect("write");
        }),
        ("list", |root| {
            fs::create_dir(root.join("buckets")).expect("a directory");
            fs::write(root.join("buckets/list"), "mine").expect("write");
        }),
        (".git", |root| {
            fs::create_dir(root.join(".git")).expect("a directory");
        }),
    ];
    for (named, fill) in cases {
        let directory = directory();
        fill(directory.path());
        let before = tree(directory.path());
        let refused = refusal(directory.path());
        assert!(refused.contains(named), "{named}: {refused}");
        assert_eq!(tree(directory.path()), before, "{named}");
    }
}

#[cfg(unix)]
#[test]
fn no_symbolic_link_is_followed() {
    use std::os::unix::fs::symlink;

    let victim = directory();
    let precious = victim.path().join("0".repeat(32));
    fs::write(&precious, "precious").expect("write");
    let target = victim.path();
    let unchanged = || assert_eq!(fs::read(&precious).expect("it is there"), b"precious");

    // Without a marker any link is foreign.
    for name in ["blobs", "buckets", "lock"] {
        let directory = directory();
        symlink(
            if name == "lock" { &precious } else { target },
            directory.path().join(name),
        )
        .expect("a link");
        assert!(refusal(directory.path()).contains(name));
        unchanged();
    }
    // With one, the directories and the lock must be real.
    for name in ["blobs", "buckets", "lock"] {
        let directory = directory();
        drop(at(directory.path()));
        let path = directory.path().join(name);
        let removed = if name == "lock" {
            fs::remove_file(&path)
        } else {
            fs::remove_dir_all(&path)
        };
        removed.expect("removed");
        symlink(if name == "lock" { &precious } else { target }, &path).expect("a link");
        assert!(refusal(directory.path()).contains(name));
        unchanged();
    }
    // A document beside its name, a piece and a document.
    let directory = directory();
    let root = directory.path();
    {
        let endpoint = at(root);
        client(&endpoint).put("/b/k", "content").send();
        let document = document(root);
        symlink(&precious, document.with_extension("new")).expect("a link");
        assert_eq!(client(&endpoint).put("/b/k", "precious").send().status, 200);
        unchanged();
        assert_eq!(body(&endpoint, "k"), b"precious");
    }
    let piece = blobs(root).pop().expect("one");
    fs::remove_file(&piece).expect("removed");
    symlink(&precious, &piece).expect("a link");
    {
        let endpoint = at(root);
        assert_eq!(endpoint.damaged_objects().len(), 1);
        client(&endpoint).s3("DELETE", "/b/k").send();
    }
    drop(at(root));
    unchanged();
    symlink(
        &precious,
        root.join("buckets/b")
            .join(format!("{}.json", "0".repeat(64))),
    )
    .expect("a link");
    assert_eq!(at(root).damaged_objects().len(), 1);
    unchanged();
}

#[test]
fn a_directory_of_release_0_1_opens() {
    let directory = directory();
    let root = directory.path();
    {
        let endpoint = at(root);
        client(&endpoint).put("/b/k", "content").send();
        client(&endpoint).put("/b.c/k", "x").send();
        client(&endpoint).put("/b.c", "").send();
    }
    // It wrote no marker; a process that was killed left pieces and a document in the making.
    fs::remove_file(root.join(MARKER)).expect("a marker");
    fs::write(root.join("blobs").join("1".repeat(32)), "on its way").expect("write");
    fs::write(document(root).with_extension("new"), "{").expect("write");
    {
        let endpoint = at(root);
        assert_eq!(body(&endpoint, "k"), b"content");
        assert_eq!(blobs(root).len(), 1);
    }
    assert!(root.join(MARKER).is_file());
    // One that was made and never used.
    let unused = tempfile::tempdir().expect("a directory");
    for part in ["blobs", "buckets"] {
        fs::create_dir(unused.path().join(part)).expect("a directory");
    }
    fs::write(unused.path().join("lock"), "").expect("write");
    drop(at(unused.path()));
}

#[test]
fn a_directory_of_a_later_format_is_refused() {
    let directory = directory();
    drop(at(directory.path()));
    fs::write(directory.path().join(MARKER), "Format 2.\n").expect("write");
    let refused = refusal(directory.path());
    assert!(refused.contains("format"), "{refused}");
}

#[test]
fn files_that_others_put_into_the_directory_stay() {
    let directory = directory();
    let root = directory.path();
    drop(at(root));
    fs::write(root.join("notes.txt"), "mine").expect("write");
    fs::write(root.join("blobs/sha256-aaaa"), "mine").expect("write");
    fs::write(
        root.join("blobs").join("2".repeat(32)),
        "of a process that died",
    )
    .expect("write");
    fs::write(root.join("buckets/.DS_Store"), "mine").expect("write");
    let before = tree(&root.join("buckets"));
    drop(at(root));
    assert!(root.join("notes.txt").is_file());
    assert_eq!(blobs(root), [root.join("blobs/sha256-aaaa")]);
    assert_eq!(tree(&root.join("buckets")), before);
}

#[cfg(unix)]
#[test]
fn files_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = directory();
    let root = directory.path().join("data");
    let endpoint = at(&root);
    client(&endpoint).put("/b/k", vec![7; 9 << 20]).send();
    for (path, _) in tree(&root) {
        let metadata = fs::metadata(&path).expect("it is there");
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(
            metadata.permissions().mode() & 0o777,
            wanted,
            "{}",
            path.display()
        );
    }
}
