"""Collections in a Qdrant cluster, through the real client; against a server where one is named."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
from qdrant_client import QdrantClient

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from qdrant_process import qdrant_process
from refusing_server import refusing
from small_collections import small_model, texts

import samesay
from samesay.collection.cluster import loading
from samesay.collection.cluster.collection import ClusterCollection
from samesay.collection.cluster.loading import LONGEST_ASKED_SECONDS, Loader
from samesay.collection.cluster.opening import open_cluster
from samesay.collection.cluster.points import Point, point_name
from samesay.collection.cluster.settings import ClusterSettings, Codes
from samesay.collection.qdrant import QdrantStore
from samesay.errors import CollectionError, FilterError, IdentityMismatchError, InputFileError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:qdrant_client")
WIDTH = 36
SERVER = "SAMESAY_TEST_QDRANT_URL"


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """Qdrant's own engine behind the part of its REST interface that samesay uses."""
    pytest.importorskip("qdrant_edge", reason="qdrant-edge-py is not installed")
    with qdrant_process() as url:
        yield url


@pytest.fixture(params=["memory", "engine", "server"])
def cluster(request: pytest.FixtureRequest) -> Iterator[ClusterCollection]:
    url = ":memory:"
    if request.param == "engine":
        url = request.getfixturevalue("engine")
    if request.param == "server":
        url = os.environ.get(SERVER, "")
        if not url:
            pytest.skip(f"set {SERVER} to the address of a Qdrant server to test against it")
    name = f"samesay-test-{uuid.uuid4().hex}"
    settings = ClusterSettings(shard_number=2, replication_factor=1, batch=64)
    kb = open_cluster(url, name, small_model(), settings=settings)
    yield kb
    kb._client.delete_collection(name)
    kb.close()


def documents() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, text in enumerate(texts(24)):
        metadata: dict[str, Any] = {
            "n": number,
            "half": number / 2,
            "even": number % 2 == 0,
            "s": str(number % 3),
        }
        if number % 4 == 0:
            metadata |= {"tags": ["a", "b"][: number % 3], "a.b c": number, "none": None}
        language = "en" if number % 5 else None
        found.append({"id": f"d/{number}", "text": text, "language": language, "metadata": metadata})
    return found


FILTERS: list[dict[str, Any]] = [
    {"n": 3},
    {"n": 3.0},
    {"half": 2},
    {"even": True},
    {"n": True},
    {"s": "1"},
    {"s": 1},
    {"tags": "a"},
    {"a.b c": {"gte": 8}},
    {"n": {"gt": 3, "lte": 9}},
    {"n": {"in": [1, 2, "3"]}},
    {"n": {"in": []}},
    {"n": {"ne": 3}},
    {"tags": {"exists": True}},
    {"tags": {"exists": False}},
    {"none": {"exists": True}},
    {"none": None},
    {"language": "en"},
    {"language": {"exists": False}},
    {"id": {"in": ["d/1", "d/9"]}},
    {"or": [{"n": 1}, {"and": [{"even": False}, {"not": {"n": {"lt": 20}}}]}]},
]


def test_filters_let_through_what_they_do_in_every_store(cluster: ClusterCollection) -> None:
    here = samesay.open(None, small_model())
    here.add(documents())
    assert cluster.add(documents()).added == 24
    for where in [None, *FILTERS]:
        expected = here.search("amber heath", 30, where=where)
        found = cluster.search("amber heath", 30, where=where, exact=True)
        assert sorted(hit.document_id for hit in found) == sorted(hit.document_id for hit in expected), where
        scores = {hit.document_id: hit.score for hit in expected}
        assert all(hit.score == pytest.approx(scores[hit.document_id], abs=1e-5) for hit in found)
        assert {hit.document_id: hit.metadata for hit in found} == {
            h.document_id: h.metadata for h in expected
        }
    with pytest.raises(FilterError, match="compares numbers"):
        cluster.search("amber", where={"s": {"gt": "1"}})
    with pytest.raises(FilterError, match="cannot filter by"):
        cluster.search("amber", where={'a"b': 1})


def test_a_document_that_got_shorter_keeps_no_segment_of_before(cluster: ClusterCollection) -> None:
    long = "\n\n".join(f"# Part {number}\n\n{text}" for number, text in enumerate(texts(40, 60)))
    cluster.add([{"id": "long", "text": long, "format": "markdown"}, {"id": "other", "text": "amber"}])
    assert cluster.segments() > 2
    for hit in cluster.search("ember fjord", 5):
        if hit.document_id == "long":
            assert long[hit.begin : hit.end] == hit.passage
    assert cluster.add([{"id": "long", "text": "short now"}]).changed == 1
    assert cluster.segments() == 2
    cluster.delete(["long", "none"])
    assert [hit.document_id for hit in cluster.search("short now", 5)] == ["other"]


@pytest.mark.parametrize(("codes", "kept"), [("int8", "scalar"), ("binary", "binary")])
def test_codes_are_in_memory_and_what_they_find_is_scored_again(
    monkeypatch: pytest.MonkeyPatch, engine: str, codes: Codes, kept: str
) -> None:
    asked: list[dict[str, Any]] = []
    for method in ("create_collection", "query_points_groups"):
        send = getattr(QdrantClient, method)

        def spy(self: QdrantClient, *arguments: Any, send: Any = send, **named: Any) -> Any:
            asked.append(named)
            return send(self, *arguments, **named)

        monkeypatch.setattr(QdrantClient, method, spy)
    settings = ClusterSettings(on_disk=True, codes=codes)
    with open_cluster(engine, f"codes-{codes}", small_model(), settings=settings) as kb:
        kb.add([{"id": "a", "text": "amber"}])
        assert [hit.document_id for hit in kb.search("amber")] == ["a"]
        kb.search("amber", exact=True)
        kb._client.delete_collection(kb.name)
    made = asked[0]["vectors_config"]["segment"]
    assert made.on_disk
    assert getattr(made.quantization_config, kept).always_ram
    for search, exact in zip(asked[1:], (False, True), strict=True):
        quantization = search["search_params"].quantization
        assert (quantization.rescore, quantization.oversampling, quantization.ignore) == (True, 8.0, exact)


def test_codes_that_there_are_not_are_refused() -> None:
    with pytest.raises(CollectionError, match="none without on_disk=True"):
        ClusterSettings(codes="binary")
    with pytest.raises(CollectionError, match="must be one of int8, binary"):
        ClusterSettings(on_disk=True, codes=cast("Any", "int4"))


@pytest.mark.parametrize("blank", ["   ", ""])
def test_a_document_that_became_blank_is_found_no_more_and_is_there_as_it_is(
    cluster: ClusterCollection, blank: str
) -> None:
    here = samesay.open(None, small_model())
    for kb in (here, cluster):
        assert kb.add([{"id": "x", "text": "amber heath ember"}, {"id": "y", "text": blank}]).added == 2
        assert kb.add([{"id": "y", "text": blank}]).unchanged == 1
        assert kb.add([{"id": "x", "text": blank}]).changed == 1
        assert kb.search("amber heath ember") == []
        assert kb.add([{"id": "x", "text": blank}]).unchanged == 1
        assert kb.add([{"id": "x", "text": "amber again"}]).changed == 1
        assert [hit.passage for hit in kb.search("amber")] == ["amber again"]


def rows_file(path: Path, rows: int, *, group: int | None = None, made_by: str | None = None) -> Path:
    vectors = np.random.default_rng(1).standard_normal((rows, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = pa.table(
        {
            "id": pa.array(range(rows)),
            "sentence": [f"row {number}" for number in range(rows)],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), WIDTH),
        }
    )
    said = {
        "samesay.fingerprint": made_by or small_model().identity_at(WIDTH).fingerprint,
        "samesay.identity": "the model",
        "samesay.prompt": "document",
        "samesay.task": "",
    }
    pq.write_table(table.replace_schema_metadata(said), path, row_group_size=group)
    return path


def test_a_filling_that_is_interrupted_and_repeated_has_every_row_once(
    cluster: ClusterCollection, tmp_path: Path
) -> None:
    rows = 500
    path = rows_file(tmp_path / "rows.parquet", rows)
    send, sent = cluster._client.upsert, []

    def failing(*arguments: Any, **named: Any) -> Any:
        sent.append(1)
        if len(sent) == 4:
            raise KeyboardInterrupt
        return send(*arguments, **named)

    cluster._client.upsert = failing  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        cluster.fill([path])
    before = cluster.segments()
    assert 0 < before < rows
    report = cluster.fill([path])
    assert (report.added, report.unchanged) == (rows - before, before)
    assert cluster.fill([path]).unchanged == rows
    assert cluster.segments() == rows
    vectors = pq.read_table(path).column("vector").combine_chunks().flatten().to_numpy().reshape(rows, -1)
    assert [hit.document_id for hit in cluster.nearest(vectors[77], 1, exact=True)] == ["77"]


LOADER = """
import sys, time
sys.path[:0] = sys.argv[3:]
from small_collections import small_model
from samesay.collection.cluster.opening import open_cluster
from samesay.collection.cluster.settings import ClusterSettings

with open_cluster(sys.argv[1], "killed", small_model(), settings=ClusterSettings(batch=32)) as kb:
    # Whoever reads this may need a moment to kill it.
    kb.fill([sys.argv[2]], progress=lambda done, total: (print(done, flush=True), time.sleep(0.02)))
"""


def test_a_loader_killed_again_and_again_leaves_every_row_once(engine: str, tmp_path: Path) -> None:
    rows = 3000
    path = rows_file(tmp_path / "rows.parquet", rows, group=100)
    command = [sys.executable, "-c", LOADER, engine, str(path), *sys.path]
    reached = [0]
    for share in (0.1, 0.4, 0.7, 2.0):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) >= share * rows:
                    process.kill()
                    break
        with open_cluster(engine, "killed", small_model()) as kb:
            reached.append(kb.segments())
    assert process.returncode == 0
    assert reached == sorted(reached)
    assert any(0 < there < rows for there in reached)
    assert reached[-1] == rows
    with open_cluster(engine, "killed", small_model()) as kb:
        found, offset = kb._client.scroll("killed", limit=rows + 1, with_payload=["id"], with_vectors=True)
        kb._client.delete_collection("killed")
    assert offset is None
    assert sorted(int(one.payload["id"]) for one in found if one.payload) == list(range(rows))
    vectors = pq.read_table(path).column("vector").combine_chunks().flatten().to_numpy().reshape(rows, -1)
    for one in found:
        assert one.payload
        assert isinstance(one.vector, dict)
        there = np.array(one.vector["segment"], np.float32)
        assert np.allclose(there, vectors[int(one.payload["id"])], atol=1e-6)


def test_the_cluster_has_a_named_vector_and_an_index_for_every_field(engine: str) -> None:
    settings = ClusterSettings(shard_number=6, replication_factor=3, write_consistency_factor=2)
    with open_cluster(engine, "indexed", small_model(), settings=settings) as kb:
        kb.add(documents())
        info = kb._client.get_collection("indexed")
        kb._client.delete_collection("indexed")
    assert isinstance(info.config.params.vectors, dict)
    assert list(info.config.params.vectors) == ["segment"]
    parameters = info.config.params
    assert (parameters.shard_number, parameters.replication_factor) == (6, 3)
    assert parameters.write_consistency_factor == 2
    assert {field: str(one.data_type.value) for field, one in info.payload_schema.items()} == {
        "id": "keyword",
        "title": "keyword",
        "language": "keyword",
        "segment": "integer",
        "metadata.n": "float",
        "metadata.half": "float",
        "metadata.even": "bool",
        "metadata.s": "keyword",
        "metadata.tags": "keyword",
        'metadata."a.b c"': "float",
    }


def test_what_qdrant_says_of_a_refusal_is_told(engine: str) -> None:
    with open_cluster(engine, "there", small_model()) as kb:
        kb._client.delete_collection("there")
        with pytest.raises(CollectionError, match="Qdrant: Not found: Collection `there` doesn't exist!"):
            kb.segments()


def test_vectors_of_another_model_prompt_or_width_are_refused(
    cluster: ClusterCollection, tmp_path: Path
) -> None:
    other = rows_file(tmp_path / "other.parquet", 3, made_by="0" * 64)
    with pytest.raises(IdentityMismatchError, match=r"made with the model; samesay-test-.* with bert-mean"):
        cluster.fill([other])
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"id": [1], "text": ["a"], "vector": [[1.0]]}), plain)
    with pytest.raises(InputFileError, match="says not which model"):
        cluster.fill([plain])
    assert cluster.segments() == 0


def test_settings_reach_the_cluster_and_wrong_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    create = QdrantClient.create_collection

    def spy(self: QdrantClient, *arguments: Any, **named: Any) -> bool:
        asked.update(named)
        return create(self, *arguments, **named)

    monkeypatch.setattr(QdrantClient, "create_collection", spy)
    settings = ClusterSettings(shard_number=6, replication_factor=3, write_consistency_factor=2)
    open_cluster(":memory:", "kb", small_model(), settings=settings).close()
    assert (asked["shard_number"], asked["replication_factor"], asked["write_consistency_factor"]) == (
        6,
        3,
        2,
    )
    assert list(asked["vectors_config"]) == ["segment"]
    with pytest.raises(CollectionError, match="there are 1 replicas"):
        ClusterSettings(write_consistency_factor=2)
    with pytest.raises(CollectionError, match="shard_number is 0"):
        ClusterSettings(shard_number=0)
    with pytest.raises(CollectionError, match="a new one needs a model"):
        open_cluster(":memory:", "kb")
    with pytest.raises(CollectionError, match="Qdrant: "):
        open_cluster("http://127.0.0.1:9", "kb", small_model())


@pytest.mark.parametrize(("status", "headers"), [(429, {"Retry-After": "0"}), (429, {}), (503, {})])
def test_every_request_of_a_load_is_sent_again(
    engine: str, tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    name = f"refused-{uuid.uuid4().hex}"
    open_cluster(engine, name, small_model()).close()
    rows = rows_file(tmp_path / "rows.parquet", 30)
    with open_cluster(engine, name, small_model()) as kb, refusing(status, headers, engine) as server:
        with ClusterCollection(
            QdrantClient(url=server.url, check_compatibility=False),
            name,
            kb.manifest,
            ClusterSettings(batch=10),
            lambda _: small_model(),
            server=True,
        ) as refused:
            assert refused.fill([rows]).added == 30
            assert refused.add([{"id": "0", "text": "amber", "metadata": {"n": 1}}]).changed == 1
            refused.delete(["1"])
        assert kb.segments() == 29
        kb._client.delete_collection(name)
    route = f"/collections/{name}"
    for asked in ("PUT {}/index", "POST {}/points", "PUT {}/points", "POST {}/points/scroll", "GET {}"):
        assert server.asked.count(asked.format(route)) > 1


def test_a_refusal_that_names_a_pause_is_told_when_it_does_not_end() -> None:
    name_a_pause = {"Retry-After": "0"}
    with refusing(429, name_a_pause) as server:
        with pytest.raises(CollectionError, match="Qdrant: not now"):
            open_cluster(server.url, "kb", small_model())
        with pytest.raises(CollectionError, match=r"Qdrant at .*: not now"):
            QdrantStore(server.url, "rows", WIDTH, "f32")
        client = QdrantClient(url=server.url, check_compatibility=False)
        before = len(server.asked)
        with (
            pytest.raises(CollectionError, match=r"Qdrant: not now \(4 tries\)"),
            Loader(client, "kb", ClusterSettings(tries=4), parallel=True) as loader,
        ):
            loader.put(points(1))
        assert len(server.asked) == before + 4
        client.close()


@pytest.mark.parametrize(("named", "waited"), [("7", 7), ("86400", LONGEST_ASKED_SECONDS), ("-1", 0)])
def test_the_pause_that_a_server_names_is_kept_within_reason(
    monkeypatch: pytest.MonkeyPatch, named: str, waited: float
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with refusing(429, {"Retry-After": named}) as server:
        client = QdrantClient(url=server.url, check_compatibility=False)
        with pytest.raises(CollectionError, match="2 tries"):
            loading.sent_again(lambda: client.count("kb"), 2)
        client.close()
    assert pauses == [waited]


def test_indexes_that_an_interrupted_making_left_out_are_made_before_the_first_write(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"interrupted-{uuid.uuid4().hex}"

    def killed(*_: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(QdrantClient, "create_payload_index", killed)
        with pytest.raises(KeyboardInterrupt), open_cluster(engine, name, small_model()) as kb:
            kb.add([{"id": "a", "text": "amber"}])
    with open_cluster(engine, name) as kb:
        kb._model = small_model()
        kb.add([{"id": "a", "text": "amber"}])
        schema = kb._client.get_collection(name).payload_schema
        kb._client.delete_collection(name)
    assert set(schema) == {"id", "title", "language", "segment"}


def test_two_loaders_may_make_the_same_collection_at_once(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"twice-{uuid.uuid4().hex}"
    monkeypatch.setattr(QdrantClient, "collection_exists", lambda *_: False)
    with (
        open_cluster(engine, name, small_model()) as first,
        open_cluster(engine, name, small_model()) as second,
    ):
        first.add([{"id": "a", "text": "amber"}])
        second.add([{"id": "b", "text": "birch"}])
        assert first.manifest == second.manifest
        assert first.segments() == 2
        other = small_model("bert-cls")
        with pytest.raises(IdentityMismatchError):
            open_cluster(engine, name, other)


def test_no_more_fields_are_indexed_than_there_may_be_by_however_many_loaders(engine: str) -> None:
    name = f"fields-{uuid.uuid4().hex}"
    for begin in (0, 40):
        metadata = {f"f{number}": number for number in range(begin, begin + 40)}
        with open_cluster(engine, name, small_model()) as kb:
            kb.add([{"id": f"{begin}", "text": "amber", "metadata": metadata}])
            schema = kb._client.get_collection(name).payload_schema
    assert len(schema) == 4 + 64


class Slow:
    """A client that takes its time, and fails as it is told."""

    def __init__(self, failures: list[Exception]) -> None:
        self.failures = failures
        self.now = self.most = 0
        self.ids: set[str] = set()
        self.lock = threading.Lock()

    def upsert(self, name: str, batch: Any, wait: bool) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            failure = self.failures.pop() if self.failures else None
        time.sleep(0.02)
        with self.lock:
            self.now -= 1
            if failure is None:
                self.ids.update(batch.ids)
        if failure is not None:
            raise failure


def points(count: int) -> list[Point]:
    return [Point(point_name(str(n), 0), np.ones(2, np.float32), {}) for n in range(count)]


def refused(status: int) -> Exception:
    import httpx
    from qdrant_client.http.exceptions import UnexpectedResponse

    return UnexpectedResponse(status, "no", b"{}", httpx.Headers())


def test_so_many_requests_are_under_way_and_what_failed_is_sent_again() -> None:
    client = Slow([refused(503), ConnectionError("gone"), refused(429)])
    counted: list[int] = []
    settings = ClusterSettings(batch=10, outstanding=3)
    with Loader(cast("Any", client), "kb", settings, parallel=True, acknowledged=counted.append) as loader:
        loader.put(points(205))
    assert client.most == 3
    assert len(client.ids) == sum(counted) == 205


def test_what_sending_again_does_not_mend_ends_the_load() -> None:
    settings = ClusterSettings(batch=10, outstanding=2, tries=3)
    for failures, reason in (([refused(400)], "1 tries"), ([refused(500)] * 9, "3 tries")):
        client = Slow(failures)
        with (
            pytest.raises(CollectionError, match=reason),
            Loader(cast("Any", client), "kb", settings, parallel=True) as loader,
        ):
            loader.put(points(100))
        assert client.now == 0


def test_names_of_points_are_the_same_everywhere_and_differ_for_each_segment() -> None:
    names = {
        point_name(identifier, segment) for identifier in ("1", "1 1", "11", "é") for segment in range(12)
    }
    assert len(names) == 48
    assert point_name("a", 0) == point_name("a", 0)
