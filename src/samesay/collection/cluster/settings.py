"""How a cluster is asked to keep a collection, and how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from samesay.errors import CollectionError


@dataclass(frozen=True)
class ClusterSettings:
    """Settings of a collection in a Qdrant cluster; the first four count when it is made.

    Args:
        shard_number: Parts that the cluster spreads over its nodes; None leaves it to the cluster.
        replication_factor: Nodes that hold each part.
        write_consistency_factor: Of these, how many must have a write before it is acknowledged.
        on_disk: Keep vectors on disk, with 8-bit codes of them in memory to search.
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
        for name in ("batch", "outstanding", "tries", "patience_seconds"):
            if getattr(self, name) < 1:
                raise CollectionError(f"{name} is {getattr(self, name)}; it must be at least 1")
        needed, copies = self.write_consistency_factor, self.replication_factor or 1
        if needed is not None and needed > copies:
            raise CollectionError(f"write_consistency_factor is {needed}, but there are {copies} replicas")
