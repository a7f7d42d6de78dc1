"""What a request costs with boto3, against the server of the bench `requests`.

    cargo bench --features local --bench requests -- serve   # prints a URL and a bucket, until its input ends
    python3 benches/peers/boto3_peer.py URL BUCKET
"""

import statistics
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REQUESTS = 300
ROUNDS = 7


def cost(request):
    """CPU time of one request in microseconds: the median of the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(REQUESTS):
            request()
        rounds.append((time.process_time() - before) / REQUESTS * 1e6)
    return statistics.median(rounds)


def main(url, bucket):
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}))
    runtime = session.client("sagemaker-runtime", endpoint_url=url)

    def poll():
        try:
            s3.get_object(Bucket=bucket, Key="missing.out")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchKey"

    def invoke():
        runtime.invoke_endpoint_async(EndpointName="bench", InputLocation=f"s3://{bucket}/input")

    print(f"poll of a missing key: {cost(poll):.1f} us")
    print(f"InvokeEndpointAsync: {cost(invoke):.1f} us")


if __name__ == "__main__":
    main(*sys.argv[1:])
