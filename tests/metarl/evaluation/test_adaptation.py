"""Adaptation is judged after as many episodes as it says, and joint training is tuned as well as can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from metarl.config.schema import Config
from torch import Tensor

from agents.baselines.joint import FineTuned, Joint
from agents.distributions import Gaussian
from agents.learner import Params, Transitions
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import policy_gradient
from envs.core import Tasks
from metarl.errors import UserError
from metarl.evaluation import evaluate
from metarl.evaluation import fine_tuning as fine_tuning
from metarl.evaluation.adaptation import evaluate_adaptation, rounds_of
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.training.collect import AdvantageEstimator
from metarl.training.trainer import Trainer
from tests.probes import Guess

CREDIT = AdvantageEstimator(1.0, 1.0)


class Counts:
    """Acts by how many episodes it has adapted on, with a deviation of 0.5; a guess of one such number."""

    rounds = 1
    observes_task = False

    def init(self, generator: torch.Generator) -> Params:
        return {"w": torch.zeros(1)}

    def initial_state(self, theta: Params) -> Params:
        return {"seen": torch.zeros(1)}

    def adapt(self, theta: Params, phi: Params, support: Transitions) -> Params:
        return {"seen": phi["seen"] + support.alive.shape[1]}

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Gaussian:
        mean = phi["seen"].expand(*x.shape[:-1], 1)
        return Gaussian(mean, torch.full_like(mean, 0.5).log())

    def loss(self, theta: Params, episode: object) -> Tensor:
        raise NotImplementedError


def test_batches_make_up_the_episodes() -> None:
    assert [rounds_of(k, 3) for k in (0, 1, 3, 5, 6)] == [(), (1,), (3,), (3, 2), (3, 3)]


def test_a_learner_is_judged_after_just_so_many_episodes() -> None:
    """The likeliest action is the number of episodes seen, so the return is minus its squared distance to the guess;
    drawn actions cost their variance besides."""
    family, generator = Guess(), torch.Generator().manual_seed(0)
    tasks = Tasks(("number",), torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    after = (0, 1, 4, 7)
    judged = evaluate_adaptation(dict.fromkeys(after, Counts()), {}, family, tasks, 300, 3, CREDIT, generator)
    for k in after:
        expected = torch.tensor([-((k + 1.0) ** 2), -((k - 1.0) ** 2)])
        torch.testing.assert_close(judged[k].greedy, expected[:, None].expand(2, 300))
        assert judged[k].sampled.shape == (2, 300)
        torch.testing.assert_close(judged[k].sampled.mean(1), expected - 0.25, atol=0.6 + 0.05 * k, rtol=0)


def test_a_memory_is_judged_episode_by_episode(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("gru_point"))
    tasks = trainer.family.sample(3, "test", torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    learners = dict.fromkeys((0, 2), trainer.learner)
    judged = evaluate_adaptation(
        learners, trainer.state.theta, trainer.family, tasks, 2, 9, trainer.advantage, generator
    )
    assert list(judged) == [0, 2]
    assert all(j.sampled.shape == j.greedy.shape == (3, 2) for j in judged.values())
    greedy = judged[0].greedy
    torch.testing.assert_close(greedy[:, 0], greedy[:, 1])  # a point starts at one place, and nothing is drawn
    assert not torch.allclose(judged[0].sampled[:, 0], judged[0].sampled[:, 1])


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


def saved(name: str, config: Config) -> runs.Run:
    """A run of one iteration."""
    run, trainer = runs.create(name, config, "test"), Trainer(config)
    record = trainer.iterate()
    run.metrics.write_text(f'{{"iteration": 1, "env_steps": {record["env_steps"]}, "return_before": 0.0}}\n')
    checkpoint.save(run.checkpoints, trainer.state)
    return run


def test_the_rate_is_the_best_on_training_tasks(
    workdir: Path, small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rates of which one does nothing, one is right, and one destroys, the right one is chosen, and named."""
    config = small("maml_point", learner={"kind": "joint"}, policy__init_std=1.0)
    monkeypatch.setattr(fine_tuning, "STEPS", [(1e-9, 1), (1.0, 1), (1e6, 1)])
    fine_tuned = fine_tuning.select_fine_tuning(Trainer(config, family=Guess()), "trained", (0, 20))
    assert (fine_tuned.learners[20].inner_lr, fine_tuned.learners[20].inner_steps) == (1.0, 1)
    assert str(fine_tuned) == "steps x rate: 1 x 1 on 20"
    run = saved("joint_point", config)
    other = fine_tuning.select_fine_tuning(Trainer(config.model_copy(update={"seed": 1})), "scratch", (0,))
    assert not torch.equal(
        other.theta["layer0.weight"],
        fine_tuning.select_fine_tuning(Trainer(config), "scratch", (0,)).theta["layer0.weight"],
    )
    found = evaluate.evaluate(run, "test", 4, after=(0, 20), repeats=1, fine_tuned="scratch")
    assert found.learner == "from scratch"
    assert found.after == (0, 20)
    assert found.chosen


def test_fine_tuning_is_for_joint_training(workdir: Path, small: Callable[..., Config]) -> None:
    trainer = Trainer(small("maml_point"))
    assert not isinstance(trainer.learner, Joint)
    with pytest.raises(UserError, match="of this run is maml"):
        fine_tuning.select_fine_tuning(trainer, "trained", (0, 1))


def test_an_evaluation_is_read_back(workdir: Path, small: Callable[..., Config]) -> None:
    run = saved("maml_point", small("maml_point"))
    found = evaluate.evaluate(run, "test", 3, after=(0, 1), repeats=2, seed=1)
    assert found.after == (0, 1, 4)  # it was trained for two rounds of two episodes
    evaluate.store(run, found)
    wanted = ("test", 3, (0, 1), 2, 1, None)
    again = evaluate.find_stored(run, *wanted)
    assert again is not None
    assert again.to_json() == found.to_json()
    fewer = evaluate.find_stored(run, "test", 3, (0,), 2, 1, None)  # and what it was trained for
    assert fewer is not None
    assert fewer.after == (0, 4)
    np.testing.assert_allclose(fewer.returns, found.returns[[0, 2]], atol=1e-3)
    for other in (("train", *wanted[1:]), ("test", 4, *wanted[2:]), ("test", 3, (0, 5), 2, 1, None)):
        assert evaluate.find_stored(run, *other) is None
