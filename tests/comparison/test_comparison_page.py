from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from comparison_samples import made_up_report

from samesay.comparison.json_file import read_report
from samesay.comparison.page.axes import Scale
from samesay.comparison.page.markup import Markup, escape, join, tag
from samesay.comparison.page.page import page
from samesay.comparison.report import Difference, Measure, Report
from samesay.comparison.writing import check_folder, write_folder
from samesay.errors import OutputFileError

# Elements that HTML ends by itself.
ALONE = {"meta", "br", "col"}


class Reader(HTMLParser):
    """Checks that elements are closed in order, and keeps what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        if name not in ALONE:
            self.open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        self.text.append(text)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def hostile() -> Report:
    return made_up_report()


def test_hostile_text_stays_text(hostile: Report) -> None:
    html = page(hostile)
    reader = read(html)
    names = {name for name, _ in reader.elements}
    assert not names & {"script", "img", "iframe", "link", "object", "embed", "form", "a", "base"}
    for _, attributes in reader.elements:
        assert not any(key.startswith("on") or key in ("href", "src", "style") for key in attributes)
    assert "<script" not in html
    assert "\x00" not in html
    assert '<script>alert("1")</script>' in "".join(reader.text)


def test_the_page_fetches_nothing_and_says_so_to_the_browser(hostile: Report) -> None:
    html = page(hostile)
    assert not re.search(r"https?:|url\(|@import|@font-face", html)
    policies = [
        attributes["content"]
        for name, attributes in read(html).elements
        if name == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert str(policies[0]).startswith("default-src 'none'; style-src 'sha256-")


def test_tables_have_headers_and_pictures_words(hostile: Report) -> None:
    reader = read(page(hostile))
    counts = {name: sum(found == name for found, _ in reader.elements) for name in ("table", "thead", "svg")}
    assert counts["table"] == counts["thead"] > 5
    for name, attributes in reader.elements:
        if name == "th":
            assert attributes.get("scope") in ("row", "col")
        if name == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        if name == "div" and str(attributes.get("class")).startswith("scroll"):
            assert attributes.get("tabindex") == "0"
            assert attributes.get("aria-label")


def test_charts_stay_inside_their_pictures(hostile: Report) -> None:
    for width, height, body in re.findall(
        r"<svg viewBox=\"0 0 (\d+) (\d+)\"[^>]*>(.*?)</svg>", page(hostile), re.DOTALL
    ):
        for key, limit in (("x", width), ("x1", width), ("x2", width), ("cx", width)):
            for value in re.findall(rf' {key}="([-\d.e+]+)"', body):
                assert -1 <= float(value) <= float(limit) + 1
        for key in ("y", "y1", "y2", "cy"):
            for value in re.findall(rf' {key}="([-\d.e+]+)"', body):
                assert -1 <= float(value) <= float(height) + 1


@pytest.mark.parametrize(
    ("better", "said"),
    [
        ([], "A, B, C: not told apart by this data"),
        (["AB", "AC", "BC"], "A is better than all others"),
        (["AB", "AC"], "A is better than all others"),
        (["AC", "BC"], "A, B: better than the others, not told apart from each other"),
        (["AC"], "no other was shown to be better than A, B"),
        (["AC", "AB", "CB"], "A is better than all others"),
    ],
)
def test_the_page_says_no_more_than_was_shown(hostile: Report, better: list[str], said: str) -> None:
    (data,) = [one for one in hostile.data if one.name == "intents"]
    (one,) = [one for one in hostile.results if (one.data, one.model) == ("intents", "good")]
    pairs = {frozenset(pair): pair for pair in ("AB", "AC", "BC", *better)}
    gap = Measure("accuracy", 0.1, 0.02, 0.2)
    report = replace(
        hostile,
        models=tuple(replace(hostile.models[0], label=label) for label in "ABC"),
        data=(data,),
        results=tuple(replace(one, model=label) for label in "ABC"),
        differences=tuple(
            Difference(
                data="intents",
                measure="accuracy",
                first=first,
                second=second,
                difference=gap,
                p=0.1,
                adjusted=0.1,
                verdict="better" if first + second in better else "not told apart",
            )
            for first, second in map(tuple, pairs.values())
        ),
    )
    (glance,) = [tag for tag in re.findall(r"<li>.*?</li>", page(report)) if "<b>intents</b>: " in tag]
    assert re.sub("<.*?>", "", glance) == f"intents: {said}"


def test_markup_escapes_all_but_markup() -> None:
    assert tag("p", {"title": '"><b>'}, "<i>", Markup("<b>x</b>")) == (
        '<p title="&quot;&gt;&lt;b&gt;">&lt;i&gt;<b>x</b></p>'
    )
    assert escape("a\x00b\x1b[31m\ud800") == "a�b�[31m�"
    assert join(["<", Markup("&amp;")]) == "&lt;&amp;"
    assert tag("circle", {"r": 2.0}) == '<circle r="2"/>'


def test_scales_have_ticks_in_range() -> None:
    for scale in (Scale(0.8123, 0.9911, 0, 100), Scale(-0.2, 1, 0, 9), Scale(0.4, 300, 0, 9, True)):
        ticks = scale.ticks()
        assert 2 <= len(ticks) <= 7
        assert all(scale.low <= tick <= scale.high for tick in ticks)
    assert Scale(1, 100, 0, 10, True).at(10) == pytest.approx(5)


def test_the_folder_appears_whole_and_replaces_only_results(hostile: Report, tmp_path: Path) -> None:
    target = tmp_path / "out"
    assert write_folder(hostile, target, overwrite=False) == ["compare.html", "compare.json", "compare.png"]
    assert (target / "compare.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputFileError, match="exists"):
        check_folder(target, overwrite=False)
    write_folder(hostile, target, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    (target / "mine.txt").write_text("x")
    with pytest.raises(OutputFileError, match=r"holds other files \(mine.txt\)"):
        check_folder(target, overwrite=True)
    with pytest.raises(OutputFileError, match="there is no folder"):
        check_folder(tmp_path / "no" / "out", overwrite=False)


def test_a_failure_while_writing_leaves_what_was_there(
    hostile: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    write_folder(hostile, target, overwrite=False)
    before = (target / "compare.json").read_bytes()

    def interrupted(_: Report) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("samesay.comparison.writing.page", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_folder(hostile, target, overwrite=True)
    assert (target / "compare.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["out"]


def test_what_lies_beside_the_folder_is_left_alone(hostile: Report, tmp_path: Path) -> None:
    for name in ("out.old", "out.next"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").write_text(name)
    (tmp_path / "out.lock").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for _ in range(2):
        write_folder(hostile, tmp_path / "out", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.lock", "out.next", "out.old"]
    assert {path: path.read_bytes() for path in before} == before


def test_what_cannot_be_drawn_costs_no_figure(
    hostile: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undrawable(*_: object) -> None:
        raise ValueError("no scale")

    target = tmp_path / "out"
    for drawing in ("write_picture", "page"):
        monkeypatch.setattr(f"samesay.comparison.writing.{drawing}", undrawable)
        with pytest.raises(OutputFileError, match=r"out holds compare\.json alone.*\(no scale\)"):
            write_folder(hostile, target, overwrite=True)
        assert [path.name for path in target.iterdir()] == ["compare.json"]
        assert read_report(target / "compare.json") == hostile
    monkeypatch.undo()
    write_folder(hostile, target, overwrite=True)
    assert len(list(target.iterdir())) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
