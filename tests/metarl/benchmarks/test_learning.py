"""The speed of learning is measured relative to bare simulation of the same steps."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from metarl.benchmarks import learning
from metarl.config import files as settings
from metarl.config.experiment import Config
from tests.metarl.cli.test_app import run


def test_bench_learn_reports_ratios(
    workdir: Path, small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "tiny.yaml").write_text(settings.dump(small("maml_cheetah_direction")))
    monkeypatch.setattr(learning, "ITERATIONS", {"PPO": "tiny.yaml"})
    monkeypatch.setattr(learning, "ENVS", 2)
    monkeypatch.setattr(learning, "STEPS", 5)
    monkeypatch.setattr("metarl.benchmarks.timing.SECONDS", 0.01)
    code, out, err = run(["bench", "learn", "--repeats", "1", "--threads", "1", "--json"], capsys)
    assert code == 0, err
    found = json.loads(out)
    row = found["iterations"]["PPO"]
    assert row["steps"] == 3 * 2 * 2 * 10  # tasks, episodes, before and after, horizon
    assert row["ratio"] == pytest.approx(row["whole"] / row["bare"])
    assert row["ratio"] > 1
    assert "RL^2 with an LSTM" in found["recurrent"]
    for table in learning.tables(found, 1, 1):
        shown = io.StringIO()
        Console(file=shown, width=120).print(table)
        assert "control steps" in shown.getvalue()
    code, _, err = run(["bench", "learn", "--config", "quickstart"], capsys)
    assert (code, "tasks of its own" in err) == (2, True)


def test_gymnasiums_cheetah_is_rewarded_for_the_direction_drawn() -> None:
    """Recurrent PPO is measured on it: the reward is the velocity in the direction of the episode."""
    cheetah = learning.EitherWay()
    ways = set()
    for seed in range(8):
        cheetah.reset(seed=seed)
        ways.add(cheetah.way)
        _, rew, _, truncated, info = cheetah.step(np.ones(6, dtype=np.float32))
        assert rew == pytest.approx(cheetah.way * info["x_velocity"] - 0.1 * 6)
        assert not truncated
    assert ways == {-1.0, 1.0}
    for _ in range(learning.STEPS - 1):
        truncated = cheetah.step(np.zeros(6, dtype=np.float32))[3]
    assert truncated
