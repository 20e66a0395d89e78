"""What the page says in figures and words, held against what is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browsing import Tab, fill_all, tab_of
from serving import Serving

from samesay import EmbeddingModel
from samesay.decision.reasons import explain

pytestmark = pytest.mark.browser

RATE = {
    "kind": "false-match-rate",
    "target": 0.004,
    "delta": 0.001,
    "threshold": 0.84501,
    "thresholds": [0.84501],
    "n": 2000,
    "errors": 1,
}
PRECISION = RATE | {"kind": "precision", "target": 0.995, "delta": 0.05}


def patched(change: Callable[[Any], object]) -> Callable[[Any], None]:
    """A handler that lets the server answer and changes the answer."""

    def handle(route: Any) -> None:
        answer = route.fetch()
        content = answer.json()
        change(content)
        route.fulfill(response=answer, json=content)

    return handle


def module(page: Any, name: str, expression: str, argument: object = None) -> Any:
    """What a module of the page gives for something."""
    return page.evaluate(
        f"async (argument) => {{ const it = await import('/page/{name}.js'); return {expression}; }}",
        argument,
    )


def module_page(tab: Tab, there: Serving) -> Any:
    return tab.open(there.url, "models")


@pytest.mark.parametrize(
    ("certificate", "probability", "expected"),
    [
        (RATE, 0.9991, ["At most 0.4 %", "99.9 % confidence", "score 0.8451 or more", "> 99 % probability"]),
        (
            PRECISION,
            0.0004,
            ["At least 99.5 %", "95 % confidence", "score 0.8450 or more", "< 1 % probability"],
        ),
    ],
)
def test_promises_and_probabilities_are_never_rounded_to_none_or_all(
    tab: Tab, there: Serving, certificate: dict[str, object], probability: float, expected: list[str]
) -> None:
    def change(content: Any) -> None:
        content["calibration"] = {"made": "", "note": "", "certificate": certificate}
        content["bands"] = {"high": 0.84501, "middle": 0.8, "source": "certificate"}
        content["decisions"][0] |= {"probability": probability, "certified": False}

    page = tab.page
    page.route("**/v1/decide", patched(change))
    tab.open(there.url, query="?a=one&b=two")
    page.locator(".certificate").wait_for()
    text = page.locator("main").inner_text()
    assert [words for words in expected if words not in text] == []


def test_shares_are_written_as_they_are(tab: Tab, there: Serving) -> None:
    page = module_page(tab, there)
    for share, digits, written in (
        (0, 0, "0 %"),
        (1, 0, "100 %"),
        (0.001, 0, "< 1 %"),
        (0.996, 0, "> 99 %"),
        (0.5, 0, "50 %"),
        (0.9996, 1, "> 99.9 %"),
        (0.0002, 1, "< 0.1 %"),
        (1, 1, "100.0 %"),
    ):
        assert module(page, "bands", "it.percent(...argument)", [share, digits]) == written


def labelled_rows() -> list[tuple[str, str, int]]:
    """Twelve matches, and enough others for a certificate of five in a hundred."""
    rows = [(f"It costs {number} dollars.", f"The price is ${number}.", 1) for number in range(3, 15)]
    things = ("cat", "dog", "train", "moon", "garden", "river", "engine", "violin", "bridge", "winter")
    deeds = (
        "sleeps",
        "is old",
        "was sold",
        "looks blue",
        "came late",
        "is far away",
        "has a name",
        "broke",
        "grows",
    )
    return rows + [
        (f"It costs {len(thing)} dollars.", f"The {thing} {deed}.", 0) for thing in things for deed in deeds
    ]


def shown_figures(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".figures dd").all_inner_texts()]


def test_precision_recall_and_false_matches_are_those_of_the_scores(
    tab: Tab, there: Serving, bundled: EmbeddingModel
) -> None:
    rows = labelled_rows()
    scores = bundled.similarity([row[0] for row in rows], [row[1] for row in rows])
    matches = np.array([row[2] for row in rows], bool)
    page = tab.open(there.url, "threshold")
    page.get_by_label("Labelled pairs").fill("\n".join(f"{a}\t{b}\t{label}" for a, b, label in rows))
    page.locator(".figures", has_text=f"{len(rows)} pairs").wait_for()
    for quantile in (0.2, 0.6, 0.9):
        threshold = round(float(np.quantile(scores, quantile)), 3)
        page.get_by_label("Threshold (drag").fill(str(threshold))
        accepted = scores >= threshold
        right, wrong = int((accepted & matches).sum()), int((accepted & ~matches).sum())
        figures = shown_figures(page)
        assert figures[0] == f"{threshold:.4f}"
        for place, part, whole in (
            (2, right, right + wrong),
            (4, right, int(matches.sum())),
            (6, wrong, int((~matches).sum())),
        ):
            assert figures[place + 1] == f"{part} of {whole}"
            assert figures[place] == f"{part / whole:.1%}".replace("%", " %")


def test_a_certificate_that_is_given_is_shown_and_goes_when_something_else_is_asked_for(
    tab: Tab, there: Serving
) -> None:
    page = tab.open(there.url, "threshold")
    page.get_by_label("Labelled pairs").fill(
        "\n".join(f"{a}\t{b}\t{label}" for a, b, label in labelled_rows())
    )
    page.locator(".figures dd").first.wait_for()
    page.get_by_role("button", name="Calibrate").click()
    given = page.locator(".made .certificate.here")
    given.wait_for()
    assert "At most 5 % of pairs that do not match" in given.inner_text()
    assert "of 90 labelled non-matches" in given.inner_text()
    assert page.locator("svg.distributions .certified").count() == 1
    assert "--alpha 0.05" in page.locator("main pre").inner_text()
    page.get_by_label("Highest false-match rate").fill("0.4")
    given.wait_for(state="detached")
    assert page.get_by_role("button", name="Save the calibration").count() == 0
    assert page.locator("svg.distributions .certified").count() == 0
    assert "--alpha 0.004" in page.locator("main pre").inner_text()
    page.get_by_role("button", name="Calibrate").click()
    page.locator(".made .certificate", has_text="No certificate").wait_for()


def test_the_command_says_where_the_high_band_was_put(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "threshold")
    fill_all(page, "threshold")
    command = page.locator("main pre")
    assert "samesay calibrate" in command.inner_text()
    page.get_by_label("The high band begins").check()
    assert "samesay calibrate" not in command.inner_text()
    page.get_by_label("Threshold (drag").fill("0.9")
    page.get_by_role("button", name="Calibrate").click()
    page.get_by_role("button", name="Save the calibration").wait_for()
    high, middle = map(float, re.findall(r"--bands (\S+),(\S+)", command.inner_text())[0])
    assert high == pytest.approx(0.9, abs=6e-4)
    assert middle <= high
    page.get_by_label("Threshold (drag").press("ArrowLeft")
    assert page.get_by_role("button", name="Save the calibration").count() == 0
    page.get_by_label("The high band begins").uncheck()
    assert "--bands" not in command.inner_text()
    assert "samesay calibrate" in command.inner_text()


PAIR = {"a": "x", "b": "y", "match": True}


@pytest.mark.parametrize(
    "text",
    [
        "x\ty\t1",
        "x\ty\t1.0",
        "x\ty\t是\n",
        "id\ttext_a\ttext_b\tlabel\n7\tx\ty\tyes",
        "text_b\ttext_a\tlabel\ny\tx\t1",
        "label\tText_A\tText_B\ntrue\tx\ty",
        "text_a\ttext_b\tmatches\nx\ty\t1",
        "question\tpassage\tgold\nx\ty\t1",
        "text_a\ttext_b\tgold\tlabel\nx\ty\t3\t1",
    ],
)
def test_columns_of_labelled_pairs_are_found_as_on_the_command_line(
    tab: Tab, there: Serving, text: str
) -> None:
    page = module_page(tab, there)
    assert module(page, "labels", "it.readLabels(argument)", text) == [PAIR]
    assert module(page, "labels", "it.readLabels(argument)", "x\ty\t否") == [PAIR | {"match": False}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x\ty\t0.5", "Line 1: the label “0.5” is not 1 or 0"),
        ("text_a\ttext_b\tlabel\nx\ty\n", "Line 2 has 2 cells"),
        ("text_a\ttext_b\tone\ttwo\nx\ty\t1\t1", "Line 1: no column is named label"),
        ("id\tquestion\tanswer\tlabel\n1\tx\ty\t1", "Line 1: name the columns of the two texts"),
        ("x\t\t1", "Line 1: a text is empty"),
    ],
)
def test_labelled_pairs_that_cannot_be_read_are_told_with_their_line(
    tab: Tab, there: Serving, text: str, told: str
) -> None:
    page = tab.open(there.url, "threshold")
    page.get_by_label("Labelled pairs").fill(text)
    page.get_by_role("alert").filter(has_text=told).wait_for()


@pytest.mark.parametrize(
    ("query", "passage", "marked"),
    [
        ("pod", "删除Pod后会重建", ["Pod"]),
        ("code值", "the code值 is set", ["code"]),
        ("怎么删除容器", "请删除Pod容器", ["删除", "容器"]),
        ("the pods", "The pod and the Pods", ["pod", "Pods"]),
        ("नमस्ते", "कहो नमस्ते अब", ["नमस्ते"]),
    ],
)
def test_words_of_the_question_are_marked_whole(
    tab: Tab, there: Serving, query: str, passage: str, marked: list[str]
) -> None:
    page = module_page(tab, there)
    spans = module(page, "passages", "it.wordsIn(argument[0], argument[1], '')", [passage, query])
    assert [passage[span["begin"] : span["end"]] for span in spans] == marked


GROUPED = """(() => {
  const linked = it.grouped(it.mutual(argument.scores));
  return argument.cuts.map((cut) => it.cut(linked, cut).map((one) => [...one].sort((a, b) => a - b)));
})()"""


@pytest.mark.parametrize("symmetric", [True, False])
def test_groups_are_those_of_average_linkage(tab: Tab, there: Serving, symmetric: bool) -> None:
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    generator = np.random.default_rng(5)
    page = module_page(tab, there)
    for count in (2, 3, 17, 40):
        scores = generator.uniform(0.2, 1, (count, count))
        if symmetric:
            scores = (scores + scores.T) / 2
        distances = 1 - ((scores + scores.T) / 2)[np.triu_indices(count, 1)]
        cuts = [0.5, 0.6, 0.7]
        found = module(page, "grouping", GROUPED, {"scores": scores.tolist(), "cuts": cuts})
        tree = hierarchy.linkage(distances, "average")
        for cut, groups in zip(cuts, found, strict=True):
            labels = hierarchy.fcluster(tree, 1 - cut, "distance")
            wanted = {tuple(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}
            assert {tuple(group) for group in groups} == wanted


def test_a_matrix_of_questions_and_passages_has_both_directions(
    tab: Tab, there: Serving, bundled: EmbeddingModel
) -> None:
    lines = ["How is a pod restarted?", "A pod is restarted by deleting it.", "Delivery costs four euros."]
    page = tab.open(there.url, "matrix")
    page.get_by_label("One sentence a line").fill("\n".join(lines))
    page.locator("canvas.map").wait_for()
    page.locator("summary", has_text="The closest pairs").click()
    assert page.locator("tbody tr").count() == 3
    page.get_by_label("Prompt").select_option("query-document")
    page.locator("tbody tr").nth(5).wait_for()
    for row in page.locator("tbody tr").all():
        score, first, second = row.locator("td").all_inner_texts()
        expected = float(bundled.similarity(first, second, mode="query-document")[0])
        assert float(score) == pytest.approx(expected, abs=6e-4)


def test_the_pointer_over_the_map_shows_its_pair(tab: Tab, there: Serving, bundled: EmbeddingModel) -> None:
    page = tab.open(there.url, "matrix")
    fill_all(page, "matrix")
    assert "Point at a cell" in page.locator(".readout").inner_text()
    page.locator("canvas.map").scroll_into_view_if_needed()
    box = page.locator("canvas.map").bounding_box()
    seen = set()
    for across, down in ((0.3, 0.8), (0.9, 0.2), (0.5, 0.5)):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.locator(".readout li").nth(1).wait_for()
        texts = [re.sub(r"^\d+\s*", "", text) for text in page.locator(".readout li").all_inner_texts()]
        score = float(page.locator(".readout .score").inner_text())
        assert score == pytest.approx(float(bundled.similarity(*texts)[0]), abs=6e-4)
        seen.add(tuple(texts))
    assert len(seen) == 3


def span(text: str, part: str) -> dict[str, object]:
    begin = text.index(part)
    return {"begin": begin, "end": begin + len(part), "text": part}


FIRST, SECOND = "My parcel zephyr 3 came late again", "The package zephyr 4 did not come"
REASONS = {
    "shared": {
        "spans": [
            {"a": span(FIRST, "My parcel"), "b": span(SECOND, "The package"), "score": 0.83},
            {"a": span(FIRST, "came late"), "b": span(SECOND, "did not come"), "score": 0.71},
        ],
        "terms": [{"term": "zephyr", "a": span(FIRST, "zephyr"), "b": span(SECOND, "zephyr"), "rarity": 9.0}],
    },
    "differs": {"a": [{"span": span(FIRST, "again"), "drop": -0.05}], "b": []},
    "conflicts": [
        {"kind": "number", "a": span(FIRST, "3"), "b": span(SECOND, "4"), "value_a": "3", "value_b": "4"}
    ],
}
MARKS = {
    "aligned": (["My parcel", "came late"], ["The package", "did not come"]),
    "term": (["zephyr"], ["zephyr"]),
    "alone": (["again"], []),
    "conflict": (["3"], ["4"]),
}


def test_reasons_are_marked_on_both_sides_and_told_apart_without_colours(tab: Tab, there: Serving) -> None:
    page = tab.page
    page.route("**/v1/decide", patched(lambda content: content["decisions"][0].update(reasons=REASONS)))
    tab.open(there.url, query=f"?a={FIRST}&b={SECOND}")
    page.locator("mark.conflict").first.wait_for()
    looks = set()
    for kind, sides in MARKS.items():
        for place, wanted in enumerate(sides):
            assert page.locator(".text").nth(place).locator(f"mark.{kind}").all_inner_texts() == wanted
        looks.add(
            page.locator(f".text mark.{kind}").first.evaluate(
                "(one) => { const { borderBottomStyle, textDecorationStyle } = getComputedStyle(one);"
                " return `${borderBottomStyle} ${textDecorationStyle}`; }"
            )
        )
    assert len(looks) == len(MARKS)
    summary = page.locator("summary", has_text="The marks as a list")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator(".marks li").all_inner_texts() == [
        "“My parcel” goes with “The package” (0.83).",
        "“came late” goes with “did not come” (0.71).",
        "Rare word in both: “zephyr”, “zephyr”.",
        "First text only: “again”; without it the score is 0.050 higher.",
    ]
    assert page.locator(".conflicts li").inner_text().split() == ["Numbers", "differ", "3", "≠", "4"]


def test_reasons_on_the_page_are_those_of_the_library(
    tab: Tab, there: Serving, bundled: EmbeddingModel
) -> None:
    texts = (
        "The shop ships orders within three days, and returns are free.",
        "Orders leave the shop after three days, and sending back costs nothing.",
    )
    reasons = explain(bundled, *texts)
    page = tab.open(there.url, query=f"?a={texts[0]}&b={texts[1]}")
    page.locator(".why h2").wait_for()
    assert len(reasons.shared.spans) > 1
    page.locator("summary", has_text="The marks as a list").click()
    told = page.locator(".marks").inner_text()
    for one in reasons.shared.spans:
        assert f"“{one.a.text}” goes with “{one.b.text}” ({one.score:.2f})" in told


def test_what_stands_behind_a_result_stays_open(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, query="?a=one&b=two")
    page.locator("summary", has_text="What stands behind").click()
    before = page.locator(".score").inner_text()
    page.get_by_label("Second text").fill("something else")
    page.locator(".score", has_not_text=before).wait_for()
    assert page.locator(".behind details").get_attribute("open") is not None


def test_a_filter_over_metadata_filters(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "search")
    page.get_by_label("Question or words").fill("how do pods restart")
    titles = page.locator(".hit-title strong")
    titles.filter(has_text="Pods").first.wait_for()
    page.get_by_label("Filter (JSON)").fill('{"year": {"gte": 2020}}')
    titles.filter(has_text="Pods").first.wait_for(state="detached")
    page.locator(".hits").nth(2).wait_for()
    assert titles.count() == 3
    assert all("onerror" in title for title in titles.all_inner_texts())
    for wrong in ("null", "0", "false", '""', "[]", "7"):
        page.get_by_label("Filter (JSON)").fill(wrong)
        page.get_by_role("alert").filter(has_text="not JSON").wait_for()
        page.get_by_label("Filter (JSON)").fill("")
        page.get_by_role("alert").filter(has_text="not JSON").wait_for(state="hidden")


def test_the_order_of_hits_by_meaning_is_explained(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "search")
    fill_all(page, "search")
    assert "The score is the cosine; the order also" in page.locator(".columns section").first.inner_text()


def test_figures_of_a_model_are_written_into_the_same_card(tab: Tab, there: Serving) -> None:
    page = tab.open(there.url, "models")
    page.locator("dd").first.wait_for()
    page.evaluate("document.querySelector('main .card').mine = true")
    before = page.locator(".figures dd").nth(4).inner_text()
    with there.client() as client:
        client.post("/v1/embeddings", json={"model": "e5", "input": ["some words"] * 20})
    page.wait_for_function(
        "(before) => document.querySelectorAll('.figures dd')[4].textContent !== before", arg=before
    )
    assert page.evaluate("document.querySelector('main .card').mine") is True


def test_marks_have_lines_that_are_seen_in_both_themes(chromium: Any, there: Serving) -> None:
    """The lines of marks stand out from the ground of the texts by 3 to 1, as WCAG 2.2 wants it."""
    for scheme in ("light", "dark"):
        with tab_of(chromium, color_scheme=scheme) as opened:
            page = opened.page
            page.route(
                "**/v1/decide", patched(lambda content: content["decisions"][0].update(reasons=REASONS))
            )
            opened.open(there.url, query=f"?a={FIRST}&b={SECOND}")
            page.locator("mark.conflict").first.wait_for()
            ground = page.locator(".text").first.evaluate("(one) => getComputedStyle(one).backgroundColor")
            for kind in MARKS:
                line = "textDecorationColor" if kind == "conflict" else "borderBottomColor"
                colour = page.locator(f".text mark.{kind}").first.evaluate(
                    f"(one) => getComputedStyle(one).{line}"
                )
                assert contrast(colour, ground) >= 3, (scheme, kind)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours of CSS."""

    def luminance(colour: str) -> float:
        parts = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
