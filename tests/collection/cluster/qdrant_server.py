"""A server with that part of Qdrant's REST interface which samesay asks for, over Qdrant's own engine.

There is no package of a Qdrant server. The engine is in one, ``qdrant-edge-py``: segments, write-ahead log,
payload indexes, filters and search are Qdrant's. The requests around them are read here, as far as the client
sends them for samesay; what it does not send is an error. There is one shard: shards and replicas want a real
cluster. Runs in a process of its own, prints its port, and ends with its input.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import qdrant_edge as edge

_KINDS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
}
_MOST_GROUPED = 4096
_TRUTHS = "_truths"
Json = Any


class RefusedError(Exception):
    """A request that Qdrant would refuse.

    Args:
        status: The status.
        reason: What to tell.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Kept:
    """A collection.

    Args:
        shard: Its points.
        settings: What it was made with.
        folder: Where it lies.
        indexed: The indexed fields, with their kinds.
        lock: Held by a request that changes it.
    """

    shard: edge.EdgeShard
    settings: dict[str, Json]
    folder: Path
    indexed: dict[str, str]
    lock: threading.Lock


class Collections:
    """All collections, by name.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, Kept] = {}

    def answer(self, method: str, path: str, body: Json) -> Json:
        """Do what a request asks.

        Raises:
            RefusedError: It asks for something that is not there.
        """
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[:1] != ["collections"] or len(parts) < 2:
            raise RefusedError(404, f"no route {path}")
        name, route = parts[1], (method, "/".join(parts[2:]))
        if route == ("GET", "exists"):
            return {"exists": name in self._kept}
        if route == ("PUT", ""):
            return self._create(name, body)
        if name not in self._kept:
            raise RefusedError(404, f"Not found: Collection `{name}` doesn't exist!")
        if route == ("DELETE", ""):
            return self._delete(name)
        if route not in _ROUTES:
            raise RefusedError(404, f"no route {method} {path}")
        return _ROUTES[route](self._kept[name], body)

    def _create(self, name: str, body: Json) -> bool:
        if name in self._kept:
            raise RefusedError(409, f"Wrong input: Collection `{name}` already exists!")
        vectors = {
            key: edge.EdgeVectorParams(size=one["size"], distance=edge.Distance.Cosine)
            for key, one in body["vectors"].items()
        }
        folder = self._folder / str(len(self._kept))
        # Made first: that the client asks for other distances would go unnoticed otherwise.
        if any(one["distance"] != "Cosine" for one in body["vectors"].values()):
            raise RefusedError(400, "only cosines are known here")
        folder.mkdir()
        shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(vectors=vectors))
        self._kept[name] = Kept(shard, body, folder, {}, threading.Lock())
        return True

    def _delete(self, name: str) -> bool:
        kept = self._kept.pop(name)
        kept.shard.close()
        shutil.rmtree(kept.folder)
        return True


def about(kept: Kept, _: Json) -> Json:
    """Tell what a collection is."""
    settings, info = kept.settings, kept.shard.info()
    parameters = ("vectors", "shard_number", "replication_factor", "write_consistency_factor")
    return {
        "status": "green",
        "optimizer_status": "ok",
        "points_count": info.points_count,
        "segments_count": info.segments_count,
        "config": {
            "params": {key: settings[key] for key in parameters if settings.get(key) is not None},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
            "metadata": settings.get("metadata"),
        },
        "payload_schema": {
            field: {"data_type": kind, "points": info.points_count} for field, kind in kept.indexed.items()
        },
    }


def index(kept: Kept, body: Json) -> Json:
    """Index a field."""
    field, kind = body["field_name"], body["field_schema"]
    with kept.lock:
        kept.shard.update(edge.UpdateOperation.create_field_index(field, _KINDS[kind]))
        kept.indexed[field] = kind
    return _done()


def upsert(kept: Kept, body: Json) -> Json:
    """Put points, given one by one or as a batch."""
    points = [
        edge.Point(identifier, vectors, {**payload, _TRUTHS: truths(payload)})
        for identifier, vectors, payload in _given(body)
    ]
    with kept.lock:
        kept.shard.update(edge.UpdateOperation.upsert_points(points))
    return _done()


def _given(body: Json) -> list[tuple[str, Json, Json]]:
    if "points" in body:
        return [(one["id"], one["vector"], one["payload"]) for one in body["points"]]
    batch = body["batch"]
    vectors = [
        dict(zip(batch["vectors"], row, strict=True)) for row in zip(*batch["vectors"].values(), strict=True)
    ]
    return list(zip(batch["ids"], vectors, batch["payloads"], strict=True))


def delete(kept: Kept, body: Json) -> Json:
    """Take out the points that a filter lets through."""
    with kept.lock:
        kept.shard.update(edge.UpdateOperation.delete_points_by_filter(filter_of(body["filter"])))
    return _done()


def retrieve(kept: Kept, body: Json) -> Json:
    """Give points by their names."""
    payload = body.get("with_payload", True)
    records = kept.shard.retrieve(
        body["ids"], with_payload=payload, with_vector=body.get("with_vector", False)
    )
    return [_record(one) for one in records]


def count(kept: Kept, body: Json) -> Json:
    """Count points."""
    chosen = body.get("filter")
    asked = edge.CountRequest(exact=True, filter=None if chosen is None else filter_of(chosen))
    return {"count": kept.shard.count(asked)}


def scroll(kept: Kept, body: Json) -> Json:
    """Give points in the order of their names."""
    chosen = body.get("filter")
    asked = edge.ScrollRequest(
        offset=body.get("offset"),
        limit=body.get("limit", 10),
        filter=None if chosen is None else filter_of(chosen),
        with_payload=body.get("with_payload", True),
        with_vector=body.get("with_vector", False),
    )
    records, offset = kept.shard.scroll(asked)
    return {
        "points": [_record(one) for one in records],
        "next_page_offset": None if offset is None else str(offset),
    }


def query_groups(kept: Kept, body: Json) -> Json:
    """Give the best points of the best groups; so many more points until there are groups enough."""
    wanted, size, key = body["limit"], body["group_size"], body["group_by"]
    chosen = body.get("filter")
    parameters = body.get("params") or {}
    limit, groups = wanted * size, dict[str, list[Any]]()
    while True:
        found = kept.shard.query(
            edge.QueryRequest(
                limit=limit,
                query=edge.Query.Nearest(body["query"]["nearest"], using=body["using"]),
                filter=None if chosen is None else filter_of(chosen),
                with_payload=True,
                score_threshold=body.get("score_threshold"),
                params=edge.SearchParams(exact=bool(parameters.get("exact"))),
            )
        )
        groups = {}
        for one in found:
            groups.setdefault((one.payload or {})[key], []).append(one)
        if len(groups) >= wanted or len(found) < limit or limit > _MOST_GROUPED:
            break
        limit *= 4
    return {
        "groups": [
            {
                "id": group,
                "hits": [_record(one) | {"score": one.score, "version": one.version} for one in ones[:size]],
            }
            for group, ones in list(groups.items())[:wanted]
        ]
    }


_ROUTES: Mapping[tuple[str, str], Callable[[Kept, Json], Json]] = {
    ("GET", ""): about,
    ("PUT", "index"): index,
    ("PUT", "points"): upsert,
    ("POST", "points"): retrieve,
    ("POST", "points/delete"): delete,
    ("POST", "points/count"): count,
    ("POST", "points/scroll"): scroll,
    ("POST", "points/query/groups"): query_groups,
}


def filter_of(value: Mapping[str, Json]) -> edge.Filter:
    """Give a filter of a request as the engine takes it."""
    must, should, must_not = (
        None if value.get(key) is None else [_condition(one) for one in value[key]]
        for key in ("must", "should", "must_not")
    )
    return edge.Filter(must=must, should=should, must_not=must_not)


def _condition(value: Mapping[str, Json]) -> Any:
    if "has_id" in value:
        return edge.HasIdCondition(set(value["has_id"]))
    if "is_null" in value:
        return edge.IsNullCondition(value["is_null"]["key"])
    if "is_empty" in value:
        return edge.IsEmptyCondition(value["is_empty"]["key"])
    if "key" not in value:
        return filter_of(value)
    match, limits = value.get("match"), value.get("range")
    if limits is not None:
        return edge.FieldCondition(value["key"], range=edge.RangeFloat(**limits))
    if match is not None and match.get("any") is not None:
        return edge.FieldCondition(value["key"], match=edge.MatchAny(match["any"]))
    if match is not None and isinstance(match["value"], bool):
        key = f"{_TRUTHS}.{value['key']}"
        return edge.FieldCondition(key, match=edge.MatchValue(json.dumps(match["value"])))
    if match is not None:
        return edge.FieldCondition(value["key"], match=edge.MatchValue(match["value"]))
    raise RefusedError(400, f"no condition that is known here: {sorted(value)}")


def truths(value: Json) -> Json:
    """Give what is true or false in a payload, as words: the engine's package takes true for the number 1."""
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        return [truths(one) for one in value if isinstance(one, bool)]
    if isinstance(value, dict):
        return {key: truths(one) for key, one in value.items() if isinstance(one, bool | list | dict)}
    return None


def _record(one: Any) -> dict[str, Json]:
    payload = one.payload and {key: value for key, value in one.payload.items() if key != _TRUTHS}
    return {"id": str(one.id), "payload": payload, "vector": one.vector}


def _scored(one: Any) -> dict[str, Json]:
    return _record(one) | {"score": one.score, "version": one.version}


def _done() -> Json:
    return {"operation_id": 0, "status": "completed"}


def handler(collections: Collections) -> type[BaseHTTPRequestHandler]:
    """Give what answers requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body of an answer go out together.
        wbufsize = -1
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            status, value = 200, dict[str, Json]()
            try:
                body = json.loads(self.rfile.read(length)) if length else None
                result = collections.answer(self.command, urlsplit(self.path).path, body)
                value = {"result": result, "status": "ok", "time": 0.0}
            except RefusedError as error:
                status, value = error.status, {"status": {"error": str(error)}, "time": 0.0}
            except Exception as error:
                status, value = 400, {"status": {"error": f"{type(error).__name__}: {error}"}, "time": 0.0}
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def main() -> None:
    """Serve until the input ends."""
    with tempfile.TemporaryDirectory(prefix="samesay-qdrant-") as folder:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler(Collections(Path(folder))))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
