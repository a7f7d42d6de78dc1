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
# The SDK and boto3 check an endpoint that is being created every 30 s; the local one takes a second.
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


def fails(code, call, **arguments):
    """The call is refused with this code."""
    try:
        call(**arguments)
    except Exception as error:
        found = getattr(error, "response", {}).get("Error", {}).get("Code")
        assert found == code, (found, error)
        return error.response["Error"]
    raise AssertionError(f"{call.__name__} is not refused: {arguments}")


def uploads_in_parts(boto3):
    """With boto3's defaults: each part has a checksum, the upload may have none."""
    s3 = boto3.client("s3")
    content = os.urandom(6 << 20)
    for kind in ({}, {"ChecksumAlgorithm": "SHA1"}, {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}):
        of = {"Bucket": bucket, "Key": "parts/one"}
        upload = s3.create_multipart_upload(**of, **kind)
        of["UploadId"] = upload["UploadId"]
        algorithm = {name: value for name, value in kind.items() if name == "ChecksumAlgorithm"}
        parts = []
        for number, piece in ((1, content[: 5 << 20]), (2, content[5 << 20 :])):
            part = s3.upload_part(**of, PartNumber=number, Body=piece, **algorithm)
            checksums = {name: value for name, value in part.items() if name.startswith("Checksum")}
            parts.append({"PartNumber": number, "ETag": part["ETag"], **checksums})
        listed = s3.list_parts(**of, MaxParts=1)
        assert listed["IsTruncated"] and listed["NextPartNumberMarker"] == 1, listed
        done = s3.complete_multipart_upload(**of, MultipartUpload={"Parts": parts})
        assert done["Location"].endswith(f"/{bucket}/parts/one"), done
        again = s3.complete_multipart_upload(**of, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
        assert again["ETag"] == done["ETag"]
        # The client verifies the checksum that comes along, if it is of the whole.
        assert s3.get_object(Bucket=bucket, Key="parts/one")["Body"].read() == content
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts/copied", ChecksumAlgorithm="SHA256")
    of = {"Bucket": bucket, "Key": "parts/copied", "UploadId": upload["UploadId"]}
    source = {"Bucket": bucket, "Key": "parts/one"}
    fails("InvalidArgument", s3.upload_part_copy, **of, PartNumber=1, CopySource=source, CopySourceRange="0-2")
    copied = s3.upload_part_copy(**of, PartNumber=1, CopySource=source, CopySourceRange="bytes=0-9")["CopyPartResult"]
    part = {"PartNumber": 1, "ETag": copied["ETag"], "ChecksumSHA256": copied["ChecksumSHA256"]}
    s3.complete_multipart_upload(**of, MultipartUpload={"Parts": [part]})
    assert s3.get_object(Bucket=bucket, Key="parts/copied")["Body"].read() == content[:10]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def copies_and_conditions(boto3):
    from datetime import datetime, timedelta, timezone

    s3 = boto3.client("s3")
    of = {"Bucket": bucket, "Key": "held"}
    etag = s3.put_object(**of, Body=b"1", IfNoneMatch="*", Metadata={"a": "1"})["ETag"]
    fails("PreconditionFailed", s3.put_object, **of, Body=b"2", IfNoneMatch="*")
    fails("PreconditionFailed", s3.put_object, **of, Body=b"2", IfMatch='"other"')
    now = datetime.now(timezone.utc)
    hour = timedelta(hours=1)
    for method in (s3.get_object, s3.head_object):
        method(**of, IfModifiedSince=now - hour)
        fails("304", method, **of, IfModifiedSince=now + hour)
        fails("304", method, **of, IfNoneMatch=etag)
        method(**of, IfUnmodifiedSince=now + hour, IfMatch=etag)
    fails("PreconditionFailed", s3.get_object, **of, IfUnmodifiedSince=now - hour)
    to = {"Bucket": bucket, "Key": "copy of held", "CopySource": of}
    fails("PreconditionFailed", s3.copy_object, **to, CopySourceIfModifiedSince=now + hour)
    fails("PreconditionFailed", s3.copy_object, **to, CopySourceIfNoneMatch=etag)
    copied = s3.copy_object(**to, CopySourceIfMatch=etag, ChecksumAlgorithm="SHA256")["CopyObjectResult"]
    assert copied["ETag"] == etag and "ChecksumSHA256" in copied, copied
    assert s3.head_object(Bucket=bucket, Key="copy of held")["Metadata"] == {"a": "1"}
    fails("InvalidRequest", s3.copy_object, Bucket=bucket, Key="held", CopySource=of)
    fails("PreconditionFailed", s3.delete_object, **of, IfMatch='"other"')
    deleted = s3.delete_objects(
        Bucket=bucket,
        Delete={"Objects": [{"Key": "held", "ETag": '"other"'}, {"Key": "copy of held", "ETag": etag}]},
    )
    assert [found["Key"] for found in deleted["Deleted"]] == ["copy of held"], deleted
    assert deleted["Errors"][0]["Code"] == "PreconditionFailed", deleted
    s3.delete_object(**of, IfMatch=etag)
    error = fails("NotImplemented", s3.put_object_acl, **of, ACL="private")
    assert "PutObjectAcl" in error["Message"], error


def tags_and_parts(boto3):
    s3 = boto3.client("s3")
    of = {"Bucket": bucket, "Key": "tagged"}
    s3.put_object(**of, Body=b"1", Tagging="a=1&b=x%20y")
    assert s3.head_object(**of)["TagCount"] == 2
    tags = [{"Key": "c", "Value": "ü"}]
    s3.put_object_tagging(**of, Tagging={"TagSet": tags})
    s3.copy_object(Bucket=bucket, Key="tagged too", CopySource=of)
    for key in ("tagged", "tagged too"):
        assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == tags, key
    s3.delete_object_tagging(**of)
    assert s3.get_object_tagging(**of)["TagSet"] == []
    fails("InvalidTag", s3.put_object_tagging, **of, Tagging={"TagSet": [{"Key": "aws:a", "Value": ""}]})

    upload = s3.create_multipart_upload(**of, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, piece in ((1, b"x" * (5 << 20)), (2, b"end")):
        part = s3.upload_part(**of, UploadId=upload, PartNumber=number, Body=piece, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    s3.complete_multipart_upload(**of, UploadId=upload, MultipartUpload={"Parts": parts})
    # The client verifies the checksum of the part.
    last = s3.get_object(**of, PartNumber=2, ChecksumMode="ENABLED")
    assert last["Body"].read() == b"end" and last["PartsCount"] == 2, last
    fails("416", s3.head_object, **of, PartNumber=3)
    attributes = s3.get_object_attributes(**of, ObjectAttributes=["ObjectParts", "ETag", "ObjectSize"])
    assert attributes["ObjectParts"]["TotalPartsCount"] == 2, attributes
    assert attributes["ObjectParts"]["Parts"][1]["ChecksumSHA256"] == parts[1]["ChecksumSHA256"], attributes
    assert attributes["ObjectSize"] == (5 << 20) + 3, attributes

    name = "emptied-by-boto3"
    s3.create_bucket(Bucket=name)
    for key in ("a", "b/c"):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    boto3.resource("s3").Bucket(name).object_versions.delete()
    s3.delete_bucket(Bucket=name)


def listings(boto3):
    s3 = boto3.client("s3")
    name = "listed-by-boto3"
    s3.create_bucket(Bucket=name)
    keys = ["a/1", "a/2", "b c+d", "e/1", "ü"]
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    for operation in ("list_objects", "list_objects_v2"):
        for size in (1, 2, 1000):
            pages = s3.get_paginator(operation).paginate(Bucket=name, PaginationConfig={"PageSize": size})
            assert [found["Key"] for page in pages for found in page.get("Contents", [])] == keys, operation
            found = []
            for page in s3.get_paginator(operation).paginate(
                Bucket=name, Delimiter="/", PaginationConfig={"PageSize": size}
            ):
                found += [prefix["Prefix"] for prefix in page.get("CommonPrefixes", [])]
                found += [one["Key"] for one in page.get("Contents", [])]
            assert sorted(found) == ["a/", "b c+d", "e/", "ü"], (operation, size, found)
    assert "Owner" in s3.list_objects(Bucket=name)["Contents"][0]
    assert "Owner" in s3.list_objects_v2(Bucket=name, FetchOwner=True)["Contents"][0]
    assert "Owner" not in s3.list_objects_v2(Bucket=name)["Contents"][0]
    buckets = s3.get_paginator("list_buckets").paginate(Prefix="listed-", PaginationConfig={"PageSize": 1})
    assert [found["Name"] for page in buckets for found in page["Buckets"]] == [name]
    boto3.resource("s3").Bucket(name).objects.delete()
    s3.delete_bucket(Bucket=name)
    fails("InvalidBucketName", s3.create_bucket, Bucket="192.168.5.4")
    elsewhere = {"LocationConstraint": "eu-west-1"}
    fails("IllegalLocationConstraintException", s3.create_bucket, Bucket=name, CreateBucketConfiguration=elsewhere)


def presigned_urls(boto3):
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    from botocore.config import Config

    def answer(url, method="GET", data=None, headers={}):
        """Unlike urllib, it adds no header that the old signature would have to cover."""
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc)
        connection.request(method, f"{parts.path}?{parts.query}", data, headers)
        got = connection.getresponse()
        return got.status, got.read(), got.headers

    def status(url, **options):
        return answer(url, **options)[:2]

    of = {"Bucket": bucket, "Key": "by url/ü+1"}
    # As boto3 signs by default, and as it does on request.
    for s3 in (boto3.client("s3"), boto3.client("s3", config=Config(signature_version="s3v4"))):
        put, get, head = (
            s3.generate_presigned_url(name, of, ExpiresIn=60) for name in ("put_object", "get_object", "head_object")
        )
        assert status(put, data=b"hello", method="PUT")[0] == 200
        assert status(get) == (200, b"hello")
        assert status(head, method="HEAD") == (200, b"")
        assert status(get, headers={"Range": "bytes=1-2"}) == (206, b"el")
        assert status(get, method="DELETE")[0] == 403
        assert status(get.replace("by%20url", "by%20other"))[0] == 403
        expired = s3.generate_presigned_url("get_object", of, ExpiresIn=-5 if "AWSAccessKeyId" in get else 0)
        real_sleep(1.1)
        code, body = status(expired)
        assert code == 403 and b"Request has expired" in body, (code, body)
        attachment = {**of, "ResponseContentDisposition": "attachment"}
        headers = answer(s3.generate_presigned_url("get_object", attachment))[2]
        assert headers["Content-Disposition"] == "attachment", headers
        upload = s3.create_multipart_upload(**of)
        part = {**of, "UploadId": upload["UploadId"], "PartNumber": 1}
        assert status(s3.generate_presigned_url("upload_part", part), data=b"x", method="PUT")[0] == 200
        s3.abort_multipart_upload(**of, UploadId=upload["UploadId"])
    s3.delete_object(**of)


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
    uploads_in_parts(boto3)
    copies_and_conditions(boto3)
    tags_and_parts(boto3)
    listings(boto3)
    presigned_urls(boto3)
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
