"""Where a collection on shared storage lies, and how the store is spoken to."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from samesay.errors import CollectionError

# A path of the command line has lost one of the two slashes.
_ADDRESS = re.compile(r"s3:/{1,2}(?P<bucket>[^/]+)/*(?P<prefix>.*?)/*")
_OTHER = re.compile(r"(gs|gcs|az|abfss?|azure|r2|oss)://")
_TRIES = 4
_PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class SharedAddress:
    """A collection in a bucket.

    Args:
        bucket: The bucket.
        prefix: What the names of all its objects begin with; not empty.
    """

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def shared_address(path: str | Path | None) -> SharedAddress | None:
    """Give the address that a path is, or None where it is a folder.

    Raises:
        CollectionError: It is the address of a whole bucket, or of a store that samesay does not write to.
    """
    text = str(path) if path is not None else ""
    if _OTHER.match(text):
        raise CollectionError(f"{text}: collections lie in folders or below s3://; give one of these")
    found = _ADDRESS.fullmatch(text)
    if found is None:
        if text.startswith("s3:/"):
            raise CollectionError(f"{text} is no address; write s3://BUCKET/PATH")
        return None
    if not found["prefix"]:
        raise CollectionError(f"{text} is a whole bucket; give the collection a path: {text.rstrip('/')}/kb")
    return SharedAddress(found["bucket"], found["prefix"])


def endpoint() -> str | None:
    """Give the address of the S3 server, where it is not Amazon's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def region() -> str:
    """Give the region."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def storage_options() -> dict[str, str]:
    """Give what LanceDB needs to know; keys it takes from the environment itself."""
    options = {
        "aws_region": region(),
        "client_max_retries": str(_TRIES),
        "client_retry_timeout": str(_PATIENCE_SECONDS),
        "connect_timeout": "5s",
        "timeout": f"{3 * _PATIENCE_SECONDS}s",
    }
    server = endpoint()
    if server:
        options |= {"aws_endpoint": server, "allow_http": str(server.startswith("http://")).lower()}
    return options
