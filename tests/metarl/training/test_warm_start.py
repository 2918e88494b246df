"""Training from the weights of another run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import folder as runs
from metarl.training.make import load_trainer, make_trainer
from tests import commands

OPTIONS = "--train.num_tasks 2 --tasks.horizon 20 --outer.minibatches 1 --policy.hidden 8".split()


def changed(options: list[str]) -> dict[str, Any]:
    values = {"--policy.hidden": [8]}
    return {k.removeprefix("--"): values.get(k, int(v)) for k, v in zip(options[::2], options[1::2], strict=True)}


@pytest.fixture
def dog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> runs.Run:
    """Joint training on the dog after two iterations."""
    monkeypatch.chdir(tmp_path)
    assert commands.run(["train", "joint_dog", "--train.iterations", "2", *OPTIONS]).code == 0
    return runs.find("joint_dog")


def warm(config: Config, **train: object) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update=train)})


def test_it_starts_from_the_weights_of_the_run_and_from_nothing_else_of_it(dog: runs.Run) -> None:
    trained = load_trainer(dog)
    trainer = make_trainer(warm(dog.config, init_from="joint_dog"))
    assert all(torch.equal(trainer.theta[k], v) for k, v in trained.theta.items())
    assert (trainer.iteration, trainer.env_steps) == (0, 0)
    fresh = make_trainer(dog.config)
    assert trainer.curriculum is not None
    assert fresh.curriculum is not None
    assert torch.equal(trainer.curriculum.levels, fresh.curriculum.levels)
    assert {k: v.sum().item() for k, v in trainer.outer.state().items()} == {
        k: v.sum().item() for k, v in fresh.outer.state().items()
    }
    assert torch.equal(trainer.generator.get_state(), torch.Generator().manual_seed(0).get_state())


def test_another_reward_can_follow_and_the_run_resumes(dog: runs.Run) -> None:
    options = ["--train.init_from", str(dog.path), "--tasks.reward.track_velocity_fine_grained", "1"]
    options += OPTIONS
    assert commands.run(["train", "joint_dog", "--train.iterations", "1", *options]).code == 0
    assert commands.run(["resume", "joint_dog", "--train.iterations", "2"]).code == 0
    assert commands.run(["train", "joint_dog", "--train.iterations", "2", *options]).code == 0
    resumed, straight = (load_trainer(r).theta for r in runs.every()[-2:])
    assert all(torch.equal(resumed[k], straight[k]) for k in straight)


def test_a_value_function_that_is_told_other_things_starts_anew(
    dog: runs.Run, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the scan of the ground; the policy, which never saw it, is taken as it is."""
    tasks = dog.config.tasks.model_copy(update={"height_scan": "none"})
    config = dog.config.model_copy(update={"tasks": tasks})
    trained, fresh = load_trainer(dog).theta, make_trainer(config).theta
    theta = make_trainer(warm(config, init_from="joint_dog")).theta
    assert "it starts anew" in caplog.text
    for k, v in theta.items():
        assert torch.equal(v, (fresh if k.startswith("value.") else trained)[k]), k


def test_networks_of_another_size_are_refused(dog: runs.Run) -> None:
    config = dog.config.model_copy(update={"policy": dog.config.policy.model_copy(update={"hidden": (9,)})})
    with pytest.raises(UserError, match=re.escape("policy.layer0.weight is (8, 45) there and (9, 45) here")):
        make_trainer(warm(config, init_from="joint_dog"))
    with pytest.raises(UserError, match="there is no run"):
        make_trainer(warm(config, init_from="nothing"))


def test_an_oracle_starts_as_the_policy_that_was_not_told_the_task(dog: runs.Run) -> None:
    """Whatever it is told, its actions are those of joint training; then it learns from it."""
    config = warm(settings.load(settings.find("oracle_dog"), changed(OPTIONS)), init_from="joint_dog")
    trainer, joint = make_trainer(config), load_trainer(dog)
    obs = torch.randn(5, joint.family.space.obs)
    told = torch.randn(5, len(trainer.theta["seen.mean"]) - joint.family.space.obs)
    one, other = (t.learner.initial_state(t.theta) for t in (joint, trainer))
    expected = joint.learner.apply(joint.theta, one, obs).mean
    acted = trainer.learner.apply(trainer.theta, other, torch.cat([obs, told], 1)).mean
    torch.testing.assert_close(acted, expected)
    trainer.iterate()
    assert trainer.theta["policy.layer0.weight"][:, obs.shape[1] :].any()
    assert trainer.theta["seen.count"].item() == 40  # 2 tasks x 20 steps


def test_an_oracle_of_other_observations_is_refused(dog: runs.Run) -> None:
    options = changed(OPTIONS) | {"tasks.height_scan": "policy"}
    config = warm(settings.load(settings.find("oracle_dog"), options), init_from="joint_dog")
    with pytest.raises(UserError, match="observes 45 numbers and this config 85: give the same tasks"):
        make_trainer(config)
