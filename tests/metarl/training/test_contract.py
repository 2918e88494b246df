"""Learners and families of a user's own that return something else than they should: one sentence at construction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from agents.distributions import Gaussian
from agents.learner import Learner, OnPolicyLearner, Params
from agents.nn.perceptrons import MLP, GaussianMLP
from agents.objectives import cross_entropy, policy_gradient
from agents.records import select_prefix, with_prefix
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.training.trainer import Trainer


class Mine(Learner[Any]):
    """A policy that forms nothing."""

    network = GaussianMLP(2, 2)

    def init(self, generator: torch.Generator) -> Params:
        return self.network.init(generator)

    def adapt(self, theta: Params, phi: Params, support: Any) -> Params:
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Any:
        return self.network(theta, x)

    def loss(self, theta: Params, data: Any) -> Tensor:
        return policy_gradient(self.apply(theta, {}, data.query.x), data.query)


class Linear(Mine):
    """The same for images: logits of their pixels."""

    def init(self, generator: torch.Generator) -> Params:
        return {"w": torch.randn(784, 5, generator=generator) / 784}

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Any:
        return x.flatten(1) @ theta["w"]

    def loss(self, theta: Params, data: Any) -> Tensor:
        return cross_entropy(self.apply(theta, {}, data.query.x), data.query)


class Valued(OnPolicyLearner):
    """A policy with a value function that observes the goal."""

    policy, critic = GaussianMLP(2, 2), MLP(4, 1)

    def init(self, generator: torch.Generator) -> Params:
        return self.policy.init(generator) | with_prefix("value.", self.critic.init(generator))

    def adapt(self, theta: Params, phi: Params, support: Any) -> Params:
        return phi

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Any:
        return self.policy(theta, x)

    def value(self, theta: Params, x: Tensor, descriptor: Tensor) -> Any:
        return self.critic(select_prefix("value.", theta), torch.cat([x, descriptor], -1))[..., 0]

    def loss(self, theta: Params, data: Any) -> Tensor:
        error = self.value(theta, data.query.x, data.query.descriptor) - data.query.ret
        return policy_gradient(self.apply(theta, {}, data.query.x), data.query) + error.square().mean()


def test_a_learner_with_a_value_function_trains_on_single_steps(small: Callable[..., Config]) -> None:
    """One with a value for each of several outputs is refused."""
    trainer = Trainer(small("joint_robot", tasks={"kind": "point", "horizon": 10}), learner=Valued())
    before = {k: v.clone() for k, v in trainer.theta.items()}
    assert "skipped" not in trainer.iterate()
    assert not torch.equal(before["value.layer0.weight"], trainer.theta["value.layer0.weight"])
    learner = type("Mine", (Valued,), {"value": lambda self, theta, x, descriptor: x})()
    with pytest.raises(UserError, match=r"Mine.value returned .*\[10, 2, 2\], expected .*: one for every step"):
        Trainer(small("joint_robot", tasks={"kind": "point", "horizon": 10}), learner=learner)


def test_good_learners_and_families_of_ones_own_train(small: Callable[..., Config]) -> None:
    """On images too, with both taking the place of the config's."""
    assert Trainer(small("maml_point"), learner=Mine()).iterate()["return_after"] < 0
    config = small("prototypical_omniglot")
    family = FewShotImages(glyphs.load(num_alphabets=10), config.tasks.way, 1, 2)  # type: ignore[attr-defined]
    Linear.init = lambda self, generator: {"w": torch.zeros(784, family.way)}  # type: ignore[method-assign]
    trainer = Trainer(config, family=family, learner=Linear())
    trainer.iterate()
    assert trainer.theta["w"].any()


@pytest.mark.parametrize(
    ("method", "value", "sentence"),
    [
        ("init", lambda self, g: [torch.zeros(3)], "Mine.init returned list, expected a dict of names and tensors"),
        ("init", lambda self, g: {"w": 1.0}, "Mine.init returned dict, expected a dict of names and tensors"),
        ("adapt", lambda self, theta, phi, s: None, "Mine.adapt returned None, expected a dict"),
        ("adapt", lambda self, theta, phi, s: {"z": torch.zeros(2) * 1j}, "Mine.adapt returned z as a complex64"),
        ("apply", lambda self, theta, phi, x: x, "Mine.apply returned a float32 tensor .*expected a distribution"),
        (
            "apply",
            lambda self, theta, phi, x: Gaussian(x[..., :1], x[..., :1]),
            r"Mine.apply, mean of its distribution, returned .*\[100, 2, 1\], expected .*\[100, 2, 2\]",
        ),
        (
            "apply",
            lambda self, theta, phi, x: Gaussian(x, torch.zeros(2)),
            r"Mine.apply, log_std of its distribution, returned .*\[2\], expected",
        ),
        ("loss", lambda self, theta, data: data.query.adv, r"Mine.loss returned .*\[100, 2\], expected .*\[\]"),
        ("loss", lambda self, theta, data: 0.0, "Mine.loss returned float, expected a tensor"),
        ("loss", lambda self, theta, data: data.query.adv.mean(), "Mine.loss returned a tensor without a gradient"),
        (
            "loss",
            lambda self, theta, data: (
                theta["mean.0.weight" if "mean.0.weight" in theta else next(iter(theta))].sum() * 1j
            ),
            "Mine.loss returned a complex64 tensor",
        ),
    ],
)
def test_a_learner_that_returns_something_else_is_refused_at_construction(
    method: str, value: Callable[..., Any], sentence: str, small: Callable[..., Config]
) -> None:
    learner = type("Mine", (Mine,), {method: value})()
    with pytest.raises(UserError, match=sentence):
        Trainer(small("maml_point", tasks__horizon=100), learner=learner)


def test_logits_of_another_number_of_classes_are_refused(small: Callable[..., Config]) -> None:
    config = small("prototypical_omniglot")
    learner = type("Mine", (Linear,), {"init": lambda self, g: {"w": torch.zeros(784, 1)}})()
    with pytest.raises(UserError, match=r"Mine.apply returned .*, 1\], expected .*: logits \[Q, C\]"):
        Trainer(config, learner=learner)


def test_a_family_that_does_not_fit_the_config_is_refused(small: Callable[..., Config]) -> None:
    config = small("prototypical_omniglot")
    way = config.tasks.way  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=f"the family has {way + 1} classes a task, tasks.way is {way}"):
        Trainer(config, family=FewShotImages(glyphs.load(num_alphabets=10), way + 1, 1, 2))
    with pytest.raises(UserError, match="the family's images have 400 pixels, expected 784"):
        Trainer(config, family=FewShotImages(glyphs.load(num_alphabets=10, size=20), way, 1, 2))


def test_the_trial_leaves_random_numbers_alone(small: Callable[..., Config]) -> None:
    """Parameters of a learner of one's own start as they would without it."""
    expected = Mine().init(torch.Generator().manual_seed(small("maml_point").seed))
    theta = Trainer(small("maml_point"), learner=Mine()).theta
    assert all(torch.equal(theta[k], expected[k]) for k in expected)


def _fail(*arguments: Any) -> Any:
    return {}["speed"]


@pytest.mark.parametrize("method", ["init", "initial_state", "adapt", "apply", "loss"])
def test_a_method_of_a_learner_that_fails_is_named_with_its_line(method: str, small: Callable[..., Config]) -> None:
    learner = type("Mine", (Mine,), {method: _fail})()
    with pytest.raises(UserError, match=rf"^Mine.{method} raised KeyError: 'speed' \(line \d+ of .*test_contract.py\)"):
        Trainer(small("maml_point"), learner=learner)
