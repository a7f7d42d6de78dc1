"""Drives `sagemaker-async local` with boto3, the AWS CLI and the SageMaker Python SDK, as users would."""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

binary = sys.argv[1]
real_sleep = time.sleep
# The SDK and boto3 look at an endpoint that is being made every 30 s; the local one takes a second.
time.sleep = lambda seconds: real_sleep(min(seconds, 0.1))
server = subprocess.Popen([binary, "local", "--quiet"], stdout=subprocess.PIPE)
ready = json.loads(server.stdout.readline())
# All that a program needs to know.
os.environ.update(ready["environment"])
bucket = ready["bucket"]


def objects(boto3, TransferConfig, ClientError):
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="a b/ü+.txt", Body=b"hello", Metadata={"note": "kept"})
    found = s3.get_object(Bucket=bucket, Key="a b/ü+.txt")
    assert found["Body"].read() == b"hello" and found["Metadata"] == {"note": "kept"}
    # Sent in chunks with a checksum after them.
    s3.put_object(Bucket=bucket, Key="stream", Body=io.BytesIO(b"x" * 300_000))
    assert s3.head_object(Bucket=bucket, Key="stream")["ContentLength"] == 300_000

    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    content = os.urandom(12 << 20)
    with tempfile.TemporaryDirectory() as directory:
        there, back = f"{directory}/there", f"{directory}/back"
        with open(there, "wb") as file:
            file.write(content)
        for algorithm in ("CRC32", "SHA256", None):
            extra = {"ChecksumAlgorithm": algorithm} if algorithm else {}
            s3.upload_file(there, bucket, "large", ExtraArgs=extra, Config=parts)
            s3.download_file(bucket, "large", back, Config=parts)
            with open(back, "rb") as file:
                assert file.read() == content
    s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copy", Config=parts)
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == len(content)
    keys = [found.key for found in boto3.resource("s3").Bucket(bucket).objects.page_size(2)]
    assert keys == ["a b/ü+.txt", "copy", "large", "stream"], keys
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
    assert [found["Key"] for page in pages for found in page["Contents"]] == keys
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "large"}]})
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    try:
        s3.head_object(Bucket=bucket, Key="large")
        raise AssertionError("it was deleted")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "404"
    assert boto3.client("sts").get_caller_identity()["Account"] == ready["account_id"]
    key = os.environ["AWS_ACCESS_KEY_ID"]
    wrong = boto3.client("s3", aws_access_key_id=key, aws_secret_access_key="wrong")
    try:
        wrong.list_buckets()
        raise AssertionError("signatures are verified")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "SignatureDoesNotMatch"


def inferences(boto3):
    runtime, s3 = boto3.client("sagemaker-runtime"), boto3.client("s3")
    answer = runtime.invoke_endpoint_async(
        EndpointName=ready["endpoint_name"],
        InputLocation=f"s3://{bucket}/a b/ü+.txt",
        ContentType="text/plain",
    )
    key = answer["OutputLocation"].split("/", 3)[3]
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 1})
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"hello"


def aws(*arguments):
    """The AWS CLI, in a process of its own."""
    command = [sys.executable, "-m", "awscli", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def command_line():
    endpoint = ready["endpoint_name"]
    described = json.loads(aws("sagemaker", "describe-endpoint", "--endpoint-name", endpoint, "--output", "json"))
    assert described["EndpointStatus"] == "InService", described
    with tempfile.TemporaryDirectory() as directory:
        there, back = f"{directory}/there", f"{directory}/back"
        content = os.urandom(20 << 20)
        with open(there, "wb") as file:
            file.write(content)
        # In parts of 8 MiB.
        aws("s3", "cp", "--no-progress", there, f"s3://{bucket}/cli/large")
        head = aws("s3api", "head-object", "--bucket", bucket, "--key", "cli/large", "--output", "json")
        assert json.loads(head)["ETag"].endswith('-3"'), head
        aws("s3", "cp", "--no-progress", f"s3://{bucket}/cli/large", back)
        with open(back, "rb") as file:
            assert file.read() == content
    assert "cli/large" in aws("s3", "ls", "--recursive", f"s3://{bucket}/cli/")
    answer = aws(
        "sagemaker-runtime",
        "invoke-endpoint-async",
        "--endpoint-name",
        endpoint,
        "--input-location",
        f"s3://{bucket}/a b/ü+.txt",
        "--output",
        "json",
    )
    key = json.loads(answer)["OutputLocation"].split("/", 3)[3]
    aws("s3api", "wait", "object-exists", "--bucket", bucket, "--key", key)
    assert aws("s3", "cp", f"s3://{bucket}/{key}", "-") == "hello"
    aws("s3", "rm", f"s3://{bucket}/cli/large")


def sdk():
    import sagemaker
    from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.model import Model
    from sagemaker.model_monitor import DataCaptureConfig
    from sagemaker.predictor import Predictor
    from sagemaker.predictor_async import AsyncPredictor
    from sagemaker.serializers import JSONSerializer

    session = sagemaker.Session()
    assert session.default_bucket() == bucket, session.default_bucket()
    formats = {"serializer": JSONSerializer(), "deserializer": JSONDeserializer()}
    often = WaiterConfig(max_attempts=30, delay=1)
    plain = Predictor(ready["endpoint_name"], sagemaker_session=session, **formats)
    predictor = AsyncPredictor(plain)
    assert predictor.predict({"a": 1}, waiter_config=often) == {"a": 1}
    response = predictor.predict_async({"a": [1, 2]})
    assert response.get_result(often) == {"a": [1, 2]}

    model = Model(
        image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1",
        model_data=f"s3://{bucket}/model.tar.gz",
        role="arn:aws:iam::123456789012:role/role",
        sagemaker_session=session,
        predictor_cls=Predictor,
        name="from-python",
    )
    deployed = model.deploy(
        1,
        "ml.m5.large",
        endpoint_name="from-python",
        async_inference_config=AsyncInferenceConfig(
            output_path=f"s3://{bucket}/python-output",
            failure_path=f"s3://{bucket}/python-failures",
        ),
        **formats,
    )
    assert isinstance(deployed, AsyncPredictor), deployed
    response = deployed.predict_async({"b": 2})
    assert response.output_path.startswith(f"s3://{bucket}/python-output/"), response.output_path
    assert response.get_result(often) == {"b": 2}
    deployed.update_endpoint(initial_instance_count=2, instance_type="ml.m5.xlarge")
    deployed.enable_data_capture()
    deployed.disable_data_capture()
    elsewhere = DataCaptureConfig(True, 50, destination_s3_uri=f"s3://{bucket}/captured", sagemaker_session=session)
    deployed.update_data_capture_config(elsewhere)
    config = session.sagemaker_client.describe_endpoint(EndpointName="from-python")["EndpointConfigName"]
    config = session.sagemaker_client.describe_endpoint_config(EndpointConfigName=config)
    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 50, config
    assert config["ProductionVariants"][0]["InstanceType"] == "ml.m5.xlarge", config
    deployed.delete_model()
    deployed.delete_endpoint()
    left = session.sagemaker_client.list_endpoints(NameContains="from-python")["Endpoints"]
    assert all(endpoint["EndpointStatus"] == "Deleting" for endpoint in left), left


try:
    import boto3
    from boto3.s3.transfer import TransferConfig
    from botocore.exceptions import ClientError

    objects(boto3, TransferConfig, ClientError)
    inferences(boto3)
    # Each of its commands is a process that mostly loads Python: beside the SDK, which does as much.
    with ThreadPoolExecutor() as threads:
        running = threads.submit(command_line)
        sdk()
        running.result()
    server.terminate()
    assert server.wait(20) == 0
    print("\nall of it works", flush=True)
    # The SDK leaves threads behind that look for failures.
    os._exit(0)
except BaseException:
    import traceback

    traceback.print_exc()
    server.kill()
    sys.stderr.flush()
    os._exit(1)
