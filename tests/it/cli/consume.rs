//! `consume` and `queue-policy`.

mod signals;
mod waits;

use std::collections::BTreeSet;
use std::fs;

use sagemaker_async_inference::local::{Fault, LocalEndpoint, ModelResponse, Operation};
use sagemaker_async_inference::{AsyncPredictor, NotificationConfig};
use serde_json::{Value, json};

use crate::cli::bench::{Bench, Ran, bare, by_shell};
use crate::cli::server::Server;

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:done";

/// An endpoint whose notifications go to the queue `done`.
fn bench(attributes: &[(&str, &str)]) -> Bench {
    let topics = NotificationConfig::builder()
        .success_topic(TOPIC)
        .error_topic(TOPIC)
        .build()
        .expect("topics");
    let endpoint = LocalEndpoint::builder()
        .bucket("bucket")
        .notification_config(topics)
        .without_failure_path()
        .model(|request| {
            if request.body.starts_with(b"\"bad") {
                ModelResponse::failure(400, "ValueError: no")
            } else {
                ModelResponse::ok([b"<", &request.body[..], b">"].concat())
            }
        });
    let bench = Bench::of(endpoint);
    bench
        .endpoint
        .create_queue("done", attributes)
        .expect("a queue");
    bench
        .endpoint
        .subscribe_queue(TOPIC, "done", false)
        .expect("a subscription");
    bench
}

fn submit(bench: &Bench, ids: &[&str]) {
    let session = bench.endpoint.session().expect("a session");
    let predictor = AsyncPredictor::new(bench.name(), &session);
    for id in ids {
        let request = predictor.request(*id).inference_id(*id);
        let _ = request.submit().expect("a submit");
    }
    assert!(
        bench
            .endpoint
            .wait_until_idle(std::time::Duration::from_mins(1))
    );
}

const OUT: [&str; 4] = ["--output-dir", "out", "--until-idle", "1s"];

fn consume(bench: &Bench, more: &[&str]) -> Ran {
    bench.run(&[&["consume", "done"], &OUT[..], more].concat())
}

fn stored(bench: &Bench) -> BTreeSet<String> {
    let names = bench.left().into_iter();
    names
        .filter_map(|name| name.strip_prefix("out/").map(str::to_owned))
        .collect()
}

#[test]
fn results_and_failures_become_files_named_by_inference_id() {
    let bench = bench(&[]);
    submit(&bench, &["a", "b/c", "bad"]);
    let ran = consume(&bench, &[]);
    ran.ends_with(3).says("2 completed, 1 failed");
    let names: Vec<_> = stored(&bench).into_iter().collect();
    assert_eq!(names, ["a.out", "b%2Fc.out", "bad.out.failure"]);
    assert_eq!(
        fs::read_to_string(bench.path("out/a.out")).unwrap(),
        "<\"a\">"
    );
    assert!(
        fs::read_to_string(bench.path("out/bad.out.failure"))
            .unwrap()
            .contains("no")
    );
    let lines = ran.json();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        let status = if line["inference_id"] == "bad" {
            "failed"
        } else {
            "completed"
        };
        assert_eq!(line["status"], status, "{line}");
    }
    assert_eq!(bench.endpoint.messages_in("done"), 0);
}

#[test]
fn a_summary_counts_all_kinds_of_messages() {
    let bench = bench(&[]);
    submit(&bench, &["a"]);
    let test = json!({ "eventSource": "aws:sagemaker", "eventName": "TestNotification", "eventVersion": "1.0" });
    bench.endpoint.send_message("done", test.to_string());
    bench.endpoint.send_message("done", "<xml/>");
    let ran = consume(&bench, &["--summary", "--on-unknown", "delete"]);
    let lines = ran.ends_with(0).json();
    assert_eq!(lines.len(), 1);
    for (member, count) in [
        ("completed", 1),
        ("tests", 1),
        ("unknown", 1),
        ("foreign", 0),
        ("deleted", 3),
        ("lost", 0),
    ] {
        assert_eq!(lines[0][member], count, "{member}: {}", lines[0]);
    }
}

#[test]
fn messages_of_other_endpoints_and_unknown_ones_stay_in_the_queue() {
    let bench = bench(&[]);
    submit(&bench, &["a"]);
    bench.endpoint.send_message("done", "<xml/>");
    let ran = consume(&bench, &["--endpoint", "other", "--max-messages", "2"]);
    ran.ends_with(0).printed("").says("it is not JSON; such");
    assert_eq!(bench.endpoint.messages_in("done"), 2);
    assert!(stored(&bench).is_empty());
}

/// A queue that was set up for something else would otherwise be emptied into its dead-letter queue in silence.
#[test]
fn the_first_message_that_is_left_is_reported() {
    let bench = bench(&[]);
    let event = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "bucket"}, "object": {"key": "out/1.out"}}}]});
    let confirmation =
        json!({"Type": "SubscriptionConfirmation", "TopicArn": TOPIC, "Message": "?"});
    for body in [event, confirmation] {
        for _ in 0..2 {
            bench.endpoint.send_message("done", body.to_string());
        }
    }
    for (more, fate) in [
        (&[][..], "left to the queue's redrive policy"),
        (&["--on-unknown", "delete"], "deleted"),
    ] {
        let ran = consume(&bench, more);
        ran.ends_with(0).printed("");
        for said in ["no --handles", "SubscriptionConfirmation", fate] {
            assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
        }
    }
    let handles = bench.file("handles.jsonl", "");
    let ran = consume(&bench, &["--handles", &handles]);
    assert!(!ran.stderr.contains("--handles"), "{}", ran.stderr);
}

#[test]
fn events_of_s3_are_matched_to_handles() {
    let bench = bench(&[]);
    bench.endpoint.create_queue("objects", &[]).unwrap();
    bench
        .endpoint
        .send_object_events("bucket", "async-output/", "objects")
        .unwrap();
    let session = bench.endpoint.session().unwrap();
    let predictor = AsyncPredictor::new(bench.name(), &session);
    let response = predictor.request("x").inference_id("one").submit().unwrap();
    let _ = predictor
        .request("y")
        .inference_id("stranger")
        .submit()
        .unwrap();
    let handles = bench.file("handles.jsonl", &format!("{}\n", response.handle()));
    assert!(
        bench
            .endpoint
            .wait_until_idle(std::time::Duration::from_mins(1))
    );
    let ran = bench.run(&[&["consume", "objects", "--handles", &handles], &OUT[..]].concat());
    let lines = ran.ends_with(0).json();
    assert_eq!(lines.len(), 1, "{}", ran.stdout);
    assert_eq!(lines[0]["inference_id"], "one");
    assert_eq!(stored(&bench).into_iter().collect::<Vec<_>>(), ["one.out"]);
}

#[test]
fn a_message_about_objects_of_others_too_is_left_for_them() {
    let bench = bench(&[]);
    bench.endpoint.create_queue("objects", &[]).unwrap();
    let session = bench.endpoint.session().unwrap();
    let predictor = AsyncPredictor::new(bench.name(), &session);
    let response = predictor.request("x").inference_id("one").submit().unwrap();
    let handles = bench.file("handles.jsonl", &format!("{}\n", response.handle()));
    assert!(
        bench
            .endpoint
            .wait_until_idle(std::time::Duration::from_mins(1))
    );
    let record = |key: &str| {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2026-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": "bucket" }, "object": { "key": key, "size": 1 } },
        })
    };
    let records = [
        record(response.output_path().key()),
        record("of/another.out"),
    ];
    let body = json!({ "Records": records }).to_string();
    bench.endpoint.send_message("objects", body);
    let options = ["--handles", &handles, "--max-messages", "1"];
    let ran = bench.run(&[&["consume", "objects"], &options[..], &OUT[..]].concat());
    assert_eq!(ran.json()[0]["inference_id"], "one");
    assert_eq!(stored(&bench).into_iter().collect::<Vec<_>>(), ["one.out"]);
    assert_eq!(bench.endpoint.messages_in("objects"), 1);
}

#[test]
fn inferences_with_one_id_and_files_that_are_there_keep_their_content() {
    let bench = bench(&[]);
    fs::create_dir_all(bench.path("out")).unwrap();
    bench.file("out/taken.out", "something else");
    let session = bench.endpoint.session().unwrap();
    let predictor = AsyncPredictor::new(bench.name(), &session);
    for (id, input) in [("twice", "first"), ("twice", "second"), ("taken", "third")] {
        let _ = predictor.request(input).inference_id(id).submit().unwrap();
    }
    let contents = || {
        let read = |name: String| fs::read_to_string(bench.path(&format!("out/{name}"))).unwrap();
        let mut contents: Vec<_> = stored(&bench).into_iter().map(read).collect();
        contents.sort();
        contents
    };
    consume(&bench, &["--max-messages", "3"]).ends_with(0);
    let wanted = [
        "<\"first\">",
        "<\"second\">",
        "<\"third\">",
        "something else",
    ];
    assert_eq!(contents(), wanted);
    let names = stored(&bench);
    assert!(names.contains("twice.out"), "{names:?}");
    assert_eq!(bench.endpoint.messages_in("done"), 0);
}

#[test]
fn a_message_that_comes_again_is_deleted_without_fetching_its_result_again() {
    let bench = bench(&[]);
    submit(&bench, &["a"]);
    let delete = Fault::on(Operation::DeleteMessage);
    bench
        .endpoint
        .fault(delete.times(1).error(400, "ReceiptHandleIsInvalid"));
    let limits = ["--visibility", "5s", "--until-idle", "8s"];
    let ran = bench.run(&[&["consume", "done", "--output-dir", "out"][..], &limits].concat());
    let lines = ran.ends_with(0).json();
    assert_eq!(lines.len(), 1, "{}", ran.stdout);
    assert_eq!(bench.endpoint.messages_in("done"), 0);
    let requests = bench.endpoint.requests();
    let count = |operation| {
        let found = requests.iter().filter(|one| one.operation == operation);
        found.count()
    };
    assert_eq!(count(Operation::GetObject), 1);
    assert_eq!(count(Operation::DeleteMessage), 2);
}

#[test]
fn an_output_that_is_gone_is_pending_and_its_message_stays() {
    let bench = bench(&[]);
    submit(&bench, &["a"]);
    bench.endpoint.fault(
        Fault::on(Operation::GetObject)
            .always()
            .error(404, "NoSuchKey"),
    );
    let ran = consume(&bench, &["--max-messages", "1"]);
    ran.ends_with(4);
    assert_eq!(ran.json()[0]["status"], "pending");
    assert_eq!(bench.endpoint.messages_in("done"), 1);
    // Once it is there, it is stored.
    bench.endpoint.clear_faults();
    consume(&bench, &["--max-messages", "1"]).ends_with(0);
    assert_eq!(stored(&bench).len(), 1);
}

#[test]
fn a_disk_that_takes_nothing_ends_the_command_and_deletes_nothing() {
    let bench = bench(&[]);
    submit(&bench, &["a", "b"]);
    let own = bench.command(&["consume", "done", "--output-dir", "out", "--workers", "1"]);
    let mut limited = by_shell(r#"ulimit -f 0 && exec "$0" "$@""#, &own);
    let ran = Ran::of(limited.output().expect("a shell"));
    ran.ends_with(1);
    assert_eq!(bench.endpoint.messages_in("done"), 2);
}

#[test]
fn an_output_that_can_be_read_only_later_is_stored_when_its_message_comes_again() {
    let bench = bench(&[]);
    submit(&bench, &["a"]);
    let late = Fault::on(Operation::GetObject).times(3);
    bench.endpoint.fault(late.error(404, "NoSuchKey"));
    let ran = bench.run(&[
        "consume",
        "done",
        "--output-dir",
        "out",
        "--until-idle",
        "4s",
    ]);
    let lines = ran.ends_with(0).json();
    let states: Vec<_> = lines
        .iter()
        .map(|line| line["status"].as_str().expect("a status"))
        .collect();
    assert_eq!(states, ["pending", "completed"]);
    assert_eq!(bench.endpoint.messages_in("done"), 0);
}

#[test]
fn endpoints_that_share_a_queue_get_their_own_results() {
    let bench = bench(&[]);
    let ids: Vec<_> = (0..10).map(|number| format!("job-{number}")).collect();
    submit(&bench, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    for number in 0..10 {
        let key = format!("other/{number}.out");
        bench.endpoint.put_object("bucket", &key, "theirs");
        let message = json!({
            "invocationStatus": "Completed",
            "inferenceId": format!("other-{number}"),
            "requestParameters": { "endpointName": "other" },
            "responseParameters": { "outputLocation": format!("s3://bucket/{key}") },
        });
        bench.endpoint.send_message("done", message.to_string());
    }
    let name = bench.name().to_owned();
    let ran = consume(&bench, &["--endpoint", &name, "--summary"]);
    let summary = &ran.ends_with(0).json()[0];
    assert_eq!(
        (&summary["completed"], &summary["deleted"]),
        (&10.into(), &10.into())
    );
    assert!(
        summary["foreign"].as_u64().expect("a count") >= 10,
        "{summary}"
    );
    assert_eq!(bench.endpoint.messages_in("done"), 10);
    // They were hidden for a second or two, not for long.
    let other = [
        "consume",
        "done",
        "--output-dir",
        "theirs",
        "--until-idle",
        "6s",
        "--endpoint",
        "other",
        "--summary",
    ];
    let ran = bench.run(&other);
    let summary = &ran.ends_with(0).json()[0];
    assert_eq!(
        (&summary["completed"], &summary["foreign"]),
        (&10.into(), &0.into())
    );
    assert_eq!(bench.endpoint.messages_in("done"), 0);
}

#[test]
fn wrong_arguments_and_queues_are_refused() {
    let bench = bench(&[]);
    bench
        .run(&["consume", "a b", "--output-dir", "out"])
        .ends_with(2)
        .says("queue");
    bench
        .run(&[
            "consume",
            "done",
            "--output-dir",
            "out",
            "--visibility",
            "1s",
        ])
        .ends_with(2)
        .says("5 s to 12 h");
    bench
        .run(&["consume", "other", "--output-dir", "out"])
        .ends_with(5)
        .says("QueueDoesNotExist");
    assert_eq!(bench.endpoint.messages_in("done"), 0);
}

#[test]
fn queue_policy_prints_what_has_to_be_allowed() {
    let queue = "arn:aws:sqs:us-east-1:123456789012:done";
    for given in [
        queue,
        "https://sqs.us-east-1.amazonaws.com/123456789012/done",
    ] {
        let ran = Ran::of(
            bare(&["queue-policy", TOPIC, given])
                .output()
                .expect("the binary runs"),
        );
        ran.ends_with(0);
        let policies: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let statement = &policies["queue_policy"]["Statement"][0];
        assert_eq!(statement["Resource"], queue);
        assert_eq!(statement["Condition"]["ArnEquals"]["aws:SourceArn"], TOPIC);
        assert_eq!(
            policies["execution_role_policy"]["Statement"][0]["Action"],
            "sns:Publish"
        );
        assert_eq!(policies["subscription_attributes"]["Endpoint"], queue);
    }
    for (topic, queue) in [
        ("done", queue),
        (TOPIC, "done"),
        (TOPIC, TOPIC),
        (TOPIC, "arn:aws:sqs:us-east-1:123456789012:done.fifo"),
        (TOPIC, "http://localhost:4566/1/done"),
    ] {
        Ran::of(
            bare(&["queue-policy", topic, queue])
                .output()
                .expect("the binary runs"),
        )
        .ends_with(2);
    }
}

#[test]
fn a_local_endpoint_sends_notifications_and_events_of_s3_to_queues() {
    let server = Server::start(&["--queue", "done", "--object-events-queue", "objects"]);
    assert!(server.text("queue_url").ends_with("/done"));
    assert!(server.text("object_events_queue_url").ends_with("/objects"));
    let directory = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        let mut command = bare(arguments);
        command
            .envs(server.environment())
            .current_dir(directory.path());
        Ran::of(command.output().expect("the binary runs"))
    };
    fs::write(directory.path().join("in.txt"), "1").expect("an input");
    let name = server.text("endpoint_name");
    let ran = run(&["submit", name, "--input", "in.txt", "--inference-id", "a"]);
    fs::write(directory.path().join("handles"), &ran.ends_with(0).stdout).expect("a file");
    let idle = ["--until-idle", "2s"];
    run(&[&["consume", "done", "--output-dir", "one"], &idle[..]].concat()).ends_with(0);
    let more = ["--handles", "handles", "--summary"];
    let ran = run(&[
        &["consume", "objects", "--output-dir", "two"],
        &idle[..],
        &more,
    ]
    .concat());
    let summary = &ran.ends_with(0).json()[0];
    assert_eq!(
        (&summary["completed"], &summary["tests"]),
        (&1.into(), &1.into()),
        "{summary}"
    );
    for folder in ["one", "two"] {
        let path = directory.path().join(folder).join("a.out");
        assert_eq!(fs::read_to_string(path).expect("a result"), "1");
    }
}
