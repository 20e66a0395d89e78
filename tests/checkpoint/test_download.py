"""One file: resumed, verified, whole or not there."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import httpx
import pytest
from loopback_hub import (
    REPOSITORY,
    WEIGHTS,
    Answer,
    Compress,
    Drop,
    Fault,
    FromElsewhere,
    IgnoreRange,
    LoopbackHub,
    Redirect,
    Unsized,
    Wrong,
    resolve_path,
)
from loopback_hub import running_hub as running_hub

from samesay.checkpoint.download import Patience, Progress, RefusedError, download, safe_path
from samesay.checkpoint.hub import RemoteFile
from samesay.errors import PullError

SIZE = 200_000


class Watcher:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.total = self.arrived = 0
        self.notes: list[str] = []

    def expect(self, size: int, there: int) -> None:
        self.total, self.arrived = size, there

    def arrive(self, size: int) -> None:
        self.arrived += size

    def note(self, text: str) -> None:
        self.notes.append(text)


class Bench:
    """A hub, a file on it, and a folder to fetch it to."""

    def __init__(self, hub: LoopbackHub, folder: Path) -> None:
        self.hub = hub
        self.body = hub.repositories[REPOSITORY][WEIGHTS]
        self.target = folder / "below" / WEIGHTS
        self.partial = self.target.with_name(WEIGHTS + ".partial")
        self.waits: list[float] = []
        self.watcher = Watcher()
        self.digest = hashlib.sha256(self.body).hexdigest()

    def file(
        self, sha256: str | None = None, git_sha1: str | None = None, size: int | None = None
    ) -> RemoteFile:
        return RemoteFile(
            WEIGHTS,
            len(self.body) if size is None else size,
            sha256 if sha256 or git_sha1 else self.digest,
            git_sha1,
            self.hub.endpoint + resolve_path(REPOSITORY, WEIGHTS),
        )

    def begin(self, present: bytes) -> None:
        """Leave this as an earlier, interrupted download."""
        self.partial.parent.mkdir(parents=True)
        self.partial.write_bytes(present)

    def run(self, file: RemoteFile | None = None, tries: int = 4, timeout: float = 5.0) -> str:
        patience = Patience(tries=tries, sleep=self.waits.append, chance=lambda: 1.0)
        progress: Progress = self.watcher
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            return download(client, file or self.file(), self.target, progress=progress, patience=patience)

    @property
    def ranges(self) -> list[str | None]:
        return self.hub.ranges(WEIGHTS)


@pytest.fixture
def bench(hub: LoopbackHub, tmp_path: Path) -> Bench:
    return Bench(hub, tmp_path / "files")


def is_complete(bench: Bench) -> bool:
    return bench.target.read_bytes() == bench.body and not bench.partial.exists()


def test_a_file_arrives_whole_under_its_name_with_its_hash(bench: Bench) -> None:
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == [None]
    assert bench.watcher.arrived == SIZE


def test_a_file_without_bytes_is_made_without_a_request(bench: Bench) -> None:
    empty = hashlib.sha256(b"").hexdigest()
    assert bench.run(bench.file(sha256=empty, size=0)) == empty
    assert bench.target.read_bytes() == b""
    assert bench.ranges == []


def test_it_goes_on_exactly_where_the_connection_dropped(bench: Bench) -> None:
    bench.hub.fail(WEIGHTS, Drop(50_000), Drop(30_001), Drop(0), Drop(1))
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == [None, "bytes=50000-", "bytes=80001-", "bytes=80001-", "bytes=80002-"]
    assert bench.watcher.arrived == SIZE


def test_it_goes_on_from_what_an_earlier_run_left(bench: Bench) -> None:
    bench.begin(bench.body[:123_456])
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == ["bytes=123456-"]
    assert bench.watcher.arrived == SIZE - 123_456


def test_what_an_earlier_run_left_whole_is_only_checked(bench: Bench) -> None:
    bench.begin(bench.body)
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == []


def test_a_file_that_is_there_is_not_asked_for_again(bench: Bench) -> None:
    bench.run()
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == [None]


def test_a_file_that_is_there_but_damaged_is_fetched_afresh(bench: Bench) -> None:
    bench.run()
    bench.target.write_bytes(bench.body[:-1] + b"?")
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == [None, None]


def test_a_left_over_that_is_too_long_is_thrown_away(bench: Bench) -> None:
    bench.begin(bench.body + b"more")
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == [None]
    assert bench.watcher.arrived == SIZE


@pytest.mark.parametrize("fault", [IgnoreRange(), IgnoreRange(60_000)])
def test_a_server_that_ignores_the_range_is_read_from_the_beginning(bench: Bench, fault: IgnoreRange) -> None:
    bench.begin(bench.body[:100_000])
    bench.hub.fail(WEIGHTS, fault)
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges[0] == "bytes=100000-"
    assert bench.watcher.arrived == SIZE - 100_000


def test_a_server_that_ignores_ranges_and_always_drops_ends_the_download(bench: Bench) -> None:
    bench.hub.fail_always(WEIGHTS, IgnoreRange(60_000))
    with pytest.raises(PullError, match="gave up after 4 tries"):
        bench.run()
    # The first request brought something new, the four after it did not.
    assert len(bench.ranges) == 5
    assert not bench.target.exists()


def test_a_part_from_another_place_is_not_appended(bench: Bench) -> None:
    bench.begin(bench.body[:100_000])
    bench.hub.fail(WEIGHTS, FromElsewhere())
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == ["bytes=100000-", None]


@pytest.mark.parametrize("present", [0, 100_000])
def test_a_file_that_comes_compressed_is_still_the_file(bench: Bench, present: int) -> None:
    bench.begin(bench.body[:present])
    bench.hub.fail(WEIGHTS, Compress())
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.watcher.arrived == SIZE - present


def test_a_server_that_cannot_go_on_is_asked_from_the_beginning(bench: Bench) -> None:
    bench.begin(bench.body[:100_000])
    bench.hub.fail(WEIGHTS, Answer(416))
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == ["bytes=100000-", None]


def test_an_answer_that_ends_early_without_a_length_is_completed(bench: Bench) -> None:
    bench.hub.fail(WEIGHTS, Unsized(70_000))
    assert bench.run() == bench.digest
    assert bench.ranges == [None, "bytes=70000-"]


ALTERED = random.Random(1).randbytes(SIZE)


@pytest.mark.parametrize(
    "body", [ALTERED, ALTERED[:-1], ALTERED + b"!", b""], ids=["same", "short", "long", "none"]
)
def test_wrong_bytes_are_fetched_once_more_and_then_refused(bench: Bench, body: bytes) -> None:
    bench.hub.fail_always(WEIGHTS, Wrong(body))
    with pytest.raises(PullError, match="wrong after it was fetched again") as error:
        bench.run()
    assert bench.ranges == [None, None]
    assert not bench.target.exists()
    assert not bench.partial.exists()
    assert bench.watcher.arrived == 0
    if len(body) == SIZE:
        assert bench.digest in str(error.value)
        assert hashlib.sha256(body).hexdigest() in str(error.value)
    else:
        assert f"{len(body)} bytes" in str(error.value)
        assert str(SIZE) in str(error.value)


def test_wrong_bytes_once_do_no_harm(bench: Bench) -> None:
    bench.hub.fail(WEIGHTS, Wrong(ALTERED))
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == [None, None]
    assert bench.watcher.arrived == SIZE


def test_a_wrong_beginning_does_not_spoil_the_file(bench: Bench) -> None:
    bench.begin(ALTERED[:100_000])
    assert bench.run() == bench.digest
    assert is_complete(bench)
    assert bench.ranges == ["bytes=100000-", None]


def test_more_bytes_than_listed_are_never_kept(bench: Bench) -> None:
    bench.hub.repositories[REPOSITORY][WEIGHTS] = bench.body + b"x" * 10_000
    bench.hub.fail(WEIGHTS, Unsized(SIZE + 5000), Unsized(SIZE + 5000))
    with pytest.raises(PullError, match="more bytes came than the 200000"):
        bench.run()
    assert not bench.partial.exists()


def test_gits_hash_is_checked_where_the_hub_gives_no_other(bench: Bench) -> None:
    git = hashlib.sha1(b"blob 200000\0" + bench.body).hexdigest()
    bench.hub.fail(WEIGHTS, Drop(99_999))
    assert bench.run(bench.file(git_sha1=git)) == bench.digest
    bench.target.unlink()
    bench.hub.fail_always(WEIGHTS, Wrong(ALTERED))
    with pytest.raises(PullError, match=git):
        bench.run(bench.file(git_sha1=git))
    assert not bench.target.exists()


def test_a_file_without_any_hash_is_never_taken(bench: Bench) -> None:
    unhashed = RemoteFile(WEIGHTS, SIZE, None, None, bench.file().url)
    with pytest.raises(PullError, match="the hub lists nothing"):
        bench.run(unhashed)
    assert not bench.target.exists()


@pytest.mark.parametrize("fault", [Answer(500), Answer(502), Answer(503), Answer(429), Drop(0)])
def test_waits_double_and_start_afresh_when_something_arrives(bench: Bench, fault: Fault) -> None:
    bench.hub.fail(WEIGHTS, fault, fault, Drop(10), fault, fault, fault)
    assert bench.run() == bench.digest
    assert bench.waits == [1.0, 2.0, 1.0, 1.0, 2.0, 4.0]
    assert is_complete(bench)


def test_no_more_tries_than_allowed_without_anything_new(bench: Bench) -> None:
    bench.hub.fail_always(WEIGHTS, Drop(0))
    with pytest.raises(PullError, match="dropped at byte 0 of 200,000; gave up after 4 tries"):
        bench.run()
    assert len(bench.ranges) == 4
    assert len(bench.waits) == 3


def test_what_arrived_before_giving_up_is_kept(bench: Bench) -> None:
    bench.hub.fail(WEIGHTS, Drop(1000), Drop(0), Drop(0), Drop(0), Drop(0))
    with pytest.raises(PullError):
        bench.run()
    assert bench.partial.read_bytes() == bench.body[:1000]
    assert bench.run() == bench.digest
    assert bench.ranges[-1] == "bytes=1000-"


def test_waits_have_a_longest_and_are_spread(bench: Bench) -> None:
    bench.hub.fail(WEIGHTS, *[Answer(500)] * 8)
    patience = Patience(tries=9, first_wait=1, longest_wait=10, sleep=bench.waits.append, chance=lambda: 0.0)
    with httpx.Client() as client:
        download(client, bench.file(), bench.target, patience=patience)
    assert bench.waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]


def test_429_waits_as_told_and_says_so(bench: Bench) -> None:
    bench.hub.fail(WEIGHTS, Answer(429, {"Retry-After": "41"}), Answer(503, {"Retry-After": "0"}))
    assert bench.run() == bench.digest
    assert bench.waits == [41.0, 0.0]
    assert "429 Too Many Requests" in bench.watcher.notes[0]
    assert "41.0 s" in bench.watcher.notes[0]


def test_a_server_that_falls_silent_is_asked_again(bench: Bench) -> None:
    import threading

    from loopback_hub import Hold

    silence = threading.Event()
    bench.hub.fail(WEIGHTS, Hold(20_000, silence))
    try:
        assert bench.run(timeout=0.5) == bench.digest
    finally:
        silence.set()
    assert bench.ranges[:2] == [None, "bytes=20000-"]
    assert "no answer in time at byte 20,000" in bench.watcher.notes[0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_final_refusal_is_not_asked_again(bench: Bench, status: int) -> None:
    bench.begin(bench.body[:10])
    bench.hub.fail_always(WEIGHTS, Answer(status, {"X-Error-Code": "GatedRepo"}))
    with pytest.raises(RefusedError) as refused:
        bench.run()
    assert (refused.value.status, refused.value.code) == (status, "GatedRepo")
    assert len(bench.ranges) == 1
    assert bench.partial.read_bytes() == bench.body[:10]


def test_a_redirect_to_another_host_is_followed_with_its_range(bench: Bench) -> None:
    with LoopbackHub() as elsewhere:
        bench.hub.fail_always(WEIGHTS, Redirect(elsewhere.endpoint))
        elsewhere.fail(WEIGHTS, Drop(77))
        assert bench.run() == bench.digest
        assert elsewhere.ranges(WEIGHTS) == [None, "bytes=77-"]


def test_a_full_disk_is_told_and_leaves_no_file(bench: Bench) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    bench.partial.parent.mkdir(parents=True)
    bench.partial.symlink_to("/dev/full")
    with pytest.raises(PullError, match=r"disk is full: .* needs 200,000 bytes"):
        bench.run()
    assert not bench.target.exists()


def test_a_folder_that_cannot_be_written_is_told(bench: Bench) -> None:
    bench.target.parent.parent.mkdir(parents=True)
    bench.target.parent.write_text("a file where the folder should be")
    with pytest.raises(PullError, match="cannot write"):
        bench.run()


@pytest.mark.parametrize(
    "path", ["config.json", "1_Pooling/config.json", "a/b/c.json", "..a/b..json", ".hidden"]
)
def test_paths_inside_the_folder_are_taken_as_they_are(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../a",
        "a/../b",
        "a/..",
        "./a",
        "a//b",
        "a/",
        "a\\b",
        "..\\a",
        "c:a",
        "a\0b",
    ],
)
def test_paths_that_could_leave_the_folder_are_refused(path: str) -> None:
    with pytest.raises(PullError, match="outside"):
        safe_path(path)
