"""Numbers in sentences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from envs.wording import alternatives, count_of, millions

HOME = Path(__file__).resolve().parents[2]
ROOMS = [HOME / "metarl" / room for room in ("analysis", "cli", "evaluation", "reporting", "training")]


def test_one_thing_is_singular() -> None:
    assert [count_of(n, "task") for n in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]
    assert [count_of(n, "body", "bodies") for n in (1, 7)] == ["1 body", "7 bodies"]


def test_the_last_of_several_comes_after_or() -> None:
    assert alternatives(("a",)) == "a"
    assert alternatives(("a", "b")) == "a or b"
    assert alternatives(("a", "b", "c")) == "a, b or c"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (800, "0.0008"), (1_234_567, "1.23"), (98_700_000, "98.7"), (1_234_567_890, "1,235")]
)
def test_few_steps_are_not_zero_millions(count: int, text: str) -> None:
    assert millions(count) == text


def test_returns_losses_and_intervals_are_printed_without_the_sign_of_a_zero() -> None:
    """`-0` is no number; the format `z` leaves its sign out."""
    signed = re.compile(r"\{[^{}]*(return|reached|loss|rewards|cos|fitted|low|high)[^{}:]*:(?!z)[,+]?\.\w+\}")
    found = [f"{p.name}: {m[0]}" for room in ROOMS for p in room.rglob("*.py") for m in signed.finditer(p.read_text())]
    assert found == []
