//! The local endpoint's SQS, with requests as any client sends them.

use std::time::{Duration, UNIX_EPOCH};

use sagemaker_async_inference::local::LocalEndpoint;
use sagemaker_async_inference::sys::{Clock, ManualClock};
use serde_json::{Value, json};

use super::client::{Client, client};

struct Bench {
    clock: ManualClock,
    endpoint: LocalEndpoint,
    client: Client,
}

fn bench() -> Bench {
    let clock = ManualClock::new();
    let endpoint = LocalEndpoint::builder().clock(clock.clone()).start();
    let endpoint = endpoint.expect("a local endpoint");
    Bench {
        client: client(&endpoint),
        clock,
        endpoint,
    }
}

impl Bench {
    fn send(&self, operation: &str, input: &Value) -> super::client::Reply {
        let now = self.clock.now();
        self.client
            .call("sqs", "POST", "/")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", &format!("AmazonSQS.{operation}"))
            .header("x-amzn-query-mode", "true")
            .body(input.to_string())
            .with(|call| call.time = now)
            .send()
    }

    #[track_caller]
    fn ok(&self, operation: &str, input: &Value) -> Value {
        let reply = self.send(operation, input);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("content-type"), "application/x-amz-json-1.0");
        serde_json::from_slice(&reply.body).expect("JSON")
    }

    /// The error, by both of its names.
    #[track_caller]
    fn refused(&self, operation: &str, input: &Value) -> (String, String) {
        let reply = self.send(operation, input);
        assert_eq!(reply.status, 400, "{}", reply.text());
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let code = body["__type"].as_str().unwrap_or_default();
        let code = code
            .strip_prefix("com.amazonaws.sqs#")
            .expect("a shape of SQS");
        (
            code.to_owned(),
            reply.header("x-amzn-query-error").to_owned(),
        )
    }

    fn create(&self, name: &str, attributes: &Value) -> String {
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let response = self.ok("CreateQueue", &input);
        response["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    fn say(&self, url: &str, body: &str) -> Value {
        self.ok(
            "SendMessage",
            &json!({ "QueueUrl": url, "MessageBody": body }),
        )
    }

    fn receive(&self, url: &str, max: u64) -> Vec<Value> {
        let input = json!({
            "QueueUrl": url,
            "MaxNumberOfMessages": max,
            "MessageSystemAttributeNames": ["All"],
        });
        let response = self.ok("ReceiveMessage", &input);
        response["Messages"].as_array().cloned().unwrap_or_default()
    }
}

fn receipt(message: &Value) -> &str {
    message["ReceiptHandle"].as_str().expect("a handle")
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|m| m["Body"].as_str().expect("a body"))
        .collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_queue_is_found_by_its_name_and_has_the_defaults_of_the_service() {
    let bench = bench();
    let url = bench.create("done", &json!({}));
    assert_eq!(url, format!("{}/123456789012/done", bench.endpoint.url()));
    assert_eq!(bench.create("done", &json!({})), url);
    let found = bench.ok("GetQueueUrl", &json!({ "QueueName": "done" }));
    assert_eq!(found["QueueUrl"], url);
    let none = bench.ok("GetQueueAttributes", &json!({ "QueueUrl": url }));
    assert_eq!(none, json!({}), "none is asked for");
    let all = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let all = bench.ok("GetQueueAttributes", &all);
    let all = &all["Attributes"];
    assert_eq!(all["QueueArn"], "arn:aws:sqs:us-east-1:123456789012:done");
    assert_eq!(all["VisibilityTimeout"], "30");
    assert_eq!(all["MessageRetentionPeriod"], "345600");
    assert_eq!(all["MaximumMessageSize"], "1048576");
    let created = all["CreatedTimestamp"].as_str().expect("a time");
    let since = bench.clock.now().duration_since(UNIX_EPOCH);
    assert_eq!(created, since.expect("after 1970").as_secs().to_string());
    assert_eq!(all["LastModifiedTimestamp"], created);
    let differs = json!({ "QueueName": "done", "Attributes": { "VisibilityTimeout": "31" } });
    assert_eq!(bench.refused("CreateQueue", &differs).0, "QueueNameExists");
}

#[test]
fn messages_have_the_requested_attributes_and_are_delivered_again_after_the_timeout() {
    let bench = bench();
    let url = bench.create("done", &json!({}));
    let sent = bench.say(&url, "hëllo");
    assert_eq!(sent["MD5OfMessageBody"], "b261eed3f3910ac129822ffa4ffa1a80");
    let plain = bench.ok(
        "ReceiveMessage",
        &json!({ "QueueUrl": url, "VisibilityTimeout": 0 }),
    );
    assert_eq!(
        plain["Messages"][0].get("Attributes"),
        None,
        "none is asked for"
    );
    let first = bench.receive(&url, 10);
    assert_eq!(bodies(&first), ["hëllo"]);
    assert_eq!(first[0]["MessageId"], sent["MessageId"]);
    assert_eq!(first[0]["MD5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(first[0]["Attributes"]["ApproximateReceiveCount"], "2");
    assert!(bench.receive(&url, 10).is_empty());
    bench.clock.advance(seconds(31));
    let second = bench.receive(&url, 10);
    assert_eq!(second[0]["Attributes"]["ApproximateReceiveCount"], "3");
    assert_ne!(receipt(&second[0]), receipt(&first[0]));

    // The old handle is taken and deletes nothing; the new one deletes; once more is no error.
    for (handle, left) in [(&first[0], 1), (&second[0], 0), (&second[0], 0)] {
        let input = json!({ "QueueUrl": url, "ReceiptHandle": receipt(handle) });
        bench.ok("DeleteMessage", &input);
        assert_eq!(bench.endpoint.messages_in(&url), left);
    }
}

#[test]
fn a_long_poll_waits_by_the_clock_of_the_endpoint() {
    let bench = bench();
    let url = bench.create("done", &json!({}));
    let poll = json!({ "QueueUrl": url, "WaitTimeSeconds": 20 });
    assert_eq!(bench.ok("ReceiveMessage", &poll), json!({}));
    assert!(bench.clock.slept() >= seconds(20));
    let delayed = json!({ "QueueUrl": url, "MessageBody": "later", "DelaySeconds": 10 });
    bench.ok("SendMessage", &delayed);
    let before = bench.clock.slept();
    assert_eq!(
        bench.ok("ReceiveMessage", &poll)["Messages"][0]["Body"],
        "later"
    );
    let waited = bench.clock.slept().saturating_sub(before);
    assert!((seconds(10)..seconds(12)).contains(&waited), "{waited:?}");
}

#[test]
fn visibility_is_changed_from_now_and_within_twelve_hours() {
    let bench = bench();
    let url = bench.create("done", &json!({}));
    bench.say(&url, "a");
    let message = bench.receive(&url, 1).remove(0);
    let change = |seconds: u64| json!({ "QueueUrl": url, "ReceiptHandle": receipt(&message), "VisibilityTimeout": seconds });
    bench.ok("ChangeMessageVisibility", &change(100));
    bench.clock.advance(seconds(60));
    bench.ok("ChangeMessageVisibility", &change(100));
    bench.clock.advance(seconds(60));
    assert!(bench.receive(&url, 1).is_empty());
    let (code, _) = bench.refused("ChangeMessageVisibility", &change(43_200));
    assert_eq!(code, "InvalidParameterValue");
    bench.ok("ChangeMessageVisibility", &change(0));
    let (code, query) = bench.refused("ChangeMessageVisibility", &change(10));
    assert_eq!(code, "MessageNotInflight");
    assert_eq!(query, "AWS.SimpleQueueService.MessageNotInflight;Sender");
    assert_eq!(bench.receive(&url, 1).len(), 1);
}

#[test]
fn messages_received_too_often_go_to_the_dead_letter_queue() {
    let bench = bench();
    let dead = bench.create("dead", &json!({}));
    let policy = json!({ "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 2 });
    let url = bench.create("done", &json!({ "RedrivePolicy": policy.to_string() }));
    bench.say(&url, "poison");
    for _ in 0..2 {
        assert_eq!(bench.receive(&url, 1).len(), 1);
        bench.clock.advance(seconds(31));
    }
    assert!(bench.receive(&url, 1).is_empty());
    let buried = bench.receive(&dead, 1);
    assert_eq!(bodies(&buried), ["poison"]);
    assert_eq!(
        buried[0]["Attributes"]["DeadLetterQueueSourceArn"],
        "arn:aws:sqs:us-east-1:123456789012:done"
    );
    let missing = json!({ "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:none" });
    let input =
        json!({ "QueueName": "other", "Attributes": { "RedrivePolicy": missing.to_string() } });
    assert_eq!(
        bench.refused("CreateQueue", &input).0,
        "InvalidParameterValue"
    );
}

#[test]
fn old_messages_are_dropped_and_a_queue_is_purged() {
    let bench = bench();
    let url = bench.create("done", &json!({ "MessageRetentionPeriod": "60" }));
    bench.say(&url, "old");
    bench.clock.advance(seconds(61));
    assert!(bench.receive(&url, 1).is_empty());
    bench.say(&url, "new");
    bench.ok("PurgeQueue", &json!({ "QueueUrl": url }));
    assert_eq!(bench.endpoint.messages_in(&url), 0);
    let (code, _) = bench.refused("PurgeQueue", &json!({ "QueueUrl": url }));
    assert_eq!(code, "PurgeQueueInProgress");
}

#[test]
fn a_fifo_queue_keeps_the_order_of_each_group_and_drops_duplicates() {
    let bench = bench();
    let url = bench.create("done.fifo", &json!({ "FifoQueue": "true" }));
    let say = |group: &str, id: &str, body: &str| {
        let input = json!({ "QueueUrl": url, "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": id });
        bench.ok("SendMessage", &input)
    };
    let first = say("g", "1", "a");
    say("g", "2", "b");
    say("h", "3", "c");
    assert_eq!(say("g", "1", "again")["MessageId"], first["MessageId"]);
    let one = bench.receive(&url, 1).remove(0);
    assert_eq!(one["Body"], "a");
    // The rest of the group waits for it; the other group does not.
    assert_eq!(bodies(&bench.receive(&url, 10)), ["c"]);
    bench.clock.advance(seconds(31));
    let delete = json!({ "QueueUrl": url, "ReceiptHandle": receipt(&one) });
    assert_eq!(
        bench.refused("DeleteMessage", &delete).0,
        "InvalidParameterValue"
    );
    assert_eq!(bodies(&bench.receive(&url, 10)), ["a", "b", "c"]);
    let no_group = json!({ "QueueUrl": url, "MessageBody": "x" });
    assert_eq!(
        bench.refused("SendMessage", &no_group).0,
        "MissingParameter"
    );
}

#[test]
fn a_receive_from_a_fifo_queue_is_repeated_with_its_attempt_id() {
    let bench = bench();
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
    let url = bench.create("done.fifo", &attributes);
    let input = json!({ "QueueUrl": url, "MessageBody": "a", "MessageGroupId": "g" });
    bench.ok("SendMessage", &input);
    let receive = json!({ "QueueUrl": url, "ReceiveRequestAttemptId": "x" });
    let first = bench.ok("ReceiveMessage", &receive);
    assert_eq!(bench.ok("ReceiveMessage", &receive), first);
    assert!(first["Messages"][0]["ReceiptHandle"].is_string());
}

#[test]
fn batches_say_what_became_of_each_entry() {
    let bench = bench();
    let url = bench.create("done", &json!({}));
    let entries = json!([{ "Id": "1", "MessageBody": "a" }, { "Id": "2", "MessageBody": "\u{0}" }]);
    let sent = bench.ok(
        "SendMessageBatch",
        &json!({ "QueueUrl": url, "Entries": entries }),
    );
    assert_eq!(sent["Successful"][0]["Id"], "1");
    assert_eq!(sent["Failed"][0]["Code"], "InvalidMessageContents");
    let message = bench.receive(&url, 1).remove(0);
    let entries = json!([
        { "Id": "good", "ReceiptHandle": receipt(&message), "VisibilityTimeout": 5 },
        { "Id": "bad", "ReceiptHandle": "nonsense", "VisibilityTimeout": 5 },
    ]);
    let input = json!({ "QueueUrl": url, "Entries": entries });
    for operation in ["ChangeMessageVisibilityBatch", "DeleteMessageBatch"] {
        let response = bench.ok(operation, &input);
        assert_eq!(
            response["Successful"],
            json!([{ "Id": "good" }]),
            "{operation}"
        );
        assert_eq!(response["Failed"][0]["Id"], "bad");
        assert_eq!(response["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
        assert_eq!(response["Failed"][0]["SenderFault"], true);
    }
    let entry = |id: &str| json!({ "Id": id, "ReceiptHandle": "x" });
    let too_many: Vec<_> = (0..11).map(|n| entry(&n.to_string())).collect();
    for (entries, code) in [
        (json!([]), "EmptyBatchRequest"),
        (json!(too_many), "TooManyEntriesInBatchRequest"),
        (json!([entry("a"), entry("a")]), "BatchEntryIdsNotDistinct"),
        (json!([entry("a b")]), "InvalidBatchEntryId"),
    ] {
        let input = json!({ "QueueUrl": url, "Entries": entries });
        let (found, query) = bench.refused("DeleteMessageBatch", &input);
        assert_eq!(found, code);
        assert_eq!(query, format!("AWS.SimpleQueueService.{code};Sender"));
    }
}

#[test]
fn what_is_not_there_or_not_allowed_is_refused_in_the_words_of_the_service() {
    let bench = bench();
    let url = bench.create("done", &json!({}));
    let other = url.replace("done", "other");
    let elsewhere = "https://sqs.eu-west-1.amazonaws.com/123456789012/done";
    for missing in [
        other.as_str(),
        elsewhere,
        &url.replace("123456789012", "210987654321"),
    ] {
        let (code, query) = bench.refused("ReceiveMessage", &json!({ "QueueUrl": missing }));
        assert_eq!(code, "QueueDoesNotExist", "{missing}");
        assert_eq!(query, "AWS.SimpleQueueService.NonExistentQueue;Sender");
    }
    assert_eq!(
        bench
            .refused("GetQueueUrl", &json!({ "QueueName": "other" }))
            .0,
        "QueueDoesNotExist"
    );
    for (operation, input) in [
        (
            "ReceiveMessage",
            json!({ "QueueUrl": url, "MaxNumberOfMessages": 11 }),
        ),
        (
            "ReceiveMessage",
            json!({ "QueueUrl": url, "MaxNumberOfMessages": 0 }),
        ),
        (
            "ReceiveMessage",
            json!({ "QueueUrl": url, "WaitTimeSeconds": 21 }),
        ),
        (
            "ReceiveMessage",
            json!({ "QueueUrl": url, "VisibilityTimeout": 43_201 }),
        ),
        (
            "SendMessage",
            json!({ "QueueUrl": url, "MessageBody": "a".repeat((1 << 20) + 1) }),
        ),
        ("CreateQueue", json!({ "QueueName": "a b" })),
        (
            "CreateQueue",
            json!({ "QueueName": "plain", "Attributes": { "FifoQueue": "true" } }),
        ),
    ] {
        assert_eq!(
            bench.refused(operation, &input).0,
            "InvalidParameterValue",
            "{operation}"
        );
    }
}

#[test]
fn message_attributes_are_returned_on_request() {
    let bench = bench();
    let url = bench.create("done", &json!({}));
    let attributes = json!({
        "trace.id": { "DataType": "String", "StringValue": "7" },
        "other": { "DataType": "String", "StringValue": "8" },
    });
    let input = json!({ "QueueUrl": url, "MessageBody": "a", "MessageAttributes": attributes });
    bench.ok("SendMessage", &input);
    let receive = json!({ "QueueUrl": url, "MessageAttributeNames": ["trace.*"] });
    let received = bench.ok("ReceiveMessage", &receive);
    let found = received["Messages"][0]["MessageAttributes"]
        .as_object()
        .expect("some");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["trace.id"]);
}

/// The digests are from another implementation.
#[test]
fn message_attributes_have_a_digest_and_a_known_type() {
    let bench = bench();
    let url = bench.create("done", &json!({}));
    let message = |attributes: Value| json!({ "QueueUrl": url, "MessageBody": "a", "MessageAttributes": attributes });
    let number = json!({ "timestamp": { "DataType": "Number", "StringValue": "1493147359900" } });
    let sent = bench.ok("SendMessage", &message(number));
    let digest = "235c5c510d26fb653d073faed50ae77c";
    assert_eq!(sent["MD5OfMessageAttributes"], digest);
    bench.receive(&url, 1);
    let two = json!({
        "raw": { "DataType": "Binary.png", "BinaryValue": "AAEC" },
        "kind": { "DataType": "String", "StringValue": "model" },
    });
    let sent = bench.ok("SendMessage", &message(two));
    let digest = "a91877c306999d5b5358b4f44d3afa77";
    assert_eq!(sent["MD5OfMessageAttributes"], digest);
    // A receive has the digest of what it returns.
    let receive = json!({ "QueueUrl": url, "MessageAttributeNames": ["kind"] });
    let received = bench.ok("ReceiveMessage", &receive);
    let digest = "ee39ab6bf5dbc715111abf68e220c476";
    assert_eq!(received["Messages"][0]["MD5OfMessageAttributes"], digest);
    let none = bench.ok("SendMessage", &message(json!({})));
    assert_eq!(none.get("MD5OfMessageAttributes"), None);
    for wrong in [
        json!({ "DataType": "Text", "StringValue": "a" }),
        json!({ "StringValue": "a" }),
        json!({ "DataType": "String" }),
        json!({ "DataType": "String", "StringValue": "" }),
        json!({ "DataType": "Number", "StringValue": "a" }),
        json!({ "DataType": "Binary", "BinaryValue": "?" }),
    ] {
        let refused = bench.refused("SendMessage", &message(json!({ "it": wrong })));
        assert_eq!(refused.0, "InvalidParameterValue", "{wrong}");
    }
}

#[test]
fn attributes_of_queues_that_sqs_does_not_have_are_refused() {
    let bench = bench();
    let url = bench.create("done", &json!({ "SqsManagedSseEnabled": "true" }));
    let get = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn", "Colour"] });
    let create = json!({ "QueueName": "other", "Attributes": { "Colour": "red" } });
    for refused in [
        bench.refused("GetQueueAttributes", &get),
        bench.refused("CreateQueue", &create),
    ] {
        assert_eq!(refused.0, "InvalidAttributeName");
    }
}
