"""What learning costs is measured against the same simulation, and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from metarl.config.schema import Config

from metarl.benchmarks import learning as bench_learn
from metarl.config import files as settings
from tests.metarl.cli.test_app import run


def test_bench_learn_tells_ratios(
    workdir: Path, small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "tiny.yaml").write_text(settings.dump(small("maml_cheetah_direction")))
    monkeypatch.setattr(bench_learn, "ITERATIONS", {"PPO": "tiny.yaml"})
    monkeypatch.setattr(bench_learn, "ENVS", 2)
    monkeypatch.setattr(bench_learn, "STEPS", 5)
    monkeypatch.setattr("metarl.benchmarks.simulation.SECONDS", 0.01)
    code, out, err = run(["bench", "learn", "--repeats", "1", "--threads", "1", "--json"], capsys)
    assert code == 0, err
    found = json.loads(out)
    row = found["iterations"]["PPO"]
    assert row["steps"] == 3 * 2 * 2 * 10  # tasks, episodes, before and after, horizon
    assert row["ratio"] == pytest.approx(row["whole"] / row["bare"])
    assert row["ratio"] > 1
    assert "RL^2 with an LSTM" in found["recurrent"]
    for table in bench_learn.tables(found, 1, 1):
        assert table.row_count >= 1
    code, _, err = run(["bench", "learn", "--config", "quickstart"], capsys)
    assert (code, "tasks of its own" in err) == (2, True)


def test_gymnasiums_cheetah_is_paid_for_either_way() -> None:
    """What others are measured on: the reward is that of the direction drawn with the episode."""
    cheetah = bench_learn.EitherWay()
    ways = set()
    for seed in range(8):
        cheetah.reset(seed=seed)
        ways.add(cheetah.way)
        _, rew, _, truncated, info = cheetah.step(np.ones(6, dtype=np.float32))
        assert rew == pytest.approx(cheetah.way * info["x_velocity"] - 0.1 * 6)
        assert not truncated
    assert ways == {-1.0, 1.0}
    for _ in range(bench_learn.STEPS - 1):
        truncated = cheetah.step(np.zeros(6, dtype=np.float32))[3]
    assert truncated
