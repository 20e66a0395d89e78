"""What stands before a text, character for character as the model cards have it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from samesay.checkpoint.prompts import TASKS, PairMode, Prompts, instruction_of, read_prompts
from samesay.errors import CheckpointError, PromptError

RETRIEVAL = "Given a web search query, retrieve relevant passages that answer the query"
QWEN_QUERY = f"Instruct: {RETRIEVAL}\nQuery:"
MISTRAL_QUERY = f"Instruct: {RETRIEVAL}\nQuery: "
BGE_ENGLISH = "Represent this sentence for searching relevant passages: "


def stored(folder: Path, prompts: object) -> Path:
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps({"prompts": prompts, "default_prompt_name": None}), "utf-8")
    return folder


@pytest.fixture(params=["by name", "by its folder"])
def qwen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    folder = tmp_path_factory.mktemp("qwen")
    if request.param == "by name":
        return read_prompts(folder, ["Qwen/Qwen3-Embedding-0.6B"])
    return read_prompts(stored(folder, {"query": QWEN_QUERY, "document": ""}), ["model"])


@pytest.fixture(params=["by name", "by its folder"])
def mistral(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    folder = tmp_path_factory.mktemp("mistral")
    if request.param == "by name":
        return read_prompts(folder, ["intfloat/e5-mistral-7b-instruct"])
    prompts = {
        "web_search_query": MISTRAL_QUERY,
        "bitext_query": "Instruct: Retrieve parallel sentences.\nQuery: ",
    }
    return read_prompts(stored(folder, prompts), ["model"])


@pytest.fixture(params=["by name", "by its folder"])
def e5(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    folder = tmp_path_factory.mktemp("e5")
    if request.param == "by name":
        return read_prompts(folder, ["intfloat/multilingual-e5-small"])
    return read_prompts(stored(folder, {"query": "query: ", "passage": "passage: "}), ["model"])


def test_qwen3_has_no_space_after_the_colon_and_no_prompt_for_documents(qwen: Prompts) -> None:
    assert qwen.prefix("query") == QWEN_QUERY
    assert qwen.prefix("document") == ""
    assert qwen.prefix(None) == ""
    assert qwen.prefix("query", "bitext") == "Instruct: Retrieve parallel sentences\nQuery:"


def test_e5_mistral_has_one_space_after_the_colon(mistral: Prompts) -> None:
    assert mistral.prefix("query") == MISTRAL_QUERY
    assert mistral.prefix("document") == ""
    assert mistral.prefix("query", "bitext") == "Instruct: Retrieve parallel sentences\nQuery: "


def test_e5_marks_both_sides_and_compares_like_with_like_as_queries(e5: Prompts) -> None:
    assert e5.prefix("query") == "query: "
    assert e5.prefix("document") == "passage: "
    assert e5.prefix(None) == ""
    assert e5.pair_prefixes("symmetric") == ("query: ", "query: ")
    assert e5.pair_prefixes("query-document") == ("query: ", "passage: ")
    assert e5.pair_prefixes("plain") == ("", "")


def test_the_modes_of_a_pair_with_instructions(qwen: Prompts, mistral: Prompts) -> None:
    similar = "Instruct: Retrieve semantically similar text\nQuery:"
    assert qwen.pair_prefixes("symmetric") == (similar, similar)
    assert qwen.pair_prefixes("query-document") == (QWEN_QUERY, "")
    assert qwen.pair_prefixes("plain") == ("", "")
    parallel = "Instruct: Retrieve parallel sentences\nQuery:"
    assert qwen.pair_prefixes("symmetric", "bitext") == (parallel, parallel)
    assert qwen.pair_prefixes("query-document", "bitext") == (parallel, "")
    left, right = mistral.pair_prefixes("symmetric")
    assert left == right
    assert left.endswith("\nQuery: ")


def test_a_model_without_prompts_has_none_in_any_mode(tmp_path: Path) -> None:
    prompts = read_prompts(tmp_path, ["sentence-transformers/all-MiniLM-L6-v2"])
    assert prompts == Prompts()
    assert prompts.prefix("query") == prompts.prefix("document") == ""
    modes: tuple[PairMode, ...] = ("symmetric", "query-document", "plain")
    for mode in modes:
        assert prompts.pair_prefixes(mode) == ("", "")


def test_bge_small_marks_queries_only(tmp_path: Path) -> None:
    english = read_prompts(tmp_path, ["BAAI/bge-small-en-v1.5"])
    assert (english.prefix("query"), english.prefix("document")) == (BGE_ENGLISH, "")
    assert english.pair_prefixes("symmetric") == ("", "")
    chinese = read_prompts(tmp_path, ["BAAI/bge-small-zh-v1.5"])
    assert chinese.prefix("query") == "为这个句子生成表示以用于检索相关文章："
    assert read_prompts(tmp_path, ["BAAI/bge-m3"]) == Prompts()


@pytest.mark.parametrize(
    "name", ["e5-small-v2", "intfloat/E5-SMALL-v2", "multilingual-e5-large", "/models/multilingual-e5-base"]
)
def test_e5_models_are_known_by_their_names(name: str, tmp_path: Path) -> None:
    assert read_prompts(tmp_path, [name]).prefix("query") == "query: "


@pytest.mark.parametrize("name", ["re5-small", "mye5-small", "note5-large", "qwen3-0.6b", "e5", ""])
def test_names_that_merely_contain_one_are_not_that_model(name: str, tmp_path: Path) -> None:
    assert read_prompts(tmp_path, [name]) == Prompts()


def test_what_the_folder_says_counts_before_what_its_name_suggests(tmp_path: Path) -> None:
    folder = stored(tmp_path, {"query": "search: ", "document": "text: "})
    prompts = read_prompts(folder, ["multilingual-e5-small"])
    assert (prompts.query, prompts.document, prompts.symmetric) == ("search: ", "text: ", "")
    assert prompts.instruction is None


def test_the_first_known_name_counts(tmp_path: Path) -> None:
    prompts = read_prompts(tmp_path, ["my-copy", "Qwen/Qwen3-Embedding-4B", "multilingual-e5-small"])
    assert prompts.prefix("query") == QWEN_QUERY


def test_a_folder_with_empty_prompts_is_known_by_its_name(tmp_path: Path) -> None:
    folder = stored(tmp_path, {"query": "", "document": ""})
    assert read_prompts(folder, ["multilingual-e5-small"]).prefix("document") == "passage: "


@pytest.mark.parametrize("prompts", [None, [], "query: ", 5, {}, {"query": None}, {"query": ["a"]}])
def test_prompts_of_another_form_are_no_prompts(prompts: object, tmp_path: Path) -> None:
    assert read_prompts(stored(tmp_path, prompts), ["model"]) == Prompts()


def test_a_broken_prompt_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config_sentence_transformers.json"
    for content in ("", "{", "[]", "5"):
        file.write_text(content)
        with pytest.raises(CheckpointError, match=r"config_sentence_transformers\.json"):
            read_prompts(tmp_path, ["multilingual-e5-small"])


def test_every_named_task_has_an_instruction_in_english_without_a_final_stop() -> None:
    assert {"web-search", "similarity", "bitext"} <= set(TASKS)
    assert TASKS["web-search"] == RETRIEVAL
    for name, instruction in TASKS.items():
        assert instruction_of(name) == instruction
        assert instruction.isascii()
        assert not instruction.endswith(".")
        assert len(instruction.split()) > 2


@pytest.mark.parametrize(
    "words",
    [
        "Given a claim, find documents that refute it",
        "找出意思相同的句子",
        "  leading and trailing  ",
        "with {task} and {braces}",
        "line\nbreak",
    ],
)
def test_free_words_go_in_unchanged(words: str, qwen: Prompts) -> None:
    assert qwen.prefix("query", words) == f"Instruct: {words}\nQuery:"


@pytest.mark.parametrize("task", ["", "   ", "bitxt", "websearch", "Web-Search", "5"])
def test_a_slip_in_a_task_name_is_no_instruction(task: str, qwen: Prompts) -> None:
    with pytest.raises(PromptError, match=r"web-search.*bitext") as caught:
        qwen.prefix("query", task)
    assert repr(task) in str(caught.value)


@pytest.mark.parametrize("task", [5, ["bitext"], {"a": 1}, b"bitext"])
def test_a_task_of_another_type_is_refused(task: object, qwen: Prompts) -> None:
    with pytest.raises(PromptError, match="task"):
        qwen.prefix("query", task)  # type: ignore[arg-type]


def test_a_task_is_for_models_with_instructions_and_for_queries(qwen: Prompts, e5: Prompts) -> None:
    with pytest.raises(PromptError, match="takes no task"):
        e5.prefix("query", "bitext")
    with pytest.raises(PromptError, match="takes no task"):
        e5.pair_prefixes("symmetric", "bitext")
    with pytest.raises(PromptError, match="prompt='query'"):
        qwen.prefix("document", "bitext")
    with pytest.raises(PromptError, match="prompt='query'"):
        qwen.prefix(None, "bitext")
    with pytest.raises(PromptError, match="symmetric"):
        qwen.pair_prefixes("plain", "bitext")


@pytest.mark.parametrize("prompt", ["passage", "QUERY", "", 5, ["query"]])
def test_an_unknown_prompt_is_refused_with_the_known_ones(prompt: object, qwen: Prompts) -> None:
    with pytest.raises(PromptError, match=r"'query', 'document' or None"):
        qwen.prefix(prompt)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["asymmetric", "", None, 5, ["plain"]])
def test_an_unknown_mode_is_refused_with_the_known_ones(mode: object, qwen: Prompts) -> None:
    with pytest.raises(PromptError, match=r"'symmetric', 'query-document' or 'plain'"):
        qwen.pair_prefixes(mode)  # type: ignore[arg-type]
