"""Saved matchers: the same answers, whole or refused, for one model only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from intent_samples import World
from safetensors.numpy import save

from samesay.decision.intents.examples import IntentExample
from samesay.decision.intents.file import read_intents, write_intents
from samesay.decision.intents.fitted import FittedIntents
from samesay.decision.intents.settings import IntentSettings
from samesay.errors import IntentsFileError, OutputFileError


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def fitted(world: World) -> FittedIntents:
    examples = world.texts(12, 70)
    examples += [IntentExample(examples[0].text, "转账", "第 3 行"), IntentExample(examples[1].text, None)]
    return world.fit(examples, IntentSettings(precision=0.9, note="from the help desk"))


def test_a_matcher_that_was_read_answers_as_before(
    world: World, fitted: FittedIntents, tmp_path: Path
) -> None:
    write_intents(fitted, tmp_path / "a.intents")
    again = read_intents(tmp_path / "a.intents")
    for name in ("key", "method", "neighbours", "threshold", "certificates", "refused", "contradictions"):
        assert getattr(again, name) == getattr(fitted, name)
    assert again.evidence == fitted.evidence
    assert (again.made, again.note) == (fitted.made, "from the help desk")
    vectors = world.encode([one.text for one in world.texts(5, 5)])
    assert again.scores(vectors).tobytes() == fitted.scores(vectors).tobytes()
    assert again.match_vectors(vectors) == fitted.match_vectors(vectors)
    assert [path.name for path in tmp_path.iterdir()] == ["a.intents"]


def test_any_change_of_a_byte_is_refused(fitted: FittedIntents, tmp_path: Path) -> None:
    path = tmp_path / "a.intents"
    write_intents(fitted, path)
    whole = path.read_bytes()
    for place in [*range(0, len(whole), 997), 0, 1, 8, len(whole) - 1]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(IntentsFileError):
            read_intents(path)


def test_a_file_that_was_cut_short_is_refused(fitted: FittedIntents, tmp_path: Path) -> None:
    path = tmp_path / "a.intents"
    write_intents(fitted, path)
    whole = path.read_bytes()
    for length in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(IntentsFileError, match="cut short or edited"):
            read_intents(path)


def test_an_edited_threshold_is_refused_though_the_file_is_sound(
    fitted: FittedIntents, tmp_path: Path
) -> None:
    path = tmp_path / "a.intents"
    write_intents(fitted, path)
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])["__metadata__"]
    content = json.loads(header["content"])
    content["threshold"]["high"] = 0.01
    header["content"] = json.dumps(content)
    path.write_bytes(save({"vectors": fitted.bank.vectors}, metadata=header))
    with pytest.raises(IntentsFileError, match="hash"):
        read_intents(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cut short"),
        (b"intent\texample\n" * 9, "cut short"),
        (save({"vectors": np.zeros((1, 2), np.float32)}), "not a saved matcher"),
        (
            save(
                {"vectors": np.zeros((1, 2), np.float32)}, metadata={"kind": "samesay intents", "format": "7"}
            ),
            "format 7; this samesay reads 1: install a newer one",
        ),
        (
            save({"other": np.zeros(2, np.float32)}, metadata={"kind": "samesay intents", "format": "1"}),
            "hash",
        ),
    ],
)
def test_what_is_no_matcher_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.intents"
    path.write_bytes(content)
    with pytest.raises(IntentsFileError, match=words):
        read_intents(path)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(IntentsFileError, match="is not there; samesay match --save makes one"):
        read_intents(tmp_path / "a.intents")
    (tmp_path / "b.intents").mkdir()
    with pytest.raises(IntentsFileError, match="cannot be read"):
        read_intents(tmp_path / "b.intents")


def test_targets_are_refused_before_anything_is_written(fitted: FittedIntents, tmp_path: Path) -> None:
    with pytest.raises(OutputFileError, match=r"must end in \.intents"):
        write_intents(fitted, tmp_path / "a.json")
    with pytest.raises(OutputFileError, match="there is no folder"):
        write_intents(fitted, tmp_path / "none" / "a.intents")
    write_intents(fitted, tmp_path / "a.intents")
    (tmp_path / "a.intents").write_bytes(b"another file")
    with pytest.raises(OutputFileError, match="exists"):
        write_intents(fitted, tmp_path / "a.intents")
    write_intents(fitted, tmp_path / "a.intents", overwrite=True)
    assert read_intents(tmp_path / "a.intents").threshold == fitted.threshold
