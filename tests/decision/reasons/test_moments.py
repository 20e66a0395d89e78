from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samesay.decision.reasons import find_conflicts
from samesay.decision.reasons.dates import moments_of

DAYS = st.dates(datetime.date(1600, 1, 1), datetime.date(2099, 12, 31))


def written(day: datetime.date) -> list[str]:
    """A day in many ways."""
    month = (
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ]
    )[day.month - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th") if day.day not in (11, 12, 13) else "th"
    return [
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}{ending}, {day.year}",
        f"{month} {day.day} , {day.year}",
        day.isoformat(),
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year} 年 {day.month} 月 {day.day} 号",
        f"{day.year}/{day.month}/{day.day}",
    ]


@given(DAYS, DAYS)
@settings(deadline=None, max_examples=60)
def test_a_day_is_the_same_however_it_is_written_and_another_is_not(
    day: datetime.date, other: datetime.date
) -> None:
    moments = [moments_of(f"on {words} it began") for words in written(day)]
    assert [len(found) for found in moments] == [1] * len(moments)
    assert {found[0].shown for found in moments} == {day.isoformat()}
    (another,) = moments_of(f"on {other.isoformat()} it began")
    assert all(found[0].agrees(another) == (day == other) for found in moments)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("下午三点半", "15:30"),
        ("at 3:30 pm", "15:30"),
        ("at half past three", "03:30 or 15:30"),
        ("晚上8点", "20:00"),
        ("noon", "12:00"),
        ("周日", "Sunday"),
        ("in Q3", "quarter 3"),
        ("第三季度", "quarter 3"),
        ("in the nineties", "decade 90"),
        ("昨天", "days from today -1"),
    ],
)
def test_moments_are_read(text: str, shown: str) -> None:
    assert [one.shown for one in moments_of(text)] == [shown]


@pytest.mark.parametrize(
    "text", ["you may go", "they march on", "三点建议", "3号楼", "每周三次", "2000 people", "一等奖"]
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert moments_of(text) == ()


@pytest.mark.parametrize(
    ("a", "b", "conflict"),
    [
        ("We met on 05/06/2023.", "We met on 5 June 2023.", False),
        ("We met on 05/06/2023.", "We met on 6 May 2023.", False),
        ("We met on 05/06/2023.", "We met on 7 May 2023.", True),
        ("It opens at 3.", "It opens at 3 pm.", False),
        ("It opens at 3:00.", "It opens at 15:00.", False),
        ("On Monday 3 May we meet.", "We meet on 3 May.", False),
        ("In 2024 we met.", "In May we met.", False),
        ("It was in May 2024.", "It was in May 2023.", True),
        ("会议在周三", "The meeting is on Thursday", True),
    ],
)
def test_dates_conflict_where_they_cannot_be_one(a: str, b: str, conflict: bool) -> None:
    assert [one.kind for one in find_conflicts(a, b)] == ["date"] * conflict
