"""Listings of both hubs, against a hub on this machine."""

from __future__ import annotations

import hashlib

import httpx
import pytest
from loopback_hub import COMMIT, OLDER_COMMIT, REPOSITORY, WEIGHTS, Answer, Drop, LoopbackHub, Redirect
from loopback_hub import running_hub as running_hub

from samesay.checkpoint.download import Patience, RefusedError, Silent, told_wait
from samesay.checkpoint.hub import Listing, Requests, connect, explain, hub_for
from samesay.errors import PullError

SOURCES = ["huggingface", "modelscope"]


class Waits:
    """Counts the seconds that would have been waited."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def patience(self, tries: int = 4) -> Patience:
        return Patience(tries=tries, sleep=self.seconds.append, chance=lambda: 1.0)


def list_files(source: str, revision: str | None = None, waits: Waits | None = None) -> Listing:
    hub = hub_for(source)
    with connect(hub) as client:
        requests = Requests(client, (waits or Waits()).patience(), Silent())
        return hub.listing(requests, REPOSITORY, revision)


@pytest.mark.parametrize("source", SOURCES)
def test_a_listing_gives_the_commit_and_every_file_with_size_and_hash(hub: LoopbackHub, source: str) -> None:
    listing = list_files(source)
    files = hub.repositories[REPOSITORY]
    assert (listing.repository, listing.revision) == (REPOSITORY, COMMIT)
    assert {file.path: file.size for file in listing.files} == {p: len(body) for p, body in files.items()}
    weights = next(file for file in listing.files if file.path == WEIGHTS)
    assert weights.sha256 == hashlib.sha256(files[WEIGHTS]).hexdigest()
    assert all(file.sha256 or file.git_sha1 for file in listing.files)


@pytest.mark.parametrize("source", SOURCES)
def test_every_address_names_the_commit_and_never_the_branch_that_moves(
    hub: LoopbackHub, source: str
) -> None:
    listing = list_files(source, "main" if source == "huggingface" else "master")
    with httpx.Client() as client:
        for file in listing.files:
            assert COMMIT in file.url
            assert "main" not in file.url
            assert "master" not in file.url
            assert client.get(file.url).content == hub.repositories[REPOSITORY][file.path]


@pytest.mark.parametrize("source", SOURCES)
def test_a_tag_or_a_full_commit_is_listed_as_its_commit(hub: LoopbackHub, source: str) -> None:
    hub.short_id, hub.changed_by = OLDER_COMMIT[:8], OLDER_COMMIT
    assert list_files(source, "v1").revision == OLDER_COMMIT
    assert list_files(source, OLDER_COMMIT).revision == OLDER_COMMIT


def test_a_revision_with_slashes_reaches_hugging_face_as_one_name(hub: LoopbackHub) -> None:
    hub.branches["refs/pr/3"] = OLDER_COMMIT
    assert list_files("huggingface", "refs/pr/3").revision == OLDER_COMMIT
    assert hub.asked[0].target == f"/api/models/{REPOSITORY}/revision/refs%2Fpr%2F3"


@pytest.mark.parametrize("page_size", [1, 3, 5, 11])
def test_a_listing_in_pages_is_the_same_as_in_one(hub: LoopbackHub, page_size: int) -> None:
    whole = list_files("huggingface")
    hub.page_size = page_size
    assert list_files("huggingface") == whole


def test_modelscopes_commit_comes_from_its_history_when_no_file_names_it(hub: LoopbackHub) -> None:
    hub.changed_by = OLDER_COMMIT
    assert list_files("modelscope").revision == COMMIT


def test_a_branch_of_modelscope_that_moves_meanwhile_is_not_mistaken(hub: LoopbackHub) -> None:
    hub.short_id, hub.changed_by = "aaaaaaaa", OLDER_COMMIT
    with pytest.raises(PullError, match="being changed"):
        list_files("modelscope")


def test_an_unknown_revision_is_told_with_those_that_are_known(hub: LoopbackHub) -> None:
    with pytest.raises(PullError, match=r"no revision 'main'; it has master, v1"):
        list_files("modelscope", "main")
    with pytest.raises(RefusedError) as refused:
        list_files("huggingface", "nonsense")
    told = explain(refused.value, hub_for("huggingface"), REPOSITORY, "nonsense")
    assert "has no revision 'nonsense'" in str(told)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up.json", "a/../../up.json", "a\\b.json", "c:up.json", "a//b"]
)
@pytest.mark.parametrize("source", SOURCES)
def test_a_listing_that_points_outside_of_its_folder_is_refused(
    hub: LoopbackHub, source: str, path: str
) -> None:
    hub.repositories[REPOSITORY][path] = b"{}"
    with pytest.raises(PullError, match="outside"):
        list_files(source)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("digest", ["", "0123", "g" * 64, "None"])
def test_a_listing_without_a_usable_hash_is_refused(hub: LoopbackHub, source: str, digest: str) -> None:
    hub.listed_hash[WEIGHTS] = digest
    with pytest.raises(PullError, match="hash"):
        list_files(source)


@pytest.mark.parametrize("source", SOURCES)
def test_the_token_is_shown_to_the_hub(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-secret")
    list_files(source)
    secret = "hf-secret" if source == "huggingface" else "ms-secret"
    assert {asked.authorization for asked in hub.asked} == {f"Bearer {secret}"}
    assert {asked.cookie for asked in hub.asked} == {
        None if source == "huggingface" else f"m_session_id={secret}"
    }
    assert secret not in repr(hub_for(source))


@pytest.mark.parametrize("source", SOURCES)
def test_the_token_is_never_shown_to_another_place(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-secret")
    with LoopbackHub() as elsewhere:
        hub.fail_always(WEIGHTS, Redirect(elsewhere.endpoint))
        # A redirect home must show it again, and one more elsewhere must not.
        elsewhere.fail(WEIGHTS, Redirect(hub.endpoint))
        hub_here = hub_for(source)
        listing = list_files(source)
        url = next(file.url for file in listing.files if file.path == WEIGHTS)
        with connect(hub_here) as client:
            assert client.get(url).content == hub.repositories[REPOSITORY][WEIGHTS]
        assert len(elsewhere.asked) == 2
        assert all(asked.authorization is None and asked.cookie is None for asked in elsewhere.asked)
        assert all(asked.authorization for asked in hub.asked if asked.file == WEIGHTS)


def test_a_redirect_inside_the_hub_keeps_the_token(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    hub.fail("", Redirect(hub.endpoint))
    assert list_files("huggingface").revision == COMMIT
    assert {asked.authorization for asked in hub.asked} == {"Bearer hf-secret"}


@pytest.mark.parametrize("fault", [Answer(500), Answer(503), Answer(429), Answer(408)])
def test_a_passing_failure_is_waited_out(hub: LoopbackHub, fault: Answer) -> None:
    hub.fail("", fault, fault, fault)
    waits = Waits()
    assert list_files("huggingface", waits=waits).revision == COMMIT
    assert waits.seconds == [1.0, 2.0, 4.0]


def test_asking_ends_after_so_many_failures(hub: LoopbackHub) -> None:
    hub.fail_always("", Answer(502))
    waits = Waits()
    with pytest.raises(PullError, match=r"502 Bad Gateway; gave up after 4 tries"):
        list_files("huggingface", waits=waits)
    assert len(hub.asked) == 4


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, hub: LoopbackHub) -> None:
    with LoopbackHub() as gone:
        endpoint = gone.endpoint
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(PullError, match=r"asking 127\.0\.0\.1: the connection failed"):
        list_files("huggingface")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"RateLimit": '"api";r=0;t=55'}, 55.0),
        ({"RateLimit": '"api";r=12;t=55'}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_the_time_that_a_hub_names_is_understood(headers: dict[str, str], seconds: float | None) -> None:
    assert told_wait(httpx.Response(429, headers=headers)) == seconds


def test_429_waits_as_long_as_told(hub: LoopbackHub) -> None:
    hub.fail("", Answer(429, {"Retry-After": "37"}))
    waits = Waits()
    list_files("huggingface", waits=waits)
    assert waits.seconds == [37.0]


def test_a_hub_that_asks_for_hours_ends_the_pull_at_once(hub: LoopbackHub) -> None:
    hub.fail_always("", Answer(429, {"Retry-After": "7200"}))
    waits = Waits()
    with pytest.raises(PullError, match="come back in 7200 s"):
        list_files("huggingface", waits=waits)
    assert waits.seconds == []


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"", b"\xff\xfe"])
def test_what_is_not_json_is_told_as_such(hub: LoopbackHub, body: bytes) -> None:
    hub.fail("", Answer(200, body=body))
    with pytest.raises(PullError, match="not JSON"):
        list_files("huggingface")


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"null", b'{"sha": "main"}', b'{"Code": 200, "Data": {"Files": [3]}}']
)
@pytest.mark.parametrize("source", SOURCES)
def test_strange_json_is_an_error_that_can_be_read(hub: LoopbackHub, source: str, body: bytes) -> None:
    hub.fail("", Answer(200, body=body))
    with pytest.raises(PullError):
        list_files(source)


def refusal(source: str, fault: Answer, hub: LoopbackHub, repository: str = REPOSITORY) -> str:
    hub.fail("", fault)
    with pytest.raises(RefusedError) as refused:
        list_files(source)
    return str(explain(refused.value, hub_for(source), repository, None))


@pytest.mark.parametrize(
    ("source", "variable"), [("huggingface", "HF_TOKEN"), ("modelscope", "MODELSCOPE_API_TOKEN")]
)
@pytest.mark.parametrize("fault", [Answer(401), Answer(403), Answer(403, {"X-Error-Code": "GatedRepo"})])
def test_a_gated_model_says_to_accept_the_licence_and_set_the_token(
    hub: LoopbackHub, source: str, variable: str, fault: Answer
) -> None:
    told = refusal(source, fault, hub)
    assert "accept the licence" in told
    assert f"set {variable}" in told
    assert hub_for(source).page(REPOSITORY) in told


def test_a_token_that_is_not_enough_is_told_apart_from_none(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    told = refusal("huggingface", Answer(403), hub)
    assert "HF_TOKEN is set, but not for an account with access" in told
    assert "hf-secret" not in told


@pytest.mark.parametrize("fault", [Answer(404), Answer(401, {"X-Error-Code": "RepoNotFound"})])
def test_a_missing_repository_is_named_with_the_known_names_like_it(hub: LoopbackHub, fault: Answer) -> None:
    told = refusal("huggingface", fault, hub, "Qwen/Qwen3-Embeding-0.6B")
    assert "'Qwen/Qwen3-Embeding-0.6B'" in told
    assert "Did you mean qwen3-embedding-0.6b" in told


@pytest.mark.parametrize("source", SOURCES)
def test_a_question_whose_connection_drops_is_asked_again(hub: LoopbackHub, source: str) -> None:
    waits = Waits()
    hub.fail("", Drop(0), Drop(0))
    assert list_files(source, waits=waits).revision == COMMIT
    assert waits.seconds == [1.0, 2.0]


@pytest.mark.parametrize(
    ("variable", "value", "source", "endpoint"),
    [
        ("HF_ENDPOINT", "https://mirror.example/", "huggingface", "https://mirror.example"),
        ("HF_ENDPOINT", "mirror.example", "huggingface", "https://mirror.example"),
        ("HF_ENDPOINT", "", "huggingface", "https://huggingface.co"),
        ("MODELSCOPE_ENDPOINT", "http://127.0.0.1:8080", "modelscope", "http://127.0.0.1:8080"),
        ("MODELSCOPE_DOMAIN", "www.modelscope.ai", "modelscope", "https://www.modelscope.ai"),
    ],
)
def test_the_environment_says_where_a_hub_is(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, source: str, endpoint: str
) -> None:
    for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    assert hub_for(source).endpoint == endpoint


@pytest.mark.parametrize("value", ["ftp://mirror.example", "http://", "https://a b:c", "://x"])
def test_an_address_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", value)
    with pytest.raises(PullError, match="address of a hub"):
        hub_for("huggingface")


def test_there_is_no_third_hub() -> None:
    with pytest.raises(PullError, match="'huggingface' or 'modelscope'"):
        hub_for("github")
