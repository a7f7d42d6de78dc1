//! Listings of objects, buckets and uploads; the rules of buckets.

use sagemaker_async_inference::local::LocalEndpoint;

use crate::local_endpoint::client::client;

fn start() -> LocalEndpoint {
    LocalEndpoint::builder().bucket("b").start().expect("start")
}

#[test]
fn buckets() {
    let endpoint = start();
    let client = client(&endpoint);
    let head = client.s3("HEAD", "/b").send();
    assert_eq!(
        (head.status, head.header("content-type")),
        (200, "application/xml")
    );
    assert_eq!(client.s3("HEAD", "/new").send().status, 404);
    assert_eq!(client.put("/new", "").send().status, 200);
    assert_eq!(client.put("/new", "").send().status, 200, "as in us-east-1");
    assert_eq!(client.s3("HEAD", "/new").send().status, 200);
    let owned = |owner| {
        let put = client.put("/b/k", "x");
        put.header("x-amz-expected-bucket-owner", owner).send()
    };
    assert_eq!(owned("123456789012").status, 200);
    owned("210987654321").is_error(403, "AccessDenied");
}

#[test]
fn listing() {
    let endpoint = start();
    for key in ["a/1", "a/2", "b", "c d/é", "e"] {
        endpoint.put_object("b", key, key);
    }
    let client = client(&endpoint);
    let all = client.get("/b?list-type=2").send();
    assert_eq!(all.all_xml("Key"), ["a/1", "a/2", "b", "c d/é", "e"]);
    assert_eq!(
        (all.xml("IsTruncated"), all.xml("KeyCount")),
        ("false", "5")
    );
    let prefix = client.get("/b?list-type=2&prefix=a%2F").send();
    assert_eq!(prefix.all_xml("Key"), ["a/1", "a/2"]);
    let after = client.get("/b?list-type=2&start-after=b").send();
    assert_eq!(after.all_xml("Key"), ["c d/é", "e"]);
    let encoded = client
        .get("/b?encoding-type=url&list-type=2&prefix=c+d")
        .send();
    assert_eq!(encoded.all_xml("Key"), ["c%20d/%C3%A9"]);
    let none = client.get("/b?list-type=2&max-keys=0").send();
    assert_eq!(
        (none.xml("KeyCount"), none.xml("IsTruncated")),
        ("0", "false")
    );
    let bad = client.get("/b?list-type=2&continuation-token=x").send();
    bad.is_error(400, "InvalidArgument");
}

#[test]
fn listing_in_pages() {
    let endpoint = start();
    for key in ["a/1", "a/2", "b", "c d/é", "e"] {
        endpoint.put_object("b", key, key);
    }
    let client = client(&endpoint);
    let (mut entries, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = client
            .get(&format!("/b?delimiter=%2F&list-type=2&max-keys=1{token}"))
            .send();
        pages += 1;
        let prefixes = page.all_xml("CommonPrefixes").into_iter();
        entries.extend(
            page.all_xml("Key")
                .into_iter()
                .chain(prefixes)
                .map(str::to_owned),
        );
        if page.xml("IsTruncated") == "false" {
            break;
        }
        token = format!("&continuation-token={}", page.xml("NextContinuationToken"));
    }
    let prefix = |prefix: &str| format!("<Prefix>{prefix}</Prefix>");
    assert_eq!(
        entries,
        [prefix("a/"), "b".into(), prefix("c d/"), "e".into()]
    );
    assert_eq!(pages, 4);
}

#[test]
fn the_first_version_has_markers_and_owners() {
    let endpoint = start();
    for key in ["a/1", "a/2", "b", "c/1", "d"] {
        endpoint.put_object("b", key, key);
    }
    let client = client(&endpoint);
    let page = client.get("/b?max-keys=2").send();
    assert_eq!(page.all_xml("Key"), ["a/1", "a/2"]);
    assert!(page.text().contains("<Marker></Marker>"));
    assert_eq!(page.all_xml("Owner").len(), 2);
    assert!(
        page.all_xml("NextMarker").is_empty(),
        "without a delimiter the last key is the marker"
    );
    let page = client.get("/b?delimiter=%2F&max-keys=2").send();
    assert_eq!(
        (page.xml("NextMarker"), page.xml("IsTruncated")),
        ("b", "true")
    );
    let rest = client.get("/b?delimiter=%2F&marker=b").send();
    assert_eq!(rest.xml("Marker"), "b");
    assert_eq!(rest.all_xml("Key"), ["d"]);
    assert_eq!(rest.all_xml("CommonPrefixes"), ["<Prefix>c/</Prefix>"]);
    let after = client.get("/b?delimiter=%2F&marker=a%2F&max-keys=1").send();
    assert_eq!(after.all_xml("Key"), ["b"]);
}

#[test]
fn version_2_lists_owners_if_requested() {
    let endpoint = start();
    for key in ["a", "b", "c"] {
        endpoint.put_object("b", key, key);
    }
    let client = client(&endpoint);
    let list = |query: &str| client.get(&format!("/b?list-type=2{query}")).send();
    assert!(list("").all_xml("Owner").is_empty());
    assert_eq!(list("&fetch-owner=true").all_xml("Owner").len(), 3);
    let empty = list("&delimiter=");
    assert!(!empty.text().contains("<Delimiter>"), "{}", empty.text());
    let first = list("&max-keys=1&start-after=a");
    assert_eq!((first.xml("StartAfter"), first.xml("Key")), ("a", "b"));
    let token = first.xml("NextContinuationToken");
    let next = list(&format!("&continuation-token={token}&start-after=a"));
    assert_eq!(
        (next.xml("Key"), next.xml("ContinuationToken")),
        ("c", token)
    );
    assert!(!next.text().contains("<StartAfter>"));
    list("&continuation-token=").is_error(400, "InvalidArgument");
    assert_eq!(list("").all_xml("ChecksumAlgorithm").len(), 3);
}

/// Programs that empty a bucket list its versions, even if it has none.
#[test]
fn every_object_has_one_version() {
    let endpoint = start();
    for key in ["a", "b/1", "b/2", "c d", "e"] {
        endpoint.put_object("b", key, key);
    }
    let client = client(&endpoint);
    let list = |query: &str| client.get(&format!("/b?versions={query}")).send();
    let all = list("");
    assert_eq!(all.all_xml("Key"), ["a", "b/1", "b/2", "c d", "e"]);
    assert_eq!(all.all_xml("VersionId"), ["null"; 5]);
    assert_eq!(all.all_xml("IsLatest"), ["true"; 5]);
    assert_eq!(all.all_xml("Owner").len(), 5);
    assert!(all.text().contains("<ListVersionsResult "));
    assert_eq!(all.xml("IsTruncated"), "false");
    let mut found = Vec::new();
    let mut query = String::new();
    loop {
        let page = list(&format!(
            "&max-keys=1&delimiter=%2F&encoding-type=url{query}"
        ));
        found.extend(page.all_xml("Key").into_iter().map(str::to_owned));
        let prefixes = page.all_xml("CommonPrefixes").into_iter();
        found.extend(prefixes.map(str::to_owned));
        if page.xml("IsTruncated") == "false" {
            break;
        }
        let (key, version) = (page.xml("NextKeyMarker"), page.xml("NextVersionIdMarker"));
        query = if version.is_empty() {
            assert_eq!(key, "b/");
            format!("&key-marker={key}")
        } else {
            format!("&key-marker={key}&version-id-marker={version}")
        };
    }
    assert_eq!(found, ["a", "<Prefix>b/</Prefix>", "c%20d", "e"]);
    for wrong in [
        "&version-id-marker=null",
        "&key-marker=a&version-id-marker=x",
    ] {
        list(wrong).is_error(400, "InvalidArgument");
    }
    let versioning = client.get("/b?versioning=").send();
    assert_eq!(versioning.status, 200);
    assert!(versioning.text().contains("<VersioningConfiguration "));
    assert_eq!(versioning.xml("Status"), "");
    client
        .get("/none?versioning=")
        .send()
        .is_error(404, "NoSuchBucket");
    client
        .get("/none?versions=")
        .send()
        .is_error(404, "NoSuchBucket");
}

#[test]
fn limits_of_pages_are_numbers() {
    let endpoint = start();
    let client = client(&endpoint);
    for query in [
        "list-type=2&max-keys=-1",
        "list-type=2&max-keys=x",
        "max-keys=2147483648",
        "list-type=2&encoding-type=base64",
        "encoding-type=utf-8",
        "max-uploads=x&uploads=",
    ] {
        let reply = client.get(&format!("/b?{query}")).send();
        reply.is_error(400, "InvalidArgument");
    }
    let many = client.get("/b?list-type=2&max-keys=5000").send();
    assert_eq!(many.xml("MaxKeys"), "1000");
}

#[test]
fn buckets_are_listed_in_pages() {
    let endpoint = start();
    let client = client(&endpoint);
    for name in ["one-a", "one-b", "one-c", "two-a"] {
        assert_eq!(client.put(&format!("/{name}"), "").send().status, 200);
    }
    let page = client.get("/?max-buckets=2&prefix=one-").send();
    assert_eq!(page.all_xml("Name"), ["one-a", "one-b"]);
    assert_eq!(page.xml("Prefix"), "one-");
    let token = page.xml("ContinuationToken");
    let rest = client
        .get(&format!(
            "/?continuation-token={token}&max-buckets=2&prefix=one-"
        ))
        .send();
    assert_eq!(rest.all_xml("Name"), ["one-c"]);
    assert_eq!(rest.xml("ContinuationToken"), "");
    let elsewhere = client.get("/?bucket-region=eu-west-1").send();
    assert!(elsewhere.all_xml("Name").is_empty());
    for max in ["0", "10001", "x"] {
        let reply = client.get(&format!("/?max-buckets={max}")).send();
        reply.is_error(400, "InvalidArgument");
    }
}

#[test]
fn names_of_new_buckets_follow_the_rules() {
    let endpoint = start();
    let client = client(&endpoint);
    let long = "a".repeat(64);
    for name in [
        "ab",
        long.as_str(),
        "Upper",
        "under_score",
        "-begins",
        "ends-",
        ".begins",
        "two..dots",
        "dash-.dot",
        "dot.-dash",
        "192.168.5.4",
        "xn--name",
        "sthree-name",
        "amzn-s3-demo-name",
        "name-s3alias",
        "name--ol-s3",
        "name.mrap",
        "name--x-s3",
        "name--table-s3",
    ] {
        let reply = client.put(&format!("/{name}"), "").send();
        reply.is_error(400, "InvalidBucketName");
    }
    for name in ["abc", "a.b-c", "1.2.3", "999", &"a".repeat(63)] {
        let reply = client.put(&format!("/{name}"), "").send();
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    }
}

#[test]
fn a_bucket_is_in_the_endpoints_region() {
    let body = |region: &str| {
        format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
    };
    let create = |region: &str, body: &str| {
        let endpoint = LocalEndpoint::builder().region(region).start();
        let endpoint = endpoint.expect("start");
        client(&endpoint).put("/new-bucket", body).send()
    };
    let (east, west) = ("us-east-1", "eu-west-1");
    assert_eq!(create(east, "").status, 200);
    let empty = "<CreateBucketConfiguration></CreateBucketConfiguration>";
    assert_eq!(create(east, empty).status, 200);
    assert_eq!(create(east, &body("")).status, 200);
    create(east, &body(east)).is_error(400, "InvalidLocationConstraint");
    create(east, &body(west)).is_error(400, "IllegalLocationConstraintException");
    assert_eq!(create(west, &body(west)).status, 200);
    create(west, "").is_error(400, "IllegalLocationConstraintException");
    create(west, &body("eu-west-2")).is_error(400, "IllegalLocationConstraintException");
    create(west, &body("us-east-1")).is_error(400, "IllegalLocationConstraintException");
    create(east, "<Other/>").is_error(400, "MalformedXML");
    create(east, "<CreateBucketConfiguration>").is_error(400, "MalformedXML");
    let tags = "<CreateBucketConfiguration><Tags><Tag/></Tags></CreateBucketConfiguration>";
    create(east, tags).is_error(501, "NotImplemented");
}

#[test]
fn uploads_are_listed_in_pages() {
    let endpoint = start();
    let client = client(&endpoint);
    let begin = |key: &str| {
        let begun = client.s3("POST", &format!("/b/{key}?uploads=")).send();
        begun.xml("UploadId").to_owned()
    };
    let mut ids: Vec<_> = ["a/1", "a/2", "b", "b", "c"].map(begin).to_vec();
    // Of one key the older comes first, and of one moment the smaller id.
    let all = client.get("/b?uploads=").send();
    let listed = all.all_xml("UploadId");
    assert_eq!(listed.len(), 5);
    ids.sort_unstable();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ids);
    let (mut seen, mut markers, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = client
            .get(&format!(
                "/b?{}max-uploads=2&{}uploads=",
                &markers[..markers.find("upload-id").unwrap_or(0)],
                &markers[markers.find("upload-id").unwrap_or(0)..]
            ))
            .send();
        pages += 1;
        seen.extend(page.all_xml("UploadId").into_iter().map(str::to_owned));
        if page.xml("IsTruncated") == "false" {
            break;
        }
        let key = page.xml("NextKeyMarker").replace('/', "%2F");
        markers = format!(
            "key-marker={key}&upload-id-marker={}&",
            page.xml("NextUploadIdMarker")
        );
    }
    assert_eq!(
        (seen, pages),
        (listed.iter().map(|id| (*id).to_owned()).collect(), 3)
    );
    let folders = client.get("/b?delimiter=%2F&max-uploads=1&uploads=").send();
    assert_eq!(folders.all_xml("CommonPrefixes"), ["<Prefix>a/</Prefix>"]);
    assert_eq!(folders.xml("NextKeyMarker"), "a/");
    let after = client
        .get("/b?delimiter=%2F&key-marker=a%2F&uploads=")
        .send();
    assert_eq!(after.all_xml("Key"), ["b", "b", "c"]);
    assert!(after.all_xml("CommonPrefixes").is_empty());
}

/// XML has no control characters; readers refuse a document with them.
#[test]
fn keys_that_xml_cannot_hold_are_listed_as_references() {
    let endpoint = LocalEndpoint::builder().bucket("b").start().expect("start");
    for key in ["a\u{1}b", "a\rb", "a\tb", "\u{ffff}"] {
        endpoint.put_object("b", key, "x");
    }
    let client = client(&endpoint);
    let list = client.get("/b").send();
    assert!(!list.body.contains(&1), "{}", list.text());
    let keys = list.all_xml("Key");
    assert_eq!(keys, ["a&#1;b", "a\tb", "a&#13;b", "&#65535;"]);
    let encoded = client.get("/b?encoding-type=url").send();
    let keys = encoded.all_xml("Key");
    assert_eq!(keys, ["a%01b", "a%09b", "a%0Db", "%EF%BF%BF"]);
}
