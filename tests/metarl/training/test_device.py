"""Acting, adapting and learning on another device: nothing stays behind, and nothing waits for a number.

torch's `meta` device stands in for a card: it has shapes and no numbers, refuses tensors from elsewhere, and whoever
asks it for a number, as waiting for a card does, gets an error.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.learner import OnPolicyLearner, Params, mean_over_tasks
from envs.core import Policy, Space, Tasks, Trajectories
from envs.rng import on_device
from envs.rollout import rollout
from metarl.config import files as settings
from metarl.training.build import build_learner
from metarl.training.collect import AdvantageEstimator, collect_rollouts
from metarl.training.policies import RecurrentPolicy, as_recurrent
from metarl.training.segments import collect_segments

META = torch.device("meta")
OFF_POLICY = ("sac_robot", "pearl_robot")  # whose loss is of transitions from a replay: `test_off_policy`
CONFIGS = [name for name in settings.names() if name.endswith("_robot") and name not in OFF_POLICY]


class Elsewhere(torch.Generator):
    """Chance on the other device."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]  # an attribute of torch's
        return META


class Worlds:
    """Of no robot in particular."""

    def __init__(self, shape: tuple[int, int], space: Space) -> None:
        self.shape, self.space = shape, space

    def reset(self, generator: torch.Generator) -> Tensor:
        return torch.empty(*self.shape, self.space.obs, device=META)

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        assert act.device == META
        no = torch.empty(self.shape, dtype=torch.bool, device=META)
        return self.reset(Elsewhere()), torch.empty(self.shape, device=META), no, no


class Family:
    """Worlds on the other device."""

    space = Space(obs=5, act=2)
    descriptor_names = ("direction",)
    horizon = 4

    def descriptor(self, tasks: Tasks) -> Tensor:
        return torch.zeros(len(tasks), 1)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        worlds = Worlds((len(tasks), episodes), self.space)
        return rollout(worlds, policy, self.space, (len(tasks), self.horizon, episodes), generator)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_learner_acts_adapts_and_learns_elsewhere(name: str) -> None:
    config = settings.load(settings.find(name), {"policy.hidden": [8]})
    family, tasks = Family(), Tasks(("direction",), torch.ones(3, 1, dtype=torch.float64))
    learner = build_learner(config, family)  # type: ignore[arg-type]  # as much of a family as is asked of it
    theta: Params = {k: v.to(META) for k, v in learner.init(torch.Generator().manual_seed(0)).items()}
    if recurrent := as_recurrent(learner):  # whose trials are packed by how long they really lasted, a number
        policy = RecurrentPolicy(recurrent, theta, (3, 2), 2)
        lived = family.experience(tasks, policy, 2, Elsewhere())
        assert lived.rew.device == META
        policy.next_episode(lived.last_obs)
        return
    if isinstance(learner, OnPolicyLearner):
        rollouts = collect_segments(learner, theta, family, tasks, 2, AdvantageEstimator(), Elsewhere())  # type: ignore[arg-type]
    else:
        plan = (2,) * (learner.rounds + 1)
        rollouts = collect_rollouts(learner, theta, family, tasks, plan, AdvantageEstimator(), Elsewhere())  # type: ignore[arg-type]
    assert all(t.rew.device == META for t in rollouts.trajectories)
    leaves = {k: v.requires_grad_() for k, v in theta.items()}
    mean_over_tasks(learner.loss, leaves, rollouts.episode).backward()  # type: ignore[no-untyped-call]
    assert any(v.grad is not None for v in leaves.values())


def test_chance_elsewhere_follows_from_chance_here() -> None:
    generator = torch.Generator().manual_seed(0)
    assert on_device(torch.device("cpu"), generator) is generator
