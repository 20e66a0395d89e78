"""Collections over HTTP: hits as in Python, writes whole or not at all, the queue of embeddings."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from serving import BERT, PATIENCE, QWEN, Serving, held, model_of, plan_of, server_process, serving, until

import samesay
from samesay.collection.build import Build
from samesay.collection.fulltext import tokens
from samesay.collection.locking import one_writer
from samesay.errors import IdentityMismatchError, ServerError
from samesay.server.plans import CollectionPlan
from samesay.server.settings import Access, Limits, ServerSettings

KEY = {"Authorization": "Bearer secret"}
DOCUMENTS = [
    {
        "id": f"d{number}",
        "title": f"Page {number}",
        "text": f"# Part one\n\nThe birch number {number}.\n\n# Part two\n\nAmber and cedar {number % 3}.",
        "format": "markdown",
        "metadata": {"number": number},
    }
    for number in range(12)
]


def make(folder: Path, model: str = BERT) -> CollectionPlan:
    with samesay.open(folder, model_of(model)) as kb:
        kb.add(DOCUMENTS)
    return CollectionPlan(folder.name, folder)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> list[CollectionPlan]:
    folder = tmp_path_factory.mktemp("collections")
    return [make(folder / "birches"), make(folder / "empty", QWEN)]


@pytest.fixture(scope="module")
def guarded(plans: list[CollectionPlan]) -> Iterator[Serving]:
    settings = ServerSettings(access=Access(api_keys=("secret",)))
    with serving([plan_of(BERT), plan_of(QWEN)], settings, collections=plans) as running:
        yield running


@pytest.fixture
def client(guarded: Serving) -> Iterator[httpx.Client]:
    with guarded.client() as opened:
        opened.headers.update(KEY)
        yield opened


def search(client: httpx.Client, **request: Any) -> Any:
    answer = client.post("/v1/search", json={"collection": "birches", **request})
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(client: httpx.Client, query: str, **request: Any) -> list[str]:
    return [hit["document_id"] for hit in search(client, query=query, **request)["data"][0]["hits"]]


@pytest.mark.parametrize("mode", ["semantic", "text", "hybrid"])
def test_a_search_gives_the_hits_that_python_gives(
    client: httpx.Client, plans: list[CollectionPlan], mode: Any
) -> None:
    queries = ["birch 3", "amber", "birch 3"]
    where = {"number": {"lt": 9}}
    answer = search(client, query=queries, mode=mode, top_k=5, filter=where, min_score=0.001)
    with samesay.open(plans[0].folder, model_of(BERT)) as kb:
        expected = kb.search(queries, 5, mode=mode, where=where, min_score=0.001)
        identity = str(kb.manifest.identity)
    assert answer["identity"] == identity
    assert [one["index"] for one in answer["data"]] == [0, 1, 2]
    for one, hits in zip(answer["data"], expected, strict=True):
        assert [(hit["document_id"], hit["score"], hit["passage"], hit["begin"]) for hit in one["hits"]] == [
            (hit.document_id, hit.score, hit.passage, hit.begin) for hit in hits
        ]
    assert (answer["usage"]["prompt_tokens"] > 0) == (mode != "text")


def test_the_collection_is_named_where_there_are_several(client: httpx.Client) -> None:
    answer = client.post("/v1/search", json={"query": "amber"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "collection"
    assert "birches, empty" in answer.json()["error"]["message"]
    answer = client.post("/v1/search", json={"query": "amber", "collection": "none"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "collection_not_found")
    assert search(client, query="amber", collection="empty")["model"] == QWEN


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"query": "  "}, "query"),
        ({"query": []}, "query"),
        ({"query": "x", "top_k": 0}, "top_k"),
        ({"query": ["x"] * 20, "top_k": 1000}, "top_k"),
        ({"query": "x", "mode": "magic"}, "mode"),
        ({"query": "x", "filter": {"n": {"around": 1}}}, "filter"),
        ({"query": "x", "filter": {}}, "filter"),
        ({"query": "x", "filter": {"n' OR 1=1 --": {"in": [[1]]}}}, "filter"),
        ({"query": "amber " * 9000}, "query"),
        ({"query": "x", "model": BERT}, "model"),
    ],
)
def test_what_is_wrong_with_a_search_is_told(
    client: httpx.Client, request_: dict[str, object], param: str
) -> None:
    answer = client.post("/v1/search", json={"collection": "birches", **request_})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_documents_are_added_changed_and_taken_out_as_python_does_it(
    client: httpx.Client, plans: list[CollectionPlan], tmp_path: Path
) -> None:
    new: list[dict[str, Any]] = [
        {"id": "n/猫\u202e'; DROP TABLE documents; --", "text": "zebra " * 50, "metadata": {"kind": "new"}},
        {"id": "blank", "text": " \n"},
        {"id": "twice", "text": "first"},
        {"id": "twice", "text": "second zebra"},
    ]

    def upsert(documents: list[dict[str, Any]]) -> Any:
        answer = client.post("/v1/documents", json={"collection": "birches", "documents": documents})
        assert answer.status_code == 200, answer.text
        return answer.json()

    done = upsert(new)
    assert (done["added"], done["changed"], done["unchanged"]) == (3, 0, 0)
    assert done["usage"]["prompt_tokens"] > 50
    assert set(found(client, "zebra", mode="text")) == {"twice", new[0]["id"]}
    assert upsert([new[0], new[3]])["unchanged"] == 2
    assert upsert([{**new[0], "text": "tapir"}])["changed"] == 1
    assert found(client, "tapir", filter={"kind": "new"}) == [new[0]["id"]]
    with samesay.open(tmp_path / "twin", model_of(BERT)) as twin:
        twin.add([*DOCUMENTS, *new, {**new[0], "text": "tapir"}])
        for query in ("tapir", "second zebra", "birch"):
            assert found(client, query, top_k=20) == [hit.document_id for hit in twin.search(query, 20)]
    with samesay.open(plans[0].folder, model_of(BERT)) as kb:
        assert kb.check().problems == ()
    ids = [new[0]["id"], "blank", "twice", "none"]
    answer = client.post("/v1/documents/delete", json={"collection": "birches", "ids": ids})
    assert answer.json()["deleted"] == 3
    assert found(client, "zebra tapir", mode="text") == []


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([], "empty array"),
        ([{"id": "a"}], r"documents[0]: document 'a': 'text' is missing"),
        ([{"id": "a", "text": "x"}, {"id": "", "text": "x"}], "documents[1]"),
        ([{"id": "a", "text": "x", "metadata": {"x": {"y": 1}}}], "holds dict"),
        ("a", "an array of objects"),
    ],
)
def test_what_is_no_document_is_told_and_nothing_is_changed(
    client: httpx.Client, documents: object, told: str
) -> None:
    answer = client.post("/v1/documents", json={"collection": "birches", "documents": documents})
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == "documents"
    assert len(found(client, "birch", top_k=100)) == len(DOCUMENTS)


def test_writes_want_a_key_and_are_refused_where_there_are_none(
    guarded: Serving, plans: list[CollectionPlan]
) -> None:
    requests = [
        ("/v1/documents", {"collection": "birches", "documents": [{"id": "x", "text": "x"}]}),
        ("/v1/documents/delete", {"collection": "birches", "ids": ["d1"]}),
    ]
    with guarded.client() as stranger:
        for path, request in requests:
            assert stranger.post(path, json=request).status_code == 401
        assert stranger.post("/v1/search", json={"query": "x"}).status_code == 401
    with serving([plan_of(BERT)], collections=plans[:1]) as open_server, open_server.client() as client:
        for path, request in requests:
            answer = client.post(path, json=request)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "writes_need_key")
        assert len(found(client, "birch", top_k=100)) == len(DOCUMENTS)


def test_a_write_while_another_process_writes_is_to_be_sent_again(
    client: httpx.Client, plans: list[CollectionPlan]
) -> None:
    with one_writer(plans[0].folder):
        for path, request in (
            ("/v1/documents", {"documents": [{"id": "x", "text": "x"}]}),
            ("/v1/documents/delete", {"ids": ["d1"]}),
        ):
            answer = client.post(path, json={"collection": "birches", **request})
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "collection_busy")
            assert int(answer.headers["retry-after"]) > 0
        assert "d1" in found(client, "birch", top_k=100)


def test_what_another_process_commits_is_found(client: httpx.Client, plans: list[CollectionPlan]) -> None:
    with samesay.open(plans[0].folder, model_of(BERT)) as kb:
        kb.add([{"id": "late", "text": "okapi"}])
        assert found(client, "okapi", mode="text") == ["late"]
        kb.delete(["late"])
    assert found(client, "okapi", mode="text") == []


def test_requests_wait_in_the_queue_of_embeddings_and_no_accepted_write_is_lost(tmp_path: Path) -> None:
    made, engine = held()
    settings = ServerSettings(Limits(request_tokens=200, queue_tokens=200), Access(open_writes=True))
    plan = make(tmp_path / "kb")
    answers: list[httpx.Response] = []
    with serving([plan_of(BERT, engine)], settings, collections=[plan]) as server:
        write = {"documents": [{"id": "kept", "text": "okapi"}]}
        texts = [f"amber {number}" for number in range(24)]

        def post() -> None:
            with server.client() as client:
                answers.append(client.post("/v1/documents", json=write))

        writer = threading.Thread(target=post)
        writer.start()
        until(lambda: made[0].running.is_set())
        with server.client() as client:
            # What computes no vectors does not wait for the network.
            assert found(client, "okapi", mode="text", collection="kb") == []
            waiting = threading.Thread(
                target=lambda: client.post("/v1/embeddings", json={"model": BERT, "input": texts})
            )
            waiting.start()
            batcher = next(iter(server.services.models)).batcher
            until(lambda: batcher.waiting_tokens > 150)
            with server.client() as other:
                for path, request in (
                    ("/v1/search", {"query": "birch cedar " * 12}),
                    ("/v1/documents", {"documents": [{"id": "no", "text": "birch cedar " * 12}]}),
                ):
                    answer = other.post(path, json=request)
                    assert answer.status_code == 429, answer.text
                    assert int(answer.headers["retry-after"]) > 0
                server.services.draining.begin()
                assert other.post("/v1/search", json={"query": "x"}).status_code == 503
            made[0].free.set()
            writer.join()
            waiting.join()
    assert [answer.status_code for answer in answers] == [200]
    with samesay.open(plan.folder, model_of(BERT)) as kb:
        assert "kept" in kb
        assert "no" not in kb
        assert kb.check().problems == ()


def test_a_write_whose_client_goes_before_its_vectors_are_there_is_forgotten(tmp_path: Path) -> None:
    made, engine = held()
    plan = make(tmp_path / "kb")
    settings = ServerSettings(access=Access(open_writes=True))
    with serving([plan_of(BERT, engine)], settings, collections=[plan]) as server:
        with server.client(timeout=0.5) as client, pytest.raises(httpx.ReadTimeout):
            client.post("/v1/documents", json={"documents": [{"id": "gone", "text": "okapi"}]})
        until(lambda: server.services.draining.in_flight == 0)
        made[0].free.set()
        with server.client() as client:
            assert found(client, "okapi", mode="text", collection="kb") == []
            assert len(found(client, "birch", top_k=100, collection="kb")) == len(DOCUMENTS)


def test_a_collection_of_another_model_is_refused_with_both_named(tmp_path: Path) -> None:
    plan = make(tmp_path / "kb", QWEN)
    with pytest.raises(IdentityMismatchError) as raised, serving([plan_of(BERT)], collections=[plan]):
        pass
    assert f"made with {QWEN}, fp32" in str(raised.value)
    assert f"served is {BERT}, fp32" in str(raised.value)


def test_two_collections_of_a_name_are_refused(tmp_path: Path) -> None:
    plan = CollectionPlan("kb", tmp_path)
    with (
        pytest.raises(ServerError, match="two collections are called 'kb'"),
        serving([], collections=[plan] * 2),
    ):
        pass


def test_without_collections_there_is_nothing_to_search() -> None:
    with serving([plan_of(BERT)]) as server, server.client() as client:
        assert client.post("/v1/search", json={"query": "x"}).status_code == 404
        assert "/v1/search" not in client.get("/openapi.json").json()["paths"]


def test_the_command_serves_the_model_of_a_collection_and_searches_it(tmp_path: Path) -> None:
    plan = make(tmp_path / "kb")
    with (
        server_process(tmp_path, "--collection", f"pages={plan.folder}", "--open-writes") as running,
        running.client() as client,
    ):
        assert f"collection pages is open: {len(DOCUMENTS)} documents" in "".join(running.told)
        write = {"documents": [{"id": "new", "text": "okapi"}]}
        assert client.post("/v1/documents", json=write).json()["added"] == 1
        assert found(client, "okapi", mode="hybrid", top_k=1, collection="pages") == ["new"]
    with samesay.open(plan.folder, model_of(BERT)) as kb:
        assert np.isin("new", [one.id for one in kb.documents()])


def test_the_command_names_what_is_wrong_with_a_collection(tmp_path: Path) -> None:
    plan = make(tmp_path / "kb")
    for arguments, told in (
        (
            ["--model", str(model_of(QWEN).folder), "--precision", "fp32", "--collection", str(plan.folder)],
            "was made with bert-mean, fp32",
        ),
        (["--collection", str(tmp_path / "none")], "there is no collection"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "samesay", "serve", "--port", "0", *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == 1
        assert told in ended.stderr
        assert "Traceback" not in ended.stderr


def test_what_a_first_search_reads_is_read_before_the_server_is_ready(
    plans: list[CollectionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    monkeypatch.setattr(
        "samesay.collection.fulltext.tokens._jieba", noting(reads, "dictionary", tokens._jieba.__wrapped__)
    )
    monkeypatch.setattr(Build, "snapshot", noting(reads, "snapshot", Build.snapshot))
    with serving([plan_of(BERT), plan_of(QWEN)], collections=plans) as running, running.client() as client:
        assert {"dictionary", "snapshot"} <= set(reads)
        assert client.post("/v1/search", json={"query": "白桦树在哪里", "collection": "birches"}).is_success


def noting(notes: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*arguments: Any) -> Any:
        notes.append(name)
        return function(*arguments)

    return noted
