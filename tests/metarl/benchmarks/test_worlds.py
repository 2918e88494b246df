"""As many worlds are measured as were asked for."""

from __future__ import annotations

import pytest

from metarl.benchmarks.simulation import split_worlds


@pytest.mark.parametrize(
    ("worlds", "episodes", "split"),
    [(64, 20, (4, 16)), (800, 20, (40, 20)), (61, 20, (61, 1)), (1000, 16, (50, 20)), (8, 20, (1, 8))],
)
def test_worlds_are_split_exactly(worlds: int, episodes: int, split: tuple[int, int]) -> None:
    assert split_worlds(worlds, episodes) == split
