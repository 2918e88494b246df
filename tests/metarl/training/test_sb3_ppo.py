"""Stable-Baselines3's PPO as a learner of ours: the same policy, its own training, from bit to bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from envs.gym.sb3 import TaskVecEnv
from envs.gym.vector import TaskVectorEnv
from metarl.config.experiment import Config
from metarl.config.outer_settings import OuterContext
from metarl.errors import DivergedError, UserError
from metarl.runs import checkpoint
from metarl.training.sb3_ppo import Sb3Outer
from metarl.training.sb3_worlds import FirstEpisodes, training_worlds
from metarl.training.trainer import Trainer


def outer_of(trainer: Trainer) -> Sb3Outer:
    assert isinstance(trainer.outer, Sb3Outer)
    return trainer.outer


@pytest.mark.parametrize("activation", ["tanh", "elu"])
def test_the_same_weights_are_the_same_policy(
    activation: str, small: Callable[..., Config], generator: torch.Generator
) -> None:
    """Far outside of what is usual too: nothing is normalised or clipped."""
    config = small("sb3_ppo_robot", policy__activation=activation, policy__hidden=[8, 7], policy__critic_hidden=[5])
    trainer = Trainer(config)
    trainer.iterate()
    theta, model = trainer.theta, outer_of(trainer).model
    obs = 100 * torch.randn(50, trainer.family.space.obs + 1, generator=generator)
    ours = trainer.learner.apply(theta, trainer.learner.initial_state(theta), obs)
    theirs = model.policy.get_distribution(obs).distribution
    torch.testing.assert_close(ours.mean, theirs.mean)
    torch.testing.assert_close(ours.log_std.exp(), theirs.stddev)
    values = trainer.learner.value(theta, obs, obs[:, :0])  # type: ignore[attr-defined]  # it has one
    torch.testing.assert_close(values, model.policy.predict_values(obs)[:, 0])


def test_the_first_weights_are_as_in_the_library(small: Callable[..., Config]) -> None:
    """Orthogonal rows or columns: of length sqrt 2, of the mean action 0.01, of the value 1; and biases of zero."""
    theta = Trainer(small("sb3_ppo_robot", policy__hidden=[16, 16])).theta
    for name, gain in {
        "policy.layer1": 2**0.5,
        "policy.layer2": 0.01,
        "value.layer1": 2**0.5,
        "value.layer2": 1,
    }.items():
        weight = theta[f"{name}.weight"]
        torch.testing.assert_close(weight @ weight.T, gain**2 * torch.eye(len(weight)), atol=1e-5, rtol=0)
        assert not theta[f"{name}.bias"].any()
    torch.testing.assert_close(theta["policy.log_std"], torch.full((6,), -1.0))


def test_an_iteration_is_the_librarys_own(small: Callable[..., Config]) -> None:
    """Two of them, as if one had called `learn` by hand with the same seeds, weights and settings."""
    config = small("sb3_ppo_robot")
    trainer = Trainer(config)
    outer = outer_of(trainer)
    env = TaskVectorEnv(trainer.family, 6, max_episode_steps=10, observe_task=True, new_task_each_episode=True)
    model = PPO(
        "MlpPolicy", TaskVecEnv(env), n_steps=10, batch_size=20, n_epochs=2, learning_rate=1e-3, gamma=0.97,
        gae_lambda=0.95, policy_kwargs={"net_arch": [8]}, device="cpu",
    )  # fmt: skip
    model.policy.load_state_dict({theirs: trainer.theta[ours] for ours, theirs in outer.names.items()})
    seeds = trainer.state.generator.clone_state()
    for _ in range(2):
        trainer.family.sample(config.train.num_tasks, "train", seeds)
        model.set_random_seed(int(torch.randint(2**31, (), generator=seeds)))
        model.learn(60)
        trainer.iterate()
    assert len(outer.names) == len(model.policy.state_dict())
    for ours, theirs in outer.names.items():
        assert torch.equal(trainer.theta[ours], model.policy.state_dict()[theirs])


def test_global_random_numbers_go_on_as_if_nothing_had_been_drawn(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("sb3_ppo_robot"))

    def states() -> list[Any]:
        return [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # type: ignore[index]

    before = states()
    trainer.iterate()
    assert states() == before


@pytest.mark.parametrize("name", ["HalfCheetahStairsUp", "Walker2dRough", "pearl-walker-rand-params"])
def test_it_resumes_bit_exactly_whatever_varies(name: str, small: Callable[..., Config]) -> None:
    """Worlds that were used before are as good as new ones; some of these end early."""
    config = small("sb3_ppo_robot", tasks__name=name, tasks__horizon=40)
    whole = Trainer(config)
    parts = Trainer(config)
    for _ in range(3):
        whole.iterate()
        parts.iterate()
        parts = Trainer(config, parts.state)
    assert all(torch.equal(v, parts.theta[k]) for k, v in whole.theta.items())


def test_a_checkpoint_on_disk_is_its_own(small: Callable[..., Config], tmp_path: Path) -> None:
    """Adam's tensors stand under the number of their parameter in theta."""
    trainer = Trainer(small("sb3_ppo_robot"))
    trainer.iterate()
    checkpoint.save(tmp_path, trainer.state)
    again = Trainer(trainer.config, partial(checkpoint.load_newest, tmp_path))
    assert again.iteration == 1
    assert all(torch.equal(v, again.state.outer[k]) for k, v in trainer.state.outer.items())
    shapes = [v.shape for v in trainer.theta.values()]
    averages = {int(k.split(".")[0]): v.shape for k, v in trainer.state.outer.items() if k.endswith("exp_avg")}
    assert averages == {i: shapes[i] for i, name in enumerate(trainer.theta) if not name.startswith("ret.")}


def test_worlds_on_a_gpu_are_refused(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("sb3_ppo_robot"))
    trainer.family.simulator = "gpu"
    with pytest.raises(UserError, match="is trained in worlds on the CPU"):
        trainer.iterate()


def test_several_processes_are_refused(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("sb3_ppo_robot"))
    context = OuterContext(trainer.learner, trainer.theta, SimpleNamespace(count=2), 3, 2, 20)
    with pytest.raises(UserError, match="2 processes, but Stable-Baselines3 takes one"):
        Sb3Outer(context, {"batch_size": 20})


def test_actions_are_in_policy_units(small: Callable[..., Config]) -> None:
    """A half of the full action is 0.5 of scale 1 and 5 of scale 10, and no more than 10 is given."""
    seen = []
    for scale in (1.0, 10.0):
        worlds = training_worlds(Trainer(small("sb3_ppo_robot", tasks__action_scale=scale)).family, 2)
        assert worlds.action_space.high.tolist() == [scale] * 6  # type: ignore[attr-defined]  # of a box
        worlds.seed(0)
        worlds.reset()
        worlds.step(np.full((2, 6), 0.5 * scale, dtype=np.float32))
        seen.append(worlds.step(np.full((2, 6), scale, dtype=np.float32))[0])
    np.testing.assert_array_equal(seen[0], seen[1])


def test_returns_are_of_the_first_episode_of_each_world() -> None:
    first = FirstEpisodes()
    ended, diverged = ({"episode": {"r": r}, "diverged": False} for r in (5.0, 100.0)), {"episode": {"r": 9.0}}
    steps = [[{}, next(ended), diverged | {"diverged": True}], [{}, next(ended), {}]]
    for infos in steps:
        first.locals = {"infos": infos}
        assert first._on_step()
    assert first.mean == 5.0
    assert first.diverged == {2}


def test_a_step_that_is_not_finite_is_left_out(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("sb3_ppo_robot", train__iterations=50, outer__learning_rate=1e6))
    before = trainer.state.theta
    assert "skipped" in trainer.iterate()
    assert all(torch.equal(v, trainer.theta[k]) for k, v in before.items())
    assert not trainer.state.outer
    for _ in range(8):
        trainer.iterate()
    with pytest.raises(DivergedError, match="in 10 iterations in a row"):
        trainer.iterate()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy__critic_observes_task": False}, "without effect on learner sb3_ppo: leave it out"),
        ({"policy__min_std": 0.1}, "without effect on learner sb3_ppo: leave it out"),
        ({"advantage__bootstrap": False}, "without effect on learner sb3_ppo: leave it out"),
        ({"outer": {"kind": "ppo"}}, "needs outer.kind sb3_ppo"),
        ({"learner": {"kind": "oracle"}}, "needs outer.kind ppo"),
        ({"outer__batch_size": 61}, "an iteration has 60 steps: lower it"),
        ({"tasks": {"kind": "bandit"}, "tasks__horizon": None}, "take oracle"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str, small: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match=message):
        Trainer(small("sb3_ppo_robot", **changes))
