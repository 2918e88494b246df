"""What a memory knows of the task: the probe by hand, and the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from metarl.analysis.latent import Floats, _probe, analyse_latent
from metarl.config.experiment import Config
from metarl.errors import UserError
from tests.metarl.evaluation.command import run as run_command
from tests.metarl.evaluation.saved import save_run


def test_a_probe_reads_what_is_linear_in_the_latent_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    known, unseen = rng.standard_normal((2, 400, 3))

    def values(latent: Floats) -> Floats:
        noise = np.random.default_rng(1).standard_normal(len(latent))
        return np.stack([2 * latent[:, 0] - latent[:, 2] + 5, noise, latent[:, 1] + noise], 1)

    exact, nothing, half = _probe(known, values(known), unseen, values(unseen))
    assert exact > 0.999
    assert abs(nothing) < 0.05
    assert half == pytest.approx(0.5, abs=0.1)


def test_beliefs_and_memories_are_looked_into(
    workdir: Path, small: Callable[..., Config], capsys: pytest.CaptureFixture[str]
) -> None:
    run = save_run("varibad_robot", small("varibad_robot"))
    words = ["analyse", "latent", str(run.path), "--tasks", "20"]
    code, out, err = run_command(words, capsys)
    assert code == 0, err
    assert "direction" in out
    assert "standard deviation" in out
    assert Path("latent.png").stat().st_size > 10_000
    memory = analyse_latent(save_run("gru_robot", small("gru_robot")), 20, 0)
    assert memory.unseen.std is None
    assert memory.r2.shape == (len(memory.steps), 1)
    assert memory.steps[0] == 0
    posterior = analyse_latent(save_run("pearl_robot", small("pearl_robot")), 20, 0)
    assert posterior.steps[-1] == 29  # of three episodes
    assert posterior.unseen.std is not None
    assert (np.diff(posterior.unseen.std, axis=0) < 0).all()  # every step is a factor more


def test_robots_that_fall_for_good_have_a_latest_step(workdir: Path, small: Callable[..., Config]) -> None:
    """Hoppers of random actions fall within 100 of the 120 steps."""
    tasks = {"kind": "named", "name": "pearl-hopper-rand-params", "action_scale": 1.0, "horizon": 60}
    run = save_run("gru_robot", small("gru_robot", tasks=tasks, policy__init_std=1.0))
    found = analyse_latent(run, 20, 0)
    assert found.steps[-1] == 119
    assert (found.unseen.mean[-1] == found.unseen.mean[-2]).all()
    assert np.isfinite(found.r2).all()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["analyse", "latent"], "needs a run"),
        (["analyse", "latent", "x", "--tasks", "3"], "expected at least 20"),
        (["analyse", "latent", "x", "--steps", "3"], "--steps is for analyse gradients"),
    ],
)
def test_mistakes_are_one_sentence(
    words: list[str], sentence: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run_command(words, capsys)
    assert code == 2
    assert sentence in err


def test_what_has_no_memory_is_refused(workdir: Path, small: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match="has no memory to look into"):
        analyse_latent(save_run("joint_robot", small("joint_robot")), 20, 0)
