//! `submit` of objects that are in S3 already.

use std::collections::BTreeSet;

use sagemaker_async_inference::local::{Fault, Operation};
use serde_json::json;

use crate::batch::inputs::odd_keys;
use crate::cli::bench::{Bench, Ran, bench};
use crate::support::inventory::{encoded, gzip, put, put_manifest};

fn with_objects(keys: impl IntoIterator<Item = impl AsRef<str>>) -> Bench {
    let bench = bench();
    for key in keys {
        bench.endpoint.put_object("bucket", key.as_ref(), "1");
    }
    bench
}

fn submit(bench: &Bench, more: &[&str]) -> Ran {
    bench.run(&[&["submit", bench.name()], more].concat())
}

fn inputs(ran: &Ran) -> Vec<String> {
    let lines = ran.json();
    lines
        .iter()
        .map(|line| line["input"].as_str().expect("an input").to_owned())
        .collect()
}

/// What the endpoint got.
fn submitted(bench: &Bench) -> Vec<String> {
    let jobs = bench.endpoint.jobs();
    let mut locations: Vec<_> = jobs
        .into_iter()
        .filter_map(|job| job.input_location)
        .collect();
    locations.sort();
    locations
}

#[test]
fn three_machines_submit_each_object_of_a_prefix_once() {
    let odd = odd_keys(2500);
    let bench = with_objects(&odd);
    let mut all = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let journal = format!("{}.journal", &shard[..1]);
        let arguments = [
            "--inputs-under",
            "s3://bucket/in/",
            "--shard",
            shard,
            "--journal",
            &journal,
            "--concurrency",
            "32",
        ];
        let ran = submit(&bench, &arguments);
        ran.ends_with(0);
        all.extend(inputs(&ran));
    }
    let expected: BTreeSet<_> = odd.iter().map(|key| format!("s3://bucket/{key}")).collect();
    assert_eq!(all.len(), 2500);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(
        submitted(&bench).iter().eq(expected.iter()),
        "each once, under its exact key"
    );
}

#[test]
fn a_rerun_submits_only_what_is_left_and_what_is_new() {
    let bench = with_objects((0..20).map(|number| format!("in/{number:02}")));
    let arguments = [
        "--inputs-under",
        "s3://bucket/in/",
        "--journal",
        "j",
        "--stop-at-first-error",
    ];
    bench.endpoint.fault(
        Fault::on(Operation::InvokeEndpointAsync)
            .skip(7)
            .times(1)
            .status(400),
    );
    submit(&bench, &arguments)
        .ends_with(5)
        .says("Run the same command again");
    let first = submitted(&bench).len();
    assert!((7..20).contains(&first), "{first}");
    bench.endpoint.put_object("bucket", "in/05b", "new");
    let ran = submit(&bench, &arguments);
    assert_eq!(inputs(ran.ends_with(0)).len(), 21);
    let all = submitted(&bench);
    assert_eq!(
        (all.len(), all.iter().collect::<BTreeSet<_>>().len()),
        (21, 21)
    );
    submit(&bench, &arguments).ends_with(0);
    assert_eq!(submitted(&bench).len(), 21);
}

#[test]
fn a_suffix_chooses_and_markers_are_left_out_with_the_reason() {
    let bench = with_objects(["in/a.json", "in/b.txt"]);
    bench.endpoint.put_object("bucket", "in/sub/", "");
    let ran = submit(
        &bench,
        &["--inputs-under", "s3://bucket/in/", "--suffix", ".json"],
    );
    assert_eq!(inputs(ran.ends_with(0)), ["s3://bucket/in/a.json"]);
    let ran = submit(&bench, &["--inputs-under", "s3://bucket/in/"]);
    ran.ends_with(0)
        .says("s3://bucket/in/sub/ is skipped: it is a folder marker");
    assert_eq!(inputs(&ran).len(), 2);
    for number in 0..15 {
        bench
            .endpoint
            .put_object("bucket", &format!("many/{number}/"), "");
    }
    let ran = submit(&bench, &["--inputs-under", "s3://bucket/many/"]);
    ran.ends_with(2)
        .says("5 more objects are skipped")
        .says("there is no object below s3://bucket/many/");
}

#[test]
fn a_key_that_cannot_be_submitted_holds_up_no_other() {
    let long = format!("in/{}", "k".repeat(1021));
    let bench = with_objects(["in/a", &long, "in/ends with a blank "]);
    let ran = submit(&bench, &["--inputs-under", "s3://bucket/in/"]);
    ran.ends_with(2)
        .says("at most 1024 characters")
        .says("blank")
        .says("2 of 3 inputs");
    assert_eq!(submitted(&bench), ["s3://bucket/in/a"]);
}

#[test]
fn outputs_below_the_prefix_are_not_taken_for_inputs() {
    // The outputs of this endpoint go to async-output/.
    let keys = (0..300).map(|number| format!("a/{number:03}.json"));
    let bench = with_objects(keys);
    let ran = submit(&bench, &["--inputs-under", "s3://bucket/a"]);
    ran.ends_with(1)
        .says("would be listed as an input")
        .says("--suffix");
    assert!(submitted(&bench).len() < 50, "it stops early");
    let ran = submit(
        &bench,
        &["--inputs-under", "s3://bucket/a", "--suffix", ".json"],
    );
    assert_eq!(inputs(ran.ends_with(0)).len(), 300);
}

#[test]
fn a_listing_that_breaks_off_is_an_error_and_what_was_listed_is_submitted() {
    let bench = with_objects((0..1001).map(|number| format!("in/{number:04}")));
    bench.endpoint.fault(
        Fault::on(Operation::ListObjectsV2)
            .skip(1)
            .always()
            .access_denied(),
    );
    let ran = submit(
        &bench,
        &["--inputs-under", "s3://bucket/in/", "--concurrency", "32"],
    );
    ran.ends_with(5)
        .says("not all inputs could be listed")
        .says("1000 of 1000 inputs are submitted");
    assert_eq!(submitted(&bench).len(), 1000);
}

#[test]
fn an_inventory_is_submitted_without_the_list_that_is_damaged() {
    let bench = with_objects(["x"]);
    let odd = odd_keys(60);
    let lines = odd
        .iter()
        .map(|key| format!("\"bucket\",\"{}\",\"1\"\n", encoded(key)));
    let lists = [
        ("bad.csv.gz", gzip("\"bucket\",\"bad\",\"1\"\n")),
        ("good.csv.gz", gzip(&lines.collect::<String>())),
    ];
    let manifest = put(&bench.endpoint, "Bucket, Key, Size", &lists);
    bench.endpoint.put_object(
        "lists",
        "inv/data/bad.csv.gz",
        gzip("\"bucket\",\"BAD\",\"1\"\n"),
    );
    let ran = submit(&bench, &["--inventory", &manifest, "--journal", "j"]);
    ran.ends_with(1)
        .says("s3://lists/inv/data/bad.csv.gz")
        .says("not all inputs could be listed");
    let expected: BTreeSet<_> = odd.iter().map(|key| format!("s3://bucket/{key}")).collect();
    assert!(submitted(&bench).iter().eq(expected.iter()));

    bench
        .endpoint
        .put_object("lists", "inv/data/bad.csv.gz", lists[0].1.clone());
    submit(&bench, &["--inventory", &manifest, "--journal", "j"]).ends_with(0);
    assert_eq!(submitted(&bench).len(), 61);
}

#[test]
fn wrong_options_are_refused_before_anything_is_sent() {
    let bench = with_objects(["in/a"]);
    let under = ["--inputs-under", "s3://bucket/in/"];
    for (more, says) in [
        (vec!["--inputs-from", "-", "--suffix", "x"], "--suffix"),
        (vec!["--input", "a", "--shard", "1/2"], "--shard"),
        (vec![under[0], under[1], "--shard", "3/2"], "K/N"),
        (vec![under[0], under[1], "--shard", "1/20000"], "10000"),
        (
            vec![under[0], under[1], "--inventory", "s3://b/m.json"],
            "--inventory",
        ),
        (
            vec![under[0], under[1], "--inference-id", "x"],
            "--inference-id",
        ),
        (vec![under[0], under[1], "--rate", "0"], "0.01 to 10,000"),
        (vec!["--inputs-under", "in/"], "s3://"),
    ] {
        submit(&bench, &more).ends_with(2).says(says);
    }
    let manifest = put_manifest(&bench.endpoint, "ORC", "struct<>", &json!([]));
    submit(&bench, &["--inventory", &manifest])
        .ends_with(2)
        .says("ORC")
        .says("CSV");
    assert!(submitted(&bench).is_empty());
}
