"""Value functions: what they observe, and that their scale may change but not their predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from agents.learner import Transitions
from agents.memory import RL2
from agents.network_settings import PolicySettings
from agents.nn.critic import Critic
from metarl.config.experiment import Config
from metarl.training.collect import Clock
from metarl.training.make import make_trainer
from tests.probes import transitions

FEATURES, DESCRIPTOR = 3, 2


def critic(observes_task: bool = True) -> Critic:
    return PolicySettings(hidden=(8,), critic_observes_task=observes_task).build_critic(FEATURES, DESCRIPTOR)


def with_returns(*ret: float) -> Transitions:
    data = transitions(torch.zeros(len(ret)))
    return data._replace(ret=torch.tensor(ret)[None])


def test_predictions_stay_when_the_scale_of_returns_changes(generator: torch.Generator) -> None:
    """From units of 1 around 0 to those of 300 around 1000 and back to less."""
    network = critic()
    theta = network.init(generator)
    x, descriptor = torch.randn(50, FEATURES, generator=generator), torch.randn(50, DESCRIPTOR, generator=generator)
    before = network(theta, x, descriptor)
    for ret in ((700.0, 1300.0), (-3.0, -3.1, -2.9)):
        new = network.update_return_stats(theta, with_returns(*ret), lambda t: t)
        assert not torch.equal(new["ret.var"], theta["ret.var"])
        torch.testing.assert_close(network(new, x, descriptor), before, rtol=1e-4, atol=1e-3)
        theta = new


def test_what_is_not_alive_does_not_count_and_no_data_changes_nothing(generator: torch.Generator) -> None:
    network = critic()
    theta = network.init(generator)
    data = with_returns(1.0, 2.0, 1e9)
    data = data._replace(alive=torch.tensor([[True, True, False]]))
    new = network.update_return_stats(theta, data, lambda t: t)
    assert new["ret.mean"].item() == pytest.approx(1.5)
    assert new["ret.var"].item() == pytest.approx(0.25)
    nothing = network.update_return_stats(theta, data._replace(alive=torch.zeros(1, 3, dtype=torch.bool)), lambda t: t)
    assert all(torch.equal(nothing[k], theta[k]) for k in theta)


def test_the_loss_is_half_the_squared_error_in_units_of_the_returns(generator: torch.Generator) -> None:
    """Returns 2 and 6 after statistics of standard deviation 2, predictions 0: (1 + 9) / 4."""
    network = critic()
    theta = network.init(generator) | {"ret.var": torch.tensor([4.0])}
    assert network.loss(theta, torch.zeros(1, 2), with_returns(2.0, 6.0)).item() == pytest.approx(2.5)


@pytest.mark.parametrize("told", [True, False])
def test_it_observes_the_descriptor_if_it_is_told(told: bool, generator: torch.Generator) -> None:
    network = critic(told)
    theta, x = network.init(generator), torch.randn(6, FEATURES, generator=generator)
    values = [network(theta, x, torch.full((6, DESCRIPTOR), v)) for v in (0.0, 1.0)]
    assert torch.equal(*values) is not told


@pytest.mark.parametrize(
    ("name", "told"),
    [("gru_robot", True), ("gru_robot", False), ("joint_robot", True), ("joint_robot", False), ("oracle_robot", True)],
)
def test_the_policy_never_sees_the_descriptor_but_the_value_does(
    name: str, told: bool, small: Callable[..., Config]
) -> None:
    """Derivatives by the descriptor of what is learned from; that of the oracle is in its observations already."""
    trainer: Any = make_trainer(small(name, policy__critic_observes_task=told))
    learner, theta = trainer.learner, trainer.state.theta
    tasks = trainer.family.sample(3, "train", torch.Generator().manual_seed(0))
    data = trainer.source(learner, theta, tasks, torch.Generator().manual_seed(1), Clock()).data.query
    one = Transitions(*(t[0] for t in data))
    assert one.descriptor.shape[-1] == len(trainer.family.descriptor_names) > 0

    descriptor = one.descriptor.clone().requires_grad_()
    if isinstance(learner, RL2):
        out, value = learner.forward_sequence(theta, learner.initial_state(theta), one.x, descriptor)
    else:
        out = learner.apply(theta, learner.initial_state(theta), one.x)
        value = learner.value(theta, one.x, descriptor)
    assert not out.mean.requires_grad
    moved = value.requires_grad and bool(torch.autograd.grad(value.sum(), descriptor)[0].any())
    assert moved is (told and name != "oracle_robot")
