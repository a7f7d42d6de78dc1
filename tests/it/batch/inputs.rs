//! Inputs that are in S3 already: listed below a prefix, split into shards, read from inventories.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagemaker_async_inference::batch::{Inputs, Skipped, inputs_of_inventory, inputs_under};
use sagemaker_async_inference::error::TransferErrorKind;
use sagemaker_async_inference::local::{Fault, LocalEndpoint, Operation};
use sagemaker_async_inference::sys::{Clock, ManualClock};
use sagemaker_async_inference::{CancelToken, Error, S3Uri, submit_all};
use serde_json::json;

use super::{predictor_in, session, start};
use crate::support::inventory::{encoded, gzip, put, put_manifest};

/// Keys with characters that are often handled wrongly.
pub(crate) fn odd_keys(count: usize) -> BTreeSet<String> {
    let shapes = [
        "plain-{}.json",
        "a b {}",
        "a+b {}+",
        "100%-{}",
        "%2F{}",
        "%2b{}%20x",
        "ü-ß-{}",
        "日本/{}",
        "🙂{}",
        "a//b/{}",
        "../up/{}",
        "./{}",
        "?x={}&y=#z",
        "'\"<{}>&amp;",
        "=,;:@{}",
        "~!$*(){}",
        "[{}]^`{|}\\",
        "{}/",
        "C:\\{}.tif",
        "é(decomposed e\u{301})-{}",
    ];
    let keys = (0..count).map(|number| {
        let shape = shapes[number % shapes.len()];
        format!("in/{}", shape.replace("{}", &format!("{number:05}")))
    });
    keys.collect()
}

fn endpoint(keys: impl IntoIterator<Item = impl AsRef<str>>) -> LocalEndpoint {
    let endpoint = start(|builder| builder.bucket("bucket"));
    for key in keys {
        endpoint.put_object("bucket", key.as_ref(), "1");
    }
    endpoint
}

fn under(endpoint: &LocalEndpoint, prefix: &str) -> Inputs {
    inputs_under(&session(endpoint), &prefix.parse().expect("a URI"))
}

fn inventory(endpoint: &LocalEndpoint, manifest: &str) -> Inputs {
    inputs_of_inventory(&session(endpoint), &manifest.parse().expect("a URI"))
}

fn keys(inputs: Inputs) -> Vec<String> {
    inputs
        .map(|input| input.expect("an input").key().to_owned())
        .collect()
}

fn listings(endpoint: &LocalEndpoint) -> usize {
    let requests = endpoint.requests();
    requests
        .iter()
        .filter(|r| r.operation == Operation::ListObjectsV2)
        .count()
}

#[test]
fn keys_are_exact_and_three_shards_have_each_of_2500_odd_ones_once() {
    let odd = odd_keys(2500);
    let endpoint = endpoint(&odd);
    let all = keys(under(&endpoint, "s3://bucket/in/"));
    assert_eq!(all.len(), 2500);
    assert!(all.iter().eq(odd.iter()), "in the order of S3");
    let mut found = Vec::new();
    for number in 1..=3 {
        let shard = || {
            under(&endpoint, "s3://bucket/in/")
                .shard(number, 3)
                .expect("a shard")
        };
        let part = keys(shard());
        assert!(
            (700..=960).contains(&part.len()),
            "{number}: {}",
            part.len()
        );
        assert_eq!(part, keys(shard()), "the same in every run");
        found.extend(part);
    }
    assert_eq!(found.len(), 2500);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), odd);
}

#[test]
fn a_key_of_1024_bytes_is_listed_whole() {
    let long = "é".repeat(512);
    let endpoint = endpoint([long.as_str()]);
    assert_eq!(keys(under(&endpoint, "s3://bucket/")), [long]);
}

#[test]
fn pages_are_fetched_when_they_are_needed() {
    let endpoint = endpoint((0..2001).map(|number| format!("in/{number:05}")));
    let mut inputs = under(&endpoint, "s3://bucket/in/");
    assert_eq!(listings(&endpoint), 0);
    inputs.by_ref().take(1000).for_each(drop);
    assert_eq!(listings(&endpoint), 1);
    assert_eq!(inputs.by_ref().count(), 1001);
    assert_eq!(listings(&endpoint), 3);
    assert!(inputs.next().is_none());
    assert_eq!(listings(&endpoint), 3);
}

#[test]
fn folder_markers_are_skipped_with_a_reason_and_empty_inputs_are_not() {
    let endpoint = endpoint(["in/a.json", "in/full/", "in/b.txt"]);
    for empty in ["in/", "in/sub/", "in/sub_$folder$", "in/empty.json"] {
        endpoint.put_object("bucket", empty, "");
    }
    let skipped = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&skipped);
    let inputs = under(&endpoint, "s3://bucket/in/").on_skipped(move |uri, why| {
        seen.lock().expect("unharmed").push((uri.to_string(), why));
    });
    assert_eq!(
        keys(inputs),
        ["in/a.json", "in/b.txt", "in/empty.json", "in/full/"]
    );
    let marker = |key: &str| (format!("s3://bucket/{key}"), Skipped::FolderMarker);
    let expected = [marker("in/"), marker("in/sub/"), marker("in/sub_$folder$")];
    assert_eq!(*skipped.lock().expect("unharmed"), expected);

    let json = under(&endpoint, "s3://bucket/in/").suffix(".json");
    assert_eq!(keys(json), ["in/a.json", "in/empty.json"]);
}

#[test]
fn a_listing_that_fails_is_its_last_item_and_a_cancel_ends_it() {
    let endpoint = endpoint(["in/a", "in/b"]);
    endpoint.fault(Fault::on(Operation::ListObjectsV2).times(1).access_denied());
    let mut inputs = under(&endpoint, "s3://bucket/in/");
    let error = inputs.next().expect("an item").expect_err("no permission");
    assert!(error.to_string().contains("ListObjectsV2"), "{error}");
    assert!(inputs.next().is_none());

    let cancel = CancelToken::new();
    let mut inputs = under(&endpoint, "s3://bucket/in/").cancel(cancel.clone());
    assert!(inputs.next().is_some());
    cancel.cancel();
    assert!(inputs.next().is_none());
}

#[test]
fn a_listing_that_leads_back_to_the_same_page_ends() {
    let endpoint = endpoint(["in/a"]);
    let page = "<ListBucketResult><Contents><Key>in/a</Key><Size>1</Size></Contents>\
        <IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
    let again = Fault::on(Operation::ListObjectsV2).always();
    endpoint.fault(again.respond(200, [("content-type", "application/xml")], page));
    let mut inputs = under(&endpoint, "s3://bucket/in/");
    assert!(inputs.next().expect("an item").is_ok());
    let error = inputs.next().expect("an item").expect_err("no end");
    assert!(matches!(error, Error::Transfer(_)), "{error}");
    assert!(inputs.next().is_none());
}

#[test]
fn wrong_shards_are_refused() {
    let endpoint = endpoint(["in/a"]);
    for (number, count) in [(0, 2), (3, 2), (1, 0), (1, 10_001)] {
        let error = under(&endpoint, "s3://bucket/in/")
            .shard(number, count)
            .expect_err("refused");
        assert!(
            error.to_string().contains(&format!("{number}/{count}")),
            "{error}"
        );
    }
}

#[test]
fn submits_keep_to_the_rate() {
    let endpoint = endpoint(["in/a"]);
    let clock = ManualClock::new();
    let predictor = predictor_in(&endpoint, &clock);
    let requests = || {
        let at = S3Uri::new("bucket", "in/a").expect("a URI");
        std::iter::repeat_n(at, 9).map(|at| predictor.request_at(at))
    };
    let begun = clock.monotonic();
    let limited = submit_all(requests())
        .submits_per_second(0.5)
        .expect("a rate");
    assert_eq!(limited.flatten().count(), 9);
    // The first goes out at once.
    let took = clock.monotonic().saturating_sub(begun);
    assert!(took >= Duration::from_millis(15_900), "{took:?}");
    for rate in [0.0, -1.0, f64::NAN, 10_001.0] {
        assert!(
            submit_all(requests()).submits_per_second(rate).is_err(),
            "{rate}"
        );
    }
}

const SCHEMA: &str = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size";

#[test]
fn inventories_have_encoded_keys_in_gzip_and_say_what_is_no_input() {
    let endpoint = endpoint(["unlisted"]);
    let odd = odd_keys(100);
    let (first, second): (Vec<_>, Vec<_>) = odd.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let list = |part: &[(usize, &String)]| {
        let line = |(_, key): &(usize, &String)| {
            format!(
                "\"bucket\",\"{}\",\"v1\",\"true\",\"false\",\"7\"\n",
                encoded(key)
            )
        };
        part.iter().map(line).collect::<String>()
    };
    let more = "\"bucket\",\"in/old\",\"v0\",\"false\",\"false\",\"7\"\n\
        \"bucket\",\"in/gone\",\"v2\",\"true\",\"true\",\"\"\n\
        \"bucket\",\"in/folder/\",\"\",\"true\",\"false\",\"0\"\n";
    let lists = [
        ("1.csv.gz", gzip(&list(&first))),
        ("2.csv.gz", gzip(&(list(&second) + more))),
    ];
    let manifest = put(&endpoint, SCHEMA, &lists);
    let skipped = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&skipped);
    let inputs = inventory(&endpoint, &manifest).on_skipped(move |uri, why| {
        seen.lock()
            .expect("unharmed")
            .push((uri.key().to_owned(), why));
    });
    assert_eq!(keys(inputs).into_iter().collect::<BTreeSet<_>>(), odd);
    let expected = [
        ("in/old".to_owned(), Skipped::OldVersion),
        ("in/gone".to_owned(), Skipped::DeleteMarker),
        ("in/folder/".to_owned(), Skipped::FolderMarker),
    ];
    assert_eq!(*skipped.lock().expect("unharmed"), expected);

    let shards = (1..=3).flat_map(|number| {
        let shard = inventory(&endpoint, &manifest)
            .shard(number, 3)
            .expect("a shard");
        keys(shard)
    });
    let mut shards: Vec<_> = shards.collect();
    shards.sort();
    assert!(shards.iter().eq(odd.iter()));
}

#[test]
fn columns_are_found_by_their_names() {
    let endpoint = endpoint(["x"]);
    let lists = [("1.csv.gz", gzip("\"3\",\"a+b\"\n"))];
    let manifest = put(&endpoint, "Size, Key", &lists);
    let inputs: Vec<_> = inventory(&endpoint, &manifest)
        .map(|input| input.expect("an input"))
        .collect();
    assert_eq!(inputs, [S3Uri::new("bucket", "a b").expect("a URI")]);
    let manifest = put(&endpoint, "Bucket, Size", &lists);
    let error = inventory(&endpoint, &manifest)
        .next()
        .expect("an item")
        .expect_err("no keys");
    assert!(error.to_string().contains("fileSchema"), "{error}");
}

#[test]
fn a_list_with_a_wrong_checksum_is_named_and_nothing_of_it_is_taken() {
    let endpoint = endpoint(["x"]);
    let good = gzip("\"bucket\",\"good\"\n");
    let bad = gzip("\"bucket\",\"bad\"\n");
    let manifest = put(
        &endpoint,
        "Bucket, Key",
        &[("bad.csv.gz", bad), ("good.csv.gz", good)],
    );
    // As long as before, and another.
    endpoint.put_object("lists", "inv/data/bad.csv.gz", gzip("\"bucket\",\"BAD\"\n"));
    let items: Vec<_> = inventory(&endpoint, &manifest).collect();
    let [Err(Error::Transfer(error)), Ok(good)] = items.as_slice() else {
        panic!("{items:?}");
    };
    assert_eq!(error.kind(), TransferErrorKind::Corrupt);
    assert_eq!(error.resource(), "s3://lists/inv/data/bad.csv.gz");
    assert_eq!(good.key(), "good");

    endpoint.put_object("lists", "inv/data/bad.csv.gz", "shorter");
    let error = inventory(&endpoint, &manifest)
        .next()
        .expect("an item")
        .expect_err("another length");
    assert!(error.to_string().contains("bad.csv.gz"), "{error}");
}

#[test]
fn what_is_no_csv_inventory_is_refused_by_name() {
    let endpoint = endpoint(["x"]);
    for format in ["ORC", "Parquet"] {
        let manifest = put_manifest(&endpoint, format, "message s3.inventory {}", &json!([]));
        let items: Vec<_> = inventory(&endpoint, &manifest).collect();
        let [Err(Error::InvalidInput(error))] = items.as_slice() else {
            panic!("{items:?}");
        };
        assert!(error.to_string().contains(format), "{error}");
    }
    endpoint.put_object("lists", "other.json", "{\"secret\": 1}");
    let items: Vec<_> = inventory(&endpoint, "s3://lists/other.json").collect();
    let [Err(error)] = items.as_slice() else {
        panic!("{items:?}")
    };
    assert!(
        error.to_string().contains("manifest.json") && !error.to_string().contains("secret"),
        "{error}"
    );
    assert!(
        inventory(&endpoint, "s3://lists/none.json")
            .next()
            .expect("an item")
            .is_err()
    );
}

#[test]
fn a_line_without_a_key_and_a_list_that_breaks_off_stop_no_other() {
    let endpoint = endpoint(["x"]);
    let mut broken = gzip(&"\"bucket\",\"a\"\n".repeat(5000));
    broken.truncate(broken.len() - 9);
    let odd = gzip("\"bucket\",\"%ff\"\n\"bucket\"\n\"bucket\",\"fine\"\n");
    let manifest = put(
        &endpoint,
        "Bucket, Key",
        &[("1.csv.gz", broken), ("2.csv.gz", odd)],
    );
    let items: Vec<_> = inventory(&endpoint, &manifest).collect();
    let errors: Vec<_> = items
        .iter()
        .filter_map(|item| item.as_ref().err())
        .collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].to_string().contains("1.csv.gz"), "{errors:?}");
    let last = items
        .last()
        .expect("items")
        .as_ref()
        .expect("the last line");
    assert_eq!(last.key(), "fine");
}
