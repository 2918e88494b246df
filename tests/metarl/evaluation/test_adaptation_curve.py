"""Learners are evaluated after just as many adaptation episodes as asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents.distributions import Gaussian, Policy
from agents.learner import Learner, Params, Transitions
from envs.core import Tasks
from metarl.config.experiment import Config
from metarl.evaluation.adaptation_curve import evaluate_adaptation, rounds_of
from metarl.training.collect import AdvantageEstimator
from metarl.training.trainer import Trainer
from tests.probes import Guess

ADVANTAGE = AdvantageEstimator(1.0, 1.0)


class CountEpisodes(Learner[Policy]):
    """Its action is the number of episodes that it has adapted to, with a standard deviation of 0.5."""

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


def test_a_learner_is_evaluated_after_just_so_many_episodes() -> None:
    """The greedy action is the number of episodes seen, so the return is minus its squared distance to the guess;
    sampled actions cost their variance besides."""
    family, generator = Guess(), torch.Generator().manual_seed(0)
    tasks = Tasks(("number",), torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    after = (0, 1, 4, 7)
    learners = dict.fromkeys(after, CountEpisodes())
    curve = evaluate_adaptation(learners, {}, family, tasks, 300, 3, ADVANTAGE, generator)
    for k in after:
        expected = torch.tensor([-((k + 1.0) ** 2), -((k - 1.0) ** 2)])
        torch.testing.assert_close(curve[k].greedy, expected[:, None].expand(2, 300))
        assert curve[k].sampled.shape == (2, 300)
        torch.testing.assert_close(curve[k].sampled.mean(1), expected - 0.25, atol=0.6 + 0.05 * k, rtol=0)


def test_a_recurrent_learner_is_evaluated_episode_by_episode(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("gru_point"))
    tasks = trainer.family.sample(3, "test", torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    learners = dict.fromkeys((0, 2), trainer.learner)
    curve = evaluate_adaptation(learners, trainer.theta, trainer.family, tasks, 2, 9, trainer.advantage, generator)
    assert list(curve) == [0, 2]
    assert all(r.sampled.shape == r.greedy.shape == (3, 2) for r in curve.values())
    greedy = curve[0].greedy
    torch.testing.assert_close(greedy[:, 0], greedy[:, 1])  # a point starts at one place, and nothing is sampled
    assert not torch.allclose(curve[0].sampled[:, 0], curve[0].sampled[:, 1])
