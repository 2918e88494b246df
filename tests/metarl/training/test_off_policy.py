"""Learning from a replay: the ring, exact resume, what is refused, and that it learns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.training.make import load_trainer
from metarl.training.off_policy import OffPolicyOuter
from metarl.training.optimizer_state import optimizer_state
from metarl.training.replay import Replay
from metarl.training.sources import Seed
from metarl.training.trainer import Trainer
from tests.metarl.evaluation.saved import save_run


def rows(*numbers: float) -> dict[str, torch.Tensor]:
    x = torch.tensor(numbers)[:, None]
    return {"obs": x.expand(-1, 2), "rew": 10 * x}


def test_a_replay_is_a_ring_and_comes_back_from_its_state() -> None:
    replay = Replay(4, {"obs": 2, "rew": 1})
    replay.add(**rows(1, 2, 3))
    assert len(replay) == 3
    replay.add(**rows(4, 5))
    assert replay.rows.tolist() == [[5, 5, 50], [2, 2, 20], [3, 3, 30], [4, 4, 40]]
    replay.add(**rows(6, 7, 8, 9, 10))  # more than it holds
    assert sorted(replay.rows[:, 0].tolist()) == [7, 8, 9, 10]
    again = Replay(4, {"obs": 2, "rew": 1})
    again.load(replay.state())
    for one in (replay, again):
        one.add(**rows(11))
    assert torch.equal(replay.rows, again.rows)
    with pytest.raises(ValueError, match="expected"):
        Replay(4, {"obs": 3, "rew": 1}).load(replay.state())


def test_transitions_are_drawn_evenly() -> None:
    replay = Replay(100, {"obs": 2, "rew": 1})
    replay.add(**rows(0, 1, 2, 3))
    drawn = replay.sample(4000, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn["rew"][:, 0].long() // 10)
    assert counts.tolist() == pytest.approx([1000] * 4, abs=120)
    torch.testing.assert_close(drawn["obs"][:, 1] * 10, drawn["rew"][:, 0])


def test_training_resumes_bit_exactly_with_its_replay(workdir: Path, small: Callable[..., Config]) -> None:
    config = small("sac_robot", outer__learning_starts=30, outer__replay_size=90, outer__updates_per_step=0.3)
    whole, half = Trainer(config), Trainer(config)
    for _ in range(2):
        half.iterate()
    path = checkpoint.save(workdir, half.state)
    resumed = Trainer(config, checkpoint.load(path, half.theta))
    for _ in range(4):
        whole.iterate()
    for _ in range(2):
        metrics = resumed.iterate()
    assert metrics["replay"] == 90
    for name, tensor in whole.theta.items():
        assert torch.equal(tensor, resumed.theta[name]), name
    for name, tensor in whole.state.outer.items():
        assert torch.equal(tensor, resumed.state.outer[name]), name


@pytest.mark.parametrize("told", [False, True])
def test_a_run_is_evaluated_like_any_other(workdir: Path, small: Callable[..., Config], *, told: bool) -> None:
    config = small("sac_robot", learner__told_task=told, outer__learning_starts=30)
    run = save_run("sac_robot", config)
    trainer = load_trainer(run)
    inputs = trainer.family.space.obs + told * len(trainer.family.descriptor_names)
    assert trainer.learner.actor.sizes[0] == inputs
    metrics = trainer.iterate()
    assert metrics["env_steps"] == 2 * config.train.num_tasks * config.train.episodes * trainer.family.horizon


def test_actions_at_the_start_are_random_and_learning_waits(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("sac_robot", outer__learning_starts=10**6))
    before = {k: v.clone() for k, v in trainer.theta.items()}
    metrics = trainer.iterate()
    assert "loss" not in metrics
    assert all(torch.equal(v, before[k]) for k, v in trainer.theta.items())
    assert isinstance(trainer.outer, OffPolicyOuter)
    act = trainer.outer.replay.rows[: len(trainer.outer.replay), 20:26]
    assert act.abs().max() > 0.9
    assert act.mean().abs() < 0.2


def test_what_it_cannot_do_is_one_sentence(small: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match=r"give tasks\.action_scale 1\.0"):
        Trainer(small("sac_robot", tasks__action_scale=10.0))
    config = small("sac_robot")
    context = SimpleNamespace(ranks=SimpleNamespace(count=2))
    with pytest.raises(UserError, match="by one process"):
        config.outer.build(context)


@pytest.mark.slow
def test_it_learns_to_reach_goals_that_it_is_told(small: Callable[..., Config]) -> None:
    """A point that is told its goal: standing still pays about -0.7 a step, SAC comes to -0.2 within 20,000 steps."""
    trainer = Trainer(
        small(
            "sac_robot",
            tasks={"kind": "point"},
            learner__told_task=True,
            policy__hidden=[64, 64],
            train__num_tasks=20,
            train__episodes=1,
            outer__learning_starts=1000,
            outer__batch_size=128,
            outer__updates_per_step=0.25,
        )
    )
    first = trainer.iterate()["return_before"]
    for _ in range(60):
        last = trainer.iterate()["return_before"]
    assert last > first / 2


def test_a_step_of_which_nothing_is_known_is_not_stored() -> None:
    replay = Replay(10, {"x": 2})
    replay.add(x=torch.empty(0, 2))
    assert len(replay) == 0


def test_the_optimiser_goes_back_with_a_step_that_is_not_finite(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("sac_robot"))
    trainer.iterate()
    trainer.iterate()
    outer: Any = trainer.outer
    before, real = optimizer_state(outer.adam), outer.collect_and_learn

    def breaks(*generators: torch.Generator) -> dict[str, float]:
        for parameter in outer.adam.param_groups[0]["params"]:
            parameter.grad = torch.full_like(parameter, float("nan"))
        outer.adam.step()
        return {"return_before": 0.0}

    outer.collect_and_learn = breaks
    assert outer.step(Seed(0))["skipped"] == 1
    outer.collect_and_learn = real
    assert before
    assert all(torch.equal(v, before[k]) for k, v in optimizer_state(outer.adam).items())
