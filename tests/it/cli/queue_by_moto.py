"""The command against moto's SQS, SNS and S3. Its argument is the binary."""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time

os.environ.update(
    AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE",
    AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)

import boto3
from moto.server import ThreadedMotoServer

binary = os.path.abspath(sys.argv[1])
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server.start()
host, port = server.get_host_and_port()
os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
os.environ["NO_PROXY"] = host

s3, sqs, sns = (boto3.client(name) for name in ("s3", "sqs", "sns"))
work = tempfile.mkdtemp()
ACCOUNT = "123456789012"


def run(*arguments, code=0):
    ran = subprocess.run(
        [binary, *arguments], cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == code, (arguments, ran.returncode, ran.stdout, ran.stderr)
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    return lines, ran.stderr


def stored(directory):
    found = {}
    for name in os.listdir(os.path.join(work, directory)):
        with open(os.path.join(work, directory, name), "rb") as file:
            found[name] = file.read()
    return found


def left(url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(attributes[name]) for name in names)


def queue(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def notification(name, status="Completed", **more):
    message = {
        "awsRegion": "us-east-1",
        "invocationStatus": status,
        "inferenceId": name,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
        "requestParameters": {"endpointName": "my-endpoint"},
        **more,
    }
    if status == "Completed":
        message["responseParameters"] = {"outputLocation": f"s3://results/out/{name}.out"}
    return json.dumps(message)


def handle(name, key=None):
    return json.dumps(
        {
            "version": 1,
            "endpoint_name": "my-endpoint",
            "output_path": f"s3://results/{key or f'out/{name}.out'}",
            "inference_id": name,
        }
    )


def notifications_through_sns():
    for raw in ("false", "true"):
        url, arn = queue(f"done-{raw}")
        topic = sns.create_topic(Name=f"topic-{raw}")["TopicArn"]
        attributes = {"RawMessageDelivery": raw}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        for number in range(23):
            s3.put_object(Bucket="results", Key=f"out/job {number}.out", Body=f"result {number}".encode())
            sns.publish(TopicArn=topic, Message=notification(f"job {number}"))
        sns.publish(TopicArn=topic, Message=notification("bad", "Failed", failureReason="ClientError: no such model"))
        test = {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"}
        sns.publish(TopicArn=topic, Message=json.dumps(test))
        # By URL, and by ARN.
        name = url if raw == "true" else arn
        lines, errors = run("consume", name, "--output-dir", f"out-{raw}", "--until-idle", "2s", "--summary", code=3)
        summary = lines[-1]
        found = (summary["completed"], summary["failed"], summary["tests"], summary["deleted"], summary["lost"])
        assert found == (23, 1, 1, 25, 0), (summary, errors)
        files = stored(f"out-{raw}")
        assert len(files) == 24 and b"no such model" in files["bad.out.failure"], files
        assert sorted(files.values())[1] == b"result 0", files
        assert left(url) == (0, 0)


def events_of_s3():
    url, arn = queue("objects")
    events = [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "events/"}]}}}]
    s3.put_bucket_notification_configuration(Bucket="results", NotificationConfiguration={"QueueConfigurations": events})
    keys = ["events/a b+c.out", "events/100%2F.out", "events/\u00fc\u65e5.out", "events/plain.out"]
    for number, key in enumerate(keys):
        s3.put_object(Bucket="results", Key=key, Body=f"{number}".encode())
    s3.put_object(Bucket="results", Key="events/of others.out", Body=b"x")
    with open(os.path.join(work, "handles.jsonl"), "w") as file:
        file.writelines(handle(f"object-{number}", key) + "\n" for number, key in enumerate(keys))
    arguments = ["--output-dir", "out-s3", "--handles", "handles.jsonl", "--until-idle", "2s", "--summary"]
    lines, errors = run("consume", "objects", *arguments)
    assert lines[-1]["completed"] == 4 and lines[-1]["foreign"] >= 1, (lines, errors)
    assert stored("out-s3") == {f"object-{n}.out": f"{n}".encode() for n in range(4)}
    assert sum(left(url)) == 1


def a_wait_that_messages_wake():
    url, _ = queue("waits")
    names = [f"waited-{number}" for number in range(3)]
    with open(os.path.join(work, "waits.jsonl"), "w") as file:
        file.writelines(handle(name) + "\n" for name in names)
    command = [binary, "wait", "waits.jsonl", "--output-dir", "out-wait", "--queue", "waits", "--summary"]
    waiting = subprocess.Popen(command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    # After its first polls, which find nothing; the next are ten minutes away.
    time.sleep(2)
    for name in names:
        s3.put_object(Bucket="results", Key=f"out/{name}.out", Body=name.encode())
        sqs.send_message(QueueUrl=url, MessageBody=notification(name))
    output, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0 and json.loads(output.splitlines()[-1])["completed"] == 3, output
    assert sorted(stored("out-wait").values()) == [name.encode() for name in names]
    assert left(url) == (0, 0)


def poison_and_fifo():
    dead, dead_arn = queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"})
    url, _ = queue("poisoned", RedrivePolicy=redrive)
    s3.put_object(Bucket="results", Key="out/good.out", Body=b"good")
    for body in ("<xml/>", notification("good"), notification("gone")):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    lines, _ = run("consume", "poisoned", "--output-dir", "out-poison", "--until-idle", "6s", "--summary", code=4)
    assert (lines[-1]["completed"], lines[-1]["pending"]) == (1, 1), lines
    assert left(url) == (0, 0) and left(dead) == (2, 0), (left(url), left(dead))
    fifo, _ = queue("done.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for number in range(5):
        s3.put_object(Bucket="results", Key=f"out/f{number}.out", Body=b"f")
        sqs.send_message(QueueUrl=fifo, MessageBody=notification(f"f{number}"), MessageGroupId="g")
    lines, _ = run("consume", "done.fifo", "--output-dir", "out-fifo", "--until-idle", "2s", "--summary")
    assert (lines[-1]["completed"], lines[-1]["deleted"]) == (5, 5), lines
    _, errors = run("consume", "no-such-queue", "--output-dir", "out-none", code=5)
    assert "QueueDoesNotExist" in errors, errors


def inputs_of_a_prefix():
    """moto takes submits too, and names an output for each."""
    keys = [f"in/{shape}-{number}" for number in range(42) for shape in ("a b", "a+b", "%2F", "\u00fc", "p")]
    for key in keys:
        s3.put_object(Bucket="inputs", Key=key, Body=b"1")
    s3.put_object(Bucket="inputs", Key="in/folder/", Body=b"")
    found = []
    for shard in ("1/3", "2/3", "3/3"):
        arguments = ["--inputs-under", "s3://inputs/in/", "--shard", shard, "--concurrency", "16"]
        lines, _ = run("submit", "my-endpoint", *arguments)
        found += [line["input"] for line in lines]
    assert len(found) == 210 and set(found) == {f"s3://inputs/{key}" for key in keys}, len(found)


try:
    s3.create_bucket(Bucket="results")
    s3.create_bucket(Bucket="inputs")
    for part in (notifications_through_sns, events_of_s3, a_wait_that_messages_wake, poison_and_fifo, inputs_of_a_prefix):
        began = time.monotonic()
        part()
        print(part.__name__, f"{time.monotonic() - began:.1f} s")
finally:
    server.stop()
print("all of it works")
