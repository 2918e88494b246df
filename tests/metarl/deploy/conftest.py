"""Small runs, each trained once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metarl.runs.run import Run
from tests.metarl.deploy.small_runs import RUNS, train


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """A run of `RUNS` by its name."""
    folder: Path = tmp_path_factory.mktemp("runs") / "small"
    made: dict[str, Run] = {}

    def find(name: str) -> Run:
        if name not in made:
            made[name] = train(name, folder / str(list(RUNS).index(name)))
        return made[name]

    return find
