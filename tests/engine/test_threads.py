"""Many callers, forked children and Ctrl-C: the engine gives the right bits or stops at once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

import samesay
from patience import PATIENCE
from samesay.engine.cpu import CpuEngine
from samesay.errors import EngineError
from samesay.tokens import lay_out

# Ctrl-C is a console signal there, and there is no fork.
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and fork")

HIDDEN, LAYERS, HEADS, KEY_HEADS, HEAD_SIZE, INNER = 512, 8, 8, 4, 64, 1536

pytestmark = pytest.mark.usefixtures("isolated_cache")


def write_slow_checkpoint(folder: Path) -> None:
    """Turns a copy of a committed Qwen3 checkpoint into one that takes some 50 MFLOP a token."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config |= {
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "head_dim": HEAD_SIZE,
        "intermediate_size": INNER,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    rng = np.random.default_rng(0)

    def random(rows: int, columns: int) -> NDArray[np.float16]:
        values = rng.standard_normal((rows, columns), np.float32) / np.float32(columns**0.5)
        halves: NDArray[np.float16] = values.astype(np.float16)
        return halves

    tensors: dict[str, NDArray[Any]] = {"model.embed_tokens.weight": random(config["vocab_size"], HIDDEN)}
    tensors["model.norm.weight"] = np.ones(HIDDEN, np.float16)
    for layer in range(LAYERS):
        name = f"model.layers.{layer}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{name}.{norm}.weight"] = np.ones(HIDDEN, np.float16)
        for norm in ("q_norm", "k_norm"):
            tensors[f"{name}.self_attn.{norm}.weight"] = np.ones(HEAD_SIZE, np.float16)
        for part, rows, columns in (
            ("self_attn.q_proj", HEADS * HEAD_SIZE, HIDDEN),
            ("self_attn.k_proj", KEY_HEADS * HEAD_SIZE, HIDDEN),
            ("self_attn.v_proj", KEY_HEADS * HEAD_SIZE, HIDDEN),
            ("self_attn.o_proj", HIDDEN, HEADS * HEAD_SIZE),
            ("mlp.gate_proj", INNER, HIDDEN),
            ("mlp.up_proj", INNER, HIDDEN),
            ("mlp.down_proj", HIDDEN, INNER),
        ):
            tensors[f"{name}.{part}.weight"] = random(rows, columns)
    save_file(tensors, folder / "model.safetensors")


@pytest.fixture
def slow_checkpoint(copy_checkpoint: Callable[[str], Path]) -> Path:
    folder = copy_checkpoint("qwen3-gqa2")
    write_slow_checkpoint(folder)
    return folder


@pytest.mark.parametrize("name", ["qwen3-gqa2", "bert-mean"])
@pytest.mark.parametrize("threads", [1, 3])
def test_eight_callers_at_once_each_get_the_right_bits(name: str, threads: int, fixtures: Path) -> None:
    model = samesay.load(fixtures / name, threads=threads)
    rng = np.random.default_rng(1)
    lists = [
        [[int(token) for token in rng.integers(0, 300, length)] for length in rng.integers(1, 200, 6)]
        for _ in range(8)
    ]
    want = [model.encode_tokens(sequences).tobytes() for sequences in lists]
    start = threading.Barrier(8)

    def encode(number: int) -> list[bytes]:
        start.wait()
        return [model.encode_tokens(lists[number]).tobytes() for _ in range(12)]

    with ThreadPoolExecutor(8) as pool:
        for number, got in enumerate(pool.map(encode, range(8))):
            assert got == [want[number]] * 12, f"caller {number}"


def test_callers_with_different_instructions_do_not_mix_what_is_kept_of_them(fixtures: Path) -> None:
    model = samesay.load(fixtures / "qwen3-gqa2", threads=2)
    texts = ["the river is high", "", "桥要等水退了才会开放"]
    tasks = ["web-search", "bitext", "similarity", "words of my own", "other words " * 20, None]
    prefixes = [model.prompts.prefix("query", task) for task in tasks]
    want = [model.encode([prefix + text for text in texts]).tobytes() for prefix in prefixes]

    def encode(number: int) -> list[bytes]:
        return [model.encode(texts, prompt="query", task=tasks[number]).tobytes() for _ in range(20)]

    with ThreadPoolExecutor(len(tasks)) as pool:
        for number, got in enumerate(pool.map(encode, range(len(tasks)))):
            assert got == [want[number]] * 20, tasks[number]


def test_models_side_by_side_do_not_disturb_each_other(fixtures: Path) -> None:
    names = ("qwen3-gqa2", "bert-cls", "mistral-gqa4", "xlm-roberta-mean")
    models = [samesay.load(fixtures / name, threads=2) for name in names]
    texts = ["the river is high", "", "桥要等水退了才会开放", "how do I reset the password? " * 5]
    want = [model.encode(texts).tobytes() for model in models]

    def encode(number: int) -> list[bytes]:
        return [models[number].encode(texts).tobytes() for _ in range(20)]

    with ThreadPoolExecutor(len(models)) as pool:
        for number, got in enumerate(pool.map(encode, range(len(models)))):
            assert got == [want[number]] * 20, names[number]


def test_models_come_and_go_without_leaving_threads(fixtures: Path) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    if not Path("/proc/self/task").is_dir():
        pytest.skip("needs /proc")
    samesay.load(fixtures / "bert-cls", threads=5).encode("a")
    before = count()
    for _ in range(10):
        samesay.load(fixtures / "bert-cls", threads=5).encode("a")
    assert count() <= before


def test_other_python_threads_run_while_the_engine_computes(slow_checkpoint: Path) -> None:
    model = samesay.load(slow_checkpoint, precision="fp32", threads=1)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.002):
            ticks.append(time.perf_counter())

    other = threading.Thread(target=tick)
    other.start()
    try:
        begin = time.perf_counter()
        # One text and one pass: nothing but the engine runs between begin and end.
        model.encode_tokens([[7] * 1500])
        end = time.perf_counter()
    finally:
        done.set()
        other.join()
    inside = [begin, *(moment for moment in ticks if begin < moment < end), end]
    longest = max(after - before for before, after in pairwise(inside))
    assert end - begin > 0.2, "the checkpoint is meant to take longer"
    assert longest < (end - begin) / 2, f"held for {longest:.2f} of {end - begin:.2f} s"


FORK = """
import multiprocessing, sys, threading
import samesay

def encode(model, texts, connection):
    connection.send([model.encode(texts).tobytes() for _ in range(3)])

texts = ["the river is high", "", "a " * 400, "桥要等水退了才会开放"]
model = samesay.load(sys.argv[1], threads=int(sys.argv[2]))
want = model.encode(texts).tobytes()
context = multiprocessing.get_context("fork")
children = []
for _ in range(3):
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=encode, args=(model, texts, theirs))
    child.start()
    children.append((child, ours))
    assert model.encode(texts).tobytes() == want, "the parent after a fork"
for child, ours in children:
    assert ours.poll(30), "the child hangs"
    assert ours.recv() == [want] * 3, "the child's bits"
    child.join(30)
    assert child.exitcode == 0, f"the child ended with {child.exitcode}"
assert model.encode(texts).tobytes() == want, "the parent in the end"
print("right")
"""


@POSIX
@pytest.mark.parametrize("threads", [1, 4])
def test_a_forked_child_encodes_after_its_parent_has(threads: int, fixtures: Path) -> None:
    command = [sys.executable, "-c", FORK, str(fixtures / "qwen3-gqa2"), str(threads)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert child.stdout.strip() == "right", f"exit {child.returncode}: {child.stderr[-800:]}"


INTERRUPTED = """
import sys, time
import samesay

model = samesay.load(sys.argv[1], precision="fp32", threads=int(sys.argv[2]))
want = model.encode("the river is high").tobytes()
sequences = [[7] * 2000] * 200
print("started", flush=True)
try:
    model.encode_tokens(sequences)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    print("right" if model.encode("the river is high").tobytes() == want else "wrong", flush=True)
else:
    print("finished", flush=True)
"""


@POSIX
@pytest.mark.parametrize("threads", [1, 2])
def test_control_c_stops_a_long_run_within_seconds_and_spoils_nothing(
    threads: int, slow_checkpoint: Path
) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(slow_checkpoint), str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "started\n"
            time.sleep(0.7)
            begin = time.monotonic()
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "interrupted\n"
            took = time.monotonic() - begin
            assert child.stdout.readline() == "right\n"
            assert child.wait(30) == 0
        finally:
            child.kill()
    # Half a second; the whole run takes minutes.
    assert took < 10 * PATIENCE, f"took {took:.1f} s"


class StoppedError(ValueError):
    """What a caller may raise to stop a pass: no error of ours."""


def test_what_progress_raises_reaches_the_caller_and_the_model_goes_on(fixtures: Path) -> None:
    model = samesay.load(fixtures / "qwen3-gqa2", threads=2)
    want = model.encode("a").tobytes()

    def stop(done: float, total: int) -> None:
        raise RuntimeError(f"{done} of {total}")

    with pytest.raises(RuntimeError, match=r" of 1$"):
        model.encode("a", progress=stop)
    assert model.encode("a").tobytes() == want


@pytest.mark.parametrize("raised", [StoppedError("no"), MemoryError("no"), KeyboardInterrupt("no")])
def test_what_progress_raises_within_a_pass_reaches_the_caller_as_it_is(
    raised: BaseException, slow_checkpoint: Path
) -> None:
    model = samesay.load(slow_checkpoint, precision="fp32", threads=2)
    want = model.encode_tokens([[7, 8]]).tobytes()
    shares: list[float] = []

    def stop(done: float, total: int) -> None:
        shares.append(done / total)
        raise raised

    with pytest.raises(type(raised)) as caught:
        model.encode_tokens([[7] * 1500], progress=stop)
    assert caught.value is raised
    assert len(shares) == 1
    assert 0 <= shares[0] < 1, "the pass was to be stopped before its end"
    assert model.encode_tokens([[7, 8]]).tobytes() == want


def many_texts(rng: np.random.Generator, count: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """So many short texts that each thread computes some by itself, with a long one among them."""
    lengths = rng.integers(1, 60, count)
    lengths[count // 3] = 500
    tokens = lay_out([rng.integers(0, 300, length).tolist() for length in lengths])
    return tokens.token_ids, tokens.offsets


@pytest.mark.parametrize("name", ["qwen3-gqa2", "mistral-gqa4", "xlm-roberta-cls", "bert-mean"])
def test_many_texts_have_their_bits_on_any_number_of_threads(name: str, fixtures: Path) -> None:
    ids, offsets = many_texts(np.random.default_rng(4), 150)
    engines = [samesay.load(fixtures / name, threads=threads).engine for threads in (1, 2, 3, 5)]
    width = samesay.load(fixtures / name).dimensions
    want = engines[0].embed(ids, offsets, width)
    for engine in engines[1:]:
        for _ in range(3):
            assert np.array_equal(engine.embed(ids, offsets, width), want)
    for place in (0, 49, 50, 51, 149):
        begin, end = offsets[place], offsets[place + 1]
        alone = engines[1].embed(ids[begin:end], np.array([0, end - begin], np.int64), width)
        assert np.array_equal(alone[0], want[place])


def test_many_texts_share_a_kept_prefix_on_threads_of_their_own(fixtures: Path) -> None:
    rng = np.random.default_rng(5)
    prefix = rng.integers(0, 400, 40).astype(np.int32)
    texts = [rng.integers(0, 400, length).tolist() for length in rng.integers(1, 40, 90)]
    tokens = lay_out([[*prefix.tolist(), *text] if place % 3 else text for place, text in enumerate(texts)])
    ids, offsets = tokens.token_ids, tokens.offsets
    model = samesay.load(fixtures / "qwen3-gqa2", threads=3)
    engine = CpuEngine(model.checkpoint, precision="int8", threads=3)
    want = engine.embed(ids, offsets, model.dimensions)
    assert engine.prefix_hits == 0
    for turn in (1, 2):
        assert np.array_equal(engine.embed(ids, offsets, model.dimensions, prefix), want)
        assert engine.prefix_hits == 60 * turn


def test_progress_of_many_texts_grows_and_can_stop_them(slow_checkpoint: Path) -> None:
    engine = samesay.load(slow_checkpoint, precision="fp32", threads=3).engine
    ids, offsets = many_texts(np.random.default_rng(6), 300)
    shares: list[float] = []
    caller = threading.get_ident()

    def told(share: float) -> None:
        assert threading.get_ident() == caller
        shares.append(share)

    want = engine.embed(ids, offsets, HIDDEN, progress=told)
    assert len(shares) > 2
    assert all(one <= other for one, other in pairwise([0.0, *shares, 1.0]))

    def stop(share: float) -> None:
        if share > 0.1:
            raise StoppedError

    with pytest.raises(StoppedError):
        engine.embed(ids, offsets, HIDDEN, progress=stop)
    assert np.array_equal(engine.embed(ids, offsets, HIDDEN), want)


def test_progress_cannot_ask_the_model_that_is_at_work(slow_checkpoint: Path) -> None:
    model = samesay.load(slow_checkpoint, precision="fp32", threads=2)
    told: list[str] = []

    def ask(done: float, total: int) -> None:
        if done < total:
            with pytest.raises(EngineError, match="at work in this very call"):
                model.encode_tokens([[7, 8]])
            told.append("refused")

    assert model.encode_tokens([[7] * 1500], progress=ask).shape == (1, model.dimensions)
    assert told


TOO_MANY_THREADS = """
import os, resource, sys
import numpy as np
import samesay
from samesay import _native

model = samesay.load(sys.argv[1], precision="fp32", threads=20)
data = np.arange(1 << 23, dtype=np.uint8)
want = _native.checksum(data, 20)
if os.getuid() == 0:
    os.setuid(65534)  # the limit does not hold for root
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
assert _native.checksum(data, 20) == want
try:
    model.encode("a")
except samesay.SamesayError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits are told otherwise there")
def test_a_system_that_gives_too_few_threads_is_told(fixtures: Path) -> None:
    command = [sys.executable, "-c", TOO_MANY_THREADS, str(fixtures / "qwen3-gqa2")]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert re.fullmatch(r"this system allows \d+ threads here, not 20; choose fewer\n", done.stdout), done


FORKED_THREADS = """
import os, sys, threading
import samesay
from samesay.engine.row_products import row_products
import numpy as np

model = samesay.load(sys.argv[1], threads=2)
want = model.encode("a").tobytes()
rows = np.random.default_rng(1).standard_normal((4000, 256)).astype(np.float32)
products = row_products(rows, rows[0]).tobytes()

def ask(start, wrong):
    start.wait()
    if row_products(rows, rows[0]).tobytes() != products or model.encode("a").tobytes() != want:
        wrong.append(1)

failed = 0
for _ in range(20):
    child = os.fork()
    if child == 0:
        start, wrong = threading.Barrier(4), []
        threads = [threading.Thread(target=ask, args=(start, wrong)) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        os._exit(len(wrong))
    failed += os.waitpid(child, 0)[1] != 0
sys.exit(failed)
"""


@POSIX
def test_threads_of_a_forked_child_may_begin_at_once(fixtures: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED_THREADS, str(fixtures / "qwen3-gqa2")]
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)
    assert done.returncode == 0, done.stderr


FORK_WHILE_BUSY = """
import os, sys, threading, time
import samesay

model = samesay.load(sys.argv[1], threads=2)
want = model.encode("a").tobytes()
texts = ["a b c d e f g"] * 400
stop = threading.Event()

def work():
    while not stop.is_set():
        model.encode(texts)

worker = threading.Thread(target=work)
worker.start()
failed = 0
for _ in range(5):
    time.sleep(0.02)
    child = os.fork()
    if child == 0:
        os._exit(0 if model.encode("a").tobytes() == want else 1)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            failed += status != 0
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        failed += 1
stop.set()
worker.join()
sys.exit(failed)
"""


def test_a_child_forked_while_another_thread_computes_does_not_wait_for_it(fixtures: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK_WHILE_BUSY, str(fixtures / "qwen3-gqa2")]
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)
    assert done.returncode == 0, done.stderr
