"""Fine-tuning is gradient descent, and is tuned as well as it can be on training tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from agents.baselines.joint import FineTuned, Joint
from agents.learner import Transitions
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import policy_gradient
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation import fine_tuning
from metarl.evaluation.evaluator import Options
from metarl.evaluation.evaluators import evaluator_of
from metarl.training.trainer import Trainer
from tests.metarl.evaluation.saved import save_run
from tests.probes import Guess


def test_fine_tuning_is_gradient_descent(generator: torch.Generator) -> None:
    network = GaussianMLP(1, 1, (4,))
    learner = FineTuned(network, policy_gradient, inner_lr=0.3, inner_steps=2)
    theta = learner.init(generator)

    def normal(*tail: int) -> Tensor:
        return torch.randn(5, 3, *tail, generator=generator)

    data = Transitions(
        normal(1), normal(1), normal(), normal(1), normal(1), normal(), torch.ones(5, 3, dtype=torch.bool), normal()
    )
    by_hand = {k: v.clone().requires_grad_() for k, v in theta.items()}
    for _ in range(2):
        loss = policy_gradient(network(by_hand, data.x), data)
        gradient = torch.autograd.grad(loss, list(by_hand.values()))
        by_hand = {
            k: (v - 0.3 * g).detach().requires_grad_() for (k, v), g in zip(by_hand.items(), gradient, strict=True)
        }
    for k, v in learner.adapt(theta, learner.initial_state(theta), data).items():
        torch.testing.assert_close(v, by_hand[k])


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
        other.theta["layer0.weight"],
        fine_tuning.select_fine_tuning(Trainer(config), "scratch", (0,)).theta["layer0.weight"],
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
