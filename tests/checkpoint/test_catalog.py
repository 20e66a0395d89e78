"""The short names."""

from __future__ import annotations

import pytest

from samesay.checkpoint.catalog import KNOWN_MODELS, find, similar


@pytest.mark.parametrize("model", KNOWN_MODELS, ids=lambda model: model.name)
def test_a_model_is_found_by_its_name_its_repository_and_the_repository_without_owner(model: object) -> None:
    from samesay.checkpoint.catalog import KnownModel

    assert isinstance(model, KnownModel)
    for form in (model.name, model.repository, model.repository.rpartition("/")[2]):
        for typed in (form, form.upper(), form.lower(), f" {form} "):
            assert find(typed) is model


def test_names_and_repositories_are_unique_so_that_no_model_hides_another() -> None:
    forms = [{m.name, m.repository.lower(), m.repository.lower().rpartition("/")[2]} for m in KNOWN_MODELS]
    assert sum(map(len, forms)) == len(set().union(*forms))


@pytest.mark.parametrize("name", ["", "/", "qwen", "Qwen/", "e5", "someone/qwen3-embedding-0.6b"])
def test_nothing_is_found_for_part_of_a_name_or_another_owner(name: str) -> None:
    assert find(name) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("qwen3-embeding-0.6b", "qwen3-embedding-0.6b"),
        ("Qwen/Qwen3-Embedding-0.6", "qwen3-embedding-0.6b"),
        ("bge_m3", "bge-m3"),
        ("multilingual-e5-smal", "multilingual-e5-small"),
        ("microsoft/all-MiniLM-L6", "all-minilm-l6-v2"),
    ],
)
def test_the_likest_name_comes_first(typed: str, meant: str) -> None:
    assert similar(typed)[0] == meant


def test_nothing_is_suggested_for_what_is_like_nothing() -> None:
    assert similar("zzz") == []
    assert len(similar("e5")) <= 3
