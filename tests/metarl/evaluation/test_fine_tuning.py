"""Fine-tuning is gradient descent, and is tuned as well as it can be on training tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from agents.baselines.joint import FineTuned, Joint
from agents.learner import Transitions
from agents.nn.critic import Critic
from agents.nn.perceptrons import MLP, GaussianMLP
from agents.objectives import policy_gradient
from envs.core import Action
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation import fine_tuning
from metarl.evaluation.evaluator import Options
from metarl.evaluation.evaluators import evaluator_of
from metarl.evaluation.fine_tuning_search import first_episodes
from metarl.training.trainer import Trainer
from tests.metarl.evaluation.saved import save_run
from tests.probes import Guess


def test_fine_tuning_is_gradient_descent(generator: torch.Generator) -> None:
    """Of the policy's weights alone, on inputs that are normalised as in training."""
    network, critic = GaussianMLP(1, 1, (4,)), Critic(MLP(1, 4, 1))
    learner = FineTuned(network, critic, 1, policy_gradient, inner_lr=0.3, inner_steps=2)
    theta = learner.init(generator) | {"seen.mean": torch.tensor([0.5]), "seen.var": torch.tensor([4.0])}
    phi = learner.initial_state(theta)
    assert phi.keys() == network.init(generator).keys()

    def normal(*tail: int) -> Tensor:
        return torch.randn(5, 3, *tail, generator=generator)

    alive = torch.ones(5, 3, dtype=torch.bool)
    data = Transitions(
        normal(1), normal(1), normal(), normal(1), normal(1), normal(), alive, normal(), descriptor=normal(0)
    )
    by_hand = {k: v.clone().requires_grad_() for k, v in phi.items()}
    for _ in range(2):
        loss = policy_gradient(network(by_hand, (data.x - 0.5) / 2), data)
        gradient = torch.autograd.grad(loss, list(by_hand.values()))
        by_hand = {
            k: (v - 0.3 * g).detach().requires_grad_() for (k, v), g in zip(by_hand.items(), gradient, strict=True)
        }
    for k, v in learner.adapt(theta, phi, data).items():
        torch.testing.assert_close(v, by_hand[k])


def test_the_first_episodes_are_the_first_of_every_field(small: Callable[..., Config]) -> None:
    family, generator = Trainer(small("maml_point")).family, torch.Generator().manual_seed(0)

    def policy(obs: Tensor, generator: torch.Generator) -> Action:
        act = torch.randn(obs.shape, generator=generator)
        return Action(act, act[..., 0], act, act)

    batch = family.experience(family.sample(2, "train", generator), policy, 5, generator)
    batch = batch._replace(results={"success": torch.arange(10.0).view(2, 5)})
    found = first_episodes(batch, 3)
    assert torch.equal(found.results["success"], torch.tensor([[0.0, 1, 2], [5, 6, 7]]))
    for name, whole, first in zip(batch._fields[:-1], batch[:-1], found[:-1], strict=True):
        per_world = name in ("diverged", "last_obs", "last_privileged")
        assert torch.equal(first, whole[:, :3] if per_world else whole[:, :, :3]), name


def test_the_rate_is_the_best_on_training_tasks(
    workdir: Path, small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rates of which one does nothing, one is right, and one destroys, the right one is selected, and named."""
    config = small("maml_point", learner={"kind": "joint"}, policy__init_std=1.0)
    monkeypatch.setattr(fine_tuning, "STEPS", [(1e-9, 1), (1.0, 1), (1e6, 1)])
    fine_tuned = fine_tuning.select_fine_tuning(Trainer(config, family=Guess()), "trained", (0, 20))
    assert (fine_tuned.learners[20].inner_lr, fine_tuned.learners[20].inner_steps) == (1.0, 1)
    assert str(fine_tuned) == "steps x rate: 1 x 1 on 20"
    run = save_run("joint_point", config)
    other = fine_tuning.select_fine_tuning(Trainer(config.model_copy(update={"seed": 1})), "scratch", (0,))
    assert not torch.equal(
        other.theta["policy.layer0.weight"],
        fine_tuning.select_fine_tuning(Trainer(config), "scratch", (0,)).theta["policy.layer0.weight"],
    )
    options = Options("test", 4, after=(0, 20), repeats=1, fine_tune="scratch")
    evaluation = evaluator_of(config).evaluate(run, options)
    assert evaluation.learner == "from scratch"
    assert evaluation.after == (0, 20)
    assert evaluation.chosen


def test_fine_tuning_is_for_joint_training(workdir: Path, small: Callable[..., Config]) -> None:
    trainer = Trainer(small("maml_point"))
    assert not isinstance(trainer.learner, Joint)
    with pytest.raises(UserError, match="of this run is maml"):
        fine_tuning.select_fine_tuning(trainer, "trained", (0, 1))
