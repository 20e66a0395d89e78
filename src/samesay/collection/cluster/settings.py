"""How a cluster is asked to keep a collection, and how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from samesay.errors import CollectionError

Codes = Literal["int8", "binary"]


@dataclass(frozen=True)
class ClusterSettings:
    """Settings of a collection in a Qdrant cluster; the first five count when it is made.

    Args:
        shard_number: Parts that the cluster spreads over its nodes; None leaves it to the cluster.
        replication_factor: Nodes that hold each part.
        write_consistency_factor: Of these, how many must have a write before it is acknowledged.
        on_disk: Keep vectors on disk, with codes of them in memory to search; the best are scored again with
            the vectors themselves.
        codes: What codes: 8 bits of each number, or 1 bit (``binary``), which takes an eighth of the memory
            and finds less, the more so with fewer numbers.
        key_variable: The environment variable that holds the key.
        batch: Points in one request.
        outstanding: Requests under way at once; reading waits while there are so many.
        tries: How often a request is sent before the load fails.
        patience_seconds: How long one request may take.
    """

    shard_number: int | None = None
    replication_factor: int | None = None
    write_consistency_factor: int | None = None
    on_disk: bool = False
    codes: Codes = "int8"
    key_variable: str = "QDRANT_API_KEY"
    batch: int = 512
    outstanding: int = 8
    tries: int = 6
    patience_seconds: int = 60

    def __post_init__(self) -> None:
        for name in ("shard_number", "replication_factor", "write_consistency_factor"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise CollectionError(f"{name} is {value}; it must be at least 1")
        if self.codes not in get_args(Codes):
            raise CollectionError(f"codes is {self.codes!r}; it must be one of {', '.join(get_args(Codes))}")
        if self.codes != "int8" and not self.on_disk:
            raise CollectionError(f"codes are {self.codes!r}, and there are none without on_disk=True")
        for name in ("batch", "outstanding", "tries", "patience_seconds"):
            if getattr(self, name) < 1:
                raise CollectionError(f"{name} is {getattr(self, name)}; it must be at least 1")
        needed, copies = self.write_consistency_factor, self.replication_factor or 1
        if needed is not None and needed > copies:
            raise CollectionError(f"write_consistency_factor is {needed}, but there are {copies} replicas")
