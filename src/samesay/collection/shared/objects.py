"""Objects in a bucket: read, written once, listed, removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from samesay.collection.shared.address import SharedAddress, endpoint, region
from samesay.errors import CollectionError, MissingExtraError

if TYPE_CHECKING:
    from obstore.store import S3Store

_MOST_NUMBER = 2**64 - 1
_LISTED_TOGETHER = 1000


@dataclass(frozen=True)
class StoredObject:
    """An object, as a list of a bucket tells.

    Args:
        name: Its name below the collection.
        size: Its bytes.
        written: When it was last written, by the server's clock.
    """

    name: str
    size: int
    written: datetime


class Objects:
    """The objects of one collection. Safe to use from several threads.

    Args:
        address: The collection; its endpoint, region and keys are taken from the standard ``AWS_`` variables.

    Raises:
        MissingExtraError: obstore is not installed.
    """

    def __init__(self, address: SharedAddress) -> None:
        try:
            from obstore.store import S3Store
        except ImportError:
            raise MissingExtraError("a collection on shared storage", "s3") from None
        self._address = address
        server = endpoint()
        with self._told():
            self._store: S3Store = S3Store(
                address.bucket,
                prefix=address.prefix,
                region=region(),
                config={"endpoint": server} if server else None,
                client_options={
                    "allow_http": bool(server and server.startswith("http://")),
                    "timeout": timedelta(seconds=60),
                    "connect_timeout": timedelta(seconds=5),
                },
                retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=20)},
            )

    def read(self, name: str) -> bytes | None:
        """Give an object, or None where there is none."""
        import obstore

        with self._told():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write an object, or replace it."""
        import obstore

        with self._told():
            obstore.put(self._store, name, content, use_multipart=False)

    def create(self, name: str, content: bytes) -> bool:
        """Write an object that is not there; give whether it was not.

        A request whose answer was lost is sent again by the client, and then refused for what it did itself;
        so what is there is compared. ``content`` must therefore be like no other writer's.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._told():
            try:
                obstore.put(self._store, name, content, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return self.read(name) == content
            return True

    def listed(self, folder: str) -> Iterator[StoredObject]:
        """Give the objects whose names begin with ``folder/``, in the order of their names."""
        import obstore

        with self._told():
            for block in obstore.list(self._store, folder, chunk_size=_LISTED_TOGETHER):
                for one in block:
                    yield StoredObject(one["path"], one["size"], one["last_modified"])

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects; those that are not there are no error."""
        import obstore

        with self._told():
            for begin in range(0, len(names), _LISTED_TOGETHER):
                obstore.delete(self._store, list(names[begin : begin + _LISTED_TOGETHER]))

    @contextmanager
    def _told(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise CollectionError(f"{self._address}: {_reason(error)}") from None


def numbered(folder: str, number: int) -> str:
    """Give the name of a numbered object; the highest number comes first where names are listed."""
    return f"{folder}/{_MOST_NUMBER - number:020d}.json"


def number_of(name: str) -> int:
    """Give the number in such a name.

    Raises:
        ValueError: There is none.
    """
    return _MOST_NUMBER - int(name.rpartition("/")[2].removesuffix(".json"))


def _reason(error: Exception) -> str:
    """Say what a client's error comes down to."""
    text = str(error)
    for known, meaning in (
        ("NoSuchBucket", "there is no such bucket"),
        ("error sending request", f"the S3 server {endpoint() or 'of Amazon'} does not answer"),
        ("InvalidAccessKeyId", "the key in AWS_ACCESS_KEY_ID is not known"),
        ("SignatureDoesNotMatch", "the key in AWS_SECRET_ACCESS_KEY is not the right one"),
        ("AccessDenied", "access is denied to these keys"),
        ("169.254.169.254", "no keys are given; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ):
        if known in text:
            return meaning
    return text.split("\n")[0][:300]
